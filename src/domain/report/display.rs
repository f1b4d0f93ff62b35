//! The report as text for a terminal: one language after the other, the diff once.

use super::{Diffs, Line, LineKind, Mode, Page, ProposedChange, Report, content};
use crate::domain::language::Language;
use crate::domain::question::{Counts, Priority, Question};
use crate::domain::report;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};
use crate::domain::words::grouped;

/// The whole report in these languages, for a terminal of so many columns. Only lines of a diff may
/// be wider.
pub fn display(report: &Report, width: usize, languages: &[Language]) -> String {
    lines(report, width, languages).iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
}

/// The lines of [`display`], each with what it is.
pub fn lines(report: &Report, width: usize, languages: &[Language]) -> Vec<Line> {
    let mut diffs = Diffs::Here;
    let part = |language: &Language| {
        part(report, Page::new(*language, width, std::mem::replace(&mut diffs, Diffs::Above)))
    };
    languages.iter().flat_map(part).collect()
}

fn part(report: &Report, mut page: Page) -> Vec<Line> {
    title(&mut page, report);
    findings(&mut page, report);
    risks(&mut page, report);
    checks(&mut page, report);
    choices(&mut page, report);
    changes(&mut page, report);
    applied(&mut page, report);
    cost(&mut page, report);
    open_questions(&mut page, report);
    questions(&mut page, report);
    next(&mut page, report);
    page.blank();
    page.finish()
}

fn title(page: &mut Page, report: &Report) {
    page.rule();
    let (number, all) = (report::stage_number(report.stage), Stage::ALL.len());
    let title = page.say(&say!("title", number = number, all = all, name = report.stage_display_name));
    page.text(LineKind::Title, 0, &title);
    let about = about(page, report);
    page.text(LineKind::Faint, 0, &about);
    page.rule();
    let summary = page.say(&report.summary);
    page.text(LineKind::Body, 0, &summary);
}

/// Returns when and how, in one line.
fn about(page: &Page, report: &Report) -> String {
    let mode = match report.mode {
        Mode::Consult => page.say(&say!("mode_consult")),
        Mode::Ensemble => page.say(&say!("mode_ensemble")),
        Mode::Solo => page.say(&say!("mode_solo")),
    };
    let why = report.mode_reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let round = report.iteration.and_then(report::in_words).map(|round| format!(" | {}", page.say(&round)));
    format!("{} | {mode}{why}{}", report.timestamp, round.unwrap_or_default())
}

fn findings(page: &mut Page, report: &Report) {
    let findings = page.say_all(&report.key_findings);
    page.heading(&say!("heading_found"), &format!("({})", findings.len()));
    let rows: Vec<_> = findings.iter().map(|finding| row(finding)).collect();
    page.table(&rows);
}

/// A finding's label and text.
fn row(finding: &str) -> (LineKind, String, String) {
    let (label, text) = finding.split_once(": ").unwrap_or(("", finding));
    (LineKind::Body, label.to_owned(), text.to_owned())
}

fn risks(page: &mut Page, report: &Report) {
    let risks = page.say_all(&report.risks);
    page.heading(&say!("heading_risks"), &format!("({})", risks.len()));
    if risks.is_empty() {
        let none = page.say(&say!("none_found"));
        page.text(LineKind::Good, 2, &none);
    }
    for risk in &risks {
        page.item(LineKind::Bad, "  ! ", risk);
    }
}

fn checks(page: &mut Page, report: &Report) {
    page.heading(&say!("heading_checks"), "");
    let rows = [schema(page, report), flags(page, report), answers(page, report), tests(page, report)];
    page.table(&rows);
}

