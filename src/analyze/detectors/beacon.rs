//! `beacon`: periodic connections from one process to one destination.

mod arrivals;
mod bound;
mod candidate;
mod few;
mod lists;
mod null_model;
mod pairs;
mod rita;
mod talks;
mod tested;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::arrivals::Arrivals;
use self::candidate::Candidate;
use self::lists::Crowds;
use self::pairs::{Known, Series};
use self::talks::Talks;
use self::tested::{Judged, Tested};
use crate::Result;
use crate::analyze::scene::Scene;
use crate::analyze::words;
use crate::model::detector::{
    About, Context, Detector, DetectorTable, Method, Outcome, Output, Periods, Signal, positive, shares,
};
use crate::model::frame::{DataFrame, df};
use crate::model::section::Section;
use crate::model::sockets::{Sockets, Source};
use crate::model::tables::Tables;

/// Pairs whose start times are handed to the charts.
const CHART_PAIRS: usize = 12;

/// Start times of a pair that are handed to the charts.
const CHART_STARTS: usize = 2_000;

/// Periodic connections.
#[derive(Debug)]
pub struct Beacon;

/// Every tested pair.
pub const PAIRS: DetectorTable = DetectorTable { detector: Beacon::ABOUT.id, name: "pairs" };

/// The start times of the first pairs.
pub const INTERVALS: DetectorTable = DetectorTable { detector: Beacon::ABOUT.id, name: "intervals" };

/// Thresholds of `beacon`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest connections, starting in distinct seconds, for a pair to be tested; at least 4.
    pub min_starts: u32,
    /// Largest false discovery rate (q-value) against random arrivals, 0 to 1.
    pub max_q: f64,
    /// Largest mean difference between a gap and the median gap, as a share of the median, 0 to 1.
    /// A perfect timer has 0, a jitter of ± 50 % has 0.26, random arrivals have 0.7.
    pub max_spread: f64,
    /// Shortest period to report, in seconds; never less than two ticks of the recording.
    pub min_period_s: f64,
    /// Shortest period inside one connection to report, in seconds; never less than five ticks of the
    /// recording, because more frequent messages are a conversation.
    pub min_inside_period_s: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_starts: 4, max_q: 0.01, max_spread: 0.4, min_period_s: 2.0, min_inside_period_s: 5.0 }
    }
}

impl Thresholds {
    /// Largest spread of the gaps for a series: half for several sources together, as there are
    /// many such groups, and no reason why they should have a common clock; three quarters inside a
    /// connection and by check-in, where what follows in a row counts once, which makes chance more regular.
    fn max_spread(&self, series: &Series<'_>) -> f64 {
        match (series.known, series.pair.source) {
            (Known::Inside, _) => 0.75 * self.max_spread,
            (_, Some(_)) if series.is_by_check_in => 0.75 * self.max_spread,
            (_, Some(_)) => self.max_spread,
            (_, None) => self.max_spread / 2.0,
        }
    }
}

