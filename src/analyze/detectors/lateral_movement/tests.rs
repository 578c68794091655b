use super::*;
use crate::model::testing::{Capture, Conn, the_only};

#[test]
fn one_program_on_many_hosts_is_a_fan_out() {
    let mut capture = Capture::new(900);
    for n in 1..=8 {
        capture.add(Conn::to(&format!("192.168.1.{}", 100 + n), 445).by("smbexec", 7).at(f64::from(n)));
    }
    let output = capture.run::<LateralMovement>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "smbexec reached 8 internal hosts on SMB (port 445)");
    assert_eq!(finding.judgement.attack, ["T1021.002"]);
}

#[test]
fn a_login_that_is_followed_by_logins_elsewhere_is_a_chain() {
    let mut capture = Capture::new(900);
    capture.add(Conn::to("192.168.1.50", 50_000).local_port(22).inbound().by("sshd", 9).at(10.0));
    capture.add(Conn::to("192.168.1.60", 22).by("ssh", 7).at(100.0));
    capture.add(Conn::to("192.168.1.61", 22).by("ssh", 7).at(120.0));
    let output = capture.run::<LateralMovement>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "Login chain: 192.168.1.50 to 192.168.1.10, then on to 192.168.1.60, 192.168.1.61"
    );
}

#[test]
fn a_few_hosts_the_internet_and_late_logins_are_ordinary() {
    let mut capture = Capture::new(9_000);
    for n in 1..=4 {
        capture.add(Conn::to(&format!("192.168.1.{}", 100 + n), 22).by("ansible", 7).at(f64::from(n)));
    }
    for n in 1..=9 {
        capture.add(Conn::to(&format!("203.0.113.{n}"), 22).by("git", 8).at(f64::from(n)));
    }
    capture.add(Conn::to("192.168.1.50", 50_000).local_port(22).inbound().by("sshd", 9).at(1_000.0));
    capture.add(Conn::to("192.168.1.60", 22).by("ssh", 7).at(3_000.0));
    assert!(capture.run::<LateralMovement>().findings.is_empty());
}
