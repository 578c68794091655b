//! Text logs and tables as found in practice: what is used, what is refused, and the messages.

use chrono::{DateTime, SecondsFormat};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::runner::{Ran, netrec_in};

/// Imports files with these contents, in their order.
fn import(folder: &Path, files: &[(&str, &str)], more: &[&str]) -> Ran {
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
    let mut arguments = vec!["import"];
    arguments.extend(files.iter().map(|(name, _)| *name));
    arguments.extend(["-o", "out.parquet", "--force"]);
    arguments.extend(more);
    netrec_in(folder, &arguments)
}

/// The connections of the capture: start, both ends, name, bytes sent, owner.
fn connections(folder: &Path) -> Vec<String> {
    let ran =
        netrec_in(folder, &["export", "out.parquet", "--format", "ndjson", "-o", "out.ndjson", "--force"]);
    // 3 if a part of the import could not be used.
    assert!(matches!(ran.code, 0 | 3), "{}", ran.stderr);
    let text = fs::read_to_string(folder.join("out.ndjson")).unwrap();
    let show = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = [
        "local_addr",
        "local_port",
        "remote_addr",
        "remote_port",
        "remote_name",
        "bytes_sent",
        "process_name",
    ];
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let first_seen = DateTime::from_timestamp_micros(row["first_seen_us"].as_i64().unwrap()).unwrap();
            let first_seen = first_seen.to_rfc3339_opts(SecondsFormat::Micros, true);
            let others = fields.iter().map(|field| show(&row[*field]));
            std::iter::once(first_seen).chain(others).collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort();
    lines
}

fn zeek(uid: &str, port: u16, more: &str) -> String {
    format!(
        r#"{{"ts":1700000000250.0,"uid":"{uid}","id.orig_h":"10.0.0.5","id.orig_p":{port},"id.resp_h":"192.0.2.10","id.resp_p":443,{more}}}"#
    ) + "\n"
}

const CONN: &str = r#""proto":"tcp","duration":1.5,"orig_bytes":517,"conn_state":"SF","history":"ShADadFf","local_orig":true"#;

