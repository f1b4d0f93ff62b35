//! JavaScript stacks: node, jest, mocha and vitest write their frames a little differently.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang};
use crate::provider::understudy::pattern::Pattern;

static RAISED: Pattern =
    Pattern::new(r"^\s*(?:Uncaught )?([A-Za-z_$][\w$]*(?:Error|Exception))(?: \[\w+\])?(?:: ?(.*))?$");
static EXPECT: Pattern = Pattern::new(r"^\s*(expect\(.*\)\..*)$");
static AT: Pattern = Pattern::new(r"^\s*at (?:async )?(?:(.*?) \()?(?:file://)?([^()\s]+?):(\d+):(\d+)\)?");
static ARROW: Pattern = Pattern::new(r"^\s*❯ (?:(\S+) )?(\S+?):(\d+):(\d+)$");
/// Frames come this soon after the message, or belong to something else.
const REACH: usize = 60;

#[derive(Default)]
pub(super) struct JavaScript {
    open: Option<Fault>,
}

impl Reader for JavaScript {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if let Some(frame) = frame(line) {
            self.frame(frame, at);
        } else if self.has_frames() && !is_stack_line(line) {
            self.end(out);
        }
        if let Some(fault) = raised(at, line) {
            self.end(out);
            self.open = Some(fault);
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take_if(|fault| !fault.frames.is_empty()) {
            out.fault(fault);
        }
    }
}

impl JavaScript {
    fn has_frames(&self) -> bool {
        self.open.as_ref().is_some_and(|fault| !fault.frames.is_empty())
    }

    fn frame(&mut self, frame: Frame, at: usize) {
        if let Some(fault) = &mut self.open
            && at - fault.at <= REACH
            && fault.frames.len() < 60
        {
            fault.frames.push(frame);
        }
    }
}

fn raised(at: usize, line: &str) -> Option<Fault> {
    if line.contains("Error") || line.contains("Exception") {
        let found = RAISED.find(line)?;
        Some(Fault::new(at, Lang::JavaScript, found.text(1), found.text(2)))
    } else if line.contains("expect(") {
        // jest names no class above its own comparisons.
        let found = EXPECT.find(line)?;
        Some(Fault::new(at, Lang::JavaScript, "AssertionError", found.text(1)))
    } else {
        None
    }
}

fn frame(line: &str) -> Option<Frame> {
    let text = line.trim_start();
    let found = if text.starts_with("at ") {
        AT.find(line)?
    } else if text.starts_with('❯') {
        ARROW.find(line)?
    } else {
        return None;
    };
    Some(Frame::new(found.text(2), found.number(3), found.text(1)))
}

fn is_stack_line(line: &str) -> bool {
    line.trim_start().starts_with("at ")
}
