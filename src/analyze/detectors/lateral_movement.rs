//! `lateral-movement`: administration ports between hosts of the same network, by fan-out and chains.

mod execution;
#[cfg(test)]
mod tests;
mod visits;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::visits::{Visits, is_in_rounds, is_polled};
use crate::Result;
use crate::analyze::peers::{Peer, Side, most_within};
use crate::analyze::scene::{self, ByPeer, Scene};
use crate::analyze::services;
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::records::{Direction, Scope};
use crate::model::section::Section;
use crate::model::sockets::{Sockets, Source};

/// Moves from host to host.
#[derive(Debug)]
pub struct LateralMovement;

/// Thresholds of `lateral-movement`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest internal hosts that one source reaches on an administration port within `window_s`.
    pub min_hosts: u32,
    /// Width of the window, in seconds.
    pub window_s: f64,
    /// Longest time between a login to a host and a login from it that makes a chain, in seconds.
    pub chain_s: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_hosts: 5, window_s: 3_600.0, chain_s: 900.0 }
    }
}

/// Ports with which a host is administered or its files are written remotely.
const ADMIN_PORTS: [u16; 9] = [22, 23, 135, 139, 445, 3389, 5900, 5985, 5986];

/// Of them, those on which no host of one's own should be reached from outside: all but SSH.
const NEVER_FROM_OUTSIDE: [u16; 5] = [23, 3389, 5900, 5985, 5986];

/// Shortest session from outside that is a login and not a guess, in seconds.
const FROM_OUTSIDE_S: f64 = 60.0;

/// What automation is done with on Unix: Ansible, backups, deployments reach every host over it, each day.
const SSH: u16 = 22;

/// Share of the hosts that are visited in rounds by a job. An intruder has no reason to do the same thing again.
const IN_ROUNDS: f64 = 0.8;

/// What a fan-out weighs: one that is done in rounds, and any other; and one that is wide, but not over SSH.
const SCHEDULED: f64 = 1.0;
const FAN_OUT: f64 = 2.5;
const WIDE: f64 = 4.0;

/// Ports on which a session gives somebody a shell or a desktop; file sharing alone makes no chain.
const LOGIN_PORTS: [u16; 6] = [22, 23, 3389, 5900, 5985, 5986];

