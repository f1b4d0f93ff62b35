//! Detects a project's own checks by its files.

use std::sync::LazyLock;

use globset::Glob;
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Kind;
use crate::domain::packed::{list, pairs, read};
use crate::domain::pattern::Pattern;
use crate::domain::typed::from_yaml;

/// A directory of the project, as detection reads it.
pub trait Directory {
    /// The text of a file; None if there is no file, or it is larger than a manifest.
    fn text(&self, name: &str) -> Option<String>;
    /// True if there is a file or directory of this name.
    fn has(&self, name: &str) -> bool;
    /// True if a directory above this one, within the project, has a file or directory of this name.
    fn has_above(&self, name: &str) -> bool;
    /// The names in this directory (`place` is empty) or in one below it; empty if that does not exist.
    fn names_in(&self, place: &str) -> Vec<String>;
    /// True if a Python interpreter has a module.
    fn has_module(&self, python: &str, module: &str) -> bool;
}

/// A project in a directory, of one language or one build tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// The directory, relative to the one where detection began.
    pub directory: String,
    /// `rust`, `javascript`, `typescript`, `python`, `go` or `make`.
    pub language: &'static str,
    /// The file by which the project was recognised.
    pub marker: String,
    /// The manager that runs its tools: npm, pnpm, yarn, bun, uv, a virtual environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<&'static str>,
    pub checks: Vec<Check>,
    /// True if its checks cover the packages below it.
    #[serde(skip)]
    pub holds_packages: bool,
}

/// A check that belongs to a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub command: String,
    /// True if the check runs when no type is asked for.
    pub by_default: bool,
}

impl Check {
    fn new(kind: Kind, command: impl Into<String>, by_default: bool) -> Self {
        Self { kind, command: command.into(), by_default }
    }

    /// A check that the project defines under the name of its kind.
    fn named(kind: Kind, command: String) -> Self {
        let by_default = matches!(kind, Kind::UnitTest | Kind::Lint | Kind::TypeCheck | Kind::Format);
        Self { kind, command, by_default }
    }
}

/// Detects the projects of one directory, at most one for each language and one for make.
pub fn detect(directory: &dyn Directory) -> Vec<Detected> {
    let mut found: Vec<Detected> =
        [rust(directory), detect_javascript(directory), detect_python(directory), go(directory)]
            .into_iter()
            .flatten()
            .collect();
    if let Some(mut make) = makefile(directory) {
        // A make target for a kind that is already covered would run the same checks twice.
        for check in &mut make.checks {
            check.by_default &= !found.iter().any(|other| other.has_default(check.kind));
        }
        found.push(make);
    }
    found
}

impl Detected {
    fn new(language: &'static str, marker: impl Into<String>, checks: Vec<Check>) -> Self {
        Self {
            directory: ".".to_owned(),
            language,
            marker: marker.into(),
            manager: None,
            checks,
            holds_packages: false,
        }
    }

    /// True if it was recognised by Python tests alone. A `conftest.py` stands beside tests wherever they are.
    pub fn is_without_manifest(&self) -> bool {
        let marker = self.marker.as_str();
        self.language == "python" && (marker == CONFTEST || !list("python_markers").contains(&marker))
    }

    /// True if `inner`, a project below this one, is covered by its checks. It must have the same language. A
    /// Go module is never covered, and a project without tests or packages covers nothing.
    pub fn includes(&self, inner: &Self) -> bool {
        let is_same = self.language == inner.language
            || [self.language, inner.language].iter().all(|language| language.ends_with("script"));
        is_same && self.language != "go" && (self.holds_packages || self.has_default(Kind::UnitTest))
    }

    fn has_default(&self, kind: Kind) -> bool {
        self.checks.iter().any(|check| check.kind == kind && check.by_default)
    }
}

