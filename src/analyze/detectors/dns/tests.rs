use super::*;
use crate::model::testing::{Capture, Conn, the_only};

fn questions(number: u64, bytes: u64, server: &str) -> Capture {
    let mut capture = Capture::new(600);
    for n in 0..number {
        let question = Conn::to(server, 53).udp().by("app", 7).bytes(bytes, 120).packets_sent(1);
        capture.add(question.at(n as f64));
    }
    capture
}

#[test]
fn long_questions_are_a_tunnel() {
    let output = questions(60, 120, "192.168.1.1").run::<Dns>();
    let finding = the_only(output.findings);
    assert!(finding.judgement.severity >= Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "app: possible DNS tunnel through 192.168.1.1, 60 questions of 120 bytes"
    );
}

#[test]
fn ordinary_and_few_questions_are_not() {
    assert!(questions(500, 42, "192.168.1.1").run::<Dns>().findings.is_empty());
    assert!(questions(10, 150, "192.168.1.1").run::<Dns>().findings.is_empty());
}

#[test]
fn without_payload_bytes_it_says_what_it_needs() {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("192.168.1.1", 53).udp().uncounted());
    assert!(matches!(capture.outcome::<Dns>(), Outcome::Skipped(why) if why.contains("--udp-bytes")));
}
