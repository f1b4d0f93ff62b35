//! The report as text for a terminal: one language after the other, with the diffs only once.

use super::{Diffs, Line, LineKind, Mode, Page, ProposedChange, Report, content};
use crate::domain::language::Language;
use crate::domain::question::{Counts, Priority, Question};
use crate::domain::report;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};
use crate::domain::words::{dollars, grouped};

/// The whole report in these languages, for a terminal of `width` columns. Only lines of a diff may be
/// wider.
pub fn display(report: &Report, width: usize, languages: &[Language]) -> String {
    lines(report, width, languages).iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
}

/// The lines of [`display`], each with its kind.
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
    page.lines
}

fn title(page: &mut Page, report: &Report) {
    page.rule();
    let (number, all) = (report::stage_number(report.stage), Stage::ALL.len());
    let name = &report.stage_display_name;
    page.text(LineKind::Title, 0, &say!("title", number = number, all = all, name = name));
    let about = about(page, report);
    page.text(LineKind::Faint, 0, &about);
    page.rule();
    page.text(LineKind::Body, 0, &report.summary);
}

/// The time and the mode of the stage, in one line.
fn about(page: &Page, report: &Report) -> String {
    let mode = match report.mode {
        Mode::Consult => page.say(&say!("mode_consult")),
        Mode::Ensemble => page.say(&say!("mode_ensemble")),
        Mode::Solo => page.say(&say!("mode_solo")),
    };
    // The reason is recorded in English.
    let why = report.mode_reason.as_ref().filter(|_| page.language == Language::ENGLISH);
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let round = report.iteration.and_then(report::in_words).map(|round| format!(" | {}", page.say(&round)));
    format!("{} | {mode}{why}{}", report.timestamp, round.unwrap_or_default())
}

fn findings(page: &mut Page, report: &Report) {
    let findings = page.say_all(&report.key_findings);
    page.heading(&say!("heading_found"), &format!("({})", findings.len()));
    let rows: Vec<_> = findings.iter().map(|finding| row(finding)).collect();
    page.table(&rows);
}

/// Splits a finding into label and text.
fn row(finding: &str) -> (LineKind, String, String) {
    let (label, text) = finding.split_once(": ").unwrap_or(("", finding));
    (LineKind::Body, label.to_owned(), text.to_owned())
}

fn risks(page: &mut Page, report: &Report) {
    page.heading(&say!("heading_risks"), &format!("({})", report.risks.len()));
    if report.risks.is_empty() {
        page.text(LineKind::Good, 2, &say!("none_found"));
    }
    for risk in &report.risks {
        page.item(LineKind::Bad, "  ! ", risk);
    }
}

fn checks(page: &mut Page, report: &Report) {
    page.heading(&say!("heading_checks"), "");
    let mut rows = vec![
        ("row_schema", schema(report)),
        ("row_red_flags", flags(report)),
        ("row_consultants", answers(report)),
        ("row_tests", tests(report)),
    ];
    if !report.left_out.is_empty() {
        rows.push(("row_context", (LineKind::Bad, say!("not_sent", what = report.left_out.join(", ")))));
    }
    let row = |(label, (kind, text)): &(&str, (LineKind, Text))| {
        (*kind, page.say(&Text::said(label, &[])), page.say(text))
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    page.table(&rows);
}

fn schema(report: &Report) -> (LineKind, Text) {
    let name = report.stage.schema().name();
    let outputs = report.counts.get("structured_outputs").copied().unwrap_or_default();
    match (report.schema.is_empty(), outputs) {
        (true, 0) => (LineKind::Faint, say!("nothing_structured")),
        (true, _) => (LineKind::Good, say!("fits", name = name)),
        (false, _) => {
            let who = listed_sources(report.schema.iter().map(|one| one.provider.as_str()));
            (LineKind::Bad, say!("does_not_fit", name = name, who = who))
        }
    }
}

fn flags(report: &Report) -> (LineKind, Text) {
    if report.red_flags.is_empty() {
        return (LineKind::Good, say!("no_red_flags"));
    }
    let who = listed_sources(report.red_flags.iter().map(|one| one.provider.as_str()));
    (LineKind::Bad, say!("red_flags_of", n = report.red_flags.len(), who = who))
}

fn answers(report: &Report) -> (LineKind, Text) {
    match (report.failures.is_empty(), report.mode) {
        (true, Mode::Solo) => (LineKind::Faint, say!("none_asked")),
        (true, Mode::Consult | Mode::Ensemble) => (LineKind::Good, say!("all_answered")),
        (false, _) => {
            let who = listed_sources(report.failures.iter().map(|one| one.provider.as_str()));
            (LineKind::Bad, say!("no_answer_from", who = who))
        }
    }
}

fn listed_sources<'s>(sources: impl Iterator<Item = &'s str>) -> Text {
    Text::listed(&sources.map(content::called).collect::<Vec<_>>())
}

