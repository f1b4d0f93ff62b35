//! The headers of Python's unittest: `FAIL: test_x (tests.test_mod.Class.test_x)`.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Runner};
use crate::provider::understudy::pattern::Pattern;

static HEADER: Pattern = Pattern::new(r"^(?:FAIL|ERROR): (\S+) \(([\w.<>-]+)\)");
static LISTED: Pattern = Pattern::new(r"^(\w+) \(([\w.]+)\)(?: \.\.\.|\s.*\.\.\.) (ok|FAIL|ERROR)$");
const LOADER: &str = "unittest.loader._FailedTest";

#[derive(Default)]
pub(super) struct Unittest;

impl Reader for Unittest {
    fn line(&mut self, _at: usize, line: &str, out: &mut Evidence) {
        if (line.starts_with("FAIL: ") || line.starts_with("ERROR: "))
            && let Some(found) = HEADER.find(line)
        {
            let name = dotted(found.text(1), found.text(2));
            out.current_test = Some(name.clone());
            out.test(Runner::Unittest, &name, "");
        } else if line.contains(" ... ")
            && let Some(found) = LISTED.find(line)
        {
            let name = dotted(found.text(1), found.text(2));
            match found.text(3) {
                "ok" => out.passed(&name),
                _ => out.test(Runner::Unittest, &name, ""),
            }
        } else if line.starts_with("Ran ") {
            out.current_test = None;
        }
    }
}

/// The name that `python3 -m unittest` takes; Python before 3.11 prints the class alone.
fn dotted(name: &str, place: &str) -> String {
    if place.starts_with(LOADER) {
        return name.to_owned();
    }
    let is_whole = place.rsplit('.').next() == Some(name);
    if is_whole || name.starts_with("setUp") || name.starts_with("tearDown") {
        place.to_owned()
    } else {
        format!("{place}.{name}")
    }
}
