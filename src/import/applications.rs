//! What logs say beside a list of connections of their payload: protocol, fingerprints, certificate.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use super::names::{End, Ends, NameKey};
use crate::capture::{Application, Protocol};
use crate::wire::rpc;

/// More are not kept: files may hold any number.
const MOST_ENTRIES: usize = 4_000_000;

/// Facts that are kept for the same two ends.
const MOST_OF_ENDS: usize = 64;

/// Facts by connection, noted in any order.
#[derive(Debug, Default)]
pub(super) struct Applications {
    known: AHashSet<Arc<Application>>,
    of_uid: AHashMap<u64, Arc<Application>>,
    /// For flows without a `uid`: both ends, the smaller first, with the time of the record, µs since the Unix epoch.
    of_ends: AHashMap<Ends, Vec<(i64, Arc<Application>)>>,
    /// Entries in the lists.
    listed: usize,
    left_out: u64,
    /// Whether a log named a protocol over TCP, and over another transport.
    are_recognised: [bool; 2],
}

impl Applications {
    /// Notes that the log says of connections over this transport what their payload is.
    pub(super) fn note_recognised(&mut self, transport: Protocol) {
        self.are_recognised[usize::from(transport != Protocol::Tcp)] = true;
    }

    /// Notes facts about a connection that has a `uid`.
    pub(super) fn note_uid(&mut self, uid: u64, application: &Application) {
        if self.of_uid.len() >= MOST_ENTRIES && !self.of_uid.contains_key(&uid) {
            self.left_out += 1;
            return;
        }
        let all = match self.of_uid.get(&uid) {
            Some(known) if **known == *application => return,
            Some(known) => self.share(joined(known, application)),
            None => self.share(application.clone()),
        };
        self.of_uid.insert(uid, all);
    }

    /// Notes facts about a connection between two ends at a time.
    pub(super) fn note_ends(&mut self, (a, b): Ends, ts_us: i64, application: &Application) {
        let shared = self.share(application.clone());
        let list = self.of_ends.entry((a.min(b), a.max(b))).or_default();
        if self.listed >= MOST_ENTRIES || list.len() >= MOST_OF_ENDS {
            self.left_out += 1;
            return;
        }
        list.push((ts_us, shared));
        self.listed += 1;
    }

    /// What is known of a connection: what its own record said, and what stands beside it.
    ///
    /// That the payload of one is unknown holds only where the log says of others what theirs is.
    pub(super) fn find(
        &mut self,
        own: Option<Arc<Application>>,
        key: &NameKey,
        ends: Ends,
        transport: Protocol,
    ) -> Option<Arc<Application>> {
        let is_recognised = self.are_recognised[usize::from(transport != Protocol::Tcp)];
        let own = own.filter(|own| is_recognised || own.protocol.as_deref() != Some(Application::UNKNOWN));
        let beside = match key.uid {
            Some(uid) => self.of_uid.get(&uid).cloned(),
            None => self.within(key, ends),
        };
        match (own, beside) {
            (Some(own), Some(beside)) => Some(self.share(joined(&own, &beside))),
            (own, beside) => own.or(beside),
        }
    }

    /// Facts that were left out because there were too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What was said of the same ends during the connection.
    fn within(&self, key: &NameKey, (a, b): (End, End)) -> Option<Arc<Application>> {
        let list = self.of_ends.get(&(a.min(b), a.max(b)))?;
        let during = list.iter().filter(|(ts_us, _)| (key.start_us..=key.end_us).contains(ts_us));
        during.min_by_key(|(ts_us, _)| *ts_us).map(|(_, application)| Arc::clone(application))
    }

    fn share(&mut self, application: Application) -> Arc<Application> {
        if let Some(known) = self.known.get(&application) {
            return Arc::clone(known);
        }
        let shared = Arc::new(application);
        if self.known.len() < MOST_ENTRIES {
            self.known.insert(Arc::clone(&shared));
        }
        shared
    }
}

/// What two records say of one connection; where both name a protocol, the first, unless the second is an interface that is
/// called over it.
fn joined(first: &Application, second: &Application) -> Application {
    let rank = |all: &Application| all.protocol.as_deref().map_or(0, rpc::rank);
    let protocol = if rank(second) > rank(first) { second.protocol.clone() } else { None };
    let all = first.or(second);
    Application { protocol: protocol.or(all.protocol), ..all }
}

#[cfg(test)]
mod tests {
    use super::super::names::{FlowRef, Names};
    use super::*;

    fn ends() -> Ends {
        (("10.0.0.1".parse().unwrap(), 40_000), ("192.0.2.1".parse().unwrap(), 443))
    }

    fn tls(ja3: &str) -> Application {
        Application { ja3: Some(ja3.to_owned()), ..Application::clone(&Application::plain("tls")) }
    }

    #[test]
    fn facts_about_a_connection_are_joined_from_all_of_its_records() {
        let mut names = Names::default();
        let flow = FlowRef { uid: b"C1", ends: None, ts_us: 5 };
        names.note_application(&flow, &tls("a"));
        names.note_application(&flow, &Application { tls_subject: Some("CN=a".to_owned()), ..tls("b") });
        let key = names.key(b"C1", 0, 9);
        let found = names.application(None, &key, ends(), Protocol::Tcp).unwrap();
        assert_eq!((found.ja3.as_deref(), found.tls_subject.as_deref()), (Some("a"), Some("CN=a")));
        let key = names.key(b"C2", 0, 9);
        assert_eq!(names.application(None, &key, ends(), Protocol::Tcp), None);
    }

    #[test]
    fn the_interface_that_is_called_is_more_than_the_transport() {
        let mut names = Names::default();
        let flow = FlowRef { uid: b"C1", ends: None, ts_us: 5 };
        for protocol in ["samr", "svcctl", "srvsvc"] {
            names.note_application(&flow, &Application::plain(protocol));
        }
        let key = names.key(b"C1", 0, 9);
        let mut found = |own| {
            let all = names.application(Some(Application::plain(own)), &key, ends(), Protocol::Tcp);
            all.unwrap().protocol.as_deref().map(str::to_owned)
        };
        assert_eq!((found("smb").as_deref(), found("dce_rpc").as_deref()), (Some("svcctl"), Some("svcctl")));
    }

    #[test]
    fn without_a_uid_only_the_same_ends_at_the_same_time_share_facts() {
        let mut names = Names::default();
        names.note_application(&FlowRef { uid: b"", ends: Some(ends()), ts_us: 50 }, &tls("a"));
        let mut found = |start_us| {
            let key = names.key(b"", start_us, start_us + 20);
            names.application(None, &key, ends(), Protocol::Tcp).is_some()
        };
        assert!(found(40) && !found(60));
    }

    #[test]
    fn unknown_holds_only_where_the_log_names_protocols() {
        let mut names = Names::default();
        let key = names.key(b"C1", 0, 9);
        let unknown = || Some(Application::plain(Application::UNKNOWN));
        assert_eq!(names.application(unknown(), &key, ends(), Protocol::Tcp), None);
        names.note_recognised(Protocol::Udp);
        assert_eq!(names.application(unknown(), &key, ends(), Protocol::Tcp), None);
        names.note_recognised(Protocol::Tcp);
        assert_eq!(names.application(unknown(), &key, ends(), Protocol::Tcp), unknown());
    }
}
