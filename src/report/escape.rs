//! Hostile text made harmless for each output.

/// For a terminal: control characters, and those that reorder text, become visible escapes.
pub fn terminal(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect()
}
