//! Rust panics with their message and, where it was printed, their backtrace.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang};
use crate::provider::understudy::pattern::Pattern;

static PANIC: Pattern =
    Pattern::new(r"thread '([^']*)'(?: \(\d+\))? panicked at (?:'(.*)', )?([^\s:']+):(\d+):\d+:?$");
static CALL: Pattern = Pattern::new(r"^\s*\d+: (?:0x[0-9a-f]+ - )?(.+)$");
static AT: Pattern = Pattern::new(r"^\s+at (\S+?):(\d+)(?::\d+)?$");

#[derive(Default)]
pub(super) struct Rust {
    open: Option<Fault>,
    in_message: bool,
    call: String,
}

impl Reader for Rust {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if line.contains(" panicked at ")
            && let Some(found) = PANIC.find(line)
        {
            self.end(out);
            let mut fault = Fault::new(at, Lang::Rust, "panic", found.text(2));
            fault.frames.push(Frame::new(found.text(3), found.number(4), ""));
            if found.text(1) != "main" && !found.text(1).starts_with('<') {
                fault.tests.push(found.text(1).to_owned());
            }
            self.in_message = found.text(2).is_empty();
            self.open = Some(fault);
        } else if self.open.is_some() {
            self.follow(line, out);
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take() {
            out.fault(fault);
        }
        self.call.clear();
    }
}

impl Rust {
    fn follow(&mut self, line: &str, out: &mut Evidence) {
        let text = line.trim();
        let over = text.is_empty() || text.starts_with("note:") || text.starts_with("----");
        if over {
            self.end(out);
        } else if text == "stack backtrace:" {
            self.in_message = false;
        } else if self.in_message {
            self.say(text);
        } else if let Some(found) = AT.find(line) {
            self.frame(found.text(1), found.number(2));
        } else if let Some(found) = CALL.find(line) {
            found.text(1).clone_into(&mut self.call);
        }
    }

    fn say(&mut self, text: &str) {
        if let Some(fault) = &mut self.open
            && fault.message.len() < 400
        {
            let gap = if fault.message.is_empty() { "" } else { "\n" };
            fault.message.push_str(gap);
            fault.message.push_str(text);
        }
    }

    /// The panic's own place comes first; the backtrace says which function it is in.
    fn frame(&mut self, file: &str, line: u32) {
        let file = file.strip_prefix("./").unwrap_or(file);
        let call = std::mem::take(&mut self.call);
        let Some(fault) = &mut self.open else { return };
        let has_room = fault.frames.len() < 60;
        match fault.frames.first_mut() {
            Some(first) if first.file == file && first.line == line => first.function = call,
            _ if has_room => fault.frames.push(Frame::new(file, line, &call)),
            _ => {}
        }
    }
}
