//! Words that turn an option which an answer names into its opposite.

use crate::domain::packed::list;

/// True for a word that denies an option wherever the answer says it.
pub(super) fn is_contrary(word: &str) -> bool {
    list("contrary").contains(&word)
}

/// True if words begin with a phrase that denies an option in the same clause, or doubts it.
pub(super) fn hedges(words: &[&str]) -> bool {
    list("hedging").iter().any(|phrase| begins(phrase, words))
}

/// True if words say nothing but that, beside words without a meaning of their own. What says more is a reason.
/// Some languages write the same words together or apart.
pub(super) fn denies(words: &[&str]) -> bool {
    let text = words.concat();
    is_contrary(&text) || list("hedging").iter().any(|phrase| is_bare(phrase, &text))
}

/// True if an option is a denial itself, like `아니오`.
pub(super) fn is_negative(option: &[&str]) -> bool {
    denies(option) || option.len() == 1 && hedges(option)
}

/// True if a word takes back the answer before it, as in `yes, no wait`.
pub(super) fn takes_back(word: &str) -> bool {
    list("second_thoughts").contains(&word)
}

/// True if a word is in favour of the option before it.
pub(super) fn favours(word: &str) -> bool {
    list("favours").iter().any(|part| is_like(part, word))
}

fn is_bare(phrase: &str, text: &str) -> bool {
    let core = phrase.replace([' ', '*'], "");
    text.match_indices(&core).any(|(at, core)| {
        let (before, after) = (text.get(..at), text.get(at + core.len()..));
        before.is_some_and(is_light) && after.is_some_and(is_light)
    })
}

fn is_light(mut text: &str) -> bool {
    while !text.is_empty() {
        let rests = list("light").iter().filter_map(|word| text.strip_prefix(word));
        let Some(rest) = rests.min_by_key(|rest| rest.len()) else { return false };
        text = rest;
    }
    true
}

fn begins(phrase: &str, words: &[&str]) -> bool {
    let mut coming = words.iter();
    phrase.split(' ').all(|part| coming.next().is_some_and(|word| is_like(part, word)))
}

/// True if a word is like a part of a phrase, in which `*` at an end stands for any letters.
fn is_like(part: &str, word: &str) -> bool {
    match (part.strip_prefix('*'), part.strip_suffix('*')) {
        (None, None) => word == part,
        (None, Some(stem)) => word.starts_with(stem),
        (Some(ending), None) => word.ends_with(ending),
        (Some(ending), Some(_)) => word.contains(ending.trim_end_matches('*')),
    }
}
