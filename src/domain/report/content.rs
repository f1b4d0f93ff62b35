//! The content of a stage's outputs: findings, risks, counts and changes. Each stage has its own reader.

mod implement;

use serde_json::Value;

use super::choice::{self, Choice, known_keys};
use super::material::{Material, ORCHESTRATOR, Output, ProposedChange, Said};
use super::read::{self, items, number, phrase, text, texts};
use crate::domain::permits::power;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};
use crate::domain::words::share_in_percent;

/// The most items of a kind that a report lists for one output.
const MAX_LISTED: usize = 8;

/// Everything that the outputs of a stage say.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Counts in order, each with the key of its noun in the catalogues.
    counts: Vec<(&'static str, usize)>,
    /// Findings, each with its label.
    pub(super) findings: Vec<Text>,
    /// Risks that the outputs show.
    pub(super) risks: Vec<Text>,
    pub(super) changes: Vec<ProposedChange>,
    /// The context of questions, by question id.
    pub(super) contexts: Vec<(&'static str, Text)>,
    /// True if an output names a way to check the change.
    pub(super) names_a_check: bool,
    /// The outputs' claims about their tests: true if an output says that they passed.
    pub(super) claims: Vec<bool>,
    pub(super) choices: Vec<Choice>,
}

/// One structured output.
struct Source<'o> {
    value: &'o Value,
    name: &'o str,
    /// True if there are other outputs, so that findings must name this one.
    among_others: bool,
}

/// Reads the outputs of a stage.
pub(super) fn read(material: &Material<'_>) -> Content {
    let mut content = Content::default();
    for output in material.outputs {
        match output.said {
            Said::Structured(value) if value.is_object() => {
                let value = read::unwrapped(value, known_keys(material.stage));
                let source = Source { value, name: output.source, among_others: material.outputs.len() > 1 };
                content.structured(material.stage, &source);
            }
            Said::Structured(value) => content.unstructured(output, &read::phrase(value)),
            Said::Text(text) => content.unstructured(output, text),
        }
    }
    content.compare(material);
    if content.findings.is_empty() {
        content.risk(say!("nothing_handed_in"));
    }
    content
}

/// The diff that an output proposes; None for a stage that makes no change.
pub(super) fn proposed_diff(stage: Stage, output: &Value) -> Option<String> {
    let value = read::unwrapped(output, known_keys(stage));
    let diff = match stage {
        Stage::Implement => implement::diff_of(value),
        Stage::Debug => implement::diff_of_change(value.get("change")?)?.to_owned(),
        Stage::Analyze | Stage::Hypothesize | Stage::Improve => return None,
    };
    (!diff.trim().is_empty()).then_some(diff)
}

/// The name of a source, for people.
pub(super) fn called(source: &str) -> Text {
    if source == ORCHESTRATOR { say!("the_orchestrator") } else { Text::quoted(source) }
}

/// The translation of a schema's word; any other word unchanged.
fn word(of: &str, written: &str) -> Text {
    Text::known(&format!("{of}_{}", written.to_lowercase())).unwrap_or_else(|| Text::quoted(written))
}

/// A text with notes in brackets, if there are any.
fn noted(text: impl Into<String>, notes: &[Text]) -> Text {
    let text = Text::quoted(text);
    if notes.is_empty() {
        return text;
    }
    Text::join(&[text, Text::join(notes, ", ").map(|notes| format!("({notes})"))], " ")
}

impl Content {
    /// Compares the outputs: agreements, disagreements and choices.
    fn compare(&mut self, material: &Material<'_>) {
        let choices = choice::choices(material.stage, material.outputs, &material.also);
        self.findings.extend(choice::agreements(&choices, material.outputs, &material.also));
        self.risks.extend(choice::disagreement(material.stage, &choices));
        if material.stage == Stage::Hypothesize && choices.len() == 1 {
            self.risk(say!("one_hypothesis"));
        }
        let ready: Vec<bool> = material
            .outputs
            .iter()
            .filter(|_| material.stage == Stage::Improve)
            .filter_map(|output| match output.said {
                Said::Structured(value) => {
                    read::truth(read::unwrapped(value, known_keys(Stage::Improve)), "ready_for_merge")
                }
                Said::Text(_) => None,
            })
            .collect();
        if ready.contains(&true) && ready.contains(&false) {
            self.risk(say!("merge_disputed"));
        }
        if choices.len() > 1 {
            self.choices = choices;
        }
    }

