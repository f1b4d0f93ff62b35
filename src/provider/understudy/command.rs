//! The command that runs a failing test again.

use super::case::Case;
use super::evidence::{Fault, Lang, Runner, Test};
use super::paths;

/// Bytes of test names in one command.
const MAX_NAMES: usize = 420;

/// For one fault: its test, else its program, else what the compiler was asked.
pub(crate) fn for_fault(case: &Case<'_>, fault: &Fault) -> Option<String> {
    if let Some(test) = case.test_of(fault) {
        return for_test(case, test);
    }
    let file = paths::shown(case.files(), &fault.frames.iter().rfind(|frame| paths::is_project(frame))?.file);
    program(fault, file)
}

/// For everything that fails, in one command where the runner can.
pub(crate) fn for_all(case: &Case<'_>) -> Option<String> {
    let tests = &case.evidence.tests;
    let first = tests.first()?;
    let same: Vec<&Test> =
        tests.iter().filter(|test| test.runner == first.runner && is_safe(&test.name)).collect();
    if same.len() < 2 {
        return for_test(case, first);
    }
    let names = || {
        // The whole command stays short enough to be quoted whole.
        let mut room = MAX_NAMES;
        let fits = |word: &String| {
            room = room.saturating_sub(word.len());
            room > 0
        };
        same.iter().map(|test| quote(&test.name)).take_while(fits).collect::<Vec<_>>().join(" ")
    };
    match first.runner {
        Runner::Unittest if !is_main(first) => Some(format!("python3 -m unittest {}", names())),
        Runner::Pytest => Some(format!("python3 -m pytest {}", names())),
        Runner::Cargo => Some("cargo test".to_owned()),
        Runner::Go => Some("go test ./...".to_owned()),
        Runner::NodeTest => Some("node --test".to_owned()),
        Runner::Jest => Some("npx jest".to_owned()),
        Runner::Vitest => Some("npx vitest run".to_owned()),
        Runner::Mocha => Some("npx mocha".to_owned()),
        Runner::Rspec => Some(format!("bundle exec rspec {}", names())),
        _ => for_test(case, first),
    }
}

/// The command for one test; `None` where its name cannot stand on a command line.
pub(crate) fn for_test(case: &Case<'_>, test: &Test) -> Option<String> {
    if !is_safe(&test.name) || !is_safe(&test.file) {
        return None;
    }
    let name = quote(&test.name);
    let last = test.name.rsplit([':', '.', '#']).next().unwrap_or(&test.name);
    let file = if test.file.is_empty() { String::new() } else { format!(" {}", quote(&test.file)) };
    Some(match test.runner {
        Runner::Unittest if is_main(test) => return main_file(case, test),
        Runner::Unittest => format!("python3 -m unittest {name}"),
        Runner::Pytest => format!("python3 -m pytest {name}"),
        Runner::Cargo if test.name.contains(" - ") => "cargo test --doc".to_owned(),
        Runner::Cargo => format!("cargo test {name}"),
        Runner::NodeTest => format!("node --test --test-name-pattern={name}{file}"),
        Runner::Jest => format!("npx jest{file} -t {name}"),
        Runner::Vitest => format!("npx vitest run{file} -t {name}"),
        Runner::Mocha => format!("npx mocha --grep {name}"),
        Runner::Go => format!("go test ./... -run {}", quote(&go_pattern(&test.name))),
        Runner::Maven => format!("mvn test -Dtest={}", quote(&with_hash(&test.name))),
        Runner::Gradle => format!("gradle test --tests {name}"),
        Runner::DotNet => {
            format!("dotnet test --filter {}", quote(&format!("FullyQualifiedName~{}", test.name)))
        }
        Runner::Rspec => format!("bundle exec rspec {name}"),
        Runner::Minitest => format!("ruby -Itest{file} -n {}", quote(last)),
    })
}

