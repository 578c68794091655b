//! Opens a file: reads its footer with the metadata, and checks that it is a capture.

use std::fs::File;
use std::path::Path;

use arrow_schema::SchemaRef;
use parquet::errors::ParquetError;

use crate::capture::schema::COLUMNS;
use crate::capture::sealed::{self, Footer};
use crate::capture::source::Source;
use crate::capture::{FORMAT_VERSION, Metadata};
use crate::safe_fs::open_regular;
use crate::{Error, Result, guard};

/// The metadata of a finished capture with an intact seal; `None` for anything else. Nothing is
/// recovered, and no row is read.
pub fn finished_metadata(path: &Path) -> Option<Metadata> {
    finished_metadata_of(path, open_regular(path).ok()?)
}

/// The same for an open file; `path` is for messages.
pub(crate) fn finished_metadata_of(path: &Path, file: File) -> Option<Metadata> {
    let (footer, metadata) = read_footer(path, &Source::File(file)).ok()?;
    (footer.is_intact && footer.seal.is_some()).then_some(metadata)
}

/// Whether these bytes are a finished capture with an intact seal.
pub(in crate::capture) fn is_sealed(path: &Path, source: &Source) -> bool {
    read_footer(path, source).is_ok_and(|(footer, _)| footer.is_intact && footer.seal.is_some())
}

pub(in crate::capture) fn open_source(path: &Path) -> Result<Source> {
    let file = open_regular(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::IsADirectory => Error::NotACapture {
            path: path.to_path_buf(),
            reason: "it is a folder, but not that of an unfinished recording".to_owned(),
        },
        _ => Error::io("read", path)(error),
    })?;
    source_of(path, file)
}

/// The bytes of an open file; `path` is for messages.
pub(in crate::capture) fn source_of(path: &Path, file: File) -> Result<Source> {
    let facts = file.metadata().map_err(Error::io("read", path))?;
    let not_a_capture =
        |reason: &str| Error::NotACapture { path: path.to_path_buf(), reason: reason.to_owned() };
    if facts.len() == 0 {
        return Err(not_a_capture("the file is empty"));
    }
    Ok(Source::File(file))
}

/// The footer, its metadata, and whether the seal is intact.
pub(in crate::capture) fn read_footer(path: &Path, source: &Source) -> Result<(Footer, Metadata)> {
    let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
    let footer = guard::ok_unless_panic(|| sealed::read(source))
        .ok_or_else(|| not_a_capture("its footer cannot be read".to_owned()))?
        .map_err(|e| not_a_capture(describe(&e)))?;
    let metadata = read_metadata(path, &footer)?;
    Ok((footer, metadata))
}

fn read_metadata(path: &Path, footer: &Footer) -> Result<Metadata> {
    let not_a_capture = |reason: String| Error::NotACapture { path: path.to_path_buf(), reason };
    let pairs = sealed::pairs(&footer.parquet);
    let version = pairs.iter().find(|(key, _)| *key == "netrec.format_version").map(|(_, value)| value);
    let Some(version) = version else {
        return Err(not_a_capture("it is a Parquet file from another program".to_owned()));
    };
    let found: u32 = version
        .parse()
        .map_err(|_| not_a_capture(format!("its format version is not a number: {version:?}")))?;
    if found > FORMAT_VERSION {
        return Err(Error::NewerFormat { path: path.to_path_buf(), found, supported: FORMAT_VERSION });
    }
    Metadata::from_pairs(pairs).map_err(not_a_capture)
}

/// Every column must be present with its type, except those that older versions did not write;
/// additional ones are ignored.
pub(super) fn check_columns(schema: &SchemaRef) -> Result<(), String> {
    for column in COLUMNS {
        let Some((_, field)) = schema.column_with_name(column.name) else {
            if column.is_later() {
                continue;
            }
            return Err(format!("it has no column {}", column.name));
        };
        let wanted = column.kind.arrow_type();
        if *field.data_type() != wanted {
            return Err(format!(
                "its column {} has the type {} instead of {wanted}",
                column.name,
                field.data_type()
            ));
        }
    }
    Ok(())
}

/// Rephrases the Parquet library's message for a user who gave the wrong file.
pub(super) fn describe(error: &ParquetError) -> String {
    let text = error.to_string();
    if text.contains("Invalid Parquet file. Corrupt footer") || text.contains("file too small") {
        "it is not a Parquet file, or its end is missing".to_owned()
    } else {
        text
    }
}
