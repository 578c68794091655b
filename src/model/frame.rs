//! A table in memory: named columns of equal length, each of which is one Arrow array.
//!
//! [`view`](super::view) reads columns row by row; the tables of a capture are declared in
//! [`tables`](super::tables).

use std::hash::Hash;
use std::mem;
use std::sync::Arc;

pub use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Float32Array, Float64Array, Int64Array,
    LargeStringArray, PrimitiveArray, UInt8Array, UInt16Array, UInt32Array, cast::AsArray, new_null_array,
};
use arrow_schema::ArrowError;

use super::packed::Packed;
use super::texts::TextList;
use super::view::Numbers;
use crate::{Error, Result};

/// Named columns of equal length.
#[derive(Debug, Clone, Default)]
pub struct DataFrame {
    columns: Vec<Column>,
}

/// A column with its name.
#[derive(Debug, Clone)]
pub struct Column {
    name: &'static str,
    values: Values,
}

/// The values of a column. Cloning copies no value.
#[derive(Debug, Clone)]
pub enum Values {
    /// True or false.
    Flags(BooleanArray),
    /// Ports.
    U16(UInt16Array),
    /// Small counts, and rows of other tables.
    U32(Packed<UInt32Type>),
    /// Counts and ids.
    U64(Packed<UInt64Type>),
    /// Moments.
    I64(Int64Array),
    /// Shares and rates.
    F32(Float32Array),
    /// Durations and scores.
    F64(Float64Array),
    /// Texts.
    Text(TextValues),
}

/// The values of a column of texts.
#[derive(Debug, Clone)]
pub enum TextValues {
    /// Texts in the column itself.
    Own(LargeStringArray),
    /// Texts of a capture, as keys of the texts of all its columns; keys are in the order of the texts.
    Words(Packed<UInt32Type>, Arc<TextList>),
    /// Names that the program itself has, as keys: the members of an enum.
    Names(UInt8Array, Vocabulary),
    /// Sets of such names.
    Sets(UInt16Array, Vocabulary),
}

/// Texts of the program by their keys.
pub type Vocabulary = &'static [&'static str];

impl DataFrame {
    /// A frame of columns.
    ///
    /// # Errors
    /// [`Error::Analysis`] if they differ in length, or two have the same name: a bug.
    pub fn new(columns: Vec<Column>) -> Result<Self> {
        let mut frame = Self::default();
        columns.into_iter().try_for_each(|column| frame.push(column))?;
        Ok(frame)
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The columns in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether it has a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// The values of a column.
    ///
    /// # Errors
    /// [`Error::Analysis`] if there is no such column: a bug.
    pub fn column(&self, name: &str) -> Result<&Values> {
        let at = self.position(name);
        at.map(|at| &self.columns[at].values)
            .ok_or_else(|| Error::Analysis(format!("there is no column {name}")))
    }

    /// Adds a column after the last.
    ///
    /// # Errors
    /// [`Error::Analysis`] if it has another length, or the name of another column: a bug.
    pub fn push(&mut self, column: Column) -> Result<()> {
        self.insert(self.columns.len(), column)
    }

    /// Adds a column before that at `at`.
    ///
    /// # Errors
    /// As those of [`Self::push`].
    pub fn insert(&mut self, at: usize, column: Column) -> Result<()> {
        if self.has(column.name) {
            return Err(Error::Analysis(format!("there are two columns {}", column.name)));
        }
        self.check_length(&column)?;
        self.columns.insert(at, column);
        Ok(())
    }

    /// Replaces the column of the same name, or adds it after the last.
    ///
    /// # Errors
    /// [`Error::Analysis`] if it has another length: a bug.
    pub fn replace(&mut self, column: Column) -> Result<()> {
        let Some(at) = self.position(column.name) else { return self.push(column) };
        self.check_length(&column)?;
        self.columns[at] = column;
        Ok(())
    }

    /// The columns of these names, in this order.
    ///
    /// # Errors
    /// [`Error::Analysis`] if one is missing: a bug.
    pub fn select(&self, names: &[&'static str]) -> Result<Self> {
        let column = |name: &&'static str| Ok(Column { name, values: self.column(name)?.clone() });
        Ok(Self { columns: names.iter().map(column).collect::<Result<_>>()? })
    }

    /// All columns but those of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let columns = self.columns.iter().filter(|column| !names.contains(&column.name));
        Self { columns: columns.cloned().collect() }
    }

    /// Some rows, in this order.
    ///
    /// # Errors
    /// [`Error::Analysis`] if there is no such row: a bug.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        let column = |column: &Column| Ok(Column { name: column.name, values: column.values.take(rows)? });
        Ok(Self { columns: self.columns.iter().map(column).collect::<Result<_>>()? })
    }

