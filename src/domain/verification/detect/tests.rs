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
    fn has_above(&self, name: &str) -> bool {
        self.has(&format!("above/{name}"))
    }
    fn names_in(&self, place: &str) -> Vec<String> {
        let below = |path: &&'static str| match place {
            "" => Some(*path),
            place => path.strip_prefix(place)?.strip_prefix('/'),
        };
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter_map(below)
            .filter_map(|path| path.split('/').next())
            .map(str::to_owned)
            .collect();
        names.dedup();
        names
    }
    fn has_module(&self, _: &str, module: &str) -> bool {
        !self.has(&format!("without/{module}"))
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

#[test]
fn what_the_tests_are_decides_the_runner() {
    let bare = "def test_a(): assert 1\n";
    let case = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n";
    assert_eq!(
        commands(&[("tests/test_auth.py", case), ("src/auth.py", "")]),
        ["python3 -m unittest discover -s tests"]
    );
    assert_eq!(commands(&[("tests/test_auth.py", bare), ("src/auth.py", "")]), ["python3 -m pytest"]);
    assert_eq!(commands(&[("test_a.py", "import pytest\n")]), ["python3 -m pytest"]);
    assert_eq!(
        commands(&[("pyproject.toml", "[project]"), ("tests/test_a.py", bare)]),
        ["python3 -m pytest"]
    );
    assert_eq!(commands(&[("requirements.txt", "pytest"), ("test_a.py", case)]), ["python3 -m pytest"]);
    let without = [("requirements.txt", "pytest"), ("test_a.py", case), ("without/pytest", "")];
    assert_eq!(commands(&without), ["python3 -m unittest discover"]);
    assert_eq!(
        commands(&[("tests/test_a.py", case), ("tests/__init__.py", ""), ("setup.py", "")]),
        ["python3 -m unittest discover"]
    );
}

const CASE: &str = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n";

#[test]
fn tests_one_level_deeper_run_from_the_project() {
    assert_eq!(
        commands(&[("tests/integration/test_a.py", CASE), ("src/cart.py", "")]),
        ["python3 -m unittest discover -s tests/integration"]
    );
    assert_eq!(
        commands(&[("tests/one/test_a.py", CASE), ("tests/two/test_b.py", CASE), ("setup.py", "")]),
        ["python3 -m unittest discover -s tests/one", "python3 -m unittest discover -s tests/two"]
    );
    assert_eq!(
        commands(&[("tests/one/test_a.py", CASE), ("tests/one/__init__.py", ""), ("setup.py", "")]),
        ["python3 -m unittest discover -s tests"]
    );
    // Beside tests, a directory below may hold anything that looks like some.
    assert_eq!(
        commands(&[("tests/test_a.py", CASE), ("tests/data/test_b.py", CASE)]),
        ["python3 -m unittest discover -s tests"]
    );
    assert_eq!(commands(&[("tests/fixtures/test_a.py", CASE), ("src/cart.py", "")]), Vec::<String>::new());
}

#[test]
fn tests_run_from_the_directory_whose_modules_they_import() {
    let above = |place: &str, test: &'static str, more: &[&'static str]| {
        let path: &'static str = Box::leak(format!("{place}/test_a.py").into_boxed_str());
        let files = more.iter().map(|path| (*path, "")).chain([(path, test)]);
        let place = place.split('/').next().unwrap();
        let found = detect_above(&Files(files.collect()), place)?;
        Some(found.checks.into_iter().map(|check| check.command).collect::<Vec<_>>().join("; "))
    };
    let case: &str = "import unittest\nfrom src.cart import x\n";
    for place in ["Tests", "unit_tests", "테스트"] {
        let command = format!("python3 -m unittest discover -s {place}");
        assert_eq!(above(place, case, &["src/cart.py"]), Some(command));
    }
    let shop = "import unittest\nfrom shop.cart import x\n";
    assert_eq!(
        above("shop/tests", shop, &["shop/cart.py"]).as_deref(),
        Some("python3 -m unittest discover -s shop/tests")
    );
    let packages = ["shop/cart.py", "shop/__init__.py", "shop/tests/__init__.py"];
    assert_eq!(above("shop/tests", shop, &packages).as_deref(), Some("python3 -m unittest discover"));
    let relative = "import unittest\nfrom ..cart import x\n";
    assert_eq!(above("shop/tests", relative, &packages).as_deref(), Some("python3 -m unittest discover"));
    assert_eq!(
        above("Tests", "from shop import x\ndef test_a(): pass\n", &["src/shop.py"]).as_deref(),
        Some("python3 -m pytest Tests")
    );
    assert_eq!(
        above("Tests", case, &["src/cart.py", "Tests/conftest.py"]).as_deref(),
        Some("python3 -m pytest Tests")
    );
    // Nothing of this directory is imported, or the module beside the test is meant.
    assert_eq!(above("a/tests", "import unittest\nimport app\n", &["a/app.py"]), None);
    assert_eq!(above("Tests", "import unittest\nimport helper\n", &["helper.py", "Tests/helper.py"]), None);
}

