//! One host that runs something on another: `WinRM`, WMI, or a service that is copied over SMB and started by RPC.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::appraisal::Factor;
use crate::analyze::peers::Side;
use crate::analyze::scene::{ByPeer, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::Detector;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
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

/// How something is run on another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    WinRm,
    Rpc,
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
    let calls = calls(scene);
    let mut clients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut pairs: BTreeMap<(Source<'a>, &'a str), BTreeMap<u16, &[usize]>> = BTreeMap::new();
    for (peer, rows) in admin {
        let (client, server) = peer.client_and_server();
        clients.entry(server).or_default().insert(client);
        let is_told = fan_outs.contains(&(peer.source.to_string(), peer.port));
        if peer.side == Side::Client && !is_told {
            pairs.entry((peer.source, server)).or_default().insert(peer.port, rows);
        }
    }
    let is_server = |server: &str| clients.get(server).is_some_and(|clients| clients.len() > MOST_CLIENTS);
    pairs
        .iter()
        .filter(|((_, server), _)| !is_server(server))
        .filter_map(|((source, server), ports)| execution(*source, server, ports, &calls, scene))
        .collect()
}

/// Connections to ports of RPC services inside, by client and server.
type Calls<'a> = BTreeMap<(Source<'a>, &'a str), Vec<usize>>;

fn calls<'a>(scene: &Scene<'a>) -> Calls<'a> {
    let mut calls = Calls::new();
    let of_calls = scene.by_peer(
        |peer, _| peer.protocol == Protocol::Tcp && peer.side == Side::Client && peer.port >= RPC_FROM,
        |socket| socket.was_established() && !socket.is_beyond_local_networks(),
    );
    for (peer, rows) in of_calls {
        calls.entry((peer.source, peer.remote_addr)).or_default().extend(rows);
    }
    calls
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
    let of = |wanted: &[u16]| -> Vec<usize> {
        ports
            .iter()
            .filter(|(port, _)| wanted.contains(port))
            .flat_map(|(_, rows)| rows.iter().copied())
            .collect()
    };
    let by_winrm: Vec<usize> =
        of(&WINRM).into_iter().filter(|row| sockets.get(*row).opened_in_recording).collect();
    if sent(&by_winrm) >= COMMAND_BYTES {
        return Some(Execution { source, server, how: How::WinRm, copied: None, rows: by_winrm });
    }
    let asked = of(&[ENDPOINT_MAPPER]);
    let is_answer_used = |row: &&usize| {
        let at_us = sockets.first_seen_us(**row);
        asked.iter().any(|asked| (0..=SAME_CALL_US).contains(&(at_us - sockets.first_seen_us(*asked))))
    };
    let called: Vec<usize> = calls.get(&(source, server))?.iter().filter(is_answer_used).copied().collect();
    if called.is_empty() {
        return None;
    }
    let files = of(&FILES);
    let copied = files.iter().map(|row| sockets.get(*row)).find_map(|socket| {
        let (sent, received) = (socket.bytes_sent?, socket.bytes_received?);
        (sent >= PROGRAM_BYTES && sent > received).then_some(sent)
    });
    let mut rows: Vec<usize> = asked.into_iter().chain(called).chain(files).collect();
    rows.sort_unstable();
    rows.dedup();
    Some(Execution { source, server, how: How::Rpc, copied, rows })
}

impl Execution<'_> {
    pub(super) fn finding(&self, scene: &Scene<'_>) -> Finding {
        let members = scene.sockets.subset(&self.rows);
        let mut appraisal = scene.appraise(members);
        appraisal.extend(self.copied.map(|bytes| {
            let says =
                format!("{} had been sent there over SMB, enough for a program", words::bytes(bytes as f64));
            Factor::new("lateral-file-copied", 0.5, says)
        }));
        let (how, technique) = match (self.how, self.copied) {
            (How::WinRm, _) => ("WinRM", "T1021.006"),
            (How::Rpc, Some(_)) => ("a copied program and RPC (as PsExec does)", "T1021.002"),
            (How::Rpc, None) => ("RPC (WMI, scheduled tasks, services)", "T1021.003"),
        };
        let weight = RUNS + appraisal.total();
        let mut explanation = vec![format!(
            "{} with {}, which at most {MOST_CLIENTS} hosts administer in this recording: it is no server of files, printers \
             or directories. Workstations do not run programs on each other.",
            words::count(self.rows.len(), "connection", "connections"),
            self.server,
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(RUNS),
            confidence: Confidence::new(0.3 + 0.1 * weight),
            title: format!("{} may run programs on {} through {how}", self.source, self.server),
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
