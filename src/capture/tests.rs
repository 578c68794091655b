//! Whole rows and small row groups, written, damaged and read again.

#[cfg(target_os = "linux")]
mod on_disk;
mod rewritten;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;

use super::cursor::rows_of_connection;
use super::joined::Joint;
use super::partial_file::PartialFile;
use super::row_group::RowGroup;
use super::*;
use crate::Result;
use crate::safe_fs::Dir;

/// Rows of each row group of [`written`].
const SIZES: [u32; 3] = [4, 5, 6];

/// A row with a value of its own in every field.
fn full(number: u32) -> Row {
    let (wide, text) = (u64::from(number) << 40, |what: &str| Some(format!("{what}-{number}")));
    let owner = Owner {
        pid: Some(1_000 + number),
        ppid: Some(2_000 + number),
        uid: Some(3_000 + number),
        process_name: text("name"),
        exe: text("/exe"),
        cmdline: text("cmdline"),
        username: text("user"),
        parent_name: text("parent"),
        container: text("container"),
        exe_sha256: text("sha256"),
        process_start_us: Some(-5 + i64::from(number)),
    };
    let query = Query {
        name: format!("name-{number}.example"),
        query_type: text("type"),
        response_code: text("code"),
        answers: text("answers"),
    };
    let application = Application {
        protocol: text("protocol").map(Into::into),
        ja3: text("ja3"),
        ja4: text("ja4"),
        tls_subject: text("subject"),
        tls_issuer: text("issuer"),
    };
    Row {
        ts_us: 1_700_000_000_000_000 + i64::from(number) * 1_000_000,
        mono_ns: i64::from(number) * 1_000_000_007,
        tick: number,
        kind: Kind::ALL[number as usize % Kind::ALL.len()],
        protocol_number: Some(89),
        remote: Some(("2001:db8::7".parse().unwrap(), 50_000 + number as u16)),
        remote_name: Some("remote.example".into()),
        netns: Some(wide + 1),
        state: Some(TcpState::ALL[number as usize % TcpState::ALL.len()]),
        prev_state: Some(TcpState::Listen),
        counters: Counters {
            bytes_sent: Some(wide + 2),
            bytes_received: Some(wide + 3),
            packets_sent: Some(wide + 4),
            packets_received: Some(wide + 5),
            retransmits: Some(number + 6),
            rtt_us: Some(number + 7),
        },
        owner: Some(Arc::new(owner)),
        owner_source: Some(OwnerSource::ALL[number as usize % OwnerSource::ALL.len()]),
        cpu_percent: Some(0.5 - number as f32),
        memory_rss_bytes: Some(wide + 8),
        query: Some(Arc::new(query)),
        application: Some(Arc::new(application)),
        ..Row::snapshot(7, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 40_000 + number as u16))
    }
}

/// A finished capture whose row groups have [`SIZES`] rows of connection 7; group 1 also has one of connection 8.
fn written(folder: &Path) -> PathBuf {
    let mut growing = PartialFile::create(&Dir::open(folder).unwrap(), "x.parquet").unwrap();
    let mut number = 0;
    for (index, size) in SIZES.into_iter().enumerate() {
        let mut group = RowGroup::default();
        for place in 0..size {
            let row = full(number);
            let is_other = (index, place) == (1, 0);
            group.push(&Row { conn_id: if is_other { 8 } else { 7 }, ..row });
            number += 1;
        }
        growing
            .append(&mut group, &Metadata { ticks_taken: u64::from(number), ..Metadata::default() })
            .unwrap();
    }
    let metadata =
        Metadata { ticks_taken: u64::from(number), rows: u64::from(number), ..Metadata::default() };
    growing.finish(&metadata, None).unwrap();
    folder.join("x.parquet")
}

/// Where each row group lies in the file.
fn groups(path: &Path) -> Vec<std::ops::Range<usize>> {
    let file = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let range = |group: &parquet::file::metadata::RowGroupMetaData| {
        let (start, length) = group.column(0).byte_range();
        let end = group
            .columns()
            .iter()
            .map(ColumnChunkMetaData::byte_range)
            .map(|(start, length)| start + length)
            .max();
        assert!(length > 0);
        start as usize..end.unwrap() as usize
    };
    file.metadata().row_groups().iter().map(range).collect()
}

fn flip(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 0x10;
}

