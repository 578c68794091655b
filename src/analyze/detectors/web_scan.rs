//! `web-scan`: one client that tries the paths and parameters of a web server.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::{Appraisal, destination};
use crate::analyze::peers::{Peer, Side, is_by_any_clock, most_within};
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive, shares};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::section::Section;
use crate::model::sockets::Socket;
use crate::model::stats;

/// Scans of web servers.
#[derive(Debug)]
pub struct WebScan;

/// Thresholds of `web-scan`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest requests of one client to one server within `window_s`, each in a connection of its own.
    pub min_requests: u32,
    /// Width of the window, in seconds.
    pub window_s: f64,
    /// Fewest requests within a minute inside the network.
    pub min_requests_inside: u32,
    /// Smallest share of the answers that have nearly the same size, 0 to 1.
    pub min_alike_share: f64,
    /// Smallest spread of the sizes of the requests, in bytes, without the smallest and the largest tenth.
    pub min_spread_bytes: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_requests: 200,
            window_s: 600.0,
            min_requests_inside: 300,
            min_alike_share: 0.5,
            min_spread_bytes: 16.0,
        }
    }
}

/// Width of the window inside the network, µs.
const MINUTE_US: i64 = 60_000_000;

/// A request that is answered, and over.
const LONGEST_S: f64 = 10.0;
const MOST_REQUEST_BYTES: u64 = 4_096;

/// Share of the client's connections that must be such requests.
const MOSTLY: f64 = 0.8;

/// Answers are nearly the same if the largest is larger than the smallest by this factor at most: an error page repeats
/// the path that it does not find.
const ALIKE: f64 = 1.1;

/// Different sizes of requests without which nobody tries paths.
const FEWEST_SIZES: usize = 10;

/// What a scan weighs that comes from outside or is fast, and what one to a server outside does.
const SCANS: f64 = 2.0;
const SCANS_OUTSIDE: f64 = 1.0;

impl Detector for WebScan {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "web-scan",
        title: "Scans of web servers",
        what_it_finds: "One client that sends a web server hundreds of different requests that mostly get \
            the same answer: a search for paths, files and parameters (Nikto, dirb, gobuster, sqlmap, WPScan).",
        why_it_matters: "Whoever searches a web server wants a page that can be exploited or was not meant for \
            the public. The interesting request is the one with another answer.",
        how_it_decides: "Connections of one client to one web server count as requests if they are over within \
            10 s, carry data both ways, and the client sends at most 4 kB; at least four in five of the client's \
            connections to the server must be such requests. From outside, and to a server outside, at least \
            `min_requests` are needed within `window_s`; inside the network, where programs query each other all \
            day, `min_requests_inside` within a minute. At least `min_alike_share` of the answers must have nearly \
            the same size (within 10 %), because most paths do not exist, and the pages of a site differ. The \
            sizes of the requests must spread over at least `min_spread_bytes`, without the smallest and the \
            largest tenth, because paths differ in length: repeated guesses at a login and load tests hardly \
            differ. Requests on a clock are monitoring. Where names are known, nine in ten must go to one. A scan \
            from outside or inside weighs 2, one to a server outside 1; facts about program and destination add or \
            subtract their weights there.",
        false_positives: "Authorized vulnerability scanners, crawlers without persistent connections, many \
            visitors behind one proxy or CDN of which most revalidate cached files, programs that report events in \
            a connection each.",
        evidence: "Requests within the window and `min_requests` or `min_requests_inside`, the share of alike \
            answers and `min_alike_share`, the spread of the requests and `min_spread_bytes`, and the connections.",
        source: "Requests without a page (status 404) as the mark of scanners: OWASP Core Rule Set and Automated \
            Threats to Web Applications (OAT-014, vulnerability scanning). ATT&CK T1595.002, T1595.003.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Scan,
        attack: &["T1595.002", "T1595.003"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_requests < 20 || config.min_requests_inside < 20 {
            return Err("min_requests and min_requests_inside must be at least 20".to_owned());
        }
        shares(&[("min_alike_share", config.min_alike_share)])?;
        positive(&[("window_s", config.window_s), ("min_spread_bytes", config.min_spread_bytes)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| {
            let least = config.min_requests.min(config.min_requests_inside) as usize;
            let peers = scene.by_peer(
                |peer, number| {
                    peer.protocol == Protocol::Tcp && destination::is_web_port(peer.port) && number >= least
                },
                Socket::was_established,
            );
            let findings = peers.filter_map(|(peer, rows)| {
                let requests = Requests::of(&peer, &rows, scene)?;
                requests.meet(config).then(|| requests.finding(&peer, scene, config))
            });
            Ok(findings.collect::<Vec<_>>().into())
        })
    }
}

/// The requests of one client to one server.
struct Requests {
    rows: Vec<usize>,
    starts_us: Vec<i64>,
    /// Share of the answers in the largest group of nearly the same size.
    alike: f64,
    /// About what such an answer has, in bytes.
    alike_bytes: f64,
    spread_bytes: f64,
    sizes: usize,
    is_inside: bool,
    is_of_one_name: bool,
}

impl Requests {
    /// None if too much of what the client does there is something else.
    fn of(peer: &Peer<'_>, rows: &[usize], scene: &Scene<'_>) -> Option<Self> {
        let sockets = &scene.sockets;
        let bytes = |row: usize| {
            let socket = sockets.get(row);
            let (sent, received) = socket.bytes_sent.zip(socket.bytes_received)?;
            Some(if peer.side == Side::Client { (sent, received) } else { (received, sent) })
        };
        let is_request = |row: &usize| {
            let socket = sockets.get(*row);
            let has_both = bytes(*row)
                .is_some_and(|(asked, answered)| (1..=MOST_REQUEST_BYTES).contains(&asked) && answered > 0);
            has_both && socket.opened_in_recording && socket.duration_s <= LONGEST_S
        };
        let requests: Vec<usize> = rows.iter().copied().filter(is_request).collect();
        if requests.is_empty() || (requests.len() as f64) < MOSTLY * rows.len() as f64 {
            return None;
        }
        let both: Vec<(u64, u64)> = requests.iter().filter_map(|row| bytes(*row)).collect();
        let asked = stats::sorted(both.iter().map(|(asked, _)| *asked as f64));
        let answered = stats::sorted(both.iter().map(|(_, answered)| *answered as f64));
        let (alike, alike_bytes) = largest_group(&answered);
        let tenth = asked.len() / 10;
        let sizes: BTreeSet<u64> = both.iter().map(|(asked, _)| *asked).collect();
        let first = sockets.get(*requests.first()?);
        let is_outside = first.is_beyond_local_networks() || scene.surroundings.is_foreign(&first);
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for name in requests.iter().filter_map(|row| sockets.get(*row).remote_name) {
            *names.entry(name).or_default() += 1;
        }
        let with_name: usize = names.values().sum();
        Some(Self {
            starts_us: requests.iter().map(|row| sockets.first_seen_us(*row)).collect(),
            alike: alike as f64 / both.len() as f64,
            alike_bytes,
            spread_bytes: asked[asked.len() - 1 - tenth] - asked[tenth],
            sizes: sizes.len(),
            is_inside: !is_outside,
            is_of_one_name: names.values().max().is_none_or(|most| *most * 10 >= with_name * 9),
            rows: requests,
        })
    }

