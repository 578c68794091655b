use proptest::prelude::*;

use super::event;
use super::fields::{Fields, Shape, time};
use super::notation::{Notation, Parsed};
use super::*;
use crate::capture::{Kind, Protocol, TcpState};

fn parse(text: &str) -> Vec<Parsed> {
    let (mut notation, mut found) = (Notation::default(), Vec::new());
    text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| notation.take(line, &mut found));
    notation.end(&mut found);
    found
}

fn records(text: &str) -> Vec<Fields> {
    let records = parse(text).into_iter().map(|parsed| match parsed {
        Parsed::Record(fields) => fields,
        other => panic!("{other:?} in {text}"),
    });
    records.collect()
}

/// The sockets in short: protocol, state, ends, process.
fn sockets(text: &str) -> Vec<String> {
    let short = |fields: Fields| {
        let socket = socket::read(&fields).unwrap();
        let state = socket.state.map_or("-", |state| state.as_str());
        let remote = socket.remote.map_or("-".to_owned(), |(addr, port)| format!("{addr} {port}"));
        let name = socket.owner.process_name.unwrap_or_default();
        let pid = socket.owner.pid.map_or("-".to_owned(), |pid| pid.to_string());
        format!("{:?} {state} {} {} {remote} {pid} {name}", socket.protocol, socket.local.0, socket.local.1)
    };
    records(text).into_iter().map(short).collect()
}

const CHROME: &str = "Tcp ESTABLISHED 10.0.0.5 50122 192.0.2.9 443 4312 chrome.exe";

