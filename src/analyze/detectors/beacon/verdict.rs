//! What is said of a periodic pair: how bad, how sure, and in which words.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::lists::{self, Crowds};
use super::pairs::Known;
use super::{Beacon, Thresholds};
use crate::analyze::appraisal::destination::MIN_SOURCES;
use crate::analyze::appraisal::{Appraisal, Factor};
use crate::analyze::scene::Scene;
use crate::analyze::words::{bytes, duration};
use crate::capture::Protocol;
use crate::model::detector::Detector;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::Source;

/// What a rhythm weighs by itself, see [`Appraisal::severity`].
const RHYTHM: f64 = 1.0;

/// Jitter, as a share of the period, that implants add on purpose; a timer alone varies less, and a
/// program without one more.
pub(super) const DELIBERATE_JITTER: std::ops::Range<f64> = 0.04..0.5;

/// What people start pauses with them, and nobody stays up this long. Less than a day, because the first and the last
/// check-in in a day's log are less than a day apart.
const ROUND_THE_CLOCK_S: f64 = 20.0 * 3600.0;

/// Check-ins from which on a rhythm is no accident of a few visits; a timer of a minute has them in less than two hours.
const MANY_CHECK_INS: usize = 100;

/// A program that needs its server more often than this keeps the connection open, in seconds.
const HASTY_S: f64 = 10.0;

/// Half of that weight up to this period, and all of it if there are many check-ins: servers keep an idle connection for 5 s
/// (Apache) to 75 s (nginx), and clients for longer (RFC 9112, section 9.5). Below 30 s, the usual interval of agents and health
/// checks, by more than such a period is measured inexactly.
const BRISK_S: f64 = 28.0;

/// Ports of mail submission, and that of FTP. A mail program looks for new mail on a timer, at other ports.
const REPORT_PORTS: [u16; 4] = [21, 25, 465, 587];

/// Longest period, in seconds, of a timer that hides in no job: keyloggers report every 10 or 20 minutes, jobs by the hour.
const REPORT_PERIOD_S: f64 = 1_800.0;

/// Addresses of one name, and /16 networks of these, from which on they are strewn: most names have a handful in one or two.
const STREWN_ADDRESSES: usize = 10;
const STREWN_NETWORKS: usize = 8;

/// Destinations on port 443 of known protocols from which on a capture shows that programs encrypt; a fourth of them may be on
/// port 80.
const MANY_ENCRYPTED: usize = 10;

/// Addresses without a name with which a source keeps connections open, from which on they are of a program that has
/// them built in; an implant has one open at a time.
const MANY_KEPT_OPEN: usize = 4;

/// Addresses without a name that a source checks on exact clocks, from which on it is a monitor; an implant has a server or two,
/// and one clock.
const MANY_CHECKED: usize = 4;

/// The finding for a pair that meets every threshold.
pub(super) fn finding<'a>(
    scene: &Scene<'a>,
    candidate: &Candidate<'a>,
    crowds: &Crowds<'a>,
    config: &Thresholds,
) -> Finding {
    let members = scene.sockets.subset(&candidate.series.rows);
    let appraisal = appraise(candidate, members, crowds, scene);
    let severity = appraisal.severity(RHYTHM);
    let judgement = Judgement {
        severity,
        confidence: confidence(candidate),
        title: title(candidate, &appraisal),
        explanation: explanation(candidate, &appraisal),
        false_positives: String::new(),
        attack: if severity >= Severity::Medium { attack(candidate, &appraisal) } else { Vec::new() },
        entities: members.entities(),
    };
    let measurements = measurements(candidate, &appraisal, config);
    Finding::new(&Beacon::ABOUT, judgement, members.evidence(measurements))
}

