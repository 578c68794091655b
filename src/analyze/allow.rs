//! Allow-lists: findings that someone who knows the host can explain.
//!
//! An entry hides nothing: matching findings are moved to [`Suppressed`], where the report counts
//! and lists them. Entries apply to findings, so they work for a capture from last year as well as
//! for today's.

mod entry;
mod patterns;

use std::fmt;
use std::path::Path;

use ahash::AHashSet;
use serde::Deserialize;

use self::entry::AllowRule;
use super::Suppressed;
use crate::model::detector::Run;
use crate::model::finding::Finding;
use crate::model::sockets::{Socket, Sockets};
use crate::model::tables::Tables;
use crate::{Error, Result};

/// The section of an entry, in `netrec.toml` and in a file of `--allow`.
pub const SECTION: &str = "allow";

/// An example entry, for the documented configuration.
pub const EXAMPLE: &str = "\
# Known and explained behavior. Findings that match an entry are listed separately, as suppressed.
# Every key of an entry must match, with any one of its values. Keys: detector, process, exe, user,
# container, name, address, local_address, port. Texts may contain * and ?, addresses may be
# networks, ports may be ranges. Each entry needs a reason.
# [[allow]]
# reason = \"Monitoring of the web team, ticket 1234\"
# process = \"zabbix_agent*\"
# address = [\"10.20.0.0/16\", \"2001:db8::7\"]
# port = [10051, \"8000-8099\"]
# detector = \"beacon\"";

/// Entries of all allow-lists in use, in the order given.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    entries: Vec<AllowRule>,
}

impl AllowList {
    /// Reads a file of `[[allow]]` entries.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Config`] naming the invalid entry.
    pub fn load(path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            allow: toml::Value,
        }
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        toml::from_str::<File>(&text)
            .map_err(|e| format!("an allow-list consists of [[allow]] entries: {}", e.message()))
            .and_then(|file| Self::parse(file.allow))
            .map_err(|reason| Error::Config { path: path.to_path_buf(), reason })
    }

    /// Checks the entries of a file: each needs a reason and at least one condition.
    ///
    /// # Errors
    /// A sentence: which entry, and what is wrong with it.
    pub fn parse(section: toml::Value) -> Result<Self, String> {
        let toml::Value::Array(entries) = section else {
            return Err("allow is a list of entries: write [[allow]]".to_owned());
        };
        let entries = (1..).zip(entries).map(|(number, entry)| {
            AllowRule::parse(entry).map_err(|reason| format!("[[allow]] number {number}: {reason}"))
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// Appends the entries of another list.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Every entry as written, in one line.
    pub fn rules(&self) -> impl Iterator<Item = String> {
        self.entries.iter().map(AllowRule::to_string)
    }

    /// Moves matching findings out of the runs; the first matching entry counts.
    ///
    /// # Errors
    /// [`Error::Analysis`] if the table of connections lacks a column: a bug.
    pub fn apply(&self, runs: &mut [Run], tables: &Tables) -> Result<Vec<Suppressed>> {
        if self.entries.is_empty() {
            return Ok(Vec::new());
        }
        let sockets = Sockets::new(tables)?;
        let known = connections_of(runs, &sockets);
        let mut suppressed = Vec::new();
        for finding_list in runs.iter_mut().map(|run| &mut run.output.findings) {
            for finding in std::mem::take(finding_list) {
                let subject = Subject::of(&finding, &known);
                match self.entries.iter().find(|entry| entry.names(&subject)) {
                    Some(entry) => suppressed.push(Suppressed { rule: entry.to_string(), finding }),
                    None => finding_list.push(finding),
                }
            }
        }
        Ok(suppressed)
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.entries.len())
    }
}

/// A finding with the connections that it lists.
struct Subject<'a> {
    finding: &'a Finding,
    connections: Vec<Socket<'a>>,
    /// Whether these are all of its connections.
    is_whole: bool,
}

impl<'a> Subject<'a> {
    fn of(finding: &'a Finding, known: &ahash::AHashMap<u64, Socket<'a>>) -> Self {
        let connections: Vec<Socket<'a>> =
            finding.evidence.connections.iter().filter_map(|id| known.get(id).copied()).collect();
        let is_whole = connections.len() as u64 == finding.evidence.connections_total;
        Self { finding, connections, is_whole }
    }