    /// The rows of all frames, one frame after the other. Each column lets go of its pieces before the next is made.
    ///
    /// # Errors
    /// [`Error::Analysis`] if their columns differ: a bug.
    pub fn concat(frames: Vec<Self>) -> Result<Self> {
        let mut pieces: Vec<_> = frames.into_iter().map(|frame| frame.columns.into_iter()).collect();
        let mut columns = Vec::new();
        loop {
            let next: Vec<Column> = pieces.iter_mut().filter_map(Iterator::next).collect();
            let Some(first) = next.first() else { return Self::new(columns) };
            if next.len() == 1 {
                columns.extend(next);
                continue;
            }
            let arrays: Vec<ArrayRef> = next.iter().map(|column| column.values.widened()).collect();
            let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &**array).collect();
            let array = arrow_select::concat::concat(&arrays)?;
            columns.push(Column { name: first.name, values: first.values.with(&array) });
        }
    }

    /// Adds the columns of another frame after the last.
    ///
    /// # Errors
    /// As those of [`Self::push`].
    pub fn extend(&mut self, other: Self) -> Result<()> {
        other.columns.into_iter().try_for_each(|column| self.push(column))
    }

    /// Changes each column.
    pub fn map(&mut self, change: impl Fn(&mut Column)) {
        self.columns.iter_mut().for_each(change);
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    fn check_length(&self, column: &Column) -> Result<()> {
        if self.columns.is_empty() || column.values.len() == self.height() {
            return Ok(());
        }
        let (rows, height) = (column.values.len(), self.height());
        Err(Error::Analysis(format!("the column {} has {rows} rows in a table of {height}", column.name)))
    }
}

impl Column {
    /// A column of values.
    pub fn new(name: &'static str, values: Values) -> Self {
        Self { name, values }
    }

