//! Questions of `dns.log`.

use super::conn;
use super::record::{Field, Record};
use super::tsv::{split, unescape};
use crate::capture::Query;
use crate::capture::query::{record_type, response_code};
use crate::import::number::seconds;
use crate::import::question::{Question, mnemonic, name};

/// The question that a record is about; none if it does not say who asked for what and when.
pub(super) fn read(record: &Record<'_>, set_separator: &[u8]) -> Option<Question> {
    let (protocol, _) = conn::protocol(record)?;
    let answers: Vec<String> = record
        .get(Field::Answers)
        .map(|answers| split(answers, set_separator).map(text).collect())
        .unwrap_or_default();
    Some(Question {
        uid: record.get(Field::Uid).unwrap_or_default().to_vec(),
        protocol,
        client: record.end(Field::OrigH, Field::OrigP)?,
        server: record.end(Field::RespH, Field::RespP)?,
        asked_us: conn::timestamp(record.get(Field::Ts)?)?.us,
        rtt_us: record.get(Field::Rtt).and_then(seconds).filter(|us| *us >= 0),
        query: Query {
            name: name(&unescape(record.get(Field::Query)?)),
            query_type: record.text(Field::Qtype).map(|text| mnemonic(text, record_type)),
            response_code: record.text(Field::Rcode).map(|text| mnemonic(text, response_code)),
            answers: Query::join(answers.iter().map(String::as_str)),
        },
    })
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(answer)).into_owned()
}
