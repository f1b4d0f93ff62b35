//! Finds tests that are not the project's own: those of the language and of installed packages.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::domain::packed::list;
use crate::domain::verification::policy::Permitted;

/// The first test of a command that is not the project's own, if there is one. `runner` is the one that was
/// seen; `shown` is the command's directory, relative to the project.
pub(super) fn foreign(
    permitted: &Permitted,
    runner: Option<&str>,
    cwd: &Path,
    shown: &str,
) -> Option<String> {
    if permitted.rule.starts_with("go") {
        return of_go(permitted, cwd);
    }
    let tests = match runner {
        Some("unittest") => of_python(permitted),
        // The arguments of these are paths.
        Some("pytest" | "node" | "mocha" | "jest" | "vitest") => {
            permitted.arguments.iter().cloned().map(Test::File).collect()
        }
        Some(_) | None => return None,
    };
    let root = root(cwd, shown);
    if is_installed(cwd, root) {
        return Some(shown.to_owned());
    }
    tests.into_iter().find(|test| !test.is_own(cwd, root)).map(Test::into_text)
}

/// A test as a command names it.
enum Test {
    /// A path, perhaps with a test in the file: `a.py::test_a`.
    File(String),
    /// A dotted name or a path.
    Name(String),
    /// A directory, or else a dotted name.
    Start(String),
}

impl Test {
    /// A dotted name is the project's own if the modules are below the directory: the interpreter's packages
    /// contain tests too, and any dotted name reaches them.
    fn is_own(&self, cwd: &Path, root: &Path) -> bool {
        let (Self::File(text) | Self::Name(text) | Self::Start(text)) = self;
        let path = cwd.join(text.split("::").next().unwrap_or(text));
        !is_installed(&path, root)
            && match self {
                Self::File(_) => true,
                Self::Name(name) => is_own(name, cwd),
                Self::Start(name) => path.is_dir() || is_own(name, cwd),
            }
    }

    fn into_text(self) -> String {
        let (Self::File(text) | Self::Name(text) | Self::Start(text)) = self;
        text
    }
}

/// The project's root, by a directory in it.
fn root<'a>(cwd: &'a Path, shown: &str) -> &'a Path {
    let shown = Path::new(shown);
    // A directory of another root is shown as a whole.
    let depth = shown.components().filter(|part| matches!(part, Component::Normal(_))).count();
    cwd.ancestors().nth(if shown.is_absolute() { 0 } else { depth }).unwrap_or(cwd)
}

/// True if a path lies in a directory of installed packages.
fn is_installed(path: &Path, root: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let places = real.ancestors().take_while(|place| *place != root && place.starts_with(root));
    places.into_iter().any(|place| {
        let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        list("installed_directories").contains(&name)
            || place.join("pyvenv.cfg").is_file()
            || name == "vendor" && is_vendored(place, root)
    })
}

/// True if a `vendor` directory holds dependencies. A tool marks it, or it has nothing but their directories:
/// one that is a part of the project, as for the vendors of a shop, has files of its own.
fn is_vendored(vendor: &Path, root: &Path) -> bool {
    let is_marked = list("vendor_marks").iter().any(|mark| vendor.join(mark).exists());
    let has_files = || {
        let entries = fs::read_dir(vendor).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            let is_about_it =
                name.starts_with('.') || name.starts_with("readme") || name.starts_with("license");
            !is_about_it && entry.file_type().is_ok_and(|kind| kind.is_file())
        })
    };
    is_marked || vendor.parent() == Some(root) && vendor.is_dir() && !has_files()
}

/// The tests that a command of unittest names.
fn of_python(permitted: &Permitted) -> Vec<Test> {
    let words = &permitted.words;
    let Some(start) = words.iter().position(|word| word == "unittest") else { return Vec::new() };
    let rest = words.get(start + 1..).unwrap_or_default();
    let mut tests: Vec<Test> = directories(rest).map(Test::Start).collect();
    if rest.first().is_some_and(|word| word == "discover") {
        // What follows the directory is a pattern and the top-level directory.
        tests.extend(permitted.arguments.iter().take(1).cloned().map(Test::Start));
    } else {
        tests.extend(permitted.arguments.iter().cloned().map(Test::Name));
    }
    tests
}

/// The start directories among the words of a command, in every form of the option.
fn directories(words: &[String]) -> impl Iterator<Item = String> {
    words.iter().enumerate().filter_map(|(at, word)| {
        let next = || words.get(at + 1).cloned();
        match (word.strip_prefix("--start-directory"), word.strip_prefix("-s")) {
            (Some(""), _) | (None, Some("")) => next(),
            (Some(value), _) | (None, Some(value)) => Some(value.trim_start_matches('=').to_owned()),
            (None, None) => None,
        }
    })
}

fn is_own(name: &str, cwd: &Path) -> bool {
    if name.contains('/') || Path::new(name).extension().is_some_and(|kind| kind == "py") {
        return true;
    }
    let mut place: PathBuf = cwd.to_owned();
    for part in name.split('.') {
        place.push(part);
        if place.with_extension("py").is_file() {
            return true;
        }
        // A directory that is not a package is shadowed by the interpreter's package of that name.
        if !place.is_dir() || part == "test" && !place.join("__init__.py").is_file() {
            return false;
        }
    }
    true
}

