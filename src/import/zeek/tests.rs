use proptest::prelude::*;

use super::reader::{LogReader, Remarks, recognises};
use crate::capture::{TcpState, UnusedReason};
use crate::import::decompress::Decompressed;
use crate::import::log::FlowRecord;
use crate::import::testing::Collected;
use crate::import::{Begin, FileReport};

const HEADER: &str = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\n";

fn read_file(name: &str, log: &[u8]) -> (Collected, FileReport, Remarks) {
    let (mut taken, mut remarks) = (Collected::default(), Remarks::default());
    let error = crate::Error::io("read", name);
    let (account, _) = LogReader::new(name, &mut remarks).read(log, error, &mut taken).unwrap();
    (taken, account, remarks)
}

fn read(log: &str) -> (Collected, FileReport) {
    let (taken, account, _) = read_file("conn.log", log.as_bytes());
    (taken, account)
}

fn is_recognised(log: &str) -> bool {
    recognises(&Begin::read(&mut Decompressed::new(log.as_bytes()), 0))
}

/// Records that were not used: reason, kind, number, and where the first is.
fn unused(account: &FileReport) -> Vec<(UnusedReason, &str, u64, &str)> {
    let mut list = Vec::new();
    for unused in &account.stats.unused {
        let at = unused.example.as_ref().unwrap().at.as_str();
        list.push((unused.reason, unused.kind.as_str(), unused.count, at));
    }
    list
}

/// `{"ts":1700000000.25,"uid":"C1",…}` with more fields after the usual ones.
fn json(uid: &str, more: &str) -> String {
    format!(
        r#"{{"ts":1700000000.25,"uid":"{uid}","id.orig_h":"10.0.0.1","id.orig_p":40000,"id.resp_h":"192.0.2.1","id.resp_p":443,{more}}}"#
    ) + "\n"
}

const CONN: &str = r#""proto":"tcp","duration":1.5,"conn_state":"SF","history":"ShADadFf""#;

