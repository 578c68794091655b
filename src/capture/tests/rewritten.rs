//! Captures that another program has written again: the same rows, without netrec's records of them.

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::super::cursor::{Cursor, Position, Toward};
use super::super::evidence::{EVIDENCE_KEY, SEAL_KEY};
use super::*;

/// Writes the capture again as that program would: one row group a batch, no statistics, and only these columns.
fn write_again(path: &Path, is_kept: impl Fn(&str) -> bool) {
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let facts = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let of_bytes = ["ARROW:schema", EVIDENCE_KEY, SEAL_KEY];
    let facts = facts.into_iter().filter(|fact| !of_bytes.contains(&fact.key.as_str())).collect();
    let kept: Vec<usize> = (0..reader.schema().fields().len())
        .filter(|index| is_kept(reader.schema().field(*index).name()))
        .collect();
    let batches: Vec<RecordBatch> = reader
        .with_batch_size(5)
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().project(&kept).unwrap())
        .collect();
    let properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(facts))
        .build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

fn again(folder: &Path, is_kept: impl Fn(&str) -> bool) -> PathBuf {
    let path = written(folder);
    write_again(&path, is_kept);
    path
}

#[test]
fn without_statistics_the_row_groups_are_read_to_find_their_samples() {
    let folder = tempfile::tempdir().unwrap();
    let path = again(folder.path(), |_| true);
    let mut cursor = Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())).unwrap();
    for tick in [0, 4, 9, 14] {
        let sample = cursor.at(Position::Tick(tick), Toward::Later).unwrap().unwrap();
        assert_eq!(sample.tick, tick);
    }
    assert_eq!(cursor.at(Position::Tick(15), Toward::Later).unwrap(), None);
}

#[test]
fn if_no_row_group_can_be_read_that_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = again(folder.path(), |_| true);
    let mut bytes = fs::read(&path).unwrap();
    for range in groups(&path) {
        bytes[range].fill(0xff);
    }
    fs::write(&path, bytes).unwrap();
    let Err(error) = Cursor::new(Arc::new(CaptureFile::open(&path).unwrap())) else {
        panic!("there is nothing to show")
    };
    assert!(matches!(error, crate::Error::Damaged { .. }), "{error}");
}

#[test]
fn a_column_of_the_first_version_must_be_there_and_a_later_one_need_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(CaptureFile::open(&again(folder.path(), |name| name != "app_protocol")).is_ok());
    fs::remove_file(folder.path().join("x.parquet")).unwrap();
    let Err(error) = CaptureFile::open(&again(folder.path(), |name| name != "state")) else {
        panic!("it has no states")
    };
    assert!(error.to_string().contains("it has no column state"), "{error}");
}