fn tests(report: &Report) -> (LineKind, Text) {
    let Some(note) = &report.tests else { return (LineKind::Faint, say!("tests_none")) };
    let listed = |items: &[String], separator: &str| {
        if items.is_empty() { String::new() } else { format!(": {}", items.join(separator)) }
    };
    let commands = listed(&note.commands, "; ");
    let summary = if note.summary.is_empty() {
        Text::default()
    } else {
        note.totals().map(|totals| format!(" ({totals}{commands})"))
    };
    let (kind, text, behind) = match (note.passed, note.is_claim, note.is_old) {
        _ if note.shows_tests() => (LineKind::Good, say!("tests_passed"), summary),
        (true, true, _) => (LineKind::Bad, say!("tests_claimed"), summary),
        (true, false, true) => (LineKind::Bad, say!("tests_old"), summary),
        (true, false, false) => (LineKind::Bad, say!("tests_idle"), summary),
        (false, ..) => {
            let failing = Text::quoted(listed(&note.failing, ", "));
            (LineKind::Bad, say!("tests_failed"), Text::join(&[summary, failing], ""))
        }
    };
    (kind, Text::join(&[text, behind], ""))
}

fn changes(page: &mut Page, report: &Report) {
    for change in &report.diff {
        let size = size(page, change);
        page.heading(&say!("heading_change"), &size);
        let left = change.lines_left_out;
        match page.diffs {
            Diffs::Here => change.text.lines().for_each(|line| page.diff(line)),
            Diffs::Above => page.text(LineKind::Faint, 2, &say!("diff_above")),
        }
        lines_left_out(page, left);
    }
}

fn lines_left_out(page: &mut Page, count: usize) {
    if count > 0 {
        page.text(LineKind::Faint, 2, &say!("lines_not_shown", n = count));
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
        page.item(LineKind::Body, "  * ", &change.title());
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
    let mut rows =
        vec![(say!("row_consults"), consults), (say!("row_time"), Text::duration(cost.duration_ms))];
    if let (Some(input), Some(output)) = (cost.input_tokens, cost.output_tokens) {
        let (input, output) = (grouped(input), grouped(output));
        rows.push((say!("row_tokens"), say!("tokens_used", input = input, output = output)));
    }
    if let Some(cost_usd) = cost.cost_usd {
        let (price, unknown) = (Text::quoted(dollars(cost_usd)), cost.calls_without_cost);
        let price = if unknown > 0 { say!("price_of_some", price = price, n = unknown) } else { price };
        rows.push((say!("row_price"), price));
    }
    let said = rows.iter().map(|(label, text)| (LineKind::Body, page.say(label), page.say(text)));
    let rows: Vec<_> = said.collect();
    page.table(&rows);
}

fn open_questions(page: &mut Page, report: &Report) {
    if report.open_questions.is_empty() {
        return;
    }
    let count = format!("({})", report.open_questions.len());
    page.heading(&say!("heading_open_questions"), &count);
    for open in &report.open_questions {
        page.item(LineKind::Bad, "  ? ", &open.text());
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
    page.item(LineKind::Body, "    - ", &question.question);
    let answer = if question.requires_text_response {
        page.say(&say!("own_words"))
    } else {
        page.say_all(&question.options).join(" | ")
    };
    page.text(LineKind::Faint, 6, &format!("{}: {answer}", question.id));
    if let Some(context) = &question.context {
        let mark = format!("      {}: ", page.say(&say!("about")));
        page.item(LineKind::Faint, &mark, context);
    }
    if let Some(response) = &question.response {
        let mark = format!("      {}: ", page.say(&say!("label_answer")));
        page.item(LineKind::Body, &mark, response);
    }
}

fn next(page: &mut Page, report: &Report) {
    let heading = match report::next_name(report) {
        Some(name) => say!("next", name = name),
        None => say!("heading_next"),
    };
    page.heading(&heading, "");
    page.text(LineKind::Body, 2, &report.next_stage_preview);
    page.heading(&say!("heading_action"), "");
    page.text(LineKind::Body, 2, &report.action_required);
}