/// What is known of program and destination, and what the rhythm itself says.
fn appraise<'a>(
    candidate: &Candidate<'a>,
    members: SocketSubset<'_, 'a>,
    crowds: &Crowds<'a>,
    scene: &Scene<'a>,
) -> Appraisal {
    let mut appraisal = scene.appraise(members);
    let leaves = members.iter().any(|socket| scene.surroundings.leaves_network(&socket));
    appraisal.extend(of_rhythm(candidate, members, leaves, scene));
    // A port of its own is no more suspicious over UDP: VPNs, calls and games choose theirs.
    let is_udp = candidate.series.pair.protocol == Protocol::Udp;
    let is_raised = appraisal.raising().any(|factor| !(is_udp && factor.id == "port-unusual"));
    let crowd = crowds.kept_open(candidate);
    if candidate.series.known == Known::Inside && (!is_raised || crowd >= MANY_KEPT_OPEN) {
        let says = if crowd >= MANY_KEPT_OPEN {
            format!(
                "its source keeps connections to {crowd} addresses open like that, as messengers and games do"
            )
        } else {
            "programs send at intervals to keep a connection open".to_owned()
        };
        appraisal.extend([Factor::new("rhythm-keep-alive", -1.5, says)]);
    }
    let checked = crowds.checked(candidate, &scene.sockets);
    if checked >= MANY_CHECKED {
        let says = format!(
            "its source contacts {checked} addresses on exact clocks, each of which always answers, as a monitor does"
        );
        appraisal.extend([Factor::new("rhythm-check", -1.0, says)]);
    }
    appraisal
}

fn of_rhythm(
    candidate: &Candidate<'_>,
    members: SocketSubset<'_, '_>,
    leaves: bool,
    scene: &Scene<'_>,
) -> Vec<Factor> {
    let mut factors = Vec::new();
    if candidate.series.pair.is_inbound {
        factors.push(Factor::new(
            "rhythm-inbound",
            -1.5,
            "the connections are inbound, as from monitoring and health checks",
        ));
    }
    if candidate.is_back_to_back {
        factors.push(Factor::new(
            "rhythm-back-to-back",
            -2.5,
            "each connection lasts until about the next one begins: back-to-back work, not polling",
        ));
    }
    if candidate.series.known == Known::Inside || !leaves || candidate.is_back_to_back {
        return factors;
    }
    let jitter = candidate.jitter_s / candidate.period_s;
    if DELIBERATE_JITTER.contains(&jitter) && candidate.series.known == Known::ByEvents {
        let says = format!(
            "its gaps vary by {:.0} % around the period, like the deliberate jitter of implants",
            100.0 * jitter
        );
        factors.push(Factor::new("rhythm-jitter", 0.5, says));
    }
    let (starts, missed) = (candidate.series.starts_us.len(), candidate.missed as usize);
    if span_s(candidate) >= ROUND_THE_CLOCK_S && missed * 10 <= starts {
        let says = format!("it kept the same interval day and night, for {}", duration(span_s(candidate)));
        factors.push(Factor::new("rhythm-day-and-night", 0.5, says));
    }
    factors.extend(sustained(candidate, members, scene));
    factors.extend(lists::factor(candidate));
    factors.extend(in_clear(members, scene));
    factors.extend(reports(candidate));
    factors.extend(many_addresses(candidate, members));
    // Datagrams have no connection that could be kept open.
    if candidate.period_s < BRISK_S && candidate.series.pair.protocol == Protocol::Tcp {
        let weight = if candidate.period_s < HASTY_S || is_steady(candidate) { 1.0 } else { 0.5 };
        let says = format!(
            "it opens a new connection every {}, where ordinary clients keep one open",
            duration(candidate.period_s)
        );
        factors.push(Factor::new("rhythm-reconnects", weight, says));
    }
    factors
}

/// Many check-ins outside, with what an exact timer of a monitor or an update check lacks: jitter, or, at an address that
/// nothing names, that none of the other hosts goes there. Day and night say the same, and count once.
fn sustained(candidate: &Candidate<'_>, members: SocketSubset<'_, '_>, scene: &Scene<'_>) -> Option<Factor> {
    let pair = &candidate.series.pair;
    if !is_steady(candidate)
        || span_s(candidate) >= ROUND_THE_CLOCK_S
        || pair.protocol != Protocol::Tcp
        || pair.is_list
        || candidate.series.known != Known::ByEvents
    {
        return None;
    }
    let is_by_address =
        members.iter().all(|socket| socket.remote_name.is_none() && socket.is_beyond_local_networks());
    let is_jittered = DELIBERATE_JITTER.contains(&(candidate.jitter_s / candidate.period_s));
    // In a capture of few hosts, nobody can be asked.
    let is_rare = || {
        scene.surroundings.sources() < MIN_SOURCES
            || scene.appraise(members).raising().any(|factor| factor.id == "destination-rare")
    };
    (is_jittered || is_by_address && is_rare()).then(|| {
        let place = if is_by_address { ", at an address that nothing names" } else { "" };
        let says =
            format!("it checked in {} times with hardly a miss{place}", candidate.series.starts_us.len());
        Factor::new("rhythm-sustained", 0.5, says)
    })
}

