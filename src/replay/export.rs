//! What is seen, as a file for the ticket.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::listing::{self, Form};
use super::state::State;
use crate::report::format;
use crate::{Error, Result};

/// Writes the rows that are seen into a new file in this folder, and gives its name.
pub(super) fn write(state: &State, form: Form) -> Result<PathBuf> {
    let stem = Path::new(&state.file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let time = format::moment(state.sample.ts_us);
    let time = time.map(|time| time.format("-%Y%m%dT%H%M%S%.6fZ").to_string()).unwrap_or_default();
    let ending = if form == Form::Ndjson { "ndjson" } else { "csv" };
    let path = PathBuf::from(format!("{stem}{time}.{ending}"));
    let file = File::create_new(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
        _ => Error::io("create", &path)(error),
    })?;
    let mut out = BufWriter::new(file);
    listing::write(&mut out, form, state.seen())
        .and_then(|()| out.flush())
        .map_err(Error::io("write", &path))?;
    Ok(path)
}
