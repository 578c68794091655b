//! What a report says of the visibility gaps: each with its numbers, and none where nothing is missing.

use super::*;
use crate::capture::{ImportSource, IntervalChange, SourceReport};

/// A recording in which nothing is missing.
fn whole() -> Completeness {
    Completeness { ticks_planned: Some(600), ticks_taken: 600, connections: 40, ..Completeness::default() }
}

fn recorded() -> Metadata {
    Metadata { interval_ms: 1_000, rows: 900, ticks_taken: 600, ..Metadata::default() }
}

fn imported(format: &str) -> Metadata {
    let source = ImportSource { file: "x".to_owned(), format: format.to_owned(), sha256: String::new() };
    Metadata { import: Some(source), ticks_taken: 0, ..recorded() }
}

fn said(known: &Completeness, metadata: &Metadata) -> Vec<String> {
    blind_spots(known, metadata, 3, Some(Periods::Between(2.0, 200.0)))
}

#[test]
fn a_whole_recording_has_no_gaps() {
    assert_eq!(said(&whole(), &recorded()), Vec::<String>::new());
    let lossless = Completeness { events_lost: Some(0), ..whole() };
    assert_eq!(said(&lossless, &recorded()), Vec::<String>::new());
}

#[test]
fn what_a_recording_misses_is_said_with_its_numbers() {
    let cases = [
        (
            Completeness { shortest_lifetime_s: Some(1.0), ..whole() },
            "Connections shorter than 1 s may be missing: no event source ran between ticks.",
        ),
        (
            Completeness { events_lost: Some(7), ..whole() },
            "The kernel dropped 7 events before they were read.",
        ),
        (Completeness { ticks_taken: 598, ticks_late: 2, ..whole() }, "Late or skipped ticks: 2 of 600."),
        (Completeness { ticks_taken: 300, ..whole() }, "The recording ended after 300 of 600 planned ticks."),
        (
            Completeness { ticks_planned: None, ticks_taken: 500, ticks_late: 1, ..whole() },
            "Late or skipped ticks: 1 of 500.",
        ),
        (
            Completeness { connections_without_owner: 12, ..whole() },
            "12 of 40 connections have no known owner.",
        ),
        (
            Completeness { connections_without_bytes: 5, ..whole() },
            "5 of 40 connections have no byte counts, 3 of them UDP: the kernel does not count them; record \
             --udp-bytes does.",
        ),
    ];
    for (known, sentence) in cases {
        assert_eq!(said(&known, &recorded()), [sentence]);
    }
}

#[test]
fn periods_that_cannot_be_seen_are_said() {
    let of = |periods| blind_spots(&whole(), &recorded(), 0, periods);
    assert_eq!(of(Some(Periods::TooShort)), ["The recording is too short to detect periodic connections."]);
    assert_eq!(of(None), ["Periodic connections were not searched for; see the detectors for the reason."]);
}

#[test]
fn an_import_says_what_its_source_lacks() {
    let nameless = Completeness { connections_without_owner: 40, events_lost: Some(3), ..whole() };
    let spots = said(&nameless, &imported("zeek"));
    let beginnings = [
        "Imported from logs of Zeek: anything the source does not record is unknown.",
        "Connection logs hold totals only",
        "The capturing side reports 3 lost packets.",
        "The imported data names no processes",
    ];
    for beginning in beginnings {
        assert!(spots.iter().any(|spot| spot.starts_with(beginning)), "{beginning} in {spots:?}");
    }
    assert_eq!(spots.len(), beginnings.len(), "{spots:?}");
    let some = Completeness { connections_without_owner: 1, connections_without_bytes: 2, ..whole() };
    let spots = said(&some, &imported("zeek"));
    assert!(spots.contains(&"1 of 40 connections have no known owner.".to_owned()), "{spots:?}");
    assert!(
        spots.iter().any(|spot| spot.ends_with("3 of them UDP: the imported data has none.")),
        "{spots:?}"
    );
}

#[test]
fn an_import_of_nothing_says_so() {
    let nothing = Metadata { rows: 0, ..imported("eve") };
    assert!(said(&whole(), &nothing).iter().any(|spot| spot.starts_with("Nothing was imported")));
    let something = said(&whole(), &imported("eve"));
    assert!(!something.iter().any(|spot| spot.starts_with("Nothing was imported")), "{something:?}");
}

#[test]
fn a_source_that_did_not_run_or_saw_part_is_said_and_one_that_ran_is_not() {
    let source =
        |name: &str, status| SourceReport { name: name.to_owned(), status, detail: "why".to_owned() };
    let sources = vec![
        source("sock_diag", SourceStatus::Ran),
        source("proc-owners", SourceStatus::Partial),
        source("perf-events", SourceStatus::Missing),
    ];
    let of = |metadata: Metadata| said(&whole(), &Metadata { sources: sources.clone(), ..metadata });
    assert_eq!(of(recorded()), ["proc-owners saw only part: why", "perf-events did not run: why"]);
    assert!(of(imported("pcap")).contains(&"proc owners: why".to_owned()));
}

#[test]
fn snapshots_that_became_rarer_are_said_with_the_time_and_both_intervals() {
    let change = |interval_ms| IntervalChange {
        at_us: 1_780_308_000_000_000,
        tick: 60,
        interval_ms,
        cpu_percent: 9.0,
    };
    let rarer = Metadata { interval_changes: vec![change(1_000), change(4_000)], ..recorded() };
    assert_eq!(
        said(&whole(), &rarer),
        [
            "To stay within its CPU budget, the recorder took snapshots less often: up to 4 s apart instead of 1 s, \
          from 2026-06-01T10:00:00Z on. Detectable periods and lifetimes follow from the longest interval."
        ]
    );
    let same = Metadata { interval_changes: vec![change(1_000)], ..recorded() };
    assert_eq!(said(&whole(), &same), Vec::<String>::new());
}

#[test]
fn sockets_of_other_namespaces_are_said_to_be_left_out_or_to_be_among_the_analyzed() {
    assert_eq!(left_out(0), None);
    assert!(left_out(1).unwrap().starts_with("Left out: 1 socket of other network namespaces."));
    assert!(left_out(1_200).unwrap().contains("1,200 sockets"));
    assert_eq!(analyzed(0, 40), None);
    let among = analyzed(3, 40).unwrap();
    assert!(among.starts_with("3 of 40 connections belong to other network namespaces"), "{among}");
}
