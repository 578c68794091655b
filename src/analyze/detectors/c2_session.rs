//! `c2-session`: a session that stays with one address outside, and has the marks of remote control.

mod crowds;
mod inbound;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::crowds::Crowds;
use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor, destination};
use crate::analyze::peers::{Peer, Side};
use crate::analyze::scene::{self, Scene};
use crate::analyze::services::is_usual_port;
use crate::analyze::{services, words};
use crate::capture::Protocol;
use crate::humanize;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, not_negative, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::peers::PeerId;
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Source};

/// Sessions under remote control.
#[derive(Debug)]
pub struct C2Session;

/// Thresholds of `c2-session`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Shortest session, in seconds; an interactive session needs at least a minute.
    pub min_duration_s: f64,
    /// Longest pause between the connections of one session, in seconds.
    pub max_pause_s: f64,
    /// Destinations with similar sessions at which a source is taken for a peer-to-peer or cloud client.
    pub peer_to_peer_from: u32,
    /// Largest mean payload per packet sent by this side, in bytes, for an interactive session.
    pub max_bytes_per_packet: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_duration_s: 60.0, max_pause_s: 10.0, peer_to_peer_from: 4, max_bytes_per_packet: 300.0 }
    }
}

/// What a session weighs by itself, see [`Appraisal::severity`]; half of it from half of the time on.
const SESSION: f64 = 1.0;
const SHORT_SESSION: f64 = 0.5;

/// Packets a second, each way and on average over this many seconds or longer, that nobody types: a game, a call.
const REAL_TIME_PACKETS_PER_S: f64 = 1.0;
const REAL_TIME_S: f64 = 300.0;

/// The fact that every program with a protocol of its own has against it.
const PORT_UNUSUAL: &str = "port-unusual";

/// Bytes of a short session, and how many times what came back, that are handed in: stolen files. Clients receive.
const HANDED_IN_BYTES: u64 = 100_000;
const HANDED_IN_RATIO: u64 = 10;

/// Share of the time from which on a session is looked at: a shell that somebody tries out. By itself it weighs nothing, and
/// so does its shape, because every short exchange on a port of its own has it.
const SHORTEST: f64 = 1.0 / 6.0;

/// Bytes a second, either way and all the time, that nobody types or reads: 25 kB are a dozen pages of text.
const BULK_BYTES_PER_S: f64 = 25_000.0;

/// Share of the bytes in one direction from which on nobody is asked anything: a download acknowledges, and no more.
const ONE_WAY: f64 = 0.99;

/// Bytes received from a web server, with hardly a request, that are a download: of a video, an image, a program.
const DOWNLOAD_BYTES: f64 = 300_000.0;

/// The control port of FTP, of which the data goes to any port of the same server.
const FTP: u16 = 21;

