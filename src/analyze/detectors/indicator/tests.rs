use super::*;
use crate::analyze::Config;
use crate::capture::Metadata;
use crate::indicators::Indicators;
use crate::model::detector::{Detector, Outcome};
use crate::model::frame::*;
use crate::model::testing::{Capture, Conn};
use crate::model::threat_intel::ThreatIntel;

/// A browser and a tool that talk to the outside, and a visitor.
fn host() -> Tables {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("203.0.113.7", 443).by("firefox", 1));
    capture.add(Conn::to("203.0.113.7", 443).by("firefox", 1).at(5.0));
    capture.add(Conn::to("198.51.100.9", 4444).by("tool", 2).at(6.0));
    capture.add(Conn::to("203.0.113.200", 50_000).local_port(22).inbound().by("sshd", 3).at(7.0));
    let mut tables = capture.tables();
    let processes = df!(
        "process" => [0_u32, 1, 2],
        "exe" => ["/usr/bin/firefox", "/usr/sbin/sshd", "/tmp/.x/tool (deleted)"],
        "exe_sha256" => [Some("a".repeat(64)), Some("b".repeat(64)), None],
    );
    for column in processes.unwrap().columns() {
        tables.processes.replace(column.clone()).unwrap();
    }
    tables
}

fn outcome(list: &str) -> Outcome {
    let mut indicators = Indicators::default();
    if !list.is_empty() {
        indicators.add("list.txt", list.as_bytes()).unwrap();
    }
    let config = Config::default().with_intel(ThreatIntel { indicators, ..ThreatIntel::default() });
    let (tables, metadata) = (host(), Metadata::default());
    Indicator::detect(&config.context(&tables, &metadata), &Thresholds::default()).unwrap()
}

/// Title and severity of every finding, and to how many sockets each belongs.
#[track_caller]
fn finds(list: &str, expected: &[(&str, Severity, u64)]) {
    let Outcome::Ran(output) = outcome(list) else { panic!("skipped") };
    let found: Vec<_> = output
        .findings
        .iter()
        .map(|f| (f.judgement.title.as_str(), f.judgement.severity, f.evidence.connections_total))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_address_a_network_and_a_port_are_found_per_process() {
    finds("203.0.113.7", &[("firefox contacted a listed indicator: 203.0.113.7", Severity::High, 2)]);
    finds("198.51.100.0/24", &[("tool contacted a listed indicator: 198.51.100.0/24", Severity::Medium, 1)]);
    finds(
        "198.51.100.9:4444",
        &[("tool contacted a listed indicator: 198.51.100.9 port 4444", Severity::High, 1)],
    );
    finds("198.51.100.9:4445", &[]);
    finds("10.0.0.0/8", &[]);
}

#[test]
fn of_an_address_and_its_network_the_address_counts() {
    let list = "203.0.113.0/24\n203.0.113.7\n";
    finds(
        list,
        &[
            ("firefox contacted a listed indicator: 203.0.113.7", Severity::High, 2),
            ("sshd was contacted by a listed address: 203.0.113.0/24", Severity::Low, 1),
        ],
    );
}

#[test]
fn a_visit_is_milder_than_a_call() {
    finds("203.0.113.200", &[("sshd was contacted by a listed address: 203.0.113.200", Severity::Medium, 1)]);
}

#[test]
fn an_executable_is_found_by_hash_and_by_path_even_when_deleted() {
    let hash = "A".repeat(64);
    let title = format!("firefox runs a listed executable: {}", hash.to_lowercase());
    finds(&hash, &[(&title, Severity::High, 2)]);
    finds("/tmp/.x/tool", &[("tool runs a listed executable: /tmp/.x/tool", Severity::Medium, 1)]);
}

#[test]
fn a_finding_names_its_source_and_what_the_list_says() {
    let Outcome::Ran(output) = outcome("203.0.113.7,seen with QuasarRAT") else { panic!() };
    let explanation = &output.findings[0].judgement.explanation;
    assert!(explanation.contains("list.txt (line 1)") && explanation.contains("QuasarRAT"), "{explanation}");
}

#[test]
fn a_name_is_found_with_those_below_it() {
    let mut indicators = Indicators::default();
    indicators.add("l", b"evil.example").unwrap();
    let index = Index::new(&indicators.list);
    for (name, is_named) in
        [("evil.example", 1), ("a.B.EVIL.example.", 1), ("notevil.example", 0), ("example", 0)]
    {
        assert_eq!(index.name(name).len(), is_named, "{name}");
    }
}

#[test]
fn without_a_list_it_is_skipped() {
    assert!(matches!(outcome(""), Outcome::Skipped(why) if why.contains("--ioc")));
}
