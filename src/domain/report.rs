//! The report of a stage, which a person reads before deciding. It is made from the outputs and the facts
//! about them, in English and Korean.

mod choice;
mod content;
mod dialog;
mod display;
mod material;
mod read;
mod risk;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cut::{self, columns};
pub use super::event::stage::Mode;
use super::language::Language;
use super::plain::is_hidden;
use super::question::{self, Counts, Question};
use super::stage::Stage;
use super::text::{Part, Text, gather_texts, say, spread_texts};

pub use choice::{Choice, meant};
use content::Content;
pub use dialog::{dialog, heart};
pub use display::{display, lines};
pub use material::{
    AppliedChange, Cost, Failure, Flagged, Iteration, Material, Next, ORCHESTRATOR, OpenQuestion, Output,
    ProposedChange, Said, SchemaErrors, VerificationNote,
};
pub use risk::{is_low_risk, is_stated, source_of};

/// A report for review. It can be stored and shown again by another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Report {
    pub stage: Stage,
    pub stage_display_name: Text,
    pub summary: Text,
    /// Findings of the outputs, each as `label: text`. Text of a model is quoted unchanged.
    pub key_findings: Vec<Text>,
    pub risks: Vec<Text>,
    pub questions: Vec<Question>,
    /// The stage that an approval leads to; None at the end.
    pub next_stage: Option<Stage>,
    pub next_stage_preview: Text,
    /// The outputs: the object itself if there is only one, else an object by source.
    pub outputs: Value,
    /// Figures: the cost and the caller's own.
    pub metrics: Map<String, Value>,
    /// Milliseconds that the stage took.
    pub duration_ms: u64,
    pub timestamp: String,
    pub mode: Mode,
    /// The reason for the mode.
    pub mode_reason: Option<String>,
    pub iteration: Option<Iteration>,
    /// The sources of the outputs, in their order.
    pub sources: Vec<String>,
    /// Counts of everything in the report, by key.
    pub counts: IndexMap<String, usize>,
    /// Discarded answers.
    pub red_flags: Vec<Flagged>,
    /// Answers that do not fit the schema.
    pub schema: Vec<SchemaErrors>,
    /// Consultants without an answer.
    pub failures: Vec<Failure>,
    /// Parts of the context that the consultants did not get, or not whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// The latest recorded verification that concerns the stage.
    pub tests: Option<VerificationNote>,
    /// Proposed changes.
    pub diff: Vec<ProposedChange>,
    /// The choices, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// Changes made since the last report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<AppliedChange>,
    pub cost: Cost,
    /// Critical questions of earlier stages without an answer.
    pub open_questions: Vec<OpenQuestion>,
    pub action_required: Text,
}

/// The fields that a stored report holds once for each language.
const TEXTS: &[&str] =
    &["stage_display_name", "summary", "key_findings", "risks", "next_stage_preview", "action_required"];
spread_texts!(Report: TEXTS);
gather_texts!(Report: TEXTS);

/// The diff that an output proposes; None for a stage that makes no change.
pub fn proposed_diff(stage: Stage, output: &Value) -> Option<String> {
    content::proposed_diff(stage, output)
}

/// Makes the report of a stage.
pub fn report(material: &Material<'_>) -> Report {
    let content = content::read(material);
    let risks = risk::all(material, &content);
    let questions = questions(material, &content);
    Report {
        stage: material.stage,
        stage_display_name: stage_name(material.stage),
        summary: summary(material, &content),
        counts: counts(material, &content, risks.len()),
        next_stage_preview: preview(material, &content),
        key_findings: content.findings,
        action_required: action(material, &questions, risks.len()),
        risks,
        questions,
        next_stage: next_stage(material.next),
        outputs: outputs(material.outputs),
        metrics: metrics(material),
        duration_ms: material.cost.duration_ms,
        timestamp: material.at.to_owned(),
        mode: material.mode,
        mode_reason: material.why.map(str::to_owned),
        iteration: material.iteration,
        sources: material.outputs.iter().map(|output| output.source.to_owned()).collect(),
        red_flags: material.flags.clone(),
        schema: material.schema_errors.clone(),
        failures: material.failures.clone(),
        left_out: material.left_out.to_vec(),
        tests: material.verification.clone(),
        diff: content.changes,
        choices: content.choices,
        applied: material.applied.clone(),
        cost: material.cost,
        open_questions: material.open_questions.clone(),
    }
}

/// The questions of the stage, with the context that the outputs give.
fn questions(material: &Material<'_>, content: &Content) -> Vec<Question> {
    let mut questions = question::for_stage(material.stage);
    let iteration = material.iteration.and_then(|round| Some(("debug_iteration", in_words(round)?)));
    for (id, context) in content.contexts.iter().cloned().chain(iteration) {
        if let Some(question) = questions.iter_mut().find(|question| question.id == id) {
            question.context = Some(context.map(read::shortened));
        }
    }
    questions
}

