//! The parts of a hypothesis.

use super::fact::Fact;
use crate::model::about::Signal;
use crate::model::finding::Severity;

/// A rule: which findings about the same subject mean what.
///
/// In the texts, `{who}` is the process (or the address if it is unknown) and `{where}` the remote
/// end, if they are the same in all findings; `{source}` is the one of the two that opened the connections, and
/// `{target}` the other.
#[derive(Debug)]
pub struct Hypothesis {
    /// Its name, which is also its file's.
    pub id: &'static str,
    /// The assessment, in one line.
    pub title: &'static str,
    /// Why the findings together mean that.
    pub summary: &'static str,
    /// The stage of an intrusion; `None` if it is not an attack, or may be any stage.
    pub stage: Option<Stage>,
    /// What the findings must have in common.
    pub joins: Joins,
    /// One sign of every group is required; the first group determines the subject.
    pub needs: &'static [&'static [Sign]],
    /// Further supporting evidence.
    pub supports: &'static [Sign],
    /// Minimum severity with which a single finding becomes an insight.
    pub min_severity: Severity,
    /// Whether two detectors with at least `medium` raise its severity by one step.
    pub escalates: bool,
    /// Maximum severity: below critical for a harmless hypothesis.
    pub at_most: Severity,
    /// Alternative explanations, one sentence each.
    pub benign: &'static [&'static str],
    /// Next steps, as imperatives.
    pub ask: &'static [&'static str],
    /// ATT&CK techniques in addition to those of the findings.
    pub attack: &'static [&'static str],
}

/// The stages of an intrusion, named after ATT&CK's tactics, in their usual order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of ATT&CK")]
pub enum Stage {
    InitialAccess,
    DefenseEvasion,
    CredentialAccess,
    Discovery,
    LateralMovement,
    CommandAndControl,
    Exfiltration,
    Impact,
}

impl Stage {
    /// Its name in a sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InitialAccess => "initial access",
            Self::DefenseEvasion => "defense evasion",
            Self::CredentialAccess => "credential access",
            Self::Discovery => "discovery",
            Self::LateralMovement => "lateral movement",
            Self::CommandAndControl => "command and control",
            Self::Exfiltration => "exfiltration",
            Self::Impact => "impact",
        }
    }
}

/// What findings must have in common to be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joins {
    /// The process.
    Process,
    /// The process and the address that it contacts; findings about the process itself belong to
    /// each.
    ProcessAndDestination,
    /// The remote address.
    Destination,
    /// The capture.
    Capture,
}

/// A kind of finding, and how it supports the hypothesis.
#[derive(Debug)]
pub struct Sign {
    /// The signal of the finding; `None` if it does not matter.
    pub signal: Option<Signal>,
    /// Whether such a finding counts.
    pub is: fn(&Fact<'_>) -> bool,
    /// What it shows, in a sentence.
    pub says: &'static str,
}

impl Sign {
    /// Any finding with a signal.
    pub const fn any(signal: Signal, says: &'static str) -> Self {
        Self::that(signal, |_| true, says)
    }

    /// The findings with a signal that satisfy a condition.
    pub const fn that(signal: Signal, is: fn(&Fact<'_>) -> bool, says: &'static str) -> Self {
        Self { signal: Some(signal), is, says }
    }

    /// The findings that satisfy a condition, whatever their signal.
    pub const fn of_any_detector(is: fn(&Fact<'_>) -> bool, says: &'static str) -> Self {
        Self { signal: None, is, says }
    }

    /// Whether a fact is such a finding.
    pub fn shows_in(&self, fact: &Fact<'_>) -> bool {
        self.signal.is_none_or(|signal| signal == fact.finding.about.signal) && (self.is)(fact)
    }
}
