//! Clues about names: one that is not there, and the one most like it that is.

use super::Clue;
use crate::provider::understudy::case::Case;
use crate::provider::understudy::code;
use crate::provider::understudy::evidence::{Fault, clip};
use crate::provider::understudy::pattern::Pattern;
use std::collections::BTreeSet;

static WORD: Pattern = Pattern::new(r"[A-Za-z_][A-Za-z0-9_]{2,60}");
static QUOTED: Pattern = Pattern::new(r#"['"`‘]([^'"`’]+)['"`’]"#);
static NAME_OF: Pattern =
    Pattern::new(r"(?:^|\s)(?:undefined: |variable |symbol:? +)?([A-Za-z_$][\w.$]*) is not\b");
static GO_NAME: Pattern = Pattern::new(r"undefined: ([\w.]+)");
static IMPORT: Pattern = Pattern::new(r"cannot import name '(\w+)' from '([\w.]+)'");
static CALLED: Pattern = Pattern::new(r"([A-Za-z_]\w*)\(\) (?:missing|takes|got)");
/// Names less alike than this are different names.
const ALIKE: f64 = 0.85;
const MAX_WORDS: usize = 5_000;

pub(super) fn no_member(case: &Case<'_>, fault: &Fault) -> Option<Clue> {
    let quoted: Vec<&str> = QUOTED.all(&fault.message).map(|found| found.text(1)).collect();
    let is_word = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '?' | '!'));
    // Python and C name the owner first, TypeScript and Rust the member.
    let owner_first = fault.message.contains("has no attribute") || fault.message.contains("has no member");
    let member = if owner_first { quoted.get(1) } else { quoted.iter().find(|text| is_word(text)) }?;
    let owner = quoted.iter().find(|text| *text != member).map_or("the value", |text| *text);
    let check = format!("look for the definition of `{member}`");
    Some(Clue::new(format!("`{owner}` has no `{member}`{}", nearest(case, member)), Some(member), check))
}

pub(super) fn undefined(case: &Case<'_>, fault: &Fault) -> Option<Clue> {
    let found = QUOTED
        .find(&fault.message)
        .or_else(|| NAME_OF.find(&fault.message))
        .or_else(|| GO_NAME.find(&fault.message))?;
    let name = found.text(1);
    let check = format!("look for where `{name}` is defined or imported");
    Some(Clue::new(
        format!("`{name}` is not defined where it is used{}", nearest(case, name)),
        Some(name),
        check,
    ))
}

pub(super) fn missing_module(case: &Case<'_>, fault: &Fault) -> Option<Clue> {
    if let Some(found) = IMPORT.find(&fault.message) {
        let (name, module) = (found.text(1), found.text(2));
        let says = format!("module `{module}` defines no `{name}`{}", nearest(case, name));
        return Some(Clue::new(says, Some(name), format!("list the names that `{module}` defines")));
    }
    let found = QUOTED.find(&fault.message)?;
    let module = found.text(1);
    let stem = module.rsplit(['.', '/', ':']).find(|part| !part.is_empty())?;
    let file = case.files().iter().find(|file| file.path.contains(stem));
    let where_ = file.map_or_else(
        || "no packed file has that name: not installed, or not on the search path".to_owned(),
        |file| format!("{} exists, so the search path or the spelling of the import is wrong", file.path),
    );
    let says = format!("module `{module}` is not found; {where_}");
    Some(Clue::new(says, Some(module), "check the search path and the installed packages".to_owned()))
}

pub(super) fn not_callable(case: &Case<'_>, fault: &Fault) -> Option<Clue> {
    let found = NAME_OF.find(&fault.message)?;
    let name = found.text(1);
    let last = name.rsplit('.').next().unwrap_or(name);
    let defined = case.functions.iter().find(|function| function.name == last);
    let where_ = match defined {
        Some(function) => format!("; a function of that name stands at {}:{}", function.file, function.start),
        None => nearest(case, last),
    };
    let says = format!("`{name}` is called, and what is found under that name is no function{where_}");
    Some(Clue::new(says, Some(name), format!("print the type of `{name}`, and what its module exports")))
}

pub(super) fn arity(case: &Case<'_>, fault: &Fault, line: &str) -> Option<Clue> {
    let named = CALLED.find(&fault.message).map(|found| found.text(1));
    let name = named.or_else(|| code::calls(line).into_iter().next())?;
    let function = case.functions.iter().find(|function| function.name == name)?;
    let head = clip(function.head, 100);
    let says =
        format!("the call does not fit the definition at {}:{}: `{head}`", function.file, function.start);
    Some(Clue::new(says, Some(name), format!("compare the arguments with `{head}`")))
}

/// The most similar name in the packed files.
fn nearest(case: &Case<'_>, name: &str) -> String {
    let mut words = BTreeSet::new();
    for (_, line) in case.files().iter().flat_map(|file| file.lines.iter()) {
        words.extend(WORD.all(line).map(|found| found.text(0)).filter(|word| *word != name));
        if words.len() > MAX_WORDS {
            break;
        }
    }
    let alike = words.into_iter().map(|word| (strsim::jaro_winkler(word, name), word));
    let best = alike.filter(|(score, _)| *score >= ALIKE).max_by(|one, other| one.0.total_cmp(&other.0));
    best.map_or_else(String::new, |(_, word)| {
        format!("; the most similar name in the packed files is `{word}`")
    })
}
