//! The names by which remotes were asked for, gathered from what stands beside a list of
//! connections: TLS greetings, HTTP requests, DNS answers.

use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet, RandomState};
use serde::{Deserialize, Serialize};

use super::applications::Applications;
use crate::capture::{Application, Protocol};

/// More names than these are not kept: files may hold any number.
const MOST_ENTRIES: usize = 4_000_000;

/// No host name is longer (RFC 1035).
const MOST_NAME_BYTES: usize = 255;

/// Names that are kept for one address of one client, and for the same two ends.
const MOST_ANSWERS: usize = 64;

/// What tells a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameSource {
    /// The server in the path of a share that an SMB client asked for.
    Smb,
    /// A request in clear text.
    Http,
    /// The server name of a TLS or QUIC client.
    Tls,
}

/// An address and its port.
pub type End = (IpAddr, u16);

/// Both ends of a flow.
pub type Ends = (End, End);

/// When a client was told a name, and the name.
type Answer = (i64, Arc<str>);

/// A flow as one record of a log refers to it.
#[derive(Debug, Clone, Copy)]
pub struct FlowRef<'a> {
    /// What the log calls it; empty where it does not.
    pub uid: &'a [u8],
    /// Both ends, in either order; for flows without a `uid`.
    pub ends: Option<Ends>,
    /// The time of the record, µs since the Unix epoch.
    pub ts_us: i64,
}

/// What a connection's name is looked up by, once everything has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameKey {
    /// Hash of what the log calls it; none where it does not.
    pub(super) uid: Option<u64>,
    pub(super) start_us: i64,
    pub(super) end_us: i64,
}

/// A name, and what ranks it among others of the same connection.
#[derive(Debug)]
struct LearnedName {
    source: NameSource,
    ts_us: i64,
    name: Arc<str>,
}

impl LearnedName {
    /// TLS knows better than a header; of two equals, the earlier holds.
    fn outranks(&self, other: &Self) -> bool {
        (self.source, other.ts_us, &other.name) > (other.source, self.ts_us, &self.name)
    }
}

/// Names by connection, and by client and address.
///
/// They may be noted in any order, also after the connections that they name: connections are
/// named by [`Names::find`] when everything has been read.
#[derive(Debug, Default)]
pub struct Names {
    hasher: RandomState,
    texts: AHashSet<Arc<str>>,
    of_uid: AHashMap<u64, LearnedName>,
    /// For flows without a `uid`: both ends, the smaller first.
    of_ends: AHashMap<Ends, Vec<LearnedName>>,
    /// Client and address that it asked for, in the order of time.
    of_address: AHashMap<(IpAddr, IpAddr), Vec<Answer>>,
    /// Entries in the lists.
    listed: usize,
    left_out: u64,
    applications: Applications,
}

impl Names {
    /// Notes by which name a connection asked.
    pub fn of_connection(&mut self, flow: &FlowRef<'_>, source: NameSource, name: &[u8]) {
        let Some(name) = self.intern(name) else { return };
        let told = LearnedName { source, ts_us: flow.ts_us, name };
        match (self.uid_key(flow.uid), flow.ends) {
            (Some(key), _) => self.note_uid(key, told),
            (None, Some(ends)) => self.note_ends(ends, told),
            (None, None) => {}
        }
    }

