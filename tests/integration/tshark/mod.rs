//! Compares packet captures with `tshark`: the same ends, packets and payload bytes, for every
//! supported link type, overlay and file format. Where the two differ, the case gives the reason.

pub(crate) mod formats;
pub(crate) mod links;
mod overlays;
pub(crate) mod packets;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use netrec::capture::Row;
use netrec::import::flow::{self, Flow, Limits, Sink, Tracker};
use netrec::import::pcap::frames;

use crate::runner::files;

/// Packets in both directions by protocol and ends, the lower end first; of `ip`, all packets of
/// other protocols than TCP and UDP between two addresses.
type Conversations = BTreeMap<(&'static str, End, End), (u64, u64)>;
type End = (String, u16);

/// Payload bytes by protocol, source port and destination port.
type Bytes = BTreeMap<(&'static str, u16, u16), u64>;

#[derive(Debug, Default, PartialEq)]
struct Counts {
    conversations: Conversations,
    bytes: Bytes,
}

impl Counts {
    fn add(&mut self, protocol: &'static str, a: End, b: End, (there, back): (u64, u64)) {
        let (ends, packets) =
            if a <= b { ((protocol, a, b), (there, back)) } else { ((protocol, b, a), (back, there)) };
        let sum = self.conversations.entry(ends).or_default();
        *sum = (sum.0 + packets.0, sum.1 + packets.1);
    }

    fn add_bytes(&mut self, protocol: &'static str, source: u16, destination: u16, bytes: u64) {
        if bytes > 0 {
            *self.bytes.entry((protocol, source, destination)).or_default() += bytes;
        }
    }
}

impl Sink for Counts {
    fn row(&mut self, _row: &Row) {}

    fn done(&mut self, flow: &Flow) {
        let end = |(addr, port): (std::net::IpAddr, u16)| (addr.to_string(), port);
        let protocol = match flow.protocol.as_str() {
            "tcp" => "tcp",
            "udp" => "udp",
            _ => return,
        };
        let (from, to) = (flow.originator, flow.responder);
        self.add(protocol, end(from), end(to), (flow.sent.packets, flow.received.packets));
        self.add_bytes(protocol, from.1, to.1, flow.sent.payload_bytes);
        self.add_bytes(protocol, to.1, from.1, flow.received.payload_bytes);
    }
}

fn by_netrec(file: &[u8]) -> Counts {
    let mut tracker = Tracker::new(Limits::default());
    let mut counts = Counts::default();
    frames::read(file, |frame| {
        let frames::Frame { link, ts_ns, data, wire_bytes, interface } = frame;
        let interface = u64::from(interface);
        tracker.take_frame(&flow::Frame { link, ts_ns, data, wire_bytes, interface }, &mut counts);
    })
    .unwrap();
    tracker.finish(&mut counts);
    counts
}

/// `tshark` takes a second or more to start, so one run collects everything.
fn by_tshark(file: &Path, more: &[&str]) -> Option<Counts> {
    let fields = ["tcp.srcport", "tcp.dstport", "tcp.len", "udp.srcport", "udp.dstport", "udp.length"];
    let fields: Vec<&str> = fields.iter().flat_map(|field| ["-e", field]).collect();
    let tables = ["-z", "conv,tcp", "-z", "conv,udp", "-T", "fields"];
    let output =
        Command::new("tshark").arg("-r").arg(file).args(more).args(tables).args(fields).output().ok()?;
    let mut counts = Counts::default();
    let mut protocol = "";
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((from, rest)) = line.split_once("<->") {
            let mut words = rest.split_whitespace();
            let (Some(from), Some(to)) = (end(from.trim()), words.next().and_then(end)) else { continue };
            // Packets and bytes back, there, and together; bytes with or without a unit.
            let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
            counts.add(protocol, from, to, (numbers[2], numbers[0]));
        } else if let Some(table) = line.strip_suffix(" Conversations") {
            protocol = if table == "TCP" { "tcp" } else { "udp" };
        } else {
            add_fields(line, &mut counts);
        }
    }
    Some(counts)
}

/// Ports and lengths of a frame: one for each packet in it, separated by commas.
fn add_fields(line: &str, counts: &mut Counts) {
    let numbers = |cell: &str| cell.split(',').filter_map(|number| number.parse().ok()).collect();
    let cells: Vec<Vec<u64>> = line.split('\t').map(numbers).collect();
    let [tcp_from, tcp_to, tcp_bytes, udp_from, udp_to, udp_bytes] = cells.as_slice() else { return };
    for ((from, to), bytes) in tcp_from.iter().zip(tcp_to).zip(tcp_bytes) {
        counts.add_bytes("tcp", *from as u16, *to as u16, *bytes);
    }
    for ((from, to), bytes) in udp_from.iter().zip(udp_to).zip(udp_bytes) {
        counts.add_bytes("udp", *from as u16, *to as u16, bytes.saturating_sub(8));
    }
}

/// `2001:db8::1:443` → address and port.
fn end(text: &str) -> Option<End> {
    let (addr, port) = text.rsplit_once(':')?;
    Some((addr.to_owned(), port.parse().ok()?))
}

/// Asserts that the conversation in a generated case was counted in full, over the IP versions of
/// the case.
#[track_caller]
fn assert_conversation(counts: &Counts, case: u8, name: &str) {
    let end = |addr: String, port| (addr, port);
    let mut versions = 0;
    let (tcp_port, udp_port) = (40_000 + u16::from(case), 41_000 + u16::from(case));
    for host in [format!("10.0.{case}."), packets::end(case, 0, 0).v6.to_string()] {
        let (client, server) = (format!("{host}1"), format!("{host}2"));
        let tcp =
            counts.conversations.get(&("tcp", end(client.clone(), tcp_port), end(server.clone(), 8081)));
        let udp = counts.conversations.get(&("udp", end(client, udp_port), end(server, 9001)));
        if tcp.is_some() || udp.is_some() {
            assert_eq!((tcp, udp), (Some(&(5, 3)), Some(&(2, 1))), "{name}");
            versions += 1;
        }
    }
    assert!(versions > 0, "{name}: nothing was counted");
    let expected = [
        ("tcp", tcp_port, 8081, 37),
        ("tcp", 8081, tcp_port, 211),
        ("udp", udp_port, 9001, 122),
        ("udp", 9001, udp_port, 61),
    ];
    for (protocol, from, to, bytes) in expected {
        assert_eq!(counts.bytes.get(&(protocol, from, to)), Some(&(bytes * versions)), "{name}");
    }
}

/// Compares a capture; explained differences are first removed from both counts.
#[track_caller]
fn compare(name: &str, file: &[u8], arguments: &[&str], take_out: fn(&mut Counts)) -> Counts {
    let mut ours = by_netrec(file);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.pcap");
    fs::write(&path, file).unwrap();
    let Some(mut theirs) = by_tshark(&path, arguments) else {
        eprintln!("skipped the comparison of {name:?}: tshark is not installed");
        return ours;
    };
    let all = by_netrec(file);
    take_out(&mut ours);
    take_out(&mut theirs);
    let ours_alone: Vec<_> =
        ours.conversations.iter().filter(|(ends, n)| theirs.conversations.get(*ends) != Some(n)).collect();
    let theirs_alone: Vec<_> =
        theirs.conversations.iter().filter(|(ends, n)| ours.conversations.get(*ends) != Some(n)).collect();
    assert!(
        ours_alone.is_empty() && theirs_alone.is_empty(),
        "{name}\nnetrec {ours_alone:#?}\ntshark {theirs_alone:#?}"
    );
    assert_eq!(ours.bytes, theirs.bytes, "{name}");
    all
}

fn nothing(_: &mut Counts) {}

#[test]
fn every_link_type_is_counted_as_tshark_counts_it() {
    let mut cases: Vec<_> = (0..)
        .zip(links::LINKS)
        .map(|(case, (name, link, wrap))| (*name, links::frames(case, *link, *wrap)))
        .collect();
    cases.push(("802.11 with several frames in one", overlays::aggregate(cases.len() as u8)));
    let frames: Vec<_> = cases
        .iter()
        .map(|(_, frames)| frames.clone())
        .filter(|(link, _)| !links::NOT_READ_BY_TSHARK.contains(link))
        .collect();
    let netanalyzer = links::LINKS.iter().position(|(_, link, _)| *link == 240).unwrap();
    assert_eq!(netanalyzer, 32, "the ports below are this one's");
    compare("link types", &formats::interfaces(&frames), &[], |counts| {
        // It reads frames by netANALYZER from classic files, and not from pcapng.
        counts.conversations.retain(|(_, from, _), _| ![40_032, 41_032].contains(&from.1));
        counts.bytes.retain(|(_, a, b), _| ![40_032, 41_032].contains(a) && ![40_032, 41_032].contains(b));
    });
    let frames: Vec<_> = cases.iter().map(|(_, frames)| frames.clone()).collect();
    let counts = by_netrec(&formats::interfaces(&frames));
    for (case, (name, _)) in (0..).zip(&cases) {
        assert_conversation(&counts, case, name);
    }
}

#[test]
fn every_overlay_is_counted_as_tshark_counts_it() {
    let mut cases: Vec<_> = (0..)
        .zip(overlays::OVERLAYS)
        .map(|(case, (name, wrap))| (*name, overlays::frames(case, *wrap)))
        .collect();
    cases.push(("Teredo", overlays::teredo(cases.len() as u8)));
    let frames: Vec<_> = cases.iter().map(|(_, frames)| frames.clone()).collect();
    // What it cannot guess: VXLAN on other ports, and what lies behind a label.
    let told = ["-d", "udp.port==8472,vxlan", "-d", "udp.port==14789,vxlan", "-d", "mpls.label==32,pwethcw"];
    let counts = compare("overlays", &formats::interfaces(&frames), &told, nothing);
    for (case, (name, _)) in (0..).zip(&cases) {
        assert_conversation(&counts, case, name);
    }
}

#[test]
fn every_file_format_is_counted_as_tshark_counts_it() {
    let files = [
        ("nanoseconds, big-endian", formats::big_endian_nanoseconds()),
        ("Kuznetzov's longer records", formats::modified()),
        ("version 2.2", formats::version_2_2()),
        ("AIX", formats::aix()),
        ("pcapng with simple packets", formats::simple_packets()),
        ("pcapng, big-endian, with obsolete packets and other blocks", formats::obsolete_packets()),
        ("pcapng with two sections", formats::two_sections()),
    ];
    for (name, file) in files {
        assert_conversation(&compare(name, &file, &[], nothing), 0, name);
    }
    // tshark stops at the second header.
    let counts = by_netrec(&formats::concatenated());
    assert_eq!(
        counts.conversations.values().map(|(there, back)| there + back).sum::<u64>(),
        22,
        "{counts:?}"
    );
}

#[test]
fn extension_headers_are_counted_as_tshark_counts_them() {
    let last: std::net::Ipv6Addr = "2001:db8::77".parse().unwrap();
    let routing = |kind, left| packets::behind(&[2, kind, left, 0, 0, 0, 0], &last.octets());
    let cases = [(0, 0), (0, 1), (4, 1)].map(|(kind, left)| routing(kind, left));
    let frames: Vec<_> =
        (0..).zip(&cases).map(|(case, routing)| overlays::extension_headers(case, routing)).collect();
    compare("extension headers", &formats::interfaces(&frames), &[], nothing);
}

#[test]
fn public_captures_are_counted_as_tshark_counts_them() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut compared = 0;
    for file in files(&data.join("zeek-pairs/pcap")).into_iter().chain(files(&data.join("public-captures"))) {
        let bytes = fs::read(&file).unwrap();
        let (name, bytes) = match file.extension().and_then(|extension| extension.to_str()) {
            Some("zst") => (file.file_stem().unwrap(), zstd::decode_all(bytes.as_slice()).unwrap()),
            Some("pcap" | "pcapng") => (file.file_name().unwrap(), bytes),
            _ => continue,
        };
        compare(name.to_str().unwrap(), &bytes, &[], |counts| {
            // A bridge gave every multicast packet back to the host that had sent it: half of them are
            // copies, with the same identification, and counted once.
            counts.conversations.retain(|(_, _, to), _| to.0 != "224.0.0.251");
            counts.bytes.remove(&("udp", 5353, 5353));
        });
        compared += 1;
    }
    assert!(compared > 12);
}
