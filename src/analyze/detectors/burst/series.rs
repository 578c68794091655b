//! What each process and each remote address does over time.

use std::collections::BTreeMap;

use ahash::AHashMap;

use super::Thresholds;
use crate::Result;
use crate::model::frame::{DataFrame, UInt32Type, UInt64Type};
use crate::model::groups::Groups;
use crate::model::ids::SourceId;
use crate::model::records::{Direction, TextId};
use crate::model::sockets::{Sockets, Source};
use crate::model::tables::Tables;
use crate::model::view::Numbers;

/// Whose rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject<'a> {
    Source(Source<'a>),
    Remote(&'a str),
}

/// A [`Subject`] by its id, and in the order of subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum SubjectId {
    Source(SourceId),
    Remote(TextId),
}

impl SubjectId {
    pub(super) fn subject<'a>(self, sockets: &Sockets<'a>) -> Subject<'a> {
        match self {
            Self::Source(source) => Subject::Source(sockets.source(source)),
            Self::Remote(addr) => Subject::Remote(sockets.text(addr)),
        }
    }
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
pub(super) struct Series {
    pub(super) subject: SubjectId,
    pub(super) metric: Metric,
    pub(super) window_us: i64,
    /// This host opened all of the connections.
    pub(super) is_outbound: bool,
    pub(super) moments: Vec<(i64, f64)>,
}

/// The connections of each subject in the order of time, as rows in the table of sockets.
pub(super) type Connections = Groups<SubjectId>;

/// What every subject does over time.
pub(super) struct All<'s, 'a> {
    sockets: &'s Sockets<'a>,
    tables: &'s Tables,
    window_us: i64,
    numbers: Numbered,
    /// Whose connections are whose.
    pub(super) connections: Connections,
}

/// Reads the connections of a capture, to be looked at in windows of `window_s`.
pub(super) fn of<'s, 'a>(sockets: &'s Sockets<'a>, tables: &'s Tables, window_s: f64) -> All<'s, 'a> {
    let mut keyed = Vec::with_capacity(2 * sockets.len());
    let mut numbers = Numbered::default();
    for (row, socket) in (0..).zip(sockets.iter()) {
        let Some(addr) = sockets.remote_addr_id(row as usize) else { continue };
        let source = SubjectId::Source(sockets.source_id(row as usize));
        // Inside the host, the remote address is the host itself.
        let is_internal = socket.direction == Some(Direction::Internal);
        let remote = (!is_internal).then_some(SubjectId::Remote(addr));
        keyed.extend([Some(source), remote].into_iter().flatten().map(|subject| (subject, row)));
        learn(&mut numbers.processes, socket.process, Some(source));
        learn(&mut numbers.endpoints, socket.endpoint, remote);
    }
    let width_us = ((window_s * 1e6) as i64).max(1);
    All { sockets, tables, window_us: width_us, numbers, connections: Groups::new(keyed) }
}

impl All<'_, '_> {
    /// Hands over every series that could reach its floor, ordered by metric, then subject; one after the other, as
    /// all together are several times as long as the connections.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a table lacks a column: a bug.
    pub(super) fn each(&self, config: &Thresholds, mut take: impl FnMut(&Series)) -> Result<()> {
        let mut take = |series: &Series| {
            let sum = series.moments.iter().map(|(_, amount)| amount).sum::<f64>();
            if sum >= series.metric.floor(config) {
                take(series);
            }
        };
        let is_outbound = |row: &u32| self.sockets.get(*row as usize).direction == Some(Direction::Outbound);
        let floor = Metric::Connections.floor(config);
        for (subject, rows) in self.connections.iter().filter(|(_, rows)| rows.len() as f64 >= floor) {
            take(&Series {
                subject,
                metric: Metric::Connections,
                window_us: self.window_us,
                is_outbound: rows.iter().all(is_outbound),
                moments: opened(self.sockets, rows),
            });
        }
        let window_us = self.window_us.max(self.tables.bin_width_us.max(1));
        for (subject, moments) in self.numbers.moved(self.tables, Metric::Bytes.floor(config))? {
            let metric = Metric::Bytes;
            take(&Series { subject, metric, window_us, is_outbound: false, moments });
        }
        Ok(())
    }
}