impl Detector for Beacon {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "beacon",
        title: "Periodic connections",
        what_it_finds: "A process that connects to the same address and port at regular intervals, with \
            or without jitter and missed check-ins, or that sends at regular intervals inside one \
            long-lived connection. Where several processes contact one destination, they are also tested \
            together, which finds a beacon that runs under a new name each time.",
        why_it_matters: "Implants poll their C2 server on a timer, so their connections recur at machine-regular intervals. So do \
            time services, update checks and monitoring: most periodic traffic is benign.",
        how_it_decides: "A pair is a program (by name; the local address if the program is unknown), a \
            remote address or the host name used to reach it, a port and a protocol. It is tested if its \
            connections, opened during the recording, start in at least `min_starts` distinct seconds. A \
            recording longer than a day is tested as a whole and in 24-hour windows that overlap by half.\n\n\
            A pair is periodic if two conditions hold. First, chance is ruled out: the p-value is the \
            probability that the same number of connections at random times would look at least as \
            regular at the time resolution of this recording. It comes from a simulation, or from an \
            upper bound for near-perfect timers. Over all pairs, the expected share of false discoveries \
            (Benjamini-Hochberg) is at most `max_q`, where pairs with periods too short to be reported are counted \
            apart. Second, the gaps differ from the median gap by at \
            most `max_spread` of it on average; by half of that for several processes together, and by \
            three quarters of it inside a connection and for merged check-ins. A gap of two periods is \
            one missed check-in and counts a quarter; a gap below two thirds of a period counts up to \
            double.\n\n\
            RITA's score (regular gaps, equal sizes, a flat histogram, presence over the whole window) \
            ranks the results. It rejects nothing, because random arrivals reach about 0.7.\n\n\
            Start times come from kernel events where there are any, otherwise from the snapshot in which \
            a connection first appears. Periods below `min_period_s`, or below two ticks without events, \
            are not reported.\n\n\
            Three more series are tested in the same way. Inside a connection that this side opened: the \
            times at which it resumed sending (64 at most, from `min_inside_period_s` on, for each pair \
            the connection with the most). Within a pair: the connections that sent about the same \
            amount, because a program with two timers sends something different on each. As check-ins: \
            the first of all connections that begin within 8 s of each other, because retries and \
            parallel attempts on several addresses (RFC 8305) belong together. Inbound connections are \
            tested by remote address and local port, from 10 connections on. As a list: all TCP connections \
            of one source to addresses outside that it does not know by name, on one port or on all, if no \
            address has four fifths of them. Implants carry a list of servers, go through it on one timer, and skip \
            those that are gone; each server alone sees too little of the rhythm. Ports of common services \
            count only where the capture knows the names of most servers. An unanswered SYN that the system sends again from the same port \
            is the same attempt.\n\n\
            How suspicious a periodic pair is, is judged separately. The regular timing weighs 1. Facts \
            about the program and the destination add or subtract their weights: path and name of the \
            program, shell or script; unusual or alternative port; a missing or generated name, or one in a cheap \
            top-level domain; a certificate that no authority signed for the name that is asked for; a source that \
            asks for its own public address; rarity; known service, \
            infrastructure, services that poll by design. So do facts about the timing. Outside the \
            network, a jitter of 4 to 50 % adds 0.5, because implants are configured with it and timers \
            have less; the same interval day and night, for 20 hours or longer with at most one check-in \
            in ten missed, adds 0.5, because people's habits have pauses; in a shorter time, so do a hundred check-ins or \
            more over TCP, of which at most one in twenty was missed, if they have such jitter, or go to a public address that \
            nothing names and that none of the other hosts contacts (fewer than four say nothing): an exact clock is that of monitors and update checks as well, \
            of which a log without names shows as much as of an implant, so that the rhythm alone stays low; a new TCP connection at \
            least every 10 s adds 1, and so does one at least every 28 s from a hundred such check-ins on, 0.5 before, because a client \
            that needs its server that often keeps the connection open; mail submission or FTP on a timer of half an hour or \
            less adds 1, because people send mail when they have something to say, and jobs run by the hour; HTTP without encryption adds 0.5, if ten destinations or more are reached on \
            port 443 and at most a fourth as many on port 80, or if nothing names the public address; ten addresses or more of one name, in eight /16 networks or more, add 0.5 (fast flux, or a large provider); a list of addresses adds 0.5, and 1 if some of them never answer, \
            because software that is maintained looks its servers up by name, but subtracts 1 if all of them answer and \
            the jitter is below 4 %, because a monitor checks its servers like that. Inbound connections subtract 1.5, because monitoring and \
            health checks are inbound. Connections that last until the next one begins subtract 2.5: \
            that is work in turns and not polling. Messages inside one connection subtract 1.5 if no \
            other fact raises suspicion, because programs send to keep a connection open; over UDP an \
            unusual port is no such fact. So do they if the source has such connections with four or more addresses \
            without a name, as messengers and games have. Where a source contacts four or more addresses without a name on exact \
            clocks (jitter below 4 %), and all always answer, each weighs 1 less: that is a monitor. A total below 0 is info, below 2 low, below 4 medium, otherwise \
            high. An unknown owner weighs nothing.",
        false_positives: "Update checks, health checks, monitoring agents, mail clients, push \
            notifications, cron jobs, keep-alive messages, and everything else that polls. A download in \
            equal pieces, one connection after another. Regular timing alone proves nothing: ask whether \
            this process has a reason to contact this address.",
        evidence: "Period (median gap) and jitter in seconds, check-ins seen and missed, RITA's score and \
            its four parts, the p-value, the q-value and `max_q`, the spread of the gaps and \
            `max_spread`, the weighted facts, and the connections. The table `pairs` lists every tested \
            pair; `intervals` holds the gaps of the highest-ranked ones.",
        source: "Score: RITA v5, Active Countermeasures (analysis/beacons.go), from its formulas. Null \
            model: memoryless arrivals, given their number and time span; J. Besag, P. Clifford: \
            Sequential Monte Carlo p-values. Biometrika 1991; bound: H. Chernoff, A Measure of Asymptotic \
            Efficiency for Tests of a Hypothesis Based on the Sum of Observations. Annals of Mathematical \
            Statistics 1952; Y. Benjamini, Y. Hochberg: Controlling the False Discovery Rate. JRSS B \
            1995. ATT&CK T1071, T1571.",
        section: Section::Behavior,
        method: Method::Statistics,
        signal: Signal::Periodic,
        attack: &["T1071", "T1071.001", "T1071.004", "T1571"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        shares(&[("max_q", config.max_q), ("max_spread", config.max_spread)])?;
        if config.max_q < 1e-4 {
            return Err("max_q must be at least 0.0001: the simulation cannot resolve less".to_owned());
        }
        if config.min_starts < 4 {
            return Err("min_starts must be at least 4: fewer connections have no period".to_owned());
        }
        positive(&[
            ("min_period_s", config.min_period_s),
            ("min_inside_period_s", config.min_inside_period_s),
        ])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let scene = Scene::of(context)?;
        let sockets = &scene.sockets;
        if let Some(skipped) = Outcome::skipped_if_nothing_opened(context.tables, sockets) {
            return Ok(skipped);
        }
        let timing = Timing::new(context.tables);
        let mut tested = Tested::default();
        let talks = Talks::new(&scene, context.tables);
        for window_us in &timing.windows_us {
            let candidates = in_window(&scene, &talks, *window_us, &timing, config);
            tested.add(candidates, context.seed, |c| Judged {
                is_reportable: is_reportable(c, &timing, config),
                is_regular_enough: is_regular_enough(c, config),
            });
        }
        let candidates = tested.finish(context.seed, config.max_q);
        let found = found(&candidates, &timing, config);
        let crowds = Crowds::of(&found, &candidates, sockets);
        let tested = joined(candidates, &found, sockets);
        let mut ranked: Vec<(&Candidate<'_>, bool)> =
            tested.iter().map(|(candidate, is_found)| (&**candidate, *is_found)).collect();
        ranked.sort_by(|a, b| {
            let rank = |(candidate, is_found): &(&Candidate<'_>, bool)| {
                (*is_found, candidate.score.total, -candidate.p_value)
            };
            rank(b).partial_cmp(&rank(a)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let findings = ranked
            .iter()
            .filter(|(_, is_found)| *is_found)
            .map(|(candidate, _)| verdict::finding(&scene, candidate, &crowds, config))
            .collect();
        let tables = vec![(PAIRS.name, pairs_table(&ranked)?), (INTERVALS.name, intervals_table(&ranked)?)];
        let shortest_s = timing.shortest_of_all_s(sockets, config);
        Ok(Outcome::Ran(Output {
            findings,
            tables,
            limits: timing.limits(shortest_s, config),
            periods: Some(timing.periods(shortest_s)),
        }))
    }
}

/// Every series of a window that can be tested, with its starts.
fn in_window<'s, 'a>(
    scene: &'s Scene<'a>,
    talks: &'s Talks<'a>,
    window_us: (i64, i64),
    timing: &'s Timing,
    config: &Thresholds,
) -> impl Iterator<Item = (Candidate<'a>, Arrivals)> + 's {
    let min_starts = config.min_starts as usize;
    let series = pairs::collect(scene, window_us, min_starts).chain(talks.within(window_us, min_starts));
    series.filter_map(move |series| Candidate::of(&scene.sockets, series, window_us, timing.tick_us))
}

/// Each pair once, and whether it was found in any window: joined from all windows in which it was, else as in
/// its clearest one. Ordered by pair.
#[allow(
    clippy::vec_box,
    reason = "a candidate has hundreds of bytes, and to move many of them takes memory for two of each"
)]
fn joined<'a>(
    candidates: Vec<Box<Candidate<'a>>>,
    found: &BTreeSet<usize>,
    sockets: &Sockets<'a>,
) -> Vec<(Box<Candidate<'a>>, bool)> {
    let mut tested: Vec<(Box<Candidate<'a>>, bool)> =
        candidates.into_iter().enumerate().map(|(at, candidate)| (candidate, found.contains(&at))).collect();
    // Those of one pair stay in the order of the windows.
    tested.sort_by_key(|(candidate, _)| candidate.key());
    tested.dedup_by(|(later, is_found), (kept, was_found)| {
        let is_same = later.key() == kept.key();
        if is_same && *was_found && *is_found {
            kept.join(later, sockets);
        } else if is_same && !*was_found && (*is_found || later.p_value < kept.p_value) {
            mem::swap(later, kept);
            *was_found = *is_found;
        }
        is_same
    });
    tested
}

/// Longest recording that is tested as a whole only, and width of the windows of a longer one, in µs.
const DAY_US: i64 = rita::MAX_WINDOW_S * 1_000_000;

/// What the recording allows to be seen of time.
struct Timing {
    /// The recording, and if it is longer than a day, windows of a day that overlap by half; µs
    /// since the Unix epoch.
    windows_us: Vec<(i64, i64)>,
    /// Time to which starts are known, µs.
    tick_us: i64,
}

impl Timing {
    fn new(tables: &Tables) -> Self {
        let (first, last) = tables.span_us;
        // A hostile interval must neither be zero nor overflow.
        let tick_s = tables.interval_s.clamp(1.0, rita::MAX_WINDOW_S as f64);
        Self { windows_us: windows(first, last), tick_us: (tick_s * 1e6) as i64 }
    }

    /// Shortest period that is reported of a pair, in seconds: a start that snapshots saw is known
    /// to a tick, and so is a period.
    fn shortest_s(&self, candidate: &Candidate<'_>, config: &Thresholds) -> f64 {
        match candidate.series.known {
            Known::ByEvents => config.min_period_s,
            Known::ByTicks => self.shortest_by_ticks_s(config),
            Known::Inside => config.min_inside_period_s.max(5.0 * self.tick_us as f64 / 1e6),
        }
    }

    fn shortest_by_ticks_s(&self, config: &Thresholds) -> f64 {
        config.min_period_s.max(2.0 * self.tick_us as f64 / 1e6)
    }

    /// Shortest period that can be reported of any pair, in seconds.
    fn shortest_of_all_s(&self, sockets: &Sockets<'_>, config: &Thresholds) -> f64 {
        let has_exact = (0..sockets.len()).any(|row| sockets.start_is_exact(row));
        if has_exact { config.min_period_s } else { self.shortest_by_ticks_s(config) }
    }

    /// Four starts are the fewest that show a period, so that it can last a third of the window.
    fn periods(&self, shortest_s: f64) -> Periods {
        let (first, last) = self.windows_us.first().copied().unwrap_or_default();
        let longest_s = last.saturating_sub(first) as f64 / 1e6 / 3.0;
        if longest_s < shortest_s { Periods::TooShort } else { Periods::Between(shortest_s, longest_s) }
    }

    fn limits(&self, shortest_s: f64, config: &Thresholds) -> Vec<String> {
        let Periods::Between(shortest_s, longest_s) = self.periods(shortest_s) else {
            return vec!["This capture is too short to detect a period.".to_owned()];
        };
        let by_ticks_s = self.shortest_by_ticks_s(config);
        let mut limits = vec![format!(
            "This capture can show periods from {} to {}.",
            words::duration(shortest_s),
            words::duration(longest_s)
        )];
        if shortest_s < by_ticks_s {
            limits.push(format!(
                "For connections seen only in snapshots, the shortest detectable period is {}.",
                words::duration(by_ticks_s)
            ));
        }
        limits
    }
}

/// Windows of a recording beyond which it is not cut any finer: two years of days.
const MOST_WINDOWS: i64 = 1_460;

/// The recording as a whole, and windows of a day that overlap by half.
fn windows(first: i64, last: i64) -> Vec<(i64, i64)> {
    let span = last.saturating_sub(first);
    let mut windows = vec![(first, last)];
    if span > DAY_US {
        let number = (span / (DAY_US / 2)).min(MOST_WINDOWS);
        windows.extend((0..number).map(|n| {
            let begin = first.saturating_add(n * (DAY_US / 2));
            (begin, begin.saturating_add(DAY_US).min(last))
        }));
    }
    windows
}

/// Whether the period of a candidate is long enough to be reported. The median of a dozen gaps with jitter is this
/// close to the period.
fn is_reportable(candidate: &Candidate<'_>, timing: &Timing, config: &Thresholds) -> bool {
    candidate.period_s >= 0.8 * timing.shortest_s(candidate, config)
}

fn is_regular_enough(candidate: &Candidate<'_>, config: &Thresholds) -> bool {
    candidate.spread <= config.max_spread(&candidate.series)
}

/// The candidates that meet every threshold, each destination in its clearest light: a
/// process if one is periodic alone, else those of its connections that are, else all sources together, else connections of unknown
/// owner, else what goes on inside a connection.
fn found(candidates: &[Box<Candidate<'_>>], timing: &Timing, config: &Thresholds) -> BTreeSet<usize> {
    let meets = |c: &Candidate<'_>| {
        is_reportable(c, timing, config) && is_regular_enough(c, config) && c.q_value <= config.max_q
    };
    let clarity = |series: &Series<'_>| match (series.known, series.pair.source, series.part()) {
        (Known::Inside, ..) => 0,
        (_, Some(Source::Process(_)), None) => 5,
        (_, Some(Source::Process(_)), Some(_)) => 4,
        (_, None, _) => 3,
        (_, Some(Source::Address(_)), None) => 2,
        (_, Some(Source::Address(_)), Some(_)) => 1,
    };
    let all: Vec<usize> = (0..candidates.len()).filter(|at| meets(&candidates[*at])).collect();
    let mut clearest: BTreeMap<_, u8> = BTreeMap::new();
    for series in all.iter().map(|at| &candidates[*at].series) {
        let best = clearest.entry(series.pair.destination()).or_default();
        *best = clarity(series).max(*best);
    }
    let mut clear: BTreeSet<usize> = all
        .into_iter()
        .filter(|at| {
            let series = &candidates[*at].series;
            clearest.get(&series.pair.destination()) == Some(&clarity(series))
        })
        .collect();
    let by_name: Vec<&Series<'_>> =
        clear.iter().map(|at| &candidates[*at].series).filter(|series| series.pair.name.is_some()).collect();
    let is_told_by_name = |series: &Series<'_>| {
        series.pair.name.is_none() && by_name.iter().any(|named| named.tells_of(series))
    };
    let told: Vec<usize> =
        clear.iter().copied().filter(|at| is_told_by_name(&candidates[*at].series)).collect();
    for at in told {
        clear.remove(&at);
    }
    let told = lists::told_otherwise(&clear, candidates);
    clear.retain(|at| !told.contains(at));
    clear
}

/// Every tested pair, those found first, then by score.
///
/// `process_name` is null where it is not known, and where several sources are looked at
/// together (`sources` = `several`). The starts of one connection (`sources` = `inside`) are the moments
/// at which it began to send again; a `part` are the connections of a pair that sent about as much; a `list` are those of
/// one source to several addresses, of which the first is given, and to port 0 where their ports differ.
fn pairs_table(ranked: &[(&Candidate<'_>, bool)]) -> Result<DataFrame> {
    fn column<T>(ranked: &[(&Candidate<'_>, bool)], field: impl Fn(&Candidate<'_>) -> T) -> Vec<T> {
        ranked.iter().map(|(candidate, _)| field(candidate)).collect()
    }
    Ok(df!(
        "process_name" => column(ranked, verdict::process_name),
        "remote_addr" => column(ranked, |c| c.series.pair.addr.to_owned()),
        "remote_port" => column(ranked, |c| c.series.pair.port),
        "starts" => column(ranked, |c| c.series.starts_us.len() as u32),
        "score" => column(ranked, |c| c.score.total),
        "ts" => column(ranked, |c| c.score.ts),
        "ds" => column(ranked, |c| c.score.ds),
        "hist" => column(ranked, |c| c.score.hist),
        "dur" => column(ranked, |c| c.score.dur),
        "p_value" => column(ranked, |c| c.p_value),
        "q_value" => column(ranked, |c| c.q_value),
        "period_s" => column(ranked, |c| c.period_s),
        "spread" => column(ranked, |c| c.spread),
        "protocol" => column(ranked, |c| c.series.pair.protocol.as_str()),
        "sources" => column(ranked, |c| sources(&c.series)),
        "found" => ranked.iter().map(|(_, is_found)| *is_found).collect::<Vec<_>>(),
    )?)
}

fn sources(series: &Series<'_>) -> &'static str {
    match (series.known, series.pair.source) {
        (Known::Inside, _) => "inside",
        _ if series.pair.is_list => "list",
        (_, Some(_)) if series.part().is_some() => "part",
        (_, Some(_)) => "one",
        (_, None) => "several",
    }
}

/// The start times of the first pairs, with the time since the start before.
fn intervals_table(ranked: &[(&Candidate<'_>, bool)]) -> Result<DataFrame> {
    let (mut ranks, mut labels, mut starts, mut gaps) = (vec![], vec![], vec![], vec![]);
    for (rank, (candidate, _)) in ranked.iter().take(CHART_PAIRS).enumerate() {
        let mut before: Option<i64> = None;
        for start in candidate.series.starts_us.iter().take(CHART_STARTS) {
            ranks.push(rank as u32 + 1);
            labels.push(candidate.label());
            starts.push(*start);
            gaps.push(before.map(|before| (start - before) as f64 / 1e6));
            before = Some(*start);
        }
    }
    Ok(df!("rank" => ranks, "label" => labels, "start_us" => starts, "gap_s" => gaps)?)
}
