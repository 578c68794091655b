//! What each process and each remote address does over time.

use std::collections::BTreeMap;

use polars::prelude::{DataFrame, UInt32Type, UInt64Type};

use super::Thresholds;
use crate::Result;
use crate::analyze::sockets::{Socket, Sockets, Source};
use crate::analyze::tables::Tables;
use crate::analyze::view::Numbers;

/// Whose rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject<'a> {
    Source(Source<'a>),
    Remote(&'a str),
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    Connections,
    Bytes,
}

impl Metric {
    /// Less than this in a window is no burst.
    pub(super) fn floor(self, config: &Thresholds) -> f64 {
        match self {
            Self::Connections => f64::from(config.min_connections),
            Self::Bytes => config.min_bytes as f64,
        }
    }
}

/// What a subject does over time: moments in ascending order, with an amount each.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) metric: Metric,
    pub(super) window_us: i64,
    pub(super) moments: Vec<(i64, f64)>,
    /// Its connections, in the order of time: row, first and last seen.
    pub(super) connections: Vec<(usize, i64, i64)>,
}

/// Every series that could reach its floor, ordered by metric, then subject.
pub(super) fn of<'a>(
    sockets: &Sockets<'a>,
    tables: &'a Tables,
    window_s: f64,
    config: &Thresholds,
) -> Result<Vec<Series<'a>>> {
    let width_us = ((window_s * 1e6) as i64).max(1);
    let mut connections: BTreeMap<Subject<'a>, Vec<(usize, i64, i64)>> = BTreeMap::new();
    let mut opened: BTreeMap<Subject<'a>, Vec<(i64, f64)>> = BTreeMap::new();
    let mut names = Names::default();
    for (row, socket) in sockets.iter().enumerate() {
        let Some((addr, _)) = socket.remote else { continue };
        names.learn(&socket);
        // Inside the host, the remote address is the host itself.
        let remote = (socket.direction != Some("internal")).then_some(Subject::Remote(addr));
        for subject in [Some(Subject::Source(Source::of(&socket))), remote].into_iter().flatten() {
            connections.entry(subject).or_default().push((row, socket.first_seen_us, socket.last_seen_us));
            if socket.opened_in_recording {
                opened.entry(subject).or_default().push((socket.first_seen_us, 1.0));
            }
        }
    }
    let slices_us = width_us.max(tables.bin_width_us.max(1));
    let moved = names.moved(tables)?;
    let opened =
        opened.into_iter().map(|(subject, moments)| (Metric::Connections, subject, width_us, moments));
    let moved = moved.into_iter().map(|(subject, moments)| (Metric::Bytes, subject, slices_us, moments));
    let mut all = Vec::new();
    for (metric, subject, window_us, moments) in opened.chain(moved) {
        if moments.iter().map(|(_, amount)| amount).sum::<f64>() >= metric.floor(config) {
            let connections = connections.get(&subject).cloned().unwrap_or_default();
            all.push(Series { subject, metric, window_us, moments, connections });
        }
    }
    Ok(all)
}

/// Whom the numbers in the tables of slices mean.
#[derive(Default)]
struct Names<'a> {
    processes: BTreeMap<u32, Subject<'a>>,
    endpoints: BTreeMap<u32, Subject<'a>>,
}

impl<'a> Names<'a> {
    fn learn(&mut self, socket: &Socket<'a>) {
        if let Some(process) = socket.process {
            self.processes.entry(process).or_insert(Subject::Source(Source::of(socket)));
        }
        if let Some((endpoint, (addr, _))) = socket.endpoint.zip(socket.remote)
            && socket.direction != Some("internal")
        {
            self.endpoints.entry(endpoint).or_insert(Subject::Remote(addr));
        }
    }

    /// Bytes per subject and slice, at the middle of the slice.
    fn moved(&self, tables: &'a Tables) -> Result<BTreeMap<Subject<'a>, Vec<(i64, f64)>>> {
        let mut sums: BTreeMap<(Subject<'a>, u32), f64> = BTreeMap::new();
        add_slices(&mut sums, &tables.process_bins, "process", &self.processes)?;
        add_slices(&mut sums, &tables.endpoint_bins, "endpoint", &self.endpoints)?;
        let mut moved: BTreeMap<Subject<'a>, Vec<(i64, f64)>> = BTreeMap::new();
        let width_us = tables.bin_width_us.max(1);
        for ((subject, bin), bytes) in sums {
            let middle = i64::from(bin).saturating_mul(width_us).saturating_add(width_us / 2);
            moved.entry(subject).or_default().push((tables.span_us.0.saturating_add(middle), bytes));
        }
        Ok(moved)
    }
}

fn add_slices<'a>(
    sums: &mut BTreeMap<(Subject<'a>, u32), f64>,
    slices: &DataFrame,
    key: &str,
    names: &BTreeMap<u32, Subject<'a>>,
) -> Result<()> {
    if slices.height() == 0 {
        return Ok(());
    }
    let (bin, number) = (Numbers::<UInt32Type>::of(slices, "bin")?, Numbers::<UInt32Type>::of(slices, key)?);
    let sent = Numbers::<UInt64Type>::of(slices, "bytes_sent")?;
    let received = Numbers::<UInt64Type>::of(slices, "bytes_received")?;
    for row in 0..bin.len() {
        let subject = number.get(row).and_then(|number| names.get(&number));
        let (Some(subject), Some(bin)) = (subject, bin.get(row)) else { continue };
        let bytes = sent.get(row).unwrap_or(0) as f64 + received.get(row).unwrap_or(0) as f64;
        if bytes > 0.0 {
            *sums.entry((*subject, bin)).or_default() += bytes;
        }
    }
    Ok(())
}
