//! What the outputs of a stage say: findings, risks, counts, changes. One reader per stage.

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
use super::text::{Noun, Text, Words, listed};
use crate::domain::permits::power;
use crate::domain::stage::Stage;

/// Number of items of a kind a report lists for each output.
const MAX_LISTED: usize = 8;

const TEXT_OUTPUT: Noun =
    Noun::new("text_outputs", ["output in plain text", "outputs in plain text"], ["일반 텍스트 출력", "개"]);

/// Everything that a stage's outputs say.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Numbers of what the stage is about, in order.
    pub(super) counts: Vec<(Noun, usize)>,
    /// Each with its label.
    pub(super) findings: Vec<Text>,
    /// What may go wrong, as far as the outputs show it.
    pub(super) risks: Vec<Text>,
    /// Changes proposed.
    pub(super) changes: Vec<ProposedChange>,
    /// What questions refer to, by their ids.
    pub(super) contexts: Vec<(&'static str, Text)>,
    /// True if outputs name a way to check the change.
    pub(super) names_a_check: bool,
    /// What outputs say of tests: whether all passed.
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
        content.risk("Nothing that could be read was handed in.", "읽을 수 있는 내용이 제출되지 않았습니다.");
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

/// Returns how a source is called in both languages.
pub(super) fn called(source: &str) -> Text {
    if source == ORCHESTRATOR {
        Text::new("the orchestrator", "오케스트레이터")
    } else {
        Text::quoted(source)
    }
}

impl Content {
    /// What the outputs say of one another: where consultants agree, where they do not, and what can be
    /// chosen.
    fn compare(&mut self, material: &Material<'_>) {
        let choices = choice::choices(material.stage, material.outputs, &material.also);
        self.findings.extend(choice::agreements(&choices, material.outputs, &material.also));
        self.risks.extend(choice::disagreement(material.stage, &choices));
        if material.stage == Stage::Hypothesize && choices.len() == 1 {
            self.risk(
                "There is only one hypothesis: nothing competes with it.",
                "가설이 하나뿐이어서 비교할 대상이 없습니다.",
            );
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
            self.risk(
                "The consultants disagree on whether the change can be merged.",
                "변경을 병합해도 되는지에 대한 컨설턴트들의 의견이 다릅니다.",
            );
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
            self.finding(source, OTHER, Text::quoted(said));
        }
    }

    /// Risks that an output names itself, whether or not its stage asks for them.
    fn risks_named(&mut self, source: &Source<'_>) {
        for risk in read::texts(source.value, "risks").into_iter().filter(|risk| !read::says_none(risk)) {
            self.risk_of(source, &risk, &risk);
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
            self.risk_of(
                source,
                "proposes a change in a stage that makes none",
                "변경하지 않는 단계에서 변경을 제안합니다",
            );
        }
    }

    fn unstructured(&mut self, output: &Output<'_>, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.count(TEXT_OUTPUT, 1);
        let called = called(output.source);
        let said = read::shortened(text);
        self.findings.push(Text::new(
            format!("{}: [{}] {said}", OTHER.en, called.en),
            format!("{}: [{}] {said}", OTHER.ko, called.ko),
        ));
    }

    fn count(&mut self, noun: Noun, number: usize) {
        match self.counts.iter_mut().find(|(known, _)| known.key == noun.key) {
            Some((_, total)) => *total += number,
            None => self.counts.push((noun, number)),
        }
    }

    fn finding(&mut self, source: &Source<'_>, label: Words, mut text: Text) {
        let mark = |name: &str| if source.among_others { format!("[{name}] ") } else { String::new() };
        let called = called(source.name);
        text.en.insert_str(0, &format!("{}: {}", label.en, mark(&called.en)));
        text.ko.insert_str(0, &format!("{}: {}", label.ko, mark(&called.ko)));
        self.findings.push(text);
    }

    /// Lists items, counts all of them, and says how many are not listed.
    fn list(&mut self, source: &Source<'_>, label: Words, noun: Noun, items: Vec<Text>) {
        self.count(noun, items.len());
        let left = items.len().saturating_sub(MAX_LISTED);
        for item in items.into_iter().take(MAX_LISTED) {
            self.finding(source, label, item);
        }
        if left > 0 {
            let count = noun.count(left);
            let text = Text::new(
                format!("and {} more in the output", count.en),
                format!("그 밖에 {} 더 있음 (전체 출력 참조)", count.ko),
            );
            self.finding(source, label, text);
        }
    }

    fn quotes(&mut self, source: &Source<'_>, label: Words, noun: Noun, key: &str) {
        let items = read::texts(source.value, key).into_iter().map(Text::quoted).collect();
        self.list(source, label, noun, items);
    }

    /// A text under a key as a finding, if there is one.
    fn quote(&mut self, source: &Source<'_>, label: Words, key: &str) {
        if let Some(text) = read::text(source.value, key) {
            self.finding(source, label, Text::quoted(text));
        }
    }

    fn risk(&mut self, en: impl Into<String>, ko: impl Into<String>) {
        let risk = Text::new(en, ko);
        if !self.risks.contains(&risk) {
            self.risks.push(risk);
        }
    }

    /// A risk of one output's.
    fn risk_of(&mut self, source: &Source<'_>, en: &str, ko: &str) {
        let called = called(source.name);
        self.risk(format!("{}: {en}", called.en), format!("{}: {ko}", called.ko));
    }

    fn context(&mut self, source: &Source<'_>, question: &'static str, text: Text) {
        let text = if source.among_others {
            let called = called(source.name);
            Text::new(format!("[{}] {}", called.en, text.en), format!("[{}] {}", called.ko, text.ko))
        } else {
            text
        };
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
            let (en, ko) = (
                format!("the diff cannot be understood: {problem}"),
                format!("diff를 해석할 수 없습니다: {problem}"),
            );
            self.risk_of(source, &en, &ko);
        }
        let paths: Vec<&str> = change
            .files
            .iter()
            .flat_map(|file| file.from.as_deref().into_iter().chain([file.path.as_str()]))
            .collect();
        for (en, ko) in what_acts(paths) {
            self.risk_of(source, &en, &ko);
        }
        self.changes.push(change);
        self.changes.last()
    }

    /// What an output says of its tests. It is a claim until a verification is recorded.
    fn claim(&mut self, source: &Source<'_>) {
        let Some(result) = source.value.get("test_result").filter(|result| result.is_object()) else {
            return;
        };
        let Some(passed) = read::truth(result, "passed") else { return };
        self.claims.push(passed);
        let command =
            read::text(result, "command").map(|command| format!(" ({command})")).unwrap_or_default();
        let words = if passed { Words::new("passed", "통과") } else { Words::new("failed", "실패") };
        let text = Text::new(
            format!("reported as {}{command}", words.en),
            format!("{}했다고 보고됨{command}", words.ko),
        );
        self.finding(source, Words::new("Test result", "테스트 결과"), text);
    }

    /// The counts as one phrase, without what there is none of.
    pub(super) fn phrase(&self) -> Text {
        let some: Vec<Text> = self
            .counts
            .iter()
            .filter(|(_, number)| *number > 0)
            .map(|(noun, number)| noun.count(*number))
            .collect();
        let en: Vec<String> = some.iter().map(|text| text.en.clone()).collect();
        let ko: Vec<String> = some.into_iter().map(|text| text.ko).collect();
        Text::new(listed(&en), ko.join(", "))
    }
}

/// The files that run or permit things, each as a risk in both languages.
pub(super) fn what_acts<'p>(paths: impl IntoIterator<Item = &'p str>) -> Vec<(String, String)> {
    let with_power = paths.into_iter().filter_map(|path| Some((path, power(path)?)));
    with_power
        .map(|(path, power)| {
            let words = power.words();
            (format!("changes {path}: {words}"), format!("{path}을(를) 변경합니다: {words}"))
        })
        .collect()
}

const OTHER: Words = Words::new("Answer", "답변");

/// A probability as people write it.
fn percent(value: f64) -> String {
    format!("{:.0}%", (value * 100.0).clamp(0.0, 100.0))
}