#[test]
fn a_connection_is_the_same_in_every_notation() {
    for text in [
        r#"{"LocalAddress":"10.0.0.5","LocalPort":50122,"RemoteAddress":"192.0.2.9","RemotePort":443,"State":5,"OwningProcess":4312,"ProcessName":"chrome.exe"}"#,
        r#"{"LocalAddress":"10.0.0.5","LocalPort":50122,"RemoteAddress":"192.0.2.9","RemotePort":443,"State":"Established","OwningProcess":4312,"Path":"C:\\x\\chrome.exe"}"#,
        "#TYPE Selected.CimInstance2\n\"LocalAddress\",\"LocalPort\",\"RemoteAddress\",\"RemotePort\",\"State\",\"OwningProcess\",\"ProcessName\"\n\"10.0.0.5\",\"50122\",\"192.0.2.9\",\"443\",\"Established\",\"4312\",\"C:\\x\\chrome.exe\"",
        "LocalAddress;LocalPort;RemoteAddress;RemotePort;State;OwningProcess;ProcessName\n10.0.0.5;50122;192.0.2.9;443;Established;4312;chrome.exe",
        "LocalAddress   : 10.0.0.5\nLocalPort      : 50122\nRemoteAddress  : 192.0.2.9\nRemotePort     : 443\nState          : Established\nAppliedSetting :\nOwningProcess  : 4312\nPath           : C:\\Program Files\\\n                 chrome.exe",
        "LocalAddress LocalPort RemoteAddress RemotePort State       AppliedSetting OwningProcess ProcessName\n------------ --------- ------------- ---------- -----       -------------- ------------- -----------\n10.0.0.5     50122     192.0.2.9     443        Established                4312          chrome.exe",
        "ProcessName OwningProcess LocalAddress LocalPort RemoteAddress RemotePort       State\n----------- ------------- ------------ --------- ------------- ----------       -----\nchrome.exe           4312 10.0.0.5         50122 192.0.2.9            443 Established",
        r#"{"Pid":4312,"Name":"chrome.exe","Family":"IPv4","Type":"TCP","Status":"ESTAB","SrcIP":"10.0.0.5","SrcPort":50122,"DestIP":"192.0.2.9","DestPort":443,"Timestamp":"2023-11-14T16:32:23Z"}"#,
        r#"{"Pid":4312,"Name":"chrome.exe","Type":"TCP","Status":"ESTAB","Laddr":{"IP":"10.0.0.5","Port":50122},"Raddr":{"IP":"192.0.2.9","Port":443}}"#,
        "Pid,Name,Family,Type,Status,Laddr.IP,Laddr.Port,Raddr.IP,Raddr.Port,Timestamp\n4312,chrome.exe,IPv4,TCP,ESTAB,10.0.0.5,50122,192.0.2.9,443,2023-11-14T16:32:23Z",
        r#"{"columns":{"pid":"4312","protocol":"6","local_address":"10.0.0.5","local_port":"50122","remote_address":"192.0.2.9","remote_port":"443","state":"ESTABLISHED","name":"chrome.exe"},"action":"snapshot"}"#,
        r#"{"fd":115,"family":2,"type":1,"laddr":["10.0.0.5",50122],"raddr":["192.0.2.9",443],"status":"ESTABLISHED","pid":4312,"name":"chrome.exe"}"#,
        r#"{"netid":"tcp","state":"ESTAB","local_address":"10.0.0.5","local_port":"50122","peer_address":"192.0.2.9","peer_port":"https","local_port_num":50122,"opts":{"process_id":{"4312":{"user":"chrome.exe"}}}}"#,
        r#"{"proto":"tcp","local_address":"10.0.0.5","foreign_address":"192.0.2.9","state":"ESTABLISHED","program_name":"chrome.exe","kind":"network","pid":4312,"local_port":"50122","foreign_port":"443"}"#,
        r#"{"command":"chrome.exe","pid":4312,"user":"u","fd":"3u","type":"IPv4","device":"1","node":"TCP","name":"10.0.0.5:50122->192.0.2.9:443 (ESTABLISHED)"}"#,
        "TCP,chrome.exe,4312,ESTABLISHED,10.0.0.5:50122,192.0.2.9:443",
        "           pid = 4312\n local_address = 10.0.0.5\n    local_port = 50122\nremote_address = 192.0.2.9\n   remote_port = 443\n      protocol = 6\n         state = ESTABLISHED\n          name = chrome.exe",
        "NetNS\tProcess Name\tPID\tTID\tFD\tSock Offset\tFamily\tType\tProto\tSource Addr\tSource Port\tDestination Addr\tDestination Port\tState\tFilter\n4026531992\tchrome.exe\t4312\t4312\t3\t0x9b27\tAF_INET\tSTREAM\tTCP\t10.0.0.5\t50122\t192.0.2.9\t443\tESTABLISHED\t-",
        "Process Name,Process ID,Protocol,Local Port,Local Address,Remote Port,Remote Address,State\nchrome.exe,4312,TCP,50122,10.0.0.5,443,192.0.2.9,Established",
        "Offset\tProto\tLocalAddr\tLocalPort\tForeignAddr\tForeignPort\tState\tPID\tOwner\tCreated\n0x0\tTCPv4\t10.0.0.5\t50122\t192.0.2.9\t443\tESTABLISHED\t4312\tchrome.exe\tN/A",
        "Offset(P)          Proto    Local Address                  Foreign Address      State            Pid      Owner\n0x7d6124d0         TCPv4    10.0.0.5:50122                 192.0.2.9:443        ESTABLISHED      4312     chrome.exe",
        "USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS   CONN STATE\nroot     chrome.exe 4312  4   tcp4   10.0.0.5:50122        192.0.2.9:443     ESTABLISHED",
    ] {
        assert_eq!(sockets(text), [CHROME], "{text}");
    }
}

