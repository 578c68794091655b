//! `netrec import`: imports other tools' files into a capture.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use clap::Args;
use clap::builder::PossibleValuesParser;
use ipnet::IpNet;

use super::record::{say_owner, set_aside};
use super::{Done, paths, progress, shown};
use crate::capture::{Overwrite, SourceStatus};
use crate::escape;
use crate::import::{self, IMPORTERS, Imported, Importer, Plan, STANDARD_INPUT};
use crate::{Result, humanize};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec import capture.pcap -o network.parquet\n\
\x20 netrec import /var/log/zeek/current --inside 192.0.2.0/24 -o zeek.parquet\n\
\x20 netrec import - -o network.parquet < capture.pcap";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Files and folders to import, all of one format, recognized by their content; - for standard
    /// input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The capture to write [default: the first file's name with `.parquet`, in this folder]
    #[arg(short, long, value_name = "FILE", value_parser = paths::new_capture())]
    output: Option<PathBuf>,
    /// The format of the files, instead of detecting it from the content
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(IMPORTERS.iter().map(|i| i.id)))]
    from: Option<String>,
    /// A network that counts as local, such as 192.0.2.0/24; may be given several times
    /// [default: what the files mark as local, else the private networks]
    #[arg(long, value_name = "CIDR")]
    inside: Vec<IpNet>,
    /// When a snapshot (ss, netstat, lsof, /proc/net) was taken, if the file does not say, such as
    /// 2026-11-24T10:00:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<FixedOffset>>,
    /// Replace an existing capture; anything but an unchanged netrec capture is left alone
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Done> {
    let to = arguments.output.unwrap_or_else(|| default_output(&arguments.files));
    let overwrite = if arguments.force { Overwrite::Allowed } else { Overwrite::Never };
    let plan = Plan {
        paths: arguments.files,
        from: arguments.from.as_deref().and_then(Importer::find),
        inside: arguments.inside,
        taken_at_us: arguments.at.map(|at| at.timestamp_micros()),
    };
    set_aside(&to)?;
    let stages = progress::Stages::of_bytes(&["importing", "writing the capture"]);
    let imported = import::import(&plan, &to, overwrite, &|read, total| stages.show_of(read, total))?;
    drop(stages);
    say(&to, &imported);
    super::warn_recovered(&imported.metadata);
    Ok(Done::of(imported.metadata.is_degraded()))
}

/// `conn.log.gz` → `conn.parquet`, in the current folder. Standard input has no name to derive one from.
fn default_output(files: &[PathBuf]) -> PathBuf {
    let first = files.first().map_or_else(|| Path::new(""), PathBuf::as_path);
    let is_stream =
        first == Path::new(STANDARD_INPUT) || first.starts_with("/dev") || first.starts_with("/proc");
    let name = if is_stream { "".into() } else { first.file_name().unwrap_or_default().to_string_lossy() };
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("imported");
    let mut output = OsString::from(stem);
    output.push(".parquet");
    PathBuf::from(output)
}

/// Prints what was imported, what could not be read, and what to do next.
fn say(to: &Path, imported: &Imported) {
    let metadata = &imported.metadata;
    let format = metadata.import.as_ref().map_or("", |import| import.format.as_str());
    tell!(
        "{}: {}, {} from {} ({format})",
        shown(to),
        humanize::bytes(imported.finished.bytes as f64),
        humanize::plural(imported.finished.rows, "row"),
        humanize::plural(metadata.imports.len() as u64, "file"),
    );
    if let Some(stats) = &metadata.import_stats {
        tell!("  {}", stats.summary());
        for unused in stats.unused.iter().chain(&stats.files) {
            tell!("    {}: {}", unused.reason.words(), escape::terminal(&unused.describe_counted()));
        }
    }
    for source in &metadata.sources {
        let mark = match source.status {
            SourceStatus::Ran => "",
            SourceStatus::Partial => "not all: ",
            SourceStatus::Missing => "missing: ",
        };
        if source.status != SourceStatus::Ran {
            caution!("  {}: {mark}{}", escape::terminal(&source.name), escape::terminal(&source.detail));
            continue;
        }
        tell!("  {}: {mark}{}", escape::terminal(&source.name), escape::terminal(&source.detail));
    }
    if let Some(sha256) = imported.finished.sha256 {
        tell!("  SHA-256: {sha256}");
    }
    say_owner(&imported.finished);
    tell!("  next: netrec analyze {}", escape::shell_path(to));
}
