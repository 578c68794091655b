//! `netrec record`: this host into a capture file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{HumanBytes, ProgressBar};

use super::{Done, check, progress};
use crate::Result;
use crate::capture::{self, Overwrite, SigningKey, SourceStatus};
use crate::record::{
    self, Clock as _, Ending, FinishedFile, HostFacts, MIN_INTERVAL, Output, Plan, Progress, Recording,
    Rotation, Stop, SystemClock, Wanted, capture_name, describe_duration, parse_duration, parse_percent,
    parse_size, series_name,
};
use crate::report::escape;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How long to record, such as 30s, 10m or 1h30m [default: until Ctrl-C]
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    duration: Option<Duration>,
    /// Time between two snapshots, such as 500ms or 5s
    #[arg(short, long, value_name = "TIME", value_parser = parse_interval, allow_hyphen_values = true, default_value = "1s")]
    interval: Duration,
    /// The capture to write [default: netrec-HOST-START.parquet in this folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a capture that is there already
    #[arg(long)]
    force: bool,
    /// Sign the capture with this Ed25519 key (`netrec verify --new-key` makes one)
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    #[command(flatten)]
    sources: Sources,
    /// Record nothing: say what this user on this host will see and what not, and how to get it
    #[arg(long)]
    check: bool,
    /// CPU that the recorder may use, of one core, such as 2%: when it needs more, snapshots come
    /// less often, which the capture says
    #[arg(long, value_name = "SHARE", value_parser = parse_percent, allow_hyphen_values = true)]
    max_cpu: Option<f64>,
    #[command(flatten)]
    rotation: RotationArguments,
}

/// Sources that look at packets, and so only on demand.
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// Count what goes over UDP, from the headers of packets (Linux, as root)
    #[arg(long)]
    udp_bytes: bool,
    /// Name remotes, from DNS answers and TLS server names in packets (Linux, as root)
    #[arg(long)]
    names: bool,
    /// Load no eBPF programs: perf tracepoints tell of TCP instead, without the counters of reset connections
    #[arg(long)]
    no_bpf: bool,
}

/// For a recording that goes on for months.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several files, each a capture of its own, named FILE-START.parquet")]
struct RotationArguments {
    /// Go on in a new file after this time, such as 1h
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, group = "cut")]
    rotate: Option<Duration>,
    /// Go on in a new file when one has about this size, such as 500MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_hyphen_values = true, group = "cut")]
    max_size: Option<u64>,
    /// Keep so many finished files, and remove older ones of this series
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), requires = "cut")]
    keep: Option<u64>,
    /// Keep finished files for so long, such as 7d, and remove older ones of this series
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, requires = "cut")]
    keep_for: Option<Duration>,
}

impl Sources {
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { udp_bytes: self.udp_bytes, names: self.names, no_bpf: self.no_bpf }
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
        return check::run(wanted, &HostFacts::read());
    }
    let mut facts = HostFacts::read();
    let overwrite = if arguments.force { Overwrite::Allowed } else { Overwrite::Never };
    let rotation = arguments.rotation.rotation();
    let host_name = facts.host_name.as_deref();
    let path = arguments.output.unwrap_or_else(|| {
        if rotation.is_wanted() {
            // Each file gets the time of its own start.
            series_name(host_name).into()
        } else {
            capture_name(host_name, SystemClock.now().ts_us).into()
        }
    });
    let key = arguments.sign.as_deref().map(SigningKey::load).transpose()?;
    if let Some(earlier) = capture::set_aside(&path)? {
        let earlier = escape::terminal(&earlier.display().to_string());
        eprintln!("netrec: an earlier recording that was broken off has been recovered: {earlier}");
    }
    give_up_privileges(wanted, &path, &mut facts)?;
    let output = Output { path, overwrite, key, rotation };
    let plan = Plan {
        interval: arguments.interval,
        duration: arguments.duration,
        max_cpu_percent: arguments.max_cpu,
    };
    let mut host = record::open_host(wanted)?;
    let stop = Stop::default();
    stop.on_signals()?;

    let line = progress::line();
    // Each tick changes the text anyway, and a thread that only turns a wheel is a waste of the host.
    line.disable_steady_tick();
    let mut show = |progress: &Progress| show(&line, &plan, progress);
    let recording = record::record(&plan, &output, host.as_mut(), (&SystemClock, &stop), &facts, &mut show);
    line.finish_and_clear();
    let recording = recording?;
    say(&plan, &recording);
    let cut_short = recording.ending == Ending::DiskFull;
    Ok(Done::of(cut_short || recording.metadata.is_degraded()))
}

