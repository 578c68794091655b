//! Looks into a recording: the samples of a capture as rows for programs and as a screen.

pub mod listing;
pub mod time;

pub use time::When;
