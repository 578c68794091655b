//! Interrupted recordings with files missing, duplicated, truncated, changed, linked or foreign:
//! reading them changes nothing, and completing them loses nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use netrec::capture::{CaptureFile, Column, Overwrite, Row, Writer, recover, verify};
use proptest::prelude::*;

use crate::decoys::{Listing, changes, listing};
use crate::fixture;

/// Files of a recording, and names that only look similar.
const NAMES: [&str; 8] = [
    "lock",
    "rows.parquet",
    "journal-0",
    "journal-1",
    "journal-2",
    "journal-01",
    "notes.txt",
    "rows.parquet~",
];

/// A change to a file, by a person or the disk.
#[derive(Debug, Clone)]
enum Change {
    Remove(usize),
    Double(usize, usize),
    Cut(usize, usize),
    Flip(usize, usize),
    Append(usize, Vec<u8>),
    Foreign(usize, Vec<u8>),
    Link(usize),
    SecondName(usize),
    Folder(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let name = 0..NAMES.len();
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        name.clone().prop_map(Change::Remove),
        (name.clone(), name.clone()).prop_map(|(from, to)| Change::Double(from, to)),
        (name.clone(), any::<usize>()).prop_map(|(at, length)| Change::Cut(at, length)),
        (name.clone(), any::<usize>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        (name.clone(), bytes()).prop_map(|(at, bytes)| Change::Append(at, bytes)),
        (name.clone(), bytes()).prop_map(|(at, bytes)| Change::Foreign(at, bytes)),
        name.clone().prop_map(Change::Link),
        name.clone().prop_map(Change::SecondName),
        name.prop_map(Change::Folder),
    ]
}

/// Recordings of some ticks, one of them also with a row group in its file.
fn originals() -> &'static [PathBuf; 2] {
    static ORIGINALS: OnceLock<(tempfile::TempDir, [PathBuf; 2])> = OnceLock::new();
    let make = || {
        let home = tempfile::tempdir().unwrap();
        let paths = [("small", 0), ("large", 262_144)].map(|(name, rows)| {
            let path = home.path().join(name);
            let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
            let row = &fixture::rows(1, 0)[0];
            for number in 0..rows {
                writer.push(&Row { conn_id: number + 1000, ..row.clone() }).unwrap();
            }
            for (tick, rows) in (0..5_u32).zip(fixture::rows(5, 2).chunks(3)) {
                for row in rows {
                    writer.push(row).unwrap();
                }
                writer.end_tick(fixture::metadata(tick + 1)).unwrap();
            }
            drop(writer);
            home.path().join(format!("{name}.d"))
        });
        (home, paths)
    };
    &ORIGINALS.get_or_init(make).1
}

/// Applies a change, if possible.
fn apply(folder: &Path, victim: &Path, change: &Change) {
    let at = |index: &usize| folder.join(NAMES[*index]);
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file());
    let clear = |path: &Path| {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir(path);
    };
    match change {
        Change::Remove(name) => clear(&at(name)),
        Change::Double(from, to) if from != to && is_file(&at(from)) => {
            clear(&at(to));
            let _ = fs::copy(at(from), at(to));
        }
        Change::Cut(name, length) if is_file(&at(name)) => {
            let mut bytes = read(&at(name));
            bytes.truncate(length % (bytes.len() + 1));
            fs::write(at(name), bytes).unwrap();
        }
        Change::Flip(name, byte) if is_file(&at(name)) => {
            let mut bytes = read(&at(name));
            let count = bytes.len().max(1);
            bytes.iter_mut().skip(byte % count).take(1).for_each(|byte| *byte ^= 0x41);
            fs::write(at(name), bytes).unwrap();
        }
        Change::Append(name, more) if is_file(&at(name)) => {
            fs::write(at(name), [read(&at(name)), more.clone()].concat()).unwrap();
        }
        Change::Foreign(name, bytes) => {
            clear(&at(name));
            let _ = fs::write(at(name), bytes);
        }
        Change::Link(name) => {
            clear(&at(name));
            #[cfg(unix)]
            let _ = std::os::unix::fs::symlink(victim, at(name));
        }
        Change::SecondName(name) => {
            clear(&at(name));
            let _ = fs::hard_link(victim, at(name));
        }
        Change::Folder(name) => {
            clear(&at(name));
            let _ = fs::create_dir(at(name));
        }
        _ => {}
    }
}

