use proptest::prelude::*;

use super::*;

/// A classic file with frames at these times, in the file's unit.
fn classic(magic: u32, big: bool, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let number = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    let version = if big { 0x0002_0004 } else { 0x0004_0002 };
    for field in [magic, version, 0, 0, 65_535, 101] {
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

type Seen = Vec<(u32, Option<i64>, Vec<u8>, u32)>;

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
            assert_eq!(seen, [(101, Some(7_250_000_000), b"frame".to_vec(), 10)], "{magic:x} {big}");
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
    assert_eq!(times, [(1, Some(2_000_001_000)), (101, Some(103_000_000_007)), (113, Some(4_500_000_000))]);
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
fn a_block_with_two_lengths_is_read_and_counted() {
    let mut damaged = enhanced(0, 1, b"a");
    *damaged.last_mut().unwrap() ^= 1;
    let (seen, outcome) = frames(&[section(), interface(1, &[]), damaged, enhanced(0, 2, b"b")].concat());
    assert_eq!((seen.len(), outcome.mismatched), (2, 1));
}

#[test]
fn a_simple_packet_has_no_time_and_is_as_long_as_the_interface_keeps() {
    let mut short = interface(1, &[]);
    short[12..16].copy_from_slice(&3_u32.to_le_bytes());
    let simple = block(3, &[&9_u32.to_le_bytes()[..], b"abcdefghi"].concat());
    let (seen, outcome) = frames(&[section(), short, simple.clone()].concat());
    assert_eq!((seen, outcome.untimed), (vec![(1, None, b"abc".to_vec(), 9)], 1));
    let (seen, _) = frames(&[section(), interface(1, &[]), simple].concat());
    assert_eq!(seen, [(1, None, b"abcdefghi".to_vec(), 9)]);
}

#[test]
fn blocks_that_hold_no_frame_are_passed_over() {
    let custom = [0x0bad, 0x4000_0bad, 4, 10, 9, 0x8000_0001].map(|kind| block(kind, &[7; 21])).concat();
    let file = [section(), custom.clone(), interface(1, &[]), custom, enhanced(0, 1, b"a")].concat();
    let (seen, outcome) = frames(&file);
    assert_eq!((seen.len(), outcome.end, outcome.unreadable), (1, End::Whole, 0));
}

#[test]
fn sections_have_their_own_byte_order_and_interfaces() {
    let big: Vec<u8> = [
        [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0001_0000, 0xffff_ffff, 0xffff_ffff, 28].as_slice(),
        &[1, 20, 0x0065_0000, 0, 20],
        &[6, 36, 0, 0, 5_000_000, 1, 1, 0x6100_0000, 36],
        // An obsolete packet, with what was lost before it.
        &[2, 36, 3, 0, 6_000_000, 1, 1, 0x6200_0000, 36],
    ]
    .concat()
    .into_iter()
    .flat_map(u32::to_be_bytes)
    .collect();
    let little = [section(), interface(1, &[]), enhanced(0, 7_000_000, b"c")].concat();
    let mut interfaces = Vec::new();
    let outcome = read([big, little].concat().as_slice(), |frame| {
        interfaces.push((frame.link.0, frame.interface, frame.ts_ns.unwrap() / 1_000_000_000, frame.data[0]));
    });
    assert_eq!(interfaces, [(101, 0, 5, b'a'), (101, 0, 6, b'b'), (1, 1, 7, b'c')]);
    assert_eq!(outcome.unwrap().dropped, Some(3));
}

#[test]
fn statistics_say_what_interface_and_system_lost_and_the_last_ones_count() {
    let statistics = |interface: u64, system: u64| {
        let options =
            [&[5, 0, 8, 0][..], &interface.to_le_bytes(), &[7, 0, 8, 0], &system.to_le_bytes()].concat();
        block(5, &[&[0; 12][..], &options].concat())
    };
    let file = [section(), interface(1, &[]), statistics(1, 2), statistics(40, 2)].concat();
    assert_eq!(frames(&file).1.dropped, Some(42));
}

#[test]
fn captures_behind_each_other_are_all_read() {
    let first = classic(0xa1b2_c3d4, false, &[(1, 0, b"one"), (2, 0, b"two")]);
    let second = classic(0xa1b2_3c4d, true, &[(3, 7, b"three")]);
    let third = [section(), interface(1, &[]), enhanced(0, 4_000_000, b"four")].concat();
    for order in [[&first, &second, &third], [&third, &first, &second], [&second, &third, &first]] {
        let (seen, outcome) = frames(&order.map(Vec::as_slice).concat());
        assert_eq!((seen.len(), outcome.end, outcome.captures), (4, End::Whole, 3));
    }
}

#[test]
fn a_capture_behind_one_that_is_cut_is_read() {
    let now = 1_700_000_000;
    let first = classic(0xa1b2_c3d4, false, &[(now, 0, &[1; 40]), (now + 1, 0, &[2; 90])]);
    let ng =
        [section(), interface(1, &[]), enhanced(0, 4_000_000, &[3; 40]), enhanced(0, 5_000_000, &[4; 90])]
            .concat();
    let second = classic(
        0xa1b2_c3d4,
        false,
        &[(now + 9, 0, b"three"), (now + 10, 0, b"four"), (now + 11, 0, b"five")],
    );
    for (cut, last_frame_bytes) in [(&first, 16 + 90), (&ng, 24 + 92)] {
        for missing in 1..last_frame_bytes {
            for behind in [&second, &ng] {
                // What is missing is as long as the header and some records behind it, which are taken in its place.
                if cut == &first && behind == &second && [24, 45, 65, 85].contains(&missing) {
                    continue;
                }
                let file = [&cut[..cut.len() - missing], behind].concat();
                let (seen, outcome) = frames(&file);
                let expected = 1 + frames(behind).0.len();
                assert_eq!(
                    (seen.len(), outcome.end),
                    (expected, End::Whole),
                    "{missing} of {last_frame_bytes}"
                );
                assert_eq!((outcome.captures, outcome.cut), (2, 1), "{missing}");
            }
        }
    }
}

#[test]
fn a_tail_of_zeros_is_damage_and_no_frames() {
    let classic = classic(0xa1b2_c3d4, false, &[(1, 0, b"one"), (2, 0, b"two")]);
    let ng = [section(), interface(1, &[]), enhanced(0, 1, b"one"), enhanced(0, 2, b"two")].concat();
    for whole in [classic, ng] {
        for zeros in [1, 5, 12, 16, 4096, 100_003] {
            let file = [whole.as_slice(), &vec![0; zeros]].concat();
            let (seen, outcome) = frames(&file);
            assert_eq!(
                (seen.len(), outcome.end, outcome.position),
                (2, End::Zeros, whole.len() as u64),
                "{zeros}"
            );
        }
        let hole = [whole.as_slice(), &[0; 4096], b"and more"].concat();
        assert!(matches!(frames(&hole).1.end, End::Damaged(_)));
    }
}

#[test]
fn before_version_2_3_the_length_on_the_wire_came_first() {
    for (version, swaps) in
        [(0x0002_0002, true), (0x0001_0002, true), (0x0000_021f, true), (0x0004_0002, false)]
    {
        let mut file = classic(0xa1b2_c3d4, false, &[(1, 0, b"abc"), (2, 0, b"defg")]);
        file[4..8].copy_from_slice(&u32::to_le_bytes(version));
        if swaps {
            for (at, captured, wire) in [(32, 3_u32, 8_u32), (51, 4, 9)] {
                file[at..at + 4].copy_from_slice(&wire.to_le_bytes());
                file[at + 4..at + 8].copy_from_slice(&captured.to_le_bytes());
            }
        }
        let (seen, outcome) = frames(&file);
        let frames: Vec<_> = seen.iter().map(|(_, _, data, wire)| (data.as_slice(), *wire)).collect();
        assert_eq!(frames, [(b"abc".as_slice(), 8), (b"defg", 9)], "{version:x}");
        assert_eq!(outcome.end, End::Whole);
    }
}

#[test]
fn longer_record_headers_are_found_by_what_follows_them() {
    for (magic, more) in [(0xa1b2_c3d4, 8), (0xa1b2_c3d4, 4), (0xa1b2_cd34, 8), (0xa1b2_cd34, 12)] {
        for big in [false, true] {
            let records: [(u32, u32, &[u8]); 3] = [(1, 0, &[7; 60]), (2, 0, &[8; 70]), (3, 0, &[9; 80])];
            let whole = classic(magic, big, &records);
            let mut file = whole[..24].to_vec();
            let mut at = 24;
            for (_, _, data) in records {
                file.extend(&whole[at..at + 16]);
                file.extend(vec![0; more]);
                file.extend(data);
                at += 16 + data.len();
            }
            let (seen, outcome) = frames(&file);
            let sizes: Vec<_> = seen.iter().map(|(_, _, data, _)| (data.len(), data[0])).collect();
            assert_eq!(
                (sizes, outcome.end),
                (vec![(60, 7), (70, 8), (80, 9)], End::Whole),
                "{magic:x} {more}"
            );
        }
    }
}

#[test]
fn the_first_time_is_that_of_the_first_frame_that_has_one() {
    let classic = classic(0xa1b2_c3d4, false, &[(7, 0, b"one"), (2, 0, b"two")]);
    assert_eq!(first_ts_ns(&classic), Some(7_000_000_000));
    assert_eq!(first_ts_ns(&classic[..30]), None);
    assert_eq!(first_ts_ns(b""), None);
    let simple = block(3, &[&9_u32.to_le_bytes()[..], b"abcdefghi"].concat());
    let ng = [section(), interface(1, &[]), simple, enhanced(0, 5_000_000, b"one")].concat();
    assert_eq!(first_ts_ns(&ng), Some(5_000_000_000));
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

#[test]
fn nanoseconds_under_the_number_for_microseconds_are_told_by_their_size() {
    let file =
        classic(0xa1b2_c3d4, false, &[(1, 5, b"one"), (2, 250_000_000, b"two"), (3, 999_999_999, b"x")]);
    let times: Vec<_> = frames(&file).0.iter().map(|(_, ts_ns, ..)| ts_ns.unwrap()).collect();
    assert_eq!(times, [1_000_000_005, 2_250_000_000, 3_999_999_999]);
    // A fraction that is neither says nothing about the others.
    let file = classic(0xa1b2_c3d4, false, &[(1, 5, b"one"), (2, 4_000_000_000, b"two")]);
    assert_eq!(frames(&file).0[0].1, Some(1_000_005_000));
}

#[test]
fn aix_writes_nanoseconds_and_types_of_interfaces() {
    let mut file = classic(0xa1b2_c3d4, true, &[(1, 250_000_000, b"one"), (2, 5, b"two")]);
    file[4..8].copy_from_slice(&[0, 2, 0, 2]);
    file[20..24].copy_from_slice(&6_u32.to_be_bytes());
    let (seen, outcome) = frames(&file);
    assert_eq!((seen[0].0, seen[0].1), (LinkType::ETHERNET.0, Some(1_250_000_000)));
    assert_eq!((seen.len(), outcome.end), (2, End::Whole));
}

#[test]
fn system_calls_are_no_packets() {
    let capture = [section(), block(0x201, &[0; 16]), block(0x204, &[0; 20])].concat();
    assert!(!is_capture(&capture));
    assert!(is_capture(&[section(), interface(1, &[])].concat()));
}

#[test]
fn a_packet_has_the_process_to_which_it_refers() {
    let process = |pid: u32, name: &[u8]| {
        let mut body = pid.to_le_bytes().to_vec();
        body.extend([2, 0, name.len() as u8, 0]);
        body.extend(name);
        body.resize(body.len().next_multiple_of(4), 0);
        block(0x8000_0001, &body)
    };
    let packet = |number: u8, flags: u8| {
        let mut body = enhanced(0, 1, b"data")[8..].to_vec();
        body.truncate(body.len() - 4);
        body.extend([2, 0, 4, 0, flags, 0, 0, 0, 0x01, 0x80, 4, 0, number, 0, 0, 0, 0, 0, 0, 0]);
        block(6, &body)
    };
    let file = [
        section(),
        interface(1, &[]),
        process(7, b"a"),
        process(9, b"curl"),
        packet(1, 2),
        packet(0, 1),
        enhanced(0, 2, b"x"),
    ]
    .concat();
    let mut reader = Reader::new(file.as_slice());
    let mut owners = Vec::new();
    while reader.advance().unwrap() {
        let owner = reader.owner();
        owners.push(owner.map(|found| (found.owner.pid.unwrap(), found.is_outgoing)));
    }
    assert_eq!(owners, [Some((9, Some(true))), Some((7, Some(false))), None]);
}
