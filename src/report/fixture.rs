//! Hand-made analyses for the tests of every part of the report.

mod detected;
mod measured;
mod recorded;

use super::CaptureIdentity;
use crate::analyze::{Analysis, Config, Suppressed};
use crate::capture::Metadata;
use crate::geo::SourceInfo;
use crate::insight::{Insight, Step, Support};
use crate::model::Tables;
use crate::model::detector::{About, Method, Output, Periods, Run, Signal, Status};
use crate::model::finding::{Confidence, Entities, Evidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::{DataFrame, df};
use crate::model::metrics::{Completeness, Metrics, Share};
use crate::model::section::Section;

/// A hostile process name: markup, a formula, a terminal escape and another name.
pub(crate) const HOSTILE_NAME: &str =
    "=<script>alert('x')</script>\u{1b}]0;owned\u{7}`|\u{202e}gpj.exe![](http://e.example/?@all)";

/// 2026-06-01 10:00:00 UTC.
pub(crate) const START_US: i64 = 1_780_308_000_000_000;
const SECOND_US: i64 = 1_000_000;

/// Compares with a reviewed file; `UPDATE=1` rewrites it, for review in the diff.
pub(crate) fn check_golden(path: &str, current: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, current).unwrap();
    }
    let reviewed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(reviewed == current, "{path} is stale: run the tests with UPDATE=1 and review what changed");
}

pub(crate) fn identity() -> CaptureIdentity {
    CaptureIdentity {
        file_name: "web-01.parquet".to_owned(),
        files_sha256: Vec::new(),
        bytes: 1_234_567,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
    }
}

/// Ten minutes of a host on which a process with a hostile name beacons.
pub(crate) fn analysis() -> Analysis {
    Analysis {
        metadata: metadata(),
        completeness: measured::completeness(),
        tables: Tables { connections: connections(), ..recorded::tables(600) },
        metrics: measured::metrics(),
        runs: vec![beacon_run(), scan_run(), ended("clusters", skipped()), ended("geo", failed())],
        insights: vec![insight()],
        suppressed: vec![suppressed()],
        config: Config::parse(ALLOW).unwrap(),
        geo_sources: vec![SourceInfo {
            name: "DBIP-Country-Lite".to_owned(),
            date: "2026-06-01".to_owned(),
            attribution: "IP Geolocation by DB-IP".to_owned(),
            url: Some("https://db-ip.com".to_owned()),
        }],
    }
}

/// Two entries, the first of which has suppressed a finding.
const ALLOW: &str = r#"
[[allow]]
reason = "Our own scanner, ticket 7"
process = "openvas*"

[[allow]]
reason = "Gone since May"
address = "192.0.2.0/24"
"#;

fn suppressed() -> Suppressed {
    let finding = scan_run().output.findings.remove(0);
    Suppressed { rule: "Our own scanner, ticket 7 (process = openvas*)".to_owned(), finding }
}

/// The hypothesis derived from the beacon.
fn insight() -> Insight {
    let finding = beacon_run().output.findings.remove(0);
    let entities = finding.judgement.entities;
    Insight {
        id: "command-and-control-0123456789ab".to_owned(),
        severity: Severity::Critical,
        confidence: Confidence::new(0.81),
        title: format!("{HOSTILE_NAME}: possible command and control (C2) to 203.0.113.7:443"),
        sentence: format!(
            "{HOSTILE_NAME} (pid 4242): possible command and control (C2) to 203.0.113.7:443, from \
             2026-06-01T10:00:00Z to 10:09:40Z"
        ),
        summary: "A process polls one external address.".to_owned(),
        attack: vec!["T1071.001"],
        evidence: vec![Support {
            finding: finding.id.clone(),
            sentence: format!("Beaconing: {HOSTILE_NAME}."),
        }],
        findings: vec![finding.id],
        against: vec!["Update checks poll by design.".to_owned()],
        next_steps: vec![
            Step::Ask("Check where the program comes from.".to_owned()),
            Step::Replay(START_US),
            Step::Dump { filter: "remote:203.0.113.7".to_owned(), span_us: (START_US, START_US + SECOND_US) },
            Step::OnHost { command: "sha256sum", arguments: entities.exe.iter().cloned().collect() },
        ],
        entities,
        span_us: finding.evidence.span_us,
    }
}

