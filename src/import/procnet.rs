//! `/proc/net/{tcp,tcp6,udp,udp6,udplite,raw,icmp…}` of Linux, one table or several in a file.
//!
//! Sources: the kernel's `Documentation/networking/proc_net_tcp.rst`, `net/ipv4/tcp_ipv4.c`
//! (`get_tcp4_sock`), `net/ipv4/udp.c` and `net/ipv4/raw.c`. Addresses are words in the byte order of the
//! host; of a host with the other order (s390x) the loopback address shows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::lines::{Line, Lines};
use super::snapshot::{self, Snapshots, Socket};
use super::ss::time::stamp;
use super::{Begin, FileReport, Importer, Input, Output};
use crate::capture::{Owner, Protocol, TcpState};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "proc-net",
    title: "tables of /proc/net (Linux)",
    needs: "Connections come from TCP and UDP sockets: cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6.",
    recognises,
    import: |inputs, output| snapshot::import(inputs, output, read),
};

fn recognises(begin: &Begin) -> bool {
    begin.lines().take(200).any(|line| std::str::from_utf8(line).is_ok_and(is_heading))
}

/// The place of the inode in a line, from 0.
const INODE: usize = 9;

/// What a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Tcp,
    Udp,
    UdpLite,
    /// Sockets whose local port is the number of their IP protocol.
    Raw,
    /// Ping sockets, whose local port is the identifier of their echo requests.
    Icmp,
}

fn is_heading(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("sl")
        && words.next() == Some("local_address")
        && matches!(words.next(), Some("rem_address" | "remote_address"))
}

impl Table {
    /// By the name of the table, as in `==> /proc/net/udp6 <==` or of a file of its own.
    fn named(name: &str) -> Option<Self> {
        let name = name.trim_matches(['=', '>', '<', ' ', ':', '#', '-']);
        let name = name.rsplit(['/', ' ']).next()?;
        let stem = name.split('.').next()?;
        let stem =
            ["proc_net_", "proc-net-"].iter().find_map(|prefix| stem.strip_prefix(prefix)).unwrap_or(stem);
        match stem.trim_end_matches('6') {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "udplite" => Some(Self::UdpLite),
            "raw" => Some(Self::Raw),
            "icmp" => Some(Self::Icmp),
            _ => None,
        }
    }

    /// By its heading: only TCP has no column for drops, and that of UDP over IPv4 is indented more
    /// than that of raw sockets.
    fn of_heading(line: &str, named: Option<Self>) -> Self {
        let has_drops = line.contains(" drops");
        match named {
            Some(named) if (named == Self::Tcp) != has_drops => named,
            _ if !has_drops => Self::Tcp,
            _ if line.contains("rem_address") && line.starts_with("  sl") => Self::Raw,
            _ => Self::Udp,
        }
    }

    /// The protocol of a socket, and for a raw one its number.
    fn protocol(self, local_port: u16) -> (Protocol, Option<u16>) {
        match (self, local_port) {
            (Self::Tcp, _) => (Protocol::Tcp, None),
            (Self::Udp, _) => (Protocol::Udp, None),
            (Self::UdpLite, _) => (Protocol::UdpLite, None),
            // ICMP and ICMPv6.
            (Self::Raw, 1 | 58) => (Protocol::Icmp, Some(local_port)),
            (Self::Raw, 0..=255) => (Protocol::Raw, Some(local_port)),
            // A table without a name whose ports are no protocols.
            (Self::Raw | Self::Icmp, _) => (Protocol::Icmp, None),
        }
    }
}

