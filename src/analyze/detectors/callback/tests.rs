use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, Facts, the_only};

fn request(client: &str, second: f64) -> Conn {
    Conn::to(client, 50_000).local_port(8080).inbound().by("java", 9).at(second)
}

#[test]
fn a_server_that_looks_up_a_directory_of_its_client_was_exploited() {
    let mut capture = Capture::new(60);
    capture.add(request("203.0.113.5", 1.0));
    capture.add(Conn::to("203.0.113.5", 1389).by("java", 9).at(2.0));
    let output = capture.run::<Callback>();
    let finding = the_only(output.findings);
    assert!(finding.judgement.severity >= Severity::High, "{:?}", finding.judgement);
    assert_eq!(finding.judgement.title, "java connects back to its client 203.0.113.5 on port 1389");
}

#[test]
fn a_shell_that_a_web_server_started_is_named_with_its_parent() {
    let mut capture = Capture::new(60);
    capture
        .process(7, Facts { exe: Some("/usr/bin/bash"), parent_name: Some("apache2"), ..Facts::default() });
    capture.add(Conn::to("203.0.113.5", 443).by("bash", 7).at(2.0));
    let output = capture.run::<Callback>();
    assert_eq!(
        the_only(output.findings).judgement.title,
        "bash, started by apache2, connects to 203.0.113.5 port 443"
    );
}

#[test]
fn back_ends_earlier_contacts_and_late_ones_are_no_callback() {
    let mut capture = Capture::new(900);
    capture.add(request("203.0.113.5", 100.0));
    capture.add(Conn::to("203.0.113.5", 5432).by("java", 9).at(50.0));
    capture.add(Conn::to("203.0.113.6", 443).by("java", 9).at(101.0));
    capture.add(Conn::to("203.0.113.5", 4444).by("java", 9).at(800.0));
    capture.add(Conn::to("203.0.113.7", 636).by("java", 9).at(200.0));
    assert!(capture.run::<Callback>().findings.is_empty());
}

#[test]
fn a_server_that_looks_up_an_object_outside_was_told_where() {
    let mut capture = Capture::new(60);
    capture.add(request("203.0.113.5", 1.0));
    capture.add(Conn::to("198.51.100.9", 1389).by("java", 9).at(2.0));
    let finding = the_only(capture.run::<Callback>().findings);
    assert!(finding.judgement.severity >= Severity::Medium, "{:?}", finding.judgement);
    assert_eq!(finding.judgement.title, "java, which serves requests, looks up 198.51.100.9 on port 1389");
}

#[test]
fn another_service_that_connects_back_to_its_client_was_exploited() {
    let back = |service: u16, port: u16| {
        let mut capture = Capture::new(120);
        capture.add(Conn::to("192.168.1.66", 50_000).local_port(service).inbound().by("smbd", 9).at(1.0));
        capture.add(Conn::to("192.168.1.66", port).by("smbd", 9).at(4.0));
        capture.run::<Callback>().findings
    };
    let finding = the_only(back(445, 9001));
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "smbd connects back to its client 192.168.1.66 on port 9001");
    assert_eq!(back(6379, 4444).len(), 1);
    assert!(back(445, 49_670).is_empty(), "RPC, as print servers do");
    assert!(back(445, 2_501).is_empty(), "the data of a backup, whose agent was started over SMB");
    assert!(back(445, 445).is_empty() && back(3306, 3306).is_empty() && back(25, 113).is_empty());
    assert!(back(22, 9001).is_empty(), "people work on the host that they logged in to");
    let mut answer = Capture::new(120);
    answer.add(Conn::to("192.168.1.66", 50_000).local_port(1433).inbound().by("sqlservr", 9).at(1.0));
    answer.add(Conn::to("192.168.1.66", 9001).local_port(1433).by("sqlservr", 9).at(4.0));
    assert!(answer.run::<Callback>().findings.is_empty(), "an answer");
}

#[test]
fn a_look_up_and_a_download_from_the_same_host_are_an_injection_inside_too() {
    let found = |fetched_port: u16| {
        let mut capture = Capture::new(60);
        capture.add(request("203.0.113.5", 1.0));
        capture.add(Conn::to("192.168.1.11", 1389).by("java", 9).at(2.0));
        capture.add(Conn::to("192.168.1.11", fetched_port).by("java", 9).at(2.5));
        capture.run::<Callback>().findings
    };
    let finding = the_only(found(8000));
    assert_eq!(finding.judgement.severity, Severity::Medium);
    let title = "java, which serves requests, looks up 192.168.1.11 on port 1389 and fetches a file from it";
    assert_eq!(finding.judgement.title, title);
    assert!(found(5432).is_empty());
}