/// An empty capture.
pub(crate) fn empty() -> Analysis {
    Analysis {
        metadata: Metadata { start_us: START_US, end_us: START_US, ..Metadata::default() },
        completeness: Completeness::default(),
        tables: recorded::tables(0),
        metrics: Metrics::default(),
        runs: Vec::new(),
        insights: Vec::new(),
        suppressed: Vec::new(),
        config: Config::default(),
        geo_sources: Vec::new(),
    }
}

/// A capture with `count` items of everything that charts show.
pub(crate) fn large(count: usize) -> Analysis {
    let mut analysis = analysis();
    let rows: Vec<u32> = (0..count as u32).collect();
    analysis.tables = recorded::tables(count);
    let measured =
        crate::analyze::metrics::measure(&analysis.tables, &analysis.metadata, analysis.config.analysis())
            .unwrap();
    let names = |i: usize| format!("/opt/a rather long folder name/worker-{i:05}-of-many");
    let shares: Vec<Share> = (0..count.min(11))
        .map(|i| measured::share(&names(i), 10_u64.pow(9 - i as u32 % 9), u64::MAX >> i, 1 << i))
        .collect();
    let by_state = analysis.metrics.overview.by_state.iter().take(count).cloned().collect();
    analysis.metrics = measured;
    analysis.metrics.overview.by_state = by_state;
    analysis.metrics.overview.top_processes.clone_from(&shares);
    analysis.metrics.bandwidth.by_process = shares;
    let intervals = df!(
        "rank" => rows.iter().map(|i| i % 3 + 1).collect::<Vec<_>>(),
        "label" => rows.iter().map(|i| format!("{} → 2001:db8::{}", names(0), i % 3)).collect::<Vec<_>>(),
        "start_us" => rows.iter().map(|i| START_US + i64::from(*i) * SECOND_US).collect::<Vec<_>>(),
        "gap_s" => rows.iter().map(|i| (*i > 2).then(|| 3.0 + f64::from(i % 7) / 10.0)).collect::<Vec<_>>(),
    );
    analysis.runs[0].output.tables = vec![("intervals", intervals.unwrap())];
    analysis.runs.retain(|run| run.status == Status::Ran);
    analysis.runs.extend(detected::runs(count));
    analysis
}

fn metadata() -> Metadata {
    Metadata {
        format_version: 1,
        tool_version: "netrec 0.1.0".to_owned(),
        host_name: Some("web-01".to_owned()),
        os: Some("Debian GNU/Linux 13".to_owned()),
        kernel: Some("6.12.9-amd64".to_owned()),
        boot_id: Some("0b6f0c4e-2a53-4f0e-9c59-5a1f0a3b7c11".to_owned()),
        start_us: START_US,
        end_us: START_US + 600 * SECOND_US,
        start_mono_ns: 1_000_000_000,
        end_mono_ns: 601_000_000_000,
        interval_ms: 1000,
        privileges: vec!["root".to_owned()],
        ticks_planned: Some(600),
        ticks_taken: 597,
        ticks_late: 3,
        rows: 48_211,
        host_addresses: vec!["192.0.2.10".to_owned(), "2001:db8::10".to_owned()],
        ..Metadata::default()
    }
}

