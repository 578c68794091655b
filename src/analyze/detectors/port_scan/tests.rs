use super::*;
use crate::model::finding::Evidence;
use crate::model::testing::{Capture, Conn, measured, the_only};

fn findings(capture: &Capture) -> Vec<Finding> {
    capture.run::<PortScan>().findings
}

#[track_caller]
fn quiet(capture: &Capture) {
    let titles: Vec<String> = findings(capture).into_iter().map(|f| f.judgement.title).collect();
    assert!(titles.is_empty(), "{titles:?}");
}

/// The one finding.
#[track_caller]
fn only(capture: &Capture) -> Finding {
    the_only(findings(capture))
}

fn host(n: u16) -> String {
    format!("10.0.{}.{}", n / 250, 1 + n % 250)
}

/// A peer somewhere on the internet, with no other one next to it.
fn peer(n: u16) -> String {
    format!("203.{}.113.{}", n % 250, 1 + n / 250)
}

/// `nmap -sT -p1-1000 127.0.0.1` with two open ports, both sides of which are in the capture.
fn nmap_on_loopback() -> Capture {
    let mut capture = Capture::new(60);
    for open in [22, 631] {
        capture.add(Conn::listener(open));
        let accepted = Conn::to("127.0.0.1", 50_000 + open).local_port(open).internal();
        capture.add(accepted.by("server", 1).bytes(0, 0).states("ESTABLISHED>CLOSE").at(1.0));
    }
    for port in 1..=1000 {
        let conn = Conn::to("127.0.0.1", port).local_port(50_000 + port).internal().by("nmap", 9);
        let is_open = port == 22 || port == 631;
        let conn =
            if is_open { conn.bytes(0, 0).states("SYN_SENT>ESTABLISHED>CLOSE") } else { conn.refused() };
        capture.add(conn.at(1.0 + f64::from(port) / 5_000.0));
    }
    capture
}

#[test]
fn a_vertical_scan_inside_the_host_is_one_finding_with_its_open_ports() {
    let finding = only(&nmap_on_loopback());
    let judgement = &finding.judgement;
    assert_eq!(judgement.title, "nmap scanned 1,000 ports on 127.0.0.1");
    assert!(judgement.explanation.contains("Accepted a connection: 22, 631."), "{}", judgement.explanation);
    assert_eq!((judgement.severity, &judgement.attack[..]), (Severity::Medium, &["T1046"][..]));
    assert!(judgement.confidence.get() > 0.9);
    assert_eq!(finding.evidence.connections_total, 1000);
    assert!((measured(&finding, "refused") - 998.0).abs() < 0.5);
    assert_eq!(judgement.entities.pid, Some(9));
    assert_eq!(judgement.entities.remote_port, None);
}

#[test]
fn a_loop_in_a_shell_is_one_source_though_each_turn_is_a_new_process() {
    let mut capture = Capture::new(60);
    for port in 1..=30 {
        let pid = 1_000 + u32::from(port);
        capture.add(Conn::to("10.0.0.5", port).by("nc", pid).refused().at(f64::from(port)));
    }
    assert_eq!(only(&capture).judgement.title, "nc scanned 30 ports on 10.0.0.5");
}

#[test]
fn a_horizontal_sweep_of_unanswered_hosts_is_high() {
    let mut capture = Capture::new(300);
    for n in 0..254 {
        capture.add(Conn::to(&host(n), 445).by("worm", 9).unanswered().at(f64::from(n)));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "worm scanned port 445 on 254 hosts");
    assert_eq!(finding.judgement.severity, Severity::High);
    assert!((measured(&finding, "rate") - 1.0).abs() < 0.1);
}

#[test]
fn zeeks_thresholds_are_met_exactly() {
    let beyond_low = |capture: &Capture| {
        findings(capture).iter().filter(|finding| finding.judgement.severity > Severity::Low).count()
    };
    for (ports, expected) in [(14, 0), (15, 1)] {
        let mut capture = Capture::new(60);
        for port in 1..=ports {
            capture.add(Conn::to("10.0.0.5", port).refused().at(f64::from(port)));
        }
        // One port that answers keeps a small scan low.
        capture.add(Conn::to("10.0.0.5", 100).at(30.0));
        assert_eq!(beyond_low(&capture), expected, "{ports} ports");
    }
    for (hosts, expected) in [(24, 0), (25, 1)] {
        let mut capture = Capture::new(60);
        for n in 0..hosts {
            capture.add(Conn::to(&host(n), 22).refused().at(f64::from(n)));
        }
        assert_eq!(beyond_low(&capture), expected, "{hosts} hosts");
    }
}

