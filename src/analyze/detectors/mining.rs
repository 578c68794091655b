//! `mining`: cryptocurrency mining on somebody else's electricity.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor};
use crate::analyze::peers::{Peer, Side};
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::Float32Type;
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::view::Numbers;

/// Miners.
#[derive(Debug)]
pub struct Mining;

/// Thresholds of `mining`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Shortest duration of a connection to a pool, in seconds.
    pub min_duration_s: f64,
    /// Highest mean rate of a connection to a pool, each way, in bytes per second.
    pub max_bytes_per_s: f64,
    /// Most packets per second, both ways together, of a connection that only its port makes one to a pool.
    pub max_packets_per_s: f64,
    /// Smallest CPU use of a miner, in percent of one core.
    pub min_cpu_percent: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_duration_s: 120.0,
            max_bytes_per_s: 2_000.0,
            max_packets_per_s: 2.0,
            min_cpu_percent: 80.0,
        }
    }
}

/// Ports that mining pools publish for the Stratum protocol and that have no other common use: 4444 is also where
/// Metasploit's payloads call by default.
const POOL_PORTS: [u16; 15] = [
    3_333, 3_334, 3_355, 3_357, 5_555, 7_777, 9_999, 10_128, 10_343, 13_333, 14_433, 14_444, 20_128, 45_560,
    45_700,
];

/// The protocol of pools. A proxy inside the network speaks it as well, on behalf of many miners.
const STRATUM: &str = "stratum";

/// What the names of mining pools contain.
const POOL_WORDS: [&str; 18] = [
    "2miners",
    "antpool",
    "ethermine",
    "f2pool",
    "flypool",
    "hashvault",
    "herominers",
    "minexmr",
    "monero",
    "moneroocean",
    "nanopool",
    "nicehash",
    "poolin",
    "slushpool",
    "stratum",
    "supportxmr",
    "viabtc",
    "xmrpool",
];

/// Names that miners have.
const MINERS: [&str; 10] = [
    "xmrig", "xmr-stak", "minerd", "cpuminer", "ccminer", "ethminer", "t-rex", "nbminer", "lolminer",
    "kinsing",
];

impl Detector for Mining {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "mining",
        title: "Cryptocurrency mining",
        what_it_finds: "A long-lived connection with little traffic to a mining pool, recognized by the \
            pool's name or port, the protocol of its payload, the miner's program name, or the CPU use of the \
            process.",
        why_it_matters: "Miners are what automated break-ins leave behind most often. A miner costs \
            money, and it proves that someone else can run programs on the host.",
        how_it_decides: "Connections that this side opened, that stay open for at least `min_duration_s` \
            and that carry at most `max_bytes_per_s` each way may be Stratum. The name of a pool weighs \
            3, a payload that is Stratum 3, a port that pools publish 1.5, if the connection has at most \
            `max_packets_per_s` packets per second (a pool adjusts the difficulty so that a miner submits a share \
            every ten seconds or so, while games on such a port send several packets a second), a program with \
            the name of a miner 3, an owner that uses at \
            least `min_cpu_percent` of a core 1.5. Port 4444 does not count, because remote shells use it more often. Facts about program and destination add or subtract \
            their weights. Nothing is reported without a pool's name or port, Stratum, or a miner's program name; \
            inside the network, where many hosts may mine through one proxy, nothing without Stratum. TLS to a pool by its \
            address is a long thin session like that of a messenger or a push service, and stays with `long-connection` and `c2-session`.",
        false_positives: "Mining that the machine's owner wants; other software on a port that pools use.",
        evidence: "Duration and `min_duration_s`, bytes per second and `max_bytes_per_s`, CPU use and \
            `min_cpu_percent`, every fact with its weight, and the connections.",
        source: "Ports: published by the pools (nanopool, 2miners, supportxmr, nicehash, moneroocean). \
            Protocol: Stratum mining protocol. ATT&CK T1496.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Mining,
        attack: &["T1496"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        let all = [
            ("min_duration_s", config.min_duration_s),
            ("max_bytes_per_s", config.max_bytes_per_s),
            ("max_packets_per_s", config.max_packets_per_s),
            ("min_cpu_percent", config.min_cpu_percent),
        ];
        positive(&all)?;
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let cpu = Numbers::<Float32Type>::of(&context.tables.processes, "cpu_percent_mean")?;
        scene::detect(context, |scene| Ok(findings(scene, &cpu, config).into()))
    }
}

