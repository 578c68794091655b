//! Connections with the same trouble, by whom or what they have in common.

use std::collections::BTreeMap;

use ahash::AHashSet;

use super::Thresholds;
use crate::capture::{Protocol, TcpState};
use crate::model::ids::SourceId;
use crate::model::records::{Direction, TextId};
use crate::model::sockets::{Socket, Sockets, Source};
use crate::model::states::States;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AilmentKind<'a> {
    /// Handshakes that remotes began with a port of this host and did not finish.
    HalfOpenIn(u16),
    /// Attempts to reach an address and port that nothing answered.
    HalfOpenOut(&'a str, u16),
    /// Sockets that a process does not close.
    CloseWait(Source<'a>),
    /// Connections that were reset, with a port of this host (no address) or of another.
    Resets(Option<&'a str>, u16),
    /// Segments to an address that had to be sent again.
    Retransmission(&'a str),
}

/// A [`AilmentKind`] by its ids, and in the order of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum KindId {
    HalfOpenIn(u16),
    HalfOpenOut(TextId, u16),
    CloseWait(SourceId),
    Resets(Option<TextId>, u16),
    Retransmission(TextId),
}

impl KindId {
    fn kind<'a>(self, sockets: &Sockets<'a>) -> AilmentKind<'a> {
        match self {
            Self::HalfOpenIn(port) => AilmentKind::HalfOpenIn(port),
            Self::HalfOpenOut(addr, port) => AilmentKind::HalfOpenOut(sockets.text(addr), port),
            Self::CloseWait(source) => AilmentKind::CloseWait(sockets.source(source)),
            Self::Resets(addr, port) => AilmentKind::Resets(addr.map(|addr| sockets.text(addr)), port),
            Self::Retransmission(addr) => AilmentKind::Retransmission(sockets.text(addr)),
        }
    }
}

/// Something that is wrong, with its connections.
#[derive(Debug)]
pub(super) struct Ailment<'a> {
    pub(super) kind: AilmentKind<'a>,
    /// Rows in the table of sockets, in the order of time.
    pub(super) rows: Vec<usize>,
    /// Most at the same time.
    pub(super) at_once: usize,
    /// Most within one window.
    pub(super) in_window: usize,
    /// When it was worst, µs since the Unix epoch.
    pub(super) worst_us: i64,
    /// Share of the connections of the same process, service or address that have it, 0 to 1; of
    /// retransmission, of the segments.
    pub(super) share: f64,
}

/// Everything that is wrong beyond its thresholds, by kind.
pub(super) fn find<'a>(sockets: &Sockets<'a>, config: &Thresholds) -> Vec<Ailment<'a>> {
    let follows_states = follows_states(sockets);
    let memberships = |row: usize| {
        let all = memberships(sockets, row, config).into_iter().flatten();
        all.filter(move |(kind, _)| follows_states || !matches!(kind, KindId::Resets(..)))
    };
    // Most groups are well, and need not be gathered.
    let ill: AHashSet<KindId> = (0..sockets.len())
        .flat_map(memberships)
        .filter_map(|(kind, is_ill)| is_ill.then_some(kind))
        .collect();
    let mut groups: BTreeMap<KindId, Group> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        for (kind, is_ill) in memberships(row).filter(|(kind, _)| ill.contains(kind)) {
            groups.entry(kind).or_default().add(row, &socket, is_ill);
        }
    }
    let window_us = (config.window_s * 1e6) as i64;
    groups
        .into_iter()
        .filter_map(|(kind, group)| group.ailment(kind.kind(sockets), sockets, window_us))
        .filter(|ailment| ailment.meets(config, sockets))
        .collect()
}

/// Whether the recording saw connections go through their last states: only then is a step from
/// ESTABLISHED to CLOSE a reset, and not a close that was not followed.
pub(super) fn follows_states(sockets: &Sockets<'_>) -> bool {
    let closing = |socket: &Socket<'_>| socket.was_in(TcpState::LastAck) || socket.was_in(TcpState::FinWait1);
    sockets.iter().any(|socket| socket.was_in(TcpState::Close) && closing(&socket))
}

/// The groups to which a TCP connection belongs, and whether it has their trouble.
fn memberships(sockets: &Sockets<'_>, row: usize, config: &Thresholds) -> [Option<(KindId, bool)>; 4] {
    let socket = sockets.get(row);
    let addr = sockets.remote_addr_id(row).filter(|_| socket.protocol == Protocol::Tcp);
    let (Some(addr), port) = (addr, socket.remote_port.unwrap_or_default()) else { return [None; 4] };
    let is_inbound = socket.direction == Some(Direction::Inbound);
    let is_established = socket.was_in(TcpState::Established);
    let waits_s = socket.state_since_us.map_or(0.0, |since| (socket.last_seen_us - since) as f64 / 1e6);
    let is_left = socket.state == Some(TcpState::CloseWait) && waits_s >= config.close_wait_s;
    let half_open = if socket.was_in(TcpState::SynRecv) || is_inbound {
        KindId::HalfOpenIn(socket.local_port())
    } else {
        KindId::HalfOpenOut(addr, port)
    };
    let is_half_open = !is_established && (socket.was_in(TcpState::SynRecv) || is_unanswered(&socket));
    let service =
        if is_inbound { KindId::Resets(None, socket.local_port()) } else { KindId::Resets(Some(addr), port) };
    let is_over = socket.was_in(TcpState::Close) && is_established;
    let is_external = is_established && socket.direction != Some(Direction::Internal);
    let is_sent_again = socket.retransmits.is_some_and(|again| again > 0);
    [
        Some((half_open, is_half_open)),
        Some((KindId::CloseWait(sockets.source_id(row)), is_left)),
        is_over.then(|| (service, is_reset(&socket))),
        is_external.then_some((KindId::Retransmission(addr), is_sent_again)),
    ]
}

