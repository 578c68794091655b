//! The rows of one tick, encoded for the journal and decoded from it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::delta::{self, RowIndex};
use super::{ApplicationKeys, PackedRow, QueryKeys, RowGroup};
use crate::capture::row::Owner;

/// A recording's journals never hold more rows than two row groups. More than that is not netrec's
/// work, and a few bytes could claim any number.
const MOST_ROWS: usize = 512 * 1024;

/// Number of copies of a base.
const BASE_COPIES: usize = 2;

/// The rows of one tick: complete, or as differences from those of an earlier one, its base. They
/// depend on no other tick, so that damage to one costs no third.
///
/// Keys of texts and owners are indices into the lists of the base followed by those of the tick.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::capture) struct TickRows {
    /// Number of the tick in its row group.
    number: u32,
    /// Number of the base; `None` for a complete tick, which may be a base.
    base: Option<u32>,
    texts: Vec<String>,
    owners: Vec<Owner>,
    count: u32,
    /// Encoded by [`delta::encode`].
    rows: Vec<u8>,
}

impl TickRows {
    /// Whether other ticks may depend on it.
    pub(in crate::capture) fn is_base(&self) -> bool {
        self.base.is_none()
    }

    fn bytes(&self) -> usize {
        let owners: usize =
            self.owners.iter().filter_map(|owner| owner.cmdline.as_ref()).map(String::len).sum();
        self.rows.len() + self.texts.iter().map(String::len).sum::<usize>() + owners
    }
}

/// The reference tick for later ones.
pub(super) struct Base {
    number: u32,
    rows: Range<usize>,
    row_index: RowIndex,
    texts: usize,
    owners: usize,
    bytes: usize,
    /// Size of the differences since.
    spent_bytes: usize,
}

impl RowGroup {
    /// Returns what was pushed since the last call: the rows of the tick that has just ended.
    pub(in crate::capture) fn end_tick(&mut self) -> TickRows {
        // Once the differences have cost as much as the base, a new base costs no more.
        let base = self.base.take().filter(|base| base.spent_bytes < BASE_COPIES * base.bytes);
        let tick = self.tick(base.as_ref());
        self.base = Some(match base {
            Some(base) => Base { spent_bytes: base.spent_bytes + tick.bytes(), ..base },
            None => Base {
                number: tick.number,
                rows: self.tick_start..self.rows.len(),
                row_index: delta::row_index(
                    (self.tick_start..self.rows.len()).map(|index| self.rows.row(index)),
                ),
                texts: self.texts.list.len(),
                owners: self.owners.len(),
                bytes: tick.bytes(),
                spent_bytes: 0,
            },
        });
        self.tick_start = self.rows.len();
        self.rows.end_tick();
        self.ticks += 1;
        tick
    }

    fn tick(&self, base: Option<&Base>) -> TickRows {
        let (none, no_rows) = (0..0, RowIndex::default());
        let (rows, row_index) = base.map_or((&none, &no_rows), |base| (&base.rows, &base.row_index));
        let (texts, owners) = base.map_or((0, 0), |base| (base.texts, base.owners));
        let new = self.tick_start..self.rows.len();
        let in_base = |index| rows.clone().nth(index).map(|index| self.rows.row(index));
        TickRows {
            number: self.ticks,
            base: base.map(|base| base.number),
            texts: self.texts.list[texts..].iter().map(ToString::to_string).collect(),
            owners: self.owners[owners..].iter().map(|owner| owner.as_ref().clone()).collect(),
            count: new.len() as u32,
            rows: delta::encode(new.map(|index| self.rows.row(index)), in_base, row_index, self.owners.len()),
        }
    }
}

/// Reassembled rows of several ticks.
#[derive(Default)]
pub(in crate::capture) struct Absorbed {
    /// The rows.
    pub(in crate::capture) group: RowGroup,
    /// Merges owners, of which each journal has its own copy.
    owners: HashMap<Owner, Arc<Owner>>,
    base: Option<Read>,
}

/// A decoded base, with the keys of its texts and owners here.
struct Read {
    number: u32,
    rows: Vec<PackedRow>,
    texts: Vec<i32>,
    owners: Vec<u32>,
}

impl Absorbed {
    /// Adds the rows of a tick, and returns how many were rejected: rows with invalid keys were not
    /// written by netrec, and differences are useless without their base. A base is in the journal
    /// twice, and is added once.
    pub(in crate::capture) fn add(&mut self, tick: TickRows) -> usize {
        let count = tick.count as usize;
        let (mut texts, mut owners, base) = match (&self.base, tick.base) {
            (Some(base), None) if base.number == tick.number => return 0,
            (Some(base), Some(wanted)) if base.number == wanted => {
                (base.texts.clone(), base.owners.clone(), base.rows.as_slice())
            }
            (_, Some(_)) => return count,
            (_, None) => (Vec::new(), Vec::new(), [].as_slice()),
        };
        if self.group.rows.len().saturating_add(count) > MOST_ROWS {
            return count;
        }
        let known = owners.len() + tick.owners.len();
        let Some(rows) = delta::decode(&tick.rows, count, base, known) else { return count };
        texts.extend(tick.texts.iter().map(|text| self.group.texts.key(text)));
        owners
            .extend(tick.owners.into_iter().map(|owner| owner_key(&mut self.group, &mut self.owners, owner)));
        let before = self.group.rows.len();
        for row in rows.iter().filter_map(|row| translated(row, &texts, &owners)) {
            let index = self.group.rows.index_of(row.conn_id);
            self.group.rows.push(&row, index);
        }
        self.group.rows.end_tick();
        if tick.base.is_none() {
            self.base = Some(Read { number: tick.number, rows, texts, owners });
        }
        count - (self.group.rows.len() - before)
    }

