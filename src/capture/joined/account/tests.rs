//! What a joined recording claims to have seen: never more than the file that saw least.

use std::path::Path;

use super::*;
use crate::capture::{Pause, SeriesPart};

fn source(name: &str, status: SourceStatus) -> SourceReport {
    SourceReport { name: name.to_owned(), status, detail: format!("{status:?}") }
}

fn with_privileges(names: &[&str]) -> Metadata {
    Metadata { privileges: names.iter().map(|name| (*name).to_owned()).collect(), ..Metadata::default() }
}

#[test]
fn a_source_is_as_bad_as_in_the_file_where_it_was_worst() {
    use SourceStatus::{Missing, Partial, Ran};
    let file = |sources: &[SourceReport]| Metadata { sources: sources.to_vec(), ..Metadata::default() };
    let (first, second, third) = (
        file(&[source("owners", Ran), source("events", Missing), source("hashes", Ran)]),
        file(&[source("owners", Partial), source("events", Ran), source("hashes", Ran)]),
        file(&[source("owners", Ran), source("events", Partial), source("packets", Ran)]),
    );
    let joined = sources(&[&first, &second, &third]);
    assert_eq!(
        joined,
        [source("owners", Partial), source("events", Missing), source("hashes", Ran), source("packets", Ran)]
    );
}

#[test]
fn only_what_every_file_was_allowed_is_a_privilege_of_all() {
    let (first, second) =
        (with_privileges(&["CAP_BPF", "CAP_NET_ADMIN", "root"]), with_privileges(&["root", "CAP_NET_ADMIN"]));
    assert_eq!(common_privileges(&[&first, &second]), ["CAP_NET_ADMIN", "root"]);
    assert_eq!(common_privileges(&[&first, &with_privileges(&[])]), Vec::<String>::new());
}

#[test]
fn an_address_that_the_host_had_in_two_files_is_listed_once() {
    let of = |addresses: &[&str]| Metadata {
        host_addresses: addresses.iter().map(|addr| (*addr).to_owned()).collect(),
        ..Metadata::default()
    };
    let (first, second) = (of(&["10.0.0.2", "::1"]), of(&["10.0.0.9", "10.0.0.2"]));
    assert_eq!(addresses(&[&first, &second]), ["10.0.0.2", "::1", "10.0.0.9"]);
}

#[test]
fn a_recording_is_incomplete_if_files_are_missing_and_not_if_nothing_was_recorded() {
    use super::super::{Gap, GapReason};
    let with = |reason| Joined { gaps: vec![Gap { from_us: 0, to_us: 9, reason }], ..Joined::default() };
    assert!(!Joined::default().is_incomplete());
    assert!(!with(GapReason::RecorderStopped).is_incomplete());
    assert!(!with(GapReason::HostRestarted).is_incomplete());
    assert!(with(GapReason::FilesMissing).is_incomplete());
    let unread = Joined { unread: vec!["a.parquet: denied".to_owned()], ..Joined::default() };
    assert!(unread.is_incomplete());
}

/// Files of these names, each with what had to be recovered of it.
fn files(files: &[(&str, Option<&str>)]) -> Vec<CaptureFile> {
    let file = |(name, recovered): &(&str, Option<&str>)| {
        let metadata = Metadata { recovered: recovered.map(str::to_owned), ..Metadata::default() };
        CaptureFile::new(&Path::new("/var/log").join(name), vec![], metadata)
    };
    files.iter().map(file).collect()
}

#[test]
fn a_pattern_ends_where_the_names_differ_and_not_among_the_digits_of_their_times() {
    let of = |names: &[&str]| pattern(&files(&names.iter().map(|name| (*name, None)).collect::<Vec<_>>()));
    assert_eq!(of(&["web-20260601T10.parquet", "web-20260601T11.parquet"]), "web-*.parquet");
    assert_eq!(of(&["web-01_a.parquet", "web-01_b.parquet"]), "web-01_*.parquet");
    assert_eq!(of(&["a.parquet", "b.parquet"]), "*.parquet");
    // Both begin with the first byte of a letter of two.
    assert_eq!(of(&["x-é.parquet", "x-è.parquet"]), "x-*.parquet");
}

#[test]
fn the_first_three_files_that_were_recovered_are_named_and_the_others_counted() {
    let none = files(&[("a.parquet", None)]);
    assert_eq!(recovered(&none), None);
    let three = files(&[("a", Some("First.")), ("b", None), ("c", Some("Second.")), ("d", Some("Third."))]);
    assert_eq!(recovered(&three).unwrap(), "a: First. c: Second. d: Third.");
    let five: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|name| (*name, Some("Cut."))).collect();
    assert_eq!(
        recovered(&files(&five)).unwrap(),
        "a: Cut. b: Cut. c: Cut. 2 more files had to be recovered."
    );
}

#[test]
fn what_each_file_says_of_its_recording_is_in_the_account_of_all() {
    let change = |tick| IntervalChange { at_us: 7, tick, interval_ms: 9_000, cpu_percent: 1.5 };
    let pause = |ticks| Pause { from_us: 1, to_us: 2, ticks, rows: 3 };
    let first = Metadata {
        boot_id: Some("a".to_owned()),
        interval_ms: 5_000,
        interval_changes: vec![change(4), change(8)],
        pauses: vec![pause(1)],
        host_addresses: vec!["10.0.0.2".to_owned()],
        recorder_pids: vec![11],
        series: Some(SeriesPart { name: "web".to_owned(), part: 1, sequence: None, previous: None }),
        ticks_taken: 10,
        ticks_late: 1,
        rows: 100,
        events_lost: Some(2),
        start_us: 100,
        end_us: 200,
        start_mono_ns: 10,
        end_mono_ns: 20,
        ..Metadata::default()
    };
    let second = Metadata {
        interval_ms: 1_000,
        interval_changes: vec![change(8), change(12)],
        pauses: vec![pause(2)],
        host_addresses: vec!["10.0.0.3".to_owned()],
        recorder_pids: vec![12],
        ticks_taken: 6,
        rows: 50,
        start_us: 200,
        end_us: 300,
        start_mono_ns: 20,
        end_mono_ns: 30,
        ..first.clone()
    };
    let account = |second: &Metadata, link| {
        let file = |metadata: &Metadata| CaptureFile::new(Path::new("x.parquet"), vec![], metadata.clone());
        of(&[file(&first), file(second)], &[Link::First, link], &[Joint::default(); 2])
    };
    let all = account(&second, Link::Follows);
    assert_eq!(all.interval_ms, 5_000);
    assert_eq!(all.interval_changes, [change(4), change(8), change(12)]);
    assert_eq!(all.pauses, [pause(1), pause(2)]);
    assert_eq!(all.host_addresses, ["10.0.0.2", "10.0.0.3"]);
    assert_eq!((all.recorder_pids, all.series), (vec![11, 12], None));
    assert_eq!((all.rows, all.ticks_late, all.events_lost), (150, 2, Some(4)));
    assert_eq!(all.ticks_taken, 15, "the last snapshot of one is the first of the other");
    assert_eq!((all.start_us, all.end_us, all.start_mono_ns, all.end_mono_ns), (100, 300, 10, 30));
    assert_eq!(all.boot_id.as_deref(), Some("a"));

    let rebooted = Metadata { boot_id: Some("b".to_owned()), events_lost: None, ..second };
    let all = account(&rebooted, Link::Restart(true));
    assert_eq!((all.ticks_taken, all.boot_id, all.events_lost), (16, None, None));
    assert_eq!((all.start_mono_ns, all.end_mono_ns), (0, 0), "two clocks");
}
