//! Evidence as people have it: out of terminals, of `grep`, of clouds, and behind other bytes.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::runner::{connections, import, netrec_in};
use crate::tshark::formats::timed_pcap;
use crate::tshark::packets::{end, ethernet, ipv4, tcp};

const ENDS: [&str; 5] = ["local_addr", "local_port", "remote_addr", "remote_port", "bytes_sent"];

const CONN: &str = r#"{"ts":1700000000.25,"uid":"CHhAvVGS1DHFjwGM9","id.orig_h":"10.0.0.5","id.orig_p":40000,"id.resp_h":"192.0.2.10","id.resp_p":443,"proto":"tcp","duration":1.5,"orig_bytes":517,"conn_state":"SF"}"#;
const TSV: &str = "1700000000.25\tCHhAvVGS1DHFjwGM9\t10.0.0.5\t40000\t192.0.2.10\t443\ttcp\tssl\t1.5\t517\t4096\tSF\tT\tF\t0\tShADadFf\t10\t1037\t12\t4720\t-";

#[test]
fn lines_that_grep_found_have_the_names_of_their_files_before_them() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        format!("logs/conn.log:{TSV}\nlogs/conn.log:{}\n", TSV.replace("40000", "40001")),
        format!("conn.00:00:00-01:00:00.log.gz:7:{CONN}\nconn.log.gz:9:{}\n", CONN.replace("40000", "40001")),
        format!("7:{CONN}\n9:{}\n", CONN.replace("40000", "40001")),
    ] {
        import(folder.path(), text.as_bytes(), &[]).succeeds();
        let found = connections(folder.path(), &[&ENDS[..], &["first_seen"]].concat());
        assert_eq!(found.len(), 2, "{text}");
        assert_eq!(found[0][..5], ["10.0.0.5", "40000", "192.0.2.10", "443", "517"], "{text}");
        assert!(found[0][5].starts_with("2023-11-14T22:13:20.25"), "{found:?}");
    }
    // Without a time that can be one, a line is no connection.
    let text = format!("see: {TSV}\n").replace("1700000000.25", "1.7");
    import(folder.path(), text.as_bytes(), &[])
        .fails_saying(&["without the names of its columns", "zeek-cut -c"]);
}

#[test]
fn records_that_a_cloud_has_joined_or_wrapped_are_all_read() {
    let folder = tempfile::tempdir().unwrap();
    let other = CONN.replace("40000", "40001");
    import(folder.path(), format!("{CONN}{other}").as_bytes(), &[]).succeeds();
    assert_eq!(connections(folder.path(), &ENDS).len(), 2);

    let flow = "2 123456789010 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK";
    // Logs Insights exports a table of times and messages.
    let table = format!("@timestamp,@message\n2023-11-14 22:13:20.000,{flow}\n");
    import(folder.path(), table.as_bytes(), &[]).succeeds();
    assert_eq!(connections(folder.path(), &ENDS), [["10.0.0.5", "40000", "192.0.2.10", "443", "500"]]);
    let event = serde_json::json!({"eventId": "1", "timestamp": 1_700_000_000_000_i64, "message": flow});
    for text in [
        format!("{:#}", serde_json::json!({"events": [event], "searchedLogStreams": []})),
        serde_json::json!({"messageType": "DATA_MESSAGE", "logEvents": [event]}).to_string().repeat(2),
    ] {
        import(folder.path(), text.as_bytes(), &[]).succeeds();
        assert_eq!(connections(folder.path(), &ENDS)[0][..4], ["10.0.0.5", "40000", "192.0.2.10", "443"]);
    }
}

#[test]
fn the_record_of_a_terminal_is_read_without_what_was_meant_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let session = "Script started on 2023-11-14 22:13:20+00:00 [TERM=\"xterm\"]\r\n\
        \x1b]0;root@web01: ~\x07\x1b[01;32mroot@web01\x1b[00m:~# date; ss -tnp\r\nTue Nov 14 22:13:20 UTC 2023\r\n\
        State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\r\n\
        \x1b[?2004lESTAB 0 0 [::ffff:10.0.0.5]:40000 192.0.2.10:443 users:((\"curl\",pid=7,fd=5))\r\n\
        \x1b]0;root@web01: ~\x07root@web01:~# exit\r\n";
    import(folder.path(), session.as_bytes(), &[]).succeeds();
    let names = ["local_addr", "local_port", "process_name"];
    assert_eq!(connections(folder.path(), &names), [["10.0.0.5", "40000", "curl"]]);

    let logged = "2023-11-14T22:13:20.1Z stdout F State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
        2023-11-14T22:13:20.1Z stdout F ESTAB 0 0 10.0.0.5:40000 192.0.2.10:443\n";
    import(folder.path(), logged.as_bytes(), &[]).succeeds();
    assert_eq!(connections(folder.path(), &names), [["10.0.0.5", "40000", ""]]);
}

