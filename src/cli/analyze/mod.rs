//! `netrec analyze`: analyzes a capture into a report folder; several captures get a folder each
//! and an index.

mod several;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use self::several::{Job, worse};
use super::sources::{self, Opened, Source};
use super::{Done, paths, progress, summary};
use crate::analyze::allow::AllowList;
use crate::analyze::{self, Analysis, Config};
use crate::baseline::Baseline;
use crate::capture::{CaptureFile, Digest, JoinedFile};
use crate::escape;
use crate::filter::Filter;
use crate::geo::Databases;
use crate::model::finding::Severity;
use crate::model::threat_intel::ThreatIntel;
use crate::replay::When;
use crate::report::index::IndexedCapture;
use crate::report::json::v1::Report;
use crate::report::redact::{Key, Redactor};
use crate::report::{self, CaptureIdentity, ReportFormat};
use crate::{Result, parallel};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec analyze web-01.parquet -o report\n\
\x20 netrec analyze web-01.parquet --format html,json --force\n\
\x20 netrec analyze /var/lib/netrec --since -24h --fail-on high\n\
\x20 netrec analyze web-01.parquet --filter 'process:nmap' --ioc indicators.txt -o nmap";

#[derive(Debug, Args)]
#[command(after_help = super::with_filters(EXAMPLES))]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct Arguments {
    /// Captures to analyze: files, folders or patterns. Files of one host are read as one recording;
    /// several recordings get a folder each, and an index page
    #[arg(required = true, value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// Analyze each file alone
    #[arg(long)]
    each: bool,
    /// Only what was recorded from this time on (UTC: 14:02, 2026-06-01T10:00:00Z, +30s from the start,
    /// -5m from the end); files and row groups before it are not read
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<When>,
    /// Only what was recorded up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<When>,
    /// Folder for the report [default: the capture's name with `-report`, in this folder]; of
    /// several recordings, the folder for their reports [default: netrec-reports]
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder())]
    output: Option<PathBuf>,
    /// Replace an existing report; a folder with anything else in it is left alone
    #[arg(long)]
    force: bool,
    /// Formats to write, separated by commas: html, md, json, ocsf, stix, charts, csv [default: all
    /// of these]; tables writes them as Parquet, by schemas/fleet.v1.json
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', value_parser = format)]
    format: Vec<ReportFormat>,
    /// Thresholds and settings, in TOML
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    config: Option<PathBuf>,
    /// Geolocation database (`.mmdb`); may be given several times, and the first one that knows an
    /// address is used
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    geoip: Vec<PathBuf>,
    /// Findings to suppress, as `[[allow]]` entries in TOML, each with its reason; may be given
    /// several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    allow: Vec<PathBuf>,
    /// Indicators to look for: a plain list, CSV, a STIX 2.1 bundle or a MISP event; may be
    /// given several times
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    ioc: Vec<PathBuf>,
    /// Baseline made by netrec baseline: activity that is new or rare compared with it raises suspicion,
    /// usual activity lowers it
    #[arg(long, value_name = "FILE", value_parser = paths::file())]
    baseline: Option<PathBuf>,
    /// Sigma rules for network connections: a folder or a file; may be given several times
    #[arg(long, value_name = "DIR", value_parser = paths::file())]
    sigma: Vec<PathBuf>,
    /// Analyze only matching connections, such as `process:curl -port:443`; the report says so
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<Filter>,
    /// Analyze the sockets of other network namespaces too; by default they are left out and counted: a recorder
    /// in a container sees only their addresses
    #[arg(long)]
    all_namespaces: bool,
    /// Replace addresses, host and user names, paths, command lines, names of remotes and
    /// containers with pseudonyms, so that the report can be shared
    #[arg(long)]
    redact: bool,
    /// Derive the pseudonyms from the secret in this file, so that they are the same in every report;
    /// without it they differ from report to report
    #[arg(long, value_name = "FILE", requires = "redact", value_parser = paths::file())]
    redact_key: Option<PathBuf>,
    /// Exit with code 10 if a finding has at least this severity: info, low, medium, high, critical
    #[arg(long, value_name = "LEVEL", value_parser = severity)]
    fail_on: Option<Severity>,
}

/// The stages shown while an analysis runs.
const STAGES: &[&str] = &["reading", "running the detectors", "writing the report"];

