//! What the payload of connections says, each combination once.

use ahash::AHashMap;

use super::batch::Batch;
use super::words::Interned;
use crate::model::records::{Application, ApplicationId, Texts};

/// Every application so far: there are few for many connections.
#[derive(Default)]
pub(super) struct Applications {
    words: [Interned; 5],
    list: Vec<Application>,
    ids: AHashMap<Application, ApplicationId>,
}

impl Applications {
    /// Must be told of each batch before its rows are asked for.
    pub(super) fn set_dictionaries(&mut self, batch: &Batch) {
        for (interned, words) in self.words.iter_mut().zip(&batch.application) {
            interned.set_dictionary(words);
        }
    }

    /// What a row says; none if it says nothing.
    pub(super) fn of_row(&mut self, batch: &Batch, row: usize, texts: &mut Texts) -> Option<ApplicationId> {
        let mut words = self.words.iter_mut().zip(&batch.application);
        let mut next = || words.next().and_then(|(interned, words)| interned.get(words, row, texts));
        let application = Application {
            protocol: next(),
            ja3: next(),
            ja4: next(),
            tls_subject: next(),
            tls_issuer: next(),
        };
        if application == Application::default() {
            return None;
        }
        let Self { list, ids, .. } = self;
        Some(*ids.entry(application).or_insert_with(|| {
            list.push(application);
            ApplicationId::of(list.len() as u32 - 1)
        }))
    }

    /// All of them, by their ids.
    pub(super) fn finish(self) -> Vec<Application> {
        self.list
    }
}
