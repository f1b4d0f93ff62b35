//! Python tracebacks, chained ones and those of a syntax error too.

use super::{Reader, indent};
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang};
use crate::provider::understudy::pattern::Pattern;

static FRAME: Pattern = Pattern::new(r#"^([\s|+]*)File "([^"]+)", line (\d+)(?:, in (.+))?"#);
static RAISED: Pattern = Pattern::new(r"^[\s|]*([A-Za-z_][\w.]*)(?:: ?(.*))?$");

/// Collects the frames of one traceback until the line that names the exception.
#[derive(Default)]
pub(super) struct Python {
    /// Outermost first, as Python prints them.
    frames: Vec<Frame>,
    indent: usize,
}

impl Reader for Python {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if line.contains("File \"")
            && let Some(found) = FRAME.find(line)
        {
            self.indent = found.text(1).len();
            self.frames.push(Frame::new(found.text(2), found.number(3), found.text(4)));
        } else if line.contains("Traceback (most recent") {
            self.frames.clear();
        } else if line.ends_with("exception:") && is_chain(line) {
            if let Some(last) = out.faults.last_mut() {
                last.is_cause = true;
            }
        } else if !self.frames.is_empty() && indent(line) < self.indent {
            self.raised(at, line, out);
        }
    }
}

impl Python {
    fn raised(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if let Some(found) = RAISED.find(line) {
            let frames = self.frames.drain(..).rev().collect();
            let mut fault = Fault::new(at, Lang::Python, found.text(1), found.text(2)).with_frames(frames);
            fault.is_static = matches!(found.text(1), "SyntaxError" | "IndentationError" | "TabError");
            out.fault(fault);
        } else if !line.trim().is_empty() && !line.contains("[Previous line repeated") {
            self.frames.clear();
        }
    }
}

fn is_chain(line: &str) -> bool {
    line.contains("direct cause of the following") || line.contains("During handling of the above")
}