fn summary(material: &Material<'_>, content: &Content) -> Text {
    let called: Vec<Text> = material.outputs.iter().map(|output| content::called(output.source)).collect();
    let phrase = content.phrase();
    if called.is_empty() || phrase.is_empty() {
        return say!("nothing_handed_in");
    }
    say!("summary", who = Text::listed(&called), what = phrase)
}

fn counts(material: &Material<'_>, content: &Content, risks: usize) -> IndexMap<String, usize> {
    let structured = |output: &&Output<'_>| matches!(output.said, Said::Structured(_));
    let ours = [
        ("outputs", material.outputs.len()),
        ("structured_outputs", material.outputs.iter().filter(structured).count()),
        ("key_findings", content.findings.len()),
        ("risks", risks),
        ("red_flagged", material.flags.len()),
        ("schema_errors", material.schema_errors.len()),
        ("failures", material.failures.len()),
        ("open_questions", material.open_questions.len()),
    ];
    content.counts().chain(ours).map(|(key, number)| (key.to_owned(), number)).collect()
}

fn outputs(outputs: &[Output<'_>]) -> Value {
    let value = |output: &Output<'_>| match output.said {
        Said::Structured(value) => value.clone(),
        Said::Text(text) => Value::String(text.to_owned()),
    };
    if let [Output { said: Said::Structured(value @ Value::Object(_)), .. }] = outputs {
        return (*value).clone();
    }
    let mut by_source = Map::new();
    for output in outputs {
        let mut key = output.source.to_owned();
        let mut number = 1;
        while by_source.contains_key(&key) {
            number += 1;
            key = format!("{}#{number}", output.source);
        }
        by_source.insert(key, value(output));
    }
    Value::Object(by_source)
}

fn metrics(material: &Material<'_>) -> Map<String, Value> {
    let mut metrics = material.metrics.cloned().unwrap_or_default();
    if let Ok(Value::Object(cost)) = serde_json::to_value(material.cost) {
        metrics.extend(cost);
    }
    metrics
}

// A page of plain text for a terminal of a given width, filled from top to bottom.
//
// It draws with ASCII only: in Korean terminals, other lines, dots and dashes may take two columns.

/// The least width of a page, in columns.
pub const MIN_WIDTH: usize = 40;

/// The kind of a line, for a caller that colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A line across the page.
    Rule,
    Title,
    /// The heading of a section.
    Heading,
    /// Plain text.
    Body,
    /// A good fact.
    Good,
    /// A risk or a failure.
    Bad,
    /// The heading of the critical questions.
    Critical,
    /// The heading of other questions.
    Priority,
    /// Text of secondary importance.
    Faint,
    /// A file name in a diff.
    DiffHeader,
    /// The place of a change in a diff.
    DiffHunk,
    DiffAdded,
    DiffRemoved,
    /// An unchanged line of a diff.
    DiffContext,
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    /// The text, without a line end.
    pub text: String,
}

/// The place of the diffs of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Diffs {
    /// On this page.
    Here,
    /// On the page of another language, above this one.
    Above,
}

/// A page in one language.
#[derive(Debug)]
struct Page {
    language: Language,
    diffs: Diffs,
    width: usize,
    lines: Vec<Line>,
}

impl Page {
    fn new(language: Language, width: usize, diffs: Diffs) -> Self {
        Self { language, diffs, width: width.max(MIN_WIDTH), lines: Vec::new() }
    }

    fn push(&mut self, kind: LineKind, mut text: String) {
        text.truncate(text.trim_end().len());
        self.lines.push(Line { kind, text });
    }

    fn blank(&mut self) {
        self.push(LineKind::Body, String::new());
    }

    fn rule(&mut self) {
        self.push(LineKind::Rule, "=".repeat(self.width));
    }

    /// A heading after a blank line.
    fn heading(&mut self, words: &Text, detail: &str) {
        self.blank();
        let space = if detail.is_empty() { "" } else { " " };
        let text = format!("{}{space}{detail}", self.say(words));
        self.text(LineKind::Heading, 0, &text);
    }

    /// A paragraph.
    fn text(&mut self, kind: LineKind, indent: usize, text: &dyn Part) {
        self.item(kind, &" ".repeat(indent), text);
    }

    /// A paragraph behind a mark. Its further lines are indented below the first.
    fn item(&mut self, kind: LineKind, mark: &str, text: &dyn Part) {
        let indent = columns(mark);
        let text = text.in_language(self.language);
        let mut mark = mark.to_owned();
        for line in wrapped(&text, self.width.saturating_sub(indent)) {
            self.push(kind, format!("{mark}{line}"));
            mark = " ".repeat(indent);
        }
    }

