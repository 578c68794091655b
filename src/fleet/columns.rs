//! Accesses the columns of a batch by name and type.

use arrow_array::{
    Array, ArrayAccessor, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};

/// The columns of a batch; errors name the column that is missing or of another type.
pub(super) struct Columns<'a> {
    batch: &'a RecordBatch,
}

/// A column; null values are `None`.
pub(super) struct Values<A>(A);

pub(super) type Texts<'a> = Values<&'a StringArray>;
pub(super) type Longs<'a> = Values<&'a Int64Array>;
pub(super) type Ints<'a> = Values<&'a Int32Array>;
pub(super) type Floats<'a> = Values<&'a Float64Array>;
pub(super) type Flags<'a> = Values<&'a BooleanArray>;

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Self {
        Self { batch }
    }

    pub(super) fn text(&self, name: &str) -> Result<Texts<'a>, String> {
        self.column(name)
    }

    pub(super) fn long(&self, name: &str) -> Result<Longs<'a>, String> {
        self.column(name)
    }

    pub(super) fn int(&self, name: &str) -> Result<Ints<'a>, String> {
        self.column(name)
    }

    pub(super) fn float(&self, name: &str) -> Result<Floats<'a>, String> {
        self.column(name)
    }

    pub(super) fn flag(&self, name: &str) -> Result<Flags<'a>, String> {
        self.column(name)
    }

    fn column<A: Array + 'static>(&self, name: &str) -> Result<Values<&'a A>, String> {
        let column = self.batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
        column.map(Values).ok_or_else(|| format!("it has no column {name}"))
    }
}

impl<A: ArrayAccessor> Values<A> {
    pub(super) fn get(&self, row: usize) -> Option<A::Item> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}
