//! `netrec record --check`: what this user can and cannot see on this host, and how to see more.
//!
//! The exit code says whether a missing privilege is the cause. Some gaps exist on nearly every
//! host even with all privileges, such as sockets of the kernel itself.

use serde::Serialize;

use super::Done;
use crate::Result;
use crate::capture::{SourceReport, SourceStatus};
use crate::escape;
use crate::record::{self, Clock as _, Host, HostInfo, MIN_INTERVAL, SourceOptions, SystemClock, Tick};
use crate::s3::{Access, Client, Url};

/// The outcome of the check, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Privileges of this process, before unneeded ones are dropped.
    privileges: Vec<String>,
    sources: Vec<SourceReport>,
    /// Whether a privilege is missing that a source could use.
    lacks_privileges: bool,
    /// The capabilities that `setcap` would have to add to the program, if any.
    capabilities: Option<String>,
    /// Where finished captures would go, with --upload.
    upload: Option<UploadCheck>,
    /// 0 or 3, as the exit code.
    exit_code: u8,
}

/// Whether finished captures can be uploaded.
#[derive(Debug, Serialize)]
struct UploadCheck {
    /// `s3://bucket/prefix/`.
    to: String,
    /// Whether the storage answers and accepts the credentials.
    is_reachable: bool,
    /// The result as a sentence.
    detail: String,
}

impl UploadCheck {
    fn new(url: &Url) -> Self {
        let to = url.as_folder();
        let asked = Client::from_environment().and_then(|client| {
            let access = match client.trying_once().probe(&to)? {
                Access::Granted => "reachable; whether it may be written shows with the first file",
                Access::Unknown => {
                    "reachable, and may not be read with these credentials; whether it may be written shows with the \
                        first file"
                }
            };
            Ok(access.to_owned())
        });
        let (is_reachable, detail) = match asked {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        Self { to: to.to_string(), is_reachable, detail }
    }

    fn tell(&self) {
        let sees = if self.is_reachable { "yes" } else { "NO" };
        tell!(
            "{sees:<8} {:<18} {}: {}",
            "upload",
            escape::terminal(&self.to),
            escape::terminal(&self.detail)
        );
    }
}

/// Opens every source and takes one snapshot, as a recording would; writes nothing.
pub(super) fn run(
    wanted: SourceOptions,
    facts: &HostInfo,
    upload: Option<&Url>,
    is_json: bool,
) -> Result<Done> {
    let upload = upload.map(UploadCheck::new);
    // Checked before the sources are opened, because opening them drops privileges.
    let has_all = has_all_privileges(wanted);
    let mut host = record::open_host(wanted)?;
    let sources = probe(host.as_mut())?;
    let is_missing = sources.iter().any(|report| report.status == SourceStatus::Missing);
    let is_all_there = sources.iter().all(|report| report.status == SourceStatus::Ran);
    let lacks_upload = upload.as_ref().is_some_and(|upload| !upload.is_reachable);
    let done = Done::of(lacks_upload || !is_all_there && (is_missing || !has_all));
    if is_json {
        let outcome = Outcome {
            privileges: facts.privileges.clone(),
            sources,
            lacks_privileges: !has_all,
            capabilities: Some(setcap_names(wanted)).filter(|names| !has_all && !names.is_empty()),
            upload,
            exit_code: if done == Done::Well { 0 } else { 3 },
        };
        let json = serde_json::to_string_pretty(&outcome).unwrap_or_default();
        say!("{}", escape::json(&json));
        return Ok(done);
    }
    describe(wanted, &facts.privileges, &sources);
    upload.iter().for_each(UploadCheck::tell);
    if is_all_there {
        tell!("Everything that can be recorded on this host will be recorded.");
    } else {
        advise(wanted, has_all);
    }
    Ok(done)
}

fn describe(wanted: SourceOptions, privileges: &[String], sources: &[SourceReport]) {
    let privileges = if privileges.is_empty() { "none".to_owned() } else { privileges.join(", ") };
    // As they are now; a recording keeps only those that its sources need.
    tell!("privileges, before those not needed are dropped: {}", escape::terminal(&privileges));
    for report in sources {
        let sees = match report.status {
            SourceStatus::Ran => "yes",
            SourceStatus::Partial => "in part",
            SourceStatus::Missing => "NO",
        };
        tell!("{sees:<8} {:<18} {}", report.name, escape::terminal(&report.detail));
    }
    if !wanted.packets() {
        tell!("not used {:<18} bytes over UDP and names of remotes: --udp-bytes, --names", "packets");
    }
}

fn probe(host: &mut dyn Host) -> Result<Vec<SourceReport>> {
    let tick = Tick { number: 0, moment: SystemClock.now(), interval: MIN_INTERVAL };
    host.observe(tick, &mut Vec::new())?;
    Ok(host.reports())
}

#[cfg(target_os = "linux")]
use record::has_all_privileges;

/// Other systems have no way to tell.
#[cfg(not(target_os = "linux"))]
fn has_all_privileges(_wanted: SourceOptions) -> bool {
    false
}

#[cfg(target_os = "linux")]
use record::setcap_names;

/// Other systems have no `setcap`.
#[cfg(not(target_os = "linux"))]
fn setcap_names(_wanted: SourceOptions) -> String {
    String::new()
}

fn advise(wanted: SourceOptions, has_all: bool) {
    if has_all {
        tell!("No privilege is missing: the rest cannot be recorded on this host, or not at this moment.");
        return;
    }
    let names = setcap_names(wanted);
    if names.is_empty() {
        tell!("To record the rest, run as root; bytes and short connections are recorded on Linux only.");
        return;
    }
    let program = std::env::current_exe().unwrap_or_else(|_| "netrec".into());
    tell!("To record the rest, run as root, or grant the program its capabilities once:");
    tell!("  sudo setcap {names}=ep {}", escape::shell_path(&program));
}
