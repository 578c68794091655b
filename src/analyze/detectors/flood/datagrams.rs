//! Datagrams by the thousand: those that nobody answers, and those whose answers go to somebody else.

use std::collections::BTreeSet;

use ahash::AHashSet;

use super::Thresholds;
use super::pairs::{Storm, What, storm};
use crate::analyze::scene::{Ends, Scene};
use crate::capture::Protocol;
use crate::model::groups::Groups;
use crate::model::records::TextId;
use crate::model::sockets::Socket;

/// The busiest time that is looked at, in seconds and µs.
const MINUTE_S: f64 = 60.0;
const MINUTE_US: i64 = 60_000_000;

/// Fewest sources of a flood that comes from many: a swarm, a game or a call has fewer that get no answer.
const FEWEST_SOURCES: usize = 50;

/// Services whose answers are many times as large as the requests (CISA, alert TA14-017A).
const AMPLIFIERS: [u16; 16] =
    [17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1900, 3283, 3702, 5353, 10_001, 11_211];

/// Fewest answers of such services that nobody asked for, and how many a second in the busiest minute. No client and no peer sends
/// them, so that fewer tell than of other datagrams.
pub(super) const FEWEST_REFLECTED: u64 = 1_000;
const REFLECTED_PER_S: f64 = 10.0;

/// Name servers answer so many clients that their answers alone, without the questions, are what a capture of one direction shows.
const NAME_SERVER: u16 = 53;

/// How many times as large, in all: a name server's answers to ordinary questions have up to five times their size.
const AMPLIFICATION: u64 = 10;

/// Fewest such requests of one address.
pub(super) const FEWEST_AMPLIFIED: usize = 1_000;

/// Whether services on a port have answers that are many times as large as the requests.
pub(super) fn is_amplifier(port: u16) -> bool {
    AMPLIFIERS.contains(&port)
}

/// A row of datagrams across the border of the network.
struct Sent {
    ends: Ends,
    comes_in: bool,
    protocol: Protocol,
    /// Datagrams and bytes of the originator, and of the responder.
    packets: (u64, u64),
    bytes: (u64, u64),
}

impl Sent {
    fn of(row: usize, scene: &Scene<'_>) -> Option<Self> {
        let socket = scene.sockets.get(row);
        let is_datagram = matches!(socket.protocol, Protocol::Udp | Protocol::Icmp);
        if !is_datagram || !socket.is_beyond_local_networks() {
            return None;
        }
        let is_here = scene.orientation.is_originator(&socket);
        let turned = |(sent, received)| if is_here { (sent, received) } else { (received, sent) };
        Some(Self {
            ends: scene.ends(row)?,
            comes_in: !is_here,
            protocol: socket.protocol,
            packets: turned((socket.packets_sent?, socket.packets_received?)),
            bytes: turned((socket.bytes_sent.unwrap_or_default(), socket.bytes_received.unwrap_or_default())),
        })
    }

    /// What comes from outside may be answered on a leg that is not seen, so that a single answer excuses it.
    fn is_unanswered(&self, config: &Thresholds) -> bool {
        let most = if self.comes_in { 0.0 } else { config.max_answered_share * self.packets.0 as f64 };
        self.packets.0 > 0 && self.packets.1 as f64 <= most
    }
}

/// Every flood of one client, of many clients against one host, and every client whose requests are amplified.
pub(super) fn find<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Storm<'a>> {
    let (mut by_pair, mut inbound, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..scene.sockets.len() {
        let Some(sent) = Sent::of(row, scene) else { continue };
        let (row, ends) = (row as u32, sent.ends);
        if sent.is_unanswered(config) {
            by_pair.push(((ends.client, ends.server), row));
            if sent.comes_in {
                inbound.push((ends.server, row));
            }
        } else if sent.comes_in && sent.protocol == Protocol::Udp && is_amplifier(ends.port) {
            asked.push((ends, row));
        }
    }
    let mut storms = Vec::new();
    let mut known: AHashSet<TextId> = AHashSet::new();
    for ((_, server), rows) in Groups::new(by_pair).iter() {
        let found = flood(rows, scene, config);
        known.extend(found.iter().filter(|storm| storm.comes_in).map(|_| server));
        storms.extend(found);
    }
    for (server, rows) in Groups::new(inbound).iter() {
        let clients: AHashSet<TextId> =
            rows.iter().filter_map(|row| scene.ends(*row as usize)).map(|ends| ends.client).collect();
        if clients.len() >= FEWEST_SOURCES && !known.contains(&server) {
            storms.extend(reflected(rows, scene).or_else(|| flood(rows, scene, config)));
        }
    }
    let amplified = Groups::new(asked);
    storms.extend(amplified.iter().filter_map(|(ends, rows)| amplification(ends, rows, scene)));
    storms
}

