//! Periodic is one judgement, suspicious another: what speaks for each explanation of a rhythm.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::pairs::Known;
use crate::analyze::programs;
use crate::analyze::services;
use crate::model::members::Members;
use crate::model::processes::{Process, Processes};
use crate::model::sockets::{Socket, Source};

/// UDP services that are periodic by design: port and name.
const PERIODIC_BY_DESIGN: [(u16, &str); 8] = [
    (67, "DHCP"),
    (68, "DHCP"),
    (123, "NTP"),
    (546, "DHCPv6"),
    (547, "DHCPv6"),
    (1900, "SSDP"),
    (5353, "mDNS"),
    (5355, "LLMNR"),
];

/// Programs that watch a host or keep it up to date, and report at fixed intervals.
const AGENTS: &[&str] = &[
    "node_exporter",
    "prometheus",
    "telegraf",
    "collectd",
    "netdata",
    "zabbix_agentd",
    "zabbix_agent2",
    "nrpe",
    "check_mk_agent",
    "icinga2",
    "monit",
    "datadog-agent",
    "newrelic-infra",
    "dynatrace",
    "oneagentos",
    "grafana-agent",
    "alloy",
    "promtail",
    "otelcol",
    "otelcol-contrib",
    "fluent-bit",
    "fluentd",
    "vector",
    "filebeat",
    "metricbeat",
    "heartbeat",
    "elastic-agent",
    "osqueryd",
    "wazuh-agentd",
    "ossec-agentd",
    "falcon-sensor",
    "amazon-ssm-agent",
    "amazon-cloudwatch-agent",
    "google_osconfig_agent",
    "google_guest_agent",
    "waagent",
    "puppet",
    "chef-client",
    "salt-minion",
    "snapd",
    "fwupd",
    "packagekitd",
    "unattended-upgrade",
    "chronyd",
    "ntpd",
    "systemd-timesyncd",
    "NetworkManager",
];

/// Programs that carry bytes between a network and whatever they are given, and ask nothing by
/// themselves.
const RELAYS: &[&str] = &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "telnet"];

/// Ports on which a client is expected besides those with a registered service: HTTP's second
/// ones, proxies, Prometheus and its exporters.
const USUAL_PORTS: [u16; 9] = [3000, 3128, 8000, 8008, 8081, 8443, 8888, 9090, 9100];

/// Services that are registered and that no ordinary program asks over the internet.
const LOCAL_SERVICES: [u16; 8] = [23, 135, 139, 445, 1080, 2375, 3389, 6667];

/// An ordinary reason for a rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The service is periodic by design.
    ByDesign(&'static str),
    /// Both ends are on this host: a health check.
    WithinHost,
    /// An installed program that is there to report.
    Agent,
    /// Connections follow each other without a pause.
    InTurns,
    /// The rhythm is inside a connection, and nothing else is odd.
    KeptOpen,
}

impl Reason {
    /// A word or two, for titles.
    pub(super) fn label(self) -> Option<&'static str> {
        match self {
            Self::ByDesign(service) => Some(service),
            Self::WithinHost => Some("inside the host"),
            Self::Agent => Some("a monitoring or update agent"),
            Self::InTurns | Self::KeptOpen => None,
        }
    }

    /// The reason as a sentence.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::ByDesign(service) => format!("{service} is periodic by design."),
            Self::WithinHost => {
                "It asks a service on this host, as health checks and exporters do.".to_owned()
            }
            Self::Agent => {
                "An installed program that watches the host or keeps it up to date reports at intervals."
                    .to_owned()
            }
            Self::InTurns => {
                "Each connection lasts about until the next begins: work in turns rather than a check-in."
                    .to_owned()
            }
            Self::KeptOpen => "Most programs send at intervals to keep a connection open.".to_owned(),
        }
    }
}

/// What a rhythm may mean.
#[derive(Debug)]
pub(super) struct Look {
    /// The ordinary reason, where there is one.
    pub(super) reason: Option<Reason>,
    /// What makes it suspicious, in words that follow "because".
    pub(super) signs: Vec<String>,
    pub(super) is_on_unusual_port: bool,
}

impl Look {
    /// Looks at a pair, its connections and the processes that own them.
    pub(super) fn of(candidate: &Candidate<'_>, members: Members<'_, '_>, processes: &Processes<'_>) -> Self {
        let pair = &candidate.series.pair;
        let owners: BTreeSet<usize> =
            members.iter().filter_map(|socket| socket.process).map(|row| row as usize).collect();
        let owners: Vec<Process<'_>> = owners.into_iter().map(|row| processes.get(row)).collect();
        let mut signs: BTreeSet<String> = owners.iter().flat_map(of_program).map(str::to_owned).collect();
        let is_beyond = members.iter().any(|socket| socket.is_beyond_local_networks());
        let is_on_unusual_port = is_beyond && !is_usual(pair.protocol, pair.port);
        if is_on_unusual_port {
            signs.insert(format!("port {} is not one on which a program like that asks outside", pair.port));
        }
        signs.extend(of_names(pair.source, members));
        let is_kept_open = candidate.series.known == Known::Inside && signs.is_empty();
        Self {
            reason: reason(candidate, members, &owners).or(is_kept_open.then_some(Reason::KeptOpen)),
            signs: signs.into_iter().collect(),
            is_on_unusual_port,
        }
    }
}

