use std::sync::Arc;

use proptest::prelude::*;

use super::tables::{TableReader, Tables};
use super::{interval_ms, recognises};
use crate::capture::{Protocol, Row, TcpState, UnusedReason};
use crate::import::decompress::Decompressed;
use crate::import::{Begin, FileReport};

const T: i64 = 1_700_000_000_000_000;
const SECOND: i64 = 1_000_000;

struct Read {
    rows: Vec<Row>,
    tables: Tables,
    account: FileReport,
}

impl Read {
    /// Tick, state and ends of each row: `0 LISTEN 0.0.0.0:22 > -`.
    fn sockets(&self) -> Vec<String> {
        let socket = |row: &Row| {
            let state = row.state.map_or(row.protocol.as_str(), TcpState::as_str);
            let remote = row.remote.map_or_else(|| "-".to_owned(), |(addr, port)| format!("{addr}:{port}"));
            format!("{} {state} {}:{} > {remote}", row.tick, row.local_addr, row.local_port)
        };
        self.rows.iter().map(socket).collect()
    }

    /// Process, user and inode-less facts of each row's owner.
    fn owners(&self) -> Vec<(Option<u32>, Option<&str>)> {
        self.rows
            .iter()
            .map(|row| {
                let owner = row.owner.as_deref();
                (owner.and_then(|owner| owner.pid), owner.and_then(|owner| owner.process_name.as_deref()))
            })
            .collect()
    }

    fn unused(&self) -> Vec<(UnusedReason, u64)> {
        self.account.stats.unused.iter().map(|unused| (unused.reason, unused.count)).collect()
    }
}

fn read_at(text: &str, at_us: Option<i64>) -> Read {
    let (mut rows, mut tables) = (Vec::new(), Tables::default());
    let mut take = |row| {
        rows.push(row);
        true
    };
    let (account, _) = TableReader::new(&mut tables, at_us, &mut take).read(text.as_bytes()).unwrap();
    Read { rows, tables, account }
}

fn read(text: &str) -> Read {
    read_at(text, None)
}

fn is_recognised(text: &str) -> bool {
    recognises(&Begin::read(&mut Decompressed::new(text.as_bytes()), 0))
}

