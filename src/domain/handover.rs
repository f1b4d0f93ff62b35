//! The hand-over: the results of approved stages that the next stage needs, so that they need not be copied
//! by hand.

use serde::Serialize;
use serde_json::Value;

use super::event::Decision;
use super::event::stage::StageFinished;
use super::question;
use super::report::Choice;
use super::stage::Stage;
use super::workflow::Run;

/// The material for the next stage. Any list may be empty; the templates handle that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Handover {
    pub facts: Vec<String>,
    pub reproduction: Vec<String>,
    pub invariants: Vec<String>,
    /// The hypotheses, one line each.
    pub hypotheses: Vec<String>,
    pub selected: Option<String>,
    pub test: Option<String>,
    pub plan: Option<String>,
    pub diff: Option<String>,
    /// Attempts in debug, the oldest first.
    pub attempts: Vec<String>,
    /// Comments and answers of reviewers, the oldest first.
    pub feedback: Vec<String>,
    /// The change that the reviewer wants in this round.
    pub revision: Option<String>,
    pub verification: Option<String>,
}

impl Handover {
    /// Collects the material of a run for a stage.
    pub fn of(run: &Run, stage: Stage) -> Self {
        let mut handover = Self {
            feedback: feedback(run),
            revision: revision(run, stage),
            verification: run.verification.as_ref().map(|last| {
                let word = match (last.passed, last.is_claim) {
                    (true, false) => "passed",
                    (true, true) => "said to pass",
                    (false, _) => "failed",
                };
                let failing = match last.failing.as_slice() {
                    [] => String::new(),
                    names => format!("; failing: {}", names.join(", ")),
                };
                let summary = if failing.is_empty() { &last.summary } else { without_stop(&last.summary) };
                format!("{word}: {summary}{failing}")
            }),
            ..Self::default()
        };
        if let Some(analysis) = run.approved(Stage::Analyze) {
            handover.take_analysis(&analysis.output);
        }
        if let (Some(hypotheses), Some(request)) =
            (run.approved(Stage::Hypothesize), run.approval(Stage::Hypothesize))
        {
            handover.take_hypotheses(hypotheses);
            handover.take_choice(&Choice::of_report(&request.asked.report), request.chosen());
        }
        if let Some(output) = run.approval(Stage::Implement).and_then(|request| run.outputs_of(request)) {
            handover.plan = text(output, "patch_plan");
            handover.diff = text(output, "diff");
        }
        let rounds = run.finished.iter().filter(|finished| finished.stage == Stage::Debug);
        handover.attempts = rounds.map(round_of_debug).collect();
        handover
    }

    fn take_analysis(&mut self, output: &Value) {
        self.facts = items(output, "observations").map(observation).collect();
        self.reproduction = items(output, "repro_steps").map(in_words).collect();
        self.invariants =
            items(output, "invariants").chain(items(output, "constraints")).map(in_words).collect();
    }

    /// Takes the hypotheses of every candidate that counts, because an ensemble exists to get competing ones.
    fn take_hypotheses(&mut self, finished: &StageFinished) {
        let output = &finished.output;
        self.hypotheses = items(output, "hypotheses").map(hypothesis).collect();
        for candidate in finished.candidates.iter().filter(|candidate| candidate.ok) {
            let Some(other) = candidate.structured.as_ref().filter(|other| *other != output) else {
                continue;
            };
            let from = |value| format!("({}) {}", candidate.provider, hypothesis(value));
            self.hypotheses.extend(items(other, "hypotheses").map(from));
        }
        let selected = text(output, "selected");
        let chosen = items(output, "hypotheses")
            .find(|value| value.get("id").and_then(Value::as_str) == selected.as_deref());
        self.test = chosen
            .and_then(|chosen| text(chosen, "verification_test"))
            .or_else(|| text(output, "test_command"));
        self.selected = chosen.map(hypothesis).or(selected);
    }
}

impl Handover {
    /// Takes the choices that the reviewer saw, with unique ids, and the chosen one.
    fn take_choice(&mut self, choices: &[Choice], chosen: Option<&str>) {
        if choices.is_empty() {
            return;
        }
        let line = |choice: &Choice| {
            let test = choice.test.as_ref().map(|test| format!("; test: {test}")).unwrap_or_default();
            format!("{}{test}", choice.line())
        };
        self.hypotheses = choices.iter().map(line).collect();
        let goes_on = match chosen {
            Some(chosen) => choices.iter().find(|choice| choice.id == chosen),
            None => choices.iter().find(|choice| !choice.selected_by.is_empty()),
        };
        if let Some(choice) = goes_on {
            self.test = choice.test.clone().or(self.test.take().filter(|_| chosen.is_none()));
            self.selected = Some(line(choice));
        }
    }
}

