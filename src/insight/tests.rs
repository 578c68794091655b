use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::analyze::detectors::{self, DETECTORS};
use crate::capture::{ImportSource, Protocol};
use crate::model::finding::{Confidence, Evidence, Judgement, Measurement};
use crate::model::sockets::Sockets;
use crate::model::testing::{Capture, Conn};

/// A finding in one line: detector, severity, confidence, and entities.
struct Told(Finding);

fn by(detector: &'static str, severity: Severity) -> Told {
    let judgement = Judgement {
        severity,
        confidence: Confidence::new(0.8),
        title: format!("{detector} says something"),
        explanation: String::new(),
        false_positives: String::new(),
        attack: Vec::new(),
        entities: Entities { process_name: Some("app".to_owned()), ..Entities::default() },
    };
    let evidence = Evidence::new(vec![Measurement::new("x", 1.0, "")], [1], (5, 9));
    Told(Finding::new(detectors::find(detector).unwrap().about, judgement, evidence))
}

impl Told {
    fn to(mut self, addr: &str) -> Self {
        self.0.judgement.entities.remote_addr = Some(addr.to_owned());
        self.0.id = format!("{}-{addr}", self.0.id);
        self
    }

    fn of(mut self, process: &str) -> Self {
        self.0.judgement.entities.process_name = Some(process.to_owned());
        self.0.id = format!("{}-{process}", self.0.id);
        self
    }

    fn unowned(mut self) -> Self {
        self.0.judgement.entities.process_name = None;
        self
    }

    fn technique(mut self, id: &'static str) -> Self {
        self.0.judgement.attack.push(id);
        self
    }

    fn at(mut self, first_us: i64) -> Self {
        self.0.evidence.span_us = (first_us, first_us + 4);
        self
    }

    fn measured(mut self, name: &str, value: f64) -> Self {
        self.0.evidence.measurements.push(Measurement::new(name, value, ""));
        self
    }
}

fn joined(told: &[Told]) -> Vec<Insight> {
    joined_in(&Metadata::default(), told)
}

fn joined_in(metadata: &Metadata, told: &[Told]) -> Vec<Insight> {
    let mut findings: Vec<&Finding> = told.iter().map(|told| &told.0).collect();
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.judgement.severity), finding.id.clone()));
    let facts: Vec<fact::Fact<'_>> = findings
        .iter()
        .map(|finding| {
            let addr = finding.judgement.entities.remote_addr.as_deref().unwrap_or_default();
            fact::Fact {
                finding,
                is_beyond: addr.starts_with("203."),
                is_inbound: finding.judgement.attack.contains(&"T1595.001"),
                is_listener: false,
                remotes: finding.judgement.entities.remote_addr.as_deref().into_iter().collect(),
            }
        })
        .collect();
    let cases = case::cases(&facts);
    cases.iter().map(|case| words::insight(case, &Completeness::default(), metadata)).collect()
}

/// Checks hypothesis, severity and number of findings of every insight.
#[track_caller]
fn means(told: &[Told], expected: &[(&str, Severity, usize)]) {
    let insights = joined(told);
    let found: Vec<_> = insights
        .iter()
        .map(|insight| (insight.id.rsplit_once('-').unwrap().0, insight.severity, insight.findings.len()))
        .collect();
    assert_eq!(found, expected);
}

use Severity::{Critical, High, Info, Low, Medium};

#[test]
fn a_beacon_of_an_odd_program_is_command_and_control_and_worse_than_either() {
    let told =
        [by("beacon", Medium).to("203.0.113.9"), by("process", Medium), by("geo", Low).to("203.0.113.9")];
    means(&told, &[("command-and-control", High, 3)]);
}

#[test]
fn a_beacon_alone_is_periodic_and_with_suspicious_facts_it_may_be_remote_control() {
    means(&[by("beacon", Medium).to("203.0.113.9")], &[("remote-control", Medium, 1)]);
    let told = [by("beacon", Low).to("203.0.113.9"), by("geo", Low).to("203.0.113.9")];
    means(&told, &[("periodic-outside", Low, 2)]);
}

