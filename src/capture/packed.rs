//! The rows of a tick in the compact encoding of the journal, for keeping them in memory.

use super::row_group::{Absorbed, RowGroup, TickRows};
use super::{Row, frame};

/// Maximum number of rows packed at once, which is the limit for unpacking.
const MOST_ROWS: usize = 256 * 1024;

/// The rows of one tick, some 20 bytes each instead of 250.
#[derive(Debug, Clone, Default)]
pub struct PackedTick {
    pieces: Vec<Vec<u8>>,
}

impl PackedTick {
    /// Packs rows.
    ///
    /// # Errors
    /// If the compression fails.
    pub fn pack(rows: &[Row]) -> std::io::Result<Self> {
        let pieces = rows.chunks(MOST_ROWS).map(pack).collect::<std::io::Result<_>>()?;
        Ok(Self { pieces })
    }

    /// The rows, in their order.
    pub fn unpack(&self) -> Vec<Row> {
        self.pieces.iter().filter_map(|piece| unpack(piece)).flatten().collect()
    }

    /// Size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }
}

fn pack(rows: &[Row]) -> std::io::Result<Vec<u8>> {
    let mut group = RowGroup::default();
    for row in rows {
        group.push(row);
    }
    let content = postcard::to_stdvec(&group.end_tick()).map_err(std::io::Error::other)?;
    frame::pack(&content)
}

/// Never `None`: the bytes in memory are the packed ones.
fn unpack(piece: &[u8]) -> Option<Vec<Row>> {
    let content = frame::unpack(piece)?;
    let mut absorbed = Absorbed::default();
    absorbed.add(postcard::from_bytes::<TickRows>(&content).ok()?);
    Some(absorbed.group.unpacked())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Counters, Kind, Owner, OwnerSource, Protocol, TcpState};

    fn rows(count: u64) -> Vec<Row> {
        let owner = Arc::new(Owner {
            pid: Some(7),
            process_name: Some("curl".to_owned()),
            process_start_us: Some(-1),
            ..Owner::default()
        });
        (0..count)
            .map(|id| Row {
                ts_us: 1_780_308_000_000_000,
                mono_ns: 5_000_000_000 + id as i64,
                tick: 9,
                kind: if id % 7 == 0 { Kind::Closed } else { Kind::Snapshot },
                remote: (id % 5 > 0).then(|| (format!("2001:db8::{id:x}").parse().unwrap(), 443)),
                remote_name: (id % 3 == 0).then(|| "example.org".into()),
                netns: Some(4_026_531_840),
                state: Some(TcpState::Established),
                prev_state: (id % 7 == 0).then_some(TcpState::SynSent),
                counters: Counters { bytes_sent: Some(id * 1000), rtt_us: Some(3), ..Counters::default() },
                owner: (id % 2 == 0).then(|| Arc::clone(&owner)),
                owner_source: (id % 2 == 0).then_some(OwnerSource::Event),
                cpu_percent: Some(0.5),
                memory_rss_bytes: Some(1 << 30),
                ..Row::snapshot(id, Protocol::Tcp, ("192.0.2.1".parse().unwrap(), 40_000 + id as u16 % 9))
            })
            .collect()
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let before = rows(1000);
        assert_eq!(PackedTick::pack(&before).unwrap().unpack(), before);
        assert!(PackedTick::pack(&[]).unwrap().unpack().is_empty());
    }

    #[test]
    fn they_take_a_fraction_of_the_memory() {
        let packed = PackedTick::pack(&rows(10_000)).unwrap();
        let bytes = packed.bytes() / 10_000;
        assert!(bytes * 8 < size_of::<Row>(), "{bytes} bytes a row");
    }
}
