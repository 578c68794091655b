//! What is said of an ailment: how bad, how sure, and in which words.

use std::collections::BTreeSet;

use super::groups::{Ailment, AilmentKind};
use super::{TcpHealth, Thresholds};
use crate::analyze::words;
use crate::model::detector::Detector;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets};
use crate::model::tables::Tables;

/// How many times a threshold is very much.
const VERY_MUCH: usize = 10;

/// The finding for an ailment.
pub(super) fn finding(
    sockets: &Sockets<'_>,
    tables: &Tables,
    ailment: &Ailment<'_>,
    config: &Thresholds,
) -> Finding {
    let members = sockets.subset(&ailment.rows);
    let is_flood = matches!(ailment.kind, AilmentKind::HalfOpenIn(_));
    let judgement = Judgement {
        severity: severity(ailment, config),
        confidence: confidence(ailment, config),
        title: title(ailment, members),
        explanation: explanation(ailment, members, tables),
        false_positives: String::new(),
        attack: if is_flood { vec!["T1499.001"] } else { Vec::new() },
        entities: members.entities(),
    };
    let measurements = measurements(ailment, members, tables, config);
    Finding::new(&TcpHealth::ABOUT, judgement, members.evidence(measurements))
}

fn severity(ailment: &Ailment<'_>, config: &Thresholds) -> Severity {
    let is_very_much = |threshold: u32| ailment.most() >= VERY_MUCH * threshold as usize;
    match ailment.kind {
        AilmentKind::HalfOpenIn(_) if is_very_much(config.half_open) => Severity::High,
        AilmentKind::HalfOpenIn(_) => Severity::Medium,
        AilmentKind::CloseWait(_) if is_very_much(config.close_wait) => Severity::Medium,
        _ => Severity::Low,
    }
}

/// Surer with more, and with a larger share.
fn confidence(ailment: &Ailment<'_>, config: &Thresholds) -> Confidence {
    let (value, threshold) = match ailment.kind {
        AilmentKind::HalfOpenIn(_) | AilmentKind::HalfOpenOut(..) => {
            (ailment.most() as f64, f64::from(config.half_open))
        }
        AilmentKind::CloseWait(_) => (ailment.at_once as f64, f64::from(config.close_wait)),
        AilmentKind::Resets(..) => (ailment.in_window as f64, f64::from(config.resets)),
        AilmentKind::Retransmission(_) => (ailment.share, config.min_retransmit_share),
    };
    Confidence::new((1.0 - (-value / threshold).exp()) * (0.7 + 0.3 * ailment.share.min(1.0)))
}

fn title(ailment: &Ailment<'_>, members: SocketSubset<'_, '_>) -> String {
    let number = members.len();
    match ailment.kind {
        AilmentKind::HalfOpenIn(port) => {
            let remotes = remotes(members);
            format!("{number} connections from {remotes} to port {port} never completed the handshake")
        }
        AilmentKind::HalfOpenOut(addr, port) => {
            format!("{number} attempts to reach {addr} port {port} got no answer")
        }
        AilmentKind::CloseWait(source) => {
            format!("{source} leaves {} sockets in CLOSE_WAIT", ailment.at_once)
        }
        AilmentKind::Resets(Some(addr), port) => {
            format!("{number} connections to {addr} port {port} were reset")
        }
        AilmentKind::Resets(None, port) => format!("{number} inbound connections to port {port} were reset"),
        AilmentKind::Retransmission(addr) => {
            format!("{:.0} % of the segments to {addr} were retransmitted", 100.0 * ailment.share)
        }
    }
}

fn remotes(members: SocketSubset<'_, '_>) -> String {
    words::count(addresses(members), "address", "addresses")
}

fn addresses(members: SocketSubset<'_, '_>) -> usize {
    members.iter().filter_map(|socket| socket.remote()).map(|(addr, _)| addr).collect::<BTreeSet<_>>().len()
}

