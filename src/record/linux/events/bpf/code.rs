//! An assembler for the eBPF instructions that are needed: `linux/bpf.h`.

/// A register. 0 holds results, 1 to 5 arguments; 6 to 9 survive calls; 10 is the end of the stack
/// frame, below which 512 bytes may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reg(pub(super) u8);

/// Width of a load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Byte,
    Half,
    Word,
    Double,
}

impl Width {
    fn bits(self) -> u8 {
        match self {
            Self::Word => 0x00,
            Self::Half => 0x08,
            Self::Byte => 0x10,
            Self::Double => 0x18,
        }
    }
}

/// Kernel helper functions, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Helper {
    MapLookup = 1,
    KtimeGetNs = 5,
    GetSmpProcessorId = 8,
    GetCurrentPidTgid = 14,
    GetSocketCookie = 46,
    GetCurrentCgroupId = 80,
    ProbeReadUser = 112,
    RingbufReserve = 131,
    RingbufSubmit = 132,
    RingbufDiscard = 133,
    SkcToTcpSock = 137,
    GetCurrentTaskBtf = 158,
}

/// How an instruction refers to a map's descriptor: `BPF_PSEUDO_MAP_FD`, `BPF_PSEUDO_MAP_VALUE`.
const MAP: u8 = 1;
const MAP_VALUE: u8 = 2;

/// Code under construction, eight bytes per instruction.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    words: Vec<u64>,
}

impl Code {
    /// The instructions, one per word.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// `to = from`.
    pub(super) fn copy(self, to: Reg, from: Reg) -> Self {
        self.push(0xbf, to, from, 0, 0)
    }

    /// `to = value`.
    pub(super) fn set(self, to: Reg, value: i32) -> Self {
        self.push(0xb7, to, Reg(0), 0, value)
    }

    /// `to += value`.
    pub(super) fn add(self, to: Reg, value: i32) -> Self {
        self.push(0x07, to, Reg(0), 0, value)
    }

    /// `to -= from`.
    pub(super) fn subtract(self, to: Reg, from: Reg) -> Self {
        self.push(0x1f, to, from, 0, 0)
    }

    /// `to += from`.
    pub(super) fn add_register(self, to: Reg, from: Reg) -> Self {
        self.push(0x0f, to, from, 0, 0)
    }

    /// `to &= value`.
    pub(super) fn and(self, to: Reg, value: i32) -> Self {
        self.push(0x57, to, Reg(0), 0, value)
    }

    /// `to >>= bits`.
    pub(super) fn shift_right(self, to: Reg, bits: i32) -> Self {
        self.push(0x77, to, Reg(0), 0, bits)
    }

    /// `to <<= bits`.
    pub(super) fn shift_left(self, to: Reg, bits: i32) -> Self {
        self.push(0x67, to, Reg(0), 0, bits)
    }

    /// Turns 16 bits in network order into a number.
    pub(super) fn swap_to_host(self, register: Reg) -> Self {
        self.push(0xdc, register, Reg(0), 0, 16)
    }

    /// `to = from[offset]`.
    pub(super) fn load(self, width: Width, to: Reg, from: Reg, offset: i16) -> Self {
        self.push(0x61 | width.bits(), to, from, offset, 0)
    }

    /// `to[offset] = from`.
    pub(super) fn store(self, width: Width, to: Reg, offset: i16, from: Reg) -> Self {
        self.push(0x63 | width.bits(), to, from, offset, 0)
    }

    /// `to[offset] = value`.
    pub(super) fn store_value(self, width: Width, to: Reg, offset: i16, value: i32) -> Self {
        self.push(0x62 | width.bits(), to, Reg(0), offset, value)
    }

    /// `to[0] += from`, atomically.
    pub(super) fn add_to_memory(self, to: Reg, from: Reg) -> Self {
        self.push(0xdb, to, from, 0, 0)
    }

    /// Calls a helper function.
    pub(super) fn call(self, helper: Helper) -> Self {
        self.push(0x85, Reg(0), Reg(0), 0, helper as i32)
    }

    /// `to` = a map, by its descriptor.
    pub(super) fn map(self, to: Reg, descriptor: i32) -> Self {
        self.push(0x18, to, Reg(MAP), 0, descriptor).push(0, Reg(0), Reg(0), 0, 0)
    }

    /// `to` = the address of a map's only value.
    pub(super) fn map_value(self, to: Reg, descriptor: i32) -> Self {
        self.push(0x18, to, Reg(MAP_VALUE), 0, descriptor).push(0, Reg(0), Reg(0), 0, 0)
    }

    /// Does `then` only if the register has this value.
    pub(super) fn if_equal(self, register: Reg, value: i32, then: &Self) -> Self {
        self.skip_unless(0x55, register, value, then)
    }

    /// Does `then` only if two registers are equal.
    pub(super) fn if_same(self, one: Reg, other: Reg, then: &Self) -> Self {
        let mut code = self.push(0x5d, one, other, then.words.len() as i16, 0);
        code.words.extend(&then.words);
        code
    }

    /// Does `then` only if the register has another value.
    pub(super) fn if_not_equal(self, register: Reg, value: i32, then: &Self) -> Self {
        self.skip_unless(0x15, register, value, then)
    }

    /// Does `then` only if the register, as an unsigned number, is greater.
    pub(super) fn if_greater(self, register: Reg, value: i32, then: &Self) -> Self {
        self.skip_unless(0xb5, register, value, then)
    }

    /// Ends the program or a branch of it. The kernel requires a result but does not use it.
    pub(super) fn exit(self) -> Self {
        self.set(Reg(0), 0).push(0x95, Reg(0), Reg(0), 0, 0)
    }

    fn skip_unless(self, jump: u8, register: Reg, value: i32, then: &Self) -> Self {
        // A program has a few hundred instructions.
        let mut code = self.push(jump, register, Reg(0), then.words.len() as i16, value);
        code.words.extend(&then.words);
        code
    }

    fn push(mut self, operation: u8, to: Reg, from: Reg, offset: i16, value: i32) -> Self {
        let registers = if cfg!(target_endian = "big") { to.0 << 4 | from.0 } else { to.0 | from.0 << 4 };
        let [o0, o1] = offset.to_ne_bytes();
        let [v0, v1, v2, v3] = value.to_ne_bytes();
        self.words.push(u64::from_ne_bytes([operation, registers, o0, o1, v0, v1, v2, v3]));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn instructions_are_encoded_as_in_the_kernels_header() {
        let code = Code::default()
            .copy(Reg(6), Reg(1))
            .load(Width::Double, Reg(7), Reg(6), 0)
            .store(Width::Byte, Reg(10), -8, Reg(1))
            .call(Helper::ProbeReadUser)
            .exit();
        let expected = [
            0x0000_0000_0000_16bf,
            0x0000_0000_0000_6779,
            0x0000_0000_fff8_1a73,
            0x0000_0070_0000_0085,
            0x0000_0000_0000_00b7,
            0x0000_0000_0000_0095,
        ];
        assert_eq!(code.words(), expected);
    }

    #[test]
    fn a_branch_is_jumped_over_as_a_whole() {
        let inner = Code::default().set(Reg(1), 1).set(Reg(2), 2);
        let code = Code::default().if_equal(Reg(3), 7, &inner).exit();
        assert_eq!(code.words().len(), 5);
        assert_eq!(code.words()[0].to_ne_bytes()[2], 2, "over two instructions");
    }
}
