use super::*;
use crate::model::testing::{Capture, Conn, Facts, the_only};

fn session(addr: &str, port: u16) -> Conn {
    Conn::to(addr, port).lasting(200.0).bytes(20_000, 60_000)
}

#[test]
fn a_reverse_shell_is_high_and_names_the_program() {
    let mut capture = Capture::new(300);
    capture.process(7, Facts { exe: Some("/tmp/.x/agent"), ..Facts::default() });
    capture.add(session("203.0.113.5", 4444).by("agent", 7));
    let output = capture.run::<C2Session>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::High);
    assert!(
        finding
            .judgement
            .title
            .starts_with("agent: possible remote-control session with 203.0.113.5 port 4444")
    );
}

#[test]
fn an_unknown_program_on_a_tool_port_is_medium() {
    let mut capture = Capture::new(300);
    capture.add(session("203.0.113.5", 4444).unowned());
    assert_eq!(the_only(capture.run::<C2Session>().findings).judgement.severity, Severity::Medium);
}

#[test]
fn a_private_address_of_another_network_is_outside() {
    let mut capture = Capture::new(300);
    capture.add(session("10.0.5.13", 8080).unowned());
    assert_eq!(the_only(capture.run::<C2Session>().findings).judgement.severity, Severity::Medium);
}

#[test]
fn ordinary_sessions_are_not_reported() {
    let mut capture = Capture::new(300);
    capture.add(session("203.0.113.5", 443)).add(session("203.0.113.6", 993));
    capture.add(session("192.168.1.7", 5555)).add(Conn::to("203.0.113.7", 4444));
    capture.add(Conn::to("203.0.113.9", 21)).add(session("203.0.113.9", 50_123));
    capture.add(session("203.0.113.8", 8099).bytes(20_000, 60_000_000).unowned());
    for n in 10..15 {
        capture.add(session(&format!("203.0.113.{n}"), 8333).by("bitcoind", 8));
    }
    assert!(capture.run::<C2Session>().findings.is_empty());
}

#[test]
fn polling_without_a_pause_is_one_session() {
    let mut capture = Capture::new(300);
    for n in 0..200 {
        capture.add(Conn::to("10.0.5.13", 8443).unowned().at(f64::from(n) * 0.7 + f64::from(n % 7) * 0.3));
    }
    assert_eq!(the_only(capture.run::<C2Session>().findings).judgement.severity, Severity::Medium);
}

#[test]
fn a_shell_inside_the_network_on_a_port_of_tools_is_medium() {
    let mut capture = Capture::new(300);
    capture.add(session("192.168.1.66", 4444).unowned());
    assert_eq!(the_only(capture.run::<C2Session>().findings).judgement.severity, Severity::Medium);
}

#[test]
fn a_short_session_needs_more_evidence() {
    let found = |name: Option<&'static str>, port, seconds| {
        let mut capture = Capture::new(300);
        let conn = Conn::to("203.0.113.5", port).unowned().lasting(seconds).bytes(7_000, 11_000);
        capture.add(name.map_or(conn.clone(), |name| conn.named(name)));
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!(
        (found(Some("www.ct7ctrgb6cr7.com"), 443, 45.0), found(Some("example.org"), 443, 45.0)),
        (1, 0)
    );
    assert_eq!((found(None, 4444, 20.0), found(None, 4444, 8.0)), (1, 0));
}

