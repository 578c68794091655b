//! Windows events as XML, one element a line (the text layer lays them out so): what the Event
//! Viewer and `wevtutil qe /f:xml` export. Read is what such an event has, and nothing else of XML.

use super::event::Record;

/// The event of a line; none if it is none.
pub(super) fn parse(line: &[u8]) -> Option<Record> {
    let text = String::from_utf8_lossy(line);
    let start = text.find("<Event ").or_else(|| text.find("<Event>"))?;
    let event = text[start..].split("</Event>").next()?;
    // What is cut short lacks its data.
    if !text[start..].contains("</Event>") {
        return None;
    }
    let mut record = Record {
        provider: attribute(tag(event, "Provider")?, "Name")?,
        id: content(event, "EventID").and_then(|id| id.trim().parse().ok()),
        computer: content(event, "Computer").unwrap_or_default(),
        time: tag(event, "TimeCreated").and_then(|tag| attribute(tag, "SystemTime")).unwrap_or_default(),
        data: Vec::new(),
    };
    let mut rest = event;
    while let Some(at) = rest.find("<Data ") {
        let element = &rest[at..];
        let Some(end) = element.find('>') else { break };
        rest = &element[end + 1..];
        if element[..end].ends_with('/') {
            continue;
        }
        let value = rest.split('<').next().unwrap_or_default();
        if let Some(name) = attribute(&element[..end], "Name") {
            record.put(&name, unescape(value));
        }
    }
    Some(record)
}

/// The opening tag of the first element of this name, without its brackets.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let from = text.split_once(&format!("<{name}"))?.1;
    let tag = from.split('>').next()?;
    tag.starts_with([' ', '\t', '/']).then_some(tag)
}

fn content(text: &str, name: &str) -> Option<String> {
    let element = text.split_once(&format!("<{name}"))?.1;
    let (_, content) = element.split_once('>')?;
    Some(unescape(content.split('<').next()?))
}

/// The value of an attribute, in either kind of quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let quoted = tag.split_once(&format!("{name}="))?.1;
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(unescape(quoted[1..].split(quote).next()?))
}

/// The five entities of XML, and characters by number.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity =
            rest[1..].split(';').next().filter(|entity| entity.len() <= 8 && rest.len() > entity.len() + 1);
        if let Some((entity, character)) = entity.and_then(|entity| Some((entity, character(entity)?))) {
            out.push(character);
            rest = &rest[entity.len() + 2..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_become_characters_and_what_is_none_stays() {
        assert_eq!(unescape("a &amp; &lt;b&gt; &#65;&#x42; &bogus; & &quot"), "a & <b> AB &bogus; & &quot");
        assert_eq!(unescape("&é;&#1114112;"), "&é;&#1114112;");
    }

    #[test]
    fn a_broken_event_is_none() {
        for text in [
            "",
            "<Event",
            "<Event >",
            "<Event></Event>",
            "<Event><Provider Name=></Event>",
            "<Event><Provider Name='x'",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
