//! Other tools' files through `netrec import` and the analysis.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::runner::netrec_in;

const CONN: &str = "#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents   label   detailed-label
1700000060.5\tC2\t203.0.113.9\t51000\t10.0.0.5\t22\ttcp\tssh\t2.0\t300\t900\tSF\t-\t-\t0\tShADadFf\t10\t800\t9\t1300\t(empty)   Benign   -
1700000000.25\tC1\t10.0.0.1\t40000\t192.0.2.1\t443\ttcp\tssl\t30.5\t100\t2000\tSF\t-\t-\t0\tShADadFf\t10\t800\t9\t1300\t(empty)   Malicious   C&C
1700000010.0\tC3\t10.0.0.1\t40001\t10.0.0.5\t53\tudp\tdns\t-\t-\t-\tS0\t-\t-\t0\tD\t1\t60\t0\t0\t(empty)
#close\t2023-11-14-23-00-00
";

const SSL: &str = "#separator \\x09
#path\tssl
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tserver_name
1700000001.0\tC1\t10.0.0.1\t40000\t192.0.2.1\t443\tc2\\x2eexample
";

fn report_of(folder: &Path, capture: &str) -> Value {
    netrec_in(folder, &["analyze", capture, "-o", "report"]);
    serde_json::from_str(&fs::read_to_string(folder.join("report/report.json")).unwrap()).unwrap()
}

/// The connections, each as its row in the table.
fn connections(folder: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.join("report/tables/connections.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_log_of_zeek_becomes_connections_with_names_and_directions() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("conn.log"), CONN).unwrap();
    fs::write(folder.path().join("ssl.log"), SSL).unwrap();
    let ran = netrec_in(folder.path(), &["import", "conn.log"]).succeeds();
    assert!(ran.stdout.contains("4 lines read: 3 used, 1 not a connection"), "{}", ran.stdout);
    let report = report_of(folder.path(), "conn.parquet");
    let spots = report["capture"]["completeness"]["blind_spots"].to_string();
    assert!(spots.contains("names no processes"), "{spots}");

    let connections = connections(folder.path());
    let fields =
        ["local_addr", "remote_addr", "direction", "states", "bytes_sent", "bytes_received", "remote_name"];
    let seen: Vec<Vec<&str>> =
        connections.iter().map(|row| fields.iter().map(|field| row[*field].as_str()).collect()).collect();
    assert_eq!(
        seen,
        [
            ["10.0.0.1", "192.0.2.1", "outbound", "SYN_SENT>ESTABLISHED>CLOSE", "100", "2000", "c2.example"],
            ["10.0.0.1", "10.0.0.5", "internal", "", "", "", ""],
            // From the viewpoint of the internal host, which accepted it.
            ["10.0.0.5", "203.0.113.9", "inbound", "SYN_RECV>ESTABLISHED>CLOSE", "900", "300", ""],
        ]
    );
    assert_eq!(connections[0]["duration_s"], "30.5");
}

/// A log in which an external address scans many ports of an internal one, and an internal one many
/// external ones.
fn log_of_scans() -> String {
    let head = "#separator \\x09\n#path\tconn\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\torig_pkts\tresp_pkts\n";
    let attempts = (0..40).flat_map(|n| {
        [("203.0.113.9", "10.0.0.5"), ("10.0.0.7", "198.51.100.3")].map(|(orig, resp)| {
            let (ts, from, to) = (1_700_000_000 + n, 50_000 + n, 1_000 + n * 7);
            format!("{ts}.5\tC{orig}{n}\t{orig}\t{from}\t{resp}\t{to}\ttcp\tS0\t1\t0\n")
        })
    });
    head.to_owned() + &attempts.collect::<String>()
}

#[test]
fn in_every_output_the_source_of_an_imported_connection_is_who_opened_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("conn.log"), log_of_scans()).unwrap();
    netrec_in(folder.path(), &["import", "conn.log"]).succeeds();
    report_of(folder.path(), "conn.parquet");
    let text = fs::read_to_string(folder.path().join("report/findings.ndjson")).unwrap();
    let scans: Vec<(String, String, u64)> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["finding_info"]["analytic"]["uid"] == "port-scan")
        .map(|line| {
            let evidence = &line["evidences"][0];
            let ip = |end: &str| evidence[end]["ip"].as_str().unwrap_or_default().to_owned();
            let direction = evidence["connection_info"]["direction_id"].as_u64().unwrap();
            (ip("src_endpoint"), ip("dst_endpoint"), direction)
        })
        .collect();
    for (source, destination, direction) in [("203.0.113.9", "10.0.0.5", 1), ("10.0.0.7", "198.51.100.3", 2)]
    {
        let expected = (source.to_owned(), destination.to_owned(), direction);
        assert!(scans.contains(&expected), "{expected:?} is not in {scans:?}");
    }
    // The same in the log exported for Zeek.
    netrec_in(folder.path(), &["export", "conn.parquet", "--to", "zeek", "-o", "out.conn.log"]).succeeds();
    let log = fs::read_to_string(folder.path().join("out.conn.log")).unwrap();
    let rows = log.lines().filter(|line| !line.starts_with('#'));
    let pairs: std::collections::BTreeSet<(&str, &str)> =
        rows.map(|line| line.split('\t').collect::<Vec<_>>()).map(|cells| (cells[2], cells[4])).collect();
    assert_eq!(pairs, [("203.0.113.9", "10.0.0.5"), ("10.0.0.7", "198.51.100.3")].into());
}

