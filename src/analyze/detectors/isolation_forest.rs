//! `isolation-forest`: connections unlike the rest of the capture.

pub mod forest;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::forest::{Forest, Growth, MAX_SAMPLE};
use crate::Result;
use crate::model::detector::{
    About, Context, Detector, DetectorTable, Method, Outcome, Output, Signal, not_negative, shares,
};
use crate::model::features::{COLUMNS, FEATURES, FeatureVectors, InMemory, Scale};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::{DataFrame, df};
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets, Source};
use crate::model::stats::Bulk;

/// Connections unlike the rest, by an isolation forest.
#[derive(Debug)]
pub struct IsolationForest;

/// The score of each connection.
pub const SCORES: DetectorTable = DetectorTable { detector: IsolationForest::ABOUT.id, name: "scores" };

/// Thresholds of `isolation-forest`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Trees in the forest.
    pub trees: u32,
    /// Connections in the sample of each tree (ψ).
    pub sample_size: u32,
    /// Fewest connections; with fewer, there is no normal to compare with, and the detector is skipped.
    pub min_connections: u32,
    /// Smallest anomaly score to report, 0 to 1; 0.5 is average.
    pub min_score: f64,
    /// Largest share of the connections to report, highest scores first, 0 to 1.
    pub max_share: f64,
    /// A connection is reported only if one of its features lies at least this far from the
    /// capture's median, in robust standard deviations.
    pub min_robust_z: f64,
    /// Anomaly score at which a finding is `low` instead of `info`, 0 to 1.
    pub low_score: f64,
    /// Most findings, highest scores first.
    pub max_findings: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            trees: 100,
            sample_size: 256,
            min_connections: 50,
            min_score: 0.7,
            max_share: 0.002,
            min_robust_z: 3.5,
            low_score: 0.8,
            max_findings: 5,
        }
    }
}