impl Detector for LateralMovement {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "lateral-movement",
        title: "Lateral movement",
        what_it_finds: "One program or host that reaches many hosts of its network on an administration \
            port (SSH, RDP, SMB, RPC, WinRM, VNC, Telnet), and login chains: a login to a host followed \
            by logins from that host to others. Also one host that runs programs on another through \
            WinRM, or through RPC as PsExec and WMI do, and one that replicates \
            the directory of a domain controller, password hashes included (DCSync), or coerces a host into authenticating to another (PetitPotam).",
        why_it_matters: "After the first foothold, attackers move from host to host with the tools that \
            administrators use. A single connection looks ordinary; the pattern does not.",
        how_it_decides: "Established internal connections on administration ports are grouped by source \
            and port. At least `min_hosts` different hosts within `window_s` are a fan-out. Hosts that \
            are contacted on a clock (once a minute or less, or ten times and more at a fixed interval) are \
            monitored and do not count, nor do connections without data, nor hosts that had contacted the source within the \
            minute before and are sent at most 10 kB: print and management servers connect back to notify their clients. A login to a \
            host followed within `chain_s` by a login from that host to another one that it had not \
            contacted before is a chain; file sharing alone does not make one. A fan-out is medium, and \
            high with three times `min_hosts` (but not over SSH, which automation uses) or a suspicious program. It is low if four in five of the \
            hosts are visited again ten minutes later or more and about the same number of bytes is sent: a job that is \
            scheduled. A chain is low, and medium if it reaches \
            two hosts, goes on from the host that it reached, or continues another one, or if it begins with a session of a minute \
            or longer from outside over Telnet, RDP, VNC or WinRM. Remote execution weighs 2: 1 kB or more sent to WinRM, or a query to \
            the endpoint mapper (port 135) followed within a minute by a connection to an RPC port \
            (49152 and above). At most two hosts may administer the target, because servers of files, \
            printers and directories have more clients. Where payloads were seen, the interface that a client calls decides, whatever \
            the target is for: the service control manager, the task scheduler or WMI weigh 2, unless they are called on a clock, and \
            other known interfaces (accounts, printers, shares) nothing. Replication of a directory by a host that provides fewer than three \
            infrastructure services itself weighs 3. The interfaces for encrypted files, DFS namespaces and shadow copies of shares weigh 2: a \
            caller coerces the host into authenticating wherever it likes, and hardly any program calls them from another host. If 50 kB or more were sent over SMB, and less \
            came back, that adds 0.5; facts about the program add their weights. Hosts that provide network infrastructure (directory, names, time) do \
            not count as targets.",
        false_positives: "Administrators, configuration management (Ansible, SCCM), backup, inventory \
            and print servers, jump hosts: give them an `[[allow]]` entry.",
        evidence: "Hosts reached, `min_hosts` and `window_s`, the time between two logins and `chain_s`, \
            and the connections.",
        source: "ATT&CK T1021 (remote services) and its sub-techniques, T1047, T1053.005, T1569.002, T1003.006, T1187; interfaces and operations: [MS-SCMR], \
            [MS-TSCH], [MS-WMI], [MS-DRSR], [MS-EFSR], [MS-DFSNM], [MS-FSRVP]; fan-out and chains: A. Bohara et al., An Unsupervised \
            Multi-Detector Approach for Identifying Malicious Lateral Movement, SRDS 2017.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::LateralMovement,
        attack: &[
            "T1003.006",
            "T1021",
            "T1021.001",
            "T1021.002",
            "T1021.003",
            "T1021.004",
            "T1021.005",
            "T1021.006",
            "T1047",
            "T1053.005",
            "T1187",
            "T1569.002",
        ],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_hosts < 2 {
            return Err("min_hosts must be at least 2".to_owned());
        }
        positive(&[("window_s", config.window_s), ("chain_s", config.chain_s)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let sockets = &scene.sockets;
    let reached = scene.by_peer(
        |peer, _| peer.protocol == Protocol::Tcp && ADMIN_PORTS.contains(&peer.port),
        |socket| {
            let is_outside = socket.is_beyond_local_networks();
            let is_inside = !is_outside && socket.remote_scope != Some(Scope::Loopback);
            let is_from_outside = is_outside
                && socket.direction == Some(Direction::Inbound)
                && NEVER_FROM_OUTSIDE.contains(&socket.local_port());
            // Who connects and says nothing looks whether the port is open.
            let has_data = socket.bytes_sent != Some(0) && socket.bytes_received != Some(0);
            (is_inside || is_from_outside) && socket.was_established() && has_data
        },
    );
    let is_infrastructure =
        |peer: &Peer<'_>| scene.surroundings.infrastructure_services(peer.client_and_server().1) >= 3;
    let all: Vec<ByPeer<'_>> = reached.filter(|(peer, _)| !is_infrastructure(peer)).collect();
    let chains = chains(&all, sockets, config);
    let is_outside =
        |rows: &[usize]| rows.first().is_some_and(|row| sockets.get(*row).is_beyond_local_networks());
    let peers: Vec<ByPeer<'_>> = all.into_iter().filter(|(_, rows)| !is_outside(rows)).collect();
    let fan_outs = fan_outs(&peers, sockets, config);
    let told = fan_outs.iter().map(|fan_out| (fan_out.source.clone(), fan_out.port)).collect();
    let executions = execution::find(&peers, scene, &told);
    let of_fan_outs = fan_outs.into_iter().map(|fan_out| fan_out.finding(scene, config));
    let of_chains = chains.iter().map(|chain| chain.finding(sockets, config));
    of_fan_outs.chain(of_chains).chain(executions.iter().map(|one| one.finding(scene))).collect()
}

type PeerRows<'p, 'a> = (&'p Peer<'a>, &'p Vec<usize>);

/// One source that reaches many hosts.
struct FanOut<'a> {
    source: String,
    port: u16,
    hosts: BTreeSet<&'a str>,
    most_within: usize,
    /// Nearly every host is visited again later, for the same.
    is_scheduled: bool,
    rows: Vec<usize>,
}

fn fan_outs<'a>(peers: &[ByPeer<'a>], sockets: &Sockets<'a>, config: &Thresholds) -> Vec<FanOut<'a>> {
    let mut groups: BTreeMap<(Source<'a>, &str, u16), Vec<PeerRows<'_, 'a>>> = BTreeMap::new();
    let visits = Visits::of(peers, sockets);
    let is_moved_to = |(peer, rows): &&ByPeer<'a>| {
        peer.side == Side::Client && !is_polled(rows, sockets) && !visits.are_answers(peer, rows, sockets)
    };
    for (peer, rows) in peers.iter().filter(is_moved_to) {
        groups.entry((peer.source, peer.local_addr, peer.port)).or_default().push((peer, rows));
    }
    let of_group = |((source, _, port), group): (_, Vec<PeerRows<'_, 'a>>)| {
        // The first contact with each host: what counts is how many new hosts come within a window.
        let mut firsts: Vec<i64> = group
            .iter()
            .filter_map(|(_, rows)| rows.first())
            .map(|row| sockets.first_seen_us(*row))
            .collect();
        firsts.sort_unstable();
        let fullest = most_within(&firsts, (config.window_s * 1e6) as i64);
        let mut rows: Vec<usize> = group.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
        rows.sort_unstable();
        let hosts = group.iter().map(|(peer, _)| peer.remote_addr).collect();
        let again = group.iter().filter(|(_, rows)| is_in_rounds(rows, sockets)).count();
        let is_scheduled = again as f64 >= IN_ROUNDS * group.len() as f64;
        let source: Source<'a> = source;
        FanOut { source: source.to_string(), port, hosts, most_within: fullest, is_scheduled, rows }
    };
    groups
        .into_iter()
        .map(of_group)
        .filter(|fan_out| fan_out.most_within >= config.min_hosts as usize)
        .collect()
}

impl FanOut<'_> {
    fn finding(&self, scene: &Scene<'_>, config: &Thresholds) -> Finding {
        let members = scene.sockets.subset(&self.rows);
        let appraisal = scene.appraise(members);
        let is_wide = self.most_within >= 3 * config.min_hosts as usize;
        let weight = match is_wide {
            _ if self.is_scheduled => SCHEDULED,
            true if self.port != SSH => WIDE,
            _ => FAN_OUT,
        };
        let service = service(self.port);
        let mut explanation = vec![format!(
            "{} hosts on {service}, up to {} of them for the first time within {}.",
            self.hosts.len(),
            self.most_within,
            words::duration(config.window_s)
        )];
        if self.is_scheduled {
            explanation.push(
                "Nearly every host is visited again later, and is sent about as many bytes, as by a job that is scheduled."
                    .to_owned(),
            );
        }
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(weight).max(Severity::Low),
            confidence: Confidence::new(if is_wide { 0.7 } else { 0.5 }),
            title: format!("{} reached {} internal hosts on {service}", self.source, self.hosts.len()),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: technique(self.port),
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("hosts within the window", self.most_within as f64, "hosts")
                .against(f64::from(config.min_hosts)),
            Measurement::new("hosts", self.hosts.len() as f64, "hosts"),
            Measurement::new("connections", self.rows.len() as f64, "connections"),
        ];
        Finding::new(&LateralMovement::ABOUT, judgement, members.evidence(measurements))
    }
}

