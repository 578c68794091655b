//! Columns made of records, without a `String` per row.

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

    /// A column of names that the program has, or of texts that nothing else shares.
    pub(super) fn name(&self, name: &str, get: impl Fn(&'a T) -> Option<&'a str>) -> Column {
        let column: StringChunked = self.0.iter().map(get).collect();
        column.with_name(name.into()).into_column()
    }

    /// A column of texts of the capture.
    pub(super) fn text(
        &self,
        name: &str,
        texts: &TextColumns,
        get: impl Fn(&'a T) -> Option<TextId>,
    ) -> Result<Column> {
        let keys: IdxCa = self.0.iter().map(|row| get(row).map(|id| id.0)).collect();
        Ok(texts.0.take(&keys)?.with_name(name.into()).into_column())
    }

    pub(super) fn frame(&self, columns: Vec<Column>) -> Result<DataFrame> {
        Ok(DataFrame::new(self.0.len(), columns)?)
    }
}

/// Every text once; a column of texts points into it, so that the bytes of a text are in
/// memory once however many rows have it.
pub(super) struct TextColumns(StringChunked);

impl TextColumns {
    /// The texts of a capture.
    pub(super) fn new(texts: &Texts) -> Self {
        Self::of(texts.iter().map(Some))
    }

    /// Texts in the order of their keys; a row that points at none of them is null.
    pub(super) fn of<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Self {
        Self(texts.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_their_absence_arrive_where_they_belong() {
        let mut texts = Texts::default();
        let (short, long) = (texts.intern("short"), texts.intern("longer than what a view holds inline"));
        let records = [Some(long), None, Some(short), Some(long)];
        let rows = Rows(&records);
        let column = rows.text("words", &TextColumns::new(&texts), |id| *id).unwrap();
        let words: Vec<Option<&str>> = column.str().unwrap().iter().collect();
        let long = "longer than what a view holds inline";
        assert_eq!(words, [Some(long), None, Some("short"), Some(long)]);
        assert_eq!(column.name().as_str(), "words");
    }

    #[test]
    fn a_table_without_rows_still_has_its_columns() {
        let rows = Rows::<u64>(&[]);
        let columns =
            vec![rows.u64("n", |n| Some(*n)), rows.name("word", |_| None), rows.bool("b", |_| true)];
        let frame = rows.frame(columns).unwrap();
        assert_eq!(frame.shape(), (0, 3));
        assert_eq!(frame.column("word").unwrap().dtype(), &DataType::String);
    }
}
