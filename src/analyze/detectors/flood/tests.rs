use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, measured, the_only};

fn many(number: u16, gap_s: f64, conn: impl Fn() -> Conn) -> Capture {
    let mut capture = Capture::new(900);
    for n in 0..number {
        capture.add(conn().local_port(20_000 + n).at(f64::from(n) * gap_s));
    }
    capture
}

#[test]
fn a_program_that_floods_a_server_outside_is_medium() {
    let capture = many(700, 0.05, || Conn::to("203.0.113.5", 80).by("bot", 7).unanswered());
    let finding = the_only(capture.run::<Flood>().findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "bot opens 700 connections to 203.0.113.5 port 80");
    assert_eq!(finding.judgement.attack, ["T1498.001"]);
}

#[test]
fn thousands_of_requests_from_outside_are_a_search_and_a_load_test_inside_is_low() {
    let mut inbound = Capture::new(900);
    for n in 0..700 {
        let conn = Conn::to("203.0.113.5", 20_000 + n).local_port(80).inbound();
        inbound.add(conn.at(f64::from(n) * 0.05));
    }
    let finding = the_only(inbound.run::<Flood>().findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.attack, ["T1595.002"]);
    let inside = many(700, 0.05, || Conn::to("192.168.1.7", 8080));
    assert_eq!(the_only(inside.run::<Flood>().findings).judgement.severity, Severity::Low);
}

#[test]
fn datagrams_that_nobody_answers_are_a_flood_and_calls_are_not() {
    let one = |received| {
        let mut capture = Capture::new(900);
        let conn = Conn::to("203.0.113.5", 80).udp().lasting(60.0).bytes(9_000_000, received * 100);
        capture.add(conn.packets_sent(18_000).packets_received(received));
        capture.run::<Flood>().findings
    };
    let finding = the_only(one(0));
    assert!(finding.judgement.severity >= Severity::Medium);
    assert_eq!(finding.judgement.title, "app sends 18,000 datagrams to 203.0.113.5 port 80");
    assert!(one(15_000).is_empty());
}

#[test]
fn fewer_slower_and_name_servers_are_ordinary() {
    let none = |capture: Capture| assert!(capture.run::<Flood>().findings.is_empty());
    none(many(500, 0.05, || Conn::to("203.0.113.5", 80)));
    none(many(900, 0.5, || Conn::to("203.0.113.5", 80)));
    none(many(900, 0.05, || Conn::to("203.0.113.5", 53)));
}

/// Requests that one client opens and never finishes.
fn slow(client: &str, number: u16, answered: u64) -> Capture {
    let mut capture = Capture::new(900);
    for n in 0..number {
        let conn = Conn::to(client, 20_000 + n).local_port(80).inbound().lasting(120.0);
        capture.add(conn.bytes(answered, 350).at(f64::from(n) * 0.1));
    }
    capture
}

#[test]
fn requests_that_are_never_finished_are_a_slow_attack_inside_too() {
    for client in ["203.0.113.5", "192.168.1.77"] {
        let finding = the_only(slow(client, 150, 0).run::<Flood>().findings);
        assert_eq!(finding.judgement.severity, Severity::Medium);
        assert_eq!(
            finding.judgement.title,
            format!("{client} holds 150 requests to 192.168.1.10 port 80 open without finishing them")
        );
        assert_eq!(finding.judgement.attack, ["T1499.002"]);
    }
    assert!(slow("203.0.113.5", 80, 0).run::<Flood>().findings.is_empty(), "too few");
    assert!(slow("203.0.113.5", 150, 9_000).run::<Flood>().findings.is_empty(), "a pool");
}

/// Datagrams from outside to this host, each flow with so many and from another address.
fn inbound_datagrams(sources: u8, flows: u16, each: u64, from_port: u16) -> Capture {
    let mut capture = Capture::new(900);
    for n in 0..flows {
        let client = format!("203.0.113.{}", n % u16::from(sources));
        let conn = Conn::to(&client, from_port).local_port(30_000 + n % 9_000).inbound().udp().lasting(1.0);
        capture.add(conn.bytes(0, each * 468).packets_sent(0).packets_received(each).at(f64::from(n) * 0.1));
    }
    capture
}

