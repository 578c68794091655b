//! DNS questions that this host asks, each with its answer and with the socket that carried it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ahash::AHashMap;

use super::flows::Endpoint;
use super::ring::Way;
use crate::capture::query::{record_type, response_code};
use crate::capture::{Protocol, Query, Row, stable_id};
use crate::record::Timestamp;
use crate::wire::dns_message::{self, Message};

const DNS: u16 = 53;
const MULTICAST_DNS: u16 = 5353;
/// Link-local multicast name resolution, which Windows uses.
const LLMNR: u16 = 5355;

/// Groups of the local network that are asked; whoever has the name answers from an address of its own.
const GROUPS: [(IpAddr, u16); 4] = [
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), MULTICAST_DNS),
    (IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb)), MULTICAST_DNS),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 252)), LLMNR),
    (IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 3)), LLMNR),
];

/// How long an answer is waited for, in ns.
const PATIENCE_NS: i64 = 10_000_000_000;

/// Most questions that wait for their answer, or for the row of their socket.
const MOST_WAITING: usize = 16 * 1024;

/// For how many ticks a question waits for the row of its socket, which may have to wait for packets.
const MOST_TICKS: u8 = 2;

/// Most messages of one TCP segment that are read, and most connections whose next segment is known to
/// be a message without a length.
const MOST_MESSAGES: usize = 64;
const MOST_LENGTHS: usize = 1024;

/// A question under way: who asked whom, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    netns: u64,
    protocol: Protocol,
    client: Endpoint,
    server: Endpoint,
    id: u16,
}

/// Where a message was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketContext {
    pub(super) netns: u64,
    pub(super) protocol: Protocol,
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) way: Way,
    /// Monotonic clock, ns.
    pub(super) time_ns: i64,
}

impl PacketContext {
    /// Whether it may be one of DNS.
    fn is_of_dns(&self) -> bool {
        let is_port = |port| match self.protocol {
            Protocol::Udp => matches!(port, DNS | MULTICAST_DNS | LLMNR),
            _ => port == DNS,
        };
        is_port(self.source.1) || is_port(self.destination.1)
    }
}

/// The questions that were seen.
#[derive(Debug, Default)]
pub(super) struct Queries {
    pending: HashMap<Key, Pending>,
    done: Vec<Asked>,
    /// Connections whose last segment was nothing but the length of the next message, and since when.
    lengths: HashMap<(u64, Endpoint, Endpoint), i64>,
    /// Questions so far, and those for which there was no room.
    pub(super) asked: u64,
    pub(super) crowded_out: u64,
}

#[derive(Debug)]
struct Pending {
    asked_ns: i64,
    questions: Vec<dns_message::Question>,
}

/// A question of which no more is to be learned from packets.
#[derive(Debug)]
struct Asked {
    key: Key,
    since_ns: i64,
    rtt_us: Option<u32>,
    query: Arc<Query>,
    ticks: u8,
}

