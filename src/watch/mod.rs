//! Watches the live host on the screen of `replay`, and records what is seen from a minute before.
//!
//! ```text
//!  record::observe ─► sampler ─► feed ─┬─► live, a source of the screen
//!   (a thread of its own)  │           └─► relay ─► record::record ─► a capture
//!            tracker, detectors
//! ```
//!
//! The feed holds the last minute, packed. A recording is [`crate::record::record`] as it always
//! is, with a host and a clock that give what the feed holds and then what comes, so that a
//! capture of `watch` is as safe and as honest as any other.

mod activity;
mod detectors;
mod feed;
mod live;
mod recorder;
mod relay;
mod sampler;
mod tracker;

pub use live::Live;
pub use recorder::Recordings;
