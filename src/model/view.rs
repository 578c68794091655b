//! Typed views of table columns: reading a row's value costs only an index operation. A view copies nothing.

use std::marker::PhantomData;

use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type};
use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, LargeStringArray, PrimitiveArray};
use arrow_buffer::NullBuffer;

use super::frame::{DataFrame, Number, TextValues, Values, Vocabulary};
use super::packed::{Packed, Small};
use super::records::TextId;
use super::tables::cell::Named;
use super::texts::TextList;
use crate::{Error, Result};

/// A column of numbers.
pub struct Numbers<'a, T: ArrowPrimitiveType> {
    /// Empty if all are null, so that the first checks end every access: of an import, many columns are. Empty as well if
    /// they are packed.
    values: &'a [T::Native],
    /// The index of each among the `different` ones; empty if they are not packed like that.
    indices: &'a [u16],
    different: &'a [T::Native],
    small: Option<&'a Small<T::Native>>,
    rows: usize,
    /// Most columns have no nulls, so checking for them can be skipped.
    nulls: Option<&'a NullBuffer>,
}

/// A text column.
pub struct Words<'a>(Texts<'a>);

/// How a column stores its texts.
enum Texts<'a> {
    /// In the column itself.
    Own(&'a LargeStringArray),
    /// As keys of all texts of the capture.
    Keys(Numbers<'a, UInt32Type>, &'a TextList),
    /// As keys of texts that the program has.
    Few(Keys<'a>, Vocabulary),
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

/// A column of texts that are members of an enum in this program, or sets of such members.
pub struct Names<'a, N>(Words<'a>, PhantomData<N>);

/// A boolean column.
pub struct Flags<'a>(&'a BooleanArray);

impl<'a, T: Number> Numbers<'a, T> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing or of another type: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        T::of(table.column(column)?).ok_or_else(|| of_another_type(column))
    }
}

impl<T: ArrowPrimitiveType> Numbers<'_, T> {
    /// The view of an array, or of [`Packed`] numbers.
    pub fn new(numbers: impl Into<Self>) -> Self {
        numbers.into()
    }

    /// The value in a row; `None` if it is null or there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Native> {
        let value = if let Some(value) = self.values.get(row) {
            *value
        } else if let Some(index) = self.indices.get(row) {
            *self.different.get(usize::from(*index))?
        } else {
            self.small?.get(row)?
        };
        self.nulls.is_none_or(|nulls| nulls.is_valid(row)).then_some(value)
    }

    /// The values in the order of their rows.
    pub fn iter(&self) -> impl Iterator<Item = Option<T::Native>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, T: ArrowPrimitiveType> From<&'a PrimitiveArray<T>> for Numbers<'a, T> {
    fn from(array: &'a PrimitiveArray<T>) -> Self {
        let values = if array.null_count() == array.len() { &[] } else { &array.values()[..] };
        Self { values, ..Self::unknown(array) }
    }
}

impl<'a, T: ArrowPrimitiveType> From<&'a Packed<T>> for Numbers<'a, T> {
    fn from(packed: &'a Packed<T>) -> Self {
        match packed {
            Packed::Wide(wide) => wide.into(),
            Packed::Few(few) => {
                let (indices, different) = (few.indices(), few.different());
                Self { indices: indices.values(), different, ..Self::unknown(indices) }
            }
            Packed::Small(small) => Self { small: Some(small), ..Self::unknown(small.small()) },
        }
    }
}

impl<'a, T: ArrowPrimitiveType> Numbers<'a, T> {
    /// As many rows as an array has, with its nulls and without numbers.
    fn unknown(array: &'a dyn Array) -> Self {
        Self {
            values: &[],
            indices: &[],
            different: &[],
            small: None,
            rows: array.len(),
            nulls: some_nulls(array),
        }
    }
}

fn some_nulls(array: &dyn Array) -> Option<&NullBuffer> {
    array.nulls().filter(|nulls| nulls.null_count() > 0)
}

