//! Go panics with the first goroutine's stack, and `go test` results.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang, Runner};
use crate::provider::understudy::pattern::Pattern;

static PANIC: Pattern = Pattern::new(r"^(panic|fatal error): (.+?)(?: \[recovered\].*)?$");
static FILE: Pattern = Pattern::new(r"^\s+(\S+\.go):(\d+)(?: \+0x[0-9a-f]+)?$");
static RESULT: Pattern = Pattern::new(r"^\s*(?:--- (FAIL|PASS): |=== RUN\s+)(\S+)");
static SAID: Pattern = Pattern::new(r"^\s+(\S+_test\.go):(\d+): ?(.*)$");

#[derive(Default)]
pub(super) struct Go {
    open: Option<Fault>,
    in_stack: bool,
    call: String,
    failed: bool,
    /// Lines of a running test, which are faults only if it fails.
    said: Vec<Fault>,
}

impl Reader for Go {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if line.starts_with("panic: ") || line.starts_with("fatal error: ") {
            self.panic(at, line, out);
        } else if line.contains("--- ") || line.starts_with("=== RUN") {
            self.result(line, out);
        } else if line.contains("_test.go:") && !self.in_stack {
            self.say(at, line, out);
        } else if self.open.is_some() {
            self.stack(line, out);
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take() {
            out.fault(fault);
        }
        self.in_stack = false;
    }
}

impl Go {
    fn panic(&mut self, at: usize, line: &str, out: &mut Evidence) {
        self.end(out);
        if let Some(found) = PANIC.find(line) {
            self.open = Some(Fault::new(at, Lang::Go, found.text(1), found.text(2)));
        }
    }

    fn stack(&mut self, line: &str, out: &mut Evidence) {
        if line.starts_with("goroutine ") {
            self.in_stack = true;
        } else if self.in_stack && line.trim().is_empty() {
            self.end(out);
        } else if let Some(found) = FILE.find(line).filter(|_| self.in_stack) {
            let call = std::mem::take(&mut self.call);
            // The runtime's own frames say how a panic is raised, not where.
            let is_runtime = call.starts_with("runtime.") || call == "panic" || call.starts_with("testing.");
            if let Some(fault) = self.open.as_mut().filter(|fault| !is_runtime && fault.frames.len() < 60) {
                fault.frames.push(Frame::new(found.text(1), found.number(2), &call));
            }
        } else if self.in_stack && line.contains('(') {
            line.rsplit_once('(').map_or(line, |(name, _)| name).clone_into(&mut self.call);
        }
    }

    fn result(&mut self, line: &str, out: &mut Evidence) {
        let Some(found) = RESULT.find(line) else {
            return;
        };
        let name = found.text(2).to_owned();
        self.failed = found.text(1) == "FAIL";
        match found.text(1) {
            "FAIL" => out.test(Runner::Go, &name, ""),
            "PASS" => out.passed(&name),
            _ => {}
        }
        for mut fault in self.said.drain(..).filter(|_| self.failed) {
            fault.tests.push(name.clone());
            out.fault(fault);
        }
        out.current_test = Some(name);
    }

    fn say(&mut self, at: usize, line: &str, out: &mut Evidence) {
        let Some(found) = SAID.find(line) else { return };
        let frame = Frame::new(found.text(1), found.number(2), "");
        let fault = Fault::new(at, Lang::Go, "test failure", found.text(3)).with_frames(vec![frame]);
        if self.failed {
            out.fault(fault);
        } else if self.said.len() < 20 {
            self.said.push(fault);
        }
    }
}
