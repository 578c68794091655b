//! Programs on ports that are not theirs, by the table of the analysis.

use ahash::AHashSet;

use super::{Board, Detector, Life, Outcome, Party, is_beyond_local_networks, mark};
use crate::analyze::detectors::unusual_port::expected;
use crate::analyze::services;
use crate::capture::{Protocol, TcpState};
use crate::model::finding::Severity;
use crate::replay::state::Mark;
use crate::replay::view::process_name;

/// Pairs of program and port that are remembered, so that each is told once.
const MOST_TOLD: usize = 4096;

/// Port of name servers, which the C library of any program may ask.
const DNS: u16 = 53;

/// Looks for unusual ports.
#[derive(Debug, Default)]
pub(super) struct UnusualPort {
    told: AHashSet<(Party, u16)>,
    found: Vec<(String, Mark)>,
}

impl Detector for UnusualPort {
    fn appeared(&mut self, life: &Life) {
        if life.row.state != Some(TcpState::Listen) {
            return;
        }
        let Some(name) = process_name(&life.row) else { return };
        let port = life.row.local_port;
        // What is bound to loopback is a helper's: sshd forwards ports for those who log in.
        let is_reachable = !life.row.local_addr.is_loopback();
        if expected::belongs_to_others(port, name) {
            let why = format!("{} None of the programs that usually do is called so.", usual_service(port));
            self.tell(life, port, Severity::Low, format!("{name} listens on port {port}"), &why);
        } else if let Some(ports) = expected::server_ports(name)
            && is_reachable
            && !ports.contains(&port)
        {
            let why = format!("It usually listens on {}. Moved services are usual.", listed(ports));
            self.tell(life, port, Severity::Info, format!("{name} listens on port {port}"), &why);
        }
    }

    fn settled(&mut self, life: &Life, outcome: Outcome) {
        let Some((addr, port)) = life.row.remote else { return };
        if outcome != Outcome::Answered || !life.is_outgoing || !is_beyond_local_networks(addr) {
            return;
        }
        let title = format!("{} talks to port {port}", Party::here(life));
        if let Some(ports) = process_name(&life.row).and_then(expected::client_ports) {
            if port != DNS && !ports.contains(&port) {
                let why = format!("It usually talks to {}. {}", listed(ports), usual_service(port));
                self.tell(life, port, Severity::Low, title, &why);
            }
        } else if let Some(tool) = expected::tool(port).filter(|_| life.row.protocol == Protocol::Tcp) {
            let why = format!("That is the default of {tool}; other programs may use it too.");
            self.tell(life, port, Severity::Low, title, &why);
        }
    }

    fn end_tick(&mut self, _ts_us: i64, board: &mut Board) {
        for (key, mark) in self.found.drain(..) {
            board.put(key, mark);
        }
    }
}

impl UnusualPort {
    fn tell(&mut self, life: &Life, port: u16, severity: Severity, title: String, why: &str) {
        if self.told.len() < MOST_TOLD && self.told.insert((Party::here(life), port)) {
            let key = format!("unusual-port {title}");
            self.found
                .push((key, mark(life.first_us, severity, "unusual-port", title, why.trim().to_owned())));
        }
    }
}

fn usual_service(port: u16) -> String {
    services::name(Protocol::Tcp, port)
        .map_or_else(String::new, |name| format!("Port {port} belongs to {name}."))
}

fn listed(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{connection, found, socket};
    use crate::capture::TcpState::{Established, Listen, SynSent};

    #[test]
    fn programs_on_ports_of_others_are_told_once() {
        let rows = || {
            vec![
                connection(1, "ssh", "93.184.216.34:4022", Established, 10),
                connection(2, "ssh", "93.184.216.35:4022", Established, 10),
                connection(3, "x", "93.184.216.34:4444", Established, 10),
                socket(4, "python3", "0.0.0.0:22", Listen),
            ]
        };
        let found = found([rows(), rows()]);
        assert_eq!(
            found,
            [
                "low unusual-port: ssh talks to port 4022",
                "low unusual-port: x talks to port 4444",
                "low unusual-port: python3 listens on port 22",
            ]
        );
    }

    #[test]
    fn usual_ports_local_networks_and_attempts_are_none() {
        let rows = vec![
            connection(1, "ssh", "93.184.216.34:22", Established, 10),
            connection(2, "ssh", "10.0.0.7:4022", Established, 10),
            connection(3, "ssh", "93.184.216.34:4022", SynSent, 0),
            socket(4, "sshd", "0.0.0.0:22", Listen),
        ];
        assert_eq!(found([rows]), [""; 0]);
    }
}
