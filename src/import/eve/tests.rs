use proptest::prelude::*;

use super::{Events, Rest};
use crate::capture::{Protocol, TcpState, UnusedReason};
use crate::import::decompress::Decompressed;
use crate::import::log::{FlowRecord, StateHistory};
use crate::import::tcp_flags::course;
use crate::import::testing::Collected;
use crate::import::{Begin, FileReport};

const FLOW: &str = r#"{"timestamp":"2024-01-01T00:01:00.000000+0000","flow_id":7,"event_type":"flow","src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":5,"pkts_toclient":4,"bytes_toserver":600,"bytes_toclient":4000,"start":"2024-01-01T00:00:00.500000+0000","end":"2024-01-01T00:00:02.000000+0000"},"tcp":{"tcp_flags_ts":"1b","tcp_flags_tc":"1b"}}"#;

const TLS: &str = r#"{"timestamp":"2024-01-01T00:00:01.000000+0000","flow_id":7,"event_type":"tls","src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","tls":{"sni":"c2.example"}}"#;

/// 2024-01-01T00:00:00 in µs.
const START: i64 = 1_704_067_200_000_000;

fn read_files(files: &[&str]) -> (Collected, Vec<FileReport>, Rest) {
    let (mut taken, mut events) = (Collected::default(), Events::default());
    let mut accounts = Vec::new();
    for file in files {
        let error = crate::Error::io("read", "eve.json");
        accounts.push(events.read(file.as_bytes(), error, &mut taken).unwrap().0);
    }
    let rest = events.finish(&mut taken).unwrap();
    (taken, accounts, rest)
}

fn read(text: &str) -> (Collected, FileReport) {
    let (taken, mut accounts, _) = read_files(&[text]);
    (taken, accounts.remove(0))
}

fn lines(events: &[&str]) -> String {
    events.iter().flat_map(|event| [*event, "\n"]).collect()
}

fn is_recognised(text: &str) -> bool {
    super::event::recognises(&Begin::read(&mut Decompressed::new(text.as_bytes()), 0))
}

#[test]
fn a_flow_is_a_connection_with_the_name_of_its_greeting() {
    let (taken, account) = read(&lines(&[TLS, FLOW]));
    assert_eq!((taken.connections.len(), account.stats.used, account.stats.gaps()), (1, 1, 0));
    assert_eq!(taken.names(), ["c2.example"]);
    let flow = &taken.connections[0];
    assert_eq!((flow.start_us, flow.duration_us), (START + 500_000, Some(1_500_000)));
    assert_eq!((flow.counters.bytes_sent, flow.course), (Some(600), StateHistory::CLOSED));
}

#[test]
fn the_flags_of_both_sides_tell_how_it_went() {
    let established =
        |last| StateHistory { middle: Some(TcpState::Established), ..StateHistory::opened(last) };
    for (client, server, expected) in [
        (0x02, Some(0), StateHistory::ATTEMPT),
        (0x02, None, StateHistory::ATTEMPT),
        (0x02, Some(0x14), StateHistory::REFUSED),
        (0x1a, Some(0x1a), StateHistory::opened(TcpState::Established)),
        (0x1b, Some(0x1a), established(TcpState::FinWait1)),
        (0x1a, Some(0x1b), established(TcpState::CloseWait)),
        (0x1e, Some(0x1a), StateHistory::CLOSED),
        (0x18, Some(0x18), StateHistory::joined(Some(TcpState::Established), TcpState::Established)),
        (0x1a, None, StateHistory::STATELESS),
    ] {
        assert_eq!(course(Some(client), server), expected, "{client:x} {server:?}");
    }
    assert_eq!(course(None, None), StateHistory::STATELESS);
}

#[test]
fn a_last_line_that_is_cut_is_said_and_one_that_is_whole_counts() {
    assert_eq!(read(FLOW).0.connections.len(), 1);
    let (taken, account) = read(&format!("{FLOW}\n{}", &FLOW[..300]));
    assert_eq!((taken.connections.len(), account.is_cut_short, account.stats.gaps()), (1, true, 0));
}

