//! Sets of TCP states.

use std::sync::LazyLock;

use crate::capture::TcpState;

/// A set of TCP states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct States(u16);

/// States in the order of a connection's life rather than of the kernel's numbers.
const LIFE: [TcpState; TcpState::ALL.len()] = [
    TcpState::Listen,
    TcpState::SynSent,
    TcpState::SynRecv,
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::Closing,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::TimeWait,
    TcpState::Close,
];

/// For every set, its members joined by `>`; empty for the empty set.
static TEXTS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let sets = (0..1_u16 << TcpState::ALL.len()).map(States);
    let text = |set: States| {
        let members: Vec<&str> =
            LIFE.into_iter().filter(|state| set.contains(*state)).map(TcpState::as_str).collect();
        // Made once, and needed until the program ends.
        &*members.join(">").leak()
    };
    sets.map(text).collect()
});

impl States {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The states that only an established connection reaches.
    pub const ESTABLISHED: Self = Self::new(&[
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::TimeWait,
        TcpState::CloseWait,
        TcpState::LastAck,
        TcpState::Closing,
    ]);

    /// The set of some states.
    pub const fn new(states: &[TcpState]) -> Self {
        let (mut set, mut at) = (Self::NONE, 0);
        while at < states.len() {
            set = set.with(states[at]);
            at += 1;
        }
        set
    }

    /// The set with another state.
    #[must_use]
    pub const fn with(self, state: TcpState) -> Self {
        Self(self.0 | 1 << state as u16)
    }

    /// Whether a state is in it.
    pub const fn contains(self, state: TcpState) -> bool {
        self.0 & (1 << state as u16) != 0
    }

    /// Whether the sets have a common state.
    pub const fn has_any(self, states: Self) -> bool {
        self.0 & states.0 != 0
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The last of its states in a connection's life.
    pub fn last(self) -> Option<TcpState> {
        LIFE.into_iter().rev().find(|state| self.contains(*state))
    }

    /// Its members joined by `>` in the order of a connection's life; empty for the empty set.
    pub fn text(self) -> &'static str {
        TEXTS.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The texts of every set, by [`Self::bits`].
    pub(super) fn texts() -> &'static [&'static str] {
        &TEXTS
    }

    /// A bit for every state in it.
    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    /// The set of these bits.
    pub(super) fn from_bits(bits: usize) -> Option<Self> {
        (bits < TEXTS.len()).then_some(Self(bits as u16))
    }

    /// The set with this text.
    pub fn from_text(text: &str) -> Option<Self> {
        text.split('>').try_fold(Self::NONE, |set, state| Some(set.with(TcpState::from_text(state)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_in_the_order_of_a_life() {
        let seen = States::new(&[TcpState::TimeWait, TcpState::Established, TcpState::SynSent]);
        assert_eq!(seen.text(), "SYN_SENT>ESTABLISHED>TIME_WAIT");
        assert_eq!(States::NONE.text(), "");
        assert_eq!(States::new(TcpState::ALL).text().split('>').count(), 11);
    }

    #[test]
    fn every_set_is_what_its_text_says() {
        for bits in 1..1 << TcpState::ALL.len() {
            assert_eq!(States::from_text(States(bits).text()), Some(States(bits)));
        }
        assert_eq!(States::from_text("ESTABLISHED>NONSENSE"), None);
    }

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let closing = States::new(&[TcpState::LastAck, TcpState::TimeWait]);
        assert!(closing.contains(TcpState::LastAck) && !closing.contains(TcpState::Close));
        assert!(closing.has_any(States::new(&[TcpState::Close, TcpState::TimeWait])));
        assert!(!closing.has_any(States::new(&[TcpState::Close])) && !States::NONE.has_any(closing));
    }
}
