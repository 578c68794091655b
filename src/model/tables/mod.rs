//! The tables in which the detectors work: polars frames made of the pass's records.
//!
//! Times are `i64` µs since the Unix epoch, UTC. Null means not known. Every table has a
//! fixed order, so that what is made of it is the same every time.

mod columns;
mod rollups;
mod sockets;

use std::mem;

use polars::prelude::DataFrame;

use self::columns::{Rows, TextColumns};
use super::records::{EndpointBin, ProcessBin, Recorded, Sends, TimeBin, Transition};
use crate::capture::Metadata;
use crate::{Result, parallel};

/// The tables of one capture.
#[derive(Debug, Clone)]
pub struct Tables {
    /// One row per socket, by `first_seen_us`, then `conn_id`:
    ///
    /// `conn_id` u64, `protocol`, `netns` u64, `local_addr`, `local_port` u16, `remote_addr`,
    /// `remote_port` u16, `remote_name`, `remote_scope`, `country_code`, `role`, `direction`,
    /// `state` (last), `state_since_us`, `states` (all seen, joined by `>` in the order of a connection's life),
    /// `first_seen_us`, `last_seen_us`, `duration_s` f64, `opened_in_recording` bool,
    /// `start_is_exact` (from an event, not to the tick) bool, `closed_in_recording` bool, `ticks` u32, `bytes_sent`, `bytes_received`,
    /// `packets_sent`, `packets_received` u64, `retransmits`, `rtt_us`, `rtt_min_us` u32,
    /// `recorded_sent`, `recorded_received` u64, `process` u32, `pid` u32, `process_name`,
    /// `owner_source`, `endpoint` u32.
    pub connections: DataFrame,
    /// One row per process, by pid, then start; `process` u32 is its row:
    ///
    /// `process`, `pid`, `ppid`, `uid` u32, `process_name`, `exe`, `cmdline`, `username`,
    /// `parent_name`, `container`, `exe_sha256`, `process_start_us`, `cpu_percent_mean`,
    /// `cpu_percent_max` f32, `memory_rss_max_bytes` u64, and sums over its sockets:
    /// `connections`, `listeners`, `endpoints` u32, `bytes_sent`, `bytes_received` u64
    /// (recorded), `first_seen_us`, `last_seen_us`.
    pub processes: DataFrame,
    /// One row per remote address, by address; `endpoint` u32 is its row:
    ///
    /// `endpoint`, `remote_addr`, `remote_scope`, `country_code`, `country`, `city`, `asn` u32,
    /// `as_organization`, and sums: `connections`, `processes` u32, `bytes_sent`,
    /// `bytes_received` u64, `first_seen_us`, `last_seen_us`.
    pub endpoints: DataFrame,
    /// One row per (process, remote address and port, protocol, direction), in that order:
    ///
    /// `process` u32, `process_name`, `endpoint` u32, `remote_addr`, `remote_port` u16,
    /// `protocol`, `direction`, `connections` u32, `bytes_sent`, `bytes_received` u64,
    /// `duration_total_s` f64, `first_seen_us`, `last_seen_us`.
    pub pairs: DataFrame,
    /// One row per slice of the recording:
    ///
    /// `start_us`, `open_connections`, `opened`, `closed` u32, `bytes_sent`, `bytes_received`,
    /// `retransmits` u64.
    pub time_bins: DataFrame,
    /// One row per slice and process:
    ///
    /// `bin`, `process`, `open_connections` u32, `bytes_sent`, `bytes_received` u64,
    /// `cpu_percent` f32, `memory_rss_bytes` u64.
    pub process_bins: DataFrame,
    /// One row per slice and remote address, where there were bytes:
    ///
    /// `bin`, `endpoint` u32, `bytes_sent`, `bytes_received` u64. Very many of them, and the
    /// smallest are missing.
    pub endpoint_bins: DataFrame,
    /// When connections that stay began to send again, by connection, then time; the last 64
    /// moments of each, to the tick: `conn_id` u64, `ts_us`.
    pub sends: DataFrame,
    /// `from_state`, `to_state`, `count` u64.
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
}

impl Tables {
    /// Every table, to be changed.
    pub fn frames_mut(&mut self) -> [&mut DataFrame; 9] {
        let Self {
            connections,
            processes,
            endpoints,
            pairs,
            time_bins,
            process_bins,
            endpoint_bins,
            sends,
            transitions,
            span_us: _,
            bin_width_us: _,
            ticks: _,
            interval_s: _,
            holds_many_hosts: _,
        } = self;
        [connections, processes, endpoints, pairs, time_bins, process_bins, endpoint_bins, sends, transitions]
    }

