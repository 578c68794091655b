//! Makes hostile text harmless, with one function per output.
//!
//! Process names, command lines, host names and file names may be chosen by an attacker. Each
//! output has its own threat, and therefore its own function:
//!
//! | output | threat | function |
//! |---|---|---|
//! | terminal | escape sequences that retitle, recolour, answer back or hide lines | [`terminal`] |
//! | HTML | markup and script; text that is reordered or invisible | [`html`], then askama's escaper |
//! | SVG | markup; control characters, which XML forbids even as references | [`svg`], then plotters' escaper |
//! | CSV | cells that a spreadsheet interprets as a formula | [`csv()`], then the writer's quoting |
//! | Markdown | markup, images and links that load or mislead, mentions | [`markdown`], [`markdown_code`] |
//! | JSON | the same as a terminal, when the file is shown with `cat` | [`json`] |
//! | shell | a command to copy, with a file name in it | [`shell_word`], [`shell_path`] |
//!
//! Escaped characters stay visible (`\u{1b}`, `\n`), because their presence is evidence. Text in
//! any ordinary script is unchanged.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// For a terminal: every character that is a control, reorders text or is invisible becomes a
/// visible `\u{…}`.
pub fn terminal(text: &str) -> String {
    visible(text).into_owned()
}

/// For HTML: like [`terminal`]. The template engine then escapes `<`, `>`, `&` and quotes.
pub fn html(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// For SVG: like [`terminal`], because XML 1.0 cannot represent most control characters. The chart
/// library then escapes `<`, `>`, `&` and quotes.
pub fn svg(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// For a CSV cell: makes control characters visible, and puts an apostrophe before what a
/// spreadsheet would interpret as a formula. Plain numbers stay numbers.
pub fn csv(text: &str) -> Cow<'_, str> {
    let visible = visible(text);
    if starts_formula(text) && !is_plain_number(text) { Cow::Owned(format!("'{visible}")) } else { visible }
}

/// For running text in Markdown: no markup, no HTML, no automatic link, one line. Only what would be
/// markup where it stands is escaped, so that the text is also read as plain text.
pub fn markdown(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Only where it could begin an entity.
            '&' if is_word(rest.peek().copied()) || rest.peek() == Some(&'#') => out.push_str("&amp;"),
            // Entities, as these two also start mentions and links where a backslash is ignored.
            '@' => out.push_str("&#64;"),
            ':' if ["http", "https", "ftp"].iter().any(|scheme| ends_with_ignoring_case(&out, scheme)) => {
                out.push_str("&#58;");
            }
            '.' if ends_with_ignoring_case(&out, "www") => out.push_str("&#46;"),
            // Inside of a word it is no emphasis.
            '_' if is_word(before) && is_word(rest.peek().copied()) => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => out.extend(['\\', c]),
            // At the start of a line: a heading, a list, a rule.
            '#' | '+' | '-' | '=' if out.trim_start().is_empty() => out.extend(['\\', c]),
            '.' | ')' if is_number(out.trim()) && rest.peek().is_none_or(|next| next.is_whitespace()) => {
                out.extend(['\\', c]);
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
    out
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|t| t.eq_ignore_ascii_case(end))
}

/// For a code span in Markdown, fences included: nothing in it is markup, a link or a
/// mention. The fence is longer than any run of backticks in the text.
///
/// Not for table cells, which a `|` would end even in a code span.
pub fn markdown_code(text: &str) -> String {
    let text = visible(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A code span must not be empty, and a space keeps the text's own backticks off the fence.
    if longest > 0 || text.trim().is_empty() {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

/// For a finished JSON document: characters still raw in its strings (C1 controls, DEL,
/// bidirectional and invisible characters, U+2028) become `\uXXXX`, which means the same.
pub fn json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(|c| is_unsafe(c) && c != '\n') {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 64);
    for c in document.chars() {
        // Line breaks belong to the document: the serializer escapes those in strings.
        if !is_unsafe(c) || c == '\n' {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

/// One word for a POSIX shell, quoted if needed; with control characters in bash's `$'…'`, so that
/// the text shown is the command that runs.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/+=:@%-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        return Cow::Borrowed(text);
    }
    // A leading dash would be parsed as an option even in quotes.
    let text = if text.starts_with('-') { format!("./{text}") } else { text.to_owned() };
    if !text.chars().any(is_unsafe) {
        return Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")));
    }
    Cow::Owned(dollar_quoted(text.as_bytes()))
}

/// A path as one word for a POSIX shell, like [`shell_word`]; also for a path that is not UTF-8.
pub fn shell_path(path: &Path) -> String {
    match path.to_str() {
        Some(text) => shell_word(text).into_owned(),
        None if path.as_os_str().as_encoded_bytes().starts_with(b"-") => {
            dollar_quoted(&[b"./", path.as_os_str().as_encoded_bytes()].concat())
        }
        None => dollar_quoted(path.as_os_str().as_encoded_bytes()),
    }
}

/// In bash's `$'…'`: bytes that are not text, or unsafe, as escapes.
fn dollar_quoted(bytes: &[u8]) -> String {
    let mut out = String::from("$'");
    let raw = |out: &mut String, byte: u8| {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{byte:02x}");
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c if is_unsafe(c) => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| raw(&mut out, byte)),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| raw(&mut out, *byte));
    }
    out.push('\'');
    out
}

/// Cuts a text in the middle to at most `max_chars` characters, because both ends of a path are
/// informative.
pub fn shorten(text: &str, max_chars: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= max_chars {
        return Cow::Borrowed(text);
    }
    let kept = max_chars.saturating_sub(1);
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// Makes unsafe characters visible; borrows if there are none, which is nearly always the case.
fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_plain || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a String cannot fail.
            c if is_unsafe(c) => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character controls the output instead of being visible: C0, DEL and C1 controls,
/// bidirectional marks (CVE-2021-42574), line and paragraph separators, zero-width and invisible
/// characters, tags, and noncharacters, which XML forbids.
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Spreadsheets interpret these at the start as a formula, some also after blanks or in full width.
fn starts_formula(text: &str) -> bool {
    text.starts_with(['\t', '\r', '\n'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ordinary characters mixed with unsafe ones.
    fn hostile() -> impl Strategy<Value = String> {
        let nasty = prop::sample::select(vec![
            '\u{1b}',
            '\0',
            '\n',
            '\r',
            '\t',
            '\u{7f}',
            '\u{9b}',
            '\u{202e}',
            '\u{2028}',
            '\u{200b}',
            '\u{e0041}',
            '\u{ffff}',
            '<',
            '>',
            '&',
            '"',
            '\'',
            '`',
            '|',
            '=',
            '-',
            '+',
            '@',
            ',',
            ';',
            '\\',
            '[',
            ']',
            '(',
            '!',
            '#',
            '$',
            ' ',
            '一',
            'é',
            '🦀',
        ]);
        prop::collection::vec(prop_oneof![2 => nasty, 1 => any::<char>()], 0..40)
            .prop_map(|chars| chars.into_iter().collect())
    }

    #[test]
    fn ordinary_text_of_any_script_stays() {
        for text in ["curl", "C:\\Program Files\\x.exe", "größe", "данные", "数据", "مرحبا", "🦀", "e\u{301}"]
        {
            assert_eq!(terminal(text), text);
        }
    }

    #[test]
    fn controls_become_visible() {
        assert_eq!(terminal("\u{1b}]0;owned\u{7}"), r"\u{1b}]0;owned\u{7}");
        assert_eq!(terminal("cod\u{202e}gpj.exe"), r"cod\u{202e}gpj.exe");
        assert_eq!(terminal("kworker\u{200b}/0:1\n"), r"kworker\u{200b}/0:1\n");
    }

    /// Characters that nobody sees or that change what is seen, by their names in Unicode rather than by
    /// the function under test.
    const UNSEEN: [(char, &str); 34] = [
        ('\u{0}', "null"),
        ('\u{1b}', "escape"),
        ('\u{7f}', "delete"),
        ('\u{80}', "first C1 control"),
        ('\u{85}', "next line"),
        ('\u{9b}', "control sequence introducer"),
        ('\u{9f}', "application program command"),
        ('\u{ad}', "soft hyphen"),
        ('\u{34f}', "combining grapheme joiner"),
        ('\u{61c}', "Arabic letter mark"),
        ('\u{115f}', "Hangul choseong filler"),
        ('\u{1160}', "Hangul jungseong filler"),
        ('\u{17b4}', "Khmer inherent vowel"),
        ('\u{180e}', "Mongolian vowel separator"),
        ('\u{200b}', "zero width space"),
        ('\u{200d}', "zero width joiner"),
        ('\u{200f}', "right-to-left mark"),
        ('\u{2028}', "line separator"),
        ('\u{2029}', "paragraph separator"),
        ('\u{202a}', "left-to-right embedding"),
        ('\u{202e}', "right-to-left override"),
        ('\u{2060}', "word joiner"),
        ('\u{2066}', "left-to-right isolate"),
        ('\u{2069}', "pop directional isolate"),
        ('\u{206f}', "nominal digit shapes"),
        ('\u{3164}', "Hangul filler"),
        ('\u{fdd0}', "noncharacter"),
        ('\u{feff}', "byte order mark"),
        ('\u{ffa0}', "halfwidth Hangul filler"),
        ('\u{fff9}', "interlinear annotation anchor"),
        ('\u{ffff}', "noncharacter"),
        ('\u{1d173}', "musical symbol begin beam"),
        ('\u{e0041}', "tag A"),
        ('\u{10fffe}', "noncharacter"),
    ];

    #[test]
    fn what_nobody_sees_is_shown_by_its_code() {
        for (c, name) in UNSEEN {
            let (text, shown) = (format!("a{c}b"), format!("a\\u{{{:x}}}b", u32::from(c)));
            assert_eq!(terminal(&text), shown, "{name}");
            assert_eq!(html(&text), shown, "{name}");
            assert_eq!(svg(&text), shown, "{name}");
            assert_eq!(csv(&text), shown, "{name}");
            assert_eq!(markdown(&text), format!(r"a\\u{{{:x}}}b", u32::from(c)), "{name}");
            assert_eq!(markdown_code(&text), format!("`{shown}`"), "{name}");
            assert!(!json(&format!("[\"{text}\"]")).contains(c), "{name}");
            assert!(!shell_word(&text).contains(c), "{name}");
        }
        // The neighbours of the ranges are ordinary.
        for c in ['~', '\u{a0}', '®', '\u{2010}', '\u{2027}', '\u{2070}', '\u{fffd}', '\u{1f980}'] {
            assert_eq!(terminal(&format!("a{c}b")), format!("a{c}b"));
        }
    }

    #[test]
    fn a_line_break_is_shown_as_one_and_a_tab_as_one() {
        assert_eq!(terminal("a\nb\rc\td"), r"a\nb\rc\td");
    }

    #[test]
    fn formulas_lose_their_power_and_numbers_stay() {
        assert_eq!(csv("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(csv("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(csv(" =1+1"), "' =1+1");
        assert_eq!(csv("\t=1"), r"'\t=1");
        assert_eq!(csv("＝1"), "'＝1");
        assert_eq!(csv("-inf"), "'-inf");
        assert_eq!(csv("-12.5"), "-12.5");
        assert_eq!(csv("-"), "'-");
        assert_eq!(csv("sshd: -u"), "sshd: -u");
    }

    #[test]
    fn markdown_is_only_text() {
        assert_eq!(markdown("![x](http://e/?q)"), r"!\[x\](http&#58;//e/?q)");
        assert_eq!(markdown("a|b\n# c"), r"a\|b\\n# c");
        assert_eq!(markdown("<img src=x> @all www.e.com"), "&lt;img src=x&gt; &#64;all www&#46;e.com");
        assert_eq!(markdown("proc-owners (port-scan: 5 % & more)"), "proc-owners (port-scan: 5 % & more)");
        assert_eq!(markdown("snake_case _em_ &lt; - x"), r"snake_case \_em\_ &amp;lt; - x");
        assert_eq!(markdown("# no"), r"\# no");
        assert_eq!(markdown("- no"), r"\- no");
        assert_eq!(markdown("12. no"), r"12\. no");
        assert_eq!(markdown("192.168.0.1 x"), "192.168.0.1 x");
        assert_eq!(markdown("2026-06-01 10.5 HTTPS://x"), "2026-06-01 10.5 HTTPS&#58;//x");
        assert_eq!(markdown_code("a`b``c"), "``` a`b``c ```");
        assert_eq!(markdown_code(""), "`  `");
    }

    #[test]
    fn shell_words_survive_copying() {
        assert_eq!(shell_word("web-01.parquet"), "web-01.parquet");
        assert_eq!(shell_word("$(id).parquet"), "'$(id).parquet'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word("--force"), "'./--force'");
        assert_eq!(shell_word("a\nb'c"), r"$'a\x0ab\'c'");
        assert_eq!(shell_path(Path::new("a b.parquet")), "'a b.parquet'");
    }

    #[test]
    #[cfg(unix)]
    fn a_path_that_is_not_text_survives_copying() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = |bytes| shell_path(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!(path(b"caf\xe9 1"), r"$'caf\xe9 1'");
        assert_eq!(path(b"-\xff'"), r"$'./-\xff\''");
    }

    #[test]
    fn shortening_keeps_both_ends() {
        assert_eq!(shorten("/usr/lib/jvm/java", 9), "/usr…java");
        assert_eq!(shorten("short", 9), "short");
        assert_eq!(shorten("数据数据数据", 3).chars().count(), 3);
    }

    proptest! {
        #[test]
        fn nothing_unsafe_passes(text in hostile()) {
            for safe in [html(&text), svg(&text), csv(&text), shell_word(&text)] {
                prop_assert!(!safe.chars().any(is_unsafe), "{safe:?}");
            }
            for safe in [terminal(&text), markdown(&text), markdown_code(&text)] {
                prop_assert!(!safe.chars().any(is_unsafe), "{safe:?}");
            }
            prop_assert!(!markdown(&text).contains(['<', '>', '@']));
        }

        #[test]
        fn cells_come_back_from_a_csv_parser(text in hostile()) {
            let cell = csv(&text).into_owned();
            let mut writer = ::csv::Writer::from_writer(Vec::new());
            writer.write_record([cell.as_str(), "end"]).unwrap();
            let bytes = writer.into_inner().unwrap();
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(&record[0], cell.as_str());
            prop_assert_eq!(&record[1], "end");
            prop_assert!(!starts_formula(&record[0]) || is_plain_number(&record[0]));
        }

        #[test]
        fn json_means_the_same(text in hostile()) {
            let document = serde_json::to_string_pretty(&[&text]).unwrap();
            let safe = json(&document);
            prop_assert!(!safe.chars().any(|c| is_unsafe(c) && c != '\n'));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), vec![text]);
        }

        #[test]
        fn code_spans_cannot_be_closed_from_inside(text in hostile()) {
            let span = markdown_code(&text);
            let fence = span.split(|c| c != '`').next().unwrap();
            let inner = span.strip_prefix(fence).and_then(|rest| rest.strip_suffix(fence)).unwrap();
            prop_assert!(!inner.contains(fence));
        }
    }
}
