use super::event::{Event, Kind, join};
use crate::capture::{Protocol, TcpState};
use crate::import::log::StateHistory;
use crate::import::{Begin, names::Names};

const FLOW: &str = r#"{"@timestamp":"2023-11-14T22:13:22Z","type":"flow","flow":{"id":"EAT/","final":true},"event":{"dataset":"flow","kind":"event","category":["network"],"start":"2023-11-14T22:13:20.250Z","end":"2023-11-14T22:13:21.750Z","duration":1500000000},"source":{"ip":"10.0.0.5","port":40000,"bytes":1037,"packets":10},"destination":{"ip":"192.0.2.10","port":443,"bytes":4720,"packets":12},"network":{"transport":"tcp","type":"ipv4"}}"#;

/// 2023-11-14T22:13:20.250 in µs.
const START: i64 = 1_700_000_000_250_000;

fn event(line: &str) -> Event {
    Event::parse(line.as_bytes()).unwrap()
}

#[test]
fn a_flow_is_read_however_the_export_wraps_it() {
    let expected = event(FLOW).connection().unwrap();
    assert_eq!((expected.start_us, expected.duration_us), (START, Some(1_500_000)));
    assert_eq!(
        (expected.originator.1, expected.responder.1, expected.protocol),
        (40_000, 443, Protocol::Tcp)
    );
    let counts = expected.counters;
    assert_eq!((counts.bytes_sent, counts.bytes_received), (Some(1037), Some(4720)));
    assert_eq!((counts.packets_sent, counts.packets_received), (Some(10), Some(12)));
    let dotted = r#""event.dataset":["flow"],"flow.id":["EAT/"],"flow.final":[true],"event.start":["2023-11-14T22:13:20.250Z"],"event.end":["2023-11-14T22:13:21.750Z"],"source.ip":["10.0.0.5"],"source.port":[40000],"source.bytes":[1037],"source.packets":[10],"destination.ip":["192.0.2.10"],"destination.port":["443"],"destination.bytes":[4720],"destination.packets":[12],"network.transport":["tcp"]"#;
    for line in [
        format!(r#"{{"_index":"packetbeat","_source":{FLOW}}}"#),
        format!(r#"{{"_index":"packetbeat","fields":{{{dotted}}}}}"#),
        format!("{{{dotted}}}"),
        FLOW.replace("1037", "\"1037\"").replace("40000", "4e4").replace("\"tcp\"", "\"TCP\""),
        FLOW.replace(r#""transport":"tcp""#, r#""iana_number":"6""#),
    ] {
        assert_eq!(event(&line).kind(), Kind::Connection, "{line}");
        assert_eq!(event(&line).connection().unwrap(), expected, "{line}");
    }
}

#[test]
fn the_process_of_a_connection_is_its_owner_unless_it_has_accepted() {
    let line = FLOW.replace(
        r#""type":"flow""#,
        r#""process":{"pid":77,"name":"curl","executable":"/usr/bin/curl","args":["curl","a.example"],"parent":{"pid":5,"name":"sh"}},"user":{"id":"1000","name":"me"}"#,
    );
    let owner = event(&line).owner().unwrap();
    assert_eq!((owner.pid, owner.ppid, owner.uid), (Some(77), Some(5), Some(1000)));
    assert_eq!(
        (owner.process_name.as_deref(), owner.cmdline.as_deref()),
        (Some("curl"), Some("curl a.example"))
    );
    assert_eq!((owner.exe.as_deref(), owner.username.as_deref()), (Some("/usr/bin/curl"), Some("me")));
    assert!(!event(&line).is_accepted());
    assert!(event(&line.replace(r#""type":"ipv4""#, r#""direction":"ingress""#)).is_accepted());
    assert_eq!(event(FLOW).owner(), None);
}

#[test]
fn of_several_reports_the_last_counts() {
    let early = FLOW.replace("true", "false").replace("21.750", "20.750").replace("1037", "500");
    let (early, late) = (event(&early).connection().unwrap(), event(FLOW).connection().unwrap());
    assert!(!early.course.has_ended && late.course.has_ended);
    for (first, second) in [(&early, &late), (&late, &early)] {
        let mut known = first.clone();
        join(&mut known, second);
        assert_eq!(known, late);
    }
}

#[test]
fn zeeks_words_and_other_protocols_are_kept() {
    let zeek = FLOW.replace(
        r#""flow":{"id":"EAT/","final":true}"#,
        r#""zeek":{"session_id":"C1","connection":{"state":"S0","history":"S"}}"#,
    );
    let connection = event(&zeek).connection().unwrap();
    assert_eq!((connection.uid.as_slice(), connection.course), (b"C1".as_slice(), StateHistory::ATTEMPT));
    let icmp =
        FLOW.replace(r#""transport":"tcp""#, r#""transport":"ipv6-icmp""#).replace(r#""port":40000,"#, "");
    let connection = event(&icmp).connection().unwrap();
    assert_eq!((connection.protocol, connection.originator.1), (Protocol::Icmp, 0));
    let attempt = FLOW.replace(
        r#""dataset":"flow""#,
        r#""dataset":"endpoint.events.network","action":"connection_attempted""#,
    );
    assert_eq!(event(&attempt).connection().unwrap().course.last, Some(TcpState::Established));
}

#[test]
fn other_events_name_remotes_and_are_no_connections() {
    let dns = FLOW
        .replace(
            r#""flow":{"id":"EAT/","final":true}"#,
            r#""dns":{"question":{"name":"A.example."},"resolved_ip":["192.0.2.10"]}"#,
        )
        .replace(r#""dataset":"flow""#, r#""dataset":"dns""#);
    assert_eq!(event(&dns).kind(), Kind::Other("dns event".to_owned()));
    let mut names = Names::default();
    event(&dns).note_names(&mut names);
    let flow = event(FLOW).connection().unwrap();
    let key = names.key(&flow.uid, flow.start_us, flow.end_us());
    assert_eq!(names.find(&key, flow.originator, flow.responder).as_deref(), Some("a.example"));
    let tls = FLOW.replace(r#""type":"flow""#, r#""tls":{"client":{"server_name":"b.example"}}"#);
    event(&tls).note_names(&mut names);
    assert_eq!(names.find(&key, flow.originator, flow.responder).as_deref(), Some("b.example"));
}

#[test]
fn only_events_of_this_schema_are_recognised() {
    let is_recognised = |line: &str| {
        let mut begin = Begin::default();
        begin.text = line.as_bytes().to_vec();
        super::recognises(&begin)
    };
    assert!(is_recognised(FLOW));
    for other in [
        r#"{"ts":1700000000.25,"id.orig_h":"10.0.0.5","id.resp_h":"192.0.2.10"}"#.to_owned(),
        FLOW.replace(r#""type":"flow""#, r#""message":"{\"ts\":1}""#),
        FLOW.replace(r#""type":"flow""#, r#""suricata":{"eve":{"event_type":"flow"}}"#),
        FLOW.replace(r#""type":"flow""#, r#""winlog":{"provider_name":"Microsoft-Windows-Sysmon"}"#),
        FLOW.replace(r#""ip":"10.0.0.5","#, ""),
        "[]".to_owned(),
    ] {
        assert!(!is_recognised(&other), "{other}");
    }
}

#[test]
fn security_onion_has_zeeks_state_and_duration_in_seconds() {
    let line = r#"{"@timestamp":"2023-11-14T22:13:20.250Z","event":{"dataset":"zeek.conn","module":"zeek","duration":1.5},"source":{"ip":"10.0.0.5","port":40000},"destination":{"ip":"192.0.2.10","port":443},"client":{"bytes":517,"packets":10},"server":{"bytes":4096,"packets":12},"network":{"transport":"tcp","protocol":"ssl"},"connection":{"state":"S1","history":"ShADad"},"log":{"id":{"uid":"CHhAvVGS1DHFjwGM9"}}}"#;
    let connection = event(line).connection().unwrap();
    assert_eq!((connection.start_us, connection.duration_us), (START, Some(1_500_000)));
    assert_eq!(connection.course.last, Some(TcpState::Established));
    assert_eq!((connection.counters.bytes_sent, connection.counters.packets_received), (Some(517), Some(12)));
    let protocol =
        |line: &str| event(line).connection().unwrap().application.and_then(|known| known.protocol.clone());
    assert_eq!(protocol(line).as_deref(), Some("tls"));
    assert_eq!(protocol(&line.replace("\"ssl\"", "\"tcp\"")), None);
    assert_eq!(event(&line.replace("1.5", "\"2e-1\"")).connection().unwrap().duration_us, Some(200_000));
}
