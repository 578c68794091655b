//! The words of dates in the languages that `date` speaks.

use crate::import::timestamp;

/// Half of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Morning,
    Afternoon,
}

/// Whether a word says which half of a day is meant.
pub(super) fn half_of_day(word: &str) -> Option<Half> {
    let word = word.replace('.', "").to_lowercase();
    match word.as_str() {
        "am" | "午前" | "上午" | "오전" | "πμ" | "ÖÖ" | "öö" => Some(Half::Morning),
        "pm" | "午後" | "下午" | "오후" | "μμ" | "ÖS" | "ös" => Some(Half::Afternoon),
        _ => None,
    }
}

/// How names of months begin: in English, German, French, Spanish, Italian, Portuguese, Dutch,
/// Swedish, Polish, Russian, Turkish and Finnish. Longer ones come before those that they begin with.
const MONTHS: &[(&str, u32)] = &[
    ("jan", 1),
    ("jän", 1),
    ("ene", 1),
    ("gen", 1),
    ("янв", 1),
    ("sty", 1),
    ("oca", 1),
    ("tammi", 1),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("фев", 2),
    ("lut", 2),
    ("şub", 2),
    ("helmi", 2),
    ("marras", 11),
    ("maalis", 3),
    ("mar", 3),
    ("mär", 3),
    ("mrt", 3),
    ("maa", 3),
    ("мар", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("апр", 4),
    ("kwi", 4),
    ("nis", 4),
    ("huhti", 4),
    ("may", 5),
    ("mai", 5),
    ("mei", 5),
    ("mag", 5),
    ("maj", 5),
    ("май", 5),
    ("мая", 5),
    ("touko", 5),
    ("jun", 6),
    ("juin", 6),
    ("giu", 6),
    ("июн", 6),
    ("cze", 6),
    ("haz", 6),
    ("kesä", 6),
    ("jul", 7),
    ("juil", 7),
    ("lug", 7),
    ("июл", 7),
    ("lip", 7),
    ("tem", 7),
    ("heinä", 7),
    ("aug", 8),
    ("aoû", 8),
    ("ago", 8),
    ("авг", 8),
    ("sie", 8),
    ("ağu", 8),
    ("elo", 8),
    ("sep", 9),
    ("set", 9),
    ("сен", 9),
    ("wrz", 9),
    ("eyl", 9),
    ("syys", 9),
    ("oct", 10),
    ("okt", 10),
    ("ott", 10),
    ("out", 10),
    ("окт", 10),
    ("paź", 10),
    ("eki", 10),
    ("loka", 10),
    ("nov", 11),
    ("ноя", 11),
    ("lis", 11),
    ("kas", 11),
    ("dec", 12),
    ("déc", 12),
    ("dez", 12),
    ("dic", 12),
    ("дек", 12),
    ("gru", 12),
    ("ara", 12),
    ("joulu", 12),
];

/// The month that a word names.
pub(super) fn month(word: &str) -> Option<u32> {
    let word = word.to_lowercase();
    MONTHS.iter().find(|(begin, _)| word.starts_with(begin)).map(|(_, month)| *month)
}

/// Zones of letters that mean one offset only, in minutes (tz database). Those that mean several
/// are not known: CST is China's, Cuba's and North America's, IST India's, Israel's and Ireland's,
/// BST Britain's and Bangladesh's.
const ZONES: &[(&str, i64)] = &[
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MEZ", 60),
    ("MESZ", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("SAST", 120),
    ("CAT", 120),
    ("EAT", 180),
    ("WAT", 60),
    ("PKT", 300),
    ("WIB", 420),
    ("HKT", 480),
    ("JST", 540),
    ("KST", 540),
    ("AWST", 480),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("NDT", -150),
    ("ADT", -180),
    ("EST", -300),
    ("EDT", -240),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PDT", -420),
    ("PST", -480),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
];

/// The offset from UTC that a word is for, in seconds: `CET`, `+0100`, `UTC`, `UTC+1`, `GMT-03:00`.
pub(super) fn zone_offset_s(word: &str) -> Option<i64> {
    if let Some((_, minutes)) = ZONES.iter().find(|(zone, _)| *zone == word) {
        return Some(minutes * 60);
    }
    match ["UTC", "GMT"].iter().find_map(|zone| word.strip_prefix(zone)) {
        Some("") => Some(0),
        // `UTC+1`
        Some(text) if text.len() == 2 => {
            let (sign, hours) = text.split_at_checked(1)?;
            numeric_offset_s(&format!("{sign}0{hours}"))
        }
        Some(text) => numeric_offset_s(text),
        None => numeric_offset_s(word),
    }
}

/// An offset in digits.
fn numeric_offset_s(text: &str) -> Option<i64> {
    (text.starts_with(['+', '-']) || text == "Z").then(|| timestamp::offset(text.as_bytes()))??
}

/// A number and the word for its unit, which east Asian dates write right after it.
pub(super) fn with_unit(word: &str) -> Option<(u32, Option<char>)> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let number = word[..end].parse().ok()?;
    let mut unit = word[end..].chars();
    let first = unit.next();
    unit.next().is_none().then_some((number, first))
}

/// The same text with a space after each unit, as east Asian dates have none.
pub(super) fn space_units(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        spaced.push(c);
        if matches!(c, '年' | '月' | '日' | '号' | '년' | '월' | '일')
            && spaced.trim_end_matches(c).ends_with(|c: char| c.is_ascii_digit())
        {
            spaced.push(' ');
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_words_or_digits_after_one_and_nothing_else_is() {
        for (word, hours) in [("CET", 1), ("UTC", 0), ("Z", 0), ("UTC+1", 1), ("GMT-03:00", -3), ("+0100", 1)]
        {
            assert_eq!(zone_offset_s(word), Some(hours * 3_600), "{word}");
        }
        // Two bytes that are one letter, and a word that is its own beginning, a hundred thousand times.
        let again = "UTC".repeat(100_000);
        for word in ["UTC\u{441}", "UTC+", "UTCUTC", "GMTCET", "x", again.as_str()] {
            assert_eq!(zone_offset_s(word), None);
        }
    }
}
