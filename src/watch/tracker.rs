//! What became of each socket from snapshot to snapshot: what detectors look at.

use ahash::{AHashMap, AHashSet};

use super::activity::Amount;
use super::detectors::{Detector, Outcome};
use crate::capture::{Kind, Protocol, Row, TcpState};
use crate::replay::view::total;

/// How long a SYN may be without an answer before it counts as unanswered, in µs.
const PENDING_US: i64 = 1_000_000;

/// A socket that is there.
#[derive(Debug)]
pub(super) struct Life {
    /// Its last row; of what does not change, its first.
    pub(super) row: Row,
    /// When it was first seen, µs since the Unix epoch.
    pub(super) first_us: i64,
    /// Whether it was opened while we watched.
    pub(super) is_new: bool,
    /// Whether this host began the connection.
    pub(super) is_outgoing: bool,
    /// Whether it was a connection ever.
    pub(super) was_established: bool,
    seen: u32,
    bytes: u64,
    settled: Option<Outcome>,
}

/// Follows every socket.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    lives: AHashMap<u64, Life>,
    /// Ports on which the host listens.
    listening: AHashSet<u16>,
    ticks: u32,
}

impl Tracker {
    /// Takes the rows of a snapshot with the events before it, and tells the detectors.
    pub(super) fn take(&mut self, ts_us: i64, rows: &[Row], detectors: &mut [Box<dyn Detector>]) -> Amount {
        let listens = |row: &&Row| row.state == Some(TcpState::Listen);
        self.listening.clear();
        self.listening.extend(rows.iter().filter(listens).map(|row| row.local_port));
        let mut amount = Amount::default();
        for row in rows.iter().filter(|row| !matches!(row.kind, Kind::Snapshot | Kind::Query)) {
            self.row(row, ts_us, &mut amount, detectors);
        }
        for row in rows.iter().filter(|row| row.kind == Kind::Snapshot) {
            self.row(row, ts_us, &mut amount, detectors);
        }
        self.leave(detectors);
        self.ticks = self.ticks.saturating_add(1);
        amount
    }

    fn row(&mut self, row: &Row, now_us: i64, amount: &mut Amount, detectors: &mut [Box<dyn Detector>]) {
        if !self.lives.contains_key(&row.conn_id) {
            let life = self.life(row);
            amount.opened += u64::from(life.is_new && row.remote.is_some());
            for detector in detectors.iter_mut() {
                detector.appeared(&life);
            }
            self.lives.insert(row.conn_id, life);
        }
        let Some(life) = self.lives.get_mut(&row.conn_id) else { return };
        let moved = life.update(row, self.ticks);
        amount.bytes += moved;
        if moved > 0 {
            for detector in detectors.iter_mut() {
                detector.moved(life, moved);
            }
        }
        let waits = row.state == Some(TcpState::SynSent) && now_us - life.first_us >= PENDING_US;
        match life.outcome() {
            Some(outcome) => life.settle(outcome, detectors),
            None if waits => life.settle(Outcome::InVain, detectors),
            None => {}
        }
        if row.kind == Kind::Closed
            && let Some(mut life) = self.lives.remove(&row.conn_id)
        {
            life.settle(Outcome::InVain, detectors);
        }
    }

    fn life(&self, row: &Row) -> Life {
        let is_new = self.ticks > 0;
        Life {
            is_outgoing: self.is_outgoing(row),
            row: row.clone(),
            first_us: row.ts_us,
            is_new,
            was_established: false,
            seen: self.ticks,
            // What a socket had moved before we watched is none of what we see.
            bytes: if is_new { 0 } else { total(row).unwrap_or(0) },
            settled: None,
        }
    }

    /// Sockets that are in no snapshot any more and whose end nobody told.
    fn leave(&mut self, detectors: &mut [Box<dyn Detector>]) {
        let now = self.ticks;
        self.lives.retain(|_, life| {
            let stays = life.seen == now;
            if !stays {
                life.settle(Outcome::InVain, detectors);
            }
            stays
        });
    }

    fn is_outgoing(&self, row: &Row) -> bool {
        let began = row.state == Some(TcpState::SynSent) || row.prev_state == Some(TcpState::SynSent);
        row.remote.is_some() && (began || !self.listening.contains(&row.local_port))
    }
}

