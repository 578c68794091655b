//! Files of which every line that is not blank holds a record.

use std::io::{self, Read};

use super::lines::{Line, Lines};
use super::{FileReport, Input, Output};
use crate::{Error, Result};

/// A line with a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'l> {
    /// The number of the line, from 1.
    pub(super) number: u64,
    /// The line without its end.
    pub(super) line: &'l [u8],
    /// Whether it has an end: the last line may be cut short anywhere.
    pub(super) is_whole: bool,
}

/// Reads a file of the import, of which the records are called `unit`, and notes what became of it.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; what `take` gives.
pub(super) fn read_file(
    input: &Input,
    output: &mut Output<'_>,
    unit: &str,
    mut take: impl FnMut(Record<'_>, &mut FileReport, &mut Output<'_>) -> Result<()>,
) -> Result<()> {
    let reader = output.reader(input)?;
    let take = |record: Record<'_>, account: &mut FileReport| take(record, account, output);
    let (account, reader) = read(reader, Error::io("read", &input.path), unit, take)?;
    output.imported(reader.finish(output.format())?);
    output.account(input, account);
    Ok(())
}

/// Reads a stream, and gives it back with what became of its records. A line that is too long is unreadable.
///
/// # Errors
/// What the reader says, other than that a compressed stream breaks off, and what `take` gives.
pub(super) fn read<R: Read>(
    reader: R,
    io_error: impl FnOnce(io::Error) -> Error,
    unit: &str,
    mut take: impl FnMut(Record<'_>, &mut FileReport) -> Result<()>,
) -> Result<(FileReport, R)> {
    let mut lines = Lines::new(reader);
    let mut account = FileReport::new(unit);
    loop {
        let number = lines.number() + 1;
        let (line, is_whole) = match lines.next() {
            Ok(None) => break,
            Ok(Some(Line::Whole(line))) => (line, true),
            Ok(Some(Line::Unended(line))) => (line, false),
            Ok(Some(Line::TooLong)) => {
                account.stats.unreadable_line(number, b"");
                continue;
            }
            Err(error) => return Err(io_error(error)),
        };
        if !line.trim_ascii().is_empty() {
            take(Record { number, line, is_whole }, &mut account)?;
        }
    }
    account.is_cut_short |= lines.is_cut_short();
    Ok((account, lines.into_inner()))
}
