//! TAP with YAML blocks, as `node --test` writes it.

use super::Reader;
use crate::provider::understudy::evidence::{Difference, Evidence, Fault, Frame, Lang, Runner};
use crate::provider::understudy::pattern::Pattern;

static RESULT: Pattern = Pattern::new(r"^\s*(not ok|ok) \d+ - (.+?)(?: # .*)?$");
static KEY: Pattern = Pattern::new(
    r"^\s+(error|name|expected|actual|stack|location|code|operator|failureType|duration_ms): ?(.*)$",
);
static FRAME: Pattern = Pattern::new(r"^\s+(?:async )?(?:(.+?) \()?(?:file://)?([^()\s]+?):(\d+):\d+\)?$");

/// The block under one `not ok`.
#[derive(Default)]
pub(super) struct Tap {
    open: Option<Block>,
}

#[derive(Default)]
struct Block {
    at: usize,
    test: String,
    file: String,
    class: String,
    message: String,
    expected: String,
    actual: String,
    frames: Vec<Frame>,
    key: &'static str,
}

impl Reader for Tap {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if line.contains("ok ")
            && let Some(found) = RESULT.find(line)
        {
            self.end(out);
            if found.text(1) == "ok" {
                out.passed(found.text(2));
            } else {
                self.open = Some(Block { at, test: found.text(2).to_owned(), ..Block::default() });
            }
        } else if line.trim() == "..." {
            self.end(out);
        } else if let Some(block) = &mut self.open {
            block.line(line);
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(block) = self.open.take() {
            block.close(out);
        }
    }
}

impl Block {
    fn line(&mut self, line: &str) {
        if let Some(found) = KEY.find(line) {
            self.key(found.text(1), found.text(2).trim().trim_matches('\''));
        } else if self.key == "error" && self.message.len() < 400 {
            let text = line.trim();
            let gap = if self.message.is_empty() || text.is_empty() { "" } else { " " };
            self.message.push_str(gap);
            self.message.push_str(text);
        } else if self.key == "stack"
            && self.frames.len() < 60
            && let Some(found) = FRAME.find(line)
        {
            self.frames.push(Frame::new(found.text(2), found.number(3), found.text(1)));
        }
    }

    fn key(&mut self, key: &str, value: &str) {
        self.key = "";
        match key {
            "error" if value.starts_with('|') => self.key = "error",
            "error" => value.clone_into(&mut self.message),
            "stack" => self.key = "stack",
            "name" => value.clone_into(&mut self.class),
            "expected" => value.clone_into(&mut self.expected),
            "actual" => value.clone_into(&mut self.actual),
            "location" => value.split(':').next().unwrap_or("").clone_into(&mut self.file),
            _ => {}
        }
    }

    fn close(self, out: &mut Evidence) {
        out.test(Runner::NodeTest, &self.test, &self.file);
        // A parent fails because a child did; it has nothing of its own to say.
        if self.frames.is_empty() && self.class.is_empty() {
            return;
        }
        let mut fault =
            Fault::new(self.at, Lang::JavaScript, &self.class, &self.message).with_frames(self.frames);
        if !self.expected.is_empty() && !self.actual.is_empty() {
            fault.difference = Some(Difference::new(("expected", "actual"), &self.expected, &self.actual));
        }
        fault.tests.push(self.test);
        out.fault(fault);
    }
}
