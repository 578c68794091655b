//! `flood`: far more connections or datagrams to one destination than a client needs.

mod datagrams;
mod pairs;
#[cfg(test)]
mod tests;
mod unfinished;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::pairs::{Storm, What};
use crate::Result;
use crate::analyze::appraisal::Appraisal;
use crate::analyze::scene::{self, Scene};
use crate::analyze::words;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive, shares};
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
    /// Fewest requests that one client never finishes and that are open at the same time.
    pub min_unfinished: u32,
    /// Fewest datagrams without an answer to one destination.
    pub min_datagrams: u64,
    /// Smallest rate of these in the busiest minute, in datagrams per second.
    pub min_datagrams_per_s: f64,
    /// Largest share of them that may be answered, 0 to 1.
    pub max_answered_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_connections: 600,
            window_s: 60.0,
            min_unfinished: 100,
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

/// What requests that are never finished weigh wherever they come from: load tests and pools finish theirs.
const UNFINISHED: f64 = 2.0;

impl Detector for Flood {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "flood",
        title: "Floods and automated requests",
        what_it_finds: "One client that opens connections to one service by the hundred per minute, holds \
            a hundred requests open without finishing them (Slowloris), or sends thousands of datagrams that \
            nobody answers; datagrams from many addresses that flood one host; and a service of this network \
            that answers with many times what it is sent, as in a reflected attack.",
        why_it_matters: "Bots attack others on behalf of whoever rents them; the traffic leaves from this \
            address. An inbound flood exhausts a service, or searches it for something to exploit.",
        how_it_decides: "Connections are counted by client, server and port. At least `min_connections` \
            within `window_s` count: HTTP clients keep at most six connections to a server and reuse them, \
            so no ordinary client opens ten a second. A request to a web server is unfinished if its \
            connection lasts 10 s or longer, the client sends something but at most 4 kB, and the server \
            answers with at most 1 kB: an error or nothing. `min_unfinished` of one client that are open at \
            the same time count, because Apache has 256 workers by default. Datagrams (UDP, ICMP) across the \
            border of the network count if at most `max_answered_share` of a flow's are answered, and none of \
            what comes from outside. There must be at least `min_datagrams` of them from one address to \
            another, or from 50 addresses or more to one host, and at least `min_datagrams_per_s` in the busiest \
            minute: calls, games, VPNs and file transfers over UDP are answered. 1,000 of them, ten a second, are enough if most are \
            answers of 50 services or more of the kinds that attackers use to amplify (NTP, LDAP, SSDP, memcached and others, but not DNS), \
            because nobody here asked. A service is a reflector if \
            one address outside sends it 1,000 requests or more over UDP on a port with large answers (DNS, \
            NTP, LDAP, SSDP, memcached and others), and all answers are ten times as large as the requests. \
            Connections to name servers are not counted, because many clients query \
            them. A flood that leaves the network weighs 2.5, one that comes from outside 2, one inside the network 0.5, \
            because load tests and clients without connection pools do the same there; unfinished requests \
            weigh at least 2. Facts about program and \
            destination add or subtract their weights.",
        false_positives: "Load tests of an external site, crawlers, clients that open a connection for \
            each request, a CDN or proxy in front of many visitors, one-way streams.",
        evidence: "The busiest window and `min_connections`, the requests open at the same time and \
            `min_unfinished`, or the datagrams and `min_datagrams`, their \
            rate and the share answered; the duration; the number of other hosts; and the connections.",
        source: "Connections of a client: RFC 9112, section 9.4, and the limits of browsers. Slow requests: E. Cambiaso \
            et al., Slow DoS Attacks, International Journal of Trust Management 2013. Amplification: C. Rossow, \
            Amplification Hell, NDSS 2014; CISA alert TA14-017A. ATT&CK T1498, T1499, T1595.002.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Abuse,
        attack: &["T1498.001", "T1498.002", "T1499.002", "T1595.002"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_connections < 10 || config.min_unfinished < 10 || config.min_datagrams < 10 {
            return Err("min_connections, min_unfinished and min_datagrams must be at least 10".to_owned());
        }
        positive(&[("window_s", config.window_s), ("min_datagrams_per_s", config.min_datagrams_per_s)])?;
        shares(&[("max_answered_share", config.max_answered_share)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| {
            let storms = pairs::find(scene, config);
            Ok(storms.iter().map(|storm| finding(storm, scene, config)).collect::<Vec<_>>().into())
        })
    }
}

fn finding(storm: &Storm<'_>, scene: &Scene<'_>, config: &Thresholds) -> Finding {
    let members = scene.sockets.subset(&storm.rows);
    // What the destination is says nothing about a client that comes from outside.
    let appraisal = if storm.leaves { scene.appraise(members) } else { Appraisal::default() };
    let mut explanation = vec![explanation(storm, config)];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(weight(storm)),
        confidence: Confidence::new(0.5 + 0.1 * (storm.most as f64 / storm.least(config)).min(4.0)),
        title: title(storm),
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: vec![technique(storm, scene)],
        entities: members.entities(),
    };
    let unit = match storm.what {
        What::Connections | What::Unfinished => "connections",
        What::Datagrams | What::Reflected | What::Amplified => "datagrams",
    };
    let remotes: BTreeSet<&str> =
        members.iter().filter_map(|socket| socket.remote()).map(|(addr, _)| addr).collect();
    let measurements = vec![
        Measurement::new("most", storm.most as f64, unit).against(storm.least(config)),
        Measurement::new("time span", storm.span_s, "s"),
        Measurement::new("share answered with data", storm.answered_share, ""),
        Measurement::new("hosts", remotes.len() as f64, "hosts"),
    ];
    Finding::new(&Flood::ABOUT, judgement, members.evidence(measurements))
}

