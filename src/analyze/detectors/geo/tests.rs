use super::*;
use crate::model::testing::{Capture, Conn};

/// A host of which two processes talk 50 times each with the same country.
fn ordinary() -> Capture {
    let mut capture = Capture::new(600);
    for n in 0..50 {
        capture.add(Conn::to("203.0.113.1", 443).by("curl", 1).country("DE").at(f64::from(n)));
        capture.add(Conn::to("203.0.113.2", 443).by("apt", 2).country("DE").at(f64::from(n)));
    }
    capture
}

fn titles(capture: &Capture) -> Vec<(String, Severity)> {
    let findings = capture.run::<Geo>().findings;
    findings.into_iter().map(|finding| (finding.judgement.title, finding.judgement.severity)).collect()
}

/// An address of its own for each country.
fn to(code: &'static str) -> Conn {
    let [a, b] = [0, 1].map(|at| code.as_bytes()[at]);
    Conn::to(&format!("198.51.{a}.{b}"), 443).by("x", 3).country(code)
}

#[test]
fn a_country_of_one_process_is_info_and_low_only_if_much_went_there() {
    let mut capture = ordinary();
    capture.add(to("KP"));
    assert_eq!(titles(&capture), [("Only x contacted North Korea".to_owned(), Severity::Info)]);
    let mut capture = ordinary();
    capture.add(to("KP").bytes(5_000_000, 1_000));
    assert_eq!(titles(&capture), [("Only x contacted North Korea".to_owned(), Severity::Low)]);
}

#[test]
fn a_country_that_others_talk_with_is_nothing() {
    let mut capture = ordinary();
    capture.add(to("KP"));
    capture.add(to("KP").by("curl", 1));
    assert!(titles(&capture).is_empty());
}

#[test]
fn a_country_that_many_connections_go_to_is_not_rare() {
    let mut capture = ordinary();
    for n in 0..50 {
        capture.add(to("SE").at(f64::from(n)));
    }
    assert!(titles(&capture).is_empty());
}

#[test]
fn a_browser_that_talks_with_the_world_is_one_finding() {
    let mut capture = ordinary();
    for code in ["FR", "IT", "JP", "US", "BR"] {
        capture.add(to(code));
    }
    assert_eq!(titles(&capture), [("Only x contacted 5 countries".to_owned(), Severity::Info)]);
}

#[test]
fn who_connects_to_this_host_is_not_its_choice() {
    let mut capture = ordinary();
    capture.add(to("KP").inbound());
    assert!(titles(&capture).is_empty());
}

#[test]
fn without_public_addresses_or_without_a_database_it_is_skipped_and_says_which() {
    let mut private = Capture::new(60);
    private.add(Conn::to("10.0.0.1", 443));
    assert!(matches!(private.outcome::<Geo>(), Outcome::Skipped(why) if why.contains("public address")));
    let mut unknown = Capture::new(60);
    unknown.add(Conn::to("203.0.113.1", 443));
    assert!(matches!(unknown.outcome::<Geo>(), Outcome::Skipped(why) if why.contains("database")));
}

#[test]
fn too_little_to_compare_is_said() {
    let mut capture = Capture::new(60);
    capture.add(to("KP"));
    let output = capture.run::<Geo>();
    assert!(output.findings.is_empty() && output.limits[1].starts_with("Too few to compare"));
}

#[test]
fn bytes_that_nobody_counted_are_unknown_and_not_zero() {
    let mut capture = ordinary();
    capture.add(to("KP").uncounted());
    let finding = capture.run::<Geo>().findings.remove(0);
    assert!(finding.judgement.explanation.ends_with("Their bytes are unknown."));
    assert!(finding.evidence.measurements.iter().all(|measured| !measured.name.contains("bytes")));
}