#[test]
fn a_stream_of_all_logs_of_zeek_gives_its_connections_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let stream = [
        zeek("C1", 40_000, &format!(r#"{CONN},"_path":"conn""#)),
        zeek("C1", 40_000, r#""_path":"ssl","server_name":"a.example""#),
        zeek("C1", 40_000, r#""proto":"tcp","note":"SSL::Invalid_Server_Cert""#),
        zeek("C2", 40_001, &format!(r#"{CONN},"_path":"conn_long""#)),
    ];
    import(folder.path(), &[("all.json", &stream.concat())], &[]).succeeds();
    assert_eq!(
        connections(folder.path()),
        [
            "2023-11-14T22:13:20.250000Z 10.0.0.5 40000 192.0.2.10 443 a.example 517 -",
            "2023-11-14T22:13:20.250000Z 10.0.0.5 40001 192.0.2.10 443 - 517 -",
        ]
    );
    let notices = zeek("C1", 40_000, r#""proto":"tcp","note":"SSL::Invalid_Server_Cert""#);
    import(folder.path(), &[("notice.log", &notices)], &[]).fails_saying(&["conn.log"]);
}

const FLOW: &str = r#"{"timestamp":"2023-11-14T22:14:20.000000+0000","flow_id":7,"event_type":"flow","src_ip":"10.0.0.5","src_port":40000,"dest_ip":"192.0.2.10","dest_port":443,"proto":"TCP","flow":{"pkts_toserver":10,"pkts_toclient":12,"bytes_toserver":1037,"bytes_toclient":4720,"start":"2023-11-14T22:13:20.250000+0000","end":"2023-11-14T22:13:30.750000+0000"},"tcp":{"tcp_flags_ts":"1b","tcp_flags_tc":"1b"}}"#;

const TLS: &str = r#"{"timestamp":"2023-11-14T22:13:20.300000+0000","flow_id":7,"event_type":"tls","src_ip":"10.0.0.5","src_port":40000,"dest_ip":"192.0.2.10","dest_port":443,"proto":"TCP","tls":{"sni":"host0.example"}}"#;

const NAMED: &str = "2023-11-14T22:13:20.250000Z 10.0.0.5 40000 192.0.2.10 443 host0.example 1037 -";

#[test]
fn events_have_their_names_across_rotated_and_wrapped_files() {
    let folder = tempfile::tempdir().unwrap();
    for files in [["eve.json", "eve.json.1"], ["eve.json.1", "eve.json"]] {
        let contents = files.map(|name| format!("{}\n", if name == "eve.json" { FLOW } else { TLS }));
        let files = [(files[0], contents[0].as_str()), (files[1], contents[1].as_str())];
        import(folder.path(), &files, &[]).succeeds();
        assert_eq!(connections(folder.path()), [NAMED]);
    }
    let wrapped =
        format!("{{\"_index\":\"x\",\"_source\":{FLOW}}}\n{{\"_index\":\"x\",\"_source\":{TLS}}}\n");
    import(folder.path(), &[("export.ndjson", &wrapped)], &[]).succeeds();
    assert_eq!(connections(folder.path()), [NAMED]);
}

#[test]
fn events_without_flows_tell_what_they_can_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ran = import(folder.path(), &[("eve.json", &format!("{TLS}\n"))], &[]).succeeds();
    assert!(ran.stdout.contains("1 connection known only from alerts, requests"), "{}", ran.stdout);
    let seen = "2023-11-14T22:13:20.300000Z 10.0.0.5 40000 192.0.2.10 443 host0.example - -";
    assert_eq!(connections(folder.path()), [seen]);
    let stats =
        r#"{"timestamp":"2023-11-14T22:13:20.300000+0000","event_type":"stats","stats":{"uptime":1}}"#;
    import(folder.path(), &[("eve.json", &format!("{stats}\n"))], &[])
        .fails_saying(&["stats event", "enable flow in outputs.eve-log.types"]);
}

const TABLE: &str = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process
ESTAB 0 0 10.0.0.5:22 192.0.2.9:50000 users:((\"sshd\",4100,3))
";

#[test]
fn a_table_needs_a_time() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path(), &[("ss.txt", TABLE)], &[]).fails_saying(&["--at"]);
    assert!(!folder.path().join("out.parquet").exists());
    let expected = ["2023-11-14T22:13:20.000000Z 10.0.0.5 22 192.0.2.9 50000 - - sshd"];
    import(folder.path(), &[("ss.txt", TABLE)], &["--at", "2023-11-14T22:13:20Z"]).succeeds();
    assert_eq!(connections(folder.path()), expected);
    for date in
        ["Tue Nov 14 10:13:20 PM UTC 2023", "Wed Nov 15 12:13:20 AM EET 2023", "Di 14. Nov 23:13:20 CET 2023"]
    {
        import(folder.path(), &[("ss.txt", &format!("{date}\n{TABLE}"))], &[]).succeeds();
        assert_eq!(connections(folder.path()), expected, "{date}");
    }
}

#[test]
fn netstat_of_any_system_is_read_and_what_cannot_be_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let linux =
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
tcp        0      0 10.0.0.5:36408          192.0.2.10:443          VERBUNDEN   4120/curl
";
    let macos = "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  10.0.0.5.36408         192.0.2.10.443         ESTABLISHED
";
    let windows = "  Proto  Local Address          Foreign Address        State           PID
  TCP    10.0.0.5:36408         192.0.2.10:443         ESTABLISHED     4120
 [curl.exe]
";
    for (table, owner) in [(linux, "curl"), (macos, "-"), (windows, "curl.exe")] {
        import(folder.path(), &[("ns.txt", &format!("1700000000\n{table}"))], &[]).succeeds();
        let expected = format!("2023-11-14T22:13:20.000000Z 10.0.0.5 36408 192.0.2.10 443 - - {owner}");
        assert_eq!(connections(folder.path()), [expected], "{table}");
    }
    let cut =
        "tcp6       0      0 fe80::a00:27ff:fe4:22   fe80::a00:27ff:fe:50000 ESTABLISHED 4100/sshd: admin\n";
    let partly = import(folder.path(), &[("ns.txt", &format!("1700000000\n{linux}{cut}"))], &[]);
    assert_eq!(partly.code, 3, "{}", partly.stderr);
    assert_eq!(connections(folder.path()).len(), 1);
    let names = linux.replace("10.0.0.5:36408          192.0.2.10:443", "web01:ssh  c2.example.net:50000");
    import(folder.path(), &[("ns.txt", &format!("1700000000\n{names}"))], &[])
        .fails_saying(&["name in place of"]);
}
