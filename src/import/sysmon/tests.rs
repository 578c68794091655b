use proptest::prelude::*;
use serde_json::json;

use super::*;

const DATA: [(&str, &str); 12] = [
    ("RuleName", "-"),
    ("UtcTime", "2023-11-14 22:13:20.123"),
    ("ProcessGuid", "{ab12-01}"),
    ("ProcessId", "4242"),
    ("Image", r"C:\Users\me\AppData\evil.exe"),
    ("User", r"CORP\me"),
    ("Protocol", "tcp"),
    ("Initiated", "true"),
    ("SourceIp", "10.0.0.5"),
    ("SourcePort", "50000"),
    ("DestinationIp", "192.0.2.10"),
    ("DestinationPort", "443"),
];

fn data() -> serde_json::Map<String, serde_json::Value> {
    DATA.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

fn xml_of(id: u32, data: &[(&str, &str)]) -> String {
    let data: Vec<String> = data
        .iter()
        .map(|(name, value)| format!("<Data Name='{name}'>{}</Data>", value.replace('&', "&amp;")))
        .collect();
    let data = data.concat();
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider \
         Name='Microsoft-Windows-Sysmon' Guid='{{x}}'/><EventID>{id}</EventID><TimeCreated \
         SystemTime='2023-11-14T22:13:20.2Z'/><Computer>ws1</Computer></System><EventData>{data}</EventData></Event>"
    )
}

/// The same event in every notation.
fn notations() -> Vec<String> {
    let provider = "Microsoft-Windows-Sysmon";
    let list: Vec<_> = DATA.iter().map(|(name, value)| json!({"@Name": name, "#text": value})).collect();
    let message =
        DATA.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    let mut flat = data();
    flat.insert("EventID".to_owned(), json!(3));
    flat.insert("SourceName".to_owned(), json!(provider));
    flat.insert("Hostname".to_owned(), json!("ws1"));
    let camel: serde_json::Map<_, _> = data()
        .into_iter()
        .map(|(name, value)| (name[..1].to_ascii_lowercase() + &name[1..], value))
        .collect();
    let winlogbeat = json!({"@timestamp": "2023-11-14T22:13:20.123Z", "winlog": {"provider_name": provider,
        "event_id": "3", "computer_name": "ws1", "event_data": data()}});
    let events = [
        winlogbeat.clone(),
        json!({"System": {"Provider": {"Name": provider}, "EventID": {"Value": 3}, "Computer": "ws1",
            "TimeCreated": {"SystemTime": 1_700_000_000.2}}, "EventData": data(), "Message": "Network connection detected"}),
        json!({"_index": "x", "_source": winlogbeat}),
        json!({"@timestamp": "x", "source_name": provider, "event_id": 3, "computer_name": "ws1", "event_data": data()}),
        json!({"Event": {"System": {"Provider": {"#attributes": {"Name": provider}}, "EventID": 3, "Computer": "ws1",
            "TimeCreated": {"#attributes": {"SystemTime": "2023-11-14T22:13:20.2Z"}}}, "EventData": data()}}),
        json!({"Event": {"System": {"Provider_attributes": {"Name": provider}, "Provider": null, "EventID": {"#text": 3},
            "Computer": "ws1"}, "EventData": {"Data": list.clone()}}}),
        json!({"EventId": 3, "Provider": provider, "Computer": "ws1", "TimeCreated": "2023-11-14T22:13:20.2Z",
            "Payload": json!({"EventData": {"Data": list}}).to_string()}),
        json!({"Id": 3, "ProviderName": provider, "MachineName": "ws1", "Message": format!("Network connection detected:\r\n{message}")}),
        json!({"agent": {"id": "1"}, "data": {"win": {"system": {"providerName": provider, "eventID": "3", "computer": "ws1"},
            "eventdata": camel}}}),
        json!(flat),
    ];
    events.iter().map(ToString::to_string).chain([xml_of(3, &DATA), syslog()]).collect()
}

/// As Sysmon for Linux writes it.
fn syslog() -> String {
    let xml = xml_of(3, &DATA).replace(" xmlns='http://schemas.microsoft.com/win/2004/08/events/event'", "");
    format!("Nov 14 22:13:20 ws1 sysmon: {}", xml.replace("Microsoft-Windows-Sysmon", "Linux-Sysmon"))
}

fn event(line: &str) -> Option<Event> {
    parse(line.as_bytes()).filter(event::Record::is_sysmon)?.event()
}

