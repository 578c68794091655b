//! The types that a column can have: how a cell is kept in a record, in a frame, and in a view.

use polars::prelude::*;

use super::columns::TextColumns;
use crate::Result;
use crate::capture::{OwnerSource, Protocol, TcpState};
use crate::model::records::{Direction, Role, Scope, TextId};
use crate::model::states::States;
use crate::model::view::{Flags, Names, Numbers, Words};

/// The type of a column.
pub trait Cell {
    /// A cell. `T` is how a text is kept: as its id in a record, as itself in a view.
    type Value<T>;
    /// The column of a frame, read row by row.
    type View<'a>;

    /// The view of a column.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if the column is missing or not of this type: a bug.
    fn view<'a>(frame: &'a DataFrame, column: &str) -> Result<Self::View<'a>>;

    /// The cell of a row; none if it is null or there is no such row.
    fn get<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<&'a str>>;

    /// What stands for a null in a column that has none.
    fn absent() -> Self::Value<&'static str>;

    /// The column of some cells.
    ///
    /// # Errors
    /// If there are more texts than keys.
    fn column(
        name: &str,
        texts: &TextColumns,
        cells: impl Iterator<Item = Option<Self::Value<TextId>>>,
    ) -> Result<Column>;
}

macro_rules! numbers {
    ($($native:ty, $polars:ty, $array:ty;)+) => {
        $(impl Cell for $native {
            type Value<T> = $native;
            type View<'a> = Numbers<'a, $polars>;

            fn view<'a>(frame: &'a DataFrame, column: &str) -> Result<Self::View<'a>> {
                Numbers::of(frame, column)
            }

            #[inline]
            fn get<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<&'a str>> {
                view.get(row)
            }

            fn absent() -> $native {
                <$native>::default()
            }

            fn column(
                name: &str,
                _: &TextColumns,
                cells: impl Iterator<Item = Option<$native>>,
            ) -> Result<Column> {
                let column: $array = cells.collect();
                Ok(column.with_name(name.into()).into_column())
            }
        })+
    };
}

numbers! {
    u16, UInt16Type, UInt16Chunked;
    u32, UInt32Type, UInt32Chunked;
    u64, UInt64Type, UInt64Chunked;
    i64, Int64Type, Int64Chunked;
    f32, Float32Type, Float32Chunked;
    f64, Float64Type, Float64Chunked;
}

impl Cell for bool {
    type Value<T> = bool;
    type View<'a> = Flags<'a>;

    fn view<'a>(frame: &'a DataFrame, column: &str) -> Result<Flags<'a>> {
        Flags::new(frame, column)
    }

    #[inline]
    fn get<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<&'a str>> {
        view.get(row)
    }

    fn absent() -> bool {
        false
    }

    fn column(name: &str, _: &TextColumns, cells: impl Iterator<Item = Option<bool>>) -> Result<Column> {
        let column: BooleanChunked = cells.collect();
        Ok(column.with_name(name.into()).into_column())
    }
}

/// A text of the capture or of a database.
#[derive(Debug)]
pub struct Text;

impl Cell for Text {
    type Value<T> = T;
    type View<'a> = Words<'a>;

    fn view<'a>(frame: &'a DataFrame, column: &str) -> Result<Words<'a>> {
        Words::of(frame, column)
    }

    #[inline]
    fn get<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<&'a str>> {
        view.get(row)
    }

    fn absent() -> &'static str {
        ""
    }

    fn column(
        name: &str,
        texts: &TextColumns,
        cells: impl Iterator<Item = Option<TextId>>,
    ) -> Result<Column> {
        Ok(texts.text(name, cells))
    }
}

/// What the program itself has a text for: an enum, or a set of an enum's members.
pub trait Named: Copy + 'static {
    /// What stands for a null in a column that has none.
    const ABSENT: Self;

    /// The text that stands in the tables; none for an empty set, which is null there.
    fn text(self) -> Option<&'static str>;

    /// What has this text.
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! named {
    ($($named:ty, $keys:ident, $absent:expr, $text:expr, $from_text:expr;)+) => {
        $(impl Named for $named {
            const ABSENT: Self = $absent;

            fn text(self) -> Option<&'static str> {
                $text(self)
            }

            fn from_text(text: &str) -> Option<Self> {
                $from_text(text)
            }
        }

        impl Cell for $named {
            type Value<T> = $named;
            type View<'a> = Names<'a, $named>;

            fn view<'a>(frame: &'a DataFrame, column: &str) -> Result<Self::View<'a>> {
                Names::of(frame, column)
            }

            #[inline]
            fn get<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<&'a str>> {
                view.get(row)
            }

            fn absent() -> $named {
                Self::ABSENT
            }

            fn column(
                name: &str,
                texts: &TextColumns,
                cells: impl Iterator<Item = Option<$named>>,
            ) -> Result<Column> {
                texts.$keys(name, cells.map(|cell| cell.and_then(Named::text)))
            }
        })+
    };
}

named! {
    Protocol, names, Self::Tcp, |named: Self| Some(named.as_str()), Self::from_text;
    Role, names, Self::Unconnected, |named: Self| Some(named.as_str()), Self::from_text;
    Direction, names, Self::Outbound, |named: Self| Some(named.as_str()), Self::from_text;
    Scope, names, Self::Reserved, |named: Self| Some(named.as_str()), Self::from_text;
    TcpState, names, Self::Close, |named: Self| Some(named.as_str()), Self::from_text;
    OwnerSource, names, Self::Import, |named: Self| Some(named.as_str()), Self::from_text;
    States, sets, Self::NONE, States::text, Self::from_text;
}