/// A transfer of text over a link without small packets, as over the loopback interface.
fn transfer_of_text() -> Vec<u8> {
    let (client, server) = (end(0, 5, 40_000), end(0, 9, 8081));
    let frame = |id: u16, seq: u32, payload: &[u8]| {
        let segment = tcp([client.port, server.port], seq, 1, 0x10, payload);
        ethernet(0x0800, &ipv4(id, 6, [client.v4, server.v4], &segment).bytes)
    };
    let text = b"all work and no play makes a packet look like text. ".repeat(1200);
    let frames: Vec<(u32, Vec<u8>)> = (0..4)
        .map(|number| (1000 * number, frame(number as u16 + 1, 100 + number * text.len() as u32, &text)))
        .collect();
    timed_pcap(1, &frames)
}

#[test]
fn packets_that_hold_hardly_anything_but_letters_are_no_text() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path(), &transfer_of_text(), &[]).succeeds();
    assert_eq!(connections(folder.path(), &["local_port", "bytes_sent"]), [["40000", "249600"]]);
}

#[test]
fn bytes_behind_a_compressed_capture_are_said_however_small_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&transfer_of_text()[..60_000]).unwrap();
    let cut = encoder.finish().unwrap();
    let whole = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&timed_pcap(1, &[(0, vec![0; 60])])).unwrap();
        encoder.finish().unwrap()
    };
    let behind = [whole, b"something else".to_vec()].concat();
    import(folder.path(), &behind, &[]).fails_saying(&["cannot be decompressed"]);
    import(folder.path(), &cut, &[]).fails_saying(&["ends in the middle of a frame"]);
}

#[test]
fn what_a_terminal_has_done_to_packets_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let capture = transfer_of_text();
    let before = [b"tcpdump: listening on eth0\n".to_vec(), capture.clone()].concat();
    import(folder.path(), &before, &[]).fails_saying(&["tail -c +28 FILE | netrec import -"]);

    let frames: Vec<(u32, Vec<u8>)> = (0..40).map(|number| (number * 1000, vec![b'\n'; 70])).collect();
    let mangled: Vec<u8> = timed_pcap(1, &frames)
        .iter()
        .flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] })
        .collect();
    import(folder.path(), &mangled, &[]).fails_saying(&["passed through a terminal"]);
}

#[test]
fn a_table_of_one_moment_is_a_range_and_what_is_empty_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let table = "1700000000\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 0 0 10.0.0.5:40000 192.0.2.10:443\n";
    import(folder.path(), table.as_bytes(), &[]).succeeds();
    let dump =
        |options: &[&str]| netrec_in(folder.path(), &[&["dump", "out.parquet"], options].concat()).succeeds();
    assert!(dump(&["--between", "start", "end"]).stdout.contains("192.0.2.10:443"));
    let nothing = dump(&["--at", "start", "--filter", "port:9"]);
    assert!(nothing.stderr.contains("no row of this time matches the filter"), "{}", nothing.stderr);
    let nothing = netrec_in(folder.path(), &["analyze", "out.parquet", "-o", "report", "--filter", "port:9"]);
    assert_eq!(nothing.code, 3, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no connection matches the filter"), "{}", nothing.stderr);

    import(folder.path(), CONN.as_bytes(), &["--from", "zeek"]).succeeds();
    let info = netrec_in(folder.path(), &["info", "out.parquet"]).succeeds().stdout;
    assert!(info.contains("none: the imported log has events"), "{info}");
}

