//! Flows: packets in, rows of a capture out.
//!
//! The [`Table`] keeps what is open and bounds it, a [`Flow`] counts its two [`Side`]s and knows
//! their states, the [`Tracker`] turns packets into rows: one when a flow opens, changes its TCP
//! state or closes, and one for each second in which something else about it changed. Between
//! its rows nothing happened to a flow, so that idle ones cost nothing.
//!
//! States and byte counts follow Zeek's rules, whose `conn.log` is the oracle of the tests.

mod clock;
mod conn_state;
mod copies;
mod fragments;
mod names;
mod opening;
mod owner;
mod ports;
mod queries;
mod record;
mod side;
mod table;
mod tcp;
mod tracker;

pub use clock::Clock;
pub use conn_state::{ConnState, conn_state};
pub use owner::FrameOwner;
pub(super) use ports::comes_from_server;
pub use record::Flow;
pub use side::{Side, SideState};
pub use table::{Limits, Table};
pub use tracker::{FlowStats, Frame, Sink, Taken, Tracker};

#[cfg(test)]
mod tests;
