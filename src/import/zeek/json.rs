//! Zeek's JSON notation: an object a line, as Zeek itself, Corelight and log shippers write it.

use serde_json::{Map, Value};

use super::record::{Field, Record};

/// The fields of an object, as text in one buffer.
#[derive(Debug, Default)]
pub(super) struct Object {
    text: Vec<u8>,
    places: Vec<(Field, std::ops::Range<usize>)>,
}

impl Object {
    /// Reads a line; none if it is no object.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let mut object = Self::default();
        for (name, value) in &fields {
            match value {
                // Some shippers make an object of the names with dots.
                Value::Object(inner) if name == "id" => {
                    inner.iter().for_each(|(name, value)| object.put(&format!("id.{name}"), value));
                }
                value => object.put(name, value),
            }
        }
        Some(object)
    }

    /// Whether it has a field.
    pub(super) fn has(&self, field: Field) -> bool {
        self.places.iter().any(|(known, _)| *known == field)
    }

    /// The fields, in the notation of the other format.
    pub(super) fn record(&self) -> Record<'_> {
        let mut record = Record::EMPTY;
        for (field, place) in &self.places {
            record.set(*field, &self.text[place.clone()]);
        }
        record
    }

    fn put(&mut self, name: &str, value: &Value) {
        let Some(field) = Field::of(name.as_bytes()) else { return };
        let start = self.text.len();
        match value {
            Value::Array(items) => {
                for item in items {
                    if self.text.len() > start {
                        self.text.push(b',');
                    }
                    self.put_scalar(item);
                }
            }
            scalar => self.put_scalar(scalar),
        }
        self.places.push((field, start..self.text.len()));
    }

    fn put_scalar(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text.extend_from_slice(text.as_bytes()),
            Value::Bool(flag) => self.text.push(if *flag { b'T' } else { b'F' }),
            Value::Number(number) => {
                // Times and durations: no exponent, and as exact as Zeek has them.
                let text = match number.as_u64() {
                    Some(whole) => whole.to_string(),
                    None => number.as_f64().map_or(String::new(), |number| format!("{number:.6}")),
                };
                self.text.extend_from_slice(text.as_bytes());
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str, field: Field) -> Option<String> {
        Object::parse(line.as_bytes())?.record().text(field).map(str::to_owned)
    }

    #[test]
    fn numbers_flags_lists_and_nested_names_become_text() {
        let line = r#"{"ts":1700000000.123456,"duration":1e-6,"id":{"orig_h":"10.0.0.1"},"id.orig_p":7,
            "local_orig":true,"answers":["a.example","192.0.2.1"],"uid":null,"other":[{}]}"#;
        assert_eq!(text(line, Field::Ts).as_deref(), Some("1700000000.123456"));
        assert_eq!(text(line, Field::Duration).as_deref(), Some("0.000001"));
        assert_eq!(text(line, Field::OrigH).as_deref(), Some("10.0.0.1"));
        assert_eq!(text(line, Field::OrigP).as_deref(), Some("7"));
        assert_eq!(text(line, Field::LocalOrig).as_deref(), Some("T"));
        assert_eq!(text(line, Field::Answers).as_deref(), Some("a.example,192.0.2.1"));
        assert_eq!(text(line, Field::Uid), None);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for line in ["", "[]", "{", "{\"ts\":1}}", "1", "{\"ts\":NaN}"] {
            assert!(Object::parse(line.as_bytes()).is_none(), "{line}");
        }
    }
}
