use super::*;
use crate::analyze::Config;
use crate::capture::Metadata;
use crate::model::detector::{Detector, Outcome, Output};
use crate::model::finding::Severity;
use crate::model::testing::{Capture, Conn};
use crate::model::threat_intel::{RuleFile, ThreatIntel};

/// A rule of our own with some lines of detection.
fn rule(title: &str, product: &str, detection: &str) -> String {
    format!(
        "title: {title}\nid: 00000000-0000-4000-8000-000000000001\nstatus: stable\nauthor: netrec\n\
         logsource:\n    category: network_connection\n    product: {product}\n\
         detection:\n    selection:\n{detection}\n    condition: selection\nlevel: high\n\
         falsepositives:\n    - A test\n"
    )
}

fn outcome(texts: &[String], os: Option<&str>) -> Output {
    let mut capture = Capture::new(60);
    capture.add(Conn::to("203.0.113.7", 4444).by("nc", 1));
    capture.add(Conn::to("203.0.113.7", 4444).by("nc", 1).at(3.0));
    capture.add(Conn::to("203.0.113.8", 443).by("firefox", 2).at(4.0));
    capture.add(Conn::to("203.0.113.9", 4444).local_port(22).inbound().by("sshd", 3).at(5.0));
    capture.add(Conn::to("203.0.113.7", 4444).unowned().at(6.0));
    let rules = texts.iter().map(|text| RuleFile { name: "r.yml".to_owned(), text: text.clone() }).collect();
    let config = Config::default().with_intel(ThreatIntel { rules, ..ThreatIntel::default() });
    let (tables, metadata) =
        (capture.tables(), Metadata { os: os.map(str::to_owned), ..Metadata::default() });
    match Sigma::detect(&config.context(&tables, &metadata), &Thresholds::default()).unwrap() {
        Outcome::Ran(output) => output,
        Outcome::Skipped(why) => panic!("{why}"),
    }
}

/// Who is found by a rule with some lines of detection, and how many connections.
#[track_caller]
fn finds(detection: &str, expected: &[(&str, u64)]) {
    let output = outcome(&[rule("R", "linux", detection)], Some("Linux (Debian 13)"));
    let mut found: Vec<(&str, u64)> =
        output.findings.iter().map(|f| (f.judgement.title.as_str(), f.evidence.connections_total)).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{:?}", output.limits);
}

#[test]
fn fields_are_compared_as_rules_write_them() {
    let port = "        DestinationPort: 4444\n        Initiated: 'true'";
    finds(port, &[("192.168.1.10: R", 1), ("nc: R", 2)]);
    finds("        Image|endswith: '/firefox'", &[("firefox: R", 1)]);
    finds("        DestinationIp|cidr: '203.0.113.8/31'", &[("firefox: R", 1)]);
    finds("        Initiated: 'false'\n        DestinationPort: 22", &[("sshd: R", 1)]);
    finds("        DestinationPort:\n            - 443\n            - 80", &[("firefox: R", 1)]);
    finds("        User: 'user-of-nc'\n        Protocol: tcp", &[("nc: R", 2)]);
    finds("        DestinationPort: 9", &[]);
}

#[test]
fn rules_that_cannot_be_evaluated_are_listed_with_the_reason() {
    let refused = |text: &str, os: Option<&str>, says: &str| {
        let output = outcome(&[text.to_owned()], os);
        assert!(output.findings.is_empty());
        assert!(output.limits.join(" ").contains(says), "{:?}", output.limits);
    };
    let detection = "        DestinationPort: 4444";
    let linux = Some("Linux");
    refused(&rule("R", "windows", detection), linux, "for windows, and the capture is of linux");
    refused(&rule("R", "linux", detection), None, "does not name its operating system");
    refused(&rule("R", "linux", "        ParentImage: '/bin/sh'"), linux, "needs ParentImage");
    refused(
        &rule("R", "linux", detection).replace("network_connection", "dns"),
        linux,
        "1 rules are for other",
    );
    refused("title: [", linux, "Not evaluated: r.yml");
    refused(&rule("R", "linux", "        DestinationPort|re: '('"), linux, "Not evaluated");
}

#[test]
fn a_finding_says_which_rule_by_whom_and_what_is_not_known() {
    let detection = "        DestinationPort: 4444\n        Initiated: 'true'";
    let with_filter = rule("R", "linux", detection).replace(
        "    condition: selection",
        "    filter:\n        Image: '/usr/bin/ok'\n    condition: selection and not filter",
    );
    let output = outcome(&[with_filter], Some("Linux"));
    let of = |who: &str| output.findings.iter().find(|f| f.judgement.title.starts_with(who)).unwrap();
    let known = &of("nc").judgement;
    assert!(known.explanation.contains("by netrec, in r.yml"), "{}", known.explanation);
    assert!(known.explanation.contains("DestinationPort = 4444"), "{}", known.explanation);
    assert_eq!((known.severity, known.false_positives.as_str()), (Severity::High, "A test"));
    let unknown = &of("192.168.1.10").judgement;
    assert!(unknown.explanation.contains("Unknown for this connection"), "{}", unknown.explanation);
    assert!(unknown.confidence < known.confidence);
}

#[test]
fn the_worst_matches_are_shown_and_the_others_counted() {
    let mut capture = Capture::new(60);
    for (n, name) in ["nc", "ncat", "socat"].into_iter().enumerate() {
        capture.add(Conn::to("203.0.113.7", 4444).by(name, 1 + n as u32).at(n as f64));
    }
    let text = rule("R", "linux", "        DestinationPort: 4444");
    let rules = vec![RuleFile { name: "r.yml".to_owned(), text }];
    let config = Config::default().with_intel(ThreatIntel { rules, ..ThreatIntel::default() });
    let (tables, metadata) =
        (capture.tables(), Metadata { os: Some("Linux".to_owned()), ..Metadata::default() });
    let shown = |max_findings| {
        let thresholds = Thresholds { max_findings };
        match Sigma::detect(&config.context(&tables, &metadata), &thresholds).unwrap() {
            Outcome::Ran(output) => (output.findings.len(), output.limits.join(" ")),
            Outcome::Skipped(why) => panic!("{why}"),
        }
    };
    let (findings, limits) = shown(2);
    assert_eq!(findings, 2);
    assert!(limits.contains("3 matches in all; the 2 worst are shown."), "{limits}");
    let (findings, limits) = shown(3);
    assert_eq!(findings, 3);
    assert!(!limits.contains("matches in all"), "{limits}");
}