    /// Makes the tables of the pass's records, which are let go on the way.
    ///
    /// # Errors
    /// If polars refuses a table: a bug.
    pub fn build(mut recorded: Recorded, metadata: &Metadata) -> Result<Self> {
        let (pairs, texts) =
            parallel::both(|| rollups::pairs(&recorded), || TextColumns::new(&recorded.texts));
        let texts = texts?;
        let others = Self::without_connections(&mut recorded, metadata, &texts, &pairs)?;
        Ok(Self { connections: sockets::connections(recorded, &texts)?, ..others })
    }

    fn without_connections(
        recorded: &mut Recorded,
        metadata: &Metadata,
        texts: &TextColumns,
        pairs: &[(rollups::Pair, rollups::Sums)],
    ) -> Result<Self> {
        let process_bins = process_bins(&mem::take(&mut recorded.process_bins))?;
        let endpoint_bins = endpoint_bins(&mem::take(&mut recorded.endpoint_bins))?;
        let sends = sends(&mem::take(&mut recorded.sends))?;
        let recorded = &*recorded;
        let (endpoints, (processes, pairs)) = parallel::both(
            || rollups::endpoint_table(recorded, texts, pairs),
            || (rollups::process_table(recorded, texts, pairs), rollups::pair_table(recorded, texts, pairs)),
        );
        Ok(Self {
            connections: DataFrame::empty(),
            processes: processes?,
            endpoints: endpoints?,
            pairs: pairs?,
            time_bins: time_bins(&recorded.bins)?,
            process_bins,
            endpoint_bins,
            sends,
            transitions: transitions(&recorded.transitions)?,
            span_us: recorded.span_us,
            bin_width_us: recorded.bin_width_us,
            ticks: recorded.ticks,
            interval_s: metadata.longest_interval_ms() as f64 / 1000.0,
            holds_many_hosts: metadata.holds_many_hosts(),
        })
    }

    /// Length of the recording by its first and last row, in seconds.
    pub fn span_s(&self) -> f64 {
        (self.span_us.1 as f64 - self.span_us.0 as f64).max(0.0) / 1e6
    }
}

fn time_bins(bins: &[TimeBin]) -> Result<DataFrame> {
    let rows = Rows(bins);
    rows.frame(vec![
        rows.i64("start_us", |b| Some(b.start_us)),
        rows.u32("open_connections", |b| Some(b.open_connections)),
        rows.u32("opened", |b| Some(b.opened)),
        rows.u32("closed", |b| Some(b.closed)),
        rows.u64("bytes_sent", |b| Some(b.bytes_sent)),
        rows.u64("bytes_received", |b| Some(b.bytes_received)),
        rows.u64("retransmits", |b| Some(b.retransmits)),
    ])
}

fn process_bins(bins: &[ProcessBin]) -> Result<DataFrame> {
    let rows = Rows(bins);
    rows.frame(vec![
        rows.u32("bin", |b| Some(b.bin)),
        rows.u32("process", |b| Some(b.process.get())),
        rows.u32("open_connections", |b| Some(b.open_connections)),
        rows.u64("bytes_sent", |b| Some(b.bytes_sent)),
        rows.u64("bytes_received", |b| Some(b.bytes_received)),
        rows.f32("cpu_percent", |b| b.cpu_percent),
        rows.u64("memory_rss_bytes", |b| b.memory_rss_bytes),
    ])
}

fn endpoint_bins(bins: &[EndpointBin]) -> Result<DataFrame> {
    let rows = Rows(bins);
    rows.frame(vec![
        rows.u32("bin", |b| Some(b.bin)),
        rows.u32("endpoint", |b| Some(b.endpoint.get())),
        rows.u64("bytes_sent", |b| Some(b.bytes_sent)),
        rows.u64("bytes_received", |b| Some(b.bytes_received)),
    ])
}

fn sends(sends: &[Sends]) -> Result<DataFrame> {
    let moments: Vec<(u64, i64)> =
        sends.iter().flat_map(|s| s.ts_us.iter().map(|ts_us| (s.conn_id, *ts_us))).collect();
    let rows = Rows(&moments);
    rows.frame(vec![rows.u64("conn_id", |(id, _)| Some(*id)), rows.i64("ts_us", |(_, ts)| Some(*ts))])
}

fn transitions(transitions: &[Transition]) -> Result<DataFrame> {
    let rows = Rows(transitions);
    rows.frame(vec![
        rows.own_text("from_state", |t| Some(t.from.as_str())),
        rows.own_text("to_state", |t| Some(t.to.as_str())),
        rows.u64("count", |t| Some(t.count)),
    ])
}
