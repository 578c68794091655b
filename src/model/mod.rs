//! The shared vocabulary above the capture format: the tables of a capture, findings, the detector
//! interface, and the metrics.
//!
//! It is independent of the pass that fills the tables, and of detectors, reports and files.
//!
//! | module | content |
//! |---|---|
//! | [`records`], [`texts`], [`index`] | what the pass makes of rows: plain records, each string once |
//! | [`tables`] | the same as frames, and sums over them |
//! | [`frame`] | a table in memory: columns that are Arrow arrays |
//! | [`sockets`], [`processes`], [`view`] | typed row-by-row access to tables |
//! | [`queries`] | the same for DNS queries |
//! | [`attack`] | names of ATT&CK techniques |
//! | [`actor`] | the name of a process: its name, its script, its path |
//! | [`orientation`] | which end of a connection opened it |
//! | [`ids`], [`groups`], [`peers`] | connections as small keys, and grouped by them once for all detectors |
//! | [`surroundings`], [`address_lookups`] | what is normal among all connections; who asks for its own address |
//! | [`finding`] | a finding, which cannot be built without its evidence |
//! | [`about`], [`detector`], [`outcome`] | the description, the input and the output of a detector |
//! | [`metrics`] | the numbers of every section of the report |

pub mod about;
pub mod actor;
pub mod address_lookups;
pub mod attack;
pub mod csv;
pub mod detector;
pub mod features;
pub mod finding;
pub mod frame;
pub mod groups;
pub mod ids;
pub mod index;
pub mod metrics;
pub mod orientation;
pub mod outcome;
pub mod packed;
pub mod payloads;
pub mod peers;
pub mod processes;
pub mod queries;
pub mod records;
pub mod scope;
pub mod section;
pub mod socket_subset;
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
