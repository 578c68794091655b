//! A file of whatever kind, recognised by its content: the first byte says how it is encoded and
//! compressed, the next four where the compressed bytes are cut or changed.
#![no_main]

use std::cell::RefCell;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use netrec_fuzz::files::Files;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new(&["file"]));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((head, contents)) = bytes.split_first_chunk::<5>() else { return };
    let [how, change, xor, high, low] = *head;
    let encoded = match how / 3 % 6 {
        0 => utf16(contents, u16::to_le_bytes),
        1 => utf16(contents, u16::to_be_bytes),
        2 => [&[0; 70_000], contents].concat(),
        _ => contents.to_vec(),
    };
    let mut file = match how % 3 {
        0 => encoded,
        1 => gzip(&encoded),
        _ => zstd::encode_all(encoded.as_slice(), 1).expect("memory takes it"),
    };
    let at = usize::from(u16::from_be_bytes([high, low]));
    match change % 3 {
        0 => {}
        1 => file.truncate(at),
        _ => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= xor),
    }
    FILES.with_borrow_mut(|files| files.import([file.as_slice()], None));
});

/// As Windows writes text.
fn utf16(text: &[u8], to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    String::from_utf8_lossy(text).encode_utf16().flat_map(to_bytes).collect()
}

/// Two members, as of a log that was compressed in pieces.
fn gzip(contents: &[u8]) -> Vec<u8> {
    let (first, second) = contents.split_at(contents.len() / 2);
    [first, second]
        .into_iter()
        .flat_map(|part| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(part).and_then(|()| encoder.finish()).expect("memory takes it")
        })
        .collect()
}
