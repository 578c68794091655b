//! `port-scan`: one source that tries many ports of a host, or a port of many hosts.

mod contacts;
mod scans;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::contacts::{Reply, Side, Transport};
use self::scans::{Scan, ScanKind, Size};
use crate::Result;
use crate::analyze::scene::{self, Found};
use crate::analyze::services;
use crate::analyze::words;
use crate::capture::Metadata;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive, shares};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::records::Direction;
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::Sockets;

/// How many ports or hosts a text lists before it only counts.
const LISTED: usize = 15;

/// From this many first contacts on, a scan that leaves the host is a sweep, not a check.
const SWEEP_CONTACTS: usize = 100;

/// Share of the contacts of a peer-to-peer program on one port that exchange data; of addresses that are made up,
/// a few in a hundred do.
const PEERS_ANSWER: f64 = 0.2;

/// UDP ports that peers of file sharing and ledgers, and servers of games, share by default: `eDonkey`, `BitTorrent`, IPFS,
/// Syncthing, Ethereum; Quake, Minecraft, `TeamSpeak`. Peers of other networks choose their ports by chance.
const SHARED_PORTS: [RangeInclusive<u16>; 9] = [
    4_001..=4_001,
    4_662..=4_672,
    6_771..=6_999,
    9_987..=9_987,
    19_132..=19_133,
    22_000..=22_067,
    27_900..=27_970,
    30_301..=30_310,
    51_413..=51_413,
];

/// Share of the contacts on a port of their own that bots of a peer-to-peer network leave unanswered: their lists are
/// old, while a server list or a known network answers.
const BOTS_FAIL: f64 = 0.5;

/// Vertical and horizontal port scans, outbound, inside the host and inbound.
#[derive(Debug)]
pub struct PortScan;

/// Thresholds of `port-scan`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Failed first contacts with distinct ports of one host within `window_s` that make a
    /// vertical scan.
    pub ports: u32,
    /// Failed first contacts with distinct hosts on one port within `window_s` that make a
    /// horizontal scan.
    pub hosts: u32,
    /// Length of the sliding window, in seconds.
    pub window_s: f64,
    /// A slow scan is this many times the failures of a fast one, over the whole recording.
    pub slow_factor: f64,
    /// Failed first contacts with distinct ports of one host, over the whole recording, that make
    /// a small vertical scan if almost nothing answered.
    pub small_ports: u32,
    /// Failed first contacts with distinct hosts on one port, over the whole recording, that make
    /// a small horizontal scan if almost nothing answered.
    pub small_hosts: u32,
    /// Smallest failed share of the first contacts of a small scan, 0 to 1.
    pub small_failed_share: f64,
    /// Distinct hosts on one TCP port within `fast_window_s`, none of them known by name, that make a fast
    /// fan-out even if most answer.
    pub fast_hosts: u32,
    /// Length of the window of a fast fan-out, in seconds.
    pub fast_window_s: f64,
    /// Smallest failed share of the first contacts of a fast fan-out, 0 to 1.
    pub fast_failed_share: f64,
    /// Smallest share of a source's first contacts that never became a connection, 0 to 1; inbound
    /// scans are exempt, because refused attempts leave no socket on this host.
    pub min_unestablished_share: f64,
    /// Sequential test: probability that a first contact of a benign source succeeds (θ0), 0 to 1.
    pub success_if_benign: f64,
    /// Sequential test: probability that a first contact of a scanner succeeds (θ1), 0 to 1.
    pub success_if_scanner: f64,
    /// Sequential test: required probability of detecting a scanner (PD), 0 to 1.
    pub detection: f64,
    /// Sequential test: accepted probability of a false alarm (PF), 0 to 1.
    pub false_alarm: f64,
    /// Most scans of one source that are reported separately; more become one finding.
    pub max_separate: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            ports: 15,
            hosts: 25,
            window_s: 300.0,
            slow_factor: 2.0,
            small_ports: 7,
            small_hosts: 6,
            small_failed_share: 0.9,
            fast_hosts: 20,
            fast_window_s: 10.0,
            fast_failed_share: 0.25,
            min_unestablished_share: 0.1,
            success_if_benign: 0.8,
            success_if_scanner: 0.2,
            detection: 0.99,
            false_alarm: 0.01,
            max_separate: 5,
        }
    }
}

impl Thresholds {
    /// Failures that make a scan of this kind.
    fn threshold(&self, kind: ScanKind<'_>) -> usize {
        match kind {
            ScanKind::Horizontal(_) => self.hosts as usize,
            ScanKind::Vertical(_) | ScanKind::Block => self.ports as usize,
        }
    }

