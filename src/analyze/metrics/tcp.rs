//! How TCP fared.

use super::distribution::distribution;
use super::efficiency::ratio;
use super::shares::{By, shares};
use super::sockets::Sockets;
use super::{Settings, Tcp};
use crate::Result;
use crate::capture::TcpState;
use crate::model::Tables;
use crate::model::metrics::Transition;
use crate::model::tables::{TimeBinColumns, TransitionColumns};

pub(super) fn tcp(tables: &Tables, sockets: &Sockets<'_>, settings: &Settings) -> Result<Tcp> {
    let bins = TimeBinColumns::of(&tables.time_bins)?;
    let durations = || sockets.tcp_connections().map(|row| sockets.duration_s(row));
    let waiting = sockets.tcp_connections().filter(|row| sockets.state(*row) == Some(TcpState::CloseWait));
    let short_lived = |row: &usize| {
        sockets.opened_in_recording(*row)
            && sockets.closed_in_recording(*row)
            && sockets.duration_s(*row) < settings.short_lived_s
    };
    Ok(Tcp {
        transitions: transitions(tables)?,
        duration_s: distribution(durations()),
        short_lived: sockets.tcp_connections().filter(short_lived).count() as u64,
        long_lived: durations().filter(|s| *s >= settings.long_lived_s).count() as u64,
        short_lived_s: settings.short_lived_s,
        long_lived_s: settings.long_lived_s,
        rtt_us: distribution(sockets.tcp_connections().filter_map(|row| sockets.rtt_us(row)).map(f64::from)),
        retransmits: (0..bins.len()).map(|bin| bins.retransmits(bin)).fold(0, u64::saturating_add),
        retransmission_rate: retransmission_rate(sockets),
        close_wait_by_process: shares(sockets, waiting, |row| sockets.process_name(row), By::Connections),
    })
}

/// Over the connections that have both counts.
pub(super) fn retransmission_rate(sockets: &Sockets<'_>) -> Option<f64> {
    let counts = |row| Some((f64::from(sockets.retransmits(row)?), sockets.packets_sent(row)? as f64));
    let (again, sent) = sockets
        .tcp_connections()
        .filter_map(counts)
        .fold((0.0, 0.0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
    ratio(again, sent)
}

fn transitions(tables: &Tables) -> Result<Vec<Transition>> {
    let changes = TransitionColumns::of(&tables.transitions)?;
    let change = |row| {
        let change = changes.get(row);
        Transition {
            from: change.from_state.as_str().to_owned(),
            to: change.to_state.as_str().to_owned(),
            count: change.count,
        }
    };
    Ok((0..changes.len()).map(change).collect())
}
