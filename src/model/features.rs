//! Connections as feature vectors: the numbers by which an analyst would compare them.
//!
//! Amounts span many orders of magnitude, so their logarithms are compared. A value that was not
//! counted is replaced by the capture's median of that feature, so that a missing value makes a
//! connection neither an outlier nor typical.

use std::ops::Range;

use ahash::AHashMap;

use super::records::TextId;
use super::sockets::{Socket, Sockets};
use super::stats::Bulk;
use crate::capture::Protocol;

/// A feature of a connection.
#[derive(Debug)]
pub struct Feature {
    /// Its name in words.
    pub name: &'static str,
    /// Unit of the value; empty for a ratio.
    pub unit: &'static str,
    /// The scale on which values are compared.
    pub scale: Scale,
    measure: Measure,
}

impl Feature {
    /// The value on its scale; NaN if unknown.
    fn scaled(&self, socket: &Socket<'_>, shares: &Shares<'_, '_>) -> f32 {
        (self.measure)(socket, shares).map_or(f32::NAN, |value| self.scale.apply(value) as f32)
    }
}

/// The scale on which a feature's values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Unchanged.
    Linear,
    /// By log10(1 + value): amounts, which may be 0.
    Amount,
    /// By log10(value): shares of the capture, which are greater than 0.
    Share,
}

impl Scale {
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Amount => (1.0 + value).log10(),
            Self::Share => value.log10(),
        }
    }

    /// The measured value for a scaled one.
    pub fn invert(self, scaled: f64) -> f64 {
        match self {
            Self::Linear => scaled,
            Self::Amount => 10f64.powf(scaled) - 1.0,
            Self::Share => 10f64.powf(scaled),
        }
    }
}

/// Every feature, in the order of the columns.
pub const FEATURES: &[Feature] = &[
    amount("bytes sent", "bytes", |s, _| s.bytes_sent.map(|n| n as f64)),
    amount("bytes received", "bytes", |s, _| s.bytes_received.map(|n| n as f64)),
    ratio("sent share of the bytes", |s, _| {
        let (sent, received) = s.bytes_sent.zip(s.bytes_received)?;
        share(sent as f64, sent as f64 + received as f64)
    }),
    amount("time seen", "s", |s, _| Some(s.duration_s)),
    amount("packets", "packets", |s, _| packets(s)),
    amount("bytes per packet", "bytes", |s, _| {
        let (sent, received) = s.bytes_sent.zip(s.bytes_received)?;
        share(sent as f64 + received as f64, packets(s)?)
    }),
    ratio("retransmission rate", |s, _| share(f64::from(s.retransmits?), s.packets_sent? as f64)),
    amount("round-trip time", "µs", |s, _| s.rtt_us.map(f64::from)),
    rarity("share of connections on this port", |s, shares| shares.port(s)),
    rarity("share of connections with this address", |_, shares| shares.addr()),
    rarity("share of connections of this process", |_, shares| shares.process()),
];

type Measure = fn(&Socket<'_>, &Shares<'_, '_>) -> Option<f64>;

const fn amount(name: &'static str, unit: &'static str, measure: Measure) -> Feature {
    Feature { name, unit, scale: Scale::Amount, measure }
}

const fn ratio(name: &'static str, measure: Measure) -> Feature {
    Feature { name, unit: "", scale: Scale::Linear, measure }
}

const fn rarity(name: &'static str, measure: Measure) -> Feature {
    Feature { name, unit: "", scale: Scale::Share, measure }
}

/// Number of features.
pub const COLUMNS: usize = FEATURES.len();

/// Vectors of equal length, read a part at a time: of a large capture, all of them together take more memory than its
/// tables.
pub trait Vectors: Sync {
    /// Number of vectors.
    fn count(&self) -> usize;

    /// Length of a vector.
    fn columns(&self) -> usize;

    /// Replaces `into` by some vectors, one after the other.
    fn read(&self, vectors: Range<usize>, into: &mut Vec<f32>);
}

/// Vectors in memory.
#[derive(Debug, Clone, Copy)]
pub struct InMemory<'a> {
    /// One after the other.
    pub values: &'a [f32],
    /// Length of each.
    pub columns: usize,
}

impl Vectors for InMemory<'_> {
    fn count(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn read(&self, vectors: Range<usize>, into: &mut Vec<f32>) {
        into.clear();
        into.extend_from_slice(&self.values[vectors.start * self.columns..vectors.end * self.columns]);
    }
}

