//! `netrec record`: records this host into a capture file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::{Done, check, paths, progress, shown};
use crate::capture::{self, Aside, Finished, Overwrite, SigningKey, SourceReport, SourceStatus};
use crate::escape;
use crate::record::{
    self, Clock as _, FinishedFile, HostInfo, MIN_INTERVAL, Output, Plan, Progress, Recording, Rotation,
    SourceOptions, Stop, StopReason, SystemClock, Upload, Uploaded, capture_name, parse_duration,
    parse_percent, parse_size, series_name,
};
use crate::s3::{Client, Url};
use crate::safe_fs::User;
use crate::{Result, humanize};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec record --duration 30s\n\
\x20 sudo netrec record -d 10m -i 5s -o incident.parquet\n\
\x20 sudo netrec record --rotate 1h --max-size 500MB --keep-for 7d --max-cpu 2%\n\
\x20 sudo netrec record --rotate 1h --keep-for 7d --upload s3://archive/web-01/\n\
\x20 sudo netrec record --udp-bytes --names --sign netrec.key\n\
\x20 netrec record --check";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// How long to record, such as 30s, 10m or 1h30m [default: until Ctrl-C]
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    duration: Option<Duration>,
    /// Time between two snapshots, such as 500ms or 5s
    #[arg(short, long, value_name = "TIME", value_parser = parse_interval, allow_hyphen_values = true, default_value = "1s")]
    interval: Duration,
    /// The capture to write [default: netrec-HOST-START.parquet in this folder]
    #[arg(short, long, value_name = "FILE", value_parser = paths::new_capture())]
    output: Option<PathBuf>,
    /// Replace an existing capture; anything but an unchanged netrec capture is left alone
    #[arg(long)]
    force: bool,
    /// Sign the capture with this Ed25519 key (`netrec verify --new-key FILE` makes one)
    #[arg(long, value_name = "KEY", value_parser = paths::file())]
    sign: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    sources: Sources,
    /// Record nothing: list what this user can and cannot see on this host, and how to see more
    #[arg(long)]
    check: bool,
    /// With --check: as JSON, for scripts
    #[arg(long, requires = "check")]
    json: bool,
    /// CPU limit as a share of one core, such as 2%; above it, snapshots become less frequent, and
    /// the capture says so
    #[arg(long, value_name = "SHARE", value_parser = parse_percent, allow_hyphen_values = true)]
    max_cpu: Option<f64>,
    #[command(flatten)]
    rotation: RotationArguments,
    /// Upload every finished file to S3-compatible storage, such as `s3://BUCKET/PREFIX/`; with --keep and
    /// --keep-for, files stay until they are confirmed there, while a tenth of the disk is free. Credentials
    /// and endpoint come from AWS_* variables
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    upload: Option<Url>,
}

/// Sources that read packets and are therefore off by default.
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// Count UDP payload per socket and remote, from packet headers (Linux, as root)
    #[arg(long)]
    udp_bytes: bool,
    /// Record the names of remotes and every DNS query, from packets (Linux, as root)
    #[arg(long)]
    names: bool,
    /// Load no eBPF programs; use perf tracepoints for TCP events instead, without the counters of
    /// reset connections
    #[arg(long)]
    no_bpf: bool,
}

/// Who may read the recorded captures.
#[derive(Debug, Args)]
struct Access {
    /// Let the group of the recorder read finished captures, for a service whose captures others analyze;
    /// by default only their owner can
    #[arg(long)]
    group_readable: bool,
}

/// Options for recordings that run for months.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Rotation: several files, each a complete capture, named FILE-START.parquet",
    group = clap::ArgGroup::new("cut").multiple(true)
)]
struct RotationArguments {
    /// Start a new file after this time, such as 1h
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, group = "cut")]
    rotate: Option<Duration>,
    /// Start a new file at about this size, such as 500MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_hyphen_values = true, group = "cut")]
    max_size: Option<u64>,
    /// Keep this many finished files and remove older ones of the series; on a full disk, remove
    /// the oldest first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), requires = "cut")]
    keep: Option<u64>,
    /// Keep finished files for this long, such as 7d, and remove older ones of the series; on a
    /// full disk, remove the oldest first
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, requires = "cut")]
    keep_for: Option<Duration>,
}