/// Keeps only what the sources need, and notes what that is.
#[cfg(target_os = "linux")]
pub(super) fn give_up_privileges(wanted: Wanted, path: &Path, facts: &mut HostFacts) -> Result<()> {
    record::limit_privileges(wanted, path.parent().unwrap_or(Path::new(".")))
        .map_err(crate::Error::Record)?;
    *facts = HostFacts::read();
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn give_up_privileges(_wanted: Wanted, _path: &Path, _facts: &mut HostFacts) -> Result<()> {
    Ok(())
}

pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < MIN_INTERVAL {
        let least = MIN_INTERVAL.as_millis();
        return Err(format!("at least {least}ms, or a busy host would do little but list its sockets"));
    }
    Ok(interval)
}

fn show(line: &ProgressBar, plan: &Plan, progress: &Progress) {
    for file in &progress.files {
        line.suspend(|| say_finished(file));
    }
    if line.is_hidden() {
        return;
    }
    let seconds = |duration: Duration| Duration::from_secs(duration.as_secs_f64().round() as u64);
    let elapsed = describe_duration(seconds(progress.elapsed));
    let planned = plan
        .duration
        .map_or_else(|| "Ctrl-C ends".to_owned(), |planned| format!("of {}", describe_duration(planned)));
    let late = match progress.ticks_late {
        0 => String::new(),
        late => format!(" · {late} ticks late"),
    };
    let slower = if progress.interval > plan.interval {
        format!(" · every {} to stay within --max-cpu", describe_duration(progress.interval))
    } else {
        String::new()
    };
    // Until the first row group is full, all there is on disk is the file's first four bytes.
    let size =
        if progress.bytes < 1024 { "in memory".to_owned() } else { HumanBytes(progress.bytes).to_string() };
    line.set_message(format!(
        "recording {elapsed} ({planned}) · {} sockets · {} processes · {} rows · {size}{late}{slower}",
        progress.seen.sockets, progress.seen.processes, progress.rows,
    ));
}

/// A file that is complete, and what became of those before it.
fn say_finished(file: &FinishedFile) {
    let name = |path: &std::path::Path| escape::terminal(&path.display().to_string());
    let (path, rows) = (name(&file.path), file.finished.rows);
    say!("{path}: {}, {rows} rows", HumanBytes(file.finished.bytes));
    if let Some(sha256) = file.finished.sha256 {
        say!("  SHA-256: {sha256}");
    }
    for removed in &file.pruned.removed {
        say!("  removed: {}", name(removed));
    }
    for (path, reason) in &file.pruned.failed {
        say!("  not removed: {}: {}", name(path), escape::terminal(reason));
    }
}

/// What was recorded, what could not be seen, and what to do next.
pub(super) fn say(plan: &Plan, recording: &Recording) {
    let metadata = &recording.metadata;
    let Some((last, earlier)) = recording.files.split_last() else { return };
    earlier.iter().for_each(say_finished);
    let file = escape::terminal(&last.path.display().to_string());
    let duration = Duration::from_secs_f64(metadata.duration_s());
    let several = if last.finished.bytes < recording.bytes { " in all files" } else { "" };
    say!(
        "{file}: {} of {} sockets in {} snapshots over {} ({} rows){several}",
        HumanBytes(recording.bytes),
        recording.connections,
        metadata.ticks_taken,
        describe_duration(duration),
        metadata.rows,
    );
    if metadata.ticks_late > 0 {
        say!(
            "  degraded: {} ticks began late or were left out; a longer --interval than {} may help",
            metadata.ticks_late,
            describe_duration(plan.interval),
        );
    }
    if let Some(change) = metadata.interval_changes.last() {
        say!(
            "  interval: changed {} times to stay within --max-cpu, at last to {} ms",
            metadata.interval_changes.len(),
            change.interval_ms,
        );
    }
    for source in metadata.sources.iter().filter(|source| source.status != SourceStatus::Ran) {
        say!("  not seen: {}: {}", source.name, escape::terminal(&source.detail));
    }
    if let Some(sha256) = last.finished.sha256 {
        say!("  SHA-256: {sha256}");
    }
    for removed in &last.pruned.removed {
        say!("  removed: {}", escape::terminal(&removed.display().to_string()));
    }
    say!("  next: netrec analyze {file}");
}
