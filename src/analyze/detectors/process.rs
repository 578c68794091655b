//! `process`: what only a recorder on the host sees of those who talk.

mod raw_sockets;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::rules::{RULES, Reach, Verdict};
use crate::Result;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::processes::{Process, Processes};
use crate::model::records::{Direction, Role, Scope};
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets};

/// Looks at the processes that own sockets.
#[derive(Debug)]
pub struct ProcessAnomaly;

/// Thresholds of `process`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Whether a port that a process starts listening on, on all interfaces, is reported.
    pub new_listeners: bool,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { new_listeners: true }
    }
}

impl Detector for ProcessAnomaly {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "process",
        title: "Suspicious processes",
        what_it_finds: "Processes with sockets that run from a deleted executable, from memory, or from a \
            temporary or hidden folder; that masquerade as a kernel thread, a system program or a document; shells \
            and one-line scripts that own a connection; Windows programs that run what they are given \
            (rundll32, mshta, wscript, PowerShell and others); packet and raw sockets of programs that are not \
            known network tools, and data over ICMP; shells and transfer tools started by a server; and \
            ports that started listening on all interfaces during the recording.",
        why_it_matters: "Whatever an intruder leaves on a host must run from somewhere under some name. A \
            network sensor sees neither; a host-based recorder sees both.",
        how_it_decides: "The process alone is judged: the path of its executable, its name, its command \
            line, and its parent's name. Severity depends on how far its connections reach: within the \
            host, into local networks, or outside them. A deleted executable in a folder where packages \
            are installed is low, because updates cause that too. On Windows, folders that everyone can write to and in \
            which nothing is installed (Users\\Public, PerfLogs, the recycle bin, directly in ProgramData or AppData) count as \
            temporary folders; AppData\\Local\\Temp and Windows\\Temp are low, because installers run there, and a folder of its \
            own in AppData is none, because many programs install themselves there. A program with the name of one of \
            Windows' own (svchost, lsass, explorer and others) outside the system's folder is high. Script hosts and proxies \
            such as mshta, regsvr32 and wscript are medium if they connect outside; rundll32 is low, because printing and \
            WebDAV run in it; PowerShell, certutil, msbuild and others count only with a parent that opens documents, serves \
            anyone or acts for another host (office programs, w3wp, wmiprvse), which makes all of them high, or if \
            PowerShell's command line is encoded or runs a download. A shell that connects only within the \
            host is not reported. A new listener is low, and medium if a shell or a transfer tool is \
            listening; `new_listeners` turns this rule off. Processes with the same name and executable \
            form one finding per rule.",
        false_positives: "Updates of running services, developer builds, installers and test suites, port \
            probes in shell scripts. Each finding lists what would explain it.",
        evidence: "The process with its executable, command line and parent, the number of similar \
            processes, and their connections.",
        source: "MITRE ATT&CK T1027, T1036.004, T1036.005, T1036.007, T1040, T1047, T1048.003, T1059, T1059.001, T1059.004, T1070.004, T1095, T1133, T1190, T1204.002, T1205.002, T1218, T1505.003, T1564.001, T1620; LOLBAS project.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::SuspiciousProcess,
        attack: &[
            "T1027",
            "T1036.004",
            "T1036.005",
            "T1036.007",
            "T1040",
            "T1047",
            "T1048.003",
            "T1059",
            "T1059.001",
            "T1059.004",
            "T1070.004",
            "T1095",
            "T1133",
            "T1190",
            "T1204.002",
            "T1205.002",
            "T1218",
            "T1505.003",
            "T1564.001",
            "T1620",
        ],
    };

    fn validate(_: &Thresholds) -> Result<(), String> {
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        let processes = Processes::of(context.tables)?;
        let owners = owners(&sockets);
        if owners.is_empty() {
            return Ok(Outcome::Skipped("No connection of this capture has a known owner.".to_owned()));
        }
        let recorders = &context.metadata.recorder_pids;
        let is_recorder = |process: &Process<'_>| process.pid.is_some_and(|pid| recorders.contains(&pid));
        let mut findings = judged(&sockets, &processes, &owners, is_recorder);
        findings.extend(raw_sockets::findings(&sockets, &processes, is_recorder));
        if config.new_listeners {
            findings.extend(new_listeners(&sockets, &processes));
        }
        findings
            .sort_by(|a, b| b.judgement.severity.cmp(&a.judgement.severity).then_with(|| a.id.cmp(&b.id)));
        let mut limits = vec![
            "Only processes that owned a socket during the recording are judged.".to_owned(),
            "A process whose executable could not be read (another user's, without privileges) cannot be \
             judged."
                .to_owned(),
        ];
        if !recorders.is_empty() {
            let pids: Vec<String> = recorders.iter().map(u32::to_string).collect();
            limits.push(format!("The recorder's own process (pid {}) is not judged.", pids.join(", ")));
        }
        Ok(Outcome::Ran(Output { findings, limits, ..Output::default() }))
    }
}

/// Rows of the sockets of each process, by its row.
fn owners(sockets: &Sockets<'_>) -> BTreeMap<usize, Vec<usize>> {
    let mut owners: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        if let Some(process) = socket.process {
            owners.entry(process as usize).or_default().push(row);
        }
    }
    owners
}

/// Processes that are alike, and what a rule says of them.
struct Case<'a> {
    verdict: Verdict,
    process: Process<'a>,
    pids: BTreeSet<Option<u32>>,
    rows: Vec<usize>,
}

