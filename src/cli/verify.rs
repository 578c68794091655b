//! `netrec verify`: whether a capture is as it was recorded, and by whom; whether a report is as
//! it was written.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::HumanBytes;

use super::Done;
use crate::capture::{self, PublicKey, Signature, SigningKey, Verdict};
use crate::report::manifest::{self, Manifest};
use crate::report::{escape, format};
use crate::{Error, Result};

/// Exit codes: 0 unchanged · 1 changed, or signed by another key · 3 something cannot be confirmed
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 unchanged (and signed by the key, if one is given) · 1 changed, not a \
                        capture, or signed by another key · 3 not confirmed: no hashes, no signature where a \
                        key is given, or recovered"
)]
pub(super) struct Arguments {
    /// The capture to check, or the folder of a report
    #[arg(required_unless_present = "new_key")]
    capture: Option<PathBuf>,
    /// The public key by which it must be signed (PEM, or 64 hexadecimal digits)
    #[arg(long, value_name = "PUB")]
    key: Option<PathBuf>,
    /// Make a key pair: the private key for `record --sign` in this file, the public key beside
    /// it with `.pub` added
    #[arg(long, value_name = "FILE", conflicts_with_all = ["capture", "key"])]
    new_key: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    if let Some(path) = &arguments.new_key {
        return make_key(path);
    }
    let Some(path) = &arguments.capture else { return Ok(Done::Well) };
    if path.join(manifest::FILE).is_file() {
        return check_report(path);
    }
    let key = arguments.key.as_deref().map(PublicKey::load).transpose()?;
    let verdict = capture::verify(path)?;
    if !verdict.changes.is_empty() {
        return Err(Error::Damaged { path: path.clone(), reason: verdict.changes.join("; ") });
    }
    let (signature, done) = judge_signature(path, &verdict, key)?;
    say!(
        "{}: {}, {} row groups, {}",
        escape::terminal(&path.display().to_string()),
        HumanBytes(verdict.bytes),
        verdict.row_groups,
        if verdict.is_sealed {
            "every byte as it was recorded"
        } else {
            "without hashes, so nothing can be said"
        },
    );
    say!("  SHA-256: {}", verdict.sha256);
    say!("  signature: {signature}");
    if let Some(recovered) = &verdict.metadata.recovered {
        say!("  recovered: {}", escape::terminal(recovered));
    }
    let is_confirmed = verdict.is_sealed && verdict.metadata.recovered.is_none();
    Ok(if is_confirmed { done } else { Done::Degraded })
}

fn check_report(folder: &Path) -> Result<Done> {
    let manifest = Manifest::read(folder)?;
    let changes = manifest.changes(folder)?;
    if !changes.is_empty() {
        return Err(Error::Damaged { path: folder.to_path_buf(), reason: changes.join("; ") });
    }
    let shown = |text: &str| escape::terminal(text);
    say!(
        "{}: {}, every byte as it was written",
        shown(&folder.display().to_string()),
        format::plural(manifest.files.len() as u64, "file")
    );
    say!("  made from: {}, SHA-256 {}", shown(&manifest.capture.path), shown(&manifest.capture.sha256));
    say!(
        "  who can change the report can write its manifest anew; compare the SHA-256 of {}",
        manifest::FILE
    );
    Ok(Done::Well)
}

fn make_key(path: &Path) -> Result<Done> {
    let key = SigningKey::generate()?;
    let public = key.save(path)?;
    let shown = |path: &Path| escape::terminal(&path.display().to_string());
    say!("{}: private key; keep it from the hosts whose captures are to be trusted later", shown(path));
    say!("{}: public key, {}, for netrec verify --key", shown(&public), key.public().fingerprint());
    Ok(Done::Well)
}

/// A sentence on the signature, and what it means for the exit code.
fn judge_signature(path: &Path, verdict: &Verdict, wanted: Option<PublicKey>) -> Result<(String, Done)> {
    match (&verdict.signature, wanted) {
        (Signature::Bad, _) => Err(Error::Damaged {
            path: path.to_path_buf(),
            reason: "its signature does not fit its contents".to_owned(),
        }),
        (Signature::Missing, None) => {
            Ok(("none: who can change the file can seal it anew; compare the SHA-256".to_owned(), Done::Well))
        }
        (Signature::Missing, Some(_)) => Ok(("none, where one was asked for".to_owned(), Done::Degraded)),
        (Signature::Good(key), None) => {
            let fingerprint = key.fingerprint();
            Ok((format!("by the key {fingerprint}, which you have not confirmed (--key)"), Done::Well))
        }
        (Signature::Good(key), Some(wanted)) if *key == wanted => {
            Ok((format!("good, by the key {}", key.fingerprint()), Done::Well))
        }
        (Signature::Good(key), Some(wanted)) => Err(Error::Damaged {
            path: path.to_path_buf(),
            reason: format!("it is signed by the key {}, not by {}", key.fingerprint(), wanted.fingerprint()),
        }),
    }
}
