//! Tickets by the dozen: one for each account that has a service, to guess its password offline (Kerberoasting).

use super::BruteForce;
use crate::analyze::peers::{Peer, Side, most_within};
use crate::analyze::scene::{ByPeer, Scene};
use crate::analyze::words;
use crate::model::detector::Detector;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::sockets::Socket;

const KERBEROS: u16 = 88;

/// Fewest tickets of one client within a minute. Who logs on gets ten or so; a directory has dozens of services.
const LEAST: usize = 50;
const MINUTE_US: i64 = 60_000_000;

/// Bytes from which on an exchange is one of a ticket: the request has the client's own ticket in it, and the answer another.
/// An error has a third of it.
const TICKET_BYTES: u64 = 1_000;

/// Every client that requests so many.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let brought_a_ticket = |socket: &Socket<'_>| {
        let is_large = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes >= TICKET_BYTES);
        is_large(socket.bytes_sent) && is_large(socket.bytes_received) && !socket.is_beyond_local_networks()
    };
    let peers: Vec<ByPeer<'_>> = scene
        .by_peer(
            |peer, number| peer.port == KERBEROS && peer.side == Side::Client && number >= LEAST,
            brought_a_ticket,
        )
        .collect();
    peers.iter().filter_map(|(peer, rows)| finding(peer, rows, scene)).collect()
}

fn finding(peer: &Peer<'_>, rows: &[usize], scene: &Scene<'_>) -> Option<Finding> {
    let starts: Vec<i64> = rows.iter().map(|row| scene.sockets.first_seen_us(*row)).collect();
    let most = most_within(&starts, MINUTE_US);
    if most < LEAST {
        return None;
    }
    let members = scene.sockets.subset(rows);
    let judgement = Judgement {
        severity: Severity::Medium,
        confidence: Confidence::new(0.5 + 0.1 * (most as f64 / LEAST as f64).min(3.0)),
        title: format!(
            "{} requested {} Kerberos tickets from {}, {} of them within a minute",
            peer.source,
            words::number(rows.len()),
            peer.remote_addr,
            words::number(most)
        ),
        explanation: format!(
            "{}, each with a request and an answer of 1 kB or more, as of tickets. Who logs on needs about ten. A ticket for \
             every account that has a service is requested to guess the passwords of these accounts offline (Kerberoasting).",
            words::count(rows.len(), "exchange", "exchanges")
        ),
        false_positives: String::new(),
        attack: vec!["T1558.003"],
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("tickets within a minute", most as f64, "tickets").against(LEAST as f64),
        Measurement::new("tickets", rows.len() as f64, "tickets"),
    ];
    Some(Finding::new(&BruteForce::ABOUT, judgement, members.evidence(measurements)))
}
