//! From first contacts to scans: thresholds in a window, and a sequential test.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Thresholds;
use super::contacts::{Contact, ContactId, Reply, Side, Transport};
use crate::model::ids::SourceId;
use crate::model::records::TextId;
use crate::model::sockets::{Sockets, Source};

/// What a scan goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ScanKind<'a> {
    /// Many ports of this host.
    Vertical(&'a str),
    /// This port of many hosts.
    Horizontal(u16),
    /// Many ports of many hosts.
    Block,
}

/// Which thresholds a scan reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Those of a scan that nobody doubts.
    Full,
    /// Only those of a small one, of which hardly anything answered.
    Small,
    /// Those of many new hosts within seconds, of which many fail and many may answer.
    Fast,
}

/// A scan: its first contacts in the order of time, and the figures that decided.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) side: Side,
    pub(super) transport: Transport,
    pub(super) source: Source<'a>,
    pub(super) kind: ScanKind<'a>,
    pub(super) size: Size,
    pub(super) contacts: Vec<Contact<'a>>,
    /// Most failed first contacts within one window.
    pub(super) most_in_window: usize,
    /// log10 of the likelihood ratio of the sequential test, scanner to benign.
    pub(super) log10_likelihood: f64,
}

impl Scan<'_> {
    /// First contacts with this reply.
    pub(super) fn count(&self, reply: Reply) -> usize {
        self.contacts.iter().filter(|contact| contact.reply == reply).count()
    }

    /// First contacts that failed.
    pub(super) fn failures(&self) -> usize {
        self.contacts.iter().filter(|contact| contact.reply.is_failure()).count()
    }

    /// Share of the first contacts that failed.
    pub(super) fn failed_share(&self) -> f64 {
        self.failures() as f64 / self.contacts.len().max(1) as f64
    }

    /// Distinct ports tried, in order.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.contacts.iter().map(|contact| contact.port).collect()
    }

    /// Distinct hosts tried, in order.
    pub(super) fn hosts(&self) -> BTreeSet<&str> {
        self.contacts.iter().map(|contact| contact.host).collect()
    }
}

/// Every scan, by side, source and target; many of one source are one.
pub(super) fn find<'a>(contacts: &[ContactId], sockets: &Sockets<'a>, config: &Thresholds) -> Vec<Scan<'a>> {
    let mut by_source: BTreeMap<(Side, Transport, Source<'a>), Vec<Scan<'a>>> = BTreeMap::new();
    for (target, contacts) in candidates(contacts, config) {
        let target = target.target(sockets);
        let contacts: Vec<Contact<'a>> = contacts.iter().map(|contact| contact.contact(sockets)).collect();
        let scan = judge(target, &contacts, config).or_else(|| fan_out(target, &contacts, config));
        if let Some(scan) = scan {
            by_source.entry((target.0, target.1, target.2)).or_default().push(scan);
        }
    }
    by_source.into_values().flat_map(|scans| merge(scans, config)).collect()
}

/// A source and what it may have scanned.
type Target<'a> = (Side, Transport, Source<'a>, ScanKind<'a>);

/// A [`Target`] by its ids, and in the order of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct TargetId {
    side: Side,
    transport: Transport,
    source: SourceId,
    kind: KindId,
}

/// A [`ScanKind`] of one target by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum KindId {
    Vertical(TextId),
    Horizontal(u16),
}

impl TargetId {
    fn target<'a>(self, sockets: &Sockets<'a>) -> Target<'a> {
        (self.side, self.transport, sockets.source(self.source), self.kind(sockets))
    }

    fn kind<'a>(self, sockets: &Sockets<'a>) -> ScanKind<'a> {
        match self.kind {
            KindId::Vertical(host) => ScanKind::Vertical(sockets.text(host)),
            KindId::Horizontal(port) => ScanKind::Horizontal(port),
        }
    }

    /// Failures that make a scan of any size.
    fn threshold(self, config: &Thresholds) -> usize {
        // It hangs on the kind alone, not on which host.
        let kind = match self.kind {
            KindId::Vertical(_) => ScanKind::Vertical(""),
            KindId::Horizontal(port) => ScanKind::Horizontal(port),
        };
        config.threshold(kind).min(config.small_threshold(kind))
    }
}

