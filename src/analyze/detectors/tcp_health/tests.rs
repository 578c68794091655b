use super::*;
use crate::model::finding::Severity;
use crate::model::frame::UInt32Type;
use crate::model::testing::{Capture, Conn, measured, the_only};
use crate::model::view::Numbers;

fn findings(capture: &Capture) -> Vec<Finding> {
    capture.run::<TcpHealth>().findings
}

#[track_caller]
fn only(capture: &Capture) -> Finding {
    the_only(findings(capture))
}

fn followed() -> Conn {
    Conn::to("203.0.113.1", 443).states("SYN_SENT>ESTABLISHED>FIN_WAIT1>FIN_WAIT2>CLOSE")
}

fn half_open(n: u32) -> Conn {
    let conn = Conn::to(&format!("198.51.{}.{}", n / 200, n % 200), 50_000).local_port(443).inbound();
    conn.states("SYN_RECV").unowned().lasting(20.0)
}

#[test]
fn a_syn_flood_is_medium_and_a_large_one_high() {
    for (number, severity) in [(49, None), (60, Some(Severity::Medium)), (600, Some(Severity::High))] {
        let mut capture = Capture::new(300);
        for n in 0..number {
            capture.add(half_open(n).at(100.0 + 9.0 * f64::from(n) / f64::from(number)));
        }
        let found = findings(&capture);
        assert_eq!(found.first().map(|f| f.judgement.severity), severity, "{number}");
    }
}

#[test]
fn half_open_connections_that_pile_up_slowly_are_found_too() {
    let mut capture = Capture::new(600);
    for n in 0..80 {
        capture.add(half_open(n).at(f64::from(n) * 5.0).lasting(500.0));
    }
    let finding = only(&capture);
    assert_eq!(
        finding.judgement.title,
        "80 connections from 80 addresses to port 443 never completed the handshake"
    );
    assert_eq!(finding.judgement.attack, ["T1499.001"]);
}

#[test]
fn attempts_without_an_answer_pile_up() {
    let mut capture = Capture::new(600);
    for n in 0..60 {
        capture.add(Conn::to("203.0.113.5", 5_432).by("app", 1).unanswered().at(f64::from(n) * 0.1));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "60 attempts to reach 203.0.113.5 port 5432 got no answer");
    assert_eq!((finding.judgement.severity, finding.judgement.attack.len()), (Severity::Low, 0));
}

#[test]
fn sockets_that_are_never_closed_are_a_leak_and_slow_ones_are_not() {
    let mut capture = Capture::new(1_000);
    for n in 0..30 {
        let at = f64::from(n) * 25.0;
        let conn = Conn::to("203.0.113.1", 443).by("leaky", 8).states("SYN_SENT>ESTABLISHED>CLOSE_WAIT");
        capture.add(conn.unclosed().at(at).lasting(1_000.0 - at).in_last_state_since(at + 2.0));
        let slow = Conn::to("203.0.113.2", 443).by("slow", 9).states("SYN_SENT>ESTABLISHED>CLOSE_WAIT");
        capture.add(slow.at(at).lasting(20.0).in_last_state_since(at + 2.0));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "leaky leaves 30 sockets in CLOSE_WAIT");
    assert!(
        finding.judgement.explanation.contains("They grew from 10 after a quarter"),
        "{}",
        finding.judgement.explanation
    );
}

#[test]
fn a_reset_storm_is_told_from_closes_that_were_not_followed() {
    let reset = |n: i32| {
        Conn::to("203.0.113.7", 443).by("app", 1).states("SYN_SENT>ESTABLISHED>CLOSE").at(f64::from(n) * 0.1)
    };
    let mut capture = Capture::new(300);
    (0..60).for_each(|n| {
        capture.add(reset(n));
    });
    assert!(findings(&capture).is_empty());
    assert!(capture.run::<TcpHealth>().limits[1].contains("cannot be told"));
    capture.add(followed());
    assert_eq!(only(&capture).judgement.title, "60 connections to 203.0.113.7 port 443 were reset");
}

#[test]
fn a_busy_server_whose_clients_sometimes_reset_is_well() {
    let mut capture = Capture::new(300);
    for n in 0..1_000 {
        let at = f64::from(n) * 0.1;
        let conn = followed().inbound().local_port(443).at(at);
        capture.add(if n % 10 == 0 { conn.states("SYN_RECV>ESTABLISHED>CLOSE") } else { conn });
    }
    assert!(findings(&capture).is_empty());
}

#[test]
fn a_bad_path_is_told_from_a_good_one() {
    let mut capture = Capture::new(300);
    capture.add(followed().segments(10_000, 900));
    capture.add(Conn::to("203.0.113.2", 443).segments(10_000, 100));
    capture.add(Conn::to("203.0.113.3", 443).segments(20, 10));
    assert_eq!(only(&capture).judgement.title, "9 % of the segments to 203.0.113.1 were retransmitted");
}

#[test]
fn slices_show_how_many_there_are_over_time() {
    let mut capture = Capture::new(100);
    for n in 0..5 {
        capture.add(half_open(n).at(10.0 + f64::from(n)).lasting(20.0));
    }
    let output = capture.run::<TcpHealth>();
    let half_open = Numbers::<UInt32Type>::of(&output.tables[0].1, "half_open").unwrap();
    let at = |second: usize| half_open.get(second).unwrap();
    assert_eq!((at(9), at(12), at(20), at(31), at(40)), (0, 3, 5, 4, 0));
}

#[test]
fn the_share_of_resets_is_that_of_the_connections_to_this_service() {
    let mut capture = Capture::new(300);
    capture.add(followed());
    for n in 0..100 {
        let conn = Conn::to("203.0.113.7", 443).by("app", 1).at(f64::from(n) * 0.1);
        let ends = if n < 75 { "SYN_SENT>ESTABLISHED>CLOSE" } else { "SYN_SENT>ESTABLISHED>FIN_WAIT1>CLOSE" };
        capture.add(conn.states(ends));
    }
    let share = measured(&only(&capture), "share of those that ended");
    assert!((share - 0.75).abs() < 1e-9, "{share}");
}
