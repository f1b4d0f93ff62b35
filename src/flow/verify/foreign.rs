//! Tests that are not the project's: those of the interpreter or of a library, by their names.

use std::path::Path;

/// The tests that a command names and that do not lie in its directory, if it names such.
pub(super) fn foreign(rule: &str, command: &str, cwd: &Path) -> Option<String> {
    let words = shlex::split(command)?;
    match rule {
        "unittest" => of_python(&words, cwd),
        rule if rule.starts_with("go") => of_go(&words, cwd),
        _ => None,
    }
}

/// A dotted name is the project's where its modules lie below the directory: the interpreter has
/// packages of tests of its own, which any dotted name reaches.
fn of_python(words: &[String], cwd: &Path) -> Option<String> {
    const WITH_VALUE: [&str; 6] = ["-k", "-s", "-t", "-p", "--start-directory", "--top-level-directory"];
    let start = words.iter().position(|word| word == "unittest")? + 1;
    let mut rest = words.get(start..)?.iter();
    let mut names = Vec::new();
    while let Some(word) = rest.next() {
        if WITH_VALUE.contains(&word.as_str()) {
            rest.next();
        } else if !word.starts_with('-') && word != "discover" {
            names.push(word);
        }
    }
    names.into_iter().find(|name| !is_own(name, cwd)).cloned()
}

fn is_own(name: &str, cwd: &Path) -> bool {
    if name.contains('/') || Path::new(name).extension().is_some_and(|kind| kind == "py") {
        return true;
    }
    let mut place = cwd.to_owned();
    for part in name.split('.') {
        place.push(part);
        if place.with_extension("py").is_file() {
            return true;
        }
        // A directory that is no package gives way to the interpreter's package of that name.
        if !place.is_dir() || part == "test" && !place.join("__init__.py").is_file() {
            return false;
        }
    }
    true
}

/// A package of Go is the project's where it is given by its place or by the module's name.
fn of_go(words: &[String], cwd: &Path) -> Option<String> {
    let start = words.iter().position(|word| word == "test")? + 1;
    let module = std::fs::read_to_string(cwd.join("go.mod"))
        .ok()
        .and_then(|text| text.lines().find_map(|line| Some(line.strip_prefix("module ")?.trim().to_owned())));
    let is_own = |name: &str| {
        name.starts_with('.') || module.as_ref().is_some_and(|module| name.starts_with(module.as_str()))
    };
    let after_an_option = |place: usize| {
        place.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|word| {
            word.starts_with('-')
                && !word.contains('=')
                && !matches!(word.as_str(), "-v" | "-race" | "-short" | "-cover" | "-json" | "-failfast")
        })
    };
    let names = words.iter().enumerate().skip(start);
    let names = names.filter(|(place, word)| !word.starts_with('-') && !after_an_option(*place));
    names.map(|(_, word)| word).find(|name| !is_own(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lie_elsewhere_are_not_the_project_s() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("tests")).unwrap();
        std::fs::create_dir_all(root.path().join("test")).unwrap();
        std::fs::write(root.path().join("tests/test_a.py"), "").unwrap();
        std::fs::write(root.path().join("test_b.py"), "").unwrap();
        std::fs::write(root.path().join("go.mod"), "module shop\n").unwrap();
        for (rule, command, is_foreign) in [
            ("unittest", "python -m unittest", false),
            ("unittest", "python -m unittest discover -s tests -v", false),
            ("unittest", "python -m unittest tests.test_a.A.test_b test_b", false),
            ("unittest", "python -m unittest test.test_bool", true),
            ("unittest", "python -m unittest -v unittest.test", true),
            ("unittest", "python -m unittest json", true),
            ("go-test", "go test ./... -run X", false),
            ("go-test", "go test shop/cart", false),
            ("go-test", "go test strings", true),
            ("pytest", "pytest tests", false),
        ] {
            assert_eq!(foreign(rule, command, root.path()).is_some(), is_foreign, "{command}");
        }
    }
}
