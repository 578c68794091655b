//! Times the pass over a capture beside its floor, reading the same columns and doing nothing:
//! `cargo run --release --example pass capture.parquet`. CPU time, on Linux.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a tool of ours: a panic says where")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use netrec::analyze::config::Analysis as Settings;
use netrec::analyze::{metrics, pass};
use netrec::capture::schema::COLUMNS;
use netrec::capture::{CaptureFile, Column};
use netrec::geo::Databases;
use netrec::model::Tables;

/// Each is the best of this many runs: other work on the machine can only make it slower.
const RUNS: usize = 3;

fn main() {
    let path = std::env::args().nth(1).expect("give the path of a capture");
    let capture = CaptureFile::open(Path::new(&path)).unwrap();
    println!("{} rows, {} row groups", capture.rows(), capture.row_groups());
    say("floor (read the columns)", capture.rows(), || read(&capture));
    let run = || pass::run(&capture, &Settings::default(), &Databases::default(), &|_| {}).unwrap();
    say("pass", capture.rows(), || drop(black_box(run())));
    let recorded = run();
    println!("{} connections, {} processes", recorded.connections.len(), recorded.processes.len());
    let build = |recorded| Tables::build(recorded, capture.metadata()).unwrap();
    say("pass and tables", capture.rows(), || drop(black_box(build(run()))));
    let tables = build(recorded);
    say("metrics", capture.rows(), || {
        drop(black_box(metrics::measure(&tables, capture.metadata(), &Settings::default()).unwrap()));
    });
    println!("peak memory: {}", peak_memory());
}

fn read(capture: &CaptureFile) {
    let columns: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    for group in 0..capture.row_groups() {
        for batch in capture.row_group(group, &columns).unwrap() {
            black_box(batch.unwrap());
        }
    }
}

fn say(what: &str, rows: u64, run: impl Fn()) {
    let (cpu, wall) = (0..RUNS)
        .map(|_| {
            let (start, start_cpu) = (Instant::now(), cpu_seconds());
            run();
            (cpu_seconds() - start_cpu, start.elapsed().as_secs_f64())
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap();
    println!("{what}: {cpu:.2} s CPU, {wall:.2} s wall, {:.1} M rows/s", rows as f64 / cpu / 1e6);
}

/// CPU time of this process, both its threads: wall time says more about the other work on
/// the machine.
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything: user and system time, in 1/100 s.
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned())
}
