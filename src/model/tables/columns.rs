//! Columns made of records, without a `String` per row.

use std::sync::Arc;

use polars::prelude::*;

use crate::model::records::{TextId, Texts};
use crate::{Error, Result};

impl From<PolarsError> for Error {
    fn from(error: PolarsError) -> Self {
        Self::Analysis(error.to_string())
    }
}

/// Records, each of which becomes a row.
pub(super) struct Rows<'a, T>(pub(super) &'a [T]);

/// Declares a method per type of number.
macro_rules! number_columns {
    ($($method:ident: $native:ty, $array:ty;)+) => {
        $(pub(super) fn $method(&self, name: &str, get: impl Fn(&'a T) -> Option<$native>) -> Column {
            let column: $array = self.0.iter().map(get).collect();
            column.with_name(name.into()).into_column()
        })+
    };
}

impl<'a, T> Rows<'a, T> {
    number_columns! {
        u16: u16, UInt16Chunked;
        u32: u32, UInt32Chunked;
        u64: u64, UInt64Chunked;
        i64: i64, Int64Chunked;
        f32: f32, Float32Chunked;
        f64: f64, Float64Chunked;
    }

    pub(super) fn bool(&self, name: &str, get: impl Fn(&'a T) -> bool) -> Column {
        let column: BooleanChunked = self.0.iter().map(|row| Some(get(row))).collect();
        column.with_name(name.into()).into_column()
    }

    /// A column of texts that nothing else shares.
    pub(super) fn own_text(&self, name: &str, get: impl Fn(&'a T) -> Option<&'a str>) -> Column {
        let column: StringChunked = self.0.iter().map(get).collect();
        column.with_name(name.into()).into_column()
    }

    /// A column of names that the program itself has.
    pub(super) fn name(
        &self,
        name: &str,
        texts: &TextColumns,
        get: impl Fn(&'a T) -> Option<&'a str>,
    ) -> Result<Column> {
        let keys: Result<UInt8Chunked> =
            texts.names.keys(self.0.iter().map(get)).map(|key| Ok(key?.map(|key| key as u8))).collect();
        Ok(texts.names.column::<Categorical8Type>(name, keys?))
    }

    /// A column of texts that are made here, each for many rows.
    pub(super) fn made_text(
        &self,
        name: &str,
        texts: &TextColumns,
        get: impl Fn(&'a T) -> Option<&'a str>,
    ) -> Result<Column> {
        let keys: Result<UInt32Chunked> = texts.all.keys(self.0.iter().map(get)).collect();
        Ok(texts.all.column::<Categorical32Type>(name, keys?))
    }

    /// A column of texts of the capture.
    pub(super) fn text(
        &self,
        name: &str,
        texts: &TextColumns,
        get: impl Fn(&'a T) -> Option<TextId>,
    ) -> Column {
        let keys = self.0.iter().map(|row| get(row).map(TextId::get)).collect();
        texts.all.column::<Categorical32Type>(name, keys)
    }

    pub(super) fn frame(&self, columns: Vec<Column>) -> Result<DataFrame> {
        Ok(DataFrame::new(self.0.len(), columns)?)
    }
}

/// Every text once, to which columns have keys.
pub(super) struct TextColumns {
    /// Texts of the capture and those made of them: four bytes a row.
    all: Dictionary,
    /// Names that the program has: one byte a row.
    names: Dictionary,
}

impl TextColumns {
    /// The texts of a capture, of which the keys are their ids.
    ///
    /// # Errors
    /// If there are more texts than keys.
    pub(super) fn new(texts: &Texts) -> Result<Self> {
        let all = Dictionary::empty(CategoricalPhysical::U32);
        for (id, text) in (0..).zip(texts.iter()) {
            if all.key(text)? != id {
                return Err(Error::Analysis("two texts of the capture are the same".to_owned()));
            }
        }
        Ok(Self { all, names: Dictionary::empty(CategoricalPhysical::U8) })
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
    fn texts_and_their_absence_arrive_where_they_belong() {
        let mut texts = Texts::default();
        let (short, long) = (texts.intern("short"), texts.intern("longer than what a view holds inline"));
        let records = [Some(long), None, Some(short), Some(long)];
        let rows = Rows(&records);
        let texts = TextColumns::new(&texts).unwrap();
        let frame = rows
            .frame(vec![
                rows.text("words", &texts, |id| *id),
                rows.name("names", &texts, |id| id.map(|_| "new")).unwrap(),
                rows.made_text("made", &texts, |id| id.map(|_| "short")).unwrap(),
            ])
            .unwrap();
        let words = |column| {
            let words = Words::of(&frame, column).unwrap();
            (0..4).map(|row| words.get(row)).collect::<Vec<_>>()
        };
        let long = "longer than what a view holds inline";
        assert_eq!(words("words"), [Some(long), None, Some("short"), Some(long)]);
        assert_eq!(words("names"), [Some("new"), None, Some("new"), Some("new")]);
        assert_eq!(words("made"), [Some("short"), None, Some("short"), Some("short")]);
    }

    #[test]
    fn a_table_without_rows_still_has_its_columns() {
        let rows = Rows::<u64>(&[]);
        let columns =
            vec![rows.u64("n", |n| Some(*n)), rows.own_text("word", |_| None), rows.bool("b", |_| true)];
        let frame = rows.frame(columns).unwrap();
        assert_eq!(frame.shape(), (0, 3));
        assert_eq!(frame.column("word").unwrap().dtype(), &DataType::String);
    }
}
