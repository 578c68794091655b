//! Shows the live host on the screen of `replay`, and can record it starting a minute earlier.
//!
//! ```text
//!  record::observe ─► sampler ─► feed ─┬─► live, a source of the screen ◄─┐
//!   (a thread of its own)              ├─► analyst: the detectors ─► board ┘
//!                                      └─► relay ─► record::record ─► a capture
//! ```
//!
//! The feed holds the last minutes in compact form. A recording uses the ordinary
//! [`crate::record::record`] with a host and a clock that replay the last minute from the feed and
//! then follow it, so that a capture of `watch` is as reliable as any other. The detectors are
//! those of [`crate::analyze`], over a capture in memory.

mod activity;
mod analyst;
mod board;
mod feed;
mod live;
mod recorder;
mod relay;
mod sampler;

pub use live::Live;
pub use recorder::Recordings;
