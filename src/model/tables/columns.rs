//! Columns of the texts of a capture, without a `String` per row.

use std::sync::Arc;

use crate::model::frame::{TextValues, Values, numbers};
use crate::model::records::{TextId, Texts};
use crate::model::texts::TextList;

/// Every text of a capture once, to which columns have keys.
pub struct TextColumns {
    texts: Arc<TextList>,
    /// The key of each text, by its id in the records.
    keys: Vec<u32>,
}

impl TextColumns {
    /// The texts of a capture, with keys in the order of the texts: whoever sorts or compares keys
    /// need not look at a text.
    pub(crate) fn new(texts: &Texts) -> Self {
        let (texts, keys) = texts.sorted();
        Self { texts: Arc::new(texts), keys }
    }

    /// A column of texts.
    pub(super) fn column(&self, ids: impl Iterator<Item = Option<TextId>>) -> Values {
        let keys = ids.map(|id| id.map(|id| self.keys[id.get() as usize]));
        Values::Text(TextValues::Words(numbers(keys).into(), Arc::clone(&self.texts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::frame::{Column, DataFrame};
    use crate::model::view::Words;

    #[test]
    fn keys_are_in_the_order_of_the_texts_and_each_row_has_its_text_or_none() {
        let mut texts = Texts::default();
        let ids = ["b", "a", "", "aa"].map(|text| Some(texts.intern(text)));
        let values = TextColumns::new(&texts).column(ids.into_iter().chain([None]));
        let frame = DataFrame::new(vec![Column::new("texts", values)]).unwrap();
        let words = Words::of(&frame, "texts").unwrap();
        assert_eq!([0, 1, 2, 3].map(|row| words.key(row).map(TextId::get)), [3, 1, 0, 2].map(Some));
        assert_eq!(words.text(TextId::of(2)), "aa");
        let seen = [0, 1, 2, 3, 4, 5].map(|row| words.get(row));
        assert_eq!(seen, [Some("b"), Some("a"), Some(""), Some("aa"), None, None]);
    }
}
