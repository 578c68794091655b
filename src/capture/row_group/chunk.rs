//! One column of a row group in Parquet encoding: a dictionary page, and a page of keys.
//!
//! The library's writer hashes every value of every row again, including command lines of
//! kilobytes. The rows already know which values are equal, which reduces the work to a tenth
//! (`benches/recorder.py`).

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::columns::{Coded, NULL, Run, Values};
use super::hybrid;
use crate::capture::schema::ColumnKind;

/// zstd level; higher ones take much more time for little gain.
const ZSTD_LEVEL: i32 = 3;

/// Maximum length of a text in a column's minimum and maximum.
const STATED_BYTES: usize = 64;

/// Writes column chunks, one after the other.
pub(super) struct Chunks {
    out: TrackedWrite<Vec<u8>>,
    /// Shared by all pages: creating one costs more than compressing a page.
    compressor: zstd::bulk::Compressor<'static>,
    uncompressed_bytes: i64,
    /// The last page's content, and its compressed form. Their memory is reused for the next page,
    /// because fresh pages from the system cost more than filling them.
    content: Vec<u8>,
    packed: Vec<u8>,
}

impl Chunks {
    pub(super) fn new() -> Result<Self> {
        let compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(external)?;
        let (content, packed) = (Vec::new(), Vec::new());
        Ok(Self { out: TrackedWrite::new(Vec::new()), compressor, uncompressed_bytes: 0, content, packed })
    }

    /// The chunks so far.
    pub(super) fn into_bytes(self) -> Result<Vec<u8>> {
        self.out.into_inner()
    }

    /// Appends a column and describes it; offsets are relative to the start of the first chunk.
    pub(super) fn push(
        &mut self,
        kind: ColumnKind,
        description: ColumnDescPtr,
        column: &Coded,
        rows: usize,
    ) -> Result<ColumnChunkMetaData> {
        let start = self.out.bytes_written() as i64;
        self.uncompressed_bytes = 0;
        let present: usize = present(&column.runs).map(|run| run.rows as usize).sum();
        let (distinct, nulls) = (column.values.len(), rows - present);
        let is_coded = distinct > 0 && distinct <= present / 2;
        if is_coded {
            self.dictionary_page(kind, &column.values)?;
        }
        let data_start = self.out.bytes_written() as i64;
        let nullable = description.max_def_level() > 0;
        if nulls > 0 && !nullable {
            return Err(ParquetError::General(format!("column {} has no room for null", description.name())));
        }
        self.data_page(kind, nullable, column, is_coded, rows)?;
        ColumnChunkMetaData::builder(description)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_num_values(rows as i64)
            .set_total_compressed_size(self.out.bytes_written() as i64 - start)
            .set_total_uncompressed_size(self.uncompressed_bytes)
            .set_data_page_offset(data_start)
            .set_dictionary_page_offset(is_coded.then_some(start))
            .set_statistics(statistics(kind, &column.values, nulls as u64))
            .build()
    }

    fn dictionary_page(&mut self, kind: ColumnKind, values: &Values) -> Result<()> {
        match values {
            Values::Numbers(numbers) => put_numbers(kind, numbers.iter().copied(), &mut self.content),
            Values::Texts(texts) => self.content.extend_from_slice(&texts.bytes),
        }
        self.page(|buf| Page::DictionaryPage {
            buf,
            num_values: values.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })
    }

