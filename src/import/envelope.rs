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

/// An object in which what was nested has become names with dots (`"flow.start"`), as Splunk, Kibana and
/// tables flatten events, nested again. Under `fields`, search engines make a list of each value.
pub(super) fn nest(value: Value) -> Value {
    let Value::Object(object) = value else { return value };
    let is_wrapper = |name: &str| matches!(name, "_source" | "result" | "fields");
    let needs_nesting = |object: &Map<String, Value>| object.keys().any(|name| name.contains('.'));
    let is_flat = needs_nesting(&object)
        || object
            .iter()
            .any(|(name, inner)| is_wrapper(name) && inner.as_object().is_some_and(needs_nesting));
    if !is_flat {
        return Value::Object(object);
    }
    let mut nested = Map::new();
    for (name, inner) in object {
        let inner = if is_wrapper(&name) { nest(inner) } else { inner };
        put(&mut nested, &name, only_item(inner));
    }
    Value::Object(nested)
}

/// Puts a value where the dots of its name say. Where something else is there already, it stays.
fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    let mut object = object;
    let mut rest = name;
    for _ in 0..MOST_DEPTH {
        let Some((outer, inner)) = rest.split_once('.') else { break };
        let next = object.entry(outer).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(next) = next else { return };
        (object, rest) = (next, inner);
    }
    object.entry(rest).or_insert(value);
}

/// The item of a list of one that is a plain value.
fn only_item(value: Value) -> Value {
    match value {
        Value::Array(mut items) if items.len() == 1 && !items[0].is_object() && !items[0].is_array() => {
            items.pop().unwrap_or_default()
        }
        value => value,
    }
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
        Value::String(text) if *texts < MOST_TEXTS => {
            let object = if text.trim_start().starts_with('{') {
                text.as_bytes()
            } else {
                after_prefix(text.as_bytes())?
            };
            *texts += 1;
            find(serde_json::from_slice(object).ok()?, is_event, depth + 1, texts)
        }
        _ => None,
    }
}

/// The objects of a line, if programs that wrote at the same time have joined several.
pub(super) fn joined(line: &[u8]) -> Option<Vec<&[u8]>> {
    line.windows(2).any(|pair| pair == b"}{").then_some(())?;
    let mut objects = serde_json::Deserializer::from_slice(line).into_iter::<Map<String, Value>>();
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(object) = objects.next() {
        object.ok()?;
        parts.push(&line[from..objects.byte_offset()]);
        from = objects.byte_offset();
    }
    (parts.len() > 1).then_some(parts)
}

/// The object at the end of a line that begins with something else: a time, a host, a program.
pub(super) fn after_prefix(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().take(MOST_PREFIX_BYTES).position(|byte| *byte == b'{')?;
    // A tab stands after the key of a message of Kafka.
    let is_object = at > 0 && matches!(line[at - 1], b' ' | b'\t') && line.trim_ascii_end().ends_with(b"}");
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
            r#"{"message":"<37>Apr 5 19:32:29 program[1]: {\"ts\":1}"}"#,
            r#"{"hits":[{"_source":{"event":{"original":"{\"ts\":1}"}}}]}"#,
        ] {
            assert_eq!(inner(line).as_deref(), Some(r#"{"ts":1}"#), "{line}");
        }
    }

    #[test]
    fn names_with_dots_are_nested_again() {
        for (flat, nested) in [
            (
                r#"{"a.b":1,"a.c.d":[2],"e":{"f.g":3},"h":[4]}"#,
                r#"{"a":{"b":1,"c":{"d":2}},"e":{"f.g":3},"h":4}"#,
            ),
            (r#"{"_source":{"a.b":[1]},"_id":"x"}"#, r#"{"_id":"x","_source":{"a":{"b":1}}}"#),
            (
                r#"{"fields":{"a.b":[1],"a.c":[1,2],"d":[{}]}}"#,
                r#"{"fields":{"a":{"b":1,"c":[1,2]},"d":[{}]}}"#,
            ),
            (r#"{"a":1,"a.b":2}"#, r#"{"a":1}"#),
            (r#"{"a":[1],"b":{"c":2}}"#, r#"{"a":[1],"b":{"c":2}}"#),
            ("[1]", "[1]"),
        ] {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(nest(parse(flat)), parse(nested), "{flat}");
        }
        let deep = format!("{{\"{}x\":1}}", "a.".repeat(10_000));
        assert!(nest(serde_json::from_str(&deep).unwrap()).to_string().len() < 100_000);
    }

    #[test]
    fn an_event_may_follow_what_syslog_puts_before_it() {
        assert_eq!(
            after_prefix(b"<13>Nov 14 22:13:20 host zeek[1]: {\"ts\":1}\r"),
            Some(&b"{\"ts\":1}\r"[..])
        );
        assert_eq!(after_prefix(b"key\t{\"ts\":1}"), Some(&b"{\"ts\":1}"[..]));
        assert_eq!(after_prefix(b"{\"ts\":1}"), None);
        assert_eq!(after_prefix(b"text {\"ts\":1} text"), None);
    }

    #[test]
    fn objects_that_were_joined_are_told_apart() {
        let parts = |line: &'static str| {
            let parts = joined(line.as_bytes())?;
            Some(parts.into_iter().map(|part| std::str::from_utf8(part).unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(parts(r#"{"a":"}{"}{"b":2}"#), Some(vec![r#"{"a":"}{"}"#, r#"{"b":2}"#]));
        assert_eq!(parts(r#"{"a":"}{"}"#), None);
        assert_eq!(parts(r#"{"a":1}{"b":"#), None);
    }

    #[test]
    fn other_objects_and_endless_wrappers_have_none() {
        assert_eq!(inner(r#"{"a":{"b":"{"},"c":[{"ts":1},{"ts":2}]}"#), None);
        assert_eq!(inner(&format!("{}{}", r#"{"a":"#.repeat(100), "}".repeat(100))), None);
    }
}
