//! `service-trouble`: an operational problem rather than an attack.

use crate::insight::hypothesis::{Hypothesis, Joins, Sign};
use crate::model::about::Signal;
use crate::model::finding::Severity;

pub(super) const SERVICE_TROUBLE: Hypothesis = Hypothesis {
    id: "service-trouble",
    title: "{who}: unhealthy TCP connections",
    summary: "Connections leak, are reset, or lose segments. This is more likely an operational problem than an attack.",
    stage: None,
    joins: Joins::Process,
    needs: &[&[Sign::any(Signal::TcpTrouble, "TCP states:")]],
    supports: &[Sign::any(Signal::Spike, "Rate anomaly:"), Sign::any(Signal::Outlier, "Outlier:")],
    min_severity: Severity::Medium,
    escalates: false,
    at_most: Severity::Critical,
    benign: &["A restart, a deployment or a load test looks the same for a short time."],
    ask: &[
        "Check whether the number grows over the recording: a leak grows, a spike passes.",
        "Read the logs of {the program|its programs} at that time.",
    ],
    attack: &[],
};
