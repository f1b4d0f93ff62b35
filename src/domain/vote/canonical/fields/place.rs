//! A place in a file as people write it: `save()`, `in cache.save`, `line 42`, `L42`, `a.py:42`.

use super::super::{path, text};

/// Words that lead to a place and are none of it.
const LEADING: [&str; 26] = [
    "line",
    "lines",
    "ln",
    "l",
    "at",
    "in",
    "on",
    "inside",
    "within",
    "of",
    "the",
    "function",
    "func",
    "fn",
    "def",
    "method",
    "class",
    "struct",
    "procedure",
    "near",
    "around",
    "see",
    "module",
    "file",
    "body",
    "and",
];

/// Names that stand before a module's path and are none of it.
const ROOTS: [&str; 5] = ["crate", "self", "super", "this", "src"];

/// The names of a place, then its line numbers, each once and in order.
pub(super) fn key(written: &str, files: &[&str]) -> String {
    let plain = text::plain(written);
    let without_arguments = without_arguments(&plain);
    let ends = |letter: char| letter.is_whitespace() || "\"'`()[]{}<>,;=".contains(letter);
    let (mut names, mut lines): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for word in without_arguments.split(ends).filter(|word| !word.is_empty()) {
        for part in parts(word, files) {
            let into = if part.starts_with(|letter: char| letter.is_ascii_digit()) {
                &mut lines
            } else {
                &mut names
            };
            if !into.contains(&part) {
                into.push(part);
            }
        }
    }
    names.extend(lines);
    names.join(" ")
}

/// Without what stands between the parentheses of a call.
fn without_arguments(text: &str) -> String {
    let (mut depth, mut kept, mut after_name) = (0_u32, String::new(), false);
    for letter in text.chars() {
        match letter {
            '(' if depth > 0 || after_name => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
        after_name = letter.is_alphanumeric() || letter == '_';
    }
    kept
}

/// Returns what a word names: nothing where it only leads to a place, else a name without its module, or a
/// line number.
fn parts(word: &str, files: &[&str]) -> Vec<String> {
    let word = word.trim_end_matches(['.', ':', '!', '?']).trim_start_matches([':', '.', '#']);
    if let Some(number) = line_number(word) {
        return vec![number];
    }
    if word.is_empty() || LEADING.contains(&word.to_lowercase().as_str()) {
        return Vec::new();
    }
    let known: Vec<&str> =
        files.iter().flat_map(|file| file.split(['/', '\\', '.'])).filter(|part| !part.is_empty()).collect();
    // `src/a.py:save` and `src/a.py::save` name the file first.
    let rest = files.iter().find_map(|file| {
        let file = path::shortest(text::undressed(file));
        let name = file.rsplit('/').next().unwrap_or_default().to_owned();
        let word = path::shortest(word);
        [file, name].into_iter().find_map(|file| {
            let rest = word.strip_prefix(&file)?;
            (rest.is_empty() || rest.starts_with([':', '#', '.'])).then(|| rest.to_owned())
        })
    });
    if let Some(rest) = rest {
        return if rest.is_empty() { Vec::new() } else { parts(&rest, &[]) };
    }
    let mut segments: Vec<&str> = word
        .split("::")
        .flat_map(|part| part.split(['.', '#', ':']))
        .filter(|part| !part.is_empty())
        .collect();
    while segments.len() > 1
        && segments.first().is_some_and(|first| known.contains(first) || ROOTS.contains(first))
    {
        segments.remove(0);
    }
    // `save:42` is a name and a line.
    let number = (segments.len() > 1).then(|| segments.last().and_then(|last| line_number(last))).flatten();
    if number.is_some() {
        segments.pop();
    }
    std::iter::once(segments.join(".")).chain(number).collect()
}

/// `42`, `L42`, `42-44`.
fn line_number(word: &str) -> Option<String> {
    let digits = word.strip_prefix(['L', 'l']).unwrap_or(word).replace(['L', '–', '—'], "");
    let digits = if word.contains(['–', '—']) {
        word.replace(['–', '—'], "-").replace(['L', 'l'], "")
    } else {
        digits
    };
    let is_number = digits.starts_with(|letter: char| letter.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '-');
    is_number.then(|| digits.trim_end_matches('-').to_owned())
}