    /// Failures that make a small scan of this kind.
    fn small_threshold(&self, kind: ScanKind<'_>) -> usize {
        match kind {
            ScanKind::Horizontal(_) => self.small_hosts as usize,
            ScanKind::Vertical(_) | ScanKind::Block => self.small_ports as usize,
        }
    }

    /// Failures that a scan was held against.
    fn held_against(&self, scan: &Scan<'_>) -> usize {
        match scan.size {
            Size::Full => self.threshold(scan.kind),
            Size::Small => self.small_threshold(scan.kind),
            Size::Fast => self.fast_hosts as usize,
        }
    }

    /// log10 of the likelihood ratio from which on a source is a scanner (η1 = PD / PF).
    fn log10_decision(&self) -> f64 {
        (self.detection / self.false_alarm).log10()
    }
}

impl Detector for PortScan {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "port-scan",
        title: "Port scans",
        what_it_finds: "One source that tries many ports of one host (vertical), one port of many hosts \
            (horizontal), or both (block), mostly without success. The source is a process of this host, \
            or a remote address that probes this host's open ports.",
        why_it_matters: "Reconnaissance is the first thing that an intruder, a worm or a careless tool \
            does on a network. A scan from this host means that someone or something on it is looking for \
            the next target.",
        how_it_decides: "Only the first contact of a source with a port of a host counts. It failed if it \
            was refused or unanswered, or if it was established and closed without a byte either way, \
            which is how scanners test whether a port is open. Probes without a handshake or data (FIN, \
            Xmas, NULL and ACK scans) count as failed for vertical scans only. UDP and ping count as \
            failed where packets were counted and nothing came back. UDP ports 33434 to 33534 belong to \
            traceroute and are ignored. So are, for horizontal scans, hosts that the source knows by \
            name, because scanners make up addresses, and web servers over IPv6 where nothing outside \
            answers over IPv6.\n\n\
            A vertical scan is at least `ports` failed first contacts with ports of one host within \
            `window_s` seconds. A horizontal scan is at least `hosts` failed first contacts on one port. \
            `slow_factor` times as many over the whole recording also count, however slow. Fewer make a \
            small scan: `small_ports` ports or `small_hosts` hosts over the whole recording, of which at \
            least `small_failed_share` failed (the sequential test needs seven failures in a row for one \
            false alarm in 10,000). Contacts still pending when the recording ended count for a small \
            scan, except this host's own to web ports, which browsers open in large numbers.\n\n\
            All first contacts in that time, including the successful ones, then pass a sequential test \
            (threshold random walk). Each failure multiplies the likelihood of a scanner by (1 − \
            `success_if_scanner`) / (1 − `success_if_benign`), each success by `success_if_scanner` / \
            `success_if_benign`. The product must reach `detection` / `false_alarm`. At least \
            `min_unestablished_share` of the contacts must never have become a connection, which excludes \
            health checks that only connect and close; inbound scans are exempt.\n\n\
            A fast fan-out does not need the sequential test: this host contacts at least `fast_hosts` new \
            hosts on one TCP port within `fast_window_s` seconds, none of them by a name in the capture, and \
            at least `fast_failed_share` of them fail. A browser reaches that number of hosts too, but they \
            answer: if one contact in ten fails, five or more of twenty fail with a probability of 4 %. \
            More than `max_separate` \
            scans of one source become one finding.\n\n\
            Severity: a scan from this host into other networks is medium, and high with 100 contacts or \
            more that mostly failed. Inside this host and inbound it is medium. Over UDP to one port \
            without a registered service it is low if half of the hosts answer, or if file sharing, \
            ledgers or games use that port by default, or if each host was tried on hardly more than a port of its own and \
            none is of a service: clients find their peers and servers that way. Bots \
            of a peer-to-peer network share a port that nothing else uses, and most on their list are \
            gone. Over TCP it is low if a fifth of the hosts exchange data. None of this applies if half of the hosts \
            have addresses next to each other, because peers are scattered, and who sweeps a range takes each address in it. From \
            outside the local networks it is medium for many ports of this host and low for a few, \
            because every public address is probed all day. A small scan is low, and medium if no port of \
            the host answered. A fast fan-out is medium.",
        false_positives: "Authorized inventory and vulnerability scanners; monitoring that checks many \
            services while most are down; a peer-to-peer client whose peers are mostly gone and share a \
            port; a program with a long server list during a network outage; for a small scan, a program \
            whose few servers are down. A half-open (SYN) scanner on this host uses no socket and is not \
            seen.",
        evidence: "Ports or hosts tried and failed, with their threshold; the share that failed and how \
            (refused, unanswered, no data); the ports or hosts that answered; the rate; the likelihood \
            ratio and its threshold; and the connections.",
        source: "Thresholds: Zeek, policy/misc/scan.zeek. Sequential test: J. Jung, V. Paxson, A. W. Berger, H. \
            Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing. IEEE S&P 2004. Names: D. Whyte, E. Kranakis, P. C. van Oorschot: DNS-based Detection of Scanning Worms in an \
            Enterprise Network. NDSS 2005. ATT&CK T1018, T1046, \
            T1595.001.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Scan,
        attack: &["T1018", "T1046", "T1595.001"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.ports < 2 || config.hosts < 2 {
            return Err("ports and hosts must be at least 2".to_owned());
        }
        positive(&[("window_s", config.window_s)])?;
        if !(config.slow_factor >= 1.0 && config.slow_factor.is_finite()) {
            return Err("slow_factor must be 1 or more".to_owned());
        }
        if config.small_ports < 2 || config.small_hosts < 2 {
            return Err("small_ports and small_hosts must be at least 2".to_owned());
        }
        if config.fast_hosts < 5 || !(config.fast_window_s > 0.0 && config.fast_window_s.is_finite()) {
            return Err("fast_hosts must be at least 5, and fast_window_s greater than 0".to_owned());
        }
        shares(&[
            ("small_failed_share", config.small_failed_share),
            ("fast_failed_share", config.fast_failed_share),
            ("min_unestablished_share", config.min_unestablished_share),
        ])?;
        let (benign, scanner) = (config.success_if_benign, config.success_if_scanner);
        if !(0.0 < scanner && scanner < benign && benign < 1.0) {
            return Err(
                "success_if_scanner must be greater than 0 and less than success_if_benign, which must be \
                 less than 1"
                    .to_owned(),
            );
        }
        let (detection, false_alarm) = (config.detection, config.false_alarm);
        if !(0.0 < false_alarm && false_alarm < detection && detection < 1.0) {
            return Err("false_alarm must be greater than 0 and less than detection, which must be less \
                than 1"
                .to_owned());
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| {
            let contacts = contacts::first_contacts(
                &scene.sockets,
                scene.orientation,
                scene.surroundings,
                context.tables.span_us.1,
            );
            let scans = scans::find(&contacts, &scene.sockets, config);
            let findings = scans.iter().map(|scan| finding(&scene.sockets, scan, config)).collect();
            Ok(Found { findings, limits: limits(context.metadata) })
        })
    }
}

