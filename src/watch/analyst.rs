//! Runs every detector over the last minutes, in a separate thread and within a CPU budget: after
//! each run it waits until all runs together have used at most a fixed share of one core.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::board::Board;
use super::feed::{Feed, Found, KeptTick};
use crate::analyze::{self, Config, Detections};
use crate::capture::{CaptureFile, Kind, Metadata, Row};
use crate::geo::Databases;
use crate::record::{Clock as _, HostInfo, Stop, SystemClock, host_addresses};
use crate::{Error, Result, guard, humanize, parallel};

/// The share of one core that the detectors may use.
const SHARE: f64 = 0.05;

/// Pause before the first run; short, so that the user sees that they run.
const FIRST_PAUSE: Duration = Duration::from_secs(3);

/// Minimum time between two runs, on a host where they cost almost nothing.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);

/// Niceness of the thread and of those that it starts.
#[cfg(target_os = "linux")]
const NICENESS: libc::c_int = 10;

/// What the detectors need in addition to the snapshots.
pub(super) struct Surroundings {
    pub(super) facts: HostInfo,
    pub(super) interval: Duration,
    pub(super) geo: Arc<Databases>,
}

/// Starts the thread, which ends with `stop` or with the feed. If it cannot be started, the screen
/// says that no detectors run.
pub(super) fn start(feed: Feed, surroundings: Surroundings, stop: Stop) {
    let told = feed.clone();
    let run = move || run(&feed, &surroundings, &stop);
    if let Err(error) = std::thread::Builder::new().name("detectors".to_owned()).spawn(run) {
        told.tell_found(Found::failed(format!("their thread cannot be started: {error}")));
    }
}

fn run(feed: &Feed, surroundings: &Surroundings, stop: &Stop) {
    give_way();
    let mut board = Board::default();
    let mut pause = FIRST_PAUSE;
    loop {
        stop.wait(pause);
        if stop.is_asked() || feed.has_ended() {
            return;
        }
        let begin = (Instant::now(), SystemClock.cpu_ns());
        let window = feed.window();
        let found = guard::catch_panic(|| look(&window, surroundings))
            .unwrap_or_else(|panic| Err(Error::Record(format!("this is a bug in netrec: {panic}"))));
        let cost = cost_since(begin);
        pause = pause_after(cost);
        feed.tell_found(match found {
            Ok(found) => {
                board.take(found.findings);
                let words = words(found.ran, &window, (cost, pause));
                Found { findings: Ok(board.marks()), failed: found.failed, words }
            }
            Err(error) => Found::failed(error.to_string()),
        });
    }
}

impl Found {
    fn failed(why: String) -> Self {
        Self { findings: Err(why), failed: Vec::new(), words: String::new() }
    }
}

/// Runs the detectors over these snapshots.
fn look(window: &[Arc<KeptTick>], surroundings: &Surroundings) -> Result<Detections> {
    // The table library aborts on a system without threads.
    parallel::check().map_err(Error::Threads)?;
    let Some(first) = window.first() else {
        return Err(Error::Record("there is no snapshot yet".to_owned()));
    };
    let start = first.number;
    let ticks = window.iter().map(|tick| rows(tick, start));
    let capture = CaptureFile::from_ticks("the live host", &describe(window, surroundings), ticks)?;
    analyze::find(&capture, &Config::default(), &surroundings.geo)
}

/// The rows of a snapshot, renumbered from the first one in the window. Events before that one are
/// outside the window.
fn rows(tick: &KeptTick, start: u32) -> Vec<Row> {
    let is_first = tick.number == start;
    let mut rows = tick.rows.unpack();
    rows.retain(|row| !is_first || row.kind == Kind::Snapshot);
    for row in &mut rows {
        row.tick = row.tick.saturating_sub(start);
    }
    rows
}

/// The metadata that a recording of these snapshots would have.
fn describe(window: &[Arc<KeptTick>], surroundings: &Surroundings) -> Metadata {
    let (Some(first), Some(last)) = (window.first(), window.last()) else { return Metadata::default() };
    let HostInfo { host_name, os, kernel, machine_id, boot_id, privileges, recorder_pid } =
        surroundings.facts.clone();
    let length_ns = u64::try_from(last.moment.mono_ns - first.moment.mono_ns).unwrap_or(0);
    let interval_ns = (surroundings.interval.as_nanos() as u64).max(1);
    let taken = window.len() as u64;
    Metadata {
        tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
        host_name,
        os,
        kernel,
        machine_id,
        boot_id,
        privileges,
        recorder_pids: recorder_pid.into_iter().collect(),
        start_us: first.moment.ts_us,
        end_us: last.moment.ts_us,
        start_mono_ns: first.moment.mono_ns,
        end_mono_ns: last.moment.mono_ns,
        interval_ms: surroundings.interval.as_millis() as u64,
        sources: last.reports.as_ref().clone(),
        ticks_taken: taken,
        ticks_late: (length_ns / interval_ns + 1).saturating_sub(taken),
        events_lost: last.events_lost.map(|lost| lost.saturating_sub(first.events_lost.unwrap_or(0))),
        host_addresses: host_addresses().iter().map(ToString::to_string).collect(),
        ..Metadata::default()
    }
}