    /// Which rows have a value, then the values: as dictionary keys, or plain if most are distinct.
    fn data_page(
        &mut self,
        kind: ColumnKind,
        nullable: bool,
        column: &Coded,
        is_coded: bool,
        rows: usize,
    ) -> Result<()> {
        let content = &mut self.content;
        if nullable {
            put_levels(&column.runs, content);
        }
        let present = present(&column.runs);
        if is_coded {
            let width = hybrid::bit_width(column.values.len());
            content.push(width);
            hybrid::encode(present.map(|run| (run.key, run.rows as usize)), width, content);
        } else {
            let keys = present.flat_map(|run| std::iter::repeat_n(run.key, run.rows as usize));
            match &column.values {
                Values::Numbers(numbers) => {
                    put_numbers(kind, keys.map(|key| numbers[key as usize]), content);
                }
                Values::Texts(texts) => keys.for_each(|key| content.extend_from_slice(texts.plain(key))),
            }
        }
        self.page(|buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding: if is_coded { Encoding::RLE_DICTIONARY } else { Encoding::PLAIN },
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })
    }

    /// Writes the content as a page, and clears it.
    fn page(&mut self, page: impl FnOnce(bytes::Bytes) -> Page) -> Result<()> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.content.len()));
        self.compressor.compress_to_buffer(&self.content, &mut self.packed).map_err(external)?;
        let page = CompressedPage::new(page(bytes::Bytes::copy_from_slice(&self.packed)), self.content.len());
        self.content.clear();
        let written = SerializedPageWriter::new(&mut self.out).write_page(page)?;
        self.uncompressed_bytes += written.uncompressed_size as i64;
        Ok(())
    }
}

/// The runs of rows with a value.
fn present(runs: &[Run]) -> impl Iterator<Item = Run> {
    runs.iter().copied().filter(|run| run.key != NULL)
}

/// Writes 1 for each row with a value, preceded by the length of it all.
fn put_levels(runs: &[Run], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    hybrid::encode(runs.iter().map(|run| (u32::from(run.key != NULL), run.rows as usize)), 1, out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn put_numbers(kind: ColumnKind, numbers: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
    match number_bytes(kind) {
        4 => numbers.for_each(|number| out.extend_from_slice(&(number as u32).to_le_bytes())),
        _ => numbers.for_each(|number| out.extend_from_slice(&number.to_le_bytes())),
    }
}

/// Parquet has no two-byte numbers.
fn number_bytes(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::U16 | ColumnKind::U32 | ColumnKind::F32 => 4,
        _ => 8,
    }
}

/// Minimum and maximum in the type's order, and the number of nulls.
fn statistics(kind: ColumnKind, values: &Values, nulls: u64) -> Statistics {
    match values {
        Values::Numbers(numbers) => number_statistics(kind, numbers, nulls),
        Values::Texts(texts) => {
            let stated = |text: Option<&[u8]>| {
                text.filter(|text| text.len() <= STATED_BYTES).map(|text| text.to_vec().into())
            };
            let (least, most) = (stated(texts.iter().min()), stated(texts.iter().max()));
            Statistics::byte_array(least, most, None, Some(nulls), false)
        }
    }
}

fn number_statistics(kind: ColumnKind, numbers: &[u64], nulls: u64) -> Statistics {
    let (least, most) = (numbers.iter().min().copied(), numbers.iter().max().copied());
    let signed = || numbers.iter().map(|number| *number as i64);
    match kind {
        ColumnKind::U16 | ColumnKind::U32 => {
            let narrow = |number: Option<u64>| number.map(|number| number as i32);
            Statistics::int32(narrow(least), narrow(most), None, Some(nulls), false)
        }
        ColumnKind::I64 | ColumnKind::TimestampUs => {
            Statistics::int64(signed().min(), signed().max(), None, Some(nulls), false)
        }
        ColumnKind::F32 => {
            let floats = || numbers.iter().map(|bits| f32::from_bits(*bits as u32));
            // NaN has no position in the order.
            let is_ordered = !floats().any(f32::is_nan);
            let pick = |better: fn(f32, f32) -> f32| floats().reduce(better).filter(|_| is_ordered);
            Statistics::float(pick(f32::min), pick(f32::max), None, Some(nulls), false)
        }
        _ => {
            let bits = |number: Option<u64>| number.map(|number| number as i64);
            Statistics::int64(bits(least), bits(most), None, Some(nulls), false)
        }
    }
}

fn external(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
