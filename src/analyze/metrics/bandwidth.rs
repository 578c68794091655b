//! Traffic and load by process.

use super::shares::{By, endpoint_shares, first, shares};
use super::sockets::Sockets;
use super::{Bandwidth, ProcessLoad};
use crate::Result;
use crate::model::Tables;
use crate::model::frame::{DataFrame, UInt64Type};
use crate::model::tables::ProcessColumns;
use crate::model::view::Numbers;

/// How many processes are listed by their load.
const MOST_LOADS: usize = 50;

pub(super) fn bandwidth(tables: &Tables, sockets: &Sockets<'_>) -> Result<Bandwidth> {
    let bin_width_s = tables.bin_width_us as f64 / 1e6;
    let (bytes_sent, peak_sent) = sum_and_peak(&tables.time_bins, "bytes_sent")?;
    let (bytes_received, peak_received) = sum_and_peak(&tables.time_bins, "bytes_received")?;
    let by_process = shares(sockets, sockets.connections(), |row| sockets.process_name(row), By::Bytes);
    Ok(Bandwidth {
        bytes_sent,
        bytes_received,
        connections_not_counted: sockets.connections().filter(|row| !sockets.is_counted(*row)).count() as u64,
        by_process: first(by_process),
        by_endpoint: first(endpoint_shares(&tables.endpoints, By::Bytes)?),
        peak_sent_per_s: peak_sent as f64 / bin_width_s,
        peak_received_per_s: peak_received as f64 / bin_width_s,
    })
}

/// Processes by mean CPU; those without a known value come last, by memory.
pub(super) fn loads(tables: &Tables) -> Result<Vec<ProcessLoad>> {
    let processes = ProcessColumns::of(&tables.processes)?;
    let mut loads: Vec<ProcessLoad> = (0..processes.len())
        .map(|row| processes.get(row))
        .map(|process| ProcessLoad {
            pid: process.pid,
            name: process.process_name.unwrap_or("unknown").to_owned(),
            cpu_percent_mean: process.cpu_percent_mean.map(to_hundredths),
            cpu_percent_max: process.cpu_percent_max.map(to_hundredths),
            memory_rss_max_bytes: process.memory_rss_max_bytes,
        })
        .collect();
    // Stable: processes with equal load keep the order of the table.
    loads.sort_by(|a, b| {
        let cpu = |load: &ProcessLoad| load.cpu_percent_mean.unwrap_or(-1.0);
        cpu(b).total_cmp(&cpu(a)).then_with(|| b.memory_rss_max_bytes.cmp(&a.memory_rss_max_bytes))
    });
    loads.truncate(MOST_LOADS);
    loads.shrink_to_fit();
    Ok(loads)
}

fn sum_and_peak(time_bins: &DataFrame, column: &str) -> Result<(u64, u64)> {
    let values = Numbers::<UInt64Type>::of(time_bins, column)?;
    let sum = values.iter().flatten().fold(0, u64::saturating_add);
    Ok((sum, values.iter().flatten().max().unwrap_or(0)))
}

/// Further digits are noise of the conversion.
fn to_hundredths(percent: f32) -> f64 {
    (f64::from(percent) * 100.0).round() / 100.0
}
