//! Ports on which a process begins to listen on all addresses.

use ahash::AHashSet;

use super::{Board, Detector, Life, mark};
use crate::analyze::detectors::process::rules::is_shell_or_carrier;
use crate::capture::TcpState;
use crate::model::finding::Severity;
use crate::model::processes::Process;
use crate::replay::state::Mark;
use crate::replay::view::process_name;

/// Listeners that are remembered; beyond that, one that is restarted is told again.
const MOST_HELD: usize = 4096;

/// Looks for new listeners.
#[derive(Debug, Default)]
pub(super) struct NewListener {
    /// Names and ports that were there before, or were told.
    held: AHashSet<(Option<String>, u16)>,
    found: Vec<(String, Mark)>,
}

impl Detector for NewListener {
    fn appeared(&mut self, life: &Life) {
        let row = &life.row;
        if row.state != Some(TcpState::Listen) || !row.local_addr.is_unspecified() {
            return;
        }
        if self.held.len() >= MOST_HELD {
            self.held.clear();
        }
        let name = process_name(row);
        let is_new = self.held.insert((name.map(str::to_owned), row.local_port));
        if !is_new || !life.is_new {
            return;
        }
        let severity = if waits_for_commands(life) { Severity::Medium } else { Severity::Low };
        let who = name.unwrap_or("A process");
        let title = format!("{who} began to listen on port {} of all addresses", row.local_port);
        let why = "Nobody of that name listened there when watching began. Every network of this host reaches it, \
                   as far as no firewall is in between.";
        let key = format!("new-listener {title}");
        self.found.push((key, mark(life.first_us, severity, "new listener", title, why.to_owned())));
    }

    fn end_tick(&mut self, _ts_us: i64, board: &mut Board) {
        for (key, mark) in self.found.drain(..) {
            board.put(key, mark);
        }
    }
}

/// Whether a shell or a transfer tool waits there.
fn waits_for_commands(life: &Life) -> bool {
    let owner = life.row.owner.as_deref();
    is_shell_or_carrier(&Process {
        process_name: process_name(&life.row),
        exe: owner.and_then(|owner| owner.exe.as_deref()),
        ..Process::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, socket};
    use crate::capture::TcpState::Listen;

    #[test]
    fn what_begins_to_listen_for_all_is_told_and_what_did_before_is_not() {
        let old = || vec![socket(1, "nginx", "0.0.0.0:80", Listen)];
        let new = vec![
            socket(2, "nginx", "0.0.0.0:80", Listen),
            socket(3, "python3", "[::]:8000", Listen),
            socket(4, "python3", "127.0.0.1:8001", Listen),
            socket(5, "nc", "0.0.0.0:9999", Listen),
        ];
        assert_eq!(
            found([old(), new]),
            [
                "low new listener: python3 began to listen on port 8000 of all addresses",
                "medium new listener: nc began to listen on port 9999 of all addresses",
            ]
        );
    }
}
