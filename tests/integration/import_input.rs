//! The inputs of `netrec import`: pipes, links, archive members, encodings, layouts.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::runner::{Ran, netrec_in};

/// Lines of a `conn.log` as JSON, more than are read to detect the format.
fn conn_json(lines: u32) -> String {
    (0..lines).map(|n| conn_line(n) + "\n").collect()
}

fn conn_line(n: u32) -> String {
    format!(
        r#"{{"ts":{}.25,"uid":"C{n}","id.orig_h":"10.0.0.5","id.orig_p":{},"id.resp_h":"192.0.2.10","id.resp_p":443,"proto":"tcp","duration":1.5,"orig_bytes":517,"resp_bytes":4096,"conn_state":"SF","history":"ShADadFf","orig_pkts":10,"resp_pkts":12}}"#,
        1_700_000_000 + n,
        20_000 + n
    )
}

/// The same as TSV.
fn conn_tsv(lines: u32) -> String {
    let head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\n";
    let line = |n: u32| {
        format!(
            "{}.25\tC{n}\t10.0.0.5\t{}\t192.0.2.10\t443\ttcp\t1.5\t517\t4096\tSF\n",
            1_700_000_000 + n,
            20_000 + n
        )
    };
    (0..lines).map(line).fold(head.to_owned(), |text, line| text + &line)
}

fn eve_line(n: u32) -> String {
    format!(
        r#"{{"timestamp":"2023-11-14T22:15:00.000000+0000","flow_id":{n},"event_type":"flow","src_ip":"10.0.0.5","src_port":{},"dest_ip":"192.0.2.10","dest_port":443,"proto":"TCP","flow":{{"pkts_toserver":5,"pkts_toclient":4,"bytes_toserver":600,"bytes_toclient":4000,"start":"2023-11-14T22:13:{:02}.000000+0000","end":"2023-11-14T22:14:00.000000+0000"}},"tcp":{{"tcp_flags_ts":"1b","tcp_flags_tc":"1b"}}}}"#,
        20_000 + n,
        n % 60
    )
}

fn eve_json(lines: u32) -> String {
    (0..lines).map(|n| eve_line(n) + "\n").collect()
}

/// Imports a file with these contents.
#[track_caller]
fn import(folder: &Path, name: &str, contents: &[u8]) -> Ran {
    fs::write(folder.join(name), contents).unwrap();
    netrec_in(folder, &["import", name, "-o", "out.parquet", "--force"])
}

/// The number of used records, according to the metadata.
#[track_caller]
fn used(folder: &Path) -> u64 {
    stats(folder)["used"].as_u64().unwrap()
}

fn stats(folder: &Path) -> Value {
    metadata(folder)["import_stats"].clone()
}

fn metadata(folder: &Path) -> Value {
    serde_json::from_str(&netrec_in(folder, &["info", "out.parquet", "--json"]).stdout).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn a_pipe_gives_every_byte_once_and_its_hash_is_that_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let text = conn_json(3000);
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let hash = netrec::capture::Digest::new(&bytes).to_string();
        for path in ["-", "/dev/stdin", "fifo"] {
            if path == "fifo" {
                Command::new("mkfifo").arg(place.join("fifo")).status().unwrap();
            }
            let mut netrec = Command::new(env!("CARGO_BIN_EXE_netrec"))
                .args(["import", path, "-o", "out.parquet", "--force"])
                .current_dir(place)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = netrec.stdin.take().unwrap();
            let writer = if path == "fifo" {
                drop(stdin);
                std::thread::spawn({
                    let (fifo, bytes) = (place.join("fifo"), bytes.clone());
                    move || fs::File::options().write(true).open(fifo).unwrap().write_all(&bytes).unwrap()
                })
            } else {
                let bytes = bytes.clone();
                std::thread::spawn(move || stdin.write_all(&bytes).unwrap())
            };
            let output = netrec.wait_with_output().unwrap();
            writer.join().unwrap();
            assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(used(place), 3000, "{path}");
            assert_eq!(metadata(place)["imports"][0]["sha256"], hash.as_str(), "{path}");
            let _ = fs::remove_file(place.join("fifo"));
        }
    }
}

