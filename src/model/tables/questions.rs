//! The table of DNS questions.

use super::cell::Text;
use super::columns::TextColumns;
use super::declare::table;
use crate::Result;
use crate::model::frame::DataFrame;
use crate::model::records::{ProcessId, Query};

table! {
    /// The table of DNS questions, column by column.
    QueryColumns of
    /// A DNS question and what came of it. Rows lie by when they were asked, then `conn_id`, then name.
    QueryRow<T> {
        /// When it was asked, µs since the Unix epoch.
        ts_us: i64,
        /// The capture's `conn_id` of the socket that carried it.
        conn_id: u64,
        /// Row of the process that asked.
        process: u32 or null,
        /// Address that asked.
        client_addr: Text,
        /// Address that was asked.
        server_addr: Text or null,
        /// The name, lower case, in presentation format.
        query_name: Text,
        /// Type of record, by its mnemonic.
        query_type: Text or null,
        /// Response code, by its mnemonic; null if no response was seen.
        response_code: Text or null,
        /// Length of the data of all answers as text, in bytes; null without answers.
        answer_bytes: u32 or null,
    }
}

pub(super) fn queries(queries: &[Query], texts: &TextColumns) -> Result<DataFrame> {
    QueryRow::frame(queries, texts, |query| QueryRow {
        ts_us: query.ts_us,
        conn_id: query.conn_id,
        process: query.process.map(ProcessId::get),
        client_addr: query.client,
        server_addr: query.server,
        query_name: query.name,
        query_type: query.query_type,
        response_code: query.response_code,
        answer_bytes: query.answer_bytes,
    })
}
