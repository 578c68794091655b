//! The ground truth of a labeled set: `truth.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Every set in a folder, by the name of its subfolder.
pub(crate) type Truth = BTreeMap<String, Set>;

/// A labeled set.
#[derive(Debug, Deserialize)]
pub(crate) struct Set {
    /// What is malicious in it; empty for a benign set.
    #[serde(default)]
    pub(crate) positives: Vec<Behaviour>,
    /// Whether everything else in the set is known to be benign; by default true for a set whose
    /// name begins with `benign`. A set without positives may simply be unlabeled.
    pub(crate) benign: Option<bool>,
    /// The programs known to be ordinary, by name, if a recording also contains unknown ones.
    pub(crate) ordinary: Option<Vec<String>>,
}

/// One malicious behavior. Fields that are not given are not compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Behaviour {
    /// `beacon`, `vertical_scan`, `dns_tunnel`, …
    pub(crate) kind: String,
    /// Address of the originator.
    pub(crate) src: Option<String>,
    /// Address of the responder.
    pub(crate) dst: Option<String>,
    /// Port of the responder.
    pub(crate) dport: Option<u16>,
    /// Name of the program, if the set is a recording of a host.
    pub(crate) process: Option<String>,
    /// The path of the script that an interpreter runs, if it is one.
    pub(crate) script: Option<String>,
    /// The file in the set that shows it, if not all do.
    pub(crate) file: Option<String>,
    /// A description.
    #[serde(default)]
    pub(crate) label: String,
}

impl Set {
    /// Whether a finding about none of its positives is a false positive.
    pub(crate) fn is_benign(&self, name: &str) -> bool {
        self.benign.unwrap_or_else(|| name.starts_with("benign"))
    }
}

impl Behaviour {
    /// What a finding must name: the script, or else the program.
    pub(crate) fn program(&self) -> Option<&str> {
        self.script.as_deref().or(self.process.as_deref())
    }
}

/// Detectors whose findings count as correct for a kind of behavior; empty for a kind that any
/// detector may find.
pub(crate) fn right_detectors(kind: &str) -> &'static [&'static str] {
    match kind {
        "vertical_scan" | "horizontal_scan" | "udp_scan" | "slow_scan" => &["port-scan"],
        // Polling without a pause, or inside one connection, is a session.
        "beacon" | "in_connection_beacon" => &["beacon", "c2-session"],
        "c2_single_connection" | "reverse_shell" => &["c2-session", "process"],
        "long_connection" => &["long-connection", "c2-session"],
        "dead_c2" | "unanswered" => &["unanswered"],
        "exploit_callback" => &["callback", "smb-outside"],
        "web_shell" => &["callback", "process"],
        "brute_force" => &["brute-force"],
        "dns_tunnel" | "dga" => &["dns"],
        "icmp_tunnel" => &["icmp"],
        "exfil" => &["exfiltration"],
        "lateral_movement" => &["lateral-movement"],
        "mining" => &["mining"],
        _ => &[],
    }
}

/// Reads the `truth.json` of a folder.
pub(crate) fn read(folder: &Path) -> Truth {
    let path = folder.join("truth.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