fn connections() -> DataFrame {
    df!(
        "conn_id" => [11_u64, 12, 13, u64::MAX],
        "protocol" => ["tcp", "tcp", "udp", "tcp"],
        "local_addr" => ["192.0.2.10", "192.0.2.10", "192.0.2.10", "0.0.0.0"],
        "local_port" => [40_000_u16, 40_001, 53_001, 22],
        "remote_addr" => [Some("203.0.113.7"), Some("2001:db8::1"), Some("192.0.2.53"), None],
        "remote_port" => [Some(443_u16), Some(443), Some(53), None],
        "remote_name" => [Some("=evil.example\u{202e}"), None, None, None],
        "app_protocol" => [Some("tls"), None, Some("unknown"), None],
        "ja3" => [None::<&str>; 4],
        "ja4" => [Some("t13d1516h2_8daaf6152771_e5627efa2ab1"), None, None, None],
        "tls_subject" => [Some("CN=<b>\u{202e}"), None, None, None],
        "tls_issuer" => [Some("CN=<b>\u{202e}"), None, None, None],
        "role" => ["connection", "connection", "connection", "listener"],
        "direction" => [Some("outbound"), Some("outbound"), Some("outbound"), None],
        "state" => [Some("ESTABLISHED"), Some("CLOSE_WAIT"), None, Some("LISTEN")],
        "first_seen_us" => [START_US, START_US + 5 * SECOND_US, START_US + 9 * SECOND_US, START_US],
        "last_seen_us" => [START_US + 600 * SECOND_US, START_US + 8 * SECOND_US, START_US + 9 * SECOND_US, START_US],
        "duration_s" => [Some(600.0), Some(3.25), Some(0.0), None],
        "opened_in_recording" => [false, true, true, false],
        "bytes_sent" => [Some(123_456_u64), Some(0), None, None],
        "bytes_received" => [Some(98_765_u64), Some(512), None, None],
        "rtt_us" => [Some(23_000_u32), Some(310), None, None],
        "process_name" => [Some(HOSTILE_NAME), Some("curl"), None, Some("sshd")],
        "states" => [Some("ESTABLISHED"), Some("ESTABLISHED>CLOSE_WAIT"), None, Some("LISTEN")],
        "remote_scope" => [Some("public"), Some("public"), Some("public"), None],
        "start_is_exact" => [false; 4],
        "closed_in_recording" => [false, true, true, false],
        "ticks" => [600_u32, 3, 1, 600],
        "state_since_us" => [None::<i64>; 4],
        "netns" => [None::<u64>; 4],
        "packets_sent" => [None::<u64>; 4],
        "packets_received" => [None::<u64>; 4],
        "recorded_sent" => [None::<u64>; 4],
        "recorded_received" => [None::<u64>; 4],
        "retransmits" => [None::<u32>; 4],
        "rtt_min_us" => [None::<u32>; 4],
        "process" => [None::<u32>; 4],
        "pid" => [None::<u32>; 4],
        "endpoint" => [None::<u32>; 4],
        "country_code" => [None::<&str>; 4],
        "actor" => [None::<&str>; 4],
        "owner_source" => [None::<&str>; 4],
        "is_own" => [None::<bool>; 4],
    )
    .unwrap()
}

static BEACON: About = About {
    id: "beacon",
    title: "Periodic connections",
    what_it_finds: "A process that connects to one destination again and again, at regular times.",
    why_it_matters: "Malware asks its operator for work at intervals.",
    how_it_decides: "A score of at least `score` and a q-value of at most `q_value`.",
    false_positives: "Monitoring, time synchronisation and update checks are periodic as well.",
    evidence: "The period, its jitter, and the score in its four parts.",
    source: "RITA v5 (Active Countermeasures).",
    section: Section::Behavior,
    method: Method::Statistics,
    signal: Signal::Periodic,
    attack: &["T1071.001"],
};

static SCAN: About = About {
    id: "port-scan",
    title: "Port scans",
    what_it_finds: "One source that tries many ports or many hosts.",
    why_it_matters: "Scans come before attacks.",
    how_it_decides: "At least `ports` ports within `window_s`.",
    false_positives: "Monitoring that checks many services.",
    evidence: "The ports that were tried.",
    source: "Jung et al. 2004.",
    section: Section::Security,
    method: Method::Behavior,
    signal: Signal::Scan,
    attack: &["T1071.001"],
};

fn judgement(severity: Severity, confidence: f64, title: String, entities: Entities) -> Judgement {
    Judgement {
        severity,
        confidence: Confidence::new(confidence),
        explanation: format!(
            "{title}. The gaps vary by less than 3 % over 30 connections; chance would do so once in 10 000 such captures."
        ),
        title,
        false_positives: String::new(),
        attack: vec!["T1071.001"],
        entities,
    }
}