impl Queries {
    /// Takes the messages of a TCP segment, each of which has its length before it, and the last of which
    /// may be cut. Gives those that answer a question that was asked, as [`Queries::take`] does.
    pub(super) fn take_segment<'a>(&mut self, packet: &PacketContext, payload: &'a [u8]) -> Vec<&'a [u8]> {
        let mut rest = payload;
        if !packet.is_of_dns() || rest.is_empty() {
            return Vec::new();
        }
        let connection = (packet.netns, packet.source, packet.destination);
        if rest.len() == 2 {
            // Many clients send the length by itself.
            if self.lengths.len() < MOST_LENGTHS {
                self.lengths.insert(connection, packet.time_ns);
            }
            return Vec::new();
        }
        let mut answers = Vec::new();
        if self.lengths.remove(&connection).is_some() {
            answers.extend(self.take(packet, rest).then_some(rest));
            return answers;
        }
        for _ in 0..MOST_MESSAGES {
            let Some((length, after)) = rest.split_first_chunk() else { break };
            let bytes = usize::from(u16::from_be_bytes(*length)).min(after.len());
            let (message, after) = after.split_at(bytes);
            answers.extend(self.take(packet, message).then_some(message));
            rest = after;
        }
        answers
    }

    /// Takes a message to or from a port of DNS. Whether it answers a question that was asked: anyone may
    /// send answers to none.
    pub(super) fn take(&mut self, packet: &PacketContext, message: &[u8]) -> bool {
        if !packet.is_of_dns() {
            return false;
        }
        let Some(message) = dns_message::read(message) else { return false };
        let PacketContext { netns, protocol, source, destination, way, time_ns } = *packet;
        let key = |client, server| Key { netns, protocol, client, server, id: message.id };
        if !message.is_response {
            if way != Way::In {
                self.ask(key(source, destination), message, time_ns);
            }
            return false;
        }
        if way == Way::Out {
            return false;
        }
        let groups = GROUPS.into_iter().filter(|group| protocol == Protocol::Udp && group.1 == source.1);
        let asked = std::iter::once(source).chain(groups).map(|server| key(destination, server));
        let asked = asked.into_iter().find(|key| self.pending.contains_key(key));
        asked.is_some_and(|key| self.answer(key, &message, time_ns))
    }

    fn ask(&mut self, key: Key, message: Message, asked_ns: i64) {
        // The same question once more, because no answer came.
        if self.pending.get(&key).is_some_and(|pending| pending.questions == message.questions) {
            return;
        }
        if self.pending.len() >= MOST_WAITING {
            self.crowded_out += 1;
            return;
        }
        self.asked += 1;
        let before = self.pending.insert(key, Pending { asked_ns, questions: message.questions });
        if let Some(before) = before {
            self.end(&key, &before, None);
        }
    }

    fn answer(&mut self, key: Key, message: &Message, time_ns: i64) -> bool {
        let Some(pending) = self.pending.remove(&key) else { return false };
        let is_its = pending.questions == message.questions && time_ns - pending.asked_ns < PATIENCE_NS;
        self.end(&key, &pending, is_its.then_some((message, time_ns)));
        is_its
    }

    fn end(&mut self, key: &Key, pending: &Pending, answer: Option<(&Message, i64)>) {
        let rtt_us = answer.and_then(|(_, time_ns)| u32::try_from((time_ns - pending.asked_ns) / 1000).ok());
        for question in &pending.questions {
            if self.done.len() >= MOST_WAITING {
                self.crowded_out += 1;
                continue;
            }
            let answers = answer.and_then(|(message, _)| message.answers.as_ref());
            let query = Query {
                name: question.name.clone(),
                query_type: Some(record_type(question.record_type).into_owned()),
                response_code: answer.map(|(message, _)| response_code(message.response_code).into_owned()),
                answers: answers.and_then(|answers| Query::join(answers.iter().map(String::as_str))),
            };
            let (since_ns, query) = (pending.asked_ns, Arc::new(query));
            self.done.push(Asked { key: *key, since_ns, rtt_us, query, ticks: 0 });
        }
    }

    /// Gives up questions that were not answered.
    pub(super) fn forget(&mut self, now_ns: i64) {
        self.lengths.retain(|_, since_ns| now_ns - *since_ns < PATIENCE_NS);
        let overdue: Vec<(Key, Pending)> =
            self.pending.extract_if(|_, pending| now_ns - pending.asked_ns >= PATIENCE_NS).collect();
        for (key, pending) in overdue {
            self.end(&key, &pending, None);
        }
    }

    /// The rows of questions whose socket is among these rows, or has been waited for long enough.
    pub(super) fn rows(&mut self, rows: &[Row], now: Timestamp) -> Vec<Row> {
        if self.done.is_empty() {
            return Vec::new();
        }
        let mut by_port: AHashMap<(u64, Protocol, u16), Vec<&Row>> = AHashMap::new();
        for row in rows.iter().filter(|row| matches!(row.protocol, Protocol::Udp | Protocol::Tcp)) {
            if let Some(netns) = row.netns {
                by_port.entry((netns, row.protocol, row.local_port)).or_default().push(row);
            }
        }
        let mut made = Vec::new();
        for mut asked in std::mem::take(&mut self.done) {
            let Key { netns, protocol, client, .. } = asked.key;
            let candidates = by_port.get(&(netns, protocol, client.1));
            let socket = candidates.and_then(|rows| asked.socket(rows));
            if socket.is_some() || asked.ticks >= MOST_TICKS {
                made.push(asked.row(socket, now));
            } else {
                asked.ticks += 1;
                self.done.push(asked);
            }
        }
        made
    }

    /// The rows of all that is left, when the recording ends.
    pub(super) fn finish(&mut self, rows: &[Row], end: Timestamp) -> Vec<Row> {
        self.forget(i64::MAX);
        self.done.iter_mut().for_each(|asked| asked.ticks = MOST_TICKS);
        self.rows(rows, end)
    }
}