    /// Ends a journal; the next one has its own bases.
    pub(in crate::capture) fn end_journal(&mut self) {
        self.base = None;
    }
}

fn owner_key(group: &mut RowGroup, owners: &mut HashMap<Owner, Arc<Owner>>, owner: Owner) -> u32 {
    let owner = owners.entry(owner).or_insert_with_key(|owner| Arc::new(owner.clone()));
    group.owner_key(owner, None)
}

fn translated(row: &PackedRow, texts: &[i32], owners: &[u32]) -> Option<PackedRow> {
    let text = |key: i32| texts.get(usize::try_from(key).ok()?).copied();
    let optional = |key: Option<i32>| match key {
        Some(key) => text(key).map(Some),
        None => Some(None),
    };
    Some(PackedRow {
        local_addr: text(row.local_addr)?,
        remote_addr: optional(row.remote_addr)?,
        remote_name: optional(row.remote_name)?,
        query: QueryKeys {
            name: optional(row.query.name)?,
            query_type: optional(row.query.query_type)?,
            response_code: optional(row.query.response_code)?,
            answers: optional(row.query.answers)?,
        },
        application: translated_keys(row.application, text)?,
        owner: row.owner.map(|key| owners.get(key as usize).copied().ok_or(())).transpose().ok()?,
        ..*row
    })
}

fn translated_keys(mut keys: ApplicationKeys, text: impl Fn(i32) -> Option<i32>) -> Option<ApplicationKeys> {
    for key in keys.iter_mut().filter(|key| **key > 0) {
        *key = text((*key - 1) as i32)? as u32 + 1;
    }
    Some(keys)
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
        group.encode(super::super::schema().unwrap()).unwrap().bytes
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
    fn a_tick_holds_what_its_base_does_not() {
        let mut group = RowGroup::default();
        group.push(&row(1, 1));
        assert!(group.end_tick().is_base());
        group.push(&row(2, 2));
        let tick = group.end_tick();
        assert_eq!((tick.base, tick.count, tick.owners.len()), (Some(0), 1, 1));
        assert_eq!(tick.texts, ["192.0.2.2", "host-2"]);
        assert_eq!(group.end_tick().count, 0);
    }

    #[test]
    fn a_base_is_renewed_when_the_differences_have_cost_as_much() {
        let mut group = RowGroup::default();
        let mut bases = 0;
        for tick in 0..25 {
            // Every tick has sockets that no earlier tick had.
            (0..10).for_each(|n| group.push(&row(tick * 10 + n, 1)));
            bases += usize::from(group.end_tick().is_base());
        }
        assert!((2..12).contains(&bases), "{bases} bases");
    }

    #[test]
    fn differences_without_their_base_give_no_rows_and_a_second_copy_none_twice() {
        let mut group = RowGroup::default();
        let ticks: Vec<Vec<u8>> = (0..3)
            .map(|_| {
                group.push(&row(1, 1));
                postcard::to_stdvec(&group.end_tick()).unwrap()
            })
            .collect();
        let rows_of = |order: &[usize]| {
            let mut absorbed = Absorbed::default();
            let add = |at: &usize| absorbed.add(postcard::from_bytes(&ticks[*at]).unwrap());
            let missing: usize = order.iter().map(add).sum();
            (absorbed.group.len(), missing)
        };
        assert_eq!(rows_of(&[1, 2]), (0, 2));
        assert_eq!(rows_of(&[0, 0, 1, 2]), (3, 0));
        assert_eq!(rows_of(&[0, 2]), (2, 0), "no tick but the base is needed");
    }

    #[test]
    fn equal_owners_of_different_journals_are_kept_once() {
        let mut absorbed = Absorbed::default();
        for _ in 0..5 {
            let mut group = RowGroup::default();
            group.push(&row(1, 77));
            absorbed.add(group.end_tick());
            absorbed.end_journal();
        }
        assert_eq!((absorbed.group.len(), absorbed.group.owners.len()), (5, 1));
    }

    #[test]
    fn a_row_whose_keys_lead_nowhere_is_left_out() {
        for break_it in [
            (|row| row.local_addr = -1) as fn(&mut PackedRow),
            |row| row.remote_addr = Some(99),
            |row| row.remote_name = Some(i32::MAX),
            |row| row.owner = Some(2),
            |row| row.query.answers = Some(99),
            |row| row.application[4] = 99,
        ] {
            let mut group = RowGroup::default();
            group.push(&row(1, 1));
            group.push(&row(2, 2));
            let mut rows: Vec<PackedRow> = group.rows.iter().collect();
            break_it(&mut rows[0]);
            group.rows.clear();
            for row in &rows {
                let index = group.rows.index_of(row.conn_id);
                group.rows.push(row, index);
            }
            let mut absorbed = Absorbed::default();
            assert_eq!(absorbed.add(group.end_tick()), 1);
            assert_eq!(absorbed.group.len(), 1);
        }
    }

    #[test]
    fn a_tick_that_claims_more_rows_than_a_recording_has_is_refused() {
        let mut group = RowGroup::default();
        group.push(&row(1, 1));
        let tick = TickRows { count: u32::MAX, ..group.end_tick() };
        assert_eq!(Absorbed::default().add(tick), u32::MAX as usize);
    }
}
