//! Decodes the records of the eBPF programs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::super::message::{piece, u16_at, u32_at, u64_at};
use super::super::kernel_event::{Actor, KernelEvent, SocketFacts, StateChange, What};
use super::programs::{DESTROYED, IS_DEAD, STATE, place};
use crate::capture::{Counters, TcpState};

/// `SOCK_DONE`: the peer's FIN has arrived, as a bit of the socket's flags.
const HAS_FIN: u64 = 1 << 1;

/// `ECONNABORTED`: another process had the kernel close the socket (`ss --kill`).
const ABORTED: u32 = libc::ECONNABORTED as u32;

/// `tcp_sock.srtt_us` is in eighths of a microsecond.
const ROUND_TRIP_SHIFT: u32 = 3;

/// Decodes a record; `None` if it is invalid.
pub(super) fn decode(record: &[u8]) -> Option<KernelEvent> {
    let by_process = *record.get(place::OWNED)? != 0;
    let socket = u64_at(record, place::SOCKET)?;
    let cookie = u64_at(record, place::COOKIE)?;
    let what = match *record.get(place::KIND)? {
        STATE => What::State(state_change(record, (socket, cookie), by_process)?),
        DESTROYED => What::Destroyed { socket, cookie, in_interrupt: !by_process },
        _ => return None,
    };
    let actor = Actor { uid: u32_at(record, place::UID)?, cgroup_id: u64_at(record, place::CGROUP)? };
    Some(KernelEvent {
        time_ns: u64_at(record, place::TIME)?,
        pid: u32_at(record, place::PID)?,
        actor: by_process.then_some(actor),
        what,
    })
}

fn state_change(record: &[u8], (socket, cookie): (u64, u64), by_process: bool) -> Option<StateChange> {
    let was_aborted = u32_at(record, place::ERROR)? == ABORTED;
    let flags = (record.len() >= place::END).then(|| u64_at(record, place::FLAGS)).flatten();
    let counters = flags.and_then(|flags| counters(record, flags));
    Some(StateChange {
        socket,
        from: TcpState::of_kernel_number(*record.get(place::FROM)?)?,
        to: TcpState::of_kernel_number(*record.get(place::TO)?)?,
        // A process that has another's socket closed holds its lock too.
        in_interrupt: !by_process || was_aborted,
        local: (address(record, place::LOCAL)?, u16_at(record, place::SOURCE_PORT)?),
        remote: (address(record, place::REMOTE)?, u16::from_be_bytes(piece(record, place::REMOTE_PORT)?)),
        facts: Some(SocketFacts {
            cookie,
            netns: u32_at(record, place::NETNS)?.into(),
            counters,
            is_destroyed: flags.is_some_and(|flags| flags & IS_DEAD as u64 != 0),
        }),
    })
}

fn address(record: &[u8], place: usize) -> Option<IpAddr> {
    if u16_at(record, place::FAMILY)? == libc::AF_INET6 as u16 {
        return Some(IpAddr::V6(Ipv6Addr::from(piece::<16>(record, place)?)).to_canonical());
    }
    Some(IpAddr::V4(Ipv4Addr::from(piece::<4>(record, place)?)))
}

/// The counters of a closed socket, which are final.
fn counters(record: &[u8], flags: u64) -> Option<Counters> {
    let received = u64_at(record, place::BYTES_RECEIVED)?;
    let sent = u64_at(record, place::BYTES_SENT)?;
    let again = u64_at(record, place::BYTES_RETRANSMITTED)?;
    let round_trip_us = u32_at(record, place::ROUND_TRIP)? >> ROUND_TRIP_SHIFT;
    Some(Counters {
        bytes_sent: Some(sent.saturating_sub(again)),
        bytes_received: Some(received.saturating_sub(u64::from(flags & HAS_FIN != 0))),
        packets_sent: u32_at(record, place::SEGMENTS_OUT).map(u64::from),
        packets_received: u32_at(record, place::SEGMENTS_IN).map(u64::from),
        retransmits: u32_at(record, place::RETRANSMITS),
        rtt_us: (round_trip_us > 0).then_some(round_trip_us),
    })
}
