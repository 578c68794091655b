//! From findings to hypotheses: what several findings about the same thing mean together.
//!
//! A detector sees one pattern; an investigator asks what happened. An [`Insight`] joins the
//! findings about one process and its destinations, and states the supporting evidence, the
//! alternative explanations and the next steps.
//!
//! The rules are data: one [`Hypothesis`] is one file in `hypotheses/` and one line in
//! [`HYPOTHESES`], from the most specific to the most general. A finding belongs to the first
//! that needs it, so that ten findings about one scan are one insight; grave insights about one actor are
//! joined once more, into the intrusion that they are parts of (`intrusion.rs`). How bad and how sure an
//! insight is follows from its findings by the few lines of `score.rs`, and from nothing else.

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

/// A hypothesis about what happened, made of findings.
#[derive(Debug, Clone)]
pub struct Insight {
    /// Stable for the same capture.
    pub id: String,
    /// How bad, if true.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One line: what probably happened.
    pub title: String,
    /// The title with the process in full (pid, user), and when.
    pub sentence: String,
    /// A few sentences.
    pub summary: String,
    /// Whom and what it is about; what differs between its findings is none.
    pub entities: Entities,
    /// ATT&CK technique ids.
    pub attack: Vec<&'static str>,
    /// Ids of the findings that it joins, strongest first.
    pub findings: Vec<String>,
    /// Supporting evidence, strongest first.
    pub evidence: Vec<Support>,
    /// Alternative explanations and doubts, in sentences.
    pub against: Vec<String>,
    /// What to look at next.
    pub next_steps: Vec<Step>,
    /// First and last moment of its findings, µs since the Unix epoch.
    pub span_us: (i64, i64),
}

/// What one finding says for a hypothesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// Id of the finding.
    pub finding: String,
    /// What it shows, in a sentence.
    pub sentence: String,
}

/// Something to do next; a report makes a command of it that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A sentence.
    Ask(String),
    /// Look at the recording at a moment, µs since the Unix epoch.
    Replay(i64),
    /// List what matches a filter between two moments, µs since the Unix epoch.
    Dump {
        /// In the language of `--filter`.
        filter: String,
        /// From and to.
        span_us: (i64, i64),
    },
    /// A command for the host.
    OnHost {
        /// The command with its options.
        command: &'static str,
        /// Its arguments, which may come from the capture.
        arguments: Vec<String>,
    },
}

/// Joins the findings of a capture; the worst insight first, then the surest.
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