#[test]
fn a_row_comes_back_with_every_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let blank = Row::snapshot(7, Protocol::Udp, ("::1".parse().unwrap(), 53));
    let rows: Vec<Row> = [blank].into_iter().chain((0..12).map(full)).collect();
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    for row in &rows {
        writer.push(row).unwrap();
    }
    writer.finish(&Metadata::default()).unwrap();
    let capture = CaptureFile::open(&path).unwrap();
    assert_eq!(rows_of_connection(&capture, 7), rows);
    assert_eq!(rows_of_connection(&capture, 8), []);
}

#[test]
fn the_statistics_of_each_row_group_are_those_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let capture = CaptureFile::open(&path).unwrap();
    assert_eq!((capture.rows(), capture.row_groups()), (15, 3));
    assert_eq!(capture.span_us(), Some((full(0).ts_us, full(14).ts_us)));
    assert_eq!(capture.tick_range(), Some((0, 14)));
    let ranges: Vec<_> = (0..4).map(|index| capture.group_range(index)).collect();
    for (range, (first, last)) in ranges.iter().zip([(0, 3), (4, 8), (9, 14)]) {
        let range = range.unwrap();
        assert_eq!((range.rows, range.ticks), (u64::from(last - first + 1), (first, last)));
        assert_eq!(range.ts_us, (full(first).ts_us, full(last).ts_us));
    }
    assert!(ranges[3].is_none());
    assert!(!capture.is_all_null(0, Column::Pid) && !capture.is_all_null(3, Column::Pid));
}

#[test]
fn a_capture_knows_the_time_range_that_was_asked_for_and_a_growing_file_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let capture = CaptureFile::open(&written(folder.path())).unwrap();
    assert_eq!(capture.window_us(), None);
    let range = (full(4).ts_us, full(8).ts_us);
    let capture = capture.within(range);
    assert_eq!((capture.window_us(), capture.span_us(), capture.row_groups()), (Some(range), Some(range), 1));

    let mut growing = PartialFile::create(&Dir::open(folder.path()).unwrap(), "growing.parquet").unwrap();
    for number in 0..3 {
        let mut group = RowGroup::default();
        group.push(&full(number));
        growing.append(&mut group, &Metadata::default()).unwrap();
        let on_disk = fs::metadata(folder.path().join("growing.parquet")).unwrap().len();
        assert_eq!(growing.bytes(), on_disk);
    }
}

#[test]
fn a_row_group_has_a_namespace_of_its_own_only_if_all_its_rows_are_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut growing = PartialFile::create(&Dir::open(folder.path()).unwrap(), "x.parquet").unwrap();
    for of_group in [[Some(4), Some(4)], [Some(4), Some(5)], [Some(4), None], [None, None]] {
        let mut group = RowGroup::default();
        (0..).zip(of_group).for_each(|(number, netns)| group.push(&Row { netns, ..full(number) }));
        growing.append(&mut group, &Metadata::default()).unwrap();
    }
    growing.finish(&Metadata::default(), None).unwrap();
    let capture = CaptureFile::open(&folder.path().join("x.parquet")).unwrap();
    assert_eq!([0, 1, 2, 3, 4].map(|group| capture.only_netns(group)), [Some(4), None, None, None, None]);
    assert_eq!(
        [0, 2, 3, 4].map(|group| capture.is_all_null(group, Column::Netns)),
        [false, false, true, false]
    );
}

#[test]
fn the_footers_of_several_files_are_read_when_they_are_needed_and_must_be_the_same() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let paths = folders.each_ref().map(|folder| written(folder.path()));
    let joined = || {
        let files = paths.iter().map(|path| CaptureFile::open(path).unwrap()).collect();
        CaptureFile::of_files(files, &[Joint::default(); 2], Metadata::default()).unwrap()
    };
    let rows_of = |capture: &CaptureFile, group| -> Result<usize> {
        let batches = capture.row_group(group, &[Column::Ts])?;
        batches.map(|batch| batch.map(|batch| batch.num_rows())).sum()
    };
    let capture = joined();
    // Back and forth between the files.
    let rows = [0, 3, 1, 5, 4, 2].map(|group| rows_of(&capture, group).unwrap());
    assert_eq!(rows, [4, 4, 5, 6, 5, 6]);
    assert_eq!((capture.rows(), capture.row_groups()), (30, 6));
    let hashes = paths.each_ref().map(|path| Digest::new(&fs::read(path).unwrap()));
    assert_eq!(capture.sha256_of_files().unwrap(), hashes);

    let capture = joined();
    let bytes = fs::read(&paths[1]).unwrap();
    fs::write(&paths[1], [&bytes[..bytes.len() - 9], b"?", &bytes[bytes.len() - 8..]].concat()).unwrap();
    assert_eq!(rows_of(&capture, 0).unwrap(), 4);
    let error = rows_of(&capture, 3).unwrap_err().to_string();
    assert!(error.contains(&paths[1].display().to_string()), "{error}");
}

