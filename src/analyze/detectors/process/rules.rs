//! What a process can look like, one function each: a verdict, or nothing to say.

use super::windows;
use crate::analyze::programs::{
    hidden_folder_of, is_downloader, is_in_temporary_folder, is_installed, is_interpreter,
    is_named_like_a_kernel_thread, is_relay, is_server_name, is_shell, is_unpacked, starts_with_any,
};
use crate::model::finding::Severity;
use crate::model::processes::{Process, is_windows_path};

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
    windows::system_name,
    windows::document_name,
    windows::proxied_execution,
    windows::hidden_code,
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

pub(super) fn by_reach(reach: Reach, [host, local, beyond]: [Severity; 3]) -> Severity {
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
            why: "Its executable was never a file: it was written to memory and started from there \
                (memfd), which leaves nothing on disk to find.",
            harmless_if: "A container runtime (runc, crun) clones itself into memory to protect its own file.",
            severity: by_reach(reach, [Severity::Medium, Severity::High, Severity::High]),
            confidence: if exe.contains("runc") || exe.contains("crun") { 0.2 } else { 0.8 },
            attack: &["T1620"],
        });
    }
    let is_update_likely = is_installed(exe);
    Some(Verdict {
        does: "runs from a deleted executable",
        why: "The file it was started from no longer exists, but the process is still running.",
        harmless_if: "An update replaced the file while the process ran. The same path then exists again, \
            and restarting the service clears this.",
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
    if is_unpacked(exe) {
        return Some(Verdict {
            does: "runs from a folder for temporary files",
            why: "Intruders start their tools there, because each user can write to it. Installers and updaters unpack \
                themselves there, too, so that the folder alone says little.",
            harmless_if: "An installer or updater, which is gone after some minutes.",
            severity: Severity::Low,
            confidence: 0.4,
            attack: &["T1036.005"],
        });
    }
    Some(Verdict {
        does: if is_windows_path(exe) {
            "runs from a folder in which nothing is installed"
        } else {
            "runs from a temporary folder"
        },
        why: "Everyone can write there and nothing is installed there, so intruders often start their \
            tools from such folders.",
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
        why: "A plain directory listing does not show it, and it is not one of the hidden folders where \
            common tools keep programs.",
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
        does: "has the name of a kernel thread but also an executable",
        why: "Kernel threads have no executable. The name makes the process inconspicuous in a process \
            list.",
        harmless_if: "A program that happens to have this name.",
        severity: by_reach(reach, [Severity::Medium, Severity::High, Severity::High]),
        confidence: 0.9,
        attack: &["T1036.004"],
    })
}

fn shell_connection(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    (is_shell(process) && reach > Reach::Host).then_some(Verdict {
        does: "is a shell and owns a connection",
        why: "Shells do not open connections on their own. This one is controlled from the other end, or \
            inherited the connection from the process that started it.",
        harmless_if: "A script that probes a port through /dev/tcp, or a shell that inetd or socat \
            started.",
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
        why: "The program exists in no file. Commands pasted into a shell after a break-in look like \
            this, especially if they connect a shell to a socket.",
        harmless_if: "Administrators' one-liners; libraries that start workers this way (multiprocessing).",
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
        does: "was started by a server and uses the network",
        why: "Web servers and databases answer requests. One that starts a shell or a transfer tool with \
            a network connection behaves like a web shell or an exploit.",
        harmless_if: "Web applications that call curl; archive and backup commands of databases.",
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
        does: if says_installed { "claims to be another program" } else { "masquerades as a system program" },
        why: if exe.starts_with("/memfd:") {
            "It has the name of a system program but runs from memory."
        } else {
            "It has the name of a system program, but its executable is in a folder where none is \
             installed."
        },
        harmless_if: "A developer's own build of that program, or a program installed in an unusual \
            folder.",
        severity: by_reach(reach, [Severity::Low, Severity::Medium, Severity::Medium]),
        confidence: 0.6,
        attack: &["T1036.005"],
    })
}
