//! Passes what the sampling thread observes to the screen and to recordings.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Error;
use crate::capture::{Kind, PackedTick, Position, Row, Sample, SourceReport, Toward};
use crate::record::{Seen, Timestamp};
use crate::replay::state::TimelineMarker;

/// How long before its start a recording begins.
const KEPT_NS: i64 = 60_000_000_000;

/// How far back the detectors and the screen can see.
const WINDOW_NS: i64 = 600_000_000_000;

/// Snapshots older than [`KEPT_NS`] are dropped if all together exceed this memory size.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;

/// Above this memory size, snapshots are dropped early: the screen must not make a host in trouble
/// run out of memory.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A snapshot in memory.
#[derive(Debug)]
pub(super) struct KeptTick {
    pub(super) number: u32,
    pub(super) moment: Timestamp,
    pub(super) seen: Seen,
    /// Events that the system had lost by then.
    pub(super) events_lost: Option<u64>,
    /// The status of the sources.
    pub(super) reports: Arc<Vec<SourceReport>>,
    pub(super) rows: PackedTick,
}

impl KeptTick {
    /// The snapshot as a sample for the screen.
    pub(super) fn sample(&self) -> Sample {
        sample_of(self.number, self.moment.ts_us, self.rows.unpack())
    }
}

/// Rows of a tick as a sample.
pub(super) fn sample_of(tick: u32, ts_us: i64, rows: Vec<Row>) -> Sample {
    let (rows, mut events): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.kind == Kind::Snapshot);
    events.sort_by_key(|row| row.ts_us);
    Sample { tick, ts_us, rows, events }
}

/// What is new since the last call.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The newest snapshot.
    pub(super) sample: Option<Sample>,
    /// The activity, in intervals of equal length over `span_us`.
    pub(super) activity: Vec<f64>,
    pub(super) span_us: (i64, i64),
}

/// The result of the detectors.
#[derive(Debug)]
pub(super) struct Found {
    /// The findings so far, or why there are none.
    pub(super) findings: Result<Vec<TimelineMarker>, String>,
    /// Detectors that failed in the last run, and why.
    pub(super) failed: Vec<String>,
    /// What they analyzed, and when, as text.
    pub(super) words: String,
}

/// The last minutes of the host, shared between the threads.
#[derive(Debug, Clone, Default)]
pub(super) struct Feed(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// The snapshots of the window, oldest first.
    kept: VecDeque<Arc<KeptTick>>,
    bytes: usize,
    news: Option<News>,
    found: Option<Found>,
    /// Recordings that receive every snapshot.
    listeners: Vec<Sender<Arc<KeptTick>>>,
    has_ended: bool,
    /// Why sampling has ended.
    error: Option<Error>,
}

impl Feed {
    /// Stores a snapshot, and passes it to recordings.
    pub(super) fn keep(&self, tick: KeptTick) {
        let tick = Arc::new(tick);
        let mut inner = self.inner();
        inner.listeners.retain(|listener| listener.send(Arc::clone(&tick)).is_ok());
        inner.bytes += tick.rows.bytes();
        inner.kept.push_back(tick);
        inner.forget();
    }

    /// Stores what is new for the screen, replacing anything not taken yet.
    pub(super) fn tell(&self, news: News) {
        self.inner().news = Some(news);
    }

    /// Takes what is new.
    pub(super) fn news(&self) -> Option<News> {
        self.inner().news.take()
    }

    /// Stores the result of the detectors for the screen.
    pub(super) fn tell_found(&self, found: Found) {
        self.inner().found = Some(found);
    }

    /// Takes the result of the detectors.
    pub(super) fn found(&self) -> Option<Found> {
        self.inner().found.take()
    }

    /// Notes that sampling has ended, and why.
    pub(super) fn end(&self, error: Option<Error>) {
        let mut inner = self.inner();
        (inner.has_ended, inner.error) = (true, error);
        inner.listeners.clear();
    }

