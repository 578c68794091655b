use proptest::prelude::*;

use super::*;

/// A classic file with frames at these times, in the file's unit.
fn classic(magic: u32, big: bool, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let number = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    for field in [magic, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(number(field));
    }
    for (seconds, fraction, data) in records {
        for field in [*seconds, *fraction, data.len() as u32, data.len() as u32 + 5] {
            file.extend(number(field));
        }
        file.extend(*data);
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (12 + body.len().next_multiple_of(4)) as u32;
    let mut bytes = [kind.to_le_bytes(), length.to_le_bytes()].concat();
    bytes.extend(body);
    bytes.resize(length as usize - 4, 0);
    bytes.extend(length.to_le_bytes());
    bytes
}

fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &[[0x4d, 0x3c, 0x2b, 0x1a].as_slice(), &[1, 0, 0, 0], &[0xff; 8]].concat())
}

fn interface(link: u16, options: &[u8]) -> Vec<u8> {
    block(1, &[link.to_le_bytes().as_slice(), &[0; 6], options].concat())
}

fn enhanced(interface: u32, units: u64, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let fields = [interface, (units >> 32) as u32, units as u32, length, length + 5];
    let mut body: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    body.extend(data);
    block(6, &body)
}

type Seen = Vec<(u32, i64, Vec<u8>, u32)>;

fn frames(file: &[u8]) -> (Seen, Outcome) {
    let mut seen = Vec::new();
    let outcome = read(file, |f| seen.push((f.link.0, f.ts_ns, f.data.to_vec(), f.wire_bytes))).unwrap();
    (seen, outcome)
}

#[test]
fn both_byte_orders_and_both_units_are_read() {
    for (magic, fraction) in [(0xa1b2_c3d4, 250_000), (0xa1b2_3c4d, 250_000_000)] {
        for big in [false, true] {
            let (seen, outcome) = frames(&classic(magic, big, &[(7, fraction, b"frame")]));
            assert_eq!(seen, [(101, 7_250_000_000, b"frame".to_vec(), 10)], "{magic:x} {big}");
            assert_eq!(outcome.end, End::Whole);
        }
    }
}

#[test]
fn each_interface_has_its_own_link_type_and_clock() {
    let file = [
        section(),
        interface(1, &[]),
        interface(101, &[9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0]),
        interface(113, &[9, 0, 1, 0, 0x81, 0, 0, 0]),
        enhanced(0, 2_000_001, b"a"),
        enhanced(1, 3_000_000_007, b"bc"),
        enhanced(2, 9, b"d"),
    ]
    .concat();
    let (seen, outcome) = frames(&file);
    let times: Vec<_> = seen.iter().map(|(link, ts_ns, ..)| (*link, *ts_ns)).collect();
    assert_eq!(times, [(1, 2_000_001_000), (101, 103_000_000_007), (113, 4_500_000_000)]);
    assert_eq!((outcome.end, outcome.unreadable), (End::Whole, 0));
}

#[test]
fn what_the_capturing_side_lost_is_told() {
    let dropped = [&[0; 12][..], &[5, 0, 8, 0, 42, 0, 0, 0, 0, 0, 0, 0]].concat();
    let file = [section(), interface(1, &[]), block(5, &dropped)].concat();
    assert_eq!(frames(&file).1.dropped, Some(42));
    assert_eq!(frames(&[section(), interface(1, &[])].concat()).1.dropped, None);
}

#[test]
fn a_frame_without_a_described_interface_is_counted() {
    let file = [section(), enhanced(0, 1, b"a"), block(3, &[1, 0, 0, 0, 9, 0, 0, 0])].concat();
    let (seen, outcome) = frames(&file);
    assert_eq!((seen.len(), outcome.unreadable), (0, 2));
}

#[test]
fn wherever_a_file_is_cut_what_is_whole_is_read() {
    let classic = classic(0xa1b2_c3d4, false, &[(1, 0, b"one"), (2, 0, b"two"), (3, 0, b"three")]);
    let ng = [section(), interface(1, &[]), enhanced(0, 1, b"one"), enhanced(0, 2, b"two")].concat();
    for file in [classic, ng] {
        let (whole, _) = frames(&file);
        for cut in 4..file.len() {
            let (seen, outcome) = frames(&file[..cut]);
            assert!(whole.starts_with(&seen), "{cut}");
            assert!(seen.len() < whole.len() || outcome.end == End::Whole, "{cut}");
        }
    }
}

/// Gives some bytes, and then an error.
struct Broken(Vec<u8>, io::ErrorKind);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return Err(self.1.into());
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn what_cannot_be_decompressed_any_further_gives_what_is_whole() {
    let mut file = classic(0xa1b2_c3d4, false, &[(1, 0, b"one"), (2, 0, b"two")]);
    file.truncate(file.len() - 1);
    let read = |kind| {
        let mut seen = 0;
        let outcome = super::read(Broken(file.clone(), kind), |_| seen += 1);
        (seen, outcome.map(|outcome| outcome.end).map_err(|error| error.kind()))
    };
    assert_eq!(read(io::ErrorKind::UnexpectedEof), (1, Ok(End::CutShort)));
    assert!(matches!(read(io::ErrorKind::InvalidInput), (1, Ok(End::Damaged(_)))));
    assert_eq!(read(io::ErrorKind::PermissionDenied), (1, Err(io::ErrorKind::PermissionDenied)));
}

#[test]
fn an_impossible_length_ends_the_reading_and_allocates_nothing() {
    let mut file = classic(0xa1b2_c3d4, false, &[(1, 0, b"one"), (2, 0, b"two")]);
    let second = 24 + 16 + 3;
    file[second + 8..second + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (seen, outcome) = frames(&file);
    assert_eq!((seen.len(), outcome.position), (1, second as u64));
    assert!(matches!(outcome.end, End::Damaged(_)));
}

proptest! {
    #[test]
    fn no_file_is_too_strange(mut file: Vec<u8>, magic in 0_usize..4) {
        let magics = [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [0x0a, 0x0d, 0x0d, 0x0a], [1, 2, 3, 4]];
        file.splice(0..0, magics[magic]);
        let (seen, outcome) = frames(&file);
        prop_assert!(seen.len() * 16 <= file.len());
        prop_assert!(outcome.position <= file.len() as u64);
    }

    #[test]
    fn a_changed_byte_in_a_real_file_does_no_harm(at in 0_usize..200, value: u8) {
        let mut file = [section(), interface(1, &[9, 0, 1, 0, 6, 0, 0, 0]), enhanced(0, 1, &[7; 60])].concat();
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        frames(&file);
    }
}