#[test]
fn a_reader_of_parquet_finds_least_and_most_of_every_kind_of_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = SerializedFileReader::new(fs::File::open(written(folder.path())).unwrap()).unwrap();
    let group = file.metadata().row_group(2);
    let stated = |name: &str| {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == name).unwrap();
        let statistics = chunk.statistics().unwrap();
        assert_eq!(statistics.null_count_opt(), Some(0), "{name}");
        let words = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        match statistics {
            Statistics::Int32(s) => format!("{:?} {:?}", s.min_opt().unwrap(), s.max_opt().unwrap()),
            Statistics::Int64(s) => format!("{:?} {:?}", s.min_opt().unwrap(), s.max_opt().unwrap()),
            Statistics::Float(s) => format!("{:?} {:?}", s.min_opt().unwrap(), s.max_opt().unwrap()),
            Statistics::ByteArray(s) => {
                format!("{} {}", words(s.min_opt().unwrap().data()), words(s.max_opt().unwrap().data()))
            }
            other => panic!("{name}: {other:?}"),
        }
    };
    for (name, expected) in [
        ("tick", "9 14"),
        ("mono_ns", "9000000063 14000000098"),
        ("local_port", "40009 40014"),
        ("pid", "1009 1014"),
        ("process_start", "4 9"),
        ("cpu_percent", "-13.5 -8.5"),
        ("bytes_sent", "9895604649986 15393162788866"),
        ("exe", "/exe-10 /exe-9"),
    ] {
        assert_eq!(stated(name), expected, "{name}");
    }
}

#[test]
fn a_changed_row_group_is_left_out_and_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let whole = fs::read(&path).unwrap();
    for (index, range) in groups(&path).into_iter().enumerate() {
        let mut bytes = whole.clone();
        flip(&mut bytes, range.start + range.len() / 2);
        fs::write(&path, &bytes).unwrap();
        let (rows, verdict) = (SIZES[index], verify(&path).unwrap());
        let says =
            format!("row group {index} (bytes {} to {}, {rows} rows) has changed", range.start, range.end);
        assert_eq!((verdict.changes, verdict.row_groups), (vec![says], 3));
        let capture = CaptureFile::open(&path).unwrap();
        let mut read = Vec::new();
        cursor::each_row(&capture, &mut |row| read.push(row.tick));
        let first: u32 = SIZES[..index].iter().sum();
        let mut expected: Vec<u32> = (0..15).filter(|tick| !(first..first + rows).contains(tick)).collect();
        read.sort_unstable();
        expected.sort_unstable();
        assert_eq!(read, expected);
        let note = capture.metadata_as_read().recovered.unwrap();
        let says = format!(
            "1 of 3 row groups, with {rows} rows, are damaged and left out; row group {index}: bytes "
        );
        assert!(note.starts_with(&says), "{note}");
    }
}

#[test]
fn without_a_footer_the_row_groups_are_found_by_their_records_and_the_damaged_ones_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let (whole, groups) = (fs::read(&path).unwrap(), groups(&path));
    for (damaged, rows, says) in [
        (&[][..], 15, "between them."),
        (&[1][..], 10, "one row group is damaged and left out, with at least 5 rows."),
        (&[0, 2][..], 5, "2 row groups are damaged and left out, with at least 10 rows."),
    ] {
        let mut bytes = whole.clone();
        for index in damaged {
            let range: &std::ops::Range<usize> = &groups[*index];
            flip(&mut bytes, range.start + range.len() / 2);
        }
        let end = bytes.len();
        flip(&mut bytes, end - 5);
        fs::write(&path, &bytes).unwrap();
        let capture = CaptureFile::open(&path).unwrap();
        assert_eq!((capture.rows(), capture.metadata().rows), (rows, rows));
        let note = capture.metadata().recovered.clone().unwrap();
        assert!(note.starts_with("The footer of the file is damaged") && note.ends_with(says), "{note}");
        let verdict = verify(&path).unwrap();
        assert!(
            verdict.changes[0].starts_with("data outside the row groups has changed"),
            "{:?}",
            verdict.changes
        );
        assert_eq!(
            (verdict.changes.len(), verdict.row_groups),
            (1 + damaged.len().min(1), 3 - damaged.len())
        );
    }
}

