//! How long a player waits for a capture: the first screen, jumps to random moments, steps.
//!
//! `cargo run --release --example jumps -- CAPTURE [JUMPS]`
//!
//! Each figure is the time until the sample and the one before it are rows in memory, which is
//! all that `netrec replay` waits for. The memory is the most that the process has had.
#![allow(clippy::print_stdout, reason = "a measurement is told on standard output")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use netrec::capture::{CaptureFile, Cursor, Position, Toward};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a capture")?;
    let jumps: u64 = arguments.next().map_or(Ok(200), |number| number.parse())?;

    let start = Instant::now();
    let capture = Arc::new(CaptureFile::open(Path::new(&path))?);
    let mut cursor = Cursor::new(Arc::clone(&capture))?;
    let (first, last) = cursor.span_us().ok_or("the capture has no rows")?;
    let rows = show(&mut cursor, first)?;
    println!("{} rows in {} row groups", capture.rows(), capture.row_groups());
    println!("first screen {:.1} ms ({rows} rows in the sample)", milliseconds(start.elapsed()));

    let mut times: Vec<Duration> = Vec::new();
    // Weyl's sequence: all over the recording, and the same each time.
    for number in 1..=jumps {
        let share = (number as f64 * 0.618_033_988_749_895).fract();
        let at_us = first + ((last - first) as f64 * share) as i64;
        let start = Instant::now();
        show(&mut cursor, at_us)?;
        times.push(start.elapsed());
    }
    say("jumps", &mut times);

    let mut times: Vec<Duration> = Vec::new();
    let mut sample = cursor.at(Position::Time(first), Toward::Later)?;
    for _ in 0..jumps {
        let Some(before) = sample else { break };
        let start = Instant::now();
        sample = cursor.at(Position::Tick(before.tick + 1), Toward::Later)?;
        times.push(start.elapsed());
    }
    say("steps", &mut times);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("memory is not known"));
    Ok(())
}

/// What a screen needs: the sample and the one before it; gives the number of rows.
fn show(cursor: &mut Cursor, at_us: i64) -> netrec::Result<usize> {
    let Some(sample) = cursor.showing(at_us)? else { return Ok(0) };
    if let Some(before) = sample.tick.checked_sub(1) {
        cursor.at(Position::Tick(before), Toward::Earlier)?;
    }
    Ok(sample.rows.len())
}

fn say(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let (Some(median), Some(most)) = (times.get(times.len() / 2), times.last()) else { return };
    println!(
        "{} {what}: median {:.1} ms, most {:.1} ms",
        times.len(),
        milliseconds(*median),
        milliseconds(*most)
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
