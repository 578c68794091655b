//! Evidence that names processes or hosts: captures of packets, events of Elastic's programs, and the
//! output of a command on several hosts.

use serde_json::json;

use crate::runner::{connections, import, netrec_in};
use crate::tshark::formats::pcap;
use crate::tshark::packets::{behind, end, ethernet, ipv4, tcp};

/// A handshake of 10.0.1.1 with 10.0.1.2, and whether the packet is from the client.
fn handshake() -> Vec<(bool, Vec<u8>)> {
    let ends = [end(1, 1, 40_000).v4, end(1, 2, 443).v4];
    let back = [ends[1], ends[0]];
    [
        (true, ipv4(1, 6, ends, &tcp([40_000, 443], 100, 0, 0x02, &[]))),
        (false, ipv4(2, 6, back, &tcp([443, 40_000], 500, 101, 0x12, &[]))),
        (true, ipv4(3, 6, ends, &tcp([40_000, 443], 101, 501, 0x10, &[]))),
    ]
    .map(|(is_there, ip)| (is_there, ethernet(ip.ethertype, &ip.bytes)))
    .to_vec()
}

/// A frame of PKTAP, sent or received by curl with process id 77.
fn pktap(is_outgoing: bool, frame: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend([108_u32, 1, 1].into_iter().flat_map(u32::to_le_bytes));
    header.resize(36, 0);
    header.extend([if is_outgoing { 2_u32 } else { 1 }, 2, 14, 0, 77].into_iter().flat_map(u32::to_le_bytes));
    header.extend(b"curl");
    header.resize(108, 0);
    behind(&header, frame)
}

#[test]
fn the_process_of_a_packet_is_that_of_the_end_at_which_it_was_captured() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let names = ["local_addr", "local_port", "pid", "process_name"];
    let of_client: Vec<_> = handshake().iter().map(|(is_there, frame)| pktap(*is_there, frame)).collect();
    import(place, &pcap(258, &of_client), &[]).succeeds();
    assert_eq!(connections(place, &names), [["10.0.1.1", "40000", "77", "curl"]]);

    let of_server: Vec<_> = handshake().iter().map(|(is_there, frame)| pktap(!is_there, frame)).collect();
    let ran = import(place, &pcap(258, &of_server), &[]);
    assert!(ran.stdout.contains("1 flow accepted by the capturing host"), "{}", ran.stdout);
    assert_eq!(connections(place, &names), [["10.0.1.1", "40000", "", ""]]);

    let trailer =
        [&[1, 7, 0x20, 0x21, 0, 0, 0x27, 0x8b][..], b"Firefox\0\0\0\0\0\0\0\0\0\0\0\0\0", b"FCS."].concat();
    let of_app: Vec<_> = handshake().iter().map(|(_, frame)| behind(frame, &trailer)).collect();
    import(place, &pcap(1, &of_app), &[]).succeeds();
    assert_eq!(connections(place, &names), [["10.0.1.1", "40000", "", "Firefox"]]);
}

#[test]
fn events_of_the_elastic_common_schema_are_connections_with_their_processes() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let flow = |bytes: u64, end: &str, is_final: bool| {
        json!({
            "@timestamp": end, "type": "flow", "flow": {"id": "EAT/", "final": is_final},
            "event": {"dataset": "flow", "category": ["network"], "start": "2023-11-14T22:13:20.250Z", "end": end},
            "source": {"ip": "10.0.0.5", "port": 40000, "bytes": bytes, "packets": 10},
            "destination": {"ip": "192.0.2.10", "port": 443, "bytes": 4720, "packets": 12},
            "network": {"transport": "tcp"}, "process": {"pid": 77, "name": "curl"},
        })
    };
    let dns = json!({
        "@timestamp": "2023-11-14T22:13:20Z", "event": {"dataset": "dns", "category": ["network"]},
        "source": {"ip": "10.0.0.5", "port": 50000}, "destination": {"ip": "10.0.0.53", "port": 53},
        "network": {"transport": "udp"},
        "dns": {"question": {"name": "a.example"}, "resolved_ip": ["192.0.2.10"]},
    });
    let events =
        [flow(500, "2023-11-14T22:13:21Z", false), dns, flow(1037, "2023-11-14T22:13:21.750Z", true)];
    let lines = events.iter().map(|event| format!("{event}\n")).collect::<Vec<_>>().concat();
    let hits: Vec<_> = events.iter().map(|event| json!({"_index": "packetbeat", "_source": event})).collect();
    let answer = json!({"took": 1, "hits": {"total": {"value": 3}, "hits": hits}}).to_string();
    let names = [
        "local_addr",
        "remote_addr",
        "remote_name",
        "bytes_sent",
        "bytes_received",
        "pid",
        "first_seen",
        "last_seen",
    ];
    for text in [lines, answer] {
        let ran = import(place, text.as_bytes(), &[]).succeeds();
        assert!(ran.stdout.contains("2 used, 1 not a connection"), "{}", ran.stdout);
        let expected = [
            "10.0.0.5",
            "192.0.2.10",
            "a.example",
            "1037",
            "4720",
            "77",
            "2023-11-14T22:13:20.250000Z",
            "2023-11-14T22:13:21.750000Z",
        ];
        assert_eq!(connections(place, &names), [expected]);
    }
}

