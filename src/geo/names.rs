//! Country names, for databases that contain only codes.

/// One code and name per line.
const NAMES: &str = include_str!("country_names.txt");

/// The English name of a country by its two-letter ISO 3166-1 code; `None` if there is no such code.
pub fn country_name(code: &str) -> Option<&'static str> {
    let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).find(|(known, _)| *known == code).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_name_and_nothing_else_has() {
        assert_eq!(country_name("GB"), Some("United Kingdom"));
        assert_eq!(country_name("DE"), Some("Germany"));
        assert_eq!(country_name("#"), None);
        assert_eq!(country_name(""), None);
        assert_eq!(country_name("ZZ"), None);
    }
}
