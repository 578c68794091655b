//! Columns of a batch by their names and types.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array as _, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};

/// The columns of a batch; each error names the column that is missing or of another type.
pub(super) struct Columns<'a> {
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Self {
        Self { batch }
    }

    pub(super) fn text(&self, name: &str) -> Result<Texts<'a>, String> {
        let column = self.batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.map(Texts).ok_or_else(|| missing(name))
    }

    pub(super) fn long(&self, name: &str) -> Result<Longs<'a>, String> {
        let column = self.batch.column_by_name(name);
        let column = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
        column.map(Longs).ok_or_else(|| missing(name))
    }

    pub(super) fn int(&self, name: &str) -> Result<Ints<'a>, String> {
        let column = self.batch.column_by_name(name);
        let column = column.and_then(|column| column.as_primitive_opt::<Int32Type>());
        column.map(Ints).ok_or_else(|| missing(name))
    }

    pub(super) fn float(&self, name: &str) -> Result<Floats<'a>, String> {
        let column = self.batch.column_by_name(name);
        let column = column.and_then(|column| column.as_primitive_opt::<Float64Type>());
        column.map(Floats).ok_or_else(|| missing(name))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Flags<'a>, String> {
        let column = self.batch.column_by_name(name).and_then(|column| column.as_boolean_opt());
        column.map(Flags).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> String {
    format!("it has no column {name}")
}

/// Text; none where it is null.
pub(super) struct Texts<'a>(&'a StringArray);

impl<'a> Texts<'a> {
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// 64-bit numbers.
pub(super) struct Longs<'a>(&'a Int64Array);

impl Longs<'_> {
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// 32-bit numbers.
pub(super) struct Ints<'a>(&'a Int32Array);

impl Ints<'_> {
    pub(super) fn get(&self, row: usize) -> Option<i32> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// Fractions.
pub(super) struct Floats<'a>(&'a Float64Array);

impl Floats<'_> {
    pub(super) fn get(&self, row: usize) -> Option<f64> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// Truths.
pub(super) struct Flags<'a>(&'a BooleanArray);

impl Flags<'_> {
    pub(super) fn get(&self, row: usize) -> Option<bool> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}
