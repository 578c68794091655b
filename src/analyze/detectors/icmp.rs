//! `icmp`: data hidden in the messages of ping.

use std::cell::LazyCell;

use ahash::AHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor};
use crate::analyze::peers::Side;
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::records::Scope;
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::Socket;

/// Tunnels through ICMP.
#[derive(Debug)]
pub struct Icmp;

/// Thresholds of `icmp`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest messages between two addresses, both ways together.
    pub min_messages: u32,
    /// Smallest mean message size in the larger direction, in bytes; those of ping have 64 with the header.
    pub min_message_bytes: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_messages: 20, min_message_bytes: 100.0 }
    }
}

/// What messages weigh that are larger than those of ping.
const LARGE: f64 = 1.0;

/// Bytes of large messages that leave the network from which on they carry something: a test of the
/// path MTU sends a handful, and a monitor that pings with large messages is inside.
const MUCH_BYTES: u64 = 500_000;

/// Messages of ping carry 32 bytes (Windows) or 56; what has less, whatever headers were counted, is no ping.
const TINY_BYTES: f64 = 32.0;

/// What tiny messages weigh that vary in size and go on several times a second: a shell that asks for orders.
const TINY: f64 = 1.0;

/// Messages a second and side from which on they are no ping, which sends one.
const FAST: f64 = 2.0;

/// Messages a second and side, and number of them, from which on pings across the border of the network are a flood: `ping -f`
/// sends a hundred, and nobody measures a host outside with it.
const FLOOD_PER_S: f64 = 50.0;
const FLOOD_MESSAGES: u64 = 1_000;

/// What a flood weighs.
const FLOOD: f64 = 2.0;

/// Share by which the two directions may differ in number and in bytes, and still be echoes.
const ECHO_TOLERANCE: f64 = 0.1;

