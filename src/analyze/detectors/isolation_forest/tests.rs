use super::*;
use crate::model::frame::Float64Type;
use crate::model::testing::{Capture, Conn};
use crate::model::view::Numbers;

/// Unremarkable connections: sizes and times vary by a factor of a few.
fn normal_host(connections: u32) -> Capture {
    let mut capture = Capture::new(600);
    for n in 0..connections {
        let wobble = f64::from(n * 7919 % 101) / 101.0;
        let other = f64::from(n * 104_729 % 97) / 97.0;
        let (app, addr) = [("firefox", "203.0.113.1"), ("apt", "203.0.113.2")][(n % 2) as usize];
        capture.add(
            Conn::to(addr, 443)
                .by(app, 100 + n % 2)
                .at(f64::from(n) * 600.0 / f64::from(connections))
                .lasting(0.5 + wobble)
                .rtt_us((15_000.0 + 5_000.0 * other) as u32)
                .bytes((400.0 + 300.0 * wobble) as u64, (3_000.0 + 4_000.0 * other) as u64),
        );
    }
    capture
}

#[test]
fn a_normal_host_has_nothing_unusual() {
    let output = normal_host(400).run::<IsolationForest>();
    let titles: Vec<_> = output.findings.iter().map(|f| &f.judgement.title).collect();
    assert!(titles.is_empty(), "{titles:?}");
}

#[test]
fn one_huge_upload_is_found_and_the_bytes_are_named() {
    let mut capture = normal_host(400);
    capture.add(
        Conn::to("198.51.100.7", 4444).by("rclone", 666).at(300.0).lasting(200.0).bytes(9_000_000_000, 900),
    );
    let output = capture.run::<IsolationForest>();
    assert_eq!(output.findings.len(), 1);
    let finding = &output.findings[0];
    assert_eq!(finding.judgement.entities.process_name.as_deref(), Some("rclone"));
    assert!(finding.judgement.severity <= Severity::Low);
    let names: Vec<&str> = finding.evidence.measurements.iter().map(|m| m.name.as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with("bytes") || name.starts_with("time")), "{names:?}");
    let z = finding.evidence.measurements.iter().find(|m| m.name.ends_with("robust z")).unwrap();
    assert!(z.value.abs() >= 3.5);
}

#[test]
fn near_identical_outliers_of_one_pair_are_one_finding() {
    let mut capture = normal_host(2_000);
    for n in 0..10 {
        capture.add(
            Conn::to("198.51.100.7", 4444)
                .by("rclone", 666)
                .at(f64::from(n))
                .lasting(300.0)
                .bytes(9_000_000_000, 9),
        );
    }
    let output = capture.run::<IsolationForest>();
    assert_eq!(output.findings.len(), 1);
    assert!(output.findings[0].evidence.connections_total > 1);
}

#[test]
fn what_one_process_does_with_several_addresses_is_one_finding() {
    let mut capture = normal_host(3_000);
    for addr in ["198.51.100.7", "198.51.100.8", "198.51.100.9"] {
        capture.add(Conn::to(addr, 4444).by("rclone", 666).at(300.0).lasting(300.0).bytes(9_000_000_000, 9));
    }
    let output = capture.run::<IsolationForest>();
    let titles: Vec<_> = output.findings.iter().map(|f| f.judgement.title.as_str()).collect();
    assert_eq!(titles, ["3 unusual connections: rclone and 3 addresses"]);
    assert_eq!(output.findings[0].judgement.entities.remote_addr, None);
}

#[test]
fn unknown_counters_never_stand_out() {
    let mut capture = normal_host(400);
    capture.add(Conn::to("203.0.113.1", 443).by("firefox", 100).at(200.0).lasting(1.0).uncounted());
    assert!(capture.run::<IsolationForest>().findings.is_empty());
}

#[test]
fn a_small_capture_is_skipped_with_the_reason() {
    let outcome = normal_host(20).outcome::<IsolationForest>();
    assert!(matches!(outcome, Outcome::Skipped(reason) if reason.contains("20 connections")));
}

#[test]
fn every_connection_has_a_score_between_0_and_1() {
    let output = normal_host(100).run::<IsolationForest>();
    let (name, scores) = &output.tables[0];
    assert_eq!((*name, scores.height()), ("scores", 100));
    let scores = Numbers::<Float64Type>::of(scores, "score").unwrap();
    assert!(scores.iter().all(|score| score.is_some_and(|score| score > 0.0 && score < 1.0)));
}

#[test]
fn numbers_are_readable() {
    assert_eq!((grouped(1.25).as_str(), grouped(1_234_567.0).as_str()), ("1.2", "1,234,567"));
}