#[test]
fn what_belongs_to_another_process_or_destination_is_not_joined() {
    let told = [by("beacon", Medium).to("203.0.113.9"), by("process", High).of("other")];
    means(&told, &[("remote-control", Medium, 1), ("hidden-process", High, 1)]);
    let told = [by("beacon", Medium).to("203.0.113.9"), by("unusual-port", Medium).to("203.0.113.10")];
    means(&told, &[("remote-control", Medium, 1), ("several-signs", Medium, 1)]);
}

#[test]
fn ten_findings_about_one_scan_are_one_insight() {
    let mut told: Vec<Told> =
        (0..6_u8).map(|n| by("port-scan", Medium).to(&format!("10.0.0.{n}")).of("nmap")).collect();
    told.push(by("burst", Medium).of("nmap"));
    told.push(by("unusual-port", Low).of("nmap"));
    told.push(by("isolation-forest", Low).of("nmap").to("10.0.0.1"));
    told.push(by("tcp-health", Medium).of("nmap"));
    means(&told, &[("host-scan", Medium, 10)]);
}

#[test]
fn a_scan_of_many_hosts_by_an_odd_program_is_a_worm() {
    let scan = || by("port-scan", High).measured("hosts tried", 60.0);
    means(&[scan(), by("process", High)], &[("worm", Critical, 2)]);
    means(&[scan(), by("process", Low)], &[("host-scan", High, 2)]);
}

#[test]
fn a_scan_from_outside_is_its_own_story() {
    let scan = by("port-scan", Medium).technique("T1595.001").to("192.168.1.9").unowned();
    means(&[scan], &[("scanned", Medium, 1)]);
    let scan = by("port-scan", Low).technique("T1595.001").to("203.0.113.77").unowned();
    means(&[scan], &[]);
}

#[test]
fn a_shell_with_a_connection_is_a_remote_shell() {
    let shell = by("process", High).technique("T1059.004").to("203.0.113.9").of("bash");
    let lasting = by("long-connection", Low).to("203.0.113.9").of("bash");
    means(&[shell, lasting], &[("reverse-shell", High, 2)]);
    let shell = || by("process", High).technique("T1059.004").of("bash");
    means(&[shell().to("203.0.113.9")], &[("reverse-shell", High, 1)]);
    // The process's own finding has no destination, and is no case beside that of its session.
    let session = by("c2-session", High).to("203.0.113.9").of("bash");
    means(&[shell(), session], &[("reverse-shell", Critical, 2)]);
}

#[test]
fn one_process_and_destination_are_one_case_of_a_stage() {
    let told = [
        by("beacon", High).to("203.0.113.9"),
        by("process", Medium),
        by("unanswered", High).to("203.0.113.9"),
    ];
    means(&told, &[("command-and-control", Critical, 3)]);
}

#[test]
fn a_case_accounts_for_its_support_but_not_for_graver_facts_or_those_of_other_destinations() {
    // A session with the server whose passwords are guessed may be the guess that worked.
    let guesses = |severity| by("brute-force", severity).to("203.0.113.9");
    means(&[guesses(High), by("c2-session", Medium).to("203.0.113.9")], &[("password-guessing", High, 2)]);
    let told = [guesses(Low), by("c2-session", Medium).to("203.0.113.9")];
    means(&told, &[("remote-control", Medium, 1), ("password-guessing", Low, 2)]);
    let told = [
        by("lateral-movement", Medium).to("10.0.0.6").at(10),
        by("c2-session", High).to("203.0.113.9").at(30),
    ];
    let [intrusion] = &joined(&told)[..] else { panic!("one intrusion") };
    assert_eq!(intrusion.title, "app: possible intrusion in 2 stages: lateral movement, command and control");
}

#[test]
fn a_packet_socket_is_no_listener() {
    for (protocol, is_listener) in [(Protocol::Tcp, true), (Protocol::Packet, false)] {
        let mut capture = Capture::new(60);
        capture.add(Conn::listener(4444).over(protocol).by("sniff", 7));
        let tables = capture.tables();
        let mut finding = by("process", Medium).of("sniff").0;
        finding.evidence =
            Sockets::new(&tables).unwrap().subset(&[0]).evidence(vec![Measurement::new("x", 1.0, "")]);
        let facts = fact::facts(&[&finding], &tables).unwrap();
        assert_eq!(facts[0].is_listener, is_listener, "{protocol:?}");
    }
}

