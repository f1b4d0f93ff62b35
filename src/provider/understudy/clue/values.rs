//! Clues about values: a missing key, no value, an index, a divisor, a format.

use super::Clue;
use crate::provider::understudy::case::{Case, Place};
use crate::provider::understudy::code;
use crate::provider::understudy::evidence::{Fault, clip};
use crate::provider::understudy::packed::PackedFile;
use crate::provider::understudy::pattern::Pattern;

static MEMBER: Pattern = Pattern::new(
    r#"(?:attribute '(\w+)'|\(reading '([^']+)'\)|\(setting '([^']+)'\)|undefined method [`'](\w+[?!]?)'|Cannot (?:invoke|read|assign)[^"]*"(?:[\w.$<>]*\.)?(\w+))"#,
);
static BECAUSE: Pattern = Pattern::new(r#"because (?:the return value of )?"([^"]+)" is null"#);
static OWNER: Pattern = Pattern::new(r"\b([A-Za-z_]\w*)(?:\.|->)[A-Za-z_]");
static OPTION: Pattern = Pattern::new(r"\.(?:unwrap|expect)\(");
static SIZES: Pattern = Pattern::new(
    r"(?:len(?:gth)? is (\d+) but the index is (\d+)|range \[(\d+)\] with length (\d+)|[Ii]ndex (-?\d+) out of bounds for length (\d+))",
);
static PAST_END: Pattern = Pattern::new(
    r"(?:len\([^()]*(?:\([^()]*\))?\)\s*\+\s*1|<=\s*[\w.\[\]>-]*(?:\.length|\.len\(\)|\.size\(\)|\.Count|\.Length|len\()|\.\.=\s*[\w.]*(?:\.len\(\)|len)|for\b.*<=)",
);

/// The program raises the error itself: what counts is the condition above.
pub(super) fn raised(case: &Case<'_>, place: &Place<'_>, line: &str) -> Option<Clue> {
    let is_raised = ["raise ", "throw ", "panic!("].iter().any(|word| line.starts_with(word));
    if !is_raised {
        return None;
    }
    let words = ["if ", "elif ", "} else if", "except", "} catch", "case ", "match ", "switch "];
    let lines =
        case.function_at(place).map(|function| case.lines_above(function, place.line)).unwrap_or_default();
    let above =
        lines.into_iter().find(|(_, line)| words.iter().any(|word| line.trim_start().starts_with(word)));
    let about = above.and_then(|(_, line)| code::last_word(line));
    let when = above.map_or_else(String::new, |(number, line)| {
        format!(", reached by line {number}: `{}`", clip(line.trim(), 100))
    });
    let check = "print the values of the condition above this line".to_owned();
    Some(Clue::new(format!("the program raises this itself{when}"), about, check))
}

pub(super) fn missing_key(fault: &Fault, line: &str) -> Option<Clue> {
    let key = fault.message.lines().next().unwrap_or("").trim();
    let subscripts = code::subscripts(line);
    let bare = key.trim_matches(['\'', '"']);
    let literal =
        subscripts.iter().find(|found| !bare.is_empty() && found.index.trim_matches(['\'', '"']) == bare);
    let variable = subscripts.iter().find(|found| !found.index.starts_with(['\'', '"']));
    if let Some(found) = literal {
        let says = format!("`{}` has no key {key}", found.base);
        let check = format!("print the keys of `{}` right before this line", found.base);
        return Some(Clue::new(says, Some(found.base), check));
    }
    let found = variable.or(subscripts.first())?;
    let says = format!("`{}` was {key}, and `{}` has no such key", found.index, found.base);
    let check = format!("print `{}` and the keys of `{}` right before this line", found.index, found.base);
    Some(Clue::new(says, Some(found.index), check))
}

/// A quoted text in the packed files that is the missing key but for case, blanks and dashes.
pub(crate) fn same_text<'a>(files: &'a [PackedFile<'_>], key: &str) -> Option<(&'a str, u32, &'a str)> {
    static QUOTED: Pattern = Pattern::new(r#"["']([^"']{1,80})["']"#);
    let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
    let bare = key.trim().trim_matches(['\'', '"']);
    let wanted = plain(bare);
    if wanted.len() < 2 {
        return None;
    }
    files.iter().find_map(|file| {
        file.lines.iter().take(2_000).find_map(|(number, line)| {
            let found =
                QUOTED.all(line).find(|found| found.text(1) != bare && plain(found.text(1)) == wanted)?;
            Some((file.path, *number, found.text(1)))
        })
    })
}

pub(super) fn no_value(fault: &Fault, line: &str) -> Option<Clue> {
    let clue = |base: &str| {
        let check = format!("print `{base}` right before this line");
        Clue::new(format!("`{base}` has no value here"), Some(base), check)
    };
    if let Some(found) = BECAUSE.find(&fault.message) {
        return Some(returned(line, found.text(1)).unwrap_or_else(|| clue(found.text(1))));
    }
    if let Some(found) = MEMBER.find(&fault.message) {
        let member = (1..=5).map(|group| found.text(group)).find(|text| !text.is_empty()).unwrap_or("");
        return code::owner(line, member).map(clue);
    }
    let code = code::code_of(line);
    if let Some(found) = OPTION.find(code) {
        let head = code.get(..found.start(0)).unwrap_or("");
        let base = head.rsplit(" = ").next().unwrap_or(head).trim();
        return (!base.is_empty()).then(|| clue(base));
    }
    // A language that names no member: every owner on the line is a candidate, the first is named.
    OWNER.find(code).map(|found| clue(found.text(1)))
}

/// `java.util.Map.get(Object)` gave nothing: the call on the line is named as it is written there.
fn returned(line: &str, signature: &str) -> Option<Clue> {
    let (path, _) = signature.split_once('(')?;
    let method = path.rsplit('.').next()?;
    let base = code::owner(line, method)?;
    let says = format!("`{base}.{method}(...)` returned no value");
    Some(Clue::new(
        says,
        Some(base),
        format!("print what `{base}.{method}(...)` returns right before this line"),
    ))
}

pub(super) fn out_of_range(case: &Case<'_>, fault: &Fault, place: &Place<'_>) -> Option<Clue> {
    let line = place.source.unwrap_or("").trim();
    let subscripts = code::subscripts(line);
    let found = subscripts.iter().find(|found| !found.index.contains(':'));
    let what = found.map_or_else(
        || "an index is out of range".to_owned(),
        |found| format!("index `{}` is out of range of `{}`", found.index, found.base),
    );
    let sizes = sizes(&fault.message).unwrap_or_default();
    let loops = past_end(case, place).unwrap_or_default();
    if found.is_none() && sizes.is_empty() && loops.is_empty() {
        return None;
    }
    let check = found.map_or_else(
        || "print the index and the length right before this line".to_owned(),
        |found| format!("print `{}` and the length of `{}` right before this line", found.index, found.base),
    );
    Some(Clue::new(format!("{what}{sizes}{loops}"), found.map(|found| found.index), check))
}

/// What the message says about index and length.
fn sizes(message: &str) -> Option<String> {
    let found = SIZES.find(message)?;
    let (length, index) = match (found.text(1), found.text(3), found.text(5)) {
        (length, "", "") => (length, found.text(2)),
        ("", index, "") => (found.text(4), index),
        (_, _, index) => (found.text(6), index),
    };
    let remark = if length == "0" {
        ": nothing is in it"
    } else if length == index {
        ": exactly one past the end"
    } else {
        ""
    };
    Some(format!(" (length {length}, index {index}{remark})"))
}

/// A bound in the same function that runs over the end.
fn past_end(case: &Case<'_>, place: &Place<'_>) -> Option<String> {
    let function = case.function_at(place)?;
    let mut lines = case.lines_above(function, place.line.saturating_add(1)).into_iter();
    let (number, line) = lines.find(|(_, line)| PAST_END.is_in(code::code_of(line)))?;
    let line = clip(line.trim(), 100);
    Some(format!("; line {number} counts up to the length itself: `{line}`"))
}

pub(super) fn divide_by_zero(line: &str) -> Option<Clue> {
    let divisors = code::divisors(line);
    let first = divisors.first()?;
    let names = divisors.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let check = format!("print {names} right before this line");
    Some(Clue::new(format!("the divisor {names} is zero here"), Some(first), check))
}

pub(super) fn bad_format(fault: &Fault, line: &str) -> Option<Clue> {
    let calls = code::calls(line);
    let call = calls.first()?;
    let message = fault.message.lines().next().unwrap_or("");
    let says = format!("`{call}` on this line was given text that it does not accept ({message})");
    Some(Clue::new(says, None, format!("print the argument of `{call}` right before this line")))
}

/// A complaint that is complete in itself: the line only says what it is about.
pub(super) fn rejected(fault: &Fault, line: &str) -> Option<Clue> {
    if line.is_empty() {
        return None;
    }
    let message = fault.message.lines().next().unwrap_or("");
    let says = format!("the expression `{}` does not satisfy: {message}", clip(line, 100));
    Some(Clue::new(says, None, "compare the types on both sides of this line".to_owned()))
}
