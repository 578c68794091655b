//! Interns texts.

use ahash::{AHashMap, AHashSet};

/// Key of a text in [`Names`]; 0 is no text. After [`Names::sort`], keys compare like their texts.
pub(super) type Name = u32;

/// No text has this key.
pub(super) const ABSENT: Name = Name::MAX;

/// Texts and their keys.
pub(super) struct Names {
    list: Vec<Box<str>>,
    keys: AHashMap<Box<str>, Name>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { list: vec!["".into()], keys: AHashMap::new() }
    }

    /// The key of a text, which is added if it is new.
    pub(super) fn key(&mut self, text: &str) -> Name {
        if let Some(key) = self.keys.get(text) {
            return *key;
        }
        let key = self.list.len() as Name;
        self.list.push(text.into());
        self.keys.insert(text.into(), key);
        key
    }

    /// The key of a text; [`ABSENT`] if unknown.
    pub(super) fn find(&self, text: &str) -> Name {
        self.keys.get(text).copied().unwrap_or(ABSENT)
    }

    /// The text of a key; empty for key 0.
    pub(super) fn get(&self, key: Name) -> &str {
        self.list.get(key as usize).map_or("", |text| text)
    }

    /// The text of a key, if there is one.
    pub(super) fn text(&self, key: Name) -> Option<&str> {
        (key != 0).then(|| self.get(key))
    }

    /// Renumbers the texts in sort order, so that nothing depends on the order of insertion.
    /// Returns the new key of each old one.
    pub(super) fn sort(&mut self) -> Vec<Name> {
        let mut order: Vec<Name> = (1..self.list.len() as Name).collect();
        order.sort_unstable_by(|a, b| self.get(*a).cmp(self.get(*b)));
        let mut renamed = vec![0; self.list.len()];
        let mut list = vec![Box::from("")];
        for (at, old) in order.into_iter().enumerate() {
            renamed[old as usize] = at as Name + 1;
            list.push(std::mem::take(&mut self.list[old as usize]));
        }
        self.list = list;
        for key in self.keys.values_mut() {
            *key = renamed[*key as usize];
        }
        renamed
    }
}

/// Texts, sorted.
pub(super) fn sorted(names: &AHashSet<Name>) -> Vec<Name> {
    let mut list: Vec<Name> = names.iter().copied().collect();
    list.sort_unstable();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_keys_compare_as_their_texts_and_none_stays_none() {
        let mut names = Names::new();
        let old = ["web", "", "db", "web"].map(|text| names.key(text));
        assert_eq!(old[0], old[3]);
        let renamed = names.sort();
        let new = old.map(|key| renamed[key as usize]);
        assert!(new[1] < new[2] && new[2] < new[0], "{new:?}");
        assert_eq!(new.map(|key| names.get(key)), ["web", "", "db", "web"]);
        assert_eq!((names.find("db"), names.find("none"), renamed[0]), (new[2], ABSENT, 0));
        assert_eq!((names.text(0), names.text(new[1])), (None, Some("")), "an empty text is one");
    }
}