const LOOP: &str = "Tue Nov 14 22:13:20 UTC 2023
State Recv-Q Send-Q Local Address:Port Peer Address:Port Process
ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555 users:((\"sshd\",pid=77,fd=4)) ino:5 sk:1a <->
\t cubic rto:204 rtt:3.5/1.2 bytes_acked:80 bytes_received:9
LISTEN 0 128 0.0.0.0:22 0.0.0.0:*
Tue Nov 14 22:13:25 UTC 2023
State Recv-Q Send-Q Local Address:Port Peer Address:Port Process
ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555 users:((\"sshd\",pid=77,fd=4)) ino:5 sk:1a <->
\t cubic rto:204 rtt:3.5/1.2 bytes_acked:180 bytes_received:9
";

#[test]
fn sctp_is_not_taken_for_tcp() {
    let heading = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
    let sockets = "LISTEN 0 5 0.0.0.0:5000 0.0.0.0:*\n`- ESTAB 0 0 10.0.0.1:5000 10.0.0.2:40000\nLISTEN 0 5 0.0.0.0:6000 0.0.0.0:*\n";
    let tcp = "LISTEN 0 5 0.0.0.0:22 0.0.0.0:*\n";
    for text in [format!("{heading}{sockets}{heading}{tcp}"), format!("{sockets}{heading}{tcp}")] {
        let read = read_at(&text, Some(T));
        assert_eq!(read.sockets(), ["0 LISTEN 0.0.0.0:22 > -"], "{text}");
        assert_eq!(read.unused(), [(UnusedReason::Unsupported, 3)], "{text}");
    }
    let with_protocols = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\ntcp   LISTEN 0 5 0.0.0.0:22 0.0.0.0:*\nsctp  LISTEN 0 5 0.0.0.0:5000 0.0.0.0:*\n      `- ESTAB 0 0 10.0.0.1:5000 10.0.0.2:40000\n";
    let read = read_at(with_protocols, Some(T));
    assert_eq!(read.sockets(), ["0 LISTEN 0.0.0.0:22 > -"]);
    assert_eq!(read.unused(), [(UnusedReason::Unsupported, 2)]);
}

#[test]
fn each_table_is_a_tick_at_its_time() {
    let Read { rows, tables, account } = read(LOOP);
    let seen: Vec<_> = rows.iter().map(|r| (r.tick, r.ts_us, r.counters.bytes_sent)).collect();
    assert_eq!(seen, [(0, T, Some(80)), (0, T, None), (1, T + 5 * SECOND, Some(180))]);
    assert_eq!((rows[0].conn_id, rows[2].conn_id), (0x1a, 0x1a));
    assert!(Arc::ptr_eq(rows[0].owner.as_ref().unwrap(), rows[2].owner.as_ref().unwrap()));
    assert_eq!((interval_ms(&tables.stamps_us), tables.without_time), (5000, 0));
    assert_eq!((account.stats.used, account.stats.unused.len()), (3, 0));
}

#[test]
fn tables_without_a_time_are_used_only_if_it_is_given() {
    let text: String = LOOP.split_inclusive('\n').filter(|line| !line.starts_with("Tue")).collect();
    let without = read(&text);
    assert_eq!((without.rows.len(), without.tables.without_time), (0, 2));
    assert_eq!(without.unused(), [(UnusedReason::Unsupported, 3)]);
    let with = read_at(&text, Some(T));
    assert_eq!((with.tables.without_time, with.rows[2].ts_us), (2, T + SECOND));
    // The time of the first table is not that of the second.
    let first_only = read(&LOOP.replace("Tue Nov 14 22:13:25 UTC 2023\n", ""));
    assert_eq!((first_only.rows.len(), first_only.unused()), (2, vec![(UnusedReason::Unsupported, 1)]));
}

#[test]
fn several_tables_of_one_moment_are_one_tick() {
    let text = "1700000000
State Recv-Q Send-Q Local Address:Port Peer Address:Port
ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555
State Recv-Q Send-Q Local Address:Port Peer Address:Port
UNCONN 0 0 0.0.0.0:68 0.0.0.0:*
";
    let read = read(text);
    assert_eq!(read.sockets(), ["0 ESTABLISHED 10.0.0.1:22 > 10.0.0.2:5555", "0 udp 0.0.0.0:68 > -"]);
    assert_eq!(read.tables.without_time, 0);
}

#[test]
fn each_line_may_have_its_time() {
    let prefixed = |prefix: [&str; 2]| {
        let lines = LOOP.lines().filter(|line| !line.starts_with("Tue"));
        let mut at = 0;
        let mut text = String::new();
        for line in lines {
            at += usize::from(line.starts_with("State"));
            text.extend([prefix[at - 1], " ", line, "\n"]);
        }
        text
    };
    for prefix in [
        ["2023-11-14T22:13:20+0000", "2023-11-14T22:13:25+0000"],
        ["2023-11-14 22:13:20", "2023-11-14 22:13:25"],
        ["1700000000.000000", "1700000005.000000"],
        ["[2023-11-14T22:13:20Z]", "[2023-11-14T22:13:25Z]"],
    ] {
        let text = prefixed(prefix);
        assert!(is_recognised(&text), "{text}");
        let read = read(&text);
        let seen: Vec<_> = read.rows.iter().map(|r| (r.tick, r.ts_us, r.counters.bytes_sent)).collect();
        assert_eq!(seen, [(0, T, Some(80)), (0, T, None), (1, T + 5 * SECOND, Some(180))], "{text}");
    }
    let headless = "2023-11-14T22:13:20Z ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555\n2023-11-14T22:13:25Z ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555\n";
    let ticks: Vec<_> = read(headless).rows.iter().map(|row| (row.tick, row.ts_us)).collect();
    assert_eq!(ticks, [(0, T), (1, T + 5 * SECOND)]);
    let yearless = prefixed(["Nov 14 22:13:20", "Nov 14 22:13:25"]);
    assert!(is_recognised(&yearless) && read(&yearless).tables.lacks_year);
    let read = read_at(&yearless, Some(T + 1000 * SECOND));
    assert_eq!((read.rows[0].ts_us, read.rows[2].ts_us), (T, T + 5 * SECOND));
}

#[test]
fn details_may_stand_on_the_same_line_and_headings_may_be_missing() {
    let line = "ESTAB 0 0 10.0.0.5:22 192.0.2.9:50000 users:((\"x rto:1 segs_in:9\",pid=4100,fd=4)) ino:1234 sk:1a <-> cubic rto:204 rtt:3.5/1.2 mss:1448 bytes_sent:9000 bytes_retrans:100 bytes_acked:8901 bytes_received:500 segs_out:20 segs_in:15 retrans:0/2\n";
    for text in [
        format!("1700000000\nState Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n{line}"),
        format!("1700000000\n{line}"),
    ] {
        assert!(is_recognised(&text));
        let read = read(&text);
        let counters = read.rows[0].counters;
        assert_eq!((counters.bytes_sent, counters.bytes_received), (Some(8900), Some(500)));
        assert_eq!((counters.packets_sent, counters.packets_received), (Some(20), Some(15)));
        assert_eq!((counters.retransmits, counters.rtt_us), (Some(2), Some(3500)));
        assert_eq!(read.owners(), [(Some(4100), Some("x rto:1 segs_in:9"))]);
    }
    let bare = read(
        "1700000000\ntcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nudp UNCONN 0 0 *:68 *:*\n1700000005\ntcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
    );
    assert_eq!(bare.sockets(), ["0 LISTEN 0.0.0.0:22 > -", "0 udp :::68 > -", "1 LISTEN 0.0.0.0:22 > -"]);
}

#[test]
fn what_early_versions_of_ss_do_not_print_is_unknown() {
    let early = read("1700000000
State      Recv-Q Send-Q     Local Address:Port       Peer Address:Port
ESTAB      0      0      10.0.0.5:22                 192.0.2.9:50000  users:((\"sshd\",4100,3),(\"sshd\",4101,3)) timer:(keepalive,119min,0) ino:25093 sk:ffff88003d9a2d80
\t mem:(r0,w0,f0,t0) ts sack cubic wscale:7,7 rto:204 rtt:3.875/7 ato:40 mss:1448 cwnd:10
");
    let counters = early.rows[0].counters;
    assert_eq!((counters.bytes_sent, counters.packets_sent, counters.retransmits), (None, None, None));
    assert_eq!(counters.rtt_us, Some(3875));
    assert_eq!(early.owners(), [(Some(4100), Some("sshd"))]);
    // A later version leaves out what is zero, and says other things that the early one does not.
    let late = read(
        "1700000000
ESTAB 0 0 10.0.0.5:22 192.0.2.9:50000
\t cubic rto:204 rtt:3.875/7 mss:1448 cwnd:10 bytes_acked:5 minrtt:3
ESTAB 0 0 10.0.0.5:22 192.0.2.9:50001
\t cubic rto:204 rtt:3.875/7 mss:1448 cwnd:10
",
    );
    assert_eq!(late.rows[1].counters.bytes_received, Some(0));

    let no_state = read(
        "1700000000
Netid            Recv-Q Send-Q  Local Address:Port Peer Address:Port
tcp              0      128     *:22               *:*                 users:((\"sshd\",3965,3))
udp              0      0       *:68               *:*                 users:((\"dhclient\",900,6))
",
    );
    assert_eq!(no_state.sockets(), ["0 tcp :::22 > -", "0 udp :::68 > -"]);
    assert_eq!(no_state.owners()[0], (Some(3965), Some("sshd")));
    let filtered = read(
        "1700000000
Recv-Q Send-Q  Local Address:Port Peer Address:Port
0      0       10.0.0.5:22        192.0.2.9:50000
",
    );
    assert_eq!(filtered.sockets(), ["0 tcp 10.0.0.5:22 > 192.0.2.9:50000"]);
}

#[test]
fn the_syn_is_not_a_byte_that_was_sent() {
    let acked = |local: &str, remote: &str, counters: &str| {
        let text = format!("1700000000\nESTAB 0 0 {local} {remote}\n\t rto:204 mss:536 {counters}\n");
        read(&text).rows[0].counters.bytes_sent
    };
    assert_eq!(acked("127.0.0.1:40594", "127.0.0.1:52443", "bytes_sent:5000 bytes_acked:5001"), Some(5000));
    assert_eq!(acked("10.0.0.5:40594", "192.0.2.1:443", "bytes_acked:5001"), Some(5000));
    assert_eq!(acked("10.0.0.5:22", "192.0.2.1:40000", "bytes_acked:5001"), Some(5001));
}

#[test]
fn a_table_without_a_column_for_the_protocol_tells_it_by_its_states() {
    let heading = "1700000000\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
    let udp =
        read(&format!("{heading}ESTAB 0 0 10.0.0.5:68 10.0.0.1:67\nUNCONN 0 0 0.0.0.0:5353 0.0.0.0:*\n"));
    assert!(udp.rows.iter().all(|row| row.protocol == Protocol::Udp && row.state.is_none()));
    let tcp = read(&format!("{heading}ESTAB 0 0 10.0.0.5:22 10.0.0.1:67\nLISTEN 0 0 0.0.0.0:22 0.0.0.0:*\n"));
    assert!(tcp.rows.iter().all(|row| row.protocol == Protocol::Tcp));
}

#[test]
fn netstat_of_linux_in_any_language() {
    let text = "1700000000
Aktive Internetverbindungen (Server und stehende Verbindungen)
Proto Recv-Q Send-Q Lokale Adresse          Gegenadresse            Status      Benutzer   Inode      PID/Program name
tcp        0      0 10.0.0.5:36408          192.0.2.10:443          VERBUNDEN   1000       12345      4120/Web Content
tcp        0      0 0.0.0.0:22              0.0.0.0:*               UNBEKANNT   0          777        1/sshd: main
udp        0      0 0.0.0.0:68              0.0.0.0:*                           0          778        900/dhclient
tcp6       0      0 :::80                   :::*                    LISTEN      www-data   779        -
Aktive Sockets in der UNIX-Domäne (Server und stehende Verbindungen)
Proto RefZähler Flaggen     Typ        Zustand       I-Node   PID/Program name    Pfad
unix  2      [ ACC ]     STREAM     HÖRT          18438    1/systemd            /run/lvm/socket
";
    assert!(is_recognised(text));
    let read = read(text);
    assert_eq!(
        read.sockets(),
        [
            "0 ESTABLISHED 10.0.0.5:36408 > 192.0.2.10:443",
            "0 LISTEN 0.0.0.0:22 > -",
            "0 udp 0.0.0.0:68 > -",
            "0 LISTEN :::80 > -",
        ]
    );
    assert_eq!(
        read.owners(),
        [
            (Some(4120), Some("Web Content")),
            (Some(1), Some("sshd")),
            (Some(900), Some("dhclient")),
            (None, None)
        ]
    );
    let owner = read.rows[3].owner.as_ref().unwrap();
    assert_eq!(
        (owner.username.as_deref(), read.rows[0].owner.as_ref().unwrap().uid),
        (Some("www-data"), Some(1000))
    );
    assert_eq!(read.unused(), [(UnusedReason::NoConnection, 1)]);
}

#[test]
fn netstat_of_macos_and_bsd() {
    let text = "Tue Nov 14 22:13:20 UTC 2023
Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)    
tcp4       0      0  10.0.0.5.52044         192.0.2.10.443         ESTABLISHED
tcp6       0      0  fe80::1%lo0.49152      fe80::1%lo0.631        ESTABLISHED
tcp46      0      0  *.8809                 *.*                    LISTEN     
udp4       0      0  *.5353                 *.*                               
icm6       0      0  *.*                    *.*                               
Active Multipath Internet connections
Proto/ID  Flags      Local Address          Foreign Address        (state)    
icm6       0      0  *.*                    *.*                               
Active LOCAL (UNIX) domain sockets
Address          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr
8c9f2a1b3c4d5e6f stream      0      0                0 8c9f2a1b3c4d5e70                0                0 /var/run/mDNSResponder
";
    assert!(is_recognised(text));
    let read = read(text);
    assert_eq!(
        read.sockets(),
        [
            "0 ESTABLISHED 10.0.0.5:52044 > 192.0.2.10:443",
            "0 ESTABLISHED fe80::1:49152 > fe80::1:631",
            "0 LISTEN :::8809 > -",
            "0 udp :::5353 > -",
        ]
    );
    assert_eq!(read.account.stats.gaps(), 0);
    let verbose = self::read("1700000000
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)     rhiwat shiwat    pid   epid  state    options
tcp4       0      0  10.0.0.5.52044         192.0.2.10.443         ESTABLISHED 131072 131768    512      0 0x0102 0x00000020
");
    assert_eq!(verbose.owners(), [(Some(512), None)]);
}

#[test]
fn netstat_of_windows() {
    let text = "11/14/2023 22:13:20

Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         1020
  RpcSs
 [svchost.exe]
  TCP    10.0.0.5:49712         192.0.2.10:443         HERGESTELLT     4120
 [chrome2.exe]
  TCP    10.0.0.5:49713         192.0.2.10:443         WARTEND         0
  TCP    [::]:445               [::]:0                 ABHÖREN         4
 Es konnten keine Besitzerinformationen abgerufen werden.
  UDP    0.0.0.0:5353           *:*                                    1234
 [chrome2.exe]
  UDP    [fe80::1%12]:1900      *:*                                    2222
";
    assert!(is_recognised(text));
    let read = read(text);
    assert_eq!(
        read.sockets(),
        [
            "0 LISTEN 0.0.0.0:135 > -",
            "0 ESTABLISHED 10.0.0.5:49712 > 192.0.2.10:443",
            "0 TIME_WAIT 10.0.0.5:49713 > 192.0.2.10:443",
            "0 LISTEN :::445 > -",
            "0 udp 0.0.0.0:5353 > -",
            "0 udp fe80::1:1900 > -",
        ]
    );
    assert_eq!(
        read.owners(),
        [
            (Some(1020), Some("svchost.exe")),
            (Some(4120), Some("chrome2.exe")),
            (None, None),
            (Some(4), None),
            (Some(1234), Some("chrome2.exe")),
            (Some(2222), None),
        ]
    );
    assert_eq!(read.account.stats.gaps(), 0);
}

#[test]
fn netstat_of_solaris() {
    let text = "1700000000

TCP: IPv4
   Local Address        Remote Address    Swind Send-Q Rwind Recv-Q    State
-------------------- -------------------- ----- ------ ----- ------ -----------
10.0.0.5.22          192.0.2.9.50000      64240      0 64240      0 ESTABLISHED
      *.111                *.*                0      0 49152      0 LISTEN

UDP: IPv4
   Local Address        Remote Address      State
-------------------- -------------------- ----------
      *.68                                 Idle
";
    assert!(is_recognised(text));
    let read = read(text);
    let expected = ["0 ESTABLISHED 10.0.0.5:22 > 192.0.2.9:50000", "0 LISTEN :::111 > -", "0 udp :::68 > -"];
    assert_eq!(read.sockets(), expected);
    assert_eq!(read.account.stats.gaps(), 0);
}

#[test]
fn addresses_that_were_cut_are_refused() {
    let heading = "1700000000\nProto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n";
    let cut =
        "tcp6       0      0 fe80::a00:27ff:fe4:22   fe80::a00:27ff:fe:50000 ESTABLISHED 4100/sshd: admin\n";
    let whole = "tcp6       0      0 :::80                   :::*                    LISTEN      12/nginx\n";
    let read_cut = read(&format!("{heading}{cut}{whole}"));
    assert_eq!(read_cut.sockets(), ["0 LISTEN :::80 > -"]);
    assert_eq!(read_cut.unused(), [(UnusedReason::Unreadable, 1)]);
    // In a wide table nothing was cut.
    let wide = "tcp6       0      0 fe80::a00:27ff:fe4e:66a1:22 fe80::a00:27ff:fe4e:66a2:50001 ESTABLISHED 4101/sshd\n";
    assert_eq!(read(&format!("{heading}{cut}{wide}")).rows.len(), 2);
}

/// `esxcli network ip connection list` of `ESXi`.
#[test]
fn worlds_of_esxi_are_processes() {
    let read = read(
        "1700000000\nProto  Recv Q  Send Q  Local Address       Foreign Address     State        World ID  CC Algo  World Name\n\
         -----  ------  ------  ------------------  ------------------  -----------  --------  -------  ----------\n\
         tcp         0       0  10.0.0.5:443        203.0.113.9:50000   ESTABLISHED   2099123  newreno  hostd-worker\n\
         tcp         0       0  10.0.0.5:8307       0.0.0.0:0           LISTEN        2099000  newreno  my vm tools\n\
         udp         0       0  0.0.0.0:68          0.0.0.0:0                         2098000           dhclient\n\
         tcp         0       0  10.0.0.5:902        203.0.113.9:50001   TIME_WAIT           0\n",
    );
    assert_eq!(
        read.owners(),
        [
            (Some(2_099_123), Some("hostd-worker")),
            (Some(2_099_000), Some("my vm tools")),
            (Some(2_098_000), Some("dhclient")),
            (None, None)
        ]
    );
    assert_eq!(read.unused(), []);
}

#[test]
fn a_state_of_several_words_hides_no_process_and_one_that_is_not_known_is_said() {
    let windows = read(
        "1700000000\nActieve verbindingen\n\n  Proto  Lokaal adres           Extern adres           Status          PID\n\
         \x20 TCP    0.0.0.0:135            0.0.0.0:0              BEZIG MET LUISTEREN   900\n\
         \x20 TCP    10.0.0.5:50000         203.0.113.9:443        TOT STAND GEBRACHT    4242\n\
         \x20 UDP    0.0.0.0:123            *:*                                    1200\n",
    );
    assert_eq!(windows.owners(), [(Some(900), None), (Some(4242), None), (Some(1200), None)]);
    assert_eq!((windows.rows[0].state, windows.rows[1].state), (Some(TcpState::Listen), None));
    assert_eq!(windows.tables.unknown_states, 1);
    let czech = read(
        "1700000000\nProto Přích-F Odch-F Místní Adresa            Vzdálená Adresa         Stav\n\
         tcp        0      0 10.0.0.5:22             203.0.113.9:50000       POSLEDNÍ ACK 900/sshd: me\n",
    );
    assert_eq!(czech.rows[0].state, Some(TcpState::LastAck));
    assert_eq!((czech.owners(), czech.tables.unknown_states), (vec![(Some(900), Some("sshd"))], 0));
}

/// As Linux, FreeBSD and macOS print 192.168.100.101:kerberos, 192.168.71.163.ssh and 192.168.1.221.54861.
#[test]
fn addresses_and_ports_that_were_cut_beside_names_and_control_blocks_are_refused() {
    let linux = "1700000000\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n\
        tcp        0      0 192.168.100.10:kerberos 10.1.1.1:44444          ESTABLISHED\n\
        tcp        0      0 10.0.0.1:ssh            192.168.10:microsoft-ds ESTABLISHED\n\
        tcp        0      0 10.0.0.1:ssh            10.1.1.2:44445          ESTABLISHED\n";
    let freebsd = "1700000000\n\
        Tcpcb            Proto Recv-Q Send-Q Local Address      Foreign Address    (state)\n\
        fffff80003df43d0 tcp4       0      0 192.168.71.1.ssh   192.168.71.2.56321 ESTABLISHED\n\
        fffff80003df4b70 tcp4       0      0 *.ssh              *.*                LISTEN\n";
    let macos = "1700000000\n\
        Socket           Flowhash Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)\n\
        7fb03cb94d505aed cedd0cbf tcp4       0      0  192.168.1.221.5486 140.82.113.26.443  ESTABLISHED\n\
        7fb03cb95fad8165  6a3d6e4 tcp4       0      0  192.168.1.221.22   192.168.1.20.49   ESTABLISHED\n\
        7fb03cb946c1cbcd  3c023c0 tcp6       0      0  2600:1700:bab0:d.5 2607:f8b0:4003:c.9 ESTABLISHED\n";
    for (text, cut, expected) in [
        (linux, 2, "0 ESTABLISHED 10.0.0.1:22 > 10.1.1.2:44445"),
        (freebsd, 1, "0 LISTEN :::22 > -"),
        (macos, 2, "0 ESTABLISHED 192.168.1.221:22 > 192.168.1.20:49"),
    ] {
        let read = read(text);
        assert_eq!(read.sockets(), [expected]);
        assert_eq!(read.unused(), [(UnusedReason::Unreadable, cut)]);
    }
}

/// As `netstat -A` of macOS lists them below the others.
#[test]
fn sockets_of_other_families_are_no_damage_behind_control_blocks() {
    let read = read(
        "1700000000\nSocket           Flowhash Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)\n\
         7fb03cb95fad8165  6a3d6e4 tcp4       0      0  10.0.0.5.22        192.0.2.9.50000    ESTABLISHED\n\
         7fb03cb939ad73cd        0 icm4    8136      0  *.*                *.*\n\
         Active kernel event sockets\n             pcb Proto Recv-Q Send-Q vendor  class subcla\n\
         7fb03cb936ead2bd kevt       0      0      1      1      0\n",
    );
    assert_eq!(read.rows.len(), 1);
    assert_eq!(read.unused(), [(UnusedReason::NoConnection, 2)]);
}

/// `netstat -x` and `netstat -T` of FreeBSD.
#[test]
fn columns_of_buffers_and_retransmissions_are_no_owners() {
    let read = read(
        "1700000000\nProto Recv-Q Send-Q Local Address          Foreign Address        R-MBUF S-MBUF R-CLUS\n\
         tcp4       0      0 10.0.0.5.22            192.0.2.9.50000             0      0      7\n\
         \nActive Internet connections\n\
         Proto Rexmit OOORcv 0-win  Local Address          Foreign Address\n\
         tcp4       3      0      0 10.0.0.5.22            192.0.2.9.50001\n",
    );
    assert_eq!(read.rows.len(), 2);
    assert_eq!(read.rows[1].remote.unwrap().1, 50_001);
    assert!(read.rows.iter().all(|row| row.owner.is_none() && row.state.is_none()));
}

#[test]
fn names_in_place_of_numbers_are_refused_unless_they_are_registered_services() {
    let heading = "1700000000\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n";
    let read = read(&format!(
        "{heading}tcp        0      0 web01:ssh               c2.example.net:50000    ESTABLISHED\ntcp        0      0 10.0.0.5:ssh            192.0.2.9:50000         ESTABLISHED\n"
    ));
    assert_eq!(read.sockets(), ["0 ESTABLISHED 10.0.0.5:22 > 192.0.2.9:50000"]);
    assert_eq!(read.unused(), [(UnusedReason::Unsupported, 1)]);
}

#[test]
fn a_name_that_a_process_chose_is_not_taken_for_another_owner() {
    let read = read(
        "1700000000\nESTAB 0 0 10.0.0.5:22 192.0.2.9:50000 users:((\"a\",pid=1,fd=2\",pid=77,fd=4)) ino:5 sk:1a\n",
    );
    assert_eq!(read.owners(), [(Some(77), Some("a\",pid=1,fd=2"))]);
}

#[test]
fn threads_and_contexts_stand_between_process_and_descriptor() {
    let context = "proc_ctx=system_u:system_r:sshd_t:s0-s0:c0.c1023";
    for more in [String::new(), "tid=78,".to_owned(), format!("{context},"), format!("tid=78,{context},")] {
        let users = format!("users:((\"sshd\",pid=77,{more}fd=4),(\"sshd\",pid=79,{more}fd=4))");
        let read = read(&format!("1700000000\nESTAB 0 0 10.0.0.5:22 192.0.2.9:50000 {users} ino:5 sk:1a\n"));
        assert_eq!(read.owners(), [(Some(77), Some("sshd"))], "{users}");
        assert_eq!(read.rows[0].conn_id, 0x1a);
    }
}

#[test]
fn states_that_ss_has_no_name_for_are_sockets_too() {
    let read = read(
        "1700000000\ntcp BOUND-INACTIVE 0 0 10.0.0.5:25 0.0.0.0:*\ntcp UNDEF 0 0 10.0.0.5:22 192.0.2.9:443\n",
    );
    let states: Vec<_> = read.rows.iter().map(|row| row.state).collect();
    assert_eq!((states, read.unused()), (vec![Some(TcpState::Close), None], vec![]));
}

#[test]
fn other_text_is_not_recognised() {
    for text in [
        "hello\n",
        "tcp\t6\tTCP\t# transmission control protocol\n",
        "ssh 22/tcp\n",
        "tcp      6 431999 ESTABLISHED src=10.0.0.5 dst=192.0.2.1 sport=1 dport=2\n",
        "Proto buffers are a format\n",
        "Destination Gateway Genmask Flags\n0.0.0.0 10.0.0.1 0.0.0.0 UG\n",
        "",
    ] {
        assert!(!is_recognised(text), "{text}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, at in 0..LOOP.len(), byte: u8, text in "[0-9a-zA-Z:.* \\n\\t\\[\\]-]{0,200}") {
        let mut changed = LOOP.as_bytes().to_vec();
        changed[at] = byte;
        changed.extend(text.bytes());
        changed.extend(bytes);
        let text = String::from_utf8_lossy(&changed);
        read_at(&text, None);
        read_at(&text, Some(T));
    }
}

#[test]
fn an_address_in_brackets_is_whole_however_long_it_is() {
    let read = read(
        "1700000000\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
         tcp ESTAB 0 0 [::ffff:10.0.0.5]:50000 [::ffff:192.0.2.77]:443 users:((\"java\",pid=7,fd=5))\n",
    );
    assert_eq!(read.sockets(), ["0 ESTABLISHED 10.0.0.5:50000 > 192.0.2.77:443"]);
    assert_eq!(read.unused(), []);
}

#[test]
fn tables_of_solaris_are_each_of_their_own_protocol() {
    let read = read(
        "1700000000\nUDP: IPv4\n   Local Address        Remote Address      State\n\
         -------------------- -------------------- ----------\n      *.111                               Idle\n\n\
         TCP: IPv4\n   Local Address        Remote Address    Swind Send-Q Rwind Recv-Q    State\n\
         -------------------- -------------------- ----- ------ ----- ------ -----------\n\
         *.22                 *.*                      0      0 49152      0 LISTEN\n\
         10.0.0.5.22          192.0.2.9.50122      64128      0 49152      0 ESTABLISHED\n",
    );
    assert_eq!(
        read.sockets(),
        ["0 udp :::111 > -", "0 LISTEN :::22 > -", "0 ESTABLISHED 10.0.0.5:22 > 192.0.2.9:50122"]
    );
    assert_eq!(read.unused(), []);
}

#[test]
fn columns_of_aix_and_macos_are_known_by_their_headings() {
    let aix = read(
        "1700000000\nPCB/ADDR         Proto Recv-Q Send-Q  Local Address      Foreign Address    (state)\n\
         f1000e00000603b8 tcp        0      0  *.22               *.*                LISTEN\n\
         f1000e000abcd3b8 tcp4       0      0  10.0.0.5.22        192.0.2.9.50122    ESTABLISHED\n",
    );
    assert_eq!(aix.sockets(), ["0 LISTEN :::22 > -", "0 ESTABLISHED 10.0.0.5:22 > 192.0.2.9:50122"]);
    let macos = read(
        "1700000000\nProto Recv-Q Send-Q  Local Address          Foreign Address        (state)  rxbytes  txbytes  \
         rhiwat  shiwat    process:pid    state  options\n\
         tcp4       0      0  10.0.0.5.50122         192.0.2.9.443          ESTABLISHED     1234     567  131072  \
         131072     Google Chrome He:412    00102 00000000\n",
    );
    assert_eq!(macos.owners(), [(Some(412), Some("Google Chrome He"))]);
    let counters = macos.rows[0].counters;
    assert_eq!((counters.bytes_sent, counters.bytes_received), (Some(567), Some(1234)));
}

#[test]
fn services_above_programs_and_prompts_below_tables_are_no_sockets() {
    let windows = read(
        "1700000000\n  Proto  Local Address          Foreign Address        State           PID\n  \
         UDP    0.0.0.0:123            *:*                                    1200\n  W32Time\n [svchost.exe]\n",
    );
    assert_eq!(windows.owners(), [(Some(1200), Some("svchost.exe"))]);
    assert_eq!(windows.unused(), []);
    let session = read(
        "root@web01:~# date +%s; ss -tan\n1700000000\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
         ESTAB 0 0 10.0.0.5:22 192.0.2.9:50122\nroot@web01:~# exit\n",
    );
    assert_eq!(session.sockets(), ["0 ESTABLISHED 10.0.0.5:22 > 192.0.2.9:50122"]);
    assert_eq!(session.unused(), []);
}
