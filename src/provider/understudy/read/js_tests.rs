//! Names of failing tests as node's spec reporter, jest, vitest and mocha print them.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Runner};
use crate::provider::understudy::pattern::Pattern;

static SPEC: Pattern = Pattern::new(r"^\s*([✖✔]) (.+?) \(\d[\d.]*ms\)$");
static JEST: Pattern = Pattern::new(r"^\s*● (.+)$");
static SUITE: Pattern = Pattern::new(r"^\s*FAIL\s+(\S+)(?: > (.+)| \([\d.]+ m?s\))?$");
static MOCHA: Pattern = Pattern::new(r"^\s+\d+\) (.+)$");

#[derive(Default)]
pub(super) struct JsTests {
    /// jest names the file above its tests.
    file: String,
    /// mocha's `N failing` was seen; after it, titles run over several lines up to a colon.
    is_mocha: bool,
    title: Option<String>,
}

impl Reader for JsTests {
    fn line(&mut self, _at: usize, line: &str, out: &mut Evidence) {
        if self.title.is_some() {
            self.mocha_more(line, out);
        } else if line.trim_start().starts_with(['✖', '✔']) {
            spec(line, out);
        } else if line.contains("● ") {
            self.jest(line, out);
        } else if line.contains("FAIL") {
            self.suite(line, out);
        } else if line.ends_with(" failing") {
            self.is_mocha = true;
        } else if self.is_mocha
            && line.contains(") ")
            && let Some(found) = MOCHA.find(line)
        {
            self.title = Some(String::new());
            self.mocha_more(found.text(1), out);
        }
    }
}

impl JsTests {
    fn jest(&self, line: &str, out: &mut Evidence) {
        if let Some(found) = JEST.find(line)
            && !found.text(1).starts_with("Test suite failed")
        {
            let name = found.text(1).replace(" › ", " ");
            out.test(Runner::Jest, &name, &self.file);
            out.current_test = Some(name);
        }
    }

    fn suite(&mut self, line: &str, out: &mut Evidence) {
        let Some(found) = SUITE.find(line) else {
            return;
        };
        if found.text(2).is_empty() {
            found.text(1).clone_into(&mut self.file);
        } else {
            let name = found.text(2).replace(" > ", " ");
            out.test(Runner::Vitest, &name, found.text(1));
            out.current_test = Some(name);
        }
    }

    fn mocha_more(&mut self, line: &str, out: &mut Evidence) {
        let Some(mut title) = self.title.take() else {
            return;
        };
        let text = line.trim();
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(text.trim_end_matches(':'));
        if text.ends_with(':') {
            out.test(Runner::Mocha, &title, "");
            out.current_test = Some(title);
        } else if !text.is_empty() && title.len() < 200 {
            self.title = Some(title);
        }
    }
}

fn spec(line: &str, out: &mut Evidence) {
    if let Some(found) = SPEC.find(line) {
        if found.text(1) == "✔" {
            out.passed(found.text(2));
        } else {
            out.test(Runner::NodeTest, found.text(2), "");
            out.current_test = Some(found.text(2).to_owned());
        }
    }
}