/// A program that failed outside of any test: its outermost file is what was started.
fn program(fault: &Fault, file: &str) -> Option<String> {
    if file.is_empty() || !is_safe(file) {
        return None;
    }
    let file = quote(file);
    match (fault.lang, fault.is_static) {
        (Lang::Python, true) => Some(format!("python3 -m py_compile {file}")),
        (Lang::Python, false) => Some(format!("python3 {file}")),
        (Lang::JavaScript, _) => Some(format!("node {file}")),
        (Lang::TypeScript, _) => Some("npx tsc --noEmit".to_owned()),
        (Lang::Rust, true) => Some("cargo check".to_owned()),
        (Lang::Rust, false) => Some("cargo run".to_owned()),
        (Lang::Go, true) => Some("go build ./...".to_owned()),
        (Lang::Go, false) => Some("go run .".to_owned()),
        (Lang::C, true) => Some(format!("cc -fsyntax-only {file}")),
        (Lang::Jvm, true) => Some(format!("javac {file}")),
        (Lang::DotNet, true) => Some("dotnet build".to_owned()),
        (Lang::Ruby, _) => Some(format!("ruby {file}")),
        _ => None,
    }
}

fn is_main(test: &Test) -> bool {
    test.name.starts_with("__main__.")
}

/// A test file that was run as a program is run so again.
fn main_file(case: &Case<'_>, test: &Test) -> Option<String> {
    let faults = case.evidence.faults.iter();
    let fault =
        faults.filter(|fault| fault.tests.contains(&test.name)).find(|fault| !fault.frames.is_empty())?;
    let file = paths::shown(case.files(), &fault.frames.iter().rfind(|frame| paths::is_project(frame))?.file);
    let name = test.name.strip_prefix("__main__.")?;
    is_safe(file).then(|| format!("python3 {} {}", quote(file), quote(name)))
}

fn go_pattern(name: &str) -> String {
    name.split('/').map(|part| format!("^{part}$")).collect::<Vec<_>>().join("/")
}

fn with_hash(name: &str) -> String {
    name.rsplit_once('.').map_or_else(|| name.to_owned(), |(class, method)| format!("{class}#{method}"))
}

/// The name comes from a log: it must not become an option or a second command.
fn is_safe(name: &str) -> bool {
    !name.starts_with('-') && !name.ends_with("...") && !name.chars().any(char::is_control)
}

fn quote(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | ',' | '@');
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(runner: Runner, name: &str, file: &str) -> Option<String> {
        let case = Case::read("", true);
        for_test(&case, &Test { runner, name: name.into(), file: file.into() })
    }

    #[test]
    fn every_runner_has_its_command() {
        let is = |runner, name, file, wanted: &str| {
            assert_eq!(command(runner, name, file).as_deref(), Some(wanted));
        };
        is(Runner::Unittest, "tests.test_x.C.test_y", "", "python3 -m unittest tests.test_x.C.test_y");
        is(Runner::Pytest, "tests/x.py::test_y[a]", "", "python3 -m pytest 'tests/x.py::test_y[a]'");
        is(Runner::Cargo, "tests::a", "", "cargo test tests::a");
        is(Runner::Go, "TestA/sub", "", "go test ./... -run '^TestA$/^sub$'");
        is(Runner::Jest, "sum adds", "a.test.js", "npx jest a.test.js -t 'sum adds'");
        is(Runner::Maven, "a.OrdersTest.total", "", "mvn test -Dtest='a.OrdersTest#total'");
        is(Runner::Minitest, "TestA#test_b", "t/a.rb", "ruby -Itest t/a.rb -n test_b");
    }

    #[test]
    fn a_name_cannot_become_a_command() {
        let hostile = "x'; rm -rf / #";
        assert_eq!(command(Runner::Mocha, hostile, ""), Some(r"npx mocha --grep 'x'\''; rm -rf / #'".into()));
        assert_eq!(command(Runner::Cargo, "--config=evil", ""), None);
    }
}
