//! Numeric ids for the actors and addresses of a connection, which can be compared and hashed
//! without reading texts.
//!
//! The ids are in the order of the texts, so that sorting by them sorts by the texts.

use super::records::TextId;
use super::sockets::{Sockets, Source};

/// Id of a [`Source`]; ids are in the order of sources: processes, then addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// Marks the source as an address. A capture with 2^31 texts would not fit into memory.
const IS_ADDRESS: u32 = 1 << 31;

impl SourceId {
    /// A process, by its name as an actor.
    pub fn process(actor: TextId) -> Self {
        Self(actor.get() & !IS_ADDRESS)
    }

    /// An address.
    pub fn address(addr: TextId) -> Self {
        Self(addr.get() | IS_ADDRESS)
    }

    fn text(self) -> TextId {
        TextId::of(self.0 & !IS_ADDRESS)
    }
}

impl<'a> Sockets<'a> {
    /// The local source of the connection in a row, as defined by [`Source::of`].
    #[inline]
    pub fn source_id(&self, row: usize) -> SourceId {
        let actor = self.columns().actor_id(row).or_else(|| self.columns().process_name_id(row));
        actor.map_or_else(|| SourceId::address(self.local_addr_id(row)), SourceId::process)
    }

    /// The local address of the socket in a row.
    #[inline]
    pub fn local_addr_id(&self, row: usize) -> TextId {
        self.columns().local_addr_id(row)
    }

    /// The remote address of the socket in a row; `None` for a listening or unconnected socket.
    #[inline]
    pub fn remote_addr_id(&self, row: usize) -> Option<TextId> {
        self.columns().remote_addr_id(row)
    }

    /// The name that was resolved to the remote of the socket in a row.
    #[inline]
    pub fn remote_name_id(&self, row: usize) -> Option<TextId> {
        self.columns().remote_name_id(row)
    }

    /// See [`SocketRow::ja4`](super::tables::SocketRow::ja4).
    pub fn ja4_id(&self, row: usize) -> Option<TextId> {
        self.columns().ja4_id(row)
    }

    /// The name of the owner of the socket in a row.
    #[inline]
    pub fn process_name_id(&self, row: usize) -> Option<TextId> {
        self.columns().process_name_id(row)
    }

    /// The text of an id.
    #[inline]
    pub fn text(&self, id: TextId) -> &'a str {
        self.columns().text(id)
    }

    /// The source of an id.
    pub fn source(&self, id: SourceId) -> Source<'a> {
        let text = self.text(id.text());
        if id.0 & IS_ADDRESS == 0 { Source::Process(text) } else { Source::Address(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Capture, Conn};
    use super::*;

    #[test]
    fn ids_name_the_same_sources_in_the_same_order() {
        let mut capture = Capture::new(60);
        for (at, name) in (0..).zip(["zsh", "curl", "9"]) {
            capture.add(Conn::to("203.0.113.5", 443).by(name, at).at(f64::from(at)));
        }
        capture.add(Conn::to("203.0.113.4", 443).unowned().at(3.0));
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let mut by_id: Vec<usize> = (0..sockets.len()).collect();
        let mut by_text = by_id.clone();
        by_id.sort_by_key(|row| sockets.source_id(*row));
        by_text.sort_by_key(|row| Source::of(&sockets.get(*row)));
        assert_eq!((by_id.len(), &by_id), (4, &by_text));
        for row in by_id {
            assert_eq!(sockets.source(sockets.source_id(row)), Source::of(&sockets.get(row)));
            assert_eq!(sockets.text(sockets.local_addr_id(row)), sockets.get(row).local_addr);
        }
        assert!(sockets.remote_addr_id(3) < sockets.remote_addr_id(0));
    }
}
