use proptest::prelude::*;

use super::*;
use crate::capture::{Protocol, TcpState};
use crate::import::log::FlowRecord;
use crate::import::names::Names;
use crate::import::question::Question;

const T: i64 = 1_700_000_000_000_000;
const SECOND: i64 = 1_000_000;

#[derive(Default)]
struct Records(Vec<FlowRecord>, Names);

impl Sink for Records {
    fn connection(&mut self, connection: &FlowRecord) -> Result<()> {
        self.0.push(connection.clone());
        Ok(())
    }

    fn query(&mut self, _: Question) -> Result<()> {
        Ok(())
    }

    fn names(&mut self) -> &mut Names {
        &mut self.1
    }
}

fn read(text: &str, at_us: Option<i64>) -> (Vec<FlowRecord>, ImportStats, Reader) {
    let mut reader = Reader { now_us: at_us, ..Reader::default() };
    let (mut records, mut stats) = (Records::default(), ImportStats::new("entry"));
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        reader.take(number, line.as_bytes(), &mut stats, &mut records).unwrap();
    }
    reader.flows.finish(&mut records).unwrap();
    (records.0, stats, reader)
}

/// Ends, bytes and states of a connection.
fn described(record: &FlowRecord) -> String {
    let state = |state: Option<TcpState>| state.map_or("-", TcpState::as_str);
    let bytes = record.counters.bytes_sent.zip(record.counters.bytes_received);
    let course = [record.course.first, record.course.middle, record.course.last].map(state).join(">");
    let (from, to) = (record.originator, record.responder);
    format!("{} {}:{} {}:{} {bytes:?} {course}", record.protocol.as_str(), from.0, from.1, to.0, to.1)
}

const LIST: &str = "\
tcp      6 431999 ESTABLISHED src=192.168.1.10 dst=142.250.1.9 sport=51100 dport=443 packets=10 bytes=1000 src=142.250.1.9 dst=100.72.5.12 sport=443 dport=30001 packets=8 bytes=5000 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 60 SYN_SENT src=192.168.1.10 dst=198.51.100.7 sport=51101 dport=25 packets=2 bytes=120 [UNREPLIED] src=198.51.100.7 dst=100.72.5.12 sport=25 dport=51101 packets=0 bytes=0 mark=0 zone=0 use=2
tcp      6 86400 ESTABLISHED src=203.0.113.9 dst=100.72.5.12 sport=40000 dport=8443 src=192.168.1.20 dst=203.0.113.9 sport=443 dport=40000 [ASSURED] mark=0 use=1
ipv6     10 udp      17 29 src=2001:db8::5 dst=2001:db8::53 sport=5353 dport=53 src=2001:db8::53 dst=2001:db8::5 sport=53 dport=5353 mark=0 delta-time=30 use=1
icmp     1 29 src=192.168.1.10 dst=8.8.8.8 type=8 code=0 id=4242 src=8.8.8.8 dst=100.72.5.12 type=0 code=0 id=4242 mark=0 use=1
unknown  2 500 src=192.168.1.1 dst=224.0.0.1 [UNREPLIED] src=224.0.0.1 dst=192.168.1.1 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 6 flow entries have been shown.
";

#[test]
fn a_list_gives_who_opened_and_who_answered() {
    let (records, stats, reader) = read(LIST, Some(T));
    let mut found: Vec<String> = records.iter().map(described).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "icmp 192.168.1.10:0 8.8.8.8:0 None ->->-",
            "other 192.168.1.1:0 224.0.0.1:0 None ->->-",
            "tcp 192.168.1.10:51100 142.250.1.9:443 Some((1000, 5000)) ->->ESTABLISHED",
            "tcp 192.168.1.10:51101 198.51.100.7:25 Some((120, 0)) SYN_SENT>->SYN_SENT",
            // The destination was translated to a host inside.
            "tcp 203.0.113.9:40000 192.168.1.20:443 None ->->ESTABLISHED",
            "udp 2001:db8::5:5353 2001:db8::53:53 None ->->-",
        ]
    );
    assert_eq!((stats.read, stats.used, reader.flows.translated), (7, 6, 1));
    let aged = records.iter().find(|record| record.protocol == Protocol::Udp).unwrap();
    assert_eq!((aged.start_us, aged.duration_us), (T - 30 * SECOND, Some(30 * SECOND)));
    assert_eq!(records.iter().find(|r| r.protocol == Protocol::Other).unwrap().protocol_number, Some(2));
    // Without a time it is evidence of no moment.
    let (records, stats, reader) = read(LIST, None);
    assert_eq!((records.len(), stats.used, reader.without_time), (0, 0, 6));
    // A later list goes on with the same connections, unless their counts go back.
    let again = format!("1700000000\n{LIST}1700000060\n{}", LIST.replace("bytes=120", "bytes=60"));
    let (records, ..) = read(&again, None);
    assert_eq!(records.len(), 7);
    assert_eq!(records.iter().filter(|record| record.duration_us == Some(60 * SECOND)).count(), 4);
}