#[test]
fn an_indicator_turns_a_quiet_connection_into_a_case() {
    means(&[by("indicator", High).to("203.0.113.9")], &[("known-bad", High, 1)]);
    let told = [by("indicator", High).to("203.0.113.9"), by("long-connection", Low).to("203.0.113.9")];
    means(&told, &[("command-and-control", High, 2)]);
}

#[test]
fn a_single_low_finding_is_no_insight_and_two_that_agree_are_one() {
    means(&[by("isolation-forest", Low).to("203.0.113.9")], &[]);
    let told = [by("geo", Low).to("203.0.113.9"), by("isolation-forest", Low).to("203.0.113.9")];
    means(&told, &[("several-signs", Low, 2)]);
}

#[test]
fn harmless_periodic_connections_are_one_insight_together() {
    let told = [
        by("beacon", Info).of("chronyd").to("192.0.2.1"),
        by("beacon", Low).of("zabbix").to("10.0.0.9"),
        by("beacon", Info).of("avahi").to("224.0.0.251"),
    ];
    means(&told, &[("periodic-benign", Info, 3)]);
}

#[test]
fn a_process_with_many_destinations_is_one_case() {
    let mut told: Vec<Told> = (0..9_u8).map(|n| by("beacon", Medium).to(&format!("203.0.113.{n}"))).collect();
    told.push(by("process", High));
    let insights = joined(&told);
    assert_eq!(insights.len(), 1);
    assert_eq!(insights[0].title, "app: possible command and control (C2) to 9 addresses");
    assert_eq!(insights[0].findings.len(), 10);
}

#[test]
fn confidence_follows_from_the_findings_and_an_unknown_owner_lowers_it() {
    let of = |told: Told| joined(&[told])[0].confidence.get();
    let owned = of(by("beacon", Medium).to("203.0.113.9"));
    assert!((owned - 0.8 * 0.8).abs() < 1e-9, "{owned}");
    let unowned = of(by("beacon", Medium).to("203.0.113.9").unowned());
    assert!((unowned - 0.8 * 0.8 * 0.8).abs() < 1e-9, "{unowned}");
}

#[test]
fn it_gives_alternative_explanations_and_next_steps() {
    let insight = joined(&[by("beacon", Medium).to("203.0.113.9").unowned()]).remove(0);
    let against = insight.against.join(" ");
    assert!(
        against.contains("owning process is unknown") && against.contains("Only one detector"),
        "{against}"
    );
    assert!(insight.next_steps.contains(&Step::Replay(5)), "{:?}", insight.next_steps);
    let dump = Step::Dump { filter: "remote:203.0.113.9".to_owned(), span_us: (5, 9) };
    assert!(insight.next_steps.contains(&dump), "{:?}", insight.next_steps);
}

#[test]
fn the_sentence_says_who_did_what_to_whom_and_when() {
    let mut told = by("beacon", Medium).to("2001:db8::9");
    told.0.judgement.entities.pid = Some(42);
    told.0.judgement.entities.username = Some("alice".to_owned());
    told.0.judgement.entities.remote_port = Some(443);
    told.0.judgement.entities.remote_name = Some("c2.example".to_owned());
    let insight = joined(&[told]).remove(0);
    assert_eq!(
        insight.sentence,
        "app (pid 42, user alice): possible command and control (C2) to [2001:db8::9]:443 (c2.example), \
         at 1970-01-01T00:00:00Z"
    );
    assert_eq!(insight.evidence.len(), 1);
    assert_eq!(insight.evidence[0].finding, insight.findings[0]);
    assert!(insight.evidence[0].sentence.ends_with("(beacon: severity medium, confidence 80 %)."));
}