/// Whether there are many check-ins, and hardly one was missed.
fn is_steady(candidate: &Candidate<'_>) -> bool {
    let (starts, missed) = (candidate.series.starts_us.len(), candidate.missed as usize);
    starts >= MANY_CHECK_INS && missed * 20 <= starts
}

/// Mail or files that are sent on a timer of minutes.
fn reports(candidate: &Candidate<'_>) -> Option<Factor> {
    let pair = &candidate.series.pair;
    let is_report = pair.protocol == Protocol::Tcp && REPORT_PORTS.contains(&pair.port);
    (is_report && candidate.period_s <= REPORT_PERIOD_S && candidate.series.known == Known::ByEvents).then(|| {
        let what = if pair.port == 21 { "transfers files over FTP" } else { "sends mail" };
        let says =
            format!("it {what} on a timer of minutes, as keyloggers do; people do so when they have something to send");
        Factor::new("rhythm-report", 1.0, says)
    })
}

/// One name whose addresses are strewn over the internet: fast flux, or a large provider.
fn many_addresses(candidate: &Candidate<'_>, members: SocketSubset<'_, '_>) -> Option<Factor> {
    let name = candidate.name.filter(|_| !candidate.series.pair.is_list)?;
    let addresses: BTreeSet<&str> =
        members.iter().filter_map(|socket| socket.remote()).map(|(addr, _)| addr).collect();
    let networks: BTreeSet<[u8; 2]> = addresses.iter().filter_map(|addr| network(addr)).collect();
    (addresses.len() >= STREWN_ADDRESSES && networks.len() >= STREWN_NETWORKS).then(|| {
        let says = format!(
            "{name} had {} addresses in {} networks, as names of fast flux have, and those of large providers",
            addresses.len(),
            networks.len()
        );
        Factor::new("rhythm-many-addresses", 0.5, says)
    })
}

/// The first 16 bits of an IPv4 address; nothing for IPv6, of which a provider has as much as it likes.
fn network(addr: &str) -> Option<[u8; 2]> {
    let [a, b, ..] = addr.parse::<std::net::Ipv4Addr>().ok()?.octets();
    Some([a, b])
}

/// HTTP that is not encrypted, where nearly everything else is, or at an address that nothing names.
fn in_clear(members: SocketSubset<'_, '_>, scene: &Scene<'_>) -> Option<Factor> {
    let payloads = scene.surroundings.payloads();
    let (encrypted, clear) = (payloads.recognised_on(443), payloads.recognised_on(80));
    let is_http = members.iter().all(|socket| socket.app_protocol == Some("http"));
    let is_nameless =
        members.iter().all(|socket| socket.remote_name.is_none() && socket.is_beyond_local_networks());
    if is_http && is_nameless {
        let says = "it polls over HTTP without encryption, at an address that nothing names";
        return Some(Factor::new("rhythm-in-clear", 0.5, says));
    }
    (is_http && encrypted >= MANY_ENCRYPTED && 4 * clear <= encrypted).then(|| {
        let says =
            format!("it polls over HTTP without encryption, while {encrypted} destinations in this capture are reached over TLS");
        Factor::new("rhythm-in-clear", 0.5, says)
    })
}

fn span_s(candidate: &Candidate<'_>) -> f64 {
    let starts = &candidate.series.starts_us;
    starts.first().zip(starts.last()).map_or(0.0, |(first, last)| last.saturating_sub(*first) as f64 / 1e6)
}

/// The process of a pair, where there is one and it is known.
pub(super) fn process_name(candidate: &Candidate<'_>) -> Option<String> {
    match candidate.series.pair.source {
        Some(Source::Process(name)) => Some(name.to_owned()),
        _ => None,
    }
}

/// How sure it is that the connections are periodic: the mean of the score and of the
/// closeness of the gaps. What is left to chance is never above `max_q`.
fn confidence(candidate: &Candidate<'_>) -> Confidence {
    let closeness = 1.0 - candidate.spread;
    Confidence::new(f64::midpoint(candidate.score.total, closeness) * (1.0 - candidate.q_value))
}