/// The contacts of every source with every target at which enough of them failed.
fn candidates(contacts: &[ContactId], config: &Thresholds) -> BTreeMap<TargetId, Vec<ContactId>> {
    let targets = |c: &ContactId| {
        // The end of a connection that was there before looks like a probe, and a host may have many of one service.
        let is_one_of_many = c.reply != Reply::Probed && !c.is_named;
        let horizontal = is_one_of_many.then_some(KindId::Horizontal(c.port));
        let vertical = (c.transport != Transport::Icmp).then_some(KindId::Vertical(c.host));
        let (side, transport, source) = (c.side, c.transport, c.source);
        [vertical, horizontal].into_iter().flatten().map(move |kind| TargetId {
            side,
            transport,
            source,
            kind,
        })
    };
    let mut failures: HashMap<TargetId, usize> = HashMap::new();
    for target in contacts.iter().filter(|contact| contact.reply.is_failure()).flat_map(targets) {
        *failures.entry(target).or_default() += 1;
    }
    failures.retain(|target, count| *count >= target.threshold(config));
    let mut groups: BTreeMap<TargetId, Vec<ContactId>> = BTreeMap::new();
    for contact in contacts {
        for target in targets(contact).filter(|target| failures.contains_key(target)) {
            groups.entry(target).or_default().push(*contact);
        }
    }
    groups
}

/// The part of a source's contacts with one target that is a scan, if there is one.
fn judge<'a>(
    (side, transport, source, kind): Target<'a>,
    contacts: &[Contact<'a>],
    config: &Thresholds,
) -> Option<Scan<'a>> {
    let reached = busiest(contacts, config.threshold(kind), config);
    let (most_in_window, (first_us, last_us)) = (reached.most_in_window, reached.span_us?);
    let contacts: Vec<Contact<'a>> = contacts
        .iter()
        .filter(|contact| (first_us..=last_us).contains(&contact.first_seen_us))
        .copied()
        .collect();
    let log10_likelihood = log10_likelihood(&contacts, config);
    let scan = Scan {
        side,
        transport,
        source,
        kind,
        size: reached.size,
        contacts,
        most_in_window,
        log10_likelihood,
    };
    (is_refused_enough(&scan, config) && log10_likelihood >= config.log10_decision()).then_some(scan)
}

/// Many new hosts on one port within seconds, whatever most of them answer.
fn fan_out<'a>(
    (side, transport, source, kind): Target<'a>,
    contacts: &[Contact<'a>],
    config: &Thresholds,
) -> Option<Scan<'a>> {
    let is_asked = matches!(kind, ScanKind::Horizontal(_)) && transport == Transport::Tcp;
    if !is_asked || side != Side::FromHere {
        return None;
    }
    let window_us = (config.fast_window_s * 1e6) as i64;
    let is_failed = |at: usize| usize::from(contacts[at].reply.is_unestablished());
    let (mut oldest, mut failed, mut most_in_window, mut span) = (0, 0, 0, None);
    for newest in 0..contacts.len() {
        failed += is_failed(newest);
        while contacts[newest].first_seen_us - contacts[oldest].first_seen_us > window_us {
            failed -= is_failed(oldest);
            oldest += 1;
        }
        let within = newest + 1 - oldest;
        if within >= config.fast_hosts as usize && failed as f64 >= config.fast_failed_share * within as f64 {
            let (first, _) = span.unwrap_or((oldest, newest));
            span = Some((first, newest));
            most_in_window = most_in_window.max(within);
        }
    }
    let (first, last) = span?;
    let contacts = contacts[first..=last].to_vec();
    let log10_likelihood = log10_likelihood(&contacts, config);
    Some(Scan { side, transport, source, kind, size: Size::Fast, contacts, most_in_window, log10_likelihood })
}

