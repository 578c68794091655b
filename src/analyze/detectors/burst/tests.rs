use super::*;
use crate::model::testing::{Capture, Conn, the_only};

fn findings(capture: &Capture) -> Vec<Finding> {
    capture.run::<Burst>().findings
}

#[track_caller]
fn only(capture: &Capture) -> Finding {
    the_only(findings(capture))
}

fn add(capture: &mut Capture, conn: &Conn, number: u32, from_s: f64, seconds: f64) {
    for n in 0..number {
        capture.add(conn.clone().at(from_s + seconds * f64::from(n) / f64::from(number)));
    }
}

fn visit() -> Conn {
    Conn::to("203.0.113.5", 443).by("crawler", 5)
}

#[test]
fn a_burst_is_one_finding_and_not_one_per_window_or_subject() {
    let mut capture = Capture::new(600);
    add(&mut capture, &visit(), 30, 0.0, 600.0);
    add(&mut capture, &visit(), 400, 200.0, 40.0);
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "crawler opened or accepted 101 connections within 10 s");
    assert_eq!(finding.judgement.severity, Severity::Low);
    assert!(
        (400..=404).contains(&finding.evidence.connections_total),
        "{}",
        finding.evidence.connections_total
    );
}

#[test]
fn two_bursts_with_a_pause_are_two() {
    let mut capture = Capture::new(600);
    add(&mut capture, &visit(), 200, 100.0, 5.0);
    add(&mut capture, &visit(), 200, 300.0, 5.0);
    assert_eq!(findings(&capture).len(), 2);
    let table = &capture.run::<Burst>().tables[0].1;
    assert_eq!(table.height(), 2);
}

#[test]
fn a_steady_rate_is_none_however_high() {
    let mut capture = Capture::new(600);
    add(&mut capture, &visit(), 12_000, 0.0, 600.0);
    assert!(findings(&capture).is_empty());
}

#[test]
fn few_are_none_however_sudden() {
    let mut capture = Capture::new(600);
    add(&mut capture, &visit(), 49, 100.0, 1.0);
    assert!(findings(&capture).is_empty());
}

#[test]
fn many_processes_that_rush_to_one_address_are_found_by_the_address() {
    let mut capture = Capture::new(600);
    for n in 0..80 {
        let conn = Conn::to("203.0.113.5", 443).by(&format!("bot{n}"), 100 + n);
        capture.add(conn.at(100.0 + f64::from(n) / 20.0));
    }
    assert_eq!(only(&capture).judgement.title, "80 connections with 203.0.113.5 within 10 s");
}

#[test]
fn a_flood_beyond_the_local_networks_is_medium_and_a_load_test_within_is_not() {
    for (addr, severity) in [("203.0.113.5", Severity::Medium), ("10.0.0.5", Severity::Low)] {
        let mut capture = Capture::new(600);
        add(&mut capture, &Conn::to(addr, 80).by("wrk", 5), 2_000, 100.0, 10.0);
        let finding = only(&capture);
        assert_eq!(finding.judgement.severity, severity, "{addr}");
    }
}

#[test]
fn a_download_is_a_burst_of_bytes_and_information() {
    let mut capture = Capture::new(600);
    capture.add(visit().bytes(10_000, 400_000_000).at(300.0).lasting(20.0));
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert_eq!(finding.judgement.title, "crawler transferred 200 MB within 10 s");
}

#[test]
fn a_recording_of_a_few_ticks_knows_no_normal_rate() {
    let mut capture = Capture::new(8);
    add(&mut capture, &visit(), 100, 3.0, 1.0);
    assert!(matches!(capture.outcome::<Burst>(), Outcome::Skipped(_)));
}

#[test]
fn a_flood_that_fills_the_recording_is_not_its_own_normal() {
    let mut capture = Capture::new(100);
    add(&mut capture, &visit(), 20_000, 0.0, 100.0);
    assert_eq!(only(&capture).judgement.severity, Severity::Medium);
    // What a server accepts is no flood of this host.
    let mut served = Capture::new(100);
    add(&mut served, &visit().local_port(80).inbound(), 20_000, 0.0, 100.0);
    assert!(findings(&served).is_empty());
}

#[test]
fn the_explanation_gives_the_busiest_and_the_median_window_and_how_long_it_lasted() {
    let mut capture = Capture::new(600);
    add(&mut capture, &visit(), 60, 0.0, 600.0);
    add(&mut capture, &visit(), 400, 200.0, 40.0);
    let finding = only(&capture);
    let text = &finding.judgement.explanation;
    assert!(
        text.starts_with("The busiest window had 101 connections, the median window 1 connection."),
        "{text}"
    );
    assert!(text.contains("The episode lasted 40 s, with 40"), "{text}");
    let confidence = |number| {
        let mut capture = Capture::new(600);
        add(&mut capture, &visit(), number, 200.0, 5.0);
        only(&capture).judgement.confidence.get()
    };
    assert!(confidence(150) < confidence(300) && confidence(300) < confidence(900));
}

#[test]
fn a_peak_is_surer_from_the_least_deviation_on() {
    let mut capture = Capture::new(600);
    add(&mut capture, &visit(), 80, 100.0, 5.0);
    let finding = only(&capture);
    let z = finding.evidence.measurements.iter().find(|m| m.name == "robust z").unwrap().value;
    let confidence = |min_z: f64| {
        let config = Thresholds { min_z, always_connections: 60, ..Thresholds::default() };
        let Outcome::Ran(output) = capture.outcome_with::<Burst>(&config) else { panic!("skipped") };
        the_only(output.findings).judgement.confidence.get()
    };
    assert!(confidence(z) > confidence(z * 1.001), "at the threshold, and short of it");
    assert!(confidence(z / 2.0) > confidence(z));
}
