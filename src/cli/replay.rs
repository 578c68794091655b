//! `netrec replay`: a recording in the terminal.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Done;
use crate::Result;
use crate::capture::Cursor;
use crate::filter::Filter;
use crate::geo::Databases;
use crate::record::Stop;
use crate::replay::{Player, Recorded, State, When, background};

#[derive(Debug, Args)]
#[command(after_help = super::FILTER_HELP)]
pub(super) struct Arguments {
    /// The capture to play
    capture: PathBuf,
    /// Where to begin (UTC: 14:02, 2026-06-01T10:00:00Z, +30s from the start, -5m from the end)
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        default_value = "start",
        hide_default_value = true
    )]
    at: When,
    /// Seconds of the recording that are played in one, 0.1 to 1000
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Only what fits, such as `process:curl port:443 remote:10.0.0.0/8`
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<Filter>,
    /// Geolocation database (`.mmdb`); may be given several times
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = Arc::new(super::open(&arguments.capture)?);
    super::need_terminal("netrec dump lists what netrec replay shows")?;
    let cursor = Cursor::new(Arc::clone(&capture))?;
    let Some(span_us) = cursor.span_us() else {
        say!("the capture has no rows");
        return Ok(Done::Well);
    };
    let geo = Arc::new(Databases::open(&arguments.geoip)?);
    let file = arguments.capture.display().to_string();
    let mut state = State::new(&file, span_us, arguments.filter.clone().unwrap_or_default(), arguments.speed);
    let at_us = arguments.at.resolve(span_us, None);
    let stop = Stop::default();
    stop.on_signals()?;
    state.activity = background::density(&cursor, span_us);
    let mut recorded = Recorded::new(cursor, &geo);
    Player::new(&mut recorded, geo).run(&mut state, at_us, &stop)?;
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