fn reason(candidate: &Candidate<'_>, members: Members<'_, '_>, owners: &[Process<'_>]) -> Option<Reason> {
    let pair = &candidate.series.pair;
    let by_design = PERIODIC_BY_DESIGN.iter().find(|(port, _)| pair.protocol == "udp" && *port == pair.port);
    // Not by direction: in an import with many hosts, all of one network are inside.
    let is_inside = |socket: &Socket<'_>| {
        let is_own = socket.remote.is_some_and(|(addr, _)| addr == socket.local_addr);
        is_own || socket.remote_scope == Some("loopback")
    };
    if let Some((_, service)) = by_design {
        Some(Reason::ByDesign(service))
    } else if candidate.is_back_to_back {
        Some(Reason::InTurns)
    } else if members.iter().all(|socket| is_inside(&socket)) {
        Some(Reason::WithinHost)
    } else {
        (!owners.is_empty() && owners.iter().all(is_agent)).then_some(Reason::Agent)
    }
}

/// The name alone anybody can take; the place of the executable takes rights.
fn is_agent(process: &Process<'_>) -> bool {
    AGENTS.contains(&process.program()) && process.exe.is_some_and(programs::is_installed)
}

/// Whether a port is one that a client asks over the internet.
fn is_usual(protocol: &str, port: u16) -> bool {
    let has_service = services::name(protocol, port).is_some() && !LOCAL_SERVICES.contains(&port);
    has_service || protocol == "tcp" && USUAL_PORTS.contains(&port)
}

/// Signs that lie in a program.
fn of_program(process: &Process<'_>) -> Vec<&'static str> {
    let mut signs = Vec::new();
    let mut add = |shows: bool, sign| {
        if shows {
            signs.push(sign);
        }
    };
    let exe = process.exe.unwrap_or_default();
    let is_temporary = programs::is_in_temporary_folder(exe);
    let is_installed = programs::is_installed(exe);
    add(exe.starts_with("/memfd:"), "its program was never a file");
    add(
        process.exe_was_deleted && !is_installed && !exe.starts_with("/memfd:"),
        "its executable was deleted",
    );
    add(is_temporary, "its executable lies in a temporary folder");
    add(!is_temporary && programs::hidden_folder_of(exe).is_some(), "its executable lies in a hidden folder");
    add(programs::is_named_like_a_kernel_thread(process), "it is named like a thread of the kernel");
    add(programs::is_shell(process), "it is a shell, which asks nothing by itself");
    add(RELAYS.contains(&process.program()), "it is a relay, which asks nothing by itself");
    add(runs_odd_script(process), "the script that it runs lies in a temporary or hidden folder");
    signs
}

/// Whether the first word of the command line that is a path, after the program, lies in an odd
/// folder: a script that an interpreter runs.
fn runs_odd_script(process: &Process<'_>) -> bool {
    let words = process.cmdline.unwrap_or_default().split_whitespace().skip(1);
    let script = words.into_iter().find(|word| !word.starts_with('-')).filter(|word| word.starts_with('/'));
    let is_interpreter = programs::is_interpreter(process);
    is_interpreter
        && script.is_some_and(|script| {
            programs::is_in_temporary_folder(script) || programs::hidden_folder_of(script).is_some()
        })
}

/// Signs that lie in whose connections these are.
fn of_names(source: Option<Source<'_>>, members: Members<'_, '_>) -> Option<String> {
    let names: BTreeSet<&str> = members.iter().filter_map(|socket| socket.process_name).collect();
    match (source, names.len()) {
        (_, 0) => Some("it is not known which program it is".to_owned()),
        (None, 2..) => Some(format!("it comes under {} names", names.len())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(process_name: &'static str, exe: &'static str, cmdline: &'static str) -> Vec<&'static str> {
        of_program(&Process {
            process_name: Some(process_name),
            exe: Some(exe),
            cmdline: Some(cmdline),
            ..Process::default()
        })
    }

    #[test]
    fn an_ordinary_program_has_no_signs() {
        assert!(signs("curl", "/usr/bin/curl", "curl https://example.org").is_empty());
        assert!(signs("python3", "/usr/bin/python3.12", "python3 /opt/app/poll.py /tmp/state").is_empty());
        assert!(signs("app", "/home/me/.local/bin/app", "app").is_empty());
    }

    #[test]
    fn odd_places_and_names_are_signs() {
        assert_eq!(signs("kworker/1:2", "/var/lib/x", "x"), ["it is named like a thread of the kernel"]);
        assert_eq!(signs("app", "/tmp/app", "app"), ["its executable lies in a temporary folder"]);
        assert_eq!(signs("bash", "/usr/bin/bash", "bash").len(), 1);
        assert_eq!(signs("python3", "/usr/bin/python3", "python3 -u /dev/shm/.a.py").len(), 1);
    }

    #[test]
    fn an_agent_is_installed() {
        let agent = |exe| Process { exe: Some(exe), ..Process::default() };
        assert!(is_agent(&agent("/usr/bin/telegraf")));
        assert!(!is_agent(&agent("/tmp/telegraf")));
    }

    #[test]
    fn ports_are_usual_by_protocol_and_by_where_their_services_are_asked() {
        assert!(is_usual("tcp", 443) && is_usual("udp", 443) && is_usual("tcp", 8443));
        assert!(!is_usual("tcp", 4444) && !is_usual("udp", 8443) && !is_usual("tcp", 445));
    }
}
