//! What is said of a periodic pair: how bad, how sure, and in which words.

use super::candidate::Candidate;
use super::pairs::Known;
use super::signs::{Look, Reason};
use super::{Beacon, Thresholds};
use crate::analyze::words::{bytes, duration};
use crate::model::detector::Detector;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::processes::Processes;
use crate::model::sockets::{Sockets, Source};

/// The finding for a pair that meets every threshold.
pub(super) fn finding(
    sockets: &Sockets<'_>,
    processes: &Processes<'_>,
    candidate: &Candidate<'_>,
    config: &Thresholds,
) -> Finding {
    let members = sockets.members(&candidate.series.rows);
    let is_beyond = members.iter().any(|socket| socket.is_beyond_local_networks());
    let look = Look::of(candidate, members, processes);
    let severity = severity(&look, is_beyond);
    let judgement = Judgement {
        severity,
        confidence: confidence(candidate),
        title: title(candidate, look.reason),
        explanation: explanation(candidate, &look),
        false_positives: String::new(),
        attack: if look.signs.is_empty() || severity == Severity::Info {
            Vec::new()
        } else {
            attack(candidate, &look)
        },
        entities: members.entities(),
    };
    Finding::new(&Beacon::ABOUT, judgement, members.evidence(measurements(candidate, &look, config)))
}

/// The process of a pair, where there is one and it is known.
pub(super) fn process_name(candidate: &Candidate<'_>) -> Option<String> {
    match candidate.series.pair.source {
        Some(Source::Process(name)) => Some(name.to_owned()),
        _ => None,
    }
}

/// Periodic is not suspicious: without a sign it is at most low. With one, the destination decides
/// how bad it would be; an ordinary reason speaks against it.
fn severity(look: &Look, is_beyond: bool) -> Severity {
    match (look.reason, look.signs.is_empty(), is_beyond) {
        (None, false, true) => Severity::Medium,
        // Whatever hides behind NTP or works in turns is worth a look, and no more.
        (Some(_), false, true) | (None, ..) => Severity::Low,
        (Some(_), ..) => Severity::Info,
    }
}

/// How sure it is that the connections are periodic: the mean of the score and of the
/// closeness of the gaps. What is left to chance is never above `max_q`.
fn confidence(candidate: &Candidate<'_>) -> Confidence {
    let closeness = 1.0 - candidate.arrivals.spread();
    Confidence::new(f64::midpoint(candidate.score.total, closeness) * (1.0 - candidate.q_value))
}

fn attack(candidate: &Candidate<'_>, look: &Look) -> Vec<&'static str> {
    let pair = &candidate.series.pair;
    let mut techniques = match pair.port {
        80 | 443 | 8080 | 8443 => vec!["T1071.001"],
        53 | 853 => vec!["T1071.004"],
        _ => vec!["T1071"],
    };
    if look.is_on_unusual_port {
        techniques.push("T1571");
    }
    techniques
}

fn title(candidate: &Candidate<'_>, reason: Option<Reason>) -> String {
    let pair = &candidate.series.pair;
    let who = pair.source.map_or_else(|| "Several processes".to_owned(), |source| source.to_string());
    let (verb, place) = match (candidate.series.known, pair.source) {
        (Known::Inside, _) => ("sends to", ", in one connection"),
        (_, Some(_)) => ("contacts", ""),
        (_, None) => ("together contact", ""),
    };
    let every = duration(candidate.period_s);
    let label = reason.and_then(Reason::label).map_or_else(String::new, |label| format!(" ({label})"));
    format!("{who} {verb} {} port {}{label} every {every}{place}", pair.addr, pair.port)
}

fn explanation(candidate: &Candidate<'_>, look: &Look) -> String {
    let missed = match candidate.missed {
        0 => "none was missed".to_owned(),
        1 => "one was missed".to_owned(),
        n => format!("{n} were missed"),
    };
    let what = if candidate.series.known == Known::Inside {
        "moments at which one connection began to send again"
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
        "As many at random times would look this regular with a probability of {}. RITA's beacon score is \
         {:.2}, for which chance alone gives about 0.7.",
        probability(candidate.p_value),
        candidate.score.total,
    );
    let mut sentences = vec![seen, chance];
    sentences.extend(candidate.series.sent.map(|sent| {
        format!("Only those of its connections count here that sent about {}.", bytes(sent as f64))
    }));
    if candidate.score.ds.is_none() {
        sentences.push("Sizes were not counted, and so add nothing to the score.".to_owned());
    }
    sentences.extend(look.reason.map(Reason::sentence));
    sentences.push(if look.signs.is_empty() {
        "Nothing but the rhythm is conspicuous, and a rhythm alone is what update checks and cron jobs have: \
            ask whether this process has a reason to talk to this address."
            .to_owned()
    } else {
        format!("What makes it suspicious and not only periodic: {}.", look.signs.join("; "))
    });
    sentences.join(" ")
}

fn measurements(candidate: &Candidate<'_>, look: &Look, config: &Thresholds) -> Vec<Measurement> {
    let score = &candidate.score;
    let unit = if candidate.series.known == Known::Inside { "moments of sending" } else { "connections" };
    let mut all = vec![
        Measurement::of("period", candidate.period_s, "s"),
        Measurement::of("jitter", candidate.jitter_s, "s"),
        Measurement::of(unit, candidate.series.starts_us.len() as f64, unit)
            .against(f64::from(config.min_starts)),
        Measurement::of("missed", candidate.missed as f64, unit),
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
            .against(config.max_spread(&candidate.series)),
        Measurement::of("signs besides the rhythm", look.signs.len() as f64, "signs"),
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
