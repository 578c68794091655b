//! Tests that find samples in captures of a few rows.

use std::path::Path;

use arrow_array::types::Int32Type;
use arrow_array::{Array as _, DictionaryArray, RecordBatch};
use arrow_schema::Schema;

use super::*;
use crate::capture::partial_file::PartialFile;
use crate::capture::row_group::RowGroup;
use crate::capture::schema::COLUMNS;
use crate::capture::{Column, ImportSource, Kind, Metadata, Overwrite, Protocol, TcpState, Writer};
use crate::safe_fs::Dir;

const START_US: i64 = 1_700_000_000_000_000;

fn row(conn_id: u64, tick: u32, kind: Kind, after_ms: i64) -> Row {
    let mut row = Row::snapshot(conn_id, Protocol::Tcp, ("10.0.0.1".parse().unwrap(), 40_000));
    row.tick = tick;
    row.kind = kind;
    row.ts_us = START_US + i64::from(tick) * 1_000_000 + after_ms * 1000;
    row.mono_ns = row.ts_us * 1000;
    row.remote = Some(("10.0.0.2".parse().unwrap(), 443));
    row.state = Some(TcpState::Established);
    row
}

/// Ten snapshots of two sockets, and one connection between snapshots 4 and 5.
fn write(path: &Path, ticks_taken: u64) {
    let mut writer = Writer::create(path, Overwrite::Never).unwrap();
    let metadata = Metadata { ticks_taken, ..Metadata::default() };
    for tick in 0..10 {
        for conn_id in [7, 3] {
            writer.push(&row(conn_id, tick, Kind::Snapshot, 0)).unwrap();
        }
        if tick == 5 {
            writer.push(&row(9, 4, Kind::Closed, 700)).unwrap();
            writer.push(&row(9, 4, Kind::Opened, 200)).unwrap();
        }
    }
    writer.push(&row(3, 9, Kind::Closed, 100)).unwrap();
    writer.finish(&metadata).unwrap();
}

fn cursor(folder: &Path) -> Cursor {
    let path = folder.join("x.parquet");
    write(&path, 10);
    Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap()
}

/// The snapshots alone, in row groups of two ticks each.
fn cursor_of_five_groups(folder: &Path) -> Cursor {
    cursor_of_groups(folder, [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]])
}

/// Snapshots in row groups of these ticks.
fn cursor_of_groups<const N: usize, const G: usize>(folder: &Path, groups: [[u32; N]; G]) -> Cursor {
    let mut growing = PartialFile::create(&Dir::open(folder).unwrap(), "y.parquet").unwrap();
    for ticks in groups {
        let mut group = RowGroup::default();
        for tick in ticks {
            for conn_id in [3, 7] {
                group.push(&row(conn_id, tick, Kind::Snapshot, 0));
            }
        }
        growing.append(&mut group, &Metadata::default()).unwrap();
    }
    growing.finish(&Metadata { ticks_taken: 10, rows: 20, ..Metadata::default() }, None).unwrap();
    Cursor::new(Arc::new(CaptureFile::open(&folder.join("y.parquet")).unwrap())).unwrap()
}

fn ticks(cursor: &mut Cursor, place: Position, toward: Toward) -> Option<u32> {
    cursor.at(place, toward).unwrap().map(|sample| sample.tick)
}

#[test]
fn a_sample_has_its_snapshot_and_what_happened_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample = cursor(folder.path()).at(Position::Tick(5), Toward::Later).unwrap().unwrap();
    assert_eq!((sample.tick, sample.ts_us), (5, START_US + 5_000_000));
    assert_eq!(sample.rows.iter().map(|row| row.conn_id).collect::<Vec<_>>(), [3, 7]);
    let events: Vec<Kind> = sample.events.iter().map(|row| row.kind).collect();
    assert_eq!(events, [Kind::Opened, Kind::Closed]);
}

#[test]
fn what_happened_after_the_last_snapshot_is_shown_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample = cursor(folder.path()).at(Position::Tick(9), Toward::Earlier).unwrap().unwrap();
    assert_eq!(sample.events.len(), 1);
}

#[test]
fn rows_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let sample = cursor(folder.path()).at(Position::Tick(2), Toward::Later).unwrap().unwrap();
    assert_eq!(sample.rows, [row(3, 2, Kind::Snapshot, 0), row(7, 2, Kind::Snapshot, 0)]);
}

#[test]
fn rows_of_a_time_range_are_told_with_both_of_its_ends_and_counted_from_the_footer() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = cursor(folder.path());
    let told = |from_ms: i64, to_ms: i64| {
        let mut told = Vec::new();
        let range = (START_US + from_ms * 1000, START_US + to_ms * 1000);
        cursor.each_row_between(range, &mut |row| told.push((row.ts_us - START_US) / 1000));
        told.sort_unstable();
        told
    };
    assert_eq!(told(1000, 2000), [1000, 1000, 2000, 2000]);
    assert_eq!(told(4001, 4700), [4200, 4700]);
    assert_eq!(told(4001, 4199), [0_i64; 0]);
    assert_eq!(told(-5000, 99_000).len(), 23);
    assert_eq!((told(9100, 99_000), told(-5000, 0)), (vec![9100], vec![0, 0]));
    let density = |tick: i64| (START_US + tick * 2_000_000, START_US + (tick * 2 + 1) * 1_000_000, 4);
    let groups: Vec<_> = cursor_of_five_groups(folder.path()).density().collect();
    assert_eq!(groups, [0, 1, 2, 3, 4].map(density));
}