impl Detector for C2Session {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "c2-session",
        title: "Possible remote-control sessions",
        what_it_finds: "A session of ten seconds or longer that a program (or host) opened to one address \
            outside its network, where facts about the program or the destination make it suspicious: \
            reverse shells, Meterpreter and similar sessions, C2 inside a single connection. Also a session that an address outside opened \
            to a port here on which no service is known, as to a shell that waits for its user.",
        why_it_matters: "Interactive command and control needs no regular timing and no second \
            connection. Beacon detectors miss it, and a list of long connections is full of mail clients \
            and chat.",
        how_it_decides: "Established TCP connections that this side opened are grouped by program (or \
            local address), destination and port. Connections that overlap, or follow each other within \
            `max_pause_s`, are one session, because an implant may open a new connection for each poll. A \
            session counts if it left the network (to a public address, or to a private address of \
            another network), or if it went to a default port of attack tools inside the network. A \
            session of at least `min_duration_s` weighs 1, a session of at least half of that 0.5, and one \
            of at least a sixth counts by other facts alone: no \
            length separates the two, so a short session needs more evidence. An unusual port is not enough for a session \
            below `min_duration_s`, because messengers, VPNs and every other protocol of its own have such sessions, unless it sends 100 kB or \
            more and ten times what comes back, as a stealer does. Facts about \
            program and destination add or subtract their weights (path, masquerading name, shell; \
            unusual port; a missing or generated name, or one in a cheap top-level domain; a certificate that no \
            authority signed for the name that is asked for; a source that asks for its own public address; rarity; \
            known service, infrastructure). Many small \
            packets both ways, of at most `max_bytes_per_packet` bytes on average, add 0.5 on ports \
            without a registered service, from `min_duration_s` on. If there is more than one a second each way, on average over \
            five minutes or longer, they subtract 1 instead: that is a game or a call, and people who type or wait for answers pause. \
            Sessions of one source with `peer_to_peer_from` destinations or \
            more on unusual ports, or by address on web ports, subtract 1.5: peer-to-peer programs, and messengers and calls \
            with a list of relays. So do sessions of a kind that ten sources or more have, a third of all in the capture, if they have \
            half as many destinations or more: what is common in a network says little, and bots share a few servers. An average of 25 kB a second or more (a dozen pages of text) subtracts 1, and \
            2 if 99 % of the bytes go one way: that is a transfer or a stream. Slower downloads over HTTP (300 kB or \
            more received, 99 % of all bytes) subtract 1. FTP data connections (to a server that is also contacted on port \
            21) are ignored. An inbound session from a public address counts if it has the shape of an interactive one, its payload is of no known \
            protocol, its port is below 32768 (or a default of attack tools) without a registered service, and no other public address uses \
            that port: that adds 0.5, and the port 1, or 2 if it is a default of attack tools. Nothing below medium is reported; `long-connection` lists \
            long sessions as such.",
        false_positives: "SSH, remote support and VPN sessions on unusual ports, games, voice calls, \
            peer-to-peer clients, software that contacts its server by IP address.",
        evidence: "Duration and `min_duration_s`, number of connections with pauses up to `max_pause_s`, \
            bytes and packets each way, every fact with its weight, and the connections.",
        source: "netrec's evidence model (the same fact has the same weight in every detector). Shape of \
            interactive traffic: Y. Zhang, V. Paxson, Detecting Stepping Stones and Detecting Backdoors, \
            USENIX Security 2000. ATT&CK T1071, T1095, T1571.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Session,
        attack: &["T1071", "T1095"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        positive(&[("min_duration_s", config.min_duration_s)])?;
        not_negative(&[("max_pause_s", config.max_pause_s)])?;
        if config.peer_to_peer_from < 2 {
            return Err("peer_to_peer_from must be at least 2".to_owned());
        }
        positive(&[("max_bytes_per_packet", config.max_bytes_per_packet)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let is_client = |peer: &PeerId| peer.side == Side::Client && peer.protocol == Protocol::Tcp;
    let leaves = |socket: &Socket<'_>| {
        scene.surroundings.leaves_network(socket) || destination::is_attack_tool_port_inside(socket)
    };
    let of_ftp = scene.by_peer(|peer, _| is_client(peer) && peer.port == FTP, leaves);
    let ftp_servers: BTreeSet<(Source<'_>, &str)> =
        of_ftp.map(|(peer, _)| (peer.source, peer.remote_addr)).collect();
    let is_ftp_data = |peer: &Peer<'_>| {
        !is_usual_port(peer.protocol, peer.port) && ftp_servers.contains(&(peer.source, peer.remote_addr))
    };
    let sessions = scene
        .by_peer(|peer, _| is_client(peer), leaves)
        .filter(|(peer, rows)| is_session(scene.sockets.subset(rows), config) && !is_ftp_data(peer));
    let mut crowds = Crowds::default();
    let mut suspicious = Vec::new();
    for (peer, rows) in sessions {
        let members = scene.sockets.subset(&rows);
        crowds.add(&peer, members);
        let mut appraisal = scene.appraise(members);
        let longest = longest_s(members, config);
        appraisal.extend(shape(&peer, members, longest, config).filter(|_| longest >= config.min_duration_s));
        appraisal.extend(bulk(members, longest));
        // That others are like it only lowers it.
        if is_reported(&appraisal, members, config) {
            suspicious.push((peer, rows, appraisal));
        }
    }
    let mut findings = Vec::new();
    for (peer, rows, appraisal) in inbound::find(scene, config) {
        let members = scene.sockets.subset(&rows);
        if is_reported(&appraisal, members, config) {
            findings.push(finding(&peer, members, &appraisal, config));
        }
    }
    for (peer, rows, mut appraisal) in suspicious {
        let members = scene.sockets.subset(&rows);
        appraisal.extend(crowds.like_others(&peer, members, scene, config));
        if is_reported(&appraisal, members, config) {
            findings.push(finding(&peer, members, &appraisal, config));
        }
    }
    findings
}

fn is_reported(appraisal: &Appraisal, members: SocketSubset<'_, '_>, config: &Thresholds) -> bool {
    appraisal.severity(weight(members, appraisal, config)) >= Severity::Medium
}

fn is_session(members: SocketSubset<'_, '_>, config: &Thresholds) -> bool {
    members.iter().any(|socket| socket.was_established())
        && longest_s(members, config) >= SHORTEST * config.min_duration_s
}

/// What a session weighs by itself.
fn weight(members: SocketSubset<'_, '_>, appraisal: &Appraisal, config: &Thresholds) -> f64 {
    let has_more_than_a_port =
        || appraisal.raising().any(|factor| factor.id != PORT_UNUSUAL) || is_handed_in(members);
    match longest_s(members, config) / config.min_duration_s {
        share if share >= 1.0 => SESSION,
        share if share >= 0.5 && has_more_than_a_port() => SHORT_SESSION,
        _ => 0.0,
    }
}

/// Whether much more was sent than received.
fn is_handed_in(members: SocketSubset<'_, '_>) -> bool {
    let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
        members.iter().filter_map(|socket| field(&socket)).fold(0, u64::saturating_add)
    };
    let (sent, received) = (sum(|socket| socket.bytes_sent), sum(|socket| socket.bytes_received));
    sent >= HANDED_IN_BYTES && sent >= received.saturating_mul(HANDED_IN_RATIO)
}

/// The longest time without a pause in which established connections overlap or follow each other.
fn longest_s(members: SocketSubset<'_, '_>, config: &Thresholds) -> f64 {
    let pause_us = (config.max_pause_s * 1e6) as i64;
    let mut longest = 0;
    let mut session: Option<(i64, i64)> = None;
    for socket in members.iter().filter(Socket::was_established) {
        session = match session {
            Some((first, last)) if socket.first_seen_us.saturating_sub(last) <= pause_us => {
                Some((first, last.max(socket.last_seen_us)))
            }
            _ => Some((socket.first_seen_us, socket.last_seen_us)),
        };
        longest = session.map_or(longest, |(first, last)| longest.max(last.saturating_sub(first)));
    }
    longest as f64 / 1e6
}

/// Small packets both ways, as when one end sends commands and the other answers, or without a pause, as in a game.
fn shape(
    peer: &Peer<'_>,
    members: SocketSubset<'_, '_>,
    longest_s: f64,
    config: &Thresholds,
) -> Option<Factor> {
    // Requests and acknowledgements of a web session have the same shape.
    if services::name(peer.protocol, peer.port).is_some() {
        return None;
    }
    let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
        members.iter().map(|socket| field(&socket)).sum::<Option<u64>>()
    };
    let (bytes_sent, sent) = (sum(|socket| socket.bytes_sent)?, sum(|socket| socket.packets_sent)?);
    let (bytes_received, received) =
        (sum(|socket| socket.bytes_received)?, sum(|socket| socket.packets_received)?);
    // A shell that waits here answers with whatever was asked for, and what is typed comes in.
    let (packets, bytes, other, ways) = match peer.side {
        Side::Client => (sent, bytes_sent, received, ["sent", "received"]),
        Side::Server => (received, bytes_received, sent, ["received", "sent"]),
    };
    let mean = bytes as f64 / packets.max(1) as f64;
    let is_interactive = sent >= 20 && received >= 20 && bytes > 0 && mean <= config.max_bytes_per_packet;
    is_interactive.then(|| {
        let packets = format!(
            "{} packets {}, averaging {}, and {} {}",
            humanize::count(packets),
            ways[0],
            words::bytes(mean),
            humanize::count(other),
            ways[1]
        );
        if longest_s >= REAL_TIME_S && sent.min(received) as f64 >= REAL_TIME_PACKETS_PER_S * longest_s {
            let says =
                format!("{packets}: more than one a second each way without a pause, as in a game or a call");
            return Factor::new("session-real-time", -1.0, says);
        }
        Factor::new("session-interactive", 0.5, packets)
    })
}

