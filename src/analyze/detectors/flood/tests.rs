use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, the_only};

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