#[test]
fn every_notation_says_the_same() {
    let mut seen = Vec::new();
    for line in notations() {
        let Some(Event::Connection(connection)) = event(&line) else { panic!("{line}") };
        seen.push((line, *connection));
    }
    for (line, connection) in &seen {
        assert_eq!(connection, &seen[0].1, "{line}");
    }
    let connection = &seen[0].1;
    assert_eq!(connection.ts_us, 1_700_000_000_123_000);
    assert_eq!((connection.computer.as_str(), connection.owner.pid), ("ws1", Some(4242)));
    assert_eq!(connection.owner.process_name.as_deref(), Some("evil.exe"));
}

#[test]
fn fields_of_ecs_serve_where_the_data_were_removed() {
    let line = json!({"@timestamp": "2023-11-14T22:13:20.123Z",
        "winlog": {"provider_name": "Microsoft-Windows-Sysmon", "event_id": 3, "computer_name": "ws1"},
        "source": {"ip": "192.0.2.10", "port": 50000}, "destination": {"ip": "10.0.0.5", "port": 3389},
        "network": {"transport": "tcp", "direction": "ingress"}, "process": {"pid": 7, "executable": "C:\\a.exe"}});
    let Some(Event::Connection(connection)) = event(&line.to_string()) else { panic!("{line}") };
    assert!(!connection.is_initiator);
    assert_eq!(connection.destination.1, 3389);
}

#[test]
fn the_start_of_the_process_and_its_dns_answers_are_joined_in_whatever_order() {
    let start = xml_of(
        1,
        &[
            ("UtcTime", "2023-11-14 22:00:00.000"),
            ("ProcessGuid", "{AB12-01}"),
            ("ProcessId", "4242"),
            ("Image", r"C:\Users\me\AppData\evil.exe"),
            ("CommandLine", "evil.exe --a&b"),
            ("Hashes", &format!("MD5=1,SHA256={}", "A".repeat(64))),
            ("ParentProcessId", "7"),
            ("ParentImage", r"C:\Windows\winword.exe"),
        ],
    );
    let answer = xml_of(
        22,
        &[
            ("UtcTime", "2023-11-14 22:13:19.000"),
            ("ProcessGuid", "{ab12-01}"),
            ("QueryName", "C2.example"),
            ("QueryResults", "type:  5 cdn.example;::ffff:192.0.2.10;"),
        ],
    );
    let connection = xml_of(3, &DATA);
    let mut events = Events::default();
    let mut stats = ImportStats::new("event");
    for line in [connection.as_str(), &answer, &start, "<Events>", "</Events>", "garbage"] {
        events.take(1, line.as_bytes(), &mut stats);
    }
    assert_eq!((stats.read, stats.used, stats.gaps()), (4, 1, 1));
    let connection = events.waiting.remove(0);
    let row = events.row(&connection);
    let owner = row.owner.unwrap();
    assert_eq!(row.remote_name.as_deref(), Some("c2.example"));
    assert_eq!((owner.ppid, owner.parent_name.as_deref()), (Some(7), Some("winword.exe")));
    assert_eq!(owner.cmdline.as_deref(), Some("evil.exe --a&b"));
    assert_eq!(owner.exe_sha256.as_deref(), Some("a".repeat(64).as_str()));
    assert_eq!(owner.username.as_deref(), Some(r"CORP\me"));
    assert_eq!(
        (row.local_port, row.remote, row.prev_state),
        (50_000, Some(("192.0.2.10".parse().unwrap(), 443)), Some(TcpState::SynSent))
    );
}

#[test]
fn an_accepted_connection_is_seen_from_the_host_that_logged_it() {
    let data: Vec<_> = DATA
        .iter()
        .map(|(name, value)| (*name, if *name == "Initiated" { "false" } else { *value }))
        .collect();
    let Some(Event::Connection(connection)) = event(&xml_of(3, &data)) else { panic!() };
    let row = Events::default().row(&connection);
    assert_eq!(
        (row.local_port, row.remote.unwrap().1, row.prev_state),
        (443, 50_000, Some(TcpState::SynRecv))
    );
}

proptest! {
    #[test]
    fn arbitrary_lines_do_no_harm(text in ".{0,200}", at: usize, byte: u8, which in 0..10_usize) {
        let mut changed = notations()[which].clone().into_bytes();
        let at = at % changed.len();
        changed[at] = byte;
        for line in [text.as_bytes(), &changed] {
            let _ = parse(line).map(|record| record.event());
        }
    }
}
