//! Typed views of table columns: reading a row's value costs only an index operation.
//!
//! For every access, polars checks which chunk a row is in and how the column is stored. The tables
//! here have a single chunk, so this is resolved once per column. A view copies nothing.

use polars::prelude::{
    BooleanType, Categorical8Type, Categorical16Type, Categorical32Type, CategoricalMapping,
    CategoricalPhysical, ChunkedArray, DataFrame, DataType, PolarsDataType, PolarsNumericType,
    PolarsPhysicalType, StringType, UInt8Type, UInt16Type, UInt32Type,
};

use super::records::TextId;
use super::tables::cell::Named;
use crate::{Error, Result};

/// A column of numbers.
pub struct Numbers<'a, T: PolarsNumericType> {
    /// Empty if all are null, so that the first check ends every access: of an import, many columns are.
    values: &'a [T::Native],
    array: &'a <T as PolarsDataType>::Array,
    /// Most columns have no nulls, so checking for them can be skipped.
    has_nulls: bool,
}

/// A text column.
pub struct Words<'a>(Texts<'a>);

/// How a column stores its texts.
enum Texts<'a> {
    /// In the column itself.
    Own(&'a <StringType as PolarsDataType>::Array),
    /// As keys into a mapping of keys to texts.
    Keys(Numbers<'a, UInt32Type>, &'a CategoricalMapping),
    /// The same for a few texts, which are stored here by key.
    Few(Keys<'a>, Vec<Option<&'a str>>),
}

/// Keys of few texts.
enum Keys<'a> {
    U8(Numbers<'a, UInt8Type>),
    U16(Numbers<'a, UInt16Type>),
}

impl Keys<'_> {
    #[inline]
    fn get(&self, row: usize) -> Option<usize> {
        match self {
            Self::U8(keys) => keys.get(row).map(usize::from),
            Self::U16(keys) => keys.get(row).map(usize::from),
        }
    }
}

/// A column of texts that are members of an enum in this program.
pub struct Names<'a, N>(Members<'a, N>);

/// How a column stores its members.
enum Members<'a, N> {
    /// By key.
    Keys(Keys<'a>, Vec<Option<N>>),
    /// As texts, in a table whose texts have been replaced.
    Texts(Words<'a>),
}

/// A boolean column.
pub struct Flags<'a>(&'a <BooleanType as PolarsDataType>::Array);

impl<'a, T: PolarsNumericType> Numbers<'a, T> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing, of another type, or in several chunks: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        Ok(Self::new(array::<T>(table, column)?))
    }

    fn new(array: &'a T::Array) -> Self {
        let nulls = array.validity().map_or(0, |known| array.len() - known.set_bits());
        let values = if nulls == array.len() { &[] } else { array.values().as_slice() };
        Self { values, array, has_nulls: nulls > 0 }
    }

    /// The value in a row; `None` if it is null or there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Native> {
        let value = *self.values.get(row)?;
        (!self.has_nulls || self.is_known(row)).then_some(value)
    }

    fn is_known(&self, row: usize) -> bool {
        self.array.validity().is_none_or(|known| known.get(row) == Some(true))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Words<'a> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing, not a text column, or in several chunks: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        let series = table.column(column)?.as_materialized_series();
        let DataType::Categorical(categories, mapping) = series.dtype() else {
            return Ok(Self(Texts::Own(array::<StringType>(table, column)?)));
        };
        let texts =
            || (0..mapping.num_cats_upper_bound()).map(|key| mapping.cat_to_str(key as u32)).collect();
        Ok(Self(match categories.physical() {
            CategoricalPhysical::U8 => {
                let keys = series.cat::<Categorical8Type>()?.physical();
                Texts::Few(Keys::U8(Numbers::new(one_piece(keys, column)?)), texts())
            }
            CategoricalPhysical::U16 => {
                let keys = series.cat::<Categorical16Type>()?.physical();
                Texts::Few(Keys::U16(Numbers::new(one_piece(keys, column)?)), texts())
            }
            CategoricalPhysical::U32 => {
                let keys = series.cat::<Categorical32Type>()?.physical();
                Texts::Keys(Numbers::new(one_piece(keys, column)?), mapping)
            }
        }))
    }

    /// Whether columns of a type contain texts.
    pub fn are(dtype: &DataType) -> bool {
        matches!(dtype, DataType::String | DataType::Categorical(..))
    }

    /// The text in a row; `None` if it is null or there is no such row.
    ///
    /// A whole row has eleven texts, most of which are null in most captures, and the compiler cannot see that
    /// nobody asks for the others: so only the lookup of a text is a call.
    #[allow(clippy::inline_always, reason = "left to itself, the compiler calls this for nulls too")]
    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match &self.0 {
            Texts::Keys(keys, mapping) => text_of(mapping, keys.get(row)?),
            Texts::Few(..) | Texts::Own(_) => self.get_of_few(row),
        }
    }

    #[inline(never)]
    fn get_of_few(&self, row: usize) -> Option<&'a str> {
        match &self.0 {
            Texts::Own(texts) if row < texts.len() => texts.get(row),
            Texts::Own(_) | Texts::Keys(..) => None,
            Texts::Few(keys, texts) => *texts.get(keys.get(row)?)?,
        }
    }
}