/// Bytes sent and received, as far as they were counted.
fn volumes(members: SocketSubset<'_, '_>) -> (Option<f64>, Option<f64>) {
    let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
        members.iter().filter_map(|socket| field(&socket)).map(|bytes| bytes as f64).reduce(|a, b| a + b)
    };
    (sum(|socket| socket.bytes_sent), sum(|socket| socket.bytes_received))
}

/// More than anybody types or reads, all the time.
fn bulk(members: SocketSubset<'_, '_>, seconds: f64) -> Option<Factor> {
    let (sent, received) = volumes(members);
    let (sent, received) = (sent.unwrap_or(0.0), received.unwrap_or(0.0));
    let rate = sent.max(received) / seconds.max(1.0);
    let is_one_way = sent.max(received) >= ONE_WAY * (sent + received);
    if rate < BULK_BYTES_PER_S {
        // A stage of Meterpreter has the same shape, and is no HTTP.
        let is_http = members.iter().any(|socket| socket.app_protocol == Some("http"));
        let is_download = is_http && received >= DOWNLOAD_BYTES && received >= ONE_WAY * (sent + received);
        return is_download.then(|| {
            let says = format!(
                "it received {} and sent hardly anything, as a download does",
                words::bytes(received)
            );
            Factor::new("session-download", -1.0, says)
        });
    }
    let (weight, kind) = if is_one_way { (-2.0, "one way, ") } else { (-1.0, "") };
    let says = format!(
        "it carries {} a second all the time, {kind}as a transfer or a stream does",
        words::bytes(rate)
    );
    Some(Factor::new("session-bulk", weight, says))
}

