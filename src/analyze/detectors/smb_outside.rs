//! `smb-outside`: file sharing with hosts outside, to which Windows logs in by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::Factor;
use crate::analyze::peers::Side;
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Source};

/// File sharing with hosts outside.
#[derive(Debug)]
pub struct SmbOutside;

/// Thresholds of `smb-outside`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest bytes that each side must have sent; a dialog up to the login has some hundred.
    pub min_bytes: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_bytes: 100 }
    }
}

/// Ports of file sharing.
const PORTS: [u16; 2] = [139, 445];

/// What a dialog with a host outside weighs.
const DIALOG: f64 = 2.0;

/// Where shares in a cloud are, by the end of their names.
const SHARES_FOR_RENT: [&str; 4] = [
    ".file.core.windows.net",
    ".file.core.chinacloudapi.cn",
    ".file.core.usgovcloudapi.net",
    ".your-storagebox.de",
];

impl Detector for SmbOutside {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "smb-outside",
        title: "File sharing with hosts outside",
        what_it_finds: "A connection to a file server (SMB, ports 139 and 445) at a public address over which data went both ways.",
        why_it_matters: "A link in a mail or a document makes Windows log in to any file server by itself. What it sends, the NTLM \
            response, can be cracked offline or relayed. File servers are also a way to bring tools in and data out.",
        how_it_decides: "Connections of this side to ports 139 and 445 of a public address count if both sides sent at least \
            `min_bytes`: a refused or filtered attempt leaks nothing. They weigh 2, because hardly any organization uses file servers \
            over the internet, and many providers block the port. Shares in a cloud that are known by name subtract 2. Facts about program and destination \
            add or subtract their weights.",
        false_positives: "Shares in a cloud whose names the capture does not show, and branch offices with public addresses: name \
            their networks.",
        evidence: "Connections, bytes each way and `min_bytes`, every fact with its weight, and the connections.",
        source: "CISA, SMB Security Best Practices (2017): block ports 139 and 445 at the border. Microsoft, CVE-2023-23397. ATT&CK T1187.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::CredentialsSent,
        attack: &["T1187"],
    };

    fn validate(_: &Thresholds) -> Result<(), String> {
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let sent_both_ways = |sent: Option<u64>, received: Option<u64>| {
        sent.zip(received).is_some_and(|(sent, received)| sent.min(received) >= config.min_bytes)
    };
    let peers = scene.by_peer(
        |peer, _| peer.side == Side::Client && peer.protocol == Protocol::Tcp && PORTS.contains(&peer.port),
        |socket| {
            socket.is_beyond_local_networks()
                && socket.was_established()
                && sent_both_ways(socket.bytes_sent, socket.bytes_received)
        },
    );
    peers
        .filter_map(|(peer, rows)| {
            finding(peer.source, peer.remote_addr, peer.port, scene.sockets.subset(&rows), scene, config)
        })
        .collect()
}

/// None for a share in a cloud.
fn finding(
    source: Source<'_>,
    addr: &str,
    port: u16,
    members: SocketSubset<'_, '_>,
    scene: &Scene<'_>,
    config: &Thresholds,
) -> Option<Finding> {
    let name = members.iter().find_map(|socket| socket.remote_name);
    let mut appraisal = scene.appraise(members);
    appraisal.extend(
        name.filter(|name| is_for_rent(name))
            .map(|name| Factor::new("name-cloud-share", -2.0, format!("{name} is a share in a cloud"))),
    );
    let severity = appraisal.severity(DIALOG);
    if severity < Severity::Medium {
        return None;
    }
    let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
        members.iter().filter_map(|socket| field(&socket)).fold(0, u64::saturating_add)
    };
    let (sent, received) = (sum(|socket| socket.bytes_sent), sum(|socket| socket.bytes_received));
    let to = name.map_or_else(|| addr.to_owned(), |name| format!("{name} ({addr})"));
    let mut explanation = vec![format!(
        "{} with {to} port {port}; {} sent and {} received. Windows logs in to a file server by itself, so that the \
         response to its challenge may have leaked.",
        words::count(members.len(), "connection", "connections"),
        words::bytes(sent as f64),
        words::bytes(received as f64)
    )];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity,
        confidence: Confidence::new(0.4 + 0.1 * (DIALOG + appraisal.total())),
        title: format!("{source} connects to a file server outside the network: {to}"),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec!["T1187"],
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("connections", members.len() as f64, "connections"),
        Measurement::new("sent", sent as f64, "bytes").against(config.min_bytes as f64),
        Measurement::new("received", received as f64, "bytes").against(config.min_bytes as f64),
        Measurement::new("weight of the evidence", DIALOG + appraisal.total(), "").against(2.0),
    ];
    Some(Finding::new(&SmbOutside::ABOUT, judgement, members.evidence(measurements)))
}

fn is_for_rent(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    SHARES_FOR_RENT.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn, the_only};

    #[test]
    fn a_login_at_a_file_server_outside_is_told() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 445).unowned().bytes(760, 390));
        let finding = the_only(capture.run::<SmbOutside>().findings);
        assert_eq!(
            finding.judgement.title,
            "192.168.1.10 connects to a file server outside the network: 203.0.113.5"
        );
        assert!(finding.judgement.severity >= Severity::Medium);
    }

    #[test]
    fn what_is_refused_inside_or_rented_is_not() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 445).refused()).add(Conn::to("203.0.113.6", 445).bytes(60, 0));
        capture.add(Conn::to("192.168.1.7", 445).bytes(9_000, 9_000));
        capture.add(Conn::to("203.0.113.7", 445).bytes(9_000, 9_000).named("acme.file.core.windows.net"));
        capture.add(Conn::to("203.0.113.8", 443).bytes(9_000, 9_000));
        assert!(capture.run::<SmbOutside>().findings.is_empty());
    }
}
