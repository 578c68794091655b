//! The page's filter equals the command line's: the same rows, and the same error messages.

use std::path::Path;
use std::sync::Arc;

use netrec::capture::{Counters, Metadata, Owner, OwnerSource, Protocol, Row, TcpState};
use netrec::filter::Filter;

use crate::browser;
use crate::fixture;
use crate::runner::netrec_in;

/// Connections that differ in everything that a filter can test, one row each.
fn rows() -> Vec<Row> {
    let ends = [
        ("192.168.1.5", "10.77.0.2", 443, Some("api.example.com")),
        ("192.168.1.5", "93.184.216.34", 80, Some("Example.com")),
        ("192.168.1.6", "93.184.216.35", 8443, None),
        ("2001:db8::5", "2001:db8::1", 443, Some("v6.example.net")),
        ("10.0.0.1", "10.0.0.200", 22, None),
        ("10.0.0.1", "8.8.8.8", 53, Some("dns.google")),
    ];
    let names = [Some("nmap"), Some("curl"), None, Some("kworker/0:1"), Some("f(x)"), Some("Größe")];
    let row = |number: usize| {
        let (local, remote, port, name) = ends[number];
        let is_udp = number == 5;
        let protocol = if is_udp { Protocol::Udp } else { Protocol::Tcp };
        let local = (local.parse().unwrap(), 40_000 + number as u16);
        let mut row = Row::snapshot(number as u64 * 1_000_003 + (1 << 60), protocol, local);
        row.tick = 1;
        row.ts_us = fixture::START_US + 1_000_000;
        row.mono_ns = 1_000_000_000;
        row.remote = Some((remote.parse().unwrap(), port));
        row.remote_name = name.map(Into::into);
        row.state =
            (!is_udp).then_some([TcpState::Established, TcpState::SynSent, TcpState::CloseWait][number % 3]);
        let amount = 10_u64.pow(number as u32 + 1);
        row.counters = Counters {
            bytes_sent: (number != 2).then_some(amount),
            bytes_received: (number != 4).then_some(amount / 2),
            packets_sent: Some(number as u64),
            retransmits: (!is_udp).then_some(number as u32),
            rtt_us: (number.is_multiple_of(2) && !is_udp).then_some(20_000 * number as u32),
            ..Counters::default()
        };
        row.owner = names[number].map(|name| {
            Arc::new(Owner {
                pid: Some(70 + number as u32),
                ppid: Some(1),
                uid: Some(if number == 0 { 0 } else { 1000 }),
                process_name: Some(name.to_owned()),
                exe: Some(format!("/usr/bin/{name}")),
                cmdline: Some(format!("{name} -sT 10.77.0.2 a*b")),
                username: (number != 3).then(|| "root".to_owned()),
                parent_name: Some("systemd".to_owned()),
                ..Owner::default()
            })
        });
        row.owner_source = row.owner.as_ref().map(|_| OwnerSource::Inode);
        row
    };
    (0..ends.len()).map(row).collect()
}

