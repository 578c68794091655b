//! What the panels show: the rows of a sample, compared with the sample before.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ahash::{AHashMap, AHashSet};

use crate::capture::{Kind, Row, Sample};
use crate::filter::Filter;

/// What became of a connection since the sample before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was there and is there.
    Stays,
    /// It is new.
    Opened,
    /// It is gone.
    Closed,
}

/// A connection on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its last row.
    pub row: Row,
    /// What became of it.
    pub change: Change,
    /// Bytes a second since the sample before; none where it is not counted.
    pub sent_per_s: Option<f64>,
    /// The same for what came in.
    pub received_per_s: Option<f64>,
}

/// A process on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessLine {
    /// Depth in the tree of those that are shown.
    pub depth: usize,
    /// A row of one of its sockets, for what is known of it.
    pub row: Row,
    /// Open sockets.
    pub sockets: usize,
    /// Sums over its sockets; none where nothing is counted.
    pub sent_per_s: Option<f64>,
    /// The same for what came in.
    pub received_per_s: Option<f64>,
}

/// A remote address on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationLine {
    /// The address.
    pub addr: IpAddr,
    /// A name by which it was asked for.
    pub name: Option<String>,
    /// Its connections.
    pub connections: usize,
    /// Names of the processes that talk with it.
    pub processes: BTreeSet<String>,
    /// Sums over its connections; none where nothing is counted.
    pub sent_per_s: Option<f64>,
    /// The same for what came in.
    pub received_per_s: Option<f64>,
}

/// A column by which connections are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the columns")]
pub enum SortBy {
    Change,
    Process,
    Remote,
    Local,
    State,
    Sent,
    Received,
    Total,
}

impl SortBy {
    /// Every column, in the order in which they take turns.
    pub const ALL: [Self; 8] = [
        Self::Change,
        Self::Process,
        Self::Remote,
        Self::Local,
        Self::State,
        Self::Sent,
        Self::Received,
        Self::Total,
    ];

    /// Its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Change => "changes",
            Self::Process => "process",
            Self::Remote => "remote",
            Self::Local => "local",
            Self::State => "state",
            Self::Sent => "sent/s",
            Self::Received => "received/s",
            Self::Total => "bytes",
        }
    }
}

/// The connections of a sample that fit, unsorted.
pub fn connections(sample: &Sample, previous: Option<&Sample>, filter: &Filter) -> Vec<Line> {
    let before: AHashMap<u64, &Row> =
        previous.map(|sample| sample.rows.iter().map(|row| (row.conn_id, row)).collect()).unwrap_or_default();
    let seconds = previous.map(|previous| (sample.ts_us - previous.ts_us) as f64 / 1e6).filter(|s| *s > 0.0);
    let mut lines = Vec::new();
    for row in &sample.rows {
        let old = before.get(&row.conn_id).copied();
        let change = if row.kind == Kind::Closed {
            Change::Closed
        } else if previous.is_some() && old.is_none() {
            Change::Opened
        } else {
            Change::Stays
        };
        lines.push(line(row, old, change, seconds));
    }
    let here: AHashSet<u64> = sample.rows.iter().map(|row| row.conn_id).collect();
    lines.extend(gone(sample, &here).map(|row| {
        let old = before.get(&row.conn_id).copied();
        // Without a snapshot before, nothing is gone but what says so.
        let change = match row.kind {
            Kind::Closed => Change::Closed,
            _ if previous.is_some() => Change::Closed,
            Kind::Opened => Change::Opened,
            Kind::State | Kind::Snapshot | Kind::Query => Change::Stays,
        };
        line(row, old, change, seconds)
    }));
    lines.retain(|line| filter.matches(&line.row));
    lines
}

/// The last event of each connection that is not in the snapshot any more.
fn gone<'a>(sample: &'a Sample, here: &AHashSet<u64>) -> impl Iterator<Item = &'a Row> {
    let events = sample.events.iter().filter(|row| row.kind != Kind::Query && !here.contains(&row.conn_id));
    events.map(|row| (row.conn_id, row)).collect::<BTreeMap<u64, &Row>>().into_values()
}

fn line(row: &Row, old: Option<&Row>, change: Change, seconds: Option<f64>) -> Line {
    let rate = |now: Option<u64>, before: Option<u64>| {
        // What a new socket has moved, it has moved since the sample before.
        let before = if old.is_some() { before? } else { 0 };
        Some(now?.saturating_sub(before) as f64 / seconds?)
    };
    let (now, before) = (&row.counters, old.map(|old| old.counters).unwrap_or_default());
    Line {
        row: row.clone(),
        change,
        sent_per_s: rate(now.bytes_sent, before.bytes_sent),
        received_per_s: rate(now.bytes_received, before.bytes_received),
    }
}

