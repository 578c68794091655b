//! `spam`: a host that is no mail server delivers mail to many.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ahash::AHashSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::Factor;
use crate::analyze::peers::{Side, most_within};
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::section::Section;
use crate::model::sockets::Source;

/// Mass mail.
#[derive(Debug)]
pub struct Spam;

/// Thresholds of `spam`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest mail servers outside that one source contacts for the first time within `window_s`.
    pub min_servers: u32,
    /// Width of the window, in seconds.
    pub window_s: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_servers: 10, window_s: 3_600.0 }
    }
}

/// The port on which mail servers take mail from each other (RFC 5321), and those on which programs hand mail in (RFC 6409): a
/// person has accounts at a few providers, and a bot with stolen accounts at dozens.
const DELIVERY: [u16; 3] = [25, 465, 587];

/// Ports of which any makes a host a mail server, if others connect to it.
const MAIL_SERVER: [u16; 7] = [25, 110, 143, 465, 587, 993, 995];

/// What it weighs that a host that is no mail server delivers to that many, and to ten times as many.
const DELIVERS: f64 = 2.0;
const TO_VERY_MANY: f64 = 1.0;

/// Share of the deliveries without an answer that a bot's list of servers has and a mail server's has not.
const MANY_FAIL: f64 = 0.3;

impl Detector for Spam {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "spam",
        title: "Mass mailing",
        what_it_finds: "A program (or host) that delivers mail itself, on port 25, to many mail servers \
            outside, or hands mail in (465, 587) at as many, although nobody connects to it as a mail server.",
        why_it_matters: "Clients hand their mail to one server. A host that delivers straight to the \
            recipients' servers is a mail server, or a bot that sends spam and gets this address onto \
            block lists.",
        how_it_decides: "For each source, the servers outside that it contacts on port 25 are counted at \
            their first contact. Servers at which mail is handed in, on 465 and 587, count as well, because a person has \
            accounts at a few providers, and a bot uses those that were stolen. At least `min_servers` within `window_s` weigh 2, and ten times as many 3. \
            If three in ten contacts or more fail, that adds 1: bots work through old lists, or are \
            blocked. A host to which others connect on a mail port (25, 110, 143, 465, 587, 993, 995) is \
            a mail server and not reported. Facts about the program add their weights.",
        false_positives: "A mail server whose capture shows outgoing mail only; an application that sends \
            notices or newsletters without a relay.",
        evidence: "Mail servers and `min_servers`, connections, the share that failed, and the \
            connections.",
        source: "RFC 5068 (mail is submitted, not delivered, by clients); M3AAWG, Managing Port 25 for \
            Residential or Dynamic IP Space. ATT&CK T1496.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Abuse,
        attack: &["T1496"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_servers < 3 {
            return Err("min_servers must be at least 3".to_owned());
        }
        positive(&[("window_s", config.window_s)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    if !scene.sockets.iter().any(|socket| socket.remote_port.is_some_and(|port| DELIVERY.contains(&port))) {
        return Vec::new();
    }
    let servers = mail_servers(scene);
    let peers = scene.by_peer(
        |peer, _| {
            peer.side == Side::Client && DELIVERY.contains(&peer.port) && peer.protocol == Protocol::Tcp
        },
        |socket| {
            socket.opened_in_recording
                && scene.surroundings.leaves_network(socket)
                && !servers.contains(socket.local_addr)
        },
    );
    let mut sources: BTreeMap<Source<'_>, Vec<Vec<usize>>> = BTreeMap::new();
    for (peer, rows) in peers {
        sources.entry(peer.source).or_default().push(rows);
    }
    sources.into_iter().filter_map(|(source, groups)| finding(source, &groups, scene, config)).collect()
}

/// Addresses that others reach on a port of mail.
fn mail_servers<'a>(scene: &Scene<'a>) -> AHashSet<&'a str> {
    let sockets = scene.sockets.iter().filter(|socket| {
        let port = socket.service_port().is_some_and(|port| MAIL_SERVER.contains(&port));
        port && socket.protocol == Protocol::Tcp && socket.was_established()
    });
    let responders = sockets.filter_map(|socket| scene.orientation.flow(&socket));
    responders.map(|flow| flow.responder.0).collect()
}

/// The servers of one source, each with its connections.
fn finding(
    source: Source<'_>,
    servers: &[Vec<usize>],
    scene: &Scene<'_>,
    config: &Thresholds,
) -> Option<Finding> {
    let sockets = &scene.sockets;
    let mut firsts: Vec<i64> =
        servers.iter().filter_map(|rows| rows.first()).map(|row| sockets.first_seen_us(*row)).collect();
    firsts.sort_unstable();
    let most = most_within(&firsts, (config.window_s * 1e6) as i64);
    let least = config.min_servers as usize;
    if most < least {
        return None;
    }
    let mut rows: Vec<usize> = servers.concat();
    rows.sort_unstable();
    let members = sockets.subset(&rows);
    let failed = members.iter().filter(|socket| !socket.was_established()).count();
    let failed_share = failed as f64 / rows.len() as f64;
    let mut appraisal = scene.appraise(members);
    let is_very_many = most >= 10 * least;
    appraisal.extend(
        is_very_many.then(|| Factor::new("mail-very-many", TO_VERY_MANY, format!("to {most} mail servers"))),
    );
    appraisal.extend((failed_share >= MANY_FAIL).then(|| {
        let says = format!("{:.0} % of its deliveries found no server", 100.0 * failed_share);
        Factor::new("mail-failures", 1.0, says)
    }));
    let mut explanation = vec![format!(
        "{} to {} mail servers, up to {most} of them for the first time within {}; {failed} failed. \
         Nobody connects to this host as a mail server.",
        words::count(rows.len(), "connection", "connections"),
        words::number(servers.len()),
        words::duration(config.window_s),
    )];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(DELIVERS),
        confidence: Confidence::new(0.5 + 0.1 * appraisal.total()),
        title: format!("{source} delivers mail to {} servers outside", words::number(servers.len())),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec!["T1496"],
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("mail servers within the window", most as f64, "hosts")
            .against(f64::from(config.min_servers)),
        Measurement::new("mail servers", servers.len() as f64, "hosts"),
        Measurement::new("connections", rows.len() as f64, "connections"),
        Measurement::new("share failed", failed_share, ""),
    ];
    Some(Finding::new(&Spam::ABOUT, judgement, members.evidence(measurements)))
}