/// What every rule says of every owner; processes that are alike are one finding.
fn judged(
    sockets: &Sockets<'_>,
    processes: &Processes<'_>,
    owners: &BTreeMap<usize, Vec<usize>>,
    is_recorder: impl Fn(&Process<'_>) -> bool,
) -> Vec<Finding> {
    let mut cases: BTreeMap<(usize, Option<&str>, Option<&str>), Case<'_>> = BTreeMap::new();
    for (row, rows) in owners {
        let process = processes.get(*row);
        if is_recorder(&process) {
            continue;
        }
        let reach = rows.iter().map(|row| reach(&sockets.get(*row))).max().unwrap_or(Reach::Host);
        for (number, rule) in RULES.iter().enumerate() {
            let Some(verdict) = rule(&process, reach) else { continue };
            let case = cases.entry((number, process.process_name, process.exe)).or_insert_with(|| Case {
                verdict: verdict.clone(),
                process,
                pids: BTreeSet::new(),
                rows: Vec::new(),
            });
            if verdict.severity > case.verdict.severity {
                case.verdict = verdict;
            }
            case.pids.insert(process.pid);
            case.rows.extend(rows);
        }
    }
    cases.into_values().map(|case| finding(sockets, case)).collect()
}

fn reach(socket: &Socket<'_>) -> Reach {
    if socket.is_beyond_local_networks() {
        return Reach::Beyond;
    }
    let is_outside = socket.remote().is_some()
        && socket.direction != Some(Direction::Internal)
        && socket.remote_scope != Some(Scope::Loopback);
    let waits_for_all = socket.role == Role::Listener && is_any(socket.local_addr);
    if is_outside || waits_for_all { Reach::LocalNetworks } else { Reach::Host }
}

/// Whether an address stands for all addresses of the host.
fn is_any(addr: &str) -> bool {
    matches!(addr, "0.0.0.0" | "::" | "*")
}

fn finding(sockets: &Sockets<'_>, mut case: Case<'_>) -> Finding {
    case.rows.sort_unstable();
    let members = sockets.subset(&case.rows);
    let (process, verdict) = (case.process, case.verdict);
    let facts =
        [("Executable", process.exe), ("Command line", process.cmdline), ("Parent", process.parent_name)];
    let facts: Vec<String> =
        facts.into_iter().map(|(what, text)| format!("{what}: {}.", text.unwrap_or("not known"))).collect();
    let judgement = Judgement {
        severity: verdict.severity,
        confidence: Confidence::new(verdict.confidence),
        title: format!("{} {}", process.process_name.unwrap_or("A process"), verdict.does),
        explanation: format!("{} {}", verdict.why, facts.join(" ")),
        false_positives: verdict.harmless_if.to_owned(),
        attack: verdict.attack.to_vec(),
        entities: members.entities(),
    };
    let beyond = members.iter().filter(Socket::is_beyond_local_networks).count();
    let measurements = vec![
        Measurement::new("similar processes", case.pids.len() as f64, "processes"),
        Measurement::new("sockets", members.len() as f64, "sockets"),
        Measurement::new("connections outside the local networks", beyond as f64, "connections"),
    ];
    Finding::new(&ProcessAnomaly::ABOUT, judgement, members.evidence(measurements))
}

/// Ports on which a process began to listen on all addresses. One that the same name already
/// held when the recording began was restarted, and is not new.
fn new_listeners(sockets: &Sockets<'_>, processes: &Processes<'_>) -> Vec<Finding> {
    let mut held: BTreeSet<(Option<&str>, u16)> = BTreeSet::new();
    let mut began: BTreeMap<(Option<&str>, u16), Vec<usize>> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        if socket.role != Role::Listener || !is_any(socket.local_addr) {
            continue;
        }
        let key = (socket.process_name, socket.local_port());
        if socket.opened_in_recording {
            began.entry(key).or_default().push(row);
        } else {
            held.insert(key);
        }
    }
    began.retain(|key, _| !held.contains(key));
    began
        .iter()
        .map(|((name, port), rows)| new_listener(sockets.subset(rows), processes, *name, *port))
        .collect()
}

fn new_listener(
    members: SocketSubset<'_, '_>,
    processes: &Processes<'_>,
    name: Option<&str>,
    port: u16,
) -> Finding {
    let waits_for_commands = members
        .iter()
        .filter_map(|socket| socket.process)
        .any(|process| rules::is_shell_or_carrier(&processes.get(process as usize)));
    let judgement = Judgement {
        severity: if waits_for_commands { Severity::Medium } else { Severity::Low },
        confidence: Confidence::new(if waits_for_commands { 0.6 } else { 0.3 }),
        title: format!("{} started listening on port {port} on all interfaces", name.unwrap_or("A process")),
        explanation: format!(
            "No process of this name was listening on port {port} when the recording started. The port is \
             now reachable on every interface unless a firewall blocks it."
        ),
        false_positives:
            "A service that was started or moved, a developer's server, or a program that accepts \
             connections for a while (a peer-to-peer client, an FTP server)."
                .to_owned(),
        attack: vec!["T1133"],
        entities: members.entities(),
    };
    let measurements = vec![Measurement::new("listening sockets", members.len() as f64, "sockets")];
    Finding::new(&ProcessAnomaly::ABOUT, judgement, members.evidence(measurements))
}
