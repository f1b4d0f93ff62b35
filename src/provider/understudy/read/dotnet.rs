//! .NET exceptions and the failing tests of `dotnet test`.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang, Runner};
use crate::provider::understudy::pattern::Pattern;

static RAISED: Pattern =
    Pattern::new(r"^\s*(?:Unhandled exception\. |---> )?((?:\w+\.)+\w+Exception) ?: (.*)$");
static AT: Pattern = Pattern::new(r"^\s*at (.+?)(?:\(.*\))? in (.+?):line (\d+)");
static FAILED: Pattern = Pattern::new(r"^\s*(Failed|Passed) ([\w.]+)(?:\(.*\))? \[");
static ASSERT: Pattern = Pattern::new(r"^\s*(Assert\.\w+.*)$");

#[derive(Default)]
pub(super) struct DotNet {
    open: Option<Fault>,
}

impl Reader for DotNet {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        let text = line.trim_start();
        if text.starts_with("at ") {
            self.frame(line);
            return;
        }
        if self.open.as_ref().is_some_and(|fault| !fault.frames.is_empty() || at - fault.at > 20) {
            self.end(out);
        }
        if let Some(fault) = raised(at, line) {
            self.open = Some(fault);
        } else if (text.starts_with("Failed ") || text.starts_with("Passed "))
            && let Some(found) = FAILED.find(line)
        {
            if found.text(1) == "Passed" {
                out.passed(found.text(2));
            } else {
                out.test(Runner::DotNet, found.text(2), "");
                out.current_test = Some(found.text(2).to_owned());
            }
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take_if(|fault| !fault.frames.is_empty()) {
            out.fault(fault);
        }
    }
}

impl DotNet {
    fn frame(&mut self, line: &str) {
        if let Some(fault) = &mut self.open
            && fault.frames.len() < 60
            && let Some(found) = AT.find(line)
        {
            let file = found.text(2).replace('\\', "/");
            fault.frames.push(Frame::new(&file, found.number(3), found.text(1)));
        }
    }
}

fn raised(at: usize, line: &str) -> Option<Fault> {
    if line.contains("Exception") {
        let found = RAISED.find(line)?;
        Some(Fault::new(at, Lang::DotNet, found.text(1), found.text(2)))
    } else if line.contains("Assert.") {
        // xUnit's message names the assertion instead of a class.
        let found = ASSERT.find(line)?;
        Some(Fault::new(at, Lang::DotNet, "assertion", found.text(1)))
    } else {
        None
    }
}