    fn note_uid(&mut self, key: u64, told: LearnedName) {
        if self.of_uid.len() >= MOST_ENTRIES && !self.of_uid.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        match self.of_uid.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(told);
            }
            Entry::Occupied(mut known) if told.outranks(known.get()) => {
                known.insert(told);
            }
            Entry::Occupied(_) => {}
        }
    }

    fn note_ends(&mut self, (a, b): Ends, told: LearnedName) {
        if self.listed >= MOST_ENTRIES {
            self.left_out += 1;
            return;
        }
        let list = self.of_ends.entry((a.min(b), a.max(b))).or_default();
        if list.len() < MOST_ANSWERS {
            list.push(told);
            self.listed += 1;
        } else {
            self.left_out += 1;
        }
    }

    /// Notes that a client was told this address for a name.
    pub fn answer(&mut self, client: IpAddr, addr: IpAddr, ts_us: i64, name: &[u8]) {
        if self.listed >= MOST_ENTRIES {
            self.left_out += 1;
            return;
        }
        let Some(name) = self.intern(name) else { return };
        let answers = self.of_address.entry((client, addr)).or_default();
        let at = answers.partition_point(|(other, _)| *other <= ts_us);
        // The same answer again tells nothing new.
        if at.checked_sub(1).is_some_and(|before| answers[before].1 == name) {
            return;
        }
        answers.insert(at, (ts_us, name));
        self.listed += 1;
        if answers.len() > MOST_ANSWERS {
            answers.remove(0);
            self.listed -= 1;
        }
    }

    /// Notes what a record says of a connection's payload.
    pub fn note_application(&mut self, flow: &FlowRef<'_>, application: &Application) {
        match (self.uid_key(flow.uid), flow.ends) {
            _ if application.is_empty() => {}
            (Some(uid), _) => self.applications.note_uid(uid, application),
            (None, Some(ends)) => self.applications.note_ends(ends, flow.ts_us, application),
            (None, None) => {}
        }
    }

    /// Notes that the log says of connections over this transport what their payload is.
    pub fn note_recognised(&mut self, transport: Protocol) {
        self.applications.note_recognised(transport);
    }

    /// What is known of a connection's payload, with what its own record said.
    pub fn application(
        &mut self,
        own: Option<Arc<Application>>,
        key: &NameKey,
        ends: Ends,
        transport: Protocol,
    ) -> Option<Arc<Application>> {
        self.applications.find(own, key, ends, transport)
    }

    /// What the name of a connection will be looked up by. `end_us` is its last packet.
    pub fn key(&self, uid: &[u8], start_us: i64, end_us: i64) -> NameKey {
        NameKey { uid: self.uid_key(uid), start_us, end_us }
    }

    /// The name for a connection: its own, else what the client was last told before it.
    pub fn find(&self, key: &NameKey, client: End, server: End) -> Option<Arc<str>> {
        let own = match key.uid {
            Some(uid) => self.of_uid.get(&uid),
            None => self.within(key, client, server),
        };
        if let Some(own) = own {
            return Some(Arc::clone(&own.name));
        }
        let answers = self.of_address.get(&(client.0, server.0))?;
        let at = answers.partition_point(|(answered, _)| *answered <= key.start_us);
        Some(Arc::clone(&answers.get(at.checked_sub(1)?)?.1))
    }

    /// What was told between the same ends during the connection.
    fn within(&self, key: &NameKey, client: End, server: End) -> Option<&LearnedName> {
        let list = self.of_ends.get(&(client.min(server), client.max(server)))?;
        let during = list.iter().filter(|told| (key.start_us..=key.end_us).contains(&told.ts_us));
        during.reduce(|best, told| if told.outranks(best) { told } else { best })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.of_uid.is_empty() && self.of_address.is_empty() && self.of_ends.is_empty()
    }

    /// Names that were left out because there were too many.
    pub fn left_out(&self) -> u64 {
        self.left_out + self.applications.left_out()
    }

    fn uid_key(&self, uid: &[u8]) -> Option<u64> {
        (!uid.is_empty()).then(|| self.hasher.hash_one(uid))
    }

    fn intern(&mut self, name: &[u8]) -> Option<Arc<str>> {
        let name = host_name(name)?;
        if let Some(known) = self.texts.get(name.as_str()) {
            return Some(Arc::clone(known));
        }
        let name: Arc<str> = name.into();
        if self.texts.len() < MOST_ENTRIES {
            self.texts.insert(Arc::clone(&name));
        }
        Some(name)
    }
}

