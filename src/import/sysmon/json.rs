//! Windows events as JSON, in the wrappers of those who ship and export them.
//!
//! | written by | the event is under |
//! |---|---|
//! | Winlogbeat 7 and later, Elastic Agent | `winlog.event_data`, else ECS fields (`source.ip` …) |
//! | Winlogbeat before 7 | `event_data` beside `event_id` |
//! | Elasticsearch exports | the same under `_source` |
//! | evtx_dump, Chainsaw (also under `document.data`) | `Event.System` and `Event.EventData` |
//! | Velociraptor | `System` and `EventData`, `EventID.Value` |
//! | EvtxECmd | `Payload`, JSON in a string |
//! | Get-WinEvent with ConvertTo-Json or Export-Csv | `Message`, lines of text |
//! | NXLog, Mordor data sets | at the top |
//! | Wazuh | `data.win.eventdata` |

use serde_json::{Map, Value};

use super::event::Record;
use super::filtering;

/// ECS fields and what Sysmon calls them.
const ECS: [(&str, &str); 9] = [
    ("/source/ip", "SourceIp"),
    ("/source/port", "SourcePort"),
    ("/destination/ip", "DestinationIp"),
    ("/destination/port", "DestinationPort"),
    ("/network/transport", "Protocol"),
    ("/process/entity_id", "ProcessGuid"),
    ("/process/pid", "ProcessId"),
    ("/process/executable", "Image"),
    ("/process/command_line", "CommandLine"),
];

/// The event of a line; none if it is no object, or no event.
pub(super) fn parse(line: &[u8]) -> Option<Record> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let value = value.get("_source").or_else(|| value.pointer("/document/data")).unwrap_or(&value);
    let object = value.as_object()?;
    winlogbeat(value)
        .or_else(|| evtx_dump(value))
        .or_else(|| evtxecmd(object))
        .or_else(|| wazuh(value))
        .or_else(|| powershell(object))
        .or_else(|| flat(object))
}

/// The event of a row of a table.
pub(super) fn of_row(object: &Map<String, Value>) -> Option<Record> {
    evtxecmd(object).or_else(|| powershell(object)).or_else(|| flat(object))
}

/// The XML of an event in a text of an object, as Splunk (`_raw`) and log shippers wrap it.
pub(super) fn text_of_event(line: &[u8]) -> Option<Vec<u8>> {
    let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let nested = object.get("result").or_else(|| object.get("_source")).and_then(Value::as_object);
    let texts = nested.unwrap_or(&object).values().filter_map(Value::as_str);
    let mut events = texts.filter(|text| text.contains("<Event ") || text.contains("<Event>"));
    events.next().map(|text| text.replace(['\n', '\r'], " ").into_bytes())
}

fn winlogbeat(value: &Value) -> Option<Record> {
    let log = value.get("winlog").unwrap_or(value);
    let mut record = Record {
        provider: first_text(log, &["provider_name", "source_name"])?,
        id: number(log.get("event_id")?),
        computer: first_text(log, &["computer_name"]).unwrap_or_default(),
        time: first_text(value, &["@timestamp"]).unwrap_or_default(),
        data: Vec::new(),
    };
    if let Some(data) = log.get("event_data").and_then(Value::as_object) {
        put_all(&mut record, data);
    }
    for (path, name) in ECS {
        if record.get(name).is_none()
            && let Some(text) = value.pointer(path).and_then(scalar)
        {
            record.put(name, text);
        }
    }
    if record.get("Initiated").is_none() {
        let direction = value.pointer("/network/direction").and_then(Value::as_str);
        if let Some("inbound" | "ingress") = direction {
            record.put("Initiated", "false");
        }
    }
    Some(record)
}

fn evtx_dump(value: &Value) -> Option<Record> {
    let event = value.get("Event").unwrap_or(value);
    let system = event.get("System")?;
    // Some programs write attributes inside of the element, others beside it.
    let attribute = |element: &str, name: &str| {
        let inside = system.get(element);
        let inside = inside.and_then(|e| e.pointer(&format!("/#attributes/{name}")).or_else(|| e.get(name)));
        inside.or_else(|| system.pointer(&format!("/{element}_attributes/{name}"))).and_then(scalar)
    };
    let provider = attribute("Provider", "Name")?;
    let time = attribute("TimeCreated", "SystemTime");
    let id = system.get("EventID")?;
    let mut record = Record {
        provider,
        id: number(id.get("#text").or_else(|| id.get("Value")).unwrap_or(id)),
        computer: system.get("Computer").and_then(scalar).unwrap_or_default(),
        time: time.unwrap_or_default(),
        data: Vec::new(),
    };
    put_event_data(&mut record, event.get("EventData")?);
    Some(record)
}

