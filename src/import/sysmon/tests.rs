use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::import::decompress::Decompressed;

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
    parse(line.as_bytes()).filter(event::Record::is_read)?.event()
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
        events.take(1, line.as_bytes(), parse(line.as_bytes()), &mut stats);
    }
    assert_eq!((stats.read, stats.used, stats.gaps()), (4, 1, 1));
    let connection = events.waiting.take().remove(0);
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

/// Events of the security log, as `evtx_dump` writes them.
fn security(id: u32, second: u32, data: &serde_json::Value) -> String {
    json!({"Event": {"System": {"Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": id,
        "Computer": "ws1", "TimeCreated": {"#attributes": {"SystemTime": format!("2023-11-14T22:13:{second:02}.123Z")}}},
        "EventData": data}})
    .to_string()
}

fn wfp(id: u32, second: u32, direction: &str, source: (&str, u16), destination: (&str, u16)) -> String {
    let data = json!({"ProcessID": 4242, "Application": r"\device\harddiskvolume2\users\me\evil.exe",
        "Direction": direction, "SourceAddress": source.0, "SourcePort": source.1.to_string(),
        "DestAddress": destination.0, "DestPort": destination.1.to_string(), "Protocol": 6, "FilterRTID": 1,
        "LayerName": "%%14610", "LayerRTID": 44});
    security(id, second, &data)
}

/// Takes lines, and gives rows and counts.
fn rows_of(lines: &[String]) -> (Vec<Row>, ImportStats) {
    let mut events = Events::default();
    let mut stats = ImportStats::new("event");
    for line in lines {
        events.take(1, line.as_bytes(), parse(line.as_bytes()), &mut stats);
    }
    let connections = events.waiting.take();
    for connection in &connections {
        events.sides.learn_order(connection);
    }
    (connections.iter().flat_map(|connection| events.rows(connection)).collect(), stats)
}

/// Kind, local end, remote end, state before and state of rows.
fn described(rows: &[Row]) -> Vec<String> {
    let state = |state: Option<TcpState>| state.map_or("-", TcpState::as_str);
    rows.iter()
        .map(|row| {
            let remote = row.remote.map_or_else(|| "-".to_owned(), |(addr, port)| format!("{addr}:{port}"));
            let states = (state(row.prev_state), state(row.state));
            let kind = row.kind.as_str();
            format!("{kind} {}:{} {remote} {}>{}", row.local_addr, row.local_port, states.0, states.1)
        })
        .collect()
}

const OUT: &str = "%%14593";
const IN: &str = "%%14592";
const MINE: (&str, u16) = ("10.0.0.5", 50_000);
const WEB: (&str, u16) = ("192.0.2.10", 443);
const PEER: (&str, u16) = ("10.0.0.9", 60_000);

