//! `errors`: what a code means, or all of them as the document.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::ErrorsOptions;
use super::terminal::print;
use crate::error::{Error, reference};

pub(super) fn run(options: &ErrorsOptions) -> Result<ExitCode, Error> {
    if options.json {
        let wanted = options.code.as_deref();
        let found: Vec<Value> = reference::entries()
            .filter(|entry| wanted.is_none_or(|code| entry.code == code))
            .map(|entry| json!({ "code": entry.code, "text": entry.plain() }))
            .collect();
        if let (Some(code), true) = (wanted, found.is_empty()) {
            return Err(unknown(code));
        }
        print(&format!("{:#}\n", Value::Array(found)))?;
        return Ok(ExitCode::SUCCESS);
    }
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