impl Detector for IsolationForest {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "isolation-forest",
        title: "Outlying connections",
        what_it_finds: "Connections whose volume, timing, port, address and process together differ from \
            the other connections of the same capture: one large upload among small requests, or the lone \
            connection of a rarely seen process to a port that nothing else contacts.",
        why_it_matters: "It does not depend on known-bad patterns, so it can point at what no rule \
            describes. It is a place to start looking, not a verdict: most unusual connections are \
            harmless.",
        how_it_decides: "Each connection becomes eleven features: bytes sent and received, the sent share \
            of the bytes, time seen, packets, bytes per packet, retransmission rate, round-trip time, and \
            the share of the capture's connections with the same port, the same address and the same \
            process. Amounts and shares are compared by their logarithms; unknown values take the \
            capture's median, so that a missing value is never an outlier. `trees` random trees, each \
            over a sample of `sample_size` connections, split the features at random until each \
            connection is isolated. The fewer splits that takes, the higher its score, from 0 to 1, where \
            0.5 is average. A connection is reported if its score is at least `min_score`, it is among \
            the highest `max_share` of the connections, and at least one feature is `min_robust_z` robust \
            standard deviations or more from the capture's median. Connections of one process to one \
            address form one finding; at most `max_findings` are reported. Severity is info, and low from \
            a score of `low_score` on, never higher: unusual does not mean malicious. With fewer than \
            `min_connections` connections the detector is skipped. The random choices are seeded, so the \
            same capture gives the same scores.",
        false_positives: "Anything rare and legitimate: a backup, a software update, a video call, an \
            administrator's one long session, a service that was used once in this recording. In a \
            capture where nearly everything is malicious, the benign remainder stands out.",
        evidence: "The highest score and `min_score`; the features that made the connection stand out, \
            ranked by how much the score would fall if that feature were normal, each with its value, the \
            capture's median and the distance in robust standard deviations. The table `scores` holds the \
            score of every connection.",
        source: "F. T. Liu, K. M. Ting, Z.-H. Zhou: Isolation Forest. ICDM 2008, doi 10.1109/ICDM.2008.17. Robust \
            distances: B. Iglewicz, D. C. Hoaglin: How to Detect and Handle Outliers, 1993.",
        section: Section::Anomalies,
        method: Method::Learning,
        signal: Signal::Outlier,
        attack: &[],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        shares(&[
            ("min_score", config.min_score),
            ("low_score", config.low_score),
            ("max_share", config.max_share),
        ])?;
        if !(1..=10_000).contains(&config.trees) {
            return Err("trees must be between 1 and 10000".to_owned());
        }
        if !(2..=MAX_SAMPLE as u32).contains(&config.sample_size) {
            return Err(format!("sample_size must be between 2 and {MAX_SAMPLE}"));
        }
        if config.min_connections < 2 {
            return Err("min_connections must be at least 2".to_owned());
        }
        not_negative(&[("min_robust_z", config.min_robust_z)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        let matrix = context.features(&sockets);
        let rows = &matrix.rows;
        if rows.len() < config.min_connections as usize {
            return Ok(Outcome::Skipped(format!(
                "{} connections; needs at least {} to establish what is normal.",
                rows.len(),
                config.min_connections
            )));
        }
        let growth =
            Growth { trees: config.trees as usize, sample: config.sample_size as usize, seed: context.seed };
        let vectors = matrix.vectors(&sockets);
        let Some(forest) = Forest::grow(&vectors, growth) else {
            return Ok(Outcome::Skipped("Too few connections for a forest.".to_owned()));
        };
        let scores = forest.scores(&vectors);
        let bulks = &matrix.bulks;
        let judge =
            Judge { config, sockets: &sockets, rows, bulks, vectors, scores: &scores, forest: &forest };
        let groups = judge.groups();
        let shown = config.max_findings as usize;
        let findings = groups.iter().take(shown).map(|group| judge.finding(group)).collect();
        let limits = judge.limits(groups.len());
        let tables = vec![(SCORES.name, scores_table(&sockets, rows, scores)?)];
        Ok(Outcome::Ran(Output { findings, tables, limits, ..Output::default() }))
    }
}

/// The score of every connection.
fn scores_table(sockets: &Sockets<'_>, rows: &[u32], scores: Vec<f64>) -> Result<DataFrame> {
    df!("conn_id" => rows.iter().map(|row| sockets.conn_id(*row as usize)), "score" => scores)
}

/// A capture's connections with their scores, and the thresholds.
struct Judge<'a, 'c> {
    config: &'a Thresholds,
    sockets: &'a Sockets<'c>,
    /// Rows of the connections in the table of sockets.
    rows: &'a [u32],
    bulks: &'a [Option<Bulk>],
    vectors: FeatureVectors<'a, 'c>,
    scores: &'a [f64],
    forest: &'a Forest,
}

/// Why a connection stands out: one feature.
struct Reason {
    column: usize,
    /// By how much the score falls if this feature is as usual.
    weight: f64,
    robust_z: f64,
}

impl<'c> Judge<'_, 'c> {
    fn socket(&self, row: usize) -> Socket<'c> {
        self.sockets.get(self.rows[row] as usize)
    }

    /// Rows that are reported, of one source each; highest score first. What a process does is one
    /// thing to look at, with however many addresses it does it.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut rows: Vec<usize> =
            (0..self.scores.len()).filter(|row| self.scores[*row] >= self.config.min_score).collect();
        rows.sort_by(|a, b| self.scores[*b].total_cmp(&self.scores[*a]).then(a.cmp(b)));
        rows.truncate((self.scores.len() as f64 * self.config.max_share).ceil() as usize);
        rows.retain(|row| self.widest(*row) >= self.config.min_robust_z);
        let mut groups: BTreeMap<Source<'_>, Vec<usize>> = BTreeMap::new();
        for row in rows {
            groups.entry(Source::of(&self.socket(row))).or_default().push(row);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        groups.sort_by(|a, b| self.scores[b[0]].total_cmp(&self.scores[a[0]]).then(a[0].cmp(&b[0])));
        groups
    }

    /// A feature on its scale.
    fn value(&self, row: usize, column: usize) -> f64 {
        f64::from(self.vectors.get(row)[column])
    }

    fn robust_z(&self, row: usize, column: usize) -> f64 {
        self.bulks[column].map_or(0.0, |bulk| bulk.robust_z(self.value(row, column)))
    }

    /// The largest distance of any feature from its median.
    fn widest(&self, row: usize) -> f64 {
        (0..FEATURES.len()).map(|column| self.robust_z(row, column).abs()).fold(0.0, f64::max)
    }

    /// The features that made a connection stand out, the weightiest first, at most three.
    fn reasons(&self, row: usize) -> Vec<Reason> {
        let usual: Vec<f32> = self.bulks.iter().map(|b| b.map_or(0.0, |b| b.median) as f32).collect();
        let mut reasons: Vec<Reason> = (0..FEATURES.len())
            .map(|column| {
                let mut values = self.vectors.get(row);
                values[column] = usual[column];
                let without = self.forest.scores(&InMemory { values: &values, columns: COLUMNS })[0];
                Reason { column, weight: self.scores[row] - without, robust_z: self.robust_z(row, column) }
            })
            .filter(|reason| reason.robust_z.abs() >= 1.0)
            .collect();
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.column.cmp(&b.column)));
        reasons.truncate(3);
        reasons
    }

    fn finding(&self, group: &[usize]) -> Finding {
        let top = group[0];
        let score = self.scores[top];
        let reasons = self.reasons(top);
        let mut rows: Vec<usize> = group.iter().map(|row| self.rows[*row] as usize).collect();
        // The table is in the order of time.
        rows.sort_unstable();
        let members = self.sockets.subset(&rows);
        let severity = if score >= self.config.low_score { Severity::Low } else { Severity::Info };
        let judgement = Judgement {
            severity,
            confidence: Confidence::new((score - 0.5) * 2.0),
            title: title(members),
            explanation: self.explanation(top, group.len(), &reasons),
            false_positives: String::new(),
            attack: Vec::new(),
            entities: members.entities(),
        };
        let evidence = members.evidence(self.measurements(top, &reasons));
        Finding::new(&IsolationForest::ABOUT, judgement, evidence)
    }

    fn explanation(&self, row: usize, connections: usize, reasons: &[Reason]) -> String {
        let which =
            if connections == 1 { "This connection is" } else { "The most unusual of these connections is" };
        let parts: Vec<String> = reasons
            .iter()
            .map(|reason| {
                let direction = if reason.robust_z < 0.0 { "below" } else { "above" };
                format!(
                    "{} {} against a median of {} ({:.1} robust standard deviations {direction})",
                    FEATURES[reason.column].name,
                    quantity(reason.column, self.value(row, reason.column)),
                    quantity(reason.column, self.usual(reason.column)),
                    reason.robust_z.abs(),
                )
            })
            .collect();
        format!(
            "{which} unlike the other {} connections of this capture (score {:.2}, 0.5 is average). Main \
             reasons: {}. Unusual does not mean malicious: it is a place to look.",
            self.rows.len() - 1,
            self.scores[row],
            parts.join("; "),
        )
    }

    fn measurements(&self, row: usize, reasons: &[Reason]) -> Vec<Measurement> {
        let mut all =
            vec![Measurement::new("anomaly score", self.scores[row], "").against(self.config.min_score)];
        for reason in reasons {
            let feature = &FEATURES[reason.column];
            let value = feature.scale.invert(self.value(row, reason.column));
            let usual = feature.scale.invert(self.usual(reason.column));
            all.push(Measurement::new(feature.name, value, feature.unit));
            all.push(Measurement::new(
                format!("{}, median of the capture", feature.name),
                usual,
                feature.unit,
            ));
            all.push(Measurement::new(format!("{}, robust z", feature.name), reason.robust_z, ""));
        }
        all
    }

    /// The median of a feature on its scale.
    fn usual(&self, column: usize) -> f64 {
        self.bulks[column].map_or(0.0, |bulk| bulk.median)
    }

    fn limits(&self, groups: usize) -> Vec<String> {
        let mut limits = Vec::new();
        let unknown: Vec<&str> =
            FEATURES.iter().zip(self.bulks).filter(|(_, b)| b.is_none()).map(|(f, _)| f.name).collect();
        if !unknown.is_empty() {
            limits.push(format!("Unknown for every connection, so not compared: {}.", unknown.join(", ")));
        }
        let shown = self.config.max_findings as usize;
        if groups > shown {
            limits.push(format!(
                "Connections of {groups} processes stood out; those of the {shown} highest are shown."
            ));
        }
        limits
    }
}

fn title(members: SocketSubset<'_, '_>) -> String {
    let Some(first) = members.first() else { return String::new() };
    let source = Source::of(&first);
    let addrs: BTreeSet<&str> = members.iter().filter_map(|s| s.remote()).map(|(addr, _)| addr).collect();
    match (first.remote(), addrs.len()) {
        (Some((addr, port)), _) if members.len() == 1 => {
            format!("Unusual connection: {source} and {addr} port {port}")
        }
        (Some((addr, _)), 1) => format!("{} unusual connections: {source} and {addr}", members.len()),
        (_, many) => format!("{} unusual connections: {source} and {many} addresses", members.len()),
    }
}

/// A value of a feature, given on its scale, for people.
fn quantity(column: usize, scaled: f64) -> String {
    let feature = &FEATURES[column];
    let value = feature.scale.invert(scaled);
    match feature.scale {
        Scale::Amount => format!("{} {}", grouped(value), feature.unit).trim_end().to_owned(),
        Scale::Linear | Scale::Share => format!("{:.2} %", value * 100.0),
    }
}

/// Three digits for small numbers, thousands apart for large ones.
fn grouped(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
