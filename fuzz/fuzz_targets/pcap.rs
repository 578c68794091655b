//! A whole file, pcap or pcapng, into flows and rows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::capture::Row;
use netrec_fuzz::import::flow::{Frame, Limits, Sink, Tracker};
use netrec_fuzz::import::pcap::frames;

/// Counts rows, and looks at what must hold for each.
#[derive(Default)]
struct Rows(u64);

impl Sink for Rows {
    fn row(&mut self, row: &Row) {
        assert!(row.ts_us >= 0 && row.mono_ns >= 0);
        self.0 += 1;
    }
}

fuzz_target!(|file: &[u8]| {
    // A small table, so that eviction is reached too.
    let mut tracker = Tracker::new(Limits { flows: 8 });
    let mut rows = Rows::default();
    let read = frames::read(file, |frame| {
        let frames::Frame { link, ts_ns, data, wire_bytes, interface } = frame;
        let interface = u64::from(interface);
        tracker.take_frame(&Frame { link, ts_ns, data, wire_bytes, interface }, &mut rows);
    });
    assert!(read.is_ok(), "a slice cannot fail");
    tracker.finish(&mut rows);
    // A packet opens a flow (two rows), changes it (one) and may end another (one). A DNS question
    // is a row, and takes five bytes at least.
    assert!(rows.0 <= 5 * tracker.account().packets + file.len() as u64 / 5);
});
