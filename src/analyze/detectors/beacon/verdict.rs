//! What is said of a periodic pair: how bad, how sure, and in which words.

use super::candidate::Candidate;
use super::{Beacon, Thresholds};
use crate::analyze::detectors::Detector;
use crate::analyze::finding::{Confidence, Evidence, Finding, Judgement, Measurement, Severity};
use crate::analyze::sockets::{Socket, Sockets, Source};
use crate::analyze::words::duration;

/// TCP ports on which a client is expected.
const USUAL_PORTS: [u16; 20] =
    [21, 22, 25, 53, 80, 110, 143, 443, 465, 587, 853, 873, 993, 995, 1194, 3128, 5222, 8080, 8443, 9418];

/// The finding for a pair that meets every threshold.
pub(super) fn finding(sockets: &Sockets<'_>, candidate: &Candidate<'_>, config: &Thresholds) -> Finding {
    let members: Vec<Socket<'_>> = candidate.series.rows.iter().map(|row| sockets.get(*row)).collect();
    let is_beyond = members.iter().any(Socket::is_beyond_local_networks);
    let severity = severity(candidate, is_beyond);
    let judgement = Judgement {
        severity,
        confidence: confidence(candidate),
        title: title(candidate),
        explanation: explanation(candidate),
        false_positives: String::new(),
        attack: if severity == Severity::Info { Vec::new() } else { attack(candidate, is_beyond) },
        entities: sockets.entities(&members),
    };
    let ids: Vec<u64> = members.iter().map(|socket| socket.conn_id).collect();
    let first = members.iter().map(|socket| socket.first_seen_us).min().unwrap_or_default();
    let last = members.iter().map(|socket| socket.last_seen_us).max().unwrap_or_default();
    Finding::new(
        &Beacon::ABOUT,
        judgement,
        Evidence::new(measurements(candidate, config), &ids, (first, last)),
    )
}

/// The process of a pair, where there is one and it is known.
pub(super) fn process_name(candidate: &Candidate<'_>) -> Option<String> {
    match candidate.series.pair.source {
        Some(Source::Process(name)) => Some(name.to_owned()),
        _ => None,
    }
}

/// Periodic is not suspicious: the destination decides how bad it would be.
fn severity(candidate: &Candidate<'_>, is_beyond: bool) -> Severity {
    if candidate.periodic_service().is_some() || candidate.is_back_to_back {
        Severity::Info
    } else if is_beyond {
        Severity::Medium
    } else {
        Severity::Low
    }
}

/// How sure it is that the connections are periodic: the mean of the score and of the
/// closeness of the gaps. What is left to chance is never above `max_q`.
fn confidence(candidate: &Candidate<'_>) -> Confidence {
    let closeness = 1.0 - candidate.arrivals.spread();
    Confidence::new(f64::midpoint(candidate.score.total, closeness) * (1.0 - candidate.q_value))
}

fn attack(candidate: &Candidate<'_>, is_beyond: bool) -> Vec<&'static str> {
    let pair = &candidate.series.pair;
    let mut techniques = match pair.port {
        80 | 443 | 8080 | 8443 => vec!["T1071.001"],
        53 | 853 => vec!["T1071.004"],
        _ => vec!["T1071"],
    };
    if is_beyond && pair.protocol == "tcp" && !USUAL_PORTS.contains(&pair.port) {
        techniques.push("T1571");
    }
    techniques
}

fn title(candidate: &Candidate<'_>) -> String {
    let pair = &candidate.series.pair;
    let who = pair.source.map_or_else(|| "Several processes".to_owned(), |source| source.to_string());
    let verb = if pair.source.is_some() { "contacts" } else { "together contact" };
    let every = duration(candidate.period_s);
    let service = candidate.periodic_service().map_or_else(String::new, |name| format!(" ({name})"));
    format!("{who} {verb} {} port {}{service} every {every}", pair.addr, pair.port)
}

fn explanation(candidate: &Candidate<'_>) -> String {
    let missed = match candidate.missed {
        0 => "none was missed".to_owned(),
        1 => "one was missed".to_owned(),
        n => format!("{n} were missed"),
    };
    let seen = format!(
        "{} connections, one every {} with a jitter of {}; {missed}.",
        candidate.series.starts_us.len(),
        duration(candidate.period_s),
        duration(candidate.jitter_s),
    );
    let chance = format!(
        "As many connections at random times would look this regular with a probability of {}. RITA's beacon score is \
         {:.2}, for which chance alone gives about 0.7.",
        probability(candidate.p_value),
        candidate.score.total,
    );
    let mut sentences = vec![seen, chance];
    if candidate.score.ds.is_none() {
        sentences.push("Sizes were not counted, and so add nothing to the score.".to_owned());
    }
    sentences.extend(candidate.periodic_service().map(|name| format!("{name} is periodic by design.")));
    if candidate.is_back_to_back {
        let turns =
            "Each connection lasts about until the next begins: work in turns rather than a check-in.";
        sentences.push(turns.to_owned());
    }
    let caution = "Periodic is not suspicious in itself: ask whether this process has a reason to talk to this address.";
    sentences.push(caution.to_owned());
    sentences.join(" ")
}

fn measurements(candidate: &Candidate<'_>, config: &Thresholds) -> Vec<Measurement> {
    let score = &candidate.score;
    let mut all = vec![
        Measurement::of("period", candidate.period_s, "s"),
        Measurement::of("jitter", candidate.jitter_s, "s"),
        Measurement::of("connections", candidate.series.starts_us.len() as f64, "connections")
            .against(f64::from(config.min_starts)),
        Measurement::of("missed", candidate.missed as f64, "connections"),
        Measurement::of("RITA score", score.total, "").against(config.min_score),
        Measurement::of("score of the gaps (ts)", score.ts, ""),
    ];
    all.extend(score.ds.map(|ds| Measurement::of("score of the sizes (ds)", ds, "")));
    all.extend([
        Measurement::of("score of the histogram (hist)", score.hist, ""),
        Measurement::of("score of the presence (dur)", score.dur, ""),
        Measurement::of("p-value", candidate.p_value, ""),
        Measurement::of("q-value", candidate.q_value, "").against(config.max_q),
        Measurement::of("spread of the gaps", candidate.arrivals.spread(), "")
            .against(config.max_spread(&candidate.series.pair)),
    ]);
    all
}

fn probability(p_value: f64) -> String {
    if p_value < 0.001 { format!("about {p_value:.0e}") } else { format!("{p_value:.3}") }
}
