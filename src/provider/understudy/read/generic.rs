//! The last resort: words that look like an error's class, and `path:line` wherever it stands.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang};
use crate::provider::understudy::pattern::Pattern;

static CLASS: Pattern = Pattern::new(r"\b((?:\w+\.)*[A-Z]\w*(?:Error|Exception))\b:? ?(.*)$");
static SAID: Pattern = Pattern::new(r"^\s*(?:\S+: )?(?i:(error|fatal|panic))(?:: |! )(.+)$");
static PLACE: Pattern = Pattern::new(r"([\w./\\@-]*\w\.[A-Za-z]{1,5}):(\d{1,7})\b");
/// Enough to name what is wrong, not enough to drown it.
const ENOUGH: usize = 5;

#[derive(Default)]
pub(super) struct Generic {
    faults: Vec<Fault>,
    places: usize,
}

impl Reader for Generic {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        if self.faults.len() < ENOUGH && has_error_word(line) {
            let found = CLASS.find(line).or_else(|| SAID.find(line));
            self.faults
                .extend(found.map(|found| Fault::new(at, Lang::Unknown, found.text(1), found.text(2))));
        }
        if self.places < 200 && line.contains(':') {
            for found in PLACE.all(line).filter(|found| !found.text(1).ends_with("www")).take(4) {
                self.places += 1;
                out.mentioned(Frame::new(found.text(1), found.number(2), ""));
            }
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        let places: Vec<Frame> = out.faults.iter().flat_map(|fault| fault.frames.iter().cloned()).collect();
        out.mentioned.retain(|frame| !places.iter().any(|place| is_same_place(place, frame)));
        if out.faults.is_empty() {
            for fault in self.faults.drain(..) {
                out.fault(fault);
            }
        }
    }
}

fn has_error_word(line: &str) -> bool {
    ["rror", "xception", "atal", "anic", "FATAL", "PANIC", "ERROR"].iter().any(|word| line.contains(word))
}

fn is_same_place(one: &Frame, other: &Frame) -> bool {
    one.line == other.line && one.file == other.file
}
