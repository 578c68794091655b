//! Detectors that are cheap enough to run while one watches: on what changes, over the last
//! minutes. One file each; the thresholds are those of the analysis.

mod burst;
mod new_listener;
mod port_scan;
mod unusual_port;

use std::net::IpAddr;
use std::time::Duration;

use super::tracker::Life;
use crate::model::finding::Severity;
use crate::model::records::Scope;
use crate::model::scope::scope;
use crate::replay::state::Mark;
use crate::replay::view::process_name;

/// Findings that are kept; the oldest go first.
const MOST_FINDINGS: usize = 1000;

/// What came of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It came about, and data flowed or may have.
    Answered,
    /// It was refused, or not answered, or ended without a byte.
    InVain,
}

/// A detector that is told what changes.
pub(super) trait Detector {
    /// A socket is seen for the first time.
    fn appeared(&mut self, _life: &Life) {}

    /// It is known what came of a connection; once for each.
    fn settled(&mut self, _life: &Life, _outcome: Outcome) {}

    /// A socket has moved bytes.
    fn moved(&mut self, _life: &Life, _bytes: u64) {}

    /// A snapshot is complete: what was found goes on the board.
    fn end_tick(&mut self, ts_us: i64, board: &mut Board);
}

/// Every detector.
pub(super) fn all(interval: Duration) -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(port_scan::PortScan::default()),
        Box::new(burst::Burst::new(interval)),
        Box::new(unusual_port::UnusualPort::default()),
        Box::new(new_listener::NewListener::default()),
    ]
}

/// What was found so far. A finding that grows is put again under its key.
#[derive(Debug, Default)]
pub(super) struct Board(Vec<(String, Mark)>);

impl Board {
    /// Puts a finding.
    pub(super) fn put(&mut self, key: String, mark: Mark) {
        if let Some((_, known)) = self.0.iter_mut().rev().find(|(known, _)| *known == key) {
            *known = mark;
            return;
        }
        if self.0.len() == MOST_FINDINGS {
            self.0.remove(0);
        }
        self.0.push((key, mark));
    }

    /// Every finding, in the order of time.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.0.iter().map(|(_, mark)| mark.clone()).collect();
        marks.sort_by_key(|mark| mark.ts_us);
        marks
    }
}

fn mark(ts_us: i64, severity: Severity, detector: &str, title: String, explanation: String) -> Mark {
    Mark { ts_us, severity: severity as usize, label: format!("{severity} {detector}"), title, explanation }
}

/// Who does something: a process by its name, else an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Party {
    Process(String),
    Address(IpAddr),
}

impl Party {
    /// The side of this host.
    fn here(life: &Life) -> Self {
        process_name(&life.row)
            .map_or(Self::Address(life.row.local_addr), |name| Self::Process(name.to_owned()))
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Process(name) => f.write_str(name),
            Self::Address(addr) => write!(f, "{addr}"),
        }
    }
}

/// Whether an address is beyond the host's own and private networks.
fn is_beyond_local_networks(addr: IpAddr) -> bool {
    matches!(scope(addr), Scope::Public | Scope::Documentation | Scope::Reserved)
}

#[cfg(test)]
pub(super) mod testing {
    //! A host of which a test says what happens, second by second.

    use std::sync::Arc;

    use super::super::tracker::Tracker;
    use super::*;
    use crate::capture::{Counters, Kind, Owner, Protocol, Row, TcpState};

    /// 2026-06-01T10:00:00Z.
    const START_US: i64 = 1_780_308_000_000_000;

    /// A row of a connection of a process.
    pub(in super::super) fn connection(
        id: u64,
        name: &str,
        remote: &str,
        state: TcpState,
        bytes: u64,
    ) -> Row {
        let remote: std::net::SocketAddr = remote.parse().unwrap();
        Row {
            remote: Some((remote.ip(), remote.port())),
            counters: Counters { bytes_sent: Some(bytes), bytes_received: Some(0), ..Counters::default() },
            ..socket(id, name, "10.0.0.1:40000", state)
        }
    }

    /// A row of a socket without a remote.
    pub(in super::super) fn socket(id: u64, name: &str, local: &str, state: TcpState) -> Row {
        let local: std::net::SocketAddr = local.parse().unwrap();
        let owner = Owner { process_name: Some(name.to_owned()), ..Owner::default() };
        Row {
            state: Some(state),
            owner: Some(Arc::new(owner)),
            ..Row::snapshot(id, Protocol::Tcp, (local.ip(), local.port()))
        }
    }

    /// The same as it was closed.
    pub(in super::super) fn closed(row: Row) -> Row {
        Row { kind: Kind::Closed, ..row }
    }

    /// Label and title of every finding after these snapshots, a second apart.
    pub(in super::super) fn found(ticks: impl IntoIterator<Item = Vec<Row>>) -> Vec<String> {
        let mut detectors = all(Duration::from_secs(1));
        let (mut tracker, mut board) = (Tracker::default(), Board::default());
        for (second, rows) in ticks.into_iter().enumerate() {
            let ts_us = START_US + second as i64 * 1_000_000;
            let rows: Vec<Row> = rows.into_iter().map(|row| Row { ts_us, ..row }).collect();
            tracker.take(ts_us, &rows, &mut detectors);
            for detector in &mut detectors {
                detector.end_tick(ts_us, &mut board);
            }
        }
        board.marks().into_iter().map(|mark| format!("{}: {}", mark.label, mark.title)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_that_grows_stays_one_and_the_oldest_goes_first() {
        let mut board = Board::default();
        let put = |board: &mut Board, key: usize, title: &str| {
            board.put(key.to_string(), mark(key as i64, Severity::Low, "x", title.to_owned(), String::new()));
        };
        put(&mut board, 0, "a");
        put(&mut board, 0, "b");
        assert_eq!(board.marks().len(), 1);
        assert_eq!((board.marks()[0].title.as_str(), board.marks()[0].label.as_str()), ("b", "low x"));
        (1..=MOST_FINDINGS).for_each(|key| put(&mut board, key, "c"));
        assert_eq!((board.marks().len(), board.marks()[0].ts_us), (MOST_FINDINGS, 1));
    }
}