#[test]
fn listeners_and_datagrams_have_no_remote() {
    for (text, expected) in [
        (
            r#"{"LocalAddress":"::","LocalPort":135,"RemoteAddress":"::","RemotePort":0,"State":2,"OwningProcess":900}"#,
            "Tcp LISTEN :: 135 - 900 ",
        ),
        ("LocalAddress,LocalPort,OwningProcess\n0.0.0.0,123,900", "Udp - 0.0.0.0 123 - 900 "),
        (
            r#"{"ansible_facts":{"tcp_listen":[{"address":"0.0.0.0","name":"sshd","pid":812,"port":22,"protocol":"tcp","stime":"x","user":"root"}],"udp_listen":[]}}"#,
            "Tcp LISTEN 0.0.0.0 22 - 812 sshd",
        ),
        ("UDP,svchost.exe,900,,0.0.0.0:123,*:*", "Udp - 0.0.0.0 123 - 900 svchost.exe"),
        (
            "Offset(P)  Proto  Local Address  Foreign Address  State  Pid  Owner\n0x7d  UDPv6  :::123  *:*  900  svchost.exe",
            "Udp - :: 123 - 900 svchost.exe",
        ),
        (
            r#"{"fd":1,"family":2,"type":2,"laddr":["0.0.0.0",68],"raddr":[],"status":"NONE","pid":1}"#,
            "Udp - 0.0.0.0 68 - 1 ",
        ),
        (
            "USER COMMAND PID FD PROTO LOCAL ADDRESS FOREIGN ADDRESS\nwww  nginx: wor 900   5   tcp46  *:443   *:*",
            "Tcp - :: 443 - 900 nginx: wor",
        ),
    ] {
        assert_eq!(sockets(text), [expected], "{text}");
    }
}

#[test]
fn the_first_column_of_a_table_may_hold_anything() {
    let table = "LocalAddress LocalPort RemoteAddress RemotePort State  OwningProcess\n------------ --------- ------------- ---------- -----  -------------\n";
    let row = "::           135       ::            0          Listen 900\n";
    let loop_of = format!("{table}{row}\n{table}{row}");
    assert_eq!(sockets(&loop_of), ["Tcp LISTEN :: 135 - 900 ", "Tcp LISTEN :: 135 - 900 "]);
}

#[test]
fn what_nobody_owns_is_not_given_to_the_idle_process() {
    let text = "TCP,[System Process],0,TIME_WAIT,10.0.0.5:49157,192.0.2.9:443";
    assert_eq!(sockets(text), ["Tcp TIME_WAIT 10.0.0.5 49157 192.0.2.9 443 - "]);
}

#[test]
fn everything_that_is_said_of_the_process_is_kept() {
    let hash = "AB".repeat(32);
    let text = format!(
        r#"{{"Pid":4312,"Ppid":900,"Name":"chrome.exe","Path":"C:\\x\\chrome.exe","CommandLine":"chrome --x","Hash":{{"MD5":"x","SHA256":"{hash}"}},"Username":"DOM\\u","Type":"TCP","Status":"ESTAB","SrcIP":"10.0.0.5","SrcPort":1,"DestIP":"192.0.2.9","DestPort":443}}"#
    );
    let owner = records(&text)[0].owner();
    assert_eq!((owner.ppid, owner.exe.as_deref()), (Some(900), Some("C:\\x\\chrome.exe")));
    assert_eq!((owner.cmdline.as_deref(), owner.username.as_deref()), (Some("chrome --x"), Some("DOM\\u")));
    assert_eq!(owner.exe_sha256, Some(hash.to_ascii_lowercase()));
}

#[test]
fn what_cannot_be_used_is_said_and_not_guessed() {
    let fault = |text: &str| match socket::read(&records(text)[0]) {
        Err(Fault::Skipped(reason, kind)) => (reason.is_gap(), kind),
        other => panic!("{other:?}"),
    };
    let of = |local: &str, protocol: &str| {
        fault(&format!(
            r#"{{"local_address":"{local}","local_port":"22","remote_address":"192.0.2.9","remote_port":"443","pid":"1","protocol":"{protocol}"}}"#
        ))
    };
    assert!(of("2001:db8:1...", "6").1.contains("Format-List"));
    assert!(of("web01", "6").1.contains("name in place of an address"));
    assert!(!of("", "6").0 && !of("/run/x", "unix").0);
    let text =
        r#"{"local_address":"10.0.0.5","local_port":1,"remote_address":"192.0.2.9","remote_port":2,"pid":1}"#;
    assert!(fault(text).0, "neither a protocol nor a state");
}