    /// A column of items that are values or, where some are unknown, options of values.
    pub fn of<T: Item>(name: &'static str, items: impl IntoIterator<Item = T>) -> Self {
        Self::new(name, T::values(items.into_iter()))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// If nothing is known in it, its values are made anew as zeroes that nobody writes, which take no memory.
    pub(crate) fn empty_if_unknown(&mut self) {
        let rows = self.values.len();
        if rows > 0 && self.values.null_count() == rows {
            let array = self.values.widened();
            self.values = self.values.with(&new_null_array(array.data_type(), rows));
        }
    }

    /// Takes less memory from here on, if few different numbers or texts occur, or nearly all numbers are small.
    pub(crate) fn pack(&mut self) {
        match &mut self.values {
            Values::U32(numbers) | Values::Text(TextValues::Words(numbers, _)) => pack(numbers),
            Values::U64(numbers) => pack(numbers),
            _ => {}
        }
    }
}

fn pack<T: ArrowPrimitiveType<Native: Hash + Eq>>(numbers: &mut Packed<T>) {
    let wide = mem::replace(numbers, Packed::Wide(PrimitiveArray::new_null(0)));
    *numbers = wide.packed();
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.array().len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows without a value.
    pub fn null_count(&self) -> usize {
        self.array().null_count()
    }

    /// Whether they are equal, null where the others are null.
    pub(crate) fn are_equal(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::U32(numbers), Self::U32(others)) => numbers == others,
            (Self::U64(numbers), Self::U64(others)) => numbers == others,
            _ => self.array() == others.array(),
        }
    }

    fn take(&self, rows: &UInt32Array) -> Result<Self> {
        Ok(match self {
            Self::U32(numbers) => Self::U32(numbers.at(rows.values())),
            Self::U64(numbers) => Self::U64(numbers.at(rows.values())),
            Self::Text(TextValues::Words(keys, texts)) => {
                Self::Text(TextValues::Words(keys.at(rows.values()), Arc::clone(texts)))
            }
            _ => self.with(&arrow_select::take::take(self.array(), rows, None)?),
        })
    }

    /// Numbers as they are, whether packed or not.
    fn widened(&self) -> ArrayRef {
        match self {
            Self::U32(numbers) | Self::Text(TextValues::Words(numbers, _)) => Arc::new(numbers.widened()),
            Self::U64(numbers) => Arc::new(numbers.widened()),
            _ => self.array().slice(0, self.len()),
        }
    }

    /// Of packed numbers, an array that is as long and has the same nulls.
    fn array(&self) -> &dyn Array {
        match self {
            Self::Flags(array) => array,
            Self::U16(array) | Self::Text(TextValues::Sets(array, _)) => array,
            Self::U32(numbers) | Self::Text(TextValues::Words(numbers, _)) => numbers.array(),
            Self::U64(numbers) => numbers.array(),
            Self::I64(array) => array,
            Self::F32(array) => array,
            Self::F64(array) => array,
            Self::Text(TextValues::Own(array)) => array,
            Self::Text(TextValues::Names(array, _)) => array,
        }
    }

    /// Other values of the same kind.
    fn with(&self, array: &ArrayRef) -> Self {
        match self {
            Self::Flags(_) => Self::Flags(array.as_boolean().clone()),
            Self::U16(_) => Self::U16(array.as_primitive().clone()),
            Self::U32(_) => Self::U32(array.as_primitive().clone().into()),
            Self::U64(_) => Self::U64(array.as_primitive().clone().into()),
            Self::I64(_) => Self::I64(array.as_primitive().clone()),
            Self::F32(_) => Self::F32(array.as_primitive().clone()),
            Self::F64(_) => Self::F64(array.as_primitive().clone()),
            Self::Text(texts) => Self::Text(texts.with(array)),
        }
    }
}

impl TextValues {
    fn with(&self, array: &ArrayRef) -> Self {
        match self {
            Self::Own(_) => Self::Own(array.as_string().clone()),
            Self::Words(_, texts) => Self::Words(array.as_primitive().clone().into(), Arc::clone(texts)),
            Self::Names(_, texts) => Self::Names(array.as_primitive().clone(), texts),
            Self::Sets(_, texts) => Self::Sets(array.as_primitive().clone(), texts),
        }
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::Analysis(error.to_string())
    }
}

/// What a column is made of: a value or, where some are unknown, an option of one.
pub trait Item: Sized {
    /// The values of a column.
    fn values(items: impl Iterator<Item = Self>) -> Values;
}

/// Numbers that a column can have.
pub trait Number: ArrowPrimitiveType + Sized {
    /// The numbers of a column; `None` if it has others.
    fn of(values: &Values) -> Option<Numbers<'_, Self>>;
}

/// The array of some numbers; without a mask if each is known.
pub(crate) fn numbers<T: ArrowPrimitiveType>(
    items: impl Iterator<Item = Option<T::Native>>,
) -> PrimitiveArray<T> {
    let array: PrimitiveArray<T> = items.collect();
    if array.null_count() > 0 {
        return array;
    }
    let (_, values, _) = array.into_parts();
    PrimitiveArray::new(values, None)
}

/// The array of some flags; without a mask if each is known.
fn flags(items: impl Iterator<Item = Option<bool>>) -> BooleanArray {
    let flags: BooleanArray = items.collect();
    if flags.null_count() > 0 { flags } else { flags.values().clone().into() }
}

macro_rules! items {
    ($($native:ty, $number:ty, $kind:ident;)+) => {
        $(impl Number for $number {
            fn of(values: &Values) -> Option<Numbers<'_, Self>> {
                if let Values::$kind(numbers) = values { Some(Numbers::new(numbers)) } else { None }
            }
        }

        impl Item for $native {
            fn values(items: impl Iterator<Item = Self>) -> Values {
                Values::$kind(PrimitiveArray::from_iter_values(items).into())
            }
        }

        impl Item for Option<$native> {
            fn values(items: impl Iterator<Item = Self>) -> Values {
                Values::$kind(numbers(items).into())
            }
        })+
    };
}

