//! Compares packet captures with the `conn.log` that Zeek made from them: the same flows, bytes,
//! packets and states.
//!
//! A few small pairs are in `tests/data/zeek-pairs`. `NETREC_ZEEK_PAIRS=FOLDER` gives a folder with
//! more (`pairs.tsv` with the columns expected, pcap; the files beside it), and `cargo test
//! --release --test integration zeek -- --nocapture` prints a table of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use netrec::capture::Row;
use netrec::import::flow::{self, Flow, Limits, Sink, Tracker};
use netrec::import::pcap::frames;

/// The compared fields of a line in a `conn.log`. Unset fields (`-`) are `None`.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
struct Line {
    ends: String,
    bytes: Option<(u64, u64)>,
    packets: (u64, u64),
    state: String,
    duration_s: Option<f64>,
}

impl Line {
    /// The flow in the form of the log.
    fn of(flow: &Flow) -> Self {
        let ((from, from_port), (to, to_port)) = (flow.originator, flow.responder);
        Self {
            ends: format!("{} {from} {from_port} {to} {to_port}", flow.protocol.as_str()),
            bytes: Some(flow.bytes()),
            packets: (flow.sent.packets, flow.received.packets),
            state: flow.conn_state().as_str().to_owned(),
            duration_s: Some(flow.duration_s()),
        }
    }

    /// Whether a flow is the one in this line of a log.
    fn is(&self, flow: &Self) -> bool {
        let is_near = |a: f64, b: f64| (a - b).abs() < 2e-6;
        self.ends == flow.ends
            && self.packets == flow.packets
            && self.state == flow.state
            && self.bytes.is_none_or(|bytes| Some(bytes) == flow.bytes)
            && self.duration_s.is_none_or(|s| flow.duration_s.is_some_and(|f| is_near(s, f)))
    }
}

/// Collects finished flows.
#[derive(Default)]
struct Flows(Vec<Line>);

impl Sink for Flows {
    fn row(&mut self, _row: &Row) {}

    fn done(&mut self, flow: &Flow) {
        // Only TCP and UDP in Zeek's logs are compared.
        if !["tcp", "udp"].iter().any(|protocol| Line::of(flow).ends.starts_with(protocol)) {
            return;
        }
        self.0.push(Line::of(flow));
    }
}

fn flows_of(pcap: &Path) -> Vec<Line> {
    flows_of_first(usize::MAX, pcap)
}

/// The flows in the first `most` frames.
fn flows_of_first(most: usize, pcap: &Path) -> Vec<Line> {
    let mut tracker = Tracker::new(Limits::default());
    let mut flows = Flows::default();
    let file = std::fs::File::open(pcap).unwrap();
    let mut number = 0;
    frames::read(file, |frame| {
        number += 1;
        if number <= most {
            let frames::Frame { link, ts_ns, data, wire_bytes, interface } = frame;
            let interface = u64::from(interface);
            tracker.take_frame(&flow::Frame { link, ts_ns, data, wire_bytes, interface }, &mut flows);
        }
    })
    .unwrap();
    tracker.finish(&mut flows);
    flows.0
}

/// The TCP and UDP lines of a log.
fn lines_of(log: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut columns = BTreeMap::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if let Some(names) = line.strip_prefix("#fields\t") {
            columns = names.split('\t').enumerate().map(|(index, name)| (name, index)).collect();
        }
        if line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |name: &str| cells[columns[name]];
        if !["tcp", "udp"].contains(&cell("proto")) {
            continue;
        }
        let (sent, received) = (cell("orig_bytes").parse().ok(), cell("resp_bytes").parse().ok());
        lines.push(Line {
            ends: ["proto", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"].map(cell).join(" "),
            bytes: sent.zip(received),
            packets: (cell("orig_pkts").parse().unwrap(), cell("resp_pkts").parse().unwrap()),
            state: cell("conn_state").to_owned(),
            duration_s: cell("duration").parse().ok(),
        });
    }
    lines
}

/// The entries in only one of the lists: lines of the log, and flows.
fn differences(mut log: Vec<Line>, mut flows: Vec<Line>) -> (Vec<Line>, Vec<Line>) {
    log.retain(|line| {
        let found = flows.iter().position(|flow| line.is(flow));
        found.inspect(|index| drop(flows.remove(*index))).is_none()
    });
    (log, flows)
}

/// Pairs of a log and its capture, from a `pairs.tsv`.
fn pairs(folder: &Path) -> Vec<(String, PathBuf, PathBuf)> {
    let list = std::fs::read_to_string(folder.join("pairs.tsv")).unwrap();
    list.lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.split('\t');
            let (log, pcap) = (cells.next().unwrap(), cells.next().unwrap());
            let name = log.trim_start_matches("expected/").trim_end_matches(".conn.log").to_owned();
            (name, folder.join(log), folder.join(pcap))
        })
        .collect()
}