/// A login to a host, and logins from it to others soon after.
struct Chain<'a> {
    from: &'a str,
    through: &'a str,
    to: BTreeSet<&'a str>,
    shortest_s: f64,
    /// From one of the hosts reached, another login followed, or one had led to where it begins.
    goes_on: bool,
    /// The first login came from outside and was open when the next one began.
    is_from_outside: bool,
    rows: Vec<usize>,
}

fn chains<'a>(peers: &[ByPeer<'a>], sockets: &Sockets<'a>, config: &Thresholds) -> Vec<Chain<'a>> {
    let logins: Vec<(&str, &str, i64, usize)> = peers
        .iter()
        .filter(|(peer, _)| LOGIN_PORTS.contains(&peer.port))
        .filter_map(|(peer, rows)| {
            // From outside, guesses come all day; only a session that lasts is a login.
            let is_login = |row: &&usize| {
                let socket = sockets.get(**row);
                let lasts = !socket.is_beyond_local_networks() || socket.duration_s >= FROM_OUTSIDE_S;
                socket.opened_in_recording && lasts
            };
            let row = *rows.iter().find(is_login)?;
            let (client, server) = peer.client_and_server();
            Some((client, server, sockets.first_seen_us(row), row))
        })
        .collect();
    let mut onward: BTreeMap<&str, Vec<(i64, &str, usize)>> = BTreeMap::new();
    for (client, server, at_us, row) in &logins {
        onward.entry(client).or_default().push((*at_us, server, *row));
    }
    for logins in onward.values_mut() {
        logins.sort_unstable();
    }
    let within_us = (config.chain_s * 1e6) as i64;
    let mut chains: BTreeMap<(&str, &str), Chain<'a>> = BTreeMap::new();
    for (from, through, came_us, came_row) in &logins {
        let next = onward.get(through).map_or(&[][..], Vec::as_slice);
        let begin = next.partition_point(|(left_us, ..)| left_us < came_us);
        let soon = next[begin..].iter().take_while(|(left_us, ..)| left_us - came_us <= within_us);
        for (left_us, to, left_row) in soon.filter(|(_, to, _)| to != from) {
            let pause_us = left_us - came_us;
            let after_s = pause_us as f64 / 1e6;
            let chain = chains.entry((from, through)).or_insert_with(|| Chain {
                from,
                through,
                to: BTreeSet::new(),
                shortest_s: after_s,
                goes_on: false,
                is_from_outside: false,
                rows: vec![*came_row],
            });
            chain.to.insert(to);
            chain.shortest_s = chain.shortest_s.min(after_s);
            let came = sockets.get(*came_row);
            chain.is_from_outside |= came.is_beyond_local_networks() && came.last_seen_us >= *left_us;
            chain.rows.push(*left_row);
        }
    }
    let pairs: BTreeSet<(&str, &str)> = chains.keys().copied().collect();
    let reached: BTreeSet<(&str, &str)> =
        chains.values().flat_map(|chain| chain.to.iter().map(|to| (chain.through, *to))).collect();
    for ((from, through), chain) in &mut chains {
        chain.goes_on = chain.to.iter().any(|to| pairs.contains(&(*through, *to)))
            || reached.contains(&(*from, *through));
    }
    chains.into_values().collect()
}

