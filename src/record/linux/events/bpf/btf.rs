//! The kernel's type information (BTF): offsets of fields in this kernel's structures.
//!
//! Format: Linux `Documentation/bpf/btf.rst`. The data comes from the kernel, but its lengths are
//! checked all the same.

use std::fs;
use std::io;

use super::super::super::message::{u16_at, u32_at};

/// Path of the kernel's type information.
const PATH: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xEB9F;

/// The kinds of types that are used.
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
/// Kinds that refer to another type: typedef, volatile, const, restrict, type tag.
const STANDS_FOR_ANOTHER: [u32; 5] = [8, 9, 10, 11, 18];

/// Maximum nesting of anonymous structures that is followed.
const MOST_NESTED: usize = 8;

/// The types of the running kernel.
pub(super) struct Btf {
    bytes: Vec<u8>,
    /// Where each type's description begins; type 0 is void.
    types: Vec<usize>,
    strings: usize,
}

impl Btf {
    /// Reads the type information of the running kernel.
    ///
    /// # Errors
    /// The system's error; a kernel built without BTF has none.
    pub(super) fn read() -> io::Result<Self> {
        Self::parse(fs::read(PATH)?).ok_or_else(|| io::Error::other("its BTF is not understood"))
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        (u16_at(&bytes, 0)? == MAGIC).then_some(())?;
        let number = |offset| u32_at(&bytes, offset).map(|number| number as usize);
        let header = number(4)?;
        let start = header.checked_add(number(8)?)?;
        let end = start.checked_add(number(12)?)?;
        let strings = header.checked_add(number(16)?)?;
        let mut types = vec![usize::MAX];
        let mut at = start;
        while at < end {
            types.push(at);
            at = at.checked_add(12)?.checked_add(extra_bytes(u32_at(&bytes, at + 4)?)?)?;
        }
        Some(Self { bytes, types, strings })
    }

    /// The id of the typedef with this name.
    pub(super) fn typedef(&self, name: &str) -> Option<u32> {
        self.find(name, TYPEDEF)
    }

    /// Offset of a field in bytes; also of one in an anonymous or named inner structure
    /// (`sk_lock.owned`).
    pub(super) fn offset(&self, structure: &str, path: &str) -> Option<i16> {
        let mut id = self.find(structure, STRUCT)?;
        let mut offset = 0;
        for field in path.split('.') {
            let (at, field_type) = self.field(id, field, MOST_NESTED)?;
            offset += at;
            id = self.resolve(field_type)?;
        }
        i16::try_from(offset).ok()
    }

    fn find(&self, name: &str, kind: u32) -> Option<u32> {
        let is_it = |at: usize| self.kind(at) == Some(kind) && self.name(at) == Some(name.as_bytes());
        let index = self.types.iter().skip(1).position(|at| is_it(*at))? + 1;
        u32::try_from(index).ok()
    }

    /// A field's offset in bytes, and its type.
    fn field(&self, id: u32, name: &str, depth: usize) -> Option<(u32, u32)> {
        let at = *self.types.get(id as usize)?;
        matches!(self.kind(at)?, STRUCT | UNION).then_some(())?;
        let info = u32_at(&self.bytes, at + 4)?;
        let has_bit_sizes = info >> 31 == 1;
        for index in 0..(info & 0xffff) as usize {
            let member = at + 12 + 12 * index;
            let field_type = u32_at(&self.bytes, member + 4)?;
            let bits = u32_at(&self.bytes, member + 8)?;
            let offset = if has_bit_sizes { bits & 0x00ff_ffff } else { bits } / 8;
            let found = self.name(member)?;
            if found == name.as_bytes() {
                return Some((offset, field_type));
            }
            if found.is_empty()
                && depth > 0
                && let Some(inner) = self.resolve(field_type)
                && let Some((within, inner_type)) = self.field(inner, name, depth - 1)
            {
                return Some((offset + within, inner_type));
            }
        }
        None
    }

    /// The type that a typedef or qualifier finally refers to.
    fn resolve(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MOST_NESTED {
            let at = *self.types.get(id as usize)?;
            if !STANDS_FOR_ANOTHER.contains(&self.kind(at)?) {
                return Some(id);
            }
            id = u32_at(&self.bytes, at + 8)?;
        }
        None
    }

    fn kind(&self, at: usize) -> Option<u32> {
        Some(u32_at(&self.bytes, at.checked_add(4)?)? >> 24 & 0x1f)
    }

    /// The name of a type or field, whose description begins with an offset into the strings.
    fn name(&self, at: usize) -> Option<&[u8]> {
        let start = self.strings.checked_add(u32_at(&self.bytes, at)? as usize)?;
        self.bytes.get(start..)?.split(|byte| *byte == 0).next()
    }
}

/// Number of bytes after the common twelve of each type; `None` for an unknown kind.
fn extra_bytes(info: u32) -> Option<usize> {
    let count = (info & 0xffff) as usize;
    Some(match info >> 24 & 0x1f {
        1 | 14 | 17 => 4,
        2 | 7..=12 | 16 | 18 => 0,
        3 => 12,
        4 | 5 | 15 | 19 => 12 * count,
        6 | 13 => 8 * count,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure of two fields, the second inside an anonymous union, and a typedef.
    fn sample() -> Vec<u8> {
        let strings = b"\0sock\0a\0b\0alias\0int\0";
        let types: [&[u32]; 4] = [
            &[17, 1 << 24, 4, 32],
            &[0, 5 << 24 | 1, 4, 8, 1, 0],
            &[1, 4 << 24 | 2, 12, 6, 1, 0, 0, 2, 64],
            &[10, 8 << 24, 3],
        ];
        let types: Vec<u8> = types.concat().into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for number in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn fields_are_found_also_within_unnamed_unions() {
        let btf = Btf::parse(sample()).unwrap();
        assert_eq!(btf.offset("sock", "a"), Some(0));
        assert_eq!(btf.offset("sock", "b"), Some(8));
        assert_eq!(btf.offset("sock", "c"), None);
        assert_eq!(btf.offset("socket", "a"), None);
        assert_eq!((btf.typedef("alias"), btf.typedef("sock")), (Some(4), None));
    }

    #[test]
    fn what_is_cut_or_no_description_is_refused() {
        let whole = sample();
        for length in 0..whole.len() {
            if let Some(btf) = Btf::parse(whole[..length].to_vec()) {
                let _ = btf.offset("sock", "b");
            }
        }
        assert!(Btf::parse(vec![0; 64]).is_none());
    }

    #[test]
    fn this_kernel_describes_its_sockets() {
        let Ok(btf) = Btf::read() else {
            println!("skipped: this kernel has no BTF");
            return;
        };
        assert_eq!(btf.offset("sock_common", "skc_daddr"), Some(0));
        assert!(btf.offset("sock", "sk_lock.owned").is_some_and(|offset| offset > 64));
        assert!(btf.typedef("btf_trace_inet_sock_set_state").is_some());
    }
}