#[test]
fn a_local_port_belongs_to_a_case_only_if_every_finding_has_it() {
    let with_port = |mut told: Told| {
        told.0.judgement.entities.local_port = Some(60_597);
        told
    };
    let session = || with_port(by("c2-session", High).to("203.0.113.9"));
    assert_eq!(joined(&[session()])[0].entities.local_port, Some(60_597));
    let told = [session(), by("beacon", Medium).to("203.0.113.9")];
    assert_eq!(joined(&told)[0].entities.local_port, None);
}

#[test]
fn the_title_names_the_source_before_the_target_in_both_directions() {
    let title = |told: Told| {
        let mut told = told;
        told.0.judgement.entities.remote_port = Some(50_123);
        joined(&[told]).remove(0).title
    };
    let guesses = || by("brute-force", Medium).to("203.0.113.9").of("sshd");
    assert_eq!(title(guesses()), "sshd: password guessing against 203.0.113.9:50123");
    let from_outside = "T1595.001";
    assert_eq!(
        title(guesses().technique(from_outside)),
        "203.0.113.9: password guessing against sshd on this host"
    );
    assert_eq!(
        title(by("port-scan", Medium).to("203.0.113.9").technique(from_outside)),
        "203.0.113.9 scanned this host"
    );
}

#[test]
fn steps_on_a_host_of_windows_are_for_powershell_and_quote_what_it_can() {
    let steps = |exe: &str| {
        let mut told = by("beacon", Medium).to("203.0.113.9");
        told.0.judgement.entities.pid = Some(42);
        told.0.judgement.entities.exe = Some(exe.to_owned());
        let steps = joined(&[told]).remove(0).next_steps;
        steps
            .into_iter()
            .filter_map(|step| if let Step::OnHost { command, .. } = step { Some(command) } else { None })
            .collect::<Vec<_>>()
    };
    let windows = steps(r"C:\Users\Public\x.exe");
    assert_eq!(windows.len(), 3);
    assert!(windows.iter().all(|command| command.starts_with("Get-")), "{windows:?}");
    assert_eq!(steps(r"C:\Users\Public\x'; calc; '.exe"), ["Get-CimInstance Win32_Process -Filter"]);
    assert!(steps("/tmp/x").contains(&"sha256sum"));
}

#[test]
fn a_hostile_name_is_no_part_of_a_filter() {
    let insight =
        joined(&[by("beacon", Medium).to("203.0.113.9").of("a remote:0.0.0.0/0 {where}")]).remove(0);
    assert!(
        insight.title.starts_with("a remote:0.0.0.0/0 {where}: possible command and control (C2) to 203"),
        "{}",
        insight.title
    );
    let is_clean = |step: &Step| !matches!(step, Step::Dump { filter, .. } if filter.contains("0/0"));
    assert!(insight.next_steps.iter().all(is_clean));
}

#[test]
fn every_hypothesis_is_complete_and_named_after_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/insight/hypotheses");
    let mut ids = BTreeSet::new();
    for hypothesis in HYPOTHESES {
        let file = folder.join(format!("{}.rs", hypothesis.id.replace('-', "_")));
        assert!(file.is_file() && ids.insert(hypothesis.id), "{}", hypothesis.id);
        assert!(!hypothesis.benign.is_empty() && !hypothesis.ask.is_empty(), "{}", hypothesis.id);
        assert!(hypothesis.summary.len() > 40 && !hypothesis.summary.contains("  "), "{}", hypothesis.id);
        let is_given = |signal| DETECTORS.iter().any(|entry| entry.about.signal == signal);
        for sign in hypothesis.needs.iter().copied().flatten().chain(hypothesis.supports) {
            assert!(sign.signal.is_none_or(is_given), "{}: {:?}", hypothesis.id, sign.signal);
            assert!(sign.says.ends_with(':'), "{}: {}", hypothesis.id, sign.says);
        }
        // A next step is an imperative, not a question that the reader cannot answer.
        assert!(
            hypothesis
                .ask
                .iter()
                .all(|ask| ask.trim_end_matches('}').ends_with('.') || ask.contains(": do any")),
            "{}",
            hypothesis.id
        );
    }
}

