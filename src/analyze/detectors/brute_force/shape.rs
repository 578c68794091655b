//! What tells guesses from the polling, pooling and automation that use the same services.

use std::collections::BTreeMap;

use super::sessions::{from_client, from_server};
use super::web;
use crate::analyze::peers::{Peer, Side, is_by_any_clock, is_by_loop, is_by_slow_clock, most_within};
use crate::capture::Protocol;
use crate::model::sockets::{Socket, Sockets};
use crate::model::stats;

/// Services at which people log in, for a session that lasts: SSH, FTP, Telnet, RDP, VNC.
const INTERACTIVE: [u16; 9] = [21, 22, 23, 2222, 2323, 3389, 5900, 5901, 22_222];

/// Services that programs ask all day, in short sessions: mail, directories, files, databases, telephone exchanges, `WinRM`.
const POLLED: [u16; 21] = [
    25, 88, 110, 139, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521, 3306, 5060, 5061, 5432, 5985, 5986,
    6379,
];

/// Web servers, of which the login is one page of many,
/// and portals: of VPNs (10443, 4443, 9443), hosting panels (2083, 2087, 10000) and hypervisors (8006).
const WEB: [u16; 17] = [
    80, 443, 2_083, 2_087, 4_433, 4_443, 8_000, 8_006, 8_008, 8_080, 8_081, 8_088, 8_443, 8_888, 9_443,
    10_000, 10_443,
];

/// Directories, which other services ask for each login of their own users; nearly all of these are right.
const DIRECTORIES: [u16; 2] = [389, 636];

/// What Active Directory sends to refuse a login, in bytes: an error with its reason in text. A success has 22, and what is found more.
const DIRECTORY_REFUSAL_BYTES: std::ops::RangeInclusive<f64> = 60.0..=200.0;

/// A refused login is the same dialog each time: by how much its bytes may differ from the median.
const ALIKE: f64 = 0.25;

/// Shares of the sessions that must be alike. Guesses of one client differ by where it hangs up.
const MOSTLY_ALIKE: f64 = 0.6;
const HARDLY_DIFFERENT: f64 = 0.8;
const ALL_ALIKE: f64 = 0.9;

/// What a server sends at most, in bytes, to refuse a login by SMB or at a database; results are longer.
const MOST_REFUSAL_BYTES: f64 = 2_000.0;

/// What a Kerberos server sends at most, in bytes, to refuse a password or to say that there is no such user (KRB-ERROR,
/// RFC 4120); a ticket has three times as much or more.
const KERBEROS: u16 = 88;
const MOST_KERBEROS_ERROR_BYTES: f64 = 400.0;

/// Within the network, programs reach this number of sessions in an hour and not in a minute.
const MINUTE_US: i64 = 60_000_000;

/// From outside, mail clients come once a minute at most.
const TEN_MINUTES_US: i64 = 600_000_000;

/// The protocols of [`INTERACTIVE`] services, which a payload shows on any port.
const INTERACTIVE_PROTOCOLS: [&str; 5] = ["ftp", "rdp", "ssh", "telnet", "vnc"];

/// Where phones register, and callers guess who has one.
const SIP: u16 = 5060;

/// Whether a connection may be a session with a login service: TCP, and of Kerberos and SIP UDP too.
pub(super) fn is_session(protocol: Protocol, port: u16) -> bool {
    protocol == Protocol::Tcp || protocol == Protocol::Udp && [KERBEROS, SIP].contains(&port)
}

/// Whether a service asks for a password.
pub(super) fn is_login(port: u16) -> bool {
    INTERACTIVE.contains(&port) || POLLED.contains(&port)
}

/// Whether people, and not programs, log in there.
pub(super) fn is_interactive(port: u16) -> bool {
    INTERACTIVE.contains(&port)
}

/// The protocol by which people log in, if a payload is of one.
pub(super) fn interactive_protocol<'a>(socket: &Socket<'a>) -> Option<&'a str> {
    socket.app_protocol.filter(|protocol| INTERACTIVE_PROTOCOLS.contains(protocol))
}

/// Whether a web server is asked there.
pub(super) fn is_web(port: u16) -> bool {
    WEB.contains(&port)
}

/// Some sessions of one client, or of several, with one kind of service.
pub(super) struct Shape<'m, 'a> {
    pub(super) sockets: &'m Sockets<'a>,
    pub(super) peer: Peer<'a>,
    pub(super) rows: &'m [usize],
}

