//! `ransomware`: a host that rewrites the files of others.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign, Stage};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const RANSOMWARE: Hypothesis = Hypothesis {
    id: "ransomware",
    title: "{who}: possible ransomware, rewrites files on {where}",
    summary: "A {process|host} reads files of a server over SMB and writes about as much back. Ransomware encrypts network \
        shares like that.",
    stage: Some(Stage::Impact),
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::FilesRewritten, "Files rewritten:")]],
    supports: &[
        Sign::any(Signal::SuspiciousProcess, "Suspicious process:"),
        Sign::any(Signal::LateralMovement, "Lateral movement:"),
        Sign::that(Signal::Scan, |fact| !fact.is_inbound, "Scan:"),
        Sign::any(Signal::Spike, "Rate anomaly:"),
        Sign::any(Signal::Outlier, "Outlier:"),
    ],
    min_severity: Severity::Medium,
    escalates: true,
    at_most: Severity::Critical,
    benign: &["Somebody moves or converts many files from one share to another."],
    ask: &[
        "If files on the server have new names or endings, disconnect the host at once, and keep its memory.",
        "Find out on the file server which files it wrote, and which account it used.",
    ],
    attack: &["T1486"],
};