    /// Whether sampling has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.inner().has_ended
    }

    /// Why sampling has ended; returned once.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.inner().error.take()
    }

    /// Receives every snapshot of the last minute and then every new one, without a gap, until
    /// [`Feed::let_go`].
    pub(super) fn listen(&self) -> Receiver<Arc<KeptTick>> {
        let (sender, receiver) = channel();
        let mut inner = self.inner();
        for tick in inner.last_minute() {
            // The receiver still exists.
            let _ = sender.send(Arc::clone(tick));
        }
        inner.listeners.push(sender);
        receiver
    }

    /// Closes the channels of all recordings.
    pub(super) fn let_go(&self) {
        self.inner().listeners.clear();
    }

    /// The snapshots of the last minute, with which a recording begins.
    pub(super) fn last_minute(&self) -> Vec<Arc<KeptTick>> {
        self.inner().last_minute().map(Arc::clone).collect()
    }

    /// The snapshots for the detectors.
    pub(super) fn window(&self) -> Vec<Arc<KeptTick>> {
        self.inner().kept.iter().map(Arc::clone).collect()
    }

    /// The newest snapshot.
    pub(super) fn newest(&self) -> Option<Arc<KeptTick>> {
        self.inner().kept.back().map(Arc::clone)
    }

    /// Time covered by the snapshots of the last minute, in seconds.
    pub(super) fn memory_s(&self) -> f64 {
        let inner = self.inner();
        let first = inner.last_minute().next();
        let ends = first.zip(inner.kept.back());
        ends.map_or(0.0, |(first, last)| (last.moment.mono_ns - first.moment.mono_ns) as f64 / 1e9)
    }

    /// The snapshot at a position, or the next one in this direction.
    pub(super) fn at(&self, position: Position, toward: Toward) -> Option<Arc<KeptTick>> {
        let inner = self.inner();
        let is_before = |tick: &&Arc<KeptTick>| match position {
            Position::Time(ts_us) => tick.moment.ts_us <= ts_us,
            Position::Tick(number) => tick.number <= number,
        };
        let is_behind = |tick: &&Arc<KeptTick>| match position {
            Position::Time(ts_us) => tick.moment.ts_us >= ts_us,
            Position::Tick(number) => tick.number >= number,
        };
        match toward {
            Toward::Earlier => inner.kept.iter().rev().find(is_before).map(Arc::clone),
            Toward::Later => inner.kept.iter().find(is_behind).map(Arc::clone),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn covered_ns(&self) -> i64 {
        let ends = self.kept.front().zip(self.kept.back());
        ends.map_or(0, |(first, last)| last.moment.mono_ns - first.moment.mono_ns)
    }

    fn last_minute(&self) -> impl Iterator<Item = &Arc<KeptTick>> {
        let newest_ns = self.kept.back().map_or(0, |tick| tick.moment.mono_ns);
        self.kept.iter().skip_while(move |tick| newest_ns - tick.moment.mono_ns > KEPT_NS)
    }

    /// Drops snapshots that are too old or take too much memory; never the newest.
    fn forget(&mut self) {
        while self.kept.len() > 1 && self.is_too_much() {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.rows.bytes();
            }
        }
    }

    fn is_too_much(&self) -> bool {
        let covered_ns = self.covered_ns();
        covered_ns > WINDOW_NS || covered_ns > KEPT_NS && self.bytes > WINDOW_BYTES || self.bytes > MOST_BYTES
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::capture::{Owner, Protocol};

    /// A snapshot of one socket, `number` seconds after the start.
    pub(in super::super) fn tick(number: u32) -> KeptTick {
        let moment = Timestamp {
            ts_us: 1_780_308_000_000_000 + i64::from(number) * 1_000_000,
            mono_ns: i64::from(number) * 1_000_000_000,
        };
        let row = Row::snapshot(7, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 80));
        let row = Row { tick: number, ts_us: moment.ts_us, mono_ns: moment.mono_ns, ..row };
        let mut rows = vec![row.clone()];
        if number > 0 {
            let event = Row { kind: Kind::Closed, conn_id: 8, tick: number - 1, ..row };
            rows.push(Row { ts_us: moment.ts_us - 500_000, mono_ns: moment.mono_ns - 500_000_000, ..event });
        }
        KeptTick {
            number,
            moment,
            seen: Seen { sockets: 1, processes: 0, connections: u64::from(number) + 1 },
            events_lost: Some(u64::from(number) * 2),
            reports: Arc::default(),
            rows: PackedTick::pack(&rows).unwrap(),
        }
    }

    #[test]
    fn a_minute_is_recorded_and_ten_are_looked_at() {
        let feed = Feed::default();
        (0..1000).for_each(|number| feed.keep(tick(number)));
        let ends = |ticks: Vec<Arc<KeptTick>>| (ticks[0].number, ticks[ticks.len() - 1].number);
        assert_eq!((ends(feed.last_minute()), feed.memory_s()), ((939, 999), 60.0));
        assert_eq!(ends(feed.window()), (399, 999));
    }

    /// Rows that take about a megabyte: a command line that nothing makes shorter.
    fn large_rows() -> PackedTick {
        let mut state = 1_u64;
        let mut letters = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + (state >> 58) as u8)
        };
        let cmdline = (0..700_000).map(|_| letters()).collect();
        let owner = Some(Arc::new(Owner { cmdline: Some(cmdline), ..Owner::default() }));
        let rows = tick(0).rows.unpack().into_iter().map(|row| Row { owner: owner.clone(), ..row });
        PackedTick::pack(&rows.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn memory_is_bounded_and_a_minute_is_kept_as_long_as_it_can_be() {
        let rows = large_rows();
        let size = rows.bytes();
        assert!((1_000_000..1_200_000).contains(&size), "{size}");
        let large = |number| KeptTick { rows: rows.clone(), ..tick(number) };
        let first = |feed: &Feed| feed.window()[0].number;
        let held = |feed: &Feed| feed.window().iter().map(|tick| tick.rows.bytes()).sum::<usize>();
        // More than the window may take, and all of it stays for a minute.
        let feed = Feed::default();
        (0..20).for_each(|number| feed.keep(large(number)));
        (20..61).for_each(|number| feed.keep(tick(number)));
        assert_eq!((first(&feed), feed.window().len()), (0, 61));
        (61..64).for_each(|number| feed.keep(tick(number)));
        assert_eq!(first(&feed), 3);
        (64..90).for_each(|number| feed.keep(tick(number)));
        assert!(held(&feed) <= WINDOW_BYTES && held(&feed) + size > WINDOW_BYTES, "{}", held(&feed));
        // A minute is not kept at any price.
        let feed = Feed::default();
        (0..80).for_each(|number| feed.keep(KeptTick { number, ..large(number / 2) }));
        assert!(held(&feed) <= MOST_BYTES && held(&feed) + size > MOST_BYTES, "{}", held(&feed));
        assert_eq!(feed.newest().unwrap().number, 79);
    }

    #[test]
    fn a_place_is_found_in_both_directions() {
        let feed = Feed::default();
        (0..5).for_each(|number| feed.keep(tick(number)));
        let at = |position, toward| feed.at(position, toward).map(|tick| tick.number);
        let between = tick(2).moment.ts_us + 1;
        assert_eq!(at(Position::Time(between), Toward::Earlier), Some(2));
        assert_eq!(at(Position::Time(between), Toward::Later), Some(3));
        assert_eq!(at(Position::Time(i64::MAX), Toward::Later), None);
        assert_eq!(at(Position::Tick(9), Toward::Earlier), Some(4));
        assert_eq!(at(Position::Tick(0), Toward::Later), Some(0));
    }

    #[test]
    fn who_listens_gets_every_snapshot_once_and_then_the_end() {
        let feed = Feed::default();
        (0..3).for_each(|number| feed.keep(tick(number)));
        let listener = feed.listen();
        (3..5).for_each(|number| feed.keep(tick(number)));
        feed.let_go();
        feed.keep(tick(5));
        assert_eq!(listener.iter().map(|tick| tick.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn events_of_a_sample_are_apart_from_its_rows() {
        let sample = tick(4).sample();
        assert_eq!((sample.tick, sample.rows.len(), sample.events.len()), (4, 1, 1));
        assert_eq!(sample.events[0].kind, Kind::Closed);
    }
}
