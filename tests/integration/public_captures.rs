//! Public packet captures of what the detectors look for: what must be found in them, and what must
//! not.
//!
//! Small ones are in `tests/data/public-captures`. `NETREC_PUBLIC_CAPTURES=FOLDER` gives a folder
//! with those that are not copied here: `quasarrat/capture.pcap`
//! (corelight/zeek-quasarrat-detector) and `simple-scan/*` (ncsa/bro-simple-scan).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::runner::netrec_in;

/// The ground truth of a capture.
struct Truth {
    file: &'static str,
    /// Detector and beginning of the title of each expected finding.
    found: &'static [(&'static str, &'static str)],
    /// Detectors that must not find anything.
    silent: &'static [&'static str],
}

const COPIED: &[Truth] = &[
    Truth {
        file: "manx-udp.pcap.zst",
        found: &[
            ("beacon", "172.18.0.2 contacts 172.18.0.3 port 7011 every 1 min"),
            ("beacon", "172.18.0.3 contacts 172.18.0.2 port 6000 every 1 min"),
        ],
        silent: &["port-scan", "exfiltration"],
    },
    Truth {
        file: "sandcat.pcap.zst",
        found: &[("beacon", "172.18.0.3 sends to 172.18.0.2 port 8888 every 5")],
        silent: &["port-scan"],
    },
    Truth {
        file: "manx-tcp.pcap.zst",
        found: &[("beacon", "172.18.0.3 sends to 172.18.0.2 port 7010 every 20")],
        silent: &["port-scan"],
    },
];

const ELSEWHERE: &[Truth] = &[
    Truth {
        file: "quasarrat/capture.pcap",
        found: &[("beacon", "192.168.100.7 contacts 86.136.67.231 port 1337 every 3.5 s")],
        silent: &["port-scan"],
    },
    Truth {
        file: "simple-scan/port_scan.pcap",
        found: &[("port-scan", "192.168.2.154 scanned 10 ports of 192.168.2.22")],
        silent: &["beacon"],
    },
    Truth {
        file: "simple-scan/445_scan.pcap",
        found: &[("port-scan", "176.192.150.3 scanned port 445 of 9 hosts")],
        silent: &["beacon"],
    },
    Truth {
        file: "simple-scan/multiport_scan.pcap",
        found: &[("port-scan", "125.27.226.209 scanned port 80 of 6 hosts")],
        silent: &["beacon"],
    },
    Truth {
        file: "simple-scan/scan_with_zero_windows.pcap",
        found: &[("port-scan", "10.0.0.1 scanned port 23 of ")],
        silent: &["beacon"],
    },
    // Answers of a server under attack to spoofed addresses.
    Truth {
        file: "simple-scan/backscatter.trace",
        found: &[],
        silent: &["port-scan", "beacon", "tcp-health"],
    },
];

/// Detector and title of every finding in a packet capture.
fn findings(packets: &Path) -> Vec<(String, String)> {
    let place = tempfile::tempdir().unwrap();
    let import = [Path::new("import"), packets, Path::new("-o"), Path::new("c.parquet")];
    netrec_in(place.path(), &import).succeeds();
    netrec_in(place.path(), &["analyze", "c.parquet", "-o", "r", "--format", "json"]).succeeds();
    let report = fs::read_to_string(place.path().join("r/report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "detector"), text(finding, "title"))).collect()
}

#[track_caller]
fn check(folder: &Path, truth: &Truth) {
    let found = findings(&folder.join(truth.file));
    for (detector, title) in truth.found {
        let is_it = |(by, words): &(String, String)| by == detector && words.starts_with(title);
        assert!(found.iter().any(is_it), "{}: no {detector} {title:?} in {found:#?}", truth.file);
    }
    for detector in truth.silent {
        assert!(found.iter().all(|(by, _)| by != detector), "{}: {found:#?}", truth.file);
    }
}

#[test]
fn the_truth_about_the_copied_captures_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/public-captures");
    for truth in COPIED {
        check(&folder, truth);
    }
}

#[test]
fn the_truth_about_captures_elsewhere_is_found() {
    let Some(folder) = std::env::var_os("NETREC_PUBLIC_CAPTURES").map(PathBuf::from) else {
        eprintln!("skipped: NETREC_PUBLIC_CAPTURES names no folder");
        return;
    };
    for truth in ELSEWHERE {
        check(&folder, truth);
    }
}