#[test]
fn a_line_that_is_cut_short_is_not_trusted() {
    let log = format!(
        "{HEADER}1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t0.5\t100\n1.0\tC2\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t0.5\t12"
    );
    let (taken, account) = read(&log);
    assert_eq!((taken.connections.len(), account.is_cut_short), (1, true));
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_first_is_named() {
    let log = format!(
        "{HEADER}rubbish\n1.0\tC1\t-\t1\t10.0.0.2\t2\ttcp\t-\t-\n1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t-\t-\n1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t0\ticmp\t-\t-\n"
    );
    let (taken, account) = read(&log);
    assert_eq!(taken.connections.len(), 2);
    let expected = [
        (UnusedReason::Unreadable, "unreadable line", 1, "line 4"),
        (UnusedReason::Unsupported, "connection record without id.orig_h", 1, "line 5"),
    ];
    assert_eq!(unused(&account), expected);
}

#[test]
fn all_notations_give_the_same_connection() {
    let names = "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,duration,orig_bytes";
    let tsv = format!("{HEADER}1700000000.123456\tC1\t10.0.0.1\t1\t2001:db8::1\t2\tudp\t0.5\t100\n");
    let expected = read(&tsv).0.connections;
    assert_eq!(expected.len(), 1);
    for log in [
        r#"{"ts":1700000000.123456,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id_resp_h":"2001:db8::1","id_resp_p":2,"proto":"udp","duration":0.5,"orig_bytes":100}"#.to_owned(),
        // Brim and Zed: nested names, intervals with units.
        r#"{"_path":"conn","ts":"2023-11-14T22:13:20.123456Z","uid":"C1","id":{"orig_h":"10.0.0.1","orig_p":1,"resp_h":"2001:db8::1","resp_p":2},"proto":"udp","duration":"500ms","orig_bytes":100}"#.to_owned(),
        // JSON::TS_MILLIS, with the fraction that it has.
        r#"{"ts":1700000000123.456,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"2001:db8::1","id.resp_p":2,"proto":"udp","duration":0.5,"orig_bytes":100}"#.to_owned(),
        // Wrapped by a shipper.
        r#"{"@timestamp":"2023-11-14T22:14:00Z","message":"{\"ts\":1700000000.123456,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":1,\"id.resp_h\":\"2001:db8::1\",\"id.resp_p\":2,\"proto\":\"udp\",\"duration\":5e-1,\"orig_bytes\":100}"}"#.to_owned(),
        r#"{"@timestamp":"2023-11-14T22:13:20.123456Z","_path":"conn","uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"2001:db8::1","id.resp_p":2,"proto":"udp","duration":0.5,"orig_bytes":100}"#.to_owned(),
        r#"{"@timestamp":"2026-01-01T00:00:00Z","ts":1700000000.123456,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"2001:db8::1","id.resp_p":2,"proto":"udp","duration":0.5,"orig_bytes":100}"#.to_owned(),
        r#"{"conn":{"ts":1700000000.123456,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"2001:db8::1","id.resp_p":2,"proto":"udp","duration":0.5,"orig_bytes":100}}"#.to_owned(),
        format!("{names}\n1700000000.123456,C1,10.0.0.1,1,2001:db8::1,2,udp,0.5,100\n"),
        // pandas: an index, floats, quotes.
        format!(",{names}\n0,2023-11-14 22:13:20.123456+00:00,\"C1\",10.0.0.1,1.0,2001:db8::1,2.0,udp,0 days 00:00:00.5,100.0\n"),
        format!("{}\n2023-11-14T22:13:20.123456Z;C1;10.0.0.1;1;2001:db8::1;2;udp;500ms;100\n", names.replace(',', ";")),
        format!("#separator ,\n#path,conn\n#fields,{names}\n1700000000.123456,C1,10.0.0.1,1,2001:db8::1,2,udp,0.5,100\n"),
    ] {
        assert!(is_recognised(&log), "{log}");
        let (taken, account) = read(&format!("{log}\n"));
        assert_eq!(taken.connections, expected, "{log}");
        assert_eq!(account.stats.gaps(), 0, "{log}");
    }
}

#[test]
fn milliseconds_are_told_from_seconds() {
    for ts in ["1700000000250.0", "1700000000250", "\"2023-11-14T22:13:20.250000Z\"", "1.70000000025e9"] {
        let log = json("C1", CONN).replace("1700000000.25", ts);
        let (taken, account) = read(&log);
        assert_eq!((taken.connections.len(), account.stats.gaps()), (1, 0), "{ts}");
        assert_eq!(taken.connections[0].start_us, 1_700_000_000_250_000, "{ts}");
    }
}

#[test]
fn one_stream_may_hold_all_logs_in_any_order() {
    let records = [
        json("C1", &format!(r#"{CONN},"_path":"conn""#)),
        json("C1", r#""server_name":"a.example","_path":"ssl""#),
        json("C2", &format!(r#""_path":"conn",{CONN}"#)).replace("192.0.2.1", "192.0.2.2"),
        json("C9", r#""_path":"dns","proto":"udp","query":"b.example","answers":["192.0.2.2"]"#),
        json("C9", r#""proto":"tcp","note":"SSL::Invalid_Server_Cert","msg":"bad""#),
        json("F1", r#""_path":"files","fuid":"F1","tx_hosts":["192.0.2.1"]"#),
    ];
    let (forward, account) = read(&records.concat());
    assert_eq!(forward.names(), ["a.example", "b.example"]);
    assert_eq!((account.stats.used, account.stats.gaps()), (3, 0));
    let query = &forward.questions[0].query;
    assert_eq!((query.name.as_str(), query.answers.as_deref()), ("b.example", Some("192.0.2.2")));
    let kinds: Vec<_> = unused(&account).into_iter().map(|(_, kind, ..)| kind).collect();
    assert_eq!(
        kinds,
        [
            "TLS record, read for its server name",
            "record of a log without connections",
            "files record, not used"
        ]
    );
    let reverse: String = records.iter().rev().map(String::as_str).collect();
    assert_eq!(read(&reverse).0.names(), ["b.example", "a.example"]);
}

#[test]
fn fields_and_logs_may_change_in_the_middle_of_a_file() {
    let ssl = "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tserver_name\n1.0\tC1\ta.example\n";
    let changed = "#fields\tuid\tts\tproto\tid.resp_p\tid.resp_h\tid.orig_p\tid.orig_h\nC2\t2.0\ttcp\t2\t10.0.0.2\t1\t10.0.0.1\n";
    let log =
        format!("{HEADER}1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t0.5\t100\n{changed}#close\t2023\n{ssl}");
    let (taken, account) = read(&log);
    assert_eq!((taken.connections.len(), account.stats.gaps()), (2, 0));
    assert_eq!((taken.connections[1].responder.1, taken.connections[1].start_us), (2, 2_000_000));
    assert_eq!(taken.names(), ["a.example", "-"]);
}

#[test]
fn connections_that_go_on_are_not_closed() {
    let tsv = format!("{HEADER}1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t0.5\t100\n");
    for log in [
        tsv.replace("#path\tconn", "#path\tconn_long"),
        tsv.replace("#path\tconn", "#path\topen_conn"),
        json("C1", &format!(r#"{CONN},"_path":"conn_long""#)),
    ] {
        let (taken, account) = read(&log);
        assert_eq!((taken.connections.len(), account.stats.gaps()), (1, 0), "{log}");
        assert!(!taken.connections[0].course.has_ended, "{log}");
    }
    let native = json("C1", CONN);
    let (taken, ..) = read_file("conn_long.10:00:00-11:00:00.log.gz", native.as_bytes());
    assert_eq!(taken.connections[0].course.last, Some(TcpState::Established));
    assert!(!taken.connections[0].course.has_ended);
    assert!(read(&native).0.connections[0].course.has_ended);
}

#[test]
fn rotation_may_leave_its_date_in_the_name_of_a_log() {
    let log = json("C1", &format!(r#"{CONN},"_path":"conn.2026-08-14-16-08-44""#))
        + &json(
            "C9",
            r#""_path":"dns.2026-08-14-16-08-44","proto":"udp","query":"a.example","answers":["192.0.2.1"]"#,
        );
    let (taken, account) = read(&log);
    assert_eq!((taken.connections.len(), taken.questions.len(), account.stats.gaps()), (1, 1, 0));
}

#[test]
fn a_handshake_is_known_without_a_server_name_and_without_the_name_of_its_log() {
    let ja3 = "b".repeat(32);
    let log = json("C1", CONN)
        + &json("C1", &format!(r#""version":"TLSv12","cipher":"TLS_X","ja3":"{ja3}""#))
        + &json("C2", CONN)
        + &json(
            "C2",
            r#""version":"1","client_initial_dcid":"95412c47018cdfe8","client_protocol":"h3","history":"ISisH""#,
        );
    let (mut taken, account) = read(&log);
    assert_eq!((taken.connections.len(), account.stats.gaps()), (2, 0));
    assert_eq!(payloads(&mut taken), ["tls - -", "quic - -"]);
    let quic =
        "#separator \\x09\n#path\tquic\n#fields\tts\tuid\tversion\tserver_name\n1.0\tC1\t1\ta.example\n";
    let (mut taken, _) = read(&(json("C1", CONN) + quic));
    assert_eq!(
        (payloads(&mut taken), taken.names()),
        (vec!["quic - -".to_owned()], vec!["a.example".to_owned()])
    );
}

#[test]
fn the_path_of_a_share_names_its_server() {
    let mapping = "#separator \\x09\n#path\tsmb_mapping\n#fields\tts\tuid\tpath\tservice\tnative_file_system\tshare_type\n";
    let in_tsv = |path: &str| format!("{mapping}1.0\tC1\t{path}\t-\t-\tDISK\n");
    let in_json = json("C1", r#""path":"\\\\files.example\\C$","share_type":"DISK""#);
    for (log, expected) in [
        (in_tsv(r"\\\\files.example\\C$"), "files.example"),
        (in_json, "files.example"),
        (in_tsv(r"\\\\192.0.2.1\\IPC$"), "-"),
        (in_tsv("C$"), "-"),
    ] {
        let (taken, account) = read(&(json("C1", CONN) + &log));
        assert_eq!((taken.names(), account.stats.gaps()), (vec![expected.to_owned()], 0), "{log}");
    }
}

#[test]
fn the_calls_of_a_connection_name_the_interface() {
    let call = |uid: &str, endpoint: &str, operation: &str| {
        json(uid, &format!(r#""_path":"dce_rpc","endpoint":"{endpoint}","operation":"{operation}""#))
    };
    let records = [
        json("C1", &format!(r#"{CONN},"service":"gssapi,smb,dce_rpc","_path":"conn""#)),
        json("C2", &format!(r#"{CONN},"service":"dce_rpc,gssapi","_path":"conn""#)),
        json("C3", &format!(r#"{CONN},"service":"dce_rpc","_path":"conn""#)),
        call("C1", "srvsvc", "NetrShareEnum"),
        call("C1", "svcctl", "CreateServiceW"),
        call("C2", "drsuapi", "DRSGetNCChanges"),
        call("C3", "unknown-4711", "unknown-3"),
    ];
    let (mut taken, _) = read(&records.concat());
    assert_eq!(payloads(&mut taken), ["svcctl - -", "drsuapi_replication - -", "dce_rpc - -"]);
}

#[test]
fn the_log_of_a_protocol_names_it_where_the_connection_does_not() {
    let records = [
        json("C1", &format!(r#"{CONN},"_path":"conn""#)),
        json("C2", &format!(r#"{CONN},"service":"smtp","_path":"conn""#)),
        json("C1", r#""_path":"ssh","auth_success":true"#),
        json("C2", r#""_path":"rdp""#),
        json("C3", r#""_path":"weird","name":"x""#),
    ];
    let (mut taken, account) = read(&records.concat());
    assert_eq!(payloads(&mut taken), ["ssh - -", "smtp - -"]);
    let kinds: Vec<_> = unused(&account).into_iter().map(|(_, kind, ..)| kind).collect();
    assert_eq!(
        kinds,
        [
            "ssh record, read for its protocol only",
            "rdp record, read for its protocol only",
            "weird record, not used"
        ]
    );
}

#[test]
fn an_aggregate_is_not_a_connection() {
    let (taken, account) = read(&json("C1", &format!(r#"{CONN},"_path":"conn_agg""#)));
    assert_eq!(taken.connections, []);
    assert_eq!(unused(&account)[0].0, UnusedReason::Unsupported);
}

#[test]
fn a_negative_duration_is_unknown() {
    let (taken, account) = read(&format!("{HEADER}1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t-0.000012\t100\n"));
    assert_eq!((taken.connections.len(), account.stats.gaps()), (1, 0));
    assert_eq!(taken.connections[0].duration_us, None);
}

#[test]
fn zeek_cut_is_read_with_a_header_and_without() {
    let line = "2023-11-14T22:13:20+0000\tCHhAvVGS1DHFjwGM9\t10.0.0.1\t40000\t192.0.2.1\t443\ttcp\t517\tSF\n";
    let fields =
        "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\torig_bytes\tconn_state\n";
    let (with, _) = read(&format!("{fields}{line}"));
    assert_eq!(with.connections[0].counters.bytes_sent, Some(517));
    assert!(is_recognised(line));
    let (without, account, remarks) = read_file("cut.txt", line.as_bytes());
    assert_eq!((without.connections.len(), account.stats.gaps(), remarks.without_counts), (1, 0, 1));
    assert_eq!(without.connections[0].counters.bytes_sent, None);
    assert_eq!(without.connections[0].start_us, 1_700_000_000_000_000);
    let (_, _, remarks) = read_file("cut.txt", line.replace("T22:13:20+0000", " 22:13:20").as_bytes());
    assert_eq!(remarks.without_zone, 1);
}

#[test]
fn other_text_is_not_recognised() {
    for text in ["hello\nworld\n", "{\"a\":1}\n", "a,b,c\n1,2,3\n", "# a comment\ntext\n", "{\"ts\":1}\n", ""]
    {
        assert!(!is_recognised(text), "{text}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, tail in "[\\t\\n{}\":,0-9a-z.#-]{0,200}", head in 0..3) {
        let mut log = [HEADER, "ts,uid,id.orig_h,id.resp_h,proto\n", ""][head as usize].as_bytes().to_vec();
        log.extend(tail.as_bytes());
        log.extend(bytes);
        read_file("conn.log", &log);
    }
}

/// What is known of the payload of each connection: protocol, JA4, subject; `-` where there is none.
fn payloads(taken: &mut Collected) -> Vec<String> {
    let Collected { connections, names, .. } = taken;
    let text = |connection: &FlowRecord| {
        let key = names.key(&connection.uid, connection.start_us, connection.end_us());
        let ends = (connection.originator, connection.responder);
        let found = names.application(connection.application.clone(), &key, ends, connection.protocol);
        let found = found.as_deref().cloned().unwrap_or_default();
        let parts = [found.protocol.as_deref(), found.ja4.as_deref(), found.tls_subject.as_deref()];
        parts.map(|part| part.unwrap_or("-")).join(" ")
    };
    connections.iter().map(text).collect()
}

#[test]
fn services_fingerprints_and_certificates_are_taken() {
    let ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1";
    let conn = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\torig_bytes\tconn_state\n";
    let ssl =
        "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tversion\tserver_name\tsubject\tissuer\tja3\tja4\n";
    let line = |uid: &str, service: &str, bytes: &str, state: &str| {
        format!("1.0\t{uid}\t10.0.0.1\t1\t192.0.2.1\t443\ttcp\t{service}\t{bytes}\t{state}\n")
    };
    let lines = [
        line("C1", "ssl", "100", "SF"),
        line("C2", "ssl,smtp", "100", "SF"),
        line("C3", "-", "100", "SF"),
        // Nothing was sent; the beginning was not seen.
        line("C4", "-", "0", "SF"),
        line("C5", "-", "100", "OTH"),
    ];
    let log = format!(
        "{conn}{}{ssl}1.0\tC1\tTLSv12\ta.example\tCN=a\\x0aexample\tCN=ca\tnone\t{ja4}\n1.0\tC3\tDTLSv12\t-\t-\t-\t-\t-\n",
        lines.concat()
    );
    let (mut taken, _) = read(&log);
    let expected = [&format!("tls {ja4} CN=a\nexample"), "smtp - -", "dtls - -", "- - -", "- - -"];
    assert_eq!(payloads(&mut taken), expected);
    // JSON leaves out what is not set.
    let json = [
        json("C1", &format!(r#"{CONN},"service":"ssh","orig_bytes":5"#)),
        json("C2", &format!(r#"{CONN},"orig_bytes":5"#)),
    ];
    assert_eq!(payloads(&mut read(&json.concat()).0), ["ssh - -", "unknown - -"]);
}

#[test]
fn a_log_that_names_no_service_says_nothing_of_payloads() {
    let json = json("C1", &format!(r#"{CONN},"orig_bytes":5"#));
    assert_eq!(payloads(&mut read(&json).0), ["- - -"]);
}
