//! An analysis as tables for other engines: Parquet files with signed numbers, one row per fact.
//!
//! [`schema::TABLES`] defines every table and column once, and generates `schemas/fleet.v1.json`.
//! [`Recording`] provides the rows of a recording, and a [`Writer`] writes them to a file. Tables
//! of many hosts are joined by `host_id`, `boot_id` and `capture_id`.

mod build;
mod findings;
mod identity;
mod ocsf;
pub mod schema;
mod write;

pub(crate) use self::build::{Cell, batch, int, text};
pub use self::build::{Recording, not_analyzed};
pub use self::identity::Identity;
pub use self::ocsf::network_activity;
pub(crate) use self::write::TABLE_KEY;
pub use self::write::{Writer, is_table, read, read_file};
