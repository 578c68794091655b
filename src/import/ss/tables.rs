//! Tables of sockets: each is a tick, at the time that was said for it.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::IpAddr;

use ahash::AHashSet;

use super::end::{Fault, Fit};
use super::layout::{Columns, Layout};
use super::socket::{Parsed, Socket};
use super::time::{self, Stamp, stamp};
use super::{iproute, netstat, solaris};
use crate::capture::{Example, Owner, OwnerSource, Protocol, Row, TcpState, UnusedReason};
use crate::import::FileReport;
use crate::import::lines::{Line, Lines};
use crate::import::owners::SharedOwners;

/// Addresses of the host that are listed.
const MOST_ADDRESSES: usize = 10_000;

/// Sockets of a table that are kept until its end; of a larger one, some are handed over before.
const MOST_SOCKETS: usize = 250_000;

const SECOND_US: i64 = 1_000_000;

/// Between the lines of one table there is less time, in µs.
const PAUSE_US: i64 = 500_000;

/// Why a socket is left out whose address or port would be another one.
const MAY_BE_CUT: &str = "socket whose address or port may be truncated (use netstat -n -W)";

/// Why sockets of `ss -S` are left out.
const SCTP: &str = "socket or association of SCTP (only TCP and UDP are read)";

/// What is counted.
const UNIT: &str = "socket";

/// What was read of all files, beside the sockets.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) ticks: u32,
    /// Tables that have no time of their own.
    pub(super) without_time: u64,
    pub(super) without_zone: u64,
    /// Sockets whose states are in words that are not known.
    pub(super) unknown_states: u64,
    pub(super) lacks_year: bool,
    pub(super) stamps_us: Vec<i64>,
    pub(super) addresses: BTreeSet<IpAddr>,
    owners: SharedOwners,
}

/// A socket of the table that is being read.
#[derive(Debug)]
struct ListedSocket {
    socket: Socket,
    number: u64,
    /// The beginning of its line, where that may have to be shown.
    text: Option<String>,
}

/// Reads one file.
#[allow(clippy::struct_excessive_bools, reason = "what is known of a file, each independent of the others")]
pub(super) struct TableReader<'a> {
    tables: &'a mut Tables,
    take: &'a mut dyn FnMut(Row) -> bool,
    /// The time of tables without one, if the user has given it.
    at_us: Option<i64>,
    account: FileReport,
    layout: Layout,
    entries: Vec<ListedSocket>,
    /// A time that was said and has no table yet.
    stamp: Option<Stamp>,
    now_us: Option<i64>,
    /// Whether each line begins with a time, and the last of them.
    has_prefixes: bool,
    last_prefix_us: i64,
    /// Whether tables have no headings.
    is_headless: bool,
    /// Sockets of the tick so far.
    seen: AHashSet<u64>,
    /// Whether this version of `ss` knows counters, so that one that is not there is zero.
    knows_counters: bool,
    /// Whether an end in this table is longer than a column that cuts.
    is_wide: bool,
    /// Whether this table lists SCTP, which only an association in it shows (`ss -S`).
    is_of_sctp: bool,
    is_full: bool,
}

impl<'a> TableReader<'a> {
    /// A reader whose rows go to `take` until that gives false.
    pub(super) fn new(
        tables: &'a mut Tables,
        at_us: Option<i64>,
        take: &'a mut dyn FnMut(Row) -> bool,
    ) -> Self {
        Self {
            tables,
            take,
            at_us,
            account: FileReport::new(UNIT),
            layout: Layout::Outside,
            entries: Vec::new(),
            stamp: None,
            now_us: None,
            has_prefixes: false,
            last_prefix_us: 0,
            is_headless: false,
            seen: AHashSet::new(),
            knows_counters: false,
            is_wide: false,
            is_of_sctp: false,
            is_full: false,
        }
    }

    /// Reads the file to its end.
    ///
    /// # Errors
    /// What the reader says, other than that a compressed stream breaks off.
    pub(super) fn read<R: Read>(mut self, reader: R) -> io::Result<(FileReport, R)> {
        let mut lines = Lines::new(reader);
        while !self.is_full {
            let number = lines.number() + 1;
            match lines.next()? {
                None => break,
                Some(Line::Whole(line)) => self.line(number, &String::from_utf8_lossy(line)),
                // Its last number may be another.
                Some(Line::Unended(_)) => {
                    self.account.is_cut_short = true;
                    break;
                }
                Some(Line::TooLong) => self.account.stats.unreadable_line(number, b""),
            }
        }
        self.end_table();
        self.account.is_cut_short |= lines.is_cut_short();
        Ok((self.account, lines.into_inner()))
    }

