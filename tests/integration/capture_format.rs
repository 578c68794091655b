//! The capture format: rows survive a round trip, and the published schema matches the code.

use std::fs;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch, StringArray};
use arrow_schema::DataType;
use netrec::capture::schema::{COLUMNS, published};
use netrec::capture::{
    Application, CaptureFile, Column, Counters, Kind, Metadata, Protocol, Query, Row, TcpState,
};
use netrec::capture::{SourceReport, SourceStatus};
use proptest::prelude::*;

use crate::fixture;

/// Set this to rewrite the published schema instead of comparing it.
const UPDATE: &str = "UPDATE";

#[test]
fn the_published_schema_is_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/capture.v1.json");
    let code = serde_json::to_string_pretty(&published()).unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        fs::write(path, &code).unwrap();
    }
    let file = fs::read_to_string(path).unwrap();
    assert!(file == code, "schemas/capture.v1.json is stale: run the tests once with {UPDATE}=1");
}

#[test]
fn rows_lie_by_connection_then_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let mut rows = fixture::rows(20, 5);
    rows.reverse();
    fixture::write(&path, &rows, &fixture::metadata(20));

    let capture = CaptureFile::open(&path).unwrap();
    let mut keys = Vec::new();
    for batch in capture.row_group(0, &[Column::ConnId, Column::Ts]).unwrap() {
        let batch = batch.unwrap();
        let ts = batch.column_by_name("ts").unwrap().as_primitive::<TimestampMicrosecondType>();
        let id = batch.column_by_name("conn_id").unwrap().as_primitive::<UInt64Type>();
        keys.extend(id.values().iter().copied().zip(ts.values().iter().copied()));
    }
    assert_eq!(keys.len(), 20 * 6);
    assert!(keys.is_sorted());
}

#[test]
fn metadata_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let metadata = Metadata {
        host_name: Some("\"quoted\"\nhost".to_owned()),
        boot_id: Some("12345".to_owned()),
        events_lost: Some(3),
        privileges: vec!["root".to_owned()],
        sources: vec![SourceReport {
            name: "sock_diag".to_owned(),
            status: SourceStatus::Ran,
            detail: "all".to_owned(),
        }],
        ..fixture::metadata(1)
    };
    fixture::write(&path, &fixture::rows(1, 1), &metadata);
    let expected = Metadata { rows: 2, format_version: 1, ..metadata };
    assert_eq!(*CaptureFile::open(&path).unwrap().metadata(), expected);
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        netrec::capture::Writer::create(&folder.path().join("c.parquet"), netrec::capture::Overwrite::Never)
            .unwrap();
    writer.push(&fixture::rows(1, 0)[0]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any writable row is read back column for column.
    #[test]
    fn any_rows_come_back(rows in proptest::collection::vec(any_row(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.parquet");
        fixture::write(&path, &rows, &fixture::metadata(1));
        let mut expected: Vec<&Row> = rows.iter().collect();
        expected.sort_by_key(|row| (row.conn_id, row.ts_us));

        let capture = CaptureFile::open(&path).unwrap();
        let columns: Vec<Column> = COLUMNS.iter().map(|c| c.column).collect();
        let batch = capture.row_group(0, &columns).unwrap().next().unwrap().unwrap();
        prop_assert_eq!(batch.num_rows(), rows.len());
        for (i, row) in expected.iter().enumerate() {
            prop_assert_eq!(cell(&batch, "remote_name", i), row.remote_name.as_deref().map(str::to_owned));
            prop_assert_eq!(cell(&batch, "local_addr", i), Some(row.local_addr.to_canonical().to_string()));
            prop_assert_eq!(cell(&batch, "remote_addr", i), row.remote.map(|(a, _)| a.to_canonical().to_string()));
            prop_assert_eq!(cell(&batch, "local_port", i), row.local_port().map(|p| p.to_string()));
            prop_assert_eq!(cell(&batch, "remote_port", i), row.remote_port().map(|p| p.to_string()));
            prop_assert_eq!(cell(&batch, "protocol", i), Some(row.protocol.as_str().to_owned()));
            prop_assert_eq!(cell(&batch, "protocol_number", i), row.protocol_number.map(|n| n.to_string()));
            let query = row.query.as_deref();
            prop_assert_eq!(cell(&batch, "query_name", i), query.map(|query| query.name.clone()));
            prop_assert_eq!(cell(&batch, "query_type", i), query.and_then(|query| query.query_type.clone()));
            let code = query.and_then(|query| query.response_code.clone());
            prop_assert_eq!(cell(&batch, "response_code", i), code);
            prop_assert_eq!(cell(&batch, "answers", i), query.and_then(|query| query.answers.clone()));
            let application = row.application.as_deref().cloned().unwrap_or_default();
            prop_assert_eq!(cell(&batch, "app_protocol", i), application.protocol.map(String::from));
            prop_assert_eq!(cell(&batch, "ja3", i), application.ja3);
            prop_assert_eq!(cell(&batch, "ja4", i), application.ja4);
            prop_assert_eq!(cell(&batch, "tls_subject", i), application.tls_subject);
            prop_assert_eq!(cell(&batch, "tls_issuer", i), application.tls_issuer);
            prop_assert_eq!(cell(&batch, "kind", i), Some(row.kind.as_str().to_owned()));
            prop_assert_eq!(cell(&batch, "state", i), row.state.map(|s| s.as_str().to_owned()));
            prop_assert_eq!(cell(&batch, "bytes_sent", i), row.counters.bytes_sent.map(|b| b.to_string()));
            prop_assert_eq!(cell(&batch, "rtt_us", i), row.counters.rtt_us.map(|b| b.to_string()));
            prop_assert_eq!(cell(&batch, "pid", i), None);
        }
    }
}

/// A cell as text; `None` if it is null.
fn cell(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let array = batch.column_by_name(column).unwrap();
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Dictionary(..) => {
            let words = array.as_dictionary::<Int32Type>().downcast_dict::<StringArray>().unwrap();
            words.into_iter().nth(row).flatten().unwrap().to_owned()
        }
        other => panic!("no column read here has the type {other}"),
    })
}

prop_compose! {
    fn any_row()(
        conn_id in 0..5_u64,
        ts_us in 0..4_i64,
        local in any::<std::net::IpAddr>(),
        remote in any::<Option<(std::net::IpAddr, u16)>>(),
        name in any::<Option<String>>(),
        state in proptest::option::of(proptest::sample::select(TcpState::ALL)),
        kind in proptest::sample::select(Kind::ALL),
        bytes_sent in any::<Option<u64>>(),
        rtt_us in any::<Option<u32>>(),
        protocol in proptest::sample::select(Protocol::ALL),
        protocol_number in any::<Option<u16>>(),
        (query, application) in any::<(
            Option<(String, Option<String>, Option<String>, Option<String>)>,
            [Option<String>; 5],
        )>(),
    ) -> Row {
        let mut row = Row::snapshot(conn_id, protocol, (local, 1));
        row.protocol_number = protocol_number;
        row.query = query.map(|(name, query_type, response_code, answers)| {
            Arc::new(Query { name, query_type, response_code, answers })
        });
        let [app_protocol, ja3, ja4, tls_subject, tls_issuer] = application;
        let application =
            Application { protocol: app_protocol.map(Into::into), ja3, ja4, tls_subject, tls_issuer };
        row.application = (!application.is_empty()).then(|| Arc::new(application));
        row.ts_us = ts_us;
        row.remote = remote;
        row.remote_name = name.map(Into::into);
        row.state = state;
        row.kind = kind;
        row.counters = Counters { bytes_sent, rtt_us, ..Counters::default() };
        row
    }
}
