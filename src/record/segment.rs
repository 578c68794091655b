//! The part of a recording's account that belongs to one of its files.

use chrono::{DateTime, SecondsFormat};

use crate::capture::{IntervalChange, Metadata, Pause, PreviousPart, SeriesPart, SourceReport, SourceStatus};

/// One file of a recording: where it begins, and the counts before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    /// Number within the recording, from 1.
    number: u32,
    /// Number within the series.
    sequence: u64,
    /// `None` for the first file, which begins with the recording.
    start: Option<Start>,
    previous: Option<PreviousPart>,
}

#[derive(Debug, Clone, Copy)]
struct Start {
    us: i64,
    mono_ns: i64,
    ticks_taken: u64,
    ticks_late: u64,
    events_lost: Option<u64>,
    /// Pauses reported in earlier files.
    pauses: usize,
}

impl Segment {
    /// The first file of a recording, with its number in the series.
    pub(super) fn first(sequence: u64) -> Self {
        Self { number: 1, sequence, ..Self::default() }
    }

    /// The file that begins with the last tick of `whole`. The previous file reported this many
    /// pauses, including all before them.
    pub(super) fn next(&self, whole: &Metadata, previous: Option<PreviousPart>, pauses: usize) -> Self {
        let start = Start {
            us: whole.end_us,
            mono_ns: whole.end_mono_ns,
            // That tick is in both files, or in this one alone.
            ticks_taken: whole.ticks_taken.saturating_sub(1),
            ticks_late: whole.ticks_late,
            events_lost: whole.events_lost,
            pauses,
        };
        let (number, sequence) = (self.number.saturating_add(1), self.sequence.saturating_add(1));
        Self { number, sequence, start: Some(start), previous }
    }

    /// Whether this is not the first file.
    pub(super) fn is_later(&self) -> bool {
        self.start.is_some()
    }

    /// The account of this file, from that of the recording so far.
    pub(super) fn of(&self, whole: Metadata, series: Option<&str>) -> Metadata {
        let (part, sequence) = (self.number, Some(self.sequence));
        let series = series.map(|name| SeriesPart {
            name: name.to_owned(),
            part,
            sequence,
            previous: self.previous.clone(),
        });
        let Some(start) = self.start else { return Metadata { series, ..whole } };
        let lost_before = start.events_lost.unwrap_or(0);
        let pauses = whole.pauses.get(start.pauses..).unwrap_or_default().to_vec();
        let mut sources = whole.sources;
        sources.extend(describe(&pauses));
        Metadata {
            start_us: start.us,
            start_mono_ns: start.mono_ns,
            // The plan was for all of them.
            ticks_planned: None,
            ticks_taken: whole.ticks_taken - start.ticks_taken,
            ticks_late: whole.ticks_late - start.ticks_late,
            events_lost: whole.events_lost.map(|lost| lost.saturating_sub(lost_before)),
            interval_changes: in_force_since(start.us, &whole.interval_changes),
            pauses,
            sources,
            series,
            ..whole
        }
    }
}

/// The disk's status, as one of the sources; `None` if there was always room.
pub(super) fn describe(pauses: &[Pause]) -> Option<SourceReport> {
    let (first, last) = (pauses.first()?, pauses.last()?);
    let (ticks, rows) = pauses.iter().fold((0, 0), |sum, pause| (sum.0 + pause.ticks, sum.1 + pause.rows));
    let time = |us: i64| {
        let time = DateTime::from_timestamp_micros(us).unwrap_or_default();
        time.to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    let times = if pauses.len() > 1 { format!("{} times ", pauses.len()) } else { String::new() };
    let detail = format!(
        "the disk was full {times}between {} and {}: {ticks} snapshots with {rows} rows were not recorded",
        time(first.from_us),
        time(last.to_us)
    );
    Some(SourceReport { name: "disk".to_owned(), status: SourceStatus::Partial, detail })
}

/// The status in a file that was completed early for lack of room, whether or not another follows it.
pub(super) fn ends_without_room() -> SourceReport {
    SourceReport {
        name: "disk".to_owned(),
        status: SourceStatus::Partial,
        detail: "the file ends early because the disk was full; recording paused until there was space"
            .to_owned(),
    }
}

/// The last change before a moment, and all after it.
fn in_force_since(start_us: i64, changes: &[IntervalChange]) -> Vec<IntervalChange> {
    let before = changes.partition_point(|change| change.at_us < start_us);
    changes[before.saturating_sub(1)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(ticks_taken: u64, ticks_late: u64, events_lost: Option<u64>) -> Metadata {
        Metadata {
            start_us: 0,
            end_us: ticks_taken as i64 * 1_000_000,
            end_mono_ns: ticks_taken as i64 * 1_000_000_000,
            ticks_planned: Some(100),
            ticks_taken,
            ticks_late,
            events_lost,
            ..Metadata::default()
        }
    }

    fn previous() -> PreviousPart {
        PreviousPart { file: "a.parquet".to_owned(), sha256: "00".to_owned() }
    }

    #[test]
    fn the_only_file_has_the_account_of_the_recording() {
        assert_eq!(Segment::first(1).of(whole(10, 1, Some(3)), None), whole(10, 1, Some(3)));
    }

    #[test]
    fn a_later_file_counts_from_its_own_start_and_shares_one_tick() {
        let cut = whole(10, 1, Some(3));
        let part = Segment::first(41).next(&cut, Some(previous()), 0);
        let file = part.of(whole(25, 4, Some(5)), Some("web"));
        assert_eq!((file.start_us, file.start_mono_ns), (cut.end_us, cut.end_mono_ns));
        assert_eq!((file.ticks_taken, file.ticks_late, file.events_lost), (16, 3, Some(2)));
        assert_eq!(file.ticks_planned, None);
        let series = file.series.unwrap();
        assert_eq!((series.name.as_str(), series.part, series.previous), ("web", 2, Some(previous())));
        assert_eq!(series.sequence, Some(42));
    }

    #[test]
    fn a_file_tells_of_the_pauses_since_the_one_before_it() {
        let pause = |at: i64| Pause { from_us: at, to_us: at + 5, ticks: 3, rows: 70 };
        let cut = whole(10, 4, None);
        let part = Segment::first(1).next(&cut, None, 1);
        let file = part.of(Metadata { pauses: vec![pause(1), pause(8)], ..whole(12, 4, None) }, Some("web"));
        assert_eq!((file.pauses.as_slice(), file.ticks_taken), ([pause(8)].as_slice(), 3));
        assert!(file.is_degraded());
        let [disk] = file.sources.as_slice() else { panic!("{:?}", file.sources) };
        assert!(disk.detail.contains("3 snapshots with 70 rows were not recorded"), "{}", disk.detail);
    }

    #[test]
    fn a_file_says_which_interval_it_began_with() {
        let change = |at_us, interval_ms| IntervalChange { at_us, tick: 0, interval_ms, cpu_percent: 1.0 };
        let changes = [change(10, 2000), change(20, 4000), change(30, 2000)];
        assert_eq!(in_force_since(25, &changes), changes[1..]);
        assert_eq!(in_force_since(5, &changes), changes);
        assert_eq!(in_force_since(40, &changes), changes[2..]);
        assert_eq!(in_force_since(40, &[]), []);
    }
}
