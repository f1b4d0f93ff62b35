//! Reads the evidence: every reader sees every line once, so that the time is linear in the text.

mod compiler;
mod difference;
mod dotnet;
mod generic;
mod go;
mod javascript;
mod js_tests;
mod jvm;
mod native;
mod pytest;
mod python;
mod ruby;
mod rust;
mod rust_tests;
mod tap;
mod unittest;

use super::evidence::Evidence;
use super::pattern::Pattern;
use std::borrow::Cow;

/// Knows one tool's way of writing.
trait Reader {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence);
    /// The text is over.
    fn end(&mut self, _out: &mut Evidence) {}
}

static COLOUR: Pattern = Pattern::new(r"\x1b\[[0-9;:?]*[A-Za-z]");
static TIMESTAMP: Pattern = Pattern::new(r"^\d{4}-\d\d-\d\dT[\d:.]+Z ");

/// Everything that the lines show.
pub(crate) fn read(lines: &[&str]) -> Evidence {
    let mut out = Evidence::default();
    // A fault that waits for its end belongs to the test before the next header, so the readers
    // of faults come before the readers of tests.
    let mut readers: [Box<dyn Reader>; 15] = [
        Box::<python::Python>::default(),
        Box::<pytest::Pytest>::default(),
        Box::<rust::Rust>::default(),
        Box::<compiler::Compiler>::default(),
        Box::<javascript::JavaScript>::default(),
        Box::<tap::Tap>::default(),
        Box::<go::Go>::default(),
        Box::<jvm::Jvm>::default(),
        Box::<dotnet::DotNet>::default(),
        Box::<ruby::Ruby>::default(),
        Box::<native::Native>::default(),
        Box::<unittest::Unittest>::default(),
        Box::<rust_tests::RustTests>::default(),
        Box::<js_tests::JsTests>::default(),
        Box::<generic::Generic>::default(),
    ];
    let mut differences = difference::Differences::default();
    for (at, line) in lines.iter().enumerate() {
        let line = plain(line);
        differences.line(at, &line);
        for reader in &mut readers {
            reader.line(at, &line, &mut out);
        }
    }
    for reader in &mut readers {
        reader.end(&mut out);
    }
    out.faults.sort_by_key(|fault| fault.at);
    differences.give(&mut out);
    out
}

/// Without colours and without the time that a build server writes before each line.
fn plain(line: &str) -> Cow<'_, str> {
    let line = if line.starts_with("20") {
        let stamp = TIMESTAMP.find(line).map_or(0, |found| found.end());
        line.get(stamp..).unwrap_or(line)
    } else {
        line
    };
    if line.contains('\x1b') { Cow::Owned(COLOUR.without(line)) } else { Cow::Borrowed(line) }
}

/// Leading blanks, in bytes.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
