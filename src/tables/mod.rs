//! An analysis as tables for other engines: Parquet files with signed numbers, one row a fact.
//!
//! [`schema::TABLES`] names every table and column once; `schemas/fleet.v1.json` is made of it. The
//! rows of one recording come from [`Recording`], and a [`Writer`] makes a file of them. Whoever has
//! the tables of many hosts joins them by `host_id`, `boot_id` and `capture_id`.

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
