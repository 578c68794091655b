//! One outlier among a browser's connections, by the property in which it differs; and the browser alone.

use crate::frame::{self, Chance, Flow, Tally};

const REPEATS: u64 = 20;

pub(crate) fn print() {
    frame::print_head("one connection among those of an hour");
    let odd: [(&str, Flow<'static>); 5] = [
        ("10 MB sent", Flow { sent: 10_000_000, ..Flow::default() }),
        ("1 GB sent in 20 min", Flow { sent: 1_000_000_000, seconds: 1_200.0, ..Flow::default() }),
        ("an idle hour", Flow { seconds: 3_500.0, sent: 10, received: 10, ..Flow::default() }),
        ("another port", Flow { port: 31_337, ..Flow::default() }),
        ("another port, an idle hour", Flow { port: 31_337, seconds: 3_500.0, sent: 10, ..Flow::default() }),
    ];
    for (what, flow) in odd {
        let mut tally = Tally::default();
        for repeat in 0..REPEATS {
            let mut flows = frame::browsing(&mut Chance::new(repeat), 3_600.0);
            flows.push(Flow { start_s: 60.0, addr: flow.addr.clone(), ..flow });
            tally.add(&frame::run("isolation-forest", &frame::tables(&flows, 3_600)), true);
        }
        tally.print(what);
    }
    frame::print_calm("isolation-forest");
}
