//! The sections of the report, in the order in which they are read.

use super::super::page::{Diffs, LineKind, Page};
use super::super::text::{Language, Words, duration, listed};
use super::super::{Mode, ProposedChange, Report, content, names, next};
use crate::domain::question::{Counts, Priority, Question};
use crate::domain::stage::Stage;
use crate::domain::words::grouped;

pub(super) fn title(page: &mut Page, report: &Report) {
    page.rule();
    let (number, all) = (names::number(report.stage), Stage::ALL.len());
    let title = page.say(
        format!("MAESTRO | Stage {number} of {all}: {}", report.stage_display_name),
        format!("MAESTRO | {all}단계 중 {number}단계: {}", report.stage_display_name_ko),
    );
    page.text(LineKind::Title, 0, &title);
    let about = about(page, report);
    page.text(LineKind::Faint, 0, &about);
    page.rule();
    let summary = page.say(&report.summary, &report.summary_ko);
    page.text(LineKind::Body, 0, &summary);
}

/// Returns when and how, in one line.
fn about(page: &Page, report: &Report) -> String {
    let mode = match report.mode {
        Mode::Consult => page.say("one consultant", "컨설턴트 하나에 질의"),
        Mode::Ensemble => page.say("several consultants", "여러 컨설턴트에 질의"),
        Mode::Solo => page.say("without a consultant", "컨설턴트 없이 수행"),
    };
    let why = report.mode_reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let round =
        report.iteration.and_then(next::round).map(|round| format!(" | {}", page.say(round.en, round.ko)));
    format!("{} | {mode}{why}{}", report.timestamp, round.unwrap_or_default())
}

pub(super) fn findings(page: &mut Page, report: &Report) {
    let findings = page_list(page, &report.key_findings, &report.key_findings_ko);
    page.heading(Words::new("FOUND", "확인된 내용"), &format!("({})", findings.len()));
    let rows: Vec<_> = findings.iter().map(|finding| row(finding)).collect();
    page.table(&rows);
}

/// A finding's label and text.
fn row(finding: &str) -> (LineKind, String, String) {
    let (label, text) = finding.split_once(": ").unwrap_or(("", finding));
    (LineKind::Body, label.to_owned(), text.to_owned())
}

fn page_list<'r>(page: &Page, en: &'r [String], ko: &'r [String]) -> &'r [String] {
    match page.language {
        Language::English => en,
        Language::Korean => ko,
    }
}

pub(super) fn risks(page: &mut Page, report: &Report) {
    let risks = page_list(page, &report.risks, &report.risks_ko);
    page.heading(Words::new("RISKS", "위험 요소"), &format!("({})", risks.len()));
    if risks.is_empty() {
        let none = page.say("None found.", "발견된 위험 요소가 없습니다.");
        page.text(LineKind::Good, 2, &none);
    }
    for risk in risks {
        page.item(LineKind::Bad, "  ! ", risk);
    }
}

pub(super) fn checks(page: &mut Page, report: &Report) {
    page.heading(Words::new("CHECKS", "점검 결과"), "");
    let rows = [schema(page, report), flags(page, report), answers(page, report), tests(page, report)];
    page.table(&rows);
}

fn schema(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say("Schema", "스키마");
    let name = report.stage.schema().name();
    let outputs = report.counts.get("structured_outputs").copied().unwrap_or_default();
    if report.schema.is_empty() && outputs == 0 {
        let none = page.say("no structured output to check", "검사할 구조화된 출력이 없음");
        return (LineKind::Faint, label, none);
    }
    if report.schema.is_empty() {
        return (LineKind::Good, label, page.say(format!("fits {name}"), format!("{name}에 맞음")));
    }
    let who = listed_sources(page, report.schema.iter().map(|one| one.provider.as_str()));
    let text = page.say(format!("does not fit {name}: {who}"), format!("{name}에 맞지 않음: {who}"));
    (LineKind::Bad, label, text)
}

fn flags(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say("Red flags", "위험 신호");
    if report.red_flags.is_empty() {
        return (LineKind::Good, label, page.say("none", "없음"));
    }
    let who = listed_sources(page, report.red_flags.iter().map(|one| one.provider.as_str()));
    let count = report.red_flags.len();
    (LineKind::Bad, label, page.say(format!("{count}: {who}"), format!("{count}건: {who}")))
}