/// Whether so much failed, and so, that the program was not just out of luck.
fn is_refused_enough(scan: &Scan<'_>, config: &Thresholds) -> bool {
    if scan.size == Size::Small
        && (scan.failures() < config.small_threshold(scan.kind)
            || scan.failed_share() < config.small_failed_share)
    {
        return false;
    }
    let unestablished = scan.contacts.iter().filter(|c| c.reply.is_unestablished()).count() as f64;
    // Closed ports of this host have no socket, so a scan from outside shows open ones alone.
    scan.side == Side::FromOutside && scan.size == Size::Full
        || unestablished >= config.min_unestablished_share * scan.contacts.len() as f64
}

/// Which thresholds some contacts reach, and when.
struct Reached {
    size: Size,
    most_in_window: usize,
    /// First and last contact of the scan; none without any.
    span_us: Option<(i64, i64)>,
}

/// Most failures in one window, and the span of all windows that reach the threshold; of all
/// failures, if there are enough for a slow scan, and of all contacts, if there are too few for any
/// but a small one.
fn busiest(contacts: &[Contact<'_>], threshold: usize, config: &Thresholds) -> Reached {
    // What was under way at the end makes a small scan at most.
    let is_certain = |c: &&Contact<'_>| c.reply.is_failure() && c.reply != Reply::Pending;
    let failures: Vec<i64> = contacts.iter().filter(is_certain).map(|c| c.first_seen_us).collect();
    let window_us = (config.window_s * 1e6) as i64;
    let (mut oldest, mut most_in_window, mut span) = (0, 0, None);
    for (newest, at_us) in failures.iter().enumerate() {
        while at_us - failures[oldest] > window_us {
            oldest += 1;
        }
        let within = newest + 1 - oldest;
        most_in_window = most_in_window.max(within);
        if within >= threshold {
            let (first_us, _) = span.unwrap_or((failures[oldest], *at_us));
            span = Some((first_us, *at_us));
        }
    }
    let is_slow_scan = failures.len() as f64 >= threshold as f64 * config.slow_factor;
    let whole = failures.first().copied().zip(failures.last().copied());
    match span {
        _ if is_slow_scan => Reached { size: Size::Full, most_in_window, span_us: whole },
        // All contacts: what answered after the last failure speaks against a small scan too.
        None => {
            let span_us = contacts.first().zip(contacts.last());
            let span_us = span_us.map(|(first, last)| (first.first_seen_us, last.first_seen_us));
            Reached { size: Size::Small, most_in_window, span_us }
        }
        span_us => Reached { size: Size::Full, most_in_window, span_us },
    }
}

/// log10 of the likelihood ratio: how much better "a scanner" explains the replies than "not".
fn log10_likelihood(contacts: &[Contact<'_>], config: &Thresholds) -> f64 {
    let (benign, scanner) = (config.success_if_benign, config.success_if_scanner);
    let success = (scanner / benign).log10();
    let failure = ((1.0 - scanner) / (1.0 - benign)).log10();
    contacts.iter().map(|c| if c.reply.is_failure() { failure } else { success }).sum()
}

/// One finding for a source that scanned many hosts and many ports.
fn merge<'a>(mut scans: Vec<Scan<'a>>, config: &Thresholds) -> Vec<Scan<'a>> {
    if scans.len() <= config.max_separate as usize {
        return scans;
    }
    let most_in_window = scans.iter().map(|scan| scan.most_in_window).max().unwrap_or(0);
    let (side, transport, source) = (scans[0].side, scans[0].transport, scans[0].source);
    let mut contacts: Vec<Contact<'a>> =
        scans.iter_mut().flat_map(|s| std::mem::take(&mut s.contacts)).collect();
    contacts.sort_by_key(|contact| (contact.first_seen_us, contact.row));
    contacts.dedup_by_key(|contact| contact.row);
    let log10_likelihood = log10_likelihood(&contacts, config);
    let is_full = scans.iter().any(|scan| scan.size == Size::Full);
    vec![Scan {
        side,
        transport,
        source,
        kind: ScanKind::Block,
        size: if is_full { Size::Full } else { Size::Small },
        contacts,
        most_in_window,
        log10_likelihood,
    }]
}
