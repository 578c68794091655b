//! Columns of texts, without a `String` per row.

use std::sync::Arc;

use polars::prelude::*;

use crate::model::records::{TextId, Texts};
use crate::{Error, Result};

impl From<PolarsError> for Error {
    fn from(error: PolarsError) -> Self {
        Self::Analysis(error.to_string())
    }
}

/// Every text once, to which columns have keys.
pub struct TextColumns {
    /// Texts of the capture: four bytes a row.
    all: Dictionary,
    /// The key of each text of the capture, by its id in the records.
    keys: Vec<u32>,
    /// Names that the program has: one byte a row.
    names: Dictionary,
    /// Sets of such names: two bytes a row.
    sets: Dictionary,
}

impl TextColumns {
    /// The texts of a capture, with keys in the order of the texts: whoever sorts or compares keys
    /// need not look at a text.
    ///
    /// # Errors
    /// If there are more texts than keys.
    pub(crate) fn new(texts: &Texts) -> Result<Self> {
        let all = Dictionary::empty(CategoricalPhysical::U32);
        let mut by_text: Vec<TextId> = (0..texts.len() as u32).map(TextId::of).collect();
        by_text.sort_unstable_by_key(|id| texts.get(*id));
        let mut keys = vec![0; by_text.len()];
        for (key, id) in (0..).zip(by_text) {
            if all.key(texts.get(id))? != key {
                return Err(Error::Analysis("two texts of the capture are the same".to_owned()));
            }
            keys[id.get() as usize] = key;
        }
        let [names, sets] = [CategoricalPhysical::U8, CategoricalPhysical::U16].map(Dictionary::empty);
        Ok(Self { all, keys, names, sets })
    }

    /// A column of texts of the capture.
    pub(super) fn text(&self, name: &str, ids: impl Iterator<Item = Option<TextId>>) -> Column {
        let keys = ids.map(|id| id.map(|id| self.keys[id.get() as usize])).collect();
        self.all.column::<Categorical32Type>(name, keys)
    }

    /// A column of names that the program itself has.
    pub(super) fn names<'t>(
        &self,
        name: &str,
        texts: impl Iterator<Item = Option<&'t str>>,
    ) -> Result<Column> {
        let keys: Result<UInt8Chunked> =
            self.names.keys(texts).map(|key| Ok(key?.map(|key| key as u8))).collect();
        Ok(self.names.column::<Categorical8Type>(name, keys?))
    }

    /// A column of sets of such names.
    pub(super) fn sets<'t>(
        &self,
        name: &str,
        texts: impl Iterator<Item = Option<&'t str>>,
    ) -> Result<Column> {
        let keys: Result<UInt16Chunked> =
            self.sets.keys(texts).map(|key| Ok(key?.map(|key| key as u16))).collect();
        Ok(self.sets.column::<Categorical16Type>(name, keys?))
    }
}

/// Texts by their keys.
struct Dictionary {
    dtype: DataType,
    mapping: Arc<CategoricalMapping>,
}

impl Dictionary {
    fn empty(keys: CategoricalPhysical) -> Self {
        let categories = Categories::random("netrec".into(), keys);
        let mapping = categories.mapping();
        Self { dtype: DataType::Categorical(categories, Arc::clone(&mapping)), mapping }
    }

    /// The key of a text, new or known.
    fn key(&self, text: &str) -> Result<u32> {
        Ok(self.mapping.insert_cat(text)?)
    }

    /// The keys of some texts, of which those that follow each other are mostly the same.
    fn keys<'t>(
        &self,
        texts: impl Iterator<Item = Option<&'t str>>,
    ) -> impl Iterator<Item = Result<Option<u32>>> {
        let mut last: Option<(&str, u32)> = None;
        texts.map(move |text| {
            let Some(text) = text else { return Ok(None) };
            if let Some((_, key)) = last.filter(|(known, _)| std::ptr::eq(*known, text)) {
                return Ok(Some(key));
            }
            let key = self.key(text)?;
            last = Some((text, key));
            Ok(Some(key))
        })
    }

    fn column<T: PolarsCategoricalType>(&self, name: &str, keys: ChunkedArray<T::PolarsPhysical>) -> Column
    where
        CategoricalChunked<T>: IntoSeries,
    {
        let words = CategoricalChunked::<T>::from_cats_and_dtype(keys, self.dtype.clone());
        words.into_series().with_name(name.into()).into_column()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::view::Words;

    #[test]
    fn keys_are_in_the_order_of_the_texts() {
        let mut texts = Texts::default();
        let ids = ["b", "a", "", "aa"].map(|text| Some(texts.intern(text)));
        let column = TextColumns::new(&texts).unwrap().text("texts", ids.into_iter());
        let frame = DataFrame::new(4, vec![column]).unwrap();
        let words = Words::of(&frame, "texts").unwrap();
        assert_eq!([0, 1, 2, 3].map(|row| words.key(row).map(TextId::get)), [3, 1, 0, 2].map(Some));
        assert_eq!(words.text(TextId::of(2)), "aa");
    }

    #[test]
    fn texts_and_their_absence_arrive_where_they_belong() {
        let long = "longer than what a view holds inline";
        let mut texts = Texts::default();
        let (short_id, long_id) = (texts.intern("short"), texts.intern(long));
        let texts = TextColumns::new(&texts).unwrap();
        let ids = [Some(long_id), None, Some(short_id), Some(long_id)];
        let names = [Some("new"), None, Some("old"), Some("new")];
        let columns = vec![
            texts.text("texts", ids.into_iter()),
            texts.names("names", names.into_iter()).unwrap(),
            texts.sets("sets", names.into_iter()).unwrap(),
        ];
        let frame = DataFrame::new(4, columns).unwrap();
        let words = |column| {
            let words = Words::of(&frame, column).unwrap();
            [0, 1, 2, 3].map(|row| words.get(row))
        };
        assert_eq!(words("texts"), [Some(long), None, Some("short"), Some(long)]);
        assert_eq!((words("names"), words("sets")), (names, names));
    }
}
