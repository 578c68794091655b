//! Files whose metadata says when they were recorded, and nothing of what.

use std::path::Path;

use super::*;
use crate::capture::row_group::RowGroup;
use crate::capture::salvage::in_memory;
use crate::capture::{Protocol, Row, SeriesPart};

/// A second of the wall clock and of the monotonic one.
const SECOND_US: i64 = 1_000_000;

/// A file of a host, recorded between two seconds of a boot that began at the epoch.
struct Given {
    name: &'static str,
    metadata: Metadata,
}

fn given(name: &'static str, (from, to): (i64, i64)) -> Given {
    let metadata = Metadata {
        host_name: Some("web-01".to_owned()),
        boot_id: Some("boot-1".to_owned()),
        start_us: from * SECOND_US,
        end_us: to * SECOND_US,
        start_mono_ns: from * SECOND_US * 1000,
        end_mono_ns: to * SECOND_US * 1000,
        interval_ms: 1000,
        ..Metadata::default()
    };
    Given { name, metadata }
}

impl Given {
    fn part(mut self, series: &str, part: u32, sequence: Option<u64>) -> Self {
        self.metadata.series = Some(SeriesPart { name: series.to_owned(), part, sequence, previous: None });
        self
    }

    fn boot(mut self, boot: &str) -> Self {
        self.metadata.boot_id = Some(boot.to_owned());
        self
    }

    fn host(mut self, name: &str, machine: Option<&str>) -> Self {
        self.metadata.host_name = Some(name.to_owned());
        self.metadata.machine_id = machine.map(str::to_owned);
        self
    }

    /// The same moments on a wall clock that was set by so many seconds.
    fn clock_set_by(mut self, seconds: i64) -> Self {
        self.metadata.start_us += seconds * SECOND_US;
        self.metadata.end_us += seconds * SECOND_US;
        self
    }

    fn file(self) -> CaptureFile {
        CaptureFile::new(Path::new(self.name), vec![], self.metadata)
    }
}

fn names(files: &[CaptureFile]) -> String {
    files.iter().map(|file| file.path().display().to_string()).collect::<Vec<_>>().join(" ")
}

/// The recordings of these files, `a b | c`, and the copies after a slash.
fn sorted(files: Vec<Given>) -> String {
    let sorted = recordings(files.into_iter().map(Given::file).collect());
    let found = sorted.recordings.iter().map(|files| names(files)).collect::<Vec<_>>().join(" | ");
    if sorted.copies.is_empty() { found } else { format!("{found} / {}", names(&sorted.copies)) }
}

fn linked(before: Given, file: Given) -> Link {
    links(&[before.file(), file.file()])[1]
}

fn gap_between(before: Given, file: Given) -> Option<Gap> {
    let files = [before.file(), file.file()];
    gaps(&files, &links(&files)).first().copied()
}

#[test]
fn each_host_is_a_recording_in_the_order_in_which_its_first_file_was_given() {
    let files = vec![
        given("b1", (0, 9)).host("b", None),
        given("a2", (10, 19)).host("a", None),
        given("b2", (10, 19)).host("b", None),
        given("a1", (0, 9)).host("a", None),
    ];
    assert_eq!(sorted(files), "b1 b2 | a1 a2");
}

#[test]
fn a_file_without_an_identity_belongs_to_the_only_machine_of_its_name() {
    let of = |machine| given("new", (10, 19)).host("a", Some(machine));
    assert_eq!(sorted(vec![given("old", (0, 9)).host("a", None), of("m1")]), "old new");
    let two =
        vec![given("old", (0, 9)).host("a", None), of("m1"), given("other", (0, 9)).host("a", Some("m2"))];
    assert_eq!(sorted(two), "old | new | other");
}

#[test]
fn a_copy_is_read_once_and_an_equal_time_alone_makes_none() {
    let file = || given("a", (0, 9)).part("web", 1, Some(1));
    let copy = Given { name: "copy", ..file() };
    assert_eq!(sorted(vec![file(), given("b", (9, 20)).part("web", 2, Some(2)), copy]), "a b / copy");
    assert_eq!(sorted(vec![given("a", (0, 9)), given("b", (0, 9)).part("web", 1, None)]), "a | b");
}

#[test]
fn the_monotonic_clock_orders_files_of_a_boot_and_numbers_order_boots() {
    let set_back = vec![given("later", (10, 19)).clock_set_by(-3600), given("first", (0, 9))];
    assert_eq!(sorted(set_back), "first later");
    let of = |name, boot, number| {
        given(name, (0, 9)).boot(boot).part("web", 1, number).clock_set_by(if boot == "boot-2" {
            -3600
        } else {
            0
        })
    };
    assert_eq!(sorted(vec![of("second", "boot-2", Some(8)), of("first", "boot-1", Some(7))]), "first second");
    // Without numbers there is only the clock.
    assert_eq!(sorted(vec![of("second", "boot-2", None), of("first", "boot-1", None)]), "second first");
}

