//! Names of failing tests as `cargo test` and `cargo nextest` print them.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Runner};
use crate::provider::understudy::pattern::Pattern;

static CARGO: Pattern = Pattern::new(r"^\s*test (.+?)(?: - should panic)? \.\.\. (ok|FAILED)$");
static OUTPUT: Pattern = Pattern::new(r"^---- (.+?) stdout ----$");
static NEXTEST: Pattern =
    Pattern::new(r"^\s*(PASS|FAIL|TIMEOUT|SIG[A-Z]+|ABORT) \[[^\]]*\] (?:\([^)]*\) )?(\S+) (\S+)$");

#[derive(Default)]
pub(super) struct RustTests;

impl Reader for RustTests {
    fn line(&mut self, _at: usize, line: &str, out: &mut Evidence) {
        if line.contains("test ")
            && let Some(found) = CARGO.find(line)
        {
            match found.text(2) {
                "ok" => out.passed(found.text(1)),
                _ => out.test(Runner::Cargo, found.text(1), ""),
            }
        } else if line.starts_with("---- ")
            && let Some(found) = OUTPUT.find(line)
        {
            out.current_test = Some(found.text(1).to_owned());
            out.test(Runner::Cargo, found.text(1), "");
        } else if line.contains("s] ")
            && let Some(found) = NEXTEST.find(line)
        {
            match found.text(1) {
                "PASS" => out.passed(found.text(3)),
                _ => out.test(Runner::Cargo, found.text(3), ""),
            }
        }
    }
}
