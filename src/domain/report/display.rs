//! The report as text for a terminal: one language after the other, the diff once.

mod sections;

use super::Report;
use super::page::{Diffs, Line, Page};
use crate::domain::language::Language;

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
