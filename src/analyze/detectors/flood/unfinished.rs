//! Requests that are never finished: many connections that one client holds open and hardly uses.

use super::Thresholds;
use super::pairs::{Storm, What, by_ends, storm};
use crate::analyze::appraisal::destination;
use crate::analyze::scene::Scene;
use crate::capture::Protocol;
use crate::model::groups::Groups;
use crate::model::sockets::Socket;

/// Shortest time that such a connection is open, in seconds; an ordinary request is answered by then.
const SHORTEST_S: f64 = 10.0;

/// Most bytes that a client sends in a request that it never finishes, and that a server answers: an error or nothing. A
/// TLS server answers with more for its certificate alone.
const MOST_SENT: u64 = 4_096;
const MOST_ANSWERED: u64 = 1_024;

/// Every client that holds enough of them open at the same time.
pub(super) fn find<'a>(scene: &Scene<'a>, config: &Thresholds) -> Vec<Storm<'a>> {
    let of_all = (0..scene.sockets.len() as u32).filter(|row| is_unfinished(*row, scene));
    let pairs: Groups<_> = by_ends(scene, of_all);
    let found = pairs.iter().filter(|(_, rows)| rows.len() >= config.min_unfinished as usize);
    found
        .filter_map(|(ends, rows)| {
            let most = most_open(rows, scene);
            let is_enough = most >= config.min_unfinished as usize;
            is_enough.then(|| storm(What::Unfinished, Some(ends.port), most, rows, scene)).flatten()
        })
        .collect()
}

fn is_unfinished(row: u32, scene: &Scene<'_>) -> bool {
    let socket: Socket<'_> = scene.sockets.get(row as usize);
    if socket.protocol != Protocol::Tcp || socket.duration_s < SHORTEST_S || !socket.opened_in_recording {
        return false;
    }
    let is_web = socket.service_port().is_some_and(destination::is_web_port);
    let both = || socket.bytes_sent.zip(socket.bytes_received);
    is_web
        && socket.was_established()
        && both().is_some_and(|(sent, received)| {
            let is_here = scene.orientation.is_originator(&socket);
            let (asked, answered) = if is_here { (sent, received) } else { (received, sent) };
            (1..=MOST_SENT).contains(&asked) && answered <= MOST_ANSWERED
        })
}

/// How many of some connections were open at the same time.
fn most_open(rows: &[u32], scene: &Scene<'_>) -> usize {
    let mut events: Vec<(i64, i64)> = rows
        .iter()
        .map(|row| scene.sockets.get(*row as usize))
        .flat_map(|socket| [(socket.first_seen_us, 1), (socket.last_seen_us, -1)])
        .collect();
    events.sort_unstable();
    let running = events.iter().scan(0, |open, (_, change)| {
        *open += change;
        Some(*open)
    });
    usize::try_from(running.max().unwrap_or_default()).unwrap_or_default()
}