#[test]
fn compressed_json_and_tsv_in_a_folder_are_one_capture_and_what_is_there_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs/2023-11-14");
    fs::create_dir_all(&logs).unwrap();
    let gz = File::create(logs.join("conn.22:00:00-23:00:00.log.gz")).unwrap();
    let mut gz = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
    gz.write_all(CONN.as_bytes()).unwrap();
    gz.finish().unwrap();
    fs::write(logs.join("again.log"), CONN).unwrap();
    fs::write(logs.join("notes.txt"), "nothing").unwrap();
    let json = r#"{"ts":1700000020.0,"uid":"C9","id_orig_h":"10.0.0.7","id_orig_p":1,"id_resp_h":"192.0.2.7","id_resp_p":2,"proto":"tcp","conn_state":"S0","history":"S"}"#;
    fs::write(logs.join("more.json"), format!("{json}\n")).unwrap();
    let ran = netrec_in(folder.path(), &["import", "logs", "-o", "all.parquet"]);
    assert_eq!(ran.code, 3, "a file of the folder was not used: {}", ran.stdout);
    assert!(ran.stdout.contains("1 × it is text, of no known format"), "{}", ran.stdout);
    assert!(ran.stdout.contains("2023-11-14/notes.txt"), "{}", ran.stdout);
    report_of(folder.path(), "all.parquet");
    assert_eq!(connections(folder.path()).len(), 4);
}

#[test]
fn a_file_that_is_cut_short_gives_what_is_whole_and_exit_code_3() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("conn.log"), &CONN[..CONN.find("C3").unwrap()]).unwrap();
    let ran = netrec_in(folder.path(), &["import", "conn.log"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("ends in the middle of a line"), "{}", ran.stderr);
    report_of(folder.path(), "conn.parquet");
    assert_eq!(connections(folder.path()).len(), 2);
}

#[test]
fn a_foreign_file_is_refused_with_what_it_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    for (content, words) in [
        (b"hello\nworld\n".as_slice(), "is text, of no known format; netrec imports a packet capture"),
        (b"PAR1\x00\x01\x02\x03", "is a Parquet file"),
        (b"", "is empty"),
        (b"PK\x03\x04\x00\x01\x02\x03", "is a zip archive; decompress it on the way: unzip -p"),
        (b"{\"a\": 1}\n", "is JSON, of no known format (its fields: a); netrec imports"),
    ] {
        fs::write(folder.path().join("file"), content).unwrap();
        netrec_in(folder.path(), &["import", "file"]).fails_saying(&["cannot import file", words]);
        assert!(!folder.path().join("file.parquet").exists());
    }
    fs::write(folder.path().join("conn.log"), SSL).unwrap();
    netrec_in(folder.path(), &["import", "conn.log"]).fails_saying(&[
        "a Zeek log",
        "0 of 1 line could be used",
        "Connections come from conn.log",
    ]);
    assert!(!folder.path().join("conn.parquet").exists());
    fs::write(folder.path().join("conn.log"), CONN).unwrap();
    netrec_in(folder.path(), &["import", "conn.log"]).succeeds();
    netrec_in(folder.path(), &["import", "conn.log"]).fails_saying(&["exists already"]);
}

#[test]
fn two_imports_of_the_same_files_are_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("conn.log"), CONN).unwrap();
    for name in ["one.parquet", "two.parquet"] {
        netrec_in(folder.path(), &["import", "conn.log", "-o", name]).succeeds();
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("one.parquet"), read("two.parquet"));
}

