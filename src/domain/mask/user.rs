//! The user's own patterns (`MAESTRO_MASK_REGEXES`).

use regex::{Regex, RegexBuilder};

use super::MaskError;
use crate::domain::rule::{REGEX_SIZE_LIMIT, problem};

/// Splits the setting into patterns. The setting is a JSON array of strings, or has one pattern on each line,
/// or separates patterns by commas. Commas that are escaped or inside brackets do not count.
///
/// # Errors
///
/// The setting begins like a JSON array of strings but is not one.
pub fn split_user_regexes(setting: &str) -> Result<Vec<String>, MaskError> {
    let setting = setting.trim();
    match serde_json::from_str::<Vec<String>>(setting) {
        Ok(patterns) => Ok(non_empty(patterns.iter().map(String::as_str))),
        Err(error) if looks_like_json(setting) => Err(MaskError::UserList(error.to_string())),
        Err(_) if setting.contains('\n') => Ok(non_empty(setting.lines())),
        Err(_) => Ok(non_empty(split_at_commas(setting).into_iter())),
    }
}

/// Compiles the patterns. `^` and `$` match at line boundaries, because files are masked line by line too.
pub(super) fn compile(patterns: &[String]) -> Result<Vec<Regex>, MaskError> {
    let compile = |pattern: &String| {
        let built =
            RegexBuilder::new(pattern).multi_line(true).crlf(true).size_limit(REGEX_SIZE_LIMIT).build();
        built.map_err(|error| MaskError::UserRegex { pattern: pattern.clone(), problem: problem(&error) })
    };
    patterns.iter().map(compile).collect()
}

/// True if a pattern compiles to a small automaton, so that an untrusted pattern costs little.
pub fn is_modest_pattern(pattern: &str) -> bool {
    const LONGEST: usize = 500;
    const MOST_BYTES: usize = 256 << 10;
    let built = || RegexBuilder::new(pattern).multi_line(true).crlf(true).size_limit(MOST_BYTES).build();
    !pattern.is_empty() && pattern.len() <= LONGEST && built().is_ok()
}

/// True for `["..."]` and `["...", ..."]`, which are meant as JSON. `["']?token` is a pattern.
fn looks_like_json(setting: &str) -> bool {
    let inner = setting.strip_prefix('[').map(str::trim_start);
    inner.is_some_and(|inner| inner.starts_with('"')) && setting.ends_with("\"]")
}

fn non_empty<'a>(patterns: impl Iterator<Item = &'a str>) -> Vec<String> {
    patterns.map(str::trim).filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect()
}

fn split_at_commas(setting: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut in_class = false;
    let mut escaped = false;
    setting
        .split(|c: char| {
            if std::mem::take(&mut escaped) {
                return false;
            }
            match c {
                '\\' => escaped = true,
                ']' => in_class = false,
                '[' => in_class = true,
                // Brackets inside a character class are ordinary characters.
                _ if in_class => {}
                '(' | '{' => depth += 1,
                ')' | '}' => depth = depth.saturating_sub(1),
                ',' => return depth == 0,
                _ => {}
            }
            false
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(setting: &str) -> Vec<String> {
        split_user_regexes(setting).unwrap()
    }

    #[test]
    fn three_ways_to_write_a_list() {
        assert_eq!(split(r#" ["a,b", "c\\d"] "#), ["a,b", r"c\d"]);
        assert_eq!(split("a,b\n\n  c \n"), ["a,b", "c"]);
        assert_eq!(split("a, b ,,c"), ["a", "b", "c"]);
        assert!(split("").is_empty());
    }

    #[test]
    fn commas_of_a_pattern_do_not_split_it() {
        assert_eq!(split(r"x{2,3},(a,b),[,(],c\,d,e"), ["x{2,3}", "(a,b)", "[,(]", r"c\,d", "e"]);
    }

    #[test]
    fn errors_name_the_pattern() {
        let error = compile(&["ok".to_owned(), "(x".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`(x`") && error.contains("unclosed group"), "{error}");
        assert!(split_user_regexes(r#"["a", 3, "b"]"#).unwrap_err().to_string().contains("JSON"));
        assert_eq!(split(r#"["']?token=\w+"#), [r#"["']?token=\w+"#]);
    }
}