/// Expressions that both accept.
const UNDERSTOOD: &[&str] = &[
    "",
    "nmap",
    "NMAP 10.77",
    "10.77.0.2:443",
    "2001:db8::1",
    "2001:db8::1:443",
    "example",
    r#""-sT 10""#,
    "-curl",
    "process:nmap,curl",
    "process:none",
    "process:*",
    "-process:none",
    "process!=curl",
    "process:k*r*",
    "process~WORKER",
    "process:GRÖSSE",
    "process:größe",
    "process:?map",
    r#"cmdline~"a*b""#,
    "cmdline~a*b",
    "cmdline~f(x)",
    "(process:nmap or process:curl) port:443",
    "process:nmap port:443 or port:80",
    "process:nmap and (port:80 or port:443)",
    "not (port:443 or port:80)",
    "-(-(port:443))",
    "!port:443",
    "not -port:443",
    "port:80,443",
    "port:40000-40002",
    "port>1024",
    "remote_port<=443",
    "rport:22",
    "lport:40003",
    "port:none",
    "remote:10.0.0.0/8",
    "remote:93.184.216.34/31",
    "remote:93.184.216.34",
    "remote:93.184.216.34:80",
    "remote:[2001:db8::1]:443",
    "remote:2001:DB8:0::1",
    "remote:2001:db8::/32",
    "remote:::ffff:10.77.0.2",
    "remote:*.example.com",
    "remote:93.*",
    "remote~184",
    "remote:none",
    "dst:8.8.8.8",
    "local:10.0.0.0/8",
    "src:192.168.1.5",
    "addr:10.0.0.1,8.8.8.8",
    "addr~2001",
    "name:*.google",
    "name:none",
    "name:example.com",
    "sent>1M",
    "sent>=10k",
    "sent:10k",
    "bytes>1.5k",
    "bytes<1MiB",
    "bytes:none",
    "sent:none",
    "received:none",
    "received:5-500",
    "packets:0",
    "packets>=3",
    "retransmits<3",
    "retransmits:none",
    "rtt>50ms",
    "rtt:none",
    "rtt:0.04s",
    "pid:70-72",
    "pid>72",
    "ppid:1",
    "uid:0",
    "user:none",
    "user:root",
    "-user:root",
    r#"user:"none""#,
    "parent:systemd",
    "exe:/usr/bin/*",
    "container:none",
    "sha256:none",
    "protocol:udp",
    "proto:TCP",
    "state:ESTABLISHED",
    "state:syn*,close*",
    "state:none",
    "conn:1152921504606846976",
    "conn>1152921504606846976",
    "conn:18446744073709551615",
    "netns:none",
    "sent<0",
    "sent>18446744073709551615",
    "x)",
    "port:443 OR port:22 AND process:f*",
    // Field names contain no such letters: these are words to search for.
    "größe:1 pröcess:x",
];

/// Expressions that both reject with the same message.
const REFUSED: &[&str] = &[
    "port:443 proces:curl",
    "nothing:1",
    "state:ESTABLISHD",
    "state:zzzzzzzz",
    "port:80,99999",
    "port:70000-80000",
    "bytes>many",
    "bytes>1.2.3k",
    "bytes>1q",
    "rtt>5h",
    "pid:1k",
    "pid:-1",
    "uid:18446744073709551616",
    "process>curl",
    "remote>10.0.0.1",
    r#"a "b c"#,
    "remote:10.0.0.0/99",
    "remote:10.0.0.256/8",
    "remote:1.2.3",
    "kind:x",
    "protocol:quic",
    "a or",
    "a or or b",
    "or b",
    "a (b or c",
    "(",
    "a ()",
    "pid:",
    "port:1,,2",
    "a not",
    "port:90-80",
    "country:Germany",
    "((((((((((((((((( a",
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a",
];

#[test]
fn the_page_and_the_command_line_understand_the_same() {
    let place = tempfile::tempdir().unwrap();
    let metadata = Metadata { ticks_taken: 2, ..fixture::metadata(2) };
    let rows = rows();
    fixture::write(&place.path().join("c.parquet"), &rows, &metadata);
    netrec_in(place.path(), &["analyze", "c.parquet", "-o", "r"]);
    let report = place.path().join("r/report.html");
    let Some(page) = browser::open(Path::new(&report)) else { return };
    page.click("#tab-raw-data");
    assert_eq!(page.rows(), rows.len() as u64);
    for expression in UNDERSTOOD {
        let filter: Filter = expression.parse().unwrap_or_else(|error| panic!("{error}"));
        page.type_filter(expression);
        assert_eq!(page.filter_error(), "", "{expression}");
        let expected = rows.iter().filter(|row| filter.matches(row)).count() as u64;
        assert_eq!(page.rows(), expected, "{expression}");
    }
    for expression in REFUSED {
        let error = expression.parse::<Filter>().unwrap_err().to_string();
        page.type_filter(expression);
        assert_eq!(page.filter_error(), error, "{expression}");
    }
    // Fields of rows are valid, but this page does not have them.
    page.type_filter("kind:opened");
    assert!(page.filter_error().contains("use netrec dump --filter"), "{}", page.filter_error());
    page.is_quiet();
}