/// `{"EventId": 3, "Provider": …, "Payload": "{\"EventData\":{\"Data\":[{\"@Name\":…,\"#text\":…}]}}"}`.
fn evtxecmd(object: &Map<String, Value>) -> Option<Record> {
    let payload: Value = serde_json::from_str(object.get("Payload")?.as_str()?).ok()?;
    let mut record = Record {
        provider: object.get("Provider").and_then(scalar)?,
        id: number(object.get("EventId")?),
        computer: object.get("Computer").and_then(scalar).unwrap_or_default(),
        time: object.get("TimeCreated").and_then(scalar).unwrap_or_default(),
        data: Vec::new(),
    };
    put_event_data(&mut record, payload.get("EventData")?);
    Some(record)
}

fn wazuh(value: &Value) -> Option<Record> {
    let win = value.pointer("/data/win").or_else(|| value.get("win"))?;
    let system = win.get("system")?;
    let mut record = Record {
        provider: first_text(system, &["providerName"])?,
        id: number(system.get("eventID")?),
        computer: first_text(system, &["computer"]).unwrap_or_default(),
        time: first_text(system, &["systemTime"]).unwrap_or_default(),
        data: Vec::new(),
    };
    put_all(&mut record, win.get("eventdata")?.as_object()?);
    Some(record)
}

/// `{"Id": 3, "ProviderName": …, "Message": "Network connection detected:\r\nRuleName: -\r\n…"}`. Without a
/// provider, the text tells whose event it is.
fn powershell(object: &Map<String, Value>) -> Option<Record> {
    let message = object.get("Message")?.as_str()?;
    let provider = object.get("ProviderName").and_then(scalar).filter(|name| !name.is_empty());
    let time = object.get("TimeCreated").map(|time| time.get("value").unwrap_or(time));
    let mut record = Record {
        provider: provider.or_else(|| filtering::provider_of(message).map(str::to_owned))?,
        id: number(object.get("Id")?),
        computer: object.get("MachineName").and_then(scalar).unwrap_or_default(),
        time: time.and_then(scalar).unwrap_or_default(),
        data: Vec::new(),
    };
    // Sysmon has `SourceIp: 10.0.0.5`, the security log `\tSource Address:\t\t10.0.0.5`.
    for line in message.lines() {
        if let Some((name, text)) = line.split_once(':') {
            record.put(&name.replace([' ', '\t'], ""), text.trim());
        }
    }
    Some(record)
}

fn flat(object: &Map<String, Value>) -> Option<Record> {
    let text = |names: &[&str]| names.iter().find_map(|name| object.get(*name).and_then(scalar));
    let id = ["EventID", "EventId", "event_id"].iter().find_map(|name| object.get(*name))?;
    let provider = text(&["SourceName", "ProviderName", "Provider", "Channel", "source_name"])?;
    let mut record = Record {
        // A channel is called `Microsoft-Windows-Sysmon/Operational`.
        provider: provider.split('/').next().unwrap_or_default().to_owned(),
        id: number(id),
        computer: text(&["Hostname", "Computer", "host", "MachineName"]).unwrap_or_default(),
        time: text(&["EventTime", "TimeCreated", "@timestamp"]).unwrap_or_default(),
        data: Vec::new(),
    };
    put_all(&mut record, object);
    Some(record)
}

/// An object of values, or a list of `Data` elements with their names.
fn put_event_data(record: &mut Record, data: &Value) {
    let list = data.get("Data").and_then(Value::as_array);
    for element in list.into_iter().flatten() {
        let name = ["@Name", "Name", "name"].iter().find_map(|name| element.get(*name).and_then(scalar));
        let name = name.or_else(|| element.pointer("/#attributes/Name").and_then(scalar));
        let text = ["#text", "text", "value"].iter().find_map(|name| element.get(*name).and_then(scalar));
        if let (Some(name), Some(text)) = (name, text) {
            record.put(&name, text);
        }
    }
    if let (None, Some(object)) = (list, data.as_object()) {
        put_all(record, object);
    }
}

fn put_all(record: &mut Record, object: &Map<String, Value>) {
    for (name, value) in object {
        if let Some(text) = scalar(value) {
            record.put(name, text);
        }
    }
}

fn first_text(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| value.get(*name).and_then(scalar))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: &Value) -> Option<u32> {
    scalar(value)?.parse().ok()
}
