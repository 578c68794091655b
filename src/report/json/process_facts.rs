//! Looks up the process of a finding in the table of processes: its user id, its parent, the hash
//! of its executable.

use ahash::AHashMap;

use super::v1::Entities;
use crate::Result;
use crate::model::Tables;
use crate::model::frame::UInt32Type;
use crate::model::view::{Numbers, Words};

/// The processes of a capture by name.
pub(super) struct ProcessFacts<'a> {
    rows: AHashMap<&'a str, Vec<usize>>,
    pid: Numbers<'a, UInt32Type>,
    ppid: Numbers<'a, UInt32Type>,
    uid: Numbers<'a, UInt32Type>,
    username: Words<'a>,
    parent_name: Words<'a>,
    exe_sha256: Words<'a>,
}

impl<'a> ProcessFacts<'a> {
    /// # Errors
    /// [`crate::Error::Analysis`] if a column is missing: a bug.
    pub(super) fn new(tables: &'a Tables) -> Result<Self> {
        let frame = &tables.processes;
        let names = Words::of(frame, "process_name")?;
        let mut rows: AHashMap<&str, Vec<usize>> = AHashMap::new();
        for row in 0..frame.height() {
            if let Some(name) = names.get(row) {
                rows.entry(name).or_default().push(row);
            }
        }
        Ok(Self {
            rows,
            pid: Numbers::of(frame, "pid")?,
            ppid: Numbers::of(frame, "ppid")?,
            uid: Numbers::of(frame, "uid")?,
            username: Words::of(frame, "username")?,
            parent_name: Words::of(frame, "parent_name")?,
            exe_sha256: Words::of(frame, "exe_sha256")?,
        })
    }

    /// Adds the values shared by all processes that the entities can mean. Values that differ stay unknown.
    pub(super) fn complete(&self, entities: &mut Entities) {
        let Some(rows) = entities.process_name.as_deref().and_then(|name| self.rows.get(name)) else {
            return;
        };
        let is_meant = |row: &usize| entities.pid.is_none() || self.pid.get(*row) == entities.pid;
        let rows: Vec<usize> = rows.iter().copied().filter(is_meant).collect();
        entities.ppid = common(&rows, |row| self.ppid.get(row));
        entities.uid = common(&rows, |row| self.uid.get(row));
        entities.parent_name = common(&rows, |row| self.parent_name.get(row)).map(str::to_owned);
        entities.exe_sha256 = common(&rows, |row| self.exe_sha256.get(row)).map(str::to_owned);
        if entities.username.is_none() {
            entities.username = common(&rows, |row| self.username.get(row)).map(str::to_owned);
        }
    }
}

/// The value shared by all rows that have one.
fn common<T: PartialEq>(rows: &[usize], value: impl Fn(usize) -> Option<T>) -> Option<T> {
    let mut known = rows.iter().filter_map(|row| value(*row));
    let first = known.next()?;
    known.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_unknown_and_what_is_missing_does_not_count() {
        let values = [Some(1), None, Some(1), Some(2)];
        assert_eq!(common(&[0, 1, 2], |row| values[row]), Some(1));
        assert_eq!(common(&[0, 3], |row| values[row]), None);
        assert_eq!(common(&[1], |row| values[row]), None);
    }
}
