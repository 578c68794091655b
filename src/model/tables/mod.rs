//! The tables in which the detectors work: frames made of the pass's records.
//!
//! Times are `i64` µs since the Unix epoch, UTC. Null means not known. Every table has a
//! fixed order, so that what is made of it is the same every time.

pub mod cell;
pub(crate) mod columns;
mod connections;
mod declare;
mod endpoints;
mod over_time;
mod pairs;
mod processes;
mod questions;
mod sums;

use std::mem;
use std::sync::Arc;

pub use self::connections::{SocketColumns, SocketRow};
pub use self::endpoints::{EndpointColumns, EndpointRow};
pub use self::over_time::{
    EndpointBinColumns, EndpointBinRow, ProcessBinColumns, ProcessBinRow, TimeBinColumns, TimeBinRow,
    TransitionColumns, TransitionRow,
};
pub use self::pairs::pairs;
pub use self::processes::{ProcessColumns, ProcessRow};
pub use self::questions::{QueryColumns, QueryRow};

use self::columns::TextColumns;
use super::actor;
use super::records::{Recorded, Sends};
use crate::baseline::Baseline;
use crate::capture::Metadata;
use crate::model::frame::{Column, DataFrame};
use crate::{Result, parallel};

/// The tables of one capture. Each is declared once, with its columns, their types and what they
/// mean; see the views.
#[derive(Debug, Clone)]
pub struct Tables {
    /// One row per socket, by `first_seen_us`, then `conn_id`: [`SocketColumns`].
    pub connections: DataFrame,
    /// The same of sockets of other network namespaces, of which nothing else here knows: a recorder in a
    /// container sees their addresses alone.
    pub foreign: DataFrame,
    /// One row per process, by pid, then start: [`ProcessColumns`].
    pub processes: DataFrame,
    /// One row per remote address, by address: [`EndpointColumns`].
    pub endpoints: DataFrame,
    /// One row per slice of the recording: [`TimeBinColumns`].
    pub time_bins: DataFrame,
    /// One row per slice and process: [`ProcessBinColumns`].
    pub process_bins: DataFrame,
    /// One row per slice and remote address: [`EndpointBinColumns`].
    pub endpoint_bins: DataFrame,
    /// When connections that stay began to send again, to the tick; the last 64 moments of each, by `conn_id`. As a
    /// frame, each of some million moments would have the identity of its connection beside it.
    pub sends: Vec<Sends>,
    /// One row per DNS question, by when it was asked: [`QueryColumns`].
    pub queries: DataFrame,
    /// Changes of TCP state: [`TransitionColumns`].
    pub transitions: DataFrame,
    /// First and last moment of any row, µs since the Unix epoch.
    pub span_us: (i64, i64),
    /// Width of a slice in µs.
    pub bin_width_us: i64,
    /// Ticks that have at least one row.
    pub ticks: u32,
    /// Time between ticks as asked for, in seconds.
    pub interval_s: f64,
    /// Whether the connections are of a network (an imported log or packet capture), not of one host.
    pub holds_many_hosts: bool,
    /// What is normal here, if somebody brought it along.
    pub baseline: Option<Arc<Baseline>>,
}

impl Tables {
    /// Every table, to be changed.
    pub fn frames_mut(&mut self) -> [&mut DataFrame; 9] {
        let Self {
            connections,
            foreign,
            processes,
            endpoints,
            time_bins,
            process_bins,
            endpoint_bins,
            sends: _,
            queries,
            transitions,
            span_us: _,
            bin_width_us: _,
            ticks: _,
            interval_s: _,
            holds_many_hosts: _,
            baseline: _,
        } = self;
        [
            connections,
            foreign,
            processes,
            endpoints,
            time_bins,
            process_bins,
            endpoint_bins,
            queries,
            transitions,
        ]
    }

    /// Makes the tables of the pass's records, which are let go on the way.
    ///
    /// # Errors
    /// If the columns of a table do not fit together: a bug.
    pub fn build(mut recorded: Recorded, metadata: &Metadata) -> Result<Self> {
        actor::name_all(&mut recorded);
        let texts = TextColumns::new(&recorded.texts);
        // From here on the texts are those of the columns.
        drop(mem::take(&mut recorded.texts));
        let others = Self::without_connections(&mut recorded, metadata, &texts)?;
        let foreign = connections::connections(mem::take(&mut recorded.foreign), &recorded, &texts)?;
        let connections = connections::connections(mem::take(&mut recorded.connections), &recorded, &texts)?;
        Ok(Self { connections, foreign, ..others })
    }

    fn without_connections(
        recorded: &mut Recorded,
        metadata: &Metadata,
        texts: &TextColumns,
    ) -> Result<Self> {
        let process_bins = over_time::process_bins(&mem::take(&mut recorded.process_bins), texts)?;
        let mut endpoint_bins = over_time::endpoint_bins(&mem::take(&mut recorded.endpoint_bins), texts)?;
        endpoint_bins.map(Column::pack);
        let sends = mem::take(&mut recorded.sends);
        let queries = questions::queries(&mem::take(&mut recorded.queries), texts)?;
        let recorded = &*recorded;
        let acquaintances = sums::acquaintances(recorded);
        let (endpoints, processes) = parallel::both(
            || sums::endpoint_table(recorded, texts, &acquaintances),
            || sums::process_table(recorded, texts, &acquaintances),
        );
        Ok(Self {
            connections: DataFrame::default(),
            foreign: DataFrame::default(),
            processes: processes?,
            endpoints: endpoints?,
            time_bins: over_time::time_bins(&recorded.bins, texts)?,
            process_bins,
            endpoint_bins,
            sends,
            queries,
            transitions: over_time::transitions(&recorded.transitions, texts)?,
            span_us: recorded.span_us,
            bin_width_us: recorded.bin_width_us,
            ticks: recorded.ticks,
            interval_s: metadata.longest_interval_ms() as f64 / 1000.0,
            holds_many_hosts: metadata.holds_many_hosts(),
            baseline: None,
        })
    }

    /// Length of the recording by its first and last row, in seconds.
    pub fn span_s(&self) -> f64 {
        (self.span_us.1 as f64 - self.span_us.0 as f64).max(0.0) / 1e6
    }
}
