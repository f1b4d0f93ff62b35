//! The content of a stage's outputs: findings, risks, counts, changes. One reader per stage.

mod analyze;
mod debug;
mod hypothesize;
mod implement;
mod improve;

use serde_json::Value;

use super::change::ProposedChange;
use super::choice::{self, Choice, known_keys};
use super::material::{Material, ORCHESTRATOR, Output, Said};
use super::read;
use crate::domain::permits::power;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};

/// Number of items of a kind a report lists for each output.
const MAX_LISTED: usize = 8;

/// Something that is counted: its key in results, and the key of its words.
#[derive(Clone, Copy, Debug)]
struct Noun {
    key: &'static str,
    words: &'static str,
}

const TEXT_OUTPUT: Noun = Noun { key: "text_outputs", words: "n_text_outputs" };

/// Everything that a stage's outputs say.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Numbers of what the stage is about, in order.
    counts: Vec<(Noun, usize)>,
    /// Each with its label.
    pub(super) findings: Vec<Text>,
    /// Risks, as far as the outputs show them.
    pub(super) risks: Vec<Text>,
    /// Changes proposed.
    pub(super) changes: Vec<ProposedChange>,
    /// The context of questions, by their ids.
    pub(super) contexts: Vec<(&'static str, Text)>,
    /// True if outputs name a way to check the change.
    pub(super) names_a_check: bool,
    /// Claims of outputs about tests: true if all passed.
    pub(super) claims: Vec<bool>,
    pub(super) choices: Vec<Choice>,
}

/// One output under a reader's eyes.
struct Source<'o> {
    value: &'o Value,
    name: &'o str,
    /// True if others stand beside it, so that findings must name it.
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

/// The change that an output proposes, as far as its stage makes one.
pub(super) fn proposed_diff(stage: Stage, output: &Value) -> Option<String> {
    let value = read::unwrapped(output, known_keys(stage));
    let diff = match stage {
        Stage::Implement => implement::diff_of(value),
        Stage::Debug => debug::diff_of(value.get("change")?)?.to_owned(),
        Stage::Analyze | Stage::Hypothesize | Stage::Improve => return None,
    };
    (!diff.trim().is_empty()).then_some(diff)
}

/// The name of a source.
pub(super) fn called(source: &str) -> Text {
    if source == ORCHESTRATOR { say!("the_orchestrator") } else { Text::quoted(source) }
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
    /// Compares the outputs: where consultants agree, where they do not, and what can be
    /// chosen.
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
            Stage::Analyze => analyze::read(self, source),
            Stage::Hypothesize => hypothesize::read(self, source),
            Stage::Implement => implement::read(self, source),
            Stage::Debug => debug::read(self, source),
            Stage::Improve => improve::read(self, source),
        }
        self.risks_named(source);
        self.stray_change(stage, source);
        let said = read::phrase(source.value);
        if self.findings.len() == before && !said.is_empty() {
            self.finding(source, say!("label_answer"), Text::quoted(said));
        }
    }

    /// Risks that an output names itself, whether or not its stage asks for them.
    fn risks_named(&mut self, source: &Source<'_>) {
        for risk in read::texts(source.value, "risks").into_iter().filter(|risk| !read::says_none(risk)) {
            self.risk_of(source, Text::quoted(risk));
        }
    }

    /// A diff from a stage that is to change nothing: it is shown, and nobody approves it unseen.
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
        self.count(TEXT_OUTPUT, 1);
        let source = called(output.source).map(|name| format!("[{name}]"));
        let said = Text::join(&[source, Text::quoted(read::shortened(text))], " ");
        self.findings.push(Text::join(&[say!("label_answer"), said], ": "));
    }

    fn count(&mut self, noun: Noun, number: usize) {
        match self.counts.iter_mut().find(|(known, _)| known.key == noun.key) {
            Some((_, total)) => *total += number,
            None => self.counts.push((noun, number)),
        }
    }

    fn finding(&mut self, source: &Source<'_>, label: Text, text: Text) {
        self.findings.push(Text::join(&[label, source.marked(text)], ": "));
    }

    /// Lists items, counts all of them, and says how many are not listed.
    fn list(&mut self, source: &Source<'_>, label: &Text, noun: Noun, items: Vec<Text>) {
        self.count(noun, items.len());
        let left = items.len().saturating_sub(MAX_LISTED);
        for item in items.into_iter().take(MAX_LISTED) {
            self.finding(source, label.clone(), item);
        }
        if left > 0 {
            let text = say!("more_in_output", count = Text::said(noun.words, &[("n", &left)]));
            self.finding(source, label.clone(), text);
        }
    }

    fn quotes(&mut self, source: &Source<'_>, label: &Text, noun: Noun, key: &str) {
        let items = read::texts(source.value, key).into_iter().map(Text::quoted).collect();
        self.list(source, label, noun, items);
    }

    /// A text under a key as a finding, if there is one.
    fn quote(&mut self, source: &Source<'_>, label: Text, key: &str) {
        if let Some(text) = read::text(source.value, key) {
            self.finding(source, label, Text::quoted(text));
        }
    }

    fn risk(&mut self, risk: Text) {
        if !self.risks.contains(&risk) {
            self.risks.push(risk);
        }
    }

    /// A risk of one output's.
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

    /// Reads what an output says of its tests. It is a claim until a verification is recorded.
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

    /// The counts as one phrase, without what there is none of.
    pub(super) fn phrase(&self) -> Text {
        let some = self.counts.iter().filter(|(_, number)| *number > 0);
        Text::listed(&some.map(|(noun, number)| Text::said(noun.words, &[("n", number)])).collect::<Vec<_>>())
    }

    /// The counts by their keys in results.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.counts.iter().map(|(noun, number)| (noun.key, *number))
    }
}

impl Source<'_> {
    /// A text with the name of its source, where others stand beside it.
    fn marked(&self, text: Text) -> Text {
        if !self.among_others {
            return text;
        }
        Text::join(&[called(self.name).map(|name| format!("[{name}]")), text], " ")
    }
}

/// The files that run or permit things, each as a risk.
pub(super) fn what_acts<'p>(paths: impl IntoIterator<Item = &'p str>) -> Vec<Text> {
    let with_power = paths.into_iter().filter_map(|path| Some((path, power(path)?)));
    with_power.map(|(path, power)| say!("changes_what_acts", path = path, power = power.words())).collect()
}

/// A probability as people write it.
fn percent(value: f64) -> String {
    format!("{:.0}%", (value * 100.0).clamp(0.0, 100.0))
}
