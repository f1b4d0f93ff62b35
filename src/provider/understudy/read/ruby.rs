//! Ruby exceptions, and failures of `RSpec` and Minitest.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang, Runner};
use crate::provider::understudy::pattern::Pattern;

static RAISED: Pattern = Pattern::new(r"^(\S+\.rb):(\d+):in [`'](.+?)': (.*) \(([A-Z][\w:]*)\)$");
static FROM: Pattern = Pattern::new(r"^\s+(?:\d+: )?(?:from|#) (\S+\.rb):(\d+)(?::in [`'](.+)')?");
static RSPEC: Pattern = Pattern::new(r"^rspec (\S+)(?: # .*)?$");
static MINITEST: Pattern = Pattern::new(r"^(\w[\w:]*#\w+) \[(\S+\.rb):(\d+)\]:$");
static EXPECTED: Pattern = Pattern::new(r"^\s+Failure/Error: (.+)$");

#[derive(Default)]
pub(super) struct Ruby {
    open: Option<Fault>,
}

impl Reader for Ruby {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if line.contains(".rb:") {
            self.located(at, line, out);
        } else if let Some(found) = EXPECTED.find(line).filter(|_| line.contains("Failure/Error")) {
            self.end(out);
            self.open = Some(Fault::new(at, Lang::Ruby, "ExpectationNotMet", found.text(1)));
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take_if(|fault| !fault.frames.is_empty()) {
            out.fault(fault);
        }
    }
}

impl Ruby {
    fn located(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if let Some(found) = RAISED.find(line) {
            self.end(out);
            let frame = Frame::new(found.text(1), found.number(2), found.text(3));
            self.open =
                Some(Fault::new(at, Lang::Ruby, found.text(5), found.text(4)).with_frames(vec![frame]));
        } else if let Some(found) = FROM.find(line) {
            let frame = Frame::new(found.text(1), found.number(2), found.text(3));
            if let Some(fault) = self.open.as_mut().filter(|fault| fault.frames.len() < 60) {
                fault.frames.push(frame);
            }
        } else if let Some(found) = RSPEC.find(line) {
            let file = found.text(1).split(':').next().unwrap_or("");
            out.test(Runner::Rspec, found.text(1), file);
        } else if let Some(found) = MINITEST.find(line) {
            self.end(out);
            out.test(Runner::Minitest, found.text(1), found.text(2));
            let frame = Frame::new(found.text(2), found.number(3), found.text(1));
            let mut fault = Fault::new(at, Lang::Ruby, "test failure", "").with_frames(vec![frame]);
            fault.tests.push(found.text(1).to_owned());
            out.fault(fault);
        }
    }
}
