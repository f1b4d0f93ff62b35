//! The line `ANSWER: ...` of an answer.

use super::canonical::{enclosed, unfenced};
use crate::domain::pattern::Pattern;

/// The line, with the marks that stand open before it and between it and its colon.
static LINE: Pattern = Pattern::new(
    r"(?i)^(?:[\s>#+•\-]|\*\s|\d{1,3}[.)]\s)*(?P<open>[*_`]*)[ \t]*(?:\d{1,3}[.)]\s+)?(?:(?:my|the)\s+)?(?:final\s+)?answer[ \t]*(?P<shut>[*_`]*)[ \t]*[:：](?P<said>.*)$",
);

/// The same as a tag.
static TAG: Pattern =
    Pattern::new(r"(?is)^[\s>*_`\-]*<(?:final_)?answer>(?P<said>.*?)</(?:final_)?answer>[*_`.]*[ \t\r]*$");

/// The text of the last `ANSWER:` line, or the text after it if the line itself is empty. None if there is no
/// such line, or it is not filled in.
pub fn stated(answer: &str) -> Option<&str> {
    let line = LINE.all(answer).last().and_then(|found| {
        let said = found.name("said")?;
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let own = without_pairs(without_marks(part("open"), part("shut"), said.as_str()));
        let text = if own.is_empty() { unfenced(answer.get(said.end()..)?) } else { own };
        let inside = TAG.captures(text).and_then(|found| found.name("said"));
        Some((said.start(), inside.map_or(text, |inside| inside.as_str().trim())))
    });
    let tag = TAG.all(answer).last().and_then(|found| {
        let said = found.name("said")?;
        let own = without_pairs(unfenced(said.as_str()));
        Some((said.start(), stated(own).unwrap_or(own)))
    });
    let (_, said) = line.into_iter().chain(tag).max_by_key(|(start, _)| *start)?;
    (!said.is_empty() && !is_blank_form(said)).then_some(said)
}

/// True if an answer has an `ANSWER:` line that is not filled in.
pub fn is_left_blank(answer: &str) -> bool {
    (LINE.is_in(answer) || TAG.is_in(answer)) && stated(answer).is_none()
}

/// The text after the colon without the closing marks that belong to those before `ANSWER`, as in
/// `**ANSWER: B**`. Other marks may be signs of the answer itself, as in `**kwargs`.
fn without_marks<'a>(open: &str, shut: &str, said: &'a str) -> &'a str {
    let closing: String = open.chars().rev().collect();
    let left = closing.strip_prefix(shut).unwrap_or_default();
    let own = said.trim();
    if left.is_empty() {
        return own;
    }
    let inner = said.strip_prefix(left).or_else(|| own.strip_suffix(left)).or_else(|| own.strip_prefix(left));
    inner.unwrap_or(own).trim()
}

/// A text without marks of emphasis around the whole.
fn without_pairs(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inner) = ["**", "__", "*", "_"].iter().find_map(|mark| enclosed(text, mark)) {
        text = inner.trim();
    }
    text
}

/// True for a placeholder that was not filled in: `...` or `<your answer>`.
fn is_blank_form(said: &str) -> bool {
    let is_mark = |letter: char| ".…_-".contains(letter);
    let inside = [('<', '>'), ('[', ']'), ('{', '}'), ('(', ')')]
        .iter()
        .find_map(|(open, close)| said.strip_prefix(*open)?.strip_suffix(*close));
    let is_form = |inside: &str| {
        let is_of_words = |letter: char| letter.is_alphabetic() || letter == ' ' || is_mark(letter);
        inside.chars().all(is_of_words) && inside.to_lowercase().contains("answer")
    };
    said.chars().all(is_mark) || inside.is_some_and(is_form)
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
            ("`ANSWER: yes`", "yes"),
            ("`ANSWER:` yes", "yes"),
            ("1. ANSWER: yes", "yes"),
            ("2) **ANSWER:** yes", "yes"),
            ("- ANSWER: yes", "yes"),
            ("* **ANSWER**: yes", "yes"),
            ("<answer>yes</answer>", "yes"),
            ("It is.\n<answer>\nyes\n</answer>", "yes"),
            ("<answer>no</answer>\nANSWER: yes", "yes"),
            ("ANSWER: no\n<answer>ANSWER: yes</answer>", "yes"),
            ("ANSWER: <answer>yes</answer>", "yes"),
            ("***ANSWER:*** yes", "yes"),
            ("__ANSWER:__ yes", "yes"),
            ("**ANSWER: **42", "42"),
            ("** ANSWER: 42 **", "42"),
            ("```\nANSWER: 42\n```", "42"),
            ("ANSWER: **42**", "42"),
            ("**ANSWER:** **42**", "42"),
        ] {
            assert_eq!(stated(answer), Some(said), "{answer}");
        }
        for none in
            ["B", "The answer is B", "ANSWER:", "ANSWER: ...", "ANSWER: <your answer>", "{\"answer\": \"B\"}"]
        {
            assert_eq!(stated(none), None, "{none}");
        }
        for blank in [
            "ANSWER:", "It is hard.\nANSWER: ...", "ANSWER: <answer>", "ANSWER: {your answer}",
            "<answer> </answer>",
        ] {
            assert!(is_left_blank(blank), "{blank}");
        }
        for filled in ["B", "ANSWER: B", "ANSWER: {\"answer\": 42}", "ANSWER: (answer + 1)", "ANSWER: ?"] {
            assert!(!is_left_blank(filled), "{filled}");
        }
    }

    #[test]
    fn signs_of_code_are_no_marks() {
        for code in [
            "__init__", "**kwargs", "*args", "int*", "int**", "a.*", "src/*", "*.py", "*.*", "**/*.py",
            "_private", "x_", "__all__", "*p = *q", "**/src/**",
        ] {
            assert_eq!(stated(&format!("ANSWER: {code}")), Some(code));
            assert_eq!(stated(&format!("**ANSWER:** {code}")), Some(code));
            assert_eq!(stated(&format!("ANSWER: `{code}`")).unwrap().trim_matches('`'), code);
        }
    }
}
