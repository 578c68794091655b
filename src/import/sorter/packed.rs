//! A row as bytes: what is not there takes a bit, and small numbers take few bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::{Keys, Unnamed};
use crate::capture::{Counters, Kind, OwnerSource, Protocol, Query, Row, TcpState};
use crate::import::names::NameKey;

/// Bits of the first four bytes, one for each field that may be missing, in the order in which they are written.
#[derive(Default)]
struct Flags {
    bits: u32,
    next: u32,
}

impl Flags {
    fn put(&mut self, is_there: bool) {
        self.bits |= u32::from(is_there) << self.next;
        self.next += 1;
    }

    fn take(&mut self) -> bool {
        let is_there = self.bits & 1 != 0;
        self.bits >>= 1;
        is_there
    }
}

/// Appends a row, without its texts, owner and application.
pub(super) fn put(row: &Row, key: Option<&NameKey>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut flags = Flags::default();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&row.ts_us.to_le_bytes());
    out.extend_from_slice(&row.conn_id.to_le_bytes());
    out.extend_from_slice(&[row.kind as u8, row.protocol as u8]);
    put_number(row.mono_ns.wrapping_sub(row.ts_us.wrapping_mul(1000)) as u64, out);
    put_number(row.tick.into(), out);
    put_end((row.local_addr, row.local_port), &mut flags, out);
    flags.put(row.remote.is_some());
    put_end(row.remote.unwrap_or((Ipv4Addr::UNSPECIFIED.into(), 0)), &mut flags, out);
    let Counters { bytes_sent, bytes_received, packets_sent, packets_received, retransmits, rtt_us } =
        row.counters;
    let numbers = [
        bytes_sent,
        bytes_received,
        packets_sent,
        packets_received,
        retransmits.map(u64::from),
        rtt_us.map(u64::from),
        row.netns,
        row.memory_rss_bytes,
        row.cpu_percent.map(|cpu| cpu.to_bits().into()),
        row.protocol_number.map(u64::from),
        row.state.map(|state| state as u64),
        row.prev_state.map(|state| state as u64),
        row.owner_source.map(|source| source as u64),
        key.map(|key| row.ts_us.wrapping_sub(key.start_us) as u64),
        key.map(|key| key.end_us.wrapping_sub(key.start_us) as u64),
    ];
    for number in numbers {
        flags.put(number.is_some());
        if let Some(number) = number {
            put_number(number, out);
        }
    }
    let uid = key.and_then(|key| key.uid);
    flags.put(uid.is_some());
    if let Some(uid) = uid {
        out.extend_from_slice(&uid.to_le_bytes());
    }
    flags.put(row.query.is_some());
    if let Some(query) = &row.query {
        let Query { name, query_type, response_code, answers } = query.as_ref();
        put_text(name, out);
        for text in [query_type, response_code, answers] {
            flags.put(text.is_some());
            put_text(text.as_deref().unwrap_or_default(), out);
        }
    }
    out[start..start + 4].copy_from_slice(&flags.bits.to_le_bytes());
}

/// The time of the row with which some bytes begin.
pub(super) fn ts_us(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(*bytes.get(4..)?.first_chunk()?))
}

