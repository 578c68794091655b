//! Tables of sockets with named columns: PowerShell, osquery, Velociraptor, Defender.

use crate::runner::{connections, import, netrec_in};

const AT: [&str; 2] = ["--at", "2026-11-24T10:00:00Z"];

const ENDS: [&str; 6] = ["local_addr", "local_port", "remote_addr", "remote_port", "state", "pid"];

const LIST: &str = "\r\n\r\nLocalAddress   : 10.0.0.5\r\nLocalPort      : 50122\r\nRemoteAddress  : 192.0.2.9\r\nRemotePort     : 443\r\nState          : Established\r\nAppliedSetting : Internet\r\nOwningProcess  : 4312\r\n\r\nLocalAddress   : ::\r\nLocalPort      : 135\r\nRemoteAddress  : ::\r\nRemotePort     : 0\r\nState          : Listen\r\nAppliedSetting : \r\nOwningProcess  : 900\r\n\r\n";

#[test]
fn what_powershell_redirects_is_read_and_needs_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    // PowerShell 5 writes UTF-16.
    let utf16: Vec<u8> = [0xFEFF].into_iter().chain(LIST.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    import(place, &utf16, &[]).fails_saying(&["does not say when it was taken", "--at"]);
    import(place, &utf16, &AT).succeeds();
    assert_eq!(
        connections(place, &ENDS),
        [
            ["::", "135", "", "", "LISTEN", "900"],
            ["10.0.0.5", "50122", "192.0.2.9", "443", "ESTABLISHED", "4312"]
        ]
    );
}

#[test]
fn what_a_table_has_cut_is_not_guessed_and_changes_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ProcessName LocalAddress    LocalPort RemoteAddress   RemotePort       State\n----------- ------------    --------- -------------   ----------       -----\nchrome      10.0.0.5            50122 192.0.2.9              443 Established\nchrome      2001:db8:1:2...     50123 2001:db8:1:2...        443 Established\n\n";
    let ran = import(folder.path(), text.as_bytes(), &AT);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("1 × address cut by Format-Table: use Format-List or Export-Csv"),
        "{}",
        ran.stdout
    );
    assert_eq!(connections(folder.path(), &ENDS[..4]), [["10.0.0.5", "50122", "192.0.2.9", "443"]]);
}

#[test]
fn each_list_of_osquery_is_a_snapshot_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let socket = r#"{"pid":"812","protocol":"6","local_address":"10.0.0.5","local_port":"22","remote_address":"192.0.2.9","remote_port":"50122","socket":"1","state":"ESTABLISHED"}"#;
    let list = |time: u32, host: &str| {
        format!(
            r#"{{"snapshot":[{socket}],"action":"snapshot","hostIdentifier":"{host}","unixTime":{time}}}"#
        ) + "\n"
    };
    // Newest first, as a search engine exports it.
    let text = list(1_700_000_060, "web-01") + &list(1_700_000_000, "web-01");
    import(place, text.as_bytes(), &[]).succeeds();
    let [found] = connections(place, &["first_seen", "last_seen", "ticks"]).try_into().unwrap();
    assert!(
        found[0].starts_with("2023-11-14T22:13:20") && found[1].starts_with("2023-11-14T22:14:20"),
        "{found:?}"
    );
    assert_eq!(found[2], "2");

    let text = list(1_700_000_000, "web-01") + &list(1_700_000_000, "web-02");
    import(place, text.as_bytes(), &[])
        .fails_saying(&["2 hosts (web-01, web-02)", "export each host by itself"]);
}

const DEFENDER: &str = "Timestamp,DeviceName,ActionType,RemoteIP,RemotePort,RemoteUrl,LocalIP,LocalPort,Protocol,InitiatingProcessFileName,InitiatingProcessId,InitiatingProcessCommandLine
\"Nov 14, 2023 10:13:20 PM\",pc1,ConnectionSuccess,192.0.2.9,443,login.example.com,10.0.0.5,50122,Tcp,powershell.exe,4312,\"powershell -c \"\"a
b\"\"\"
2023-11-14T22:13:21Z,pc1,ConnectionFailed,10.0.0.9,445,,,,Tcp,powershell.exe,4312,powershell
2023-11-14T22:13:22Z,pc1,DnsConnectionInspected,10.0.0.1,53,,10.0.0.5,50200,Udp,,,
";

