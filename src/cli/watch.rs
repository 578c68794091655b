//! `netrec watch`: shows this host live in the terminal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::record::{Sources, give_up_privileges, parse_interval, say};
use super::{Done, paths};
use crate::capture::SigningKey;
use crate::filter::Filter;
use crate::geo::Databases;
use crate::record::{HostInfo, Plan, Stop, series_name};
use crate::replay::{Geolocator, Player, State};
use crate::watch::{Live, Recordings};
use crate::{Error, Result};

const EXAMPLES: &str = "Examples:\n\
\x20 sudo netrec watch\n\
\x20 sudo netrec watch --names -o incident.parquet";

#[derive(Debug, Args)]
#[command(after_help = super::with_filters(EXAMPLES))]
pub(super) struct Arguments {
    /// Time between two snapshots, such as 500ms or 5s
    #[arg(short, long, value_name = "TIME", value_parser = parse_interval, allow_hyphen_values = true, default_value = "1s")]
    interval: Duration,
    /// The capture that the r key records, starting a minute earlier [default: netrec-HOST-START.parquet
    /// in this folder]
    #[arg(short, long, value_name = "FILE", value_parser = paths::new_capture())]
    output: Option<PathBuf>,
    /// Show only matching rows, such as `process:curl port:443 remote:10.0.0.0/8`; everything is recorded
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<Filter>,
    /// Sign what is recorded with this Ed25519 key (`netrec verify --new-key FILE` makes one)
    #[arg(long, value_name = "KEY", value_parser = paths::file())]
    sign: Option<PathBuf>,
    #[command(flatten)]
    sources: Sources,
    /// Add the local time (TZ) to the header; all other times stay in UTC, as --at takes them
    #[arg(long)]
    local_time: bool,
    /// Geolocation database (`.mmdb`); may be given several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    geoip: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    super::need_terminal("netrec record works without one")?;
    if let Some(path) = arguments.output.as_ref().filter(|path| path.exists()) {
        return Err(Error::Exists { path: path.clone() });
    }
    let wanted = arguments.sources.wanted();
    let key = arguments.sign.as_deref().map(SigningKey::load).transpose()?;
    let geo = Arc::new(Databases::open(&arguments.geoip)?);
    let mut facts = HostInfo::read();
    let name = series_name(facts.host_name.as_deref());
    // By default, recordings go to the current folder.
    give_up_privileges(wanted, arguments.output.as_deref().unwrap_or(Path::new("")), &mut facts)?;
    let plan = Plan { interval: arguments.interval, duration: None, max_cpu_percent: None };
    let stop = Stop::default();
    stop.on_signals()?;
    let recordings = Recordings::new(plan, facts, key, arguments.output.clone());
    let mut live = Live::start(plan, wanted, &stop, recordings, &geo)?;
    let filter = arguments.filter.clone().unwrap_or_default().with_countries(Arc::clone(&geo));
    let mut state = State::live(&format!("{name}.live"), filter);
    state.geolocator = Geolocator::countries(geo);
    state.has_local_time = arguments.local_time;
    let watched = Player::new(&mut live).run(&mut state, i64::MAX, &stop);
    // The recordings are completed even if the screen failed.
    let recordings = live.finish()?;
    for recording in &recordings {
        say(&plan, recording);
    }
    watched?;
    let is_degraded = recordings.iter().any(|recording| recording.metadata.is_degraded());
    Ok(Done::of(is_degraded))
}