#[test]
fn a_connection_of_the_security_log_is_the_same_in_every_notation() {
    let text = "The Windows Filtering Platform has permitted a connection.\r\n\r\nApplication Information:\r\n\tProcess ID:\t\t4242\r\n\tApplication Name:\t\\device\\harddiskvolume2\\users\\me\\evil.exe\r\n\r\nNetwork Information:\r\n\tDirection:\t\tOutbound\r\n\tSource Address:\t\t10.0.0.5\r\n\tSource Port:\t\t50000\r\n\tDestination Address:\t192.0.2.10\r\n\tDestination Port:\t\t443\r\n\tProtocol:\t\t6\r\n";
    let dump = wfp(5156, 20, OUT, MINE, WEB);
    let value: serde_json::Value = serde_json::from_str(&dump).unwrap();
    let data = &value["Event"]["EventData"];
    let text_of = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let data_elements: Vec<String> = data
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("<Data Name='{name}'>{}</Data>", text_of(value)))
        .collect();
    let xml = format!(
        "<Event><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>5156</EventID><TimeCreated \
         SystemTime='2023-11-14T22:13:20.123000000Z'/><Computer>ws1</Computer></System><EventData>{}</EventData></Event>",
        data_elements.concat()
    );
    let provider = "Microsoft-Windows-Security-Auditing";
    let mut flat = data.as_object().unwrap().clone();
    flat.extend([
        ("EventID".to_owned(), json!(5156)),
        ("SourceName".to_owned(), json!(provider)),
        ("Hostname".to_owned(), json!("ws1")),
        ("TimeCreated".to_owned(), json!("2023-11-14T22:13:20.123Z")),
        ("Message".to_owned(), json!(text)),
    ]);
    let lines = [
        dump.clone(),
        xml,
        json!(flat).to_string(),
        json!({"@timestamp": "2023-11-14T22:13:20.123Z", "winlog": {"provider_name": provider, "event_id": 5156,
            "computer_name": "ws1", "event_data": data}})
        .to_string(),
        json!({"Id": 5156, "ProviderName": provider, "MachineName": "ws1", "TimeCreated": "/Date(1700000000123)/",
            "Message": text})
        .to_string(),
        json!({"Id": 5156, "ProviderName": provider, "MachineName": "ws1",
            "TimeCreated": "2023-11-14T23:13:20.1230000+01:00", "Message": text})
        .to_string(),
    ];
    let (expected, _) = rows_of(&lines[..1]);
    assert_eq!(described(&expected), ["opened 10.0.0.5:50000 192.0.2.10:443 ->-"]);
    assert_eq!(expected[0].ts_us, 1_700_000_000_123_000);
    let owner = expected[0].owner.as_deref().unwrap();
    assert_eq!((owner.pid, owner.process_name.as_deref()), (Some(4242), Some("evil.exe")));
    for line in &lines {
        assert_eq!(rows_of(std::slice::from_ref(line)).0, expected, "{line}");
    }
    let csv = format!(
        "#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\n\"TimeCreated\",\"Id\",\"MachineName\",\"Message\"\n\
         \"11/14/2023 10:13:20 PM\",\"5156\",\"ws1\",\"{text}\"\n"
    );
    let mut table = Csv::default();
    let mut records = Vec::new();
    for line in csv.lines() {
        if let Parsed::Record(record) = table.take(line.as_bytes()) {
            records.push(record);
        }
    }
    assert!(records.len() == 1 && records[0].is_read() && records[0].lacks_zone());
    let Some(Event::Connection(connection)) = records[0].event() else { panic!("{records:?}") };
    assert_eq!((connection.ts_us, connection.destination.1), (1_700_000_000_000_000, 443));
    assert!(!table.is_open() && recognises(&Begin::read(&mut Decompressed::new(csv.as_bytes()), 0)));
}

#[test]
fn the_local_end_of_an_inbound_connection_is_told_whichever_way_it_is_logged() {
    // Both orders, told by the address from which the host connects.
    for ends in [(PEER, ("10.0.0.5", 3389)), (("10.0.0.5", 3389), PEER)] {
        let (rows, _) = rows_of(&[wfp(5156, 21, IN, ends.0, ends.1), wfp(5156, 20, OUT, MINE, WEB)]);
        assert_eq!(described(&rows[..1]), ["opened 10.0.0.5:3389 10.0.0.9:60000 SYN_RECV>ESTABLISHED"]);
    }
    // By a port to which a process was bound, by what can only receive, by the port of a service.
    let bind = security(
        5158,
        10,
        &json!({"ProcessId": "4", "SourceAddress": "0.0.0.0", "SourcePort": "8080", "Protocol": 6}),
    );
    for (source, destination) in [(("::1", 8080), ("::1", 9000)), (("::1", 9000), ("::1", 8080))] {
        let (rows, _) = rows_of(&[bind.clone(), wfp(5156, 21, IN, source, destination)]);
        assert_eq!((rows[0].local_port, rows[0].remote.unwrap().1), (8080, 9000));
    }
    let group = ("224.0.0.251", 5353);
    for (source, destination) in [(group, ("10.0.0.9", 5353)), (("10.0.0.9", 5353), group)] {
        let (rows, _) = rows_of(&[wfp(5156, 21, IN, source, destination)]);
        assert_eq!(rows[0].local_addr.to_string(), "224.0.0.251");
    }
    // By the order of the others of the host.
    let both =
        [wfp(5156, 21, IN, ("10.0.0.5", 445), PEER), wfp(5156, 30, IN, ("10.0.0.5", 445), ("10.0.0.9", 445))];
    assert_eq!(rows_of(&both).0[1].local_addr.to_string(), "10.0.0.5");
}

