//! Events as `Get-WinEvent | Format-List` prints them, each as an object of JSON on a line of its own, with the names
//! that `ConvertTo-Json` gives them.

use serde_json::{Map, Value};

use super::Transform;

/// A longer event is none.
const MOST_EVENT_BYTES: usize = 256 * 1024;

/// What tells such a list: Sysmon is named as the provider of an event.
pub(super) fn are_events(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').take(400).any(|line| {
        let line = String::from_utf8_lossy(line);
        matches!(pair(&line), Some(("ProviderName", provider)) if provider.contains("Sysmon"))
    })
}

/// Writes each event on a line of its own.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    event: Map<String, Value>,
    bytes: usize,
    /// The name of the value that goes on.
    name: String,
}

impl Events {
    fn line(&mut self, out: &mut Vec<u8>) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.bytes += self.line.len();
        self.line.clear();
        if self.bytes > MOST_EVENT_BYTES {
            self.write(out);
        }
        match pair(&line) {
            Some((name, value)) => {
                if self.event.contains_key(name) {
                    self.write(out);
                }
                name.clone_into(&mut self.name);
                self.event.insert(name.to_owned(), Value::String(value.to_owned()));
            }
            None if line.starts_with(' ') => self.extend(line.trim_start()),
            None => {}
        }
    }

    /// Adds a line of the message: a value of its own, or the rest of one that was broken.
    fn extend(&mut self, line: &str) {
        if let Some(Value::String(text)) = self.event.get_mut(&self.name) {
            text.push(if is_value(line) { '\n' } else { ' ' });
            text.push_str(line);
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        let event = std::mem::take(&mut self.event);
        self.bytes = 0;
        if !event.is_empty() {
            out.extend_from_slice(Value::Object(event).to_string().as_bytes());
            out.push(b'\n');
        }
    }
}

impl Transform for Events {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > MOST_EVENT_BYTES {
                self.line(out);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.line(out);
        self.write(out);
    }
}

/// `ProviderName : Microsoft-Windows-Sysmon`.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_value = value.trim_end().is_empty() || value.starts_with(' ');
    (is_name && is_value && line[name.len()..].starts_with(' ')).then(|| (name, value.trim()))
}

/// `SourcePort: 50122`, as Sysmon's messages have it.
fn is_value(line: &str) -> bool {
    let name = line.split_once(':').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\r\nProviderName : Microsoft-Windows-Sysmon\r\nId           : 3\r\nMessage      : Network connection detected:\r\n               Image: C:\\Program Files\\\r\n               a.exe\r\n               SourcePort: 50122\r\n\r\nProviderName : Microsoft-Windows-Sysmon\r\nId           : 5\r\n";

    #[test]
    fn each_event_is_an_object() {
        assert!(are_events(LIST.as_bytes()) && !are_events(b"ProviderName : x\nSysmon: y\n"));
        for chunk in [1, 7, 1000] {
            let (mut events, mut out) = (Events::default(), Vec::new());
            LIST.as_bytes().chunks(chunk).for_each(|bytes| events.feed(bytes, &mut out));
            events.end(&mut out);
            let lines = String::from_utf8(out).unwrap();
            let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(objects.len(), 2, "{lines}");
            let message = "Network connection detected:\nImage: C:\\Program Files\\ a.exe\nSourcePort: 50122";
            assert_eq!((&objects[0]["Id"], &objects[0]["Message"]), (&"3".into(), &message.into()));
            assert_eq!(objects[1]["Id"], "5");
        }
    }
}
