//! One side of a flow: what it has sent, and for TCP, how far it is.

use crate::wire::packet::{Flags, TcpHeader};

/// A SYN or RST whose number is further away than this is not believed: it may be forged.
const MOST_JUMP: i64 = 1024 * 1024;

/// How far one side of a TCP connection is, by what it has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SideState {
    /// Nothing has been seen of it.
    #[default]
    Inactive,
    /// It has sent a SYN.
    SynSent,
    /// It has sent a SYN with an acknowledgement, although the other side was seen first.
    SynAckSent,
    /// It was under way already.
    Partial,
    /// Its side of the handshake is done.
    Established,
    /// It has sent a FIN.
    Closed,
    /// It has sent a RST.
    Reset,
}

/// What one side has sent.
///
/// Positions in the stream are relative to its first sequence number, that of the SYN, and do
/// not wrap around. A connection that was under way already counts as if a SYN had come just
/// before what was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// Payload bytes of all packets, retransmitted ones too.
    pub payload_bytes: u64,
    /// Segments that held nothing that had not been passed before.
    pub retransmits: u32,
    /// How far it is; stays inactive for UDP.
    pub state: SideState,
    /// The state before that.
    pub state_before: SideState,
    /// Whether it has ended its side, by FIN or RST.
    pub has_ended: bool,
    /// FINs.
    pub(super) fins: u32,
    /// The sequence number of position 0.
    pub(super) start: u32,
    /// One past the last position sent.
    pub(super) last: i64,
    /// The position up to which the other side has acknowledged.
    pub(super) acked: i64,
}

impl Side {
    /// Payload bytes sent, by the sequence numbers: without retransmissions, and with what was
    /// acknowledged although it is missing in the file.
    pub fn stream_bytes(&self, peer: &Self) -> u64 {
        let only_acked_its_syn = self.acked <= 1;
        if self.state_before == SideState::SynSent
            && self.state == SideState::Reset
            && peer.state == SideState::Inactive
            && !only_acked_its_syn
        {
            // A half-open connection was found and given up; it never could send.
            return 0;
        }
        let positions = self.last.max(self.acked).max(0) as u64;
        // Neither the SYN nor the FIN is a byte.
        positions.saturating_sub(1).saturating_sub(u64::from(self.fins > 0))
    }

    /// Goes to another state.
    pub(super) fn turn(&mut self, state: SideState) {
        if state != self.state {
            self.state_before = self.state;
            self.state = state;
        }
    }

    /// Whether its SYN has this sequence number.
    pub(super) fn started_at(&self, seq: u32) -> bool {
        self.start == seq
    }

    /// Whether all that it has sent, the FIN included, is acknowledged.
    pub(super) fn is_all_acked(&self) -> bool {
        self.acked >= self.last
    }

    /// Sets position 0 where a segment says that the stream begins.
    pub(super) fn begin(&mut self, header: TcpHeader) {
        use SideState::{Established, Inactive, Partial, Reset, SynAckSent, SynSent};
        let syn = header.flags.syn();
        match self.state {
            Inactive if !syn => self.restart(header.seq.wrapping_sub(1), 1),
            Inactive => self.restart(header.seq, 0),
            SynSent | SynAckSent if syn && header.seq != self.start => self.restart(header.seq, 0),
            // A second SYN, as if the first connection had not come about.
            Established | Partial if syn => self.restart(header.seq, 0),
            // The RST was forged perhaps: it was all that had been seen.
            Reset if syn && self.state_before == Inactive => self.restart(header.seq, 0),
            _ => {}
        }
    }

    /// As if its SYN had come: all that is known of it is what the other side acknowledges.
    pub(super) fn begin_by_ack(&mut self, ack: u32) {
        self.restart(ack.wrapping_sub(1), 0);
    }

    fn restart(&mut self, start: u32, last: i64) {
        (self.start, self.last, self.acked) = (start, last, 0);
    }

    /// Adds payload that came in a fragment behind the one with the header.
    pub(super) fn extend(&mut self, bytes: u64) {
        self.payload_bytes = self.payload_bytes.saturating_add(bytes);
        if self.state != SideState::Reset {
            self.last = self.last.saturating_add(bytes as i64);
        }
    }

    /// Takes over what the other side acknowledges.
    pub(super) fn acknowledge(&mut self, header: TcpHeader) {
        let position = near(header.ack, self.start, self.acked);
        let advance = position - self.acked;
        let is_broken = header.ack == 0 && advance > MOST_JUMP;
        // The numbers in resets are not to be trusted.
        if position >= 0 && advance > 0 && !is_broken && !header.flags.rst() {
            self.acked = position;
        }
    }

