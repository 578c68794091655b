//! Validates structures in Thrift's compact protocol before the library decodes them.
//!
//! The library skips unknown fields element by element, and reads no byte for a boolean in a list:
//! a few bytes that claim billions of them would keep it busy for hours. Anything accepted by
//! [`walk`] has fewer elements than bytes.

use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader as _;

use super::source::Source;

/// Maximum nesting of structures; a footer needs five levels.
const DEEPEST: usize = 12;

/// Bytes of a page that are read at first to find its header; more if needed.
const HEADER_BYTES: u64 = 512;

/// Maximum length of an unpacked page: the library allocates what a header claims.
const LONGEST_PAGE_BYTES: i64 = 256 * 1024 * 1024;

/// Field ids in a page header: uncompressed and compressed length.
const PAGE_LENGTHS: [i64; 2] = [2, 3];

/// A validated structure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Walked {
    /// Its length in bytes.
    pub(super) bytes: usize,
    /// Id and value of each of its own integer fields.
    integers: Vec<(i64, i64)>,
}

impl Walked {
    fn integer(&self, field: i64) -> Option<i64> {
        self.integers.iter().rfind(|(number, _)| *number == field).map(|(_, value)| *value)
    }
}

/// Walks through the structure at the beginning of `bytes`; `None` if it is incomplete, or not one
/// that a footer or a page begins with.
pub(super) fn walk(bytes: &[u8]) -> Option<Walked> {
    let mut walker = Walker { rest: bytes };
    let mut integers = Vec::new();
    walker.structure(DEEPEST, &mut |field, value| integers.push((field, value)))?;
    Some(Walked { bytes: bytes.len() - walker.rest.len(), integers })
}

/// Walks through the headers of all pages of a column; `None` if one is invalid.
pub(super) fn walk_pages(source: &Source, column: &ColumnChunkMetaData) -> Option<()> {
    let (mut at, length) = column.byte_range();
    let end = at.checked_add(length).filter(|end| *end <= source.bytes())?;
    while at < end {
        let header = header(source, at, end)?;
        let [unpacked, packed] = PAGE_LENGTHS.map(|field| header.integer(field));
        if unpacked? > LONGEST_PAGE_BYTES {
            return None;
        }
        at = at.checked_add(header.bytes as u64)?.checked_add(u64::try_from(packed?).ok()?)?;
    }
    Some(())
}

fn header(source: &Source, at: u64, end: u64) -> Option<Walked> {
    let mut length = HEADER_BYTES;
    loop {
        let bytes = source.get_bytes(at, length.min(end - at) as usize).ok()?;
        match walk(&bytes) {
            None if length < end - at => length *= 16,
            walked => return walked,
        }
    }
}

struct Walker<'a> {
    rest: &'a [u8],
}

