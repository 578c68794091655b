//! Watches the live host on the screen of `replay`, and records what is seen from a minute before.
//!
//! ```text
//!  record::observe ─► sampler ─► feed ─┬─► live, a source of the screen ◄─┐
//!   (a thread of its own)              ├─► analyst: the detectors ─► board ┘
//!                                      └─► relay ─► record::record ─► a capture
//! ```
//!
//! The feed holds the last minutes, packed. A recording is [`crate::record::record`] as it always
//! is, with a host and a clock that give what the feed holds of the last minute and then what comes,
//! so that a capture of `watch` is as safe and as honest as any other. The detectors are those of
//! [`crate::analyze`], over a capture in memory.

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
