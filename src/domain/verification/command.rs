//! A command as words: split as a shell would split it, and nothing else that a shell does.

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCommand {
    /// There is nothing in it.
    Empty,
    /// A quote is open, or a character that no command holds.
    Unreadable,
    /// It has an operator of a shell.
    Operator(String),
}

/// The words of a command.
///
/// # Errors
///
/// Why it is none.
pub fn words(text: &str) -> Result<Vec<String>, NoCommand> {
    if let Some(operator) = operator(text) {
        return Err(NoCommand::Operator(operator));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\t') {
        return Err(NoCommand::Unreadable);
    }
    match shlex::split(text) {
        None => Err(NoCommand::Unreadable),
        Some(words) if words.first().is_none_or(|program| program.trim().is_empty()) => Err(NoCommand::Empty),
        Some(words) => Ok(words),
    }
}

/// The first operator of a shell that no quote makes ordinary.
fn operator(text: &str) -> Option<String> {
    let mut quote = None;
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None | Some('"'), '\\') => {
                letters.next();
            }
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (Some('\''), _) => {}
            (_, '`') => return Some("`".to_owned()),
            (_, '$') if matches!(letters.peek(), Some('(' | '{')) => return Some("$(".to_owned()),
            (None, '|' | '&' | ';' | '<' | '>' | '\n' | '\r') => {
                return Some(letter.escape_default().to_string());
            }
            _ => {}
        }
    }
    None
}

/// True if a path that is relative to the project root stays below it, by its words alone.
pub fn stays_inside(path: &str) -> bool {
    if path.starts_with(['/', '~', '\\']) {
        return false;
    }
    let mut depth = 0_i32;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_count_only_outside_quotes() {
        for text in
            ["a | b", "a;b", "a && b", "a > b", "a `b`", "a $(b)", "a \"$(b)\"", "a\nb", "a & ", "a ${x}"]
        {
            assert!(matches!(words(text), Err(NoCommand::Operator(_))), "{text}");
        }
        for text in ["a 'b | c'", "a \"b|c\"", "a '^T$'", "a ^T$", "a b\\;c"] {
            assert!(words(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nothing_is_no_command() {
        for text in ["", "  ", "''", "# a remark"] {
            assert_eq!(words(text), Err(NoCommand::Empty), "{text:?}");
        }
        assert_eq!(words("a 'b"), Err(NoCommand::Unreadable));
        assert_eq!(words("a \u{7}"), Err(NoCommand::Unreadable));
    }

    #[test]
    fn paths_stay_inside_by_their_words() {
        for path in ["a", "a/../b", "./a", "a/b/..", "."] {
            assert!(stays_inside(path), "{path}");
        }
        for path in ["/a", "..", "a/../../b", "~/a"] {
            assert!(!stays_inside(path), "{path}");
        }
    }
}
