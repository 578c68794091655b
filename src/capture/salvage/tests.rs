//! What is said of a recording that did not end as it should.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use parquet::file::metadata::{FileMetaData, KeyValue};

use super::super::journal::Journal;
use super::super::partial_file::PartialFile;
use super::super::{Protocol, Row};
use super::*;

const PATH: &str = "web-01.parquet";

/// Five snapshots of an unfinished recording or import, with what could not be read of it.
fn left(origin: Origin, illegible: &[&str]) -> Salvage {
    let metadata = Metadata { ticks_taken: 5, end_us: 1_780_308_000_000_000, ..Metadata::default() };
    Salvage {
        found: Found { metadata: Some(metadata), ..Found::default() },
        rows: RowGroup::default(),
        illegible: illegible.iter().map(|text| (*text).to_owned()).collect(),
        bytes: 4_096,
        origin,
    }
}

/// The note on what was recovered.
fn note(salvage: &Salvage, fate: Fate) -> String {
    salvage.describe(Path::new(PATH), fate).unwrap().recovered.unwrap()
}

/// Why nothing was recovered.
fn reason(salvage: &Salvage) -> String {
    salvage.describe(Path::new(PATH), Fate::BrokenOff).unwrap_err().to_string()
}

#[test]
fn a_recording_says_whether_it_runs_was_interrupted_or_was_recovered_and_until_when() {
    let recording = left(Origin::Recording, &[]);
    let until = "5 snapshots, until 2026-06-01T10:00:00";
    for (fate, begins) in [
        (Fate::Running, "The recording was still running when this was read: it had "),
        (
            Fate::BrokenOff,
            "The recording was interrupted and is read as it is (netrec recover finishes it): ",
        ),
        (Fate::Recovered, "The recording was interrupted and has been recovered: "),
    ] {
        let note = note(&recording, fate);
        assert!(note.starts_with(&format!("{begins}{until}")), "{note}");
        assert!(!note.contains("could not be read"), "{note}");
    }
}

#[test]
fn an_import_says_that_the_files_are_to_be_imported_again() {
    let import = left(Origin::Import, &[]);
    assert!(note(&import, Fate::Running).starts_with("The import was still running"));
    let note = note(&import, Fate::BrokenOff);
    assert_eq!(note, "The import was interrupted after 0 rows; import the files again to get all of them.");
}

#[test]
fn what_could_not_be_read_is_listed_unless_it_is_still_being_written() {
    let damaged =
        left(Origin::Recording, &["7 of 90 bytes of 3.journal cannot be decoded", "2 rows are lost"]);
    let listed =
        " Some of it could not be read: 7 of 90 bytes of 3.journal cannot be decoded; 2 rows are lost.";
    assert!(note(&damaged, Fate::BrokenOff).ends_with(listed));
    assert!(note(&damaged, Fate::Recovered).ends_with(listed));
    assert!(!note(&damaged, Fate::Running).contains("could not be read"));
}

#[test]
fn a_recording_without_a_snapshot_says_why() {
    let nothing = |origin, bytes, illegible: &[&str]| Salvage {
        found: Found::default(),
        bytes,
        ..left(origin, illegible)
    };
    assert!(reason(&nothing(Origin::Import, 0, &[])).contains("import the files again"));
    let early = reason(&nothing(Origin::Recording, 0, &[]));
    assert!(early.contains("ended before its first snapshot was on disk"), "{early}");
    let denied = reason(&nothing(Origin::Recording, 0, &["1.journal cannot be read: denied"]));
    assert!(
        denied.contains("no snapshot of the recording can be read (1.journal cannot be read: denied)"),
        "{denied}"
    );
    let rotten = reason(&nothing(Origin::Recording, 90, &["rotten"]));
    assert!(rotten.contains("none of the 90 bytes") && rotten.contains("(rotten)"), "{rotten}");
}

/// A growing file of one row group of three rows, whose record has this schema of Arrow.
fn found_with_arrow_schema(text: &str) -> Found {
    let own = row_group::schema().unwrap();
    let pairs = vec![KeyValue::new("ARROW:schema".to_owned(), text.to_owned())];
    let schema = FileMetaData::new(
        own.version(),
        0,
        own.created_by().map(str::to_owned),
        Some(pairs),
        own.schema_descr_ptr(),
        own.column_orders().cloned(),
    );
    let file = tempfile::tempfile().unwrap();
    let existing = Existing { schema: Some(schema), ..Existing::default() };
    let mut growing = PartialFile::resume(Path::new(PATH), file.try_clone().unwrap(), existing).unwrap();
    let mut group = RowGroup::default();
    for conn_id in 0..3 {
        group.push(&Row::snapshot(conn_id, Protocol::Tcp, ([10, 0, 0, 1].into(), 443)));
    }
    growing.append(&mut group, &Metadata::default()).unwrap();
    find(&Source::File(file))
}

