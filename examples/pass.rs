//! Times the pass over a capture beside its floor, reading the same columns and doing nothing:
//! `cargo run --release --example pass capture.parquet`.
#![allow(clippy::unwrap_used, reason = "a tool of ours: a panic says where")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use netrec::analyze::config::Analysis as Settings;
use netrec::analyze::{Tables, pass};
use netrec::capture::schema::COLUMNS;
use netrec::capture::{CaptureFile, Column};
use netrec::geo::Databases;

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
    say("tables", capture.rows(), || drop(black_box(Tables::build(&recorded, capture.metadata()).unwrap())));
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
    let seconds = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    println!("{what}: {seconds:.3} s, {:.1} M rows/s", rows as f64 / seconds / 1e6);
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned())
}
