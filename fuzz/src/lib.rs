//! The parsers of netrec, from its own source files, without the heavy crates around them.

#[path = "../../src/import/flow/mod.rs"]
pub mod flow;
#[path = "../../src/import/pcap/frames/mod.rs"]
pub mod frames;
#[path = "../../src/capture/row.rs"]
mod row;

/// The types of a row, which flows become.
pub mod capture {
    pub use crate::row::{Counters, Kind, Owner, OwnerSource, Protocol, Row, TcpState};
}

/// What reads foreign files.
pub mod import {
    pub use crate::flow;

    /// Packet captures.
    pub mod pcap {
        pub use crate::frames;
    }
}

#[path = "../../src/wire/mod.rs"]
pub mod wire;