impl Detector for Icmp {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "icmp",
        title: "ICMP tunnels and ping floods",
        what_it_finds: "ICMP messages between two addresses that carry more data than a ping does: \
            tunnels (icmptunnel, ptunnel, Hans) and remote shells over echo messages. Also pings that flood a host.",
        why_it_matters: "Most networks allow echo requests out, and few inspect their contents.",
        how_it_decides: "Messages and bytes between two addresses are summed over all their ICMP flows. \
            At least `min_messages` messages with a mean of at least `min_message_bytes` bytes in the \
            larger direction weigh 1. Ping sends 56 bytes of data on Linux, macOS and the BSDs and 32 on \
            Windows; traceroute and mtr send up to 64. With 8 bytes of ICMP header and 20 of IP header, \
            whichever of them a capture counts, that stays below 100. An echo reply repeats the data of \
            its request (RFC 792): if both sides sent, and their bytes or counts differ by more than a \
            tenth, these are not echoes, which adds 2. Ping sends messages of equal size: if both sides \
            sent and the bytes of a flow are not a multiple of its messages, the sizes vary, which adds \
            1. Smaller messages count too, without the 1 for their size, if about each has its reply, the \
            bytes of both directions differ by more than a tenth, and the sizes vary: a remote shell \
            sends little. Messages of less than 32 bytes, which no ping has, that vary in size and pass more than twice a second \
            both ways weigh 1: a shell that asks for orders (icmpsh asks five times a second, with nothing to say). Large messages that bring 500 kB or more out of the network add 1: a test of the path \
            MTU sends a handful. More than two messages per second and side add 0.5, because ping sends one. A thousand or more of equal size in one direction, 50 \
            a second or more, across the border of the network are a flood instead, which weighs 2: the system echoes whatever it is sent, so that \
            answers excuse nothing. Facts about \
            program and destination add or subtract their weights. Sweeps over many hosts are found by \
            `port-scan`. Messages between two addresses that also exchange at least as many UDP datagrams are ignored: \
            these are reports of closed ports, as calls cause when they end.",
        false_positives: "Pings of a chosen size, from monitoring or a path MTU test (they are echoed and \
            stay low); routers that report unreachable destinations to a busy host.",
        evidence: "Number of messages and `min_messages`, mean message size each way and \
            `min_message_bytes`, bytes each way, the rate, every fact with its weight, and the flows.",
        source: "RFC 792; D. Stødle, Ping Tunnel. ATT&CK T1095, T1498.001, T1572.",
        section: Section::Security,
        method: Method::Statistics,
        signal: Signal::Tunnel,
        attack: &["T1095", "T1498.001", "T1572"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_messages < 2 {
            return Err("min_messages must be at least 2".to_owned());
        }
        positive(&[("min_message_bytes", config.min_message_bytes)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let peers = scene.by_peer(
        |peer, _| peer.protocol == Protocol::Icmp,
        |socket| !matches!(socket.remote_scope, Some(Scope::Loopback | Scope::Multicast)),
    );
    let datagrams = LazyCell::new(|| datagrams(scene));
    peers
        .filter_map(|(peer, rows)| {
            let members = scene.sockets.subset(&rows);
            let leaves = members.iter().any(|socket| scene.surroundings.leaves_network(&socket));
            let comes_in = members.iter().any(|socket| socket.is_beyond_local_networks());
            let messages = Messages::new(peer.side, members, leaves || comes_in)?;
            if !messages.meet(config) {
                return None;
            }
            let exchanged = datagrams.get(&pair(peer.local_addr, peer.remote_addr));
            if exchanged.is_some_and(|exchanged| *exchanged >= messages.sent.0 + messages.received.0) {
                return None;
            }
            let mut appraisal = scene.appraise(members);
            appraisal.extend(messages.factors());
            appraisal.extend(messages.of_volume(config).filter(|_| leaves));
            Some(messages.finding(&peer.source.to_string(), peer.remote_addr, members, &appraisal, config))
        })
        .collect()
}

/// Two addresses, whichever of them is the local one.
fn pair<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    (one.min(other), one.max(other))
}

/// UDP datagrams between each two addresses.
fn datagrams<'a>(scene: &Scene<'a>) -> AHashMap<(&'a str, &'a str), u64> {
    let mut all = AHashMap::new();
    for socket in scene.sockets.iter().filter(|socket| socket.protocol == Protocol::Udp) {
        let Some((remote, _)) = socket.remote() else { continue };
        let number = socket
            .packets_sent
            .unwrap_or_default()
            .saturating_add(socket.packets_received.unwrap_or_default());
        let sum: &mut u64 = all.entry(pair(socket.local_addr, remote)).or_default();
        *sum = sum.saturating_add(number);
    }
    all
}

/// Whether two sums of echoes and their requests differ by more than losses explain.
fn differ(a: u64, b: u64) -> bool {
    a.abs_diff(b) as f64 > ECHO_TOLERANCE * a.max(b) as f64
}

/// The messages between two addresses, in sum.
struct Messages {
    sent: (u64, u64),
    received: (u64, u64),
    span_s: f64,
    /// The messages of each flow could all be of one size.
    are_of_one_size: bool,
    /// Whether the local end began it.
    side: Side,
    crosses_border: bool,
}

impl Messages {
    /// None where messages or bytes were not counted.
    fn new(side: Side, members: SocketSubset<'_, '_>, crosses_border: bool) -> Option<Self> {
        let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
            members.iter().map(|socket| field(&socket)).sum::<Option<u64>>()
        };
        let first = members.iter().map(|socket| socket.first_seen_us).min()?;
        let last = members.iter().map(|socket| socket.last_seen_us).max()?;
        Some(Self {
            sent: (sum(|s| s.packets_sent)?, sum(|s| s.bytes_sent)?),
            received: (sum(|s| s.packets_received)?, sum(|s| s.bytes_received)?),
            span_s: (last - first) as f64 / 1e6,
            side,
            crosses_border,
            are_of_one_size: members.iter().all(|socket| {
                let is_multiple = |bytes: Option<u64>, number: Option<u64>| {
                    bytes.zip(number).is_none_or(|(bytes, number)| number == 0 || bytes % number == 0)
                };
                is_multiple(socket.bytes_sent, socket.packets_sent)
                    && is_multiple(socket.bytes_received, socket.packets_received)
            }),
        })
    }

    fn mean_bytes((number, bytes): (u64, u64)) -> f64 {
        if number == 0 { 0.0 } else { bytes as f64 / number as f64 }
    }

    fn larger_bytes(&self) -> f64 {
        Self::mean_bytes(self.sent).max(Self::mean_bytes(self.received))
    }

    fn meet(&self, config: &Thresholds) -> bool {
        self.sent.0 + self.received.0 >= u64::from(config.min_messages)
            && (self.is_large(config)
                || self.are_false_replies()
                || self.are_tiny_and_vary()
                || self.are_a_flood())
    }

    /// Pings as fast as they can be sent.
    fn are_a_flood(&self) -> bool {
        self.crosses_border
            && self.are_of_one_size
            && !self.are_false_replies()
            && self.sent.0.max(self.received.0) >= FLOOD_MESSAGES
            && self.rate() >= FLOOD_PER_S
    }

    fn is_large(&self, config: &Thresholds) -> bool {
        self.larger_bytes() >= config.min_message_bytes
    }

    /// What their size alone weighs.
    fn weight(&self, config: &Thresholds) -> f64 {
        match self.is_large(config) {
            _ if self.are_a_flood() => FLOOD,
            true => LARGE,
            false if self.are_tiny_and_vary() => TINY,
            false => 0.0,
        }
    }

