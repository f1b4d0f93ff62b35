//! The command that runs what failed again.

/// Bytes of test names in one command, so that it can be quoted whole.
const MAX_NAMES: usize = 420;

/// Way in which a runner takes the names of tests.
enum Picks {
    /// Any number of them, behind the command.
    Names,
    /// One, behind this; several run the whole.
    One(&'static str),
    /// None.
    Nothing,
}

/// Runners by their names in the readers of verification.
const RUNNERS: [(&str, &str, Picks); 23] = [
    ("unittest", "python3 -m unittest", Picks::Names),
    ("pytest", "python3 -m pytest", Picks::Names),
    ("cargo", "cargo test", Picks::One(" ")),
    ("nextest", "cargo nextest run", Picks::Names),
    ("node", "node --test", Picks::One(" --test-name-pattern=")),
    ("bun", "bun test", Picks::One(" -t ")),
    ("jest", "npx jest", Picks::One(" -t ")),
    ("vitest", "npx vitest run", Picks::One(" -t ")),
    ("mocha", "npx mocha", Picks::One(" --grep ")),
    ("go", "go test ./...", Picks::One(" -run ")),
    ("maven", "mvn test", Picks::One(" -Dtest=")),
    ("gradle", "gradle test", Picks::One(" --tests ")),
    ("dotnet", "dotnet test", Picks::One(" --filter FullyQualifiedName~")),
    ("rspec", "bundle exec rspec", Picks::Names),
    ("phpunit", "vendor/bin/phpunit", Picks::One(" --filter ")),
    ("ctest", "ctest", Picks::One(" -R ")),
    ("mix", "mix test", Picks::Nothing),
    ("swift", "swift test", Picks::Nothing),
    ("clippy", "cargo clippy", Picks::Nothing),
    ("tsc", "npx tsc --noEmit", Picks::Nothing),
    ("eslint", "npx eslint .", Picks::Nothing),
    ("mypy", "mypy .", Picks::Nothing),
    ("ruff", "ruff check", Picks::Nothing),
];

/// The command of a runner for these failing tests; without a runner the program at `start`, where its
/// language is run by file.
pub(super) fn again(runner: &str, tests: &[String], start: &str) -> Option<String> {
    if let Some(name) = tests.first().and_then(|name| name.strip_prefix("__main__.")) {
        // A test file that was run as a program is run so again.
        return (is_safe(start) && is_safe(name))
            .then(|| format!("python3 {} {}", quote(start), quote(name)));
    }
    let Some((_, base, picks)) = RUNNERS.iter().find(|(name, ..)| *name == runner) else {
        return program(start);
    };
    let names: Vec<String> = tests.iter().filter_map(|name| argument(runner, name)).collect();
    let mut room = MAX_NAMES;
    let fits = |word: &&String| {
        room = room.saturating_sub(word.len());
        room > 0
    };
    Some(match (picks, names.as_slice()) {
        (Picks::Names, [_, ..]) => {
            let fitting: Vec<&str> = names.iter().take_while(fits).map(String::as_str).collect();
            format!("{base} {}", fitting.join(" "))
        }
        (Picks::One(option), [name]) if tests.len() == 1 && name.len() < MAX_NAMES => {
            format!("{base}{option}{name}")
        }
        (Picks::Names | Picks::One(_) | Picks::Nothing, _) => (*base).to_owned(),
    })
}

/// A test's name as its runner takes it; none where it cannot stand on a command line.
fn argument(runner: &str, name: &str) -> Option<String> {
    let name = match runner {
        "unittest" | "rspec" => name.split(' ').next()?.to_owned(),
        "nextest" => name.rsplit(' ').next()?.to_owned(),
        "jest" | "vitest" => name.replace(" › ", " ").replace(" > ", " "),
        "go" => name.split('/').map(|part| format!("^{part}$")).collect::<Vec<_>>().join("/"),
        "gradle" => name.replace(" > ", ".").trim_end_matches("()").to_owned(),
        "maven" => {
            name.rsplit_once('.').map_or_else(|| name.to_owned(), |(class, test)| format!("{class}#{test}"))
        }
        _ => name.to_owned(),
    };
    is_safe(&name).then(|| quote(&name))
}

fn program(file: &str) -> Option<String> {
    let starter = match file.rsplit_once('.')?.1 {
        "py" => "python3",
        "js" | "mjs" | "cjs" => "node",
        "rb" => "ruby",
        _ => return None,
    };
    is_safe(file).then(|| format!("{starter} {}", quote(file)))
}

/// A name comes from a log: it must not become an option or a second command.
fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with("...")
        && !name.chars().any(char::is_control)
}

fn quote(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | ',' | '@');
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_has_its_command() {
        let is = |runner, names: &[&str], wanted: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(again(runner, &names, "").as_deref(), Some(wanted));
        };
        is("unittest", &["tests.test_x.C.test_y (i=1)"], "python3 -m unittest tests.test_x.C.test_y");
        is(
            "pytest",
            &["tests/x.py::test_y[a]", "b.py::c"],
            "python3 -m pytest 'tests/x.py::test_y[a]' b.py::c",
        );
        is("cargo", &["tests::a"], "cargo test tests::a");
        is("cargo", &["tests::a", "tests::b"], "cargo test");
        is("nextest", &["shelf tests::a", "shelf tests::b"], "cargo nextest run tests::a tests::b");
        is("go", &["TestA/sub"], "go test ./... -run '^TestA$/^sub$'");
        is("jest", &["sum › adds"], "npx jest -t 'sum adds'");
        is("maven", &["a.OrdersTest.total"], "mvn test -Dtest='a.OrdersTest#total'");
        is("gradle", &["a.OrdersTest > total()"], "gradle test --tests a.OrdersTest.total");
        is("rspec", &["./spec/cart_spec.rb:8 Cart totals"], "bundle exec rspec ./spec/cart_spec.rb:8");
        is("mix", &["test adds up (CartTest)"], "mix test");
    }

    #[test]
    fn a_program_is_run_by_its_file() {
        assert_eq!(again("", &[], "load.py").as_deref(), Some("python3 load.py"));
        assert_eq!(again("", &[], "list.c"), None);
        assert_eq!(again("", &[], "--evil.py"), None);
    }

    #[test]
    fn a_name_cannot_become_a_command() {
        let names = |name: &str| [name.to_owned()];
        let hostile = again("mocha", &names("x'; rm -rf / #"), "");
        assert_eq!(hostile.as_deref(), Some(r"npx mocha --grep 'x'\''; rm -rf / #'"));
        assert_eq!(again("cargo", &names("--config=evil"), "").as_deref(), Some("cargo test"));
    }
}
