//! Where a series is far above its own normal: episodes, each one told once.

use ahash::AHashMap;

use super::Thresholds;
use super::series::{All, Metric, Series, Subject};
use crate::Result;
use crate::model::sockets::{Sockets, Source};
use crate::model::stats::Bulk;

/// Share of an address's connections in an episode that make it the doing of one process.
const OF_ONE_PROCESS: f64 = 0.8;

/// Windows side by side that are looked at to know what is normal.
const MOST_WINDOWS: i64 = 20_000;

/// A time in which a subject did far more than it does otherwise.
#[derive(Debug)]
pub(super) struct Episode<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) metric: Metric,
    pub(super) window_s: f64,
    /// First to last moment, µs since the Unix epoch.
    pub(super) span_us: (i64, i64),
    /// Amount of the fullest window, and its robust z.
    pub(super) peak: f64,
    pub(super) z: f64,
    /// Amount of the median window.
    pub(super) median: f64,
    /// Rows in the table of sockets, in the order of time.
    pub(super) rows: Vec<usize>,
}

/// Every episode, in the order of time.
///
/// # Errors
/// [`crate::Error::Analysis`] if a table lacks a column: a bug.
pub(super) fn find<'a>(
    all: &All<'_, 'a>,
    sockets: &Sockets<'a>,
    span_us: (i64, i64),
    config: &Thresholds,
) -> Result<Vec<Episode<'a>>> {
    let mut episodes: Vec<Episode<'a>> = Vec::new();
    all.each(config, |series| {
        let connections = (sockets, all.connections.get(series.subject));
        episodes.extend(of_series(series, connections, span_us, config));
    })?;
    episodes.sort_by_key(|episode| (episode.metric, episode.subject, episode.span_us));
    let told: Vec<bool> =
        episodes.iter().map(|episode| is_told_by_a_process(episode, &episodes, sockets)).collect();
    let mut told = told.into_iter();
    episodes.retain(|_| !told.next().unwrap_or(false));
    episodes.sort_by_key(|episode| (episode.span_us, episode.metric, episode.subject));
    Ok(episodes)
}

/// Whether most of the connections of an address's episode are those of an episode of one process, among all,
/// which are in the order of metric and subject.
fn is_told_by_a_process<'a>(episode: &Episode<'a>, all: &[Episode<'a>], sockets: &Sockets<'a>) -> bool {
    if matches!(episode.subject, Subject::Source(_)) {
        return false;
    }
    let most = OF_ONE_PROCESS * episode.rows.len() as f64;
    let mut sources: AHashMap<Source<'a>, usize> = AHashMap::new();
    for socket in sockets.subset(&episode.rows).iter() {
        *sources.entry(Source::of(&socket)).or_default() += 1;
    }
    let Some((source, _)) = sources.into_iter().find(|(_, number)| *number as f64 >= most) else {
        return false;
    };
    let subject = (episode.metric, Subject::Source(source));
    let from = all.partition_point(|other| (other.metric, other.subject) < subject);
    let of_process = all[from..].iter().take_while(|other| (other.metric, other.subject) == subject);
    of_process
        .filter(|other| other.span_us.0 <= episode.span_us.1 && episode.span_us.0 <= other.span_us.1)
        .any(|process| {
            let shared = episode.rows.iter().filter(|row| process.rows.binary_search(row).is_ok()).count();
            shared as f64 >= most
        })
}

fn of_series<'a>(
    series: &Series,
    connections: (&Sockets<'a>, &[u32]),
    span_us: (i64, i64),
    config: &Thresholds,
) -> Vec<Episode<'a>> {
    let windows = sliding(series);
    let floor = series.metric.floor(config);
    if !windows.iter().any(|window| window.amount >= floor) {
        return Vec::new();
    }
    let Some(normal) = normal(series, span_us) else { return Vec::new() };
    let high: Vec<&Window> = windows
        .iter()
        .filter(|window| {
            let is_high = normal.robust_z(window.amount) >= config.min_z;
            window.amount >= floor && (is_high || is_flood(series, window.amount, config))
        })
        .collect();
    high.chunk_by(|a, b| b.from_us <= a.to_us.saturating_add(series.window_us))
        .filter_map(|windows| episode(series, connections, windows, normal))
        .collect()
}