#[test]
fn a_slow_scan_needs_more_ports_but_no_haste() {
    for (ports, expected) in [(20, Severity::Low), (30, Severity::Medium)] {
        let mut capture = Capture::new(7_200);
        for port in 1..=ports {
            capture.add(Conn::to("10.0.0.5", port).refused().at(f64::from(port) * 120.0));
        }
        capture.add(Conn::to("10.0.0.5", 100).at(30.0));
        assert_eq!(only(&capture).judgement.severity, expected, "{ports} ports");
    }
}

#[test]
fn a_small_scan_is_low_however_slow_it_is() {
    let mut capture = Capture::new(7_200);
    for n in 0..9 {
        capture.add(Conn::to(&host(n), 445).by("worm", 9).unanswered().at(f64::from(n) * 700.0));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "worm scanned port 445 on 9 hosts");
    assert_eq!(finding.judgement.severity, Severity::Low);
    assert!(
        finding.judgement.explanation.contains("the threshold for a small scan, over any time span, is 6"),
        "{}",
        finding.judgement.explanation
    );
}

#[test]
fn a_handful_of_dead_servers_among_others_that_answer_is_quiet() {
    for (dead, alive) in [(5, 0), (8, 2)] {
        let mut capture = Capture::new(600);
        for n in 0..dead + alive {
            let conn = Conn::to(&host(n), 443).by("browser", 1).at(f64::from(n));
            capture.add(if n < dead { conn.unanswered() } else { conn });
        }
        quiet(&capture);
    }
}

#[test]
fn answers_that_nobody_asked_for_are_no_scan() {
    let mut capture = Capture::new(600);
    for n in 0..200 {
        let conn = Conn::to(&host(n), 2_000 + n).local_port(80).unowned().refused();
        capture.add(conn.states("CLOSE").at(f64::from(n)));
    }
    quiet(&capture);
}

#[test]
fn many_ports_of_many_hosts_are_one_finding() {
    let mut capture = Capture::new(300);
    for n in 0..30 {
        for port in 1..=20 {
            capture.add(Conn::to(&host(n), port).by("nmap", 9).refused().at(f64::from(n)));
        }
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "nmap scanned 20 ports on 30 hosts");
    assert_eq!(finding.evidence.connections_total, 600);
    assert_eq!(finding.evidence.connections.len(), Evidence::MAX_CONNECTIONS);
}

#[test]
fn seven_ports_of_a_host_of_which_none_answers_are_medium() {
    for (ports, expected) in [(6, None), (7, Some(Severity::Medium))] {
        let mut capture = Capture::new(60);
        for port in 1..=ports {
            capture.add(Conn::to("10.0.0.5", port).refused().at(f64::from(port)));
        }
        let worst = findings(&capture).iter().map(|finding| finding.judgement.severity).max();
        assert_eq!(worst, expected, "{ports} ports");
    }
}

#[test]
fn a_remote_that_looks_at_every_open_port_is_the_source() {
    let mut capture = Capture::new(60);
    for port in 1..=20 {
        capture.add(Conn::listener(port));
        let conn = Conn::to("203.0.113.9", 55_000 + port).local_port(port).inbound();
        capture.add(conn.bytes(0, 0).states("ESTABLISHED>CLOSE_WAIT").at(f64::from(port)));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "203.0.113.9 scanned 20 ports on 192.168.1.10");
    assert_eq!(
        (finding.judgement.severity, &finding.judgement.attack[..]),
        (Severity::Medium, &["T1595.001"][..])
    );
}

#[test]
fn handshakes_of_unknown_end_make_a_scan_less_sure() {
    let scan = |states| {
        let mut capture = Capture::new(60);
        for port in 1..=40 {
            capture.add(Conn::to("10.0.0.5", port).refused().states(states).at(1.0));
        }
        only(&capture).judgement.confidence.get()
    };
    assert!(scan("SYN_SENT") < scan("SYN_SENT>CLOSE"));
}

#[test]
fn a_normal_host_is_quiet() {
    let mut capture = Capture::new(600);
    capture.add(Conn::listener(22));
    for n in 0..600_u16 {
        let (app, port) = [("firefox", 443), ("apt", 80), ("ntpd", 123)][usize::from(n % 3)];
        let conn = Conn::to(&format!("203.0.113.{}", n % 200), port).by(app, 1).at(f64::from(n));
        capture.add(if n % 25 == 0 { conn.unanswered() } else { conn });
    }
    quiet(&capture);
}

