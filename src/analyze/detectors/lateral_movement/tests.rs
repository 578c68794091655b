use super::*;
use crate::model::testing::{Capture, Conn, the_only};

#[test]
fn one_program_on_many_hosts_is_a_fan_out() {
    let mut capture = Capture::new(900);
    for n in 1..=8 {
        capture.add(Conn::to(&format!("192.168.1.{}", 100 + n), 445).by("smbexec", 7).at(f64::from(n)));
    }
    let output = capture.run::<LateralMovement>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(finding.judgement.title, "smbexec reached 8 internal hosts on SMB (port 445)");
    assert_eq!(finding.judgement.attack, ["T1021.002"]);
}

#[test]
fn a_login_that_is_followed_by_logins_elsewhere_is_a_chain() {
    let mut capture = Capture::new(900);
    capture.add(Conn::to("192.168.1.50", 50_000).local_port(22).inbound().by("sshd", 9).at(10.0));
    capture.add(Conn::to("192.168.1.60", 22).by("ssh", 7).at(100.0));
    capture.add(Conn::to("192.168.1.61", 22).by("ssh", 7).at(120.0));
    let output = capture.run::<LateralMovement>();
    let finding = the_only(output.findings);
    assert_eq!(finding.judgement.severity, Severity::Medium);
    assert_eq!(
        finding.judgement.title,
        "Login chain: 192.168.1.50 to 192.168.1.10, then on to 192.168.1.60, 192.168.1.61"
    );
}

#[test]
fn a_few_hosts_the_internet_late_logins_and_monitoring_are_ordinary() {
    let mut capture = Capture::new(9_000);
    for n in 0..200 {
        let conn = Conn::to(&format!("192.168.1.{}", 150 + n % 20), 22).by("check_by_ssh", 5);
        capture.add(conn.at(f64::from(n / 20) * 300.0 + f64::from(n % 20)));
    }
    for n in 1..=4 {
        capture.add(Conn::to(&format!("192.168.1.{}", 100 + n), 22).by("ansible", 7).at(f64::from(n)));
    }
    for n in 1..=9 {
        capture.add(Conn::to(&format!("203.0.113.{n}"), 22).by("git", 8).at(f64::from(n)));
    }
    capture.add(Conn::to("192.168.1.50", 50_000).local_port(22).inbound().by("sshd", 9).at(1_000.0));
    capture.add(Conn::to("192.168.1.60", 22).by("ssh", 7).at(3_000.0));
    assert!(capture.run::<LateralMovement>().findings.is_empty());
}

#[test]
fn one_host_that_runs_programs_on_another_is_told_how() {
    let titles = |conns: &[Conn]| {
        let mut capture = Capture::new(900);
        for conn in conns {
            capture.add(conn.clone().unowned());
        }
        let findings = capture.run::<LateralMovement>().findings;
        assert!(findings.iter().all(|finding| finding.judgement.severity >= Severity::Medium));
        findings.into_iter().map(|finding| finding.judgement.title).collect::<Vec<_>>()
    };
    let to = |port| Conn::to("192.168.1.60", port);
    let rpc = [to(135).at(10.0).bytes(300, 300), to(49_670).at(11.0).bytes(3_000, 2_500)];
    assert_eq!(
        titles(&rpc),
        ["192.168.1.10 may run programs on 192.168.1.60 through RPC (WMI, scheduled tasks, services)"]
    );
    let copied = to(445).at(9.0).bytes(380_000, 6_000);
    let psexec =
        "192.168.1.10 may run programs on 192.168.1.60 through a copied program and RPC (as PsExec does)";
    assert_eq!(titles(&[copied.clone(), rpc[0].clone(), rpc[1].clone()]), [psexec]);
    assert_eq!(
        titles(&[to(5985).bytes(4_000, 6_000)]),
        ["192.168.1.10 may run programs on 192.168.1.60 through WinRM"]
    );
    // A copied file alone, a port that nobody was asked for, a probe.
    assert!(titles(&[copied]).is_empty() && titles(&[rpc[1].clone()]).is_empty());
    assert!(titles(&[to(5985).bytes(90, 400)]).is_empty());
}

#[test]
fn a_host_with_several_clients_is_a_server_and_runs_nothing_for_them() {
    let mut capture = Capture::new(900);
    capture.imported();
    for (n, client) in ["192.168.1.10", "192.168.1.11", "192.168.1.12"].into_iter().enumerate() {
        for (port, second) in [(135, 1.0), (49_670, 2.0)] {
            capture.add(Conn::to("192.168.1.60", port).on(client).unowned().at(n as f64 * 100.0 + second));
        }
    }
    assert!(capture.run::<LateralMovement>().findings.is_empty());
}

