//! Reading what reviewers answer: findings, and the fixes that were asked for after them.

use serde_json::{Map, Value};

use super::{Claimed, MOST_FINDINGS};
use crate::domain::answer::document;
use crate::domain::plain::plain;

/// A fix that a reviewer proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The finding that it is for.
    pub id: String,
    /// The diff.
    pub patch: String,
}

/// The findings of an answer, and how many more it holds; or why it cannot be read.
///
/// # Errors
///
/// It holds no list of findings.
pub fn findings(answer: &str) -> Result<(Vec<Claimed>, usize), String> {
    let found = document(answer).map_err(|error| error.to_string())?;
    let list = list(&found.value, "findings").ok_or("the answer has no list of findings")?;
    let all: Vec<Claimed> = list.iter().filter_map(Value::as_object).map(claimed).collect();
    let more = all.len().saturating_sub(MOST_FINDINGS);
    Ok((all.into_iter().take(MOST_FINDINGS).collect(), more))
}

/// The fixes of an answer.
pub fn fixes(answer: &str) -> Vec<Fix> {
    let Ok(found) = document(answer) else { return Vec::new() };
    let Some(list) = list(&found.value, "fixes") else { return Vec::new() };
    let fix = |value: &Value| {
        let fields = value.as_object()?;
        let patch = text(fields, &["patch", "diff"]);
        Some(Fix { id: text(fields, &["id", "finding"]), patch }).filter(|fix| !fix.patch.trim().is_empty())
    };
    list.iter().filter_map(fix).take(MOST_FINDINGS).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> Option<&'a Vec<Value>> {
    value.as_array().or_else(|| value.get(name)?.as_array())
}

fn claimed(fields: &Map<String, Value>) -> Claimed {
    let number = |value: &Value| {
        let number = value.as_u64().or_else(|| {
            let text = value.as_str()?.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        number.and_then(|number| usize::try_from(number).ok()).filter(|line| *line > 0)
    };
    let file = text(fields, &["file", "path", "filename"]);
    // `src/a.rs:12` where the file alone was asked for.
    let (file, behind) = match file.rsplit_once(':') {
        Some((path, line)) if !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) => {
            (path.to_owned(), line.parse().ok())
        }
        _ => (file, None),
    };
    Claimed {
        file: file.trim().trim_matches('`').replace('\\', "/"),
        line: ["line", "start_line", "line_number"]
            .iter()
            .find_map(|name| number(fields.get(*name)?))
            .or(behind),
        quote: unfenced(&text(fields, &["quote", "code", "snippet"])),
        claim: text(fields, &["claim", "title", "summary", "message", "description"]),
        scenario: text(fields, &["scenario", "failure_scenario", "impact", "how"]),
        severity: text(fields, &["severity", "level", "priority"]),
    }
}

/// The first of several fields that holds a text; nothing in it acts on a terminal.
fn text(fields: &Map<String, Value>, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| fields.get(*name)?.as_str().filter(|text| !text.is_empty()));
    plain(found.unwrap_or_default()).into_owned()
}

/// A quote without the marks of code around it, and without the signs and numbers of the lines of a diff.
fn unfenced(quote: &str) -> String {
    let mut lines: Vec<&str> = quote.trim_matches('\n').lines().collect();
    if lines.first().is_some_and(|line| line.trim_start().starts_with("```")) {
        lines.remove(0);
        if lines.last().is_some_and(|line| line.trim() == "```") {
            lines.pop();
        }
    }
    let joined = lines.join("\n");
    let bare = joined.trim();
    let inner = bare.strip_prefix('`').and_then(|inner| inner.strip_suffix('`'));
    let joined = inner.filter(|inner| !inner.contains('`')).map_or(joined.clone(), str::to_owned);
    joined.lines().map(without_number).collect::<Vec<_>>().join("\n")
}

/// A line as the material shows it is `  12 | code` or `  12 + code`; the code alone is the quote.
fn without_number(line: &str) -> &str {
    let rest = line.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.get(digits..).unwrap_or_default().trim_start();
    match after.strip_prefix("| ").or_else(|| after.strip_prefix("+| ")).or_else(|| after.strip_prefix("-| "))
    {
        Some(code) if digits > 0 || after.starts_with("-| ") => code,
        Some(_) | None => line,
    }
}