/// A home with a changed copy of a recording, and a file that links point to.
fn changed(original: &Path, edits: &[Change]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let (folder, victim) = (home.path().join("c.parquet.d"), home.path().join("victim"));
    fs::create_dir(&folder).unwrap();
    fs::write(&victim, "root's secret").unwrap();
    for entry in fs::read_dir(original).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    for change in edits {
        apply(&folder, &victim, change);
    }
    home
}

/// Connection, tick and bytes of every legible row; `None` if it cannot be opened.
fn rows_of(path: &Path) -> Option<Vec<(u64, u32, Option<u64>)>> {
    let capture = CaptureFile::open(path).ok()?;
    let mut rows = Vec::new();
    for group in 0..capture.row_groups() {
        let columns = [Column::Tick, Column::ConnId, Column::BytesSent];
        let Ok(batches) = capture.row_group(group, &columns) else { continue };
        for batch in batches.map_while(Result::ok) {
            let tick = batch.column_by_name("tick").unwrap().as_primitive::<UInt32Type>();
            let id = batch.column_by_name("conn_id").unwrap().as_primitive::<UInt64Type>();
            let sent = batch.column_by_name("bytes_sent").unwrap().as_primitive::<UInt64Type>();
            let sent: Vec<Option<u64>> = sent.iter().collect();
            rows.extend((0..batch.num_rows()).map(|i| (id.value(i), tick.value(i), sent[i])));
        }
    }
    rows.sort_unstable();
    Some(rows)
}

/// Checks that nothing is lost: everything that is gone from the folder is in a capture, with all rows.
fn check_nothing_lost(home: &Path, before: &Listing, rows: Option<&Vec<(u64, u32, Option<u64>)>>) {
    let after = listing(home);
    let gone: Vec<PathBuf> =
        changes(before, &after).into_iter().filter(|path| before.contains_key(path)).collect();
    let gone: Vec<&str> =
        gone.iter().filter_map(|path| path.to_str()).filter(|path| !path.is_empty()).collect();
    if gone.is_empty() {
        return;
    }
    for path in &gone {
        let is_ours = ["", "/lock", "/rows.parquet", "/journal-0", "/journal-1", "/journal-2"]
            .iter()
            .any(|name| *path == format!("c.parquet.d{name}"));
        assert!(is_ours, "{path} is gone or changed, and was not netrec's");
        let was_plain = before[Path::new(path)].contains(" file ") || *path == "c.parquet.d";
        assert!(was_plain, "{path} was {}", before[Path::new(path)]);
    }
    let made = ["c.parquet", "c-recovered.parquet"].map(|name| home.join(name));
    let made = made.iter().find(|path| path.is_file());
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        // Only a folder without a single byte of a tick may disappear without a trace.
        let was_empty = |name: &str| {
            let facts = before.get(Path::new(&format!("c.parquet.d/{name}")));
            facts.is_none_or(|_| !gone.contains(&format!("c.parquet.d/{name}").as_str()))
        };
        assert!(made.is_some() || ["journal-1", "journal-2"].iter().all(|name| was_empty(name)), "{gone:?}");
        return;
    };
    let made = made.expect("what is gone from the folder is in a capture");
    assert_eq!(rows_of(made).as_ref(), Some(rows), "{gone:?} is gone");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_reader_changes_a_byte_and_no_recovery_loses_one(
        is_large in prop::bool::weighted(0.25),
        edits in prop::collection::vec(change(), 0..4),
    ) {
        let home = changed(&originals()[usize::from(is_large)], &edits);
        let capture = home.path().join("c.parquet");
        let before = listing(home.path());
        let rows = rows_of(&capture);
        let _ = rows_of(&home.path().join("c.parquet.d"));
        let _ = verify(&capture);
        prop_assert_eq!(changes(&before, &listing(home.path())), Vec::<PathBuf>::new());
        // A new recording with that name, which completes the earlier one or leaves it alone.
        if let Ok(writer) = Writer::create(&capture, Overwrite::Never) {
            writer.abandon();
        }
        check_nothing_lost(home.path(), &before, rows.as_ref());

        let home = changed(&originals()[usize::from(is_large)], &edits);
        let capture = home.path().join("c.parquet");
        let before = listing(home.path());
        let recovered = recover(&capture, None, Overwrite::Never);
        check_nothing_lost(home.path(), &before, rows.as_ref());
        if let Ok(recovered) = recovered {
            prop_assert_eq!(rows_of(&recovered.path), rows);
        }
    }
}