fn title(peer: &Peer<'_>, to: &str, longest_s: f64) -> String {
    let (source, port, lasted) = (peer.source, peer.port, words::duration(longest_s));
    if peer.side == Side::Server {
        return format!("{source}: possible bind shell on port {port}, used by {to} for {lasted}");
    }
    format!("{source}: possible remote-control session with {to} port {port} for {lasted}")
}

fn finding(
    peer: &Peer<'_>,
    members: SocketSubset<'_, '_>,
    appraisal: &Appraisal,
    config: &Thresholds,
) -> Finding {
    let longest = longest_s(members, config);
    let (sent, received) = volumes(members);
    let amount = |bytes: Option<f64>| bytes.map_or_else(|| "unknown bytes".to_owned(), words::bytes);
    let connections = words::count(members.len(), "connection", "connections");
    let mut explanation = vec![format!(
        "{connections} in one session of {}; {} sent and {} received.",
        words::duration(longest),
        amount(sent),
        amount(received)
    )];
    explanation.extend(appraisal.sentences());
    let name = members.iter().find_map(|socket| socket.remote_name);
    let to =
        name.map_or_else(|| peer.remote_addr.to_owned(), |name| format!("{name} ({})", peer.remote_addr));
    let judgement = Judgement {
        severity: appraisal.severity(weight(members, appraisal, config)),
        confidence: Confidence::new(0.4 + 0.1 * appraisal.total()),
        title: title(peer, &to, longest),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec!["T1071", "T1095"],
        entities: members.entities(),
    };
    let mut measurements = vec![
        Measurement::new("longest session", longest, "s").against(SHORTEST * config.min_duration_s),
        Measurement::new("connections", members.len() as f64, "connections"),
    ];
    measurements.extend(sent.map(|bytes| Measurement::new("sent", bytes, "bytes")));
    measurements.extend(received.map(|bytes| Measurement::new("received", bytes, "bytes")));
    let weight = weight(members, appraisal, config) + appraisal.total();
    measurements.push(Measurement::new("weight of the evidence", weight, "").against(2.0));
    measurements
        .extend(appraisal.factors().iter().map(|factor| Measurement::new(factor.id, factor.weight, "")));
    Finding::new(&C2Session::ABOUT, judgement, members.evidence(measurements))
}
