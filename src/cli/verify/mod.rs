//! `netrec verify`: checks whether a capture or a report is unchanged, and who signed the capture.

mod series;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{Done, paths, sources, storage};
use crate::capture::{self, PublicKey, Signature, SigningKey, Verdict};
use crate::escape;
use crate::report::manifest::{self, Manifest};
use crate::{Error, Result, humanize};

const HELP: &str = "Examples:\n\
\x20 netrec verify web-01.parquet\n\
\x20 netrec verify web-01-report\n\
\x20 netrec verify /var/lib/netrec\n\
\x20 netrec verify --new-key new.key\n\
\x20 netrec verify web-01.parquet --key netrec.key.pub\n\n\
Exit codes: 0 unchanged, and signed by the key if one is given · 1 changed, not a capture, or signed by \
another key · 3 not confirmed: no hashes, no signature where a key is given, or recovered";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The capture to check, or the folder of a report; several files, a folder or a pattern for the
    /// files of a recording, each of which must also follow the file that it names as its predecessor
    #[arg(required_unless_present = "new_key", value_name = "CAPTURE", value_parser = paths::capture())]
    captures: Vec<PathBuf>,
    /// The public key that must have signed it (PEM, or 64 hexadecimal digits)
    #[arg(long, value_name = "PUB", value_parser = paths::file())]
    key: Option<PathBuf>,
    /// Print the result as JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Make a key pair: the private key for `record --sign` in this file, the public key beside it
    /// with `.pub` appended
    #[arg(long, value_name = "FILE", conflicts_with_all = ["captures", "key", "json"], value_parser = paths::file())]
    new_key: Option<PathBuf>,
}

/// The result of a check, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Outcome {
    /// The path as given.
    path: String,
    /// `capture` or `report`.
    kind: &'static str,
    /// Whether every byte is unchanged since it was written; null if it has no hashes.
    unchanged: Option<bool>,
    /// The differences, one sentence each.
    changes: Vec<String>,
    /// Size in bytes, of a capture.
    bytes: Option<u64>,
    /// SHA-256 of the capture; of a report, the SHA-256 of the capture that it was made from.
    capture_sha256: String,
    /// Number of files, of a report.
    files: Option<usize>,
    /// Number of row groups, of a capture.
    row_groups: Option<usize>,
    /// `good`, `unconfirmed` (no key was given to check it against), `other-key`, `bad`, or `missing`.
    signature: &'static str,
    /// Fingerprint of the key that signed it.
    signed_by: Option<String>,
    /// Why a capture was recovered, if it was.
    recovered: Option<String>,
    /// 0, 1 or 3, as the exit code.
    exit_code: u8,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    if let Some(path) = &arguments.new_key {
        return make_key(path);
    }
    let is_report = |path: &PathBuf| path.join(manifest::FILE).is_file();
    let [path] = arguments.captures.as_slice() else {
        return check_series(arguments);
    };
    if !is_report(path) && sources::is_several(path) {
        return check_series(arguments);
    }
    let outcome = if is_report(path) {
        if arguments.key.is_some() {
            let reason = "reports are not signed: verify the capture with --key, and the report without it";
            return Err(Error::Usage(reason.to_owned()));
        }
        check_report(path, arguments.json)?
    } else {
        let key = arguments.key.as_deref().map(PublicKey::load).transpose()?;
        check_capture(path, key.as_ref(), arguments.json)?
    };
    if arguments.json {
        let json = serde_json::to_string_pretty(&outcome).unwrap_or_default();
        say!("{}", escape::json(&json));
    }
    match outcome.exit_code {
        0 => Ok(Done::Well),
        3 => Ok(Done::Degraded),
        _ => Err(Error::Damaged { path: path.clone(), reason: outcome.changes.join("; ") }),
    }
}

fn check_series(arguments: &Arguments) -> Result<Done> {
    let key = arguments.key.as_deref().map(PublicKey::load).transpose()?;
    series::run(&arguments.captures, key.as_ref(), arguments.json)
}

