//! The names of the fields of a format that nobody knows, so that whoever reads the error can tell what the
//! file is.

use serde_json::{Map, Value};

/// Names that are listed, and letters of each.
const MOST_NAMES: usize = 8;
const MOST_LETTERS: usize = 40;

/// ` (its fields: a, b, c)`; nothing where the text has none.
pub(super) fn describe(text: &[u8]) -> String {
    let first = text.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let names = first.and_then(|line| of_json(line).or_else(|| of_heading(line))).unwrap_or_default();
    if names.is_empty() {
        return String::new();
    }
    let more = if names.len() > MOST_NAMES { ", …" } else { "" };
    let listed: Vec<String> = names.iter().take(MOST_NAMES).map(|name| harmless(name)).collect();
    format!(" (its fields: {}{more})", listed.join(", "))
}

fn of_json(line: &[u8]) -> Option<Vec<String>> {
    let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
    Some(object.into_iter().map(|(name, _)| name).collect())
}

/// The names in a heading of a table: several words, none of which is a number.
fn of_heading(line: &[u8]) -> Option<Vec<String>> {
    let line = std::str::from_utf8(line).ok()?;
    let delimiter =
        [',', ';', '\t', '|'].into_iter().find(|delimiter| line.matches(*delimiter).count() >= 3)?;
    let names: Vec<&str> = line.trim().split(delimiter).map(|name| name.trim().trim_matches('"')).collect();
    let is_name = |name: &&str| {
        name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '#' | '@'))
            && name.len() <= MOST_LETTERS
    };
    names.iter().all(is_name).then(|| names.into_iter().map(str::to_owned).collect())
}

fn harmless(name: &str) -> String {
    name.chars().take(MOST_LETTERS).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn fields_are_listed_without_harm() {
        for (text, said) in [
            ("{\"src\": 1, \"d\\u001bst\": 2}\n", " (its fields: d?st, src)"),
            ("\nproto,src,dst,\"bytes out\"\n6,1,2,3\n", " (its fields: proto, src, dst, bytes out)"),
            ("a;b;c;d;e;f;g;h;i;j\n", " (its fields: a, b, c, d, e, f, g, h, …)"),
            ("6,10.0.0.1,10.0.0.2,80\n", ""),
            ("hello world\n", ""),
            ("[1, 2]\n", ""),
            ("{}\n", ""),
        ] {
            assert_eq!(describe(text.as_bytes()), said, "{text}");
        }
    }
}
