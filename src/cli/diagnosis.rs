//! Diagnostics on standard error: events as they happen, and each stage with its duration when it
//! ends. Disabled, at no cost, unless `--verbose` or `NETREC_LOG` asks for it.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::{escape, humanize};

/// Prints events of this level or above from now on.
pub(super) fn start(level: Level) {
    let lines = Lines { start: Instant::now() };
    let subscriber = Registry::default().with(LevelFilter::from_level(level)).with(lines);
    // This fails only if a subscriber is already set, which then prints.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Prints one line per event and per finished stage.
struct Lines {
    start: Instant,
}

/// A stage in progress.
struct Stage {
    began: Instant,
    fields: Fields,
}

/// The text of an event or a stage: its message, then `name=value` pairs.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), format_args!("{value:?}"));
    }
}

impl Fields {
    fn add(&mut self, name: &str, value: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = match name {
            "message" => write!(self.0, " {value}"),
            _ => write!(self.0, " {name}={value}"),
        };
    }
}

impl Lines {
    fn print(&self, level: Level, text: &str) {
        let importance = match level {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        };
        let line = line(self.start.elapsed().as_secs_f64(), importance, text);
        // Written in one call, because threads write concurrently. If standard error is closed,
        // there is nowhere to report it.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// Escaped, because texts may come from a capture.
fn line(since_start_s: f64, importance: &str, text: &str) -> String {
    format!("netrec: [{since_start_s:8.3} s] {importance}{}\n", escape::terminal(text.trim()))
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Stage { began: Instant::now(), fields });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(stage) = span.extensions_mut().get_mut::<Stage>()
        {
            values.record(&mut stage.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.print(*event.metadata().level(), &fields.0);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let extensions = span.extensions();
        let Some(stage) = extensions.get::<Stage>() else { return };
        let took = humanize::duration(stage.began.elapsed());
        self.print(*span.metadata().level(), &format!("{}{}: {took}", span.name(), stage.fields.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_time_and_no_control_characters() {
        assert_eq!(line(1.5, "", " reading rows=3"), "netrec: [   1.500 s] reading rows=3\n");
        let hostile = line(0.0, "warning: ", "file=\u{1b}[2Jx\ny");
        assert!(hostile.starts_with("netrec: [   0.000 s] warning: file="), "{hostile:?}");
        assert_eq!(hostile.matches(char::is_control).count(), 1, "{hostile:?}");
    }

    #[test]
    fn a_message_has_no_name_and_fields_have_theirs() {
        let mut fields = Fields::default();
        fields.add("message", format_args!("opened"));
        fields.add("bytes", format_args!("12"));
        assert_eq!(fields.0, " opened bytes=12");
    }
}
