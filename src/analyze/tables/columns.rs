//! Columns made of records, without a `String` per row.

use std::sync::Arc;

use polars::prelude::*;

use crate::analyze::model::{TextId, Texts};
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

    /// A column of names that the program has, each in many rows.
    pub(super) fn name(
        &self,
        name: &str,
        texts: &TextColumns,
        get: impl Fn(&'a T) -> Option<&'a str>,
    ) -> Result<Column> {
        let mut last = ("", texts.key("")?);
        let mut key = |text: &'a str| {
            // Rows that follow each other mostly have the same name, at the same place.
            if !std::ptr::eq(text, last.0) {
                last = (text, texts.key(text)?);
            }
            Ok(last.1)
        };
        let keys: Result<UInt32Chunked> =
            self.0.iter().map(|row| get(row).map(&mut key).transpose()).collect();
        Ok(texts.column(name, keys?))
    }

    /// A column of texts of the capture.
    pub(super) fn text(
        &self,
        name: &str,
        texts: &TextColumns,
        get: impl Fn(&'a T) -> Option<TextId>,
    ) -> Column {
        texts.column(name, self.0.iter().map(|row| get(row).map(|id| id.0)).collect())
    }

    pub(super) fn frame(&self, columns: Vec<Column>) -> Result<DataFrame> {
        Ok(DataFrame::new(self.0.len(), columns)?)
    }
}

/// Every text once; a column of texts has keys to them, four bytes a row.
pub(super) struct TextColumns {
    dtype: DataType,
    mapping: Arc<CategoricalMapping>,
}

impl TextColumns {
    /// The texts of a capture, of which the keys are their ids.
    ///
    /// # Errors
    /// If there are more texts than keys.
    pub(super) fn new(texts: &Texts) -> Result<Self> {
        let categories = Categories::random("netrec".into(), CategoricalPhysical::U32);
        let mapping = categories.mapping();
        let columns = Self { dtype: DataType::Categorical(categories, Arc::clone(&mapping)), mapping };
        for (id, text) in (0..).zip(texts.iter()) {
            if columns.key(text)? != id {
                return Err(Error::Analysis("two texts of the capture are the same".to_owned()));
            }
        }
        Ok(columns)
    }

    /// The key of a text, new or known.
    fn key(&self, text: &str) -> Result<u32> {
        Ok(self.mapping.insert_cat(text)?)
    }

    fn column(&self, name: &str, keys: UInt32Chunked) -> Column {
        let words = CategoricalChunked::<Categorical32Type>::from_cats_and_dtype(keys, self.dtype.clone());
        words.into_series().with_name(name.into()).into_column()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::view::Words;

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
            ])
            .unwrap();
        let words = |column| {
            let words = Words::of(&frame, column).unwrap();
            (0..4).map(|row| words.get(row)).collect::<Vec<_>>()
        };
        let long = "longer than what a view holds inline";
        assert_eq!(words("words"), [Some(long), None, Some("short"), Some(long)]);
        assert_eq!(words("names"), [Some("new"), None, Some("new"), Some("new")]);
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