/// The same flow after Filebeat's module, which moves most of it.
const FILEBEAT: &str = r#"{"@timestamp":"2024-01-01T00:01:00Z","event":{"start":"2024-01-01T00:00:00.500Z","end":"2024-01-01T00:00:02.000Z","duration":1500000000,"category":["network"]},"source":{"address":"10.0.0.1","ip":"10.0.0.1","port":40000,"bytes":600,"packets":5},"destination":{"ip":"192.0.2.1","port":443,"bytes":4000,"packets":4},"network":{"transport":"tcp","bytes":4600},"suricata":{"eve":{"flow_id":7,"event_type":"flow","flow":{"state":"closed","age":2},"tcp":{"tcp_flags_ts":"1b","tcp_flags_tc":"1b"}}}}"#;

/// The same flow with names that have dots, as tables and searches have them.
const FLATTENED: &str = r#"{"timestamp":"2024-01-01T00:01:00.000000+0000","flow_id":"7","event_type":"flow","src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.1","dest_port":"443","proto":"TCP","flow.pkts_toserver":5,"flow.pkts_toclient":4,"flow.bytes_toserver":"600","flow.bytes_toclient":4e3,"flow.start":"2024-01-01T00:00:00.500000+0000","flow.end":"2024-01-01T00:00:02.000000+0000","tcp.tcp_flags_ts":"1b","tcp.tcp_flags_tc":"1b"}"#;

