//! The names by which remotes were asked for, gathered from what stands beside a list of
//! connections: TLS greetings, HTTP requests, DNS answers.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet, RandomState};

/// More names than these are not kept: files may hold any number.
const MOST_ENTRIES: usize = 4_000_000;

/// No host name is longer (RFC 1035).
const MOST_NAME_BYTES: usize = 255;

/// Answers for one address of one client that are kept, the latest.
const MOST_ANSWERS: usize = 64;

/// What tells a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// A request in clear text.
    ByHttp,
    /// The greeting of a TLS client.
    ByTls,
}

/// A client and the address that it asked for.
type Ends = (IpAddr, IpAddr);

/// Names by connection, and by client and address.
#[derive(Debug, Default)]
pub struct Names {
    hasher: RandomState,
    texts: AHashSet<Arc<str>>,
    of_connection: AHashMap<u64, (Told, Arc<str>)>,
    /// In the order of time.
    of_address: AHashMap<Ends, Vec<(i64, Arc<str>)>>,
    answers: usize,
    left_out: u64,
}

impl Names {
    /// Notes by which name a connection asked; TLS knows better than a header.
    pub fn of_connection(&mut self, uid: &[u8], told: Told, name: &[u8]) {
        let Some(name) = self.intern(name) else { return };
        let key = self.hasher.hash_one(uid);
        let is_known = self.of_connection.contains_key(&key);
        if !is_known && self.of_connection.len() >= MOST_ENTRIES {
            self.left_out += 1;
            return;
        }
        let entry = self.of_connection.entry(key).or_insert_with(|| (told, Arc::clone(&name)));
        if told > entry.0 {
            *entry = (told, name);
        }
    }

    /// Notes that a client was told this address for a name.
    pub fn answer(&mut self, client: IpAddr, addr: IpAddr, ts_us: i64, name: &[u8]) {
        if self.answers >= MOST_ENTRIES {
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
        self.answers += 1;
        if answers.len() > MOST_ANSWERS {
            answers.remove(0);
            self.answers -= 1;
        }
    }

    /// The name for a connection: its own, else what the client was last told before it.
    pub fn find(&self, uid: &[u8], client: IpAddr, addr: IpAddr, ts_us: i64) -> Option<Arc<str>> {
        if let Some((_, name)) = self.of_connection.get(&self.hasher.hash_one(uid)) {
            return Some(Arc::clone(name));
        }
        let answers = self.of_address.get(&(client, addr))?;
        let at = answers.partition_point(|(answered, _)| *answered <= ts_us);
        Some(Arc::clone(&answers.get(at.checked_sub(1)?)?.1))
    }

    /// Forgets the name of a connection that is over.
    pub fn forget(&mut self, uid: &[u8]) {
        self.of_connection.remove(&self.hasher.hash_one(uid));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.of_connection.is_empty() && self.of_address.is_empty()
    }

    /// Names that were left out because there were too many.
    pub fn left_out(&self) -> u64 {
        self.left_out
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

    fn find(names: &Names, uid: &str, client: &str, ts_us: i64) -> Option<String> {
        names.find(uid.as_bytes(), addr(client), addr("192.0.2.1"), ts_us).map(|name| name.to_string())
    }

    #[test]
    fn a_greeting_knows_better_than_a_header_and_both_better_than_an_answer() {
        let mut names = Names::default();
        names.answer(addr("10.0.0.1"), addr("192.0.2.1"), 0, b"by-dns.example");
        names.of_connection(b"C1", Told::ByTls, b"by-tls.example");
        names.of_connection(b"C1", Told::ByHttp, b"by-http.example");
        names.of_connection(b"C2", Told::ByHttp, b"by-http.example:8080");
        assert_eq!(find(&names, "C1", "10.0.0.1", 5).as_deref(), Some("by-tls.example"));
        assert_eq!(find(&names, "C2", "10.0.0.1", 5).as_deref(), Some("by-http.example"));
        assert_eq!(find(&names, "C3", "10.0.0.1", 5).as_deref(), Some("by-dns.example"));
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
        assert_eq!(names.answers, 2);
    }

    #[test]
    fn an_address_is_no_name() {
        for text in ["192.0.2.1", "192.0.2.1:8080", "[2001:db8::1]:443", "", ".", &"x".repeat(300)] {
            assert_eq!(host_name(text.as_bytes()), None, "{text}");
        }
    }
}