fn rust(directory: &dyn Directory) -> Option<Detected> {
    let manifest = directory.text("Cargo.toml")?;
    let lints = ["clippy.toml", ".clippy.toml"].iter().any(|name| directory.has(name))
        || manifest.contains("[lints")
        || manifest.contains("[workspace.lints");
    let format = ["rustfmt.toml", ".rustfmt.toml"].iter().any(|name| directory.has(name));
    let workspace =
        if manifest.contains("[workspace]") && !manifest.contains("[package]") { " --workspace" } else { "" };
    let checks = vec![
        Check::new(Kind::UnitTest, format!("cargo test{workspace}"), true),
        Check::new(Kind::Lint, format!("cargo clippy{workspace} --all-targets"), lints),
        Check::new(Kind::TypeCheck, format!("cargo check{workspace} --all-targets"), false),
        Check::new(Kind::Format, "cargo fmt --check", format),
        Check::new(Kind::Build, format!("cargo build{workspace}"), false),
    ];
    Some(Detected::new("rust", "Cargo.toml", checks))
}

fn go(directory: &dyn Directory) -> Option<Detected> {
    if !directory.has("go.mod") {
        return None;
    }
    let mut checks = vec![
        Check::new(Kind::UnitTest, "go test ./...", true),
        Check::new(Kind::TypeCheck, "go vet ./...", true),
        Check::new(Kind::Format, "gofmt -l .", false),
        Check::new(Kind::Build, "go build ./...", false),
    ];
    let configs = [".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"];
    if configs.iter().any(|name| directory.has(name)) {
        checks.push(Check::new(Kind::Lint, "golangci-lint run", true));
    }
    Some(Detected::new("go", "go.mod", checks))
}

/// Names of targets or scripts with the kind that each means, more specific names first.
fn of_types(list: &'static [(&'static str, &'static str)]) -> impl Iterator<Item = (&'static str, Kind)> {
    list.iter().filter_map(|(name, kind)| Some((*name, kind.parse().ok()?)))
}

fn makefile(directory: &dyn Directory) -> Option<Detected> {
    let names = ["GNUmakefile", "Makefile", "makefile"];
    let (marker, text) = names.iter().find_map(|name| Some((*name, directory.text(name)?)))?;
    let has = |target: &str| {
        text.lines().any(|line| {
            line.strip_prefix(target)
                .is_some_and(|rest| rest.trim_start().starts_with(':') && !rest.contains(":="))
        })
    };
    let mut checks: Vec<Check> = Vec::new();
    for (target, kind) in of_types(pairs("make_targets")) {
        if has(target) && !checks.iter().any(|check| check.kind == kind) {
            checks.push(Check::named(kind, format!("make {target}")));
        }
    }
    (!checks.is_empty()).then(|| Detected::new("make", marker, checks))
}

/// A part of the test script that `npm init` writes.
const NO_TEST: &str = "no test specified";
/// The most packages of a workspace that are read.
const MOST_PACKAGES: usize = 200;

/// A package manager, with its commands for running scripts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manager {
    name: String,
    locks: Vec<String>,
    script: String,
    test: String,
    everywhere: String,
    berry: Option<String>,
    test_everywhere: Option<String>,
}

/// The manager of a package: by its lock file, else by its `packageManager` field, else the last one listed.
fn manager(directory: &dyn Directory, named: &str) -> Option<&'static Manager> {
    let name = named.split('@').next();
    let managers = &RUNNERS.javascript;
    let by_lock = managers.iter().find(|manager| manager.locks.iter().any(|lock| directory.has(lock)));
    by_lock
        .or_else(|| managers.iter().find(|manager| name == Some(manager.name.as_str())))
        .or(managers.last())
}

impl Manager {
    /// The command that runs a script of the package itself.
    fn script(&self, script: &str) -> String {
        if script == "test" { self.test.clone() } else { self.script.replace("{}", script) }
    }

    /// The command that runs a script in every package that has it.
    fn in_workspaces(&self, script: &str, is_berry: bool) -> String {
        let test = self.test_everywhere.as_ref().filter(|_| script == "test");
        let berry = self.berry.as_ref().filter(|_| is_berry);
        test.or(berry).unwrap_or(&self.everywhere).replace("{}", script)
    }
}