/// A recording of this many ticks, in one journal, whose recorder was killed; the path of its folder.
fn interrupted(path: &Path, ticks: u32) -> PathBuf {
    let mut writer = Writer::create(path, Overwrite::Never).unwrap();
    for tick in 0..ticks {
        writer.push(&full(tick)).unwrap();
        writer.end_tick(Metadata { ticks_taken: u64::from(tick) + 1, ..Metadata::default() }).unwrap();
    }
    drop(writer);
    let folders = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    folders.into_iter().find(|path| path.is_dir()).unwrap()
}

#[test]
fn a_journal_that_is_there_twice_is_read_once_and_a_damaged_tick_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let own = interrupted(&path, 5);
    let journal = own.join("journal-0");
    let note = || {
        CaptureFile::open(&path)
            .map(|capture| (capture.rows(), capture.metadata().recovered.clone().unwrap()))
    };
    assert!(!note().unwrap().1.contains("could not be read"));
    fs::copy(&journal, own.join("journal-1")).unwrap();
    let (rows, says) = note().unwrap();
    assert_eq!(rows, 5);
    assert!(says.ends_with("5 ticks of journal-1 were already present and were not added twice."), "{says}");
    fs::remove_file(own.join("journal-1")).unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    let end = bytes.len();
    flip(&mut bytes, end - 2);
    fs::write(&journal, &bytes).unwrap();
    let (rows, says) = note().unwrap();
    assert_eq!(rows, 4);
    assert!(
        says.contains("4 snapshots")
            && says.contains(&format!(" of {end} bytes of journal-0 cannot be decoded")),
        "{says}"
    );
}

#[test]
fn a_folder_that_somebody_removes_while_it_records_costs_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    let tick = |number: u32, writer: &mut Writer| {
        writer.push(&full(number)).unwrap();
        writer.end_tick(Metadata { ticks_taken: u64::from(number) + 1, ..Metadata::default() }).unwrap();
    };
    let own = || {
        let folders = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        folders.into_iter().find(|path| path.is_dir()).unwrap()
    };
    (0..3).for_each(|number| tick(number, &mut writer));
    fs::remove_dir_all(own()).unwrap();
    (3..5).for_each(|number| tick(number, &mut writer));
    assert_eq!(CaptureFile::open(&own()).unwrap().rows(), 5, "what was written before is on disk again");
    writer.finish(&Metadata::default()).unwrap();
    let rows = rows_of_connection(&CaptureFile::open(&path).unwrap(), 7);
    assert_eq!(rows, (0..5).map(full).collect::<Vec<_>>());
}

#[test]
fn connections_between_ticks_are_seen_by_sources_of_events_and_in_logs_of_connections() {
    let of = |format: &str, ticks_taken| {
        let import = ImportSource { file: String::new(), format: format.to_owned(), sha256: String::new() };
        Metadata { import: Some(import), ticks_taken, ..Metadata::default() }.sees_between_ticks()
    };
    for format in ["zeek", "eve", "pcap", "sysmon"] {
        assert!(of(format, 0) && of(format, 5), "{format}");
    }
    for format in ["ss", "lsof", "proc-net"] {
        assert!(!of(format, 0) && !of(format, 5), "{format}");
    }
    assert!(of("socket-table", 0) && !of("socket-table", 5));
    assert!(!Metadata::default().sees_between_ticks());
    assert!(Metadata { events_lost: Some(0), ..Metadata::default() }.sees_between_ticks());
}