#[test]
fn the_nearest_sample_is_found_where_row_groups_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let mut cursor = cursor_of_groups(folder.path(), [[0, 4], [2, 3], [1, 9], [5, 7], [6, 8]]);
    let time = |tick: i64| Position::Time(START_US + tick * 1_000_000);
    for tick in 0..10_u32 {
        for position in [Position::Tick(tick), time(tick.into())] {
            assert_eq!(ticks(&mut cursor, position, Toward::Later), Some(tick));
            assert_eq!(ticks(&mut cursor, position, Toward::Earlier), Some(tick));
        }
        let between = Position::Time(START_US + i64::from(tick) * 1_000_000 + 500_000);
        assert_eq!(ticks(&mut cursor, between, Toward::Earlier), Some(tick));
        assert_eq!(ticks(&mut cursor, between, Toward::Later), Some(tick + 1).filter(|tick| *tick < 10));
    }
}

#[test]
fn row_groups_are_let_go_before_they_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut cursor = cursor_of_five_groups(folder.path());
    cursor.most_rows_kept = 8;
    for tick in [0, 9, 4, 0, 7, 2, 9, 1] {
        let sample = cursor.at(Position::Tick(tick), Toward::Later).unwrap().unwrap();
        assert_eq!((sample.tick, sample.rows.len()), (tick, 2));
        let rows: usize = cursor.kept.iter().map(|(_, group)| group.len()).sum();
        assert!((4..=8).contains(&rows), "{rows} rows after tick {tick}");
    }
}

#[test]
fn the_next_sample_in_a_direction_is_found_by_time_and_by_tick() {
    let folder = tempfile::tempdir().unwrap();
    let mut cursor = cursor(folder.path());
    let at = |ms: i64| Position::Time(START_US + ms * 1000);
    assert_eq!(ticks(&mut cursor, at(4500), Toward::Earlier), Some(4));
    assert_eq!(ticks(&mut cursor, at(4500), Toward::Later), Some(5));
    assert_eq!(ticks(&mut cursor, at(4000), Toward::Later), Some(4));
    assert_eq!(ticks(&mut cursor, at(-1), Toward::Earlier), None);
    assert_eq!(ticks(&mut cursor, at(-1), Toward::Later), Some(0));
    assert_eq!(ticks(&mut cursor, at(99_000), Toward::Earlier), Some(9));
    assert_eq!(ticks(&mut cursor, at(99_000), Toward::Later), None);
    assert_eq!(ticks(&mut cursor, Position::Tick(3), Toward::Later), Some(3));
    assert_eq!(ticks(&mut cursor, Position::Tick(33), Toward::Earlier), Some(9));
}

#[test]
fn a_file_without_snapshots_is_cut_into_slices() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    for (kind, after_ms) in [(Kind::Opened, 0), (Kind::Closed, 400), (Kind::Opened, 5200)] {
        writer.push(&row(after_ms as u64 / 1000, 0, kind, after_ms)).unwrap();
    }
    let import = Some(crate::capture::ImportSource {
        file: "conn.log".to_owned(),
        format: "zeek".to_owned(),
        sha256: String::new(),
    });
    writer.finish(&Metadata { import, ..Metadata::default() }).unwrap();
    let mut cursor = Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap();
    assert_eq!(cursor.slice_us(), Some(1_000_000));
    let first = cursor.at(Position::Time(START_US + 100), Toward::Later).unwrap().unwrap();
    assert_eq!((first.tick, first.ts_us, first.events.len()), (0, START_US + 999_999, 2));
    let second = cursor.at(Position::Tick(1), Toward::Later).unwrap().unwrap();
    assert_eq!((second.tick, second.events.len()), (5, 1));
    assert_eq!(ticks(&mut cursor, Position::Time(START_US + 5_300_000), Toward::Later), Some(5));
}

#[test]
fn a_file_without_rows_has_no_sample() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    Writer::create(&path, Overwrite::Never).unwrap().finish(&Metadata::default()).unwrap();
    let mut cursor = Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap();
    assert_eq!(cursor.span_us(), None);
    assert_eq!(ticks(&mut cursor, Position::Tick(0), Toward::Later), None);
}

