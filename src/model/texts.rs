//! Every string of a capture once, by small keys.

use super::index::Index;
use super::records::TextId;

/// Every string of the capture once: one long text with the ends of each, so that a string costs some
/// fifteen bytes more than it is long.
#[derive(Debug, Default)]
pub struct Texts {
    all: String,
    /// Where each ends in `all`.
    ends: Vec<usize>,
    keys: Index,
}

impl Texts {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The key of a text, new or known.
    pub fn intern(&mut self, text: &str) -> TextId {
        let Self { all, ends, keys } = self;
        if let Some(place) = keys.find(text, |at| at_place(all, ends, at) == text) {
            return TextId::of(place as u32);
        }
        all.push_str(text);
        ends.push(all.len());
        keys.insert(text, ends.len() - 1, |at| at_place(all, ends, at));
        TextId::of(ends.len() as u32 - 1)
    }

    /// The text of a key that [`Texts::intern`] gave.
    pub fn get(&self, id: TextId) -> &str {
        at_place(&self.all, &self.ends, id.get() as usize)
    }
}

fn at_place<'a>(all: &'a str, ends: &[usize], at: usize) -> &'a str {
    let begin = at.checked_sub(1).map_or(0, |before| ends[before]);
    &all[begin..ends[at]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_key_and_comes_back_by_it() {
        let mut texts = Texts::default();
        let words = ["", "a", "é", "aé", "a"];
        let ids = words.map(|word| texts.intern(word));
        assert_eq!(ids.map(|id| texts.get(id)), words);
        assert_eq!((texts.len(), ids[1]), (4, ids[4]));
    }

    #[test]
    fn many_texts_stay_apart_as_the_index_grows() {
        let mut texts = Texts::default();
        let ids: Vec<TextId> = (0..5_000).map(|n| texts.intern(&format!("text {n}"))).collect();
        assert!((0..).zip(&ids).all(|(n, id)| texts.get(*id) == format!("text {n}") && id.get() == n));
    }
}
