//! Output of other host tools: lsof, `/proc/net`, Sysmon.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::runner::{Ran, netrec_in};

const AT: &str = "2026-11-24T10:00:00Z";

#[track_caller]
fn import(folder: &Path, name: &str, contents: &str, options: &[&str]) -> Ran {
    fs::write(folder.join(name), contents).unwrap();
    netrec_in(folder, &[&["import", name, "-o", "out.parquet", "--force"], options].concat())
}

/// Every connection of the report, as its row in the table.
fn connections(folder: &Path) -> Vec<BTreeMap<String, String>> {
    netrec_in(folder, &["analyze", "out.parquet", "-o", "report", "--force"]);
    let mut reader = csv::Reader::from_path(folder.join("report/tables/connections.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Every row of the snapshot at a time, with every column of the capture.
fn rows(folder: &Path, at: &str) -> Vec<BTreeMap<String, String>> {
    let ran = netrec_in(folder, &["dump", "out.parquet", "--at", at, "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn columns<'a>(row: &'a BTreeMap<String, String>, names: &[&str]) -> Vec<&'a str> {
    names.iter().map(|name| row[*name].as_str()).collect()
}

const LSOF: &str = "COMMAND   PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME
sshd     1234 root  txt    REG    8,1   900000   55 /usr/sbin/sshd
sshd     1234 root    3u  IPv4  12345      0t0  TCP 10.0.0.5:22->203.0.113.9:50000 (ESTABLISHED)
sshd     1235 root    3u  IPv4  12345      0t0  TCP 10.0.0.5:22->203.0.113.9:50000 (ESTABLISHED)
sshd     1000 root    4u  IPv6  12000      0t0  TCP *:22 (LISTEN)
chrony    700 _chr    5u  IPv4  12001      0t0  UDP 10.0.0.5:40000->192.0.2.1:123
my\\x20app  42 1000    9u  IPv4  12002      0t0  TCP localhost:http->remote.example:55 (CLOSE_WAIT)
";

#[test]
fn a_table_of_lsof_gives_sockets_and_their_processes() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    import(place, "lsof.txt", LSOF, &[]).fails_saying(&[
        "does not say when it was taken",
        "--at 2026-11-24T10:00:00Z",
        "the file was last changed at",
    ]);
    let ran = import(place, "lsof.txt", LSOF, &["--at", AT]);
    assert_eq!(ran.code, 3, "names in place of numbers: {}", ran.stderr);
    let said = "6 open files read: 3 used, 1 not supported, 1 duplicate, 1 not a connection";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    assert!(ran.stdout.contains("run lsof -nP -i"), "{}", ran.stdout);
    let connections = connections(place);
    let names = [
        "protocol",
        "local_addr",
        "local_port",
        "remote_addr",
        "remote_port",
        "process_name",
        "pid",
        "direction",
    ];
    let seen: Vec<_> = connections.iter().map(|row| columns(row, &names)).collect();
    assert!(
        seen.contains(&vec!["tcp", "10.0.0.5", "22", "203.0.113.9", "50000", "sshd", "1234", "inbound"]),
        "{seen:?}"
    );
    assert!(
        seen.contains(&vec!["udp", "10.0.0.5", "40000", "192.0.2.1", "123", "chrony", "700", "outbound"]),
        "{seen:?}"
    );
    let rows = rows(place, AT);
    assert!(rows.iter().any(|row| row["pid"] == "1234" && row["exe"] == "/usr/sbin/sshd"), "{rows:?}");
}

#[test]
fn fields_of_lsof_and_several_lists_with_times_are_ticks() {
    let folder = tempfile::tempdir().unwrap();
    let process = "p1234\ng1\nR1\ncsshd\nu0\nLroot\nf3\nau\nl \ntIPv4\nd12345\no0t0\nPTCP\nn10.0.0.5:22->203.0.113.9:50000\nTST=ESTABLISHED\n";
    import(folder.path(), "lsof.txt", process, &["--at", AT]).succeeds();
    let row = &rows(folder.path(), AT)[0];
    assert_eq!(columns(row, &["process_name", "pid", "uid", "state"]), ["sshd", "1234", "0", "ESTABLISHED"]);

    let lists =
        format!("Tue Nov 24 10:00:00 UTC 2026\n{LSOF}\n=======\nTue Nov 24 10:00:05 UTC 2026\n{LSOF}");
    import(folder.path(), "lsof.txt", &lists, &[]);
    let metadata: Value =
        serde_json::from_str(&netrec_in(folder.path(), &["info", "out.parquet", "--json"]).stdout).unwrap();
    assert_eq!((&metadata["ticks_taken"], &metadata["interval_ms"]), (&json!(2), &json!(5000)));
}

const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1081 1 0 100 0 0 10 0
   1: 0500000A:0016 097100CB:C350 01 00000000:00000000 00:00000000 00000000     0        0 3384 1 0 20 4 1 150 -1
   2: 0500000A:9C40 0A0200C0:01BB 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
";
const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000500000A:0050 0000000000000000FFFF0000097100CB:C351 01 00000000:00000000 00:00000000 00000000  1000        0 4000 1 0 20 4 1 150 -1
";
const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 6436: 0500000A:9C41 010200C0:0035 01 00000000:00000000 00:00000000 00000000   101        0 5000 2 0 0
";

#[test]
fn tables_of_proc_net_are_one_moment_whichever_way_they_were_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let together = [TCP, TCP6, UDP].concat();
    let with_names =
        format!("==> /proc/net/tcp <==\n{TCP}\n==> /proc/net/tcp6 <==\n{TCP6}\n==> /proc/net/udp <==\n{UDP}");
    for text in [&together, &with_names, &together.replace('\n', "\r\n")] {
        let ran = import(folder.path(), "net.txt", text, &["--at", AT]).succeeds();
        assert!(ran.stdout.contains("5 sockets in 1 snapshot"), "{}", ran.stdout);
        let names = ["protocol", "local_addr", "local_port", "remote_addr", "remote_port", "state", "uid"];
        let seen: Vec<Vec<String>> = rows(folder.path(), AT)
            .iter()
            .map(|row| columns(row, &names).into_iter().map(str::to_owned).collect())
            .collect();
        for row in [
            ["tcp", "10.0.0.5", "22", "203.0.113.9", "50000", "ESTABLISHED", "0"],
            ["tcp", "10.0.0.5", "40000", "192.0.2.10", "443", "TIME_WAIT", ""],
            ["tcp", "10.0.0.5", "80", "203.0.113.9", "50001", "ESTABLISHED", "1000"],
            ["udp", "10.0.0.5", "40001", "192.0.2.1", "53", "", "101"],
        ] {
            assert!(seen.iter().any(|seen| seen == &row), "{row:?} is not in {seen:?}");
        }
    }
    import(folder.path(), "net.txt", &[TCP, TCP].concat(), &["--at", AT])
        .fails_saying(&["not all with a time"]);
    let loops = format!("1700000000\n{TCP}{TCP6}1700000060\n{TCP}{TCP6}");
    let ran = import(folder.path(), "net.txt", &loops, &[]).succeeds();
    assert!(ran.stdout.contains("8 sockets in 2 snapshots"), "{}", ran.stdout);
}

#[test]
fn sysmon_gives_connections_with_processes_users_and_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let event = |id: u32, data: Value| {
        json!({"@timestamp": "2023-11-14T22:13:20.000Z", "winlog": {"provider_name": "Microsoft-Windows-Sysmon",
            "event_id": id, "computer_name": "ws1.corp.example", "event_data": data}})
    };
    let connection = event(
        3,
        json!({"UtcTime": "2023-11-14 22:13:20.123", "ProcessGuid": "{a-1}", "ProcessId": "4242",
        "Image": "C:\\Users\\me\\evil.exe", "User": "CORP\\me", "Protocol": "tcp", "Initiated": "true",
        "SourceIp": "10.0.0.5", "SourcePort": "50000", "DestinationIp": "203.0.113.10", "DestinationPort": "443"}),
    );
    let accepted = event(
        3,
        json!({"UtcTime": "2023-11-14 22:13:21.000", "ProcessGuid": "{a-2}", "ProcessId": "700",
        "Image": "C:\\Windows\\System32\\svchost.exe", "Protocol": "tcp", "Initiated": "false", "SourceIp": "203.0.113.77",
        "SourcePort": "51000", "DestinationIp": "10.0.0.5", "DestinationPort": "3389"}),
    );
    let start = event(
        1,
        json!({"UtcTime": "2023-11-14 22:00:00.000", "ProcessGuid": "{a-1}", "ProcessId": "4242",
        "Image": "C:\\Users\\me\\evil.exe", "CommandLine": "evil.exe -c2", "Hashes": format!("SHA256={}", "AB".repeat(32)),
        "ParentProcessId": "7", "ParentImage": "C:\\office\\winword.exe"}),
    );
    let other = event(11, json!({"UtcTime": "2023-11-14 22:00:00.000"}));
    let lines = [connection, accepted, start, other].map(|event| event.to_string()).join("\n") + "\n";
    // The way Windows writes text.
    let marked: Vec<u8> = format!("\u{feff}{}", lines.replace('\n', "\r\n"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(folder.path().join("sysmon.json"), marked).unwrap();
    let ran = netrec_in(folder.path(), &["import", "sysmon.json", "-o", "out.parquet"]).succeeds();
    assert!(ran.stdout.contains("4 events read: 2 used, 2 not a connection"), "{}", ran.stdout);
    let connections = connections(folder.path());
    let names =
        ["local_addr", "local_port", "remote_addr", "remote_port", "direction", "process_name", "pid"];
    assert_eq!(
        columns(&connections[0], &names),
        ["10.0.0.5", "50000", "203.0.113.10", "443", "outbound", "evil.exe", "4242"]
    );
    assert_eq!(
        columns(&connections[1], &names),
        ["10.0.0.5", "3389", "203.0.113.77", "51000", "inbound", "svchost.exe", "700"]
    );
    let processes = fs::read_to_string(folder.path().join("report/tables/processes.csv")).unwrap();
    let known = format!(
        ",4242,7,,evil.exe,C:\\Users\\me\\evil.exe,evil.exe -c2,CORP\\me,winword.exe,evil.exe,,{},",
        "ab".repeat(32)
    );
    assert!(processes.contains(&known), "{processes}");
    let info = netrec_in(folder.path(), &["info", "out.parquet"]).succeeds();
    assert!(info.stdout.contains("ws1.corp.example"), "{}", info.stdout);

    let event = |n: u32| {
        let data = [
            ("UtcTime", format!("2023-11-14 22:13:2{n}.000")),
            ("ProcessId", "4".to_owned()),
            ("Protocol", "udp".to_owned()),
        ];
        let ends = [
            ("SourceIp", "10.0.0.5"),
            ("SourcePort", "137"),
            ("DestinationIp", "10.0.0.255"),
            ("DestinationPort", "137"),
        ];
        let data = data.into_iter().chain(ends.map(|(name, value)| (name, value.to_owned())));
        let data: Vec<String> =
            data.map(|(name, value)| format!("<Data Name='{name}'>{value}</Data>")).collect();
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider \
             Name='Microsoft-Windows-Sysmon'/><EventID>3</EventID><Computer>ws1</Computer></System>\n<EventData>{}\
             </EventData></Event>",
            data.concat()
        )
    };
    let xml = [0, 1, 2].map(event).concat();
    let file =
        format!("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n<Events>{xml}</Events>");
    let ran = import(folder.path(), "sysmon.xml", &file, &[]).succeeds();
    assert!(ran.stdout.contains("3 events read: 3 used"), "{}", ran.stdout);
}

/// Windows without Sysmon: the security log, where the auditing of the Filtering Platform is on.
#[test]
fn the_security_log_gives_connections_with_processes_and_what_the_firewall_blocked() {
    let folder = tempfile::tempdir().unwrap();
    let event = |id: u32, second: u32, data: &[(&str, &str)]| {
        let data: Vec<String> =
            data.iter().map(|(name, value)| format!("<Data Name='{name}'>{value}</Data>")).collect();
        format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider \
             Name='Microsoft-Windows-Security-Auditing'/><EventID>{id}</EventID><TimeCreated \
             SystemTime='2023-11-14T22:13:{second:02}.123456700Z'/><Computer>ws1</Computer></System><EventData>{}\
             </EventData></Event>\n",
            data.concat()
        )
    };
    let wfp = |id, second, program, direction, source: [&str; 2], destination: [&str; 2]| {
        let path = format!(r"\device\harddiskvolume3\{program}");
        let data = [
            ("ProcessID", "4242"),
            ("Application", path.as_str()),
            ("Direction", direction),
            ("SourceAddress", source[0]),
            ("SourcePort", source[1]),
            ("DestAddress", destination[0]),
            ("DestPort", destination[1]),
            ("Protocol", "6"),
        ];
        event(id, second, &data)
    };
    let (host, client) = (["10.0.0.5", "3389"], ["203.0.113.77", "51000"]);
    let created = [
        ("SubjectUserName", "me"),
        ("SubjectDomainName", "CORP"),
        ("NewProcessId", "0x1092"),
        ("NewProcessName", r"C:\Users\me\evil.exe"),
        ("CommandLine", "evil.exe -c2"),
        ("ParentProcessName", r"C:\office\winword.exe"),
        ("ProcessId", "0x7"),
    ];
    let file = [
        event(4688, 0, &created),
        wfp(5156, 1, r"users\me\evil.exe", "%%14593", ["10.0.0.5", "50000"], ["203.0.113.10", "443"]),
        // This Windows gives the local end of an inbound connection as its source.
        wfp(5156, 2, r"windows\system32\svchost.exe", "%%14592", host, client),
        wfp(5157, 3, r"users\me\evil.exe", "%%14593", ["10.0.0.5", "50001"], ["203.0.113.11", "25"]),
        event(4624, 4, &[("TargetUserName", "me")]),
    ]
    .concat();
    let ran = import(folder.path(), "security.xml", &file, &[]).succeeds();
    assert!(ran.stdout.contains("5 events read: 3 used, 2 not a connection"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the state of 1 outbound connection is unknown"), "{}", ran.stdout);
    let names = ["local_port", "remote_addr", "remote_port", "direction", "states", "process_name"];
    let connections = connections(folder.path());
    assert_eq!(
        connections.iter().map(|row| columns(row, &names)).collect::<Vec<_>>(),
        [
            ["50000", "203.0.113.10", "443", "outbound", "", "evil.exe"],
            ["3389", "203.0.113.77", "51000", "inbound", "SYN_RECV>ESTABLISHED", "svchost.exe"],
            ["50001", "203.0.113.11", "25", "outbound", "SYN_SENT>CLOSE", "evil.exe"],
        ]
    );
    let processes = fs::read_to_string(folder.path().join("report/tables/processes.csv")).unwrap();
    assert!(
        processes.contains(r"evil.exe,C:\Users\me\evil.exe,evil.exe -c2,CORP\me,winword.exe"),
        "{processes}"
    );
    // Without the audit events, it says which are missing and how to have them written.
    let others = event(4624, 4, &[("TargetUserName", "me")]).repeat(3);
    import(folder.path(), "others.xml", &others, &[])
        .fails_saying(&["3 × security event 4624", "auditpol /set"]);
}

const CONNTRACK: &str = "tcp      6 431999 ESTABLISHED src=192.168.1.10 dst=198.51.100.9 sport=51100 dport=443 packets=10 bytes=1000 src=198.51.100.9 dst=100.72.5.12 sport=443 dport=30001 packets=8 bytes=5000 [ASSURED] mark=0 use=1
tcp      6 86400 ESTABLISHED src=203.0.113.9 dst=100.72.5.12 sport=40000 dport=8443 packets=9 bytes=900 src=192.168.1.20 dst=203.0.113.9 sport=443 dport=40000 packets=9 bytes=9000 [ASSURED] mark=0 use=1
udp      17 29 src=192.168.1.10 dst=192.168.1.1 sport=5353 dport=53 [UNREPLIED] src=192.168.1.1 dst=192.168.1.10 sport=53 dport=5353 mark=0 use=1
";

/// A router knows both sides of what it translates.
#[test]
fn conntrack_gives_connections_behind_address_translation() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let ran = import(place, "nf_conntrack", CONNTRACK, &["--at", AT]).succeeds();
    assert!(ran.stdout.contains("3 records read: 3 used"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 connection with a translated destination"), "{}", ran.stdout);
    let names = ["local_addr", "local_port", "remote_addr", "remote_port", "direction", "bytes_received"];
    let mut found: Vec<Vec<String>> = connections(place)
        .iter()
        .map(|row| columns(row, &names).into_iter().map(str::to_owned).collect())
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            ["192.168.1.10", "51100", "198.51.100.9", "443", "outbound", "5000"],
            ["192.168.1.10", "5353", "192.168.1.1", "53", "internal", ""],
            ["192.168.1.20", "443", "203.0.113.9", "40000", "inbound", "900"],
        ]
    );
    import(place, "nf_conntrack", CONNTRACK, &[]).fails_saying(&["does not say when it was taken", "--at"]);
}

const VPC: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789010 eni-1 192.0.2.10 10.0.0.5 443 40000 6 5 5000 1700000000 1700000058 ACCEPT OK
2 123456789010 eni-1 10.0.0.5 192.0.2.10 40000 443 6 5 500 1700000000 1700000058 ACCEPT OK
2 123456789010 eni-1 203.0.113.9 10.0.0.5 50000 22 6 1 40 1700000003 1700000003 REJECT OK
2 123456789010 eni-1 - - - - - - - 1700000060 1700000120 - NODATA
";

#[test]
fn vpc_flow_logs_give_connections_of_both_directions_and_what_was_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let ran = import(place, "flow.log", VPC, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("4 records read: 3 used, 1 not a connection"), "{}", ran.stdout);
    let connections = connections(place);
    let told = [
        "local_addr",
        "local_port",
        "remote_addr",
        "remote_port",
        "direction",
        "bytes_sent",
        "bytes_received",
        "states",
    ];
    assert_eq!(
        connections.iter().map(|row| columns(row, &told)).collect::<Vec<_>>(),
        [
            ["10.0.0.5", "40000", "192.0.2.10", "443", "outbound", "500", "5000", ""],
            // It came from outside, so it is shown from the host's side.
            ["10.0.0.5", "22", "203.0.113.9", "50000", "inbound", "", "40", "SYN_RECV"],
        ]
    );
    // Skipped intervals are a gap, and a log without any flows is not evidence of no traffic.
    let gaps = VPC.replace("NODATA", "SKIPDATA");
    let ran = import(place, "gaps.log", &gaps, &[]);
    assert!(ran.stdout.contains("AWS skipped records of 1 aggregation interval"), "{}", ran.stdout);
    let silent = VPC.lines().filter(|line| !line.ends_with("OK")).collect::<Vec<_>>().join("\n");
    import(place, "silent.log", &silent, &[]).fails_saying(&["0 of 1 record could be used", "NODATA"]);
}

/// The usual format of VPC flow logs has no TCP flags: that no state is known does not mean that a connection failed.
#[test]
fn connections_without_states_are_judged_by_what_came_back() {
    let log = |answer: Option<(u32, u32)>| {
        let records = (0..100_u32).map(|number| {
            let at = 1_700_000_000 + 31 * number.pow(3) % 6_007;
            let (port, host) = (50_000 + number, number % 20 + 1);
            let asked = format!("2 1 eni-1 10.0.0.5 198.51.100.{host} {port} 443 6 5 480 {at} {at} ACCEPT OK\n");
            let back = |(packets, bytes)| {
                format!("2 1 eni-1 198.51.100.{host} 10.0.0.5 443 {port} 6 {packets} {bytes} {at} {at} ACCEPT OK\n")
            };
            asked + &answer.map(back).unwrap_or_default()
        });
        records.collect::<String>()
    };
    let folder = tempfile::tempdir().unwrap();
    let findings = |name: &str, log: &str| {
        import(folder.path(), name, log, &[]).succeeds();
        netrec_in(folder.path(), &["analyze", "out.parquet", "-o", "report", "--force"]).succeeds().stdout
    };
    let answered = findings("answered.log", &log(Some((5, 450))));
    assert!(answered.contains("findings   none"), "{answered}");
    for (name, answer) in [("refused.log", Some((1, 40))), ("silent.log", None)] {
        let found = findings(name, &log(answer));
        assert!(found.contains("198.51.100") || found.contains("20 addresses"), "{name}: {found}");
    }
}
