use super::*;
use crate::model::testing::{Capture, Conn, the_only};

fn thin(addr: &str, port: u16) -> Conn {
    Conn::to(addr, port).lasting(600.0).bytes(20_000, 60_000)
}

#[test]
fn a_pool_is_known_by_its_name() {
    let mut capture = Capture::new(900);
    capture.add(thin("203.0.113.5", 443).named("xmr-eu1.nanopool.org").by("kswapd", 7));
    let output = capture.run::<Mining>();
    let finding = the_only(output.findings);
    assert!(finding.judgement.severity >= Severity::Medium);
    assert!(finding.judgement.title.contains("xmr-eu1.nanopool.org (203.0.113.5) port 443"));
}

#[test]
fn a_miner_is_known_by_its_program_and_port() {
    let mut capture = Capture::new(900);
    capture.add(thin("203.0.113.5", 3_333).by("xmrig", 7));
    assert!(the_only(capture.run::<Mining>().findings).judgement.severity >= Severity::High);
}

#[test]
fn fat_short_and_ordinary_connections_are_not_mining() {
    let mut capture = Capture::new(900);
    capture.add(thin("203.0.113.5", 3_333).bytes(9_000_000, 900));
    capture.add(thin("203.0.113.6", 3_333).lasting(5.0));
    capture.add(thin("203.0.113.7", 443));
    assert!(capture.run::<Mining>().findings.is_empty());
}

#[test]
fn a_game_on_a_port_of_pools_talks_all_the_time() {
    let found = |packets: u64| {
        let mut capture = Capture::new(900);
        capture.add(thin("203.0.113.5", 7_777).packets_sent(packets).packets_received(packets));
        capture.run::<Mining>().findings.len()
    };
    assert_eq!((found(60), found(3_000)), (1, 0));
}

#[test]
fn inside_the_network_only_stratum_counts() {
    let found = |conn: Conn| {
        let mut capture = Capture::new(900);
        capture.add(conn);
        capture.run::<Mining>().findings.len()
    };
    assert_eq!(found(thin("192.168.1.9", 3_333)), 0);
    assert_eq!(found(thin("192.168.1.9", 3_333).speaking("stratum")), 1);
}
