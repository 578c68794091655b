//! What a detector is: its documentation, and its place in everything that is made of findings.
//!
//! No other file asks for a detector by its id. What a report, an export or a hypothesis needs to
//! know of a detector stands here.

use super::section::Section;

/// What a detector is, under the same headings for all.
#[derive(Debug)]
pub struct About {
    /// Its name in the configuration, the report and the file system (`port-scan` is in
    /// `port_scan.rs`).
    pub id: &'static str,
    /// A line.
    pub title: &'static str,
    /// What it finds.
    pub what_it_finds: &'static str,
    /// Why that matters.
    pub why_it_matters: &'static str,
    /// How it decides, with every threshold by its name in the configuration.
    pub how_it_decides: &'static str,
    /// When it is wrong.
    pub false_positives: &'static str,
    /// What a finding brings along.
    pub evidence: &'static str,
    /// Paper or project that the method comes from.
    pub source: &'static str,
    /// Section of the report where the charts and numbers are that belong to its findings.
    pub section: Section,
    /// How it judges, as a SIEM is told.
    pub method: Method,
    /// What its findings say to a hypothesis.
    pub signal: Signal,
    /// ATT&CK techniques that its findings may name, and no others.
    pub attack: &'static [&'static str],
}

/// How a detector judges: the types of an analytic in OCSF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It follows a list of rules or indicators.
    Rule,
    /// It knows a behaviour.
    Behavior,
    /// It counts and compares.
    Statistics,
    /// It learns from the capture what is usual.
    Learning,
}

/// What a finding says to a hypothesis. Hypotheses ask for these, never for a detector; two
/// detectors may give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Periodic connections, as a beacon makes them.
    Periodic,
    /// Many ports or hosts tried.
    Scan,
    /// A process that is suspicious by itself, whatever it connects to.
    SuspiciousProcess,
    /// Much at once.
    Spike,
    /// Much more sent than received.
    Upload,
    /// A connection that stays.
    LongLived,
    /// A session that has the marks of remote control.
    Session,
    /// A destination that never answers.
    Unanswered,
    /// A service, or what it started, connects out.
    Callback,
    /// Data hidden in another protocol.
    Tunnel,
    /// Cryptocurrency mining.
    Mining,
    /// Connections that are passed on to somewhere else.
    Relay,
    /// Floods and mass mail, which harm others.
    Abuse,
    /// Many failed logins.
    PasswordGuessing,
    /// Administration from host to host.
    LateralMovement,
    /// TCP states or retransmissions that should not be.
    TcpTrouble,
    /// A service on a port that it does not use.
    UnusualPort,
    /// A country or network that nothing else talks to.
    RarePlace,
    /// A group of like connections.
    Group,
    /// A connection unlike the others.
    Outlier,
    /// An indicator of compromise that the investigator brought along.
    KnownBad,
    /// A rule that the investigator brought along.
    RuleMatch,
}

/// A table that a detector hands out beside its findings, for charts and exports.
#[derive(Debug, Clone, Copy)]
pub struct DetectorTable {
    /// Id of the detector.
    pub detector: &'static str,
    /// Name of the table.
    pub name: &'static str,
}
