//! An expression of the filter language, which people type and scripts build.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netrec_fuzz::capture::{Protocol, Row};
use netrec_fuzz::filter::Filter;

fuzz_target!(|text: &str| {
    let row = Row::snapshot(1, Protocol::Tcp, ([10, 0, 0, 1].into(), 443));
    match text.parse::<Filter>() {
        Ok(filter) => {
            assert_eq!(filter.text(), text.trim());
            let again: Filter = filter.text().parse().expect("what was read once is read again");
            assert_eq!(again.matches(&row), filter.matches(&row), "the same words mean the same");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