fn attack(candidate: &Candidate<'_>, appraisal: &Appraisal) -> Vec<&'static str> {
    let pair = &candidate.series.pair;
    let mut techniques = match pair.port {
        80 | 443 | 8080 | 8443 => vec!["T1071.001"],
        53 | 853 => vec!["T1071.004"],
        _ => vec!["T1071"],
    };
    if appraisal.raising().any(|factor| factor.id.starts_with("port-")) {
        techniques.push("T1571");
    }
    techniques
}

fn title(candidate: &Candidate<'_>, appraisal: &Appraisal) -> String {
    let pair = &candidate.series.pair;
    let who = pair.source.map_or_else(|| "Several processes".to_owned(), |source| source.to_string());
    let (verb, place) = match (candidate.series.known, pair.source) {
        _ if pair.is_inbound => ("is contacted by", ""),
        (Known::Inside, _) => ("sends to", ", in one connection"),
        (_, Some(_)) => ("contacts", ""),
        (_, None) => ("together contact", ""),
    };
    let every = duration(candidate.period_s);
    let label = appraisal.ordinary_reason().map_or("", |_| " (ordinary)");
    if pair.is_list {
        let on = if pair.port == 0 { String::new() } else { format!(" on port {}", pair.port) };
        return format!("{who} {verb} {}{on}{label}, one every {every}", candidate.destination());
    }
    let port = if pair.is_inbound { "on port" } else { "port" };
    format!("{who} {verb} {} {port} {}{label} every {every}{place}", candidate.destination(), pair.port)
}

fn explanation(candidate: &Candidate<'_>, appraisal: &Appraisal) -> String {
    let missed = match candidate.missed {
        0 => "none was missed".to_owned(),
        1 => "one was missed".to_owned(),
        n => format!("{n} were missed"),
    };
    let what = if candidate.series.known == Known::Inside {
        "times at which one connection resumed sending"
    } else {
        "connections"
    };
    let seen = format!(
        "{} {what}, one every {} with a jitter of {}; {missed}.",
        candidate.series.starts_us.len(),
        duration(candidate.period_s),
        duration(candidate.jitter_s),
    );
    let chance = format!(
        "If connections arrived at random, a series this regular would occur with probability {}. RITA's beacon \
         score is {:.2}; random arrivals score about 0.7.",
        probability(candidate.p_value),
        candidate.score.total,
    );
    let mut sentences = vec![seen, chance];
    sentences.extend(
        candidate
            .series
            .sent
            .map(|sent| format!("Only the connections that sent about {} count here.", bytes(sent as f64))),
    );
    if candidate.series.is_by_check_in {
        sentences.push("Connections that begin within 8 s of each other count as one check-in.".to_owned());
    }
    if candidate.series.pair.is_list {
        sentences.push(format!("The addresses: {}.", lists::listed(candidate)));
    }
    if candidate.score.ds.is_none() {
        sentences.push("Sizes were not counted, so they add nothing to the score.".to_owned());
    }
    sentences.extend(appraisal.sentences());
    if appraisal.factors().is_empty() {
        sentences.push(
            "The only unusual thing is the regular timing, which update checks and cron jobs share."
                .to_owned(),
        );
    }
    sentences.join(" ")
}

fn measurements(candidate: &Candidate<'_>, appraisal: &Appraisal, config: &Thresholds) -> Vec<Measurement> {
    let score = &candidate.score;
    let unit = if candidate.series.known == Known::Inside { "send times" } else { "connections" };
    let mut all = vec![
        Measurement::new("period", candidate.period_s, "s"),
        Measurement::new("jitter", candidate.jitter_s, "s"),
        Measurement::new(unit, candidate.series.starts_us.len() as f64, unit)
            .against(f64::from(config.min_starts)),
        Measurement::new("missed", candidate.missed as f64, unit),
        Measurement::new("RITA score", score.total, ""),
        Measurement::new("interval score (ts)", score.ts, ""),
    ];
    all.extend(score.ds.map(|ds| Measurement::new("size score (ds)", ds, "")));
    all.extend([
        Measurement::new("histogram score (hist)", score.hist, ""),
        Measurement::new("duration score (dur)", score.dur, ""),
        Measurement::new("p-value", candidate.p_value, ""),
        Measurement::new("q-value", candidate.q_value, "").against(config.max_q),
        Measurement::new("spread of the gaps", candidate.spread, "")
            .against(config.max_spread(&candidate.series)),
        Measurement::new("weight of the evidence", RHYTHM + appraisal.total(), "").against(2.0),
    ]);
    all
}

/// In words that do not pretend to know how rare something is that has never been seen.
fn probability(p_value: f64) -> String {
    match p_value {
        p if p < 1e-9 => "less than 1e-9".to_owned(),
        p if p < 0.001 => format!("about {p:.0e}"),
        p => format!("{p:.3}"),
    }
}