#[test]
fn a_crawler_that_is_answered_by_500_hosts_is_quiet_even_if_some_are_gone() {
    let mut capture = Capture::new(300);
    for n in 0..500 {
        let conn = Conn::to(&host(n), 443).by("crawler", 1).at(f64::from(n) / 2.0);
        capture.add(if n % 5 == 0 { conn.unanswered() } else { conn });
    }
    quiet(&capture);
}

#[test]
fn a_load_test_of_one_port_is_quiet_even_against_a_dead_server() {
    for is_up in [true, false] {
        let mut capture = Capture::new(60);
        for n in 0..2_000 {
            let conn = Conn::to("10.0.0.5", 8080).by("wrk", 1).local_port(20_000 + n).at(f64::from(n) / 40.0);
            capture.add(if is_up { conn } else { conn.refused() });
        }
        quiet(&capture);
    }
}

#[test]
fn peers_on_many_hosts_and_ports_that_answer_are_quiet() {
    let mut capture = Capture::new(300);
    for n in 0..300 {
        let conn = Conn::to(&host(n), 10_000 + n * 7).by("torrent", 1).at(f64::from(n));
        capture.add(if n % 3 == 0 { conn.unanswered() } else { conn });
    }
    quiet(&capture);
}

#[test]
fn a_monitoring_agent_that_checks_ten_ports_or_connects_to_all_backends_is_quiet() {
    let mut capture = Capture::new(600);
    for n in 0..60 {
        for port in 8_000..8_010 {
            capture.add(Conn::to("10.0.0.5", port).by("agent", 1).bytes(0, 0).at(f64::from(n) * 10.0));
        }
        let backend = Conn::to(&host(n), 6379).by("haproxy", 2).bytes(0, 0);
        capture.add(backend.at(f64::from(n)));
    }
    quiet(&capture);
}

#[test]
fn contacts_from_many_remotes_are_no_scan_by_one() {
    let mut capture = Capture::new(60);
    capture.add(Conn::listener(443));
    for n in 0..500 {
        let conn = Conn::to(&host(n), 50_000).local_port(443).inbound();
        capture.add(conn.states("SYN_RECV").bytes(0, 0).lasting(3.0).at(f64::from(n) / 10.0));
    }
    quiet(&capture);
}

#[test]
fn thresholds_that_cannot_be_meant_are_refused() {
    let refused = |change: fn(&mut Thresholds)| {
        let mut config = Thresholds::default();
        change(&mut config);
        PortScan::validate(&config).is_err()
    };
    assert!(refused(|c| c.window_s = f64::NAN));
    assert!(refused(|c| c.success_if_scanner = 0.9));
    assert!(refused(|c| c.false_alarm = 0.0));
    assert!(refused(|c| c.min_unestablished_share = -0.1));
    assert!(PortScan::validate(&Thresholds::default()).is_ok());
}

/// A recording that ended while ten SYNs were under way, as a capture of a fast scan's packets does.
fn cut_short(approach: impl Fn(u16) -> Conn) -> Capture {
    let mut capture = Capture::new(60);
    for n in 0..10 {
        capture.add(approach(n).unanswered().lasting(0.0).unclosed().at(59.9 + f64::from(n) / 1_000.0));
    }
    capture
}

#[test]
fn what_was_under_way_at_the_end_makes_a_small_scan() {
    let ports = [21, 22, 23, 111, 113, 135, 143, 445, 554, 995];
    for capture in [
        cut_short(|n| Conn::to("10.0.0.5", ports[usize::from(n)]).by("nmap", 9)),
        cut_short(|n| Conn::to(&host(n), 23).by("worm", 9)),
        cut_short(|n| Conn::to("10.9.9.9", 50_000).on(&host(n)).local_port(80).inbound()),
    ] {
        let finding = only(&capture);
        assert_eq!(finding.judgement.severity, Severity::Low, "{}", finding.judgement.title);
        assert!(finding.judgement.explanation.contains("10 still pending when the recording ended"));
        assert!(finding.judgement.confidence.get() < 0.5);
    }
    quiet(&cut_short(|n| Conn::to(&host(n), 443).by("firefox", 1)));
}

