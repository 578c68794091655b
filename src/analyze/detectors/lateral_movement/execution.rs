//! One host that runs something on another, takes its directory, or coerces it into authenticating elsewhere: by the interface that it calls, where payloads were seen,
//! and else by the ports: `WinRM`, or a service that is copied over SMB and started by RPC.

use std::collections::{BTreeMap, BTreeSet};

use super::visits::is_polled;
use crate::analyze::appraisal::Factor;
use crate::analyze::peers::Side;
use crate::analyze::scene::{ByPeer, Scene};
use crate::analyze::words;
use crate::capture::{Application, Protocol};
use crate::model::detector::Detector;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::records::Scope;
use crate::model::sockets::Source;

/// Ports of file sharing, over which a program is copied.
const FILES: [u16; 2] = [139, 445];

/// Where RPC tells on which port a service waits.
const ENDPOINT_MAPPER: u16 = 135;

/// Ports on which the services of RPC wait (Windows Vista and later).
const RPC_FROM: u16 = 49_152;

/// `WinRM`, which is for administration alone.
const WINRM: [u16; 2] = [5985, 5986];

/// The endpoint mapper is asked, and the service it names is called, within this time, in µs.
const SAME_CALL_US: i64 = 60_000_000;

/// A host that this number of others administer or ask by RPC is a server: of files, of printers, of a directory.
const MOST_CLIENTS: usize = 2;

/// What it weighs that one host runs something on another, which workstations do not do.
const RUNS: f64 = 2.0;

/// Bytes with which a program may have been copied; the dialog of file sharing alone stays below.
const PROGRAM_BYTES: u64 = 50_000;

/// Bytes that a client of `WinRM` sends with a command; a probe sends less.
const COMMAND_BYTES: u64 = 1_000;

/// Replication of a directory weighs more: domain controllers ask each other for it, and nobody else does.
const REPLICATES: f64 = 3.0;

/// A host that provides this number of infrastructure services is taken for a domain controller.
const SERVICES_OF_CONTROLLER: u32 = 3;

/// How something is run on another host, or taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Service,
    Task,
    Wmi,
    Replication,
    /// An interface that coerces a host into authenticating to whoever the caller names, and what it is for.
    Coercion(&'static str),
    WinRm,
    Rpc,
}

impl How {
    /// By the interface that a connection calls, where the payload shows it.
    fn of(interface: &str) -> Option<Self> {
        match interface {
            "svcctl" | "psexec" => Some(Self::Service),
            "atsvc" | "taskschd" => Some(Self::Task),
            "wmi" => Some(Self::Wmi),
            "drsuapi_replication" => Some(Self::Replication),
            "efsrpc" => Some(Self::Coercion("encrypted files (efsrpc, as PetitPotam does)")),
            "netdfs" => Some(Self::Coercion("DFS namespaces (netdfs, as DFSCoerce does)")),
            "fssagentrpc" => {
                Some(Self::Coercion("shadow copies of shares (fssagentrpc, as ShadowCoerce does)"))
            }
            _ => None,
        }
    }

    fn weight(self) -> f64 {
        if self == Self::Replication { REPLICATES } else { RUNS }
    }
}

/// The sessions of one host with another that run something there.
pub(super) struct Execution<'a> {
    source: Source<'a>,
    server: &'a str,
    how: How,
    /// Bytes that were sent over SMB, if they are enough for a program, and more than came back.
    copied: Option<u64>,
    rows: Vec<usize>,
}

/// Every one, but of those that reach many hosts (`fan_outs`): these are told there.
pub(super) fn find<'a>(
    admin: &[ByPeer<'a>],
    scene: &Scene<'a>,
    fan_outs: &BTreeSet<(String, u16)>,
) -> Vec<Execution<'a>> {
    let calls = Calls::of(scene, fan_outs);
    let mut clients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut pairs: Pairs<'a, '_> = BTreeMap::new();
    for (peer, rows) in admin {
        let (client, server) = peer.client_and_server();
        clients.entry(server).or_default().insert(client);
        let is_told = fan_outs.contains(&(peer.source.to_string(), peer.port));
        if peer.side == Side::Client && !is_told {
            pairs.entry((peer.source, server)).or_default().insert(peer.port, rows);
        }
    }
    let mut found = by_interface(&calls, &pairs, scene);
    let told: BTreeSet<(Source<'a>, &str)> = found.iter().map(|one| (one.source, one.server)).collect();
    let is_server = |server: &str| clients.get(server).is_some_and(|clients| clients.len() > MOST_CLIENTS);
    let by_port = pairs
        .iter()
        .filter(|((source, server), _)| !is_server(server) && !told.contains(&(*source, *server)))
        .filter_map(|((source, server), ports)| execution(*source, server, ports, &calls, scene));
    found.extend(by_port);
    found
}