#[test]
fn links_in_folders_are_followed_once_and_what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, place.join(at)).unwrap();
    for name in ["logs/2026-11-24", "spool"] {
        fs::create_dir_all(place.join(name)).unwrap();
    }
    fs::write(place.join("logs/2026-11-24/conn.log"), conn_json(5)).unwrap();
    fs::write(place.join("spool/conn.log"), (10..13).map(|n| conn_line(n) + "\n").collect::<String>())
        .unwrap();
    link("../spool", "logs/current");
    link("../../spool/conn.log", "logs/2026-11-24/conn.10:00:00-11:00:00.log");
    link("..", "logs/2026-11-24/loop");
    netrec_in(place, &["import", "logs", "-o", "out.parquet"]).succeeds();
    assert_eq!(used(place), 8);
    assert_eq!(stats(place)["files"][0]["reason"], "duplicate");

    link("nowhere", "logs/gone");
    let ran = netrec_in(place, &["import", "logs", "-o", "out.parquet", "--force"]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("a link to nothing"), "{}", ran.stdout);
}

#[test]
fn members_and_frames_that_follow_each_other_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (conn_json(20), (20..30).map(|n| conn_line(n) + "\n").collect::<String>());
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    for bytes in [
        [gzip(first.as_bytes()), gzip(second.as_bytes())].concat(),
        [zstd(&first), zstd(&second)].concat(),
        [zstd(&first), gzip(second.as_bytes()), vec![0; 512]].concat(),
    ] {
        import(folder.path(), "conn.log", &bytes).succeeds();
        assert_eq!(used(folder.path()), 30);
    }
    let bytes = [gzip(first.as_bytes()), second.into_bytes()].concat();
    let ran = import(folder.path(), "conn.log", &bytes);
    assert_eq!((ran.code, used(folder.path())), (3, 20), "{}", ran.stderr);
}

#[test]
fn a_zstd_window_that_takes_too_much_memory_is_refused_with_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let text = conn_json(10);
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(31).unwrap();
    encoder.set_pledged_src_size(Some(text.len() as u64)).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    import(folder.path(), "conn.log.zst", &encoder.finish().unwrap()).succeeds();
    assert_eq!(used(folder.path()), 10);

    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(31).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.flush().unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    import(folder.path(), "conn.log.zst", &encoder.finish().unwrap())
        .fails_saying(&["window of 2048 MiB", "zstd -dc --long=31 FILE | netrec import -"]);
}

#[test]
fn text_is_read_however_it_is_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    for text in [conn_json(5), conn_tsv(5), eve_json(5)] {
        let marked = format!("\u{feff}{text}");
        for bytes in [
            marked.clone().into_bytes(),
            utf16(&marked, u16::to_le_bytes),
            utf16(&marked, u16::to_be_bytes),
            utf16(&text, u16::to_le_bytes),
            text.replace('\n', "\r\n").into_bytes(),
            text.replace('\n', "\r").into_bytes(),
            gzip(&utf16(&marked, u16::to_le_bytes)),
        ] {
            import(place, "some.log", &bytes).succeeds();
            assert_eq!(used(place), 5, "{:?}", &bytes[..20]);
        }
    }
}

#[test]
fn nul_bytes_that_copytruncate_left_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    for (text, nuls) in
        [(conn_json(5), 8192), (conn_tsv(5), 100), (eve_json(5), 300_000), (conn_json(5), 65_536)]
    {
        let ran = import(folder.path(), "some.log", &[vec![0; nuls], text.into_bytes()].concat()).succeeds();
        assert!(ran.stdout.contains(&format!("{nuls} NUL bytes in some.log were skipped")), "{}", ran.stdout);
        assert_eq!(used(folder.path()), 5);
    }
    // A power failure in the middle of a line.
    let text = conn_json(5);
    let bytes = [&text.as_bytes()[..text.len() - 40], &[0; 4000], conn_line(9).as_bytes(), b"\n"].concat();
    let ran = import(folder.path(), "some.log", &bytes);
    assert_eq!((ran.code, used(folder.path())), (3, 5), "{}", ran.stdout);
}

#[test]
fn a_file_that_begins_in_the_middle_of_a_line_gives_the_others() {
    let folder = tempfile::tempdir().unwrap();
    for text in [conn_json(5), eve_json(5)] {
        let ran = import(folder.path(), "tail.log", &text.as_bytes()[30..]);
        assert_eq!((ran.code, used(folder.path())), (3, 4), "{}", ran.stderr);
        assert!(ran.stdout.contains("tail.log line 1"), "{}", ran.stdout);
    }
}

