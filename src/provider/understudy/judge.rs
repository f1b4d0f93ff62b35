//! The judge's form: test results decide, nothing else here can.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::ANSWERED_BY;

static CANDIDATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)^[#*\s>-]*(?:candidate|answer)\s*(?:id)?\s*[:#]?\s*["'`]?([A-Za-z0-9][\w.-]*)|"(?:candidate_)?id"\s*:\s*"([^"]+)""#).ok()
});
static RESULT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:tests?(?:_result|_passed|s)?(?: result)?|passed|verification)["*`]*\s*[:=]\s*["*`]*(true|false|passed|failed|pass|fail)\b"#).ok()
});

struct Candidate<'a> {
    id: &'a str,
    passed: Option<bool>,
}

pub(super) fn judge(prompt: &str) -> Value {
    let candidates = candidates(prompt);
    let mut passed = candidates.iter().filter(|candidate| candidate.passed == Some(true));
    let only = passed.next().filter(|_| passed.next().is_none());
    let has_failed = candidates.iter().any(|candidate| candidate.passed == Some(false));
    let winner = only.filter(|_| has_failed).map(|candidate| candidate.id);
    let why = match &winner {
        Some(id) => format!("{id} is the only candidate whose tests passed, and the tests of others failed."),
        None => "The test results in this prompt do not leave exactly one candidate, so there is no winner."
            .to_owned(),
    };
    json!({
        "answered_by": ANSWERED_BY,
        "winner_id": winner,
        "scores": {},
        "rationale": format!("The understudy has no model and no judgement of its own; it reads test results only. {why}"),
        "risks": ["nothing but test results was weighed: not quality, not size, not style"],
    })
}

/// Candidates in the order of the prompt; the first result under each counts, a second that contradicts voids it.
fn candidates(prompt: &str) -> Vec<Candidate<'_>> {
    let mut found: Vec<Candidate<'_>> = Vec::new();
    for line in prompt.lines().filter(|line| line.len() < 2_000) {
        if let Some(id) = candidate_of(line).filter(|id| found.last().is_none_or(|last| last.id != *id))
            && found.len() < 50
        {
            found.push(Candidate { id, passed: None });
        }
        let (Some(result), Some(last)) = (group(&RESULT, line, 1), found.last_mut()) else {
            continue;
        };
        let is_pass = matches!(result.to_ascii_lowercase().as_str(), "true" | "passed" | "pass");
        last.passed = Some(is_pass && last.passed != Some(false));
    }
    found
}

fn group<'a>(pattern: &LazyLock<Option<Regex>>, line: &'a str, number: usize) -> Option<&'a str> {
    pattern.as_ref()?.captures(line)?.get(number).map(|found| found.as_str())
}

fn candidate_of(line: &str) -> Option<&str> {
    let id = group(&CANDIDATE, line, 1).or_else(|| group(&CANDIDATE, line, 2))?;
    // "Candidate answers follow" names none.
    (id.len() <= 64 && !id.starts_with("answer") && !id.starts_with("id")).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_decide() {
        let winner = |text: &str| judge(text)["winner_id"].clone();
        assert_eq!(winner("## Candidate A\ntests: passed\n## Candidate B\ntests: failed\n"), "A");
        assert_eq!(
            winner("{\"id\": \"c1\", \"tests_passed\": false}\n{\"id\": \"c2\", \"tests_passed\": true}\n"),
            "c2"
        );
        assert_eq!(winner("## Candidate A\ntests: passed\n## Candidate B\ntests: passed\n"), Value::Null);
        assert_eq!(winner("## Candidate A\nlovely code\n## Candidate B\nugly\n"), Value::Null);
        assert_eq!(winner(""), Value::Null);
    }
}
