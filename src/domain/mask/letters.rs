//! The case of letters beyond ASCII in the names of secrets, such as `пароль` and `şifre`. The search for
//! names ignores the case of ASCII letters only, which keeps it fast. So the rules are given both cases of
//! all other letters when they are read.

/// The spellings of a name to search for: as written, with the first letter in upper case, and with all
/// letters in upper case.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let upper = |letter: char| both_cases(letter).map_or(letter, |(_, upper)| upper);
    let lower: String =
        name.chars().map(|letter| both_cases(letter).map_or(letter, |(lower, _)| lower)).collect();
    let mut letters = lower.chars();
    let first: String = letters.next().map(upper).into_iter().chain(letters).collect();
    let all: String = lower.chars().map(upper).collect();
    let mut spellings = vec![lower];
    for other in [first, all] {
        if !spellings.contains(&other) {
            spellings.push(other);
        }
    }
    spellings
}

/// A pattern in which each letter beyond ASCII stands for its two cases.
pub(super) fn in_both_cases(pattern: &str) -> String {
    let mut wide = String::with_capacity(pattern.len());
    for letter in pattern.chars() {
        match both_cases(letter) {
            Some((lower, upper)) => wide.push_str(&format!("(?:{lower}|{upper})")),
            None => wide.push(letter),
        }
    }
    wide
}

/// The lower and the upper case of a letter beyond ASCII. None if it has only one.
fn both_cases(letter: char) -> Option<(char, char)> {
    if letter.is_ascii() {
        return None;
    }
    let (mut lower, mut upper) = (letter.to_lowercase(), letter.to_uppercase());
    match (lower.next(), lower.next(), upper.next(), upper.next()) {
        (Some(lower), None, Some(upper), None) if lower != upper => Some((lower, upper)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_have_both_cases() {
        assert_eq!(spellings("пароль"), ["пароль", "Пароль", "ПАРОЛЬ"]);
        assert_eq!(spellings("hasło"), ["hasło", "hasŁo"]);
        assert_eq!(spellings("Token 密码 ß"), ["Token 密码 ß"]);
        assert_eq!(in_both_cases(r"(?i)contrase[n]ñ?a\w"), r"(?i)contrase[n](?:ñ|Ñ)?a\w");
    }
}
