//! `netrec replay`: plays a recording in the terminal.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Done, paths, sources};
use crate::Result;
use crate::capture::Cursor;
use crate::filter::Filter;
use crate::geo::Databases;
use crate::record::Stop;
use crate::replay::{Geolocator, Player, Recorded, State, When, background};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec replay web-01.parquet\n\
\x20 netrec replay web-01.parquet --at -10s --filter 'process:nmap'\n\
\x20 netrec replay web-01.parquet --speed 10";

#[derive(Debug, Args)]
#[command(after_help = super::with_filters(EXAMPLES))]
pub(super) struct Arguments {
    /// The capture to play; several files, a folder or a pattern for a recording of several files
    #[arg(required = true, value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// Where to begin (UTC: 14:02, 2026-06-01T10:00:00Z, +30s from the start, -5m from the end)
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        default_value = "start",
        hide_default_value = true
    )]
    at: When,
    /// Seconds of the recording to play per second, 0.1 to 1000
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Show only matching rows, such as `process:curl port:443 remote:10.0.0.0/8`
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<Filter>,
    /// Add the local time (TZ) to the header; all other times stay in UTC, as --at takes them
    #[arg(long)]
    local_time: bool,
    /// Geolocation database (`.mmdb`); may be given several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    geoip: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = Arc::new(sources::open_one(&arguments.captures)?);
    let cursor = Cursor::new(Arc::clone(&capture))?;
    let span_us = super::span_us(&cursor)?;
    let at_us = arguments.at.resolve(span_us, None).map_err(super::time_error(capture.path()))?;
    super::need_terminal("netrec dump lists the same as text")?;
    // The timeline has rows at both ends.
    let rows_us = cursor.span_us().unwrap_or(span_us);
    let geo = Arc::new(Databases::open(&arguments.geoip)?);
    let file = match arguments.captures.as_slice() {
        [one] => one.display().to_string(),
        _ => sources::name_of(&capture),
    };
    let filter = arguments.filter.clone().unwrap_or_default().with_countries(Arc::clone(&geo));
    let mut state = State::new(&file, rows_us, filter, arguments.speed);
    let stop = Stop::default();
    stop.on_signals()?;
    state.activity = background::density(&cursor, rows_us);
    let mut recorded = Recorded::new(cursor, &geo);
    state.geolocator = Geolocator::countries(geo);
    state.has_local_time = arguments.local_time;
    Player::new(&mut recorded).run(&mut state, at_us, &stop)?;
    say!("{}", state.command());
    Ok(Done::of(capture.metadata_as_read().is_degraded()))
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 =
        text.trim_end_matches('x').parse().map_err(|_| "write it as a number, such as 10".to_owned())?;
    if (0.1..=1000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("it must be between 0.1 and 1000".to_owned())
    }
}