fn read(input: &Input, snapshots: &mut Snapshots, output: &mut Output<'_>) -> Result<()> {
    let mut lines = Lines::new(output.reader(input)?);
    let mut tables = Tables {
        account: FileReport::new("socket"),
        is_big_endian: is_big_endian(&input.begin),
        of_file: Table::named(&input.file_name()),
        named: None,
        seen: Vec::new(),
        table: None,
    };
    loop {
        let number = lines.number() + 1;
        match lines.next().map_err(Error::io("read", &input.path))? {
            None => break,
            Some(Line::Unended(line)) if is_cut(line) => tables.account.is_cut_short = true,
            Some(Line::Whole(line) | Line::Unended(line)) => {
                tables.take(number, &String::from_utf8_lossy(line), input, snapshots, output)?;
            }
            Some(Line::TooLong) => tables.account.stats.unreadable_line(number, b""),
        }
    }
    tables.account.is_cut_short |= lines.is_cut_short();
    let source = lines.into_inner().finish(output.format())?;
    output.imported(source);
    output.account(input, tables.account);
    Ok(())
}

/// Whether something may be missing of the columns that are read: more follow them.
fn is_cut(line: &[u8]) -> bool {
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    (1..=INODE + 1).contains(&words)
}

/// The tables of a file.
struct Tables {
    account: FileReport,
    is_big_endian: bool,
    /// What the name of the file says that it is.
    of_file: Option<Table>,
    /// What the line before says that the next table is.
    named: Option<Table>,
    /// Tables of this moment, and whether they have long addresses.
    seen: Vec<(Table, bool)>,
    table: Option<Table>,
}

impl Tables {
    fn take(
        &mut self,
        number: u64,
        line: &str,
        input: &Input,
        snapshots: &mut Snapshots,
        output: &mut Output<'_>,
    ) -> Result<()> {
        if is_heading(line) {
            let found = Table::of_heading(line, self.named.take().or(self.of_file));
            let kind = (found, line.contains("remote_address"));
            // Tables that follow each other without a time are of one moment, if each is there once.
            if self.table.is_none() && !snapshots.continues()
                || snapshots.has_time()
                || self.seen.contains(&kind)
            {
                snapshots.begin(&input.path)?;
                self.seen.clear();
            }
            self.seen.push(kind);
            self.table = Some(found);
        } else if let Some(stamp) = stamp(line) {
            snapshots.set_time(stamp.ts_us, stamp.has_zone);
        } else if let Some(found) = Table::named(line).filter(|_| line.contains("net/")) {
            self.named = Some(found);
        } else if !line.trim().is_empty() {
            self.take_socket(number, line, snapshots, output)?;
        }
        Ok(())
    }

    fn take_socket(
        &mut self,
        number: u64,
        line: &str,
        snapshots: &mut Snapshots,
        output: &mut Output<'_>,
    ) -> Result<()> {
        let stats = &mut self.account.stats;
        match self.table.and_then(|table| socket(line, table, self.is_big_endian)) {
            Some(socket) => {
                stats.use_one();
                output.push(&snapshots.row(socket))?;
            }
            None => stats.unreadable_line(number, line.as_bytes()),
        }
        Ok(())
    }
}

/// `0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 …`.
fn socket(line: &str, table: Table, is_big_endian: bool) -> Option<Socket> {
    let mut words = line.split_whitespace();
    let number = words.next()?.strip_suffix(':')?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let local = end(words.next()?, is_big_endian)?;
    let remote = end(words.next()?, is_big_endian)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let mut words = words.skip(3);
    let uid: u32 = words.next()?.parse().ok()?;
    let inode: u64 = words.nth(1)?.parse().ok()?;
    let (protocol, protocol_number) = table.protocol(local.1);
    let (local, remote) = match protocol {
        Protocol::Icmp | Protocol::Raw => ((local.0, 0), (remote.0, 0)),
        _ => (local, remote),
    };
    let state = if protocol == Protocol::Tcp { Some(TcpState::of_kernel_number(state)?) } else { None };
    // What is in no file any more has no owner, and the kernel prints 0 for it.
    let has_owner = inode != 0;
    Some(Socket {
        protocol,
        protocol_number,
        state,
        local,
        remote: Some(remote).filter(|(addr, port)| *port != 0 || !addr.is_unspecified()),
        identity: has_owner.then(|| inode.to_string()),
        owner: Owner { uid: has_owner.then_some(uid), ..Owner::default() },
    })
}

