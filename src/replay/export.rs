//! Writes the visible rows to a file for the ticket.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::listing::{self, Form};
use super::state::State;
use crate::humanize;
use crate::safe_fs::{NewFile, Replace};
use crate::{Error, Result};

/// Writes the visible rows to a new file in the current folder, and returns its name.
pub(super) fn write(state: &State, form: Form) -> Result<PathBuf> {
    let stem = Path::new(&state.file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let time = humanize::utc(state.sample.ts_us);
    let time = time.map(|time| time.format("-%Y%m%dT%H%M%S%.6fZ").to_string()).unwrap_or_default();
    let ending = if form == Form::Ndjson { "ndjson" } else { "csv" };
    let path = PathBuf::from(format!("{stem}{time}.{ending}"));
    let mut file = NewFile::create(&path, Replace::No)?;
    let mut out = BufWriter::new(&mut file);
    listing::write(&mut out, form, false, state.seen())
        .and_then(|()| out.flush())
        .map_err(Error::io("write", &path))?;
    drop(out);
    file.commit()?;
    Ok(path)
}
