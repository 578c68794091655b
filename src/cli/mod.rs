//! The command line: one file per subcommand, each a function from arguments to an exit code.

/// Prints a line on standard output; [`stdout::finish`] reports an error.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::stdout::line(format_args!($($text)*)) };
}

/// Prints a summary line, which `--quiet` omits.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::verbosity::tell(format_args!($($text)*)) };
}

/// Prints a warning of the summary, which `--quiet` moves to standard error.
macro_rules! caution {
    ($($text:tt)*) => { $crate::cli::verbosity::caution(format_args!($($text)*)) };
}

mod analyze;
mod baseline;
mod check;
mod completions;
mod diagnosis;
mod diff;
mod dump;
mod explain;
mod export;
mod fleet;
mod import;
mod info;
mod man;
mod paths;
mod progress;
mod record;
mod recover;
mod replay;
mod sources;
mod stdout;
mod storage;
mod summary;
mod verbosity;
mod verify;
mod watch;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::capture::{CaptureFile, Cursor, Metadata};
use crate::escape;
use crate::{Error, Result, memory, parallel};

/// How a command ended if it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Success: exit code 0.
    Well,
    /// The work is done, but the capture lacks something that was requested: exit code 3.
    Degraded,
    /// The work is done, and what the caller asked about was found: exit code 10.
    Found,
}

impl Done {
    /// The work is done; degraded or not.
    fn of(is_degraded: bool) -> Self {
        if is_degraded { Self::Degraded } else { Self::Well }
    }
}

/// A flight recorder for a host's network.
///
/// `record` writes who talked to whom, by which process, with the kernel's own byte counts,
/// into one file. `analyze` reads it on any machine, without a network, and leaves a report.
#[derive(Debug, Parser)]
#[command(name = "netrec", version, max_term_width = 100, after_help = HELP)]
struct Arguments {
    #[command(flatten)]
    verbosity: verbosity::Verbosity,
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "Examples:\n\
\x20 sudo netrec record --duration 30s -o web-01.parquet\n\
\x20 netrec analyze web-01.parquet\n\
\x20 netrec explain beacon\n\n\
Exit codes:\n\
\x20  0  done\n\
\x20  1  failed; standard error says what and why\n\
\x20  2  wrong usage\n\
\x20  3  done, but incomplete: the capture is degraded (late snapshots, lost events, recovered,\n\
\x20     truncated), lacks part of what was asked for, or is not confirmed\n\
\x20 10  a finding reached --fail-on, or something is new with --fail-on-new\n\n\
Environment:\n\
\x20 NETREC_LOG  level of diagnostics on standard error: error, warn, info (as -v), debug (as -vv)\n\
\x20             or trace\n\
\x20 AWS_*       access to object storage (s3://): keys, AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE\n\
\x20 NO_COLOR    disables colors, unless it is empty\n\
\x20 TMPDIR      where what is fetched from object storage is kept while it is read\n\
\x20 TZ          time zone of --local-time";

pub(crate) const FILTER_HELP: &str = "Filters: terms joined by \"and\", \"or\" and parentheses; list \
    alternatives of a field with commas (port:80,443); -term excludes; * and ? are wildcards; \"quotes\" \
    keep spaces. Fields: process, pid, ppid, parent, exe, cmdline, user, uid, container, sha256, remote, \
    local, addr, port, remote_port, local_port, name, app, ja3, ja4, subject, issuer, country, protocol, state, kind, query, query_type, \
    response_code, answers, bytes, sent, received, packets, retransmits, rtt, cpu, memory, conn, netns. \
    Operators: : = != ~ (contains) > >= < <=. Unknown values: process:none. Example: (process:curl or \
    port:22) -remote:10.0.0.0/8 bytes>1M";

/// Examples, and how to write a filter.
fn with_filters(examples: &str) -> String {
    format!("{examples}\n\n{FILTER_HELP}")
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record this host into a capture file, until Ctrl-C or for a set time
    Record(record::Arguments),
    /// Finish an interrupted recording
    Recover(recover::Arguments),
    /// Import files of other tools (pcap, Zeek, Suricata, ss, netstat) into a capture
    Import(import::Arguments),
    /// Analyze a capture and write a report folder
    Analyze(analyze::Arguments),
    /// Learn from recordings what is normal, for analyze --baseline
    Baseline(baseline::Arguments),
    /// Play a capture in the terminal
    Replay(replay::Arguments),
    /// Watch this host live in the terminal, and record from a minute earlier
    Watch(watch::Arguments),
    /// List the sockets at a moment or in a time range, for scripts and grep
    Dump(dump::Arguments),
    /// Show what is new between two captures of a host: listeners, programs, destinations, volumes
    Diff(diff::Arguments),
    /// Write the connections of a capture for other programs: Zeek, CSV, NDJSON, OCSF
    Export(export::Arguments),
    /// Analyze many hosts at once: who connected to whom, what is rare, what spread
    Fleet(fleet::Arguments),
    /// Show what is in a capture, from its metadata
    Info(info::Arguments),
    /// Check that a capture is unchanged, byte by byte, and who signed it; or make a key
    Verify(verify::Arguments),
    /// Explain what the detectors find and how they decide, and every setting
    Explain(explain::Arguments),
    /// Print the completion script for a shell
    Completions(completions::Arguments),
    /// Print a manual page, or write all of them
    Man(man::Arguments),
}

impl Command {
    /// Whether it builds tables, whose library aborts on a system without threads.
    fn analyzes(&self) -> bool {
        matches!(
            self,
            Self::Analyze(_)
                | Self::Baseline(_)
                | Self::Fleet(_)
                | Self::Replay(_)
                | Self::Diff(_)
                | Self::Export(_)
        )
    }
}

/// The size of a large allocation: a table column is one; a column of a batch, which the next batch
/// needs again, is not.
const LARGE_BYTES: i32 = 128 << 10;

/// Free memory that an analysis keeps in its heap: a few batches of rows.
const KEPT_BYTES: i32 = 4 << 20;

/// The program: parses, runs, and maps the result to an exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    // Exceeding the file size limit is reported as an error instead of killing the process.
    #[cfg(unix)]
    // SAFETY: no handler is installed; the signal is ignored, and the write fails.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    // An import allocates the same columns for each row group; getting them from the system each
    // time would take a tenth of its run time.
    if !matches!(arguments.command, Command::Import(_)) {
        memory::give_back_from(LARGE_BYTES);
    }
    if matches!(arguments.command, Command::Analyze(_)) {
        memory::keep_free(KEPT_BYTES);
    }
    // A recorder completes its file on a signal.
    if !matches!(arguments.command, Command::Record(_) | Command::Replay(_) | Command::Watch(_)) {
        #[cfg(unix)]
        crate::signals::remove_what_is_half_made();
    }
    if arguments.command.analyzes()
        && let Err(error) = parallel::check()
    {
        return conclude(Err(Error::Threads(error)));
    }
    if let Err(error) = arguments.verbosity.apply() {
        return conclude(Err(error));
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "netrec");
    let result = match arguments.command {
        Command::Record(arguments) => record::run(arguments),
        Command::Recover(arguments) => recover::run(&arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Analyze(arguments) => analyze::run(&arguments),
        Command::Baseline(arguments) => baseline::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Dump(arguments) => dump::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Fleet(arguments) => fleet::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Explain(arguments) => Ok(explain::run(&arguments)),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
        Command::Man(arguments) => man::run(&arguments),
    };
    // If the command failed, its error matters more than one of standard output.
    conclude(result.and_then(|done| stdout::finish().map(|()| done)))
}

/// Prints help or the version on standard output, and wrong usage on standard error.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // If standard error is closed, there is nowhere to report it.
        let _ = error.print();
        return ExitCode::from(2);
    }
    let help = error.render();
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        stdout::document(|out| write!(out, "{}", help.ansi()));
    } else {
        stdout::document(|out| write!(out, "{help}"));
    }
    conclude(stdout::finish().map(|()| Done::Well))
}

