use super::*;
use crate::model::frame::UInt32Type;
use crate::model::testing::{Capture, Conn};
use crate::model::view::{Numbers, Words};

/// Two habits and one connection like neither.
fn habits() -> Capture {
    let mut capture = Capture::new(600);
    for n in 0..200_u16 {
        let jitter = u64::from(n % 7);
        let https = Conn::to("203.0.113.1", 443).by("curl", 1).bytes(500 + jitter, 3_000 + 10 * jitter);
        capture.add(https.at(f64::from(n)));
        let ssh = Conn::to("10.0.0.7", 50_000 + n).local_port(22).by("sshd", 2).inbound().lasting(900.0);
        capture.add(ssh.bytes(90_000 + jitter, 20_000).at(f64::from(n)));
    }
    capture.add(Conn::to("198.51.100.9", 4_444).by("x", 3).bytes(900_000_000, 10).lasting(60.0));
    capture
}

fn table<'a>(output: &'a Output, name: &str) -> &'a DataFrame {
    &output.tables.iter().find(|(table, _)| *table == name).unwrap().1
}

#[test]
fn groups_are_described_in_words() {
    let output = habits().run::<Clusters>();
    let clusters = table(&output, "clusters");
    let words = Words::of(clusters, "description").unwrap();
    let texts: Vec<&str> = (0..clusters.height()).filter_map(|row| words.get(row)).collect();
    let has = |text: &str| texts.iter().any(|description| description.contains(text));
    assert!(has("short outbound HTTPS connections of curl with 203.0.113.1"), "{texts:?}");
    assert!(has("long inbound SSH connections of sshd with 10.0.0.7"), "{texts:?}");
}

#[test]
fn what_is_like_nothing_else_is_one_finding_of_info() {
    let output = habits().run::<Clusters>();
    let [finding] = &output.findings[..] else { panic!("{:?}", output.findings) };
    assert_eq!(finding.judgement.title, "1 of 401 connections is an outlier");
    assert_eq!(finding.judgement.severity, Severity::Info);
    assert_eq!(finding.judgement.entities.process_name.as_deref(), Some("x"));
    let assignments = table(&output, "assignments");
    assert_eq!((assignments.height(), assignments.column("cluster").unwrap().null_count()), (401, 1));
}

#[test]
fn a_sample_gives_the_same_groups_and_says_that_it_is_one() {
    let capture = habits();
    let config = Thresholds { max_points: 5, ..Thresholds::default() };
    let Outcome::Ran(output) = capture.outcome_with::<Clusters>(&config) else { panic!("skipped") };
    assert!(
        output.limits.iter().any(|limit| limit.contains("Too many to cluster all")),
        "{:?}",
        output.limits
    );
    let clusters = table(&output, "clusters");
    let sizes = Numbers::<UInt32Type>::of(clusters, "connections").unwrap();
    let grouped: u32 = (0..clusters.height()).filter_map(|row| sizes.get(row)).sum();
    assert!(grouped >= 390, "{clusters:?}");
}

#[test]
fn a_handful_of_connections_is_skipped() {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("203.0.113.1", 443));
    assert!(matches!(capture.outcome::<Clusters>(), Outcome::Skipped(why) if why.contains("at least 5")));
}

#[test]
fn thresholds_that_cannot_be_meant_are_refused() {
    let refused = |change: fn(&mut Thresholds)| {
        let mut config = Thresholds::default();
        change(&mut config);
        Clusters::validate(&config).is_err()
    };
    assert!(refused(|c| c.min_points = 1));
    assert!(refused(|c| c.max_points = 2));
    assert!(refused(|c| c.radius = f64::NAN));
    assert!(refused(|c| c.max_noise_share = 2.0));
    assert!(Clusters::validate(&Thresholds::default()).is_ok());
}