/// The moments at which connections were opened.
fn opened(sockets: &Sockets<'_>, rows: &[u32]) -> Vec<(i64, f64)> {
    let sockets = sockets.walk(rows.iter().map(|row| *row as usize));
    sockets.filter(|socket| socket.opened_in_recording).map(|socket| (socket.first_seen_us, 1.0)).collect()
}

/// Whom the numbers in the tables of slices mean.
#[derive(Default)]
struct Numbered {
    processes: Vec<Option<SubjectId>>,
    endpoints: Vec<Option<SubjectId>>,
}

fn learn(subjects: &mut Vec<Option<SubjectId>>, number: Option<u32>, subject: Option<SubjectId>) {
    let Some(number) = number else { return };
    let number = number as usize;
    if number >= subjects.len() {
        subjects.resize(number + 1, None);
    }
    subjects[number] = subjects[number].or(subject);
}

impl Numbered {
    /// Bytes per subject and slice, at the middle of the slice, of the subjects that may have moved as much as `floor`.
    fn moved(&self, tables: &Tables, floor: f64) -> Result<BTreeMap<SubjectId, Vec<(i64, f64)>>> {
        let mut sums: AHashMap<SubjectId, f64> = AHashMap::new();
        let mut add = |subject, _, bytes| *sums.entry(subject).or_insert(0.0) += bytes;
        each_slice(&tables.process_bins, "process", &self.processes, &mut add)?;
        each_slice(&tables.endpoint_bins, "endpoint", &self.endpoints, &mut add)?;
        // The last digits of a sum hang on its order.
        sums.retain(|_, bytes| *bytes * (1.0 + 1e-9) >= floor);
        let mut moved: BTreeMap<SubjectId, Vec<(i64, f64)>> = BTreeMap::new();
        let middle = |bin: u32| {
            let width_us = tables.bin_width_us.max(1);
            let since_start = i64::from(bin).saturating_mul(width_us).saturating_add(width_us / 2);
            tables.span_us.0.saturating_add(since_start)
        };
        let mut add = |subject, bin, bytes| {
            if !sums.contains_key(&subject) {
                return;
            }
            let moments = moved.entry(subject).or_default();
            match moments.last_mut() {
                // Several processes may be one subject.
                Some((moment, sum)) if *moment == middle(bin) => *sum += bytes,
                _ => moments.push((middle(bin), bytes)),
            }
        };
        each_slice(&tables.process_bins, "process", &self.processes, &mut add)?;
        each_slice(&tables.endpoint_bins, "endpoint", &self.endpoints, &mut add)?;
        Ok(moved)
    }
}

/// Hands over what the numbers of a table moved: the subject, the slice and the bytes, in the order of time.
fn each_slice(
    slices: &DataFrame,
    key: &str,
    subjects: &[Option<SubjectId>],
    take: &mut impl FnMut(SubjectId, u32, f64),
) -> Result<()> {
    if slices.height() == 0 {
        return Ok(());
    }
    let (bin, number) = (Numbers::<UInt32Type>::of(slices, "bin")?, Numbers::<UInt32Type>::of(slices, key)?);
    let sent = Numbers::<UInt64Type>::of(slices, "bytes_sent")?;
    let received = Numbers::<UInt64Type>::of(slices, "bytes_received")?;
    for row in 0..bin.len() {
        let subject = number.get(row).and_then(|number| subjects.get(number as usize)?.as_ref());
        let (Some(subject), Some(bin)) = (subject, bin.get(row)) else { continue };
        let bytes = sent.get(row).unwrap_or(0) as f64 + received.get(row).unwrap_or(0) as f64;
        if bytes > 0.0 {
            take(*subject, bin, bytes);
        }
    }
    Ok(())
}
