use super::*;
use crate::capture::Protocol;
use crate::model::testing::{Capture, Conn, Facts};

/// One process with one connection beyond the local networks.
fn talks(name: &str, facts: Facts) -> Capture {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("203.0.113.5", 443).by(name, 7).at(1.0)).process(7, facts);
    capture
}

fn exe(path: &'static str) -> Facts {
    Facts { exe: Some(path), ..Facts::default() }
}

#[track_caller]
fn quiet(capture: &Capture) {
    let titles: Vec<_> =
        capture.run::<ProcessAnomaly>().findings.into_iter().map(|f| f.judgement.title).collect();
    assert!(titles.is_empty(), "{titles:?}");
}

#[track_caller]
fn finds(capture: &Capture, title: &str, severity: Severity) -> Finding {
    let findings = capture.run::<ProcessAnomaly>().findings;
    let found = findings.iter().find(|finding| finding.judgement.title == title);
    let titles: Vec<_> = findings.iter().map(|finding| &finding.judgement.title).collect();
    let found = found.unwrap_or_else(|| panic!("{title:?} is not among {titles:?}"));
    assert_eq!(found.judgement.severity, severity);
    found.clone()
}

#[test]
fn an_executable_in_a_temporary_folder_is_found_and_more_so_if_it_hides() {
    finds(&talks("x", exe("/tmp/x")), "x runs from a temporary folder", Severity::Medium);
    finds(&talks("x", exe("/tmp/.ICE/x")), "x runs from a temporary folder", Severity::High);
    finds(&talks("x", exe("/dev/shm/x")), "x runs from a temporary folder", Severity::High);
    quiet(&talks("x", exe("/tmp/.mount_xAbC/usr/bin/x")));
}

#[test]
fn the_recorder_is_not_judged_wherever_it_runs_from() {
    let mut capture = talks("nr", exe("/tmp/nr"));
    capture.add(Conn::listener(0).over(Protocol::Packet).by("nr", 7).at(1.0));
    finds(&capture, "nr runs from a temporary folder", Severity::Medium);
    finds(&capture, "nr holds a packet socket", Severity::Medium);
    quiet(capture.recorder(7));
    assert!(capture.run::<ProcessAnomaly>().limits.iter().any(|limit| limit.contains("pid 7")));
}

#[test]
fn a_hidden_folder_is_found_but_not_where_tools_keep_their_programs() {
    finds(&talks("x", exe("/var/lib/.x/x")), "x runs from a hidden folder", Severity::High);
    finds(&talks("x", exe("/home/me/.x/x")), "x runs from a hidden folder", Severity::Low);
    quiet(&talks("cargo", exe("/home/me/.cargo/bin/cargo")));
}

#[test]
fn a_deleted_executable_is_low_where_an_update_explains_it() {
    let title = "x runs from a deleted executable";
    finds(&talks("x", exe("/usr/sbin/x (deleted)")), title, Severity::Low);
    finds(&talks("x", exe("/srv/x (deleted)")), title, Severity::High);
    finds(&talks("x", exe("/memfd:x (deleted)")), "x runs from memory alone", Severity::High);
}

#[test]
fn a_kernel_thread_with_an_executable_is_none() {
    let title = |name| format!("{name} has the name of a kernel thread but also an executable");
    finds(&talks("kworker/0:1", exe("/var/lib/a/b")), &title("kworker/0:1"), Severity::High);
    let bracketed = Facts { cmdline: Some("[kswapd0]"), ..Facts::default() };
    finds(&talks("perl", bracketed), &title("perl"), Severity::High);
    quiet(&talks("netns-agent", exe("/usr/bin/netns-agent")));
}

#[test]
fn a_shell_that_talks_is_found_and_one_that_probes_its_own_host_is_not() {
    finds(&talks("bash", Facts::default()), "bash is a shell and owns a connection", Severity::High);
    finds(
        &talks("backup.sh", exe("/usr/bin/bash")),
        "backup.sh is a shell and owns a connection",
        Severity::High,
    );
    let mut capture = Capture::new(60);
    capture.add(Conn::to("127.0.0.1", 5432).internal().by("bash", 7));
    quiet(&capture);
}

#[test]
fn code_from_the_command_line_is_high_only_if_it_ties_a_shell_to_a_socket() {
    let python =
        |cmdline| Facts { exe: Some("/usr/bin/python3.12"), cmdline: Some(cmdline), ..Facts::default() };
    let title = "python3 runs code from its command line and owns a connection";
    finds(
        &talks("python3", python("python3 -c import os,pty;os.dup2(s,0);pty.spawn('sh')")),
        title,
        Severity::High,
    );
    finds(&talks("python3", python("python3 -c import requests")), title, Severity::Low);
    quiet(&talks("pip", python("/usr/bin/python3 /usr/bin/pip install x")));
}

#[test]
fn a_shell_of_a_web_server_is_found_by_its_parent() {
    let of = |parent| Facts { parent_name: Some(parent), ..Facts::default() };
    let title = |name| format!("{name} was started by a server and uses the network");
    finds(&talks("sh", of("apache2")), &title("sh"), Severity::High);
    finds(&talks("curl", of("php-fpm8.2")), &title("curl"), Severity::Medium);
    quiet(&talks("curl", of("nginx-agent")));
    quiet(&talks("curl", of("bash")));
}

#[test]
fn a_system_programs_name_belongs_to_installed_files() {
    finds(&talks("sshd", exe("/home/me/sshd")), "sshd masquerades as a system program", Severity::Medium);
    let claims = Facts { exe: Some("/srv/x"), cmdline: Some("/usr/sbin/sshd -D"), ..Facts::default() };
    finds(&talks("x", claims), "x claims to be another program", Severity::Medium);
    quiet(&talks("sshd", exe("/usr/sbin/sshd")));
    quiet(&talks("MainThread", exe("/usr/bin/node")));
}

#[test]
fn many_processes_alike_are_one_finding() {
    let mut capture = Capture::new(60);
    for pid in 1..=20 {
        capture.add(Conn::to("203.0.113.5", 443).by("x", pid).at(f64::from(pid))).process(pid, exe("/tmp/x"));
    }
    let finding = finds(&capture, "x runs from a temporary folder", Severity::Medium);
    assert_eq!(finding.evidence.connections_total, 20);
    assert_eq!((finding.judgement.entities.pid, capture.run::<ProcessAnomaly>().findings.len()), (None, 1));
}

#[test]
fn a_new_listener_on_all_addresses_is_low_and_a_restarted_one_is_none() {
    let listener = |name, at| Conn::listener(4444).on("0.0.0.0").by(name, 7).at(at);
    let mut capture = Capture::new(60);
    capture.add(listener("server", 5.0).opened());
    finds(&capture, "server started listening on port 4444 on all interfaces", Severity::Low);
    capture.add(listener("server", 0.0));
    quiet(&capture);
    let mut capture = Capture::new(60);
    capture.add(listener("nc", 5.0).opened());
    finds(&capture, "nc started listening on port 4444 on all interfaces", Severity::Medium);
    let mut capture = Capture::new(60);
    capture.add(Conn::listener(4444).on("127.0.0.1").at(5.0).opened());
    quiet(&capture);
}

#[test]
fn without_owners_it_says_that_it_cannot_judge() {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("203.0.113.5", 443).unowned());
    assert!(matches!(capture.outcome::<ProcessAnomaly>(), Outcome::Skipped(why) if why.contains("owner")));
}