#[test]
fn a_download_by_a_script_in_a_temporary_folder_is_no_session_and_a_shell_is() {
    let found = |sent: u64, received: u64| {
        let mut capture = Capture::new(300);
        let cmdline = Some("python3 /tmp/venv/bin/pip install x");
        let exe = Some("/usr/bin/python3.11");
        capture.process(7, Facts { exe, cmdline, ..Facts::default() });
        let conn = Conn::to("203.0.113.5", 443).by("python3", 7).bytes(sent, received).lasting(200.0);
        capture.add(conn);
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!((found(6_000, 84_000_000), found(60_000, 90_000)), (0, 1));
}

#[test]
fn a_shell_of_seconds_counts_on_a_port_of_tools_and_not_on_any_other() {
    let found = |port, seconds| {
        let mut capture = Capture::new(300);
        let conn = session("203.0.113.5", port).lasting(seconds).packets_sent(60).packets_received(60);
        capture.add(conn.unowned());
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!((found(4444, 15.0), found(4444, 5.0)), (1, 0));
    assert_eq!(found(40_123, 15.0), 0, "every exchange has that shape");
}

#[test]
fn a_slow_download_over_http_is_no_session_and_a_stage_of_the_same_size_is_one() {
    let found = |protocol| {
        let mut capture = Capture::new(300);
        let conn = Conn::to("198.51.100.1", 40_123).lasting(200.0).bytes(4_000, 960_000).speaking(protocol);
        capture.add(conn);
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!((found("http"), found("unknown")), (0, 1));
}

#[test]
fn a_game_is_no_session_and_a_shell_on_the_same_port_is_one() {
    let found = |packets, seconds| {
        let mut capture = Capture::new(3_600);
        let conn =
            Conn::to("203.0.113.5", 7_777).unowned().lasting(seconds).bytes(80 * packets, 90 * packets);
        capture.add(conn.packets_sent(packets).packets_received(packets));
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!((found(4_000, 2_000.0), found(400, 2_000.0)), (0, 1));
    assert_eq!(found(400, 200.0), 1, "too short to tell whether it pauses");
}

#[test]
fn a_session_of_less_than_a_minute_needs_more_than_a_port_of_its_own() {
    let found = |port, seconds, sent| {
        let mut capture = Capture::new(300);
        let conn = Conn::to("203.0.113.5", port).unowned().lasting(seconds).bytes(sent, 9_000);
        capture.add(conn.packets_sent(60).packets_received(60));
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!((found(4_244, 47.0, 9_000), found(4_244, 70.0, 9_000), found(4_444, 47.0, 9_000)), (0, 1, 1));
    assert_eq!(found(4_244, 47.0, 300_000), 1, "handed in");
}

#[test]
fn what_many_hosts_do_with_many_servers_is_common_and_with_one_server_a_botnet() {
    let found = |clients: u16, servers: u16| {
        let mut capture = Capture::new(300);
        capture.imported();
        for n in 0..30 {
            let host = format!("192.168.1.{}", 100 + n);
            let conn = Conn::to("203.0.113.200", 443).on(&host).unowned().named("www.example.org");
            capture.add(conn);
            if n < clients {
                capture.add(session(&format!("203.0.113.{}", n % servers), 6_881).on(&host).unowned());
            }
        }
        capture.run::<C2Session>().findings.len()
    };
    assert_eq!((found(12, 12), found(12, 2), found(5, 5)), (0, 12, 5));
}

#[test]
fn bytes_that_nobody_counted_are_unknown_and_not_zero() {
    let mut capture = Capture::new(600);
    capture.add(Conn::to("203.0.113.5", 4444).by("upd", 7).lasting(300.0).uncounted());
    let finding = the_only(capture.run::<C2Session>().findings);
    let text = &finding.judgement.explanation;
    assert!(text.contains("unknown bytes sent and unknown bytes received"), "{text}");
    assert!(finding.evidence.measurements.iter().all(|measured| measured.name != "sent"));
}

/// A session from an address outside to a port here.
fn typed_from(addr: &str, port: u16) -> Conn {
    let conn = Conn::to(addr, 50_000).inbound().local_port(port).lasting(900.0).bytes(20_000, 2_000);
    conn.packets_sent(120).packets_received(110)
}

fn typed(port: u16) -> Conn {
    typed_from("203.0.113.5", port)
}

#[test]
fn a_shell_that_waits_on_a_port_of_no_service_is_found_by_its_only_user() {
    for (port, severity) in [(12_345, Severity::Medium), (4_444, Severity::High)] {
        let mut capture = Capture::new(1_200);
        capture.add(typed(port).unowned());
        let finding = the_only(capture.run::<C2Session>().findings);
        assert_eq!(finding.judgement.severity, severity, "{port}");
        let title = format!("possible bind shell on port {port}, used by 203.0.113.5");
        assert!(finding.judgement.title.contains(&title), "{}", finding.judgement.title);
    }
}

#[test]
fn services_games_and_ports_of_the_moment_are_no_shells() {
    let mut capture = Capture::new(1_200);
    // A service, a port of FTP data, a known protocol, a port that several use, a game, a short try, and a host inside.
    capture.add(typed(443)).add(typed(50_123)).add(typed(2_222).speaking("ssh"));
    capture.add(typed(7_001)).add(typed_from("203.0.113.6", 7_001));
    capture.add(typed(7_002).packets_sent(9_000).packets_received(9_000)).add(typed(7_003).lasting(20.0));
    capture.add(typed_from("192.168.1.7", 7_004));
    assert!(capture.run::<C2Session>().findings.is_empty());
}
