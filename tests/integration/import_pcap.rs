//! Packet captures, imported like by a user.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::runner::{Ran, netrec_in};
use super::tshark::formats::{self, pcap, timed_pcap};
use super::tshark::links;
use super::tshark::packets::{behind, conversation, end, ethernet, ipv4, tcp};

fn pair(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/zeek-pairs/pcap").join(name)
}

#[test]
fn a_capture_of_packets_is_recognised_imported_the_same_each_time_and_analyzed() {
    let folder = tempfile::tempdir().unwrap();
    let source = pair("ftp/ipv6.pcap");
    let gz = folder.path().join("again.bin");
    let mut encoder = GzEncoder::new(fs::File::create(&gz).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(&source).unwrap()).unwrap();
    encoder.finish().unwrap();

    let import = |file: &Path, output: &str| {
        netrec_in(folder.path(), &["import", file.to_str().unwrap(), "-o", output]).succeeds()
    };
    let ran = import(&source, "one.parquet");
    assert!(ran.stdout.contains("in 6 flows"), "{}", ran.stdout);
    import(&source, "two.parquet");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("one.parquet") == read("two.parquet"), "two imports of one file differ");
    assert!(import(&gz, "three.parquet").stdout.contains("in 6 flows"));
    netrec_in(folder.path(), &["analyze", "one.parquet"]).succeeds();
}

#[test]
fn a_file_that_was_cut_gives_what_is_whole_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(pair("ftp/ipv6.pcap")).unwrap();
    fs::write(folder.path().join("cut.pcap"), &bytes[..bytes.len() - 7]).unwrap();
    let ran = netrec_in(folder.path(), &["import", "cut.pcap", "-o", "cut.parquet"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("cut.pcap ends in the middle of a frame"), "{}", ran.stderr);
    assert!(ran.stdout.contains("in 6 flows"), "{}", ran.stdout);
}

/// Writes files to a folder and imports them.
fn import(files: &[(&str, Vec<u8>)], named: &[&str]) -> (tempfile::TempDir, Ran) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let ran = netrec_in(folder.path(), &[&["import"], named, &["-o", "out.parquet"]].concat());
    (folder, ran)
}

/// A download over minutes: a request, and a response with a segment every 100 ms.
fn download(segments: u32) -> Vec<(u32, Vec<u8>)> {
    let (client, server) = (end(0, 5, 40_000), end(0, 9, 8081));
    let frame = |id: u32, is_there: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]| {
        let (from, to) = if is_there { (client, server) } else { (server, client) };
        let segment = tcp([from.port, to.port], seq, ack, flags, payload);
        ethernet(0x0800, &ipv4(id as u16, 6, [from.v4, to.v4], &segment).bytes)
    };
    let mut frames = vec![
        (0, frame(1, true, 100, 0, 0x02, &[])),
        (10_000, frame(2, false, 500, 101, 0x12, &[])),
        (20_000, frame(3, true, 101, 501, 0x18, b"get")),
    ];
    for number in 0..segments {
        let at_us = 100_000 * (number + 1);
        let seq = 501 + 100 * number;
        frames.push((at_us, frame(10 + 2 * number, false, seq, 104, 0x10, &[7; 100])));
        frames.push((at_us + 5, frame(11 + 2 * number, true, 104, seq + 100, 0x10, &[])));
    }
    frames
}

/// Checks bytes, packets and number of the connections in a capture, as in the last row of each in `dump`.
#[track_caller]
fn assert_one_download(folder: &tempfile::TempDir, segments: u32) {
    netrec_in(folder.path(), &["analyze", "out.parquet", "-o", "report"]).succeeds();
    let table = fs::read_to_string(folder.path().join("report/tables/connections.csv")).unwrap();
    let mut lines = csv::Reader::from_reader(table.as_bytes());
    let headers = lines.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
    let cell = |name: &str| rows[0][headers.iter().position(|header| header == name).unwrap()].to_owned();
    assert_eq!(rows.len(), 1, "{table}");
    let expected = [3, 100 * u64::from(segments), 2 + u64::from(segments), 1 + u64::from(segments)];
    let found = ["bytes_sent", "bytes_received", "packets_sent", "packets_received"]
        .map(|name| cell(name).parse::<u64>().unwrap());
    assert_eq!(found, expected, "{table}");
    assert_eq!(cell("retransmits"), "0");
}