impl Chain<'_> {
    fn finding(&self, sockets: &Sockets<'_>, config: &Thresholds) -> Finding {
        let mut rows = self.rows.clone();
        rows.sort_unstable();
        let members = sockets.subset(&rows);
        let to = words::first_of(&self.to.iter().copied().collect::<Vec<_>>(), 3);
        let judgement = Judgement {
            severity: if self.to.len() >= 2 || self.goes_on || self.is_from_outside {
                Severity::Medium
            } else {
                Severity::Low
            },
            confidence: Confidence::new(0.4),
            title: format!("Login chain: {} to {}, then on to {to}", self.from, self.through),
            explanation: format!(
                "{} logged in to {}. {} later, {} logged in to {to}, which it had not contacted before in \
                 this recording.",
                self.from,
                self.through,
                words::duration(self.shortest_s),
                self.through,
            ),
            false_positives: String::new(),
            attack: vec!["T1021"],
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("hosts after the login", self.to.len() as f64, "hosts"),
            Measurement::new("time between the logins", self.shortest_s, "s").against(config.chain_s),
        ];
        Finding::new(&LateralMovement::ABOUT, judgement, members.evidence(measurements))
    }
}

fn service(port: u16) -> String {
    services::name(Protocol::Tcp, port)
        .map_or_else(|| format!("port {port}"), |name| format!("{name} (port {port})"))
}

fn technique(port: u16) -> Vec<&'static str> {
    match port {
        22 => vec!["T1021.004"],
        3389 => vec!["T1021.001"],
        139 | 445 => vec!["T1021.002"],
        135 => vec!["T1021.003"],
        5900 => vec!["T1021.005"],
        5985 | 5986 => vec!["T1021.006"],
        _ => vec!["T1021"],
    }
}