#[test]
fn two_recorders_at_once_are_two_recordings_and_each_file_goes_to_its_series() {
    assert_eq!(sorted(vec![given("a", (0, 10)), given("b", (9, 20))]), "a | b");
    assert_eq!(sorted(vec![given("a", (0, 10)), given("b", (10, 20))]), "a b");
    let files = vec![
        given("a1", (0, 10)).part("a", 1, None),
        given("b1", (5, 12)).part("b", 1, None),
        given("b2", (14, 20)).part("b", 2, None),
        given("a2", (15, 20)).part("a", 2, None),
    ];
    assert_eq!(sorted(files), "a1 a2 | b1 b2");
}

#[test]
fn the_next_part_follows_a_later_one_continues_and_all_else_is_a_restart() {
    let first = || given("a", (0, 10)).part("web", 1, Some(4));
    let next = |from| given("b", (from, 20));
    assert_eq!(links(&[first().file()]), [Link::First]);
    assert_eq!(linked(first(), next(10).part("web", 2, Some(5))), Link::Follows);
    assert_eq!(linked(first(), next(12).part("web", 2, Some(5))), Link::Continues);
    assert_eq!(linked(first(), next(12).part("web", 3, Some(6))), Link::Continues);
    for restarted in [
        next(10).part("web", 2, Some(6)),
        next(12).part("web", 1, Some(5)),
        next(10).part("other", 2, Some(5)),
        next(12),
    ] {
        assert_eq!(linked(first(), restarted), Link::Restart(false));
    }
    assert_eq!(linked(first(), next(10).part("web", 2, Some(5)).boot("boot-2")), Link::Restart(true));
}

/// The same file, with a row at each of these ticks.
fn with_ticks(given: Given, ticks: &[u32]) -> CaptureFile {
    let mut group = RowGroup::default();
    for tick in ticks {
        let row = Row::snapshot(1, Protocol::Tcp, ([127, 0, 0, 1].into(), 80));
        group.push(&Row { tick: *tick, ..row });
    }
    let part = in_memory(Path::new(given.name), &mut group).unwrap();
    CaptureFile::new(Path::new(given.name), vec![part], given.metadata)
}

#[test]
fn ticks_tell_whether_a_later_file_shares_the_snapshot_goes_on_or_starts_again() {
    let link_of = |part, ticks: &[u32]| {
        let first = with_ticks(given("a", (0, 10)).part("web", 1, Some(4)), &[0, 5]);
        // Later than the first ends, by its clock.
        let second = given("b", (12, 20)).part("web", part, Some(u64::from(part) + 3));
        links(&[first, with_ticks(second, ticks)])[1]
    };
    assert_eq!(link_of(2, &[5, 9]), Link::Follows, "they share snapshot 5");
    assert_eq!(link_of(2, &[6, 9]), Link::Continues);
    assert_eq!(link_of(3, &[6, 9]), Link::Continues, "a file between them is missing");
    assert_eq!(link_of(3, &[5, 9]), Link::Restart(false), "counted from the beginning again");
    assert_eq!(link_of(3, &[0, 9]), Link::Restart(false));
}

#[test]
fn a_gap_has_the_reason_why_nothing_was_recorded() {
    let first = || given("a", (0, 10)).part("web", 1, Some(4));
    let gap =
        |from_us, to_us, reason| Some(Gap { from_us: from_us * SECOND_US, to_us: to_us * SECOND_US, reason });
    let next = |from| given("b", (from, 20));
    // The disk was full, or the interval was not over.
    assert_eq!(gap_between(first(), next(15).part("web", 2, Some(5))), None);
    assert_eq!(gap_between(given("a", (0, 10)), next(11)), None);
    assert_eq!(gap_between(given("a", (0, 10)), next(12)), gap(10, 12, GapReason::RecorderStopped));
    assert_eq!(gap_between(first(), next(15).part("web", 3, Some(6))), gap(10, 15, GapReason::FilesMissing));
    assert_eq!(
        gap_between(first(), next(15).part("web", 1, Some(5))),
        gap(10, 15, GapReason::RecorderStopped)
    );
    assert_eq!(gap_between(first(), next(15).part("web", 1, Some(6))), gap(10, 15, GapReason::FilesMissing));
    assert_eq!(
        gap_between(first(), next(15).part("web", 2, None).boot("b2")),
        gap(10, 15, GapReason::FilesMissing)
    );
    assert_eq!(
        gap_between(first(), next(15).part("web", 1, Some(5)).boot("b2")),
        gap(10, 15, GapReason::HostRestarted)
    );
    assert_eq!(
        gap_between(first(), next(15).part("other", 1, Some(9))),
        gap(10, 15, GapReason::RecorderStopped)
    );
}
