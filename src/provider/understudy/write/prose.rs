//! The answer to a free question: what the text shows, in a few readable lines.

use super::limits;
use crate::provider::understudy::case::Case;
use crate::provider::understudy::evidence::{Fault, clip};
use crate::provider::understudy::suspects;
use crate::provider::understudy::{clue, command, paths};

const LIMIT: usize = 4_000;

pub(crate) fn prose(case: &Case<'_>) -> String {
    let mut text =
        String::from("Understudy (rules, no model): this is read from the text, not understood.\n");
    let faults = case.faults();
    if case.evidence.is_empty() {
        text.push_str("\nNo error, stack frame or failing test was found in it.\n");
        section(&mut text, "Places that the text names", mentioned(case));
        section(
            &mut text,
            "Files that came along",
            case.files().iter().take(10).map(|file| file.path.to_owned()).collect(),
        );
        text.push_str("\nA question without an error needs a provider with a model.\n");
        return text;
    }
    section(&mut text, "Errors", faults.iter().take(5).map(|fault| error(case, fault)).collect());
    section(
        &mut text,
        "Failing tests",
        case.evidence.tests.iter().take(8).map(|test| test.name.clone()).collect(),
    );
    let suspects = suspects::find(case);
    let likely = suspects
        .iter()
        .take(3)
        .map(|one| format!("{} ({:.2})", clip(&one.claim, 360), one.confidence))
        .collect();
    section(&mut text, "Where to look, with a modest confidence", likely);
    section(&mut text, "What to check next", next(case));
    section(&mut text, "What rules do not know", limits(case));
    clip(&text, LIMIT)
}

fn section(text: &mut String, title: &str, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    text.extend(["\n", title, ":\n"]);
    for item in items {
        text.extend(["- ", item.as_str(), "\n"]);
    }
}

fn error(case: &Case<'_>, fault: &Fault) -> String {
    let title = clip(&fault.title(), 200);
    let Some(place) = case.place(fault) else {
        return title;
    };
    let source = place.source.map(|source| format!("\n  `{}`", clip(source.trim(), 120))).unwrap_or_default();
    let frames: Vec<String> = case.project_frames(fault).skip(1).take(3).map(|frame| frame.label()).collect();
    let from =
        if frames.is_empty() { String::new() } else { format!("\n  called from {}", frames.join(", ")) };
    format!("{title} at {}{source}{from}", place.label())
}

fn next(case: &Case<'_>) -> Vec<String> {
    let checks = case.faults().into_iter().take(3).filter_map(|fault| {
        let place = case.place(fault)?;
        let clue = clue::find(case, fault, &place)?;
        Some(format!("at {}:{}: {}", place.file, place.line, clue.check))
    });
    let run = command::for_all(case)
        .or_else(|| case.faults().iter().find_map(|fault| command::for_fault(case, fault)));
    let mut all: Vec<String> = checks.collect();
    all.dedup();
    all.extend(run.map(|command| format!("run `{}`", clip(&command, 400))));
    all
}

fn mentioned(case: &Case<'_>) -> Vec<String> {
    let places = case.evidence.mentioned.iter().filter(|frame| paths::is_project(frame));
    places
        .take(8)
        .map(|frame| format!("{}:{}", paths::shown(case.files(), &frame.file), frame.line))
        .collect()
}