#[test]
fn a_row_group_whose_record_describes_no_capture_is_lost_and_counted() {
    let own = row_group::schema().unwrap().key_value_metadata().unwrap();
    let own = own.iter().find(|pair| pair.key == "ARROW:schema").unwrap().value.clone().unwrap();
    let whole = found_with_arrow_schema(&own);
    assert_eq!((whole.rows(), whole.rows_lost), (3, 0));
    // A message of Arrow whose offsets lead out of it.
    let lost = found_with_arrow_schema("/////wgAAAAA////AAAAAA==");
    assert_eq!((lost.rows(), lost.rows_lost), (0, 3));
    assert!(lost.lost_sentence().unwrap().contains("at least 3 rows"));
}

fn a_row() -> Row {
    Row::snapshot(1, Protocol::Udp, ("::1".parse().unwrap(), 53))
}

/// What a recording says of itself after this many snapshots.
fn after(ticks_taken: u64) -> Metadata {
    Metadata { ticks_taken, ..Metadata::default() }
}

/// What cannot be read of a folder with one row group, these bytes behind it, and a journal of the next one.
fn illegible(behind: &[u8], journal: Option<fn(&mut Vec<u8>)>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let dir = Arc::new(Dir::open(folder.path()).unwrap());
    let mut group = RowGroup::default();
    let push = |group: &mut RowGroup| group.push(&a_row());
    push(&mut group);
    PartialFile::create(&dir, ROWS).unwrap().append(&mut group, &after(1)).unwrap();
    fs::OpenOptions::new().append(true).open(dir.path_of(ROWS)).unwrap().write_all(behind).unwrap();
    if let Some(damage) = journal {
        let mut written = Journal::create(&dir, 1).unwrap();
        for ticks_taken in [2, 3] {
            push(&mut group);
            written.append(&mut group, &after(ticks_taken)).unwrap();
        }
        let path = folder.path().join("journal-1");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }
    Salvage::from(&dir).unwrap().illegible
}

#[test]
fn what_stands_behind_the_last_row_group_is_lost_unless_a_whole_journal_has_it() {
    assert_eq!(illegible(b"", None), [""; 0]);
    let behind = ["10 bytes at the end of rows.parquet are not a complete row group"];
    assert_eq!(illegible(b"0123456789", None), behind);
    assert_eq!(illegible(b"0123456789", Some(|_| ())), [""; 0]);
    let damaged = illegible(b"0123456789", Some(|bytes| bytes[40] ^= 1));
    assert!(damaged.iter().any(|sentence| sentence == behind[0]), "{damaged:?}");
    assert!(damaged.iter().any(|sentence| sentence.contains("journal-1")), "{damaged:?}");
    let empty = illegible(b"0123456789", Some(Vec::clear));
    assert!(empty.iter().any(|sentence| sentence == behind[0]), "{empty:?}");
}

#[test]
fn a_recording_that_ended_before_its_first_row_group_is_in_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Arc::new(Dir::open(folder.path()).unwrap());
    let mut group = RowGroup::default();
    group.push(&a_row());
    Journal::create(&dir, 1).unwrap().append(&mut group, &after(1)).unwrap();
    let salvage = Salvage::from(&dir).unwrap();
    assert_eq!(salvage.illegible, [""; 0]);
    assert_eq!((salvage.rows.len(), salvage.found.existing.end), (1, 0));
}

#[test]
fn what_a_journal_has_beyond_its_row_group_is_said_and_so_is_a_file_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Arc::new(Dir::open(folder.path()).unwrap());
    let mut group = RowGroup::default();
    group.push(&a_row());
    PartialFile::create(&dir, ROWS).unwrap().append(&mut group, &after(1)).unwrap();
    let mut journal = Journal::create(&dir, 0).unwrap();
    let mut says = |ticks_taken| {
        group.push(&a_row());
        journal.append(&mut group, &after(ticks_taken)).unwrap();
        Salvage::from(&dir).unwrap().illegible
    };
    assert_eq!(says(1), [""; 0], "the row group has the same tick");
    assert_eq!(says(2), ["journal-0 contains data outside its row group"]);
    fs::remove_file(dir.path_of(ROWS)).unwrap();
    fs::create_dir(dir.path_of(ROWS)).unwrap();
    let illegible = Salvage::from(&dir).unwrap().illegible;
    assert!(illegible[0].starts_with("rows.parquet cannot be read"), "{illegible:?}");
}

#[test]
fn a_journal_that_cannot_be_read_or_is_damaged_is_said_even_if_a_row_group_has_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Arc::new(Dir::open(folder.path()).unwrap());
    let mut group = RowGroup::default();
    group.push(&a_row());
    Journal::create(&dir, 0).unwrap().append(&mut group, &after(1)).unwrap();
    group.push(&a_row());
    PartialFile::create(&dir, ROWS).unwrap().append(&mut group, &after(1)).unwrap();
    assert_eq!(Salvage::from(&dir).unwrap().illegible, [""; 0]);
    let path = folder.path().join("journal-0");
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more, and nothing known").unwrap();
    assert_eq!(Salvage::from(&dir).unwrap().illegible, ["journal-0 contains data outside its row group"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let illegible = Salvage::from(&dir).unwrap().illegible;
    assert!(illegible.len() == 1 && illegible[0].starts_with("journal-0 cannot be read"), "{illegible:?}");
}
