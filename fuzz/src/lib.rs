//! The parsers of netrec, from its own source files, without the heavy crates around them.

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/filter/mod.rs"]
pub mod filter;
#[path = "../../src/import/mod.rs"]
pub mod import;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

pub mod capture;
pub mod files;

pub use error::{Error, Result};