impl<'a> Words<'a> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing or not a text column: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        match table.column(column)? {
            Values::Text(values) => Ok(Self::new(values)),
            _ => Err(of_another_type(column)),
        }
    }

    /// The view of values.
    pub fn new(values: &'a TextValues) -> Self {
        Self(match values {
            TextValues::Own(texts) => Texts::Own(texts),
            TextValues::Words(keys, texts) => Texts::Keys(Numbers::new(keys), texts),
            TextValues::Names(keys, texts) => Texts::Few(Keys::U8(Numbers::new(keys)), texts),
            TextValues::Sets(keys, texts) => Texts::Few(Keys::U16(Numbers::new(keys)), texts),
        })
    }

    /// The text in a row; `None` if it is null or there is no such row.
    ///
    /// A whole row has eleven texts, most of which are null in most captures, and the compiler cannot see that
    /// nobody asks for the others: so only the lookup of a text is a call.
    #[allow(clippy::inline_always, reason = "left to itself, the compiler calls this for nulls too")]
    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match &self.0 {
            Texts::Keys(keys, texts) => text_of(texts, keys.get(row)?),
            Texts::Few(..) | Texts::Own(_) => self.get_of_few(row),
        }
    }

    #[inline(never)]
    fn get_of_few(&self, row: usize) -> Option<&'a str> {
        match &self.0 {
            Texts::Own(texts) => (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row)),
            Texts::Few(keys, texts) => texts.get(keys.get(row)?).copied(),
            Texts::Keys(..) => None,
        }
    }

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
            Texts::Keys(_, texts) => texts.get(key.get() as usize).unwrap_or_default(),
            Texts::Own(_) | Texts::Few(..) => "",
        }
    }
}

impl<'a, N: Named> Names<'a, N> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing or not a text column: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        Ok(Self(Words::of(table, column)?, PhantomData))
    }

    /// The value in a row; `None` if it is null or there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<N> {
        match &self.0.0 {
            Texts::Few(keys, _) => N::from_key(keys.get(row)?),
            // A table whose texts have been replaced.
            Texts::Own(_) | Texts::Keys(..) => N::from_text(self.0.get(row)?),
        }
    }
}

impl<'a> Flags<'a> {
    /// The view of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the column is missing or of another type: a bug.
    pub fn of(table: &'a DataFrame, column: &str) -> Result<Self> {
        match table.column(column)? {
            Values::Flags(flags) => Ok(Self::new(flags)),
            _ => Err(of_another_type(column)),
        }
    }

    /// The view of an array.
    pub fn new(flags: &'a BooleanArray) -> Self {
        Self(flags)
    }

    /// The value in a row; `None` if it is null or there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<bool> {
        (row < self.0.len() && self.0.is_valid(row)).then(|| self.0.value(row))
    }
}

#[inline(never)]
fn text_of(texts: &TextList, key: u32) -> Option<&str> {
    texts.get(key as usize)
}

fn of_another_type(column: &str) -> Error {
    Error::Analysis(format!("the column {column} is of another type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::frame::{Float64Type, UInt64Type, df};

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
        let opened = Flags::of(&table, "opened").unwrap();
        assert_eq!([0, 1, 2, 3].map(|row| opened.get(row)), [Some(true), None, Some(false), None]);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let empty = df!("port" => [0_u16; 0], "name" => [""; 0], "opened" => [false; 0]).unwrap();
        assert!(Numbers::<UInt16Type>::of(&empty, "port").unwrap().is_empty());
        assert_eq!(Words::of(&empty, "name").unwrap().get(0), None);
        assert_eq!(Flags::of(&empty, "opened").unwrap().get(0), None);
    }

    #[test]
    fn another_type_and_a_missing_column_are_refused() {
        let table = table();
        assert!(Numbers::<UInt64Type>::of(&table, "port").is_err());
        assert!(Words::of(&table, "nothing").is_err());
        assert!(Words::of(&table, "port").is_err() && Flags::of(&table, "port").is_err());
    }
}