fn beacon_run() -> Run {
    let entities = Entities {
        process_name: Some(HOSTILE_NAME.to_owned()),
        pid: Some(4242),
        exe: Some("/tmp/.x/kworker".to_owned()),
        remote_addr: Some("203.0.113.7".to_owned()),
        remote_port: Some(443),
        ..Entities::default()
    };
    let title = format!("{HOSTILE_NAME} (pid 4242) contacts 203.0.113.7:443 every 20 s");
    let measurements = vec![
        Measurement::new("score", 0.973, "").against(0.8),
        Measurement::new("period", 20.0, "s"),
        Measurement::new("q-value", f64::NAN, "").against(0.01),
    ];
    let connections: Vec<u64> = (11..141).collect();
    let evidence = Evidence::new(measurements, connections, (START_US, START_US + 580 * SECOND_US));
    let finding = Finding::new(&BEACON, judgement(Severity::High, 0.92, title, entities), evidence);
    let mut thresholds = toml::Table::new();
    thresholds.insert("score".to_owned(), 0.8.into());
    thresholds.insert("most".to_owned(), f64::INFINITY.into());
    let output = Output {
        findings: vec![finding],
        tables: vec![("intervals", intervals())],
        limits: vec!["Periods between 2 s and 200 s could be seen.".to_owned()],
        periods: Some(Periods::Between(2.0, 200.0)),
    };
    Run { about: &BEACON, status: Status::Ran, thresholds, output }
}

fn intervals() -> DataFrame {
    let starts = |i: i64| START_US + i * 20 * SECOND_US + (i * 7919 % 11) * 90_000;
    let ntp = |i: i64| START_US + 3 * SECOND_US + i * 64 * SECOND_US;
    let mut rows: Vec<(u32, String, i64)> = Vec::new();
    rows.extend((0..30).map(|i| (1, format!("{HOSTILE_NAME} → 203.0.113.7:443"), starts(i))));
    rows.extend((0..9).map(|i| (2, "chronyd → 192.0.2.53:123".to_owned(), ntp(i))));
    let gap =
        |i: usize| (i > 0 && rows[i - 1].0 == rows[i].0).then(|| (rows[i].2 - rows[i - 1].2) as f64 / 1e6);
    df!(
        "rank" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        "label" => rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>(),
        "start_us" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "gap_s" => (0..rows.len()).map(gap).collect::<Vec<_>>(),
    )
    .unwrap()
}

fn scan_run() -> Run {
    let finding = |severity, confidence, port: u16| {
        let entities = Entities {
            remote_addr: Some("198.51.100.23".to_owned()),
            local_port: Some(port),
            ..Entities::default()
        };
        let title = format!("198.51.100.23 tries 120 ports of this host, port {port} first");
        let measurements = vec![Measurement::new("ports tried", 120.0, "ports").against(15.0)];
        let evidence =
            Evidence::new(measurements, [13], (START_US + 60 * SECOND_US, START_US + 70 * SECOND_US));
        Finding::new(&SCAN, judgement(severity, confidence, title, entities), evidence)
    };
    let output = Output {
        findings: vec![finding(Severity::Low, 0.4, 22), finding(Severity::Medium, 0.7, 80)],
        ..Output::default()
    };
    Run { about: &SCAN, status: Status::Ran, thresholds: toml::Table::new(), output }
}

fn skipped() -> Status {
    Status::Skipped("4 connections are fewer than the 50 that it needs".to_owned())
}

fn failed() -> Status {
    Status::Failed("the table endpoints has no column country_code".to_owned())
}

fn ended(id: &'static str, status: Status) -> Run {
    let about = About {
        id,
        title: "Another detector",
        what_it_finds: "",
        why_it_matters: "",
        how_it_decides: "",
        false_positives: "",
        evidence: "",
        source: "",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Outlier,
        attack: &[],
    };
    // Tests end before this small leak matters.
    Run {
        about: Box::leak(Box::new(about)),
        status,
        thresholds: toml::Table::new(),
        output: Output::default(),
    }
}
