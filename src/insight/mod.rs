//! From findings to hypotheses: what several findings about the same thing mean together.
//!
//! A detector sees one pattern; an investigator asks what happened. An [`Insight`] joins the
//! findings about one process and what it talks to, says what speaks for it and what against,
//! and what to look at next.

use crate::analyze::finding::{Confidence, Entities, Severity};

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
    /// A few sentences.
    pub summary: String,
    /// Whom and what it is about; what differs between its findings is none.
    pub entities: Entities,
    /// ATT&CK technique ids.
    pub attack: Vec<&'static str>,
    /// Ids of the findings that it joins, strongest first.
    pub findings: Vec<String>,
    /// What speaks for it, in sentences.
    pub supports: Vec<String>,
    /// What speaks against it, in sentences.
    pub against: Vec<String>,
    /// What to look at next, in sentences or commands.
    pub next_steps: Vec<String>,
    /// First and last moment of its findings, µs since the Unix epoch.
    pub span_us: (i64, i64),
}