#[test]
fn events_of_defender_are_connections_with_their_processes() {
    let folder = tempfile::tempdir().unwrap();
    let ran = import(folder.path(), DEFENDER.as_bytes(), &[]);
    // One has no local address, which a row needs.
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let said = "3 records read: 1 used, 1 not supported, 1 not a connection";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    assert!(ran.stdout.contains("DnsConnectionInspected event"), "{}", ran.stdout);
    let names = ["remote_addr", "remote_name", "process_name", "direction"];
    assert_eq!(
        connections(folder.path(), &names),
        [["192.0.2.9", "login.example.com", "powershell.exe", "outbound"]]
    );
}

#[test]
fn a_table_that_is_cut_short_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let text = "LocalAddress,LocalPort,RemoteAddress,RemotePort,State,OwningProcess\n10.0.0.5,50122,192.0.2.9,443,Established,4312\n10.0.0.5,50123,192.0.2";
    let ran = import(folder.path(), text.as_bytes(), &AT);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stderr.contains("ends in the middle of a line"), "{}", ran.stderr);
    import(folder.path(), b"LocalAddress,LocalPort,OwningProcess\n", &AT)
        .fails_saying(&["a table of sockets", "there is no record in it"]);
}

#[test]
fn facts_of_ansible_are_those_of_the_host_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let text = "web-01 | SUCCESS => {\n    \"ansible_facts\": {\n        \"tcp_listen\": [\n            {\n                \"address\": \"0.0.0.0\",\n                \"name\": \"sshd\",\n                \"pid\": 812,\n                \"port\": 22,\n                \"protocol\": \"tcp\",\n                \"user\": \"root\"\n            }\n        ]\n    },\n    \"changed\": false\n}\n";
    import(folder.path(), text.as_bytes(), &AT).succeeds();
    assert_eq!(connections(folder.path(), &["local_port", "state", "pid"]), [["22", "LISTEN", "812"]]);
    assert!(netrec_in(folder.path(), &["info", "out.parquet"]).stdout.contains("web-01"));
}

/// A table has one host, whose end is the local one, whoever opened a connection.
#[test]
fn what_a_listener_accepted_is_inbound() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let table = "\"LocalAddress\",\"LocalPort\",\"RemoteAddress\",\"RemotePort\",\"State\",\"OwningProcess\"\n\
        \"0.0.0.0\",\"3389\",\"0.0.0.0\",\"0\",\"Listen\",\"900\"\n\
        \"10.0.0.5\",\"3389\",\"203.0.113.9\",\"50000\",\"Established\",\"900\"\n\
        \"10.0.0.5\",\"445\",\"10.0.0.9\",\"50000\",\"SynReceived\",\"4\"\n\
        \"10.0.0.5\",\"50001\",\"203.0.113.10\",\"443\",\"Established\",\"4242\"\n";
    import(place, table.as_bytes(), &AT).succeeds();
    let mut found = connections(place, &["local_port", "direction"]);
    found.sort();
    assert_eq!(found, [["3389", ""], ["3389", "inbound"], ["445", "inbound"], ["50001", "outbound"]]);
    let accepted = r#"{"Timestamp":"2023-11-14T22:13:20Z","DeviceName":"pc1","ActionType":"InboundConnectionAccepted","LocalIP":"10.0.0.5","LocalPort":3389,"RemoteIP":"203.0.113.9","RemotePort":50000,"Protocol":"Tcp","InitiatingProcessFileName":"svchost.exe"}"#;
    import(place, format!("{accepted}\n").as_bytes(), &[]).succeeds();
    assert_eq!(connections(place, &["local_port", "direction"]), [["3389", "inbound"]]);
}
