//! How complete a capture is, in numbers and in sentences.

#[cfg(test)]
mod tests;

use super::sockets::Sockets;
use super::{Completeness, gaps};
use crate::capture::{ImportStats, Metadata, Protocol, SourceStatus};
use crate::humanize;
use crate::model::Tables;
use crate::model::detector::Periods;

pub(super) fn completeness(
    sockets: &Sockets<'_>,
    tables: &Tables,
    metadata: &Metadata,
    periods: Option<Periods>,
) -> Completeness {
    let count = |is: &dyn Fn(usize) -> bool| sockets.connections().filter(|row| is(*row)).count() as u64;
    let saw_events = metadata.sees_between_ticks();
    let mut completeness = Completeness {
        ticks_planned: metadata.ticks_planned,
        ticks_taken: metadata.ticks_taken,
        ticks_late: metadata.ticks_late,
        events_lost: metadata.events_lost,
        connections: count(&|_| true),
        connections_without_owner: count(&|row| sockets.process(row).is_none()),
        connections_without_bytes: count(&|row| !sockets.is_counted(row)),
        shortest_lifetime_s: (!saw_events).then_some(tables.interval_s),
        period_range_s: match periods {
            Some(Periods::Between(shortest_s, longest_s)) => Some((shortest_s, longest_s)),
            Some(Periods::TooShort) | None => None,
        },
        sources: metadata.sources.clone(),
        blind_spots: Vec::new(),
    };
    let udp_without_bytes = count(&|row| !sockets.is_counted(row) && sockets.protocol(row) == Protocol::Udp);
    completeness.blind_spots = blind_spots(&completeness, metadata, udp_without_bytes, periods);
    let foreign = count(&|row| sockets.is_own(row) == Some(false));
    // First, as it is why others lack an owner and bytes.
    let said =
        left_out(tables.foreign.height()).into_iter().chain(analyzed(foreign, completeness.connections));
    completeness.blind_spots.splice(0..0, said);
    completeness
}

/// That sockets of other network namespaces were left out, and how to see them.
fn left_out(sockets: usize) -> Option<String> {
    (sockets > 0).then(|| {
        format!(
            "Left out: {} of other network namespaces. A recorder in a container is told of every TCP connection of \
             the kernel, but sees only the addresses of these. They are in tables/connections.csv with is_own = \
             false; --all-namespaces analyzes them too.",
            humanize::plural(sockets as u64, "socket")
        )
    })
}

/// That connections of other network namespaces are among those that were analyzed.
fn analyzed(foreign: u64, all: u64) -> Option<String> {
    (foreign > 0).then(|| {
        format!(
            "{foreign} of {all} connections belong to other network namespaces, of which the kernel shows a recorder in a \
             container only addresses. They are analyzed because --all-namespaces was given."
        )
    })
}

fn blind_spots(
    known: &Completeness,
    metadata: &Metadata,
    udp_without_bytes: u64,
    periods: Option<Periods>,
) -> Vec<String> {
    let mut spots: Vec<String> = metadata.recovered.iter().cloned().collect();
    if let Some(joined) = &metadata.joined {
        spots.extend(gaps::sentences(joined));
    }
    if let Some(import) = &metadata.import {
        spots.extend(metadata.import_stats.iter().flat_map(ImportStats::gap_sentences));
        if metadata.rows == 0 {
            spots.push("Nothing was imported, so there is nothing to analyze.".to_owned());
        }
        spots.push(format!(
            "Imported from {}: anything the source does not record is unknown.",
            import.kind()
        ));
        if metadata.ticks_taken == 0 {
            spots.push(
                "Connection logs hold totals only, so each connection's bytes appear at its end time in \
                 every time chart."
                    .to_owned(),
            );
        }
    }
    if let Some(lifetime_s) = known.shortest_lifetime_s {
        spots.push(format!(
            "Connections shorter than {lifetime_s} s may be missing: no event source ran between ticks."
        ));
    }
    if let Some(lost) = known.events_lost.filter(|lost| *lost > 0) {
        spots.push(if metadata.import.is_some() {
            format!("The capturing side reports {lost} lost packets.")
        } else {
            format!("The kernel dropped {lost} events before they were read.")
        });
    }
    if known.ticks_late > 0 {
        spots.push(format!("Late or skipped ticks: {} of {}.", known.ticks_late, ticks(known)));
    }
    spots.extend(lengthened(metadata));
    if let Some(planned) =
        known.ticks_planned.filter(|planned| *planned > known.ticks_taken + known.ticks_late)
    {
        spots.push(format!("The recording ended after {} of {planned} planned ticks.", known.ticks_taken));
    }
    spots.extend(unknown_parts(known, metadata, udp_without_bytes));
    match periods {
        Some(Periods::Between(..)) => {}
        Some(Periods::TooShort) => {
            spots.push("The recording is too short to detect periodic connections.".to_owned());
        }
        None => spots
            .push("Periodic connections were not searched for; see the detectors for the reason.".to_owned()),
    }
    spots.extend(metadata.sources.iter().filter_map(|source| match source.status {
        SourceStatus::Ran => None,
        SourceStatus::Partial if metadata.import.is_some() => {
            Some(format!("{}: {}", source.name.replace('-', " "), source.detail))
        }
        SourceStatus::Partial => Some(format!("{} saw only part: {}", source.name, source.detail)),
        SourceStatus::Missing => Some(format!("{} did not run: {}", source.name, source.detail)),
    }));
    spots
}

/// A note that ticks were less frequent for a time, to keep the recorder within its budget.
fn lengthened(metadata: &Metadata) -> Option<String> {
    let longest_ms = metadata.longest_interval_ms();
    let first = metadata.interval_changes.iter().find(|change| change.interval_ms > metadata.interval_ms)?;
    let at = chrono::DateTime::from_timestamp_micros(first.at_us)?;
    Some(format!(
        "To stay within its CPU budget, the recorder took snapshots less often: up to {} s apart instead \
         of {} s, from {} on. Detectable periods and lifetimes follow from the longest interval.",
        longest_ms as f64 / 1000.0,
        metadata.interval_ms as f64 / 1000.0,
        at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    ))
}

fn unknown_parts(known: &Completeness, metadata: &Metadata, udp_without_bytes: u64) -> Vec<String> {
    let mut spots = Vec::new();
    let total = known.connections;
    if metadata.holds_many_hosts() && known.connections_without_owner == total {
        spots.push(
            "The imported data names no processes: findings are about addresses, and nothing that needs a \
             process could be judged."
                .to_owned(),
        );
    } else if known.connections_without_owner > 0 {
        spots
            .push(format!("{} of {total} connections have no known owner.", known.connections_without_owner));
    }
    if known.connections_without_bytes > 0 {
        let reason = if metadata.import.is_some() {
            "the imported data has none"
        } else {
            "the kernel does not count them; record --udp-bytes does"
        };
        spots.push(format!(
            "{} of {total} connections have no byte counts, {udp_without_bytes} of them UDP: {reason}.",
            known.connections_without_bytes
        ));
    }
    spots
}

fn ticks(known: &Completeness) -> u64 {
    known.ticks_planned.unwrap_or(known.ticks_taken).max(known.ticks_taken)
}
