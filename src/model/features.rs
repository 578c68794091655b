//! Connections as feature vectors: the numbers by which an analyst would compare them.
//!
//! Amounts span many orders of magnitude, so their logarithms are compared. A value that was not
//! counted is replaced by the capture's median of that feature, so that a missing value makes a
//! connection neither an outlier nor typical.

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
    measure: fn(&Socket<'_>, &Shares) -> Option<f64>,
}

impl Feature {
    /// The value on its scale; NaN if unknown.
    fn scaled(&self, socket: &Socket<'_>, shares: &Shares) -> f32 {
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

/// Every feature, in the order of the matrix' columns.
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
    rarity("share of connections on this port", |_, shares| shares.port),
    rarity("share of connections with this address", |_, shares| shares.addr),
    rarity("share of connections of this process", |_, shares| shares.process),
];

type Measure = fn(&Socket<'_>, &Shares) -> Option<f64>;

const fn amount(name: &'static str, unit: &'static str, measure: Measure) -> Feature {
    Feature { name, unit, scale: Scale::Amount, measure }
}

const fn ratio(name: &'static str, measure: Measure) -> Feature {
    Feature { name, unit: "", scale: Scale::Linear, measure }
}

const fn rarity(name: &'static str, measure: Measure) -> Feature {
    Feature { name, unit: "", scale: Scale::Share, measure }
}

/// The scaled features of a capture's connections, row by row, with gaps filled.
#[derive(Debug)]
pub struct Matrix {
    /// The connections: rows of the table of sockets with a remote.
    pub rows: Vec<u32>,
    /// Row-major, [`FEATURES`] columns per row.
    pub values: Vec<f32>,
    /// Median and spread of every feature over the known values; `None` if all are unknown.
    pub bulks: Vec<Option<Bulk>>,
}

impl Matrix {
    /// Computes the features of every connection in a capture.
    pub fn new(sockets: &Sockets<'_>) -> Self {
        let rows: Vec<u32> =
            (0..sockets.len() as u32).filter(|row| sockets.has_remote(*row as usize)).collect();
        let frequencies = Frequencies::new(sockets, &rows);
        let mut values = Vec::with_capacity(rows.len() * FEATURES.len());
        for row in &rows {
            let socket = sockets.get(*row as usize);
            let shares = frequencies.shares(sockets, *row as usize);
            values.extend(FEATURES.iter().map(|feature| feature.scaled(&socket, &shares)));
        }
        let bulks = (0..FEATURES.len()).map(|column| fill_gaps(&mut values, column)).collect();
        Self { rows, values, bulks }
    }

    /// The features of a connection.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * FEATURES.len()..][..FEATURES.len()]
    }
}

/// Replaces unknown values in a column by the median, and returns the column's median and spread.
fn fill_gaps(values: &mut [f32], column: usize) -> Option<Bulk> {
    let known = values.iter().skip(column).step_by(FEATURES.len()).copied().map(f64::from);
    let bulk = Bulk::new(known);
    let usual = bulk.map_or(0.0, |bulk| bulk.median) as f32;
    for value in values.iter_mut().skip(column).step_by(FEATURES.len()).filter(|value| value.is_nan()) {
        *value = usual;
    }
    bulk
}

/// How often each port, address and process occurs in the connections.
#[derive(Default)]
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

    /// The shares of the capture's connections with the same port, address and process as the
    /// connection in a row.
    fn shares(&self, sockets: &Sockets<'_>, row: usize) -> Shares {
        let socket = sockets.get(row);
        let share = |number: Option<&u32>| number.map(|number| f64::from(*number) / self.total);
        Shares {
            port: share(self.ports.get(&(socket.protocol, socket.service_port()))),
            addr: share(sockets.remote_addr_id(row).and_then(|addr| self.addrs.get(&addr))),
            process: share(sockets.process_name_id(row).and_then(|name| self.processes.get(&name))),
        }
    }
}

/// Shares of a capture's connections.
struct Shares {
    port: Option<f64>,
    addr: Option<f64>,
    process: Option<f64>,
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

    fn matrix(capture: &Capture) -> Matrix {
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        Matrix::new(&sockets)
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
        let sent = matrix(&capture).row(3)[column("bytes sent")];
        assert!((sent - 2.0).abs() < 1e-6, "{sent}");
    }

    #[test]
    fn rare_is_a_share_of_the_capture_and_the_service_port_counts() {
        let mut capture = Capture::new(60);
        for ephemeral in 50_000..50_009 {
            capture.add(Conn::to("203.0.113.1", ephemeral).local_port(22).inbound());
        }
        capture.add(Conn::to("203.0.113.2", 4444).at(1.0));
        let matrix = matrix(&capture);
        let port = column("share of connections on this port");
        let of_row = |row| Scale::Share.invert(f64::from(matrix.row(row)[port]));
        assert!((of_row(0) - 0.9).abs() < 1e-6 && (of_row(9) - 0.1).abs() < 1e-6);
    }

    #[test]
    fn listeners_are_no_connections_and_an_empty_capture_has_no_rows() {
        let mut capture = Capture::new(60);
        capture.add(Conn::listener(22));
        let matrix = matrix(&capture);
        assert!(matrix.values.is_empty() && matrix.bulks.iter().all(Option::is_none));
    }

    #[test]
    fn a_scale_is_undone_by_its_inverse() {
        for scale in [Scale::Linear, Scale::Amount, Scale::Share] {
            assert!((scale.invert(scale.apply(0.37)) - 0.37).abs() < 1e-12, "{scale:?}");
        }
    }
}
