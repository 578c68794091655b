//! The table of connections.

use polars::prelude::DataFrame;

use super::columns::{Rows, TextColumns};
use crate::Result;
use crate::capture::{OwnerSource, TcpState};
use crate::model::records::{Connection, Count, Direction, ProcessId, Recorded, SmallCount};
use crate::parallel;

/// States in the order of a connection's life, not of the kernel's numbers.
const LIFE: [TcpState; TcpState::ALL.len()] = [
    TcpState::Listen,
    TcpState::SynSent,
    TcpState::SynRecv,
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::Closing,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::TimeWait,
    TcpState::Close,
];

/// Records that become rows together, before they are let go.
const PIECE: usize = 1 << 15;

/// See [`super::Tables::connections`].
///
/// Records and table are each some hundred bytes per socket. Records are let go piece by piece,
/// so that no more than one of the two is ever in memory whole.
pub(super) fn connections(mut recorded: Recorded, texts: &TextColumns) -> Result<DataFrame> {
    let mut records = std::mem::take(&mut recorded.connections);
    let lists = state_lists();
    let mut pieces = Vec::new();
    // From the end, where a vector gives memory back.
    while !records.is_empty() {
        let rest = records.len().saturating_sub(1) / (2 * PIECE) * 2 * PIECE;
        let last: Vec<&[Connection]> = records[rest..].chunks(PIECE).collect();
        let frames = parallel::map(&last, |piece| frame(piece, &recorded, texts, &lists));
        pieces.extend(frames.into_iter().rev());
        records.truncate(rest);
        records.shrink_to_fit();
    }
    let mut pieces = pieces.into_iter().rev();
    let mut table = pieces.next().unwrap_or_else(|| frame(&[], &recorded, texts, &lists))?;
    for piece in pieces {
        table.vstack_mut_owned(piece?)?;
    }
    // Each column lets go of its pieces before the next.
    table.rechunk_mut_par();
    Ok(table)
}

fn frame(
    records: &[Connection],
    recorded: &Recorded,
    texts: &TextColumns,
    lists: &[Option<String>],
) -> Result<DataFrame> {
    let rows = Rows(records);
    let endpoint = |c: &Connection| c.remote.map(|(id, _)| &recorded.endpoints[id.get() as usize]);
    let process = |c: &Connection| c.process.map(|id| &recorded.processes[id.get() as usize]);
    rows.frame(vec![
        rows.u64("conn_id", |c| Some(c.conn_id)),
        rows.name("protocol", texts, |c| Some(c.protocol.as_str()))?,
        rows.u64("netns", |c| c.netns.map(Count::get)),
        rows.text("local_addr", texts, |c| Some(c.local_addr)),
        rows.u16("local_port", |c| c.protocol.port(c.local_port)),
        rows.text("remote_addr", texts, |c| endpoint(c).map(|e| e.addr)),
        rows.u16("remote_port", |c| c.protocol.port(c.remote?.1)),
        rows.text("remote_name", texts, |c| c.remote_name),
        rows.name("remote_scope", texts, |c| endpoint(c).map(|e| e.scope.as_str()))?,
        rows.made_text("country_code", texts, |c| endpoint(c)?.place.as_ref()?.country_code.as_deref())?,
        rows.name("role", texts, |c| Some(c.role().as_str()))?,
        rows.name("direction", texts, |c| c.direction.map(Direction::as_str))?,
        rows.name("state", texts, |c| c.state.map(TcpState::as_str))?,
        rows.i64("state_since_us", |c| c.state.map(|_| c.state_since_us)),
        rows.made_text("states", texts, |c| lists[usize::from(c.states_seen)].as_deref())?,
        rows.i64("first_seen_us", |c| Some(c.first_seen_us)),
        rows.i64("last_seen_us", |c| Some(c.last_seen_us)),
        rows.f64("duration_s", |c| Some(c.duration_s())),
        rows.bool("opened_in_recording", |c| c.opened_in_recording),
        rows.bool("start_is_exact", |c| c.start_is_exact),
        rows.bool("closed_in_recording", |c| c.closed_in_recording),
        rows.u32("ticks", |c| Some(c.ticks)),
        rows.u64("bytes_sent", |c| c.totals.bytes_sent.map(Count::get)),
        rows.u64("bytes_received", |c| c.totals.bytes_received.map(Count::get)),
        rows.u64("packets_sent", |c| c.totals.packets_sent.map(Count::get)),
        rows.u64("packets_received", |c| c.totals.packets_received.map(Count::get)),
        rows.u32("retransmits", |c| c.totals.retransmits.map(SmallCount::get)),
        rows.u32("rtt_us", |c| c.totals.rtt_us.map(SmallCount::get)),
        rows.u32("rtt_min_us", |c| c.rtt_min_us.map(SmallCount::get)),
        rows.u64("recorded_sent", |c| c.recorded_sent.map(Count::get)),
        rows.u64("recorded_received", |c| c.recorded_received.map(Count::get)),
        rows.u32("process", |c| c.process.map(ProcessId::get)),
        rows.u32("pid", |c| process(c)?.pid),
        rows.text("process_name", texts, |c| process(c)?.process_name),
        rows.name("owner_source", texts, |c| c.owner_source.map(OwnerSource::as_str))?,
        rows.u32("endpoint", |c| c.remote.map(|(id, _)| id.get())),
    ])
}

/// For every set of states, its members joined by `>`; none for the empty set.
fn state_lists() -> Vec<Option<String>> {
    (0..1_u16 << TcpState::ALL.len())
        .map(|seen| {
            let seen: Vec<&str> =
                LIFE.iter().filter(|s| seen & (1 << **s as u16) != 0).map(|s| s.as_str()).collect();
            (!seen.is_empty()).then(|| seen.join(">"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_in_the_order_of_a_life() {
        let lists = state_lists();
        let set = |states: &[TcpState]| states.iter().map(|s| 1_usize << *s as usize).sum::<usize>();
        let seen = set(&[TcpState::TimeWait, TcpState::Established, TcpState::SynSent]);
        assert_eq!(lists[seen].as_deref(), Some("SYN_SENT>ESTABLISHED>TIME_WAIT"));
        assert_eq!(lists[0], None);
        assert_eq!(lists[set(TcpState::ALL)].as_deref().map(|s| s.split('>').count()), Some(11));
    }
}