/// Connections to ports of administration, by client, server and port.
type Pairs<'a, 'p> = BTreeMap<(Source<'a>, &'a str), BTreeMap<u16, &'p [usize]>>;

/// Connections inside to ports of RPC and files, by client and server.
#[derive(Default)]
struct Calls<'a> {
    /// Those of which the payload shows that they run something, and how.
    known: BTreeMap<(Source<'a>, &'a str, How), Vec<usize>>,
    /// Those to services of RPC of which nothing shows what they call.
    open: BTreeMap<(Source<'a>, &'a str), Vec<usize>>,
}

impl<'a> Calls<'a> {
    fn of(scene: &Scene<'a>, fan_outs: &BTreeSet<(String, u16)>) -> Self {
        let mut calls = Self::default();
        let peers = scene.by_peer(
            |peer, _| {
                let may_call =
                    FILES.contains(&peer.port) || peer.port == ENDPOINT_MAPPER || peer.port >= RPC_FROM;
                peer.protocol == Protocol::Tcp && peer.side == Side::Client && may_call
            },
            |socket| {
                let is_inside =
                    !socket.is_beyond_local_networks() && socket.remote_scope != Some(Scope::Loopback);
                is_inside && socket.was_established()
            },
        );
        for (peer, rows) in peers {
            let is_told = fan_outs.contains(&(peer.source.to_string(), peer.port));
            let services = scene.surroundings.infrastructure_services(peer.local_addr);
            for row in rows {
                let interface = scene.sockets.get(row).app_protocol;
                match interface.and_then(How::of) {
                    Some(How::Replication) if services >= SERVICES_OF_CONTROLLER => {}
                    Some(how) if is_told && how != How::Replication => {}
                    Some(how) => {
                        calls.known.entry((peer.source, peer.remote_addr, how)).or_default().push(row);
                    }
                    None if peer.port >= RPC_FROM && is_open(interface) => {
                        calls.open.entry((peer.source, peer.remote_addr)).or_default().push(row);
                    }
                    None => {}
                }
            }
        }
        calls
    }
}

/// Whether nothing shows what is called.
fn is_open(interface: Option<&str>) -> bool {
    interface.is_none_or(|protocol| matches!(protocol, "dce_rpc" | Application::UNKNOWN))
}

/// Those that the payload shows, whatever else the target is for. What comes on a clock is a monitor, but for the copies
/// of a directory.
fn by_interface<'a>(calls: &Calls<'a>, pairs: &Pairs<'a, '_>, scene: &Scene<'a>) -> Vec<Execution<'a>> {
    let of_pair = |((source, server, how), rows): (&(Source<'a>, &'a str, How), &Vec<usize>)| {
        let mut rows = rows.clone();
        rows.sort_unstable();
        if *how != How::Replication && is_polled(&rows, &scene.sockets) {
            return None;
        }
        let files = pairs.get(&(*source, *server)).map(|ports| of_ports(ports, &FILES)).unwrap_or_default();
        let copied = copied(&files, scene).filter(|_| *how == How::Service);
        if copied.is_some() {
            rows.extend(files);
            rows.sort_unstable();
            rows.dedup();
        }
        Some(Execution { source: *source, server, how: *how, copied, rows })
    };
    calls.known.iter().filter_map(of_pair).collect()
}

/// Rows of some ports.
fn of_ports(ports: &BTreeMap<u16, &[usize]>, wanted: &[u16]) -> Vec<usize> {
    let of = ports.iter().filter(|(port, _)| wanted.contains(port));
    of.flat_map(|(_, rows)| rows.iter().copied()).collect()
}

/// Bytes that were sent over one of the connections, if they are enough for a program, and more than came back.
fn copied(files: &[usize], scene: &Scene<'_>) -> Option<u64> {
    files.iter().map(|row| scene.sockets.get(*row)).find_map(|socket| {
        let (sent, received) = (socket.bytes_sent?, socket.bytes_received?);
        (sent >= PROGRAM_BYTES && sent > received).then_some(sent)
    })
}