    fn line(&mut self, number: u64, line: &str) {
        let line = self.without_prefix(line);
        if line.trim().is_empty() {
            return;
        }
        if iproute::is_association(line) {
            return self.association(number, line);
        }
        // A narrow terminal, and `ss` before 5.0, break a line before its users.
        let is_below =
            (line.starts_with([' ', '\t']) || line.starts_with("users:((")) && self.layout != Layout::Outside;
        if is_below && self.is_details(line) {
            return;
        }
        // A title begins another table, whatever it would be in this one.
        let parsed = if solaris::title(line).is_some() { Parsed::Nothing } else { self.layout.parse(line) };
        match parsed {
            Parsed::Socket(socket) => self.socket(number, line, *socket),
            Parsed::Fault(Fault::Name) => {
                let kind = "socket with a name in place of an address or a port (use ss -n or netstat -n)";
                self.skip(UnusedReason::Unsupported, kind, number, line);
            }
            Parsed::Fault(Fault::Cut) => self.skip(UnusedReason::Unreadable, MAY_BE_CUT, number, line),
            Parsed::Fault(Fault::Other) => self.account.stats.unreadable_line(number, line.as_bytes()),
            Parsed::Other(family) => self.other(&family, number, line),
            Parsed::Nothing => self.between(number, line),
        }
    }

    /// A line that is no socket: a time, a heading, a title.
    fn between(&mut self, number: u64, line: &str) {
        if let Some(stamp) = stamp(line) {
            self.end_table();
            self.stamp = Some(stamp);
            // Without headings, the lines below have to say for themselves what they are.
            self.layout = Layout::Outside;
        } else if let Some(layout) = Layout::of_heading(line) {
            self.end_table();
            self.layout = layout;
        } else if let Some(name) = netstat::program_below(line) {
            self.name_program(&name);
        } else if is_prompt(line) {
            self.end_table();
            self.layout = Layout::Outside;
        } else if matches!(self.layout, Layout::Netstat(_))
            && (is_component(line) || line.contains("Windows Sockets initialization failed"))
        {
            // It says nothing that is asked for.
        } else if line.bytes().any(|byte| byte.is_ascii_digit()) {
            if self.layout.is_of_sockets() {
                self.account.stats.unreadable_line(number, line.as_bytes());
            } else {
                self.skip(UnusedReason::NoConnection, "line outside of tables of sockets", number, line);
            }
        } else if self.layout != Layout::Ss
            && line.contains(char::is_alphabetic)
            && !line.starts_with([' ', '\t'])
        {
            // A title or a heading in any language: what follows is of another table, unless it
            // looks like a socket.
            self.layout = Layout::Other;
        }
    }