#[test]
fn a_chain_from_outside_or_over_three_hosts_is_medium_and_a_probe_is_no_login() {
    let desktop = |client: &str| {
        Conn::to(client, 50_000).local_port(3389).inbound().at(10.0).lasting(600.0).bytes(90_000, 9_000)
    };
    let onward = Conn::to("192.168.1.60", 3389).at(100.0).lasting(300.0);
    let severities = |conns: &[Conn]| {
        let mut capture = Capture::new(900);
        for conn in conns {
            capture.add(conn.clone().unowned());
        }
        let findings = capture.run::<LateralMovement>().findings;
        findings.into_iter().map(|finding| finding.judgement.severity).collect::<Vec<_>>()
    };
    assert_eq!(severities(&[desktop("203.0.113.5"), onward.clone()]), [Severity::Medium]);
    assert_eq!(severities(&[desktop("192.168.1.50"), onward.clone()]), [Severity::Low]);
    assert!(severities(&[desktop("203.0.113.5").lasting(3.0), onward.clone()]).is_empty(), "a guess");
    let third = Conn::to("192.168.1.61", 22).on("192.168.1.60").at(200.0);
    let three = severities(&[desktop("192.168.1.50"), onward, third]);
    assert!(three.contains(&Severity::Medium), "{three:?}");
    let probes: Vec<Conn> = (0..9)
        .map(|n| Conn::to(&format!("192.168.1.{}", 100 + n), 22).bytes(0, 0).at(f64::from(n)))
        .collect();
    assert!(severities(&probes).is_empty());
}

/// Severities of what one host does with 20 hosts on a port: at these seconds, and with this number of bytes.
fn fan_out(port: u16, visits: &[f64], sent: impl Fn(f64) -> u64) -> Vec<Severity> {
    let mut capture = Capture::new(7_200);
    for n in 0..20 {
        for at in visits {
            let conn = Conn::to(&format!("192.168.1.{}", 100 + n), port).unowned();
            capture.add(conn.bytes(sent(*at), 40_000).at(at + f64::from(n)));
        }
    }
    let findings = capture.run::<LateralMovement>().findings;
    findings.into_iter().map(|finding| finding.judgement.severity).collect()
}

#[test]
fn a_job_that_does_the_same_on_every_host_again_is_low_and_ssh_to_many_is_medium() {
    let rounds = [100.0, 2_000.0];
    assert_eq!(fan_out(445, &[100.0], |_| 60_000), [Severity::High]);
    assert_eq!(fan_out(22, &[100.0], |_| 60_000), [Severity::Medium]);
    assert_eq!(fan_out(22, &rounds, |_| 60_000), [Severity::Low]);
    let more_the_second_time = |at| if at > 1_000.0 { 900_000 } else { 60_000 };
    assert_eq!(fan_out(22, &rounds, more_the_second_time), [Severity::Medium]);
    assert_eq!(fan_out(22, &[100.0, 300.0], |_| 60_000), [Severity::Medium], "not long enough after");
}

#[test]
fn a_server_that_notifies_its_clients_does_not_move_to_them_unless_it_copies_something() {
    let found = |sent, after| {
        let mut capture = Capture::new(3_600);
        capture.imported();
        for n in 0..10 {
            let (client, at) = (format!("192.168.1.{}", 100 + n), 300.0 * f64::from(n));
            capture.add(Conn::to("192.168.1.9", 445).on(&client).unowned().bytes(60_000, 4_000).at(at));
            capture.add(Conn::to(&client, 445).on("192.168.1.9").unowned().bytes(sent, 900).at(at + after));
        }
        let findings = capture.run::<LateralMovement>().findings;
        findings.iter().filter(|finding| finding.judgement.title.starts_with("192.168.1.9 reached")).count()
    };
    assert_eq!((found(4_000, 2.0), found(400_000, 2.0), found(4_000, 200.0)), (0, 1, 1));
}

#[test]
fn each_service_has_the_technique_of_its_protocol() {
    for (port, name) in [
        (22, "T1021.004"),
        (3389, "T1021.001"),
        (445, "T1021.002"),
        (139, "T1021.002"),
        (135, "T1021.003"),
        (5900, "T1021.005"),
        (5985, "T1021.006"),
        (5986, "T1021.006"),
        (4899, "T1021"),
    ] {
        assert_eq!(technique(port), [name], "{port}");
    }
}