    /// Whether a condition holds for the whole finding: for what its connections have in common, or
    /// for each of them. What cannot be checked does not hold.
    fn all<T>(
        &self,
        common: Option<T>,
        each: impl Fn(&Socket<'a>) -> Option<T>,
        holds: impl Fn(T) -> bool,
    ) -> bool {
        match common {
            Some(common) => holds(common),
            None => self.is_whole && self.connections.iter().all(|s| each(s).is_some_and(&holds)),
        }
    }
}

/// The connections that the findings list, by their id.
fn connections_of<'a>(runs: &[Run], sockets: &Sockets<'a>) -> ahash::AHashMap<u64, Socket<'a>> {
    let findings = runs.iter().flat_map(|run| &run.output.findings);
    let wanted: AHashSet<u64> = findings.flat_map(|f| f.evidence.connections.iter().copied()).collect();
    sockets.find(&wanted)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::runs::run_all;
    use super::*;
    use crate::capture::Metadata;
    use crate::model::testing::{Capture, Conn};

    /// A host on which `nmap` scans and `agent` polls an address every ten seconds.
    fn busy() -> Capture {
        let mut capture = Capture::new(600);
        for port in 1..=40 {
            let scan = Conn::to("10.0.0.7", port).by("nmap", 9);
            capture.add(scan.refused().at(5.0 + f64::from(port) / 10.0));
        }
        for n in 0..60_u16 {
            let beacon = Conn::to("203.0.113.9", 443).by("agent", 8).local_port(40_000 + n);
            capture.add(beacon.at(f64::from(n) * 10.0));
        }
        capture
    }

    /// The titles that stay, and the titles that the entries suppress.
    fn sorted_out(entries: &str) -> (Vec<String>, Vec<String>) {
        let tables = busy().tables();
        let config = Config::parse(entries).unwrap();
        let mut runs = run_all(&config.context(&tables, &Metadata::default()), &config);
        let suppressed = config.allow().apply(&mut runs, &tables).unwrap();
        let title = |f: &Finding| f.judgement.title.clone();
        let stay = runs.iter().flat_map(|run| &run.output.findings).map(title).collect();
        (stay, suppressed.iter().map(|s| title(&s.finding)).collect())
    }

    #[track_caller]
    fn suppresses(entry: &str, expected: &[&str]) {
        let (stay, suppressed) = sorted_out(&format!("[[allow]]\nreason = \"known\"\n{entry}\n"));
        let all = stay.len() + suppressed.len();
        assert_eq!(all, sorted_out("").0.len(), "a finding got lost");
        for who in ["nmap", "agent"] {
            let is_suppressed = suppressed.iter().any(|title| title.contains(who));
            assert_eq!(is_suppressed, expected.contains(&who), "{entry}: {suppressed:?}, stay {stay:?}");
        }
    }

    #[test]
    fn an_entry_names_processes_paths_users_addresses_networks_ports_and_detectors() {
        suppresses("process = \"nm?p\"", &["nmap"]);
        suppresses("process = [\"x\", \"ag*\"]", &["agent"]);
        suppresses("exe = \"/usr/bin/*\"", &["nmap", "agent"]);
        suppresses("user = \"user-of-agent\"", &["agent"]);
        suppresses("address = \"10.0.0.0/8\"", &["nmap"]);
        suppresses("address = \"203.0.113.9\"", &["agent"]);
        suppresses("port = 443", &["agent"]);
        suppresses("port = \"1-100\"", &["nmap"]);
        suppresses("detector = \"port-*\"", &["nmap"]);
    }

    #[test]
    fn all_keys_of_an_entry_must_hold() {
        suppresses("process = \"nmap\"\ndetector = \"beacon\"", &[]);
        suppresses("process = \"agent\"\naddress = \"203.0.113.0/24\"\nport = 443", &["agent"]);
    }

    #[test]
    fn what_is_not_known_of_all_of_a_finding_does_not_hold() {
        suppresses("name = \"*\"", &[]);
        suppresses("container = \"*\"", &[]);
        suppresses("port = \"1-39\"", &[]);
    }

    #[test]
    fn the_port_of_a_finding_about_clients_is_that_of_the_service_and_not_of_the_client() {
        // A client that guesses passwords from one port, as a tunnel does.
        let mut capture = Capture::new(3_600);
        for n in 0..30_u16 {
            let guess = Conn::to("203.0.113.5", 50_000).local_port(22).inbound().by("sshd", 9);
            capture.add(guess.lasting(3.0).bytes(1_900, 1_600).at(f64::from(n) * 20.0));
        }
        let tables = capture.tables();
        let suppressed = |port: u16| {
            let entry = format!("[[allow]]\nreason = \"known\"\nport = {port}\n");
            let config = Config::parse(&entry).unwrap();
            let mut runs = run_all(&config.context(&tables, &Metadata::default()), &config);
            let suppressed = config.allow().apply(&mut runs, &tables).unwrap();
            suppressed.iter().any(|suppressed| suppressed.finding.about.id == "brute-force")
        };
        assert!(suppressed(22));
        assert!(!suppressed(50_000), "that port is the client's");
    }

    #[test]
    fn the_rule_is_shown_as_it_was_written() {
        let config = Config::parse(
            "[[allow]]\nreason = \"Ticket 7\"\nport = [443, \"8000-8099\"]\nprocess = \"a*\"\n",
        );
        let rules: Vec<String> = config.unwrap().allow().rules().collect();
        assert_eq!(rules, ["Ticket 7 (process = a*; port = 443, 8000-8099)"]);
    }

    #[test]
    fn an_entry_that_cannot_be_meant_is_refused_by_number() {
        let refused = |entry: &str, says: &str| {
            let reason = Config::parse(entry).unwrap_err();
            assert!(reason.contains(says), "{reason:?} does not say {says:?}");
        };
        refused("allow = 3", "[[allow]]");
        refused("[[allow]]\nprocess = \"x\"", "number 1");
        refused("[[allow]]\nreason = \" \"\nprocess = \"x\"", "reason");
        refused("[[allow]]\nreason = \"all of it\"", "has no criteria");
        refused("[[allow]]\nreason = \"x\"\nproces = \"x\"", "proces");
        refused("[[allow]]\nreason = \"x\"\naddress = \"10.0.0.0/33\"", "10.0.0.0/33");
        refused("[[allow]]\nreason = \"x\"\nport = \"9-1\"", "9-1");
        refused("[[allow]]\nreason = \"x\"\nport = 70000", "70000");
        refused("[[allow]]\nreason = \"x\"\nprocess = \"[a\"", "[a");
        refused("[[allow]]\nreason = \"x\"\ndetector = \"beacons\"", "beacons");
    }
}
