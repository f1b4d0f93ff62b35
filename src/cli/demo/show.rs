//! The output of the demo: the same text everywhere, in colour on a terminal.

use std::sync::OnceLock;

use crate::cli::report::{Colour, paint};
use crate::cli::terminal::{self, width};
use crate::domain::report::LineKind;
use crate::error::Error;
use crate::host::environment::Environment;

pub(super) fn print(text: &str) -> Result<(), Error> {
    painted(text, |_| LineKind::Body)
}

pub(super) fn heading(text: &str) -> Result<(), Error> {
    painted(text, |_| LineKind::Heading)
}

/// Prints the outcome of something that was tried.
pub(super) fn outcome(text: &str, is_good: bool) -> Result<(), Error> {
    painted(text, |_| if is_good { LineKind::Good } else { LineKind::Bad })
}

/// Prints the changed lines of a diff, with their files.
pub(super) fn diff(text: &str) -> Result<(), Error> {
    let changed: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("--- "))
        .map(|line| format!("   {line}"))
        .collect();
    painted(&changed.join("\n"), |line| match line.trim_start().as_bytes() {
        [b'+', b'+', b'+', ..] => LineKind::DiffHeader,
        [b'+', ..] => LineKind::DiffAdded,
        _ => LineKind::DiffRemoved,
    })
}

fn painted(text: &str, kind: impl Fn(&str) -> LineKind) -> Result<(), Error> {
    let whole: String = text.lines().map(|line| paint(kind(line), line, colour())).collect();
    terminal::print(&whole)
}

/// Asked once: nothing of it changes while the demo runs.
fn colour() -> Colour {
    static COLOUR: OnceLock<Colour> = OnceLock::new();
    *COLOUR.get_or_init(|| {
        let environment = Environment::capture();
        Colour::choose(width().is_some(), environment.get("NO_COLOR"), environment.get("TERM"))
    })
}
