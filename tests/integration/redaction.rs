//! A redacted report: the same findings, and no identifying name in any byte of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use netrec::capture::{Counters, Metadata, Owner, OwnerSource, Protocol, Row, TcpState};
use serde_json::Value;

use crate::fixture::{self, START_US};
use crate::runner::{files, netrec_in};

const TICKS: u32 = 600;

/// What must not be in a redacted report.
const SECRETS: [&str; 16] = [
    "db-07.corp.example",
    "corp.example",
    "alice",
    "/home/alice",
    ".cache/updater",
    "--token",
    "s3cr3t",
    "exfil.example",
    "203.0.114.77",
    "203.0.114.78",
    "10.20.30.40",
    "2a00:1450:4001::68",
    "4f1d5ac0ffee",
    "0b6f0c4e-2a53",
    "acme-db-07",
    "ticket 4711",
];

/// A program of user alice that polls an address every ten seconds.
fn rows() -> Vec<Row> {
    let owner = Arc::new(Owner {
        pid: Some(4242),
        uid: Some(1000),
        // As sshd names itself: a process name may contain a user's.
        process_name: Some("updater: alice".to_owned()),
        exe: Some("/home/alice/.cache/updater (deleted)".to_owned()),
        cmdline: Some("/home/alice/.cache/updater --token s3cr3t".to_owned()),
        username: Some("alice".to_owned()),
        container: Some("4f1d5ac0ffee".to_owned()),
        process_start_us: Some(START_US - 1),
        ..Owner::default()
    });
    let mut rows = fixture::rows(TICKS, 3);
    for tick in (1..TICKS).step_by(10) {
        let to = [("203.0.114.77", "10.20.30.40"), ("2a00:1450:4001::68", "2a00:1450:4001::1")];
        for (number, (remote, local)) in to.into_iter().enumerate() {
            let local = (local.parse().unwrap(), 40_000 + tick as u16);
            let mut row = Row::snapshot(u64::from(tick) << 8 | number as u64 | 1 << 40, Protocol::Tcp, local);
            row.tick = tick;
            row.ts_us = START_US + i64::from(tick) * 1_000_000;
            row.mono_ns = i64::from(tick) * 1_000_000_000;
            row.remote = Some((remote.parse().unwrap(), 443));
            row.remote_name = Some("c2.exfil.example".into());
            row.state = Some(TcpState::Established);
            row.owner = Some(Arc::clone(&owner));
            row.owner_source = Some(OwnerSource::Inode);
            row.counters =
                Counters { bytes_sent: Some(900), bytes_received: Some(300), ..Counters::default() };
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| row.tick);
    rows
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let metadata = Metadata {
        host_name: Some("db-07.corp.example".to_owned()),
        boot_id: Some("0b6f0c4e-2a53-4f0e-9c59-5a1f0a3b7c11".to_owned()),
        host_addresses: ["10.20.30.40", "10.0.0.1", "203.0.114.78"].map(str::to_owned).to_vec(),
        ..fixture::metadata(TICKS)
    };
    fixture::write(&place.path().join("acme-db-07.parquet"), &rows(), &metadata);
    fs::write(place.path().join("key"), "a secret that only the tests have").unwrap();
    let allow = "[[allow]]\nreason = \"ticket 4711\"\naddress = \"203.0.114.78\"\n";
    fs::write(place.path().join("allow.toml"), allow).unwrap();
    place
}

fn analyze(place: &Path, output: &str, more: &[&str]) -> Value {
    let arguments = ["analyze", "acme-db-07.parquet", "-o", output, "--allow", "allow.toml"];
    let ran = netrec_in(place, &[&arguments[..], more].concat());
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    serde_json::from_str(&fs::read_to_string(place.join(output).join("report.json")).unwrap()).unwrap()
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// The numbers and fixed texts of a finding.
fn judged(report: &Value) -> Vec<Value> {
    let facts = |finding: &Value| {
        let evidence = &finding["evidence"];
        serde_json::json!([
            finding["detector"],
            finding["severity"],
            finding["confidence"],
            finding["attack"],
            finding["first_seen"],
            finding["last_seen"],
            evidence["connections_total"],
            evidence["measurements"],
        ])
    };
    let mut all: Vec<Value> = report["findings"].as_array().unwrap().iter().map(facts).collect();
    // Findings of equal severity and confidence are sorted by id.
    all.sort_by_key(ToString::to_string);
    all
}

#[test]
fn the_findings_stay_the_same_and_no_name_is_left() {
    let place = place();
    let plain = analyze(place.path(), "plain", &[]);
    let redacted = analyze(place.path(), "redacted", &["--redact", "--redact-key", "key"]);
    assert!(judged(&plain).len() > 2, "too little was found to compare");
    assert_eq!(judged(&plain), judged(&redacted));
    let insights = |report: &Value| {
        let all = report["insights"].as_array().unwrap();
        all.iter().map(|i| (i["severity"].clone(), i["confidence"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(insights(&plain), insights(&redacted));
    assert_eq!(plain["summary"], redacted["summary"]);

    let all_of = |folder: &str| -> Vec<u8> {
        files(&place.path().join(folder)).iter().flat_map(|path| fs::read(path).unwrap()).collect()
    };
    let bytes = all_of("plain");
    let missing: Vec<_> = SECRETS.iter().filter(|secret| !holds(&bytes, secret)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "nothing is hidden that was never there");
    for path in files(&place.path().join("redacted")) {
        let bytes = fs::read(&path).unwrap();
        let leaked: Vec<_> = SECRETS.iter().filter(|secret| holds(&bytes, secret)).collect();
        assert_eq!(leaked, Vec::<&&str>::new(), "{}", path.display());
        let name = path.to_string_lossy().into_owned();
        assert!(!name.contains("acme"), "{name}");
    }
    // Indicators for other hosts would be pseudonyms.
    assert!(!place.path().join("redacted/indicators.stix.json").exists());
}

#[test]
fn a_name_has_the_same_pseudonym_everywhere_and_with_another_key_another() {
    let place = place();
    let redacted = |output: &str, key: &[&str]| analyze(place.path(), output, &[&["--redact"], key].concat());
    let (a, b) = (redacted("a", &["--redact-key", "key"]), redacted("b", &["--redact-key", "key"]));
    assert_eq!(a, b);
    let c = redacted("c", &[]);
    assert_ne!(a["capture"]["host_name"], c["capture"]["host_name"]);
    let findings = a["findings"].as_array().unwrap();
    let addresses: BTreeSet<&str> =
        findings.iter().filter_map(|finding| finding["entities"]["remote_addr"].as_str()).collect();
    let csv = fs::read_to_string(place.path().join("a/tables/connections.csv")).unwrap();
    assert!(!addresses.is_empty());
    for addr in addresses {
        assert!(csv.contains(addr), "{addr}");
        assert!(findings.iter().any(|finding| finding["title"].as_str().unwrap().contains(addr)), "{addr}");
    }
    assert_eq!(netrec_in(place.path(), &["analyze", "acme-db-07.parquet", "--redact-key", "key"]).code, 2);
}