fn weight(storm: &Storm<'_>) -> f64 {
    match (storm.leaves, storm.comes_in) {
        (true, _) => LEAVES,
        (_, true) => COMES_IN,
        _ if storm.what == What::Unfinished => UNFINISHED,
        _ => STAYS_INSIDE,
    }
}

fn technique(storm: &Storm<'_>, scene: &Scene<'_>) -> &'static str {
    match storm.what {
        What::Datagrams if !is_reflected(storm, scene) => "T1498.001",
        What::Datagrams | What::Reflected | What::Amplified => "T1498.002",
        What::Connections if storm.leaves => "T1498.001",
        What::Connections if storm.comes_in && storm.is_answered => "T1595.002",
        What::Connections | What::Unfinished => "T1499.002",
    }
}

/// Whether most datagrams of many addresses are answers of services that nobody here asked.
fn is_reflected(storm: &Storm<'_>, scene: &Scene<'_>) -> bool {
    let reflected = storm.rows.iter().filter(|row| {
        let remote = scene.sockets.get(**row).remote();
        storm.comes_in && remote.is_some_and(|(_, port)| datagrams::is_amplifier(port))
    });
    2 * reflected.count() > storm.rows.len()
}

fn title(storm: &Storm<'_>) -> String {
    let connections = || words::count(storm.rows.len(), "connection", "connections");
    let (client, server) = (&storm.client, storm.server);
    let port = storm.port.map_or_else(String::new, |port| format!(" port {port}"));
    match storm.what {
        What::Connections => format!("{client} opens {} to {server}{port}", connections()),
        What::Unfinished => format!(
            "{client} holds {} requests to {server}{port} open without finishing them",
            words::number(storm.most)
        ),
        What::Datagrams | What::Reflected => {
            let verb = if storm.client.ends_with(" addresses") { "send" } else { "sends" };
            format!("{client} {verb} {} datagrams to {server}{port}", words::number(storm.most))
        }
        What::Amplified => {
            format!(
                "{server} may amplify an attack on {client}: {} requests to{port}",
                words::number(storm.most)
            )
        }
    }
}

fn explanation(storm: &Storm<'_>, config: &Thresholds) -> String {
    let connections = words::count(storm.rows.len(), "connection", "connections");
    let span = words::duration(storm.span_s);
    match storm.what {
        What::Connections => format!(
            "{connections} over {span}, up to {} within {}; {:.0} % were answered with data.",
            words::number(storm.most),
            words::duration(config.window_s),
            100.0 * storm.answered_share
        ),
        What::Unfinished => format!(
            "{connections} over {span}, up to {} open at the same time. Each lasted 10 s or longer, sent little, and got an \
             error or nothing. A server has a limited number of workers, and each waits for the rest of a request.",
            words::number(storm.most)
        ),
        What::Datagrams | What::Reflected => format!(
            "{} datagrams in {} over {span}, {:.0} a second; {:.0} % of the flows were answered.",
            words::number(storm.most),
            words::count(storm.rows.len(), "flow", "flows"),
            storm.most as f64 / storm.span_s.max(1.0),
            100.0 * storm.answered_share
        ),
        What::Amplified => format!(
            "{} requests over {span}, with answers ten times as large or more. Source addresses of datagrams can be forged: \
             the answers may hit somebody who never asked. Restrict who may query the service.",
            words::number(storm.most)
        ),
    }
}