#[inline(never)]
fn text_of(mapping: &CategoricalMapping, key: u32) -> Option<&str> {
    mapping.cat_to_str(key)
}

impl<'a> Words<'a> {
    /// The key of the text in a row; keys are in the order of the texts. `None` if it is null, if
    /// there is no such row, or in a table whose texts have been replaced.
    #[inline]
    pub fn key(&self, row: usize) -> Option<TextId> {
        match &self.0 {
            Texts::Keys(keys, _) => keys.get(row).map(TextId::of),
            Texts::Own(_) | Texts::Few(..) => None,
        }
    }

    /// The text for a key from a column of the same tables.
    #[inline]
    pub fn text(&self, key: TextId) -> &'a str {
        match &self.0 {
            Texts::Keys(_, mapping) => mapping.cat_to_str(key.get()).unwrap_or_default(),
            Texts::Own(_) | Texts::Few(..) => "",
        }
    }
}

impl<'a, N: Named> Names<'a, N> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing, not a text column, or in several chunks: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        let words = Words::of(table, column)?;
        Ok(Self(match words.0 {
            Texts::Few(keys, texts) => {
                Members::Keys(keys, texts.into_iter().map(|text| N::from_text(text?)).collect())
            }
            texts => Members::Texts(Words(texts)),
        }))
    }

    /// The value in a row; `None` if it is null or there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<N> {
        match &self.0 {
            Members::Keys(keys, members) => *members.get(keys.get(row)?)?,
            Members::Texts(words) => N::from_text(words.get(row)?),
        }
    }
}

impl<'a> Flags<'a> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing, of another type, or in several chunks: a bug.
    pub fn new(table: &'a DataFrame, column: &str) -> Result<Self> {
        Ok(Self(array::<BooleanType>(table, column)?))
    }

    /// The value in a row; `None` if it is null or there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<bool> {
        let value = self.0.values().get(row)?;
        let is_known = self.0.validity().is_none_or(|known| known.get(row) == Some(true));
        is_known.then_some(value)
    }
}

/// The only chunk of a column.
fn array<'a, T: PolarsPhysicalType>(table: &'a DataFrame, column: &str) -> Result<&'a T::Array> {
    one_piece(table.column(column)?.as_materialized_series().unpack::<T>()?, column)
}

fn one_piece<'a, T: PolarsDataType>(chunks: &'a ChunkedArray<T>, column: &str) -> Result<&'a T::Array> {
    match chunks.downcast_get(0) {
        Some(array) if chunks.chunks().len() == 1 => Ok(array),
        _ => Err(Error::Analysis(format!("the column {column} is not in one piece"))),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{Float64Type, UInt16Type, UInt64Type, df};

    use super::*;

    fn table() -> DataFrame {
        df!(
            "port" => [Some(443_u16), None, Some(80)],
            "name" => [None, Some("short"), Some("longer than what a view holds inline")],
            "opened" => [Some(true), None, Some(false)],
            "seconds" => [0.5, 1.5, 2.5],
        )
        .unwrap()
    }

    #[test]
    fn every_row_has_the_value_of_the_column_and_null_is_none() {
        let table = table();
        let ports = Numbers::<UInt16Type>::of(&table, "port").unwrap();
        assert_eq!([0, 1, 2, 3].map(|row| ports.get(row)), [Some(443), None, Some(80), None]);
        let seconds = Numbers::<Float64Type>::of(&table, "seconds").unwrap();
        assert_eq!((seconds.len(), seconds.get(2), seconds.get(9)), (3, Some(2.5), None));
        let names = Words::of(&table, "name").unwrap();
        let long = "longer than what a view holds inline";
        assert_eq!([0, 1, 2, 3].map(|row| names.get(row)), [None, Some("short"), Some(long), None]);
        let opened = Flags::new(&table, "opened").unwrap();
        assert_eq!([0, 1, 2, 3].map(|row| opened.get(row)), [Some(true), None, Some(false), None]);
    }

    #[test]
    fn a_part_of_a_table_has_the_values_of_that_part() {
        let part = table().slice(1, 2);
        assert_eq!(Numbers::<UInt16Type>::of(&part, "port").unwrap().get(1), Some(80));
        assert_eq!(Words::of(&part, "name").unwrap().get(0), Some("short"));
        assert_eq!(Flags::new(&part, "opened").unwrap().get(0), None);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let empty = table().slice(0, 0);
        assert!(Numbers::<UInt16Type>::of(&empty, "port").unwrap().is_empty());
        assert_eq!(Words::of(&empty, "name").unwrap().get(0), None);
    }

    #[test]
    fn another_type_a_missing_column_and_pieces_are_refused() {
        let table = table();
        assert!(Numbers::<UInt64Type>::of(&table, "port").is_err());
        assert!(Words::of(&table, "nothing").is_err());
        assert!(Words::of(&table.vstack(&table).unwrap(), "name").is_err());
    }
}
