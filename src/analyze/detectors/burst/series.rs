//! What each process and each remote address does over time.

use std::collections::BTreeMap;

use polars::prelude::{DataFrame, UInt32Type, UInt64Type};

use super::Thresholds;
use crate::Result;
use crate::model::records::Direction;
use crate::model::sockets::{Socket, Sockets, Source};
use crate::model::tables::Tables;
use crate::model::view::Numbers;

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
    /// This host opened all of the connections.
    pub(super) is_outbound: bool,
    pub(super) moments: Vec<(i64, f64)>,
}

/// The connections of each subject in the order of time, as rows in the table of sockets.
pub(super) type Connections<'a> = BTreeMap<Subject<'a>, Vec<u32>>;

/// Every series that could reach its floor, ordered by metric, then subject; and whose connections
/// are whose.
pub(super) fn of<'a>(
    sockets: &Sockets<'a>,
    tables: &'a Tables,
    window_s: f64,
    config: &Thresholds,
) -> Result<(Vec<Series<'a>>, Connections<'a>)> {
    let width_us = ((window_s * 1e6) as i64).max(1);
    let mut connections = Connections::new();
    let mut names = Names::default();
    for (row, socket) in (0..).zip(sockets.iter()) {
        let Some((addr, _)) = socket.remote() else { continue };
        names.learn(&socket);
        // Inside the host, the remote address is the host itself.
        let remote = (socket.direction != Some(Direction::Internal)).then_some(Subject::Remote(addr));
        for subject in [Some(Subject::Source(Source::of(&socket))), remote].into_iter().flatten() {
            connections.entry(subject).or_default().push(row);
        }
    }
    let opened = connections.iter().map(|(subject, rows)| Series {
        subject: *subject,
        metric: Metric::Connections,
        window_us: width_us,
        is_outbound: rows.iter().all(|row| sockets.get(*row as usize).direction == Some(Direction::Outbound)),
        moments: opened(sockets, rows),
    });
    let slices_us = width_us.max(tables.bin_width_us.max(1));
    let moved = names.moved(tables)?.into_iter().map(|(subject, moments)| Series {
        subject,
        metric: Metric::Bytes,
        window_us: slices_us,
        is_outbound: false,
        moments,
    });
    let can_reach_its_floor = |series: &Series<'_>| {
        series.moments.iter().map(|(_, amount)| amount).sum::<f64>() >= series.metric.floor(config)
    };
    Ok((opened.chain(moved).filter(can_reach_its_floor).collect(), connections))
}

/// The moments at which connections were opened.
fn opened(sockets: &Sockets<'_>, rows: &[u32]) -> Vec<(i64, f64)> {
    let sockets = sockets.walk(rows.iter().map(|row| *row as usize));
    sockets.filter(|socket| socket.opened_in_recording).map(|socket| (socket.first_seen_us, 1.0)).collect()
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
        if let Some((endpoint, (addr, _))) = socket.endpoint.zip(socket.remote())
            && socket.direction != Some(Direction::Internal)
        {
            self.endpoints.entry(endpoint).or_insert(Subject::Remote(addr));
        }
    }

    /// Bytes per subject and slice, at the middle of the slice.
    fn moved(&self, tables: &'a Tables) -> Result<BTreeMap<Subject<'a>, Vec<(i64, f64)>>> {
        let mut moved = BTreeMap::new();
        let middle = |bin: u32| {
            let width_us = tables.bin_width_us.max(1);
            let since_start = i64::from(bin).saturating_mul(width_us).saturating_add(width_us / 2);
            tables.span_us.0.saturating_add(since_start)
        };
        add_slices(&mut moved, &tables.process_bins, "process", &self.processes, middle)?;
        add_slices(&mut moved, &tables.endpoint_bins, "endpoint", &self.endpoints, middle)?;
        Ok(moved)
    }
}

/// Adds what the numbers of a table moved, of which the slices are in the order of time.
fn add_slices<'a>(
    moved: &mut BTreeMap<Subject<'a>, Vec<(i64, f64)>>,
    slices: &DataFrame,
    key: &str,
    names: &BTreeMap<u32, Subject<'a>>,
    middle: impl Fn(u32) -> i64,
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
            let moments = moved.entry(*subject).or_default();
            match moments.last_mut() {
                // Several processes may be one subject.
                Some((moment, sum)) if *moment == middle(bin) => *sum += bytes,
                _ => moments.push((middle(bin), bytes)),
            }
        }
    }
    Ok(())
}