#[test]
fn json_is_read_in_arrays_envelopes_and_over_several_lines() {
    let folder = tempfile::tempdir().unwrap();
    for line in [conn_line as fn(u32) -> String, eve_line] {
        let values: Vec<Value> = (0..5).map(|n| serde_json::from_str(&line(n)).unwrap()).collect();
        let array = Value::Array(values.clone());
        for text in [
            array.to_string(),
            serde_json::to_string_pretty(&array).unwrap(),
            values.iter().map(|value| serde_json::to_string_pretty(value).unwrap()).collect(),
            serde_json::json!({"hits": {"total": {"value": 5}, "hits": array}}).to_string(),
        ] {
            import(folder.path(), "some.json", text.as_bytes()).succeeds();
            assert_eq!(used(folder.path()), 5, "{}", &text[..80]);
        }
        let text = format!("[{},{}", line(1), line(2).replace("10.0.0.5", "10.0.0."));
        let ran = import(folder.path(), "some.json", text.as_bytes());
        assert_eq!(ran.code, 3, "{}", ran.stdout);
        assert!(ran.stdout.contains("some.json record 2"), "{}", ran.stdout);
    }
}

#[test]
fn what_was_not_used_is_said_everywhere_and_changes_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let text = conn_json(5) + "half a line\n" + &conn_line(7).replace("10.0.0.5", "10.0.0.") + "\n";
    let ran = import(place, "conn.log", text.as_bytes());
    assert_eq!(ran.code, 3);
    assert!(ran.stdout.contains("7 lines read: 5 used, 2 unreadable"), "{}", ran.stdout);
    assert!(ran.stdout.contains("conn.log line 6: \"half a line\""), "{}", ran.stdout);
    let ran = netrec_in(place, &["info", "out.parquet"]);
    assert!(ran.code == 3 && ran.stdout.contains("5 used, 2 unreadable"), "{}", ran.stdout);

    let ran = netrec_in(place, &["analyze", "out.parquet", "-o", "report"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(!ran.stdout.contains("whole"), "{}", ran.stdout);
    let report: Value =
        serde_json::from_str(&fs::read_to_string(place.join("report/report.json")).unwrap()).unwrap();
    let capture = &report["capture"];
    assert_eq!(capture["completeness"]["degraded"], true);
    assert_eq!(capture["import"]["records"]["unused"][0]["count"], 2);
    assert_eq!(capture["import"]["records"]["unused"][0]["example"], "conn.log line 6");
    let gap = "2 of 7 lines not used: unreadable line";
    assert!(capture["completeness"]["blind_spots"].to_string().contains(gap), "{capture}");
    for name in ["report.md", "report.html"] {
        assert!(fs::read_to_string(place.join("report").join(name)).unwrap().contains(gap), "{name}");
    }
    let ran = netrec_in(place, &["analyze", "out.parquet", "-o", "redacted", "--redact"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for name in ["report.json", "report.md", "report.html"] {
        let text = fs::read_to_string(place.join("redacted").join(name)).unwrap();
        assert!(!text.contains("half a line") && !text.contains("conn.log"), "{name}");
    }
}

#[test]
fn an_import_of_nothing_fails_with_what_the_file_is_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let broken: String = (0..5).map(|n| conn_line(n).replace("10.0.0.5", "nobody") + "\n").collect();
    import(place, "conn.log", broken.as_bytes()).fails_saying(&[
        "a Zeek log",
        "0 of 5 lines could be used",
        "conn.log line 1",
    ]);
    assert!(!place.join("out.parquet").exists());
    let pcap = [[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0].as_slice(), &[0; 8], &[0, 0, 1, 0, 1, 0, 0, 0]].concat();
    import(place, "empty.pcap", &pcap).fails_saying(&["a packet capture", "there is no frame in it"]);

    let mostly_broken = broken.repeat(40) + &conn_line(1) + "\n";
    import(place, "conn.log", mostly_broken.as_bytes()).fails_saying(&["only 1 of 201 lines", "--from zeek"]);
    let ran = netrec_in(place, &["import", "conn.log", "--from", "zeek", "-o", "out.parquet"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
}
