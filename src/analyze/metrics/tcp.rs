//! How TCP fared.

use super::distribution::distribution;
use super::efficiency::ratio;
use super::shares::{By, shares};
use super::sockets::Sockets;
use super::{Settings, Tcp};
use crate::Result;
use crate::model::Tables;

pub(super) fn tcp(tables: &Tables, sockets: &Sockets<'_>, settings: &Settings) -> Result<Tcp> {
    let durations = || sockets.tcp_connections().filter_map(|row| sockets.duration_s.get(row));
    let waiting = sockets.tcp_connections().filter(|row| sockets.state.get(*row) == Some("CLOSE_WAIT"));
    let short_lived = |row: &usize| {
        sockets.opened.get(*row) == Some(true)
            && sockets.closed.get(*row) == Some(true)
            && sockets.duration_s.get(*row).is_some_and(|s| s < settings.short_lived_s)
    };
    Ok(Tcp {
        transitions: transitions(tables)?,
        duration_s: distribution(durations()),
        short_lived: sockets.tcp_connections().filter(short_lived).count() as u64,
        long_lived: durations().filter(|s| *s >= settings.long_lived_s).count() as u64,
        short_lived_s: settings.short_lived_s,
        long_lived_s: settings.long_lived_s,
        rtt_us: distribution(
            sockets.tcp_connections().filter_map(|row| sockets.rtt_us.get(row)).map(f64::from),
        ),
        retransmits: tables
            .time_bins
            .column("retransmits")?
            .u64()?
            .iter()
            .flatten()
            .fold(0, u64::saturating_add),
        retransmission_rate: retransmission_rate(sockets),
        close_wait_by_process: shares(sockets, waiting, |row| sockets.process_name.get(row), By::Connections),
    })
}

/// Over the connections that have both counts.
pub(super) fn retransmission_rate(sockets: &Sockets<'_>) -> Option<f64> {
    let counts =
        |row| Some((f64::from(sockets.retransmits.get(row)?), sockets.packets_sent.get(row)? as f64));
    let (again, sent) = sockets
        .tcp_connections()
        .filter_map(counts)
        .fold((0.0, 0.0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
    ratio(again, sent)
}

fn transitions(tables: &Tables) -> Result<Vec<(String, String, u64)>> {
    let table = &tables.transitions;
    let (from, to) = (table.column("from_state")?.str()?, table.column("to_state")?.str()?);
    let counts = table.column("count")?.u64()?;
    Ok(from
        .iter()
        .zip(to.iter())
        .zip(counts.iter())
        .filter_map(|((from, to), count)| Some((from?.to_owned(), to?.to_owned(), count?)))
        .collect())
}
