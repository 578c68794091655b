//! How a table is declared: once.

/// Declares a table, column by column, with what each means.
///
/// A column is `name: type` or, where it has nulls, `name: type or null`; see [`Cell`] for the
/// types. From the declaration come
///
/// - the record, `Row<TextId>` (`Row` for a table without texts), of which `frame` makes the frame;
/// - the view of the frame, with a method per column and `get` for a whole row, `Row<&str>`;
/// - `COLUMNS`, the names and meanings of the columns.
///
/// [`Cell`]: super::cell::Cell
macro_rules! table {
    ($(#[$view_doc:meta])* $view:ident of $(#[$row_doc:meta])* $row:ident<T> $columns:tt) => {
        $crate::model::tables::declare::table! {
            @table [$(#[$view_doc])*] $view [$(#[$row_doc])*] $row
            [<T>] [<T: Copy>] [<T: Copy>] [<T: std::fmt::Debug>]
            [<$crate::model::records::TextId>] [<&'a str>] $columns
        }
    };
    ($(#[$view_doc:meta])* $view:ident of $(#[$row_doc:meta])* $row:ident $columns:tt) => {
        $crate::model::tables::declare::table! {
            @table [$(#[$view_doc])*] $view [$(#[$row_doc])*] $row [] [] [] [] [] [] $columns
        }
    };
    (
        @table [$(#[$view_doc:meta])*] $view:ident [$(#[$row_doc:meta])*] $row:ident
        [$($text:tt)*] [$($clone:tt)*] [$($copy:tt)*] [$($debug:tt)*] [$($record:tt)*] [$($seen:tt)*]
        { $($(#[doc = $doc:literal])+ $name:ident: $cell:ident $(or $null:ident)?,)+ }
    ) => {
        $(#[$row_doc])*
        pub struct $row $($text)* {
            $($(#[doc = $doc])+ pub $name: table!(@field T, $cell $(or $null)?),)+
        }

        // Written out, as a field whose type is a macro's has no derive.
        #[allow(clippy::expl_impl_clone_on_copy, reason = "derive does not see through macros")]
        impl $($clone)* Clone for $row $($text)* {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl $($copy)* Copy for $row $($text)* {}

        impl $($debug)* std::fmt::Debug for $row $($text)* {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($row))$(.field(stringify!($name), &self.$name))+.finish()
            }
        }

        impl $row $($record)* {
            /// The frame of some records, each of which becomes a row.
            ///
            /// # Errors
            /// If two columns have the same name: a bug.
            pub(crate) fn frame<'r, R>(
                records: &'r [R],
                texts: &$crate::model::tables::columns::TextColumns,
                row: impl Fn(&'r R) -> Self,
            ) -> $crate::Result<$crate::model::frame::DataFrame> {
                let columns = vec![$({
                    let cells = records.iter().map(|record| table!(@some row(record).$name $(, $null)?));
                    let values = <$cell as $crate::model::tables::cell::Cell>::values(texts, cells);
                    $crate::model::frame::Column::new(stringify!($name), values)
                }),+];
                $crate::model::frame::DataFrame::new(columns)
            }
        }

        $(#[$view_doc])*
        pub struct $view<'a> {
            rows: usize,
            $($name: table!(@view 'a, $cell),)+
        }

        impl<'a> $view<'a> {
            /// Every column with its meaning.
            pub const COLUMNS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($name), concat!($($doc),+)),)+];

            /// The view of a frame.
            ///
            /// # Errors
            /// [`crate::Error::Analysis`] if a column is missing or not of its type: a bug.
            pub fn of(frame: &'a $crate::model::frame::DataFrame) -> $crate::Result<Self> {
                Ok(Self {
                    rows: frame.height(),
                    $($name: <$cell as $crate::model::tables::cell::Cell>::view(frame, stringify!($name))?,)+
                })
            }

            /// Number of rows.
            pub fn len(&self) -> usize {
                self.rows
            }

            /// Whether there is no row.
            pub fn is_empty(&self) -> bool {
                self.rows == 0
            }

            /// A row. Fields that nobody asks for are not looked up, as the compiler sees them.
            #[allow(clippy::inline_always, reason = "left to itself, the compiler looks up every field of every row")]
            #[inline(always)]
            pub fn get(&self, row: usize) -> $row $($seen)* {
                $row { $($name: self.$name(row),)+ }
            }

            $(
                $(#[doc = $doc])+
                #[allow(clippy::inline_always, reason = "as that of `get`")]
                #[inline(always)]
                pub fn $name(&self, row: usize) -> table!(@field &'a str, $cell $(or $null)?) {
                    let cell = <$cell as $crate::model::tables::cell::Cell>::get(&self.$name, row);
                    table!(@get cell, $cell $(or $null)?)
                }
            )+
        }
    };
    (@field $text:ty, Text) => { $text };
    (@field $text:ty, Text or null) => { Option<$text> };
    (@field $text:ty, $cell:ident) => { $cell };
    (@field $text:ty, $cell:ident or null) => { Option<$cell> };
    // Spelled out and not `<$cell as Cell>::View<'a>`, so that a view of something that lives long is
    // one of something that lives less long.
    (@view $a:lifetime, u16) => { $crate::model::view::Numbers<$a, $crate::model::frame::UInt16Type> };
    (@view $a:lifetime, u32) => { $crate::model::view::Numbers<$a, $crate::model::frame::UInt32Type> };
    (@view $a:lifetime, u64) => { $crate::model::view::Numbers<$a, $crate::model::frame::UInt64Type> };
    (@view $a:lifetime, i64) => { $crate::model::view::Numbers<$a, $crate::model::frame::Int64Type> };
    (@view $a:lifetime, f32) => { $crate::model::view::Numbers<$a, $crate::model::frame::Float32Type> };
    (@view $a:lifetime, f64) => { $crate::model::view::Numbers<$a, $crate::model::frame::Float64Type> };
    (@view $a:lifetime, bool) => { $crate::model::view::Flags<$a> };
    (@view $a:lifetime, Text) => { $crate::model::view::Words<$a> };
    (@view $a:lifetime, $cell:ident) => { $crate::model::view::Names<$a, $cell> };
    (@some $value:expr) => { Some($value) };
    (@some $value:expr, null) => { $value };
    (@get $value:ident, $cell:ident) => {
        match $value {
            Some(value) => value,
            None => <$cell as $crate::model::tables::cell::Cell>::absent(),
        }
    };
    (@get $value:ident, $cell:ident or null) => { $value };
}

pub(super) use table;