impl Asked {
    /// The row of the socket that carried it: of those on its port the first that was there after the
    /// question, and rather one that has this remote and an owner.
    fn socket<'a>(&self, rows: &[&'a Row]) -> Option<&'a Row> {
        let fits = |row: &&&Row| {
            row.mono_ns >= self.since_ns && row.remote.is_none_or(|remote| remote == self.key.server)
        };
        let rank = |row: &&&Row| (row.owner.is_none(), row.remote.is_none(), row.mono_ns);
        rows.iter().filter(fits).min_by_key(rank).copied()
    }

    fn row(self, socket: Option<&Row>, now: Timestamp) -> Row {
        let conn_id = socket.map_or_else(|| self.identity(), |socket| socket.conn_id);
        let Key { netns, protocol, client, server, .. } = self.key;
        let mut row = Row::query(conn_id, protocol, client, server, self.query);
        row.ts_us = now.ts_us - (now.mono_ns - self.since_ns) / 1000;
        row.mono_ns = self.since_ns;
        row.netns = Some(netns);
        row.counters.rtt_us = self.rtt_us;
        if let Some(socket) = socket {
            row.owner.clone_from(&socket.owner);
            row.owner_source = socket.owner_source;
        }
        row
    }

    fn identity(&self) -> u64 {
        let end = |(addr, port): (IpAddr, u16)| format!("{addr} {port}");
        let Key { netns, client, server, .. } = self.key;
        let (client, server) = (end(client), end(server));
        stable_id(format!("{netns} {client} {server} {} {}", self.since_ns, self.query.name).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::flows::tests::at;
    use super::*;
    use crate::capture::{Kind, Owner, OwnerSource};

    const SECOND_NS: i64 = 1_000_000_000;
    const NOW: Timestamp = Timestamp { ts_us: 1_700_000_000_000_000, mono_ns: 2 * SECOND_NS };

    /// A message about `a.org`, type A, with a number and a response code.
    fn message(id: u8, response: Option<u8>) -> Vec<u8> {
        let (flags, code) = response.map_or((1, 0), |code| (0x81, code));
        let name = [1, b'a', 3, b'O', b'r', b'g', 0];
        [[0, id, flags, code, 0, 1, 0, 0, 0, 0, 0, 0].as_slice(), &name, &[0, 1, 0, 1]].concat()
    }

    fn udp((source, destination): (Endpoint, Endpoint), way: Way, time_ns: i64) -> PacketContext {
        PacketContext { netns: 1, protocol: Protocol::Udp, source, destination, way, time_ns }
    }

    fn tcp(ends: (Endpoint, Endpoint), way: Way, time_ns: i64) -> PacketContext {
        PacketContext { protocol: Protocol::Tcp, ..udp(ends, way, time_ns) }
    }

    fn ask(queries: &mut Queries, id: u8, time_ns: i64) {
        queries.take(&udp((at(1, 4000), at(9, 53)), Way::Out, time_ns), &message(id, None));
    }

    fn answer(queries: &mut Queries, id: u8, time_ns: i64) -> bool {
        queries.take(&udp((at(9, 53), at(1, 4000)), Way::In, time_ns), &message(id, Some(3)))
    }

    fn socket(conn_id: u64, mono_ns: i64, remote: Option<Endpoint>) -> Row {
        Row {
            kind: Kind::Closed,
            netns: Some(1),
            mono_ns,
            remote,
            owner: Some(Arc::new(Owner { pid: Some(7), ..Owner::default() })),
            owner_source: Some(OwnerSource::Event),
            ..Row::snapshot(conn_id, Protocol::Udp, at(1, 4000))
        }
    }

    #[test]
    fn a_question_is_the_sockets_that_carried_it() {
        let mut queries = Queries::default();
        ask(&mut queries, 5, 100);
        assert!(answer(&mut queries, 5, 2_000_100));
        let rows = [socket(1, 50, None), socket(2, 200, Some(at(8, 53))), socket(3, 300, Some(at(9, 53)))];
        let [row] = queries.rows(&rows, NOW).try_into().unwrap();
        assert_eq!((row.kind, row.conn_id, row.mono_ns, row.remote), (Kind::Query, 3, 100, Some(at(9, 53))));
        assert_eq!((row.counters.rtt_us, row.owner_source), (Some(2000), Some(OwnerSource::Event)));
        assert_eq!(row.ts_us, NOW.ts_us - 1_999_999);
        let query = row.query.unwrap();
        assert_eq!((query.name.as_str(), query.query_type.as_deref()), ("a.org", Some("A")));
        assert_eq!((query.response_code.as_deref(), &query.answers), (Some("NXDOMAIN"), &None));
        assert!(queries.rows(&rows, NOW).is_empty(), "once");
    }

    #[test]
    fn a_question_waits_for_the_row_of_its_socket_but_not_for_ever() {
        let mut queries = Queries::default();
        ask(&mut queries, 5, 100);
        answer(&mut queries, 5, 200);
        for _ in 0..MOST_TICKS {
            assert!(queries.rows(&[], NOW).is_empty());
        }
        let [row] = queries.rows(&[], NOW).try_into().unwrap();
        assert_eq!((row.owner, row.owner_source), (None, None));
        assert_ne!(row.conn_id, 0);
    }

    #[test]
    fn a_question_without_an_answer_is_told_as_such() {
        let mut queries = Queries::default();
        ask(&mut queries, 5, 100);
        ask(&mut queries, 5, SECOND_NS);
        assert!(!answer(&mut queries, 6, SECOND_NS), "of another question");
        queries.forget(PATIENCE_NS);
        assert!(queries.rows(&[socket(1, 200, None)], NOW).is_empty());
        queries.forget(PATIENCE_NS + 100);
        let [row] = queries.rows(&[socket(1, 200, None)], NOW).try_into().unwrap();
        assert_eq!((row.conn_id, row.query.unwrap().response_code.clone()), (1, None));
        assert_eq!((queries.asked, row.counters.rtt_us), (1, None), "asked twice, and still one question");
    }

    #[test]
    fn what_others_ask_of_this_host_is_not_its_question() {
        let mut queries = Queries::default();
        queries.take(&udp((at(9, 4000), at(1, 53)), Way::In, 100), &message(5, None));
        queries.take(&udp((at(1, 53), at(9, 4000)), Way::Out, 200), &message(5, Some(0)));
        assert!(queries.finish(&[], NOW).is_empty());
    }

    #[test]
    fn over_tcp_each_message_has_its_length_before_it_or_in_a_segment_of_its_own() {
        let framed = |message: Vec<u8>| [&(message.len() as u16).to_be_bytes(), &*message].concat();
        let (out, back) = ((at(1, 4000), at(9, 53)), (at(9, 53), at(1, 4000)));
        let mut queries = Queries::default();
        let two = [framed(message(1, None)), framed(message(2, None))].concat();
        queries.take_segment(&tcp(out, Way::Out, 100), &two);
        let third = framed(message(3, None));
        queries.take_segment(&tcp(out, Way::Out, 200), &third[..2]);
        queries.take_segment(&tcp(out, Way::Out, 300), &third[2..]);
        assert_eq!(queries.asked, 3);
        // The answer to the second is longer than the segment.
        let answers = [framed(message(1, Some(3))), framed(message(2, Some(0)))].concat();
        let answered = queries.take_segment(&tcp(back, Way::In, 2100), &answers[..answers.len() - 3]);
        assert_eq!(answered.len(), 1, "the second is cut in its question, and is none");
        let socket = Row { protocol: Protocol::Tcp, ..socket(7, 3000, Some(at(9, 53))) };
        let rows = queries.finish(&[socket], NOW);
        let codes: Vec<_> = rows
            .iter()
            .map(|row| (row.protocol, row.conn_id, row.query.clone().unwrap().response_code.clone()))
            .collect();
        let expected = |code: Option<&str>| (Protocol::Tcp, 7, code.map(str::to_owned));
        assert_eq!(codes.len(), 3);
        assert_eq!(codes.iter().filter(|found| **found == expected(Some("NXDOMAIN"))).count(), 1);
        assert_eq!(codes.iter().filter(|found| **found == expected(None)).count(), 2);
    }

    #[test]
    fn a_question_to_a_group_is_answered_by_whoever_has_the_name() {
        let group = (IpAddr::from([224, 0, 0, 252]), LLMNR);
        let mut queries = Queries::default();
        queries.take(&udp((at(1, 4000), group), Way::Out, 100), &message(5, None));
        assert!(queries.take(&udp((at(8, LLMNR), at(1, 4000)), Way::In, 2100), &message(5, Some(0))));
        // Everyone answers everyone, and not by a number.
        let group = (IpAddr::from([224, 0, 0, 251]), MULTICAST_DNS);
        queries.take(&udp((at(1, MULTICAST_DNS), group), Way::Out, 100), &message(0, None));
        let rows = queries.finish(&[], NOW);
        let found =
            |port| rows.iter().find(|row| row.remote.unwrap().1 == port).unwrap().query.clone().unwrap();
        assert_eq!(found(LLMNR).response_code.as_deref(), Some("NOERROR"));
        assert_eq!(found(MULTICAST_DNS).response_code, None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut queries = Queries::default();
        for n in 0..MOST_WAITING as u32 + 3 {
            let client = (IpAddr::from(n.to_be_bytes()), 4000);
            queries.take(&udp((client, at(9, 53)), Way::Out, 1), &message(1, None));
        }
        assert_eq!((queries.pending.len(), queries.crowded_out), (MOST_WAITING, 3));
        assert_eq!(queries.finish(&[], NOW).len(), MOST_WAITING);
    }
}
