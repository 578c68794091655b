//! As much of DER as the names in a certificate need (X.690), and the names as text (RFC 4514).

use std::fmt::Write as _;

/// Tags: a sequence, an integer, a field marked by 0.
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const INTEGER: u8 = 2;
pub(super) const EXPLICIT_0: u8 = 0xa0;

const SET: u8 = 0x31;
const OID: u8 = 6;
const TELETEX_STRING: u8 = 20;
const UNIVERSAL_STRING: u8 = 28;
const BMP_STRING: u8 = 30;

/// Attributes of a name that are read; no sensible one has more.
const MOST_ATTRIBUTES: usize = 32;

/// Attributes by the encoding of their object identifiers.
const ATTRIBUTES: [(&[u8], &str); 12] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 4], "SN"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

/// The value of the first item, if it has this tag, and what follows it.
pub(super) fn item(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = any_item(bytes)?;
    (found == tag).then_some((value, rest))
}

/// Tag and value of the first item, and what follows it.
fn any_item(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // Up to 16 MB, more than any record holds.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((*tag, value, rest))
}

/// A distinguished name as text, the most specific attribute first.
pub(super) fn distinguished_name(mut name: &[u8]) -> String {
    let mut parts: Vec<String> = Vec::new();
    while let Some((set, rest)) = item(name, SET) {
        let mut together = String::new();
        let mut attributes = set;
        while let Some((attribute, after)) = item(attributes, SEQUENCE) {
            if let Some((kind, value)) = kind_and_value(attribute) {
                if !together.is_empty() {
                    together.push('+');
                }
                put_kind(kind, &mut together);
                together.push('=');
                escape(&value, &mut together);
            }
            attributes = after;
        }
        parts.push(together);
        if parts.len() >= MOST_ATTRIBUTES {
            break;
        }
        name = rest;
    }
    parts.reverse();
    parts.join(",")
}

fn kind_and_value(attribute: &[u8]) -> Option<(&[u8], String)> {
    let (kind, rest) = item(attribute, OID)?;
    let (tag, value, _) = any_item(rest)?;
    Some((kind, text(tag, value)))
}

/// The text of a string of any of the types that names have.
fn text(tag: u8, value: &[u8]) -> String {
    match tag {
        TELETEX_STRING => value.iter().map(|byte| char::from(*byte)).collect(),
        BMP_STRING => {
            let units = value.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        UNIVERSAL_STRING => {
            let numbers = value.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number));
            numbers.map(|number| char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

/// The short name of an attribute, else its object identifier in dots.
fn put_kind(kind: &[u8], out: &mut String) {
    if let Some((_, name)) = ATTRIBUTES.iter().find(|(known, _)| *known == kind) {
        out.push_str(name);
        return;
    }
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in kind.iter().take(64) {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - 40 * first]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    let arcs: Vec<String> = arcs.iter().map(u64::to_string).collect();
    out.push_str(&arcs.join("."));
}

/// Writes a value so that nothing in it looks like a part of the name around it, or is a control character.
fn escape(value: &str, out: &mut String) {
    let last = value.len().saturating_sub(1);
    for (at, character) in value.char_indices() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => out.extend(['\\', character]),
            ' ' if at == 0 || at == last => out.push_str("\\ "),
            '#' if at == 0 => out.push_str("\\#"),
            character if character.is_control() => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\{byte:02X}");
                }
            }
            character => out.push(character),
        }
    }
}

/// An item of a tag and a value.
#[cfg(test)]
pub(super) fn put(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let head = if length < 0x80 {
        vec![tag, length as u8]
    } else {
        vec![tag, 0x82, (length >> 8) as u8, length as u8]
    };
    [head.as_slice(), value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: &[u8], tag: u8, value: &[u8]) -> String {
        let attribute = [put(OID, kind), put(tag, value)].concat();
        distinguished_name(&put(SET, &put(SEQUENCE, &attribute)))
    }

    #[test]
    fn strings_of_every_type_are_read() {
        let cn = [0x55, 4, 3];
        assert_eq!(name(&cn, 19, b"a.org"), "CN=a.org");
        assert_eq!(name(&cn, TELETEX_STRING, b"\xe9"), "CN=é");
        assert_eq!(name(&cn, BMP_STRING, &[0, 0xe9, 0xd8, 0]), "CN=é\u{fffd}");
        assert_eq!(name(&cn, UNIVERSAL_STRING, &[0, 0, 0, 0xe9]), "CN=é");
        assert_eq!(name(&cn, 12, b"\xff"), "CN=\u{fffd}");
    }

    #[test]
    fn an_attribute_without_a_name_is_its_identifier() {
        assert_eq!(name(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2], 12, b"x"), "1.2.840.113549.1.9.2=x");
        assert_eq!(name(&[], 12, b"x"), "=x");
    }

    #[test]
    fn a_length_that_is_not_there_is_refused() {
        for bytes in
            [&[0x30_u8][..], &[0x30, 5, 1], &[0x30, 0x84, 0, 0, 0, 1, 1], &[0x30, 0x80, 1], &[0x30, 0x82, 1]]
        {
            assert_eq!(item(bytes, SEQUENCE), None, "{bytes:?}");
        }
    }
}
