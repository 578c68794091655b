//! Columns about the owner, for connections and processes.

use crate::capture::{Owner, Row};

/// Maximum number of characters of a command line that are processed; it may be kilobytes long.
const COMMAND_CHARS: usize = 400;

pub(super) fn pid(row: &Row) -> Option<u32> {
    row.owner.as_deref()?.pid
}

/// The name of the user, or else the number.
pub(super) fn user(row: &Row) -> Option<String> {
    let owner = row.owner.as_deref()?;
    owner.username.clone().or_else(|| owner.uid.map(|uid| uid.to_string()))
}

pub(super) fn exe(row: &Row) -> Option<&str> {
    text(row, |owner| owner.exe.as_deref())
}

pub(super) fn container(row: &Row) -> Option<&str> {
    text(row, |owner| owner.container.as_deref())
}

/// The beginning of the command line.
pub(super) fn command(row: &Row) -> Option<String> {
    Some(text(row, |owner| owner.cmdline.as_deref())?.chars().take(COMMAND_CHARS).collect())
}

fn text(row: &Row, get: impl Fn(&Owner) -> Option<&str>) -> Option<&str> {
    get(row.owner.as_deref()?)
}