fn end(text: &str, is_big_endian: bool) -> Option<(IpAddr, u16)> {
    let (addr, port) = text.split_once(':')?;
    let word = |hex: &str| {
        let word = u32::from_str_radix(hex, 16).ok()?;
        Some(if is_big_endian { word.to_be_bytes() } else { word.to_le_bytes() })
    };
    let addr = match addr.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(addr)?)),
        32 if addr.is_ascii() => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(&addr[8 * at..8 * at + 8])?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((addr.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

/// Whether loopback or mapped addresses stand there as a big-endian host prints them.
fn is_big_endian(begin: &Begin) -> bool {
    let has = |word: &[u8]| begin.text.windows(word.len()).any(|window| window == word);
    (has(b" 7F000001:") || has(b"00000000000000000000FFFF"))
        && !has(b" 0100007F:")
        && !has(b"0000000000000000FFFF0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "   0: 0100007F:0277 0200000A:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 20 4 1 150 -1";

    #[test]
    fn a_line_gives_the_ends_the_state_and_the_user() {
        let socket = socket(TCP, Table::Tcp, false).unwrap();
        assert_eq!(socket.local, ("127.0.0.1".parse().unwrap(), 631));
        assert_eq!(socket.remote, Some(("10.0.0.2".parse().unwrap(), 50_000)));
        assert_eq!((socket.state, socket.owner.uid), (Some(TcpState::Established), Some(1000)));
        assert_eq!(socket.identity.as_deref(), Some("12345"));
        let big = super::socket(&TCP.replace("0100007F", "7F000001"), Table::Tcp, true).unwrap();
        assert_eq!(big.local.0, socket.local.0);
    }

    #[test]
    fn what_has_no_inode_has_no_owner_and_a_listener_no_remote() {
        let line = "0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 0 1";
        let socket = socket(line, Table::Tcp, false).unwrap();
        assert_eq!((socket.local, socket.remote), (("::1".parse().unwrap(), 22), None));
        assert_eq!((socket.owner.uid, socket.identity), (None, None));
    }

    #[test]
    fn tables_are_told_by_their_names_and_headings() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        let udp = format!(" {tcp} ref pointer drops");
        assert!(is_heading(tcp) && is_heading(&udp) && !is_heading(TCP));
        assert_eq!(Table::of_heading(tcp, None), Table::Tcp);
        assert_eq!(Table::of_heading(&udp, None), Table::Udp);
        assert_eq!(Table::of_heading(udp.trim_start_matches(' '), Some(Table::Icmp)), Table::Icmp);
        assert_eq!(Table::of_heading(&udp[1..], None), Table::Raw);
        for (name, table) in [
            ("==> /proc/net/udp6 <==", Some(Table::Udp)),
            ("proc_net_tcp.txt", Some(Table::Tcp)),
            ("/proc/net/raw:", Some(Table::Raw)),
            ("tcp6", Some(Table::Tcp)),
            ("notes.txt", None),
        ] {
            assert_eq!(Table::named(name), table, "{name}");
        }
    }

    #[test]
    fn raw_sockets_have_a_protocol_in_place_of_a_port() {
        let line = TCP.replace("0277", "0059");
        let socket = socket(&line, Table::Raw, false).unwrap();
        assert_eq!((socket.protocol, socket.protocol_number, socket.local.1), (Protocol::Raw, Some(89), 0));
        let socket = super::socket(&line, Table::Icmp, false).unwrap();
        assert_eq!((socket.protocol, socket.protocol_number, socket.state), (Protocol::Icmp, None, None));
    }

    #[test]
    fn broken_lines_are_none() {
        for line in
            ["", "x", "0:", &TCP.replace("0100007F", "é000007F"), &TCP.replace(" 01 ", " 77 "), &TCP[..40]]
        {
            assert!(socket(line, Table::Tcp, false).is_none(), "{line}");
        }
    }
}