#[test]
fn what_may_not_be_replaced_is_refused_before_anything_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (own, foreign) = (written(folder.path()), folder.path().join("notes.parquet"));
    fs::write(&foreign, "not a capture").unwrap();
    let refused = |path: &Path, overwrite| Writer::create(path, overwrite).err().unwrap();
    for path in [&own, &foreign] {
        assert!(matches!(refused(path, Overwrite::Never), crate::Error::Exists { .. }), "{path:?}");
    }
    assert!(matches!(refused(&foreign, Overwrite::Allowed), crate::Error::Foreign { .. }));
    let mut changed = fs::read(&own).unwrap();
    changed[groups(&own)[0].start + 9] ^= 1;
    drop(Writer::create(&own, Overwrite::Allowed).unwrap());
    let names = || fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names(), 2, "a writer that wrote nothing leaves nothing");
    let end = changed.len();
    changed[end - 20] ^= 1;
    fs::write(&own, changed).unwrap();
    assert!(matches!(refused(&own, Overwrite::Allowed), crate::Error::Foreign { .. }));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_capture_unless_its_group_is_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    for (group_may_read, mode) in [(false, 0o600), (true, 0o640)] {
        let path = folder.path().join(format!("{mode:o}.parquet"));
        let mut writer = Writer::create(&path, Overwrite::Never).unwrap().readable_by_group(group_may_read);
        writer.push(&full(0)).unwrap();
        writer.finish(&Metadata::default()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn values_that_come_again_are_written_once_and_the_sizes_are_stated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    for number in 0..6_000_u32 {
        let row = full(number % 2);
        let counters =
            Counters { bytes_sent: Some(u64::from(number).wrapping_mul(0x9e37_79b9)), ..row.counters };
        writer.push(&Row { tick: number, counters, ..row }).unwrap();
    }
    writer.finish(&Metadata::default()).unwrap();
    let file = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    let group = file.metadata().row_group(0);
    let chunk =
        |name: &str| group.columns().iter().find(|chunk| chunk.column_path().string() == name).unwrap();
    for name in ["exe", "pid", "bytes_received", "app_protocol", "cpu_percent"] {
        assert!(chunk(name).dictionary_page_offset().is_some(), "{name} has two values");
        assert!(chunk(name).uncompressed_size() < 3_000, "{name}: {}", chunk(name).uncompressed_size());
    }
    for (name, bytes) in [("bytes_sent", 6_000 * 8), ("tick", 6_000 * 4)] {
        assert!(chunk(name).dictionary_page_offset().is_none(), "each row has another {name}");
        let size = chunk(name).uncompressed_size();
        assert!((bytes..bytes + 1_000).contains(&size), "{name}: {size}");
        assert!(chunk(name).compressed_size() > 0 && chunk(name).num_values() == 6_000);
    }
}

#[test]
fn what_is_no_capture_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    for bytes in [&b""[..], b"PAR1", b"text\n", b"PAR1PAR1", b"PAR1\x04\0\0\0PAR1", &[0; 100]] {
        fs::write(&path, bytes).unwrap();
        let Err(crate::Error::NotACapture { reason, .. }) = CaptureFile::open(&path) else {
            panic!("{bytes:?} is a capture")
        };
        let is_of_parquet = bytes == b"PAR1\x04\0\0\0PAR1";
        let expected = match bytes.len() {
            0 => "the file is empty",
            _ => "it is not a Parquet file, or its end is missing",
        };
        assert!(reason.len() > 10 && (reason == expected || is_of_parquet), "{bytes:?}: {reason:?}");
    }
    let Err(error) = CaptureFile::open(folder.path()) else { panic!("a folder is a capture") };
    assert!(error.to_string().contains("it is a folder, but not that of an unfinished recording"), "{error}");
}

#[test]
fn the_rows_of_a_time_range_are_those_of_the_range_in_every_row_group() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = Cursor::new(Arc::new(CaptureFile::open(&written(folder.path())).unwrap())).unwrap();
    let at = |number: u32| full(number).ts_us;
    for (from, to) in [(0, 14), (3, 9), (4, 8), (5, 5), (12, 14)] {
        let mut ticks = Vec::new();
        cursor.each_row_between((at(from), at(to)), &mut |row| ticks.push(row.tick));
        ticks.sort_unstable();
        assert_eq!(ticks, (from..=to).collect::<Vec<_>>());
    }
    cursor.each_row_between((at(3) + 1, at(4) - 1), &mut |row| panic!("{row:?}"));
    let density: Vec<_> = cursor.density().collect();
    assert_eq!(density, [(at(0), at(3), 4), (at(4), at(8), 5), (at(9), at(14), 6)]);
}

#[test]
fn a_recording_lasts_as_long_as_its_monotonic_clock_says_and_else_its_wall_clock() {
    let lasts = |mono_ns: i64, us: i64| {
        let (end_mono_ns, end_us) = (5 + mono_ns, 7 + us);
        let metadata = Metadata { start_mono_ns: 5, end_mono_ns, start_us: 7, end_us, ..Metadata::default() };
        (metadata.duration_s() * 1e6).round() as i64
    };
    assert_eq!(lasts(2_500_000_000, 9_000_000), 2_500_000);
    assert_eq!(lasts(0, 9_500_000), 9_500_000);
    assert_eq!(lasts(0, -9_000_000), 0, "a clock that was set back");
}

#[test]
fn an_import_that_was_broken_off_is_in_no_recordings_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    drop(super::folder::Folder::create(&path, super::folder::Origin::Import).unwrap());
    let before: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!complete_unfinished(&path).unwrap());
    assert!(before.len() == 1 && before[0].is_dir(), "the folder stays: {before:?}");
}
