//! A test DNS query.

use super::START_US;
use crate::model::records::{ProcessId, Query, Texts};

/// Address of the client.
const CLIENT: &str = "192.168.1.10";

/// One query, with defaults: type A, answered, sent by `app` to 192.168.1.1 over the first connection.
#[derive(Clone)]
pub(crate) struct Question {
    at_s: f64,
    name: String,
    query_type: &'static str,
    response_code: Option<&'static str>,
    answer_bytes: Option<u32>,
    pub(super) owner: Option<(String, u32)>,
}

impl Question {
    pub(crate) fn of(name: impl Into<String>) -> Self {
        Self {
            at_s: 0.0,
            name: name.into(),
            query_type: "A",
            response_code: Some("NOERROR"),
            answer_bytes: Some(12),
            owner: Some(("app".to_owned(), 100)),
        }
    }

    pub(crate) fn at(mut self, second: f64) -> Self {
        self.at_s = second;
        self
    }

    pub(crate) fn by(mut self, name: &str, pid: u32) -> Self {
        self.owner = Some((name.to_owned(), pid));
        self
    }

    pub(crate) fn unowned(mut self) -> Self {
        self.owner = None;
        self
    }

    pub(crate) fn of_type(mut self, query_type: &'static str) -> Self {
        self.query_type = query_type;
        self
    }

    /// With the response NXDOMAIN.
    pub(crate) fn without_such_name(mut self) -> Self {
        (self.response_code, self.answer_bytes) = (Some("NXDOMAIN"), None);
        self
    }

    /// Without a response.
    pub(crate) fn unanswered(mut self) -> Self {
        (self.response_code, self.answer_bytes) = (None, None);
        self
    }

    /// With answers of this length.
    pub(crate) fn answered_by(mut self, bytes: u32) -> Self {
        self.answer_bytes = Some(bytes);
        self
    }

    /// Its record, as the pass would make it.
    pub(super) fn record(&self, process: Option<ProcessId>, texts: &mut Texts) -> Query {
        Query {
            ts_us: START_US + (self.at_s * 1e6) as i64,
            conn_id: 1,
            process,
            client: texts.intern(CLIENT),
            server: Some(texts.intern("192.168.1.1")),
            name: texts.intern(&self.name),
            query_type: Some(texts.intern(self.query_type)),
            response_code: self.response_code.map(|code| texts.intern(code)),
            answer_bytes: self.answer_bytes,
        }
    }
}
