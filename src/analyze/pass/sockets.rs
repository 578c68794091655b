//! Sockets: what a row changes in the record of its connection.

use super::ticks::Increment;
use crate::capture::{Counters, Kind, Protocol, TcpState};
use crate::model::records::{Connection, Count, SmallCount, Totals};
use crate::model::states::States;

/// How often connections went from one TCP state to another.
pub(super) type TransitionCounts = [[u64; TcpState::ALL.len()]; TcpState::ALL.len()];

/// Clocks and number of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) ts_us: i64,
    pub(super) mono_ns: i64,
    pub(super) tick: u32,
}

/// A connection of which no row was looked at yet.
pub(super) fn blank(
    conn_id: u64,
    protocol: Protocol,
    local: (crate::model::records::TextId, u16),
) -> Connection {
    Connection {
        conn_id,
        protocol,
        netns: None,
        local_addr: local.0,
        local_port: local.1,
        remote: None,
        remote_name: None,
        application: None,
        direction: None,
        state: None,
        state_since_us: 0,
        states_seen: States::NONE,
        first_seen_us: i64::MAX,
        last_seen_us: i64::MIN,
        first_mono_ns: i64::MAX,
        last_mono_ns: i64::MIN,
        opened_in_recording: false,
        start_is_exact: false,
        closed_in_recording: false,
        ticks: 0,
        last_tick: 0,
        last_sent_tick: 0,
        sends: 0,
        totals: Totals::default(),
        recorded_sent: None,
        recorded_received: None,
        rtt_min_us: None,
        process: None,
        owner_source: None,
        is_own: None,
    }
}

/// Raises a cumulative counter as [`grown`] says, and gives by how much.
macro_rules! grow {
    ($number:ident, $total:expr, $seen:expr, $start:expr) => {
        grown($total.map($number::get), $seen, $start).map(|(after, by)| {
            $total = Some($number::of(after));
            by
        })
    };
}

impl Connection {
    /// Takes note that it was there.
    pub(super) fn saw(&mut self, kind: Kind, at: Moment) {
        self.first_seen_us = self.first_seen_us.min(at.ts_us);
        self.last_seen_us = self.last_seen_us.max(at.ts_us);
        self.first_mono_ns = self.first_mono_ns.min(at.mono_ns);
        self.last_mono_ns = self.last_mono_ns.max(at.mono_ns);
        if kind == Kind::Snapshot && (self.ticks == 0 || at.tick != self.last_tick) {
            self.ticks += 1;
        }
        self.last_tick = self.last_tick.max(at.tick);
    }

    /// Takes note of its TCP state at a time, and of the change if it is another than before.
    pub(super) fn saw_state(&mut self, state: TcpState, ts_us: i64, transitions: &mut TransitionCounts) {
        if self.state != Some(state) {
            self.state_since_us = ts_us;
        }
        if let Some(before) = self.state.filter(|before| *before != state) {
            transitions[before as usize][state as usize] += 1;
        }
        self.state = Some(state);
        self.states_seen = self.states_seen.with(state);
    }

    /// Takes over the counters, and gives what they grew by during the recording.
    ///
    /// The first count of a socket that was there before the recording is what it is
    /// compared with from then on; one that was opened in the recording began at zero.
    pub(super) fn count(&mut self, seen: &Counters) -> Increment {
        let start = if self.opened_in_recording { Start::Zero } else { Start::FirstCount };
        let totals = &mut self.totals;
        let sent = grow!(Count, totals.bytes_sent, seen.bytes_sent, start);
        let received = grow!(Count, totals.bytes_received, seen.bytes_received, start);
        let retransmits = grow!(SmallCount, totals.retransmits, seen.retransmits, start);
        grow!(Count, totals.packets_sent, seen.packets_sent, start);
        grow!(Count, totals.packets_received, seen.packets_received, start);
        add(&mut self.recorded_sent, sent);
        add(&mut self.recorded_received, received);
        if let Some(rtt_us) = seen.rtt_us {
            let rtt_us = SmallCount::of(rtt_us);
            totals.rtt_us = Some(rtt_us);
            self.rtt_min_us = Some(self.rtt_min_us.map_or(rtt_us, |least| least.min(rtt_us)));
        }
        Increment {
            sent: sent.unwrap_or(0),
            received: received.unwrap_or(0),
            retransmits: retransmits.unwrap_or(0),
            ..Increment::default()
        }
    }
}

/// What a counter is compared with when it is seen for the first time.
#[derive(Debug, Clone, Copy)]
enum Start {
    Zero,
    FirstCount,
}

