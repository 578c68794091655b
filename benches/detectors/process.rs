//! Programs that hide, by method, together with ordinary ones; and the ordinary ones alone.

use crate::frame::{self, CULPRIT, Chance, Flow, Tally};

/// Name, executable and method of a program that hides.
const HIDING: [(&str, &str, &str); 7] = [
    (CULPRIT, "/tmp/culprit", "in a temporary folder"),
    (CULPRIT, "/dev/shm/culprit", "in shared memory"),
    (CULPRIT, "/home/me/.cache/.x/culprit", "in a hidden folder"),
    (CULPRIT, "/opt/culprit (deleted)", "deleted"),
    (CULPRIT, "/memfd:x (deleted)", "never a file"),
    ("kworker/0:1", "/usr/local/bin/miner", "named like a kernel thread"),
    ("bash", "/usr/bin/bash", "a shell that talks outside"),
];

/// Programs with nothing to hide.
const ORDINARY: [(&str, &str); 7] = [
    ("nginx", "/usr/sbin/nginx"),
    ("python3", "/usr/bin/python3.12"),
    ("chrome", "/opt/google/chrome/chrome"),
    ("node", "/home/me/.nvm/versions/node/v22/bin/node"),
    ("cargo", "/home/me/.cargo/bin/cargo"),
    ("app", "/srv/app/bin/app"),
    ("esbuild", "/home/me/site/node_modules/.pnpm/esbuild/bin/esbuild"),
];

pub(crate) fn print() {
    frame::print_head("program");
    for (process, exe, what) in HIDING {
        let mut tally = Tally::default();
        for repeat in 0..10 {
            let mut flows = ordinary(&mut Chance::new(repeat));
            flows.push(Flow { process, exe, start_s: 30.0, ..Flow::default() });
            tally.add_by(&frame::run("process", &frame::tables(&flows, 600)), Some(process));
        }
        tally.print(what);
    }
    frame::print_calm("process");
}

fn ordinary(chance: &mut Chance) -> Vec<Flow<'static>> {
    let mut flows = frame::browsing(chance, 600.0);
    flows.extend(ORDINARY.map(|(process, exe)| Flow { process, exe, start_s: 50.0, ..Flow::default() }));
    flows
}
