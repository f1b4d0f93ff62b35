//! Places elsewhere in the project that define or use the names in a change. The search is simple and
//! bounded.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use super::seen::{Change, masked};
use crate::domain::cut::head;
use crate::domain::mask::Masker;
use crate::domain::order::Gather;
use crate::domain::pattern::Pattern;
use crate::host::project::Project;

/// Names to search for.
const MOST_NAMES: usize = 12;
/// Files to search, and bytes of each.
const MOST_FILES: usize = 1_500;
const MOST_BYTES: u64 = 200_000;
/// Places of each name, and characters in all.
const MOST_PLACES: usize = 4;
const MOST_CHARS: usize = 8_000;
/// Characters of a line.
const MOST_LINE: usize = 200;

/// Words before a bracket that are no names of the project.
const WORDS: [&str; 14] = [
    "if", "for", "while", "match", "switch", "return", "catch", "self", "super", "assert", "print",
    "println", "format", "range",
];

static DEFINES: Pattern = Pattern::new(
    r"(?:fn|def|func|function|class|struct|enum|trait|interface|type|const|static|module|sub)[ \t]+([A-Za-z_][A-Za-z0-9_]{2,})",
);
static CALLS: Pattern = Pattern::new(r"([A-Za-z_][A-Za-z0-9_]{3,})[ \t]*\(");

/// Lines of other files that contain names of a change, and the number of secrets masked in them.
pub(super) fn related(project: &Project, masker: &Masker, changes: &[Change]) -> (String, usize) {
    let names = names(changes);
    let extensions: BTreeSet<&str> =
        changes.iter().filter_map(|change| Path::new(&change.name).extension()?.to_str()).gather();
    if names.is_empty() {
        return (String::new(), 0);
    }
    let mut count = 0;
    let own: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).gather();
    let mut places: Vec<Vec<String>> = names.iter().map(|_| Vec::new()).collect();
    let plain = extensions.into_iter().filter(|end| end.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let found = plain.filter_map(|end| project.find(&format!("**/*.{end}")).ok()).flatten();
    let others = found.filter(|file| !own.contains(file.shown.as_str()));
    for file in others.take(MOST_FILES) {
        let Ok(open) = file.open() else { continue };
        let mut bytes = Vec::new();
        if open.take(MOST_BYTES).read_to_end(&mut bytes).is_err() || bytes.contains(&0) {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().collect();
        // A line alone does not tell if it is a secret, so the whole text is masked, but only if needed.
        let clean = LazyCell::new(|| masked(&all, masker));
        for (name, places) in names.iter().zip(&mut places) {
            if places.len() >= MOST_PLACES || !text.contains(name.as_str()) {
                continue;
            }
            let lines = all.iter().enumerate().filter(|(_, line)| has_word(line, name));
            for (at, plain) in lines.take(MOST_PLACES - places.len()) {
                let (number, line) = (at + 1, clean.get(at).map_or("", String::as_str));
                count += usize::from(line != *plain);
                let line = head(line.trim(), MOST_LINE);
                places.push(format!("{}:{number}: {line}\n", file.shown));
            }
        }
    }
    let mut out = String::new();
    for (name, places) in names.iter().zip(places).filter(|(_, places)| !places.is_empty()) {
        let part = format!("{name}\n{}", places.concat());
        if out.len() + part.len() > MOST_CHARS {
            break;
        }
        out.push_str(&part);
    }
    let clean = masker.mask(&out);
    (clean.text.into_owned(), count + clean.count)
}

/// The names that a change defines, then those that it calls.
fn names(changes: &[Change]) -> Vec<String> {
    type Lines = fn(&Change) -> Vec<&str>;
    let mut names: Vec<String> = Vec::new();
    // A change within a function concerns its callers, so definitions count in the lines around it too.
    let seen: [(_, Lines); 2] = [(&DEFINES, Change::plain_lines), (&CALLS, Change::touched)];
    for (pattern, lines) in seen {
        for line in changes.iter().flat_map(lines) {
            for name in pattern.all(line).filter_map(|caught| caught.get(1)) {
                let name = name.as_str();
                let is_new = !WORDS.contains(&name) && !names.iter().any(|known| known == name);
                if names.len() < MOST_NAMES && is_new {
                    names.push(name.to_owned());
                }
            }
        }
    }
    names
}

fn has_word(line: &str, name: &str) -> bool {
    let is_word =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + name.len()..).and_then(|after| after.chars().next());
        !is_word(before) && !is_word(after)
    })
}
