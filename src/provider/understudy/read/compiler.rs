//! What compilers complain about: rustc, gcc and clang, javac, tsc, C#, Go.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang};
use crate::provider::understudy::pattern::Pattern;

static RUSTC: Pattern = Pattern::new(r"^error(?:\[(E\d+)\])?: (.+)$");
static ARROW: Pattern = Pattern::new(r"^\s*--> ([^:\s][^:]*):(\d+):\d+");
static LABEL: Pattern = Pattern::new(r"^\s*\|[\s|^-]*\^ (.+)$");
static UNIX: Pattern = Pattern::new(r"^([^\s:][^:]*\.\w+):(\d+):(?:\d+:)? (?:fatal |internal )?error: (.*)$");
static CODED: Pattern = Pattern::new(r"^\s*(\S.*?\.\w+)[(:](\d+)[,:]\d+\)?(?: -|:) error ([A-Z]+\d+): (.*)$");
static KOTLIN: Pattern = Pattern::new(r"^e: (?:file://)?([^:\s]+\.kts?):(\d+):\d+:? (.*)$");
static GO: Pattern = Pattern::new(r"^([^\s:]+\.go):(\d+):\d+: (.+)$");

#[derive(Default)]
pub(super) struct Compiler {
    /// A message of rustc that waits for its ` --> `.
    open: Option<Fault>,
}

impl Reader for Compiler {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if line.starts_with("error") {
            self.end(out);
            self.open = RUSTC.find(line).map(|found| {
                let code = if found.text(1).is_empty() { "compile error" } else { found.text(1) };
                Fault::new(at, Lang::Rust, code, found.text(2))
            });
        } else if self.open.is_some() {
            self.follow(line, out);
        }
        if line.contains("error")
            && let Some(fault) = with_error(at, line)
        {
            out.fault(fault);
        } else if (line.contains(".go:") || line.starts_with("e: "))
            && let Some(fault) = without_error(at, line)
        {
            out.fault(fault);
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(mut fault) = self.open.take_if(|fault| !fault.frames.is_empty()) {
            fault.is_static = true;
            out.fault(fault);
        }
    }
}

impl Compiler {
    /// The arrow says where, the carets say what, a blank line ends it.
    fn follow(&mut self, line: &str, out: &mut Evidence) {
        let Some(fault) = &mut self.open else { return };
        if line.trim().is_empty() {
            self.end(out);
        } else if let Some(found) = ARROW.find(line).filter(|_| fault.frames.is_empty()) {
            fault.frames.push(Frame::new(found.text(1), found.number(2), ""));
        } else if let Some(found) = LABEL.find(line).filter(|_| !fault.message.contains(": ")) {
            fault.message.push_str(": ");
            fault.message.push_str(found.text(1));
        }
    }
}

fn with_error(at: usize, line: &str) -> Option<Fault> {
    if let Some(found) = CODED.find(line) {
        let frame = Frame::new(found.text(1), found.number(2), "");
        return Some(complaint(Fault::new(at, lang_of(found.text(1)), found.text(3), found.text(4)), frame));
    }
    let found = UNIX.find(line)?;
    let frame = Frame::new(found.text(1), found.number(2), "");
    let class = if found.text(3).starts_with("Assertion") { "assertion" } else { "compile error" };
    Some(complaint(Fault::new(at, lang_of(found.text(1)), class, found.text(3)), frame))
}

fn without_error(at: usize, line: &str) -> Option<Fault> {
    let found = GO.find(line).or_else(|| KOTLIN.find(line))?;
    let frame = Frame::new(found.text(1), found.number(2), "");
    Some(complaint(Fault::new(at, lang_of(found.text(1)), "compile error", found.text(3)), frame))
}

fn complaint(mut fault: Fault, frame: Frame) -> Fault {
    fault.frames.push(frame);
    fault.is_static = true;
    fault
}

fn lang_of(file: &str) -> Lang {
    match file.rsplit('.').next().unwrap_or("") {
        "rs" => Lang::Rust,
        "ts" | "tsx" | "mts" | "cts" => Lang::TypeScript,
        "js" | "jsx" | "mjs" | "cjs" => Lang::JavaScript,
        "go" => Lang::Go,
        "java" | "kt" | "kts" | "scala" => Lang::Jvm,
        "cs" | "fs" | "vb" => Lang::DotNet,
        "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "m" | "mm" => Lang::C,
        "py" => Lang::Python,
        "rb" => Lang::Ruby,
        _ => Lang::Unknown,
    }
}
