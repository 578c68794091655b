//! "Did you mean": finds the word that was probably meant.

/// The most similar candidate, if similar enough: at most two letters are inserted, deleted or
/// replaced, and fewer than the word has.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let near = candidates.into_iter().map(|name| (distance(&name.to_lowercase(), &folded), name));
    let (distance, name) = near.min()?;
    (distance <= 2 && distance < folded.chars().count()).then_some(name)
}

/// The number of letters to insert, delete or replace to turn one word into another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().take(200).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_near_is_meant() {
        let names = ["process", "port", "pid"];
        assert_eq!(nearest("proces", names), Some("process"));
        assert_eq!(nearest("PROT", names), Some("port"));
        assert_eq!(nearest("country", names), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("", names), None);
    }
}
