//! `ransomware`: the files of a share, read and written again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::Factor;
use crate::analyze::peers::Side;
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive, shares};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::section::Section;
use crate::model::sockets::{Socket, Source};

/// Files that are rewritten over the network.
#[derive(Debug)]
pub struct Ransomware;

/// Thresholds of `ransomware`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest bytes that a client reads from one file server, and writes to it.
    pub min_bytes: u64,
    /// Smallest ratio of the smaller of the two to the larger, 0 to 1.
    pub min_balance: f64,
    /// Smallest mean rate each way, in bytes per second.
    pub min_bytes_per_s: f64,
    /// Longest session, in seconds.
    pub max_duration_s: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_bytes: 100_000_000, min_balance: 0.7, min_bytes_per_s: 500_000.0, max_duration_s: 7_200.0 }
    }
}

/// File sharing of Windows.
const FILE_SHARING: [u16; 2] = [139, 445];

/// What it weighs that the files of one server are rewritten, and of further ones.
const REWRITES: f64 = 2.0;
const ON_SEVERAL: f64 = 1.0;

impl Detector for Ransomware {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "ransomware",
        title: "Files rewritten over SMB",
        what_it_finds: "A client that reads a large amount from a file server over SMB and writes about as \
            much back in the same session, as ransomware does that encrypts a network share.",
        why_it_matters: "Ransomware on one workstation destroys the shared files of everybody. Whoever sees it in \
            the first minutes can still disconnect the host.",
        how_it_decides: "For each client and file server, the bytes of the SMB sessions that began in the capture and \
            lasted at most `max_duration_s` are summed: at least `min_bytes` each way, the smaller at least \
            `min_balance` of the larger, and at least `min_bytes_per_s` each way over the longest session. People mostly \
            read from file servers, backups mostly write to them, and virtual machines and databases on a \
            share keep their sessions open for days. That weighs 2, two or more servers within the capture add 1, and facts \
            about the program add their weights.",
        false_positives: "Somebody moves or converts files from one share of a server to another (video, archives), \
            a build whose sources and results are on a share, encryption that was decided on.",
        evidence: "Bytes each way and `min_bytes`, their balance and `min_balance`, the rate and \
            `min_bytes_per_s`, the duration and `max_duration_s`, and the connections.",
        source: "Reading and overwriting as the mark of ransomware: N. Scaife et al., CryptoLock (and Drop It), ICDCS \
            2016; on shares: D. Morato et al., Ransomware early detection by the analysis of file sharing traffic, \
            Journal of Network and Computer Applications 2018. ATT&CK T1486.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::FilesRewritten,
        attack: &["T1486"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_bytes == 0 {
            return Err("min_bytes must be greater than 0".to_owned());
        }
        shares(&[("min_balance", config.min_balance)])?;
        positive(&[("min_bytes_per_s", config.min_bytes_per_s), ("max_duration_s", config.max_duration_s)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let peers = scene.by_peer(
        |peer, _| {
            peer.side == Side::Client && peer.protocol == Protocol::Tcp && FILE_SHARING.contains(&peer.port)
        },
        |socket| {
            socket.opened_in_recording
                && socket.was_established()
                && socket.duration_s <= config.max_duration_s
        },
    );
    let mut sources: BTreeMap<(Source<'_>, &str), Vec<Rewritten<'_>>> = BTreeMap::new();
    for (peer, rows) in peers {
        let rewritten =
            Rewritten::of(peer.remote_addr, rows, scene).filter(|rewritten| rewritten.meets(config));
        sources.entry((peer.source, peer.local_addr)).or_default().extend(rewritten);
    }
    let found = sources.into_iter().filter(|(_, servers)| !servers.is_empty());
    found.map(|((source, _), servers)| finding(source, &servers, scene, config)).collect()
}

/// What a client read from one server and wrote to it.
struct Rewritten<'a> {
    server: &'a str,
    written: u64,
    read: u64,
    duration_s: f64,
    rows: Vec<usize>,
}

impl<'a> Rewritten<'a> {
    fn of(server: &'a str, rows: Vec<usize>, scene: &Scene<'_>) -> Option<Self> {
        let sockets: Vec<Socket<'_>> = rows.iter().map(|row| scene.sockets.get(*row)).collect();
        let sum = |field: fn(&Socket<'_>) -> Option<u64>| {
            sockets.iter().filter_map(field).reduce(u64::saturating_add)
        };
        Some(Self {
            server,
            written: sum(|socket| socket.bytes_sent)?,
            read: sum(|socket| socket.bytes_received)?,
            duration_s: sockets.iter().map(|socket| socket.duration_s).fold(1.0, f64::max),
            rows,
        })
    }

    fn smaller(&self) -> u64 {
        self.written.min(self.read)
    }

    fn balance(&self) -> f64 {
        self.smaller() as f64 / self.written.max(self.read).max(1) as f64
    }

    fn bytes_per_s(&self) -> f64 {
        self.smaller() as f64 / self.duration_s
    }

    fn meets(&self, config: &Thresholds) -> bool {
        self.smaller() >= config.min_bytes
            && self.balance() >= config.min_balance
            && self.bytes_per_s() >= config.min_bytes_per_s
    }
}

fn finding(source: Source<'_>, servers: &[Rewritten<'_>], scene: &Scene<'_>, config: &Thresholds) -> Finding {
    let mut rows: Vec<usize> = servers.iter().flat_map(|server| server.rows.iter().copied()).collect();
    rows.sort_unstable();
    let members = scene.sockets.subset(&rows);
    let mut appraisal = scene.appraise(members);
    appraisal.extend((servers.len() > 1).then(|| {
        let says = format!("it does so on {} servers", words::number(servers.len()));
        Factor::new("rewrites-several", ON_SEVERAL, says)
    }));
    let sum = |field: fn(&Rewritten<'_>) -> u64| servers.iter().map(field).fold(0, u64::saturating_add);
    let (read, written) = (sum(|server| server.read), sum(|server| server.written));
    let longest_s = servers.iter().map(|server| server.duration_s).fold(0.0, f64::max);
    let balance = servers.iter().map(Rewritten::balance).fold(1.0, f64::min);
    let rate = servers.iter().map(Rewritten::bytes_per_s).fold(f64::INFINITY, f64::min);
    let to = match servers {
        [only] => only.server.to_owned(),
        several => format!("{} servers", words::number(several.len())),
    };
    let mut explanation = vec![format!(
        "It read {} and wrote {} over SMB in sessions of up to {}. People mostly read, and backups mostly write.",
        words::bytes(read as f64),
        words::bytes(written as f64),
        words::duration(longest_s),
    )];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(REWRITES),
        confidence: Confidence::new(0.3 + 0.1 * (REWRITES + appraisal.total()) + 0.2 * balance),
        title: format!("{source} reads and rewrites {} on {to} over SMB", words::bytes(written as f64)),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec!["T1486"],
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("read", read as f64, "bytes").against(config.min_bytes as f64),
        Measurement::new("written", written as f64, "bytes").against(config.min_bytes as f64),
        Measurement::new("balance", balance, "").against(config.min_balance),
        Measurement::new("rate each way", rate, "bytes/s").against(config.min_bytes_per_s),
        Measurement::new("longest session", longest_s, "s").against(config.max_duration_s),
    ];
    Finding::new(&Ransomware::ABOUT, judgement, members.evidence(measurements))
}