/// What every capture is analyzed with: settings, databases, indicators, rules.
struct Inputs {
    config: Config,
    geo: Arc<Databases>,
    parts: Vec<ReportFormat>,
    force: bool,
    fail_on: Option<Severity>,
    redact: Option<Key>,
    filter: Filter,
    since: Option<When>,
    until: Option<When>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let geo = Arc::new(Databases::open(&arguments.geoip)?);
    let inputs = Inputs {
        config: configuration(arguments)?,
        geo: Arc::clone(&geo),
        parts: formats(arguments),
        force: arguments.force,
        fail_on: arguments.fail_on,
        redact: key(arguments)?,
        since: arguments.since,
        until: arguments.until,
        filter: arguments.filter.clone().unwrap_or_default().with_countries(geo),
    };
    let output = arguments.output.as_deref();
    let sources = sources::expand(&arguments.captures)?;
    match sources.as_slice() {
        [source] => inputs.report_alone(inputs.open(&source.path)?, output, Vec::new()),
        _ if arguments.each => several::run(sources.into_iter().map(Job::File).collect(), output, &inputs),
        _ => joined(sources, output, &inputs),
    }
}

/// Groups files into recordings and analyzes each recording.
fn joined(sources: Vec<Source>, output: Option<&Path>, inputs: &Inputs) -> Result<Done> {
    let Opened { files, failed } = sources::open(sources);
    let mut recordings: Vec<_> = sources::sorted(files).into_iter().filter_map(CaptureFile::join).collect();
    let is_named = failed.iter().any(|(source, _)| source.is_named);
    if recordings.len() == 1
        && !is_named
        && let Some(capture) = recordings.pop()
    {
        let unread = failed.iter().map(|(_, error)| sources::said(error)).collect();
        return inputs.report_alone(inputs.chosen(capture)?, output, unread);
    }
    let recordings = recordings.into_iter().map(|capture| Job::Recording(Box::new(capture)));
    let failed = failed.into_iter().map(|(source, error)| Job::Failed(source, error));
    several::run(recordings.chain(failed).collect(), output, inputs)
}

impl Inputs {
    /// Opens a capture, restricted to the requested time range.
    fn open(&self, path: &Path) -> Result<CaptureFile> {
        self.chosen(super::open(path)?)
    }

    /// Restricts a capture to the requested time range.
    fn chosen(&self, capture: CaptureFile) -> Result<CaptureFile> {
        sources::within(capture, self.since, self.until)
    }

    /// Analyzes a single recording.
    fn report_alone(&self, capture: CaptureFile, output: Option<&Path>, unread: Vec<String>) -> Result<Done> {
        let is_partial = !unread.is_empty();
        let capture = sources::with_unread(capture, unread);
        let folder = output.map_or_else(|| default_folder(&sources::stem_of(&capture)), Path::to_path_buf);
        let (done, _) = self.report(capture, &folder)?;
        Ok(if is_partial && done == Done::Well { Done::Degraded } else { done })
    }