#[test]
fn a_ring_is_read_in_the_order_of_its_packets_whatever_its_files_are_called() {
    let frames = download(130);
    let parts: Vec<Vec<u8>> = frames.chunks(20).map(|frames| timed_pcap(1, frames)).collect();
    assert!(parts.len() > 11);
    let names = |number: usize| match number {
        0 => "ring/x.pcap".to_owned(),
        number => format!("ring/x.pcap{number}"),
    };
    let files: Vec<(String, Vec<u8>)> =
        parts.into_iter().enumerate().map(|(n, part)| (names(n), part)).collect();
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, part)| (name.as_str(), part.clone())).collect();
    let mut backwards: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    backwards.reverse();
    for named in [vec!["ring"], backwards] {
        let (folder, ran) = import(&files, &named);
        assert!(ran.succeeds().stdout.contains("in 1 flow;"));
        assert_one_download(&folder, 130);
    }
}

#[test]
fn captures_of_two_interfaces_are_merged_by_time() {
    let (there, back): (Vec<_>, Vec<_>) =
        download(40).into_iter().partition(|(_, frame)| frame[14 + 15] == 5);
    let files = [("there.pcap", timed_pcap(1, &there)), ("back.pcap", timed_pcap(1, &back))];
    for named in [["there.pcap", "back.pcap"], ["back.pcap", "there.pcap"]] {
        let (folder, ran) = import(&files, &named);
        assert!(ran.succeeds().stdout.contains("in 1 flow;"));
        assert_one_download(&folder, 40);
    }
}

