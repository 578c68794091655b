//! DNS questions in packets, and the answers to them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ahash::AHashMap;

use super::clock::PacketTime;
use super::record::protocol;
use crate::capture::query::{record_type, response_code};
use crate::capture::{Protocol, Query, Row};
use crate::wire::dns_message::{self, Message, Question};
use crate::wire::packet::{Packet, Transport};

const DNS: u16 = 53;
const MULTICAST_DNS: u16 = 5353;
/// Link-local multicast name resolution, which Windows uses.
const LLMNR: u16 = 5355;

/// Where questions of LLMNR go; the answers come from the host that has the name.
const LLMNR_GROUPS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(224, 0, 0, 252)), IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 3))];

/// Questions that wait for an answer; the oldest give way.
const MOST_PENDING: usize = 16 * 1024;

/// How long an answer is waited for, in ns. Stub resolvers ask again after 5 s.
const PATIENCE_NS: i64 = 10 * 1_000_000_000;

/// Most messages of one TCP segment that are read.
const MOST_MESSAGES: usize = 64;

/// What belongs to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Exchange {
    client: (IpAddr, u16),
    server: (IpAddr, u16),
    id: u16,
    protocol: Protocol,
}

#[derive(Debug)]
struct Pending {
    conn_id: u64,
    at: PacketTime,
    questions: Vec<Question>,
}

/// Questions that have not been answered.
#[derive(Debug, Default)]
pub(super) struct Queries {
    pending: AHashMap<Exchange, Pending>,
    /// In the order in which they were asked, with the time.
    order: VecDeque<(Exchange, i64)>,
}

/// Whether a packet may hold DNS.
pub(super) fn is_dns(packet: &Packet<'_>) -> bool {
    let is_port = |port| match packet.transport {
        Transport::Udp(_) => matches!(port, DNS | MULTICAST_DNS | LLMNR),
        Transport::Tcp(_) => port == DNS,
        Transport::Other(_) => false,
    };
    !packet.payload.is_empty() && (is_port(packet.source.1) || is_port(packet.destination.1))
}

/// The DNS messages in a packet; over TCP each has its length before it, and the last may be cut.
pub(super) fn messages<'a>(packet: &Packet<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let is_tcp = matches!(packet.transport, Transport::Tcp(_));
    let mut rest = packet.payload;
    let next = move || {
        if !is_tcp {
            let message = std::mem::take(&mut rest);
            return (!message.is_empty()).then_some(message);
        }
        let (length, after) = rest.split_first_chunk()?;
        let bytes = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (message, after) = after.split_at(bytes);
        rest = after;
        Some(message)
    };
    std::iter::from_fn(next).take(MOST_MESSAGES)
}

impl Queries {
    /// Takes a message. `take` gets a row for each question that was answered or had to give way.
    pub(super) fn take(
        &mut self,
        packet: &Packet<'_>,
        message: &[u8],
        conn_id: u64,
        at: PacketTime,
        mut take: impl FnMut(Row),
    ) {
        let Some(message) = dns_message::read(message) else { return };
        let (protocol, _) = protocol(packet);
        let exchange = |client, server| Exchange { client, server, id: message.id, protocol };
        if message.is_response {
            let (client, server) = (packet.destination, packet.source);
            let groups = LLMNR_GROUPS.map(|group| (group, LLMNR)).into_iter().filter(|_| server.1 == LLMNR);
            let mut asked = std::iter::once(server).chain(groups).map(|server| exchange(client, server));
            let found = asked.find_map(|exchange| Some((exchange, self.pending.remove(&exchange)?)));
            let (exchange, pending) = found.unwrap_or_else(|| {
                // The question was not captured, but the answer repeats it.
                let questions = message.questions.clone();
                (exchange(client, server), Pending { conn_id, at, questions })
            });
            rows(&exchange, &pending, Some((&message, at)), take);
            return;
        }
        let exchange = exchange(packet.source, packet.destination);
        match self.pending.get(&exchange) {
            // Asked again.
            Some(pending) if pending.questions == message.questions => return,
            Some(_) => {
                if let Some(pending) = self.pending.remove(&exchange) {
                    rows(&exchange, &pending, None, &mut take);
                }
            }
            None => {}
        }
        self.order.push_back((exchange, at.mono_ns));
        self.pending.insert(exchange, Pending { conn_id, at, questions: message.questions });
        while self.order.len() > MOST_PENDING {
            self.give_up_oldest(&mut take);
        }
    }

    /// Gives up what was asked too long ago.
    pub(super) fn expire(&mut self, now_ns: i64, mut take: impl FnMut(Row)) {
        while self.order.front().is_some_and(|(_, asked_ns)| now_ns - asked_ns > PATIENCE_NS) {
            self.give_up_oldest(&mut take);
        }
    }

    /// Gives up all of it.
    pub(super) fn finish(&mut self, mut take: impl FnMut(Row)) {
        while !self.order.is_empty() {
            self.give_up_oldest(&mut take);
        }
    }

    fn give_up_oldest(&mut self, take: impl FnMut(Row)) {
        let Some((exchange, asked_ns)) = self.order.pop_front() else { return };
        // It may have been answered, and the same number be used again since.
        let is_it = self.pending.get(&exchange).is_some_and(|pending| pending.at.mono_ns == asked_ns);
        if let Some(pending) = is_it.then(|| self.pending.remove(&exchange)).flatten() {
            rows(&exchange, &pending, None, take);
        }
    }
}

/// A row for each question; `response` came at that time, if it came.
fn rows(
    exchange: &Exchange,
    pending: &Pending,
    response: Option<(&Message, PacketTime)>,
    mut take: impl FnMut(Row),
) {
    for question in &pending.questions {
        let answers = response.and_then(|(message, _)| message.answers.as_deref()).unwrap_or_default();
        let query = Query {
            name: question.name.clone(),
            query_type: Some(record_type(question.record_type).into_owned()),
            response_code: response.map(|(message, _)| response_code(message.response_code).into_owned()),
            answers: Query::join(answers.iter().map(String::as_str)),
        };
        let Exchange { client, server, protocol, .. } = *exchange;
        let mut row = Row::query(pending.conn_id, protocol, client, server, Arc::new(query));
        (row.ts_us, row.mono_ns) = (pending.at.wall_ns / 1000, pending.at.mono_ns);
        let took_ns = response.map(|(_, at)| at.mono_ns - pending.at.mono_ns);
        row.counters.rtt_us =
            took_ns.filter(|took_ns| *took_ns > 0).and_then(|ns| u32::try_from(ns / 1000).ok());
        take(row);
    }
}
