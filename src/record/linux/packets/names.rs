//! Names of remotes, from DNS answers to questions that this host asked, and from the server names
//! of TLS clients on it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::flows::Endpoint;
use crate::capture::{Application, Protocol, Row};
use crate::record::linux::ids::IdMap;
use crate::wire::dns::Answer;

/// Most addresses whose names are known, answers of each that are kept, and hellos; beyond it the oldest
/// go.
const MOST_ADDRESSES: usize = 64 * 1024;
const MOST_ANSWERS: usize = 4;
const MOST_HELLOS: usize = 16 * 1024;

/// How long an answer holds at least and at most, in ns: programs keep addresses for longer than
/// they were told, and a day is long enough for any.
const LEAST_NS: i64 = 300_000_000_000;
const MOST_NS: i64 = 86_400_000_000_000;

/// How long a hello waits for the row of its connection, in ns.
const HELLO_NS: i64 = 60_000_000_000;

/// How long a connection that is not seen any more keeps its name, in ns.
const GONE_NS: i64 = 30_000_000_000;

/// The names that were seen.
#[derive(Debug, Default)]
pub(super) struct Names {
    answers: HashMap<(u64, IpAddr), Vec<NamedRemote>>,
    hellos: HashMap<(u64, Endpoint, Endpoint), Hello>,
    connections: IdMap<u64, Named>,
    /// Names and hellos that were read, and hellos that lay in more packets than one.
    pub(super) answered: u64,
    pub(super) greeted: u64,
    pub(super) cut_short: u64,
}

/// What a client said first, and when.
#[derive(Debug)]
struct Hello {
    since_ns: i64,
    name: Option<Arc<str>>,
    application: Arc<Application>,
}

#[derive(Debug)]
struct NamedRemote {
    since_ns: i64,
    until_ns: i64,
    name: Arc<str>,
}

/// The name of a connection, which stays the same unless a hello tells a better one.
#[derive(Debug)]
struct Named {
    name: Option<Arc<str>>,
    application: Option<Arc<Application>>,
    seen_ns: i64,
}

impl Names {
    /// An answer came.
    pub(super) fn answer(&mut self, netns: u64, answer: Answer, now_ns: i64) {
        let key = (netns, answer.address);
        if self.answers.len() >= MOST_ADDRESSES && !self.answers.contains_key(&key) {
            self.forget_answers(now_ns);
            if self.answers.len() >= MOST_ADDRESSES {
                return;
            }
        }
        self.answered += 1;
        let holds_ns = (i64::from(answer.ttl_s) * 1_000_000_000).clamp(LEAST_NS, MOST_NS);
        let known = self.answers.entry(key).or_default();
        let until_ns = now_ns.saturating_add(holds_ns);
        match known.last_mut() {
            Some(last) if *last.name == *answer.name => last.until_ns = until_ns,
            _ => known.push(NamedRemote { since_ns: now_ns, until_ns, name: answer.name.into() }),
        }
        if known.len() > MOST_ANSWERS {
            known.remove(0);
        }
    }

    /// A client on this host asked for a server by its name.
    pub(super) fn hello(
        &mut self,
        ends: (u64, Endpoint, Endpoint),
        name: Option<String>,
        application: Application,
        now_ns: i64,
    ) {
        self.greeted += u64::from(name.is_some());
        if self.hellos.len() < MOST_HELLOS {
            let (name, application) = (name.map(Into::into), Arc::new(application));
            self.hellos.insert(ends, Hello { since_ns: now_ns, name, application });
        }
    }

    /// The name by which the remote of a row was asked for, and what its client said of itself.
    pub(super) fn of(&mut self, row: &Row, now_ns: i64) -> (Option<Arc<str>>, Option<Arc<Application>>) {
        let Some((remote, netns)) = row.remote.zip(row.netns) else { return (None, None) };
        let tuple = (netns, (row.local_addr, row.local_port), remote);
        let connection = self.connections.entry(row.conn_id).or_insert_with(|| Named {
            name: known_at(self.answers.get(&(netns, remote.0)), row.mono_ns),
            application: None,
            seen_ns: now_ns,
        });
        connection.seen_ns = now_ns;
        if row.protocol == Protocol::Tcp
            && connection.application.is_none()
            && let Some(hello) = self.hellos.remove(&tuple)
        {
            connection.name = hello.name.or(connection.name.take());
            connection.application = Some(hello.application);
        }
        (connection.name.clone(), connection.application.clone())
    }