fn detect_javascript(directory: &dyn Directory) -> Option<Detected> {
    let manifest: Value = serde_json::from_str(&directory.text("package.json")?).ok()?;
    let named = manifest.get("packageManager").and_then(Value::as_str).unwrap_or_default();
    let manager = manager(directory, named)?;
    let is_berry = directory.has(".yarnrc.yml")
        || named.split('@').next() == Some("yarn") && !named.starts_with("yarn@1");
    let packages: Vec<Value> = packages(directory, &manifest);
    let mut checks: Vec<Check> = Vec::new();
    for (name, kind) in of_types(pairs("package_scripts")) {
        if checks.iter().any(|check| check.kind == kind) {
            continue;
        }
        // The project's own script probably runs those of its packages.
        if has_script(&manifest, name) {
            checks.push(Check::named(kind, manager.script(name)));
        } else if packages.iter().any(|package| has_script(package, name)) {
            checks.push(Check::named(kind, manager.in_workspaces(name, is_berry)));
        }
    }
    let runs_bun = manager.name == "bun" && !checks.iter().any(|check| check.kind == Kind::UnitTest);
    if runs_bun && has_bun_tests(directory) {
        checks.insert(0, Check::new(Kind::UnitTest, "bun test", true));
    }
    let is_typescript = directory.has("tsconfig.json");
    let has_types = checks.iter().any(|check| check.kind == Kind::TypeCheck);
    if is_typescript && !has_types && directory.has("node_modules/.bin/tsc") {
        checks.push(Check::new(Kind::TypeCheck, "npx --no-install tsc --noEmit", true));
    }
    let language = if is_typescript { "typescript" } else { "javascript" };
    let mut detected = Detected::new(language, "package.json", checks);
    detected.manager = Some(manager.name.as_str());
    detected.holds_packages = !packages.is_empty();
    Some(detected)
}

fn has_script(manifest: &Value, name: &str) -> bool {
    let script = manifest.get("scripts").and_then(|scripts| scripts.get(name)?.as_str());
    script.is_some_and(|script| name != "test" || !script.contains(NO_TEST))
}

fn has_bun_tests(directory: &dyn Directory) -> bool {
    let is_test = |name: &String| {
        let parts: Vec<&str> = name.split('.').collect();
        matches!(parts.as_slice(), [.., "test" | "spec", "ts" | "tsx" | "js" | "jsx" | "mjs"])
    };
    ["", "test", "tests", "src", "__tests__"]
        .iter()
        .any(|place| directory.names_in(place).iter().any(is_test))
}

/// The manifests of the packages that a workspace names.
fn packages(directory: &dyn Directory, manifest: &Value) -> Vec<Value> {
    #[derive(Deserialize)]
    struct Workspace {
        #[serde(default)]
        packages: Vec<String>,
    }
    let of_pnpm = directory.text("pnpm-workspace.yaml").and_then(|text| from_yaml::<Workspace>(&text).ok());
    let of_manifest = manifest.get("workspaces").map(|value| value.get("packages").unwrap_or(value));
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let patterns =
        of_pnpm.map_or_else(|| of_manifest.map(strings).unwrap_or_default(), |found| found.packages);
    let (left_out, taken): (Vec<&String>, Vec<&String>) =
        patterns.iter().partition(|pattern| pattern.starts_with('!'));
    let mut places: Vec<String> = taken.iter().flat_map(|pattern| expand(directory, pattern)).collect();
    places.retain(|place| !left_out.iter().any(|pattern| fits(place, pattern.trim_start_matches('!'))));
    places.sort();
    places.dedup();
    let manifest =
        |place: &String| serde_json::from_str(&directory.text(&format!("{place}/package.json"))?).ok();
    places.iter().take(MOST_PACKAGES).filter_map(manifest).collect()
}