fn answers(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say("Consultants", "컨설턴트");
    if report.failures.is_empty() {
        let (kind, text) = match report.mode {
            Mode::Solo => (LineKind::Faint, page.say("none was asked", "질의하지 않음")),
            Mode::Consult | Mode::Ensemble => (LineKind::Good, page.say("all answered", "모두 응답함")),
        };
        return (kind, label, text);
    }
    let who = listed_sources(page, report.failures.iter().map(|one| one.provider.as_str()));
    (LineKind::Bad, label, page.say(format!("no answer from {who}"), format!("응답 없음: {who}")))
}

fn listed_sources<'s>(page: &Page, sources: impl Iterator<Item = &'s str>) -> String {
    let called = sources.map(content::called);
    match page.language {
        Language::English => listed(&called.map(|name| name.en).collect::<Vec<_>>()),
        Language::Korean => called.map(|name| name.ko).collect::<Vec<_>>().join(", "),
    }
}

fn tests(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say("Tests", "테스트");
    let Some(note) = &report.tests else {
        return (LineKind::Faint, label, page.say("none recorded yet", "아직 기록된 결과 없음"));
    };
    let failing =
        if note.failing.is_empty() { String::new() } else { format!(": {}", note.failing.join(", ")) };
    let commands =
        if note.commands.is_empty() { String::new() } else { format!(": {}", note.commands.join("; ")) };
    let summary =
        if note.summary.is_empty() { String::new() } else { format!(" ({}{commands})", note.summary) };
    if note.shows_tests() {
        return (LineKind::Good, label, page.say(format!("passed{summary}"), format!("통과{summary}")));
    }
    if note.passed {
        let (en, ko) = match (note.is_claim, note.is_old) {
            (true, _) => ("said to pass, a claim", "통과했다는 주장"),
            (false, true) => ("passed before the last change", "마지막 변경 이전에 통과"),
            (false, false) => ("checks passed, no test ran", "검증은 통과, 실행된 테스트 없음"),
        };
        return (LineKind::Bad, label, page.say(format!("{en}{summary}"), format!("{ko}{summary}")));
    }
    (LineKind::Bad, label, page.say(format!("failed{summary}{failing}"), format!("실패{summary}{failing}")))
}

pub(super) fn changes(page: &mut Page, report: &Report) {
    for change in &report.diff {
        let size = size(page, change);
        page.heading(Words::new("CHANGE", "변경 내용"), &size);
        let left = change.lines_left_out;
        match page.diffs {
            Diffs::Here => change.text.lines().for_each(|line| page.diff(line)),
            Diffs::Above => {
                let note =
                    page.say("The diff is in the report above.", "diff 본문은 위의 보고서에 있습니다.");
                page.text(LineKind::Faint, 2, &note);
            }
        }
        lines_left_out(page, left);
    }
}

fn lines_left_out(page: &mut Page, count: usize) {
    if count > 0 {
        let note = page.say(
            format!("... {count} more lines are not shown."),
            format!("... 마지막 {count}줄은 생략되었습니다."),
        );
        page.text(LineKind::Faint, 2, &note);
    }
}

/// What a reviewer can choose among.
pub(super) fn choices(page: &mut Page, report: &Report) {
    if report.choices.is_empty() {
        return;
    }
    page.heading(Words::new("WHICH ONE GOES ON", "진행할 것 선택"), &format!("({})", report.choices.len()));
    for choice in &report.choices {
        let by = choice.selected_by.join(", ");
        let by = if by.is_empty() {
            by
        } else {
            page.say(format!(" [selected by {by}]"), format!(" [{by} 선택]"))
        };
        page.item(LineKind::Body, "  > ", &format!("{}{by}", choice.line()));
    }
}

/// What was changed since the last report, whoever had approved it.
pub(super) fn applied(page: &mut Page, report: &Report) {
    if report.applied.is_empty() {
        return;
    }
    let count = format!("({})", report.applied.len());
    page.heading(Words::new("CHANGED SINCE THE LAST REPORT", "마지막 보고 이후 변경됨"), &count);
    for change in &report.applied {
        let title = change.title();
        let title = page.say(title.en, title.ko);
        page.item(LineKind::Body, "  * ", &title);
        if page.diffs == Diffs::Here {
            change.text.lines().for_each(|line| page.diff(line));
            lines_left_out(page, change.lines_left_out);
        }
    }
}

/// The size of a change in one line.
fn size(page: &Page, change: &ProposedChange) -> String {
    let who = content::called(&change.source);
    if let Some(problem) = &change.problem {
        return page.say(
            format!("by {}, not understood: {problem}", who.en),
            format!("({}) 해석할 수 없음: {problem}", who.ko),
        );
    }
    let (files, added, removed) = (change.files.len(), change.added, change.removed);
    let noun = if files == 1 { "file" } else { "files" };
    page.say(
        format!("by {}: {files} {noun}, +{added} -{removed}", who.en),
        format!("({}) 파일 {files}개, +{added} -{removed}", who.ko),
    )
}

