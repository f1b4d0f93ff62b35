//! Where the value on a line was made: an assignment above it, a loop, or the caller.

use super::case::{Case, Place};
use super::code;
use super::evidence::{Fault, clip};

/// One sentence that names the place, as `(where, sentence)`.
pub(crate) fn of(case: &Case<'_>, fault: &Fault, place: &Place<'_>, about: &str) -> Option<(String, String)> {
    let name = code::root(about);
    let function = case.function_at(place)?;
    if name.is_empty() {
        return None;
    }
    let made = case.lines_above(function, place.line).into_iter().find(|(_, line)| makes(line, name));
    if let Some((number, line)) = made {
        let at = format!("{}:{number}", place.file);
        let sentence = format!("`{name}` gets its value at {at}: `{}`", clip(line.trim(), 100));
        return Some((at, sentence));
    }
    if !has_parameter(function.head, name) {
        return None;
    }
    let caller =
        case.project_frames(fault).find(|frame| frame.line != place.line || frame.file != place.file)?;
    let code = caller.source.map(|source| format!(": `{}`", clip(source.trim(), 100))).unwrap_or_default();
    let at = caller.label();
    Some((at.clone(), format!("`{name}` is a parameter of `{}`, passed at {at}{code}", function.name)))
}

/// The line assigns to the name, binds it in a loop, or unpacks into it.
fn makes(line: &str, name: &str) -> bool {
    let code = code::code_of(line).trim();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let names = |text: &str| text.split(|c| !is_word(c)).any(|word| word == name);
    if let Some((target, _)) = code.strip_prefix("for ").and_then(|rest| rest.split_once(" in ")) {
        return names(target);
    }
    if code.starts_with("for (") || code.starts_with("for ") {
        return code.split(['=', ':']).next().is_some_and(names);
    }
    let Some((target, _)) = code.split_once('=').filter(|(_, value)| !value.starts_with('=')) else {
        return false;
    };
    let target = target.trim_end_matches(':').trim();
    if target.ends_with(['!', '<', '>', '+', '-', '*', '/']) || target.contains(['(', '[', '.']) {
        return target == name;
    }
    names(target)
}

fn has_parameter(head: &str, name: &str) -> bool {
    let list = head.split_once('(').map_or("", |(_, rest)| rest);
    list.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_told_from_comparisons() {
        assert!(makes("    row = table[1]", "row"));
        assert!(makes("let mut row: Row = f();", "row"));
        assert!(makes("for key, row in pairs:", "row"));
        assert!(makes("self.rows = []", "self.rows"));
        assert!(makes("x, row = pair", "row"));
        assert!(!makes("if row == 1:", "row"));
        assert!(!makes("row += 1", "row"));
        assert!(!makes("other(row=1)", "row"));
    }
}
