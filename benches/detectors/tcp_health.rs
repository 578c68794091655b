//! Floods, leaks, reset storms and bad paths by size, together with a browser; and the browser alone.

use crate::frame::{self, Chance, Fate, Flow, Tally};

const SIZES: [u32; 4] = [20, 60, 200, 1_000];
const REPEATS: u64 = 10;
/// Number of segments of an upload on a bad path.
const SEGMENTS: u64 = 2_000;

pub(crate) fn print() {
    frame::print_head("ailment");
    for (fate, what) in [
        (Fate::HalfOpen, "half-open connections from outside within 5 s"),
        (Fate::LeftWaiting, "sockets left in CLOSE_WAIT"),
        (Fate::Reset, "connections of a service reset within 5 s"),
    ] {
        for size in SIZES {
            let flows = |chance: &mut Chance| (0..size).map(|n| ailing(chance, fate, n)).collect::<Vec<_>>();
            cell(flows).print(&format!("{size} {what}"));
        }
    }
    for percent in [2, 6, 15] {
        let path = |_: &mut Chance| {
            let retransmits = (SEGMENTS * percent / 100) as u32;
            vec![Flow {
                start_s: 60.0,
                seconds: 60.0,
                sent: SEGMENTS * 1_400,
                retransmits,
                ..Flow::default()
            }]
        };
        cell(path).print(&format!("{percent} % of {SEGMENTS} segments sent again"));
    }
    frame::print_calm("tcp-health");
}

fn cell(flows: impl Fn(&mut Chance) -> Vec<Flow<'static>>) -> Tally {
    let mut tally = Tally::default();
    for repeat in 0..REPEATS {
        let mut chance = Chance::new(repeat);
        let mut all = frame::browsing(&mut chance, 600.0);
        all.extend(flows(&mut chance));
        tally.add(&frame::run("tcp-health", &frame::tables(&all, 600)), true);
    }
    tally
}

fn ailing(chance: &mut Chance, fate: Fate, n: u32) -> Flow<'static> {
    let start_s = 100.0 + 5.0 * chance.uniform();
    let seconds = if fate == Fate::LeftWaiting { 400.0 } else { 3.0 };
    let addr = match fate {
        Fate::HalfOpen => format!("203.0.{}.{}", n / 250, 1 + n % 250),
        _ => "203.0.113.66".to_owned(),
    };
    Flow { addr, start_s, seconds, fate, ..Flow::default() }
}