fn check_capture(path: &Path, wanted: Option<&PublicKey>, is_quiet: bool) -> Result<Outcome> {
    let Verdict { metadata, bytes, sha256, row_groups, mut changes, is_sealed, signature } =
        match storage::url_of(path)? {
            None => capture::verify(path)?,
            Some(url) => capture::verify_file(path, storage::fetch(&url)?)?,
        };
    let (signature, signed_by) = match signature {
        Signature::Bad => ("bad", None),
        Signature::Missing => ("missing", None),
        Signature::Good(key) => (judge(&key, wanted), Some(key.fingerprint())),
    };
    if changes.is_empty() {
        changes.extend(wrong_signature(signature, signed_by.as_deref(), wanted));
    }
    let is_confirmed = is_sealed && metadata.recovered.is_none() && (wanted.is_none() || signature == "good");
    let outcome = Outcome {
        path: path.display().to_string(),
        kind: "capture",
        unchanged: (is_sealed || !changes.is_empty()).then_some(changes.is_empty()),
        exit_code: match (changes.is_empty(), is_confirmed) {
            (false, _) => 1,
            (true, false) => 3,
            (true, true) => 0,
        },
        changes,
        bytes: Some(bytes),
        capture_sha256: sha256.to_string(),
        files: None,
        row_groups: Some(row_groups),
        signature,
        signed_by,
        recovered: metadata.recovered,
    };
    if !is_quiet && outcome.changes.is_empty() {
        describe(path, &outcome, wanted.is_some());
    }
    Ok(outcome)
}

/// Rates a valid signature: whether its key is the expected one.
fn judge(key: &PublicKey, wanted: Option<&PublicKey>) -> &'static str {
    match wanted {
        None => "unconfirmed",
        Some(wanted) if wanted == key => "good",
        Some(_) => "other-key",
    }
}

/// Why a signature is treated like a change.
fn wrong_signature(signature: &str, signed_by: Option<&str>, wanted: Option<&PublicKey>) -> Option<String> {
    match (signature, signed_by, wanted) {
        ("bad", ..) => Some("its signature does not match its contents".to_owned()),
        ("other-key", Some(key), Some(wanted)) => {
            Some(format!("it was signed with the key {key}, not with {}", wanted.fingerprint()))
        }
        _ => None,
    }
}

/// Prints the result for an unchanged capture.
fn describe(path: &Path, outcome: &Outcome, is_key_wanted: bool) {
    tell!(
        "{}: {}, {}, {}",
        super::shown(path),
        humanize::bytes(outcome.bytes.unwrap_or_default() as f64),
        humanize::plural(outcome.row_groups.unwrap_or_default() as u64, "row group"),
        if outcome.unchanged == Some(true) {
            "every byte is as recorded"
        } else {
            "no hashes, so changes cannot be detected"
        },
    );
    tell!("  SHA-256: {}", outcome.capture_sha256);
    let key = outcome.signed_by.as_deref().unwrap_or_default();
    match outcome.signature {
        "good" => tell!("  signature: good, by the key {key}"),
        "unconfirmed" => tell!("  signature: by the key {key}, which you have not confirmed (--key)"),
        _ if is_key_wanted => tell!("  signature: none, although --key asks for one"),
        _ => tell!("  unsigned: anyone able to edit the file can re-seal it; compare the SHA-256"),
    }
    if let Some(recovered) = &outcome.recovered {
        tell!("  recovered: {}", escape::terminal(recovered));
    }
}

fn check_report(folder: &Path, is_quiet: bool) -> Result<Outcome> {
    let manifest = Manifest::read(folder)?;
    let changes = manifest.changes(folder)?;
    if !is_quiet && changes.is_empty() {
        let files = humanize::plural(manifest.files.len() as u64, "file");
        tell!("{}: {files}, every byte is as written", super::shown(folder));
        let capture = &manifest.capture;
        tell!(
            "  made from: {}, SHA-256 {}",
            escape::terminal(&capture.path),
            escape::terminal(&capture.sha256)
        );
        tell!(
            "  unsigned: anyone able to edit the report can rewrite its manifest; compare the SHA-256 of {}",
            manifest::FILE
        );
    }
    Ok(Outcome {
        path: folder.display().to_string(),
        kind: "report",
        unchanged: Some(changes.is_empty()),
        exit_code: u8::from(!changes.is_empty()),
        changes,
        bytes: None,
        capture_sha256: manifest.capture.sha256,
        files: Some(manifest.files.len()),
        row_groups: None,
        signature: "missing",
        signed_by: None,
        recovered: None,
    })
}

fn make_key(path: &Path) -> Result<Done> {
    let key = SigningKey::generate()?;
    let public = key.save(path)?;
    tell!("{}: private key; sign with it, and keep it secret", super::shown(path));
    tell!("{}: public key, {}", super::shown(&public), key.public().fingerprint());
    tell!("  sign:   netrec record --sign {}", escape::shell_path(path));
    tell!("  verify: netrec verify CAPTURE --key {}", escape::shell_path(&public));
    Ok(Done::Well)
}