/// What `ss` prints of one socket, 10.0.0.N:40000, with the time before it.
fn table(host: u8) -> String {
    format!(
        "Tue Nov 14 22:13:20 UTC 2023\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
         tcp   ESTAB 0      0      10.0.0.{host}:40000      192.0.2.10:443    users:((\"curl\",pid=77,fd=3))\n"
    )
}

#[test]
fn the_output_of_several_hosts_is_refused_with_the_command_that_takes_out_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let each = |wrap: fn(&str, &str) -> String| wrap("web-01", &table(5)) + &wrap("web-02", &table(6));
    let before_lines = |before: &str, table: &str| -> String {
        table.lines().map(|line| format!("{before}{line}\n")).collect::<Vec<_>>().concat()
    };
    let indented = |name: &str, table: &str| -> String {
        let lines = table.lines().map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat();
        format!("{name}:\n{lines}")
    };
    let cases = [
        each(|name, table| format!("{name} | CHANGED | rc=0 >>\n{table}")),
        each(|name, table| format!("[1] 22:13:20 [SUCCESS] {name}\n{table}")),
        each(|name, table| format!("---------------\n{name}\n---------------\n{table}")),
        before_lines("web-01: ", &table(5)) + &before_lines("web-02: ", &table(6)),
        indented("web-01", &table(5)) + &indented("web-02", &table(6)),
    ];
    for text in cases {
        let ran = import(place, text.as_bytes(), &[])
            .fails_saying(&["output of 2 hosts (web-01, web-02)", "| netrec import -"]);
        // The command that it names gives one of them.
        let (_, command) = ran.stderr.split_once("by itself: ").unwrap();
        let command = command.trim().replace("FILE | netrec import -", "evidence > one");
        let taken = std::process::Command::new("sh").args(["-c", &command]).current_dir(place).status();
        assert!(taken.unwrap().success(), "{command}");
        let ran = netrec_in(place, &["import", "one", "-o", "out.parquet", "--force"]);
        assert_eq!(ran.code, 0, "{command}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(connections(place, &["local_addr", "pid"]), [["10.0.0.5", "77"]], "{command}");
        // The box around the name is not taken out with the rest.
        let info = netrec_in(place, &["info", "out.parquet"]);
        assert_eq!(info.stdout.contains("web-01"), !text.starts_with('-'), "{}", info.stdout);
    }
}

#[test]
fn lines_that_a_container_runtime_has_split_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let conn = r#"{"ts":1700000000.25,"uid":"C1","id.orig_h":"10.0.0.5","id.orig_p":40000,"id.resp_h":"192.0.2.10","id.resp_p":443,"proto":"tcp","orig_bytes":517,"conn_state":"SF"}"#;
    let (begin, rest) = conn.split_at(60);
    let cri = format!("2023-11-14T22:13:26.1Z stdout P {begin}\n2023-11-14T22:13:26.1Z stdout F {rest}\n");
    let part = |text: &str| {
        let text = serde_json::to_string(text).unwrap();
        format!("{{\"log\":{text},\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:26.1Z\"}}\n")
    };
    for text in [cri, part(begin) + &part(&format!("{rest}\n"))] {
        import(place, text.as_bytes(), &[]).succeeds();
        assert_eq!(
            connections(place, &["local_addr", "remote_port", "bytes_sent"]),
            [["10.0.0.5", "443", "517"]]
        );
    }
}