    /// Labels and texts in two columns. A repeated label is written once.
    fn table(&mut self, rows: &[(LineKind, String, String)]) {
        let widest = rows.iter().map(|(_, label, _)| columns(label)).max().unwrap_or_default();
        let column = widest.min(self.width / 3);
        let below = " ".repeat(column + 4);
        let mut last: Option<&str> = None;
        for (kind, label, text) in rows {
            let is_new = last.replace(label) != Some(label);
            if is_new && columns(label) <= column {
                self.item(*kind, &format!("  {}  ", padded(label, column)), text);
                continue;
            }
            if is_new {
                self.text(*kind, 2, label);
            }
            self.item(*kind, &below, text);
        }
    }

    /// A line of a diff. The bar before it prevents it from passing for a line of the report.
    fn diff(&mut self, line: &str) {
        let kind = if line.starts_with("--- ") || line.starts_with("+++ ") || line.starts_with("diff ") {
            LineKind::DiffHeader
        } else if line.starts_with("@@") {
            LineKind::DiffHunk
        } else if line.starts_with('+') {
            LineKind::DiffAdded
        } else if line.starts_with('-') {
            LineKind::DiffRemoved
        } else {
            LineKind::DiffContext
        };
        self.push(kind, format!("  | {}", visible(line)));
    }

    fn say(&self, text: &Text) -> String {
        text.of(self.language).to_owned()
    }

    fn say_all(&self, texts: &[Text]) -> Vec<String> {
        texts.iter().map(|text| self.say(text)).collect()
    }
}

/// A text padded with blanks to a number of columns.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// A text as one line. Letters that a terminal would act on or a reader would not see (escape sequences,
/// direction marks, letters without width) are written out. A line end becomes a blank.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\n' => out.push(' '),
            '\t' => out.push_str("    "),
            letter if is_hidden(letter) => out.extend(letter.escape_unicode()),
            letter => out.push(letter),
        }
    }
    out
}

/// Breaks a text into lines of at most `width` columns.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    cut::wrapped(&visible(text), width.max(4))
}

fn next_stage(next: Next) -> Option<Stage> {
    match next {
        Next::Stage(stage) => Some(stage),
        Next::DebugAgain(_) => Some(Stage::Debug),
        Next::Escalate | Next::Complete => None,
    }
}

/// An iteration in words; None for the first one if there is no limit.
fn in_words(round: Iteration) -> Option<Text> {
    match (round.number, round.of) {
        (number, Some(of)) => Some(say!("round_of", number = number, of = of)),
        (1, None) => None,
        (number, None) => Some(say!("round", number = number)),
    }
}

fn preview(material: &Material<'_>, content: &Content) -> Text {
    match material.next {
        Next::Stage(_) if is_to_apply(material.stage, &content.changes) => say!("preview_apply"),
        Next::Stage(stage) => Text::said(&format!("preview_{}", stage.name()), &[]),
        Next::DebugAgain(iteration) => say!("preview_again", round = in_words(iteration).unwrap_or_default()),
        Next::Escalate => say!("preview_escalate"),
        Next::Complete => say!("preview_complete"),
    }
}

/// True if the approval permits a change to be applied before the next stage.
fn is_to_apply(stage: Stage, changes: &[ProposedChange]) -> bool {
    stage == Stage::Implement && !changes.is_empty()
}

/// The next step, in a few words; None at the end of the run.
fn next_name(report: &Report) -> Option<Text> {
    let next = report.next_stage?;
    Some(if is_to_apply(report.stage, &report.diff) { say!("next_apply") } else { stage_name(next) })
}

/// The action that the report asks for.
fn action(material: &Material<'_>, questions: &[Question], risks: usize) -> Text {
    let critical = Counts::of(questions).critical;
    let weigh = match risks {
        0 => say!("action_read"),
        _ => say!("action_weigh", n = risks),
    };
    let decide = match material.next {
        Next::Stage(_) | Next::DebugAgain(_) => say!("action_decide"),
        Next::Escalate => say!("action_take_over"),
        Next::Complete => say!("action_complete"),
    };
    say!("action", weigh = weigh, n = critical, decide = decide)
}

/// The display name of a stage.
pub fn stage_name(stage: Stage) -> Text {
    Text::said(&format!("stage_{}", stage.name()), &[])
}

/// The number of a stage, from 1.
fn stage_number(stage: Stage) -> usize {
    Stage::ALL.iter().take_while(|one| **one != stage).count() + 1
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn korean_takes_two_columns() {
        assert_eq!(padded("가설", 6), "가설  ");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_nothing_is_lost(text in "(\\PC|\\s){0,80}", width in 4_usize..60) {
            let lines = wrapped(&text, width);
            for line in &lines {
                prop_assert!(columns(line) <= width, "{line:?} takes {}", columns(line));
            }
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&visible(&text)));
        }
    }
}