fn schema(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say(&say!("row_schema"));
    let name = report.stage.schema().name();
    let outputs = report.counts.get("structured_outputs").copied().unwrap_or_default();
    if report.schema.is_empty() && outputs == 0 {
        let none = page.say(&say!("nothing_structured"));
        return (LineKind::Faint, label, none);
    }
    if report.schema.is_empty() {
        return (LineKind::Good, label, page.say(&say!("fits", name = name)));
    }
    let who = listed_sources(report.schema.iter().map(|one| one.provider.as_str()));
    (LineKind::Bad, label, page.say(&say!("does_not_fit", name = name, who = who)))
}

fn flags(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say(&say!("row_red_flags"));
    if report.red_flags.is_empty() {
        return (LineKind::Good, label, page.say(&say!("no_red_flags")));
    }
    let who = listed_sources(report.red_flags.iter().map(|one| one.provider.as_str()));
    let count = report.red_flags.len();
    (LineKind::Bad, label, page.say(&say!("red_flags_of", n = count, who = who)))
}

fn answers(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say(&say!("row_consultants"));
    if report.failures.is_empty() {
        let (kind, text) = match report.mode {
            Mode::Solo => (LineKind::Faint, page.say(&say!("none_asked"))),
            Mode::Consult | Mode::Ensemble => (LineKind::Good, page.say(&say!("all_answered"))),
        };
        return (kind, label, text);
    }
    let who = listed_sources(report.failures.iter().map(|one| one.provider.as_str()));
    (LineKind::Bad, label, page.say(&say!("no_answer_from", who = who)))
}

fn listed_sources<'s>(sources: impl Iterator<Item = &'s str>) -> Text {
    Text::listed(&sources.map(content::called).collect::<Vec<_>>())
}

fn tests(page: &Page, report: &Report) -> (LineKind, String, String) {
    let label = page.say(&say!("row_tests"));
    let Some(note) = &report.tests else {
        return (LineKind::Faint, label, page.say(&say!("tests_none")));
    };
    let failing =
        if note.failing.is_empty() { String::new() } else { format!(": {}", note.failing.join(", ")) };
    let commands =
        if note.commands.is_empty() { String::new() } else { format!(": {}", note.commands.join("; ")) };
    let summary =
        if note.summary.is_empty() { String::new() } else { format!(" ({}{commands})", note.summary) };
    if note.shows_tests() {
        return (LineKind::Good, label, format!("{}{summary}", page.say(&say!("tests_passed"))));
    }
    if note.passed {
        let passed = match (note.is_claim, note.is_old) {
            (true, _) => say!("tests_claimed"),
            (false, true) => say!("tests_old"),
            (false, false) => say!("tests_idle"),
        };
        return (LineKind::Bad, label, format!("{}{summary}", page.say(&passed)));
    }
    (LineKind::Bad, label, format!("{}{summary}{failing}", page.say(&say!("tests_failed"))))
}

fn changes(page: &mut Page, report: &Report) {
    for change in &report.diff {
        let size = size(page, change);
        page.heading(&say!("heading_change"), &size);
        let left = change.lines_left_out;
        match page.diffs {
            Diffs::Here => change.text.lines().for_each(|line| page.diff(line)),
            Diffs::Above => {
                let note = page.say(&say!("diff_above"));
                page.text(LineKind::Faint, 2, &note);
            }
        }
        lines_left_out(page, left);
    }
}

fn lines_left_out(page: &mut Page, count: usize) {
    if count > 0 {
        let note = page.say(&say!("lines_not_shown", n = count));
        page.text(LineKind::Faint, 2, &note);
    }
}

/// Lists the choices of a reviewer.
fn choices(page: &mut Page, report: &Report) {
    if report.choices.is_empty() {
        return;
    }
    page.heading(&say!("heading_choices"), &format!("({})", report.choices.len()));
    for choice in &report.choices {
        let by = choice.selected_by.join(", ");
        let by = if by.is_empty() { by } else { page.say(&say!("selected_by", who = by)) };
        page.item(LineKind::Body, "  > ", &format!("{}{by}", choice.line()));
    }
}

