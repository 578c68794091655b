//! `burst`: many connections or bytes at once, for this process or destination.

mod episodes;
mod series;
#[cfg(test)]
mod tests;

use ahash::AHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::episodes::Episode;
use self::series::{Metric, Subject};
use crate::Result;
use crate::analyze::words;
use crate::model::detector::{
    About, Context, Detector, DetectorTable, Method, Outcome, Output, Signal, positive,
};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::{DataFrame, df};
use crate::model::records::Direction;
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets};

/// Windows that a recording must have for a normal rate to be known.
const LEAST_WINDOWS: f64 = 12.0;

/// From this many times the floor on, a burst of connections to one place is very much.
const VERY_MUCH: f64 = 10.0;

/// Share of the connections of a burst that make it one to one place.
const ONE_PLACE: f64 = 0.9;

/// Many connections or bytes at once.
#[derive(Debug)]
pub struct Burst;

/// Every episode.
pub const EPISODES: DetectorTable = DetectorTable { detector: Burst::ABOUT.id, name: "episodes" };

/// Thresholds of `burst`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Length of the sliding window, in seconds; at most a twelfth of the recording.
    pub window_s: f64,
    /// Fewest connections opened within a window.
    pub min_connections: u32,
    /// Fewest bytes, sent and received, within a window.
    pub min_bytes: u64,
    /// Smallest robust z: how many robust standard deviations a window is above the median window.
    pub min_z: f64,
    /// Connections opened by this host within a window at which the median is ignored, so that an attack
    /// that fills the recording does not become its own baseline.
    pub always_connections: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            window_s: 10.0,
            min_connections: 50,
            min_bytes: 50_000_000,
            min_z: 6.0,
            always_connections: 1_000,
        }
    }
}

impl Detector for Burst {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "burst",
        title: "Bursts of connections or bytes",
        what_it_finds: "A process or a remote address that opens many connections, or moves many bytes, \
            within seconds, far more than during the rest of the recording.",
        why_it_matters: "Downloads, deployments, load tests, floods and worms all start with a sudden \
            change in rate. That moment is the first place to look.",
        how_it_decides: "For each process (by name; the local address if it is unknown) and each remote \
            address, opened connections and transferred bytes are counted over windows of `window_s`, or \
            a twelfth of the recording if that is shorter; never less than one tick or, for bytes, one \
            time slice. Adjacent windows give the median and the spread (1.4826 MAD; where most windows \
            are equal, 1.2533 times the mean deviation; never less than chance would give). A sliding \
            window belongs to a burst if it has at least `min_connections` or `min_bytes`, and a robust z \
            of at least `min_z`. From `always_connections` opened by this host on, z is ignored, so that \
            a flood that fills the recording does not become its own baseline; HTTP, database and mail \
            clients reuse connections and do not open 100 a second. Adjacent windows form one episode and \
            one finding. A burst to a destination that a single process caused is reported once, for that \
            process. Severity: info for bytes, low for connections; medium if this host opened ten times \
            `min_connections` to one address outside the local networks.",
        false_positives: "A page with many resources, a package download, a backup, a load test, a \
            crawler, a job that starts. Check whether this process had a reason at that time.",
        evidence: "The busiest window and its threshold, its robust z and `min_z`, the median window, how \
            long the episode lasted, and its connections. The table `episodes` lists every episode for \
            the timeline.",
        source: "Robust z: B. Iglewicz, D. Hoaglin: How to Detect and Handle Outliers. ASQC 1993. Tools \
            disagree on the thresholds; these are netrec's own. ATT&CK T1498 for connections in very \
            large numbers to one address outside the local networks.",
        section: Section::Behavior,
        method: Method::Statistics,
        signal: Signal::Spike,
        attack: &["T1498"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_connections < 2 || config.min_bytes < 2 {
            return Err("min_connections and min_bytes must be at least 2".to_owned());
        }
        if config.always_connections < config.min_connections {
            return Err("always_connections must be at least min_connections".to_owned());
        }
        positive(&[("window_s", config.window_s), ("min_z", config.min_z)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        if let Some(skipped) = Outcome::skipped_if_nothing_opened(context.tables, &sockets) {
            return Ok(skipped);
        }
        let window_s = config.window_s.min(context.tables.span_s() / LEAST_WINDOWS);
        if window_s < context.tables.interval_s.min(config.window_s) {
            return Ok(Outcome::Skipped(format!(
                "Needs a recording of at least {LEAST_WINDOWS} ticks to establish a normal rate."
            )));
        }
        let all = series::of(&sockets, context.tables, window_s);
        let episodes = episodes::find(&all, &sockets, context.tables.span_us, config)?;
        let findings = episodes.iter().map(|episode| finding(&sockets, episode, config)).collect();
        let tables = vec![(EPISODES.name, episodes_table(&episodes)?)];
        let mut limits = vec![format!(
            "Window length: {} for connections; for bytes at least one time slice, {}.",
            words::duration(window_s),
            words::duration(context.tables.bin_width_us as f64 / 1e6),
        )];
        if !context.metadata.holds_many_hosts() {
            limits.push("Bytes of UDP are not counted.".to_owned());
        }
        Ok(Outcome::Ran(Output { findings, tables, limits, ..Output::default() }))
    }
}

fn finding(sockets: &Sockets<'_>, episode: &Episode<'_>, config: &Thresholds) -> Finding {
    let members = sockets.subset(&episode.rows);
    let severity = severity(episode, members, config);
    let judgement = Judgement {
        severity,
        confidence: confidence(episode, config),
        title: title(episode),
        explanation: explanation(episode),
        false_positives: String::new(),
        attack: if severity >= Severity::Medium { vec!["T1498"] } else { Vec::new() },
        entities: members.entities(),
    };
    let evidence = members.evidence_within(measurements(episode, config), episode.span_us);
    Finding::new(&Burst::ABOUT, judgement, evidence)
}

fn severity(episode: &Episode<'_>, members: SocketSubset<'_, '_>, config: &Thresholds) -> Severity {
    if episode.metric == Metric::Bytes {
        return Severity::Info;
    }
    let leaves = |socket: &Socket<'_>| {
        socket.direction == Some(Direction::Outbound) && socket.is_beyond_local_networks()
    };
    let mut places: AHashMap<&str, usize> = AHashMap::new();
    for socket in members.iter().filter(leaves) {
        *places.entry(socket.remote().map_or("", |(addr, _)| addr)).or_default() += 1;
    }
    // What else a host does meanwhile does not make a flood smaller.
    let most = places.into_values().max().unwrap_or_default() as f64;
    let is_one_place = most >= ONE_PLACE * members.len() as f64;
    let is_very_much = episode.peak >= VERY_MUCH * f64::from(config.min_connections);
    if is_one_place && is_very_much { Severity::Medium } else { Severity::Low }
}

/// Surer the further the fullest window lies beyond both thresholds.
fn confidence(episode: &Episode<'_>, config: &Thresholds) -> Confidence {
    let by_floor = 1.0 - (-episode.peak / episode.metric.floor(config)).exp();
    let by_z = if episode.z < config.min_z { 0.5 } else { 1.0 - (-episode.z / config.min_z).exp() };
    Confidence::new(by_floor * by_z)
}

fn amount(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Connections => words::count(value as usize, "connection", "connections"),
        Metric::Bytes => words::bytes(value),
    }
}