/// Prints a sentence on standard error, with everything in it escaped.
fn note(sentence: &str) {
    // If standard error is closed, there is nowhere to report it.
    let _ = writeln!(std::io::stderr(), "netrec: {}", escape::terminal(sentence));
}

/// A path as shown on a terminal.
fn shown(path: &Path) -> String {
    escape::terminal(&path.display().to_string())
}

/// Opens a capture, local or in object storage, and notes on standard error if it was recovered or
/// is damaged.
fn open(path: &Path) -> Result<CaptureFile> {
    let capture = storage::open(path).map_err(|error| paths::with_suggestion(path, error))?;
    if capture.metadata().recovered.is_some() {
        note(&format!("reading {}", capture.path().display()));
        warn_recovered(capture.metadata());
    }
    Ok(capture)
}

fn warn_recovered(metadata: &Metadata) {
    if let Some(recovered) = &metadata.recovered {
        note(recovered);
    }
}

/// First and last moment of a recording, including quiet periods at both ends; µs since the Unix epoch.
///
/// # Errors
/// [`Error::Time`] for a capture without rows.
fn span_us(cursor: &Cursor) -> Result<(i64, i64)> {
    let capture = cursor.capture();
    let Some((first, last)) = cursor.span_us() else {
        let reason = "the capture has no rows, so there is nothing to show".to_owned();
        return Err(Error::Time { path: capture.path().to_path_buf(), reason });
    };
    let metadata = capture.metadata();
    let (start, end) = (metadata.start_us, metadata.end_us);
    // A clock that was set back, or a hostile file, must not widen the range.
    let is_plausible = start > 0 && start <= first && end >= last;
    Ok(if is_plausible { (start, end) } else { (first, last) })
}

/// For `map_err`: a time that is not in the capture.
fn time_error<E: ToString>(path: &Path) -> impl FnOnce(E) -> Error {
    move |reason| Error::Time { path: path.to_path_buf(), reason: reason.to_string() }
}

/// Fails if standard output is not a terminal, and says what to use instead.
fn need_terminal(instead: &str) -> Result<()> {
    let refuse = |reason: String| {
        Err(Error::io("use", "the terminal")(std::io::Error::other(format!("{reason}; {instead}"))))
    };
    if !std::io::stdout().is_terminal() {
        return refuse("standard output is not a terminal".to_owned());
    }
    if cfg!(not(unix)) {
        return Ok(());
    }
    match std::env::var("TERM").as_deref() {
        Ok("dumb") => refuse("TERM=dumb is a terminal without cursor control".to_owned()),
        Ok("" | "unknown") | Err(_) => refuse(
            "TERM is not set or unknown, so the terminal's abilities are unknown; try \
                TERM=xterm-256color"
                .to_owned(),
        ),
        Ok(_) => Ok(()),
    }
}

fn conclude(result: Result<Done>) -> ExitCode {
    match result {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Degraded) => ExitCode::from(3),
        Ok(Done::Found) => ExitCode::from(10),
        Err(error) => {
            // The message may quote a hostile file name or column.
            note(&error.to_string());
            ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
        }
    }
}