fn explanation(ailment: &Ailment<'_>, members: SocketSubset<'_, '_>, tables: &Tables) -> String {
    let share = format!("{:.0} %", 100.0 * ailment.share);
    let what = match ailment.kind {
        AilmentKind::HalfOpenIn(_) => format!(
            "Up to {} at once, {} started within one window; {share} of all connections to this port. \
             Source addresses that never answer are often spoofed, as in a SYN flood.",
            ailment.at_once, ailment.in_window
        ),
        AilmentKind::HalfOpenOut(..) => format!(
            "Up to {} at once, {} started within one window; {share} of all attempts. The service may be \
             down or filtered, or the packets were never meant to be answered.",
            ailment.at_once, ailment.in_window
        ),
        AilmentKind::CloseWait(_) => format!(
            "The peer has closed, but this program has not: {share} of its connections. {} Each holds a \
             file descriptor until the program closes it or ends.",
            change(ailment, members, tables)
        ),
        AilmentKind::Resets(..) => format!(
            "They went straight from established to closed: {share} of those that ended, up to {} within \
             one window.",
            ailment.in_window
        ),
        AilmentKind::Retransmission(_) => {
            "Segments are retransmitted when no acknowledgement arrives in time: packet loss, congestion, \
             or a filter on the path."
                .to_owned()
        }
    };
    format!(
        "{what} Peak: {} after the start of the recording.",
        words::duration(seconds_into(tables, ailment.worst_us))
    )
}

fn seconds_into(tables: &Tables, ts_us: i64) -> f64 {
    (ts_us.saturating_sub(tables.span_us.0)).max(0) as f64 / 1e6
}

/// How many there were after the first and in the last quarter of the recording.
fn quarters(members: SocketSubset<'_, '_>, tables: &Tables) -> (usize, usize) {
    let (first, last) = tables.span_us;
    let quarter = last.saturating_sub(first) / 4;
    let at = |ts_us: i64| {
        let has_it =
            |s: &Socket<'_>| s.state_since_us.unwrap_or(s.first_seen_us) <= ts_us && ts_us <= s.last_seen_us;
        members.iter().filter(has_it).count()
    };
    (at(first + quarter), at(last - quarter))
}

fn change(ailment: &Ailment<'_>, members: SocketSubset<'_, '_>, tables: &Tables) -> String {
    let (early, late) = quarters(members, tables);
    if late > early {
        format!("They grew from {early} after a quarter of the recording to {late} after three quarters.")
    } else {
        format!("They did not grow (at most {}).", ailment.at_once)
    }
}

fn measurements(
    ailment: &Ailment<'_>,
    members: SocketSubset<'_, '_>,
    tables: &Tables,
    config: &Thresholds,
) -> Vec<Measurement> {
    let count = |name: &str, value: usize| Measurement::new(name, value as f64, "connections");
    let (early, late) = quarters(members, tables);
    let mut all = match ailment.kind {
        AilmentKind::HalfOpenIn(_) | AilmentKind::HalfOpenOut(..) => vec![
            count("half-open at once", ailment.at_once).against(f64::from(config.half_open)),
            count("started in one window", ailment.in_window).against(f64::from(config.half_open)),
            Measurement::new("addresses", addresses(members) as f64, "addresses"),
            Measurement::new("share of the attempts", ailment.share, ""),
        ],
        AilmentKind::CloseWait(_) => vec![
            count("in CLOSE_WAIT at once", ailment.at_once).against(f64::from(config.close_wait)),
            count("after a quarter of the recording", early),
            count("after three quarters", late),
            Measurement::new("share of its connections", ailment.share, ""),
        ],
        AilmentKind::Resets(..) => vec![
            count("reset in one window", ailment.in_window).against(f64::from(config.resets)),
            count("reset", members.len()),
            Measurement::new("share of those that ended", ailment.share, "").against(config.min_reset_share),
        ],
        AilmentKind::Retransmission(_) => {
            let again: u64 = members.iter().filter_map(|s| s.retransmits).map(u64::from).sum();
            vec![
                Measurement::new("retransmitted share", ailment.share, "")
                    .against(config.min_retransmit_share),
                Measurement::new("retransmitted segments", again as f64, "segments"),
            ]
        }
    };
    all.push(Measurement::new("peak after", seconds_into(tables, ailment.worst_us), "s"));
    all
}
