//! `flood`: far more connections or datagrams to one destination than a client needs.

mod pairs;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::pairs::{Storm, What};
use crate::Result;
use crate::analyze::appraisal::Appraisal;
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::section::Section;

/// Floods, and requests by the thousand.
#[derive(Debug)]
pub struct Flood;

/// Thresholds of `flood`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest connections of one client to one service within `window_s`.
    pub min_connections: u32,
    /// Width of the window, in seconds.
    pub window_s: f64,
    /// Fewest datagrams that one socket sends to one destination.
    pub min_datagrams: u64,
    /// Smallest mean rate of these, in datagrams per second.
    pub min_datagrams_per_s: f64,
    /// Largest share of them that may be answered, 0 to 1.
    pub max_answered_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_connections: 600,
            window_s: 60.0,
            min_datagrams: 5_000,
            min_datagrams_per_s: 50.0,
            max_answered_share: 0.01,
        }
    }
}

/// What a flood that leaves the network weighs, what one that comes from outside, and what one inside.
const LEAVES: f64 = 2.5;
const COMES_IN: f64 = 2.0;
const STAYS_INSIDE: f64 = 0.5;

impl Detector for Flood {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "flood",
        title: "Floods and automated requests",
        what_it_finds: "One client that opens connections to one service by the hundred per minute, or \
            sends thousands of datagrams that nobody answers: participation in a denial-of-service attack, \
            an attack on a service of this network, a scanner that tries thousands of paths of a web \
            server.",
        why_it_matters: "Bots attack others on behalf of whoever rents them; the traffic leaves from this \
            address. An inbound flood exhausts a service, or searches it for something to exploit.",
        how_it_decides: "Connections are counted by client, server and port. At least `min_connections` \
            within `window_s` count: HTTP clients keep at most six connections to a server and reuse them, \
            so no ordinary client opens ten a second. Datagrams (UDP, ICMP) count for each socket from `min_datagrams` on, at `min_datagrams_per_s` or more, if at most \
            `max_answered_share` of them are answered: calls, games, VPNs and file transfers over UDP are \
            answered. Connections to name and time servers are not counted, because many clients query \
            them. A flood that leaves the network weighs 2.5, one that comes from outside 2, one inside the network 0.5, \
            because load tests and clients without connection pools do the same there. Facts about program and \
            destination add or subtract their weights.",
        false_positives: "Load tests of an external site, crawlers, clients that open a connection for \
            each request, a CDN or proxy in front of many visitors, one-way streams.",
        evidence: "The busiest window and `min_connections`, or the datagrams and `min_datagrams`, their \
            rate and the share answered; the duration; and the connections.",
        source: "Connections of a client: RFC 9112, section 9.4, and the limits of browsers. ATT&CK T1498, T1499, T1595.002.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Abuse,
        attack: &["T1498.001", "T1499.002", "T1595.002"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_connections < 10 || config.min_datagrams < 10 {
            return Err("min_connections and min_datagrams must be at least 10".to_owned());
        }
        positive(&[("window_s", config.window_s), ("min_datagrams_per_s", config.min_datagrams_per_s)])?;
        if !(0.0..=1.0).contains(&config.max_answered_share) {
            return Err("max_answered_share must be between 0 and 1".to_owned());
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| {
            let storms = pairs::find(scene, config);
            Ok(storms.iter().map(|storm| finding(storm, scene, config)).collect::<Vec<_>>().into())
        })
    }
}

fn finding(storm: &Storm<'_>, scene: &Scene<'_>, config: &Thresholds) -> Finding {
    let members = scene.sockets.members(&storm.rows);
    let (weight, technique) = match (storm.leaves, storm.comes_in) {
        (true, _) => (LEAVES, "T1498.001"),
        (_, true) if storm.is_answered => (COMES_IN, "T1595.002"),
        (_, true) => (COMES_IN, "T1499.002"),
        _ => (STAYS_INSIDE, "T1499.002"),
    };
    // What the destination is says nothing about a client that comes from outside.
    let appraisal = if storm.leaves { scene.appraise(members) } else { Appraisal::default() };
    let seconds = storm.span_s.max(1.0);
    let (verb, amount, most) = match storm.what {
        What::Connections => (
            "opens",
            words::count(storm.rows.len(), "connection", "connections"),
            format!("up to {} within {}", words::number(storm.most), words::duration(config.window_s)),
        ),
        What::Datagrams => (
            "sends",
            format!("{} datagrams", words::number(storm.most)),
            format!("{:.0} a second", storm.most as f64 / seconds),
        ),
    };
    let port = storm.port.map_or_else(String::new, |port| format!(" port {port}"));
    let mut explanation = vec![format!(
        "{amount} over {}, {most}; {:.0} % were answered with data.",
        words::duration(storm.span_s),
        100.0 * storm.answered_share
    )];
    explanation.extend(appraisal.sentences());
    let severity = appraisal.severity(weight);
    let judgement = Judgement {
        severity,
        confidence: Confidence::new(0.5 + 0.1 * (storm.most as f64 / storm.least(config)).min(4.0)),
        title: format!("{} {verb} {amount} to {}{port}", storm.client, storm.server),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec![technique],
        entities: members.entities(),
    };
    let unit = if storm.what == What::Connections { "connections" } else { "datagrams" };
    let measurements = vec![
        Measurement::new("most", storm.most as f64, unit).against(storm.least(config)),
        Measurement::new("time span", storm.span_s, "s"),
        Measurement::new("share answered with data", storm.answered_share, ""),
    ];
    Finding::new(&Flood::ABOUT, judgement, members.evidence(measurements))
}
