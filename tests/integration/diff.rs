//! Two captures of a host, and what is new in the later one.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use netrec::capture::{Metadata, Owner, OwnerSource, Protocol, Row, TcpState};
use serde_json::Value;

use crate::fixture::{self, START_US};
use crate::runner::netrec_in;

const TICKS: u32 = 30;

/// A hostile name: it would clear the screen.
const BACKDOOR: &str = "sshd\u{1b}[2J";

/// The host before, and the host with a backdoor and a changed executable of its web server.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, hash: &str, has_backdoor: bool, start_us: i64| {
        let mut rows = fixture::rows(TICKS, 3);
        for row in &mut rows {
            let owner = row.owner.as_deref().cloned().unwrap_or_default();
            row.owner = Some(Arc::new(Owner { exe_sha256: Some(hash.repeat(64)), ..owner }));
        }
        if has_backdoor {
            rows.extend((0..TICKS).flat_map(backdoor));
            rows.sort_by_key(|row| row.tick);
        }
        let metadata = Metadata { start_us, ..fixture::metadata(TICKS) };
        fixture::write(&place.path().join(name), &rows, &metadata);
    };
    write("before.parquet", "a", false, START_US - 1);
    write("after.parquet", "b", true, START_US);
    place
}

/// A listener and a connection of a program that was not there before.
fn backdoor(tick: u32) -> [Row; 2] {
    let owner = Arc::new(Owner {
        pid: Some(666),
        process_name: Some(BACKDOOR.to_owned()),
        exe: Some("/tmp/.x/sshd".to_owned()),
        parent_name: Some("web".to_owned()),
        username: Some("root".to_owned()),
        process_start_us: Some(START_US),
        ..Owner::default()
    });
    let local: IpAddr = "10.0.0.1".parse().unwrap();
    let mut listener = Row::snapshot(1 << 40, Protocol::Tcp, ("0.0.0.0".parse().unwrap(), 4444));
    listener.state = Some(TcpState::Listen);
    let mut call = Row::snapshot(1 << 41, Protocol::Tcp, (local, 50_000));
    (call.remote, call.state) = (Some(("203.0.113.66".parse().unwrap(), 443)), Some(TcpState::Established));
    [listener, call].map(|mut row| {
        row.tick = tick;
        row.ts_us = START_US + i64::from(tick) * 1_000_000;
        row.mono_ns = i64::from(tick) * 1_000_000_000;
        (row.owner, row.owner_source) = (Some(Arc::clone(&owner)), Some(OwnerSource::Inode));
        row
    })
}

fn json(place: &Path, arguments: [&str; 2]) -> Value {
    let ran = netrec_in(place, &["diff", arguments[0], arguments[1], "--json"]).succeeds();
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn what_is_new_is_told_in_text_harmless_in_a_terminal() {
    let place = place();
    let ran = netrec_in(place.path(), &["diff", "before.parquet", "after.parquet"]).succeeds();
    for words in [
        "before: before.parquet (testhost, 2025-12-31T23:59:59Z",
        "new listeners:\n  + tcp 0.0.0.0 port 4444 by sshd\\u{1b}[2J",
        "new programs:\n  + sshd\\u{1b}[2J (/tmp/.x/sshd, as root)",
        "changed executables:\n  ~ /usr/bin/web: bbbbbbbbbbbb, was aaaaaaaaaaaa",
        "new parents:\n  + web started sshd",
        "to tcp port 443 of 203.0.113.66",
    ] {
        assert!(ran.stdout.contains(words), "{words:?} is missing in:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains("caution"), "{}", ran.stdout);
}

#[test]
fn the_document_follows_its_schema_and_is_the_same_each_time() {
    let place = place();
    let diff = json(place.path(), ["before.parquet", "after.parquet"]);
    assert_eq!(diff, json(place.path(), ["before.parquet", "after.parquet"]));
    assert_eq!(diff["listeners"]["new"][0]["local_port"], 4444);
    assert_eq!(diff["changed_executables"][0]["exe"], "/usr/bin/web");
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/diff.v1.schema.json"));
    let schema: Value = serde_json::from_str(&schema.unwrap()).unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&diff).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn exit_codes_are_for_scripts() {
    let place = place();
    let code = |arguments: &[&str]| netrec_in(place.path(), &[&["diff"], arguments].concat()).code;
    assert_eq!(code(&["before.parquet", "before.parquet", "--fail-on-new"]), 0);
    assert_eq!(code(&["before.parquet", "after.parquet", "--fail-on-new"]), 10);
    assert_eq!(code(&["before.parquet", "after.parquet"]), 0);
    assert_eq!(code(&["before.parquet", "missing.parquet"]), 1);
    assert_eq!(code(&["before.parquet"]), 2);
    let backwards = netrec_in(place.path(), &["diff", "after.parquet", "before.parquet"]).succeeds();
    assert!(backwards.stdout.contains("new and gone are swapped"), "{}", backwards.stdout);
}
