//! `netrec analyze`: a capture in, a report folder out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Done, progress};
use crate::Result;
use crate::analyze::{self, Config};
use crate::capture::CaptureFile;
use crate::geo::Databases;
use crate::report::{self, CaptureIdentity, escape};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The capture to analyze
    capture: PathBuf,
    /// Folder for the report [default: the capture's name with `-report`, in this folder]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace a report that is there already
    #[arg(long)]
    force: bool,
    /// Thresholds and settings, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Geolocation database (`.mmdb`); may be given several times, the first that
    /// knows an address answers
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
    let geo = Databases::open(&arguments.geoip)?;
    let capture = super::open(&arguments.capture)?;
    let folder = arguments.output.clone().unwrap_or_else(|| default_folder(&arguments.capture));
    let target = report::Folder::prepare(&folder, arguments.force)?;

    let bar = progress::rows(capture.rows());
    bar.set_message("reading");
    let analysis = analyze::run(&capture, &config, &geo, &|rows| bar.set_position(rows))?;
    bar.set_message("writing the report");
    report::write(&analysis, &identify(&capture)?, target)?;
    bar.finish_and_clear();

    let findings = analysis.findings();
    say!(
        "{}: {} connections, {} findings",
        escape::terminal(&folder.join("report.html").display().to_string()),
        analysis.metrics.overview.connections,
        findings.len(),
    );
    for finding in findings.iter().take(10) {
        let judgement = &finding.judgement;
        say!("  {:<8} {}", judgement.severity, escape::terminal(&judgement.title));
    }
    if analysis.metadata.recovered != capture.metadata().recovered {
        super::warn_recovered(&analysis.metadata);
    }
    Ok(if analysis.metadata.is_degraded() { Done::Degraded } else { Done::Well })
}

/// `web-01.parquet` → `web-01-report`, in the current folder.
fn default_folder(capture: &Path) -> PathBuf {
    let mut name = capture.file_stem().map_or_else(|| OsString::from("netrec"), OsString::from);
    name.push("-report");
    PathBuf::from(name)
}

fn identify(capture: &CaptureFile) -> Result<CaptureIdentity> {
    Ok(CaptureIdentity {
        file_name: capture.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: capture.bytes(),
        sha256: capture.sha256()?.to_string(),
    })
}