/// Connections whose features are kept in memory, in 46 MB; of more, they are computed each time they are read.
const MOST_KEPT: usize = 1 << 20;

/// What the features of a capture's connections are made of.
#[derive(Debug)]
pub struct Matrix {
    /// The connections: rows of the table of sockets with a remote.
    pub rows: Vec<u32>,
    /// Median and spread of every feature over the known values; `None` if all are unknown.
    pub bulks: Vec<Option<Bulk>>,
    frequencies: Frequencies,
    /// The scaled features, row by row, with gaps filled; none if there are too many.
    kept: Option<Vec<f32>>,
}

impl Matrix {
    /// Measures every connection in a capture.
    pub fn new(sockets: &Sockets<'_>) -> Self {
        Self::keeping(sockets, MOST_KEPT)
    }

    /// The same with the features of up to `most` connections in memory.
    fn keeping(sockets: &Sockets<'_>, most: usize) -> Self {
        let rows: Vec<u32> =
            (0..sockets.len() as u32).filter(|row| sockets.has_remote(*row as usize)).collect();
        let frequencies = Frequencies::new(sockets, &rows);
        let mut matrix = Self { rows, bulks: Vec::new(), frequencies, kept: None };
        if matrix.rows.len() <= most {
            matrix.kept = Some((0..matrix.rows.len()).flat_map(|at| matrix.measured(sockets, at)).collect());
        }
        matrix.bulks = (0..COLUMNS).map(|column| matrix.bulk(sockets, column)).collect();
        if let Some(mut kept) = matrix.kept.take() {
            kept.chunks_exact_mut(COLUMNS).for_each(|vector| matrix.fill_gaps(vector));
            matrix.kept = Some(kept);
        }
        matrix
    }

    /// The features of all connections; `sockets` are those of which it was made.
    pub fn vectors<'a, 's>(&'a self, sockets: &'a Sockets<'s>) -> FeatureVectors<'a, 's> {
        FeatureVectors { matrix: self, sockets }
    }

    /// The scaled features of a connection; NaN where unknown.
    fn measured(&self, sockets: &Sockets<'_>, at: usize) -> [f32; COLUMNS] {
        let row = self.rows[at] as usize;
        let (socket, shares) = (sockets.get(row), Shares { frequencies: &self.frequencies, sockets, row });
        std::array::from_fn(|column| FEATURES[column].scaled(&socket, &shares))
    }

    fn bulk(&self, sockets: &Sockets<'_>, column: usize) -> Option<Bulk> {
        let value = |at: usize| {
            if let Some(kept) = &self.kept {
                return kept[at * COLUMNS + column];
            }
            let row = self.rows[at] as usize;
            let shares = Shares { frequencies: &self.frequencies, sockets, row };
            FEATURES[column].scaled(&sockets.get(row), &shares)
        };
        Bulk::new((0..self.rows.len()).map(|at| f64::from(value(at))))
    }

    /// Replaces unknown values by the medians.
    fn fill_gaps(&self, vector: &mut [f32]) {
        for (value, bulk) in vector.iter_mut().zip(&self.bulks).filter(|(value, _)| value.is_nan()) {
            *value = bulk.map_or(0.0, |bulk| bulk.median) as f32;
        }
    }
}

/// The scaled features of a capture's connections with gaps filled, [`COLUMNS`] per connection.
pub struct FeatureVectors<'a, 's> {
    matrix: &'a Matrix,
    sockets: &'a Sockets<'s>,
}

impl FeatureVectors<'_, '_> {
    /// Those of a connection.
    pub fn get(&self, at: usize) -> Vec<f32> {
        let mut vector = Vec::with_capacity(COLUMNS);
        self.read(at..at + 1, &mut vector);
        vector
    }
}

impl Vectors for FeatureVectors<'_, '_> {
    fn count(&self) -> usize {
        self.matrix.rows.len()
    }

    fn columns(&self) -> usize {
        COLUMNS
    }

    fn read(&self, vectors: Range<usize>, into: &mut Vec<f32>) {
        if let Some(kept) = &self.matrix.kept {
            return InMemory { values: kept, columns: COLUMNS }.read(vectors, into);
        }
        into.clear();
        for at in vectors {
            let mut vector = self.matrix.measured(self.sockets, at);
            self.matrix.fill_gaps(&mut vector);
            into.extend_from_slice(&vector);
        }
    }
}