items! {
    u16, UInt16Type, U16;
    u32, UInt32Type, U32;
    u64, UInt64Type, U64;
    i64, Int64Type, I64;
    f32, Float32Type, F32;
    f64, Float64Type, F64;
}

impl Item for bool {
    fn values(items: impl Iterator<Item = Self>) -> Values {
        Values::Flags(flags(items.map(Some)))
    }
}

impl Item for Option<bool> {
    fn values(items: impl Iterator<Item = Self>) -> Values {
        Values::Flags(flags(items))
    }
}

macro_rules! text_items {
    ($($text:ty)+) => {
        $(impl Item for $text {
            fn values(items: impl Iterator<Item = Self>) -> Values {
                Values::Text(TextValues::Own(LargeStringArray::from_iter_values(items)))
            }
        }

        impl Item for Option<$text> {
            fn values(items: impl Iterator<Item = Self>) -> Values {
                Values::Text(TextValues::Own(items.collect()))
            }
        })+
    };
}

text_items! { &str String }

/// A frame of `name => items`; see [`Item`].
macro_rules! df {
    ($($name:literal => $items:expr),+ $(,)?) => {
        $crate::model::frame::DataFrame::new(vec![$($crate::model::frame::Column::of($name, $items)),+])
    };
}

pub(crate) use df;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::view::{Numbers, Words};

    fn ports(frame: &DataFrame) -> Vec<Option<u16>> {
        Numbers::<UInt16Type>::of(frame, "port").unwrap().iter().collect()
    }

    fn frame() -> DataFrame {
        df!("port" => [Some(443_u16), None, Some(80)], "name" => ["a", "b", "c"]).unwrap()
    }

    #[test]
    fn rows_are_taken_in_the_order_asked_for() {
        let taken = frame().take(&UInt32Array::from(vec![2, 1, 1])).unwrap();
        assert_eq!(ports(&taken), [Some(80), None, None]);
        let names = Words::of(&taken, "name").unwrap();
        assert_eq!([0, 1, 2].map(|row| names.get(row)), ["c", "b", "b"].map(Some));
    }

    #[test]
    fn frames_follow_each_other_and_must_have_the_same_columns() {
        let both = DataFrame::concat(vec![frame(), frame()]).unwrap();
        assert_eq!(ports(&both), [Some(443), None, Some(80), Some(443), None, Some(80)]);
        assert_eq!((both.height(), both.width()), (6, 2));
        let other = df!("port" => [1_u64], "name" => ["a"]).unwrap();
        assert!(DataFrame::concat(vec![frame(), other]).is_err());
        assert!(DataFrame::concat(vec![frame(), frame().without(&["name"])]).is_err());
    }

    #[test]
    fn columns_are_chosen_added_replaced_and_left_out() {
        let mut frame = frame();
        frame.insert(0, Column::of("id", [1_u64, 2, 3])).unwrap();
        frame.replace(Column::of("name", [Some("x"), None, None])).unwrap();
        let names: Vec<_> = frame.columns().iter().map(Column::name).collect();
        assert_eq!(names, ["id", "port", "name"]);
        assert_eq!(frame.column("name").unwrap().null_count(), 2);
        assert_eq!(frame.select(&["name", "id"]).unwrap().columns()[1].name(), "id");
        assert!(frame.select(&["none"]).is_err() && !frame.without(&["id"]).has("id"));
        assert!(frame.push(Column::of("id", [1_u64, 2, 3])).is_err(), "a second column of the name");
        assert!(frame.push(Column::of("pid", [1_u32])).is_err(), "another length");
    }

    #[test]
    fn a_column_of_which_nothing_is_known_stays_unknown() {
        let mut frame = df!("port" => [None::<u16>; 3], "name" => ["a", "b", "c"]).unwrap();
        frame.map(Column::empty_if_unknown);
        assert_eq!(ports(&frame), [None; 3]);
        assert_eq!(Words::of(&frame, "name").unwrap().get(2), Some("c"));
    }
}
