//! An analysis as tables for other engines: Parquet files with signed numbers, one row a fact.
//!
//! [`schema::TABLES`] names every table and column once; `schemas/fleet.v1.json` is made of it. The
//! rows of one recording come from [`Recording`], and a [`Writer`] makes a file of them. Whoever has
//! the tables of many hosts joins them by `host_id`, `boot_id` and `capture_id`.

mod build;
mod findings;
mod identity;
pub mod schema;
mod write;

pub use self::build::Recording;
pub use self::identity::Identity;
pub use self::write::{Writer, read};