fn execution<'a>(
    source: Source<'a>,
    server: &'a str,
    ports: &BTreeMap<u16, &[usize]>,
    calls: &Calls<'a>,
    scene: &Scene<'a>,
) -> Option<Execution<'a>> {
    let sockets = &scene.sockets;
    let sent = |rows: &[usize]| {
        rows.iter().filter_map(|row| sockets.get(*row).bytes_sent).fold(0, u64::saturating_add)
    };
    let by_winrm: Vec<usize> =
        of_ports(ports, &WINRM).into_iter().filter(|row| sockets.get(*row).opened_in_recording).collect();
    if sent(&by_winrm) >= COMMAND_BYTES {
        return Some(Execution { source, server, how: How::WinRm, copied: None, rows: by_winrm });
    }
    let asked = of_ports(ports, &[ENDPOINT_MAPPER]);
    let is_answer_used = |row: &&usize| {
        let at_us = sockets.first_seen_us(**row);
        asked.iter().any(|asked| (0..=SAME_CALL_US).contains(&(at_us - sockets.first_seen_us(*asked))))
    };
    let called: Vec<usize> =
        calls.open.get(&(source, server))?.iter().filter(is_answer_used).copied().collect();
    if called.is_empty() {
        return None;
    }
    let files = of_ports(ports, &FILES);
    let copied = copied(&files, scene);
    let mut rows: Vec<usize> = asked.into_iter().chain(called).chain(files).collect();
    rows.sort_unstable();
    rows.dedup();
    Some(Execution { source, server, how: How::Rpc, copied, rows })
}

impl Execution<'_> {
    /// The title, and the ATT&CK technique.
    fn title(&self) -> (String, &'static str) {
        let (source, server) = (self.source, self.server);
        let (how, technique) = match (self.how, self.copied) {
            (How::Replication, _) => {
                let title = format!(
                    "{source} replicates the directory of {server}, password hashes included (DCSync)"
                );
                return (title, "T1003.006");
            }
            (How::Coercion(_), _) => {
                return (
                    format!("{source} may coerce {server} into authenticating to another host"),
                    "T1187",
                );
            }
            (How::Service, None) => ("its service control manager (as PsExec does)", "T1569.002"),
            (How::Service | How::Rpc, Some(_)) => ("a copied program and RPC (as PsExec does)", "T1021.002"),
            (How::Task, _) => ("scheduled tasks", "T1053.005"),
            (How::Wmi, _) => ("WMI", "T1047"),
            (How::WinRm, _) => ("WinRM", "T1021.006"),
            (How::Rpc, None) => ("RPC (WMI, scheduled tasks, services)", "T1021.003"),
        };
        (format!("{source} may run programs on {server} through {how}"), technique)
    }

    /// What was seen, and why that is unusual.
    fn seen(&self) -> String {
        let (connections, server) = (words::count(self.rows.len(), "connection", "connections"), self.server);
        let called = match self.how {
            How::Service => "the service control manager (svcctl), which installs and starts services",
            How::Task => "the task scheduler, which starts programs",
            How::Wmi => "WMI, which starts programs and reads what a host has",
            How::Replication => {
                return format!(
                    "Over {connections} with {server}, it asked for the changes of the directory (drsuapi, DRSGetNCChanges), \
                     as domain controllers ask each other. Nothing shows that {} is one.",
                    self.source
                );
            }
            How::Coercion(what) => {
                return format!(
                    "Over {connections} with {server}, it called the interface for {what}. Its calls name a path that the \
                     host then opens with the credentials of its own account, which an attacker can relay. Hardly any program \
                     calls it from another host."
                );
            }
            How::WinRm | How::Rpc => {
                return format!(
                    "{connections} with {server}, which at most {MOST_CLIENTS} hosts administer in this recording: it is no \
                     server of files, printers or directories. Workstations do not run programs on each other."
                );
            }
        };
        format!("Over {connections} with {server}, it called {called}. Administrators do that too.")
    }

    pub(super) fn finding(&self, scene: &Scene<'_>) -> Finding {
        let members = scene.sockets.subset(&self.rows);
        let mut appraisal = scene.appraise(members);
        appraisal.extend(self.copied.map(|bytes| {
            let says =
                format!("{} had been sent there over SMB, enough for a program", words::bytes(bytes as f64));
            Factor::new("lateral-file-copied", 0.5, says)
        }));
        let weight = self.how.weight() + appraisal.total();
        let (title, technique) = self.title();
        let mut explanation = vec![self.seen()];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(self.how.weight()),
            confidence: Confidence::new(0.3 + 0.1 * weight),
            title,
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: vec![technique],
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("connections", self.rows.len() as f64, "connections"),
            Measurement::new("hosts", 1.0, "hosts"),
            Measurement::new("weight of the evidence", weight, "").against(2.0),
        ];
        Finding::new(&super::LateralMovement::ABOUT, judgement, members.evidence(measurements))
    }
}
