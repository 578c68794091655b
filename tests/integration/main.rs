//! Tests of the built program, run like by a user. One binary, so that the heavy crates are linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod accessibility;
mod analyze;
#[cfg(target_os = "linux")]
mod attribution;
mod bad_input;
mod broken_off;
mod browser;
mod capture_format;
mod crash;
mod decoys;
mod diff;
mod docs;
mod dump;
mod evidence;
mod expectations;
mod filter;
mod fixture;
mod fleet;
#[cfg(target_os = "linux")]
mod fleet_live;
mod geo;
mod golden;
mod hostile;
mod import;
mod import_input;
mod import_owned;
mod import_pcap;
mod import_tables;
mod import_text;
mod import_tools;
mod import_wrapped;
mod metrics;
mod namespaces;
mod old_captures;
#[cfg(target_os = "linux")]
mod packets;
mod page;
mod page_filter;
mod protocols;
mod public_captures;
mod random_files;
#[cfg(target_os = "linux")]
mod record;
mod redaction;
mod replay;
mod report;
mod runner;
#[cfg(target_os = "linux")]
mod safety;
mod scene;
mod series;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
mod short_lived;
mod storage;
mod tables;
mod terminal;
mod tshark;
#[cfg(target_os = "linux")]
mod watch;
mod zeek_oracle;

// The command line: documentation, standard streams, times.
#[cfg(target_os = "linux")]
mod commands;
#[cfg(target_os = "linux")]
mod packages;
mod standard_streams;
mod times;
mod verbosity;
