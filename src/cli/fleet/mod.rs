//! `netrec fleet`: analyzes many hosts at once.

mod analyze;
mod captures;
mod map;
mod output;
mod reduce;
mod report_output;
mod submit;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Done, paths};
use crate::Result;
use crate::analyze::Config;
use crate::baseline::Baseline;
use crate::fleet::Limits;
use crate::geo::Databases;
use crate::model::threat_intel::ThreatIntel;

const EXAMPLES: &str = "Examples:\n\
\x20 netrec fleet analyze /srv/captures -o fleet\n\
\x20 netrec fleet map web-*.parquet -o tables\n\
\x20 netrec fleet reduce tables -o fleet\n\
\x20 netrec fleet analyze s3://captures/2026/ -o s3://reports/2026/\n\
\x20 netrec fleet submit /srv/captures --master spark://head:7077 -o /srv/fleet";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Analyze the captures of many hosts on this machine, and what they show together
    Analyze(analyze::Arguments),
    /// Analyze captures and write only their tables: the part of the work that can be spread over machines
    Map(map::Arguments),
    /// Reduce tables that fleet map wrote to what the hosts show together
    Reduce(reduce::Arguments),
    /// Spread the work over an Apache Spark cluster
    Submit(submit::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    match &arguments.command {
        Command::Analyze(arguments) => analyze::run(arguments),
        Command::Map(arguments) => map::run(arguments),
        Command::Reduce(arguments) => reduce::run(arguments),
        Command::Submit(arguments) => submit::run(arguments),
    }
}

/// What the captures are analyzed with.
#[derive(Debug, Args)]
struct With {
    /// Thresholds and settings, in TOML
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    config: Option<PathBuf>,
    /// Geolocation database (`.mmdb`); may be given several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    geoip: Vec<PathBuf>,
    /// Indicators to look for: a plain list, CSV, a STIX 2.1 bundle or a MISP event; may be given several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    ioc: Vec<PathBuf>,
    /// What is normal here, made by netrec baseline
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    baseline: Option<PathBuf>,
}

impl With {
    fn load(&self) -> Result<(Config, Databases)> {
        let config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
        let mut intel = ThreatIntel::default();
        for path in &self.ioc {
            intel.indicators.load(path)?;
        }
        intel.baseline = self.baseline.as_deref().map(Baseline::load).transpose()?.map(Into::into);
        Ok((config.with_intel(intel), Databases::open(&self.geoip)?))
    }

    /// The same as arguments for another run, with absolute paths.
    fn to_arguments(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let single = [("--config", &self.config), ("--baseline", &self.baseline)];
        let single = single.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
        let several = self.geoip.iter().map(|path| ("--geoip", path));
        let several = several.chain(self.ioc.iter().map(|path| ("--ioc", path)));
        for (name, path) in single.chain(several) {
            all.extend([name.to_owned(), output::absolute(path)?.display().to_string()]);
        }
        Ok(all)
    }
}

/// How many failures are acceptable.
#[derive(Debug, Args)]
struct Bounds {
    /// Refuse to conclude anything if more than this share of the captures cannot be read, in percent
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    max_failed: f64,
}

impl Bounds {
    fn limits(&self) -> Limits {
        Limits { most_failed: self.max_failed / 100.0 }
    }
}

fn percent(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=100.0).contains(value));
    value.ok_or_else(|| "expected a number from 0 to 100".to_owned())
}
