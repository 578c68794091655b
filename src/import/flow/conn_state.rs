//! Zeek's `conn_state`: how a connection went, in a word of two to six letters.

use super::side::{Side, SideState};
use crate::capture::Protocol;

/// The values of Zeek's field `conn_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnState {
    /// An attempt that nobody answered.
    S0,
    /// Established, not closed.
    S1,
    /// Established and closed by both sides.
    Sf,
    /// An attempt that was refused.
    Rej,
    /// Established, closed by the originator alone.
    S2,
    /// Established, closed by the responder alone.
    S3,
    /// Established, reset by the originator.
    Rsto,
    /// Reset by the responder.
    Rstr,
    /// The originator sent a SYN and then a RST, and the responder nothing.
    Rstos0,
    /// The responder reset, and the originator was not seen to open.
    Rstrh,
    /// The originator sent a SYN and then a FIN, and the responder nothing.
    Sh,
    /// The responder answered and closed, and the originator was not seen to open.
    Shr,
    /// Nothing of all this.
    Oth,
}

impl ConnState {
    /// As it stands in a `conn.log`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}

/// How a connection went, by what its two sides have shown.
pub fn conn_state(protocol: Protocol, originator: &Side, responder: &Side) -> ConnState {
    match protocol {
        Protocol::Tcp => of_tcp(originator, responder),
        _ => match (originator.packets > 0, responder.packets > 0) {
            (true, true) => ConnState::Sf,
            (true, false) => ConnState::S0,
            (false, true) => ConnState::Shr,
            (false, false) => ConnState::Oth,
        },
    }
}

fn of_tcp(originator: &Side, responder: &Side) -> ConnState {
    use SideState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let has_data = originator.stream_bytes(responder) > 0 || responder.stream_bytes(originator) > 0;
    match (originator.state, responder.state) {
        (SynSent | SynAckSent, Reset) => ConnState::Rej,
        (Reset, Reset) if !has_data => ConnState::Rej,
        (Inactive | Partial, Reset) => ConnState::Rstrh,
        (_, Reset) => ConnState::Rstr,
        (Reset, Inactive | Partial) => ConnState::Rstos0,
        (Reset, _) => ConnState::Rsto,
        (Closed, Closed) => ConnState::Sf,
        (Closed, Inactive | Partial) => ConnState::Sh,
        (Closed, _) => ConnState::S2,
        (Inactive | Partial, Closed) => ConnState::Shr,
        (_, Closed) => ConnState::S3,
        (SynSent, Inactive) => ConnState::S0,
        (Established, Established) => ConnState::S1,
        _ => ConnState::Oth,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(state: SideState) -> Side {
        Side { state, ..Side::default() }
    }

    #[test]
    fn the_states_of_both_sides_give_zeeks_word() {
        use SideState::{Closed, Established, Inactive, Partial, Reset, SynSent};
        let cases = [
            (SynSent, Inactive, "S0"),
            (Established, Established, "S1"),
            (Closed, Closed, "SF"),
            (SynSent, Reset, "REJ"),
            (Reset, Reset, "REJ"),
            (Closed, Established, "S2"),
            (Established, Closed, "S3"),
            (Reset, Established, "RSTO"),
            (Established, Reset, "RSTR"),
            (Reset, Inactive, "RSTOS0"),
            (Inactive, Reset, "RSTRH"),
            (Closed, Inactive, "SH"),
            (Inactive, Closed, "SHR"),
            (Partial, Partial, "OTH"),
            (Inactive, Established, "OTH"),
        ];
        for (originator, responder, expected) in cases {
            let state = conn_state(Protocol::Tcp, &side(originator), &side(responder));
            assert_eq!(state.as_str(), expected, "{originator:?} {responder:?}");
        }
    }

    #[test]
    fn datagrams_are_answered_or_not() {
        let heard = |packets| Side { packets, ..Side::default() };
        for (sent, received, expected) in [(1, 1, "SF"), (2, 0, "S0"), (0, 1, "SHR"), (0, 0, "OTH")] {
            let state = conn_state(Protocol::Udp, &heard(sent), &heard(received));
            assert_eq!(state.as_str(), expected);
        }
    }
}
