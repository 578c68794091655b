//! netrec: a flight recorder for a host's network.
//!
//! # Bird's-eye view
//!
//! ```text
//!  live host ─► record ─┐
//!                       ├─► capture.parquet ─► analyze ─► report
//!  Zeek, pcap ─► import ─┘   (the one hub)      (tables, detectors,   (JSON, HTML, charts,
//!                                                metrics, findings)    CSV, Markdown)
//! ```
//!
//! Data flows one way, and the folders of `src/` lie in that order:
//!
//! | folder | what lives there |
//! |---|---|
//! | [`cli`] | one file per subcommand: arguments in, a sentence and an exit code out |
//! | [`record`] | what the host gives (sockets, owners, process facts) and the loop that asks for it once a tick |
//! | [`import`] | other tools' files, one importer each, into the same capture |
//! | [`wire`] | what a packet's payload says: names in DNS answers and in TLS hellos |
//! | [`capture`] | the file format: schema, rows, metadata, writer, reader |
//! | [`geo`] | where an address is, from local databases |
//! | [`baseline`] | what is normal on a host or in a fleet, learned from recordings |
//! | [`indicators`] | lists of what to look for, one format per file |
//! | [`model`] | what everything from here on speaks in: tables, findings, the contract of detectors, metrics |
//! | [`analyze`] | the pass over a capture, its tables, the metrics, the detectors and their findings |
//! | [`insight`] | findings joined into hypotheses |
//! | [`tables`] | an analysis as Parquet tables for other engines |
//! | [`diff`] | what is new between two captures of a host |
//! | [`humanize`] | the one style for numbers, sizes, durations, times and plurals that people read |
//! | [`filter`] | the language in which commands are told which connections to look at |
//! | [`replay`] | a moment of a recording as rows and as a screen |
//! | [`watch`] | the live host on the same screen, and recordings that begin a minute before |
//! | [`export`] | the connections for other programs, one exporter each |
//! | [`fleet`] | many hosts at once: edges between them, prevalence, what spreads |
//! | [`s3`] | object storage: `s3://bucket/key` read, written and listed |
//! | [`safe_fs`] | the only way in which files are created, replaced and removed |
//! | [`escape`] | hostile text made harmless, one way for each output |
//! | [`report`] | the folder that is attached to the ticket: JSON, HTML, CSV, Markdown, charts, OCSF, STIX, a manifest |
//!
//! # Invariants
//!
//! - **Nothing is invented.** A counter that the kernel does not give is null from the
//!   recorder to the report; an owner that is not known is null, never a guess.
//! - **Only `capture` and `tables` know Parquet.** `record` and `import` write through
//!   [`capture::Writer`], `analyze` reads through [`capture::CaptureFile`]; `tables` is what other
//!   engines read.
//! - **`analyze` does no I/O of its own and never reads the clock**: it is handed a capture,
//!   a configuration and the geolocation databases, and the same three give a byte-identical
//!   `report.json` (everything seeded, everything that came out of a hash map sorted).
//! - **Detectors do not know each other**, nor the report. One detector is one file in
//!   `src/analyze/detectors/` and one line in its list; one chart is one file in
//!   `src/report/charts/` and one line in its list; one importer is one file in `src/import/`
//!   and one line in its list.
//! - **A finding cannot be built without evidence**: the connections, the measured values
//!   beside their thresholds, and the moment to look at.
//! - **Everything in a capture is hostile input.** Process names and command lines are chosen
//!   by whoever is being investigated; each output escapes them in its own way
//!   (see [`escape`]), and no parser allocates from a length that a file claims.
//! - **The host, the clock and the terminal are handed in**, so that tests hand in their own.
//! - **netrec removes and replaces only what it can prove that it wrote**, and whoever only reads
//!   writes nothing: files are created, renamed and removed through [`safe_fs`] alone.
//! - **Errors are handled once**: the library returns [`Error`], and only `main` turns one
//!   into a sentence on standard error and an exit code.

// They panic where nobody reads any more.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod analyze;
pub mod baseline;
pub mod capture;
pub mod cli;
pub mod diff;
pub mod error;
pub mod escape;
pub mod export;
pub mod filter;
pub mod fleet;
pub mod geo;
mod guard;
mod hex;
pub mod humanize;
pub mod import;
pub mod indicators;
pub mod insight;
#[cfg(test)]
mod layers;
mod memory;
pub mod model;
mod parallel;
pub mod record;
pub mod replay;
pub mod report;
pub mod s3;
pub mod safe_fs;
#[cfg(unix)]
mod signals;
mod suggest;
pub mod tables;
pub mod watch;
pub mod wire;

pub use error::{Error, Result};