fn limits(metadata: &Metadata) -> Vec<String> {
    if metadata.holds_many_hosts() {
        return vec![
            "For UDP and ICMP, the capture does not show whether a message expects an answer.".to_owned(),
        ];
    }
    vec![
        "UDP and ICMP are judged only where their packets were counted (record --udp-bytes).".to_owned(),
        "An inbound attempt on a closed port has no socket and is not seen.".to_owned(),
    ]
}

fn finding(sockets: &Sockets<'_>, scan: &Scan<'_>, config: &Thresholds) -> Finding {
    let rows: Vec<usize> = scan.contacts.iter().map(|contact| contact.row).collect();
    let members = sockets.subset(&rows);
    let judgement = Judgement {
        severity: severity(scan, members),
        confidence: confidence(scan, config),
        title: title(scan),
        explanation: explanation(scan, config),
        false_positives: String::new(),
        attack: attack(scan, members),
        entities: members.entities(),
    };
    Finding::new(&PortScan::ABOUT, judgement, members.evidence(measurements(scan, config)))
}

fn is_from_beyond(scan: &Scan<'_>, members: SocketSubset<'_, '_>) -> bool {
    scan.side == Side::FromOutside && members.iter().all(|socket| socket.is_beyond_local_networks())
}

fn severity(scan: &Scan<'_>, members: SocketSubset<'_, '_>) -> Severity {
    let is_vertical = !matches!(scan.kind, ScanKind::Horizontal(_));
    if is_from_beyond(scan, members) {
        // Every public address is probed on a few ports all day; who goes through many wants this host.
        return if is_vertical && scan.size == Size::Full { Severity::Medium } else { Severity::Low };
    }
    if is_peer_to_peer(scan) {
        return Severity::Low;
    }
    if scan.size == Size::Small {
        // A handful of servers on one port may be down together; no program has that many ports of one host
        // in its configuration.
        let is_certain = |reply: Reply| reply.is_failure() && reply != Reply::Pending;
        let is_blind = is_vertical && scan.contacts.iter().all(|contact| is_certain(contact.reply));
        return if is_blind { Severity::Medium } else { Severity::Low };
    }
    let stays_inside = members.iter().all(|socket| socket.direction == Some(Direction::Internal));
    let is_sweep = scan.contacts.len() >= SWEEP_CONTACTS && scan.failed_share() >= 0.8;
    if scan.side == Side::FromHere && !stays_inside && is_sweep { Severity::High } else { Severity::Medium }
}