#[test]
fn other_tables_are_not_of_sockets() {
    for text in [
        r#"{"srcip":"10.0.0.5","dstip":"192.0.2.9","srcport":1,"dstport":2,"proto":"tcp"}"#,
        "src_ip,dst_ip,src_port,dst_port,bytes\n10.0.0.5,192.0.2.9,1,2,3",
        "Name : value\nOther : 12",
        "hello, world, of, commas, 1\n",
        r#"{"pid":1,"name":"x","state":"S"}"#,
        "----- -----\n",
    ] {
        assert!(!parse(text).iter().any(|parsed| matches!(parsed, Parsed::Record(_))), "{text}");
    }
}

#[test]
fn a_value_in_quotes_may_have_several_lines() {
    let text = "LocalAddress,LocalPort,RemoteAddress,RemotePort,State,OwningProcess,CommandLine\n10.0.0.5,1,192.0.2.9,443,Established,7,\"a \"\"b\"\"\nc\"\n10.0.0.5,2,192.0.2.9,443,Established,8,d";
    let records = records(text);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].owner().cmdline.as_deref(), Some("a \"b\"\nc"));
    let cut = parse("LocalAddress,LocalPort,OwningProcess\n\"10.0.0.5");
    assert_eq!(cut, [Parsed::Unreadable]);
}

#[test]
fn times_are_read_as_powershell_and_portals_write_them() {
    for text in [
        "/Date(1700000000000)/",
        "1700000000",
        "2023-11-14T22:13:20.0000000Z",
        "Nov 14, 2023 10:13:20 PM",
        "11/14/2023 10:13:20 PM",
        "11/14/2023, 10:13:20.000 PM",
    ] {
        assert_eq!(time(text).unwrap().ts_us, 1_700_000_000_000_000, "{text}");
    }
    assert_eq!(time("7/6/2023 5:51:34 AM").unwrap().ts_us, 1_688_622_694_000_000);
    assert!(time("7/6/2023 05:51:34").is_none(), "a day or a month");
}

const DEFENDER: &str = r#"{"Timestamp":"2023-11-14T22:13:20Z","DeviceName":"pc1","ActionType":"ConnectionSuccess","RemoteIP":"192.0.2.9","RemotePort":443,"RemoteUrl":"https://Login.example.com:443/a","LocalIP":"10.0.0.5","LocalPort":50122,"Protocol":"Tcp","InitiatingProcessFileName":"powershell.exe","InitiatingProcessId":4312,"InitiatingProcessFolderPath":"c:\\x\\powershell.exe","InitiatingProcessParentFileName":"winword.exe"}"#;

fn rows(text: &str) -> Vec<crate::capture::Row> {
    let fields = &records(text)[0];
    let event = match fields.shape() {
        Some(Shape::Defender) => event::of_defender(fields),
        Some(Shape::CrowdStrike) => event::of_crowdstrike(fields),
        _ => event::of_difference(fields),
    };
    event.unwrap().rows(&mut SharedOwners::default())
}

#[test]
fn an_event_of_defender_is_a_connection_of_its_process() {
    let [row] = rows(DEFENDER).try_into().unwrap();
    assert_eq!((row.kind, row.ts_us), (Kind::Opened, 1_700_000_000_000_000));
    assert_eq!((row.prev_state, row.state), (Some(TcpState::SynSent), Some(TcpState::Established)));
    assert_eq!(row.remote_name.as_deref(), Some("login.example.com"));
    let owner = row.owner.unwrap();
    assert_eq!((owner.pid, owner.parent_name.as_deref()), (Some(4312), Some("winword.exe")));
    let states = |action: &str| {
        let rows = rows(&DEFENDER.replace("ConnectionSuccess", action));
        rows.iter().map(|row| (row.kind, row.prev_state, row.state)).collect::<Vec<_>>()
    };
    assert_eq!(
        states("InboundConnectionAccepted"),
        [(Kind::Opened, Some(TcpState::SynRecv), Some(TcpState::Established))]
    );
    assert_eq!(
        states("ConnectionFailed"),
        [
            (Kind::Opened, None, Some(TcpState::SynSent)),
            (Kind::Closed, Some(TcpState::SynSent), Some(TcpState::Close))
        ]
    );
    assert_eq!(states("ListeningConnectionCreated"), [(Kind::Opened, None, Some(TcpState::Listen))]);
    let inspected = records(&DEFENDER.replace("ConnectionSuccess", "HttpConnectionInspected"));
    assert!(matches!(event::of_defender(&inspected[0]), Err(Fault::Skipped(UnusedReason::NoConnection, _))));
}

