//! Programs on other programs' ports, and programs with many rare ports, together with a browser;
//! and the browser alone.

use crate::frame::{self, CULPRIT, Chance, Flow, Tally};

/// A program, and a port that it does not use.
const ODD: [(&str, u16); 4] = [("ssh", 443), ("psql", 8_080), ("dig", 5_353), (CULPRIT, 4_444)];
const RARE_PORTS: [u16; 4] = [5, 10, 20, 100];
const REPEATS: u64 = 10;

pub(crate) fn print() {
    frame::print_head("odd");
    for (process, port) in ODD {
        let flows = |chance: &mut Chance| {
            vec![Flow { process, port, start_s: 500.0 * chance.uniform(), ..Flow::default() }]
        };
        cell(process, flows).print(&format!("{process} to port {port}"));
    }
    for ports in RARE_PORTS {
        let flows = |chance: &mut Chance| {
            let rare =
                |n: u16| Flow { port: 40_001 + 97 * n, start_s: 500.0 * chance.uniform(), ..Flow::default() };
            (0..ports).map(rare).collect::<Vec<_>>()
        };
        cell(CULPRIT, flows).print(&format!("{ports} rare ports of one program at one host"));
    }
    frame::print_calm("unusual-port");
}

fn cell(process: &str, flows: impl Fn(&mut Chance) -> Vec<Flow<'static>>) -> Tally {
    let mut tally = Tally::default();
    for repeat in 0..REPEATS {
        let mut chance = Chance::new(repeat);
        let mut all = frame::browsing(&mut chance, 600.0);
        all.extend(flows(&mut chance));
        tally.add_by(&frame::run("unusual-port", &frame::tables(&all, 600)), Some(process));
    }
    tally
}
