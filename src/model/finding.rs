//! The result of a detector: a finding, which cannot be built without its evidence.

use std::cmp::Ordering;
use std::fmt;

use sha2::{Digest, Sha256};

use super::detector::About;

/// How bad a finding is, if it is true.
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

/// How confident the detector is, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// Clamps to 0..=1; NaN becomes 0.
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
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the capture's columns of the same name")]
pub struct Entities {
    pub process_name: Option<String>,
    /// The process's name as an actor: its name, with its script or path if needed (see
    /// [`super::actor`]).
    pub actor: Option<String>,
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
    /// What the payload says, in words: protocol, TLS client, certificate (see [`super::payloads::described`]).
    pub payload: Option<String>,
}

impl Entities {
    /// The process as an actor, or else by its name.
    pub fn program(&self) -> Option<&str> {
        self.actor.as_deref().or(self.process_name.as_deref())
    }
}

/// Without the payload: ids of findings are made of this text, and stay the same whether a source looked at payloads or not.
#[allow(
    clippy::missing_fields_in_debug,
    reason = "ids are made of this text, which says no more than it did"
)]
impl fmt::Debug for Entities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entities")
            .field("process_name", &self.process_name)
            .field("actor", &self.actor)
            .field("pid", &self.pid)
            .field("exe", &self.exe)
            .field("cmdline", &self.cmdline)
            .field("username", &self.username)
            .field("container", &self.container)
            .field("protocol", &self.protocol)
            .field("local_addr", &self.local_addr)
            .field("local_port", &self.local_port)
            .field("remote_addr", &self.remote_addr)
            .field("remote_port", &self.remote_port)
            .field("remote_name", &self.remote_name)
            .finish()
    }
}

/// A measured value and the threshold that it was compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What was measured: `ports tried`.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit: `s`, `bytes`, `ports`; empty for a bare number.
    pub unit: &'static str,
    /// The threshold, if there is one.
    pub threshold: Option<f64>,
}

impl Measurement {
    /// A value without a threshold.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, threshold: None }
    }

    /// The same value with the threshold that it was compared with.
    #[must_use]
    pub fn against(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }
}

/// The evidence of a finding: at least one connection and one measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The measured values.
    pub measurements: Vec<Measurement>,
    /// The connections by `conn_id`: the first [`Evidence::MAX_CONNECTIONS`] in time.
    pub connections: Vec<u64>,
    /// Total number of connections.
    pub connections_total: u64,
    /// First and last moment, µs since the Unix epoch.
    pub span_us: (i64, i64),
}

impl Evidence {
    /// Maximum number of connections listed in a finding; the total is always stated.
    pub const MAX_CONNECTIONS: usize = 100;

    /// Evidence from all connections of a finding, in time order.
    ///
    /// # Panics
    /// Without a connection or a measurement: a bug in the detector.
    pub fn new(
        measurements: Vec<Measurement>,
        connections: impl IntoIterator<IntoIter: ExactSizeIterator<Item = u64>>,
        span_us: (i64, i64),
    ) -> Self {
        let connections = connections.into_iter();
        assert!(!measurements.is_empty(), "a finding needs a measurement");
        assert!(connections.len() > 0, "a finding needs a connection");
        Self {
            measurements,
            connections_total: connections.len() as u64,
            connections: connections.take(Self::MAX_CONNECTIONS).collect(),
            span_us,
        }
    }
}

/// The part of a finding that the detector decides: everything except the evidence.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The severity, if it is true.
    pub severity: Severity,
    /// The confidence.
    pub confidence: Confidence,
    /// One line: who did what to whom.
    pub title: String,
    /// A few sentences: what was observed, and why it is a finding.
    pub explanation: String,
    /// When this finding would be wrong; the detector's general text if empty.
    pub false_positives: String,
    /// ATT&CK technique ids.
    pub attack: Vec<&'static str>,
    /// The entities that it is about.
    pub entities: Entities,
}

