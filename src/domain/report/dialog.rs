//! A short report in one language, for the dialog that asks for the decision. A dialog renders line breaks
//! and nothing else. Risks come first and are left out last. Some clients show only three lines, so the first
//! three hold the decision itself.

use super::material::ChangedFile;
use super::risk::is_stated;
use super::{Report, content};
use crate::domain::cut::{columns, cut, fitted, one_line};
use crate::domain::diff::{self, Action, Side};
use crate::domain::language::Language;
use crate::domain::question::Priority;
use crate::domain::report;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};

#[derive(Clone, Copy)]
struct Extent {
    findings: usize,
    diff_lines: usize,
    risks: usize,
    questions: Questions,
    /// True if the text ends with a hint at the full report.
    shortened: bool,
    /// The longest line, in characters.
    line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Questions {
    Asked,
    Counted,
}

/// The extents to try, longest first. Fields in the order of [`Extent`].
const EXTENTS: [(usize, usize, usize, Questions, bool, usize); 5] = [
    (12, 40, 12, Questions::Asked, false, 300),
    (8, 16, 10, Questions::Asked, true, 200),
    (5, 0, 8, Questions::Asked, true, 160),
    (3, 0, 5, Questions::Counted, true, 120),
    (0, 0, 3, Questions::Counted, true, 100),
];

/// The most columns of the first three lines. On a screen of 80 columns, a client cuts there.
const COLUMNS: usize = 74;

/// The least and the most columns of a file's name in the first line.
const LEAST_NAME: usize = 12;
const MOST_NAME: usize = 28;

/// As much of the report as fits into `max_chars` characters. A shortened text says so.
pub fn dialog(report: &Report, max_chars: usize, language: Language) -> String {
    let heart = heart(report, language).join("\n");
    let mut last = String::new();
    for (findings, diff_lines, risks, questions, shortened, line) in EXTENTS {
        let extent = Extent { findings, diff_lines, risks, questions, shortened, line };
        last = format!("{heart}\n\n{}", part(report, extent, language));
        if last.chars().count() <= max_chars {
            return last;
        }
    }
    cut(&last, max_chars)
}

/// The decision in three lines of at most 74 columns. The first has the stage, the sources, the files with
/// what happens to them and the size of the change, and the tests; the second the core of the change or
/// finding; the third the first risk.
pub fn heart(report: &Report, language: Language) -> [String; 3] {
    [what(report, language), core(report, language), first_risk(report, language)]
        .map(|line| fitted(&super::visible(&line), COLUMNS))
}

fn what(report: &Report, language: Language) -> String {
    let (number, all) = (report::stage_number(report.stage), Stage::ALL.len());
    let stage = Text::said(&format!("stage_brief_{}", report.stage.name()), &[]);
    let who: Vec<Text> = report.sources.iter().map(|source| content::called(source)).collect();
    let who = Text::join(&who, ", ");
    let stage = format!("{number}/{all} {}", stage.of(language));
    let (who, tests) = (who.of(language), tests_in_words(report).of(language).to_owned());
    let files: Vec<&ChangedFile> = report.diff.iter().flat_map(|change| &change.files).collect();
    let Some(first) = files.first() else { return joined(&[&stage, who, &tests]) };
    let name = first.path.rsplit('/').next().unwrap_or(&first.path);
    let more = match files.len() {
        1 => Text::default(),
        count => say!("files_more", n = count - 1),
    };
    let (added, removed) =
        report.diff.iter().fold((0, 0), |(added, removed), it| (added + it.added, removed + it.removed));
    let (size, fates) = (format!(" +{added} -{removed}"), fates(&files, language));
    let line = |who: &str, size: &str, most_name: usize| {
        let files = format!("{}{}{fates}{size}", fitted(name, most_name), more.of(language));
        joined(&[&stage, who, &files, &tests])
    };
    // If not everything has room, first the name gives way, then the sources, then the size.
    let most = [(who, size.as_str()), ("", &size), ("", "")].into_iter();
    let all = most.flat_map(|(who, size)| [MOST_NAME, LEAST_NAME].map(|room| line(who, size, room)));
    let mut all = all.collect::<Vec<_>>().into_iter();
    let last = all.next_back().unwrap_or_default();
    all.find(|line| columns(line) <= COLUMNS).unwrap_or(last)
}

/// The parts of the first line that are not empty.
fn joined(parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// The deletions, renames, copies and new programs among files, in brackets. Numbers of lines do not show them.
fn fates(files: &[&ChangedFile], language: Language) -> String {
    let of = |action| files.iter().filter(|file| file.action == action).count();
    let kinds = [
        (say!("brief_executable"), files.iter().filter(|file| file.is_executable).count()),
        (say!("brief_deleted"), of(Action::Delete)),
        (say!("brief_renamed"), of(Action::Rename)),
        (say!("brief_copied"), of(Action::Copy)),
    ];
    let told = kinds.into_iter().filter(|(_, count)| *count > 0).map(|(kind, count)| {
        let text = if files.len() == 1 { kind } else { say!("brief_counted", n = count, kind = kind) };
        text.of(language).to_owned()
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { told } else { format!(" ({told})") }
}

fn tests_in_words(report: &Report) -> Text {
    match &report.tests {
        None => say!("brief_tests_none"),
        Some(note) if note.shows_tests() => say!("brief_tests_passed"),
        Some(note) if note.passed && note.is_claim => say!("brief_tests_claimed"),
        Some(note) if note.passed && note.is_old => say!("brief_tests_old"),
        Some(note) if note.passed => say!("brief_tests_idle"),
        Some(_) => say!("brief_tests_failed"),
    }
}

/// The first changed lines, else the first choice (a preferred one if possible), else the first finding.
fn core(report: &Report, language: Language) -> String {
    let text = report.diff.iter().map(|change| change.text.as_str()).find(|text| !text.is_empty());
    if let Some(text) = text {
        let changed = changed(text);
        let first = |sign: char| changed.iter().find(|(side, line)| *side == sign && !line.trim().is_empty());
        let squeezed = |(sign, line): &(char, String)| format!("{sign} {}", one_line(line));
        let both: Vec<String> = ['-', '+'].into_iter().filter_map(first).map(squeezed).collect();
        if let [removed, added] = both.as_slice() {
            return format!("{}  {}", fitted(removed, COLUMNS / 2 - 1), fitted(added, COLUMNS / 2 - 1));
        }
        if let [only] = both.as_slice() {
            return only.clone();
        }
    }
    let wanted = report.choices.iter().find(|choice| !choice.selected_by.is_empty());
    if let Some(choice) = wanted.or(report.choices.first()) {
        return choice.line();
    }
    report.key_findings.first().unwrap_or(&report.summary).of(language).to_owned()
}

/// The changed lines of a diff, each with its sign.
fn changed(text: &str) -> Vec<(char, String)> {
    if let Ok(patch) = diff::parse(text) {
        let lines = patch.files.into_iter().flat_map(|file| file.hunks).flat_map(|hunk| hunk.lines);
        let signed = lines.filter_map(|line| match line.side {
            Side::Removed => Some(('-', line.text)),
            Side::Added => Some(('+', line.text)),
            Side::Context => None,
        });
        return signed.collect();
    }
    // A report holds only the beginning of a long diff, and that is no diff. A changed line may look like one
    // line of a file's header, but hardly like both.
    let lines: Vec<&str> = text.lines().collect();
    let begins = |place: Option<usize>, with: &str| {
        place.and_then(|place| lines.get(place)).is_some_and(|line| line.starts_with(with))
    };
    let is_header = |place: usize| {
        let pairs = |first: Option<usize>| {
            begins(first, "--- ")
                && begins(first.map(|it| it + 1), "+++ ")
                && begins(first.map(|it| it + 2), "@@")
        };
        pairs(Some(place)) || pairs(place.checked_sub(1))
    };
    let content = lines.iter().enumerate().filter(|(place, _)| !is_header(*place));
    let signed = content.filter_map(|(_, line)| match line.chars().next()? {
        sign @ ('-' | '+') => Some((sign, line.get(1..)?.to_owned())),
        _ => None,
    });
    signed.collect()
}

/// The risks: those that Maestro found first, then those that sources stated.
fn risks(report: &Report) -> Vec<Text> {
    let (stated, found): (Vec<Text>, Vec<Text>) =
        report.risks.iter().cloned().partition(|risk| is_stated(risk, &report.sources));
    found.into_iter().chain(stated).collect()
}

fn first_risk(report: &Report, language: Language) -> String {
    let brief = match risks(report).first() {
        None => say!("brief_no_risk"),
        Some(risk) => say!("brief_risks", n = report.risks.len(), risk = risk),
    };
    brief.of(language).to_owned()
}

fn part(report: &Report, extent: Extent, language: Language) -> String {
    let mut lines = Lines { language, extent, lines: Vec::new() };
    let (number, all) = (report::stage_number(report.stage), Stage::ALL.len());
    lines.say(&say!("dialog_title", number = number, all = all, name = report.stage_display_name));
    lines.say(&report.summary);
    lines.risks(report);
    lines.tests(report);
    lines.findings(report);
    lines.changes(report);
    lines.applied(report);
    lines.open_questions(report);
    lines.questions(report);
    let next = report::next_name(report).unwrap_or_else(|| say!("end_of_run"));
    lines.say(&say!("next", name = next));
    if extent.shortened {
        lines.say(&say!("shortened"));
    }
    lines.lines.join("\n")
}

struct Lines {
    language: Language,
    extent: Extent,
    lines: Vec<String>,
}

impl Lines {
    fn say(&mut self, text: &Text) {
        self.lines.push(cut(&super::visible(text.of(self.language)), self.extent.line));
    }

    fn item(&mut self, text: &Text) {
        self.say(&text.map(|text| format!("- {text}")));
    }

    /// Adds at most `most` items of a list, and the number of the others.
    fn list(&mut self, items: &[Text], most: usize) {
        for item in items.iter().take(most) {
            self.item(item);
        }
        let left = items.len().saturating_sub(most);
        if left > 0 {
            self.item(&say!("and_more", n = left));
        }
    }

    fn heading(&mut self, heading: &Text, count: usize) {
        self.say(&say!("counted", heading = heading, n = count));
    }

    fn risks(&mut self, report: &Report) {
        if report.risks.is_empty() {
            return self.say(&say!("dialog_no_risk"));
        }
        self.heading(&say!("heading_risks"), report.risks.len());
        self.list(&risks(report), self.extent.risks);
    }

    fn tests(&mut self, report: &Report) {
        match &report.tests {
            None => self.say(&say!("dialog_tests", what = say!("tests_none"), summary = "")),
            Some(note) => {
                let what = match (note.shows_tests(), note.passed) {
                    (true, _) => say!("tests_passed"),
                    (false, true) => say!("tests_not_shown"),
                    (false, false) => say!("tests_failed"),
                };
                let summary = if note.summary.is_empty() {
                    Text::default()
                } else {
                    note.totals().map(|totals| format!(" ({totals})"))
                };
                self.say(&say!("dialog_tests", what = what, summary = summary));
            }
        }
    }

    fn findings(&mut self, report: &Report) {
        if self.extent.findings == 0 || report.key_findings.is_empty() {
            return;
        }
        self.heading(&say!("heading_found"), report.key_findings.len());
        self.list(&report.key_findings, self.extent.findings);
    }

    fn changes(&mut self, report: &Report) {
        for change in &report.diff {
            let (files, added, removed) = (change.files.len(), change.added, change.removed);
            let who = content::called(&change.source);
            match &change.problem {
                Some(_) => self.say(&say!("dialog_change_not_understood", who = who)),
                None => {
                    self.say(&say!("dialog_change", who = who, n = files, added = added, removed = removed));
                }
            }
            if self.extent.diff_lines > 0 {
                self.diff(&change.text, change.lines_left_out);
            }
        }
    }

    fn applied(&mut self, report: &Report) {
        if report.applied.is_empty() {
            return;
        }
        self.heading(&say!("heading_applied"), report.applied.len());
        for change in &report.applied {
            self.item(&change.title());
            if self.extent.diff_lines > 0 && change.approved_by.is_none() {
                self.diff(&change.text, change.lines_left_out);
            }
        }
    }

    fn diff(&mut self, text: &str, left_out: usize) {
        let all = text.lines().count() + left_out;
        for line in text.lines().take(self.extent.diff_lines) {
            let line = format!("  | {}", super::visible(line));
            self.lines.push(cut(&line, self.extent.line));
        }
        let left = all.saturating_sub(self.extent.diff_lines.min(text.lines().count()));
        if left > 0 {
            self.say(&say!("dialog_more_lines", n = left));
        }
    }

    fn open_questions(&mut self, report: &Report) {
        let count = report.open_questions.len();
        if count == 0 {
            return;
        }
        self.heading(&say!("heading_open_questions"), count);
        if self.extent.questions == Questions::Asked {
            for open in &report.open_questions {
                self.item(&open.text());
            }
        }
    }

    fn questions(&mut self, report: &Report) {
        let critical: Vec<_> =
            report.questions.iter().filter(|question| question.priority == Priority::Critical).collect();
        self.say(&say!("dialog_questions", n = critical.len()));
        if self.extent.questions == Questions::Counted {
            return;
        }
        for question in critical {
            let options = Text::join(&question.options, " / ");
            let options = if options.is_empty() { options } else { options.map(|all| format!(" ({all})")) };
            self.item(&Text::join(&[question.question.clone(), options], ""));
        }
    }
}