    /// Analyzes a capture, writes its report, and prints a summary.
    fn report(&self, capture: CaptureFile, folder: &Path) -> Result<(Done, IndexedCapture)> {
        let _stage = tracing::info_span!("analyzing", capture = %capture.path().display()).entered();
        let capture = self.selected(capture);
        let target = report::Folder::prepare(folder, self.force)?;

        let stages = progress::Stages::of_rows(STAGES, capture.rows());
        let (identity, analysis) = parallel::both(
            || identify(&capture),
            || analyze::run(&capture, &self.config, &self.geo, &|rows| stages.show(rows)),
        );
        let (mut analysis, mut identity) = (analysis?, identity?);
        stages.enter(2);
        // The summary is not redacted: the user at this terminal may see the names.
        let lines = summary::lines(&Report::new(&analysis, &identity), &self.entrance(folder));
        let redactor = self.redactor(&mut analysis, &mut identity)?;
        report::write(&analysis, &identity, &self.parts, redactor.as_ref(), target)?;
        drop(stages);

        if let Some(files) = sources::description(&capture) {
            tell!("files      {files}");
        }
        for line in lines {
            tell!("{}", escape::terminal(&line));
        }
        if analysis.metadata.recovered != capture.metadata().recovered {
            super::warn_recovered(&analysis.metadata);
        }
        let mut done = self.judge(&analysis);
        if capture.selection().is_some_and(|selection| selection.connections == 0) {
            done = worse(done, Done::Degraded);
            super::note("no connection matches the filter: nothing was analyzed");
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((done, IndexedCapture::of(&analysis, &identity, name, &self.parts)))
    }

    /// Restricts a capture to the connections that match the filter.
    fn selected(&self, capture: CaptureFile) -> CaptureFile {
        if self.filter.is_empty() {
            return capture;
        }
        capture.select(&self.filter.to_string(), &|row| self.filter.matches(row))
    }

    /// Redacts the analysis if requested.
    fn redactor(&self, analysis: &mut Analysis, identity: &mut CaptureIdentity) -> Result<Option<Redactor>> {
        let Some(key) = &self.redact else { return Ok(None) };
        let redactor = Redactor::new(key.clone(), analysis, identity)?;
        redactor.redact(analysis, identity)?;
        Ok(Some(redactor))
    }

    /// The file to open first.
    fn entrance(&self, folder: &Path) -> PathBuf {
        if self.parts.contains(&ReportFormat::Html) {
            folder.join("report.html")
        } else {
            folder.to_path_buf()
        }
    }

    fn judge(&self, analysis: &Analysis) -> Done {
        let worst = analysis.findings().first().map(|finding| finding.judgement.severity);
        match self.fail_on {
            Some(level) if worst >= Some(level) => Done::Found,
            _ => Done::of(analysis.metadata.is_degraded() || analysis.has_failed_detector()),
        }
    }
}

/// The selected formats, by default all. A redacted report has no indicators: pseudonyms match
/// nothing on other hosts.
fn formats(arguments: &Arguments) -> Vec<ReportFormat> {
    let picked = if arguments.format.is_empty() { &ReportFormat::ALL[..] } else { &arguments.format };
    let is_written = |format: &ReportFormat| !(arguments.redact && *format == ReportFormat::Stix);
    picked.iter().copied().filter(is_written).collect()
}

fn key(arguments: &Arguments) -> Result<Option<Key>> {
    match (&arguments.redact_key, arguments.redact) {
        (Some(path), _) => Key::load(path).map(Some),
        (None, true) => Key::random().map(Some),
        (None, false) => Ok(None),
    }
}

fn configuration(arguments: &Arguments) -> Result<Config> {
    let mut config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
    for path in &arguments.allow {
        config.allow_also(AllowList::load(path)?);
    }
    let mut intel = ThreatIntel::default();
    for path in &arguments.ioc {
        intel.indicators.load(path)?;
    }
    for path in &arguments.sigma {
        intel.load_rules(path)?;
    }
    intel.baseline = arguments.baseline.as_deref().map(Baseline::load).transpose()?.map(Arc::new);
    let config = config.with_intel(intel);
    Ok(if arguments.all_namespaces { config.with_all_namespaces() } else { config })
}

fn severity(name: &str) -> Result<Severity, String> {
    let known = Severity::ALL.into_iter().find(|severity| severity.as_str() == name);
    known.ok_or_else(|| format!("expected one of {}", Severity::ALL.map(Severity::as_str).join(", ")))
}

fn format(name: &str) -> Result<ReportFormat, String> {
    ReportFormat::of_name(name).ok_or_else(|| {
        format!("expected one of {}", ReportFormat::KNOWN.map(ReportFormat::as_str).join(", "))
    })
}

/// `web-01` → `web-01-report`, in the current folder.
fn default_folder(stem: &Path) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push("-report");
    PathBuf::from(name)
}

fn identify(capture: &CaptureFile) -> Result<CaptureIdentity> {
    let _stage = tracing::info_span!("hashing the capture", bytes = capture.bytes()).entered();
    let (file_name, bytes) = (sources::name_of(capture), capture.bytes());
    let Some(joined) = &capture.metadata().joined else {
        let sha256 = capture.sha256()?.to_string();
        return Ok(CaptureIdentity { file_name, bytes, sha256, files_sha256: Vec::new() });
    };
    let digests = capture.sha256_of_files()?;
    let files_sha256: Vec<String> = digests.iter().map(ToString::to_string).collect();
    let names = joined.files.iter().map(JoinedFile::name);
    let lines: Vec<String> =
        files_sha256.iter().zip(names).map(|(hash, name)| format!("{hash}  {name}\n")).collect();
    let sha256 = Digest::new(lines.concat().as_bytes()).to_string();
    Ok(CaptureIdentity { file_name, bytes, sha256, files_sha256 })
}