#[test]
fn flows_agree_with_zeeks_own_log() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/zeek-pairs");
    let pairs = pairs(&folder);
    assert!(pairs.len() >= 5);
    for (name, log, pcap) in pairs {
        let (log, flows) = (lines_of(&log), flows_of(&pcap));
        assert!(!log.is_empty(), "{name}");
        let (missing, extra) = differences(log, flows);
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{name}\nonly Zeek: {missing:#?}\nonly netrec: {extra:#?}"
        );
    }
}

/// A pair that is not in the list because Zeek counts differently; the tests below explain why.
fn exception(log: &str, pcap: &str) -> (Vec<Line>, PathBuf) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/zeek-pairs");
    (lines_of(&folder.join("expected").join(log)), folder.join("pcap").join(pcap))
}

/// Zeek's script for `GridFTP` stops watching a data channel as soon as it recognizes one
/// (`GridFTP::skip_data`), and documents that the true size is then not logged. In this file that
/// is at frame 50; up to there both count the same.
#[test]
fn zeek_counts_a_gridftp_channel_only_until_it_knows_it() {
    let (log, pcap) = exception("scripts.base.protocols.ftp.gridftp.conn.log", "globus-url-copy.pcap");
    let of_data =
        |lines: Vec<Line>| lines.into_iter().filter(|l| l.ends.contains("55968")).collect::<Vec<_>>();
    let (missing, extra) = differences(of_data(log.clone()), of_data(flows_of_first(50, &pcap)));
    assert_eq!((missing, extra), (vec![], vec![]));
    let (missing, extra) = differences(log, flows_of(&pcap));
    assert_eq!((missing.len(), extra.len()), (1, 1));
    assert_eq!((extra[0].packets, extra[0].state.as_str()), ((9, 9), "SF"));
}

/// Zeek does not count packets with a wrong checksum (its history has a `C` for them). In files
/// captured on a host itself nearly every sent packet has one, because the network card fills it in
/// later, so netrec counts them.
#[test]
fn zeek_leaves_out_datagrams_with_a_wrong_checksum() {
    let (log, pcap) =
        exception("core.tunnels.vxlan-unknown-internal-packet.conn.log", "vxlan-encapsulated-igmp-v2.pcap");
    let mut ends: Vec<String> = log.iter().map(|line| line.ends.clone()).collect();
    assert!(log.iter().all(|line| line.packets == (0, 0) && line.state == "OTH"), "{log:?}");
    let flows = flows_of(&pcap);
    let mut seen: Vec<String> = flows.iter().map(|line| line.ends.clone()).collect();
    ends.sort();
    seen.sort();
    assert_eq!(ends, seen);
    assert!(flows.iter().all(|line| line.packets == (1, 0)), "{flows:?}");
    assert!(udp_checksums(&pcap).iter().all(|(said, right)| said != right));
}

/// Zeek counts a packet as often as it was captured. In this file each was captured twice, with and
/// without Cisco's `FabricPath` tag, with the same identification.
#[test]
fn zeek_counts_copies_of_a_packet() {
    let (mut log, pcap) = exception("core.cisco-fabric-path.conn.log", "cisco-fabric-path.pcap");
    assert!(log.iter().all(|line| line.packets == (2, 0)), "{log:?}");
    for line in &mut log {
        line.packets = (1, 0);
        line.duration_s = None;
    }
    let (missing, extra) = differences(log, flows_of(&pcap));
    assert_eq!((missing, extra), (vec![], vec![]));
}

/// The checksum of each datagram over Ethernet and IPv4, and the correct one (RFC 768).
fn udp_checksums(pcap: &Path) -> Vec<(u16, u16)> {
    let mut checksums = Vec::new();
    frames::read(std::fs::File::open(pcap).unwrap(), |frame| {
        let ip = &frame.data[14..];
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        let mut covered = [&ip[12..20], &[0, 17], &udp[4..6], &udp[..6], &udp[8..length]].concat();
        covered.resize(covered.len().next_multiple_of(2), 0);
        let words = covered.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        checksums.push((u16::from_be_bytes([udp[6], udp[7]]), !(sum as u16)));
    })
    .unwrap();
    checksums
}

#[test]
fn a_folder_of_pairs_is_compared_and_printed() {
    let Some(folder) = std::env::var_os("NETREC_ZEEK_PAIRS").map(PathBuf::from) else {
        eprintln!("skipped: NETREC_ZEEK_PAIRS names no folder with pairs");
        return;
    };
    let mut table = String::new();
    let mut agreeing = 0;
    let pairs = pairs(&folder);
    for (name, log, pcap) in &pairs {
        let log = lines_of(log);
        let lines = log.len();
        let (missing, extra) = differences(log, flows_of(pcap));
        agreeing += usize::from(missing.is_empty() && extra.is_empty());
        let same = lines - missing.len();
        writeln!(table, "{name}\t{same} of {lines}\t{} more", extra.len()).unwrap();
        for line in missing {
            writeln!(table, "  Zeek    {line:?}").unwrap();
        }
        for line in extra {
            writeln!(table, "  netrec  {line:?}").unwrap();
        }
    }
    println!("{table}{agreeing} of {} pairs agree in every line", pairs.len());
}