impl Shape<'_, '_> {
    fn starts(&self) -> Vec<i64> {
        self.rows.iter().map(|row| self.sockets.first_seen_us(*row)).collect()
    }

    /// Whether they are those of a job or a monitor: a tool that waits a minute or longer between two guesses hides, and one
    /// that hides has no fixed clock. Nobody outside has a job here that logs in.
    pub(super) fn is_polling(&self) -> bool {
        let is_from_outside = self.peer.side == Side::Server
            && self.rows.iter().all(|row| self.sockets.get(*row).is_beyond_local_networks());
        !is_from_outside && is_by_slow_clock(&self.starts())
    }

    /// Whether the server's part of the dialog is mostly the same.
    pub(super) fn is_mostly_alike(&self) -> bool {
        self.alike(from_server) >= MOSTLY_ALIKE
    }

    /// Whether they are the same request and the same answer each time, a hundred in ten minutes, and not by a clock. A
    /// page has many parts of different sizes, and a program that needs its server that often keeps a connection open.
    pub(super) fn are_web_guesses(&self) -> bool {
        let starts = self.starts();
        most_within(&starts, TEN_MINUTES_US) >= web::LEAST
            && self.alike(from_server) >= ALL_ALIKE
            && self.alike(from_client) >= ALL_ALIKE
            && self.is_of_one_name()
            && !self.is_timed(&starts)
    }

    /// Whether a clock starts them. Who guesses from here goes on as soon as there is an answer; a script that waits for as long
    /// each time polls.
    fn is_timed(&self, starts: &[i64]) -> bool {
        if self.peer.side == Side::Client { is_by_loop(starts) } else { is_by_any_clock(starts) }
    }

    /// Whether the sessions of which the server's name is known are nearly all with one: a login is at one name, and an
    /// address with several is that of a hoster or a content delivery network.
    fn is_of_one_name(&self) -> bool {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for row in self.rows {
            if let Some(name) = self.sockets.get(*row).remote_name {
                *names.entry(name).or_default() += 1;
            }
        }
        let (all, most) = (names.values().sum::<usize>(), names.values().max().copied().unwrap_or_default());
        most as f64 >= ALL_ALIKE * all as f64
    }

    /// Share of the sessions whose bytes are about the median; unknown ones count.
    fn alike(&self, bytes: fn(&Socket<'_>, &Peer<'_>) -> Option<u64>) -> f64 {
        let all: Vec<Option<f64>> = self
            .rows
            .iter()
            .map(|row| bytes(&self.sockets.get(*row), &self.peer).map(|b| b as f64))
            .collect();
        let known = stats::sorted(all.iter().flatten().copied());
        let Some(median) = stats::median(&known) else { return 1.0 };
        let is_near = |bytes: &&Option<f64>| bytes.is_none_or(|b| (b - median).abs() <= ALIKE * median);
        all.iter().filter(is_near).count() as f64 / all.len().max(1) as f64
    }

    /// Whether they are guesses, and not a program at work, at a service that programs ask all day: more at once than
    /// those, each the same dialog, and within the network no answer but a short one.
    pub(super) fn are_guesses_where_programs_ask(&self, min_sessions: usize) -> bool {
        let is_same_dialog =
            self.alike(from_server) >= HARDLY_DIFFERENT && self.alike(from_client) >= HARDLY_DIFFERENT;
        let is_inside = self.rows.iter().all(|row| !self.sockets.get(*row).is_beyond_local_networks());
        let is_many = |width_us| most_within(&self.starts(), width_us) >= min_sessions;
        if !is_inside {
            return is_same_dialog && is_many(TEN_MINUTES_US);
        }
        let answers = stats::sorted(
            self.rows
                .iter()
                .filter_map(|row| from_server(&self.sockets.get(*row), &self.peer))
                .map(|bytes| bytes as f64),
        );
        let most = if self.peer.port == KERBEROS { MOST_KERBEROS_ERROR_BYTES } else { MOST_REFUSAL_BYTES };
        let answer = stats::median(&answers);
        let is_refused = if DIRECTORIES.contains(&self.peer.port) {
            answer.is_some_and(|bytes| DIRECTORY_REFUSAL_BYTES.contains(&bytes))
        } else {
            answer.is_none_or(|bytes| bytes <= most)
        };
        is_same_dialog && is_refused && is_many(MINUTE_US)
    }
}