impl Walker<'_> {
    /// Passes the integer fields to `take`.
    fn structure(&mut self, deepest: usize, take: &mut dyn FnMut(i64, i64)) -> Option<()> {
        let deepest = deepest.checked_sub(1)?;
        let mut field = 0_i64;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            field = match header >> 4 {
                0 => self.integer()?,
                step => field.checked_add(i64::from(step))?,
            };
            match header & 0xF {
                // The type contains the boolean's value.
                1 | 2 => {}
                4..=6 => take(field, self.integer()?),
                kind => self.value(kind, deepest)?,
            }
        }
    }

    /// The value of a field or a list element; no list in a footer contains booleans.
    fn value(&mut self, kind: u8, deepest: usize) -> Option<()> {
        match kind {
            3 => self.skip(1),
            4..=6 => self.integer().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.number()?;
                self.skip(length)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = if header >> 4 == 15 { self.number()? } else { u64::from(header >> 4) };
                self.values(count, &[header & 0xF], deepest)
            }
            11 => match self.number()? {
                0 => Some(()),
                count => {
                    let kinds = self.byte()?;
                    self.values(count, &[kinds >> 4, kinds & 0xF], deepest)
                }
            },
            12 => self.structure(deepest, &mut |_, _| {}),
            13 => self.skip(16),
            _ => None,
        }
    }

    fn values(&mut self, count: u64, kinds: &[u8], deepest: usize) -> Option<()> {
        let deepest = deepest.checked_sub(1)?;
        // Each takes at least one byte.
        if count > self.rest.len() as u64 {
            return None;
        }
        (0..count).try_for_each(|_| kinds.iter().try_for_each(|kind| self.value(*kind, deepest)))
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A signed integer, in zigzag encoding.
    fn integer(&mut self) -> Option<i64> {
        self.number().map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbered_by_their_steps_or_by_their_number() {
        // Field 1, i32: -1; field 3, text; field 20, i64: 150; then unrelated bytes.
        let bytes = [0x15, 1, 0x28, 2, b'a', b'b', 0x06, 40, 0xAC, 2, 0, 99];
        let walked = walk(&bytes).unwrap();
        assert_eq!(walked, Walked { bytes: 11, integers: vec![(1, -1), (20, 150)] });
        assert_eq!((walked.integer(20), walked.integer(2)), (Some(150), None));
    }

    #[test]
    fn every_kind_of_value_is_passed_over() {
        let list = [0x19, 0x25, 2, 4];
        let map = [0x1B, 1, 0x58, 6, 1, b'x'];
        let others = [0x13, 7, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0x1C, 0x11, 0];
        let bytes = [list.as_slice(), &map, &others, &[0x1B, 0, 0x12, 0]].concat();
        assert_eq!(walk(&bytes).unwrap().bytes, bytes.len());
        for length in 0..bytes.len() {
            assert_eq!(walk(&bytes[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_list_of_fifteen_and_more_states_its_length_apart() {
        // Field 1, a list of n numbers; field 2, i32: 5.
        for length in [14_u8, 15, 16, 100] {
            let head = if length < 15 { vec![0x19, length << 4 | 5] } else { vec![0x19, 0xF5, length] };
            let bytes = [head, vec![2; length.into()], vec![0x15, 10, 0]].concat();
            let walked = walk(&bytes).unwrap();
            assert_eq!((walked.bytes, walked.integer(2)), (bytes.len(), Some(5)), "{length} numbers");
        }
    }

    #[test]
    fn billions_of_nothing_are_refused() {
        let billions = [0xFF, 0xFF, 0xFF, 0xFF, 7];
        for kind in 0..16 {
            let list = [[0x19, 0xF0 | kind].as_slice(), &billions, &[0]].concat();
            assert_eq!(walk(&list), None, "a list of {kind}");
            let map = [[0x1B].as_slice(), &billions, &[kind << 4 | kind, 0]].concat();
            assert_eq!(walk(&map), None, "a map of {kind}");
        }
        assert_eq!(walk(&[0x19, 0x11, 0]), None, "a truth value in a list");
    }

    #[test]
    fn structures_in_structures_end() {
        assert_eq!(walk(&[0x1C; 1000]), None);
        assert_eq!(walk(&[0x19, 0x19].repeat(1000)), None);
    }

    /// A page whose header claims these lengths, zigzag-encoded, and has `padding` bytes that mean nothing.
    fn page(unpacked: i64, packed: i64, padding: usize) -> Vec<u8> {
        let varint = |value: i64| {
            let mut rest = (value << 1).cast_unsigned();
            let mut bytes = Vec::new();
            while rest > 0x7f {
                bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
            bytes
        };
        let mut bytes = [&[0x15, 0, 0x15][..], &varint(unpacked), &[0x15], &varint(packed)].concat();
        if padding > 0 {
            bytes.push(0x58);
            bytes.extend(
                [&[0x80 | (padding & 0x7f) as u8, (padding >> 7) as u8][..], &vec![7; padding]].concat(),
            );
        }
        bytes.push(0);
        bytes.extend(vec![7; packed as usize]);
        bytes
    }

    fn is_walked(bytes: Vec<u8>, length: usize) -> bool {
        let schema = crate::capture::row_group::schema().unwrap();
        let column = ColumnChunkMetaData::builder(schema.schema_descr().column(0))
            .set_data_page_offset(0)
            .set_total_compressed_size(length as i64)
            .build()
            .unwrap();
        walk_pages(&Source::Memory(bytes.into()), &column).is_some()
    }

    #[test]
    fn pages_must_be_whole_and_no_longer_than_a_decoder_can_bear() {
        let whole = |pages: &[Vec<u8>]| {
            let bytes = pages.concat();
            let length = bytes.len();
            is_walked(bytes, length)
        };
        assert!(whole(&[page(LONGEST_PAGE_BYTES, 3, 0)]) && !whole(&[page(LONGEST_PAGE_BYTES + 1, 3, 0)]));
        assert!(whole(&[page(9, 3, 0), page(9, 0, 0), page(9, 40, 0)]));
        assert!(whole(&[page(9, 3, 10_000), page(9, 3, 0)]), "a header longer than what is read at once");
        assert!(!whole(&[page(9, 3, 0), page(LONGEST_PAGE_BYTES + 1, 3, 0)]));
        let bytes = [page(9, 3, 0), page(9, 30, 0)].concat();
        let length = bytes.len();
        assert!(!is_walked(bytes.clone(), length + 1), "longer than the file");
        assert!(!is_walked(bytes[..12].to_vec(), 12), "a header that is cut off");
    }
}