    fn structured(&mut self, stage: Stage, source: &Source<'_>) {
        let before = self.findings.len();
        match stage {
            Stage::Analyze => analysis_of(self, source),
            Stage::Hypothesize => hypotheses_of(self, source),
            Stage::Implement => implement::implementation(self, source),
            Stage::Debug => implement::debugging(self, source),
            Stage::Improve => implement::improved(self, source),
        }
        self.risks_named(source);
        self.stray_change(stage, source);
        let said = read::phrase(source.value);
        if self.findings.len() == before && !said.is_empty() {
            self.finding(source, say!("label_answer"), Text::quoted(said));
        }
    }

    /// Adds the risks that an output names, even if its stage does not ask for any.
    fn risks_named(&mut self, source: &Source<'_>) {
        for risk in read::texts(source.value, "risks").into_iter().filter(|risk| !read::says_none(risk)) {
            self.risk_of(source, Text::quoted(risk));
        }
    }

    /// Adds a diff from a stage that must not change anything, so that nobody approves it unseen.
    fn stray_change(&mut self, stage: Stage, source: &Source<'_>) {
        match stage {
            Stage::Analyze | Stage::Hypothesize | Stage::Improve => {}
            Stage::Implement | Stage::Debug => return,
        }
        let Some(diff) = source.value.get("diff").and_then(Value::as_str) else { return };
        if self.change(source, diff).is_some() && stage != Stage::Improve {
            self.risk_of(source, say!("stray_change"));
        }
    }

    fn unstructured(&mut self, output: &Output<'_>, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.count("n_text_outputs", 1);
        let source = called(output.source).map(|name| format!("[{name}]"));
        let said = Text::join(&[source, Text::quoted(read::shortened(text))], " ");
        self.findings.push(Text::join(&[say!("label_answer"), said], ": "));
    }

    fn count(&mut self, noun: &'static str, number: usize) {
        match self.counts.iter_mut().find(|(known, _)| *known == noun) {
            Some((_, total)) => *total += number,
            None => self.counts.push((noun, number)),
        }
    }

    fn finding(&mut self, source: &Source<'_>, label: Text, text: Text) {
        self.findings.push(Text::join(&[label, source.marked(text)], ": "));
    }

    /// Adds items as findings, counts all of them, and adds the number of those not listed.
    fn list(&mut self, source: &Source<'_>, label: &Text, noun: &'static str, items: Vec<Text>) {
        self.count(noun, items.len());
        let left = items.len().saturating_sub(MAX_LISTED);
        for item in items.into_iter().take(MAX_LISTED) {
            self.finding(source, label.clone(), item);
        }
        if left > 0 {
            let text = say!("more_in_output", count = Text::said(noun, &[("n", &left)]));
            self.finding(source, label.clone(), text);
        }
    }

    fn quotes(&mut self, source: &Source<'_>, label: &Text, noun: &'static str, key: &str) {
        let items = read::texts(source.value, key).into_iter().map(Text::quoted).collect();
        self.list(source, label, noun, items);
    }

    /// Adds the text under a key as a finding, if there is one.
    fn quote(&mut self, source: &Source<'_>, label: Text, key: &str) {
        if let Some(text) = read::text(source.value, key) {
            self.finding(source, label, Text::quoted(text));
        }
    }

    /// Adds the text under a key as a finding and as the context of a question. True if there is a text.
    fn told(&mut self, source: &Source<'_>, label: Text, key: &str, question: &'static str) -> bool {
        let Some(text) = read::text(source.value, key).map(Text::quoted) else { return false };
        self.context(source, question, text.clone());
        self.finding(source, label, text);
        true
    }

    /// Adds each text under a key as a finding.
    fn each(&mut self, source: &Source<'_>, label: &Text, key: &str) {
        for text in read::texts(source.value, key) {
            self.finding(source, label.clone(), Text::quoted(text));
        }
    }

    fn risk(&mut self, risk: Text) {
        if !self.risks.contains(&risk) {
            self.risks.push(risk);
        }
    }

    /// Adds a risk of one output.
    fn risk_of(&mut self, source: &Source<'_>, risk: Text) {
        self.risk(Text::join(&[called(source.name), risk], ": "));
    }

    fn context(&mut self, source: &Source<'_>, question: &'static str, text: Text) {
        let text = source.marked(text);
        match self.contexts.iter_mut().find(|(known, _)| *known == question) {
            Some((_, known)) => *known = Text::join(&[std::mem::take(known), text], "; "),
            None => self.contexts.push((question, text)),
        }
    }

