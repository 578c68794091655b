//! What `ss` and `netstat` printed in a loop: the thing that people really have.
//!
//! Each table of sockets is a tick. Its time is that of the nearest line before it that is one;
//! a table without a time comes a second after the one before, which is said.

mod socket;
pub(super) mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use self::socket::{Socket, Table, add_details};
use self::time::stamp;
use super::lines::{Line, Lines};
use super::{Account, Begin, Importer, Input, Output};
use crate::capture::{Example, ImportStats, Owner, OwnerSource, Row, SourceStatus, UnusedReason};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "ss",
    title: "the output of ss or netstat",
    needs: "Connections come from TCP and UDP sockets: run `ss -tunap`.",
    recognises,
    import,
};

/// Owners that are kept as one; more than these are each kept for themselves.
const MOST_OWNERS: usize = 100_000;

/// Addresses of the host that are listed.
const MOST_ADDRESSES: usize = 10_000;

const SECOND_US: i64 = 1_000_000;

/// What is counted.
const UNIT: &str = "socket";

fn recognises(begin: &Begin) -> bool {
    begin
        .lines()
        .filter_map(|line| std::str::from_utf8(line).ok())
        .any(|line| Table::of_heading(line).is_some())
}

/// What tells owners apart: pid, uid and name.
type OwnerKey = (Option<u32>, Option<u32>, Option<String>);

/// What was read, beside the sockets.
#[derive(Debug, Default)]
struct Tables {
    account: Account,
    ticks: u32,
    without_time: u32,
    without_zone: u32,
    stamps_us: Vec<i64>,
    addresses: BTreeSet<IpAddr>,
    now_us: i64,
    is_stamped: bool,
    owners: BTreeMap<OwnerKey, Arc<Owner>>,
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut tables = Tables { account: Account::new(UNIT), ..Tables::default() };
    for input in inputs {
        let mut failed = None;
        let reader = output.reader(input)?;
        let reader = read_tables(reader, &mut tables, &mut |row| {
            failed = output.push(row).err();
            failed.is_none()
        })
        .map_err(Error::io("read", &input.path))?;
        if let Some(error) = failed {
            return Err(error);
        }
        let source = reader.finish(output.format())?;
        output.imported(source);
        output.account(input, std::mem::replace(&mut tables.account, Account::new(UNIT)));
    }
    say(&tables, output);
    Ok(())
}

fn say(tables: &Tables, output: &mut Output<'_>) {
    let detail = format!("{} sockets in {} tables", output.stats().used, tables.ticks);
    output.source("tables", SourceStatus::Ran, detail);
    if tables.without_time > 0 {
        let detail = format!(
            "{} tables have no time: each is taken to come one second after the one before it, from 1970 on if \
             there is none, so durations and rates are not to be trusted",
            tables.without_time
        );
        output.source("times", SourceStatus::Partial, detail);
    }
    if tables.without_zone > 0 {
        let detail = "times without a known zone are taken for UTC";
        output.source("time-zone", SourceStatus::Partial, detail);
    }
    let metadata = output.metadata();
    metadata.ticks_taken = u64::from(tables.ticks);
    metadata.start_us = tables.stamps_us.iter().copied().min().unwrap_or_default();
    metadata.end_us = tables.stamps_us.iter().copied().max().unwrap_or_default().max(tables.now_us);
    metadata.interval_ms = interval_ms(&tables.stamps_us);
    metadata.host_addresses = tables.addresses.iter().map(ToString::to_string).collect();
}

/// The median of the times between tables, at least a millisecond; a second where there is none.
fn interval_ms(stamps_us: &[i64]) -> u64 {
    let mut gaps: Vec<i64> = stamps_us.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    gaps.retain(|gap| *gap > 0);
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map_or(1000, |gap| (gap / 1000).max(1) as u64)
}

fn read_tables<R: Read>(reader: R, tables: &mut Tables, take: &mut dyn FnMut(Row) -> bool) -> io::Result<R> {
    let mut lines = Lines::new(reader);
    let mut table = None;
    let mut socket: Option<Socket> = None;
    loop {
        let number = lines.number() + 1;
        let line = match lines.next()? {
            None => break,
            Some(Line::Whole(line)) => String::from_utf8_lossy(line),
            // Its last number may be another.
            Some(Line::Unended(_)) => {
                tables.account.is_cut_short = true;
                break;
            }
            Some(Line::TooLong) => {
                tables.account.stats.unreadable_line(number, b"");
                continue;
            }
        };
        if line.starts_with([' ', '\t'])
            && let Some(socket) = &mut socket
        {
            add_details(&line, socket);
            continue;
        }
        if let Some(socket) = socket.take()
            && !take(tables.row(socket))
        {
            return Ok(lines.into_inner());
        }
        if let Some(heading) = Table::of_heading(&line) {
            table = Some(heading);
            tables.begin();
        } else if let Some(stamp) = stamp(&line) {
            tables.now_us = stamp.ts_us;
            tables.is_stamped = true;
            tables.without_zone += u32::from(!stamp.has_zone);
        } else if let Some(table) = table {
            socket = table.socket(&line);
            let is_between = line.trim().is_empty() || line.starts_with("Active ");
            if socket.is_none() && !is_between {
                skip_line(number, &line, &mut tables.account.stats);
            }
        }
    }
    if let Some(socket) = socket.take() {
        take(tables.row(socket));
    }
    tables.account.is_cut_short |= lines.is_cut_short();
    Ok(lines.into_inner())
}

