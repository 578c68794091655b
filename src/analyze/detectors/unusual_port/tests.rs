use super::*;
use crate::model::testing::{Capture, Conn};

fn titles(capture: &Capture) -> Vec<(String, Severity)> {
    let findings = capture.run::<UnusualPort>().findings;
    findings.into_iter().map(|finding| (finding.judgement.title, finding.judgement.severity)).collect()
}

#[track_caller]
fn check(conn: Conn, expected: Option<(&str, Severity)>) {
    let mut capture = Capture::new(60);
    capture.add(conn);
    let found = titles(&capture);
    let found = found.iter().map(|(title, severity)| (title.as_str(), *severity)).next();
    assert_eq!(found, expected);
}

#[test]
fn a_client_on_anothers_port_is_low_and_a_moved_server_a_note() {
    let ssh = |port| Conn::to("203.0.113.5", port).by("ssh", 7);
    check(ssh(443), Some(("ssh contacted port 443", Severity::Low)));
    check(ssh(22), None);
    check(ssh(53), None);
    check(ssh(443).unanswered(), None);
    check(Conn::to("10.0.0.5", 2222).by("ssh", 7), None);
    let sshd = |port| Conn::listener(port).on("0.0.0.0").by("sshd", 7);
    check(sshd(2222), Some(("sshd listens on port 2222", Severity::Info)));
    check(sshd(22), None);
    check(sshd(6010).on("127.0.0.1"), None);
}

#[test]
fn a_stranger_on_the_port_of_a_service_is_low_and_a_forwarder_is_none() {
    let holds = |name| Conn::listener(22).by(name, 7);
    check(holds("python3"), Some(("python3 listens on port 22", Severity::Low)));
    check(holds("docker-proxy"), None);
    check(holds("sshd-session"), None);
}

#[test]
fn the_default_port_of_a_tool_is_low_if_the_connection_came_about() {
    check(Conn::to("203.0.113.5", 4444), Some(("app contacted port 4444", Severity::Low)));
    check(Conn::to("203.0.113.5", 4444).refused(), None);
    check(Conn::to("10.0.0.5", 4444), None);
}

#[test]
fn many_ports_of_one_host_are_low_and_of_many_peers_a_note() {
    let mut one = Capture::new(60);
    let mut peers = Capture::new(60);
    for n in 0..20 {
        one.add(Conn::to("203.0.113.5", 20_000 + n).at(f64::from(n)));
        peers.add(Conn::to(&format!("203.0.113.{n}"), 20_000 + n).at(f64::from(n)));
    }
    let title = "app contacted 20 ports that nothing else uses".to_owned();
    assert_eq!(titles(&one), [(title.clone(), Severity::Low)]);
    assert_eq!(titles(&peers), [(title, Severity::Info)]);
}

#[test]
fn data_connections_of_ftp_and_ports_that_others_use_are_not_rare() {
    let mut ftp = Capture::new(60);
    ftp.add(Conn::to("203.0.113.5", 21).by("lftp", 7));
    let mut shared = Capture::new(60);
    for n in 0..20 {
        ftp.add(Conn::to("203.0.113.5", 20_000 + n).by("lftp", 7).at(f64::from(n)));
        shared.add(Conn::to("203.0.113.5", 20_000 + n).at(f64::from(n)));
        shared.add(Conn::to("203.0.113.6", 20_000 + n).by("other", 8).at(f64::from(n)));
    }
    assert!(titles(&ftp).is_empty() && titles(&shared).is_empty());
}