/// The directories that match a pattern like `packages/*`.
fn expand(directory: &dyn Directory, pattern: &str) -> Vec<String> {
    let mut places = vec![String::new()];
    for part in pattern.trim_start_matches("./").trim_end_matches('/').split('/') {
        let below = |place: &String, name: &str| {
            if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") }
        };
        let own = |name: &String| !name.starts_with('.') && name != "node_modules";
        let children = |place: &String| -> Vec<String> {
            directory.names_in(place).iter().filter(|name| own(name)).map(|name| below(place, name)).collect()
        };
        places = match part {
            "**" => {
                let first: Vec<String> = places.iter().flat_map(children).collect();
                let second: Vec<String> = first.iter().flat_map(children).collect();
                places.into_iter().chain(first).chain(second).collect()
            }
            part if part.contains('*') => places
                .iter()
                .flat_map(children)
                .filter(|place| fits(place.rsplit('/').next().unwrap_or(place), part))
                .collect(),
            part => places.iter().map(|place| below(place, part)).collect(),
        };
        places.truncate(MOST_PACKAGES * 10);
    }
    places
}

/// True if a name matches a glob pattern.
fn fits(name: &str, pattern: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

/// The file that pytest reads beside tests.
const CONFTEST: &str = "conftest.py";
/// Directories that may hold test files, relative to the project.
const PLACES: [&str; 5] = ["", "tests", "test", "tests/unit", "src/tests"];
/// The most test files that are read.
const MOST_READ: usize = 30;

/// A way to run Python tools.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Runner {
    /// The name of the manager; None for the interpreter of the system.
    name: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    table: Option<String>,
    /// True if packages below its files use it too, like the members of a workspace.
    #[serde(default)]
    reaches_down: bool,
    /// The interpreter, if its modules can be looked up. A manager has an environment of its own.
    interpreter: Option<String>,
    tool: String,
    module: Option<String>,
}