/// Lists the changes since the last report, approved or not.
fn applied(page: &mut Page, report: &Report) {
    if report.applied.is_empty() {
        return;
    }
    let count = format!("({})", report.applied.len());
    page.heading(&say!("heading_applied"), &count);
    for change in &report.applied {
        let title = page.say(&change.title());
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
        return page.say(&say!("change_not_understood", who = who, problem = problem));
    }
    let (files, added, removed) = (change.files.len(), change.added, change.removed);
    page.say(&say!("change_size", who = who, n = files, added = added, removed = removed))
}

fn cost(page: &mut Page, report: &Report) {
    let cost = report.cost;
    page.heading(&say!("heading_cost"), "");
    let total = match cost.max_total {
        Some(max) => say!("of_limit", used = cost.consults_total, max = max),
        None => Text::quoted(cost.consults_total.to_string()),
    };
    let consults = say!("consults_used", stage = cost.consults_stage, total = total);
    let mut rows = vec![
        (LineKind::Body, page.say(&say!("row_consults")), page.say(&consults)),
        (LineKind::Body, page.say(&say!("row_time")), page.say(&Text::duration(cost.duration_ms))),
    ];
    if let (Some(input), Some(output)) = (cost.input_tokens, cost.output_tokens) {
        let (input, output) = (grouped(input), grouped(output));
        let text = page.say(&say!("tokens_used", input = input, output = output));
        rows.push((LineKind::Body, page.say(&say!("row_tokens")), text));
    }
    if let Some(dollars) = cost.cost_usd {
        rows.push((LineKind::Body, page.say(&say!("row_price")), format!("${dollars:.4}")));
    }
    page.table(&rows);
}

fn open_questions(page: &mut Page, report: &Report) {
    if report.open_questions.is_empty() {
        return;
    }
    let count = format!("({})", report.open_questions.len());
    page.heading(&say!("heading_open_questions"), &count);
    for open in &report.open_questions {
        page.item(LineKind::Bad, "  ? ", &page.say(&open.text()));
        page.text(LineKind::Faint, 6, &open.id);
    }
}

fn questions(page: &mut Page, report: &Report) {
    let counts = Counts::of(&report.questions);
    page.heading(&say!("heading_questions"), &format!("({})", report.questions.len()));
    for priority in Priority::ALL.iter().copied().filter(|priority| counts.get(*priority) > 0) {
        let kind = match priority {
            Priority::Critical => LineKind::Critical,
            Priority::High | Priority::Medium | Priority::Low => LineKind::Priority,
        };
        let words = page.say(&Text::said(&format!("priority_{}", priority.name()), &[]));
        page.text(kind, 2, &format!("{words} ({})", counts.get(priority)));
        for question in report.questions.iter().filter(|question| question.priority == priority) {
            one_question(page, question);
        }
    }
}

fn one_question(page: &mut Page, question: &Question) {
    let asked = page.say(&question.question);
    page.item(LineKind::Body, "    - ", &asked);
    let answer = if question.requires_text_response {
        page.say(&say!("own_words"))
    } else {
        page.say_all(&question.options).join(" | ")
    };
    page.text(LineKind::Faint, 6, &format!("{}: {answer}", question.id));
    if let Some(context) = &question.context {
        let mark = format!("      {}: ", page.say(&say!("about")));
        page.item(LineKind::Faint, &mark, &page.say(context));
    }
    if let Some(response) = &question.response {
        let mark = format!("      {}: ", page.say(&say!("label_answer")));
        page.item(LineKind::Body, &mark, response);
    }
}

fn next(page: &mut Page, report: &Report) {
    let heading = match report.next_stage {
        Some(stage) => say!("next", name = report::stage_name(stage)),
        None => say!("heading_next"),
    };
    page.heading(&heading, "");
    let preview = page.say(&report.next_stage_preview);
    page.text(LineKind::Body, 2, &preview);
    page.heading(&say!("heading_action"), "");
    let action = page.say(&report.action_required);
    page.text(LineKind::Body, 2, &action);
}