impl Life {
    /// Takes a later row; gives the bytes that were moved since the one before.
    fn update(&mut self, row: &Row, tick: u32) -> u64 {
        self.seen = tick;
        self.row.state = row.state;
        self.row.counters = row.counters;
        if self.row.owner.as_ref().is_none_or(|owner| owner.process_name.is_none()) && row.owner.is_some() {
            self.row.owner.clone_from(&row.owner);
        }
        self.was_established |= [row.state, row.prev_state].into_iter().flatten().any(is_established)
            || row.protocol == Protocol::Udp && total(row).is_some_and(|bytes| bytes > 0);
        let Some(bytes) = total(row) else { return 0 };
        let moved = bytes.saturating_sub(self.bytes);
        self.bytes = self.bytes.max(bytes);
        moved
    }

    /// What came of it, as far as can be said while it is there.
    fn outcome(&self) -> Option<Outcome> {
        let has_moved = total(&self.row).is_none_or(|bytes| bytes > 0);
        (self.was_established && has_moved).then_some(Outcome::Answered)
    }

    /// Tells what came of it, once.
    fn settle(&mut self, outcome: Outcome, detectors: &mut [Box<dyn Detector>]) {
        if self.settled.replace(outcome).is_some() || self.row.remote.is_none() {
            return;
        }
        for detector in detectors {
            detector.settled(self, outcome);
        }
    }
}

/// Whether only a connection reaches this state that came about.
fn is_established(state: TcpState) -> bool {
    !matches!(state, TcpState::SynSent | TcpState::SynRecv | TcpState::Close | TcpState::Listen)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::super::detectors::Board;
    use super::*;
    use crate::capture::Counters;

    /// Writes down what it is told.
    struct Witness(Rc<RefCell<Vec<String>>>);

    impl Detector for Witness {
        fn appeared(&mut self, life: &Life) {
            let how = if life.is_new { "new" } else { "old" };
            self.0.borrow_mut().push(format!("{} {how}", life.row.conn_id));
        }

        fn settled(&mut self, life: &Life, outcome: Outcome) {
            self.0.borrow_mut().push(format!("{} {outcome:?}", life.row.conn_id));
        }

        fn moved(&mut self, life: &Life, bytes: u64) {
            self.0.borrow_mut().push(format!("{} moved {bytes}", life.row.conn_id));
        }

        fn end_tick(&mut self, _ts_us: i64, _board: &mut Board) {}
    }

    fn row(conn_id: u64, state: TcpState, bytes: u64) -> Row {
        Row {
            remote: Some(("192.0.2.9".parse().unwrap(), 443)),
            state: Some(state),
            counters: Counters { bytes_sent: Some(bytes), bytes_received: Some(0), ..Counters::default() },
            ..Row::snapshot(conn_id, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 40_000))
        }
    }

    /// What is told of some snapshots, a second apart.
    fn told(ticks: &[Vec<Row>]) -> Vec<String> {
        let notes = Rc::new(RefCell::new(Vec::new()));
        let mut detectors: Vec<Box<dyn Detector>> = vec![Box::new(Witness(Rc::clone(&notes)))];
        let mut tracker = Tracker::default();
        for (second, rows) in ticks.iter().enumerate() {
            let ts_us = second as i64 * 1_000_000;
            let rows: Vec<Row> = rows.iter().map(|row| Row { ts_us, ..row.clone() }).collect();
            tracker.take(ts_us, &rows, &mut detectors);
        }
        notes.take()
    }

    #[test]
    fn what_was_there_before_is_old_and_only_what_we_saw_it_move_counts() {
        let of = |bytes| vec![row(1, TcpState::Established, bytes)];
        assert_eq!(told(&[of(500), of(500), of(800)]), ["1 old", "1 Answered", "1 moved 300"]);
    }

    #[test]
    fn a_connection_settles_once() {
        let closed = Row { kind: Kind::Closed, ..row(2, TcpState::Close, 7) };
        let ticks = [vec![], vec![row(2, TcpState::Established, 5)], vec![closed]];
        assert_eq!(told(&ticks), ["2 new", "2 moved 5", "2 Answered", "2 moved 2"]);
    }

    #[test]
    fn a_contact_is_in_vain_if_refused_unanswered_empty_or_gone() {
        let refused = Row { kind: Kind::Closed, ..row(3, TcpState::Close, 0) };
        assert_eq!(told(&[vec![], vec![refused]]), ["3 new", "3 InVain"]);
        let waiting = || vec![row(4, TcpState::SynSent, 0)];
        assert_eq!(told(&[vec![], waiting(), waiting()]), ["4 new", "4 InVain"]);
        assert_eq!(told(&[vec![], waiting(), vec![]]), ["4 new", "4 InVain"]);
        let empty = Row { kind: Kind::Closed, ..row(5, TcpState::FinWait2, 0) };
        assert_eq!(
            told(&[vec![], vec![row(5, TcpState::Established, 0)], vec![empty]]),
            ["5 new", "5 InVain"]
        );
    }
}
