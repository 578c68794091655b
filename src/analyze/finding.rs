//! What a detector says: a finding, which cannot be built without its evidence.

use std::fmt;

use sha2::{Digest, Sha256};

use super::detectors::About;

/// How bad it is, if it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the usual five")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name in reports and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure the detector is that it is true, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// Clamps to 0..=1; not a number becomes 0.
    pub fn new(value: f64) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The value, 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Whom and what a finding is about; what is not known or not the same in all of its
/// connections is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the capture's columns of the same name")]
pub struct Entities {
    pub process_name: Option<String>,
    pub pid: Option<u32>,
    pub exe: Option<String>,
    pub cmdline: Option<String>,
    pub username: Option<String>,
    pub container: Option<String>,
    pub protocol: Option<String>,
    pub local_addr: Option<String>,
    pub local_port: Option<u16>,
    pub remote_addr: Option<String>,
    pub remote_port: Option<u16>,
    pub remote_name: Option<String>,
}

/// One measured value, beside the threshold that it was held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What was measured, in words: `ports tried`.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit: `s`, `bytes`, `ports`; empty for a bare number.
    pub unit: &'static str,
    /// The threshold, where there is one.
    pub threshold: Option<f64>,
}

impl Measurement {
    /// A value without a threshold.
    pub fn of(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, threshold: None }
    }

    /// The same value beside the threshold that it was held against.
    #[must_use]
    pub fn against(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }
}

/// What a finding rests on. At least one connection and one measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The measured values.
    pub measurements: Vec<Measurement>,
    /// The connections, by `conn_id`; the first [`Evidence::MAX_CONNECTIONS`] in time.
    pub connections: Vec<u64>,
    /// How many connections there are in all.
    pub connections_total: u64,
    /// First and last moment, µs since the Unix epoch.
    pub span_us: (i64, i64),
}

impl Evidence {
    /// A finding lists no more connections than these; the total is always said.
    pub const MAX_CONNECTIONS: usize = 100;

    /// Evidence from all connections of a finding, in the order of time.
    ///
    /// # Panics
    /// Without a connection or a measurement: such a detector is broken.
    pub fn new(measurements: Vec<Measurement>, connections: &[u64], span_us: (i64, i64)) -> Self {
        assert!(!measurements.is_empty(), "a finding needs a measurement");
        assert!(!connections.is_empty(), "a finding needs a connection");
        Self {
            measurements,
            connections_total: connections.len() as u64,
            connections: connections.iter().copied().take(Self::MAX_CONNECTIONS).collect(),
            span_us,
        }
    }
}

/// The part of a finding that the detector words: everything but the evidence.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// How bad, if true.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One line: who did what to whom.
    pub title: String,
    /// A few sentences: what was seen, and why it was judged so.
    pub explanation: String,
    /// When this finding would be wrong; the detector's general text if empty.
    pub false_positives: String,
    /// ATT&CK technique ids.
    pub attack: Vec<&'static str>,
    /// Whom and what it is about.
    pub entities: Entities,
}

/// Something that a detector found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Stable for the same capture: the detector's id and a hash of what it is about.
    pub id: String,
    /// The detector's id.
    pub detector: &'static str,
    /// What the detector says.
    pub judgement: Judgement,
    /// On what it rests.
    pub evidence: Evidence,
}

impl Finding {
    /// A finding of a detector. The id is made from the entities and the first moment.
    pub fn new(about: &About, mut judgement: Judgement, evidence: Evidence) -> Self {
        if judgement.false_positives.is_empty() {
            judgement.false_positives = about.false_positives.to_owned();
        }
        let mut hash = Sha256::new();
        hash.update(format!("{:?}|{:?}|{:?}", judgement.title, judgement.entities, evidence.span_us.0));
        let digest: [u8; 32] = hash.finalize().into();
        let short: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: format!("{}-{short}", about.id), detector: about.id, judgement, evidence }
    }
}