#[test]
fn given_networks_decide_what_is_inside() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("conn.log"), CONN).unwrap();
    netrec_in(folder.path(), &["import", "conn.log", "--inside", "203.0.113.0/24"]).succeeds();
    report_of(folder.path(), "conn.parquet");
    let directions: Vec<String> =
        connections(folder.path()).iter().map(|row| row["direction"].clone()).collect();
    assert_eq!(directions, ["outbound", "outbound", "outbound"]);
}

#[test]
fn what_is_exported_for_zeek_comes_back_as_the_same_connections() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("conn.log"), CONN).unwrap();
    netrec_in(folder.path(), &["import", "conn.log", "-o", "first.parquet"]).succeeds();
    netrec_in(folder.path(), &["export", "first.parquet", "--to", "zeek", "-o", "out.log"]).succeeds();
    netrec_in(folder.path(), &["import", "out.log", "-o", "second.parquet"]).succeeds();
    let seen = |capture: &str| {
        fs::remove_dir_all(folder.path().join("report")).ok();
        report_of(folder.path(), capture);
        let fields = ["protocol", "local_addr", "local_port", "remote_addr", "remote_port", "direction"];
        let more =
            ["first_seen", "duration_s", "bytes_sent", "bytes_received", "packets_sent", "packets_received"];
        let row = |row: &std::collections::BTreeMap<String, String>| {
            fields.iter().chain(&more).map(|field| row[*field].clone()).collect::<Vec<_>>()
        };
        connections(folder.path()).iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(seen("first.parquet"), seen("second.parquet"));
    netrec_in(folder.path(), &["export", "first.parquet", "--to", "ndjson"]).succeeds();
    netrec_in(folder.path(), &["export", "first.parquet", "--to", "csv"]).succeeds();
    let lines = fs::read_to_string(folder.path().join("first.ndjson")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((lines.lines().count(), first["bytes_sent"].as_u64()), (3, Some(100)));
}

/// A packet capture of many SYNs to one server, each from another address; raw IP.
fn syn_flood(path: &Path, attempts: u32) {
    let mut file = std::io::BufWriter::new(File::create(path).unwrap());
    let head: [u32; 6] = [0xA1B2_C3D4, 2 | 4 << 16, 0, 0, 65535, 101];
    file.write_all(&head.map(u32::to_le_bytes).concat()).unwrap();
    for attempt in 0..attempts {
        let head: [u32; 4] = [1_700_000_000 + attempt / 100_000, attempt % 100_000 * 10, 40, 40];
        file.write_all(&head.map(u32::to_le_bytes).concat()).unwrap();
        let mut packet = [0; 40];
        packet[..10].copy_from_slice(&[0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6]);
        packet[12..16].copy_from_slice(&(0x2D00_0000 + attempt).to_be_bytes());
        packet[16..24].copy_from_slice(&[10, 0, 0, 5, 0x9C, 0x40, 0x01, 0xBB]);
        packet[24..28].copy_from_slice(&attempt.to_be_bytes());
        packet[32..34].copy_from_slice(&[0x50, 0x02]);
        file.write_all(&packet).unwrap();
    }
    file.flush().unwrap();
}

#[test]
fn a_flood_of_half_open_connections_is_bounded_and_the_capture_and_its_report_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let kept = u32::try_from(netrec::import::flow::Limits::default().flows).unwrap();
    syn_flood(&folder.path().join("flood.pcap"), kept + 1000);
    let ran = netrec_in(folder.path(), &["import", "flood.pcap"]).succeeds();
    let words = format!(
        "too many flows were open at once: {kept} are kept; 1000 with traffic from one side only and 0 others"
    );
    assert!(ran.stdout.contains(&format!("flow table: not all: {words}")), "{}", ran.stdout);
    let capture = netrec::capture::CaptureFile::open(&folder.path().join("flood.parquet")).unwrap();
    let source = capture.metadata().sources.iter().find(|source| source.name == "flow table").unwrap();
    assert!(source.detail.starts_with(&words), "{}", source.detail);

    let report = report_of(folder.path(), "flood.parquet");
    let spots = report["capture"]["completeness"]["blind_spots"].to_string();
    assert!(spots.contains(&words), "{spots}");
    assert_eq!(report["summary"]["connections"], kept + 1000, "each attempt is there");
    let titles: Vec<&str> = report["insights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|insight| insight["title"].as_str().unwrap())
        .collect();
    assert!(titles.contains(&"10.0.0.5: possible SYN or connection flood"), "{titles:?}");
}