/// Sorts connections: texts from A to Z, numbers from the largest, and the other way round.
pub fn sort(lines: &mut [Line], by: SortBy, is_reversed: bool) {
    let compare = |a: &Line, b: &Line| match by {
        SortBy::Change => (b.change != Change::Stays).cmp(&(a.change != Change::Stays)),
        SortBy::Process => process_name(&a.row).cmp(&process_name(&b.row)),
        SortBy::Remote => a.row.remote.cmp(&b.row.remote),
        SortBy::Local => (a.row.local_addr, a.row.local_port).cmp(&(b.row.local_addr, b.row.local_port)),
        SortBy::State => a.row.state.cmp(&b.row.state),
        SortBy::Sent => larger_first(a.sent_per_s, b.sent_per_s),
        SortBy::Received => larger_first(a.received_per_s, b.received_per_s),
        SortBy::Total => total(&b.row).cmp(&total(&a.row)),
    };
    lines.sort_by(|a, b| {
        let order = compare(a, b);
        let order = if is_reversed { order.reverse() } else { order };
        order.then(a.row.conn_id.cmp(&b.row.conn_id))
    });
}

fn larger_first(a: Option<f64>, b: Option<f64>) -> Ordering {
    b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0))
}

/// Bytes both ways; none where neither is counted.
pub fn total(row: &Row) -> Option<u64> {
    let (sent, received) = (row.counters.bytes_sent, row.counters.bytes_received);
    if sent.is_none() && received.is_none() {
        return None;
    }
    Some(sent.unwrap_or(0).saturating_add(received.unwrap_or(0)))
}

/// Name of the owner.
pub fn process_name(row: &Row) -> Option<&str> {
    row.owner.as_deref()?.process_name.as_deref()
}

/// The processes of these connections, as a tree: children below the parent that is shown too.
pub fn processes(lines: &[Line]) -> Vec<ProcessLine> {
    let mut found: BTreeMap<(Option<u32>, Option<i64>), ProcessLine> = BTreeMap::new();
    for line in lines {
        let owner = line.row.owner.as_deref();
        let key = (owner.and_then(|owner| owner.pid), owner.and_then(|owner| owner.process_start_us));
        let process = found.entry(key).or_insert_with(|| ProcessLine {
            depth: 0,
            row: line.row.clone(),
            sockets: 0,
            sent_per_s: None,
            received_per_s: None,
        });
        process.sockets += usize::from(line.change != Change::Closed);
        add(&mut process.sent_per_s, line.sent_per_s);
        add(&mut process.received_per_s, line.received_per_s);
    }
    let pids: BTreeSet<u32> = found.keys().filter_map(|key| key.0).collect();
    let parent = |line: &ProcessLine| {
        let owner = line.row.owner.as_deref()?;
        owner.ppid.filter(|ppid| pids.contains(ppid) && owner.pid != Some(*ppid))
    };
    let mut children: BTreeMap<Option<u32>, Vec<ProcessLine>> = BTreeMap::new();
    for line in found.into_values() {
        children.entry(parent(&line)).or_default().push(line);
    }
    let mut tree = Vec::new();
    descend(&mut children, None, 0, &mut tree);
    // Parents that are children of each other, which only a made-up capture has.
    for lines in children.into_values() {
        tree.extend(lines);
    }
    tree
}

fn descend(
    children: &mut BTreeMap<Option<u32>, Vec<ProcessLine>>,
    parent: Option<u32>,
    depth: usize,
    tree: &mut Vec<ProcessLine>,
) {
    // Removed before it is gone into, so that no circle is walked twice; the depth is bounded,
    // as it is a stack.
    for line in children.remove(&parent).unwrap_or_default() {
        let pid = line.row.owner.as_deref().and_then(|owner| owner.pid);
        tree.push(ProcessLine { depth, ..line });
        if pid.is_some() && depth < 100 {
            descend(children, pid, depth + 1, tree);
        }
    }
}

/// The remote addresses of these connections, the one with the most connections first.
pub fn destinations(lines: &[Line]) -> Vec<DestinationLine> {
    let mut found: BTreeMap<IpAddr, DestinationLine> = BTreeMap::new();
    for line in lines {
        let Some((addr, _)) = line.row.remote else { continue };
        let destination = found.entry(addr).or_insert_with(|| DestinationLine {
            addr,
            name: None,
            connections: 0,
            processes: BTreeSet::new(),
            sent_per_s: None,
            received_per_s: None,
        });
        destination.connections += 1;
        destination.name =
            destination.name.take().or_else(|| line.row.remote_name.as_deref().map(str::to_owned));
        destination.processes.extend(process_name(&line.row).map(str::to_owned));
        add(&mut destination.sent_per_s, line.sent_per_s);
        add(&mut destination.received_per_s, line.received_per_s);
    }
    let mut all: Vec<DestinationLine> = found.into_values().collect();
    all.sort_by_key(|line| std::cmp::Reverse(line.connections));
    all
}

fn add(sum: &mut Option<f64>, value: Option<f64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0.0) + value);
    }
}