    /// Takes the time off a line, if each has one.
    fn without_prefix<'b>(&mut self, line: &'b str) -> &'b str {
        if !self.has_prefixes {
            if self.layout.is_of_sockets() {
                return line;
            }
            let is_table =
                |rest: &str| Layout::is_heading(rest) || iproute::is_socket(rest) || netstat::is_socket(rest);
            self.has_prefixes = time::prefix(line, self.at_us).is_some_and(|(_, rest)| is_table(rest));
            // Any year will do to see that nothing but the year is missing.
            self.tables.lacks_year |=
                self.at_us.is_none() && time::prefix(line, Some(0)).is_some_and(|(_, rest)| is_table(rest));
        }
        let prefixed = if self.has_prefixes { time::prefix(line, self.at_us) } else { None };
        let Some((stamp, rest)) = prefixed else { return line };
        // A table takes some time: its heading or its first line has the time of all of it.
        let is_first = self.entries.is_empty() && self.stamp.is_none();
        let is_later = self.is_headless && stamp.ts_us.saturating_sub(self.last_prefix_us) >= PAUSE_US;
        self.last_prefix_us = stamp.ts_us;
        if Layout::is_heading(rest) || is_first || is_later {
            self.end_table();
            self.stamp = Some(stamp);
            self.layout = Layout::Outside;
        }
        rest
    }

    fn is_details(&mut self, line: &str) -> bool {
        if !matches!(self.layout, Layout::Ss) && !line.starts_with('\t') {
            return false;
        }
        let Some(entry) = self.entries.last_mut() else { return false };
        self.knows_counters |= iproute::knows_counters(line);
        iproute::add_details(line, &mut entry.socket);
        true
    }

    /// An association of SCTP, below its socket. In a table without a column for the protocol it shows what all are.
    fn association(&mut self, number: u64, line: &str) {
        if line.starts_with('`') {
            self.is_of_sctp = true;
            for entry in std::mem::take(&mut self.entries) {
                let example = || Example::at(format!("line {}", entry.number));
                self.account.stats.skip(UnusedReason::Unsupported, SCTP, example);
            }
        }
        self.skip(UnusedReason::Unsupported, SCTP, number, line);
    }

    fn socket(&mut self, number: u64, line: &str, socket: Socket) {
        if self.is_of_sctp {
            return self.skip(UnusedReason::Unsupported, SCTP, number, line);
        }
        if !self.layout.is_of_sockets() && self.entries.is_empty() {
            self.begin_without_heading(line);
        }
        if socket.has_details {
            self.knows_counters |= iproute::knows_counters(line);
        }
        self.is_wide |= socket.fit == Fit::Wide;
        let text = (socket.fit == Fit::MayBeCut).then(|| line.chars().take(200).collect());
        self.entries.push(ListedSocket { socket, number, text });
        if self.entries.len() >= MOST_SOCKETS {
            self.hand_over();
        }
    }

    fn begin_without_heading(&mut self, line: &str) {
        self.is_headless = true;
        self.layout = if iproute::is_socket(line) { Layout::Ss } else { Layout::Netstat(Columns::default()) };
    }

    /// The program that Windows prints below all sockets of a process.
    fn name_program(&mut self, name: &str) {
        let Some(last) = self.entries.last_mut() else { return };
        if let owner @ Owner { process_name: None, .. } = &mut last.socket.owner {
            owner.process_name = Some(name.to_owned());
        }
    }

    fn other(&mut self, family: &str, number: u64, line: &str) {
        if matches!(family, "sctp" | "sctp4") {
            self.skip(UnusedReason::Unsupported, SCTP, number, line);
        } else if matches!(family, "dccp" | "udpl" | "udplite") {
            self.skip(UnusedReason::Unsupported, &format!("protocol {family}"), number, line);
        } else {
            self.skip(UnusedReason::NoConnection, "socket of another family", number, line);
        }
    }

    fn skip(&mut self, reason: UnusedReason, kind: &str, number: u64, line: &str) {
        self.account.stats.skip(reason, kind, || Example::of_line(number, line.as_bytes()));
    }

    /// Ends the table: gives it its time, and hands over its sockets.
    fn end_table(&mut self) {
        self.is_of_sctp = false;
        if self.entries.is_empty() && self.stamp.is_none() {
            return;
        }
        if self.entries.is_empty() && self.layout == Layout::Outside {
            // Two times, one after the other: the later one counts.
            return;
        }
        self.hand_over();
        self.is_wide = false;
    }

    fn hand_over(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        tell_protocols(&mut entries);
        self.drop_cut(&mut entries);
        if self.knows_counters {
            for entry in &mut entries {
                iproute::fill_zeros(&mut entry.socket);
            }
        }
        let Some(now_us) = self.begin_tick(&entries) else {
            let (kind, first) = ("socket of a table without a time (say when with --at)", entries.first());
            let example = first.map(|first| Example::at(format!("line {}", first.number)));
            self.account.stats.skip_many(UnusedReason::Unsupported, kind, entries.len() as u64, example);
            return;
        };
        for entry in entries {
            let conn_id = entry.socket.conn_id();
            if !self.seen.insert(conn_id) {
                let example = || Example::at(format!("line {}", entry.number));
                self.account.stats.skip(
                    UnusedReason::Duplicate,
                    "socket that is in this snapshot twice",
                    example,
                );
                continue;
            }
            self.account.stats.use_one();
            self.tables.unknown_states += u64::from(entry.socket.has_unknown_state);
            let row = self.tables.row(entry.socket, conn_id, now_us);
            if !(self.take)(row) {
                self.is_full = true;
                return;
            }
        }
    }

    /// The time of the table, with which a new tick begins unless it belongs to the one before.
    fn begin_tick(&mut self, entries: &[ListedSocket]) -> Option<i64> {
        let now_us = if let Some(stamp) = self.stamp.take() {
            self.tables.without_zone += u64::from(!stamp.has_zone);
            stamp.ts_us
        } else if let Some(now_us) = self.now_us.filter(|_| !self.is_repeated(entries)) {
            return Some(now_us);
        } else {
            self.tables.without_time += u64::from(!entries.is_empty());
            match (self.now_us, self.at_us?) {
                (Some(now_us), at_us) => at_us.max(now_us.saturating_add(SECOND_US)),
                (None, at_us) => at_us,
            }
        };
        self.now_us = Some(now_us);
        self.seen.clear();
        self.tables.begin(now_us);
        Some(now_us)
    }

    /// Whether a table without a time shows the sockets of the one before once more, and not
    /// others of the same moment (`ss -t; ss -u`).
    fn is_repeated(&self, entries: &[ListedSocket]) -> bool {
        let known = entries.iter().filter(|entry| self.seen.contains(&entry.socket.conn_id())).count();
        2 * known >= entries.len().max(1)
    }

    /// Takes out the sockets of which an end may have been cut to the width of its column.
    fn drop_cut(&mut self, entries: &mut Vec<ListedSocket>) {
        if self.is_wide {
            return;
        }
        entries.retain(|entry| {
            let may_be_cut = entry.socket.fit == Fit::MayBeCut;
            if may_be_cut {
                let text = entry.text.as_deref().unwrap_or_default();
                let example = || Example::of_line(entry.number, text.as_bytes());
                self.account.stats.skip(UnusedReason::Unreadable, MAY_BE_CUT, example);
            }
            !may_be_cut
        });
    }
}

