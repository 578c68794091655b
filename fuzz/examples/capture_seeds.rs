//! Makes the seeds of the target `capture`: a tiny recording by the library itself, finished and
//! broken off, and once without seal and compression, so that changes reach the decoder.
//!
//! ```sh
//! cargo run --features capture-file --example capture_seeds    # in fuzz/
//! ```

use std::fs;
use std::path::Path;
use std::sync::Arc;

use netrec_fuzz::capture::schema::COLUMNS;
use netrec_fuzz::capture::{
    CaptureFile, Column, Kind, Metadata, Overwrite, Owner, OwnerSource, Protocol, Row, TcpState, Writer,
};
use netrec_fuzz::recordings::Unfinished;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

const START_US: i64 = 1_700_000_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seeds = Path::new("seeds/capture");
    fs::create_dir_all(seeds)?;
    let folder = std::env::temp_dir().join(format!("netrec-seeds-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = folder.join("c.parquet");

    let finished = write(&path, 3)?;
    finished.finish(&metadata(3))?;
    fs::write(seeds.join("finished"), [&[0], fs::read(&path)?.as_slice()].concat())?;
    fs::write(seeds.join("unsealed"), [&[0], unsealed(&path)?.as_slice()].concat())?;
    fs::remove_file(&path)?;

    let running = write(&path, 3)?;
    let rows = fs::read(folder.join("c.parquet.d/rows.parquet"))?;
    let journal = fs::read(folder.join("c.parquet.d/journal-0"))?;
    drop(running);
    let broken_off = Unfinished { rows, journal };
    assert_eq!(Unfinished::from_pieces(&broken_off.to_pieces()), broken_off);
    fs::write(seeds.join("broken-off"), [&[1], broken_off.to_pieces().as_slice()].concat())?;

    // Row groups and their records as they are before there is a footer.
    let recovered = CaptureFile::open(&path)?.path().to_path_buf();
    let bytes = fs::read(recovered)?;
    let footer = u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().ok_or("no footer")?) as usize;
    let rows = bytes[..bytes.len() - 8 - footer].to_vec();
    let growing = Unfinished { rows, journal: Vec::new() };
    fs::write(seeds.join("growing"), [&[1], growing.to_pieces().as_slice()].concat())?;
    Ok(fs::remove_dir_all(&folder)?)
}

/// A recording of some ticks.
fn write(path: &Path, ticks: u32) -> netrec_fuzz::Result<Writer> {
    let mut writer = Writer::create(path, Overwrite::Never)?;
    for tick in 0..ticks {
        for conn_id in 0..3 {
            writer.push(&row(tick, conn_id))?;
        }
        writer.end_tick(&metadata(u64::from(tick) + 1))?;
    }
    Ok(writer)
}

fn metadata(ticks_taken: u64) -> Metadata {
    Metadata { start_us: START_US, end_us: START_US + 2_000_000, ticks_taken, ..Metadata::default() }
}

fn row(tick: u32, conn_id: u64) -> Row {
    let owner = Owner { pid: Some(7), process_name: Some("web".to_owned()), ..Owner::default() };
    let mut row = Row::snapshot(conn_id, Protocol::Tcp, ([10, 0, 0, 1].into(), 443));
    row.ts_us = START_US + i64::from(tick) * 1_000_000;
    row.mono_ns = i64::from(tick) * 1_000_000_000;
    row.tick = tick;
    if tick == 1 && conn_id == 0 {
        (row.kind, row.prev_state) = (Kind::State, Some(TcpState::SynRecv));
    }
    row.state = Some(TcpState::Established);
    row.remote = Some(([192, 0, 2, conn_id as u8].into(), 50_000));
    row.counters.bytes_sent = Some(u64::from(tick) * 100);
    row.owner = Some(Arc::new(owner));
    row.owner_source = Some(OwnerSource::Inode);
    row
}

/// The same rows by the library's own writer, as another program would write them.
fn unsealed(path: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let capture = CaptureFile::open(path)?;
    let pairs =
        capture.metadata().to_pairs().into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let columns: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    let batch = capture.row_group(0, &columns)?.next().ok_or("no rows")??;
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}