/// The first package that is not the project's own. Its own ones are given by path or by the module's name.
fn of_go(permitted: &Permitted, cwd: &Path) -> Option<String> {
    let module = fs::read_to_string(cwd.join("go.mod"))
        .ok()
        .and_then(|text| text.lines().find_map(|line| Some(line.strip_prefix("module ")?.trim().to_owned())));
    let is_of_module = |name: &str| {
        let rest = module.as_ref().and_then(|module| name.strip_prefix(module.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_own = |name: &str| name == "." || name.starts_with("./") || is_of_module(name);
    permitted.arguments.iter().find(|name| !is_own(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule::RuleFile as _;
    use crate::domain::verification::policy::Policy;
    use crate::domain::verification::rules::{VerificationRules, stays_inside};

    #[test]
    fn tests_that_lie_elsewhere_are_not_the_project_s() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for file in [
            "tests/test_a.py",
            "test/test_c.py",
            "test_b.py",
            "only/vendor/test_d.py",
            "unit/tests.py",
            "vendor/other/test_y.py",
            "node_modules/foo/foo.test.mjs",
            ".venv/lib/python3/site-packages/idna/test_i.py",
            "env/pyvenv.cfg",
            "env/lib/test_e.py",
            "tests/venv/test_f.py",
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        fs::write(root.join("go.mod"), "module shop\n").unwrap();
        std::os::unix::fs::symlink(root.join(".venv"), root.join("link")).unwrap();
        let rules = VerificationRules::from_yaml(include_str!("../../../conf/verification.yaml")).unwrap();
        let policy = Policy::new(&rules).unwrap();
        let judged = |command: &str, runner: Option<&str>, shown: &str| {
            let permitted =
                policy.judge(command, &stays_inside).unwrap_or_else(|why| panic!("{command}: {why:?}"));
            foreign(&permitted, runner, &root.join(shown).canonicalize().unwrap(), shown)
        };
        let (unittest, pytest, go) = (Some("unittest"), Some("pytest"), Some("go"));
        for (runner, command) in [
            (unittest, "python -m unittest"),
            (unittest, "python -m unittest discover -s tests -v"),
            (unittest, "python -m unittest discover -s test -p 'test*'"),
            (unittest, "python -m unittest discover -stest -t ."),
            (unittest, "python -m unittest discover test 'test*' ."),
            (unittest, "python -m unittest discover --start-directory=./unit"),
            (unittest, "python -m unittest tests.test_a.A.test_b test_b"),
            (go, "go test ./... -run X"),
            (go, "go test -count 1 -timeout 30s shop/cart"),
            (go, "go test -x -benchmem ."),
            (pytest, "pytest tests"),
            (pytest, "pytest --ignore .venv --ignore node_modules tests/test_a.py::A::test_b"),
            (pytest, "pytest tests/venv only/vendor"),
            (pytest, "pytest --rootdir=.venv tests"),
            (Some("cargo"), "cargo test vendor"),
            (Some("node"), "node --test"),
        ] {
            assert_eq!(judged(command, runner, "."), None, "{command}");
        }
        for (runner, command) in [
            (unittest, "python -m unittest test.test_bool"),
            (unittest, "python -m unittest -v unittest.test"),
            (unittest, "python -m unittest json"),
            (unittest, "python -m unittest discover -s test.test_json"),
            (unittest, "python -m unittest discover -stest.test_json"),
            (unittest, "python -m unittest discover -v --start-directory=ctypes.test"),
            (unittest, "python -m unittest discover -s unittest -k TestRe"),
            (unittest, "python -m unittest discover test.test_json"),
            (unittest, "uv run --no-sync python -m unittest discover -s test.test_json"),
            (unittest, "python -m unittest .venv/lib/python3/site-packages/idna/test_i.py"),
            (go, "go test strings"),
            (go, "go test -x strings"),
            (go, "go test -benchmem strings"),
            (go, "go test -v -run X shopping"),
            (go, "go test ..."),
            (pytest, "pytest .venv"),
            (pytest, "uv run --no-sync pytest link/lib"),
            (pytest, "pytest tests vendor"),
            (pytest, "pytest env/lib/test_e.py::test_a"),
            (pytest, "pytest tests/../vendor/other/test_y.py"),
            (Some("node"), "node --test node_modules/foo/foo.test.mjs"),
        ] {
            assert!(judged(command, runner, ".").is_some(), "{command}");
        }
        assert!(judged("pytest", pytest, "vendor/other").is_some());
        assert!(judged("pytest", pytest, "tests").is_none());
        fs::write(root.join("vendor/models.py"), "").unwrap();
        assert!(judged("pytest vendor", pytest, ".").is_none());
        fs::write(root.join("vendor/modules.txt"), "").unwrap();
        assert!(judged("pytest vendor", pytest, ".").is_some());
    }
}