#[test]
fn an_event_of_crowdstrike_says_who_opened_it() {
    let text = r#"{"event_simpleName":"NetworkConnectIP4","ContextTimeStamp":"1700000000.5","ComputerName":"PC1","LocalAddressIP4":"10.0.0.5","LocalPort":"50122","RemoteAddressIP4":"192.0.2.9","RemotePort":"443","Protocol":"6","ConnectionDirection":"0","ContextBaseFileName":"chrome.exe"}"#;
    let [row] = rows(text).try_into().unwrap();
    assert_eq!((row.ts_us, row.protocol), (1_700_000_000_500_000, Protocol::Tcp));
    assert_eq!(row.prev_state, Some(TcpState::SynSent));
    let accepted = rows(&text.replace("\"ConnectionDirection\":\"0\"", "\"ConnectionDirection\":\"1\""));
    assert_eq!(accepted[0].prev_state, Some(TcpState::SynRecv));
}

#[test]
fn a_call_that_osquery_saw_needs_its_local_end() {
    let text = r#"{"unixTime":1700000060,"columns":{"action":"accept","pid":"812","path":"/usr/sbin/sshd","protocol":"6","local_address":"10.0.0.5","local_port":"22","remote_address":"192.0.2.9","remote_port":"50122","time":"1700000000"},"action":"added"}"#;
    let call = |text: &str| event::of_call(&records(text)[0]);
    let [row] = call(text).unwrap().rows(&mut SharedOwners::default()).try_into().unwrap();
    assert_eq!((row.ts_us, row.prev_state), (1_700_000_000_000_000, Some(TcpState::SynRecv)));
    assert_eq!(row.owner.unwrap().process_name.as_deref(), Some("sshd"));
    let without = call(&text.replace("10.0.0.5", ""));
    assert!(matches!(without, Err(Fault::Skipped(UnusedReason::Unsupported, _))));
}

#[test]
fn what_osquery_found_and_no_longer_found_is_one_socket() {
    let text = |action: &str, time: u32| {
        format!(
            r#"{{"name":"x","hostIdentifier":"web-01","unixTime":{time},"columns":{{"pid":"812","protocol":"6","local_address":"10.0.0.5","local_port":"22","remote_address":"192.0.2.9","remote_port":"50122","socket":"12","state":"ESTABLISHED"}},"action":"{action}"}}"#
        )
    };
    let (added, removed) = (rows(&text("added", 1_700_000_000)), rows(&text("removed", 1_700_000_600)));
    assert_eq!(
        (added[0].kind, added[0].state, removed[0].kind),
        (Kind::State, Some(TcpState::Established), Kind::Closed)
    );
    assert_eq!(added[0].conn_id, removed[0].conn_id);
}

proptest! {
    #[test]
    fn arbitrary_lines_do_no_harm(lines in proptest::collection::vec("[ -~\t\u{e9}]{0,60}", 0..8), bytes in "[a-z,:\"|\\-\\[\\]{}0-9 ]{0,80}") {
        parse(&lines.join("\n"));
        let table = "LocalAddress LocalPort OwningProcess\n------------ --------- -------------\n";
        parse(&format!("{table}{}", lines.join("\n")));
        parse(&format!("LocalAddress,LocalPort,OwningProcess\n{bytes}"));
        parse(&format!("USER COMMAND PID FD PROTO LOCAL ADDRESS\n{}\n{bytes}", lines.join("\n")));
        parse(&format!("Offset(P) Proto Local Address\n{bytes}"));
        parse(&format!("{{\"laddr\":{bytes}}}"));
    }
}