/// Where a cumulative counter stands after it was seen again, and by how much it grew; none where
/// nothing was counted.
///
/// A counter that falls was reset or is hostile. It then stands until it passes its old
/// height: better to count too little than bytes that nobody sent.
fn grown<N>(total: Option<N>, seen: Option<N>, start: Start) -> Option<(N, N)>
where
    N: Copy + Ord + Default + std::ops::Sub<Output = N>,
{
    let seen = seen?;
    let before = match (total, start) {
        (Some(before), _) => before,
        (None, Start::Zero) => N::default(),
        (None, Start::FirstCount) => seen,
    };
    let after = before.max(seen);
    Some((after, after - before))
}

fn add(sum: &mut Option<Count>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(Count::of(sum.map_or(0, Count::get).saturating_add(more)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::records::TextId;

    fn connection(opened_in_recording: bool) -> Connection {
        Connection { opened_in_recording, ..blank(1, Protocol::Tcp, (TextId::of(0), 1)) }
    }

    fn sent(bytes: Option<u64>) -> Counters {
        Counters { bytes_sent: bytes, ..Counters::default() }
    }

    fn recorded_sent(connection: &Connection) -> Option<u64> {
        connection.recorded_sent.map(Count::get)
    }

    #[test]
    fn a_socket_of_the_recording_counts_from_zero_and_an_older_one_from_its_first_count() {
        for (opened, expected) in [(true, 150), (false, 50)] {
            let mut connection = connection(opened);
            let grown: u64 = [100, 120, 150].iter().map(|b| connection.count(&sent(Some(*b))).sent).sum();
            assert_eq!((grown, recorded_sent(&connection)), (expected, Some(expected)), "opened: {opened}");
            assert_eq!(connection.totals.bytes_sent, Some(Count::of(150)));
        }
    }

    #[test]
    fn what_is_not_counted_stays_unknown_and_forgets_nothing() {
        let mut connection = connection(true);
        connection.count(&sent(None));
        assert_eq!(connection.recorded_sent, None);
        connection.count(&sent(Some(10)));
        connection.count(&sent(None));
        assert_eq!(connection.count(&sent(Some(15))).sent, 5);
        assert_eq!((recorded_sent(&connection), connection.recorded_received), (Some(15), None));
    }

    #[test]
    fn a_counter_that_falls_adds_nothing_until_it_passes_its_old_height() {
        let mut connection = connection(false);
        let grown: Vec<u64> =
            [100, 40, 90, 130, 0, u64::MAX].iter().map(|b| connection.count(&sent(Some(*b))).sent).collect();
        assert_eq!(grown, [0, 0, 0, 30, 0, u64::MAX - 130]);
        assert_eq!(recorded_sent(&connection), Some(u64::MAX - 100));
    }

    #[test]
    fn the_round_trip_time_is_the_last_and_the_least() {
        let mut connection = connection(true);
        for rtt_us in [Some(300), Some(100), Some(200), None] {
            connection.count(&Counters { rtt_us, ..Counters::default() });
        }
        assert_eq!(
            (connection.totals.rtt_us, connection.rtt_min_us),
            (Some(SmallCount::of(200)), Some(SmallCount::of(100)))
        );
    }

    #[test]
    fn a_state_that_stays_is_no_transition() {
        let mut transitions = TransitionCounts::default();
        let mut connection = connection(true);
        for state in [TcpState::SynSent, TcpState::SynSent, TcpState::Established, TcpState::CloseWait] {
            connection.saw_state(state, 5, &mut transitions);
        }
        assert_eq!(transitions[TcpState::SynSent as usize][TcpState::Established as usize], 1);
        assert_eq!(transitions.iter().flatten().sum::<u64>(), 2);
        assert!(connection.has_seen(TcpState::SynSent) && !connection.has_seen(TcpState::Listen));
    }

    #[test]
    fn rows_of_one_tick_count_once() {
        let mut connection = connection(true);
        for (tick, kind) in [(3, Kind::Opened), (4, Kind::Snapshot), (4, Kind::Snapshot), (6, Kind::Snapshot)]
        {
            let at = Moment { ts_us: i64::from(tick) * 1_000_000, mono_ns: i64::from(tick) * 1_000, tick };
            connection.saw(kind, at);
        }
        assert_eq!((connection.ticks, connection.last_tick), (2, 6));
        assert_eq!((connection.first_seen_us, connection.last_seen_us), (3_000_000, 6_000_000));
        assert!((connection.duration_s() - 3e-6).abs() < 1e-12);
    }
}