#[test]
fn what_a_filter_blocked_failed_and_its_packets_are_not_counted_again() {
    let blocked = [
        wfp(5157, 20, OUT, MINE, WEB),
        wfp(5152, 20, OUT, MINE, WEB),
        wfp(5157, 30, IN, PEER, ("10.0.0.5", 22)),
    ];
    let (rows, stats) = rows_of(&blocked);
    assert_eq!(
        described(&rows),
        [
            "opened 10.0.0.5:50000 192.0.2.10:443 ->SYN_SENT",
            "closed 10.0.0.5:50000 192.0.2.10:443 SYN_SENT>CLOSE",
            "opened 10.0.0.5:22 10.0.0.9:60000 ->SYN_RECV",
            "closed 10.0.0.5:22 10.0.0.9:60000 SYN_RECV>CLOSE",
        ]
    );
    assert_eq!((stats.read, stats.used, stats.unused[0].reason), (3, 2, UnusedReason::Duplicate));
    let listening = security(
        5154,
        1,
        &json!({"ProcessId": "700", "Application": "System", "SourceAddress": "0.0.0.0",
        "SourcePort": "3389", "Protocol": "6"}),
    );
    assert_eq!(described(&rows_of(&[listening]).0), ["opened 0.0.0.0:3389 - ->LISTEN"]);
}

#[test]
fn a_connection_that_sysmon_logged_too_is_one_with_what_sysmon_knows() {
    let (sysmon, security) = (xml_of(3, &DATA), wfp(5156, 21, OUT, MINE, WEB));
    for lines in [[sysmon.clone(), security.clone()], [security.clone(), sysmon.clone()]] {
        let (rows, stats) = rows_of(&lines);
        assert_eq!((rows.len(), stats.used), (1, 1));
        assert_eq!(rows[0].owner.as_deref().unwrap().username.as_deref(), Some(r"CORP\me"));
    }
    // Later it is another, and so are two of Sysmon by itself.
    assert_eq!(rows_of(&[sysmon.clone(), wfp(5156, 40, OUT, MINE, WEB)]).0.len(), 2);
    assert_eq!(rows_of(&[sysmon.clone(), sysmon]).0.len(), 2);
}

#[test]
fn the_creation_of_the_process_names_it_unless_its_number_is_used_again() {
    let created = |second, name: &str| {
        let data = json!({"SubjectUserName": "me", "SubjectDomainName": "CORP", "NewProcessId": "0x1092",
            "NewProcessName": name, "ProcessId": "0x7", "CommandLine": "evil.exe -x", "TargetUserName": "-",
            "ParentProcessName": r"C:\office\winword.exe"});
        security(4688, second, &data)
    };
    let connection = wfp(5156, 20, OUT, MINE, WEB);
    let lines = [connection.clone(), created(1, r"C:\Users\me\evil.exe"), created(40, r"C:\other.exe")];
    let owner = rows_of(&lines).0.remove(0).owner.unwrap();
    assert_eq!(owner.exe.as_deref(), Some(r"C:\Users\me\evil.exe"));
    assert_eq!((owner.ppid, owner.cmdline.as_deref()), (Some(7), Some("evil.exe -x")));
    assert_eq!(
        (owner.username.as_deref(), owner.parent_name.as_deref()),
        (Some(r"CORP\me"), Some("winword.exe"))
    );
    // The number of another program says nothing.
    let owner = rows_of(&[connection, created(1, r"C:\other.exe")]).0.remove(0).owner.unwrap();
    assert_eq!(
        (owner.exe.as_deref(), owner.cmdline.as_deref()),
        (Some(r"\device\harddiskvolume2\users\me\evil.exe"), None)
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
