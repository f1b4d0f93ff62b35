//! Python projects: pytest or unittest by what the tests are, through the manager that the project uses,
//! and the linters that are configured.

use super::{Check, Detected, Directory};
use crate::domain::verification::Kind;

const MARKERS: [&str; 10] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pytest.ini",
    "tox.ini",
    "noxfile.py",
    "conftest.py",
    "Pipfile",
    "requirements.txt",
    "requirements-dev.txt",
];
/// Directories in which tests lie beside the sources.
const PLACES: [&str; 5] = ["", "tests", "test", "tests/unit", "src/tests"];
/// Test files whose text is read.
const MOST_READ: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    /// The interpreter of a virtual environment in the project, or the system's.
    Python(&'static str),
    Uv,
    Poetry,
    Pdm,
    Hatch,
    Pipenv,
}

impl Runner {
    /// A virtual environment in the project holds what the manager put there; else the manager knows.
    fn of(directory: &dyn Directory, said: &str) -> Self {
        let table = |name: &str| said.contains(&format!("[tool.{name}"));
        for python in [".venv/bin/python", "venv/bin/python"] {
            if directory.has(python) {
                return Self::Python(python);
            }
        }
        let managers = [
            (Self::Uv, directory.has("uv.lock") || table("uv")),
            (Self::Poetry, directory.has("poetry.lock") || table("poetry")),
            (Self::Pdm, directory.has("pdm.lock") || table("pdm")),
            (Self::Hatch, directory.has("hatch.toml") || table("hatch.envs")),
            (Self::Pipenv, directory.has("Pipfile.lock") || directory.has("Pipfile")),
        ];
        managers
            .into_iter()
            .find(|(_, is_used)| *is_used)
            .map_or(Self::Python("python3"), |(runner, _)| runner)
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Python("python3") => None,
            Self::Python(python) => python.split('/').next(),
            Self::Uv => Some("uv"),
            Self::Poetry => Some("poetry"),
            Self::Pdm => Some("pdm"),
            Self::Hatch => Some("hatch"),
            Self::Pipenv => Some("pipenv"),
        }
    }

    /// A tool that is a module and a program of the same name.
    fn tool(self, tool: &str) -> String {
        match self {
            Self::Python(python) => format!("{python} -m {tool}"),
            Self::Uv => format!("uv run --no-sync python -m {tool}"),
            Self::Poetry | Self::Pdm | Self::Hatch | Self::Pipenv => {
                format!("{} run {tool}", self.name().unwrap_or_default())
            }
        }
    }

    /// A module that is no program.
    fn module(self, module: &str) -> String {
        match self {
            Self::Python(_) | Self::Uv => self.tool(module),
            Self::Poetry | Self::Pdm | Self::Hatch | Self::Pipenv => {
                self.tool(&format!("python -m {module}"))
            }
        }
    }
}

pub(super) fn detect(directory: &dyn Directory) -> Option<Detected> {
    let tests = tests(directory);
    let marker = MARKERS.iter().find(|name| directory.has(name)).map(|name| (*name).to_owned());
    let marker = marker.or_else(|| tests.first().cloned())?;
    let said: String = MARKERS.iter().filter_map(|name| directory.text(name)).collect::<Vec<_>>().join("\n");
    let runner = Runner::of(directory, &said);
    let uses = |tool: &str, files: &[&str]| {
        said.contains(&format!("[tool.{tool}"))
            || said.contains(&format!("[{tool}]"))
            || files.iter().any(|name| directory.has(name))
    };
    let mut checks = Vec::new();
    if let Some(command) =
        own_script(directory, &said, runner).or_else(|| unit_tests(directory, &said, runner, &tests))
    {
        checks.push(Check::new(Kind::UnitTest, command, true));
    }
    if uses("ruff", &["ruff.toml", ".ruff.toml"]) {
        checks.push(Check::new(Kind::Lint, format!("{} check .", runner.tool("ruff")), true));
    } else if uses("flake8", &[".flake8"]) {
        checks.push(Check::new(Kind::Lint, runner.tool("flake8"), true));
    }
    if uses("mypy", &["mypy.ini", ".mypy.ini"]) {
        checks.push(Check::new(Kind::TypeCheck, format!("{} .", runner.tool("mypy")), true));
    }
    if uses("black", &[]) {
        checks.push(Check::new(Kind::Format, format!("{} --check .", runner.tool("black")), true));
    }
    if checks.is_empty() {
        return None;
    }
    let mut detected = Detected::new("python", marker, checks);
    detected.manager = runner.name();
    Some(detected)
}