/// Whether it may be a peer-to-peer network, whose peers are mostly gone: datagrams to one port that no service is
/// registered for, or connections of which more answer than of a scan.
fn is_peer_to_peer(scan: &Scan<'_>) -> bool {
    if is_range(scan) {
        return false;
    }
    let port = match scan.kind {
        ScanKind::Horizontal(port) => port,
        ScanKind::Block => return is_swarm(scan),
        ScanKind::Vertical(_) => return false,
    };
    match scan.transport {
        Transport::Udp => {
            let is_shared = services::is_usual_port(Protocol::Udp, port)
                || SHARED_PORTS.iter().any(|ports| ports.contains(&port));
            let is_service = services::name(Protocol::Udp, port).is_some();
            !is_service && (is_shared || scan.failed_share() < BOTS_FAIL)
        }
        Transport::Tcp => {
            let answered = scan.count(Reply::Answered) as f64 / scan.contacts.len().max(1) as f64;
            services::name(Protocol::Tcp, port).is_none() && answered >= PEERS_ANSWER
        }
        Transport::Icmp => false,
    }
}

/// Whether half of the hosts or more are next to another one by their addresses, as of a range that is swept. Peers are scattered
/// over the internet.
fn is_range(scan: &Scan<'_>) -> bool {
    let hosts: BTreeSet<u128> = scan.hosts().iter().filter_map(|host| as_number(host)).collect();
    let is_next = |host: &&u128| {
        host.checked_add(1).is_some_and(|next| hosts.contains(&next))
            || host.checked_sub(1).is_some_and(|before| hosts.contains(&before))
    };
    2 * hosts.iter().filter(is_next).count() >= hosts.len().max(1)
}

/// An address as a number.
fn as_number(host: &str) -> Option<u128> {
    Some(match host.parse().ok()? {
        IpAddr::V4(addr) => u128::from(u32::from(addr)),
        IpAddr::V6(addr) => u128::from(addr),
    })
}

/// Whether each host was tried over UDP on hardly more than a port of its own, and none of the ports is that of a service:
/// peers tell each other where they are. A scanner tries the same ports on every host, or those of services.
fn is_swarm(scan: &Scan<'_>) -> bool {
    let are_services = || scan.ports().iter().any(|port| services::name(Protocol::Udp, *port).is_some());
    let (contacts, hosts) = (scan.contacts.len(), scan.hosts().len());
    scan.transport == Transport::Udp && 2 * contacts <= 3 * hosts && !are_services()
}

