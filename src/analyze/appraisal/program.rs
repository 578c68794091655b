//! What the owning programs say.

use std::collections::BTreeSet;

use super::Factor;
use crate::analyze::programs::{self, Lolbin};
use crate::model::processes::{Process, is_windows_path};
use crate::model::socket_subset::SocketSubset;

/// Programs that monitor a host, keep it up to date or set its clock, and report on a timer.
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
    "MsMpEng.exe",
    "MsSense.exe",
    "CSFalconService.exe",
    "SentinelAgent.exe",
    "CcmExec.exe",
    "MicrosoftEdgeUpdate.exe",
    "GoogleUpdate.exe",
    "zabbix_agentd.exe",
    "zabbix_agent2.exe",
    "wazuh-agent.exe",
    "filebeat.exe",
    "winlogbeat.exe",
    "nxlog.exe",
    "windows_exporter.exe",
];

/// The facts about the programs that own some connections.
pub(super) fn factors(owners: &[Process<'_>]) -> Vec<Factor> {
    let mut factors: Vec<Factor> = owners.iter().flat_map(of_program).collect();
    if !owners.is_empty() && owners.iter().all(is_agent) {
        factors.push(Factor::new(
            "program-installed-agent",
            -3.0,
            "it is an installed agent that monitors or updates the host",
        ));
    }
    factors
}

/// Programs of several names that do one thing together.
pub(super) fn many_names(members: SocketSubset<'_, '_>) -> Option<Factor> {
    let names: BTreeSet<&str> = members.iter().filter_map(|socket| socket.process_name).collect();
    (names.len() > 1)
        .then(|| Factor::new("program-many-names", 1.5, format!("it runs under {} names", names.len())))
}

/// Anyone can take the name; putting the executable in its place takes privileges.
pub(super) fn is_agent(process: &Process<'_>) -> bool {
    AGENTS.contains(&process.program()) && process.exe.is_some_and(programs::is_installed)
}

fn of_program(process: &Process<'_>) -> Vec<Factor> {
    let exe = process.exe.unwrap_or_default();
    let is_in_memory = exe.starts_with("/memfd:");
    let is_temporary = programs::is_in_temporary_folder(exe);
    let is_unpacked = programs::is_unpacked(exe);
    let lolbin = programs::lolbin(process);
    let is_deleted = process.exe_was_deleted && !programs::is_installed(exe) && !is_in_memory;
    let is_hidden = !is_temporary && programs::hidden_folder_of(exe).is_some();
    let facts = [
        (is_in_memory, "program-memory-only", 3.0, "its program exists in memory only"),
        (is_deleted, "program-deleted", 2.5, "its executable was deleted"),
        (
            is_temporary && !is_unpacked && !is_windows_path(exe),
            "program-temporary-folder",
            2.5,
            "its executable is in a temporary folder",
        ),
        (
            is_temporary && !is_unpacked && is_windows_path(exe),
            "program-uninstalled",
            2.5,
            "its executable is in a folder in which nothing is installed",
        ),
        (
            is_unpacked,
            "program-unpacked",
            1.5,
            "its executable is in the folder for temporary files, where installers unpack themselves, too",
        ),
        (is_hidden, "program-hidden-folder", 2.0, "its executable is in a hidden folder"),
        (
            programs::is_named_like_a_kernel_thread(process),
            "program-masquerades",
            3.0,
            "it masquerades as a kernel thread",
        ),
        (
            programs::borrows_system_name(exe),
            "program-system-name",
            3.0,
            "it has the name of a Windows system program, but is not in the system's folder",
        ),
        (
            programs::poses_as_document(exe),
            "program-named-like-document",
            2.0,
            "it is a program with the name of a document",
        ),
        (
            lolbin == Some(Lolbin::Proxy),
            "program-proxy",
            1.5,
            "it is a Windows program that runs what it is given, and hardly connects on its own",
        ),
        (
            lolbin == Some(Lolbin::Tool),
            "program-tool",
            0.5,
            "it is a Windows program that runs what it is given, which administrators use, too",
        ),
        (
            lolbin.is_some() && programs::grave_parent(process).is_some(),
            "program-grave-parent",
            2.0,
            "a document, a server or another host had it started",
        ),
        (
            programs::is_shell(process),
            "program-shell",
            2.0,
            "it is a shell; shells do not open connections on their own",
        ),
        (programs::is_relay(process), "program-relay", 2.0, "it is a relay, driven by another program"),
        (runs_odd_script(process), "program-script", 2.5, "its script is in a temporary or hidden folder"),
    ];
    facts
        .into_iter()
        .filter(|(holds, ..)| *holds)
        .map(|(_, id, weight, says)| Factor::new(id, weight, says))
        .collect()
}

/// Whether an interpreter runs a script from a temporary or hidden folder.
fn runs_odd_script(process: &Process<'_>) -> bool {
    // The paths of Windows contain spaces, and so come in quotes.
    let script = process.script().map(|script| script.trim_matches('"'));
    script.is_some_and(|script| {
        programs::is_in_temporary_folder(script)
            || script.starts_with('/') && programs::hidden_folder_of(script).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(process_name: &'static str, exe: &'static str, cmdline: &'static str) -> Vec<&'static str> {
        let process = Process {
            process_name: Some(process_name),
            exe: Some(exe),
            cmdline: Some(cmdline),
            ..Process::default()
        };
        of_program(&process).into_iter().map(|factor| factor.id).collect()
    }

    #[test]
    fn nothing_is_said_of_an_ordinary_program() {
        assert!(ids("curl", "/usr/bin/curl", "curl https://example.org").is_empty());
        assert!(ids("python3", "/usr/bin/python3.12", "python3 /opt/app/poll.py /tmp/state").is_empty());
        assert!(ids("app", "/home/me/.local/bin/app", "app").is_empty());
    }

    #[test]
    fn paths_names_and_scripts_are_facts() {
        assert_eq!(ids("kworker/1:2", "/var/lib/x", "x"), ["program-masquerades"]);
        assert_eq!(ids("app", "/tmp/app", "app"), ["program-temporary-folder"]);
        assert_eq!(ids("bash", "/usr/bin/bash", "bash"), ["program-shell"]);
        assert_eq!(ids("python3", "/usr/bin/python3", "python3 -u /dev/shm/.a.py"), ["program-script"]);
    }

    #[test]
    fn paths_and_names_of_windows_are_facts_too() {
        let of = |exe: &'static str| ids("x", exe, exe);
        assert_eq!(of(r"C:\Users\Public\x.exe"), ["program-uninstalled"]);
        assert_eq!(of(r"C:\Users\a\AppData\Local\Temp\x.exe"), ["program-unpacked"]);
        assert_eq!(of(r"C:\ProgramData\svchost.exe"), ["program-uninstalled", "program-system-name"]);
        assert_eq!(of(r"C:\Users\a\Downloads\invoice.pdf.exe"), ["program-named-like-document"]);
        assert_eq!(of(r"C:\Windows\System32\mshta.exe"), ["program-proxy"]);
        assert_eq!(of(r"C:\Windows\System32\cmd.exe"), ["program-shell"]);
        for ordinary in [
            r"C:\Users\a\AppData\Local\Microsoft\Teams\current\Teams.exe",
            r"C:\Users\a\AppData\Local\Programs\x\x.exe",
            r"C:\Users\a\AppData\Roaming\Zoom\bin\Zoom.exe",
            r"\Device\HarddiskVolume3\Windows\System32\svchost.exe",
        ] {
            assert!(of(ordinary).is_empty(), "{ordinary}");
        }
    }

    #[test]
    fn who_started_a_program_of_the_system_makes_it_grave() {
        let process = Process {
            exe: Some(r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"),
            parent_name: Some("WINWORD.EXE"),
            ..Process::default()
        };
        let facts: Vec<_> = of_program(&process).into_iter().map(|factor| factor.id).collect();
        assert_eq!(facts, ["program-tool", "program-grave-parent"]);
    }

    #[test]
    fn an_agent_has_to_be_installed() {
        let agent = |exe| Process { exe: Some(exe), ..Process::default() };
        assert!(is_agent(&agent("/usr/bin/telegraf")));
        assert!(!is_agent(&agent("/tmp/telegraf")));
    }
}