/// Returns what the project itself says its tests are: a script of its manager, or an environment of nox or
/// tox.
fn own_script(directory: &dyn Directory, said: &str, runner: Runner) -> Option<String> {
    match runner {
        Runner::Pdm if has_key(said, "[tool.pdm.scripts]", "test") => return Some("pdm run test".to_owned()),
        Runner::Hatch if has_key(said, "[tool.hatch.envs.default.scripts]", "test") => {
            return Some("hatch run test".to_owned());
        }
        Runner::Hatch if said.contains("[tool.hatch.envs.hatch-test") => {
            return Some("hatch test".to_owned());
        }
        // An environment that is there already answers sooner than one that a tool would make.
        Runner::Python("python3") => {}
        Runner::Python(_) | Runner::Uv | Runner::Poetry | Runner::Pdm | Runner::Hatch | Runner::Pipenv => {
            return None;
        }
    }
    if let Some(nox) = directory.text("noxfile.py") {
        let session = ["tests", "test"].into_iter().find(|name| nox.contains(&format!("def {name}(")));
        return Some(session.map_or_else(|| "nox -R".to_owned(), |session| format!("nox -R -s {session}")));
    }
    let has_tox = said.contains("[testenv") || said.contains("[tool.tox") || directory.has("tox.toml");
    has_tox.then(|| "tox run --skip-env-install".to_owned())
}

/// True if a table of a TOML document has a key, by its lines.
fn has_key(text: &str, table: &str, key: &str) -> bool {
    let below = text.lines().skip_while(|line| line.trim() != table).skip(1);
    below
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.split_once('=').is_some_and(|(name, _)| name.trim().trim_matches('"') == key))
}

/// pytest where it is there and the tests use it, or where nothing else could run them.
fn unit_tests(directory: &dyn Directory, said: &str, runner: Runner, tests: &[String]) -> Option<String> {
    let texts: Vec<String> = tests.iter().take(MOST_READ).filter_map(|name| directory.text(name)).collect();
    let needs = directory.has("pytest.ini")
        || ["", "tests/", "test/"].iter().any(|place| directory.has(&format!("{place}conftest.py")))
        || texts.iter().any(|text| is_pytest(text));
    let is_unittest = !texts.is_empty() && texts.iter().all(|text| text.contains("unittest"));
    // A manager has its own environment, which only it can look into.
    let is_there = || match runner {
        Runner::Python(python) => directory.has_module(python, "pytest"),
        Runner::Uv | Runner::Poetry | Runner::Pdm | Runner::Hatch | Runner::Pipenv => true,
    };
    let is_named = said.contains("pytest");
    if needs || is_named && (!is_unittest || is_there()) {
        return Some(runner.tool("pytest"));
    }
    let has_tests = !tests.is_empty() || directory.has("tests") || directory.has("test");
    has_tests.then(|| format!("{}{}", runner.module("unittest discover"), start(directory, tests)))
}

/// True if a test is one that only pytest runs: it imports it, takes its fixtures, or is a bare function.
fn is_pytest(text: &str) -> bool {
    text.lines().any(|line| {
        let is_import =
            line.trim_start().starts_with("import pytest") || line.trim_start().starts_with("from pytest");
        is_import || line.starts_with("def test_") || line.starts_with("async def test_")
    })
}

/// The test files at the root and beside the sources, those at the root first.
fn tests(directory: &dyn Directory) -> Vec<String> {
    let is_test = |name: &String| {
        let path = std::path::Path::new(name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        path.extension().is_some_and(|end| end == "py")
            && (stem.starts_with("test_") || stem.ends_with("_test"))
    };
    let in_place = |place: &&str| -> Vec<String> {
        let names = directory.names_in(place);
        let whole = |name: String| if place.is_empty() { name } else { format!("{place}/{name}") };
        names.into_iter().filter(is_test).map(whole).collect()
    };
    PLACES.iter().flat_map(in_place).collect()
}

/// Returns where unittest looks, if the tests lie in a directory that is no package. It runs at the root, so
/// that the tests find the sources beside them.
fn start(directory: &dyn Directory, tests: &[String]) -> String {
    if tests.iter().any(|name| !name.contains('/')) {
        return String::new();
    }
    let place = ["tests", "test"].into_iter().find(|place| directory.has(place));
    match place {
        Some(place) if !directory.has(&format!("{place}/__init__.py")) => format!(" -s {place}"),
        Some(_) | None => String::new(),
    }
}