/// Titles of what is found where one host calls an interface of another.
fn calling(conns: &[Conn]) -> Vec<String> {
    let mut capture = Capture::new(900);
    for conn in conns {
        capture.add(conn.clone().unowned());
    }
    let findings = capture.run::<LateralMovement>().findings;
    assert!(findings.iter().all(|finding| finding.judgement.severity >= Severity::Medium));
    findings.into_iter().map(|finding| finding.judgement.title).collect()
}

#[test]
fn the_interface_that_is_called_tells_what_is_run_whoever_else_uses_the_target() {
    let server = |client: &str, port| Conn::to("192.168.1.60", port).on(client);
    let own = |port| server("192.168.1.10", port);
    let mut file_server: Vec<Conn> =
        (20..25).map(|n| server(&format!("192.168.1.{n}"), 445).speaking("smb").at(f64::from(n))).collect();
    assert!(calling(&file_server).is_empty());
    file_server.push(own(445).speaking("svcctl").at(100.0));
    assert_eq!(
        calling(&file_server),
        [
            "192.168.1.10 may run programs on 192.168.1.60 through its service control manager (as PsExec does)"
        ]
    );
    file_server.push(own(445).speaking("smb").at(99.0).bytes(380_000, 6_000));
    assert_eq!(
        calling(&file_server),
        ["192.168.1.10 may run programs on 192.168.1.60 through a copied program and RPC (as PsExec does)"]
    );
    let run = |port, interface| calling(&[own(port).speaking(interface).at(5.0)]);
    assert_eq!(
        run(49_670, "taskschd"),
        ["192.168.1.10 may run programs on 192.168.1.60 through scheduled tasks"]
    );
    assert_eq!(run(49_670, "wmi"), ["192.168.1.10 may run programs on 192.168.1.60 through WMI"]);
    assert!(run(445, "winreg").is_empty() && run(49_670, "samr").is_empty());
}

#[test]
fn what_is_called_by_a_clock_or_is_known_to_run_nothing_is_no_execution() {
    let own = |port| Conn::to("192.168.1.60", port);
    let polled: Vec<Conn> =
        (0..12).map(|n| own(49_670).speaking("wmi").at(60.0 * f64::from(n)).lasting(1.0)).collect();
    assert!(calling(&polled).is_empty());
    let asked = own(135).at(10.0).bytes(300, 300);
    let then = |interface| vec![asked.clone(), own(49_671).at(11.0).bytes(3_000, 2_500).speaking(interface)];
    assert!(calling(&then("samr")).is_empty() && calling(&then("drsuapi")).is_empty());
    assert_eq!(calling(&then("dce_rpc")).len(), 1);
}

#[test]
fn only_a_domain_controller_replicates_a_directory() {
    let replicates = |client: &str| {
        Conn::to("192.168.1.60", 49_668)
            .on(client)
            .speaking("drsuapi_replication")
            .at(50.0)
            .bytes(4_000, 90_000)
    };
    let mut capture = Capture::new(900);
    capture.imported();
    capture.add(replicates("192.168.1.10").unowned());
    for port in [53, 88, 389, 445] {
        capture.add(Conn::to("192.168.1.61", port).on("192.168.1.10").unowned());
    }
    capture.add(replicates("192.168.1.61").unowned());
    let finding = the_only(capture.run::<LateralMovement>().findings);
    assert_eq!(
        finding.judgement.title,
        "192.168.1.10 replicates the directory of 192.168.1.60, password hashes included (DCSync)"
    );
    assert_eq!((finding.judgement.severity, finding.judgement.attack), (Severity::Medium, vec!["T1003.006"]));
}

#[test]
fn who_makes_a_host_log_in_elsewhere_is_told() {
    let mut capture = Capture::new(900);
    let conn = Conn::to("192.168.1.60", 445).unowned().at(10.0).bytes(4_000, 3_000);
    capture.add(conn.speaking("efsrpc"));
    let finding = the_only(capture.run::<LateralMovement>().findings);
    assert_eq!(
        finding.judgement.title,
        "192.168.1.10 may coerce 192.168.1.60 into authenticating to another host"
    );
    assert_eq!((finding.judgement.severity, finding.judgement.attack), (Severity::Medium, vec!["T1187"]));
}
