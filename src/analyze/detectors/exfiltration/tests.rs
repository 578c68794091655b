use super::*;
use crate::model::testing::{Capture, Conn, the_only};

const MB: u64 = 1_000_000;

fn findings(capture: &Capture) -> Vec<Finding> {
    capture.run::<Exfiltration>().findings
}

#[track_caller]
fn only(capture: &Capture) -> Finding {
    the_only(findings(capture))
}

fn upload(mb: u64) -> Conn {
    Conn::to("203.0.113.66", 443).by("python3", 9).bytes(mb * MB, MB / 2).at(100.0).lasting(30.0)
}

#[test]
fn a_large_upload_is_found_and_a_larger_one_is_high() {
    for (mb, severity) in [(49, None), (80, Some(Severity::Medium)), (900, Some(Severity::High))] {
        let mut capture = Capture::new(600);
        capture.add(upload(mb));
        let found = findings(&capture);
        assert_eq!(found.first().map(|f| f.judgement.severity), severity, "{mb} MB");
    }
    let mut capture = Capture::new(600);
    capture.add(upload(80));
    let finding = only(&capture);
    assert_eq!(finding.judgement.title, "python3 sent 80 MB to 203.0.113.66 port 443");
    assert_eq!(finding.judgement.attack, ["T1567"]);
    assert!(finding.judgement.explanation.contains("nothing to compare with"));
}

#[test]
fn many_small_connections_to_one_place_are_one_upload() {
    let mut capture = Capture::new(4_000);
    for n in 0..300 {
        let conn = Conn::to("203.0.113.66", 8_888).by("svchost", 9).bytes(MB, 1_000);
        capture.add(conn.at(f64::from(n) * 12.0));
    }
    let finding = only(&capture);
    assert_eq!(finding.evidence.connections_total, 300);
    assert_eq!(finding.judgement.attack, ["T1048"]);
}

#[test]
fn a_download_a_call_and_a_server_that_serves_are_none() {
    let mut capture = Capture::new(600);
    capture.add(Conn::to("203.0.113.1", 443).by("curl", 1).bytes(MB, 900 * MB).lasting(60.0));
    capture.add(Conn::to("203.0.113.2", 443).by("meet", 2).bytes(300 * MB, 200 * MB).lasting(500.0));
    capture.add(Conn::to("203.0.113.3", 50_000).local_port(443).inbound().by("nginx", 3).bytes(900 * MB, MB));
    capture.add(Conn::to("127.0.0.1", 9_000).internal().by("app", 4).bytes(900 * MB, MB));
    assert!(findings(&capture).is_empty());
}

#[test]
fn to_the_local_network_is_low() {
    let mut capture = Capture::new(600);
    capture.add(Conn::to("192.168.1.200", 445).by("smbclient", 9).bytes(800 * MB, MB).lasting(60.0));
    let finding = only(&capture);
    assert_eq!((finding.judgement.severity, finding.judgement.attack.len()), (Severity::Low, 0));
}

#[test]
fn a_backup_program_is_ranked_down_with_words() {
    let mut capture = Capture::new(600);
    capture.add(upload(80).by("restic", 9));
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Low);
    assert!(finding.judgement.explanation.contains("has the name of a backup program"));
}

#[test]
fn a_process_that_sends_as_much_to_everyone_does_its_duty() {
    let mut capture = Capture::new(600);
    for host in 1..=9 {
        let conn = Conn::to(&format!("198.51.100.{host}"), 443).by("shipper", 9).bytes(60 * MB, MB);
        capture.add(conn.lasting(500.0));
    }
    assert!(findings(&capture).is_empty());
}

#[test]
fn the_usual_rate_of_a_process_ranks_down_and_an_unusual_one_is_said() {
    let mut capture = Capture::new(1_000);
    for n in 0..100 {
        capture.add(
            Conn::to("198.51.100.7", 443)
                .by("python3", 9)
                .bytes(2_000, 90_000)
                .at(400.0 + f64::from(n) * 5.0),
        );
    }
    capture.add(upload(80));
    let finding = only(&capture);
    let times =
        finding.evidence.measurements.iter().find(|m| m.name == "times its usual rate").unwrap().value;
    assert!(times > 500.0, "{times}");
    assert_eq!(finding.judgement.severity, Severity::Medium);

    let mut steady = Capture::new(1_000);
    for n in 0..10 {
        let conn = Conn::to(&format!("198.51.100.{n}"), 443).by("python3", 9).bytes(20 * MB, MB);
        steady.add(conn.at(f64::from(n) * 90.0).lasting(10.0));
    }
    steady.add(upload(80).at(950.0).lasting(40.0));
    assert_eq!(only(&steady).judgement.severity, Severity::Low);
}

