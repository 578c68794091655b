//! The processes at a moment, as a tree.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Line, add};
use crate::capture::Row;

/// Maximum depth of the tree.
const MOST_DEPTH: usize = 100;

/// A process, as shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessLine {
    /// Depth in the visible tree; 0 in another order.
    pub depth: usize,
    /// A row of one of its sockets, for the process's facts.
    pub row: Row,
    /// Number of open sockets.
    pub sockets: usize,
    /// Its sockets, by `conn_id`.
    pub conn_ids: Vec<u64>,
    /// Sums over its sockets; `None` if nothing is counted.
    pub sent_per_s: Option<f64>,
    /// The same for received bytes.
    pub received_per_s: Option<f64>,
}

impl ProcessLine {
    /// The identity of a process: its id and start time.
    pub fn identity(&self) -> (Option<u32>, Option<i64>) {
        identity(&self.row)
    }
}

pub(super) fn identity(row: &Row) -> (Option<u32>, Option<i64>) {
    let owner = row.owner.as_deref();
    (owner.and_then(|owner| owner.pid), owner.and_then(|owner| owner.process_start_us))
}

/// The processes of these connections, as a tree: children below their parent if that is shown too.
pub fn processes(lines: &[Line]) -> Vec<ProcessLine> {
    let mut found: BTreeMap<(Option<u32>, Option<i64>), ProcessLine> = BTreeMap::new();
    for line in lines {
        let process = found.entry(identity(&line.row)).or_insert_with(|| ProcessLine {
            depth: 0,
            row: line.row.clone(),
            sockets: 0,
            conn_ids: Vec::new(),
            sent_per_s: None,
            received_per_s: None,
        });
        process.sockets += usize::from(line.change != Change::Closed);
        process.conn_ids.push(line.row.conn_id);
        add(&mut process.sent_per_s, line.sent_per_s);
        add(&mut process.received_per_s, line.received_per_s);
    }
    tree(found.into_values().collect())
}

fn tree(lines: Vec<ProcessLine>) -> Vec<ProcessLine> {
    let pids: BTreeSet<u32> = lines.iter().filter_map(|line| line.identity().0).collect();
    let parent = |line: &ProcessLine| {
        let owner = line.row.owner.as_deref()?;
        owner.ppid.filter(|ppid| pids.contains(ppid) && owner.pid != Some(*ppid))
    };
    let mut children: BTreeMap<Option<u32>, Vec<ProcessLine>> = BTreeMap::new();
    for line in lines {
        children.entry(parent(&line)).or_default().push(line);
    }
    let mut tree = Vec::new();
    descend(&mut children, None, 0, &mut tree);
    // Parents that are each other's children, which only a forged capture has.
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
    // Removed before it is visited, so that no cycle is walked twice. The depth is bounded because
    // this recurses.
    for line in children.remove(&parent).unwrap_or_default() {
        let pid = line.identity().0;
        tree.push(ProcessLine { depth, ..line });
        if pid.is_some() && depth < MOST_DEPTH {
            descend(children, pid, depth + 1, tree);
        }
    }
}