/// Answers of services that amplify, from many of them, which nobody here asked for.
fn reflected<'a>(rows: &[u32], scene: &Scene<'a>) -> Option<Storm<'a>> {
    let is_reflected = |row: &&u32| {
        let remote = scene.sockets.get(**row as usize).remote();
        remote.is_some_and(|(_, port)| is_amplifier(port) && port != NAME_SERVER)
    };
    let is_most = 2 * rows.iter().filter(is_reflected).count() > rows.len();
    is_most.then(|| many(What::Reflected, rows, scene, FEWEST_REFLECTED, REFLECTED_PER_S)).flatten()
}

/// Datagrams of any kind.
fn flood<'a>(rows: &[u32], scene: &Scene<'a>, config: &Thresholds) -> Option<Storm<'a>> {
    many(What::Datagrams, rows, scene, config.min_datagrams, config.min_datagrams_per_s)
}

/// Enough datagrams in all, and in the busiest minute.
fn many<'a>(what: What, rows: &[u32], scene: &Scene<'a>, least: u64, per_s: f64) -> Option<Storm<'a>> {
    let all: Vec<(i64, u64, f64)> = rows
        .iter()
        .filter_map(|row| {
            let sent = Sent::of(*row as usize, scene)?.packets.0;
            let socket = scene.sockets.get(*row as usize);
            Some((socket.first_seen_us, sent, in_a_minute(&socket, sent)))
        })
        .collect();
    let sum = all.iter().fold(0, |sum: u64, (_, sent, _)| sum.saturating_add(*sent));
    if sum < least || busiest_minute(&all) < MINUTE_S * per_s {
        return None;
    }
    let ports: BTreeSet<u16> =
        rows.iter().filter_map(|row| scene.ends(*row as usize)).map(|ends| ends.port).collect();
    let port = ports.first().copied().filter(|_| ports.len() == 1);
    storm(what, port, usize::try_from(sum).unwrap_or(usize::MAX), rows, scene)
}

/// The part of a flow's datagrams that falls into a minute.
fn in_a_minute(socket: &Socket<'_>, sent: u64) -> f64 {
    sent as f64 * (MINUTE_S / socket.duration_s.max(MINUTE_S))
}

/// Datagrams of the flows that begin within the busiest minute; flows in the order of time.
fn busiest_minute(flows: &[(i64, u64, f64)]) -> f64 {
    let (mut from, mut sum, mut most) = (0, 0.0, 0.0_f64);
    for (at_us, _, in_a_minute) in flows {
        sum += in_a_minute;
        while at_us - flows[from].0 > MINUTE_US {
            sum -= flows[from].2;
            from += 1;
        }
        most = most.max(sum);
    }
    most
}

/// Requests of one address, the answers to which are many times as large.
fn amplification<'a>(ends: Ends, rows: &[u32], scene: &Scene<'a>) -> Option<Storm<'a>> {
    let all = rows.iter().filter_map(|row| Sent::of(*row as usize, scene));
    let (packets, asked, answered) = all.fold((0_u64, 0_u64, 0_u64), |(packets, asked, answered), sent| {
        (
            packets.saturating_add(sent.packets.0),
            asked.saturating_add(sent.bytes.0),
            answered.saturating_add(sent.bytes.1),
        )
    });
    let is_much =
        packets >= FEWEST_AMPLIFIED as u64 && answered >= AMPLIFICATION.saturating_mul(asked.max(1));
    is_much.then(|| storm(What::Amplified, Some(ends.port), packets as usize, rows, scene)).flatten()
}