fn items<'a>(output: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    output.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text(output: &Value, name: &str) -> Option<String> {
    output.get(name).map(in_words).filter(|text| !text.is_empty())
}

/// A value as text: a string without quotes, anything else as JSON.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn observation(value: &Value) -> String {
    let Some(fact) = text(value, "fact") else { return in_words(value) };
    let place = match (text(value, "source"), text(value, "line_number")) {
        (Some(source), Some(line)) => format!(" ({source}:{line})"),
        (Some(source), None) => format!(" ({source})"),
        (None, _) => String::new(),
    };
    format!("{fact}{place}")
}

fn hypothesis(value: &Value) -> String {
    let Some(claim) = text(value, "claim") else { return in_words(value) };
    let id = text(value, "id").map(|id| format!("{id}: ")).unwrap_or_default();
    match text(value, "verification_test") {
        Some(test) => format!("{id}{}; test: {test}", without_stop(&claim)),
        None => format!("{id}{claim}"),
    }
}

/// A sentence without its full stop, so that a semicolon or an arrow may follow.
fn without_stop(sentence: &str) -> &str {
    sentence.trim_end().trim_end_matches('.')
}

fn round_of_debug(finished: &StageFinished) -> String {
    let analysis = finished.output.get("error_analysis").map(|analysis| {
        text(analysis, "root_cause_theory")
            .or_else(|| text(analysis, "error_type"))
            .unwrap_or_else(|| in_words(analysis))
    });
    let action = finished
        .output
        .get("next_action")
        .map(|action| text(action, "details").unwrap_or_else(|| in_words(action)));
    let said = match (analysis, action) {
        (Some(analysis), Some(action)) => format!("{} -> {action}", without_stop(&analysis)),
        (one, other) => one.or(other).unwrap_or_default(),
    };
    format!("round {}: {said}", finished.iteration)
}

fn feedback(run: &Run) -> Vec<String> {
    let decided = run.requests.iter().filter_map(|request| Some((request, &request.decided.as_ref()?.1)));
    decided
        .flat_map(|(request, decided)| {
            let stage = request.asked.stage.name();
            let said = decided.feedback.iter().map(move |said| format!("on {stage}: {said}"));
            let told = |(id, answer): (&String, &String)| question::told(request.asked.stage, id, answer);
            let answers = decided.responses.iter().filter_map(told);
            let answers = answers.map(move |told| format!("on {stage}: {told}"));
            said.chain(answers)
        })
        .collect()
}

/// The instructions of the last decision, if it asked for a revision of this stage.
fn revision(run: &Run, stage: Stage) -> Option<String> {
    let last = run.requests.last().filter(|request| request.asked.stage == stage)?;
    let (_, decided) = last.decided.as_ref()?;
    (decided.decision == Decision::Revise).then(|| {
        let told = [&decided.revision_instructions, &decided.feedback];
        let told: Vec<&str> = told.into_iter().flatten().map(String::as_str).collect();
        if told.is_empty() {
            "The reviewer asks for another version and gave no details.".to_owned()
        } else {
            told.join("\n")
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_analysis_becomes_facts_with_their_places() {
        let mut handover = Handover::default();
        handover.take_analysis(&json!({
            "observations": ["it fails", { "fact": "x is 3", "source": "a.py", "line_number": 7 }],
            "repro_steps": ["run it"],
            "invariants": ["sorted"],
            "constraints": ["no new dependency"],
        }));
        assert_eq!(handover.facts, ["it fails", "x is 3 (a.py:7)"]);
        assert_eq!(handover.invariants, ["sorted", "no new dependency"]);
    }

    #[test]
    fn outputs_of_another_form_do_no_harm() {
        for odd in [json!(null), json!("text"), json!({ "observations": 3 }), json!([1])] {
            let mut handover = Handover::default();
            handover.take_analysis(&odd);
            assert!(handover.facts.is_empty());
        }
    }
}
