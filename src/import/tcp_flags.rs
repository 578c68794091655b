//! What the TCP flags that each side sent, gathered over a flow, tell of its course.

use super::log::StateHistory;
use crate::capture::TcpState;

/// No more data from the sender.
pub(super) const FIN: u64 = 0x01;
/// Synchronise sequence numbers.
pub(super) const SYN: u64 = 0x02;
/// Reset the connection.
pub(super) const RST: u64 = 0x04;
/// The acknowledgement field is valid.
pub(super) const ACK: u64 = 0x10;

/// The states that the flags of both sides tell of.
pub(super) fn course(client: Option<u64>, server: Option<u64>) -> StateHistory {
    let Some(client) = client else { return StateHistory::STATELESS };
    // Of a client that never acknowledged anything, nobody has accepted a connection.
    let was_unanswered = client & (SYN | ACK) == SYN;
    let Some(server) = server.or(was_unanswered.then_some(0)) else { return StateHistory::STATELESS };
    let established =
        |last| StateHistory { middle: Some(TcpState::Established), ..StateHistory::opened(last) };
    let is_reset = (client | server) & RST != 0;
    if client & SYN == 0 {
        return StateHistory::joined(Some(TcpState::Established), TcpState::Established);
    }
    match (server & SYN != 0, client & FIN != 0, server & FIN != 0) {
        (false, ..) if is_reset => StateHistory::REFUSED,
        (false, ..) => StateHistory::ATTEMPT,
        (true, ..) if is_reset => StateHistory::CLOSED,
        (true, true, true) => StateHistory::CLOSED,
        (true, true, false) => established(TcpState::FinWait1),
        (true, false, true) => established(TcpState::CloseWait),
        (true, false, false) => StateHistory::opened(TcpState::Established),
    }
}
