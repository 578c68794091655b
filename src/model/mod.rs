//! What everything above the capture format speaks in: the tables of a capture, findings, the
//! contract of detectors, and the metrics.
//!
//! It knows nothing of the pass that fills the tables, of any detector, of reports or files.
//!
//! | module | what it declares |
//! |---|---|
//! | [`records`], [`texts`], [`index`] | what the pass makes of rows: plain records, each string once |
//! | [`tables`] | the same as polars frames, and sums over them |
//! | [`sockets`], [`processes`], [`view`] | tables read row by row, with types |
//! | [`queries`] | DNS questions, read the same way |
//! | [`attack`] | names of ATT&CK techniques |
//! | [`actor`] | what a process is called: its name, its script, its path |
//! | [`orientation`] | which end of a connection opened it |
//! | [`ids`], [`groups`], [`peers`] | connections as small keys, and grouped by them once for all detectors |
//! | [`surroundings`] | what is normal among all connections |
//! | [`finding`] | a finding, which cannot be built without its evidence |
//! | [`about`], [`detector`], [`outcome`] | what a detector is, is given, and gives |
//! | [`metrics`] | the numbers of every section of the report |

pub mod about;
pub mod actor;
pub mod attack;
pub mod csv;
pub mod detector;
pub mod features;
pub mod finding;
pub mod groups;
pub mod ids;
pub mod index;
pub mod members;
pub mod metrics;
pub mod orientation;
pub mod outcome;
pub mod payloads;
pub mod peers;
pub mod processes;
pub mod queries;
pub mod records;
pub mod scope;
pub mod section;
pub mod sockets;
pub mod states;
pub mod stats;
pub mod surroundings;
pub mod tables;
#[cfg(test)]
pub(crate) mod testing;
pub mod texts;
pub mod threat_intel;
pub mod view;

pub use tables::Tables;