    fn most(&self, config: &Thresholds) -> usize {
        let width_us = if self.is_inside { MINUTE_US } else { (config.window_s * 1e6) as i64 };
        most_within(&self.starts_us, width_us)
    }

    fn least(&self, config: &Thresholds) -> u32 {
        if self.is_inside { config.min_requests_inside } else { config.min_requests }
    }

    fn meet(&self, config: &Thresholds) -> bool {
        self.most(config) >= self.least(config) as usize
            && self.alike >= config.min_alike_share
            && self.spread_bytes >= config.min_spread_bytes
            && self.sizes >= FEWEST_SIZES
            && self.is_of_one_name
            && !is_by_any_clock(&self.starts_us)
    }

    fn finding(&self, peer: &Peer<'_>, scene: &Scene<'_>, config: &Thresholds) -> Finding {
        let members = scene.sockets.subset(&self.rows);
        let leaves = peer.side == Side::Client && !self.is_inside;
        let appraisal = if leaves { scene.appraise(members) } else { Appraisal::default() };
        let (client, server) = peer.client_and_server();
        let who = if peer.side == Side::Client { peer.source.to_string() } else { client.to_owned() };
        let (most, least) = (self.most(config), self.least(config));
        let width_s = if self.is_inside { MINUTE_US as f64 / 1e6 } else { config.window_s };
        let requests = words::count(self.rows.len(), "request", "requests");
        let mut explanation = vec![format!(
            "{requests}, each in a connection of its own, up to {} within {}. {:.0} % of the answers have about {}, as the \
             page of an error has; look for the others in the log of the server. The requests have {} different sizes.",
            words::number(most),
            words::duration(width_s),
            100.0 * self.alike,
            words::bytes(self.alike_bytes),
            words::number(self.sizes),
        )];
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(if leaves { SCANS_OUTSIDE } else { SCANS }),
            confidence: Confidence::new(0.4 + 0.1 * (most as f64 / f64::from(least)).min(4.0)),
            title: format!("{who} scans the web server {server} port {}: {requests}", peer.port),
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: vec!["T1595.002", "T1595.003"],
            entities: members.entities(),
        };
        let measurements = vec![
            Measurement::new("requests within the window", most as f64, "requests").against(f64::from(least)),
            Measurement::new("share of alike answers", self.alike, "").against(config.min_alike_share),
            Measurement::new("spread of the requests", self.spread_bytes, "bytes")
                .against(config.min_spread_bytes),
            Measurement::new("requests", self.rows.len() as f64, "requests"),
        ];
        Finding::new(&WebScan::ABOUT, judgement, members.evidence(measurements))
    }
}

/// How many of some sorted sizes are nearly the same, and about which size.
fn largest_group(sizes: &[f64]) -> (usize, f64) {
    let (mut from, mut largest) = (0, (0, 0.0));
    for (at, size) in sizes.iter().enumerate() {
        while *size > ALIKE * sizes[from] {
            from += 1;
        }
        let number = at - from + 1;
        if number > largest.0 {
            largest = (number, sizes[usize::midpoint(from, at)]);
        }
    }
    largest
}