impl Runner {
    fn of(directory: &dyn Directory, said: &str) -> Option<&'static Self> {
        let is_used = |runner: &&Self| {
            runner.files.iter().any(|file| directory.has(file))
                || runner.table.as_ref().is_some_and(|table| said.contains(table))
        };
        let is_used_above =
            |runner: &&Self| runner.reaches_down && runner.files.iter().any(|file| directory.has_above(file));
        let runners = || RUNNERS.python.iter();
        runners().find(is_used).or_else(|| runners().find(is_used_above)).or(RUNNERS.python.last())
    }

    /// The command for a tool that is both a module and a program of the same name.
    fn tool(&self, tool: &str) -> String {
        self.tool.replace("{}", tool)
    }

    /// The command for a module that is no program.
    fn module(&self, module: &str) -> String {
        self.module.as_ref().unwrap_or(&self.tool).replace("{}", module)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runners {
    javascript: Vec<Manager>,
    python: Vec<Runner>,
}

static RUNNERS: LazyLock<Runners> = LazyLock::new(|| read("src/domain/verification/detect.yaml"));

fn detect_python(directory: &dyn Directory) -> Option<Detected> {
    let tests = tests(directory, "");
    let marker =
        list("python_markers").iter().find(|name| directory.has(name)).map(|name| (*name).to_owned());
    let marker = marker.or_else(|| tests.first().cloned())?;
    let said = said(directory);
    let runner = Runner::of(directory, &said)?;
    let uses = |tool: &str, files: &[&str]| {
        said.contains(&format!("[tool.{tool}"))
            || said.contains(&format!("[{tool}]"))
            || files.iter().any(|name| directory.has(name))
    };
    let mut checks = Vec::new();
    let commands = match own_script(directory, &said, runner) {
        Some(script) => vec![script],
        None => unit_tests(directory, &said, runner, &tests),
    };
    checks.extend(commands.into_iter().map(|command| Check::new(Kind::UnitTest, command, true)));
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
    detected.manager = runner.name.as_deref();
    Some(detected)
}

/// The texts of all manifests of Python.
fn said(directory: &dyn Directory) -> String {
    list("python_markers").iter().filter_map(|name| directory.text(name)).collect::<Vec<_>>().join("\n")
}

/// The project of Python tests that have no manifest beside them, if they import something of a directory above
/// them: they run from there. `place` is the directory in which the tests were found.
pub fn detect_above(directory: &dyn Directory, place: &str) -> Option<Detected> {
    let tests = tests(directory, place);
    let is_here = |test: &String| is_for(directory, test);
    if place.contains(char::is_whitespace) || !tests.iter().take(MOST_READ).any(is_here) {
        return None;
    }
    let mut said = said(directory);
    if directory.has(&join(place, CONFTEST)) {
        said.push_str("pytest");
    }
    let runner = Runner::of(directory, &said)?;
    let mut commands = unit_tests(directory, &said, runner, &tests);
    // Only these tests were found to belong here.
    if let [command] = commands.as_mut_slice()
        && *command == runner.tool("pytest")
    {
        command.push_str(&format!(" {place}"));
    }
    let checks = commands.into_iter().map(|command| Check::new(Kind::UnitTest, command, true)).collect();
    let mut detected = Detected::new("python", tests.first()?, checks);
    detected.manager = runner.name.as_deref();
    Some(detected)
}

/// True if a test below a directory imports a module of the directory, or of `src` in it.
fn is_for(directory: &dyn Directory, test: &str) -> bool {
    static IMPORT: Pattern = Pattern::new(r"^[ \t]*(?:from|import)[ \t]+(?:(\w+)|\.\.)");
    let Some((own, _)) = test.rsplit_once('/') else { return false };
    let text = directory.text(test).unwrap_or_default();
    IMPORT.all(&text).any(|import| match import.get(1) {
        Some(module) => {
            let names = [module.as_str().to_owned(), format!("{}.py", module.as_str())];
            let is_in = |place: &str| names.iter().any(|name| directory.has(&join(place, name)));
            // unittest and pytest find the modules beside a test anyway.
            !is_in(own) && (is_in("") || is_in("src"))
        }
        // A relative import out of the directory of the tests needs the place above all packages.
        None => directory.has(&join(own, "__init__.py")) && !directory.has("__init__.py"),
    })
}

/// The command that the project itself defines for its tests: a script of its manager, or an environment of
/// nox or tox.
fn own_script(directory: &dyn Directory, said: &str, runner: &Runner) -> Option<String> {
    let script = match runner.name.as_deref() {
        Some("pdm") => has_key(said, "[tool.pdm.scripts]", "test").then_some("pdm run test"),
        Some("hatch") if has_key(said, "[tool.hatch.envs.default.scripts]", "test") => Some("hatch run test"),
        Some("hatch") => said.contains("[tool.hatch.envs.hatch-test").then_some("hatch test"),
        Some(_) | None => None,
    };
    // An existing environment is faster than one that nox or tox would make.
    if script.is_some() || runner.name.is_some() {
        return script.map(str::to_owned);
    }
    if let Some(nox) = directory.text("noxfile.py") {
        let session = ["tests", "test"].into_iter().find(|name| nox.contains(&format!("def {name}(")));
        return Some(session.map_or_else(|| "nox -R".to_owned(), |session| format!("nox -R -s {session}")));
    }
    let has_tox = said.contains("[testenv") || said.contains("[tool.tox") || directory.has("tox.toml");
    has_tox.then(|| "tox run --skip-env-install".to_owned())
}

/// True if a table of a TOML text has a key. The text is read line by line.
fn has_key(text: &str, table: &str, key: &str) -> bool {
    let below = text.lines().skip_while(|line| line.trim() != table).skip(1);
    below
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.split_once('=').is_some_and(|(name, _)| name.trim().trim_matches('"') == key))
}

