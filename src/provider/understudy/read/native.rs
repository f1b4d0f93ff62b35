//! Programs that die without an exception: sanitizers, `assert`, `what()`, segmentation faults.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang};
use crate::provider::understudy::pattern::Pattern;

static SANITIZER: Pattern = Pattern::new(r"ERROR: (\w+Sanitizer): ([\w-]+)");
static FRAME: Pattern = Pattern::new(r"^\s*#\d+ +(?:0x[0-9a-f]+ in )?(.+?)(?: at)? (\S+?):(\d+)(?::\d+)?$");
static ASSERT: Pattern = Pattern::new(r"^(?:\S+: )?([^\s:]+):(\d+): (.+?): Assertion [`'](.+)' failed");
static UNDEFINED: Pattern = Pattern::new(r"^([^\s:]+):(\d+):(?:\d+:)? runtime error: (.+)$");
static THROWN: Pattern = Pattern::new(r"terminate called after throwing an instance of '(.+)'");
static WHAT: Pattern = Pattern::new(r"^\s*what\(\):\s*(.*)$");

#[derive(Default)]
pub(super) struct Native {
    open: Option<Fault>,
}

impl Reader for Native {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if let Some(fault) = raised(at, line) {
            self.end(out);
            self.open = Some(fault);
            return;
        }
        let Some(fault) = &mut self.open else { return };
        if line.trim().is_empty() {
            self.end(out);
        } else if let Some(found) = WHAT.find(line) {
            found.text(1).clone_into(&mut fault.message);
        } else if let Some(found) = FRAME.find(line)
            && fault.frames.len() < 60
        {
            fault.frames.push(Frame::new(found.text(2), found.number(3), found.text(1)));
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take() {
            out.fault(fault);
        }
    }
}

fn raised(at: usize, line: &str) -> Option<Fault> {
    let fault = |class: &str, message: &str| Fault::new(at, Lang::C, class, message);
    if line.contains("Sanitizer: ") {
        SANITIZER.find(line).map(|found| fault(found.text(2), found.text(1)))
    } else if line.contains(": Assertion ") {
        let found = ASSERT.find(line)?;
        let frame = Frame::new(found.text(1), found.number(2), found.text(3));
        Some(fault("assertion", found.text(4)).with_frames(vec![frame]))
    } else if line.contains("runtime error: ") {
        let found = UNDEFINED.find(line)?;
        let frame = Frame::new(found.text(1), found.number(2), "");
        Some(fault("undefined behaviour", found.text(3)).with_frames(vec![frame]))
    } else if line.contains("terminate called") {
        THROWN.find(line).map(|found| fault(found.text(1), ""))
    } else if line.contains("egmentation fault") {
        Some(fault("segmentation fault", ""))
    } else {
        None
    }
}