/// CPU time used since a moment: by the whole program, which is more than the detectors used; else
/// the elapsed time.
fn cost_since((begin, cpu_ns): (Instant, Option<i64>)) -> Duration {
    let used = cpu_ns.zip(SystemClock.cpu_ns()).and_then(|(before, now)| u64::try_from(now - before).ok());
    used.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

/// How long to wait after a run of this cost to stay within the budget.
fn pause_after(cost: Duration) -> Duration {
    cost.mul_f64(1.0 / SHARE - 1.0).max(SHORTEST_PAUSE)
}

fn words(ran: usize, window: &[Arc<KeptTick>], (cost, pause): (Duration, Duration)) -> String {
    let ends = window.first().zip(window.last());
    let length_s =
        ends.map_or(0.0, |(first, last)| (last.moment.mono_ns - first.moment.mono_ns) as f64 / 1e9);
    format!(
        "{} of netrec analyze ran over the last {}; that took {} of CPU, and they run again in {}. Over a \
         whole recording (r) they find more.",
        humanize::plural(ran as u64, "detector"),
        humanize::seconds(length_s.round()),
        humanize::duration(cost),
        humanize::seconds(pause.as_secs_f64().round()),
    )
}

/// Lowers the priority below all other work on the host.
#[cfg(target_os = "linux")]
fn give_way() {
    // SAFETY: no memory is passed; on Linux this is the priority of the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::super::feed::tests::tick;
    use super::*;
    use crate::capture::{Counters, PackedTick, Protocol, TcpState};

    fn surroundings() -> Surroundings {
        let interval = Duration::from_secs(1);
        Surroundings { facts: HostInfo::default(), interval, geo: Arc::new(Databases::default()) }
    }

    /// A snapshot per second, in each of which one more port of a host has refused a connection.
    fn scan(number: u32) -> KeptTick {
        let kept = tick(number);
        let row = |kind, state, bytes| Row {
            kind,
            tick: number.saturating_sub(1),
            ts_us: kept.moment.ts_us - 500_000,
            mono_ns: kept.moment.mono_ns - 500_000_000,
            remote: Some(("203.0.113.9".parse().unwrap(), 1000 + number as u16)),
            state: Some(state),
            counters: Counters { bytes_sent: bytes, bytes_received: bytes, ..Counters::default() },
            ..Row::snapshot(1000 + u64::from(number), Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 40_000))
        };
        let mut rows = kept.rows.unpack();
        rows.push(row(Kind::Opened, TcpState::SynSent, None));
        rows.push(Row { prev_state: Some(TcpState::SynSent), ..row(Kind::Closed, TcpState::Close, Some(0)) });
        KeptTick { rows: PackedTick::pack(&rows).unwrap(), ..kept }
    }

    #[test]
    fn the_detectors_of_the_analysis_look_at_the_window() {
        let window: Vec<_> = (100..160).map(|number| Arc::new(scan(number))).collect();
        let found = look(&window, &surroundings()).unwrap();
        let titles: Vec<_> = found.findings.iter().map(|finding| finding.judgement.title.as_str()).collect();
        assert!(titles.iter().any(|title| title.contains("scanned")), "{titles:?}");
        assert!(found.ran > 10 && found.failed.is_empty(), "{} {:?}", found.ran, found.failed);
    }

    #[test]
    fn the_window_says_what_a_recording_of_it_would() {
        // Snapshot 13 was never taken.
        let window: Vec<_> = [10, 11, 12, 14].map(|number| Arc::new(tick(number))).to_vec();
        let metadata = describe(&window, &surroundings());
        assert_eq!((metadata.ticks_taken, metadata.ticks_late), (4, 1));
        assert_eq!(metadata.start_us, tick(10).moment.ts_us);
        assert_eq!(metadata.events_lost, Some(8), "lost since snapshot 10");
        assert_eq!(rows(&window[0], 10).len(), 1, "the event before the window is none of it");
        assert!(rows(&window[1], 10).iter().any(|row| row.tick == 0 && row.kind == Kind::Closed));
    }

    #[test]
    fn a_run_that_costs_much_is_waited_for_longer() {
        assert_eq!(pause_after(Duration::from_millis(10)), SHORTEST_PAUSE);
        let pause = pause_after(Duration::from_secs(2));
        assert!((2.0 / (pause.as_secs_f64() + 2.0) - SHARE).abs() < 1e-9, "{pause:?}");
    }

    #[test]
    fn without_a_snapshot_it_says_so() {
        assert!(look(&[], &surroundings()).unwrap_err().to_string().contains("no snapshot"));
    }
}
