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

/// True if words say nothing but that. Some languages write the same two words together or apart.
pub(super) fn denies(words: &[&str]) -> bool {
    let together = words.concat();
    let is_all = |phrase: &&str| phrase.split(' ').count() == words.len() && begins(phrase, words);
    words.len() <= 2 && (is_contrary(&together) || hedges(&[&together])) || list("hedging").iter().any(is_all)
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