    /// Advances over a segment.
    pub(super) fn advance(&mut self, header: TcpHeader, payload_bytes: u32) {
        let flags = header.flags;
        self.fins = self.fins.saturating_add(u32::from(flags.fin()));
        let end = near(header.seq, self.start, self.last) + positions(flags, payload_bytes);
        let jump = end - self.last;
        if (flags.syn() || flags.rst()) && jump.abs() > MOST_JUMP {
            return;
        }
        let has_only_begun = self.last == 1;
        if flags.fin() && has_only_begun {
            // Of a long connection nothing but SYN and FIN was captured: go where the FIN is,
            // forwards, however far.
            self.last = i64::from(header.seq.wrapping_sub(self.start)) + positions(flags, payload_bytes);
        } else if self.state != SideState::Reset && jump > 0 {
            self.last = end;
        } else if self.state != SideState::Reset && is_retransmission(jump, payload_bytes) {
            self.retransmits = self.retransmits.saturating_add(1);
        }
    }
}

/// A keep-alive repeats the last byte at most; it is no retransmission.
fn is_retransmission(jump: i64, payload_bytes: u32) -> bool {
    jump < 0 && payload_bytes > 0 || payload_bytes > 1
}

/// Positions that a segment takes up. What a reset carries is not part of the stream.
fn positions(flags: Flags, payload_bytes: u32) -> i64 {
    let payload = if flags.rst() { 0 } else { i64::from(payload_bytes) };
    payload + i64::from(flags.syn()) + i64::from(flags.fin())
}

/// The position of a sequence number: of all that it can mean, the one next to `reference`.
fn near(seq: u32, start: u32, reference: i64) -> i64 {
    let at_reference = start.wrapping_add(reference as u32);
    reference + i64::from(seq.wrapping_sub(at_reference) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seq: u32, flags: u8) -> TcpHeader {
        TcpHeader { seq, ack: 0, flags: Flags(flags) }
    }

    /// A side that has sent a SYN at `start` and is established.
    fn established(start: u32) -> Side {
        let mut side = Side::default();
        side.begin(header(start, Flags::SYN));
        side.advance(header(start, Flags::SYN), 0);
        side.turn(SideState::Established);
        side
    }

    fn bytes(side: &Side) -> u64 {
        side.stream_bytes(&Side::default())
    }

    #[test]
    fn bytes_are_counted_by_sequence_numbers_without_syn_and_fin() {
        let mut side = established(1000);
        assert_eq!(bytes(&side), 0);
        side.advance(header(1001, Flags::ACK), 500);
        assert_eq!(bytes(&side), 500);
        side.advance(header(1501, Flags::ACK | Flags::FIN), 10);
        assert_eq!(bytes(&side), 510);
    }

    #[test]
    fn a_sequence_that_wraps_around_goes_on() {
        let mut side = established(u32::MAX - 10);
        let mut seq = u32::MAX - 9;
        for _ in 0..100 {
            side.advance(header(seq, Flags::ACK), 60_000_000);
            seq = seq.wrapping_add(60_000_000);
        }
        assert_eq!(bytes(&side), 6_000_000_000);
    }

    #[test]
    fn what_was_sent_before_is_a_retransmission_and_counts_no_bytes() {
        let mut side = established(0);
        side.advance(header(1, Flags::ACK), 100);
        side.advance(header(1, Flags::ACK), 100);
        side.advance(header(51, Flags::ACK), 20);
        assert_eq!((bytes(&side), side.retransmits), (100, 2));
    }

    #[test]
    fn a_keep_alive_is_no_retransmission() {
        let mut side = established(0);
        side.advance(header(1, Flags::ACK), 100);
        side.advance(header(100, Flags::ACK), 1);
        side.advance(header(100, Flags::ACK), 0);
        assert_eq!((bytes(&side), side.retransmits), (100, 0));
    }

    #[test]
    fn what_was_acknowledged_was_sent_also_if_the_file_lacks_it() {
        let mut side = established(0);
        side.acknowledge(TcpHeader { seq: 0, ack: 3001, flags: Flags(Flags::ACK) });
        assert_eq!(bytes(&side), 3000);
    }

    #[test]
    fn a_forged_reset_does_not_make_gigabytes() {
        let mut side = established(0);
        side.advance(header(1, Flags::ACK), 100);
        side.advance(header(1_500_000_000, Flags::RST), 0);
        assert_eq!(bytes(&side), 100);
    }

    #[test]
    fn of_a_connection_without_beginning_the_first_segment_counts() {
        let mut side = Side::default();
        side.begin(header(777, Flags::ACK));
        side.advance(header(777, Flags::ACK), 40);
        assert_eq!((bytes(&side), side.retransmits), (40, 0));
    }

    #[test]
    fn syn_and_fin_alone_show_how_long_a_stream_was() {
        let mut side = established(0);
        side.advance(header(3_000_000_001, Flags::FIN), 0);
        assert_eq!(bytes(&side), 3_000_000_000);
    }
}
