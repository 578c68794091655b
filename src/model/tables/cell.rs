//! The types that a column can have: how a cell is kept in a record, in a frame, and in a view.

use super::columns::TextColumns;
use crate::Result;
use crate::capture::{OwnerSource, Protocol, TcpState};
use crate::model::frame::{
    DataFrame, Float32Type, Float64Type, Int64Type, Item, TextValues, UInt16Type, UInt32Type, UInt64Type,
    Values, Vocabulary, numbers,
};
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

    /// The values of a column of some cells.
    fn values(texts: &TextColumns, cells: impl Iterator<Item = Option<Self::Value<TextId>>>) -> Values;
}

macro_rules! number_cells {
    ($($native:ty, $number:ty;)+) => {
        $(impl Cell for $native {
            type Value<T> = $native;
            type View<'a> = Numbers<'a, $number>;

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

            fn values(_: &TextColumns, cells: impl Iterator<Item = Option<$native>>) -> Values {
                Item::values(cells)
            }
        })+
    };
}

number_cells! {
    u16, UInt16Type;
    u32, UInt32Type;
    u64, UInt64Type;
    i64, Int64Type;
    f32, Float32Type;
    f64, Float64Type;
}

impl Cell for bool {
    type Value<T> = bool;
    type View<'a> = Flags<'a>;

    fn view<'a>(frame: &'a DataFrame, column: &str) -> Result<Flags<'a>> {
        Flags::of(frame, column)
    }

    #[inline]
    fn get<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<&'a str>> {
        view.get(row)
    }

    fn absent() -> bool {
        false
    }

    fn values(_: &TextColumns, cells: impl Iterator<Item = Option<bool>>) -> Values {
        Item::values(cells)
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

    fn values(texts: &TextColumns, cells: impl Iterator<Item = Option<TextId>>) -> Values {
        texts.column(cells)
    }
}

/// What the program itself has a text for: an enum, or a set of an enum's members.
pub trait Named: Copy + 'static {
    /// What stands for a null in a column that has none.
    const ABSENT: Self;

    /// The texts that stand in the tables, by key.
    fn texts() -> Vocabulary;

    /// The key of its text; none for an empty set, which is null in the tables.
    fn key(self) -> Option<u16>;

    /// What has this key.
    fn from_key(key: usize) -> Option<Self>;

    /// What has this text.
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! named_cells {
    ($($named:ty, $kind:ident, $key:expr;)+) => {
        $(impl Cell for $named {
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

            fn values(_: &TextColumns, cells: impl Iterator<Item = Option<$named>>) -> Values {
                let keys = cells.map(|cell| cell.and_then(Named::key).map($key));
                Values::Text(TextValues::$kind(numbers(keys), <$named as Named>::texts()))
            }
        })+
    };
}

macro_rules! enums {
    ($($named:ty, $absent:expr;)+) => {
        $(impl Named for $named {
            const ABSENT: Self = $absent;

            fn texts() -> Vocabulary {
                Self::TEXTS
            }

            fn key(self) -> Option<u16> {
                Some(self as u16)
            }

            #[inline]
            fn from_key(key: usize) -> Option<Self> {
                Self::ALL.get(key).copied()
            }

            fn from_text(text: &str) -> Option<Self> {
                Self::from_text(text)
            }
        })+

        named_cells! { $($named, Names, |key| key as u8;)+ }
    };
}

enums! {
    Protocol, Self::Tcp;
    Role, Self::Unconnected;
    Direction, Self::Outbound;
    Scope, Self::Reserved;
    TcpState, Self::Close;
    OwnerSource, Self::Import;
}

impl Named for States {
    const ABSENT: Self = Self::NONE;

    fn texts() -> Vocabulary {
        Self::texts()
    }

    fn key(self) -> Option<u16> {
        Some(self.bits()).filter(|bits| *bits > 0)
    }

    #[inline]
    fn from_key(key: usize) -> Option<Self> {
        Self::from_bits(key)
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::from_text(text)
    }
}

named_cells! { States, Sets, |key| key; }