#[test]
fn without_byte_counts_it_cannot_run() {
    let mut capture = Capture::new(600);
    capture.add(Conn::to("203.0.113.1", 443).udp().uncounted());
    assert!(matches!(capture.outcome::<Exfiltration>(), Outcome::Skipped(_)));
}

/// A host that sends a little to eight places.
fn ordinary() -> Capture {
    let mut capture = Capture::new(40_000);
    for host in 1..=8 {
        let conn = Conn::to(&format!("198.51.100.{host}"), 443).by("browser", 1).bytes(80_000, 3 * MB);
        capture.add(conn.at(f64::from(host) * 100.0));
    }
    capture
}

#[test]
fn small_pieces_over_hours_that_are_unlike_what_the_host_sends_are_found() {
    let mut capture = ordinary();
    for n in 0..100 {
        let conn = Conn::to("203.0.113.66", 443).by("sync", 9).bytes(200_000, 9_000);
        capture.add(conn.at(f64::from(n) * 380.0));
    }
    let finding = only(&capture);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert!(
        finding.judgement.explanation.contains("times the most that this host sent"),
        "{:?}",
        finding.judgement
    );
}

#[test]
fn a_photo_a_mail_and_what_the_host_also_sends_elsewhere_are_none() {
    let upload =
        |port, mb: u64| Conn::to("203.0.113.66", port).by("app", 9).bytes(mb * MB, MB / 10).at(900.0);
    for conn in [upload(443, 6), upload(587, 20)] {
        let mut capture = ordinary();
        capture.add(conn);
        assert!(findings(&capture).is_empty());
    }
    let mut capture = ordinary();
    capture.add(upload(443, 20)).add(Conn::to("203.0.113.67", 443).by("browser", 1).bytes(9 * MB, MB));
    assert!(findings(&capture).is_empty());
}

#[test]
fn the_addresses_of_one_name_are_one_destination() {
    let mut capture = ordinary();
    for host in 0..40 {
        let conn = Conn::to(&format!("203.0.113.{host}"), 443).by("sync", 9).named("bucket.storage.example");
        capture.add(conn.bytes(2 * MB, 10_000).at(f64::from(host) * 60.0));
    }
    let finding = only(&capture);
    let title = "sync sent 80 MB to bucket.storage.example (203.0.113.0) port 443";
    assert_eq!((finding.judgement.title.as_str(), finding.evidence.connections_total), (title, 40));
}

#[test]
fn the_median_of_the_others_is_that_without_the_own_value() {
    let all = [1.0, 2.0, 3.0, 9.0];
    let medians: Vec<Option<f64>> = (0..4).map(|place| uploads::median_without(&all, place)).collect();
    assert_eq!(medians, [Some(3.0), Some(3.0), Some(2.0), Some(2.0)]);
    assert_eq!(uploads::median_without(&[5.0], 0), None);
}

#[test]
fn small_uploads_to_many_peers_are_none() {
    let uploads_to = |peers: u16| {
        let mut capture = Capture::new(600);
        for n in 0..peers {
            let conn = Conn::to(&format!("203.0.113.{n}"), 6_881 + n).by("torrent", 9);
            capture.add(conn.bytes(3 * MB, 90_000));
        }
        findings(&capture).len()
    };
    assert_eq!((uploads_to(2), uploads_to(30)), (2, 0));
}

#[test]
fn a_known_cloud_ranks_a_backup_of_photos_down() {
    let severity = |name| {
        let mut capture = Capture::new(600);
        capture.add(upload(80).named(name));
        only(&capture).judgement.severity
    };
    assert_eq!(severity("content.dropboxapi.com"), Severity::Low);
    assert_eq!(severity("content.example.net"), Severity::Medium);
}

