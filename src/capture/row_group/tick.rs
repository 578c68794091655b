//! The rows of one tick, on their way into the journal and back.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{PackedRow, RowGroup};
use crate::capture::row::Owner;

/// The rows of one tick with the strings and owners that they need, so that they can be read
/// without any other tick.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::capture) struct TickRows {
    texts: Vec<String>,
    owners: Vec<Owner>,
    rows: Vec<PackedRow>,
}

/// Gives keys of a tick for keys of the row group, in the order in which they are asked for.
struct Renumbered {
    keys: Vec<Option<u32>>,
    used: Vec<usize>,
}

impl Renumbered {
    fn new(known: usize) -> Self {
        Self { keys: vec![None; known], used: Vec::new() }
    }

    fn key(&mut self, key: usize) -> u32 {
        if let Some(new) = self.keys[key] {
            return new;
        }
        let new = self.used.len() as u32;
        self.used.push(key);
        self.keys[key] = Some(new);
        new
    }
}

impl RowGroup {
    /// What has been pushed since the last call: the rows of the tick that has just ended.
    pub(in crate::capture) fn end_tick(&mut self) -> TickRows {
        let mut texts = Renumbered::new(self.texts.list.len());
        let mut owners = Renumbered::new(self.owners.len());
        let mut text = |key: i32| texts.key(key as usize) as i32;
        let rows = self.rows[self.tick_start..]
            .iter()
            .map(|row| PackedRow {
                local_addr: text(row.local_addr),
                remote_addr: row.remote_addr.map(&mut text),
                remote_name: row.remote_name.map(&mut text),
                owner: row.owner.map(|owner| owners.key(owner as usize)),
                ..*row
            })
            .collect();
        self.tick_start = self.rows.len();
        TickRows {
            texts: texts.used.iter().map(|key| self.texts.list[*key].to_string()).collect(),
            owners: owners.used.iter().map(|key| self.owners[*key].as_ref().clone()).collect(),
            rows,
        }
    }
}

/// Rows of several ticks, put together again.
#[derive(Default)]
pub(in crate::capture) struct Absorbed {
    /// The rows.
    pub(in crate::capture) group: RowGroup,
    /// Each tick has its own copy of an owner; one is enough.
    owners: HashMap<Owner, Arc<Owner>>,
}

impl Absorbed {
    /// Adds the rows of a tick. A row whose keys lead nowhere was not written by netrec, and is
    /// left out; the number of those is returned.
    pub(in crate::capture) fn add(&mut self, tick: TickRows) -> usize {
        let texts: Vec<i32> = tick.texts.iter().map(|text| self.group.texts.key(text)).collect();
        let owners: Vec<u32> = tick.owners.into_iter().map(|owner| self.owner_key(owner)).collect();
        let before = self.group.rows.len();
        let rows = tick.rows.iter().filter_map(|row| translated(row, &texts, &owners));
        self.group.rows.extend(rows);
        tick.rows.len() - (self.group.rows.len() - before)
    }

    fn owner_key(&mut self, owner: Owner) -> u32 {
        let owner = self.owners.entry(owner).or_insert_with_key(|owner| Arc::new(owner.clone()));
        self.group.owner_key(owner)
    }
}

fn translated(row: &PackedRow, texts: &[i32], owners: &[u32]) -> Option<PackedRow> {
    let text = |key: i32| texts.get(usize::try_from(key).ok()?).copied();
    Some(PackedRow {
        local_addr: text(row.local_addr)?,
        remote_addr: row.remote_addr.map(|key| text(key).ok_or(())).transpose().ok()?,
        remote_name: row.remote_name.map(|key| text(key).ok_or(())).transpose().ok()?,
        owner: row.owner.map(|key| owners.get(key as usize).copied().ok_or(())).transpose().ok()?,
        ..*row
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Protocol, Row};

    fn row(conn_id: u64, pid: u32) -> Row {
        let mut row = Row::snapshot(conn_id, Protocol::Tcp, ("10.0.0.1".parse().unwrap(), 443));
        row.remote = Some((format!("192.0.2.{conn_id}").parse().unwrap(), 5));
        row.remote_name = Some(format!("host-{conn_id}").into());
        row.owner = Some(Arc::new(Owner {
            pid: Some(pid),
            process_name: Some("web".to_owned()),
            ..Owner::default()
        }));
        row
    }

    fn encoded(group: &mut RowGroup) -> Vec<u8> {
        group.encode().unwrap().bytes
    }

    #[test]
    fn ticks_that_were_put_together_again_are_the_rows_that_went_in() {
        let (mut group, mut absorbed) = (RowGroup::default(), Absorbed::default());
        for tick in 0..3_u32 {
            for conn_id in 0..10 {
                group.push(&Row { tick, ..row(conn_id, tick) });
            }
            let bytes = postcard::to_stdvec(&group.end_tick()).unwrap();
            assert_eq!(absorbed.add(postcard::from_bytes(&bytes).unwrap()), 0);
        }
        assert_eq!(encoded(&mut absorbed.group), encoded(&mut group));
    }

    #[test]
    fn a_tick_holds_its_own_rows_and_names_only() {
        let mut group = RowGroup::default();
        group.push(&row(1, 1));
        group.end_tick();
        group.push(&row(2, 2));
        let tick = group.end_tick();
        assert_eq!((tick.rows.len(), tick.owners.len()), (1, 1));
        assert_eq!(tick.texts, ["10.0.0.1", "192.0.2.2", "host-2"]);
        assert_eq!(group.end_tick(), TickRows::default());
    }

    #[test]
    fn equal_owners_of_different_ticks_are_kept_once() {
        let mut absorbed = Absorbed::default();
        for _ in 0..5 {
            let mut group = RowGroup::default();
            group.push(&row(1, 77));
            absorbed.add(group.end_tick());
        }
        assert_eq!((absorbed.group.len(), absorbed.group.owners.len()), (5, 1));
    }

    #[test]
    fn a_row_whose_keys_lead_nowhere_is_left_out() {
        let mut group = RowGroup::default();
        group.push(&row(1, 1));
        group.push(&row(2, 2));
        for break_it in [
            (|row| row.local_addr = -1) as fn(&mut PackedRow),
            |row| row.remote_addr = Some(99),
            |row| row.remote_name = Some(i32::MAX),
            |row| row.owner = Some(2),
        ] {
            group.tick_start = 0;
            let mut tick = group.end_tick();
            break_it(&mut tick.rows[0]);
            let mut absorbed = Absorbed::default();
            assert_eq!(absorbed.add(tick), 1);
            assert_eq!(absorbed.group.len(), 1);
        }
    }
}