/// Takes the row with which some bytes begin; none if they are no row.
pub(super) fn take(bytes: &mut &[u8]) -> Option<Unnamed> {
    let mut flags = Flags { bits: u32::from_le_bytes(take_array(bytes)?), next: 0 };
    let ts_us = i64::from_le_bytes(take_array(bytes)?);
    let conn_id = u64::from_le_bytes(take_array(bytes)?);
    let [kind, protocol] = take_array(bytes)?;
    let mono_ns = (take_number(bytes)? as i64).wrapping_add(ts_us.wrapping_mul(1000));
    let tick = u32::try_from(take_number(bytes)?).ok()?;
    let local = take_end(&mut flags, bytes)?;
    let has_remote = flags.take();
    let remote = Some(take_end(&mut flags, bytes)?).filter(|_| has_remote);
    let mut numbers = [None; 15];
    for number in &mut numbers {
        if flags.take() {
            *number = Some(take_number(bytes)?);
        }
    }
    let [bytes_sent, bytes_received, packets_sent, packets_received, retransmits, rtt_us, numbers @ ..] =
        numbers;
    let [netns, memory_rss_bytes, cpu_bits, protocol_number, state, prev_state, owner_source, numbers @ ..] =
        numbers;
    let small = |number: Option<u64>| number.map(|number| number as u32);
    let state_of = |number: Option<u64>| TcpState::ALL.get(number? as usize).copied();
    let uid = if flags.take() { Some(u64::from_le_bytes(take_array(bytes)?)) } else { None };
    let key = match numbers {
        [Some(since), Some(lasting)] => {
            let start_us = ts_us.wrapping_sub(since as i64);
            Some(NameKey { uid, start_us, end_us: start_us.wrapping_add(lasting as i64) })
        }
        _ => None,
    };
    let query = if flags.take() { Some(Arc::new(take_query(&mut flags, bytes)?)) } else { None };
    let row = Row {
        ts_us,
        mono_ns,
        tick,
        kind: *Kind::ALL.get(usize::from(kind))?,
        protocol_number: protocol_number.map(|number| number as u16),
        local_addr: local.0,
        remote,
        netns,
        state: state_of(state),
        prev_state: state_of(prev_state),
        counters: Counters {
            bytes_sent,
            bytes_received,
            packets_sent,
            packets_received,
            retransmits: small(retransmits),
            rtt_us: small(rtt_us),
        },
        owner_source: owner_source.and_then(|source| OwnerSource::ALL.get(source as usize).copied()),
        cpu_percent: small(cpu_bits).map(f32::from_bits),
        memory_rss_bytes,
        query,
        ..Row::snapshot(conn_id, *Protocol::ALL.get(usize::from(protocol))?, local)
    };
    Some((row, key))
}

/// A number: how many bytes it has, then these.
pub(super) fn put_number(number: u64, out: &mut Vec<u8>) {
    let length = (71 - number.leading_zeros() as usize) / 8;
    out.push(length as u8);
    out.extend_from_slice(&number.to_le_bytes()[..length]);
}

/// Takes the keys that follow a row.
pub(super) fn take_keys(bytes: &mut &[u8]) -> Option<Keys> {
    let mut key = || Some(take_number(bytes)? as u32);
    Some([key()?, key()?, key()?])
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let [length] = take_array(bytes)?;
    let (taken, rest) = bytes.split_at_checked(length.into())?;
    *bytes = rest;
    let mut number = [0; 8];
    number.get_mut(..taken.len())?.copy_from_slice(taken);
    Some(u64::from_le_bytes(number))
}

fn put_end((addr, port): (IpAddr, u16), flags: &mut Flags, out: &mut Vec<u8>) {
    flags.put(addr.is_ipv6());
    match addr {
        IpAddr::V4(addr) => out.extend_from_slice(&addr.octets()),
        IpAddr::V6(addr) => out.extend_from_slice(&addr.octets()),
    }
    out.extend_from_slice(&port.to_le_bytes());
}

fn take_end(flags: &mut Flags, bytes: &mut &[u8]) -> Option<(IpAddr, u16)> {
    let addr = if flags.take() {
        IpAddr::V6(Ipv6Addr::from_octets(take_array(bytes)?))
    } else {
        IpAddr::V4(Ipv4Addr::from_octets(take_array(bytes)?))
    };
    Some((addr, u16::from_le_bytes(take_array(bytes)?)))
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_number(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn take_query(flags: &mut Flags, bytes: &mut &[u8]) -> Option<Query> {
    let name = take_text(bytes)?;
    let mut optional = || {
        let is_there = flags.take();
        Some(Some(take_text(bytes)?).filter(|_| is_there))
    };
    Some(Query { name, query_type: optional()?, response_code: optional()?, answers: optional()? })
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
