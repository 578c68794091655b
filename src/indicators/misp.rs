//! MISP events as JSON: attributes marked for detection (`to_ids`).

use serde_json::Value;

use super::{Observable, Parsed};

/// `None` if the document is not an event.
pub(super) fn parse(json: &Value) -> Option<Parsed> {
    let responses = json["response"].as_array().or_else(|| json.as_array());
    let events: Vec<&Value> = responses
        .map_or_else(|| vec![json], |all| all.iter().collect())
        .into_iter()
        .filter_map(event)
        .collect();
    if events.is_empty() {
        return None;
    }
    let mut parsed = Parsed::default();
    for event in events {
        let info = event["info"].as_str().unwrap_or_default();
        let objects = list(&event["Object"]).flat_map(|object| list(&object["Attribute"]));
        list(&event["Attribute"]).chain(objects).for_each(|attribute| add(&mut parsed, info, attribute));
    }
    Some(parsed)
}

fn event(json: &Value) -> Option<&Value> {
    let event = json.get("Event").unwrap_or(json);
    (event.get("Attribute").is_some() || event.get("Object").is_some()).then_some(event)
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn add(parsed: &mut Parsed, info: &str, attribute: &Value) {
    let text = |key: &str| attribute[key].as_str().unwrap_or_default();
    if attribute["to_ids"] != true {
        parsed.context += 1;
        return;
    }
    let description = match text("comment") {
        "" => info.to_owned(),
        comment => format!("{info}: {comment}"),
    };
    parsed.add(observable(text("type"), text("value")), text("value"), text("uuid"), &description);
}

/// For a composite type (`a|b`), the more specific part.
fn observable(kind: &str, value: &str) -> Option<Observable> {
    let (first, second) = value.split_once('|').unwrap_or((value, value));
    match kind {
        "ip-dst" | "ip-src" => Observable::network(value),
        "ip-dst|port" | "ip-src|port" => Observable::endpoint(value),
        "domain" | "hostname" => Observable::name(value),
        "domain|ip" | "hostname|port" => Observable::name(first),
        "url" | "uri" | "link" => Observable::guess(value),
        "sha256" | "filename|sha256" => Observable::sha256(second),
        "filename" => Observable::path(value),
        "ja3-fingerprint-md5" => Observable::ja3(value),
        "ja4-plus" => Observable::ja4(value),
        "port" => value.parse().ok().map(Observable::Port),
        _ => None,
    }
}
