//! `relay`: a host that passes connections on, told by their bytes.

mod legs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::legs::{Match, Opened};
use crate::Result;
use crate::analyze::appraisal::Appraisal;
use crate::analyze::scene::{self, Scene};
use crate::analyze::services;
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::section::Section;
use crate::model::sockets::Source;

/// Hosts that pass connections on.
#[derive(Debug)]
pub struct Relay;

/// Thresholds of `relay`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest bytes, both ways together, that a connection carries to be compared with others.
    pub min_bytes: u64,
    /// Largest difference between what comes in on one connection and leaves on the other, as a share.
    pub max_difference: f64,
    /// Fewest pairs of connections with which a host passes strangers on to the outside.
    pub min_strangers: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_bytes: 40_000, max_difference: 0.05, min_strangers: 3 }
    }
}

/// Ports by which a host is administered, or its files or data are read.
const ADMIN_PORTS: [u16; 12] = [22, 23, 135, 139, 445, 1433, 3306, 3389, 5432, 5900, 5985, 5986];

/// Ports of services that pass on what strangers hand in, by design: mail relays and web front ends.
const FRONT_PORTS: [u16; 5] = [25, 80, 443, 465, 587];

/// Largest difference of the larger direction where nothing but the bytes tells a relay: of a busy host, some
/// connections are alike by chance.
const MOST_OF_STRANGERS: f64 = 0.02;

/// The port of SSH, whose servers are jump hosts by design.
const SSH: u16 = 22;

/// What each kind of relay weighs.
const STRANGERS: f64 = 2.5;
const FORWARDED: f64 = 2.5;
const REVERSED: f64 = 3.0;

/// Hosts that a finding lists.
const LISTED: usize = 3;

impl Detector for Relay {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "relay",
        title: "Proxies and port forwards",
        what_it_finds: "A host that passes connections on: what comes in on one connection leaves on \
            another at the same time. Reported are strangers from outside who reach the outside through \
            it (a proxy bot), a connection from outside that goes on to the administration port of another \
            host (a port forward), and a connection that the host opened to the outside and through which \
            somebody reaches such a port (a reverse tunnel, as chisel, ngrok, frp or `ssh -R` make).",
        why_it_matters: "A forwarded port takes an intruder past the firewall to hosts that are not \
            reachable from outside; a proxy bot makes this network the source of attacks by others.",
        how_it_decides: "Two connections of one host with different peers match if each carries at least \
            `min_bytes`, if the bytes that come in on one leave on the other in both directions, to \
            `max_difference` and 4 kB (a request to a proxy, the handshakes of a tunnel), and if they \
            overlap for four fifths of the shorter one. Matches are grouped by what they connect. Outside \
            with outside, from `min_strangers` matches on, weighs 2.5; there the larger direction may differ \
            by 2 % at most, and web and mail servers (ports 25, 80, 443, 465, 587) do not count, because \
            they pass requests and mail on. From outside to an administration port inside \
            (SSH, Telnet, RPC, SMB, RDP, VNC, WinRM, databases) weighs 2.5, unless both are SSH, as of a \
            jump host. A connection to the outside that this host opened, with one to an administration \
            port inside, weighs 3. From inside to the outside (a proxy) and from outside to any other \
            service inside (a reverse proxy, a load balancer) is ordinary. Facts about the program add \
            their weights.",
        false_positives: "VPN gateways and exit proxies that are meant to be reached from outside; remote \
            support through a gateway; a backup that is streamed through a host. A relay that changes the \
            bytes (its own encryption with padding, compression) is not found.",
        evidence: "Pairs of connections with the same bytes and `min_strangers`, the bytes passed on, the \
            largest difference and `max_difference`, and the connections.",
        source: "Idea: Y. Zhang, V. Paxson, Detecting Stepping Stones, USENIX Security 2000, which correlates \
            the pauses of two connections; flow records have their bytes instead. ATT&CK T1090, T1572.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Relay,
        attack: &["T1090", "T1090.001", "T1572"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_bytes < 1_000 {
            return Err("min_bytes must be at least 1000: short dialogs are alike by chance".to_owned());
        }
        if !(0.0..=0.5).contains(&config.max_difference) {
            return Err("max_difference must be between 0 and 0.5".to_owned());
        }
        if config.min_strangers == 0 {
            return Err("min_strangers must be at least 1".to_owned());
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

/// What a relay connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RelayKind {
    Strangers,
    Forwarded,
    Reversed,
}

impl RelayKind {
    /// Of a match; none if it is ordinary.
    fn new(found: &Match<'_>) -> Option<(Self, u16)> {
        let (one, other) = (&found.one, &found.other);
        let (outside, inside) = match (one.is_outside, other.is_outside) {
            (true, true) => {
                let entry = if one.opened == Opened::There { one } else { other };
                let is_passed_on = one.opened != other.opened
                    && found.difference <= MOST_OF_STRANGERS
                    && !FRONT_PORTS.contains(&entry.port);
                return is_passed_on.then_some((Self::Strangers, 0));
            }
            (true, false) => (one, other),
            (false, true) => (other, one),
            (false, false) => return None,
        };
        let is_admin = inside.opened == Opened::Here && ADMIN_PORTS.contains(&inside.port);
        match outside.opened {
            _ if !is_admin => None,
            Opened::There if (outside.port, inside.port) == (SSH, SSH) => None,
            Opened::There => Some((Self::Forwarded, inside.port)),
            Opened::Here => Some((Self::Reversed, inside.port)),
        }
    }

    fn weight(self) -> f64 {
        match self {
            Self::Strangers => STRANGERS,
            Self::Forwarded => FORWARDED,
            Self::Reversed => REVERSED,
        }
    }
}

/// Everything that a host passes on in one way.
type Groups<'a> = BTreeMap<(&'a str, RelayKind, u16), Vec<Match<'a>>>;

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let mut groups = Groups::new();
    for found in legs::matches(scene, config) {
        if let Some((kind, port)) = RelayKind::new(&found) {
            groups.entry((found.host, kind, port)).or_default().push(found);
        }
    }
    let is_enough = |kind: RelayKind, number: usize| {
        kind != RelayKind::Strangers || number >= config.min_strangers as usize
    };
    groups
        .into_iter()
        .filter(|((_, kind, _), matches)| is_enough(*kind, matches.len()))
        .map(|((host, kind, port), matches)| finding(host, kind, port, &matches, scene, config))
        .collect()
}