#[test]
fn events_are_put_together() {
    let ends = "src=10.0.0.5 dst=192.0.2.10 sport=45000 dport=443";
    let back = "src=192.0.2.10 dst=10.0.0.5 sport=443 dport=45000";
    let text = format!(
        "[1700000000.123456]\t    [NEW] tcp      6 120 SYN_SENT {ends} [UNREPLIED] {back}\n\
         [1700000000.200000]\t [UPDATE] tcp      6 60 SYN_RECV {ends} {back}\n\
         [1700000000.300000]\t [UPDATE] tcp      6 432000 ESTABLISHED {ends} {back} [ASSURED]\n\
         [1700000009.000000]\t[DESTROY] tcp      6 {ends} packets=9 bytes=900 {back} packets=7 bytes=7000 [ASSURED] delta-time=9\n\
         [1700000010.000000]\t    [NEW] tcp      6 120 SYN_SENT {ends} [UNREPLIED] {back}\n\
         [1700000130.000000]\t[DESTROY] tcp      6 120 SYN_SENT {ends} packets=3 bytes=180 [UNREPLIED] {back} packets=0 bytes=0\n\
         [DESTROY] tcp      6 CLOSE src=10.0.0.6 dst=192.0.2.10 sport=1 dport=2 {back} [start=Tue Nov 14 22:13:20 2023] [stop=Tue Nov 14 22:13:25 2023]\n"
    );
    let (records, stats, _) = read(&text, None);
    let found: Vec<(i64, Option<i64>, String)> =
        records.iter().map(|record| (record.start_us - T, record.duration_us, described(record))).collect();
    assert_eq!(
        found,
        [
            (
                0,
                Some(9 * SECOND),
                "tcp 10.0.0.5:45000 192.0.2.10:443 Some((900, 7000)) SYN_SENT>ESTABLISHED>CLOSE".to_owned()
            ),
            (
                10 * SECOND,
                Some(120 * SECOND),
                "tcp 10.0.0.5:45000 192.0.2.10:443 Some((180, 0)) SYN_SENT>->SYN_SENT".to_owned()
            ),
            (0, Some(5 * SECOND), "tcp 10.0.0.6:1 192.0.2.10:443 None ->->CLOSE".to_owned()),
        ]
    );
    assert_eq!((stats.used, stats.gaps()), (7, 0));
}

#[test]
fn other_lines_are_no_entries() {
    for line in [
        "",
        "tcp 6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
        "tcp x 9 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1",
        "tcp 6 9 src=host dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1",
        "tcp 6 9 src=10.0.0.1 dst=10.0.0.2 sport=99999 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1",
        "IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 PROTO=TCP SPT=1 DPT=2",
    ] {
        assert_eq!(entry::parse(line), None, "{line}");
    }
    let event = entry::parse(" [NEW] udp 17 30 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1").unwrap();
    assert_eq!((event.happening, event.is_unreplied), (Happening::New, true));
}

proptest! {
    #[test]
    fn arbitrary_text_does_no_harm(text in "(tcp|udp|icmp|\\[NEW\\]|[0-9]{1,3}|src=|dst=|sport=|=|\\[| |[0-9.:]{1,12}){0,40}", at: usize) {
        let lines: Vec<&str> = LIST.lines().collect();
        let line = lines[at % lines.len()];
        let cut = at % (line.len() + 1);
        for text in [text.as_str(), &line[..cut], &format!("{}{text}", &line[..cut])] {
            let _ = entry::parse(text);
        }
        let _ = read(&text, Some(T));
    }
}
