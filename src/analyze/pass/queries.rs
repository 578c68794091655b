//! DNS questions: rows of their own, which tell of no socket.

use super::batch::Batch;
use super::words::Interned;
use crate::model::records::{ProcessId, Query, TextId, Texts};

/// Every question so far.
#[derive(Default)]
pub(super) struct Queries {
    /// Names, types and response codes.
    words: [Interned; 3],
    list: Vec<Query>,
}

impl Queries {
    /// Must be told of each batch before its rows are taken.
    pub(super) fn set_dictionaries(&mut self, batch: &Batch) {
        for (interned, words) in self.words.iter_mut().zip(&batch.query) {
            interned.set_dictionary(words);
        }
    }

    /// Takes a row; one that asks for nothing says nothing.
    pub(super) fn take(
        &mut self,
        batch: &Batch,
        row: usize,
        (client, server): (TextId, Option<TextId>),
        process: Option<ProcessId>,
        texts: &mut Texts,
    ) {
        let [name, query_type, response_code] = &mut self.words;
        let [names, types, codes, answers] = &batch.query;
        let Some(name) = name.get(names, row, texts) else { return };
        self.list.push(Query {
            ts_us: batch.ts_us[row],
            conn_id: batch.conn_id[row],
            process,
            client,
            server,
            name,
            query_type: query_type.get(types, row, texts),
            response_code: response_code.get(codes, row, texts),
            answer_bytes: answers.get(row).map(|text| text.len() as u32),
        });
    }

    /// The questions in their fixed order, with the processes' new numbers.
    pub(super) fn finish(self, processes: &[u32], texts: &Texts) -> Vec<Query> {
        let mut list = self.list;
        for query in &mut list {
            query.process = query.process.map(|old| ProcessId::of(processes[old.get() as usize]));
        }
        list.sort_by(|a, b| {
            let key = |query: &Query| (query.ts_us, query.conn_id);
            key(a).cmp(&key(b)).then_with(|| texts.get(a.name).cmp(texts.get(b.name)))
        });
        list
    }
}
