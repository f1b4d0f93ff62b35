//! Python projects: pytest or unittest, and the linters that are configured.

use super::{Check, Detected, Directory};
use crate::domain::verification::Kind;

const MARKERS: [&str; 8] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pytest.ini",
    "tox.ini",
    "conftest.py",
    "requirements.txt",
    "requirements-dev.txt",
];

pub(super) fn detect(directory: &dyn Directory) -> Option<Detected> {
    let is_test = |name: &String| {
        let path = std::path::Path::new(name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        path.extension().is_some_and(|end| end == "py")
            && (stem.starts_with("test_") || stem.ends_with("_test"))
    };
    let marker = MARKERS.iter().find(|name| directory.has(name)).map(|name| (*name).to_owned());
    let marker = marker.or_else(|| directory.names().into_iter().find(is_test))?;
    let said: String = MARKERS.iter().filter_map(|name| directory.text(name)).collect::<Vec<_>>().join("\n");
    let (manager, prefix) = runner(directory);
    let uses = |tool: &str, files: &[&str]| {
        said.contains(&format!("[tool.{tool}"))
            || said.contains(&format!("[{tool}]"))
            || files.iter().any(|name| directory.has(name))
    };
    let pytest = said.contains("pytest")
        || ["pytest.ini", "conftest.py", "tests/conftest.py"].iter().any(|name| directory.has(name));
    let mut checks = Vec::new();
    if pytest {
        checks.push(Check::new(Kind::UnitTest, format!("{prefix} -m pytest"), true));
    } else if directory.names().iter().any(is_test) || directory.has("tests") || directory.has("test") {
        checks.push(Check::new(
            Kind::UnitTest,
            format!("{prefix} -m unittest discover{}", start(directory, is_test)),
            true,
        ));
    }
    if uses("ruff", &["ruff.toml", ".ruff.toml"]) {
        checks.push(Check::new(Kind::Lint, format!("{prefix} -m ruff check ."), true));
    } else if uses("flake8", &[".flake8"]) {
        checks.push(Check::new(Kind::Lint, format!("{prefix} -m flake8"), true));
    }
    if uses("mypy", &["mypy.ini", ".mypy.ini"]) {
        checks.push(Check::new(Kind::TypeCheck, format!("{prefix} -m mypy ."), true));
    }
    if uses("black", &[]) {
        checks.push(Check::new(Kind::Format, format!("{prefix} -m black --check ."), true));
    }
    if checks.is_empty() {
        return None;
    }
    let mut detected = Detected::new("python", marker, checks);
    detected.manager = manager;
    Some(detected)
}

/// Who runs Python: uv where it has locked the project, a virtual environment, else the system's.
fn runner(directory: &dyn Directory) -> (Option<&'static str>, &'static str) {
    for (place, python) in [(".venv", ".venv/bin/python"), ("venv", "venv/bin/python")] {
        if directory.has(python) {
            return (Some(place), python);
        }
    }
    if directory.has("uv.lock") {
        return (Some("uv"), "uv run --no-sync python");
    }
    (None, "python3")
}

/// Where unittest looks, if the tests lie in a directory that is no package.
fn start(directory: &dyn Directory, is_test: impl Fn(&String) -> bool) -> &'static str {
    if directory.names().iter().any(is_test) {
        return "";
    }
    match (directory.has("tests/__init__.py"), directory.has("tests"), directory.has("test/__init__.py")) {
        (false, true, _) => " -s tests",
        (false, false, false) => " -s test",
        _ => "",
    }
}