#[test]
fn in_a_network_hosts_act_and_in_a_recording_processes_of_its_host() {
    let told = || {
        let mut told = by("beacon", Medium).to("203.0.113.9").unowned();
        told.0.judgement.entities.local_addr = Some("10.0.0.7".to_owned());
        [told]
    };
    let import = |format: &str| Metadata {
        import: Some(ImportSource { file: "f".to_owned(), format: format.to_owned(), sha256: String::new() }),
        ..Metadata::default()
    };
    let said = |metadata: &Metadata| {
        let insight = joined_in(metadata, &told()).remove(0);
        let Step::Ask(ask) = insight.next_steps[0].clone() else { panic!("no question") };
        (insight.title, ask)
    };
    let (title, ask) = said(&import("pcap"));
    assert_eq!(title, "10.0.0.7: possible command and control (C2) to 203.0.113.9");
    assert!(ask.starts_with("Find out which program on the host"), "{ask}");
    // The output of ss is the view of one host.
    for metadata in [Metadata::default(), import("ss")] {
        let (title, ask) = said(&metadata);
        assert_eq!(title, "An unknown process on 10.0.0.7: possible command and control (C2) to 203.0.113.9");
        assert!(ask.starts_with("Check whether the program's file belongs to a package"), "{ask}");
    }
}

#[test]
fn every_place_in_a_text_is_known() {
    for hypothesis in HYPOTHESES {
        let signs = hypothesis.needs.iter().copied().flatten().chain(hypothesis.supports);
        let texts = signs.map(|sign| sign.says).chain(hypothesis.ask.iter().copied());
        for text in texts.chain([hypothesis.title, hypothesis.summary]) {
            for place in text.split('{').skip(1) {
                let place = place.split_once('}').unwrap_or_else(|| panic!("{}: {text}", hypothesis.id)).0;
                let is_known = ["who", "where", "source", "target", "count", "host", "Host"].contains(&place);
                assert!(is_known || place.matches('|').count() == 1, "{}: {place}", hypothesis.id);
            }
        }
        assert!(hypothesis.benign.iter().all(|text| !text.contains('{')), "{}", hypothesis.id);
    }
}

#[test]
fn grave_cases_of_one_actor_are_one_intrusion_in_the_order_of_time() {
    let told = [
        by("beacon", Medium).to("203.0.113.9").at(30),
        by("port-scan", Medium).at(10),
        by("exfiltration", High).to("203.0.113.10").at(50),
    ];
    let insights = joined(&told);
    assert_eq!(insights.len(), 1, "{:?}", insights.iter().map(|i| &i.title).collect::<Vec<_>>());
    let insight = &insights[0];
    assert_eq!(insight.severity, Critical);
    assert_eq!(
        insight.title,
        "app: possible intrusion in 3 stages: discovery, command and control, exfiltration"
    );
    let order: Vec<bool> = ["port-scan", "beacon", "exfiltration"]
        .iter()
        .zip(&insight.evidence)
        .map(|(detector, support)| support.sentence.contains(detector))
        .collect();
    assert_eq!(order, [true; 3], "{:?}", insight.evidence);
}

#[test]
fn programs_that_share_an_address_outside_are_one_intrusion_and_others_are_not() {
    let shell = || by("process", High).technique("T1059.004").to("203.0.113.9").of("bash");
    let upload = |addr: &str| by("exfiltration", High).to(addr).of("rclone");
    assert_eq!(joined(&[shell(), upload("203.0.113.9")]).len(), 1);
    assert_eq!(joined(&[shell(), upload("203.0.113.10")]).len(), 2);
    // Mild ones do not belong to it.
    let mild = by("exfiltration", Low).to("203.0.113.9").of("rclone");
    assert_eq!(joined(&[shell(), mild]).len(), 2);
}

#[test]
fn a_scan_of_many_hosts_is_not_titled_with_one_of_them() {
    let mut scan = by("port-scan", Medium).measured("hosts tried", 111.0).of("nmap");
    scan.0.judgement.entities.remote_addr = None;
    let told = [scan, by("unusual-port", Low).of("nmap").to("10.0.0.1")];
    let insights = joined(&told);
    assert_eq!(insights[0].title, "nmap scanned 111 addresses");
    assert_eq!(insights[0].entities.remote_addr, None);
}