impl Sources {
    pub(super) fn wanted(&self) -> SourceOptions {
        SourceOptions { udp_bytes: self.udp_bytes, names: self.names, no_bpf: self.no_bpf }
    }
}

impl RotationArguments {
    fn rotation(&self) -> Rotation {
        Rotation {
            every: self.rotate,
            max_bytes: self.max_size,
            keep: self.keep.map(|keep| usize::try_from(keep).unwrap_or(usize::MAX)),
            keep_for: self.keep_for,
        }
    }
}

pub(super) fn run(arguments: Arguments) -> Result<Done> {
    let wanted = arguments.sources.wanted();
    if arguments.check {
        return check::run(wanted, &HostInfo::read(), arguments.upload.as_ref(), arguments.json);
    }
    // The credential files may be readable only by the current user, so they are read before
    // privileges are dropped.
    let storage = arguments.upload.map(|url| Client::from_environment().map(|client| (client, url)));
    let storage = storage.transpose()?;
    let mut facts = HostInfo::read();
    let overwrite = if arguments.force { Overwrite::Allowed } else { Overwrite::Never };
    let rotation = arguments.rotation.rotation();
    let host_name = facts.host_name.as_deref();
    let path = arguments.output.unwrap_or_else(|| {
        if rotation.is_wanted() {
            // Each file is named after its own start.
            series_name(host_name).into()
        } else {
            capture_name(host_name, SystemClock.now().ts_us).into()
        }
    });
    let key = arguments.sign.as_deref().map(SigningKey::load).transpose()?;
    if !rotation.is_wanted() {
        set_aside(&path)?;
    }
    give_up_privileges(wanted, &path, &mut facts)?;
    let group_may_read = arguments.access.group_readable;
    let upload = storage.map(|(client, url)| Upload::start(client, &url, &path)).transpose()?;
    if let Some(upload) = &upload {
        super::note(&format!(
            "uploads every finished capture, with the command lines and the peers of all users, to {}",
            upload.describe()
        ));
    }
    let output = Output { path, overwrite, key, group_may_read, rotation, upload };
    let plan = Plan {
        interval: arguments.interval,
        duration: arguments.duration,
        max_cpu_percent: arguments.max_cpu,
    };
    let mut host = record::open_host(wanted)?;
    log_sources(&host.reports());
    let stop = Stop::default();
    stop.on_signals()?;

    let line = progress::line();
    let mut show = |progress: &Progress| show(&line, &plan, progress);
    let recording = record::record(&plan, &output, host.as_mut(), (&SystemClock, &stop), &facts, &mut show);
    line.finish_and_clear();
    let recording = recording?;
    say(&plan, &recording);
    let goes_on = output.rotation.is_wanted();
    let is_uploaded = output.upload.is_none_or(|upload| finish_uploads(&upload, &stop, goes_on));
    let cut_short = recording.ending == StopReason::DiskFull;
    Ok(Done::of(cut_short || !is_uploaded || recording.metadata.is_degraded()))
}