/// A finding of a detector.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Stable for the same capture: the detector's id and a hash of the finding's subject.
    pub id: String,
    /// The detector.
    pub about: &'static About,
    /// The detector's judgment.
    pub judgement: Judgement,
    /// The evidence.
    pub evidence: Evidence,
}

impl Finding {
    /// A finding of a detector. Its id is derived from the entities and the first moment.
    ///
    /// # Panics
    /// If it names an ATT&CK technique that the detector does not declare: a bug in the detector.
    pub fn new(about: &'static About, mut judgement: Judgement, evidence: Evidence) -> Self {
        if judgement.false_positives.is_empty() {
            about.false_positives.clone_into(&mut judgement.false_positives);
        }
        let is_declared = |technique: &&str| about.attack.contains(technique);
        assert!(judgement.attack.iter().all(is_declared), "{} declares other techniques", about.id);
        let mut hash = Sha256::new();
        hash.update(format!("{:?}|{:?}|{:?}", judgement.title, judgement.entities, evidence.span_us.0));
        let digest: [u8; 32] = hash.finalize().into();
        let short = digest[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self { id: format!("{}-{short:012x}", about.id), about, judgement, evidence }
    }

    /// The order of findings: worst first, then by confidence, then by id.
    pub fn worst_first(&self, other: &Self) -> Ordering {
        let rank = |finding: &Self| (finding.judgement.severity, finding.judgement.confidence);
        let by_rank = rank(other).partial_cmp(&rank(self)).unwrap_or(Ordering::Equal);
        by_rank.then_with(|| self.id.cmp(&other.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::about::{Method, Signal};
    use crate::model::section::Section;

    const ABOUT: &About = &About {
        id: "port-scan",
        title: "",
        what_it_finds: "",
        why_it_matters: "",
        how_it_decides: "",
        false_positives: "A monitoring system.",
        evidence: "",
        source: "",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Scan,
        attack: &["T1046"],
    };

    fn judgement(title: &str) -> Judgement {
        Judgement {
            severity: Severity::Low,
            confidence: Confidence::new(0.5),
            title: title.to_owned(),
            explanation: String::new(),
            false_positives: String::new(),
            attack: Vec::new(),
            entities: Entities::default(),
        }
    }

    fn evidence(first_us: i64) -> Evidence {
        Evidence::new(vec![Measurement::new("ports tried", 20.0, "ports").against(15.0)], [7], (first_us, 9))
    }

    #[test]
    fn the_id_depends_on_what_it_is_about_and_on_nothing_else() {
        let id = |title: &str, first_us| Finding::new(ABOUT, judgement(title), evidence(first_us)).id;
        assert_eq!(id("a", 1), id("a", 1));
        assert_ne!(id("a", 1), id("b", 1));
        assert_ne!(id("a", 1), id("a", 2));
        assert_eq!(id("a", 1).len(), ABOUT.id.len() + 1 + 12);
    }

    #[test]
    fn without_words_of_its_own_a_finding_has_the_detectors_false_positives() {
        let finding = Finding::new(ABOUT, judgement("a"), evidence(1));
        assert_eq!(finding.judgement.false_positives, ABOUT.false_positives);
    }

    #[test]
    #[should_panic(expected = "a finding needs a connection")]
    fn no_finding_without_a_connection() {
        let _ = Evidence::new(vec![Measurement::new("x", 1.0, "")], [], (0, 0));
    }

    #[test]
    fn a_long_list_of_connections_is_cut_but_counted() {
        let all: Vec<u64> = (0..500).collect();
        let evidence = Evidence::new(vec![Measurement::new("x", 1.0, "")], all, (0, 0));
        assert_eq!((evidence.connections.len(), evidence.connections_total), (100, 500));
    }

    #[test]
    fn confidence_is_never_outside_0_and_1() {
        for (value, expected) in [(f64::NAN, 0.0), (-3.0, 0.0), (7.0, 1.0), (0.25, 0.25)] {
            assert!((Confidence::new(value).get() - expected).abs() < f64::EPSILON);
        }
    }
}
