//! From findings to hypotheses: what several findings about the same thing mean together.
//!
//! A detector sees one pattern; an investigator asks what happened. An [`Insight`] joins the
//! findings about one process and its destinations, and states the supporting evidence, the
//! alternative explanations and the next steps.
//!
//! The rules are data: one [`Hypothesis`] is one file in `hypotheses/` and one line in
//! [`HYPOTHESES`], from the most specific to the most general. A finding belongs to the first that
//! requires it, so that ten findings about one scan are one insight. Severe insights about one
//! actor are joined again into the intrusion that they are part of (`intrusion.rs`). Severity and
//! confidence of an insight follow from its findings by the short rules in `score.rs` alone.

mod case;
mod fact;
mod hypotheses;
mod hypothesis;
mod intrusion;
mod score;
#[cfg(test)]
mod tests;
mod words;

pub use hypotheses::HYPOTHESES;
pub use hypothesis::Hypothesis;

use crate::Result;
use crate::capture::Metadata;
use crate::model::Tables;
use crate::model::finding::{Confidence, Entities, Finding, Severity};
use crate::model::metrics::Completeness;

/// An assessment of what happened, based on findings.
#[derive(Debug, Clone)]
pub struct Insight {
    /// Stable for the same capture.
    pub id: String,
    /// The severity, if it is true.
    pub severity: Severity,
    /// The confidence.
    pub confidence: Confidence,
    /// One line: the assessment.
    pub title: String,
    /// The title with the full process (pid, user), and the time.
    pub sentence: String,
    /// A few sentences.
    pub summary: String,
    /// The entities concerned; values that differ between its findings are `None`.
    pub entities: Entities,
    /// ATT&CK technique ids.
    pub attack: Vec<&'static str>,
    /// Ids of its findings, strongest first.
    pub findings: Vec<String>,
    /// Supporting evidence, strongest first.
    pub evidence: Vec<Support>,
    /// Alternative explanations and doubts, one sentence each.
    pub against: Vec<String>,
    /// The next steps.
    pub next_steps: Vec<Step>,
    /// First and last moment of its findings, µs since the Unix epoch.
    pub span_us: (i64, i64),
}

/// How one finding supports a hypothesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// Id of the finding.
    pub finding: String,
    /// What it shows, in a sentence.
    pub sentence: String,
}

/// A next step; a report turns it into a command to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A sentence.
    Ask(String),
    /// Replay the recording at a moment, µs since the Unix epoch.
    Replay(i64),
    /// List what matches a filter between two moments, µs since the Unix epoch.
    Dump {
        /// A filter expression, as for `--filter`.
        filter: String,
        /// Start and end.
        span_us: (i64, i64),
    },
    /// A command to run on the host.
    OnHost {
        /// The command with its options.
        command: &'static str,
        /// Its arguments, which may come from the capture.
        arguments: Vec<String>,
    },
}

/// Joins the findings of a capture; the worst insight first, then by confidence.
///
/// # Errors
/// [`crate::Error::Analysis`] if the table of connections lacks a column: a bug.
pub fn join(
    findings: &[&Finding],
    tables: &Tables,
    completeness: &Completeness,
    metadata: &Metadata,
) -> Result<Vec<Insight>> {
    let facts = fact::facts(findings, tables)?;
    let mut insights: Vec<Insight> =
        case::cases(&facts).iter().map(|case| words::insight(case, completeness, metadata)).collect();
    insights.sort_by(|a, b| {
        let rank = |insight: &Insight| (insight.severity, insight.confidence);
        rank(b).partial_cmp(&rank(a)).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.id.cmp(&b.id))
    });
    Ok(insights)
}
