//! The identity of the host, which survives restarts and renaming.
//!
//! `/etc/machine-id` must not be exposed (machine-id(5)); programs derive their own identity from
//! it. This uses the method of `sd_id128_get_machine_app_specific` (systemd): HMAC-SHA256 with the
//! machine id as the key over the program's id, the first 128 bits, marked as a version 4 UUID.
//! `systemd-id128 machine-id --app-specific=7d1f0c5b2a9e4b6c8f3d5e6a7b809c1d` prints the same.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// netrec's own id, generated once.
const NETREC: u128 = 0x7d1f_0c5b_2a9e_4b6c_8f3d_5e6a_7b80_9c1d;

/// The identity of this host, in hexadecimal; `None` if the system has no machine id.
#[cfg(target_os = "linux")]
pub(super) fn machine_id() -> Option<String> {
    derive(&std::fs::read_to_string("/etc/machine-id").ok()?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn machine_id() -> Option<String> {
    None
}

/// Derives the identity from the content of `/etc/machine-id`; `None` unless that is 128 bits in
/// hexadecimal, as before a system's first setup (`uninitialized`).
fn derive(content: &str) -> Option<String> {
    let digits = content.trim();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let key = u128::from_str_radix(digits, 16).ok().filter(|id| *id != 0)?;
    let mut hash = Hmac::<Sha256>::new_from_slice(&key.to_be_bytes()).ok()?;
    hash.update(&NETREC.to_be_bytes());
    let (id, _) =
        hash.finalize().into_bytes().split_first_chunk::<16>().map(|(id, rest)| (*id, rest.len()))?;
    let mut id = u128::from_be_bytes(id);
    id = id & !(0xF << 76) | 0x4 << 76;
    id = id & !(0x3 << 62) | 0x2 << 62;
    Some(format!("{id:032x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_the_one_that_systemd_derives() {
        // Computed with systemd-id128 of systemd 252.
        let id = derive("3d1219c7c4c5404aaa1f6d2a48adfda4\n");
        assert_eq!(id.as_deref(), Some("61d36c150f244ce8b338db5f34b709cf"));
    }

    #[test]
    fn what_is_no_machine_id_gives_none() {
        for content in [
            "",
            "uninitialized\n",
            "00000000000000000000000000000000",
            "3d12",
            "+d1219c7c4c5404aaa1f6d2a48adfda4",
        ] {
            assert_eq!(derive(content), None, "{content:?}");
        }
    }
}
