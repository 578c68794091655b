//! DNS questions that this host asks, each with its answer and with the socket that carried it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::flows::Endpoint;
use super::ring::Way;
use crate::capture::query::{record_type, response_code};
use crate::capture::{Protocol, Query, Row};
use crate::record::Moment;
use crate::record::stable_id::stable_id;
use crate::wire::dns_message::{self, Message};

const DNS_PORT: u16 = 53;

/// How long an answer is waited for, in ns.
const PATIENCE_NS: i64 = 10_000_000_000;

/// Most questions that wait for their answer, or for the row of their socket.
const MOST_WAITING: usize = 16 * 1024;

/// For how many ticks a question waits for the row of its socket, which may have to wait for packets.
const MOST_TICKS: u8 = 2;

/// A question under way: namespace, who asked, whom, and its number.
type Key = (u64, Endpoint, Endpoint, u16);

/// The questions that were seen.
#[derive(Debug, Default)]
pub(super) struct Queries {
    pending: HashMap<Key, Pending>,
    done: Vec<Asked>,
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
    netns: u64,
    client: Endpoint,
    server: Endpoint,
    since_ns: i64,
    rtt_us: Option<u32>,
    query: Arc<Query>,
    ticks: u8,
}

impl Queries {
    /// Takes a datagram to or from the port of DNS. Whether it answers a question that was asked: anyone
    /// may send answers to none.
    pub(super) fn take(
        &mut self,
        netns: u64,
        (source, destination): (Endpoint, Endpoint),
        way: Way,
        payload: &[u8],
        time_ns: i64,
    ) -> bool {
        let may_ask = destination.1 == DNS_PORT && way != Way::In;
        let may_answer = source.1 == DNS_PORT && way != Way::Out;
        if !may_ask && !may_answer {
            return false;
        }
        let Some(message) = dns_message::read(payload) else { return false };
        if message.is_response {
            return may_answer && self.answer((netns, destination, source, message.id), &message, time_ns);
        }
        if may_ask {
            self.ask((netns, source, destination, message.id), message, time_ns);
        }
        false
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
        let (netns, client, server, _) = *key;
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
            self.done.push(Asked { netns, client, server, since_ns, rtt_us, query, ticks: 0 });
        }
    }

    /// Gives up questions that were not answered.
    pub(super) fn forget(&mut self, now_ns: i64) {
        let overdue: Vec<(Key, Pending)> =
            self.pending.extract_if(|_, pending| now_ns - pending.asked_ns >= PATIENCE_NS).collect();
        for (key, pending) in overdue {
            self.end(&key, &pending, None);
        }
    }

    /// The rows of questions whose socket is among these rows, or has been waited for long enough.
    pub(super) fn rows(&mut self, rows: &[Row], now: Moment) -> Vec<Row> {
        if self.done.is_empty() {
            return Vec::new();
        }
        let mut by_port: AHashMap<(u64, u16), Vec<&Row>> = AHashMap::new();
        for row in rows.iter().filter(|row| row.protocol == Protocol::Udp) {
            if let Some(netns) = row.netns {
                by_port.entry((netns, row.local_port)).or_default().push(row);
            }
        }
        let mut made = Vec::new();
        for mut asked in std::mem::take(&mut self.done) {
            let candidates = by_port.get(&(asked.netns, asked.client.1));
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
    pub(super) fn finish(&mut self, rows: &[Row], end: Moment) -> Vec<Row> {
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
            row.mono_ns >= self.since_ns && row.remote.is_none_or(|remote| remote == self.server)
        };
        let rank = |row: &&&Row| (row.owner.is_none(), row.remote.is_none(), row.mono_ns);
        rows.iter().filter(fits).min_by_key(rank).copied()
    }

    fn row(self, socket: Option<&Row>, now: Moment) -> Row {
        let conn_id = socket.map_or_else(|| self.identity(), |socket| socket.conn_id);
        let mut row = Row::query(conn_id, Protocol::Udp, self.client, self.server, self.query);
        row.ts_us = now.ts_us - (now.mono_ns - self.since_ns) / 1000;
        row.mono_ns = self.since_ns;
        row.netns = Some(self.netns);
        row.counters.rtt_us = self.rtt_us;
        if let Some(socket) = socket {
            row.owner.clone_from(&socket.owner);
            row.owner_source = socket.owner_source;
        }
        row
    }

    fn identity(&self) -> u64 {
        let end = |(addr, port): (IpAddr, u16)| format!("{addr} {port}");
        let (client, server) = (end(self.client), end(self.server));
        stable_id(
            format!("{} {client} {server} {} {}", self.netns, self.since_ns, self.query.name).as_bytes(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::flows::tests::at;
    use super::*;
    use crate::capture::{Kind, Owner, OwnerSource};

    const SECOND_NS: i64 = 1_000_000_000;
    const NOW: Moment = Moment { ts_us: 1_700_000_000_000_000, mono_ns: 2 * SECOND_NS };

    /// A message about `a.org`, type A, with a number and a response code.
    fn message(id: u8, response: Option<u8>) -> Vec<u8> {
        let (flags, code) = response.map_or((1, 0), |code| (0x81, code));
        let name = [1, b'a', 3, b'O', b'r', b'g', 0];
        [[0, id, flags, code, 0, 1, 0, 0, 0, 0, 0, 0].as_slice(), &name, &[0, 1, 0, 1]].concat()
    }

    fn ask(queries: &mut Queries, id: u8, time_ns: i64) {
        queries.take(1, (at(1, 4000), at(9, 53)), Way::Out, &message(id, None), time_ns);
    }

    fn answer(queries: &mut Queries, id: u8, time_ns: i64) -> bool {
        queries.take(1, (at(9, 53), at(1, 4000)), Way::In, &message(id, Some(3)), time_ns)
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
        queries.take(1, (at(9, 4000), at(1, 53)), Way::In, &message(5, None), 100);
        queries.take(1, (at(1, 53), at(9, 4000)), Way::Out, &message(5, Some(0)), 200);
        assert!(queries.finish(&[], NOW).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut queries = Queries::default();
        for n in 0..MOST_WAITING as u32 + 3 {
            let client = (IpAddr::from(n.to_be_bytes()), 4000);
            queries.take(1, (client, at(9, 53)), Way::Out, &message(1, None), 1);
        }
        assert_eq!((queries.pending.len(), queries.crowded_out), (MOST_WAITING, 3));
        assert_eq!(queries.finish(&[], NOW).len(), MOST_WAITING);
    }
}