    /// Smaller than any ping, of different sizes, both ways, and several a second.
    fn are_tiny_and_vary(&self) -> bool {
        let both_sent = self.sent.0 > 0 && self.received.0 > 0;
        let is_tiny = self.larger_bytes() < TINY_BYTES && self.sent.1 > 0 && self.received.1 > 0;
        both_sent && is_tiny && !self.are_of_one_size && self.rate() > FAST
    }

    /// About one reply for each request, but of other sizes: somebody writes his own.
    fn are_false_replies(&self) -> bool {
        let is_each_answered = !differ(self.sent.0, self.received.0);
        is_each_answered && differ(self.sent.1, self.received.1) && !self.are_of_one_size
    }

    /// Messages a second, of the side that sends more of them.
    fn rate(&self) -> f64 {
        self.sent.0.max(self.received.0) as f64 / self.span_s.max(1.0)
    }

    fn are_no_echoes(&self) -> bool {
        let both_sent = self.sent.0 > 0 && self.received.0 > 0;
        both_sent && (differ(self.sent.1, self.received.1) || differ(self.sent.0, self.received.0))
    }

    /// More than pings of a chosen size bring anywhere.
    fn of_volume(&self, config: &Thresholds) -> Option<Factor> {
        let bytes = self.sent.1;
        (self.is_large(config) && !self.are_a_flood() && bytes >= MUCH_BYTES).then(|| {
            let says =
                format!("its large messages brought {} out of the network", words::bytes(bytes as f64));
            Factor::new("icmp-volume", 1.0, says)
        })
    }

    fn factors(&self) -> Vec<Factor> {
        let mut factors = Vec::new();
        if self.are_no_echoes() && !self.are_a_flood() {
            let says = "the two directions differ, although an echo reply repeats its request";
            factors.push(Factor::new("icmp-no-echo", 2.0, says));
        }
        // An error that a router reports repeats the packet that it is about, of whatever size.
        if !self.are_of_one_size && self.sent.0 > 0 && self.received.0 > 0 {
            let says = "its messages vary in size, while those of ping are all equal";
            factors.push(Factor::new("icmp-sizes-vary", 1.0, says));
        }
        if self.rate() > FAST {
            let says = format!("{:.1} messages per second, where ping sends one", self.rate());
            factors.push(Factor::new("icmp-rate", 0.5, says));
        }
        factors
    }

    fn title(&self, source: &str, addr: &str) -> String {
        if self.are_a_flood() {
            let pings = words::number(self.sent.0.max(self.received.0) as usize);
            return match self.side {
                Side::Client => format!("{source} floods {addr} with {pings} pings"),
                Side::Server => format!("{addr} floods {source} with {pings} pings"),
            };
        }
        format!(
            "{source}: possible ICMP tunnel with {addr}, {} messages averaging up to {}",
            self.sent.0 + self.received.0,
            words::bytes(self.larger_bytes())
        )
    }