/// How often each port, address and process occurs in the connections.
#[derive(Debug, Default)]
struct Frequencies {
    total: f64,
    ports: AHashMap<(Protocol, Option<u16>), u32>,
    addrs: AHashMap<TextId, u32>,
    processes: AHashMap<TextId, u32>,
}

impl Frequencies {
    fn new(sockets: &Sockets<'_>, rows: &[u32]) -> Self {
        let mut all = Self { total: rows.len() as f64, ..Self::default() };
        for row in rows.iter().map(|row| *row as usize) {
            let socket = sockets.get(row);
            *all.ports.entry((socket.protocol, socket.service_port())).or_default() += 1;
            if let Some(addr) = sockets.remote_addr_id(row) {
                *all.addrs.entry(addr).or_default() += 1;
            }
            if let Some(name) = sockets.process_name_id(row) {
                *all.processes.entry(name).or_default() += 1;
            }
        }
        all
    }
}

/// Shares of a capture's connections with the same port, address and process as the connection in a row.
struct Shares<'a, 's> {
    frequencies: &'a Frequencies,
    sockets: &'a Sockets<'s>,
    row: usize,
}

impl Shares<'_, '_> {
    fn port(&self, socket: &Socket<'_>) -> Option<f64> {
        self.share(self.frequencies.ports.get(&(socket.protocol, socket.service_port())))
    }

    fn addr(&self) -> Option<f64> {
        self.share(self.frequencies.addrs.get(&self.sockets.remote_addr_id(self.row)?))
    }

    fn process(&self) -> Option<f64> {
        self.share(self.frequencies.processes.get(&self.sockets.process_name_id(self.row)?))
    }

    fn share(&self, number: Option<&u32>) -> Option<f64> {
        number.map(|number| f64::from(*number) / self.frequencies.total)
    }
}

fn packets(s: &Socket<'_>) -> Option<f64> {
    Some(s.packets_sent? as f64 + s.packets_received? as f64)
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Capture, Conn};
    use super::*;

    /// The features of each connection, the same whether they are kept or not.
    fn vectors(capture: &Capture) -> Vec<Vec<f32>> {
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let (kept, computed) = (Matrix::new(&sockets), Matrix::keeping(&sockets, 0));
        assert!(kept.kept.is_some() && (computed.kept.is_none() || kept.rows.is_empty()));
        let all = |matrix: &Matrix| {
            let vectors = matrix.vectors(&sockets);
            (0..vectors.count()).map(|at| vectors.get(at)).collect::<Vec<_>>()
        };
        assert_eq!(all(&kept), all(&computed));
        all(&kept)
    }

    fn column(name: &str) -> usize {
        FEATURES.iter().position(|feature| feature.name == name).unwrap()
    }

    #[test]
    fn what_was_not_counted_becomes_the_median_of_what_was() {
        let mut capture = Capture::new(60);
        for sent in [9, 99, 999] {
            capture.add(Conn::to("203.0.113.1", 443).bytes(sent, 0));
        }
        capture.add(Conn::to("203.0.113.1", 443).uncounted().at(1.0));
        let sent = vectors(&capture)[3][column("bytes sent")];
        assert!((sent - 2.0).abs() < 1e-6, "{sent}");
    }

    #[test]
    fn rare_is_a_share_of_the_capture_and_the_service_port_counts() {
        let mut capture = Capture::new(60);
        for ephemeral in 50_000..50_009 {
            capture.add(Conn::to("203.0.113.1", ephemeral).local_port(22).inbound());
        }
        capture.add(Conn::to("203.0.113.2", 4444).at(1.0));
        let vectors = vectors(&capture);
        let port = column("share of connections on this port");
        let of_row = |row: usize| Scale::Share.invert(f64::from(vectors[row][port]));
        assert!((of_row(0) - 0.9).abs() < 1e-6 && (of_row(9) - 0.1).abs() < 1e-6);
    }

    #[test]
    fn listeners_are_no_connections_and_an_empty_capture_has_no_rows() {
        let mut capture = Capture::new(60);
        capture.add(Conn::listener(22));
        assert!(vectors(&capture).is_empty());
        let tables = capture.tables();
        let matrix = Matrix::new(&Sockets::new(&tables).unwrap());
        assert!(matrix.bulks.iter().all(Option::is_none));
    }

    #[test]
    fn a_scale_is_undone_by_its_inverse() {
        for scale in [Scale::Linear, Scale::Amount, Scale::Share] {
            assert!((scale.invert(scale.apply(0.37)) - 0.37).abs() < 1e-12, "{scale:?}");
        }
    }
}
