//! The report in few words and in one language, for a dialog that asks for the decision: newlines
//! count there, and nothing else does. What is judged as risky comes first and is the last to be left
//! out. Some clients show three lines and hide the rest, so the first three are the decision itself.

use super::text::{Language, Words};
use super::{Report, content, names};
use crate::domain::question::Priority;
use crate::domain::stage::Stage;

#[derive(Clone, Copy)]
struct Extent {
    findings: usize,
    diff_lines: usize,
    risks: usize,
    questions: Questions,
    /// True if it says that there is more.
    shortened: bool,
    /// The longest line, in characters.
    line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Questions {
    Asked,
    Counted,
}

/// From the most to the least.
const EXTENTS: [Extent; 5] = [
    Extent {
        findings: 12,
        diff_lines: 40,
        risks: 12,
        questions: Questions::Asked,
        shortened: false,
        line: 300,
    },
    Extent {
        findings: 8,
        diff_lines: 16,
        risks: 10,
        questions: Questions::Asked,
        shortened: true,
        line: 200,
    },
    Extent { findings: 5, diff_lines: 0, risks: 8, questions: Questions::Asked, shortened: true, line: 160 },
    Extent {
        findings: 3,
        diff_lines: 0,
        risks: 5,
        questions: Questions::Counted,
        shortened: true,
        line: 120,
    },
    Extent {
        findings: 0,
        diff_lines: 0,
        risks: 3,
        questions: Questions::Counted,
        shortened: true,
        line: 100,
    },
];

/// Columns of the first three lines: what a client cuts on a screen of 80.
const COLUMNS: usize = 74;

/// The report in at most so many characters, as much of it as fits. Whatever is left out is said to
/// be.
pub fn dialog(report: &Report, max_chars: usize, language: Language) -> String {
    let heart = heart(report, language).join("\n");
    let mut last = String::new();
    for extent in EXTENTS {
        last = format!("{heart}\n\n{}", part(report, extent, language));
        if last.chars().count() <= max_chars {
            return last;
        }
    }
    cut(&last, max_chars)
}

/// The decision in three lines of at most 74 columns: stage, who, files and size, tests; the heart of
/// the change or the finding; the first risk.
pub fn heart(report: &Report, language: Language) -> [String; 3] {
    [what(report, language), core(report, language), first_risk(report, language)]
        .map(|line| fitted(&super::wrap::visible(&line), COLUMNS))
}

fn what(report: &Report, language: Language) -> String {
    let (number, all) = (names::number(report.stage), Stage::ALL.len());
    let stage = match language {
        Language::English => report.stage.name().to_owned(),
        Language::Korean => report.stage_display_name_ko.clone(),
    };
    let who: Vec<String> = report
        .sources
        .iter()
        .map(|source| {
            let called = content::called(source);
            match language {
                Language::English => called.en,
                Language::Korean => called.ko,
            }
        })
        .collect();
    let mut parts = vec![format!("{number}/{all} {stage}"), who.join(", ")];
    let files: Vec<&str> =
        report.diff.iter().flat_map(|change| &change.files).map(|file| file.path.as_str()).collect();
    if let Some(first) = files.first() {
        let name = first.rsplit('/').next().unwrap_or(first);
        let more = match (files.len(), language) {
            (1, _) => String::new(),
            (count, Language::English) => format!(" and {} more", count - 1),
            (count, Language::Korean) => format!(" 외 {}개", count - 1),
        };
        let (added, removed) =
            report.diff.iter().fold((0, 0), |(added, removed), it| (added + it.added, removed + it.removed));
        parts.push(format!("{}{more} +{added} -{removed}", fitted(name, 28)));
    }
    parts.push(tests_in_words(report).of(language).to_owned());
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

fn tests_in_words(report: &Report) -> Words {
    match &report.tests {
        None => Words::new("tests not run", "테스트 미실행"),
        Some(note) if note.shows_tests() => Words::new("tests passed", "테스트 통과"),
        Some(note) if note.passed && note.is_claim => Words::new("tests CLAIMED to pass", "테스트 통과 주장"),
        Some(note) if note.passed && note.is_old => {
            Words::new("tests OLDER than the change", "변경 이전의 테스트")
        }
        Some(note) if note.passed => Words::new("NO TEST RAN", "실행된 테스트 없음"),
        Some(_) => Words::new("TESTS FAILED", "테스트 실패"),
    }
}

/// The first lines that change, else what the consultants want to go on with, else what was found.
fn core(report: &Report, language: Language) -> String {
    let text = report.diff.iter().map(|change| change.text.as_str()).find(|text| !text.is_empty());
    if let Some(text) = text {
        let changed = |sign: char| {
            text.lines().find(|line| {
                let mut letters = line.chars();
                letters.next() == Some(sign)
                    && !line.starts_with("--- ")
                    && !line.starts_with("+++ ")
                    && letters.any(|letter| !letter.is_whitespace())
            })
        };
        let squeezed = |line: &str| {
            let (sign, rest) = line.split_at(1);
            format!("{sign} {}", rest.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let both: Vec<String> = ['-', '+'].into_iter().filter_map(changed).map(squeezed).collect();
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
    let findings = match language {
        Language::English => &report.key_findings,
        Language::Korean => &report.key_findings_ko,
    };
    findings.first().cloned().unwrap_or_else(|| match language {
        Language::English => report.summary.clone(),
        Language::Korean => report.summary_ko.clone(),
    })
}

fn first_risk(report: &Report, language: Language) -> String {
    let count = report.risks.len();
    match (report.risks.first().zip(report.risks_ko.first()), language) {
        (None, Language::English) => "no risk found".to_owned(),
        (None, Language::Korean) => "발견된 위험 없음".to_owned(),
        (Some((risk, _)), Language::English) if count == 1 => format!("1 RISK: {risk}"),
        (Some((risk, _)), Language::English) => format!("{count} RISKS: {risk}"),
        (Some((_, risk)), Language::Korean) => format!("위험 {count}건: {risk}"),
    }
}

fn part(report: &Report, extent: Extent, language: Language) -> String {
    let mut lines = Lines { language, extent, lines: Vec::new() };
    let (number, all) = (names::number(report.stage), Stage::ALL.len());
    lines.say(
        &format!("STAGE {number} OF {all}: {}", report.stage_display_name),
        &format!("{all}단계 중 {number}단계: {}", report.stage_display_name_ko),
    );
    lines.say(&report.summary, &report.summary_ko);
    lines.risks(report);
    lines.tests(report);
    lines.findings(report);
    lines.changes(report);
    lines.applied(report);
    lines.open_questions(report);
    lines.questions(report);
    let next = report.next_stage.map_or(Words::new("the end of the run", "종료"), names::stage);
    lines.say(&format!("NEXT: {}", next.en), &format!("다음 단계: {}", next.ko));
    if extent.shortened {
        lines.say(
            "(Shortened: the whole report is in the result of the tool.)",
            "(줄인 내용입니다. 전체 보고서는 도구의 결과에 있습니다.)",
        );
    }
    lines.lines.join("\n")
}

struct Lines {
    language: Language,
    extent: Extent,
    lines: Vec<String>,
}

impl Lines {
    fn say(&mut self, en: &str, ko: &str) {
        let text = match self.language {
            Language::English => en,
            Language::Korean => ko,
        };
        self.lines.push(cut(&super::wrap::visible(text), self.extent.line));
    }

    /// At most so many items of a list, and how many more there are.
    fn list(&mut self, en: &[String], ko: &[String], most: usize) {
        for (en, ko) in en.iter().zip(ko).take(most) {
            self.say(&format!("- {en}"), &format!("- {ko}"));
        }
        let left = en.len().saturating_sub(most);
        if left > 0 {
            self.say(&format!("- and {left} more"), &format!("- 그 밖에 {left}건"));
        }
    }

    fn risks(&mut self, report: &Report) {
        if report.risks.is_empty() {
            return self.say("RISKS: none found", "위험 요소: 없음");
        }
        let count = report.risks.len();
        self.say(&format!("RISKS ({count})"), &format!("위험 요소 ({count}건)"));
        self.list(&report.risks, &report.risks_ko, self.extent.risks);
    }

    fn tests(&mut self, report: &Report) {
        match &report.tests {
            None => self.say("TESTS: none recorded yet", "테스트: 아직 기록된 결과 없음"),
            Some(note) => {
                let (en, ko) = match (note.shows_tests(), note.passed) {
                    (true, _) => ("passed", "통과"),
                    (false, true) => ("not shown to pass, see the risks", "통과가 확인되지 않음"),
                    (false, false) => ("failed", "실패"),
                };
                let summary =
                    if note.summary.is_empty() { String::new() } else { format!(" ({})", note.summary) };
                self.say(&format!("TESTS: {en}{summary}"), &format!("테스트: {ko}{summary}"));
            }
        }
    }

    fn findings(&mut self, report: &Report) {
        if self.extent.findings == 0 || report.key_findings.is_empty() {
            return;
        }
        let count = report.key_findings.len();
        self.say(&format!("FOUND ({count})"), &format!("확인된 내용 ({count}건)"));
        self.list(&report.key_findings, &report.key_findings_ko, self.extent.findings);
    }

    fn changes(&mut self, report: &Report) {
        for change in &report.diff {
            let (files, added, removed) = (change.files.len(), change.added, change.removed);
            let who = content::called(&change.source);
            let noun = if files == 1 { "file" } else { "files" };
            match &change.problem {
                Some(_) => self.say(
                    &format!("CHANGE by {}: not understood", who.en),
                    &format!("변경 내용 ({}): 해석할 수 없음", who.ko),
                ),
                None => self.say(
                    &format!("CHANGE by {}: {files} {noun}, +{added} -{removed}", who.en),
                    &format!("변경 내용 ({}): 파일 {files}개, +{added} -{removed}", who.ko),
                ),
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
        let count = report.applied.len();
        self.say(
            &format!("CHANGED SINCE THE LAST REPORT ({count})"),
            &format!("마지막 보고 이후 변경됨 ({count}건)"),
        );
        for change in &report.applied {
            let title = change.title();
            self.say(&format!("- {}", title.en), &format!("- {}", title.ko));
            if self.extent.diff_lines > 0 && change.approved_by.is_none() {
                self.diff(&change.text, change.lines_left_out);
            }
        }
    }

    fn diff(&mut self, text: &str, left_out: usize) {
        let all = text.lines().count() + left_out;
        for line in text.lines().take(self.extent.diff_lines) {
            let line = format!("  | {}", super::wrap::visible(line));
            self.lines.push(cut(&line, self.extent.line));
        }
        let left = all.saturating_sub(self.extent.diff_lines.min(text.lines().count()));
        if left > 0 {
            self.say(&format!("  ... {left} more lines"), &format!("  ... 그 밖에 {left}줄"));
        }
    }

    fn open_questions(&mut self, report: &Report) {
        if !report.open_questions.is_empty() {
            let ids: Vec<_> = report.open_questions.iter().map(|open| open.id.as_str()).collect();
            let ids = ids.join(", ");
            self.say(
                &format!("CRITICAL AND STILL OPEN FROM BEFORE: {ids}"),
                &format!("이전 단계에서 답하지 않은 필수 질문: {ids}"),
            );
        }
    }

    fn questions(&mut self, report: &Report) {
        let critical: Vec<_> =
            report.questions.iter().filter(|question| question.priority == Priority::Critical).collect();
        let count = critical.len();
        self.say(&format!("CRITICAL QUESTIONS ({count})"), &format!("필수 질문 ({count}개)"));
        if self.extent.questions == Questions::Counted {
            return;
        }
        for question in critical {
            let options = |options: &[String]| {
                if options.is_empty() { String::new() } else { format!(" ({})", options.join(" / ")) }
            };
            self.say(
                &format!("- {}{}", question.question, options(&question.options)),
                &format!("- {}{}", question.question_ko, options(&question.options_ko)),
            );
        }
    }
}

/// A text in at most so many columns; one that was longer ends in a dot of its own.
pub fn fitted(text: &str, columns: usize) -> String {
    if super::wrap::columns(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if super::wrap::columns(&kept) > columns.saturating_sub(1) {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// A text in at most so many characters; one that was longer ends in dots.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    let dots: String = "...".chars().take(most).collect();
    format!("{kept}{dots}")
}
