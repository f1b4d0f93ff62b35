//! The report as text for a terminal: English first, then Korean, the diff once.

mod sections;

use super::Report;
use super::page::{Line, Page};
use super::text::Language;

/// The whole report in both languages, for a terminal of so many columns. Only lines of a diff
/// may be wider.
#[must_use]
pub fn display(report: &Report, width: usize) -> String {
    joined(&lines(report, width))
}

/// The report in English, with the diff.
#[must_use]
pub fn display_en(report: &Report, width: usize) -> String {
    joined(&part(report, width, Language::English))
}

/// The report in Korean; the diff is only summed up.
#[must_use]
pub fn display_ko(report: &Report, width: usize) -> String {
    joined(&part(report, width, Language::Korean))
}

/// The lines of [`display`], each with what it is.
#[must_use]
pub fn lines(report: &Report, width: usize) -> Vec<Line> {
    let mut lines = part(report, width, Language::English);
    lines.extend(part(report, width, Language::Korean));
    lines
}

fn part(report: &Report, width: usize, language: Language) -> Vec<Line> {
    let mut page = Page::new(language, width);
    sections::title(&mut page, report);
    sections::findings(&mut page, report);
    sections::risks(&mut page, report);
    sections::checks(&mut page, report);
    sections::choices(&mut page, report);
    sections::changes(&mut page, report);
    sections::applied(&mut page, report);
    sections::cost(&mut page, report);
    sections::open_questions(&mut page, report);
    sections::questions(&mut page, report);
    sections::next(&mut page, report);
    page.blank();
    page.finish()
}

fn joined(lines: &[Line]) -> String {
    lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
}
