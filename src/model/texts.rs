//! Every string of a capture once, by small keys.

use super::index::Index;
use super::records::TextId;

/// Texts in their order: one long text with the ends of each, so that a text costs eight bytes more than it is long.
#[derive(Debug, Default)]
pub struct TextList {
    all: String,
    /// Where each ends in `all`.
    ends: Vec<usize>,
}

impl TextList {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a text after the last.
    pub fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    /// The text at a place; none after the last.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.all.get(begin..end)
    }
}

/// Every string of the capture once.
#[derive(Debug, Default)]
pub struct Texts {
    list: TextList,
    keys: Index,
}

impl Texts {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no text yet.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The key of a text, new or known.
    pub fn intern(&mut self, text: &str) -> TextId {
        let Self { list, keys } = self;
        if let Some(place) = keys.find(text, |at| list.get(at) == Some(text)) {
            return TextId::of(place as u32);
        }
        list.push(text);
        keys.insert(text, list.len() - 1, |at| list.get(at).unwrap_or_default());
        TextId::of(list.len() as u32 - 1)
    }

    /// The text of a key that [`Texts::intern`] gave.
    pub fn get(&self, id: TextId) -> &str {
        self.list.get(id.get() as usize).unwrap_or_default()
    }

    /// The texts from A to Z, and by the key of each its place among them.
    pub(super) fn sorted(&self) -> (TextList, Vec<u32>) {
        let mut ids: Vec<TextId> = (0..self.len() as u32).map(TextId::of).collect();
        ids.sort_unstable_by_key(|id| self.get(*id));
        let mut list =
            TextList { all: String::with_capacity(self.list.all.len()), ends: Vec::with_capacity(ids.len()) };
        let mut places = vec![0; ids.len()];
        for (place, id) in (0..).zip(ids) {
            list.push(self.get(id));
            places[id.get() as usize] = place;
        }
        (list, places)
    }
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