#[test]
fn datagrams_of_many_that_nobody_asked_for_are_reflected() {
    let finding = the_only(inbound_datagrams(60, 600, 10, 123).run::<Flood>().findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "60 addresses send 6,000 datagrams to 192.168.1.10");
    assert!((measured(&finding, "hosts") - 60.0).abs() < 0.5);
    assert_eq!(finding.judgement.attack, ["T1498.002"]);
    let of_bots = the_only(inbound_datagrams(60, 600, 10, 40_000).run::<Flood>().findings);
    assert_eq!(of_bots.judgement.attack, ["T1498.001"]);
    assert!(inbound_datagrams(30, 600, 10, 123).run::<Flood>().findings.is_empty(), "of few");
    assert_eq!(
        inbound_datagrams(60, 600, 2, 123).run::<Flood>().findings.len(),
        1,
        "few, that nobody asked for"
    );
    assert!(
        inbound_datagrams(60, 600, 2, 53).run::<Flood>().findings.is_empty(),
        "few answers of name servers"
    );
    assert!(inbound_datagrams(60, 600, 2, 40_000).run::<Flood>().findings.is_empty(), "few");
}

#[test]
fn small_flows_to_one_destination_add_up() {
    let mut capture = Capture::new(900);
    for n in 0..600 {
        let conn =
            Conn::to("203.0.113.5", 1_000 + n).udp().lasting(0.1).bytes(10_000, 0).at(f64::from(n) * 0.1);
        capture.add(conn.packets_sent(10).packets_received(0));
    }
    let finding = the_only(capture.run::<Flood>().findings);
    assert_eq!(finding.judgement.title, "app sends 6,000 datagrams to 203.0.113.5");
}

/// Requests of one address outside to a service here over UDP.
fn requests(port: u16, answered: u64) -> Capture {
    let mut capture = Capture::new(900);
    for n in 0..1_200 {
        let conn = Conn::to("203.0.113.5", 20_000 + n).local_port(port).inbound().udp().lasting(0.1);
        let conn = conn.bytes(answered, 50).packets_sent(3).packets_received(1);
        capture.add(conn.at(f64::from(n) * 0.1));
    }
    capture
}

#[test]
fn a_service_whose_answers_are_many_times_the_requests_amplifies() {
    let finding = the_only(requests(11_211, 1_400).run::<Flood>().findings);
    let title = "192.168.1.10 may amplify an attack on 203.0.113.5: 1,200 requests to port 11211";
    assert_eq!((finding.judgement.title.as_str(), finding.judgement.severity), (title, Severity::Medium));
    assert!(requests(53, 200).run::<Flood>().findings.is_empty(), "ordinary answers");
    assert!(requests(4_433, 1_400).run::<Flood>().findings.is_empty(), "a service that asks who is there");
}

/// Whether flows of datagrams to one server outside are a flood: when each begins, how long it lasts, how many it has
/// and how many come back.
fn is_flood(flows: &[(f64, f64, u64, u64)]) -> bool {
    let mut capture = Capture::new(900);
    for (port, (at_s, duration_s, sent, received)) in (20_000..).zip(flows) {
        let conn = Conn::to("203.0.113.5", 80).udp().local_port(port).at(*at_s).lasting(*duration_s);
        let conn = conn.bytes(500 * sent, 100 * received);
        capture.add(conn.packets_sent(*sent).packets_received(*received));
    }
    !capture.run::<Flood>().findings.is_empty()
}

#[test]
fn datagrams_count_in_the_minute_that_has_most_of_them() {
    // 5,000 in all, and 3,000 in a minute, are the least.
    assert!(is_flood(&[(0.0, 60.0, 5_000, 0)]) && !is_flood(&[(0.0, 60.0, 4_999, 0)]));
    assert!(is_flood(&[(0.0, 100.0, 5_000, 0)]), "3,000 in each minute");
    assert!(!is_flood(&[(0.0, 101.0, 5_000, 0)]));
    assert!(is_flood(&[(0.0, 600.0, 30_000, 0)]) && !is_flood(&[(0.0, 600.0, 29_000, 0)]));
    assert!(is_flood(&[(0.0, 1.0, 2_500, 0), (59.0, 1.0, 2_500, 0)]));
    assert!(!is_flood(&[(0.0, 1.0, 2_500, 0), (61.0, 1.0, 2_500, 0)]));
    assert!(is_flood(&[(0.0, 1.0, 2_000, 0), (70.0, 1.0, 1_500, 0), (100.0, 1.0, 1_500, 0)]));
}

#[test]
fn as_many_answers_as_a_flood_may_have_are_one_in_a_hundred() {
    assert!(is_flood(&[(0.0, 60.0, 18_000, 180)]) && !is_flood(&[(0.0, 60.0, 18_000, 181)]));
}