/// A host name without port and last dot; none for an address and for what is too long.
fn host_name(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => &text,
    };
    let text = text.trim_end_matches('.');
    let is_address = text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    (!text.is_empty() && text.len() <= MOST_NAME_BYTES && !is_address).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn flow(uid: &str, ts_us: i64) -> FlowRef<'_> {
        FlowRef { uid: uid.as_bytes(), ends: None, ts_us }
    }

    fn find(names: &Names, uid: &str, client: &str, ts_us: i64) -> Option<String> {
        let key = names.key(uid.as_bytes(), ts_us, ts_us + 100);
        let name = names.find(&key, (addr(client), 40_000), (addr("192.0.2.1"), 443));
        name.map(|name| name.to_string())
    }

    #[test]
    fn a_greeting_outranks_a_header_and_both_an_answer() {
        let mut names = Names::default();
        names.answer(addr("10.0.0.1"), addr("192.0.2.1"), 0, b"by-dns.example");
        names.of_connection(&flow("C1", 0), NameSource::Tls, b"by-tls.example");
        names.of_connection(&flow("C1", 0), NameSource::Http, b"by-http.example");
        names.of_connection(&flow("C2", 0), NameSource::Http, b"by-http.example:8080");
        assert_eq!(find(&names, "C1", "10.0.0.1", 5).as_deref(), Some("by-tls.example"));
        assert_eq!(find(&names, "C2", "10.0.0.1", 5).as_deref(), Some("by-http.example"));
        assert_eq!(find(&names, "C3", "10.0.0.1", 5).as_deref(), Some("by-dns.example"));
    }

    #[test]
    fn the_first_request_names_a_connection_in_any_order_of_records() {
        let requests: [(i64, &[u8]); 2] = [(10, b"first.example"), (20, b"second.example")];
        for order in [[0, 1], [1, 0]] {
            let mut names = Names::default();
            for (ts_us, name) in order.map(|at| requests[at]) {
                names.of_connection(&flow("C1", ts_us), NameSource::Http, name);
            }
            assert_eq!(find(&names, "C1", "10.0.0.1", 5).as_deref(), Some("first.example"));
        }
    }

    #[test]
    fn without_a_uid_only_the_same_ends_at_the_same_time_share_a_name() {
        let mut names = Names::default();
        let ends = ((addr("192.0.2.1"), 443), (addr("10.0.0.1"), 40_000));
        let flow = FlowRef { uid: b"", ends: Some(ends), ts_us: 50 };
        names.of_connection(&flow, NameSource::Tls, b"a.example");
        assert_eq!(find(&names, "", "10.0.0.1", 10).as_deref(), Some("a.example"));
        assert_eq!(find(&names, "", "10.0.0.1", 60), None, "a later connection");
        assert_eq!(find(&names, "", "10.0.0.2", 10), None, "another client");
        assert_eq!(find(&names, "C1", "10.0.0.1", 10), None, "a connection that the log names");
    }

    #[test]
    fn an_answer_holds_for_its_client_and_from_its_time_on() {
        let mut names = Names::default();
        // In no order.
        for (ts_us, name) in [(20, "second.example."), (10, "first.example"), (15, "first.example")] {
            names.answer(addr("10.0.0.1"), addr("192.0.2.1"), ts_us, name.as_bytes());
        }
        assert_eq!(find(&names, "", "10.0.0.1", 9), None);
        assert_eq!(find(&names, "", "10.0.0.1", 16).as_deref(), Some("first.example"));
        assert_eq!(find(&names, "", "10.0.0.1", 20).as_deref(), Some("second.example"));
        assert_eq!(find(&names, "", "10.0.0.2", 20), None);
        assert_eq!(names.listed, 2);
    }

    #[test]
    fn an_address_is_no_name() {
        for text in ["192.0.2.1", "192.0.2.1:8080", "[2001:db8::1]:443", "", ".", &"x".repeat(300)] {
            assert_eq!(host_name(text.as_bytes()), None, "{text}");
        }
    }
}