fn skip_line(number: u64, line: &str, stats: &mut ImportStats) {
    if is_of_others(line) {
        let example = || Example::of_line(number, line.as_bytes());
        stats.skip(UnusedReason::NoConnection, "socket of another family", example);
    } else {
        stats.unreadable_line(number, line.as_bytes());
    }
}

/// Sockets of other families, which `ss` and `netstat` print in the same table.
fn is_of_others(line: &str) -> bool {
    let families = ["unix", "u_", "nl", "raw", "icmp", "p_", "v_", "tipc", "xdp", "mptcp", "sctp", "???"];
    families.iter().any(|family| line.starts_with(family))
}

impl Tables {
    /// A heading: a new table, at the time that was said last.
    fn begin(&mut self) {
        if !self.is_stamped {
            self.now_us = self.now_us.saturating_add(SECOND_US);
            self.without_time += 1;
        }
        self.is_stamped = false;
        self.ticks = self.ticks.saturating_add(1);
        // Enough to tell how far the tables are from each other.
        if self.stamps_us.len() < 100_000 {
            self.stamps_us.push(self.now_us);
        }
    }

    fn row(&mut self, socket: Socket) -> Row {
        self.account.stats.use_one();
        if socket.remote.is_some() && self.addresses.len() < MOST_ADDRESSES {
            self.addresses.insert(socket.local.0);
        }
        let has_owner = socket.owner.pid.is_some() || socket.owner.process_name.is_some();
        let is_known = has_owner || socket.owner.uid.is_some();
        let conn_id = conn_id(&socket);
        let owner = is_known.then(|| self.owner(socket.owner));
        Row {
            ts_us: self.now_us,
            mono_ns: self.now_us.saturating_mul(1000),
            tick: self.ticks.saturating_sub(1),
            remote: socket.remote,
            state: socket.state,
            counters: socket.counters,
            owner,
            owner_source: has_owner.then_some(OwnerSource::Import),
            ..Row::snapshot(conn_id, socket.protocol, socket.local)
        }
    }

    /// The same owner as the same value, so that it is written once.
    fn owner(&mut self, owner: Owner) -> Arc<Owner> {
        let key = (owner.pid, owner.uid, owner.process_name.clone());
        if self.owners.len() >= MOST_OWNERS {
            self.owners.clear();
        }
        Arc::clone(self.owners.entry(key).or_insert_with(|| Arc::new(owner)))
    }
}

/// The kernel's cookie; where it was not asked for, a hash of what names the socket.
fn conn_id(socket: &Socket) -> u64 {
    if let Some(cookie) = socket.cookie {
        return cookie;
    }
    let name = format!("{:?} {:?} {:?}", socket.protocol, socket.local, socket.remote);
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Vec<Row>, Tables) {
        let (mut rows, mut tables) = (Vec::new(), Tables::default());
        read_tables(text.as_bytes(), &mut tables, &mut |row| {
            rows.push(row);
            true
        })
        .unwrap();
        (rows, tables)
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
    fn each_table_is_a_tick_at_its_time() {
        let (rows, tables) = read(LOOP);
        let seen: Vec<_> = rows.iter().map(|r| (r.tick, r.ts_us, r.counters.bytes_sent)).collect();
        let start = 1_700_000_000_000_000;
        assert_eq!(seen, [(0, start, Some(80)), (0, start, None), (1, start + 5_000_000, Some(180))]);
        assert_eq!((rows[0].conn_id, rows[2].conn_id), (0x1a, 0x1a));
        assert!(Arc::ptr_eq(rows[0].owner.as_ref().unwrap(), rows[2].owner.as_ref().unwrap()));
        assert_eq!((interval_ms(&tables.stamps_us), tables.without_time), (5000, 0));
        assert_eq!(tables.account.stats.gaps(), 0);
    }

    #[test]
    fn tables_without_a_time_are_counted() {
        let text: String = LOOP.split_inclusive('\n').filter(|line| !line.starts_with("Tue")).collect();
        let (rows, tables) = read(&text);
        assert_eq!((tables.without_time, rows[2].ts_us - rows[0].ts_us), (2, SECOND_US));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, at in 0..LOOP.len(), byte: u8) {
            let mut changed = LOOP.as_bytes().to_vec();
            changed[at] = byte;
            changed.extend(bytes);
            read_tables(changed.as_slice(), &mut Tables::default(), &mut |_| true).unwrap();
        }
    }
}
