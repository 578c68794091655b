//! What a TCP segment does to the two sides of its flow, after Zeek's rules.

use super::side::{Side, SideState};
use crate::capture::TcpState;
use crate::wire::packet::TcpHeader;

/// The two sides of a TCP connection, the sender of a segment first.
pub(super) struct Sides<'a> {
    pub(super) sender: &'a mut Side,
    pub(super) peer: &'a mut Side,
    /// Whether the sender is the originator.
    pub(super) is_originator: bool,
}

impl Sides<'_> {
    /// Takes over a segment: numbers first, then states.
    pub(super) fn take(&mut self, header: TcpHeader, payload_bytes: u32) {
        self.sender.begin(header);
        if header.flags.ack() {
            if self.peer.state == SideState::Inactive {
                self.peer.begin_by_ack(header.ack);
            } else {
                self.peer.acknowledge(header);
            }
        }
        // The first SYN advances to where it began already; a repeated one is a retransmission.
        let repeats_syn = header.flags.syn() && self.sender.state == SideState::SynSent;
        if repeats_syn && self.sender.started_at(header.seq) {
            self.sender.retransmits = self.sender.retransmits.saturating_add(1);
        }
        self.sender.advance(header, payload_bytes);
        self.turn(header, payload_bytes);
    }

    fn turn(&mut self, header: TcpHeader, payload_bytes: u32) {
        match self.sender.state {
            SideState::Inactive => self.turn_inactive(header, payload_bytes),
            SideState::SynSent | SideState::SynAckSent => self.turn_syn_sent(header),
            SideState::Established | SideState::Partial => self.turn_established(header),
            SideState::Closed => self.turn_closed(header),
            SideState::Reset => {}
        }
    }

    /// The sender shows itself for the first time.
    fn turn_inactive(&mut self, header: TcpHeader, payload_bytes: u32) {
        let flags = header.flags;
        if flags.syn() {
            self.open(header);
        }
        if flags.fin() {
            self.end(SideState::Closed);
        }
        if flags.rst() {
            self.end(SideState::Reset);
        }
        if self.sender.state != SideState::Inactive {
            return;
        }
        let acks_before_answering =
            !self.is_originator && payload_bytes == 0 && self.peer.state == SideState::SynSent;
        if acks_before_answering {
            return;
        }
        // After the other side's SYN with ACK, an acknowledgement: only the first SYN is missing.
        let completes = flags.ack() && self.peer.state == SideState::Established;
        self.sender.turn(if completes { SideState::Established } else { SideState::Partial });
    }

    fn open(&mut self, header: TcpHeader) {
        if self.is_originator {
            // The answer may lie before the SYN in the file.
            let is_answered = self.peer.state == SideState::Established;
            self.sender.turn(match (header.flags.ack(), is_answered) {
                (true, _) => SideState::SynAckSent,
                (false, true) => SideState::Established,
                (false, false) => SideState::SynSent,
            });
        } else {
            if matches!(self.peer.state, SideState::SynSent | SideState::SynAckSent) {
                self.peer.turn(SideState::Established);
            }
            self.sender.turn(SideState::Established);
        }
    }

    fn turn_syn_sent(&mut self, header: TcpHeader) {
        if header.flags.fin() {
            self.end(SideState::Closed);
        }
        if header.flags.rst() {
            self.end(SideState::Reset);
        }
    }

    fn turn_established(&mut self, header: TcpHeader) {
        let flags = header.flags;
        let was_alone = self.sender.state == SideState::Partial && self.peer.state == SideState::Inactive;
        if flags.syn() && !flags.ack() && was_alone {
            self.sender.turn(SideState::SynSent);
        }
        if flags.fin() && !flags.rst() {
            self.end(SideState::Closed);
            let peer_reset_after_fin =
                self.peer.state == SideState::Reset && self.peer.state_before == SideState::Closed;
            if peer_reset_after_fin {
                // A normal end after all.
                self.peer.turn(SideState::Closed);
            }
        }
        if flags.rst() {
            self.end(SideState::Reset);
        }
    }

    fn turn_closed(&mut self, header: TcpHeader) {
        if header.flags.rst() && self.peer.state != SideState::Closed {
            self.end(SideState::Reset);
        }
    }

    fn end(&mut self, state: SideState) {
        self.sender.turn(state);
        self.sender.has_ended = true;
    }
}

/// Whether nothing more is to be expected.
pub(super) fn is_over(originator: &Side, responder: &Side) -> bool {
    let was_reset = |side: &Side| side.state == SideState::Reset;
    let ended_alone = |side: &Side, peer: &Side| side.has_ended && peer.state == SideState::Inactive;
    was_reset(originator)
        || was_reset(responder)
        || originator.has_ended && responder.has_ended
        || ended_alone(originator, responder)
        || ended_alone(responder, originator)
}

/// The state in the kernel of the originator, as far as the wire shows it.
pub(super) fn kernel_state(originator: &Side, responder: &Side) -> TcpState {
    use SideState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    match (originator.state, responder.state) {
        (Reset, _) | (_, Reset) => TcpState::Close,
        (Closed, Closed) => TcpState::TimeWait,
        (Closed, _) if responder.packets > 0 && originator.is_all_acked() => TcpState::FinWait2,
        (Closed, _) => TcpState::FinWait1,
        (_, Closed) => TcpState::CloseWait,
        // An answer alone shows that someone asked, or that someone forged the asking.
        (SynSent | SynAckSent, _) | (Inactive, Inactive | SynSent | SynAckSent | Established) => {
            TcpState::SynSent
        }
        (Partial | Established, _) | (Inactive, Partial) => TcpState::Established,
    }
}