fn findings(scene: &Scene<'_>, cpu: &Numbers<'_, Float32Type>, config: &Thresholds) -> Vec<Finding> {
    let peers = scene.by_peer(
        |peer, _| peer.side == Side::Client && peer.protocol == Protocol::Tcp,
        |socket| scene.surroundings.leaves_network(socket) || socket.app_protocol == Some(STRATUM),
    );
    let mut findings = Vec::new();
    for (peer, rows) in peers {
        let (peer, members) = (&peer, scene.sockets.subset(&rows));
        let Some(channel) = Channel::new(members).filter(|channel| channel.is_thin(config)) else {
            continue;
        };
        let owner = members.iter().find_map(|socket| socket.process);
        let cpu_percent = owner.and_then(|row| cpu.get(row as usize)).map(f64::from);
        let mut signs = signs(peer, members, channel.is_slow(config));
        if signs.is_empty() {
            continue;
        }
        signs.extend(
            cpu_percent
                .filter(|cpu| *cpu >= config.min_cpu_percent)
                .map(|cpu| Factor::new("program-cpu", 1.5, format!("its owner uses {cpu:.0} % of a core"))),
        );
        let mut appraisal = scene.appraise(members);
        appraisal.extend(signs);
        findings.push(finding(peer, members, &channel, cpu_percent, &appraisal, config));
    }
    findings
}

/// The longest connection with a destination.
struct Channel {
    duration_s: f64,
    bytes_per_s: f64,
    /// Both ways together, where packets were counted.
    packet_rate: Option<f64>,
}

impl Channel {
    fn new(members: SocketSubset<'_, '_>) -> Option<Self> {
        let longest = members.iter().max_by(|a, b| a.duration_s.total_cmp(&b.duration_s))?;
        let bytes = longest
            .recorded_sent
            .or(longest.bytes_sent)?
            .max(longest.recorded_received.or(longest.bytes_received)?);
        let packets = longest.packets_sent.zip(longest.packets_received);
        let seconds = longest.duration_s.max(1.0);
        Some(Self {
            duration_s: longest.duration_s,
            bytes_per_s: bytes as f64 / seconds,
            packet_rate: packets.map(|(sent, received)| (sent as f64 + received as f64) / seconds),
        })
    }

    /// Messages are as rare as shares and jobs.
    fn is_slow(&self, config: &Thresholds) -> bool {
        self.packet_rate.is_none_or(|rate| rate <= config.max_packets_per_s)
    }

    fn is_thin(&self, config: &Thresholds) -> bool {
        self.duration_s >= config.min_duration_s && self.bytes_per_s <= config.max_bytes_per_s
    }
}

fn signs(peer: &Peer<'_>, members: SocketSubset<'_, '_>, is_slow: bool) -> Vec<Factor> {
    let mut signs = Vec::new();
    let names: BTreeSet<String> =
        members.iter().filter_map(|socket| socket.remote_name).map(str::to_ascii_lowercase).collect();
    if let Some(name) = names.iter().find(|name| POOL_WORDS.iter().any(|word| name.contains(word))) {
        signs.push(Factor::new("name-pool", 3.0, format!("{name} is the name of a mining pool")));
    }
    let program = members.iter().find_map(|socket| socket.process_name).map(str::to_ascii_lowercase);
    if let Some(program) = program.filter(|program| MINERS.iter().any(|miner| program.starts_with(miner))) {
        signs.push(Factor::new("program-miner", 3.0, format!("{program} is the name of a miner")));
    }
    if members.iter().any(|socket| socket.app_protocol == Some(STRATUM)) {
        signs.push(Factor::new(
            "payload-stratum",
            3.0,
            "its payload is Stratum, the protocol of mining pools",
        ));
    }
    if POOL_PORTS.contains(&peer.port) && is_slow {
        signs.push(Factor::new("port-pool", 1.5, format!("mining pools publish port {}", peer.port)));
    }
    signs
}

fn finding(
    peer: &Peer<'_>,
    members: SocketSubset<'_, '_>,
    channel: &Channel,
    cpu_percent: Option<f64>,
    appraisal: &Appraisal,
    config: &Thresholds,
) -> Finding {
    let name = members.iter().find_map(|socket| socket.remote_name);
    let pool =
        name.map_or_else(|| peer.remote_addr.to_owned(), |name| format!("{name} ({})", peer.remote_addr));
    let mut explanation = vec![format!(
        "The connection stayed open for {} and carried {} per second.",
        words::duration(channel.duration_s),
        words::bytes(channel.bytes_per_s)
    )];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(0.0).max(Severity::Low),
        confidence: Confidence::new(0.3 + 0.12 * appraisal.total()),
        title: format!("{}: possible cryptocurrency mining with {pool} port {}", peer.source, peer.port),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec!["T1496"],
        entities: members.entities(),
    };
    let mut measurements = vec![
        Measurement::new("longest connection", channel.duration_s, "s").against(config.min_duration_s),
        Measurement::new("rate", channel.bytes_per_s, "bytes/s").against(config.max_bytes_per_s),
    ];
    measurements.extend(
        cpu_percent.map(|cpu| Measurement::new("CPU of the owner", cpu, "%").against(config.min_cpu_percent)),
    );
    measurements
        .extend(appraisal.factors().iter().map(|factor| Measurement::new(factor.id, factor.weight, "")));
    Finding::new(&Mining::ABOUT, judgement, members.evidence(measurements))
}