#[test]
fn many_new_hosts_within_seconds_of_which_a_third_fails_are_a_fast_fan_out() {
    let browse = |gap_s: f64, is_gone: fn(u16) -> bool, name: Option<&'static str>| {
        let mut capture = Capture::new(600);
        for n in 0..24_u16 {
            let conn = Conn::to(&format!("203.0.113.{n}"), 80).at(f64::from(n) * gap_s);
            let conn = if is_gone(n) { conn.unanswered() } else { conn };
            capture.add(name.map_or_else(|| conn.clone(), |name| conn.clone().named(name)));
        }
        findings(&capture).into_iter().map(|finding| finding.judgement.severity).collect::<Vec<_>>()
    };
    assert_eq!(browse(0.1, |n| n % 3 == 0, None), [Severity::Medium]);
    assert!(browse(0.1, |n| n % 8 == 0, None).is_empty(), "a page of many parts");
    assert!(browse(2.0, |n| n % 3 == 0, None).is_empty(), "an afternoon");
    assert!(browse(0.1, |n| n % 3 == 0, Some("ads.example.com")).is_empty(), "by name");
}

#[test]
fn peers_on_a_port_that_nothing_else_uses_are_bots_if_most_are_gone() {
    let severity = |port: u16, gone: u16| {
        let mut capture = Capture::new(600);
        for n in 0..60_u16 {
            let conn = Conn::to(&peer(n), port).udp().at(f64::from(n));
            let answers = u64::from(n % 10 >= gone);
            capture.add(conn.bytes(16, answers * 600).packets_sent(1).packets_received(answers));
        }
        findings(&capture).first().map(|finding| finding.judgement.severity)
    };
    assert_eq!(severity(16_464, 9), Some(Severity::Medium));
    assert_eq!(severity(6_881, 9), Some(Severity::Low));
}

#[test]
fn a_tcp_port_on_which_a_third_of_the_hosts_answers_is_peer_to_peer_and_one_on_which_a_tenth_does_is_not() {
    let severity = |gone: u16| {
        let mut capture = Capture::new(600);
        for n in 0..60_u16 {
            let conn = Conn::to(&peer(n), 16_464).by("peer", 9).at(f64::from(n));
            capture.add(if n % 10 < gone { conn.unanswered() } else { conn });
        }
        only(&capture).judgement.severity
    };
    assert_eq!(severity(7), Severity::Low);
    assert_eq!(severity(9), Severity::Medium);
}

#[test]
fn from_outside_many_ports_of_this_host_are_medium_and_one_port_of_many_hosts_is_low() {
    let severity = |approach: fn(u16) -> Conn| {
        let mut capture = Capture::new(600);
        for n in 0..60_u16 {
            capture.add(approach(n).inbound().states("SYN_RECV").bytes(0, 0).lasting(3.0).at(f64::from(n)));
        }
        only(&capture).judgement.severity
    };
    assert_eq!(severity(|n| Conn::to("203.0.113.9", 50_000).local_port(1_000 + n)), Severity::Medium);
    assert_eq!(severity(|n| Conn::to("203.0.113.9", 50_000).on(&host(n)).local_port(2_222)), Severity::Low);
}

#[test]
fn a_peer_that_tries_each_peer_on_its_own_port_is_low_and_services_of_every_host_are_not() {
    let severity = |ports: &dyn Fn(u16) -> Vec<u16>| {
        let mut capture = Capture::new(600);
        for n in 0..60 {
            for port in ports(n) {
                let conn = Conn::to(&peer(n), port).udp().packets_sent(1).packets_received(0);
                capture.add(conn.bytes(40, 0).at(f64::from(n)));
            }
        }
        findings(&capture).into_iter().map(|finding| finding.judgement.severity).max()
    };
    assert_eq!(severity(&|n| vec![40_000 + n % 6]), Some(Severity::Low));
    assert!(severity(&|_| vec![53, 123, 161, 500, 5353, 389]) >= Some(Severity::Medium));
}

#[test]
fn a_range_that_is_swept_is_no_list_of_peers_whatever_the_port() {
    let severity = |addr: fn(u16) -> String| {
        let mut capture = Capture::new(60);
        for n in 0..200 {
            let conn = Conn::to(&addr(n), 6_892).udp().bytes(25, 0).packets_sent(1).packets_received(0);
            capture.add(conn.at(f64::from(n) / 1_000.0));
        }
        only(&capture).judgement.severity
    };
    assert_eq!((severity(|n| format!("203.0.113.{n}")), severity(peer)), (Severity::High, Severity::Low));
}