    /// Forgets what is not needed any more.
    pub(super) fn forget(&mut self, now_ns: i64) {
        self.hellos.retain(|_, hello| now_ns - hello.since_ns < HELLO_NS);
        self.connections.retain(|_, named| now_ns - named.seen_ns < GONE_NS);
        self.forget_answers(now_ns);
    }

    fn forget_answers(&mut self, now_ns: i64) {
        self.answers.retain(|_, known| {
            known.retain(|known| known.until_ns > now_ns);
            !known.is_empty()
        });
    }
}

/// The last name that was given before a moment and still held then.
fn known_at(known: Option<&Vec<NamedRemote>>, at_ns: i64) -> Option<Arc<str>> {
    let fits = |known: &&NamedRemote| known.since_ns <= at_ns && at_ns < known.until_ns;
    known?.iter().rev().find(fits).map(|known| Arc::clone(&known.name))
}

#[cfg(test)]
mod tests {
    use super::super::flows::tests::at;
    use super::*;

    fn row(conn_id: u64, mono_ns: i64) -> Row {
        let row = Row::snapshot(conn_id, Protocol::Tcp, at(1, 4000));
        Row { remote: Some(at(2, 443)), netns: Some(1), mono_ns, ..row }
    }

    fn answer(name: &str, ttl_s: u32) -> Answer {
        Answer { name: name.to_owned(), address: at(2, 0).0, ttl_s }
    }

    fn check(names: &mut Names, row: &Row, expected: Option<&str>) {
        assert_eq!(names.of(row, row.mono_ns).0.as_deref(), expected);
    }

    #[test]
    fn a_connection_keeps_the_name_that_was_given_before_it() {
        let mut names = Names::default();
        names.answer(1, answer("a.org", 60), 100);
        check(&mut names, &row(7, 50), None);
        check(&mut names, &row(8, 150), Some("a.org"));
        names.answer(1, answer("b.org", 60), 200);
        check(&mut names, &row(9, 250), Some("b.org"));
        check(&mut names, &row(8, 300), Some("a.org"));
        let elsewhere = Row { netns: Some(2), ..row(10, 300) };
        check(&mut names, &elsewhere, None);
    }

    #[test]
    fn what_the_client_asks_for_itself_is_better_than_an_answer() {
        let mut names = Names::default();
        names.answer(1, answer("cdn.net", 60), 100);
        check(&mut names, &row(7, 150), Some("cdn.net"));
        let tls = || Application::clone(&Application::plain("tls"));
        names.hello((1, at(1, 4000), at(2, 443)), Some("www.a.org".to_owned()), tls(), 160);
        check(&mut names, &row(7, 200), Some("www.a.org"));
        check(&mut names, &row(7, 250), Some("www.a.org"));
        assert_eq!(names.of(&row(7, 260), 260).1.as_deref(), Some(&tls()));
        // One that names nobody takes no name away.
        names.answer(1, answer("cdn.net", 60), 270);
        names.hello((1, at(1, 4000), at(2, 443)), None, tls(), 280);
        check(&mut names, &row(8, 290), Some("cdn.net"));
        assert_eq!(names.of(&row(8, 300), 300).1.as_deref(), Some(&tls()));
        assert_eq!(names.of(&row(9, 310), 310).1, None);
    }

    #[test]
    fn an_answer_ends_with_its_time() {
        let mut names = Names::default();
        names.answer(1, answer("a.org", 3600), 0);
        check(&mut names, &row(7, 3_599_000_000_000), Some("a.org"));
        check(&mut names, &row(8, 3_600_000_000_000), None);
        names.forget(3_600_000_000_000);
        assert!(names.answers.is_empty());
    }

    #[test]
    fn made_up_addresses_do_not_fill_the_memory() {
        let mut names = Names::default();
        for n in 0..MOST_ADDRESSES as u32 + 10 {
            names.answer(1, Answer { address: IpAddr::from(n.to_be_bytes()), ..answer("a.org", 1) }, 0);
        }
        assert_eq!(names.answers.len(), MOST_ADDRESSES);
        names.answer(1, answer("late.org", 1), LEAST_NS + 1);
        assert_eq!(names.answers.len(), 1, "those that ended made room");
        for n in 0..10 {
            names.answer(1, answer(&format!("{n}.org"), 1), LEAST_NS + 2);
        }
        assert_eq!(names.answers[&(1, at(2, 0).0)].len(), MOST_ANSWERS);
    }
}
