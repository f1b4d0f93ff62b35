//! Places in a file in the form that is compared: names and line numbers, without the words around them.

use std::borrow::Cow;

use crate::domain::packed::list;
use crate::domain::pattern::Pattern;
use crate::domain::vote::canonical;

/// Names at the beginning of a module path that do not count.
const ROOTS: [&str; 5] = ["crate", "self", "super", "this", "src"];

/// The names in a place, then its line numbers, each once, in the order of the text.
pub(super) fn place_key(written: &str, files: &[&str]) -> String {
    let plain = canonical::plain(written);
    let without_arguments = without_arguments(&with_methods(&with_operators(&plain)));
    let ends = |letter: char| letter.is_whitespace() || "\"'`()[]{}<>,;=".contains(letter);
    let (mut names, mut lines): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let words = without_arguments.split(ends).flat_map(by_script).filter(|word| !word.is_empty());
    for word in words {
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

/// A text in which the signs of an operator's name are letters, so that they stay a part of it: `operator[]`,
/// and in Ruby the name of a setter, `total=`.
fn with_operators(text: &str) -> Cow<'_, str> {
    static OPERATOR: Pattern = Pattern::new(
        r"(?P<name>\boperator) ?(?P<signs>\(\)|\[\]|[=<>!+\-*/%&|^~]+)|(?P<set>\b[a-z_]\w*)(?P<to>=)(?P<end>[\s`'\x22(),.;]|$)",
    );
    OPERATOR.replaced(text, |found: &regex::Captures<'_>| {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str());
        let signs: Vec<String> =
            [part("signs"), part("to")].concat().chars().map(|sign| u32::from(sign).to_string()).collect();
        [part("name"), part("set"), "%", &signs.join("%"), part("end")].concat()
    })
}

/// A text in which methods of Go have the form of other methods: `(*Cart).Total` and `func (c *Cart) Total`
/// are `Cart.Total`.
fn with_methods(text: &str) -> Cow<'_, str> {
    static RECEIVER: Pattern =
        Pattern::new(r"\(\*?(?P<one>\w+)\)\.|\bfunc \((?:\w+ )?\*?(?P<other>\w+)(?:\[[^\]]*\])?\) ");
    RECEIVER.replaced(text, |found: &regex::Captures<'_>| {
        let of = found.name("one").or_else(|| found.name("other"));
        format!("{}.", of.map_or("", |of| of.as_str()))
    })
}

/// The parts of a word in one script: `total関数` names `total`, and `42행에서` line 42.
fn by_script(word: &str) -> Vec<&str> {
    let is_wide = |letter: char| letter.is_alphabetic() && letter >= '\u{1100}';
    let is_narrow = |letter: char| letter.is_ascii_alphanumeric() || "_)".contains(letter);
    let (mut parts, mut from, mut before) = (Vec::new(), 0, ' ');
    for (at, letter) in word.char_indices() {
        if is_wide(before) && is_narrow(letter) || is_narrow(before) && is_wide(letter) {
            parts.extend(word.get(from..at));
            from = at;
        }
        before = letter;
    }
    parts.extend(word.get(from..));
    // A name may mix scripts: only a word that introduces a place stands apart.
    if parts.iter().any(|part| introduces(part) && !part.is_ascii()) { parts } else { vec![word] }
}

/// True for a word that introduces a place, also with a particle after it.
fn introduces(word: &str) -> bool {
    let word = word.to_lowercase();
    let is_one = |word: &str| list("leading").contains(&word);
    is_one(&word)
        || list("particles").contains(&word.as_str())
        || list("particles").iter().any(|particle| word.strip_suffix(particle).is_some_and(is_one))
}

/// True if one of the files is a style sheet, in which `.btn` and `#btn` differ.
fn are_styles(files: &[&str]) -> bool {
    let extension = |file: &&&str| file.rsplit('.').next().unwrap_or_default().to_lowercase();
    files.iter().any(|file| list("style_sheets").contains(&extension(&file).as_str()))
}

/// A text without the arguments of calls.
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

/// The parts of a place that a word names: a name without its module, a line number, or both. Empty for a
/// word that only introduces a place, or names one of the `files`.
fn parts(word: &str, files: &[&str]) -> Vec<String> {
    let word = word.trim_end_matches(['.', ':', '!', '?']).trim_start_matches(':');
    if word.starts_with(['.', '#']) && are_styles(files) {
        let with_line = word.rsplit_once(':').and_then(|(name, line)| Some((name, line_number(line)?)));
        let (name, number) = with_line.map_or((word, None), |(name, number)| (name, Some(number)));
        return std::iter::once(name.to_owned()).chain(number).collect();
    }
    let word = word.trim_start_matches([':', '.', '#', '*', '&']);
    if let Some(number) = line_number(word) {
        return vec![number];
    }
    if word.is_empty() || introduces(word) {
        return Vec::new();
    }
    let known: Vec<&str> =
        files.iter().flat_map(|file| file.split(['/', '\\', '.'])).filter(|part| !part.is_empty()).collect();
    // `src/a.py:save` and `src/a.py::save` name the file first.
    let rest = files.iter().find_map(|file| {
        let file = canonical::shortest(canonical::undressed(file));
        let name = file.rsplit('/').next().unwrap_or_default().to_owned();
        let word = canonical::shortest(word);
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

/// Parses a line number or a range: `42`, `L42`, `42-44`.
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
