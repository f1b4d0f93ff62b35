//! Directories as maps, and what is found in them.

use std::collections::BTreeMap;

use super::*;

struct Files(BTreeMap<&'static str, &'static str>);

impl Directory for Files {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|text| (*text).to_owned())
    }
    fn has(&self, name: &str) -> bool {
        self.0.keys().any(|path| *path == name || path.starts_with(&format!("{name}/")))
    }
    fn names(&self) -> Vec<String> {
        self.0.keys().filter(|path| !path.contains('/')).map(|path| (*path).to_owned()).collect()
    }
}

fn commands(files: &[(&'static str, &'static str)]) -> Vec<String> {
    detect(&Files(files.iter().copied().collect()))
        .into_iter()
        .flat_map(|found| found.checks)
        .filter(|check| check.by_default)
        .map(|check| check.command)
        .collect()
}

#[test]
fn each_kind_of_project_has_its_own_checks() {
    assert_eq!(
        commands(&[("Cargo.toml", "[package]\n[lints.rust]")]),
        ["cargo test", "cargo clippy --all-targets"]
    );
    assert_eq!(commands(&[("Cargo.toml", "[workspace]\nmembers = []")]), ["cargo test --workspace"]);
    assert_eq!(commands(&[("go.mod", "module x")]), ["go test ./...", "go vet ./..."]);
    assert_eq!(
        commands(&[("Makefile", "test: build\n\tx\nlint:\n\ty\nCC := gcc\n")]),
        ["make test", "make lint"]
    );
    assert_eq!(commands(&[("README.md", "")]), Vec::<String>::new());
}

#[test]
fn scripts_run_by_the_manager_of_the_lock_file() {
    let manifest = r#"{"scripts":{"test":"jest","lint":"eslint .","build":"x","deploy":"y"}}"#;
    assert_eq!(commands(&[("package.json", manifest)]), ["npm test", "npm run lint"]);
    assert_eq!(
        commands(&[("package.json", manifest), ("pnpm-lock.yaml", "")]),
        ["pnpm test", "pnpm run lint"]
    );
    assert_eq!(commands(&[("package.json", manifest), ("yarn.lock", "")]), ["yarn test", "yarn run lint"]);
    let none = r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
    assert_eq!(commands(&[("package.json", none)]), Vec::<String>::new());
    let types = [("package.json", "{}"), ("tsconfig.json", "{}"), ("node_modules/.bin/tsc", "")];
    assert_eq!(commands(&types), ["npx --no-install tsc --noEmit"]);
}

#[test]
fn python_is_pytest_where_it_says_so_and_unittest_else() {
    assert_eq!(
        commands(&[("pyproject.toml", "[tool.pytest.ini_options]\n[tool.mypy]")]),
        ["python3 -m pytest", "python3 -m mypy ."]
    );
    assert_eq!(commands(&[("test_a.py", "")]), ["python3 -m unittest discover"]);
    assert_eq!(
        commands(&[("setup.py", ""), ("tests/test_a.py", "")]),
        ["python3 -m unittest discover -s tests"]
    );
    assert_eq!(
        commands(&[("requirements.txt", "pytest"), (".venv/bin/python", "")]),
        [".venv/bin/python -m pytest"]
    );
    assert_eq!(
        commands(&[("pyproject.toml", "pytest"), ("uv.lock", "")]),
        ["uv run --no-sync python -m pytest"]
    );
}

#[test]
fn several_in_one_directory_are_all_found() {
    let found = commands(&[
        ("Cargo.toml", "[package]"),
        ("package.json", r#"{"scripts":{"test":"vitest run"}}"#),
        ("Makefile", "test:\n\tcargo test\nlint:\n\tx\n"),
    ]);
    assert_eq!(found, ["cargo test", "npm test", "make lint"]);
}
