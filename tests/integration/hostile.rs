//! A capture in which every text is hostile, and checks of its report's bytes in every file.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use netrec::capture::{Counters, Metadata, Owner, OwnerSource, Protocol, Row, TcpState};
use netrec::escape::is_unsafe;
use parquet::basic::Type;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use serde_json::Value;

use crate::fixture::{self, START_US};
use crate::runner::{Ran, files, netrec_in};

const TICKS: u32 = 400;

/// What a hostile name may contain: markup, formulas, escape sequences, other names, new lines.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<script>alert(1)</script><img src=x onerror=alert(2)>",
        "\"'`--><svg onload=alert(3)><a href=\"javascript:alert(4)\">",
        "</script></style></title><!-- ]]>&#0;&lt;",
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\0",
        "/home/\u{202e}gpj.exe\u{200b}\u{2066}\u{feff}\u{2028}\u{ffff}",
        "one\nline\r\n# heading\n\n| a | b |\n```\n",
        "=cmd|'/c calc'!A0",
        "@SUM(1)",
        "+1+1",
        "-1+1",
        "\t=1",
        "![x](http://evil.example/?q) [y](javascript:alert(5)) @all www.evil.example",
        "x' OR '1'='1\\' ] OR [ipv4-addr:value = '1.1.1.1",
        "$(id) `id` ; rm -rf / #",
    ]
    .map(str::to_owned)
    .to_vec();
    // The marks at both ends show whether it was cut in the middle.
    texts.push(format!("<b>{}</b>", "A\u{1b}".repeat(1 << 19)));
    texts
}

/// A process that connects to a public address every ten ticks, with only hostile texts.
fn process_rows(number: usize, texts: &[String]) -> Vec<Row> {
    let text = |column: usize| Some(texts[(number + column) % texts.len()].clone());
    let owner = Arc::new(Owner {
        pid: Some(1000 + number as u32),
        uid: Some(1000),
        process_name: text(0),
        exe: text(1),
        cmdline: text(2),
        username: text(3),
        parent_name: text(4),
        container: text(5),
        exe_sha256: text(6),
        process_start_us: Some(START_US - 1),
        ..Owner::default()
    });
    let remote: IpAddr = format!("9.9.9.{}", number + 1).parse().unwrap();
    let rows = (1..TICKS).step_by(10).map(|tick| {
        let local = ("10.0.0.1".parse().unwrap(), 20_000 + (number as u16) * 100 + tick as u16 / 10);
        let mut row = Row::snapshot((number as u64) << 32 | u64::from(tick), Protocol::Tcp, local);
        row.tick = tick;
        row.ts_us = START_US + i64::from(tick) * 1_000_000;
        row.mono_ns = i64::from(tick) * 1_000_000_000;
        // Not a service's port, so that there is more evidence than the timing.
        row.remote = Some((remote, 4444));
        row.remote_name = texts.get((number + 7) % texts.len()).map(|name| name.as_str().into());
        row.state = Some(TcpState::Established);
        row.owner = Some(Arc::clone(&owner));
        row.owner_source = Some(OwnerSource::Inode);
        row.counters = Counters { bytes_sent: Some(100), bytes_received: Some(300), ..Counters::default() };
        row
    });
    rows.collect()
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let texts = texts();
    let mut rows = fixture::rows(TICKS, 2);
    rows.extend((0..texts.len()).flat_map(|number| process_rows(number, &texts)));
    rows.sort_by_key(|row| row.tick);
    let metadata = Metadata {
        host_name: Some(texts[0].clone()),
        os: Some(texts[3].clone()),
        kernel: Some(texts[6].clone()),
        boot_id: Some(texts[5].clone()),
        tool_version: texts[11].clone(),
        privileges: texts.clone(),
        ..fixture::metadata(TICKS)
    };
    fixture::write(&place.path().join("c.parquet"), &rows, &metadata);
    place
}

fn analyze(place: &Path) -> Ran {
    netrec_in(place, &["analyze", "c.parquet", "-o", "r"])
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

/// Checks every text file: it is UTF-8, and contains nothing that controls a terminal, reorders or
/// hides text.
fn check_text(path: &Path) -> String {
    let text = String::from_utf8(fs::read(path).unwrap()).unwrap();
    let is_line_end = |c: char| c == '\n' || c == '\r' && ending(path) == "csv";
    let raw = text.chars().find(|c| is_unsafe(*c) && !is_line_end(*c));
    assert_eq!(raw, None, "{}", path.display());
    text
}

/// Checks that no element comes from the capture: every `<` begins one of the page's own.
fn check_markup(path: &Path, text: &str) {
    for forbidden in ["<script>alert", "<img src=x", "<svg onload", "<a href=\"javascript", "<b>", "<!-- ]]"]
    {
        assert!(!text.contains(forbidden), "{forbidden} in {}", path.display());
    }
}

fn check_cells(path: &Path, text: &str) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let width = reader.headers().unwrap().len();
    for record in reader.records() {
        let record = record.unwrap();
        assert_eq!(record.len(), width, "{}", path.display());
        for cell in &record {
            let starts = cell.trim_start().starts_with(['=', '+', '-', '@']);
            assert!(!starts || cell.parse::<f64>().is_ok(), "{cell} in {}", path.display());
        }
    }
}