#[test]
fn members_of_a_workspace_use_its_manager() {
    let member = [("pyproject.toml", "pytest"), ("test_a.py", "")];
    let with = |file: &'static str| commands(&[&member[..], &[(file, "")]].concat());
    assert_eq!(with("above/uv.lock"), ["uv run --no-sync python -m pytest"]);
    assert_eq!(with("above/poetry.lock"), ["python3 -m pytest"]);
}

#[test]
fn python_runs_through_the_manager_of_the_project() {
    let of = |files: &[(&'static str, &'static str)]| {
        let files: Vec<_> = [("tests/test_a.py", "")].into_iter().chain(files.iter().copied()).collect();
        commands(&files)
    };
    let poetry =
        "[tool.poetry]\nname = \"x\"\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n[tool.ruff]\n";
    assert_eq!(
        of(&[("pyproject.toml", poetry), ("poetry.lock", "")]),
        ["poetry run pytest", "poetry run ruff check ."]
    );
    assert_eq!(of(&[("pyproject.toml", poetry), (".venv/bin/python", "")])[0], ".venv/bin/python -m pytest");
    assert_eq!(of(&[("pyproject.toml", "pytest"), ("pdm.lock", "")]), ["pdm run pytest"]);
    assert_eq!(of(&[("pyproject.toml", "[tool.pdm.scripts]\ntest = \"pytest\"\n")]), ["pdm run test"]);
    assert_eq!(
        of(&[("pyproject.toml", "[tool.hatch.envs.default]\ndependencies = [\"pytest\"]\n")]),
        ["hatch run pytest"]
    );
    assert_eq!(
        of(&[("pyproject.toml", "[tool.hatch.envs.default.scripts]\ntest = \"pytest\"\n")]),
        ["hatch run test"]
    );
    assert_eq!(of(&[("Pipfile", "pytest = \"*\"")]), ["pipenv run pytest"]);
    assert_eq!(
        of(&[("pyproject.toml", "[tool.poetry]"), ("tests/test_a.py", "import unittest\n")]),
        ["poetry run python -m unittest discover -s tests"]
    );
    assert_eq!(of(&[("tox.ini", "[testenv]\ncommands = pytest\n")]), ["tox run --skip-env-install"]);
    assert_eq!(of(&[("noxfile.py", "@nox.session\ndef tests(session): pass\n")]), ["nox -R -s tests"]);
}

#[test]
fn packages_of_a_workspace_run_through_its_manager() {
    let package = r#"{"scripts":{"test":"vitest run","lint":"eslint ."}}"#;
    let of = |root: &'static str, more: &[(&'static str, &'static str)]| {
        let files: Vec<_> = [("package.json", root), ("packages/a/package.json", package)]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        commands(&files)
    };
    let plain = r#"{"name":"root","private":true}"#;
    assert_eq!(
        of(plain, &[("pnpm-workspace.yaml", "packages: ['packages/*']\n"), ("pnpm-lock.yaml", "")]),
        ["pnpm -r run test", "pnpm -r run lint"]
    );
    let listed = r#"{"workspaces":["packages/*"]}"#;
    assert_eq!(of(listed, &[("package-lock.json", "")])[0], "npm test --workspaces --if-present");
    assert_eq!(of(listed, &[("yarn.lock", "")])[0], "yarn workspaces run test");
    assert_eq!(
        of(listed, &[("yarn.lock", ""), (".yarnrc.yml", "")])[0],
        "yarn workspaces foreach -A run test"
    );
    assert_eq!(of(listed, &[("bun.lock", "")])[0], "bun run --filter '*' test");
    assert_eq!(
        of(r#"{"workspaces":{"packages":["packages/**"]}}"#, &[])[0],
        "npm test --workspaces --if-present"
    );
    // The project's own script comes first; a pattern may leave a package out.
    let own = r#"{"workspaces":["packages/*"],"scripts":{"test":"turbo run test"}}"#;
    assert_eq!(of(own, &[])[0], "npm test");
    assert_eq!(of(r#"{"workspaces":["packages/*","!packages/a"]}"#, &[]), Vec::<String>::new());
}