/// The commands for the unit tests. It is pytest if the tests need it, or if the project names it (and it is
/// installed, if the tests are unittest's), else unittest.
fn unit_tests(directory: &dyn Directory, said: &str, runner: &Runner, tests: &[String]) -> Vec<String> {
    let texts: Vec<String> = tests.iter().take(MOST_READ).filter_map(|name| directory.text(name)).collect();
    let needs = directory.has("pytest.ini")
        || ["", "tests/", "test/"].iter().any(|place| directory.has(&format!("{place}{CONFTEST}")))
        || texts.iter().any(|text| is_pytest(text));
    let is_unittest = !texts.is_empty() && texts.iter().all(|text| text.contains("unittest"));
    let is_there = || runner.interpreter.as_ref().is_none_or(|python| directory.has_module(python, "pytest"));
    let is_named = said.contains("pytest");
    if needs || is_named && (!is_unittest || is_there()) {
        return vec![runner.tool("pytest")];
    }
    let has_tests = !tests.is_empty() || directory.has("tests") || directory.has("test");
    let starts = if has_tests { starts(directory, tests) } else { Vec::new() };
    let discover = runner.module("unittest discover");
    starts.iter().map(|start| format!("{discover}{start}")).collect()
}

/// True if only pytest can run a test file: it imports pytest, or its tests are plain functions.
fn is_pytest(text: &str) -> bool {
    text.lines().any(|line| {
        let is_import =
            line.trim_start().starts_with("import pytest") || line.trim_start().starts_with("from pytest");
        is_import || line.starts_with("def test_") || line.starts_with("async def test_")
    })
}

/// The test files in [`PLACES`] below a place, those at the root first. If there are none, those one level below
/// the directories of tests.
fn tests(directory: &dyn Directory, below: &str) -> Vec<String> {
    let is_test = |name: &String| {
        let path = std::path::Path::new(name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        path.extension().is_some_and(|end| end == "py")
            && (stem.starts_with("test_") || stem.ends_with("_test"))
    };
    let in_place = |place: String| -> Vec<String> {
        let names = directory.names_in(&place);
        names.into_iter().filter(is_test).map(|name| join(&place, &name)).collect()
    };
    let places = PLACES.iter().map(|place| join(below, place));
    let found: Vec<String> = places.flat_map(in_place).collect();
    if !found.is_empty() {
        return found;
    }
    let is_data = |name: &String| {
        name.contains('.')
            || name.contains(char::is_whitespace)
            || list("foreign_directories").iter().chain(list("example_directories")).any(|one| one == name)
    };
    let deeper = ["tests", "test"].iter().flat_map(|place| {
        let place = join(below, place);
        let names = directory.names_in(&place).into_iter().filter(|name| !is_data(name));
        names.map(|name| join(&place, &name)).collect::<Vec<_>>()
    });
    deeper.flat_map(in_place).collect()
}

fn join(place: &str, name: &str) -> String {
    match (place, name) {
        (alone, "") | ("", alone) => alone.to_owned(),
        (place, name) => format!("{place}/{name}"),
    }
}

/// The most start directories of unittest, each of which is a check.
const MOST_STARTS: usize = 4;

/// The options with the start directories for unittest: the directories of tests, or the packages around them.
/// unittest runs at the root, so that the tests find the sources. There it needs no option for packages.
fn starts(directory: &dyn Directory, tests: &[String]) -> Vec<String> {
    let start = |test: &String| {
        let mut start = test.as_str();
        while let Some((outer, _)) = start.rsplit_once('/') {
            start = outer;
            if !directory.has(&format!("{start}/__init__.py")) {
                return format!(" -s {start}");
            }
        }
        String::new()
    };
    if tests.is_empty() {
        let is_plain = |place: &&str| directory.has(place) && !directory.has(&format!("{place}/__init__.py"));
        let place = ["tests", "test"].into_iter().find(|place| directory.has(place)).filter(is_plain);
        return vec![place.map_or_else(String::new, |place| format!(" -s {place}"))];
    }
    let starts: IndexSet<String> = if tests.iter().any(|name| !name.contains('/')) {
        IndexSet::from([String::new()])
    } else {
        tests.iter().map(start).take(MOST_READ).collect()
    };
    starts.into_iter().take(MOST_STARTS).collect()
}

#[cfg(test)]
mod tests;
