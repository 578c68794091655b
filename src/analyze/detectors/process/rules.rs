//! What a process can look like, one function each: a verdict, or nothing to say.

use crate::analyze::programs::{
    hidden_folder_of, is_downloader, is_in_temporary_folder, is_installed, is_interpreter,
    is_named_like_a_kernel_thread, is_relay, is_server_name, is_shell, starts_with_any,
};
use crate::model::finding::Severity;
use crate::model::processes::Process;

/// How far the connections of a process reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// It talks inside the host, or not at all.
    Host,
    /// It talks to local networks, or waits for them.
    LocalNetworks,
    /// It talks to addresses beyond the local networks.
    Beyond,
}

/// What a rule says of a process.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// What the process does, after its name: `runs from a deleted executable`.
    pub(super) does: &'static str,
    /// Why that was judged so.
    pub(super) why: &'static str,
    /// What would make it harmless.
    pub(super) harmless_if: &'static str,
    pub(super) severity: Severity,
    /// How sure, 0 to 1.
    pub(super) confidence: f64,
    pub(super) attack: &'static [&'static str],
}

/// A rule; the list below drives the detector.
pub(super) type Rule = fn(&Process<'_>, Reach) -> Option<Verdict>;

/// Every rule about a process itself.
pub(super) const RULES: &[Rule] = &[
    deleted_executable,
    temporary_folder,
    hidden_folder,
    kernel_thread_name,
    shell_connection,
    inline_code,
    unusual_parent,
    borrowed_name,
];

/// Daemons under whose names others like to hide.
const DAEMONS: &[&str] = &[
    "systemd",
    "sshd",
    "cron",
    "crond",
    "atd",
    "dbus-daemon",
    "rsyslogd",
    "auditd",
    "agetty",
    "udevd",
    "systemd-journald",
    "systemd-logind",
    "systemd-udevd",
    "systemd-resolved",
    "systemd-networkd",
    "NetworkManager",
    "nginx",
    "apache2",
    "httpd",
    "dockerd",
    "containerd",
    "kubelet",
    "chronyd",
    "ntpd",
    "init",
];

/// Marks of code that ties a shell to a socket.
const SHELL_OVER_SOCKET: &[&str] =
    &["/dev/tcp/", "pty.spawn", "dup2", "fsockopen", "TCPSocket", "Socket::INET"];

/// Whether it runs commands, or carries bytes to whatever it is given.
pub(crate) fn is_shell_or_carrier(process: &Process<'_>) -> bool {
    is_shell(process) || is_relay(process) || is_downloader(process)
}

fn by_reach(reach: Reach, [host, local, beyond]: [Severity; 3]) -> Severity {
    match reach {
        Reach::Host => host,
        Reach::LocalNetworks => local,
        Reach::Beyond => beyond,
    }
}

fn deleted_executable(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let exe = process.exe.filter(|_| process.exe_was_deleted)?;
    if exe.starts_with("/memfd:") {
        return Some(Verdict {
            does: "runs from memory alone",
            why: "Its executable was never a file: it was written into memory and started from there, which \
                leaves nothing on the disk to find.",
            harmless_if: "A container runtime (runc, crun) clones itself into memory to protect its own file.",
            severity: by_reach(reach, [Severity::Medium, Severity::High, Severity::High]),
            confidence: if exe.contains("runc") || exe.contains("crun") { 0.2 } else { 0.8 },
            attack: &["T1620"],
        });
    }
    let is_update_likely = is_installed(exe);
    Some(Verdict {
        does: "runs from a deleted executable",
        why: "The file that it was started from is no longer there, and the process goes on.",
        harmless_if: "An update replaced the file while the process ran; it then stands at the same path again, \
            and a restart of the service ends this.",
        severity: if is_update_likely {
            Severity::Low
        } else {
            by_reach(reach, [Severity::Low, Severity::Medium, Severity::High])
        },
        confidence: if is_update_likely { 0.3 } else { 0.7 },
        attack: &["T1070.004"],
    })
}

fn temporary_folder(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let exe = process.exe.filter(|exe| is_in_temporary_folder(exe))?;
    // An AppImage mounts itself there.
    if exe.contains("/.mount_") {
        return None;
    }
    let is_hidden = exe.contains("/.") || exe.starts_with("/dev/shm/");
    Some(Verdict {
        does: "runs from a temporary folder",
        why: "Everybody may write there, and nobody installs there; what an intruder brings along is started \
            from such a place first.",
        harmless_if: "Installers, test suites and `go run` build programs there and start them.",
        severity: if is_hidden {
            by_reach(reach, [Severity::Medium, Severity::High, Severity::High])
        } else {
            by_reach(reach, [Severity::Low, Severity::Medium, Severity::Medium])
        },
        confidence: if is_hidden { 0.8 } else { 0.6 },
        attack: if is_hidden { &["T1564.001", "T1036.005"] } else { &["T1036.005"] },
    })
}

fn hidden_folder(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let exe = process.exe.filter(|exe| !is_in_temporary_folder(exe))?;
    hidden_folder_of(exe)?;
    let is_in_home = starts_with_any(exe, &["/home/", "/root/", "/Users/"]);
    Some(Verdict {
        does: "runs from a hidden folder",
        why: "A listing of the folder does not show it, and it is none of the hidden folders in which usual \
            tools keep their programs.",
        harmless_if: "Some tools keep programs in a hidden folder of the home folder.",
        severity: if is_in_home {
            Severity::Low
        } else {
            by_reach(reach, [Severity::Low, Severity::Medium, Severity::High])
        },
        confidence: if is_in_home { 0.3 } else { 0.7 },
        attack: &["T1564.001"],
    })
}

fn kernel_thread_name(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    is_named_like_a_kernel_thread(process).then_some(Verdict {
        does: "is named like a kernel thread and has an executable",
        why: "Threads of the kernel have none. The name keeps the process out of sight in a list of processes.",
        harmless_if: "A program that happens to be called so.",
        severity: by_reach(reach, [Severity::Medium, Severity::High, Severity::High]),
        confidence: 0.9,
        attack: &["T1036.004"],
    })
}

fn shell_connection(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    (is_shell(process) && reach > Reach::Host).then_some(Verdict {
        does: "is a shell and owns a connection",
        why: "A shell has no use for a connection of its own; one that has it is driven from the other end, or \
            was handed the connection by what started it.",
        harmless_if: "A script that probes a port through /dev/tcp, or one that inetd or socat started to serve.",
        severity: by_reach(reach, [Severity::Info, Severity::Medium, Severity::High]),
        confidence: 0.7,
        attack: &["T1059.004"],
    })
}

fn inline_code(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let mut words = process.cmdline?.split_whitespace().skip(1);
    let is_inline = is_interpreter(process)
        && words
            .next()
            .is_some_and(|flag| ["-c", "-e", "-r", "-nle", "-MIO", "-rsocket", "-"].contains(&flag));
    if !is_inline || reach == Reach::Host {
        return None;
    }
    let is_shell_like =
        SHELL_OVER_SOCKET.iter().any(|mark| process.cmdline.is_some_and(|c| c.contains(mark)));
    Some(Verdict {
        does: "runs code from its command line and owns a connection",
        why: "The program stands in no file. What is pasted into a shell after a break-in looks like this, the \
            more so if it ties a shell to a socket.",
        harmless_if: "One-liners of administrators; libraries that start workers so (multiprocessing).",
        severity: if is_shell_like { Severity::High } else { Severity::Low },
        confidence: if is_shell_like { 0.9 } else { 0.3 },
        attack: &["T1059"],
    })
}

fn unusual_parent(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let is_served = process.parent_name.is_some_and(is_server_name);
    let is_shell = is_shell(process);
    let is_carrier = is_relay(process) || is_downloader(process);
    (is_served && (is_shell || is_carrier)).then_some(Verdict {
        does: "was started by a server and talks to the network",
        why: "Web servers and databases serve; one that starts a shell or a transfer tool which talks to the \
            network does what a web shell or an exploit does.",
        harmless_if: "Web applications that call curl, archive and backup commands of databases.",
        severity: by_reach(
            reach,
            [Severity::Low, Severity::Medium, if is_shell { Severity::High } else { Severity::Medium }],
        ),
        confidence: if is_shell { 0.8 } else { 0.5 },
        attack: &["T1505.003", "T1190"],
    })
}

fn borrowed_name(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let exe = process.exe.filter(|exe| !is_installed(exe) && exe.starts_with('/'))?;
    let named_so = process.process_name.is_some_and(|name| DAEMONS.contains(&name));
    // The command line says where the program is said to lie.
    let said = process.cmdline.and_then(|cmdline| cmdline.split_whitespace().next()).unwrap_or_default();
    let said_file = said.rsplit('/').next();
    let says_installed = is_installed(said) && said_file != Some(process.program());
    (named_so || says_installed).then_some(Verdict {
        does: if says_installed {
            "says that it is another program"
        } else {
            "bears the name of a system program"
        },
        why: if exe.starts_with("/memfd:") {
            "It is called like a program of the system, and runs from memory."
        } else {
            "It is called like a program of the system, and its executable lies where none is installed."
        },
        harmless_if: "A developer's own build of that program, or a program installed in an unusual folder.",
        severity: by_reach(reach, [Severity::Low, Severity::Medium, Severity::Medium]),
        confidence: 0.6,
        attack: &["T1036.005"],
    })
}
