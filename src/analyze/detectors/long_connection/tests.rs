use super::*;
use crate::model::testing::{Capture, Conn, the_only};

const HOUR: f64 = 3_600.0;

fn findings(capture: &Capture) -> Vec<Finding> {
    capture.run::<LongConnection>().findings
}

#[track_caller]
fn only(capture: &Capture) -> Finding {
    the_only(findings(capture))
}

#[test]
fn each_rung_has_its_severity() {
    let cases = [
        (599.0, None),
        (600.0, Some(Severity::Info)),
        (HOUR, Some(Severity::Low)),
        (12.0 * HOUR, Some(Severity::Medium)),
    ];
    for (seconds, severity) in cases {
        let mut capture = Capture::new(100_000);
        capture.add(Conn::to("203.0.113.9", 443).by("nc", 7).lasting(seconds));
        let found = findings(&capture);
        assert_eq!(found.first().map(|f| f.judgement.severity), severity, "{seconds} s");
    }
}

#[test]
fn what_was_cut_by_the_recording_lasts_at_least_so_long() {
    let mut capture = Capture::new(7_200);
    capture.add(Conn::to("203.0.113.9", 22).by("ssh", 7).lasting(7_200.0).standing());
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "ssh kept a connection to 203.0.113.9 port 22 open for at least 2 h");
    let mut capture = Capture::new(7_200);
    capture.add(Conn::to("203.0.113.9", 22).by("ssh", 7).at(10.0).lasting(4_000.0));
    assert!(!only(&capture).judgement.title.contains("at least"));
}

#[test]
fn many_connections_make_a_total() {
    let mut capture = Capture::new(30_000);
    for n in 0..50 {
        capture.add(Conn::to("203.0.113.9", 443).by("agent", 7).at(f64::from(n) * 400.0).lasting(300.0));
    }
    let finding = only(&capture);
    assert!(
        finding.judgement.title.ends_with("for 4 h 10 min in total, over 50 connections"),
        "{}",
        finding.judgement.title
    );
    assert_eq!(finding.judgement.severity, Severity::Low);
}

#[test]
fn a_log_without_states_has_totals_too() {
    let of = |change: fn(Conn) -> Conn| {
        let mut capture = Capture::new(30_000);
        for n in 0..50 {
            let conn = Conn::to("203.0.113.9", 443).by("agent", 7).at(f64::from(n) * 400.0).lasting(300.0);
            capture.add(change(conn));
        }
        findings(&capture).into_iter().map(|finding| finding.judgement.title).collect::<Vec<_>>()
    };
    let (with, without) = (of(|conn| conn), of(Conn::stateless));
    assert!(with == without && with.len() == 1, "{with:?} {without:?}");
    let refused = of(|conn| conn.refused().stateless());
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn the_score_of_the_total_is_ritas() {
    for (hours, score) in
        [(0.5, 0.0), (1.0, 0.2), (2.5, 0.3), (4.0, 0.4), (8.0, 0.6), (12.0, 0.8), (90.0, 0.8)]
    {
        assert!((rita_score(hours * HOUR) - score).abs() < 1e-9, "{hours} h: {}", rita_score(hours * HOUR));
    }
}

#[test]
fn a_browser_with_many_open_tabs_is_one_finding() {
    let mut capture = Capture::new(2_000);
    for host in 1..=30 {
        let conn = Conn::to(&format!("198.51.100.{host}"), 443).by("firefox", 1);
        capture.add(conn.lasting(900.0 + f64::from(host)));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert!(finding.judgement.title.starts_with("firefox kept connections to 30 destinations open"));
    assert_eq!(finding.evidence.connections_total, 30);
}

#[test]
fn inside_the_host_and_never_established_is_not_looked_at() {
    let mut capture = Capture::new(10_000);
    capture.add(Conn::to("127.0.0.1", 5_432).internal().lasting(9_000.0));
    capture.add(Conn::to("203.0.113.9", 443).unanswered().lasting(9_000.0));
    assert!(findings(&capture).is_empty());
}

#[test]
fn a_service_that_is_used_for_long_is_never_above_low() {
    let mut capture = Capture::new(100_000);
    capture.add(Conn::to("203.0.113.9", 50_000).local_port(22).inbound().by("sshd", 3).lasting(80_000.0));
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Low);
    assert!(finding.judgement.title.contains("from 203.0.113.9 open"), "{}", finding.judgement.title);
}

#[test]
fn a_short_recording_says_what_may_be_long() {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("203.0.113.9", 22).standing().lasting(60.0));
    let limits = capture.run::<LongConnection>().limits;
    assert_eq!(limits[1], "1 connection to other hosts stayed open throughout, and may be long.");
}

#[test]
fn the_explanation_names_the_longest_duration_that_was_reached() {
    for (hours, says) in [(2.0, "at least 1 h."), (13.0, "at least 12 h.")] {
        let mut capture = Capture::new(100_000);
        capture.add(Conn::to("203.0.113.9", 443).by("nc", 7).lasting(hours * HOUR));
        let explanation = only(&capture).judgement.explanation;
        let sentence = format!("The longest connection lasted {says}");
        assert!(explanation.contains(&sentence), "{explanation}");
    }
}