/// A frame of a cooked capture, version 2, on this interface.
fn cooked(interface: u8, frame: &[u8]) -> Vec<u8> {
    let header = [8, 0, 0, 0, 0, 0, 0, interface, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    behind(&header, &frame[14..])
}

#[test]
fn a_packet_that_was_seen_on_several_interfaces_is_no_retransmission() {
    let copies = |(at_us, frame): (u32, Vec<u8>)| {
        [5, 3, 2].map(|interface| (at_us + u32::from(5 - interface), cooked(interface, &frame)))
    };
    let any: Vec<_> = download(200).into_iter().flat_map(copies).collect();
    let (folder, ran) = import(&[("any.pcap", timed_pcap(276, &any))], &["any.pcap"]);
    let ran = ran.succeeds();
    assert!(ran.stdout.contains("806 packets were captured more than once"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1,209 frames read: 403 used, 806 duplicate"), "{}", ran.stdout);
    assert_one_download(&folder, 200);
    let report = fs::read_to_string(folder.path().join("report/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["detector"] != "tcp-health"), "{findings:?}");
    // The same as two interfaces of one file, and as two files.
    let first: Vec<_> = download(200);
    let second: Vec<_> = download(200).into_iter().map(|(at_us, frame)| (at_us + 40, frame)).collect();
    let (folder, ran) = import(
        &[("a.pcap", timed_pcap(1, &first)), ("b.pcap", timed_pcap(1, &second))],
        &["a.pcap", "b.pcap"],
    );
    ran.succeeds();
    assert_one_download(&folder, 200);
}

#[test]
fn radiotap_and_the_other_link_types_are_imported() {
    for (name, link, wrap) in
        links::LINKS.iter().filter(|(_, link, _)| [127, 239, 117, 192, 258].contains(link))
    {
        let (_, frames) = links::frames(0, *link, *wrap);
        let (_folder, ran) = import(&[("wifi.pcap", pcap(*link, &frames))], &["wifi.pcap"]);
        let ran = ran.succeeds();
        assert!(ran.stdout.contains("22 frames, 22 packets in 4 flows"), "{name}: {}", ran.stdout);
    }
}

#[test]
fn packets_without_times_are_counted_and_their_times_said_to_be_unknown() {
    let (_folder, ran) = import(&[("spb.pcapng", formats::simple_packets())], &["spb.pcapng"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stdout.contains("22 frames, 22 packets in 4 flows"), "{}", ran.stdout);
    assert!(ran.stdout.contains("22 of 22 frames have no time"), "{}", ran.stdout);
}

#[test]
fn captures_joined_by_cat_are_all_read() {
    let (folder, ran) = import(&[("cat.pcap", formats::concatenated())], &["cat.pcap"]);
    let ran = ran.succeeds();
    assert!(ran.stdout.contains("22 frames, 22 packets in 4 flows"), "{}", ran.stdout);
    let info = netrec_in(folder.path(), &["info", "out.parquet"]).succeeds().stdout;
    assert!(
        info.lines().any(|line| line.trim_start().starts_with("ticks") && line.contains(" 1 taken")),
        "{info}"
    );
}

#[test]
fn a_tail_of_zeros_is_said_and_is_no_frames() {
    let frames: Vec<Vec<u8>> = conversation(0).iter().map(|ip| ethernet(ip.ethertype, &ip.bytes)).collect();
    let whole = pcap(1, &frames);
    let bytes = whole.len();
    let (_folder, ran) = import(&[("zero.pcap", behind(&whole, &vec![0; 65_536]))], &["zero.pcap"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("zero.pcap ends in zeros after {bytes} bytes")), "{}", ran.stderr);
    assert!(ran.stdout.contains("22 frames, 22 packets in 4 flows"), "{}", ran.stdout);
}

#[test]
fn a_link_type_that_is_not_decoded_is_named() {
    let usb = pcap(189, &[vec![0; 64]]);
    let (_folder, ran) = import(&[("usb.pcap", usb)], &["usb.pcap"]);
    ran.fails_saying(&["link type 189 (USB_LINUX), which is no network"]);
    let unknown = pcap(175, &[vec![0; 64], vec![1; 64]]);
    let (_folder, ran) = import(&[("erf.pcap", unknown)], &["erf.pcap"]);
    ran.fails_saying(&["link type 175 (ERF_ETH)", "erf.pcap frame 1"]);
}

/// ICMP, a tunnel and a protocol without ports, each in both directions.
#[test]
fn other_protocols_are_connections_without_ports() {
    let (here, there) = (end(0, 1, 0), end(0, 2, 0));
    let mut frames = Vec::new();
    for (number, protocol, payload) in
        [(1, 1, [8, 0, 0, 0, 0, 7, 0, 1]), (2, 50, [0, 0, 0, 1, 0, 0, 0, 1]), (3, 89, [2; 8])]
    {
        let mut answer = payload;
        answer[0] = 0;
        frames.push(ethernet(0x0800, &ipv4(number, protocol, [here.v4, there.v4], &payload).bytes));
        frames.push(ethernet(0x0800, &ipv4(number + 10, protocol, [there.v4, here.v4], &answer).bytes));
    }
    let (folder, ran) = import(&[("other.pcap", pcap(1, &frames))], &["other.pcap"]);
    assert!(ran.succeeds().stdout.contains("6 frames, 6 packets in 3 flows"));
    let dumped =
        netrec_in(folder.path(), &["dump", "out.parquet", "--at", "2023-11-14T22:13:20Z"]).succeeds().stdout;
    for word in ["icmp", "other"] {
        assert!(dumped.contains(word), "{dumped}");
    }
    netrec_in(folder.path(), &["analyze", "out.parquet", "-o", "report"]).succeeds();
}