/// Waits for pending uploads and reports their outcome; returns whether all are confirmed. With
/// rotation, another recording continues with the rest.
fn finish_uploads(upload: &Upload, stop: &Stop, goes_on: bool) -> bool {
    let line = progress::line();
    line.set_message("uploading (Ctrl-C ends)");
    let (uploaded, notes) = upload.finish(stop);
    line.finish_and_clear();
    for note in &notes {
        super::note(note);
    }
    let Uploaded { confirmed, waiting, lost, .. } = &uploaded;
    tell!("  uploaded: {}, confirmed", humanize::plural(*confirmed, "file"));
    if !waiting.is_empty() {
        let next = if goes_on { ", and uploaded by the next recording with the same -o" } else { "" };
        caution!(
            "  not uploaded: {}: {}; kept here{next}",
            humanize::plural(waiting.len() as u64, "file"),
            escape::terminal(&record::named(waiting)),
        );
    }
    if *lost > 0 {
        let lost = humanize::plural(*lost, "file");
        caution!("  lost: {lost} removed before they were uploaded, to keep the disk free");
    }
    uploaded.is_complete()
}

fn parse_url(text: &str) -> Result<Url, String> {
    text.parse()
}

/// Logs which sources opened, and why others did not, for `--verbose`.
fn log_sources(sources: &[SourceReport]) {
    for SourceReport { name, status, detail } in sources {
        match status {
            SourceStatus::Ran => tracing::info!("source {name} opened: {detail}"),
            SourceStatus::Partial => tracing::warn!("source {name} is partial: {detail}"),
            SourceStatus::Missing => tracing::warn!("source {name} is unavailable: {detail}"),
        }
    }
}

/// Moves an interrupted recording out of the way, with a message.
pub(super) fn set_aside(path: &Path) -> Result<()> {
    match capture::set_aside(path)? {
        Aside::Nothing => {}
        Aside::Completed(earlier) => {
            super::note(&format!("recovered an earlier, interrupted recording: {}", earlier.display()));
        }
        Aside::Removed(left) => {
            super::note(&format!("removed the leftovers of an interrupted import: {}", left.display()));
        }
    }
    Ok(())
}

/// Drops all privileges that the sources do not need, and notes which are kept.
#[cfg(target_os = "linux")]
pub(super) fn give_up_privileges(wanted: SourceOptions, path: &Path, facts: &mut HostInfo) -> Result<()> {
    record::limit_privileges(wanted, path.parent().unwrap_or(Path::new(".")))
        .map_err(crate::Error::Record)?;
    *facts = HostInfo::read();
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn give_up_privileges(_wanted: SourceOptions, _path: &Path, _facts: &mut HostInfo) -> Result<()> {
    Ok(())
}

pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < MIN_INTERVAL {
        let least = MIN_INTERVAL.as_millis();
        return Err(format!(
            "must be at least {least}ms: on a busy host, more frequent snapshots would use \
            most of a core"
        ));
    }
    Ok(interval)
}

fn show(line: &ProgressBar, plan: &Plan, progress: &Progress) {
    for note in &progress.notes {
        line.suspend(|| super::note(note));
    }
    for file in &progress.files {
        line.suspend(|| say_finished(file));
    }
    if line.is_hidden() {
        return;
    }
    let seconds = |duration: Duration| Duration::from_secs(duration.as_secs_f64().round() as u64);
    let elapsed = humanize::duration(seconds(progress.elapsed));
    let planned = plan
        .duration
        .map_or_else(|| "Ctrl-C ends".to_owned(), |planned| format!("of {}", humanize::duration(planned)));
    let late = match progress.ticks_late {
        0 => String::new(),
        late => format!(" · {} late", humanize::plural(late, "tick")),
    };
    let slower = if progress.interval > plan.interval {
        format!(" · every {} to stay within --max-cpu", humanize::duration(progress.interval))
    } else {
        String::new()
    };
    // Until the first row group is full, only the file's first four bytes are on disk.
    let size = match progress.bytes {
        bytes if bytes < 1024 => "in memory".to_owned(),
        bytes => humanize::bytes(bytes as f64),
    };
    let doing = if progress.is_paused { "PAUSED, the disk is full" } else { "recording" };
    line.set_message(format!(
        "{doing} {elapsed} ({planned}) · {} · {} · {} · {size}{late}{slower}",
        humanize::plural(progress.seen.sockets, "socket"),
        humanize::plural(progress.seen.processes, "process"),
        humanize::plural(progress.rows, "row"),
    ));
}