fn is_unanswered(socket: &Socket<'_>) -> bool {
    socket.states == States::new(&[TcpState::SynSent])
}

/// Whether it ended at once, and not step by step.
pub(super) fn is_reset(socket: &Socket<'_>) -> bool {
    const STEPS: States = States::new(&[
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::Closing,
        TcpState::CloseWait,
        TcpState::LastAck,
        TcpState::TimeWait,
    ]);
    let is_at_once = socket.was_in(TcpState::Established) && socket.was_in(TcpState::Close);
    is_at_once && !socket.states.has_any(STEPS)
}

/// The connections of a group, as they come.
#[derive(Debug, Default)]
struct Group {
    all: usize,
    ill: Vec<usize>,
    segments: u64,
    again: u64,
}

impl Group {
    fn add(&mut self, row: usize, socket: &Socket<'_>, is_ill: bool) {
        self.all += 1;
        if let Some((sent, again)) = socket.packets_sent.zip(socket.retransmits) {
            self.segments = self.segments.saturating_add(sent);
            self.again = self.again.saturating_add(u64::from(again));
        }
        if is_ill {
            self.ill.push(row);
        }
    }

    /// What the group suffers from; none if it is well.
    fn ailment<'a>(
        self,
        kind: AilmentKind<'a>,
        sockets: &Sockets<'a>,
        window_us: i64,
    ) -> Option<Ailment<'a>> {
        if self.ill.is_empty() {
            return None;
        }
        let (at_once, together_us) = most_at_once(&self.ill, sockets, kind);
        let ends = matches!(kind, AilmentKind::Resets(..));
        let (in_window, window_start_us) = most_in_window(&self.ill, sockets, window_us, ends);
        let share = match kind {
            AilmentKind::Retransmission(_) => self.again as f64 / self.segments.max(1) as f64,
            _ => self.ill.len() as f64 / self.all as f64,
        };
        let worst_us = if at_once > in_window { together_us } else { window_start_us };
        Some(Ailment { kind, rows: self.ill, at_once, in_window, worst_us, share })
    }
}

impl Ailment<'_> {
    fn meets(&self, config: &Thresholds, sockets: &Sockets<'_>) -> bool {
        match self.kind {
            AilmentKind::HalfOpenIn(_) | AilmentKind::HalfOpenOut(..) => {
                self.most() >= config.half_open as usize
            }
            AilmentKind::CloseWait(_) => self.at_once >= config.close_wait as usize,
            AilmentKind::Resets(..) => {
                self.in_window >= config.resets as usize && self.share >= config.min_reset_share
            }
            AilmentKind::Retransmission(_) => {
                self.segments(sockets) >= u64::from(config.min_segments)
                    && self.share >= config.min_retransmit_share
            }
        }
    }

    /// Most at once or within a window, whichever is more.
    pub(super) fn most(&self) -> usize {
        self.at_once.max(self.in_window)
    }

    /// Segments sent over the connections that sent some again.
    pub(super) fn segments(&self, sockets: &Sockets<'_>) -> u64 {
        self.rows.iter().filter_map(|row| sockets.get(*row).packets_sent).fold(0, u64::saturating_add)
    }
}

/// How many of some connections have their trouble at the same time, and when.
fn most_at_once(rows: &[usize], sockets: &Sockets<'_>, kind: AilmentKind<'_>) -> (usize, i64) {
    let mut changes: Vec<(i64, i32)> = Vec::with_capacity(2 * rows.len());
    for socket in sockets.walk(rows.iter().copied()) {
        let since = match kind {
            AilmentKind::CloseWait(_) => socket.state_since_us.unwrap_or(socket.first_seen_us),
            _ => socket.first_seen_us,
        };
        changes.extend([(since, 1), (socket.last_seen_us.saturating_add(1), -1)]);
    }
    changes.sort_unstable();
    let (mut now, mut most) = (0, (0, 0));
    for (ts_us, change) in changes {
        now += change;
        if now > most.0 {
            most = (now, ts_us);
        }
    }
    (usize::try_from(most.0).unwrap_or(0), most.1)
}

/// How many began (or ended) within a window, at most, and when that window began.
fn most_in_window(rows: &[usize], sockets: &Sockets<'_>, window_us: i64, ends: bool) -> (usize, i64) {
    let moment = |row: &usize| {
        if ends { sockets.get(*row).last_seen_us } else { sockets.first_seen_us(*row) }
    };
    let mut moments: Vec<i64> = rows.iter().map(moment).collect();
    moments.sort_unstable();
    let (mut from, mut most) = (0, (0, 0));
    for (to, ts_us) in moments.iter().enumerate() {
        while ts_us - moments[from] > window_us {
            from += 1;
        }
        if to - from + 1 > most.0 {
            most = (to - from + 1, moments[from]);
        }
    }
    most
}
