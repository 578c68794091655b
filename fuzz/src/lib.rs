//! The parsers of netrec, from its own source files, without the heavy crates around them.

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/filter/mod.rs"]
pub mod filter;
pub mod geo;
#[cfg(feature = "capture-file")]
#[path = "../../src/guard.rs"]
#[allow(dead_code, reason = "no detector runs here")]
mod guard;
#[path = "../../src/hex.rs"]
#[allow(dead_code, reason = "keys and signatures are not read here")]
mod hex;
#[path = "../../src/import/mod.rs"]
pub mod import;
pub mod model;
#[path = "../../src/suggest.rs"]
mod suggest;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

#[cfg(not(feature = "capture-file"))]
pub mod capture;
#[cfg(feature = "capture-file")]
#[path = "../../src/capture/mod.rs"]
pub mod capture;
pub mod files;
#[cfg(feature = "capture-file")]
pub mod recordings;
#[cfg(feature = "capture-file")]
#[path = "../../src/safe_fs/mod.rs"]
#[allow(dead_code, reason = "reports and exports are not made here")]
pub mod safe_fs;

pub use error::{Error, Result};