#[test]
fn what_happened_while_no_socket_was_left_to_see_is_a_sample_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let metadata = Metadata { ticks_taken: 10, ..Metadata::default() };
    for (tick, kind, after_ms) in
        [(0, Kind::Snapshot, 0), (4, Kind::Opened, 200), (4, Kind::Closed, 700), (9, Kind::Snapshot, 0)]
    {
        writer.push(&row(u64::from(tick), tick, kind, after_ms)).unwrap();
    }
    writer.finish(&metadata).unwrap();
    let mut cursor = Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap();
    let sample = cursor.at(Position::Tick(1), Toward::Later).unwrap().unwrap();
    assert_eq!((sample.tick, sample.ts_us), (5, START_US + 4_700_000));
    assert_eq!((sample.rows.len(), sample.events.len()), (0, 2));
    assert_eq!(ticks(&mut cursor, Position::Tick(6), Toward::Earlier), Some(5));
    assert_eq!(ticks(&mut cursor, Position::Time(START_US + 4_500_000), Toward::Later), Some(5));
}

#[test]
fn events_apart_from_their_snapshot_are_no_sample_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let metadata = Metadata { ticks_taken: 3, ..Metadata::default() };
    for tick in 0..3 {
        writer.push(&row(7, tick, Kind::Snapshot, 0)).unwrap();
        writer.push(&row(9, tick, Kind::Opened, 500)).unwrap();
        writer.flush_group(&metadata).unwrap();
    }
    writer.finish(&metadata).unwrap();
    let mut cursor = Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap();
    let before = Position::Time(START_US + 1_700_000);
    assert_eq!(ticks(&mut cursor, before, Toward::Earlier), Some(1));
    let next = cursor.at(Position::Time(START_US + 100_000), Toward::Later).unwrap().unwrap();
    assert_eq!((next.tick, next.ts_us, next.events.len()), (1, START_US + 1_000_000, 1));
}

#[test]
fn a_value_that_no_version_writes_is_quoted_harmlessly_and_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    write(&path, 10);
    let capture = CaptureFile::open(&path).unwrap();
    let all: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    let batch = capture.row_group(0, &all).unwrap().next().unwrap().unwrap();
    let reason = |column: Column, text: &str| {
        let mut columns = batch.columns().to_vec();
        let index = batch.schema().index_of(column.name()).unwrap();
        let texts = std::iter::repeat_n(Some(text), batch.num_rows());
        columns[index] = Arc::new(texts.collect::<DictionaryArray<Int32Type>>());
        let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
        rows::Rows::new(&batch).unwrap().get(0).unwrap_err()
    };
    let long = "10.0.0.\u{1b}[2J".repeat(20);
    let cut = long.chars().take(60).collect::<String>().escape_debug().to_string();
    assert_eq!(reason(Column::LocalAddr, &long), format!("\"{cut}\" is not an address"));
    assert_eq!(reason(Column::State, "OPEN"), "\"OPEN\" is not a valid value of its column");
    let index = batch.schema().index_of(Column::LocalAddr.name()).unwrap();
    let mut columns = batch.columns().to_vec();
    let nothing = std::iter::repeat_n(None::<&str>, batch.num_rows());
    columns[index] = Arc::new(nothing.collect::<DictionaryArray<Int32Type>>());
    let fields = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect::<Vec<_>>();
    let without = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let reason = rows::Rows::new(&without).unwrap().get(0).unwrap_err();
    assert_eq!(reason, "its column local_addr has a row without a value");
    let index = batch.schema().index_of(Column::Tick.name()).unwrap();
    let mut columns = batch.columns().to_vec();
    columns.swap(index, batch.schema().index_of(Column::MonoNs.name()).unwrap());
    let fields: Vec<_> = columns
        .iter()
        .zip(batch.schema().fields())
        .map(|(column, field)| field.as_ref().clone().with_data_type(column.data_type().clone()))
        .collect();
    let other = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let Err(reason) = rows::Rows::new(&other) else { panic!("a tick has 32 bits") };
    assert_eq!(reason, "its column mono_ns is not what the file's schema says");
}

/// A cursor of an import of two connections that are this long apart.
fn cursor_of_import(folder: &Path, apart_s: u32, ticks_taken: u64) -> Cursor {
    let path = folder.join("import.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let kind = if ticks_taken > 0 { Kind::Snapshot } else { Kind::Closed };
    for (conn_id, tick) in [(1, 0), (2, apart_s)] {
        writer.push(&row(conn_id, tick, kind, 0)).unwrap();
    }
    let import = ImportSource { file: String::new(), format: "zeek".to_owned(), sha256: String::new() };
    let metadata = Metadata { ticks_taken, import: Some(import), ..Metadata::default() };
    writer.finish(&metadata).unwrap();
    Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap()
}

#[test]
fn an_import_of_connections_is_shown_in_slices_and_one_of_snapshots_by_them() {
    let folder = || tempfile::tempdir().unwrap();
    let slice_s = |apart_s| cursor_of_import(folder().path(), apart_s, 0).slice_us().unwrap() / 1_000_000;
    assert_eq!([10, 3_600, 36_000].map(slice_s), [1, 1, 10]);
    assert_eq!(cursor_of_import(folder().path(), 36_000, 2).slice_us(), None);
}
