//! `geo`: talk with countries that nothing else on the host talks to.

mod places;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::places::{Lone, Whole};
use crate::Result;
use crate::analyze::words;
use crate::geo::country_name;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal, shares};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::records::Scope;
use crate::model::section::Section;
use crate::model::sockets::{Socket, Sockets};

/// How many countries a text lists before it only counts.
const LISTED: usize = 10;

/// Looks for countries that one process alone talks to.
#[derive(Debug)]
pub struct Geo;

/// Thresholds of `geo`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest connections to public addresses in known countries before shares are judged.
    pub min_connections: u32,
    /// Largest share of those connections that go to a country which is rare, 0 to 1.
    pub max_share: f64,
    /// Bytes sent to such a country that make a finding low instead of info, if more was sent
    /// than received.
    pub sent_bytes: u64,
    /// Most countries of one process that are reported separately; more become one finding.
    pub max_separate: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_connections: 20, max_share: 0.05, sent_bytes: 1_000_000, max_separate: 3 }
    }
}

impl Detector for Geo {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "geo",
        title: "Countries that only one process contacts",
        what_it_finds: "Countries that a single process connects to, that nothing else on the host \
            contacts, and that account for few of the host's connections.",
        why_it_matters: "A host usually talks to few countries. A process that is the only one to contact \
            another country deserves a look, together with other evidence about it.",
        how_it_decides: "Connections that this host opened to public addresses are counted by country, \
            according to the local databases; private addresses are never looked up. If there are at \
            least `min_connections` of them, by more than one process, a country is rare if at most \
            `max_share` of them go there and all belong to one process. This alone is info; it is low if \
            at least `sent_bytes` bytes were sent there, and more than were received. More than \
            `max_separate` countries of one process become one finding.",
        false_positives: "CDNs and mirrors answer from the nearest location; browsers and peer-to-peer \
            clients connect all over the world. An address may be registered in one country and located \
            in another.",
        evidence: "The country, its share of the connections and of the bytes, what was sent and received, and the connections.",
        source: "Share and sole use: netrec's own rule. Locations: the databases named in the report.",
        section: Section::Geography,
        method: Method::Behavior,
        signal: Signal::RarePlace,
        attack: &[],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_connections < 2 {
            return Err("min_connections must be at least 2".to_owned());
        }
        shares(&[("max_share", config.max_share)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        let public = || sockets.iter().filter(|socket| socket.remote_scope == Some(Scope::Public));
        if public().next().is_none() {
            return Ok(Outcome::Skipped("No connection of this capture has a public address.".to_owned()));
        }
        if public().all(|socket| socket.country_code.is_none()) {
            let reason = "The databases in use do not locate any public address of this capture.";
            return Ok(Outcome::Skipped(reason.to_owned()));
        }
        let whole = Whole::new(&sockets);
        let is_network = context.metadata.holds_many_hosts();
        let opener = if is_network { "internal hosts" } else { "this host" };
        let mut limits = vec![format!("Only connections opened by {opener} are compared.")];
        if !whole.is_comparable(config) {
            limits.push(format!(
                "Too few to compare: {} to {} in known countries, by {}; needs {}, by at least 2.",
                words::count(whole.connections, "connection", "connections"),
                "public addresses",
                if is_network {
                    words::count(whole.sources, "host", "hosts")
                } else {
                    words::count(whole.sources, "process", "processes")
                },
                config.min_connections,
            ));
        }
        let lone = places::lone(&sockets, &whole, config);
        let mut findings: Vec<Finding> =
            lone.iter().map(|lone| finding(&sockets, lone, &whole, config)).collect();
        findings
            .sort_by(|a, b| b.judgement.severity.cmp(&a.judgement.severity).then_with(|| a.id.cmp(&b.id)));
        Ok(Outcome::Ran(Output { findings, limits, ..Output::default() }))
    }
}

fn finding(sockets: &Sockets<'_>, lone: &Lone<'_>, whole: &Whole, config: &Thresholds) -> Finding {
    let members = sockets.subset(&lone.rows);
    let sends = lone.sent >= config.sent_bytes && lone.sent > lone.received;
    let names: Vec<&str> = lone.countries.iter().map(|code| country_name(code).unwrap_or(code)).collect();
    let countries = words::first_of(&names, LISTED);
    let is_counted =
        members.iter().any(|socket: Socket<'_>| socket.bytes_sent.or(socket.bytes_received).is_some());
    let volume = if is_counted {
        format!("{} sent, {} received.", words::bytes(lone.sent as f64), words::bytes(lone.received as f64))
    } else {
        "Their bytes are unknown.".to_owned()
    };
    let judgement = Judgement {
        severity: if sends { Severity::Low } else { Severity::Info },
        confidence: Confidence::new(0.4),
        title: match lone.countries[..] {
            [country] => {
                format!("Only {} contacted {}", lone.source, country_name(country).unwrap_or(country))
            }
            _ => format!("Only {} contacted {} countries", lone.source, lone.countries.len()),
        },
        explanation: format!(
            "{} of the {} connections to public addresses go to {countries}, all by {}. {volume}",
            members.len(),
            whole.connections,
            lone.source,
        ),
        false_positives: String::new(),
        attack: Vec::new(),
        entities: members.entities(),
    };
    let mut measurements = vec![
        Measurement::new("largest share of connections of a country", lone.largest_share, "")
            .against(config.max_share),
    ];
    if is_counted {
        let bytes_share = (lone.sent + lone.received) as f64 / whole.bytes.max(1) as f64;
        measurements.extend([
            Measurement::new("share of bytes", bytes_share, ""),
            Measurement::new("bytes sent", lone.sent as f64, "bytes").against(config.sent_bytes as f64),
            Measurement::new("bytes received", lone.received as f64, "bytes"),
        ]);
    }
    measurements.push(Measurement::new("countries", lone.countries.len() as f64, "countries"));
    Finding::new(&Geo::ABOUT, judgement, members.evidence(measurements))
}