fn finding(
    host: &str,
    kind: RelayKind,
    port: u16,
    matches: &[Match<'_>],
    scene: &Scene<'_>,
    config: &Thresholds,
) -> Finding {
    let rows: BTreeSet<usize> = matches.iter().flat_map(|found| [found.one.row, found.other.row]).collect();
    let rows: Vec<usize> = rows.into_iter().collect();
    let members = scene.sockets.subset(&rows);
    // Only the programs: the destinations are those of whoever is passed on.
    let owners: BTreeSet<usize> =
        members.iter().filter_map(|socket| socket.process).map(|row| row as usize).collect();
    let owners: Vec<_> = owners.into_iter().map(|row| scene.processes.get(row)).collect();
    let appraisal = Appraisal::of_programs(&owners);
    let legs = || matches.iter().flat_map(|found| [&found.one, &found.other]);
    let listed = |is_outside: bool| {
        let peers: BTreeSet<&str> =
            legs().filter(|leg| leg.is_outside == is_outside).map(|leg| leg.peer).collect();
        words::first_of(&peers.into_iter().collect::<Vec<_>>(), LISTED)
    };
    let (outside, inside) = (listed(true), listed(false));
    let who = members
        .iter()
        .find(|socket| socket.local_addr == host)
        .map_or_else(|| host.to_owned(), |socket| Source::of(&socket).to_string());
    let service = services::name(Protocol::Tcp, port)
        .map_or_else(|| format!("port {port}"), |name| format!("{name} (port {port})"));
    let title = match kind {
        RelayKind::Strangers => format!("{who} relays connections between hosts outside: {outside}"),
        RelayKind::Forwarded => format!("{who} forwards connections from {outside} to {service} on {inside}"),
        RelayKind::Reversed => format!("{who} lets {outside} reach {service} on {inside} through a tunnel"),
    };
    let bytes: u64 = matches.iter().map(|found| found.one.to_peer.saturating_add(found.one.from_peer)).sum();
    let difference = matches.iter().map(|found| found.difference).fold(0.0, f64::max);
    let mut explanation = vec![format!(
        "{} carried the same bytes at the same time, {} in all, with a difference of at most {:.1} %.",
        words::count(matches.len(), "pair of connections", "pairs of connections"),
        words::bytes(bytes as f64),
        100.0 * difference
    )];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(kind.weight()),
        confidence: Confidence::new(0.5 + 0.1 * (matches.len() as f64).ln().min(3.0)),
        title,
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: match kind {
            RelayKind::Strangers => vec!["T1090"],
            RelayKind::Forwarded => vec!["T1090.001"],
            RelayKind::Reversed => vec!["T1090.001", "T1572"],
        },
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("pairs of connections", matches.len() as f64, "pairs"),
        Measurement::new("bytes passed on", bytes as f64, "bytes").against(config.min_bytes as f64),
        Measurement::new("largest difference", difference, "").against(config.max_difference),
    ];
    Finding::new(&Relay::ABOUT, judgement, members.evidence(measurements))
}
