//! What a detector is: its documentation, and its role in everything made from findings.
//!
//! No other file refers to a detector by its id. Everything that a report, an export or a
//! hypothesis needs to know about a detector is declared here.

use super::section::Section;

/// The description of a detector, with the same headings for all.
#[derive(Debug)]
pub struct About {
    /// Its name in the configuration, the report and the file system (`port-scan` is in
    /// `port_scan.rs`).
    pub id: &'static str,
    /// Its title, one line.
    pub title: &'static str,
    /// What it finds.
    pub what_it_finds: &'static str,
    /// Why that matters.
    pub why_it_matters: &'static str,
    /// How it decides, with every threshold by its name in the configuration.
    pub how_it_decides: &'static str,
    /// When it is wrong.
    pub false_positives: &'static str,
    /// What a finding contains as evidence.
    pub evidence: &'static str,
    /// The paper or project that the method is from.
    pub source: &'static str,
    /// The report's section with the charts and numbers for its findings.
    pub section: Section,
    /// Its method, in the terms of a SIEM.
    pub method: Method,
    /// What its findings mean to a hypothesis.
    pub signal: Signal,
    /// The only ATT&CK techniques that its findings may name.
    pub attack: &'static [&'static str],
}

/// How a detector decides: the analytic types in OCSF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Matches a list of rules or indicators.
    Rule,
    /// Recognizes a known behavior.
    Behavior,
    /// Counts and compares.
    Statistics,
    /// Learns from the capture what is normal.
    Learning,
}

/// What a finding means to a hypothesis. Hypotheses refer to signals, never to a detector; two
/// detectors may have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Periodic connections, like a beacon's.
    Periodic,
    /// Many ports or hosts tried.
    Scan,
    /// A process that is suspicious in itself, regardless of its destinations.
    SuspiciousProcess,
    /// A spike in activity.
    Spike,
    /// Much more sent than received.
    Upload,
    /// A long-lived connection.
    LongLived,
    /// A session with signs of remote control.
    Session,
    /// A destination that never answers.
    Unanswered,
    /// An outbound connection by a service or by a process that it started.
    Callback,
    /// Data hidden in another protocol.
    Tunnel,
    /// Cryptocurrency mining.
    Mining,
    /// Relayed connections.
    Relay,
    /// Floods and mass mail, which harm other hosts.
    Abuse,
    /// Files of a server that are read and written again, as by ransomware.
    FilesRewritten,
    /// Many failed logins.
    PasswordGuessing,
    /// Administration from host to host.
    LateralMovement,
    /// Logins at a host outside, which may leak credentials.
    CredentialsSent,
    /// Unhealthy TCP states or retransmissions.
    TcpTrouble,
    /// A service on a port other than its own.
    UnusualPort,
    /// A country or network that nothing else contacts.
    RarePlace,
    /// A group of similar connections.
    Group,
    /// An outlier among the connections.
    Outlier,
    /// An indicator of compromise supplied by the investigator.
    KnownBad,
    /// A rule supplied by the investigator.
    RuleMatch,
}

/// A table that a detector returns in addition to its findings, for charts and exports.
#[derive(Debug, Clone, Copy)]
pub struct DetectorTable {
    /// Id of the detector.
    pub detector: &'static str,
    /// Name of the table.
    pub name: &'static str,
}
