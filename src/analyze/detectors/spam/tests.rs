use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, the_only};

fn deliveries(number: u8) -> Capture {
    let mut capture = Capture::new(900);
    for n in 0..number {
        capture.add(Conn::to(&format!("203.0.113.{n}"), 25).by("svchost", 7).at(f64::from(n)));
    }
    capture
}

#[test]
fn a_program_that_delivers_to_many_servers_is_medium() {
    let finding = the_only(deliveries(12).run::<Spam>().findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "svchost delivers mail to 12 servers outside");
}

#[test]
fn failures_and_numbers_make_it_high() {
    let mut capture = deliveries(110);
    for n in 0..90 {
        capture.add(Conn::to(&format!("198.51.100.{n}"), 25).by("svchost", 7).unanswered().at(f64::from(n)));
    }
    assert_eq!(the_only(capture.run::<Spam>().findings).judgement.severity, Severity::High);
}

#[test]
fn a_mail_server_a_client_and_a_relay_inside_are_ordinary() {
    let none = |capture: Capture| assert!(capture.run::<Spam>().findings.is_empty());
    let mut server = deliveries(40);
    server.add(Conn::to("198.51.100.9", 50_000).local_port(25).inbound().by("master", 8).at(5.0));
    none(server);
    none(deliveries(9));
    let mut inside = Capture::new(900);
    for n in 0..30 {
        inside.add(Conn::to(&format!("192.168.1.{}", 20 + n), 25).at(f64::from(n)));
    }
    none(inside);
}

#[test]
fn mail_handed_in_at_many_providers_is_sent_by_a_bot() {
    let handed_in = |providers: u8| {
        let mut capture = Capture::new(900);
        for n in 0..providers {
            let port = if n % 2 == 0 { 587 } else { 465 };
            capture.add(Conn::to(&format!("203.0.113.{n}"), port).by("svchost", 7).at(f64::from(n)));
        }
        capture.run::<Spam>().findings.len()
    };
    assert_eq!((handed_in(12), handed_in(4)), (1, 0));
}
