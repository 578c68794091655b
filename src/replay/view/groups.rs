//! Groups connections by a common property.

use std::collections::{BTreeMap, BTreeSet};

use super::processes::identity;
use super::{Change, Line, add, process_name};
use crate::humanize;

/// The property by which connections are grouped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Grouping {
    #[default]
    None,
    Process,
    Destination,
    Container,
}

impl Grouping {
    /// The next one, in cyclic order.
    pub(in crate::replay) fn next(self) -> Self {
        match self {
            Self::None => Self::Process,
            Self::Process => Self::Destination,
            Self::Destination => Self::Container,
            Self::Container => Self::None,
        }
    }

    /// Its description.
    pub(in crate::replay) fn describe(self) -> &'static str {
        match self {
            Self::None => "not grouped",
            Self::Process => "grouped by process",
            Self::Destination => "grouped by destination",
            Self::Container => "grouped by container",
        }
    }

    /// The group of a connection: its key and name.
    fn of(self, line: &Line) -> (String, String) {
        let row = &line.row;
        match self {
            Self::None => Default::default(),
            Self::Process => {
                let name = process_name(row).unwrap_or("(unknown process)");
                match identity(row) {
                    (None, _) => (name.to_owned(), name.to_owned()),
                    (Some(pid), start) => (format!("{pid} {start:?}"), format!("{name} (pid {pid})")),
                }
            }
            Self::Destination => match (row.remote, row.remote_name.as_deref()) {
                (None, _) => (String::new(), "(no destination)".to_owned()),
                (Some((addr, _)), None) => (addr.to_string(), addr.to_string()),
                (Some((addr, _)), Some(name)) => (addr.to_string(), format!("{addr} {name}")),
            },
            Self::Container => {
                let container = row.owner.as_deref().and_then(|owner| owner.container.as_deref());
                let name = container.unwrap_or("(no container)");
                (container.unwrap_or_default().to_owned(), name.to_owned())
            }
        }
    }
}

/// A group of connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its connections, by `conn_id`.
    pub conn_ids: Vec<u64>,
    /// Whether it is collapsed.
    pub is_folded: bool,
    /// A line with the sums of all connections; only its sum columns are meaningful.
    pub sums: Line,
}

/// A line in the list of connections.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A group; its connections follow unless it is collapsed.
    Group(Box<Group>),
    /// A connection, by its index among the lines.
    Connection(usize),
}

/// The list of connections. `order` sorts the groups, which are sorted by size; the connections of
/// a group keep their order.
pub(in crate::replay) fn group(
    lines: &[Line],
    by: Grouping,
    folded: &BTreeSet<String>,
    order: impl FnOnce(&mut Vec<Group>),
) -> Vec<Item> {
    if by == Grouping::None {
        return (0..lines.len()).map(Item::Connection).collect();
    }
    let mut found: BTreeMap<String, (Group, Vec<usize>)> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let (key, name) = by.of(line);
        let entry = found.entry(key.clone()).or_insert_with(|| {
            let is_folded = folded.contains(&key);
            let name = name.clone();
            (Group { key, name, conn_ids: Vec::new(), is_folded, sums: blank(line) }, Vec::new())
        });
        // A name that only some of its connections have is better than none.
        if name.len() > entry.0.name.len() {
            entry.0.name = name;
        }
        entry.0.conn_ids.push(line.row.conn_id);
        entry.0.sums.add(line);
        entry.1.push(at);
    }
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut groups = Vec::new();
    for (key, (group, lines)) in found {
        members.insert(key, lines);
        groups.push(group);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.conn_ids.len()));
    order(&mut groups);
    let mut items = Vec::new();
    for group in groups {
        let lines = members.remove(&group.key).unwrap_or_default();
        let is_folded = group.is_folded;
        items.push(Item::Group(Box::new(group)));
        items.extend(lines.into_iter().filter(|_| !is_folded).map(Item::Connection));
    }
    items
}

fn blank(line: &Line) -> Line {
    let mut row = line.row.clone();
    row.counters = crate::capture::Counters::default();
    Line { row, change: Change::Stays, sent_per_s: None, received_per_s: None }
}

impl Line {
    fn add(&mut self, line: &Self) {
        add(&mut self.sent_per_s, line.sent_per_s);
        add(&mut self.received_per_s, line.received_per_s);
        let (sums, counters) = (&mut self.row.counters, &line.row.counters);
        for (sum, value) in
            [(&mut sums.bytes_sent, counters.bytes_sent), (&mut sums.bytes_received, counters.bytes_received)]
        {
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0).saturating_add(value));
            }
        }
    }
}

impl Group {
    /// Its name and the number of its connections.
    pub(in crate::replay) fn label(&self) -> String {
        let fold = if self.is_folded { "▸" } else { "▾" };
        let count = humanize::plural(self.conn_ids.len() as u64, "connection");
        format!("{fold} {}, {count}", self.name)
    }
}
