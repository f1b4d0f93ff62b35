//! Whether a candidate says anything: an empty text, a refusal and a phrase that announces an answer
//! without giving one are no candidates, whoever speaks for them.

use std::sync::LazyLock;

use regex::Regex;

/// The longest text that is looked at as a mere phrase, in characters. What is longer has content, or its
/// red flags tell.
const LONGEST_PHRASE: usize = 600;

/// Beginnings of texts that decline to answer.
static REFUSAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\W*(?:
            (?:i['’]?m|i\s+am|we\s+are)\s+(?:very\s+|so\s+|really\s+)?(?:sorry|afraid)\b
          | (?:i\s+)?apologi[sz]e\b | my\s+apologies | sorry\b | unfortunately\b
          | as\s+an?\s+(?:ai|large\s+language\s+model|language\s+model|assistant)\b
          | (?:i|we)\s*(?:['’]m|\s+am|\s+are)\s+(?:not\s+able|unable|not\s+allowed|not\s+permitted)\b
          | (?:i|we)\s+(?:can\s*not|can['’]?t|could\s*not|couldn['’]?t|will\s+not|won['’]?t|do\s+not\s+have\s+access|don['’]?t\s+have\s+access|must\s+decline|decline|refuse|have\s+to\s+decline)\b
          | (?:please|could\s+you|can\s+you)\s+(?:please\s+)?(?:provide|share|send|paste|upload|attach)\b
          | this\s+request\s+(?:cannot|can['’]?t|could\s+not)\b
        )",
    )
    .ok()
});

/// Whole texts that announce, agree or report, and hold nothing.
static PHRASE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^\W*(?:
            (?:ok|okay|sure|certainly|of\s+course|absolutely|yes|no|done|fixed|finished|great|thanks|thank\s+you|understood|got\s+it|will\s+do|lgtm|looks\s+good(?:\s+to\s+me)?|n/?a|none|null|nothing|todo|tbd|it\s+depends|see\s+above|as\s+above)
            |(?:(?:ok|okay|sure|certainly|of\s+course|absolutely)\W+)?(?:here(?:\s+is|['’]s|\s+are)|below\s+is|this\s+is)\s+(?:the|your|my|an?)\s+[\w\s-]{1,40}
            |(?:(?:ok|okay|sure|certainly|of\s+course)\W+)?(?:i|we)(?:\s+(?:will|shall|have|would|can|am\s+going\s+to)|['’](?:ll|ve|d))\s+(?:now\s+|gladly\s+|happily\s+)?(?:look\s+into|fix(?:ed)?|help|check|investigate|do|take\s+a\s+look|work\s+on|handle|complete|completed|finish)\b[\w\s,'’-]{0,60}
            |let\s+me\s+[\w\s,'’-]{1,60}
        )\W*$",
    )
    .ok()
});

/// Whether a text is an answer at all.
pub fn is_answer(text: &str) -> bool {
    let text = text.trim();
    if !text.chars().any(char::is_alphanumeric) {
        return false;
    }
    let holds_code = text.contains("```") || text.lines().any(|line| line.starts_with("@@"));
    if holds_code || text.chars().count() > LONGEST_PHRASE {
        return true;
    }
    let matches = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_some_and(|it| it.is_match(text));
    !matches(&REFUSAL) && !matches(&PHRASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_or_a_mere_phrase_is_no_answer() {
        for text in [
            "",
            " \n ",
            "...",
            "I'm sorry, but I can't help with that.",
            "I cannot see the file. Please provide src/cart.py.",
            "As an AI language model, I do not run code.",
            "Unfortunately the request could not be completed.",
            "Could you share the failing test first?",
            "We are unable to comply with this request.",
            "Done.",
            "Sure!",
            "LGTM",
            "Sure, here is the fix:",
            "Here's your updated patch.",
            "I will look into it.",
            "I've fixed the issue.",
            "Let me know if you need anything else!",
            "TODO",
        ] {
            assert!(!is_answer(text), "{text}");
        }
    }

    #[test]
    fn a_short_answer_is_one() {
        for text in [
            "42",
            "some candidate content here",
            "candidate without id or provider",
            "Use a lock around the counter.",
            "No, the index is off by one: the loop ends at len(items).",
            "Here is the fix: replace `sum(items) + 1` by `sum(items)`.",
            "Sorry for the delay; see the patch:\n```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n```",
            "The sorting is unfortunately unstable; use a key.",
            "Yes: the cache is never cleared.",
            "로그인 함수가 None을 돌려준다",
        ] {
            assert!(is_answer(text), "{text}");
        }
    }
}
