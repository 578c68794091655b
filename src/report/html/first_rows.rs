//! The first connections as a plain table, for the page without its script.

use super::findings::endpoint;
use super::view::{Table, or_unknown};
use crate::humanize::{bytes, count, second_utc};
use crate::model::frame::{DataFrame, Int64Type, UInt16Type, UInt64Type};
use crate::model::view::{Numbers, Words};

/// Rows shown without script and in print.
const MOST_ROWS: usize = 50;

/// The first rows of the table of connections.
pub(super) fn of(frame: &DataFrame) -> Table {
    let text = |name: &str| Words::of(frame, name).ok();
    let total = |name: &str| Numbers::<UInt64Type>::of(frame, name).ok();
    let port = |name: &str| Numbers::<UInt16Type>::of(frame, name).ok();
    let opened = Numbers::<Int64Type>::of(frame, "first_seen_us").ok();
    let names = ["process_name", "protocol", "direction", "state"].map(text);
    let local = (text("local_addr"), port("local_port"));
    let remote = (text("remote_addr"), port("remote_port"));
    let moved = ["recorded_sent", "recorded_received"].map(total);
    let word = |column: &Option<Words<'_>>, row| column.as_ref()?.get(row).map(str::to_owned);
    let shown = |(addr, port): &(Option<Words<'_>>, Option<Numbers<'_, UInt16Type>>), row| {
        endpoint(word(addr, row).as_ref(), port.as_ref().and_then(|port| port.get(row)))
    };
    let cells = |row| {
        let mut cells =
            vec![or_unknown(opened.as_ref().and_then(|opened| opened.get(row)), |us: i64| second_utc(us))];
        cells.extend(names.iter().map(|name| or_unknown(word(name, row), |word| word)));
        cells.insert(4, or_unknown(shown(&local, row), |text| text));
        cells.insert(5, or_unknown(shown(&remote, row), |text| text));
        let amounts = moved.iter().map(|column| column.as_ref().and_then(|column| column.get(row)));
        cells.extend(amounts.map(|amount| or_unknown(amount, |amount| bytes(amount as f64))));
        cells
    };
    let height = frame.height();
    let caption = match height {
        0 => "No connection".to_owned(),
        _ if height > MOST_ROWS => format!("The first {MOST_ROWS} of {}", count(height as u64)),
        _ => "Every connection and listening socket".to_owned(),
    };
    let header =
        ["first seen", "process", "protocol", "direction", "local", "remote", "state", "sent", "received"];
    Table::of_text(caption, &header, (0..height.min(MOST_ROWS)).map(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::humanize::UNKNOWN;
    use crate::report::fixture;

    #[test]
    fn a_row_has_a_cell_for_every_heading() {
        let table = of(&fixture::analysis().tables.connections);
        assert_eq!(table.rows.len(), 4);
        assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
        assert_eq!(table.rows[1][1], "curl");
        assert_eq!(table.rows[1][4..7], ["192.0.2.10:40001", "[2001:db8::1]:443", "CLOSE_WAIT"]);
        assert_eq!(table.rows[3][5], UNKNOWN);
    }

    #[test]
    fn a_long_table_is_cut_and_says_so() {
        let table = of(&fixture::large(1_000).tables.connections);
        assert_eq!((table.rows.len(), table.caption.contains("The first 50 of")), (50, true));
        assert_eq!(of(&fixture::empty().tables.connections).caption, "No connection");
    }
}
