//! Candidates and results as they were given, checked against one another.

use std::collections::{BTreeMap, BTreeSet};

use super::SelectRequest;
use crate::domain::diff::{self, Patch, Shown};
use crate::domain::redflag::Reason;
use crate::domain::select::Tests;
use crate::error::Error;
use crate::flow::off_thread::off_thread;
use crate::flow::session::Session;

/// Candidates of one call.
pub const MOST_CANDIDATES: usize = 24;
/// Characters of all candidates together.
const MOST_CHARS: usize = 2_000_000;
/// Characters of a result's output that is shown again.
const MOST_OUTPUT: usize = 600;

/// A candidate as it was given.
#[derive(Clone, Debug, Default)]
pub struct CandidateInput {
    /// Its id; numbered where it has none.
    pub id: Option<String>,
    pub provider: Option<String>,
    pub content: String,
    /// True if that is only the beginning.
    pub truncated: bool,
    /// The file that holds all of it then.
    pub content_file: Option<String>,
    /// The ensemble that it comes from.
    pub ensemble_id: Option<String>,
}

#[derive(Clone, Debug)]
pub struct TestResult {
    pub candidate_id: String,
    pub passed: bool,
    pub output: Option<String>,
}

/// Linter's result for a candidate.
#[derive(Clone, Debug)]
pub struct LintResult {
    /// Of whom.
    pub candidate_id: String,
    /// From 0 to 1.
    pub score: Option<f64>,
    pub output: Option<String>,
}

/// A candidate with what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) provider: Option<String>,
    pub(super) content: String,
    pub(super) truncated: bool,
    pub(super) content_file: Option<String>,
    pub(super) flags: Vec<Reason>,
    pub(super) tests: Tests,
    pub(super) lint: Option<f64>,
    pub(super) output: Option<String>,
    /// The change that it proposes, where it is a diff.
    pub(super) patch: Option<Patch>,
    pub(super) answers: bool,
}

