//! A walk through a text of JSON, which is neither copied nor made into a tree.

/// Deeper nesting than this no log has.
const MOST_DEPTH: u32 = 32;

/// A place in a text.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// `NaN` and the infinities, which JSON does not have and Python writes.
    pub(super) fn not_a_number(&mut self) -> Option<()> {
        if !matches!(self.peek()?, b'N' | b'I' | b'-') {
            return None;
        }
        [b"NaN".as_slice(), b"Infinity", b"-Infinity"].into_iter().find_map(|word| self.word(word))
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// The name of a member, up to its value.
    pub(super) fn name(&mut self) -> Option<&'a [u8]> {
        let (from, to, _) = self.string()?;
        self.skip_space();
        self.byte(b':')?;
        self.skip_space();
        Some(&self.bytes[from..to])
    }

    /// Reads an object; `member` reads the value of each name.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        self.byte(b'{')?;
        self.skip_space();
        if self.byte(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.name()?;
            member(self, name)?;
            self.skip_space();
            if self.byte(b'}').is_some() {
                return Some(());
            }
            self.byte(b',')?;
            self.skip_space();
        }
    }

    /// Reads a list; `item` reads each value.
    pub(super) fn items(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.byte(b'[')?;
        self.skip_space();
        if self.byte(b']').is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.skip_space();
            if self.byte(b']').is_some() {
                return Some(());
            }
            self.byte(b',')?;
            self.skip_space();
        }
    }

    /// A string: where its text begins and ends, and whether there are escapes in it.
    pub(super) fn string(&mut self) -> Option<(usize, usize, bool)> {
        self.byte(b'"')?;
        let from = self.at;
        let mut is_escaped = false;
        loop {
            let rest = self.bytes.get(self.at..)?;
            let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let stop = rest.iter().position(stops)?;
            self.at += stop + 1;
            match rest[stop] {
                b'"' => return Some((from, self.at - 1, is_escaped)),
                b'\\' => {
                    is_escaped = true;
                    self.at += 1;
                }
                _ => return None,
            }
        }
    }

    pub(super) fn number(&mut self) -> Option<(usize, usize)> {
        let from = self.at;
        let is_of_number =
            |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
        self.at += self.rest().iter().take_while(|byte| is_of_number(byte)).count();
        (self.bytes[from..self.at].iter().any(u8::is_ascii_digit)).then_some((from, self.at))
    }

    pub(super) fn skip_value(&mut self, depth: u32) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.members(|cursor, _| cursor.skip_value(depth + 1)),
            b'[' => self.items(|cursor| cursor.skip_value(depth + 1)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.not_a_number().or_else(|| self.number().map(drop)),
        }
    }
}
