//! Analyzes many hosts at once, for what no single recording shows.
//!
//! ```text
//! captures ─ map: each host's recording analyzed, its tables written ─► tables/TABLE-BATCH.parquet
//!                                                                          │
//!          reduce: clocks, edges, prevalence, beacons, scans, hops, spread ▼
//!                                            results/*.parquet, fleet.json, fleet.html
//! ```
//!
//! The map step works on batches of captures, which other machines can process. A file is named
//! after its captures, so that a batch that is analyzed twice gives the same files. A capture that
//! cannot be read becomes a row with its error in the table of captures.
//!
//! The reduction needs some 200 bytes of memory per connection. It gives the same rows as the
//! statements in `sql/` on the tables in `DuckDB` or Spark; tests compare them.

mod batch;
mod beacons;
mod captures;
mod chains;
mod clocks;
mod columns;
mod conn;
mod edges;
mod hosts;
mod load;
mod map;
mod names;
mod page;
mod prevalence;
mod reduce;
pub mod report;
mod results;
mod rows;
mod scans;
mod sockets;
mod spread;
mod summarize;

pub use self::batch::{Batch, Source, batches};
pub use self::captures::{Captures, LocalFiles, Opened};
pub use self::map::{Inputs, Outcome, Put, Take, map};
pub use self::reduce::{Limits, Reducer};
pub use self::report::Report;
pub use self::results::RESULTS;

/// SQL statements with which other engines compute the results from the tables, in order of
/// execution; each result becomes a table of that name.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("conns", include_str!("sql/conns.sql")),
    ("owners", include_str!("sql/owners.sql")),
    ("ends", include_str!("sql/ends.sql")),
    ("clock_pairs", include_str!("sql/clock_pairs.sql")),
    ("host_clocks", include_str!("sql/host_clocks.sql")),
    ("aligned", include_str!("sql/aligned.sql")),
    ("candidates", include_str!("sql/candidates.sql")),
    ("edges", include_str!("sql/edges.sql")),
    ("unmatched", include_str!("sql/unmatched.sql")),
    ("prevalence_destinations", include_str!("sql/prevalence_destinations.sql")),
    ("prevalence_executables", include_str!("sql/prevalence_executables.sql")),
    ("prevalence_listeners", include_str!("sql/prevalence_listeners.sql")),
    ("beacons", include_str!("sql/beacons.sql")),
    ("scans", include_str!("sql/scans.sql")),
    ("hops", include_str!("sql/hops.sql")),
    ("spread", include_str!("sql/spread.sql")),
];
