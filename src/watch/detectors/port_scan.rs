//! Port scans within the sliding window: many first contacts in vain with the ports of a host, or
//! with a port of many hosts.

use std::collections::VecDeque;
use std::net::IpAddr;

use ahash::{AHashMap, AHashSet};

use super::{Board, Detector, Life, Outcome, Party, is_beyond_local_networks, mark};
use crate::analyze::detectors::port_scan::Thresholds;
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::finding::Severity;
use crate::model::records::Scope;
use crate::model::scope::scope;

/// First contacts of one source that are remembered; the oldest are forgotten first.
const MOST_CONTACTS: usize = 20_000;

/// Sources that are remembered at once; another one is not judged.
const MOST_SOURCES: usize = 4096;

/// From this many first contacts on, a scan that leaves the host is a sweep, not a check.
const SWEEP_CONTACTS: u32 = 100;

/// Looks for port scans.
#[derive(Debug, Default)]
pub(super) struct PortScan {
    thresholds: Thresholds,
    sources: AHashMap<(Side, Party), Source>,
}

/// On which side of the host a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    FromHere,
    FromOutside,
}

/// What is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    /// Ports of a host.
    Host(IpAddr),
    /// A port of many hosts.
    Port(u16),
}

#[derive(Debug, Clone, Copy)]
struct Contact {
    ts_us: i64,
    addr: IpAddr,
    port: u16,
    in_vain: bool,
}

/// First contacts with a target.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    in_vain: u32,
    answered: u32,
    /// The first one of a scan that was told.
    told_us: Option<i64>,
}

/// The first contacts of a source within the window.
#[derive(Debug, Default)]
struct Source {
    contacts: VecDeque<Contact>,
    known: AHashSet<(IpAddr, u16)>,
    tallies: AHashMap<Target, Tally>,
    /// Targets with a new contact since the last snapshot.
    touched: AHashSet<Target>,
}

impl Detector for PortScan {
    fn settled(&mut self, life: &Life, outcome: Outcome) {
        let Some((addr, port)) = life.row.remote.filter(|_| life.is_new) else { return };
        if life.row.protocol != Protocol::Tcp {
            return;
        }
        let (who, addr, port) = if life.is_outgoing {
            ((Side::FromHere, Party::here(life)), addr, port)
        } else if scope(addr) == Scope::Loopback || addr == life.row.local_addr {
            // Counted on the side that connects.
            return;
        } else {
            ((Side::FromOutside, Party::Address(addr)), life.row.local_addr, life.row.local_port)
        };
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&who) {
            return;
        }
        let in_vain = outcome == Outcome::InVain;
        self.sources.entry(who).or_default().add(Contact { ts_us: life.first_us, addr, port, in_vain });
    }

    fn end_tick(&mut self, ts_us: i64, board: &mut Board) {
        let oldest_us = ts_us - (self.thresholds.window_s * 1e6) as i64;
        let thresholds = &self.thresholds;
        self.sources.retain(|(side, party), source| {
            source.forget(oldest_us);
            for target in std::mem::take(&mut source.touched) {
                source.judge((*side, party), target, thresholds, board);
            }
            !source.contacts.is_empty()
        });
    }
}

impl Source {
    fn add(&mut self, contact: Contact) {
        // Only the first contact with a port counts.
        if !self.known.insert((contact.addr, contact.port)) {
            return;
        }
        if self.contacts.len() >= MOST_CONTACTS {
            self.forget_oldest();
        }
        for target in contact.targets() {
            let tally = self.tallies.entry(target).or_default();
            tally.in_vain += u32::from(contact.in_vain);
            tally.answered += u32::from(!contact.in_vain);
            self.touched.insert(target);
        }
        self.contacts.push_back(contact);
    }

    fn forget(&mut self, oldest_us: i64) {
        while self.contacts.front().is_some_and(|contact| contact.ts_us < oldest_us) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(contact) = self.contacts.pop_front() else { return };
        self.known.remove(&(contact.addr, contact.port));
        for target in contact.targets() {
            let Some(tally) = self.tallies.get_mut(&target) else { continue };
            tally.in_vain -= u32::from(contact.in_vain);
            tally.answered -= u32::from(!contact.in_vain);
            if tally.in_vain + tally.answered == 0 {
                self.tallies.remove(&target);
            }
        }
    }

    fn judge(
        &mut self,
        (side, party): (Side, &Party),
        target: Target,
        thresholds: &Thresholds,
        board: &mut Board,
    ) {
        let Some(tally) = self.tallies.get(&target).copied() else { return };
        let enough = match target {
            Target::Host(_) => thresholds.ports,
            Target::Port(_) => thresholds.hosts,
        };
        if tally.in_vain < enough || !tally.is_a_scanners(thresholds) {
            return;
        }
        let first = self.contacts.iter().find(|contact| contact.targets().contains(&target));
        let since_us = tally.told_us.or(first.map(|contact| contact.ts_us)).unwrap_or_default();
        if let Some(tally) = self.tallies.get_mut(&target) {
            tally.told_us = Some(since_us);
        }
        let told = self.tallies.values().filter(|tally| tally.told_us.is_some()).count();
        if told > thresholds.max_separate as usize {
            self.tell_all((side, party), board);
            return;
        }
        let (tried, in_vain) = (tally.in_vain + tally.answered, tally.in_vain);
        let title = match target {
            Target::Host(addr) => format!("{party} scanned {tried} ports of {addr}"),
            Target::Port(port) => format!("{party} scanned port {port} of {tried} hosts"),
        };
        let explanation = format!(
            "{tried} first contacts within {}, of which {in_vain} were refused, not answered or closed without a \
             byte; {enough} make a scan.",
            words::duration(thresholds.window_s),
        );
        let severity = severity(side, party, tried, self.leaves());
        board.put(
            format!("port-scan {side:?} {party} {target:?} {since_us}"),
            mark(since_us, severity, "port-scan", title, explanation),
        );
    }

