//! `unusual-port`: programs and ports that do not go together.

pub(crate) mod expected;
mod habits;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::habits::Oddity;
use crate::Result;
use crate::analyze::{services, words};
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::payloads::title;
use crate::model::section::Section;
use crate::model::sockets::Sockets;

/// How many ports a text lists before it only counts.
const LISTED: usize = 15;

/// Looks for programs on ports that are not theirs.
#[derive(Debug)]
pub struct UnusualPort;

/// Thresholds of `unusual-port`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest ports without a registered service, used by nothing else on the host, that one process
    /// contacts outside the local networks.
    pub rare_ports: u32,
    /// Hosts per port at which it looks like a peer-to-peer client, where each peer has its own port.
    pub peer_hosts_per_port: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { rare_ports: 10, peer_hosts_per_port: 0.8 }
    }
}

impl Detector for UnusualPort {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "unusual-port",
        title: "Services on unusual ports",
        what_it_finds: "Programs with a well-known port (SSH, DNS and time servers, mail, databases) that \
            use another one; other programs listening on the port of such a service; default ports of \
            attack tools; connections whose payload is not what the port is for; and a process that \
            contacts many ports that nothing else on the host uses.",
        why_it_matters: "Malware hides traffic on a port where another service is expected, or on one \
            that nobody monitors.",
        how_it_decides: "A table lists the ports that a program uses and the programs that a port belongs \
            to, from the IANA registry and the programs' defaults; forwarders such as docker-proxy and \
            systemd may use any port. Only established connections outside the local networks count. \
            Ports without a registered service are judged against the capture itself: a process that \
            contacts at least `rare_ports` such ports, which nothing else uses, is low; it is info from \
            `peer_hosts_per_port` hosts per port on, which is typical of peer-to-peer. FTP data ports are \
            ignored. Where the capture says what the payload is (packets, Zeek's service, Suricata's \
            app_proto), a known protocol that is not ordinary on a well-known port is low. The severity is never above low.",
        false_positives: "Administrators move services on purpose, SSH above all. Peer-to-peer clients, \
            games, calls and passive FTP use unregistered ports. Different programs may share a name.",
        evidence: "The process, the port and the expected ports, the hosts, and the connections.",
        source: "Ports: IANA Service Name and Transport Protocol Port Number Registry (RFC 6335). ATT&CK T1571, T1036.",
        section: Section::Anomalies,
        method: Method::Behavior,
        signal: Signal::UnusualPort,
        attack: &["T1571"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.rare_ports < 2 {
            return Err("rare_ports must be at least 2".to_owned());
        }
        positive(&[("peer_hosts_per_port", config.peer_hosts_per_port)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        if sockets.is_empty() {
            return Ok(Outcome::Skipped("This capture has no sockets.".to_owned()));
        }
        let mut findings: Vec<Finding> = habits::odd(&sockets, config)
            .iter()
            .map(|(oddity, rows)| finding(&sockets, oddity, rows, config))
            .collect();
        findings
            .sort_by(|a, b| b.judgement.severity.cmp(&a.judgement.severity).then_with(|| a.id.cmp(&b.id)));
        let limit = match (context.metadata.holds_many_hosts(), has_payloads(&sockets)) {
            (true, true) => "The program behind a connection is unknown.",
            (true, false) => "The protocol on a port is not seen, and the program behind it is unknown.",
            (false, _) => "The protocol on a port is not seen; programs are judged by their names.",
        };
        Ok(Outcome::Ran(Output { findings, limits: vec![limit.to_owned()], ..Output::default() }))
    }
}

/// Whether the source looked at payloads, and not only at the greetings of TLS clients, as the recorder does.
fn has_payloads(sockets: &Sockets<'_>) -> bool {
    sockets.iter().any(|socket| socket.app_protocol.is_some_and(|protocol| protocol != "tls"))
}

fn finding(sockets: &Sockets<'_>, oddity: &Oddity<'_>, rows: &[usize], config: &Thresholds) -> Finding {
    let members = sockets.subset(rows);
    let (severity, confidence) = judge(oddity, config);
    let (title, explanation) = told(oddity);
    let judgement = Judgement {
        severity,
        confidence: Confidence::new(confidence),
        title,
        explanation,
        false_positives: String::new(),
        attack: vec!["T1571"],
        entities: members.entities(),
    };
    let mut measurements = vec![Measurement::new("sockets", members.len() as f64, "sockets")];
    if let Oddity::RarePorts { ports, hosts, .. } = oddity {
        let ports = Measurement::new("rare ports", ports.len() as f64, "ports");
        measurements.push(ports.against(f64::from(config.rare_ports)));
        measurements.push(Measurement::new("hosts", *hosts as f64, "hosts"));
    }
    Finding::new(&UnusualPort::ABOUT, judgement, members.evidence(measurements))
}

fn judge(oddity: &Oddity<'_>, config: &Thresholds) -> (Severity, f64) {
    match oddity {
        Oddity::ListensElsewhere { .. } => (Severity::Info, 0.3),
        Oddity::ReachesElsewhere { .. } | Oddity::ToolDefault { .. } => (Severity::Low, 0.4),
        Oddity::HoldsAnothersPort { .. } | Oddity::OutOfPlace { .. } => (Severity::Low, 0.5),
        Oddity::RarePorts { ports, hosts, .. } => {
            let are_peers = *hosts as f64 >= config.peer_hosts_per_port * ports.len() as f64;
            if are_peers { (Severity::Info, 0.3) } else { (Severity::Low, 0.5) }
        }
    }
}

fn told(oddity: &Oddity<'_>) -> (String, String) {
    match oddity {
        Oddity::ListensElsewhere { name, port, expected } => (
            format!("{name} listens on port {port}"),
            format!(
                "It usually listens on {}. Services are often moved on purpose, so this is only a note.",
                listed(expected)
            ),
        ),
        Oddity::ReachesElsewhere { name, port, expected } => (
            format!("{name} contacted port {port}"),
            format!("It usually contacts {}.{}", listed(expected), usual_service(*port)),
        ),
        Oddity::HoldsAnothersPort { name, port } => (
            format!("{name} listens on port {port}"),
            format!("{} This is not one of the programs that usually do.", usual_service(*port).trim_start()),
        ),
        Oddity::ToolDefault { name, port, of } => (
            format!("{name} contacted port {port}"),
            format!("This is the default port of {of}; other programs may use it too."),
        ),
        Oddity::OutOfPlace { name, port, protocol } => (
            format!("{name} used {} on port {port}", title(protocol)),
            format!("The payload shows it.{}", usual_service(*port)),
        ),
        Oddity::RarePorts { name, ports, hosts } => (
            format!("{name} contacted {} ports that nothing else uses", ports.len()),
            format!(
                "Ports {} on {}, none of which has a registered service.",
                listed(ports),
                words::count(*hosts, "host", "hosts")
            ),
        ),
    }
}

fn usual_service(port: u16) -> String {
    services::name(Protocol::Tcp, port)
        .map_or_else(String::new, |service| format!(" Port {port} belongs to {service}."))
}

fn listed(ports: &[u16]) -> String {
    words::first_of(&ports.iter().map(u16::to_string).collect::<Vec<_>>(), LISTED)
}
