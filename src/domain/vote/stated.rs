//! The line in which an answer says what it answers: `ANSWER: ...`.

use std::sync::LazyLock;

use regex::Regex;

use super::canonical::unfenced;

static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?im)^[\s>*_#\-]*(?:(?:my|the)\s+)?(?:final\s+)?answer[ \t]*[*_`]*[ \t]*[:：][ \t]*(?:\*\*|__)?[ \t]*(?P<said>.*)$").ok()
});

/// Returns what the last such line says; where it says nothing itself, what follows it does.
pub fn stated(answer: &str) -> Option<&str> {
    let found = LINE.as_ref()?.captures_iter(answer).last()?;
    let said = found.name("said")?;
    let own = said.as_str().trim();
    let bare = own.trim_end_matches(['*', '_']).trim_end();
    // `**ANSWER: B**` closes what began before the word.
    let own =
        if bare.matches("**").count() % 2 == 0 && bare.matches("__").count() % 2 == 0 { bare } else { own };
    let said = if own.is_empty() { unfenced(answer.get(said.end()..)?) } else { own };
    (!said.is_empty() && !is_blank_form(said)).then_some(said)
}

/// A form that was not filled in: `...`, `<your answer>`.
fn is_blank_form(said: &str) -> bool {
    let enclosed = |open, close| {
        said.starts_with(open) && said.ends_with(close) && said.to_lowercase().contains("answer")
    };
    said.chars().all(|letter| ".…_-".contains(letter)) || enclosed('<', '>') || enclosed('[', ']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_so_counts() {
        for (answer, said) in [
            ("ANSWER: B", "B"),
            ("It is shorter.\n\nANSWER: option B", "option B"),
            ("**ANSWER:** 42", "42"),
            ("**ANSWER: 42**", "42"),
            ("Final answer: `save()`", "`save()`"),
            ("Answer : yes", "yes"),
            ("> ANSWER: yes", "yes"),
            ("ANSWER: A\nNo, wait.\nANSWER: B", "B"),
            ("ANSWER:\n42\n", "42"),
            ("ANSWER:\n```\n42\n```", "42"),
            ("ANSWER: B\n\nConfidence: high", "B"),
            ("ANSWER: -5", "-5"),
        ] {
            assert_eq!(stated(answer), Some(said), "{answer}");
        }
        for none in
            ["B", "The answer is B", "ANSWER:", "ANSWER: ...", "ANSWER: <your answer>", "{\"answer\": \"B\"}"]
        {
            assert_eq!(stated(none), None, "{none}");
        }
    }
}