#[test]
fn a_flow_without_its_start_is_one_of_unknown_duration() {
    let without_start = FLOW.replace(r#""start":"2024-01-01T00:00:00.500000+0000","#, "");
    let flow = &read(&without_start).0.connections[0];
    assert_eq!((flow.start_us, flow.duration_us), (START + 2_000_000, None));
    let without_times = without_start.replace(r#","end":"2024-01-01T00:00:02.000000+0000""#, "");
    let flow = &read(&without_times).0.connections[0];
    assert_eq!((flow.start_us, flow.duration_us), (START + 60_000_000, None));
    let with_zone = FLOW.replace("10.0.0.1", "fe80::1%eth0").replace("192.0.2.1", "fe80::2%eth0");
    assert_eq!(read(&with_zone).0.connections[0].originator.0.to_string(), "fe80::1");
}

#[test]
fn events_are_read_in_whatever_is_around_them() {
    let text = serde_json::to_string(FLOW).unwrap();
    let expected = read(FLOW).0.connections;
    for line in [
        format!(r#"{{"_index":"x","_source":{FLOW}}}"#),
        format!(r#"{{"firewall_name":"fw","event_timestamp":"1704067260","event":{FLOW}}}"#),
        format!(r#"{{"@timestamp":"2024-01-01T00:02:00Z","agent":{{"type":"filebeat"}},"message":{text}}}"#),
        format!(r#"{{"@timestamp":"2024-01-01T00:02:00Z","event":{{"original":{text}}},"suricata":{{}}}}"#),
        format!(r#"{{"log":{text},"stream":"stdout"}}"#),
        format!(r#"{{"preview":false,"result":{{"event_type":"flow","src_port":"40000","_raw":{text}}}}}"#),
        format!("Jan  1 00:01:00 sensor suricata[7]: {FLOW}"),
        // All values as texts, as Wazuh has them.
        format!(r#"{{"timestamp":"2024-01-01T00:02:00.000+0000","data":{}}}"#, FLOW.replace(":7,", ":\"7\",").replace("40000", "\"40000\"").replace(":600,", ":\"600\",")),
        // Elastic Common Schema.
        format!(
            r#"{{"@timestamp":"2024-01-01T00:01:00Z","source":{{"ip":"10.0.0.1","port":40000}},"destination":{{"ip":"192.0.2.1","port":443}},"network":{{"transport":"tcp"}},"suricata":{{"eve":{}}}}}"#,
            FLOW.replace(r#""src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","#, "")
        ),
        FILEBEAT.to_owned(),
        FLATTENED.to_owned(),
        format!(r#"{{"preview":false,"result":{FLATTENED}}}"#),
        format!(r#"{{"_index":"x","_source":{FLATTENED}}}"#),
    ] {
        assert!(is_recognised(&line), "{line}");
        let (taken, account) = read(&line);
        assert_eq!(account.stats.gaps(), 0, "{line}");
        assert_eq!(taken.connections, expected, "{line}");
    }
}

#[test]
fn names_and_flows_may_be_in_several_files_in_any_order() {
    for files in [[TLS, FLOW], [FLOW, TLS]] {
        let (taken, _, rest) = read_files(&files);
        assert_eq!((taken.connections.len(), taken.names()), (1, vec!["c2.example".to_owned()]));
        assert_eq!(rest.totals.used, 0, "the flow is known");
    }
}

#[test]
fn a_name_is_never_that_of_another_flow() {
    let other = TLS.replace("40000", "40004").replace("192.0.2.1", "192.0.2.14");
    for id in ["\"flow_id\":7,", "", "\"flow_id\":1.234567890123457e18,", "\"flow_id\":null,"] {
        let (flow, tls) = (FLOW.replace("\"flow_id\":7,", id), other.replace("\"flow_id\":7,", id));
        assert_eq!(read(&lines(&[&tls, &flow])).0.names()[0], "-", "{id}");
        // Its own name is found by its ends and its time.
        let own = TLS.replace("\"flow_id\":7,", id);
        assert_eq!(read(&lines(&[&own, &flow])).0.names()[0], "c2.example", "{id}");
    }
    // Two flows whose numbers were rounded to the same one.
    let (flow, tls) =
        (FLOW.replace(":7,", ":1234567890123456800,"), other.replace(":7,", ":1234567890123456800,"));
    assert_eq!(read(&lines(&[&tls, &flow])).0.names()[0], "-");
}

#[test]
fn every_version_of_dns_names_the_flows_of_its_client() {
    let event = |ends: &str, dns: &str| {
        format!(
            r#"{{"timestamp":"2024-01-01T00:00:00.000000+0000","event_type":"dns",{ends},"proto":"UDP","dns":{dns}}}"#
        )
    };
    let from_server = r#""src_ip":"10.0.0.53","src_port":53,"dest_ip":"10.0.0.1","dest_port":999"#;
    let from_client = r#""src_ip":"10.0.0.1","src_port":999,"dest_ip":"10.0.0.53","dest_port":53"#;
    let odd_port = r#""src_ip":"10.0.0.1","src_port":999,"dest_ip":"10.0.0.53","dest_port":5353"#;
    for dns in [
        event(
            from_server,
            r#"{"type":"answer","id":1,"rrname":"a.example","rrtype":"A","ttl":60,"rdata":"192.0.2.1"}"#,
        ),
        event(
            from_server,
            r#"{"version":2,"type":"answer","rrname":"a.example","answers":[{"rrname":"b.example","rrtype":"A","rdata":"192.0.2.1"}]}"#,
        ),
        event(
            from_client,
            r#"{"version":2,"type":"answer","rrname":"a.example","grouped":{"A":["192.0.2.1"]}}"#,
        ),
        event(
            from_client,
            r#"{"version":3,"type":"response","queries":[{"rrname":"a.example","rrtype":"A"}],"answers":[{"rrname":"a.example","rrtype":"A","rdata":"192.0.2.1"}]}"#,
        ),
        event(
            odd_port,
            r#"{"version":3,"type":"response","queries":[{"rrname":"a.example","rrtype":"A"}],"grouped":{"A":["192.0.2.1"]}}"#,
        ),
    ] {
        assert_eq!(read(&lines(&[&dns, FLOW])).0.names(), ["a.example"], "{dns}");
    }
}

#[test]
fn a_question_and_its_answer_are_one_query() {
    let event = |second: u32, dns: &str| {
        format!(
            r#"{{"timestamp":"2024-01-01T00:00:0{second}.000000+0000","flow_id":5,"event_type":"dns","src_ip":"10.0.0.1","src_port":999,"dest_ip":"10.0.0.53","dest_port":53,"proto":"UDP","dns":{dns}}}"#
        )
    };
    let asked = event(0, r#"{"version":2,"type":"query","id":7,"rrname":"A.Example","rrtype":"A"}"#);
    let answered = event(
        1,
        r#"{"version":2,"type":"answer","id":7,"rrname":"a.example","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"a.example","rrtype":"A","rdata":"192.0.2.1"}],"grouped":{"A":["192.0.2.1"]}}"#,
    );
    let unanswered = event(
        2,
        r#"{"version":3,"type":"request","id":8,"queries":[{"rrname":"b.example","rrtype":"TXT"}]}"#,
    );
    let (taken, account) = read(&lines(&[&asked, &answered, &unanswered]));
    assert_eq!((taken.questions.len(), account.stats.used, taken.connections.len()), (2, 3, 0));
    let (first, second) = (&taken.questions[0], &taken.questions[1]);
    assert_eq!((first.asked_us, first.rtt_us, first.client.1), (START, Some(1_000_000), 999));
    assert_eq!((first.query.name.as_str(), first.query.answers.as_deref()), ("a.example", Some("192.0.2.1")));
    assert_eq!(first.query.response_code.as_deref(), Some("NOERROR"));
    assert_eq!(
        (second.query.query_type.as_deref(), second.query.response_code.as_deref()),
        (Some("TXT"), None)
    );
}

#[test]
fn quic_http_and_http2_name_their_flows_too() {
    for (kind, about) in [
        ("quic", r#""quic":{"version":"1","sni":"c2.example"}"#),
        ("http", r#""http":{"hostname":"c2.example","url":"/"}"#),
        (
            "http",
            r#""http":{"version":"2","request_headers":[{"name":":method","value":"GET"},{"name":":authority","value":"c2.example"}]}"#,
        ),
        ("alert", r#""alert":{"signature_id":1},"tls":{"sni":"c2.example"}"#),
    ] {
        let event = TLS
            .replace("\"event_type\":\"tls\"", &format!("\"event_type\":\"{kind}\""))
            .replace(r#""tls":{"sni":"c2.example"}"#, about);
        assert_eq!(read(&lines(&[&event, FLOW])).0.names(), ["c2.example"], "{event}");
    }
}

const TO_SERVER: &str = r#"{"timestamp":"2024-01-01T00:01:00.000000+0000","flow_id":7,"event_type":"netflow","src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","netflow":{"pkts":5,"bytes":600,"start":"2024-01-01T00:00:00.500000+0000","end":"2024-01-01T00:00:02.000000+0000","age":2},"tcp":{"tcp_flags":"1b"}}"#;
const TO_CLIENT: &str = r#"{"timestamp":"2024-01-01T00:01:00.000000+0000","flow_id":7,"event_type":"netflow","src_ip":"192.0.2.1","src_port":443,"dest_ip":"10.0.0.1","dest_port":40000,"proto":"TCP","netflow":{"pkts":4,"bytes":4000,"start":"2024-01-01T00:00:00.500000+0000","end":"2024-01-01T00:00:02.000000+0000","age":2},"tcp":{"tcp_flags":"1b"}}"#;

#[test]
fn both_directions_of_a_netflow_are_one_connection() {
    let expected = read(FLOW).0.connections;
    let (taken, account) = read(&lines(&[TO_SERVER, TO_CLIENT]));
    assert_eq!((&taken.connections, account.stats.used), (&expected, 2));
    let without_id = |event: &str| event.replace("\"flow_id\":7,", "");
    let (taken, _) = read(&lines(&[&without_id(TO_SERVER), &without_id(TO_CLIENT)]));
    assert_eq!(taken.connections[0].counters, expected[0].counters);
    // In an export that is sorted from new to old, the ports tell who opened it.
    let newer = TO_CLIENT.replace("00:01:00", "00:09:00").replace(":7,", ":8,").replace("443", "444");
    let (taken, _) = read(&lines(&[&newer, TO_CLIENT, TO_SERVER]));
    assert_eq!(taken.connections[0], expected[0]);
}

#[test]
fn of_one_direction_nothing_is_known_of_the_other() {
    let (taken, _) = read(&lines(&[&TO_SERVER.replace("1b", "02")]));
    let flow = &taken.connections[0];
    assert_eq!((flow.counters.bytes_sent, flow.counters.bytes_received), (Some(600), None));
    assert_eq!(flow.course, StateHistory::ATTEMPT);
}

#[test]
fn without_flow_events_the_others_tell_what_they_can() {
    let alert = r#"{"timestamp":"2024-01-01T00:00:03.000000+0000","flow_id":9,"event_type":"alert","src_ip":"192.0.2.1","src_port":443,"dest_ip":"10.0.0.1","dest_port":40009,"proto":"TCP","alert":{"signature_id":1},"flow":{"pkts_toserver":3,"pkts_toclient":2,"bytes_toserver":300,"bytes_toclient":400,"start":"2024-01-01T00:00:00.500000+0000"}}"#;
    let stats = r#"{"timestamp":"2024-01-01T00:00:03.000000+0000","event_type":"stats","stats":{}}"#;
    let (taken, accounts, rest) = read_files(&[&lines(&[alert, TLS, stats])]);
    assert_eq!((taken.connections.len(), rest.totals.used), (2, 2));
    let flow = &taken.connections[0];
    // The alert's packet came from the server.
    assert_eq!((flow.originator.1, flow.responder.1), (40_009, 443));
    assert_eq!((flow.start_us, flow.end_us()), (START + 500_000, START + 3_000_000));
    assert_eq!((flow.counters.bytes_sent, flow.course.has_ended), (Some(300), false));
    let tls = &taken.connections[1];
    assert_eq!((tls.protocol, tls.course.last), (Protocol::Tcp, Some(TcpState::Established)));
    assert_eq!((tls.counters.bytes_sent, tls.duration_us), (None, None));
    let unused = &accounts[0].stats.unused;
    assert_eq!((unused[0].reason, unused[0].kind.as_str()), (UnusedReason::NoConnection, "stats event"));
}

#[test]
fn times_are_read_as_suricata_and_exporters_write_them() {
    for (zone, is_known) in [("+0000", true), ("Z", true), ("+00:00", true), ("", false)] {
        let (taken, _, rest) = read_files(&[&FLOW.replace("+0000", zone)]);
        assert_eq!(taken.connections[0].start_us, START + 500_000, "{zone}");
        assert_eq!(rest.without_zone, u64::from(!is_known), "{zone}");
    }
    let local = FLOW.replace("T00:00:00.500000+0000", "T05:30:00.500000+0530");
    assert_eq!(read(&local).0.connections[0].start_us, START + 500_000);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, at in 0..TO_SERVER.len(), byte: u8) {
        let read = |bytes: &[u8]| {
            let (mut taken, mut events) = (Collected::default(), Events::default());
            events.read(bytes, crate::Error::io("read", "x"), &mut taken).unwrap();
            events.finish(&mut taken).unwrap();
        };
        read(&bytes);
        for event in [FLOW, TLS, TO_SERVER] {
            let mut changed = event.as_bytes().to_vec();
            let at = at % changed.len();
            changed[at] = byte;
            read(&changed);
        }
    }
}

/// What is known of the payload of each connection: protocol, JA3, JA4, subject, issuer; `-` where there is none.
fn payloads(text: &str) -> Vec<String> {
    let (Collected { connections, mut names, .. }, _) = read(text);
    let text = |connection: &FlowRecord| {
        let key = names.key(&connection.uid, connection.start_us, connection.end_us());
        let ends = (connection.originator, connection.responder);
        let found = names.application(connection.application.clone(), &key, ends, connection.protocol);
        let found = found.as_deref().cloned().unwrap_or_default();
        let protocol = found.protocol.map(String::from);
        let parts = [protocol, found.ja3, found.ja4, found.tls_subject, found.tls_issuer];
        parts.map(|part| part.unwrap_or_else(|| "-".to_owned())).join("|")
    };
    connections.iter().map(text).collect()
}

#[test]
fn the_protocol_of_a_flow_and_what_its_greeting_says_are_taken_in_any_order() {
    let greeting = TLS.replace(
        r#""sni":"c2.example""#,
        r#""subject":"C=US, CN=localhost","issuerdn":"C=US, CN=localhost","ja3":{"hash":"DE350869b8c85de67a350c8d186f11e6"},"ja4":"t13d1516h2_8daaf6152771_e5627efa2ab1""#,
    );
    let flow = FLOW.replace(r#""proto":"TCP","#, r#""proto":"TCP","app_proto":"tls","#);
    let expected = "tls|de350869b8c85de67a350c8d186f11e6|t13d1516h2_8daaf6152771_e5627efa2ab1|C=US, CN=localhost|C=US, CN=localhost";
    assert_eq!(payloads(&format!("{greeting}\n{flow}\n")), [expected]);
    assert_eq!(payloads(&format!("{flow}\n{greeting}\n")), [expected]);
    // Without a flow event, and without anything that names the protocol but the event itself.
    assert_eq!(payloads(&greeting), [expected]);
}

#[test]
fn what_suricata_looked_at_in_vain_is_unknown_and_what_it_says_nothing_of_is_not() {
    let flow = |protocol: &str| FLOW.replace(r#""proto":"TCP","#, &format!(r#""proto":"TCP",{protocol}"#));
    assert_eq!(payloads(&flow(r#""app_proto":"failed","#)), ["unknown|-|-|-|-"]);
    assert_eq!(payloads(&flow(r#""app_proto":"krb5","#)), ["krb|-|-|-|-"]);
    let called = |event: &str, facts: &str| {
        let event = event.replace(r#""tls":{"sni":"c2.example"}"#, facts);
        payloads(&lines(&[&event, &FLOW.replace(r#""proto":"TCP","#, r#""proto":"TCP","app_proto":"smb","#)]))
    };
    let svcctl = r#"[{"uuid":"367abb81-9844-35f1-ad32-98f038001003","version":"2.0"}]"#;
    // Events of transactions do not say the protocol of their flow.
    let event = |kind: &str| TLS.replace(r#""event_type":"tls""#, &format!(r#""event_type":"{kind}""#));
    let (smb, rpc) = (event("smb"), event("dcerpc"));
    assert_eq!(called(&smb, &format!(r#""smb":{{"dcerpc":{{"interfaces":{svcctl}}}}}"#)), ["svcctl|-|-|-|-"]);
    assert_eq!(called(&rpc, &format!(r#""dcerpc":{{"interfaces":{svcctl}}}"#)), ["svcctl|-|-|-|-"]);
    // The operation is told later, by its number.
    let drsuapi = r#"[{"uuid":"e3514235-4b06-11d1-ab04-00c04fc2dcd2","version":"4.0"}]"#;
    let binds =
        rpc.replace(r#""tls":{"sni":"c2.example"}"#, &format!(r#""dcerpc":{{"interfaces":{drsuapi}}}"#));
    let asks = |number: u32| {
        let event = rpc
            .replace(r#""tls":{"sni":"c2.example"}"#, &format!(r#""dcerpc":{{"req":{{"opnum":{number}}}}}"#));
        payloads(&lines(&[&binds, &event, FLOW]))
    };
    assert_eq!(asks(0), ["drsuapi|-|-|-|-"]);
    assert_eq!(asks(3), ["drsuapi_replication|-|-|-|-"]);
    assert_eq!(called(&smb, r#""smb":{"filename":"\\PSEXESVC"}"#), ["psexec|-|-|-|-"]);
    assert_eq!(called(&smb, r#""smb":{"filename":"a.docx"}"#), ["smb|-|-|-|-"]);
    assert_eq!(payloads(&flow(r#""app_proto":"\u001b[31m","#)), ["-|-|-|-|-"]);
    assert_eq!(payloads(FLOW), ["-|-|-|-|-"]);
}