    fn change(&mut self, source: &Source<'_>, diff: &str) -> Option<&ProposedChange> {
        if diff.trim().is_empty() {
            return None;
        }
        let change = ProposedChange::read(source.name, diff);
        if let Some(problem) = &change.problem {
            self.risk_of(source, say!("diff_not_understood", problem = problem));
        }
        let paths: Vec<&str> = change
            .files
            .iter()
            .flat_map(|file| file.from.as_deref().into_iter().chain([file.path.as_str()]))
            .collect();
        for risk in what_acts(paths) {
            self.risk_of(source, risk);
        }
        self.changes.push(change);
        self.changes.last()
    }

    /// Adds an output's statement about its tests. It is only a claim until a verification is recorded.
    fn claim(&mut self, source: &Source<'_>) {
        let Some(result) = source.value.get("test_result").filter(|result| result.is_object()) else {
            return;
        };
        let Some(passed) = read::truth(result, "passed") else { return };
        self.claims.push(passed);
        let command =
            read::text(result, "command").map(|command| format!(" ({command})")).unwrap_or_default();
        let text = if passed {
            say!("claimed_passed", command = command)
        } else {
            say!("claimed_failed", command = command)
        };
        self.finding(source, say!("label_test_result"), text);
    }

    /// The counts as one phrase, without zeros.
    pub(super) fn phrase(&self) -> Text {
        let some = self.counts.iter().filter(|(_, number)| *number > 0);
        Text::listed(&some.map(|(noun, number)| Text::said(noun, &[("n", number)])).collect::<Vec<_>>())
    }

    /// The counts, each with its key in results.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let key = |noun: &'static str| match noun.strip_prefix("n_").unwrap_or(noun) {
            "files_proposed" => "files_changed",
            key => key,
        };
        self.counts.iter().map(move |(noun, number)| (key(noun), *number))
    }
}

impl Source<'_> {
    /// A text with the name of its source, if there are other outputs.
    fn marked(&self, text: Text) -> Text {
        if !self.among_others {
            return text;
        }
        Text::join(&[called(self.name).map(|name| format!("[{name}]")), text], " ")
    }
}

/// A risk for each file that runs something or permits something to run.
pub(super) fn what_acts<'p>(paths: impl IntoIterator<Item = &'p str>) -> Vec<Text> {
    let with_power = paths.into_iter().filter_map(|path| Some((path, power(path)?)));
    with_power.map(|(path, power)| say!("changes_what_acts", path = path, power = power.words())).collect()
}

/// Confidence below which an output's record of facts counts as incomplete.
const LOW_CONFIDENCE: f64 = 0.5;

fn analysis_of(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    let observations: Vec<Text> = items(value, "observations").into_iter().map(observation).collect();
    if observations.is_empty() {
        content.risk_of(source, say!("no_fact"));
    }
    content.list(source, &say!("label_fact"), "n_observations", observations);

    let steps = texts(value, "repro_steps");
    if steps.is_empty() {
        content.risk_of(source, say!("not_reproduced"));
    } else {
        content.context(source, "analyze_repro", Text::quoted(steps.join("; ")));
    }
    let numbered = steps.iter().enumerate().map(|(index, step)| Text::quoted(step_of(index, step))).collect();
    content.list(source, &say!("label_steps"), "n_repro_steps", numbered);

    let modules = texts(value, "affected_modules");
    content.count("n_affected_modules", modules.len());
    if !modules.is_empty() {
        let joined = modules.join(", ");
        content.context(source, "analyze_files", Text::quoted(joined.clone()));
        content.finding(source, say!("label_modules"), Text::quoted(joined));
    }
    content.quotes(source, &say!("label_invariant"), "n_invariants", "invariants");
    content.quotes(source, &say!("label_constraint"), "n_constraints", "constraints");
    content.quotes(source, &say!("label_not_known"), "n_unknowns", "unknowns");
    confidence(content, source);
}

fn confidence(content: &mut Content, source: &Source<'_>) {
    let Some(confidence) = number(source.value, "confidence") else { return };
    let shown = share_in_percent(confidence);
    content.finding(source, say!("label_completeness"), say!("own_estimate", share = shown));
    if confidence < LOW_CONFIDENCE {
        content.risk_of(source, say!("incomplete_record", share = shown));
    }
}

/// A step with its number added, unless it begins with one.
fn step_of(index: usize, step: &str) -> String {
    let has_number = step.trim_start().starts_with(|letter: char| letter.is_ascii_digit());
    if has_number { step.to_owned() } else { format!("{}. {step}", index + 1) }
}