fn attack(scan: &Scan<'_>, members: SocketSubset<'_, '_>) -> Vec<&'static str> {
    if scan.transport == Transport::Icmp {
        return vec!["T1018"];
    }
    if is_from_beyond(scan, members) { vec!["T1595.001"] } else { vec!["T1046"] }
}

/// Surer with a higher share and number of failures; less sure where the end of the
/// handshakes was not seen.
fn confidence(scan: &Scan<'_>, config: &Thresholds) -> Confidence {
    let failures = scan.failures() as f64;
    let by_count = 1.0 - (-2.0 * failures / config.threshold(scan.kind) as f64).exp();
    let glimpsed = (scan.count(Reply::SeenOnce) + scan.count(Reply::Pending)) as f64 / failures.max(1.0);
    Confidence::new(scan.failed_share() * by_count * (1.0 - 0.5 * glimpsed))
}

fn title(scan: &Scan<'_>) -> String {
    let (source, number) = (scan.source, words::number);
    let (ports, hosts) = (number(scan.ports().len()), number(scan.hosts().len()));
    let udp = if scan.transport == Transport::Udp { "UDP " } else { "" };
    match scan.kind {
        _ if scan.transport == Transport::Icmp => format!("{source} pinged {hosts} hosts"),
        ScanKind::Vertical(host) => format!("{source} scanned {ports} {udp}ports on {host}"),
        ScanKind::Horizontal(port) => format!("{source} scanned {udp}port {port} on {hosts} hosts"),
        ScanKind::Block => format!("{source} scanned {ports} {udp}ports on {hosts} hosts"),
    }
}

fn explanation(scan: &Scan<'_>, config: &Thresholds) -> String {
    let replies = [
        (Reply::Refused, "refused"),
        (Reply::Unanswered, "unanswered"),
        (Reply::NoData, "closed without data"),
        (Reply::SeenOnce, "seen only once, in the handshake"),
        (Reply::Pending, "still pending when the recording ended"),
        (Reply::Probed, "probed without a handshake"),
    ];
    let replies: Vec<String> = replies
        .into_iter()
        .map(|(reply, name)| (scan.count(reply), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", words::number(count)))
        .collect();
    format!(
        "{} first contacts in {}, of which {} failed: {}. {} {}",
        words::number(scan.contacts.len()),
        span_in_words(scan),
        words::number(scan.failures()),
        replies.join(", "),
        threshold(scan, config),
        answered(scan),
    )
}

/// What was held against which threshold.
fn threshold(scan: &Scan<'_>, config: &Thresholds) -> String {
    let (most, needed) = (words::number(scan.most_in_window), config.held_against(scan));
    let (what, seconds, name) = match scan.size {
        Size::Fast => ("new hosts were contacted", config.fast_window_s, "fast fan-out"),
        Size::Full => ("failed", config.window_s, "scan"),
        Size::Small => ("failed", config.window_s, "small scan, over any time span,"),
    };
    format!("Up to {most} {what} within {seconds} s; the threshold for a {name} is {needed}.")
}

/// What answered, which is what the scanner learned.
fn answered(scan: &Scan<'_>) -> String {
    let open: Vec<String> = scan
        .contacts
        .iter()
        .filter(|contact| !contact.reply.is_unestablished())
        .map(|contact| match scan.kind {
            ScanKind::Vertical(_) => contact.port.to_string(),
            ScanKind::Horizontal(_) => contact.host.to_owned(),
            ScanKind::Block => format!("{} port {}", contact.host, contact.port),
        })
        .collect();
    if open.is_empty() {
        let none = if scan.transport == Transport::Tcp { "accepted a connection" } else { "answered" };
        return format!("None {none}.");
    }
    let listed = words::first_of(&open, LISTED);
    let answered = if scan.transport == Transport::Tcp { "Accepted a connection" } else { "Answered" };
    format!("{answered}: {listed}.")
}

fn span_s(scan: &Scan<'_>) -> f64 {
    let times = || scan.contacts.iter().map(|contact| contact.first_seen_us);
    let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    (last - first) as f64 / 1e6
}

fn span_in_words(scan: &Scan<'_>) -> String {
    match span_s(scan) {
        seconds if seconds < 1.0 => "less than a second".to_owned(),
        seconds => words::duration(seconds),
    }
}

fn measurements(scan: &Scan<'_>, config: &Thresholds) -> Vec<Measurement> {
    let unit = if matches!(scan.kind, ScanKind::Horizontal(_)) { "hosts" } else { "ports" };
    let threshold = config.held_against(scan) as f64;
    let count = |reply| scan.count(reply) as f64;
    let in_window = Measurement::new("most failed in one window", scan.most_in_window as f64, unit);
    let failed = Measurement::new("failed", scan.failures() as f64, unit);
    let (in_window, failed) = match scan.size {
        Size::Full => (in_window.against(threshold), failed),
        Size::Small => (in_window, failed.against(threshold)),
        Size::Fast => {
            let fastest =
                Measurement::new("most new hosts in one fast window", scan.most_in_window as f64, unit);
            (fastest.against(threshold), failed)
        }
    };
    let mut all = vec![
        in_window,
        failed,
        Measurement::new("ports tried", scan.ports().len() as f64, "ports"),
        Measurement::new("hosts tried", scan.hosts().len() as f64, "hosts"),
        Measurement::new("failed share", scan.failed_share(), ""),
        Measurement::new("refused", count(Reply::Refused), "contacts"),
        Measurement::new("unanswered", count(Reply::Unanswered), "contacts"),
        Measurement::new("closed without data", count(Reply::NoData), "contacts"),
        Measurement::new("log10 of the likelihood ratio", scan.log10_likelihood, "")
            .against(config.log10_decision()),
    ];
    // A rate over less than a second would say more about the clock than about the scan.
    let seconds = span_s(scan);
    if seconds >= 1.0 {
        all.push(Measurement::new("rate", scan.contacts.len() as f64 / seconds, "contacts/s"));
    }
    all
}