#[test]
fn records_in_the_cells_of_a_table_and_in_messages_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let other = CONN.replace("40000", "40001");
    let doubled = |record: &str| record.replace('"', "\"\"");
    let escaped = |record: &str| serde_json::to_string(record).unwrap();
    for text in [
        format!(
            "@timestamp,@message\r\n2023-11-14,\"{}\"\r\n2023-11-14,\"{}\"\r\n",
            doubled(CONN),
            doubled(&other)
        ),
        format!("\"timestamp\",\"message\"\n\"1\",{}\n\"2\",{}\n", escaped(CONN), escaped(&other)),
        format!("1) {}\n2) {}\n", escaped(CONN), escaped(&other)),
        format!(
            "{{\"index\":{{\"_index\":\"zeek\"}}}}\n{CONN}\n{{\"index\":{{\"_index\":\"zeek\"}}}}\n{other}\n"
        ),
        format!("{CONN}\n{other}{}\n", CONN.replace("40000", "40002")),
        format!("key\t{CONN}\nkey\t{other}\n"),
        format!("{{\"message\":{}}}\n{other}\n", escaped(&format!("<37>Nov 14 22:13:20 zeek[1]: {CONN}"))),
    ] {
        import(folder.path(), text.as_bytes(), &[]).succeeds();
        let found = connections(folder.path(), &ENDS);
        assert!(found.len() >= 2, "{text}");
        assert_eq!(found[0], ["10.0.0.5", "40000", "192.0.2.10", "443", "517"], "{text}");
    }
    // What MongoDB exports has no numbers and times of JSON.
    let text = CONN
        .replace("1700000000.25", r#"{"$date":{"$numberLong":"1700000000250"}}"#)
        .replace("517", r#"{"$numberLong":"517"}"#);
    import(folder.path(), text.as_bytes(), &[]).succeeds();
    let [found] = connections(folder.path(), &["bytes_sent", "first_seen"]).try_into().unwrap();
    assert!(found[0] == "517" && found[1].starts_with("2023-11-14T22:13:20.25"), "{found:?}");
}

#[test]
fn columns_of_zeek_survive_syslog_terminals_and_trackers() {
    let folder = tempfile::tempdir().unwrap();
    let header = "#separator \\x09\n#path   conn\n#fields ts      uid     id.orig_h       id.orig_p       id.resp_h       id.resp_p       proto   orig_bytes      conn_state\n";
    let line = "1700000000.25       C1      10.0.0.5    40000   192.0.2.10   443      tcp     517      SF\n";
    let bare = format!("Nov 14 22:13:20 sensor zeek: {TSV}\n");
    for text in [
        format!("{header}{line}"),
        format!("{}{line}", header.lines().last().unwrap().trim_start_matches("#fields ").to_owned() + "\n"),
        bare.clone(),
        bare.replace('\t', "#011"),
        bare.replace('\t', "|"),
        "| ts | uid | id.orig_h | id.orig_p | id.resp_h | id.resp_p | proto | orig_bytes | conn_state |\n|---|---|---|---|---|---|---|---|---|\n| 1700000000.25 | C1 | 10.0.0.5 | 40000 | 192.0.2.10 | 443 | tcp | 517 | SF |\n".to_owned(),
    ] {
        import(folder.path(), text.as_bytes(), &[]).succeeds();
        assert_eq!(
            connections(folder.path(), &ENDS),
            [["10.0.0.5", "40000", "192.0.2.10", "443", "517"]],
            "{text}"
        );
    }
    // A value with a space would move all behind it.
    let text = format!("{header}{line}{}", line.replace("tcp", "t cp").replace("40000", "40001"));
    let ran = import(folder.path(), text.as_bytes(), &[]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
}

#[test]
fn a_table_out_of_a_mail_or_a_tracker_keeps_its_processes() {
    let folder = tempfile::tempdir().unwrap();
    let table = "Tue Nov 14 22:13:20 UTC 2023\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\nESTAB 0 0 10.0.0.5:22 192.0.2.9:50122 users:((\"sshd\",pid=812,fd=4))\n";
    let quoted = format!("> {}\n", table.trim_end().replace('\n', "\n> "));
    for text in [
        quoted,
        format!("<pre>\n{}</pre>\n", table.replace('"', "&quot;")),
        table.replace(" users:", "\nusers:"),
    ] {
        import(folder.path(), text.as_bytes(), &[]).succeeds();
        let names = ["local_addr", "remote_addr", "pid", "process_name"];
        assert_eq!(connections(folder.path(), &names), [["10.0.0.5", "192.0.2.9", "812", "sshd"]], "{text}");
    }
}

#[test]
fn sysmon_is_read_as_powershell_lists_it_and_out_of_splunk() {
    let folder = tempfile::tempdir().unwrap();
    let values = [
        ("UtcTime", "2023-11-14 22:13:20.123"),
        ("ProcessId", "4312"),
        ("Image", "C:\\x\\a.exe"),
        ("Protocol", "tcp"),
        ("Initiated", "true"),
        ("SourceIp", "10.0.0.5"),
        ("SourcePort", "50122"),
        ("DestinationIp", "192.0.2.9"),
        ("DestinationPort", "443"),
    ];
    let lines: Vec<String> =
        values.iter().map(|(name, value)| format!("               {name}: {value}")).collect();
    let list = format!(
        "\r\nTimeCreated  : 11/14/2023 10:13:20 PM\r\nProviderName : Microsoft-Windows-Sysmon\r\nId           : 3\r\nMessage      : Network connection detected:\r\n{}\r\n\r\n",
        lines.join("\r\n")
    );
    let data: Vec<String> =
        values.iter().map(|(name, value)| format!("<Data Name='{name}'>{value}</Data>")).collect();
    let xml = format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>3</EventID><Computer>PC1</Computer></System><EventData>{}</EventData></Event>",
        data.concat()
    );
    let splunk = serde_json::json!({"preview": false, "result": {"_raw": xml}}).to_string();
    for text in [list, splunk + "\n"] {
        import(folder.path(), text.as_bytes(), &[]).succeeds();
        let names = ["local_addr", "local_port", "remote_addr", "pid", "process_name", "first_seen"];
        let [found] = connections(folder.path(), &names).try_into().unwrap();
        assert_eq!(found[..5], ["10.0.0.5", "50122", "192.0.2.9", "4312", "a.exe"], "{text}");
        assert!(found[5].starts_with("2023-11-14T22:13:20.123"), "{found:?}");
    }
}
