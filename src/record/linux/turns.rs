//! When processes used a UDP port one after the other, and whose a datagram of that port is.
//!
//! A port belongs to one socket at a time, unless the sockets agree to share it. A process looks up a
//! route before it sends: between its first lookup and that of the next process, datagrams that go out are
//! its own. One that comes in after its last lookup may be for the next process, which may have bound its
//! socket already; then the end of the one process or the start of the other may tell.

/// A process that sends from a port. All times are monotonic, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) pid: u32,
    /// Start of the process; 0 if that was before the recording.
    pub(super) started_ns: u64,
    /// First and last lookup of a route.
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    /// End of the process, or a time at which its socket had closed; the maximum while it lives.
    pub(super) ended_ns: u64,
}

/// How far the clock of packets may be behind that of lookups, in ns.
const SLACK_NS: u64 = 2_000;

/// Whose a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of the turn with this index.
    One(usize),
    /// Of a process without a turn: before every turn, or after the end of every process.
    Nobody,
    /// Of any of several.
    Several,
}

/// Whose a datagram is that passed at this time; `turns` are sorted by [`Turn::first_ns`].
pub(super) fn whose(turns: &[Turn], time_ns: i64, is_sent: bool) -> Whose {
    let time_ns = u64::try_from(time_ns).unwrap_or(0);
    let begun = turns.partition_point(|turn| turn.first_ns <= time_ns.saturating_add(SLACK_NS));
    let latest = begun.checked_sub(1).map(|index| &turns[index]);
    let may_be = |index: usize| {
        let turn = &turns[index];
        match index {
            // Its lookups overlap those of the latest: they share the port.
            _ if index + 1 < begun => latest.is_some_and(|latest| turn.last_ns >= latest.first_ns),
            _ if index < begun => is_sent || turn.last_ns.max(turn.ended_ns) >= time_ns,
            // The next one may receive before it sends.
            _ if index == begun => {
                let is_free =
                    latest.is_none_or(|last| last.last_ns < time_ns || turn.first_ns <= last.last_ns);
                !is_sent && turn.started_ns <= time_ns && is_free
            }
            _ => false,
        }
    };
    let mut possible = (0..turns.len()).filter(|index| may_be(*index));
    match (possible.next(), possible.next()) {
        (None, _) => Whose::Nobody,
        (Some(one), None) => Whose::One(one),
        _ => Whose::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(pid: u32, (started_ns, first_ns, last_ns, ended_ns): (u64, u64, u64, u64)) -> Turn {
        Turn { pid, started_ns, first_ns, last_ns, ended_ns }
    }

    const US: u64 = 1_000;

    /// The process, 0 for nobody; `None` for several.
    fn of(turns: &[Turn], at_us: u64, is_sent: bool) -> Option<u32> {
        match whose(turns, (at_us * US) as i64, is_sent) {
            Whose::One(index) => Some(turns[index].pid),
            Whose::Nobody => Some(0),
            Whose::Several => None,
        }
    }

    #[test]
    fn programs_in_turn_have_what_passed_while_they_ran() {
        let turns =
            [turn(7, (10 * US, 20 * US, 30 * US, 60 * US)), turn(8, (70 * US, 80 * US, 80 * US, 90 * US))];
        let sent = |at_us| of(&turns, at_us, true);
        assert_eq!([10, 20, 31, 77, 79, 95].map(sent), [0, 7, 7, 7, 8, 8].map(Some));
        let received = |at_us| of(&turns, at_us, false);
        assert_eq!([15, 25, 50, 65, 75, 85].map(received), [7, 7, 7, 0, 8, 8].map(Some));
    }

    #[test]
    fn what_comes_in_between_two_processes_that_live_may_be_for_either() {
        let turns = [turn(7, (0, 20 * US, 30 * US, u64::MAX)), turn(8, (0, 80 * US, 90 * US, u64::MAX))];
        let received = |at_us| of(&turns, at_us, false);
        assert_eq!([25, 50, 85, 95].map(received), [Some(7), None, Some(8), Some(8)]);
        assert_eq!(of(&turns, 50, true), Some(7), "the other one has not sent yet");
    }

    #[test]
    fn processes_that_send_by_turns_share_the_port() {
        let turns = [turn(7, (0, 20 * US, 90 * US, u64::MAX)), turn(8, (0, 50 * US, 60 * US, u64::MAX))];
        let sent = |at_us| of(&turns, at_us, true);
        assert_eq!([30, 55, 70, 95].map(sent), [Some(7), None, None, None]);
        assert_eq!(of(&turns, 30, false), None);
    }
}
