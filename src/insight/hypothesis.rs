//! What a rule for an insight consists of.

use super::fact::Fact;
use crate::model::about::Signal;
use crate::model::finding::Severity;

/// A rule: which findings, about the same thing, mean what.
///
/// In the texts, `{who}` is the process (or the address where that is not known), `{where}`
/// the remote end, as far as they are the same in all findings.
#[derive(Debug)]
pub struct Hypothesis {
    /// Its name: that of its file.
    pub id: &'static str,
    /// What probably happened, in one line.
    pub title: &'static str,
    /// Why the findings together mean that.
    pub summary: &'static str,
    /// Which part of an intrusion it is; none for what is no attack, or may be any part of one.
    pub stage: Option<Stage>,
    /// About what the findings have to be the same.
    pub joins: Joins,
    /// Of every group, one sign must be there; the first group is what it is about.
    pub needs: &'static [&'static [Sign]],
    /// Further supporting evidence.
    pub supports: &'static [Sign],
    /// A lone finding needs at least this severity to become an insight.
    pub min_severity: Severity,
    /// Whether two detectors that say at least `medium` make it one step worse.
    pub escalates: bool,
    /// It is never worse than this: less than critical where the hypothesis is harmless.
    pub at_most: Severity,
    /// Alternative explanations, in sentences.
    pub benign: &'static [&'static str],
    /// Next steps, as imperatives.
    pub ask: &'static [&'static str],
    /// ATT&CK techniques beyond those of the findings.
    pub attack: &'static [&'static str],
}

/// The parts of an intrusion, as ATT&CK's tactics name them, in the order in which they usually come.
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

/// About what findings have to be the same to be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joins {
    /// The process.
    Process,
    /// The process and the address that it contacts; what is known of the process alone
    /// belongs to each.
    ProcessAndDestination,
    /// The remote address.
    Destination,
    /// The capture.
    Capture,
}

/// A kind of finding, and what it says for the hypothesis.
#[derive(Debug)]
pub struct Sign {
    /// What the finding says; none if that does not matter.
    pub signal: Option<Signal>,
    /// Whether a finding that says so is meant.
    pub is: fn(&Fact<'_>) -> bool,
    /// What it says, in a sentence.
    pub says: &'static str,
}

impl Sign {
    /// Any finding with a signal.
    pub const fn any(signal: Signal, says: &'static str) -> Self {
        Self::that(signal, |_| true, says)
    }

    /// The findings with a signal that are so.
    pub const fn that(signal: Signal, is: fn(&Fact<'_>) -> bool, says: &'static str) -> Self {
        Self { signal: Some(signal), is, says }
    }

    /// The findings that are so, whatever their signal.
    pub const fn of_any_detector(is: fn(&Fact<'_>) -> bool, says: &'static str) -> Self {
        Self { signal: None, is, says }
    }

    /// Whether a fact is such a finding.
    pub fn shows_in(&self, fact: &Fact<'_>) -> bool {
        self.signal.is_none_or(|signal| signal == fact.finding.about.signal) && (self.is)(fact)
    }
}