/// A fact with its place and certainty.
fn observation(item: &Value) -> Text {
    let Some(fact) = text(item, "fact") else { return Text::quoted(phrase(item)) };
    let place = text(item, "source").map(|place| match number(item, "line_number") {
        Some(line) if line >= 1.0 => format!("{place}:{line:.0}"),
        Some(_) | None => place,
    });
    let certainty = text(item, "certainty").map(|certainty| word("certainty", &certainty));
    let notes: Vec<Text> = place.map(Text::quoted).into_iter().chain(certainty).collect();
    noted(fact, &notes)
}

fn hypotheses_of(content: &mut Content, source: &Source<'_>) {
    let value = source.value;
    let hypotheses = items(value, "hypotheses");
    let testable = hypotheses.iter().filter(|one| text(one, "verification_test").is_some()).count();
    let selected = text(value, "selected");
    content.list(
        source,
        &say!("label_hypothesis"),
        "n_hypotheses",
        hypotheses.iter().map(|one| hypothesis(source, one)).collect(),
    );
    content.count("n_with_a_test", testable);
    judge_field(content, source, &hypotheses);
    match selected {
        Some(id) => judge_selected(content, source, &hypotheses, &id),
        None => content.risk_of(source, say!("none_selected")),
    }
    content.quote(source, say!("label_reason"), "selection_reason");
    let order = texts(value, "recommended_order");
    if order.len() > 1 {
        content.finding(source, say!("label_order"), Text::quoted(order.join(", ")));
    }
    plan(content, source);
}

/// Adds the risks of missing hypotheses and of hypotheses without a test.
fn judge_field(content: &mut Content, source: &Source<'_>, hypotheses: &[&Value]) {
    if hypotheses.is_empty() {
        content.risk_of(source, say!("no_hypothesis"));
    }
    for one in hypotheses.iter().filter(|one| text(one, "verification_test").is_none()) {
        let name = text(one, "id").unwrap_or_else(|| phrase(one));
        content.risk_of(source, say!("not_refutable", name = name));
    }
}

fn judge_selected(content: &mut Content, source: &Source<'_>, hypotheses: &[&Value], id: &str) {
    let found = hypotheses.iter().find(|one| text(one, "id").is_some_and(|known| known == id));
    let Some(found) = found else {
        return content.risk_of(source, say!("selected_not_listed", id = id));
    };
    let claim = text(found, "claim").map_or_else(|| id.to_owned(), |claim| format!("{id} - {claim}"));
    content.context(source, "hypo_plausibility", Text::quoted(claim.clone()));
    content.context(source, "hypo_priority", Text::quoted(id));
    content.finding(source, say!("label_selected"), Text::quoted(claim));
    let found = Source { value: found, ..*source };
    content.quote(&found, say!("label_predicts"), "prediction");
    content.names_a_check |=
        content.told(&found, say!("label_its_test"), "verification_test", "hypo_testability");
    content.each(&found, &say!("label_for_it"), "evidence_for");
    content.each(&found, &say!("label_against_it"), "evidence_against");
    content.quote(&found, say!("label_against_it"), "counter_evidence");
}

/// Adds the command of the verification plan, with its expected result.
fn plan(content: &mut Content, source: &Source<'_>) {
    let plan = source.value.get("verification_plan");
    let command =
        plan.and_then(|plan| text(plan, "test_command")).or_else(|| text(source.value, "test_command"));
    let expected = plan.and_then(|plan| text(plan, "expected_result"));
    if let Some(command) = command {
        content.names_a_check = true;
        let shown = expected.map_or_else(
            || Text::quoted(command.clone()),
            |expected| say!("expected", command = command, expected = expected),
        );
        content.finding(source, say!("label_command"), shown);
    }
}

/// A hypothesis in one line: id, confidence, claim.
fn hypothesis(source: &Source<'_>, item: &Value) -> Text {
    let Some(claim) = text(item, "claim") else { return Text::quoted(phrase(item)) };
    let whose = if source.among_others { format!("{}:", source.name) } else { String::new() };
    let id = text(item, "id").map(|id| format!("{whose}{id} ")).unwrap_or_default();
    match number(item, "confidence").map(share_in_percent) {
        Some(confidence) => say!("confident", id = id, confidence = confidence, claim = claim),
        None => Text::quoted(format!("{id}{claim}")),
    }
}
