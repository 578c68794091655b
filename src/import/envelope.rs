//! Records inside of other records: what log shippers, search engines and log collectors put
//! around an event. Found by what is inside, not by the names of the wrappers.

use serde_json::{Map, Value};

/// Deeper than this no shipper wraps.
const MOST_DEPTH: u32 = 8;

/// A line of syslog has no more before its message.
const MOST_PREFIX_BYTES: usize = 200;

/// Texts in one record that are tried as JSON.
const MOST_TEXTS: u32 = 16;

/// The outermost object that is an event, as JSON again. An event may also stand in a text that
/// is JSON itself, as in `message`, `log` or `_raw`.
pub(super) fn open(line: &[u8], is_event: &dyn Fn(&Map<String, Value>) -> bool) -> Option<Vec<u8>> {
    let outer: Value = serde_json::from_slice(line).ok()?;
    serde_json::to_vec(&find(outer, is_event, 0, &mut 0)?).ok()
}

/// The same for a record that has been read.
pub(super) fn find(
    value: Value,
    is_event: &dyn Fn(&Map<String, Value>) -> bool,
    depth: u32,
    texts: &mut u32,
) -> Option<Map<String, Value>> {
    if depth > MOST_DEPTH {
        return None;
    }
    match value {
        Value::Object(object) if is_event(&object) => Some(object),
        Value::Object(object) => {
            object.into_iter().find_map(|(_, inner)| find(inner, is_event, depth + 1, texts))
        }
        // Some shippers make a list of one of everything.
        Value::Array(items) if items.len() == 1 => {
            items.into_iter().find_map(|item| find(item, is_event, depth + 1, texts))
        }
        Value::String(text) if text.trim_start().starts_with('{') && *texts < MOST_TEXTS => {
            *texts += 1;
            find(serde_json::from_str(&text).ok()?, is_event, depth + 1, texts)
        }
        _ => None,
    }
}

/// The object at the end of a line that begins with something else: a time, a host, a program.
pub(super) fn after_prefix(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().take(MOST_PREFIX_BYTES).position(|byte| *byte == b'{')?;
    let is_object = at > 0 && line[at - 1] == b' ' && line.trim_ascii_end().ends_with(b"}");
    is_object.then(|| &line[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(line: &str) -> Option<String> {
        let is_event = |object: &Map<String, Value>| object.contains_key("ts");
        open(line.as_bytes(), &is_event).map(|inner| String::from_utf8(inner).unwrap())
    }

    #[test]
    fn events_are_found_in_whatever_is_around_them() {
        for line in [
            r#"{"ts":1}"#,
            r#"{"_index":"x","_source":{"ts":1}}"#,
            r#"{"preview":false,"result":{"_raw":"{\"ts\":1}"}}"#,
            r#"{"@timestamp":"x","message":"{\"ts\":1}"}"#,
            r#"{"log":"{\"ts\":1}\n","stream":"stdout"}"#,
            r#"{"conn":{"ts":1}}"#,
            r#"{"hits":[{"_source":{"event":{"original":"{\"ts\":1}"}}}]}"#,
        ] {
            assert_eq!(inner(line).as_deref(), Some(r#"{"ts":1}"#), "{line}");
        }
    }

    #[test]
    fn an_event_may_follow_what_syslog_puts_before_it() {
        assert_eq!(
            after_prefix(b"<13>Nov 14 22:13:20 host zeek[1]: {\"ts\":1}\r"),
            Some(&b"{\"ts\":1}\r"[..])
        );
        assert_eq!(after_prefix(b"{\"ts\":1}"), None);
        assert_eq!(after_prefix(b"text {\"ts\":1} text"), None);
    }

    #[test]
    fn other_objects_and_endless_wrappers_have_none() {
        assert_eq!(inner(r#"{"a":{"b":"{"},"c":[{"ts":1},{"ts":2}]}"#), None);
        assert_eq!(inner(&format!("{}{}", r#"{"a":"#.repeat(100), "}".repeat(100))), None);
    }
}