    fn finding(
        &self,
        source: &str,
        addr: &str,
        members: SocketSubset<'_, '_>,
        appraisal: &Appraisal,
        config: &Thresholds,
    ) -> Finding {
        let sum = self.weight(config) + appraisal.total();
        let mut explanation = vec![format!(
            "{} messages sent, averaging {}, and {} received, averaging {}, within {}. Messages of ping \
             have 64 bytes.",
            self.sent.0,
            words::bytes(Self::mean_bytes(self.sent)),
            self.received.0,
            words::bytes(Self::mean_bytes(self.received)),
            words::duration(self.span_s)
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(self.weight(config)).max(Severity::Info),
            confidence: Confidence::new(0.35 + 0.1 * sum),
            title: self.title(source, addr),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: if self.are_a_flood() { vec!["T1498.001"] } else { vec!["T1095", "T1572"] },
            entities: members.entities(),
        };
        let mut measurements = vec![
            Measurement::new("messages", (self.sent.0 + self.received.0) as f64, "messages")
                .against(f64::from(config.min_messages)),
            Measurement::new("mean message sent", Self::mean_bytes(self.sent), "bytes")
                .against(config.min_message_bytes),
            Measurement::new("mean message received", Self::mean_bytes(self.received), "bytes")
                .against(config.min_message_bytes),
            Measurement::new("rate", self.rate(), "messages/s"),
            Measurement::new("weight of the evidence", sum, "").against(2.0),
        ];
        measurements
            .extend(appraisal.factors().iter().map(|factor| Measurement::new(factor.id, factor.weight, "")));
        Finding::new(&Icmp::ABOUT, judgement, members.evidence(measurements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn, the_only};

    /// A flow of so many messages each way, of so many bytes in all.
    fn flow(sent: (u64, u64), received: (u64, u64)) -> Capture {
        let conn = Conn::to("203.0.113.5", 0).over(Protocol::Icmp).lasting(60.0);
        let mut capture = Capture::new(120);
        capture.add(conn.bytes(sent.1, received.1).packets_sent(sent.0).packets_received(received.0));
        capture
    }

    #[test]
    fn large_messages_that_are_no_echoes_are_a_tunnel() {
        let finding = the_only(flow((200, 90_000), (180, 20_000)).run::<Icmp>().findings);
        assert!(finding.judgement.severity >= Severity::Medium, "{:?}", finding.judgement);
        assert!(finding.judgement.title.starts_with("app: possible ICMP tunnel with 203.0.113.5"));
    }

    #[test]
    fn large_pings_that_are_echoed_are_low() {
        let finding = the_only(flow((60, 60 * 1_008), (60, 60 * 1_008)).run::<Icmp>().findings);
        assert_eq!(finding.judgement.severity, Severity::Low);
    }

    #[test]
    fn small_replies_that_do_not_repeat_their_requests_are_a_shell() {
        let finding = the_only(flow((400, 14_123), (395, 20_411)).run::<Icmp>().findings);
        assert_eq!(finding.judgement.severity, Severity::Medium);
    }

    #[test]
    fn tiny_messages_of_many_sizes_several_times_a_second_are_a_shell() {
        let finding = the_only(flow((300, 300 * 8 + 700), (300, 300 * 8 + 400)).run::<Icmp>().findings);
        assert_eq!(finding.judgement.severity, Severity::Medium);
        // Of one size, or once a second: somebody's ping.
        assert!(flow((300, 300 * 16), (300, 300 * 16)).run::<Icmp>().findings.is_empty());
        assert!(flow((60, 60 * 8 + 7), (60, 60 * 8 + 5)).run::<Icmp>().findings.is_empty());
    }

    #[test]
    fn large_echoes_that_bring_much_out_are_medium() {
        let finding = the_only(flow((800, 800 * 1_408), (800, 800 * 1_408)).run::<Icmp>().findings);
        assert_eq!(finding.judgement.severity, Severity::Medium);
    }

    #[test]
    fn pings_as_fast_as_they_can_be_sent_are_a_flood_answered_or_not() {
        for received in [6_000, 0] {
            let capture = flow((6_000, 6_000 * 64), (received, received * 64));
            let finding = the_only(capture.run::<Icmp>().findings);
            assert_eq!(finding.judgement.severity, Severity::Medium);
            assert_eq!(finding.judgement.title, "app floods 203.0.113.5 with 6,000 pings");
        }
        // Not as fast, or inside the network.
        assert!(flow((2_900, 2_900 * 64), (2_900, 2_900 * 64)).run::<Icmp>().findings.is_empty());
        let inside =
            Conn::to("192.168.1.7", 0).over(Protocol::Icmp).lasting(60.0).bytes(6_000 * 64, 6_000 * 64);
        let mut capture = Capture::new(120);
        capture.add(inside.packets_sent(6_000).packets_received(6_000));
        assert!(capture.run::<Icmp>().findings.is_empty());
    }

    #[test]
    fn reports_of_closed_ports_to_the_other_end_of_a_call_are_no_tunnel() {
        let mut capture = flow((4, 416), (30, 1_761));
        assert_eq!(capture.run::<Icmp>().findings.len(), 1);
        let call = Conn::to("203.0.113.5", 40_000).udp().lasting(50.0).bytes(90_000, 90_000);
        capture.add(call.packets_sent(500).packets_received(500));
        assert!(capture.run::<Icmp>().findings.is_empty());
    }

    #[test]
    fn ordinary_pings_and_a_few_large_ones_are_not_reported() {
        assert!(flow((400, 25_601), (395, 25_280)).run::<Icmp>().findings.is_empty());
        assert!(flow((600, 600 * 84), (590, 590 * 84)).run::<Icmp>().findings.is_empty());
        assert!(flow((5, 7_000), (5, 7_000)).run::<Icmp>().findings.is_empty());
    }

    #[test]
    fn two_messages_a_second_are_no_more_than_a_ping_that_is_in_a_hurry() {
        let says = |sent: u64| {
            let finding = the_only(flow((sent, sent * 1_008), (60, 60 * 1_008)).run::<Icmp>().findings);
            finding.judgement.explanation.contains("where ping sends one")
        };
        assert!(!says(120) && says(121));
    }

    #[test]
    fn differences_within_what_is_lost_on_the_way_are_none() {
        let says = |received: u64| {
            let finding =
                the_only(flow((1_000, 1_000_000), (received, received * 1_000)).run::<Icmp>().findings);
            finding.judgement.explanation.contains("the two directions differ")
        };
        let most = (ECHO_TOLERANCE * 1_000.0) as u64;
        assert!(!says(1_000) && !says(1_000 - most) && says(1_000 - most - 1));
    }
}
