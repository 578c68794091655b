//! The footer of a finished capture, read and checked against its seal.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader as _;
use sha2::{Digest as _, Sha256};

use super::evidence::{EVIDENCE_KEY, Evidence, SEAL_KEY, Seal};
use super::footer::END_BYTES;
use super::salvage::hash_into;
use super::source::Source;
use super::thrift;

/// A decoded footer.
pub(super) struct Footer {
    /// The Parquet metadata.
    pub(super) parquet: ParquetMetaData,
    /// The hashes of the row groups; empty in a capture without them.
    pub(super) evidence: Evidence,
    /// The seal; `None` in a capture without one.
    pub(super) seal: Option<Seal>,
    /// False if there is a seal, or a trace of one, and it does not match.
    pub(super) is_intact: bool,
}

/// Reads the footer and checks its seal.
pub(super) fn read(source: &Source) -> Result<Footer> {
    let start = start_of_footer(source)?;
    let tail = source.get_bytes(start, (source.bytes() - start) as usize)?;
    let words = &tail[..tail.len() - END_BYTES];
    thrift::walk(words).ok_or_else(corrupt)?;
    let parquet = ParquetMetaDataReader::decode_metadata(words)?;
    let value = |wanted: &str| {
        pairs(&parquet).into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.to_owned())
    };
    let (evidence, seal) = match (value(EVIDENCE_KEY), value(SEAL_KEY)) {
        // A capture from an importer or a tool without seals.
        (None, None) => {
            return Ok(Footer {
                parquet,
                evidence: Evidence::default(),
                seal: None,
                is_intact: !has_records(source),
            });
        }
        (evidence, seal) => (evidence, seal),
    };
    let seal = seal.and_then(|text| Seal::parse(&text));
    let evidence: Option<Evidence> = evidence.and_then(|text| serde_json::from_str(&text).ok());
    let is_intact = match (&evidence, seal) {
        (Some(evidence), Some(seal)) => fits(source, start, &tail, &parquet, evidence, seal),
        _ => false,
    };
    Ok(Footer { parquet, evidence: evidence.unwrap_or_default(), seal, is_intact })
}

/// The key-value pairs with a value.
pub(super) fn pairs(parquet: &ParquetMetaData) -> Vec<(&str, &str)> {
    let pairs = parquet.file_metadata().key_value_metadata();
    pairs.into_iter().flatten().filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?))).collect()
}

fn corrupt() -> ParquetError {
    ParquetError::General("Invalid Parquet file. Corrupt footer".to_owned())
}

fn start_of_footer(source: &Source) -> Result<u64> {
    let end = source.bytes().checked_sub(END_BYTES as u64).ok_or_else(corrupt)?;
    let bytes = source.get_bytes(end, END_BYTES)?;
    let (length, magic) = bytes.split_at(4);
    if magic != b"PAR1" {
        return Err(corrupt());
    }
    let length = u32::from_le_bytes(length.try_into().map_err(|_| corrupt())?);
    end.checked_sub(u64::from(length)).ok_or_else(corrupt)
}

/// Whether row groups, seal and everything outside the row groups match.
fn fits(
    source: &Source,
    start: u64,
    tail: &[u8],
    parquet: &ParquetMetaData,
    evidence: &Evidence,
    seal: Seal,
) -> bool {
    if !evidence.is_consistent(start) || evidence.row_groups.len() != parquet.num_row_groups() {
        return false;
    }
    let mut outside = Sha256::new();
    for (from, to) in evidence.outside(start) {
        if hash_into(&mut outside, source, from, to).is_none() {
            return false;
        }
    }
    let mut tail = tail.to_vec();
    seal.blank_out(&mut tail) && Seal::digest_of(outside, &tail, evidence.chain) == seal.digest
}

/// Whether the file has records between its row groups, and therefore once had a seal.
fn has_records(source: &Source) -> bool {
    let mut has_some = false;
    super::frame::scan(source, |_| has_some = true);
    has_some
}