fn title(episode: &Episode<'_>) -> String {
    let peak = amount(episode.metric, episode.peak);
    let within = words::duration(episode.window_s);
    match (episode.subject, episode.metric) {
        (Subject::Source(source), Metric::Connections) => {
            format!("{source} opened or accepted {peak} within {within}")
        }
        (Subject::Source(source), Metric::Bytes) => format!("{source} transferred {peak} within {within}"),
        (Subject::Remote(addr), Metric::Connections) => format!("{peak} with {addr} within {within}"),
        (Subject::Remote(addr), Metric::Bytes) => format!("{peak} exchanged with {addr} within {within}"),
    }
}

fn explanation(episode: &Episode<'_>) -> String {
    let lasted = match lasted_s(episode) {
        0.0 => format!("less than {}", words::duration(episode.window_s)),
        seconds => words::duration(seconds),
    };
    format!(
        "The busiest window had {}, the median window {}. The episode lasted {}, with {}.",
        amount(episode.metric, episode.peak),
        amount(episode.metric, episode.median),
        lasted,
        words::count(episode.rows.len(), "connection", "connections"),
    )
}

/// From its first to its last connection, in seconds.
fn lasted_s(episode: &Episode<'_>) -> f64 {
    (episode.span_us.1 - episode.span_us.0) as f64 / 1e6
}

fn measurements(episode: &Episode<'_>, config: &Thresholds) -> Vec<Measurement> {
    let unit = match episode.metric {
        Metric::Connections => "connections",
        Metric::Bytes => "bytes",
    };
    vec![
        Measurement::new("busiest window", episode.peak, unit).against(episode.metric.floor(config)),
        Measurement::new("robust z", episode.z, "").against(config.min_z),
        Measurement::new("median window", episode.median, unit),
        Measurement::new("window", episode.window_s, "s"),
        Measurement::new("lasted", lasted_s(episode), "s"),
    ]
}

/// Every episode, in the order of time.
fn episodes_table(episodes: &[Episode<'_>]) -> Result<DataFrame> {
    fn column<T>(episodes: &[Episode<'_>], field: impl Fn(&Episode<'_>) -> T) -> Vec<T> {
        episodes.iter().map(field).collect()
    }
    let name = |subject: Subject<'_>| match subject {
        Subject::Source(source) => source.to_string(),
        Subject::Remote(addr) => addr.to_owned(),
    };
    Ok(df!(
        "subject" => column(episodes, |e| name(e.subject)),
        "kind" => column(episodes, |e| if matches!(e.subject, Subject::Source(_)) { "process" } else { "address" }),
        "metric" => column(episodes, |e| if e.metric == Metric::Bytes { "bytes" } else { "connections" }),
        "start_us" => column(episodes, |e| e.span_us.0),
        "end_us" => column(episodes, |e| e.span_us.1),
        "peak" => column(episodes, |e| e.peak),
        "median" => column(episodes, |e| e.median),
        "z" => column(episodes, |e| e.z),
        "window_s" => column(episodes, |e| e.window_s),
        "connections" => column(episodes, |e| e.rows.len() as u32),
    )?)
}