pub(super) fn cost(page: &mut Page, report: &Report) {
    let cost = report.cost;
    page.heading(Words::new("COST SO FAR", "지금까지의 비용"), "");
    let limit =
        cost.max_total.map_or_else(String::new, |max| page.say(format!(" of {max}"), format!("/{max}")));
    let consults = page.say(
        format!("{} in this stage, {}{limit} in the run", cost.consults_stage, cost.consults_total),
        format!("이 단계 {}회, 전체 {}{limit}회", cost.consults_stage, cost.consults_total),
    );
    let time = duration(cost.duration_ms);
    let mut rows = vec![
        (LineKind::Body, page.say("Consults", "질의"), consults),
        (LineKind::Body, page.say("Time", "소요 시간"), page.say(time.en, time.ko)),
    ];
    if let (Some(input), Some(output)) = (cost.input_tokens, cost.output_tokens) {
        let (input, output) = (grouped(input), grouped(output));
        let text = page.say(format!("{input} in, {output} out"), format!("입력 {input}, 출력 {output}"));
        rows.push((LineKind::Body, page.say("Tokens", "토큰"), text));
    }
    if let Some(dollars) = cost.cost_usd {
        rows.push((LineKind::Body, page.say("Price", "금액"), format!("${dollars:.4}")));
    }
    page.table(&rows);
}

pub(super) fn open_questions(page: &mut Page, report: &Report) {
    if report.open_questions.is_empty() {
        return;
    }
    let count = format!("({})", report.open_questions.len());
    page.heading(
        Words::new("CRITICAL QUESTIONS STILL OPEN FROM BEFORE", "이전 단계에서 답하지 않은 필수 질문"),
        &count,
    );
    for open in &report.open_questions {
        let name = names::stage(open.stage).of(page.language);
        page.item(LineKind::Bad, "  ? ", &format!("{} ({name})", open.id));
    }
}

pub(super) fn questions(page: &mut Page, report: &Report) {
    let counts = Counts::of(&report.questions);
    page.heading(Words::new("QUESTIONS", "검토 질문"), &format!("({})", report.questions.len()));
    for priority in Priority::ALL.into_iter().filter(|priority| counts.get(*priority) > 0) {
        let (kind, words) = match priority {
            Priority::Critical => (LineKind::Critical, Words::new("Critical", "필수")),
            Priority::High => (LineKind::Priority, Words::new("High", "중요")),
            Priority::Medium => (LineKind::Priority, Words::new("Medium", "보통")),
            Priority::Low => (LineKind::Priority, Words::new("Low", "낮음")),
        };
        page.text(kind, 2, &format!("{} ({})", words.of(page.language), counts.get(priority)));
        for question in report.questions.iter().filter(|question| question.priority == priority) {
            one_question(page, question);
        }
    }
}

fn one_question(page: &mut Page, question: &Question) {
    let asked = page.say(&question.question, &question.question_ko);
    page.item(LineKind::Body, "    - ", &asked);
    let options = page_list(page, &question.options, &question.options_ko);
    let answer = if question.requires_text_response {
        page.say("in your own words", "직접 작성")
    } else {
        options.join(" | ")
    };
    page.text(LineKind::Faint, 6, &format!("{}: {answer}", question.id));
    let context = page
        .say(question.context.clone().unwrap_or_default(), question.context_ko.clone().unwrap_or_default());
    if !context.is_empty() {
        let mark = page.say("      About: ", "      관련: ");
        page.item(LineKind::Faint, &mark, &context);
    }
    if let Some(response) = &question.response {
        let mark = page.say("      Answer: ", "      답변: ");
        page.item(LineKind::Body, &mark, response);
    }
}

pub(super) fn next(page: &mut Page, report: &Report) {
    let name = report.next_stage.map(|stage| names::stage(stage).of(page.language)).unwrap_or_default();
    let heading = if name.is_empty() {
        Words::new("NEXT", "다음 단계")
    } else {
        Words::new("NEXT:", "다음 단계:")
    };
    page.heading(heading, name);
    let preview = page.say(&report.next_stage_preview, &report.next_stage_preview_ko);
    page.text(LineKind::Body, 2, &preview);
    page.heading(Words::new("WHAT YOU ARE ASKED TO DO", "검토자가 할 일"), "");
    let action = page.say(&report.action_required, &report.action_required_ko);
    page.text(LineKind::Body, 2, &action);
}
