use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, the_only};

/// Requests of one client to the web server of this host, one every `gap_s` seconds or a bit later.
fn requests(client: &str, number: u16, gap_s: f64, bytes: impl Fn(u64) -> (u64, u64)) -> Vec<Finding> {
    requests_on(80, client, number, gap_s, bytes)
}

fn requests_on(
    port: u16,
    client: &str,
    number: u16,
    gap_s: f64,
    bytes: impl Fn(u64) -> (u64, u64),
) -> Vec<Finding> {
    let mut capture = Capture::new(7_200);
    for n in 0..number {
        let (asked, answered) = bytes(u64::from(n));
        let conn = Conn::to(client, 20_000 + n).local_port(port).inbound().lasting(0.2);
        let at = f64::from(n) * gap_s + f64::from(n * 7 % 5) * gap_s / 5.0;
        capture.add(conn.bytes(answered, asked).at(at));
    }
    capture.run::<WebScan>().findings
}

/// A path that is not there, but for one in ten.
fn tried(n: u64) -> (u64, u64) {
    (150 + n * 13 % 70, if n.is_multiple_of(10) { 1_000 + 700 * n } else { 480 + n % 20 })
}

#[test]
fn hundreds_of_paths_that_are_mostly_not_there_are_a_scan() {
    let finding = the_only(requests("203.0.113.5", 400, 2.0, tried));
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "203.0.113.5 scans the web server 192.168.1.10 port 80: 400 requests"
    );
    assert!(requests("203.0.113.5", 150, 2.0, tried).is_empty(), "too few");
    assert!(requests("203.0.113.5", 400, 10.0, tried).is_empty(), "a program that uses a service");
}

#[test]
fn inside_the_network_it_takes_hundreds_in_a_minute() {
    let severity = the_only(requests("192.168.1.77", 700, 0.1, tried)).judgement.severity;
    assert_eq!(severity, Severity::Medium);
    assert!(requests("192.168.1.77", 700, 1.0, tried).is_empty());
}

#[test]
fn visitors_guesses_and_load_tests_are_no_scan() {
    assert!(requests("203.0.113.5", 400, 2.0, |n| (150 + n * 13 % 70, 900 + 311 * n)).is_empty(), "visitors");
    assert!(requests("203.0.113.5", 400, 2.0, |n| (540 + n % 12, 900)).is_empty(), "guesses at a login");
    assert!(requests("192.168.1.77", 700, 0.1, |_| (160, 900)).is_empty(), "a load test");
}

#[test]
fn a_scan_is_of_a_web_server_with_short_requests_that_are_not_all_alike() {
    let found = |port, number, bytes: &dyn Fn(u64) -> (u64, u64)| {
        !requests_on(port, "203.0.113.5", number, 2.0, bytes).is_empty()
    };
    assert!(found(80, 400, &tried) && found(8080, 400, &tried));
    assert!(!found(5_432, 400, &tried), "a database");
    assert!(!found(80, 400, &|n| (tried(n).0 + 1_000_000, tried(n).1)), "uploads");
    assert!(!found(80, 400, &|n| (150 + n % 3 * 30, tried(n).1)), "a few forms");
    // As many answers are alike as must be, and one fewer.
    let alike = |share: u64| move |n: u64| (tried(n).0, if n % 100 < share { 489 } else { 1_000 + 700 * n });
    assert!(found(80, 400, &alike(55)) && !found(80, 400, &alike(45)));
}

#[test]
fn a_monitor_with_many_pages_has_a_clock() {
    let mut capture = Capture::new(7_200);
    for n in 0..400 {
        let conn = Conn::to("203.0.113.5", 20_000 + n).local_port(80).inbound().lasting(0.2);
        capture.add(conn.bytes(480, 150 + u64::from(n) * 13 % 70).at(f64::from(n) * 15.0));
    }
    assert!(capture.run::<WebScan>().findings.is_empty());
}
