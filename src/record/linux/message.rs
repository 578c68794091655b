//! Netlink framing: messages in a buffer, attributes in a message. No byte is trusted.

/// `NLMSG_ERROR` and `NLMSG_DONE`.
pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// One message in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

/// The messages in a buffer filled by the kernel; stops at the first that does not fit.
pub(super) fn messages(mut buffer: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(buffer, 0)? as usize;
        let message = Message {
            kind: u16_at(buffer, 4)?,
            sequence: u32_at(buffer, 8)?,
            payload: buffer.get(HEADER_BYTES..length)?,
        };
        buffer = after(buffer, length);
        Some(message)
    })
}

/// The attributes of a message: type and value; stops at the first that does not fit.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u16_at(bytes, 0)? as usize;
        let kind = u16_at(bytes, 2)?;
        let value = bytes.get(ATTRIBUTE_HEADER_BYTES..length)?;
        bytes = after(bytes, length);
        Some((kind, value))
    })
}

/// The error number of an `ERROR` or `DONE` message, as the kernel sends it: 0 or negative.
pub(super) fn error_number(payload: &[u8]) -> i32 {
    u32_at(payload, 0).map_or(0, |bits| bits as i32)
}

/// The rest after a piece of `length` bytes, which is padded to a multiple of 4.
fn after(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(length.next_multiple_of(4)..).unwrap_or_default()
}

pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(piece(bytes, offset)?))
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(piece(bytes, offset)?))
}

pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(piece(bytes, offset)?))
}

/// `N` bytes at `offset`, if there are that many.
pub(super) fn piece<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (HEADER_BYTES as u32 + payload.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0, 0]);
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn padded_messages_are_found_one_after_the_other() {
        let buffer = [message(20, b"abcde"), message(DONE, &(-5_i32).to_ne_bytes())].concat();
        let found: Vec<_> = messages(&buffer).collect();
        assert_eq!(found[0], Message { kind: 20, sequence: 7, payload: b"abcde" });
        assert_eq!((found[1].kind, error_number(found[1].payload)), (DONE, -5));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_length_past_the_end_or_below_the_header_ends_the_walk() {
        let mut buffer = message(20, b"abcd");
        buffer[0] = 200;
        assert_eq!(messages(&buffer).count(), 0);
        buffer[0] = 3;
        assert_eq!(messages(&buffer).count(), 0);
        assert_eq!(attributes(&[0, 0, 1, 0, 9, 9]).count(), 0);
    }

    #[test]
    fn attributes_have_type_and_value() {
        let bytes = [5_u16.to_ne_bytes(), 15_u16.to_ne_bytes(), [9, 0], [0, 0], 4_u16.to_ne_bytes(), [8, 0]];
        let found: Vec<_> = attributes(bytes.as_flattened()).collect();
        assert_eq!(found, [(15, &[9_u8][..]), (8, &[][..])]);
    }

    proptest! {
        #[test]
        fn garbage_is_walked_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let total: usize = messages(&bytes).map(|m| m.payload.len() + HEADER_BYTES).sum();
            prop_assert!(total <= bytes.len());
            let total: usize = attributes(&bytes).map(|(_, v)| v.len() + ATTRIBUTE_HEADER_BYTES).sum();
            prop_assert!(total <= bytes.len());
        }
    }
}