#[test]
fn a_few_megabytes_over_ftp_are_enough() {
    let over = |port: u16| {
        let mut capture = Capture::new(600);
        capture.add(Conn::to("203.0.113.66", port).by("python3", 9).bytes(900, 2_000).at(90.0));
        capture.add(Conn::to("203.0.113.66", 20).by("python3", 9).bytes(8 * MB, 0).at(100.0).lasting(9.0));
        findings(&capture).len()
    };
    assert_eq!((over(21), over(443)), (1, 0));
}

/// What is found of some kilobytes handed in at a mail server, with or without a look for the own address.
fn handed_in(port: u16, asks: bool, reads_mail: bool) -> Vec<Finding> {
    let mut capture = Capture::new(600);
    if asks {
        capture.add(Conn::to("203.0.113.1", 443).named("api.ipify.org").unowned());
    }
    if reads_mail {
        capture.add(Conn::to("203.0.113.2", 993).named("imap.example.org").unowned());
    }
    let conn = Conn::to("203.0.113.3", port).named("mail.example.com").unowned();
    capture.add(conn.at(60.0).bytes(6_000, 700));
    capture.run::<Exfiltration>().findings
}

#[test]
fn a_source_that_asks_where_it_is_and_hands_in_mail_is_a_stealer() {
    for port in [587, 21] {
        let finding = the_only(handed_in(port, true, false));
        assert_eq!(finding.judgement.severity, Severity::Medium);
    }
    assert!(handed_in(587, false, false).is_empty() && handed_in(587, true, true).is_empty());
}

#[test]
fn confidence_grows_with_the_volume_and_its_share_and_each_technique_is_that_of_the_port() {
    let of = |conn: Conn| {
        let mut capture = Capture::new(600);
        capture.add(conn);
        only(&capture).judgement
    };
    let confidence = |mb| of(upload(mb)).confidence.get();
    assert!(confidence(60) < confidence(100) && confidence(100) < confidence(400));
    let balanced = of(upload(400).bytes(400 * MB, 75 * MB)).confidence.get();
    assert!(balanced < confidence(400), "{balanced}");
    for (port, technique) in [(443, "T1567"), (8443, "T1567"), (53, "T1048.003"), (2222, "T1048")] {
        let conn =
            Conn::to("203.0.113.66", port).by("python3", 9).bytes(90 * MB, MB / 2).at(100.0).lasting(30.0);
        assert_eq!(of(conn).attack, [technique], "{port}");
    }
}

#[test]
fn an_archive_handed_to_a_webhook_is_that_of_a_stealer() {
    let found = |asks: bool, sent: u64| {
        let mut capture = Capture::new(600);
        if asks {
            capture.add(Conn::to("203.0.113.1", 443).named("api.ipify.org").unowned());
        }
        let conn = Conn::to("203.0.113.3", 443).named("discord.com").unowned();
        capture.add(conn.at(60.0).bytes(sent, 5_000));
        capture.run::<Exfiltration>().findings.len()
    };
    assert_eq!((found(true, 400_000), found(false, 400_000), found(true, 40_000)), (1, 0, 0));
}

#[test]
fn some_megabytes_unlike_the_rest_count_where_the_name_is_cheap() {
    let found = |name: &'static str, mb: u64| {
        let mut capture = ordinary();
        capture.add(Conn::to("203.0.113.66", 443).named(name).by("app", 9).bytes(mb * MB, MB / 50).at(900.0));
        findings(&capture).len()
    };
    assert_eq!((found("a.example.top", 3), found("a.example.org", 3)), (1, 0));
}

#[test]
fn the_servers_of_a_service_for_sharing_files_are_one_destination() {
    let mut capture = Capture::new(4_000);
    let names = ["gfs1.userstorage.mega.co.nz", "gfs2.userstorage.mega.co.nz", "gfs3.userstorage.mega.co.nz"];
    for (n, name) in (0_u8..).zip(names) {
        let conn = Conn::to(&format!("203.0.113.{n}"), 443).named(name).by("rclone", 9);
        capture.add(conn.bytes(20 * MB, 9_000).at(f64::from(n) * 100.0).lasting(20.0));
    }
    let finding = only(&capture);
    assert_eq!(finding.evidence.connections_total, 3);
    assert!(finding.judgement.title.starts_with("rclone sent 60 MB to gfs1.userstorage.mega.co.nz"));
}