    /// More targets than are told one by one are one scan.
    fn tell_all(&self, (side, party): (Side, &Party), board: &mut Board) {
        let hosts: AHashSet<IpAddr> = self.contacts.iter().map(|contact| contact.addr).collect();
        let ports: AHashSet<u16> = self.contacts.iter().map(|contact| contact.port).collect();
        let in_vain = self.contacts.iter().filter(|contact| contact.in_vain).count();
        let since_us = self.tallies.values().filter_map(|tally| tally.told_us).min().unwrap_or_default();
        let title = format!("{party} scanned {} ports on {} hosts", ports.len(), hosts.len());
        let explanation = format!("{} first contacts, of which {in_vain} were in vain.", self.contacts.len());
        let severity = severity(side, party, self.contacts.len() as u32, self.leaves());
        board.put(
            format!("port-scan {side:?} {party} all {since_us}"),
            mark(since_us, severity, "port-scan", title, explanation),
        );
    }

    /// Whether it goes to other hosts.
    fn leaves(&self) -> bool {
        self.contacts.iter().any(|contact| scope(contact.addr) != Scope::Loopback)
    }
}

impl Contact {
    fn targets(&self) -> [Target; 2] {
        [Target::Host(self.addr), Target::Port(self.port)]
    }
}

impl Tally {
    /// The sequential test of the analysis: whether a scanner explains the replies so much better.
    fn is_a_scanners(self, thresholds: &Thresholds) -> bool {
        let (benign, scanner) = (thresholds.success_if_benign, thresholds.success_if_scanner);
        let failure = ((1.0 - scanner) / (1.0 - benign)).log10();
        let success = (scanner / benign).log10();
        let likelihood = f64::from(self.in_vain) * failure + f64::from(self.answered) * success;
        likelihood >= (thresholds.detection / thresholds.false_alarm).log10()
    }
}

fn severity(side: Side, party: &Party, tried: u32, leaves: bool) -> Severity {
    match (side, party) {
        // Every public address is scanned all day.
        (Side::FromOutside, Party::Address(addr)) if is_beyond_local_networks(*addr) => Severity::Low,
        (Side::FromHere, _) if leaves && tried >= SWEEP_CONTACTS => Severity::High,
        _ => Severity::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{closed, connection, found};
    use crate::capture::TcpState::{Close, Established};

    #[test]
    fn ports_of_a_host_that_refuse_are_a_scan_which_grows() {
        let refused = |port: u64| closed(connection(port, "nmap", &format!("10.0.0.7:{port}"), Close, 0));
        let ticks = |most: u64| [vec![], (1..15).map(refused).collect(), (15..=most).map(refused).collect()];
        assert_eq!(found(ticks(14)), [""; 0]);
        assert_eq!(found(ticks(20)), ["medium port-scan: nmap scanned 20 ports of 10.0.0.7"]);
        assert_eq!(found(ticks(300)), ["high port-scan: nmap scanned 300 ports of 10.0.0.7"]);
    }

    #[test]
    fn a_port_of_many_hosts_is_a_scan() {
        let refused = |host: u64| closed(connection(host, "worm", &format!("10.0.0.{host}:22"), Close, 0));
        assert_eq!(
            found([vec![], (1..=30).map(refused).collect()]),
            ["medium port-scan: worm scanned port 22 of 30 hosts"]
        );
    }

    #[test]
    fn what_mostly_answers_or_was_there_before_is_none() {
        let answered = |port: u64| connection(port, "app", &format!("10.0.0.7:{port}"), Established, 10);
        let refused = |port: u64| closed(connection(port, "app", &format!("10.0.0.7:{port}"), Close, 0));
        assert_eq!(found([vec![], (1..60).map(answered).chain((100..120).map(refused)).collect()]), [""; 0]);
        assert_eq!(found([(1..60).map(refused).collect()]), [""; 0]);
    }

    #[test]
    fn a_scan_from_outside_is_told_of_the_one_who_scans() {
        let taken = |port: u64| {
            let mut row = connection(port, "sshd", "192.168.1.9:50000", Close, 0);
            row.local_port = port as u16;
            row.prev_state = Some(crate::capture::TcpState::SynRecv);
            closed(row)
        };
        let listener = |port: u64| {
            let local = format!("0.0.0.0:{port}");
            super::super::testing::socket(1000 + port, "sshd", &local, crate::capture::TcpState::Listen)
        };
        let listeners = || (1..=20).map(listener);
        let found = found([listeners().collect(), listeners().chain((1..=20).map(taken)).collect()]);
        assert!(
            found.contains(&"medium port-scan: 192.168.1.9 scanned 20 ports of 10.0.0.1".to_owned()),
            "{found:?}"
        );
    }
}
