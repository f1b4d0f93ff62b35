//! `errors`: what a code means, or all of them as the document.

use std::process::ExitCode;

use super::arguments::ErrorsOptions;
use super::terminal::print;
use crate::error::{Error, reference};

pub(super) fn run(options: &ErrorsOptions) -> Result<ExitCode, Error> {
    let text = match &options.code {
        None => reference::markdown(),
        Some(code) => reference::find(code).ok_or_else(|| unknown(code))?.plain(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(code: &str) -> Error {
    let mut available: Vec<String> = reference::entries().map(|entry| entry.code.to_owned()).collect();
    available.sort_by(|left, right| {
        strsim::jaro_winkler(right, code).total_cmp(&strsim::jaro_winkler(left, code))
    });
    Error::Unknown { kind: "code", name: code.to_owned(), available }
}
