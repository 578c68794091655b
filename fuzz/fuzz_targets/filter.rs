//! An expression of the filter language, which people type and scripts build.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::capture::{Protocol, Row};
use netrec_fuzz::filter::{Filter, Hits};

fuzz_target!(|text: &str| {
    let row = Row::snapshot(1, Protocol::Tcp, ([10, 0, 0, 1].into(), 443));
    match text.parse::<Filter>() {
        Ok(filter) => {
            assert_eq!(filter.text(), text.trim());
            let mut hits = Hits::default();
            filter.add(&mut hits, &row);
            assert_eq!(filter.selects(hits), filter.matches(&row), "of one row both are the same");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