/// Tells which protocol the sockets of a table without a column for it are of: an unconnected
/// socket is one of UDP, unless the table has states that only TCP has.
fn tell_protocols(entries: &mut [ListedSocket]) {
    let is_known =
        |entry: &ListedSocket, protocol| entry.socket.has_protocol && entry.socket.protocol == protocol;
    let has_tcp = entries.iter().any(|entry| is_known(entry, Protocol::Tcp));
    let is_udp = |entry: &ListedSocket| !entry.socket.has_protocol && entry.socket.protocol == Protocol::Udp;
    let has_udp = entries.iter().any(is_udp);
    for ListedSocket { socket, .. } in entries.iter_mut().filter(|entry| !entry.socket.has_protocol) {
        if has_tcp && socket.protocol == Protocol::Udp {
            (socket.protocol, socket.state) = (Protocol::Tcp, Some(TcpState::Close));
        } else if has_udp && !has_tcp {
            (socket.protocol, socket.state) = (Protocol::Udp, None);
        }
    }
}

/// `root@web01:~# ss -tunap`, as in the record of a session.
fn is_prompt(line: &str) -> bool {
    let is_user = |user: &str| user.len() <= 40 && !user.contains(char::is_whitespace);
    let has_user = line.split_once('@').is_some_and(|(user, _)| is_user(user));
    let line = line.trim_end();
    has_user && (["# ", "$ "].iter().any(|sign| line.contains(sign)) || line.ends_with(['#', '$']))
}

/// `  W32Time`, the service to which a socket belongs, above the program that `netstat -b` of Windows names.
fn is_component(line: &str) -> bool {
    line.starts_with([' ', '\t']) && line.split_whitespace().count() == 1 && !line.contains([':', '.'])
}

impl Tables {
    fn begin(&mut self, now_us: i64) {
        self.ticks = self.ticks.saturating_add(1);
        // Enough to tell how far the tables are from each other.
        if self.stamps_us.len() < 100_000 {
            self.stamps_us.push(now_us);
        }
    }

    fn row(&mut self, socket: Socket, conn_id: u64, now_us: i64) -> Row {
        if socket.remote.is_some()
            && !socket.local.0.is_unspecified()
            && self.addresses.len() < MOST_ADDRESSES
        {
            self.addresses.insert(socket.local.0);
        }
        let has_owner = socket.owner.pid.is_some() || socket.owner.process_name.is_some();
        let is_known = has_owner || socket.owner.uid.is_some() || socket.owner.username.is_some();
        let owner = is_known.then(|| self.owners.share(socket.owner));
        Row {
            ts_us: now_us,
            mono_ns: now_us.saturating_mul(1000),
            tick: self.ticks.saturating_sub(1),
            remote: socket.remote,
            state: socket.state,
            counters: socket.counters,
            owner,
            owner_source: has_owner.then_some(OwnerSource::Import),
            ..Row::snapshot(conn_id, socket.protocol, socket.local)
        }
    }
}
