//! Java and Kotlin stacks, and failing tests as Maven and Gradle name them.

use super::Reader;
use crate::provider::understudy::evidence::{Evidence, Fault, Frame, Lang, Runner};
use crate::provider::understudy::pattern::Pattern;

static RAISED: Pattern = Pattern::new(
    r#"^\s*(?:Exception in thread "[^"]*" |(Caused by: ))?((?:[a-z_]\w*\.)+[A-Z][\w$]*)(?:: (.*))?$"#,
);
static AT: Pattern =
    Pattern::new(r"^\s*at (?:[\w.@-]+/)*([\w.$<>]+)\(([\w$]+\.(?:java|kts?|scala|groovy)):(\d+)\)");
static MAVEN: Pattern =
    Pattern::new(r"^\[ERROR\]\s+([\w.$]+)\.(\w+)(?:\(\))?(?::\d+|\s+(?:--\s+)?Time elapsed)");
static GRADLE: Pattern = Pattern::new(r"^(\w[\w.$]*) > (\w+)(?:\(.*\))? (FAILED|PASSED)$");

#[derive(Default)]
pub(super) struct Jvm {
    open: Option<Fault>,
}

impl Reader for Jvm {
    fn line(&mut self, at: usize, line: &str, out: &mut Evidence) {
        let text = line.trim_start();
        if text.starts_with("at ") {
            self.frame(line);
            return;
        }
        if self.open.as_ref().is_some_and(|fault| !fault.frames.is_empty() || at - fault.at > 20) {
            self.end(out);
        }
        if line.contains('.')
            && let Some(found) = RAISED.find(line)
        {
            let mut fault = Fault::new(at, Lang::Jvm, found.text(2), found.text(3));
            fault.is_cause = !found.text(1).is_empty();
            self.open = Some(fault);
        } else if line.starts_with("[ERROR]") || line.contains(" > ") {
            tests(line, out);
        }
    }

    fn end(&mut self, out: &mut Evidence) {
        if let Some(fault) = self.open.take_if(|fault| !fault.frames.is_empty()) {
            out.fault(fault);
        }
    }
}

impl Jvm {
    fn frame(&mut self, line: &str) {
        if let Some(fault) = &mut self.open
            && fault.frames.len() < 60
            && let Some(found) = AT.find(line)
        {
            let file = in_package(found.text(1), found.text(2));
            fault.frames.push(Frame::new(&file, found.number(3), found.text(1)));
        }
    }
}

/// `shop.Orders.load` and `Orders.java` make `shop/Orders.java`.
fn in_package(call: &str, file: &str) -> String {
    let packages = call.split('.').take_while(|part| part.starts_with(char::is_lowercase));
    let mut path: Vec<&str> = packages.collect();
    path.push(file);
    path.join("/")
}

fn tests(line: &str, out: &mut Evidence) {
    let (found, runner) = match (MAVEN.find(line), GRADLE.find(line)) {
        (Some(found), _) => (found, Runner::Maven),
        (None, Some(found)) => (found, Runner::Gradle),
        (None, None) => return,
    };
    let name = format!("{}.{}", found.text(1), found.text(2));
    if found.text(3) == "PASSED" {
        out.passed(&name);
    } else {
        out.test(runner, &name, "");
        out.current_test = Some(name);
    }
}