/// Reports a complete file, and what happened to earlier ones.
fn say_finished(file: &FinishedFile) {
    let (bytes, rows) = (file.finished.bytes as f64, file.finished.rows);
    tell!("{}: {}, {}", shown(&file.path), humanize::bytes(bytes), humanize::plural(rows, "row"));
    if let Some(sha256) = file.finished.sha256 {
        tell!("  SHA-256: {sha256}");
    }
    say_owner(&file.finished);
    for removed in &file.pruned.removed {
        tell!("  removed: {}", shown(removed));
    }
    if file.pruned.held > 0 {
        tell!("  kept until uploaded: {}", humanize::plural(file.pruned.held, "older file"));
    }
    for (path, reason) in &file.pruned.failed {
        caution!("  not removed: {}: {}", shown(path), escape::terminal(reason));
    }
}

/// Reports the owner of a file that was recorded through sudo.
pub(super) fn say_owner(finished: &Finished) {
    let name = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    match (finished.given_to, User::behind_sudo()) {
        (Some(user), _) => match name {
            Some(name) => tell!("  owner: {} (uid {}), who ran sudo", escape::terminal(&name), user.uid),
            None => tell!("  owner: uid {}, who ran sudo", user.uid),
        },
        (None, Some(user)) => {
            tell!("  owner: root, because uid {} cannot write to this folder; read it with sudo", user.uid);
        }
        (None, None) => {}
    }
}

/// Prints what was recorded, what could not be seen, and what to do next.
pub(super) fn say(plan: &Plan, recording: &Recording) {
    let metadata = &recording.metadata;
    recording.notes.iter().for_each(|note| super::note(note));
    let Some((last, earlier)) = recording.files.split_last() else {
        // Its last file was completed, and reported, when the disk was full.
        tell!(
            "{} in {} over {} ({}); nothing after the disk filled up",
            humanize::plural(recording.connections, "socket"),
            humanize::plural(metadata.ticks_taken, "snapshot"),
            humanize::seconds(metadata.duration_s()),
            humanize::plural(metadata.rows, "row"),
        );
        return;
    };
    earlier.iter().for_each(say_finished);
    let several = if last.finished.bytes < recording.bytes { " in all files" } else { "" };
    tell!(
        "{}: {}, {} in {} over {} ({}){several}",
        shown(&last.path),
        humanize::bytes(recording.bytes as f64),
        humanize::plural(recording.connections, "socket"),
        humanize::plural(metadata.ticks_taken, "snapshot"),
        humanize::seconds(metadata.duration_s()),
        humanize::plural(metadata.rows, "row"),
    );
    // Losses caused by a full disk are reported below; no other interval would have avoided them.
    let without_room: u64 = metadata.pauses.iter().map(|pause| pause.ticks).sum();
    let late = metadata.ticks_late.saturating_sub(without_room);
    if late > 0 {
        caution!(
            "  degraded: {} late or missed; try a longer --interval than {}",
            humanize::plural(late, "tick"),
            humanize::duration(plan.interval),
        );
    }
    if let Some(change) = metadata.interval_changes.last() {
        tell!(
            "  interval: changed {} to stay within --max-cpu, finally to {}",
            humanize::plural(metadata.interval_changes.len() as u64, "time"),
            humanize::seconds(change.interval_ms as f64 / 1000.0),
        );
    }
    for source in metadata.sources.iter().filter(|source| source.status != SourceStatus::Ran) {
        caution!("  not seen: {}: {}", source.name, escape::terminal(&source.detail));
    }
    if let Some(sha256) = last.finished.sha256 {
        tell!("  SHA-256: {sha256}");
    }
    say_owner(&last.finished);
    for removed in &last.pruned.removed {
        tell!("  removed: {}", shown(removed));
    }
    tell!("  next: netrec analyze {}", escape::shell_path(&last.path));
}
