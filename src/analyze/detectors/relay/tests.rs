use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, the_only};

fn inbound(client: &str, port: u16, sent: u64, received: u64, at: f64) -> Conn {
    Conn::to(client, 50_000).local_port(port).inbound().bytes(sent, received).at(at).lasting(60.0)
}

fn outbound(server: &str, port: u16, sent: u64, received: u64, at: f64) -> Conn {
    Conn::to(server, port).bytes(sent, received).at(at).lasting(60.0)
}

#[test]
fn a_connection_from_outside_that_goes_on_to_a_desktop_is_a_port_forward() {
    let mut capture = Capture::new(300);
    capture.add(inbound("203.0.113.5", 8443, 900_000, 50_000, 10.0).by("socat", 7));
    capture.add(outbound("192.168.1.9", 3389, 50_000, 900_100, 10.2).by("socat", 7));
    let finding = the_only(capture.run::<Relay>().findings);
    assert!(finding.judgement.severity >= Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "socat forwards connections from 203.0.113.5 to RDP (port 3389) on 192.168.1.9"
    );
}

#[test]
fn a_tunnel_that_the_host_opened_is_told_too() {
    let mut capture = Capture::new(300);
    capture.add(outbound("203.0.113.5", 443, 901_000, 50_500, 5.0).lasting(90.0));
    capture.add(outbound("192.168.1.9", 445, 50_000, 900_000, 20.0));
    let finding = the_only(capture.run::<Relay>().findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert!(finding.judgement.title.contains("lets 203.0.113.5 reach SMB (port 445) on 192.168.1.9"));
}

#[test]
fn strangers_who_go_out_again_are_passed_on() {
    let mut capture = Capture::new(300);
    for n in 0..4_u32 {
        let (at, bytes) = (f64::from(n) * 10.0, 80_000 * (u64::from(n) + 1));
        capture.add(inbound("203.0.113.5", 4145, bytes, 2_000, at));
        capture.add(outbound(&format!("198.51.100.{n}"), 443, 1_900, bytes, at + 0.1));
    }
    assert_eq!(the_only(capture.run::<Relay>().findings).judgement.severity, Severity::Medium);
}

#[test]
fn proxies_load_balancers_jump_hosts_and_other_bytes_are_ordinary() {
    let none = |conns: [Conn; 2]| {
        let mut capture = Capture::new(300);
        for conn in conns {
            capture.add(conn);
        }
        assert!(capture.run::<Relay>().findings.is_empty());
    };
    let web = || inbound("203.0.113.5", 443, 900_000, 50_000, 10.0);
    none([web(), outbound("192.168.1.9", 8080, 50_000, 900_000, 10.1)]);
    none([web(), outbound("192.168.1.9", 3389, 50_000, 600_000, 10.1)]);
    none([web(), outbound("192.168.1.9", 3389, 50_000, 900_000, 150.0)]);
    let ssh = inbound("203.0.113.5", 22, 900_000, 50_000, 10.0);
    none([ssh, outbound("192.168.1.9", 22, 50_000, 900_000, 10.1)]);
    let proxied = inbound("192.168.1.20", 3128, 900_000, 50_000, 10.0);
    none([proxied, outbound("203.0.113.5", 443, 50_000, 900_000, 10.1)]);
}
