//! Correlation of the connections' measures: Spearman's rank correlation, because amounts are
//! heavy-tailed and their relations rarely linear.

use super::Correlation;
use super::sockets::Sockets;

/// Maximum number of compared connections; of more, every n-th in time order.
const MOST_COMPARED: usize = 20_000;
/// Minimum number of connections with both values; with fewer, chance causes strong correlations.
const FEWEST: usize = 10;

/// A measure of a connection, if known.
type Measure = fn(&Sockets<'_>, usize) -> Option<f64>;

/// The compared measures.
const MEASURES: [(&str, Measure); 7] = [
    ("bytes sent", |s, row| s.bytes_sent(row).map(|n| n as f64)),
    ("bytes received", |s, row| s.bytes_received(row).map(|n| n as f64)),
    ("packets sent", |s, row| s.packets_sent(row).map(|n| n as f64)),
    ("packets received", |s, row| s.packets_received(row).map(|n| n as f64)),
    ("time seen", |s, row| Some(s.duration_s(row))),
    ("round-trip time", |s, row| s.rtt_us(row).map(f64::from)),
    ("retransmits", |s, row| s.retransmits(row).map(f64::from)),
];

/// One measure of every compared connection.
struct Measured {
    /// NaN if unknown.
    values: Vec<f64>,
    /// The connections with a known value, sorted by it.
    order: Vec<usize>,
}

/// Every pair of measures.
pub(super) fn correlations(sockets: &Sockets<'_>) -> Vec<Correlation> {
    let rows: Vec<usize> = sockets.connections().collect();
    let step = rows.len().div_ceil(MOST_COMPARED).max(1);
    let column = |(_, measure): &(&str, Measure)| {
        Measured::new(rows.iter().step_by(step).map(|row| measure(sockets, *row)))
    };
    let columns: Vec<Measured> = MEASURES.iter().map(column).collect();
    let mut ranks = Ranks::default();
    let mut pairs = Vec::new();
    for (a, (name_a, _)) in MEASURES.iter().enumerate() {
        for (b, (name_b, _)) in MEASURES.iter().enumerate().skip(a + 1) {
            let (connections, rho) = ranks.spearman(&columns[a], &columns[b]);
            pairs.push(Correlation { a: (*name_a).to_owned(), b: (*name_b).to_owned(), connections, rho });
        }
    }
    pairs
}

impl Measured {
    fn new(values: impl Iterator<Item = Option<f64>>) -> Self {
        let values: Vec<f64> =
            values.map(|value| value.filter(|value| value.is_finite()).unwrap_or(f64::NAN)).collect();
        let mut order: Vec<usize> = (0..values.len()).filter(|at| !values[*at].is_nan()).collect();
        order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
        Self { values, order }
    }

    /// Ranks from 0 among the connections whose other value is known too; equal values share their
    /// mean rank.
    fn rank_beside(&self, other: &Self, ranks: &mut Vec<f64>) {
        ranks.clear();
        ranks.resize(self.values.len(), f64::NAN);
        let (mut first, mut count) = (0, 0);
        for run in self.order.chunk_by(|a, b| self.values[*a].total_cmp(&self.values[*b]).is_eq()) {
            let both = || run.iter().filter(|at| !other.values[**at].is_nan());
            count += both().count();
            let rank = (first + count).saturating_sub(1) as f64 / 2.0;
            both().for_each(|at| ranks[*at] = rank);
            first = count;
        }
        ranks.retain(|rank| !rank.is_nan());
    }
}

/// The ranks of a pair; their memory is reused for the next pair.
#[derive(Default)]
struct Ranks {
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Ranks {
    /// The number of connections with both values, and their correlation; `None` if there are too
    /// few, or one measure is constant.
    fn spearman(&mut self, a: &Measured, b: &Measured) -> (u64, Option<f64>) {
        a.rank_beside(b, &mut self.a);
        b.rank_beside(a, &mut self.b);
        let rho = if self.a.len() < FEWEST { None } else { pearson(&self.a, &self.b) };
        (self.a.len() as u64, rho)
    }
}

fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        both += a * b;
        squares_a += a * a;
        squares_b += b * b;
    }
    let width = (squares_a * squares_b).sqrt();
    (width > 0.0).then(|| (both / width).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn};

    fn known(values: &[f64]) -> Measured {
        Measured::new(values.iter().copied().map(Some))
    }

    fn spearman(a: &Measured, b: &Measured) -> (u64, Option<f64>) {
        Ranks::default().spearman(a, b)
    }

    #[test]
    fn the_correlation_is_that_of_scipy() {
        // scipy.stats.spearmanr(a, b).statistic
        let a = known(&[1.0, 2.0, 2.0, 4.0, 5.0, 9.0, 7.0, 8.0, 100.0, 3.0]);
        let b = known(&[2.0, 1.0, 4.0, 3.0, 5.0, 6.0, 9.0, 7.0, 1000.0, 3.0]);
        let (connections, rho) = spearman(&a, &b);
        assert_eq!(connections, 10);
        assert!((rho.unwrap() - 0.878_048_780_487_805).abs() < 1e-12, "{rho:?}");
    }

    #[test]
    fn ranks_are_those_among_the_connections_of_which_both_are_known() {
        let a = known(&[5.0, 1.0, 3.0, 1.0]);
        let b = Measured::new([Some(1.0), None, Some(1.0), Some(0.0)].into_iter());
        let mut ranks = Ranks::default();
        ranks.spearman(&a, &b);
        assert_eq!((ranks.a, ranks.b), (vec![2.0, 1.0, 0.0], vec![1.5, 1.5, 0.0]));
    }

    #[test]
    fn what_is_not_known_few_or_always_the_same_has_no_correlation() {
        let ten = known(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(spearman(&ten, &Measured::new([None; 10].into_iter())), (0, None));
        let nine = Measured::new((0..10).map(|n| (n != 4).then_some(f64::from(n))));
        assert_eq!(spearman(&ten, &nine), (9, None));
        assert_eq!(spearman(&ten, &known(&[3.0; 10])), (10, None));
        assert_eq!(spearman(&ten, &ten).1, Some(1.0));
    }

    #[test]
    fn every_pair_is_there_once() {
        let mut capture = Capture::new(60);
        for n in 1..=20 {
            capture.add(Conn::to("203.0.113.5", 443).bytes(n * 100, n * 1_000).lasting(60.0 / n as f64));
        }
        let tables = capture.tables();
        let pairs = correlations(&Sockets::new(&tables.connections).unwrap());
        assert_eq!(pairs.len(), MEASURES.len() * (MEASURES.len() - 1) / 2);
        let rho = |a: &str, b: &str| pairs.iter().find(|pair| pair.a == a && pair.b == b).unwrap().rho;
        assert_eq!(rho("bytes sent", "bytes received"), Some(1.0));
        assert_eq!(rho("bytes sent", "time seen"), Some(-1.0));
        assert_eq!(rho("bytes sent", "round-trip time"), None);
    }
}