impl Candidate {
    /// Returns what it says, whatever it was written around it: two candidates that agree in this say the
    /// same.
    pub(super) fn essence(&self) -> String {
        match &self.patch {
            Some(patch) => patch.essence(),
            None => self.content.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// Returns what a judge reads of it.
    pub(super) fn shown(&self) -> String {
        match &self.patch {
            Some(patch) => patch.text(Shown::WithoutComments),
            None => self.content.clone(),
        }
    }

    /// Lines that it adds and removes, else its characters.
    pub(super) fn size(&self) -> usize {
        self.patch.as_ref().map_or_else(|| self.content.chars().count(), Patch::changed_lines)
    }

    /// The author's name, as names are compared.
    pub(super) fn author(&self) -> Option<String> {
        self.provider.as_ref().map(|provider| provider.trim().to_ascii_lowercase())
    }
}

/// Checks what was given and holds each candidate against the red flags.
pub(super) async fn take(session: &Session, request: &SelectRequest) -> Result<Vec<Candidate>, Error> {
    let ids = ids(&request.candidates)?;
    check_sizes(&request.candidates)?;
    let tests = tests(&request.test_results, &ids)?;
    let lint = lint(&request.lint_results, &ids)?;
    let outputs = outputs(request);
    let (session, given) = (session.clone(), request.candidates.clone());
    off_thread(move || {
        let rules = session.red_flags()?;
        let candidate = |(id, input): (String, CandidateInput)| Candidate {
            flags: rules.verdict(&input.content).reasons().to_vec(),
            tests: tests.get(&id).copied().unwrap_or(Tests::Unknown),
            lint: lint.get(&id).copied().flatten(),
            output: outputs.get(&id).cloned(),
            answers: rules.is_answer(&input.content),
            patch: diff::parse(&input.content).ok(),
            provider: input.provider.filter(|provider| !provider.trim().is_empty()),
            content: input.content,
            truncated: input.truncated,
            content_file: input.content_file,
            id,
        };
        Ok(ids.into_iter().zip(given).map(candidate).collect())
    })
    .await?
}

fn wrong<T>(problem: String) -> Result<T, Error> {
    Err(Error::InvalidArguments(problem))
}

/// The ids, given or numbered.
fn ids(candidates: &[CandidateInput]) -> Result<Vec<String>, Error> {
    if candidates.is_empty() {
        return wrong("candidates is empty: there is nothing to choose from".to_owned());
    }
    if candidates.len() > MOST_CANDIDATES {
        return wrong(format!("{} candidates, and at most {MOST_CANDIDATES} are compared", candidates.len()));
    }
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    for (number, candidate) in (1..).zip(candidates) {
        let id = match &candidate.id {
            Some(id) if id.trim().is_empty() => {
                return wrong(format!("candidates[{}].id is empty", number - 1));
            }
            Some(id) => id.clone(),
            None => format!("candidate-{number}"),
        };
        if !seen.insert(id.clone()) {
            return wrong(format!("two candidates have the id `{id}`"));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn check_sizes(candidates: &[CandidateInput]) -> Result<(), Error> {
    let chars: usize = candidates.iter().map(|candidate| candidate.content.chars().count()).sum();
    if chars > MOST_CHARS {
        return wrong(format!(
            "the candidates have {chars} characters, and at most {MOST_CHARS} are compared"
        ));
    }
    Ok(())
}

fn check_known(list: &str, number: usize, id: &str, ids: &[String]) -> Result<(), Error> {
    if ids.iter().any(|known| known == id) {
        return Ok(());
    }
    let known = ids.join(", ");
    wrong(format!("{list}[{number}] names a candidate `{id}` that there is not; the candidates are: {known}"))
}

/// Returns what the tests of each said; one failure among several results is a failure.
fn tests(results: &[TestResult], ids: &[String]) -> Result<BTreeMap<String, Tests>, Error> {
    let mut tests = BTreeMap::new();
    for (number, result) in results.iter().enumerate() {
        check_known("test_results", number, &result.candidate_id, ids)?;
        let entry = tests.entry(result.candidate_id.clone()).or_insert(Tests::Passed);
        if !result.passed {
            *entry = Tests::Failed;
        }
    }
    Ok(tests)
}

fn lint(results: &[LintResult], ids: &[String]) -> Result<BTreeMap<String, Option<f64>>, Error> {
    let mut lint = BTreeMap::new();
    for (number, result) in results.iter().enumerate() {
        let id = &result.candidate_id;
        check_known("lint_results", number, id, ids)?;
        if let Some(score) = result.score.filter(|score| !(0.0..=1.0).contains(score)) {
            return wrong(format!("lint_results[{number}].score must be 0 to 1 (got {score})"));
        }
        if lint.insert(id.clone(), result.score).is_some() {
            return wrong(format!("lint_results has two scores for `{id}`"));
        }
    }
    Ok(lint)
}

/// The end of what the tests of each printed, else its linter.
fn outputs(request: &SelectRequest) -> BTreeMap<String, String> {
    let lint = request.lint_results.iter().map(|result| (&result.candidate_id, &result.output));
    let tests = request.test_results.iter().map(|result| (&result.candidate_id, &result.output));
    let given = lint.chain(tests).filter_map(|(id, output)| Some((id.clone(), tail(output.as_ref()?))));
    given.filter(|(_, output)| !output.is_empty()).collect()
}

/// The last characters of a text.
pub(super) fn tail(text: &str) -> String {
    let text = text.trim();
    let start = text.char_indices().rev().nth(MOST_OUTPUT - 1).map_or(0, |(at, _)| at);
    text.get(start..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> CandidateInput {
        CandidateInput { id: Some(id.to_owned()), ..CandidateInput::default() }
    }

    fn result(id: &str, passed: bool) -> TestResult {
        TestResult { candidate_id: id.to_owned(), passed, output: None }
    }

    #[test]
    fn ids_are_given_or_numbered_and_never_twice() {
        let none = CandidateInput::default();
        assert_eq!(
            ids(&[none.clone(), named("a"), none.clone()]).unwrap(),
            ["candidate-1", "a", "candidate-3"]
        );
        for (candidates, why) in [
            (vec![], "is empty"),
            (vec![named("a"), named("a")], "`a`"),
            (vec![named("candidate-2"), none.clone()], "`candidate-2`"),
            (vec![named(" ")], "candidates[0].id"),
            (vec![none; 25], "at most 24"),
        ] {
            let error = ids(&candidates).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn one_failure_among_several_results_is_a_failure() {
        let known = ["a".to_owned(), "b".to_owned()];
        let found = tests(&[result("a", true), result("a", false), result("a", true)], &known).unwrap();
        assert_eq!(found.get("a"), Some(&Tests::Failed));
        let error = tests(&[result("a", true), result("c", true)], &known).unwrap_err().to_string();
        assert_eq!(
            error,
            "test_results[1] names a candidate `c` that there is not; the candidates are: a, b"
        );
    }

    #[test]
    fn scores_lie_between_nothing_and_all() {
        let scored = |score| LintResult { candidate_id: "a".to_owned(), score, output: None };
        let known = ["a".to_owned()];
        for score in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(lint(&[scored(Some(score))], &known).unwrap_err().to_string().contains("must be 0 to 1"));
        }
        assert_eq!(lint(&[scored(None)], &known).unwrap().get("a"), Some(&None));
        assert!(lint(&[scored(None), scored(Some(1.0))], &known).is_err());
    }
}