/// Whether it is so much that no ordinary client has it as its normal.
fn is_flood(series: &Series, amount: f64, config: &Thresholds) -> bool {
    let is_counted = series.metric == Metric::Connections && series.is_outbound;
    is_counted && amount >= f64::from(config.always_connections)
}

fn episode<'a>(
    series: &Series,
    (sockets, rows): (&Sockets<'a>, &[u32]),
    windows: &[&Window],
    normal: Bulk,
) -> Option<Episode<'a>> {
    let from_us = windows.iter().map(|window| window.from_us).min()?;
    let to_us = windows.iter().map(|window| window.to_us).max()?;
    let peak = windows.iter().map(|window| window.amount).fold(0.0, f64::max);
    // The moment of bytes is the middle of a slice, which began and ended around it.
    let slack_us = if series.metric == Metric::Bytes { series.window_us / 2 } else { 0 };
    let (earliest, latest) = (from_us.saturating_sub(slack_us), to_us.saturating_add(slack_us));
    let is_within = |first: i64, last: i64| match series.metric {
        Metric::Connections => (from_us..=to_us).contains(&first),
        Metric::Bytes => first <= latest && last >= earliest,
    };
    let is_of_it = |row: &usize| {
        let socket = sockets.get(*row);
        is_within(socket.first_seen_us, socket.last_seen_us)
    };
    let rows: Vec<usize> = rows.iter().map(|row| *row as usize).filter(is_of_it).collect();
    (!rows.is_empty()).then(|| Episode {
        subject: series.subject.subject(sockets),
        metric: series.metric,
        window_s: series.window_us as f64 / 1e6,
        span_us: (from_us, to_us),
        peak,
        z: normal.robust_z(peak),
        median: normal.median,
        rows,
    })
}

/// What lies within a window that begins at a moment: its first and last moment, and the amount.
#[derive(Debug, Clone, Copy)]
struct Window {
    from_us: i64,
    to_us: i64,
    amount: f64,
}

/// The window that begins at each moment.
fn sliding(series: &Series) -> Vec<Window> {
    let moments = &series.moments;
    let mut windows = Vec::with_capacity(moments.len());
    let (mut to, mut amount) = (0, 0.0);
    for (from_us, own) in moments {
        while let Some((ts_us, more)) = moments.get(to)
            && ts_us - from_us < series.window_us
        {
            amount += more;
            to += 1;
        }
        windows.push(Window { from_us: *from_us, to_us: moments[to - 1].0, amount });
        amount -= own;
    }
    windows
}

/// Median and spread of windows side by side over the whole recording, the empty ones too.
///
/// The spread is never less than what chance makes of a steady rate: the root of the number of
/// connections, a tenth of the bytes.
fn normal(series: &Series, (first_us, last_us): (i64, i64)) -> Option<Bulk> {
    let length_us = last_us.saturating_sub(first_us);
    let width_us = series.window_us.max(length_us / MOST_WINDOWS).max(1);
    let mut amounts = vec![0.0; (length_us / width_us) as usize + 1];
    let last = amounts.len() - 1;
    for (ts_us, amount) in &series.moments {
        let window = ts_us.saturating_sub(first_us).max(0) / width_us;
        amounts[(window as usize).min(last)] += amount;
    }
    let bulk = Bulk::new(amounts)?;
    let by_chance = match series.metric {
        Metric::Connections => bulk.median.sqrt().max(1.0),
        Metric::Bytes => (bulk.median / 10.0).max(1.0),
    };
    Some(Bulk { spread: bulk.spread.max(by_chance), ..bulk })
}
