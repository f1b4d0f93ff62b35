//! The judge's form: test results decide, nothing else here can.

use super::ANSWERED_BY;
use crate::provider::understudy::pattern::Pattern;
use serde_json::{Value, json};

static CANDIDATE: Pattern = Pattern::new(
    r#"(?i)^[#*\s>-]*(?:candidate|answer)\s*(?:id)?\s*[:#]?\s*["'`]?([A-Za-z0-9][\w.-]*)|"(?:candidate_)?id"\s*:\s*"([^"]+)""#,
);
static RESULT: Pattern = Pattern::new(
    r#"(?i)\b(?:tests?(?:_result|_passed|s)?(?: result)?|passed|verification)["*`]*\s*[:=]\s*["*`]*(true|false|passed|failed|pass|fail)\b"#,
);

struct Candidate<'a> {
    id: &'a str,
    passed: Option<bool>,
}

pub(crate) fn judge(prompt: &str) -> Value {
    let candidates = candidates(prompt);
    let passed: Vec<&str> = with(&candidates, true);
    let failed = with(&candidates, false);
    let winner = match (passed.as_slice(), failed.is_empty()) {
        ([only], false) => Some((*only).to_owned()),
        _ => None,
    };
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

fn with<'a>(candidates: &[Candidate<'a>], wanted: bool) -> Vec<&'a str> {
    candidates
        .iter()
        .filter(|candidate| candidate.passed == Some(wanted))
        .map(|candidate| candidate.id)
        .collect()
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
        let (Some(result), Some(last)) = (RESULT.find(line), found.last_mut()) else {
            continue;
        };
        let is_pass = matches!(result.text(1).to_ascii_lowercase().as_str(), "true" | "passed" | "pass");
        last.passed = Some(is_pass && last.passed != Some(false));
    }
    found
}

fn candidate_of(line: &str) -> Option<&str> {
    let found = CANDIDATE.find(line)?;
    let id = if found.text(1).is_empty() { found.text(2) } else { found.text(1) };
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
