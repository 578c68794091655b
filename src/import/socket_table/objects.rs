//! Records out of JSON: of `jc`, osquery, Velociraptor, psutil, PowerShell and others, however they nest them.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::is_record;
use super::notation::Parsed;

/// Deeper than this no tool nests its lists of sockets.
const MOST_DEPTH: u32 = 8;

/// What is said around records and holds for each of them.
const AROUND: &[&str] = &["unixtime", "hostidentifier", "action", "fqdn", "clientid", "pscomputername"];

/// The sockets that an object tells of, wherever in it they are.
pub(super) fn collect(line: &str, found: &mut Vec<Parsed>) {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return found.push(Parsed::Unreadable) };
    let before = found.len();
    collect_within(&value, &[], 0, found);
    if found.len() == before {
        found.push(Parsed::Other);
    }
}

fn collect_within(value: &Value, around: &[(String, String)], depth: u32, found: &mut Vec<Parsed>) {
    match value {
        Value::Array(items) if depth < MOST_DEPTH => {
            for item in items {
                collect_within(item, around, depth + 1, found);
            }
        }
        Value::Object(object) => {
            let mut fields = Fields::default();
            flatten("", object, &mut fields, 0);
            if is_record(&fields) {
                for (name, value) in around {
                    if !fields.has(name) {
                        fields.put(name, value);
                    }
                }
                found.push(Parsed::Record(fields));
            } else if depth < MOST_DEPTH {
                let mut around = around.to_vec();
                around.extend(
                    AROUND
                        .iter()
                        .filter_map(|name| Some(((*name).to_owned(), fields.get(&[name])?.to_owned()))),
                );
                for inner in object.values() {
                    collect_within(inner, &around, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

/// The values of an object by their names; those of an object within by both (`Laddr.IP`).
fn flatten(prefix: &str, object: &Map<String, Value>, fields: &mut Fields, depth: u32) {
    for (name, value) in object {
        let name = format!("{prefix}{name}");
        match value {
            Value::Null => fields.put(&name, ""),
            Value::Bool(flag) => fields.put(&name, if *flag { "true" } else { "false" }),
            Value::Number(number) => fields.put(&name, &number.to_string()),
            Value::String(text) => fields.put(&name, text),
            // psutil's `laddr`.
            Value::Array(items) => {
                if let [Value::String(addr), Value::Number(port)] = items.as_slice() {
                    fields.put(&format!("{name}ip"), addr);
                    fields.put(&format!("{name}port"), &port.to_string());
                } else if items.is_empty() {
                    fields.put(&name, "");
                }
            }
            Value::Object(inner) if name == "opts" => of_jc(inner, fields),
            Value::Object(inner) if depth < 2 => flatten(&name, inner, fields, depth + 1),
            Value::Object(_) => {}
        }
    }
}

/// The first process of a socket of `ss`, as `jc` has it: `{"process_id": {"812": {"user": "sshd"}}}`.
fn of_jc(options: &Map<String, Value>, fields: &mut Fields) {
    let processes = options.get("process_id").and_then(Value::as_object);
    if let Some((pid, process)) = processes.and_then(|processes| processes.iter().next()) {
        fields.put("pid", pid);
        fields.put("process", process.get("user").and_then(Value::as_str).unwrap_or_default());
    }
}
