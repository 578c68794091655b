//! Interns the words of a dictionary column once per dictionary, not per row.

use arrow_array::{Array, StringArray};

use super::batch::Words;
use crate::model::records::{TextId, Texts};

/// What the keys of one column's dictionary mean, as far as they were asked for.
///
/// The batches of a row group share a dictionary; this one is kept alive here, so that its
/// address means the same as long as it is compared with.
#[derive(Default)]
pub(super) struct Interned {
    dictionary: Option<StringArray>,
    ids: Vec<Option<TextId>>,
}

impl Interned {
    /// The id of the row's text, if there is one. Words that no row uses are never interned.
    pub(super) fn get(&mut self, words: &Words, row: usize, texts: &mut Texts) -> Option<TextId> {
        let key = words.key(row)?;
        if let Some(id) = self.ids.get(key).copied().flatten() {
            return Some(id);
        }
        let id = texts.intern(words.dictionary().value(key));
        if let Some(slot) = self.ids.get_mut(key) {
            *slot = Some(id);
        }
        Some(id)
    }

    /// Must be told of each batch's column before its rows are asked for.
    pub(super) fn set_dictionary(&mut self, words: &Words) {
        let dictionary = words.dictionary();
        if self.dictionary.as_ref().is_some_and(|known| same(known, dictionary)) {
            return;
        }
        self.ids.clear();
        self.ids.resize(dictionary.len(), None);
        self.dictionary = Some(dictionary.clone());
    }
}

/// Whether two dictionaries are the same memory.
fn same(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len()
        && a.value_offsets().as_ptr() == b.value_offsets().as_ptr()
        && a.value_data().as_ptr() == b.value_data().as_ptr()
}