/// Checks that a pattern is one comparison whose text ends where it should: all quotes are its own
/// or escaped.
fn check_pattern(pattern: &str) {
    let value = pattern.split_once(" = '").unwrap().1.strip_suffix("']").unwrap();
    let mut is_escaped = false;
    for c in value.chars() {
        assert!(c != '\'' || is_escaped, "{pattern}");
        is_escaped = c == '\\' && !is_escaped;
    }
    assert!(!is_escaped, "{pattern}");
}

#[test]
fn every_file_of_the_report_is_harmless_and_none_is_large() {
    let place = place();
    let ran = analyze(place.path()).succeeds();
    assert_eq!(ran.stdout.chars().find(|c| is_unsafe(*c) && *c != '\n'), None);
    assert!(ran.stdout.lines().count() <= 10, "{}", ran.stdout);
    let mut kinds = Vec::new();
    for path in files(&place.path().join("r")) {
        let (kind, bytes) = (ending(&path).to_owned(), fs::metadata(&path).unwrap().len());
        let most = match kind.as_str() {
            "html" => 5_000_000,
            "md" => 20_000,
            "svg" | "png" => 500_000,
            _ => u64::MAX,
        };
        assert!(bytes <= most, "{bytes} bytes in {}", path.display());
        if kind != "png" {
            let text = check_text(&path);
            match kind.as_str() {
                "html" | "svg" => check_markup(&path, &text),
                "csv" => check_cells(&path, &text),
                "md" => assert!(text.lines().count() < 60, "{text}"),
                "json" => assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", path.display()),
                "ndjson" => assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())),
                other => panic!("nobody checks {other}"),
            }
        }
        kinds.push(kind);
    }
    for kind in ["html", "svg", "png", "csv", "md", "json", "ndjson"] {
        assert!(kinds.iter().any(|k| k == kind), "no {kind} was checked");
    }
    let read = |name: &str| fs::read_to_string(place.path().join("r").join(name)).unwrap();
    // The page's own: the head script, its data and its program.
    assert_eq!(read("report.html").matches("<script").count(), 3);
    // Ensure that there was something to check: findings with hostile names.
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["title"].as_str().unwrap().contains("<script>")));
    let bundle: Value = serde_json::from_str(&read("indicators.stix.json")).unwrap();
    let patterns: Vec<&str> = bundle["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|object| object["pattern"].as_str())
        .collect();
    assert!(patterns.iter().any(|pattern| pattern.contains("domain-name")), "{patterns:?}");
    patterns.into_iter().for_each(check_pattern);
}

/// Copies a capture column by column, with other bytes in its texts.
pub(crate) fn rewrite(path: &Path, change: impl Fn(&[u8]) -> Vec<u8>) {
    let bytes = bytes::Bytes::from(fs::read(path).unwrap());
    let reader = SerializedFileReader::new(bytes).unwrap();
    let facts = reader.metadata().file_metadata();
    // Without its seal, like a tool that knows nothing of seals.
    let mut pairs = facts.key_value_metadata().cloned().unwrap_or_default();
    pairs.retain(|pair| !["netrec.evidence", "netrec.seal"].contains(&pair.key.as_str()));
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let schema = facts.schema_descr().root_schema_ptr();
    let mut writer =
        SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    macro_rules! copy {
        ($kind:ty, $reader:expr, $column:expr, $rows:expr, $change:expr) => {{
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let mut typed = get_typed_column_reader::<$kind>($reader);
            typed.read_records($rows, Some(&mut levels), None, &mut values).unwrap();
            // A column that is never null has no levels.
            let known = Some(levels.as_slice()).filter(|levels| !levels.is_empty());
            let values: Vec<_> = values.into_iter().map($change).collect();
            $column.typed::<$kind>().write_batch(&values, known, None).unwrap();
        }};
    }
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number).unwrap();
        let rows = group.metadata().num_rows() as usize;
        let mut out = writer.next_row_group().unwrap();
        for index in 0..group.num_columns() {
            let from = group.get_column_reader(index).unwrap();
            let mut column = out.next_column().unwrap().unwrap();
            match group.metadata().column(index).column_type() {
                Type::BYTE_ARRAY => copy!(ByteArrayType, from, column, rows, |value: ByteArray| {
                    ByteArray::from(change(value.data()))
                }),
                Type::INT32 => copy!(Int32Type, from, column, rows, |value| value),
                Type::INT64 => copy!(Int64Type, from, column, rows, |value| value),
                Type::FLOAT => copy!(FloatType, from, column, rows, |value| value),
                Type::DOUBLE => copy!(DoubleType, from, column, rows, |value| value),
                Type::BOOLEAN => copy!(BoolType, from, column, rows, |value| value),
                other => panic!("no column is of type {other}"),
            }
            column.close().unwrap();
        }
        out.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn bytes_that_are_no_text_do_not_reach_a_report() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c.parquet");
    fixture::write(&path, &fixture::rows(5, 2), &fixture::metadata(5));
    rewrite(&path, <[u8]>::to_vec);
    let untouched = analyze(place.path());
    assert_eq!(untouched.code, 0, "{}", untouched.stderr);
    fs::remove_dir_all(place.path().join("r")).unwrap();

    rewrite(&path, |text| if text == b"web" { b"w\xff\xfe\x1b[2Jb".to_vec() } else { text.to_vec() });
    let ran = analyze(place.path());
    assert!([0, 1, 3].contains(&ran.code), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    for path in files(place.path()).iter().filter(|path| !["png", "parquet"].contains(&ending(path))) {
        check_text(path);
    }
}
