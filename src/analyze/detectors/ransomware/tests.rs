use super::*;
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn, the_only};

const MB: u64 = 1_000_000;

fn session(server: &str, written_mb: u64, read_mb: u64, lasting_s: f64) -> Conn {
    Conn::to(server, 445).bytes(written_mb * MB, read_mb * MB).lasting(lasting_s).at(10.0)
}

fn findings(sessions: &[Conn]) -> Vec<Finding> {
    let mut capture = Capture::new(20_000);
    for session in sessions {
        capture.add(session.clone());
    }
    capture.run::<Ransomware>().findings
}

#[test]
fn files_that_are_read_and_written_again_are_found() {
    let finding = the_only(findings(&[session("192.168.1.8", 900, 930, 300.0)]));
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "app reads and rewrites 900 MB on 192.168.1.8 over SMB");
    let both = [session("192.168.1.8", 900, 930, 300.0), session("192.168.1.9", 300, 310, 200.0)];
    let finding = the_only(findings(&both));
    assert!(finding.judgement.confidence.get() > 0.7, "{:?}", finding.judgement);
    assert!(finding.judgement.title.ends_with("on 2 servers over SMB"), "{}", finding.judgement.title);
}

#[test]
fn reading_backups_small_work_and_disks_on_a_share_are_not() {
    let is_quiet = |session: Conn| assert!(findings(&[session]).is_empty());
    is_quiet(session("192.168.1.8", 40, 5_000, 300.0));
    is_quiet(session("192.168.1.8", 5_000, 40, 300.0));
    is_quiet(session("192.168.1.8", 60, 60, 300.0));
    is_quiet(session("192.168.1.8", 300, 300, 7_000.0));
    is_quiet(session("192.168.1.8", 9_000, 9_000, 15_000.0));
}
