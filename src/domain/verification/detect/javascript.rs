//! Projects with a `package.json`: its scripts, by the package manager of its lock file, and those of
//! its workspaces through that manager where it has none of its own.

use serde::Deserialize;
use serde_json::Value;
use strum::IntoStaticStr;

use super::{Check, Detected, Directory};
use crate::domain::verification::Kind;

/// Lock files, and the manager that writes them.
const LOCKS: [(&str, Manager); 7] = [
    ("pnpm-lock.yaml", Manager::Pnpm),
    ("pnpm-workspace.yaml", Manager::Pnpm),
    ("yarn.lock", Manager::Yarn),
    ("bun.lock", Manager::Bun),
    ("bun.lockb", Manager::Bun),
    ("package-lock.json", Manager::Npm),
    ("npm-shrinkwrap.json", Manager::Npm),
];

/// Scripts by the type that their names say, the more exact names first.
const SCRIPTS: [(&str, Kind, bool); 16] = [
    ("lint", Kind::Lint, true),
    ("eslint", Kind::Lint, true),
    ("typecheck", Kind::TypeCheck, true),
    ("type-check", Kind::TypeCheck, true),
    ("check-types", Kind::TypeCheck, true),
    ("types", Kind::TypeCheck, true),
    ("tsc", Kind::TypeCheck, true),
    ("format:check", Kind::Format, true),
    ("format-check", Kind::Format, true),
    ("check:format", Kind::Format, true),
    ("check-format", Kind::Format, true),
    ("test:unit", Kind::UnitTest, true),
    ("test:integration", Kind::Integration, false),
    ("test:e2e", Kind::Integration, false),
    ("e2e", Kind::Integration, false),
    ("build", Kind::Build, false),
];

/// The script that `npm init` writes.
const NO_TEST: &str = "no test specified";
/// Packages of a workspace that are looked at.
const MOST_PACKAGES: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum Manager {
    Npm,
    Pnpm,
    /// Yarn 1.
    Yarn,
    /// Yarn since 2.
    #[strum(serialize = "yarn")]
    Berry,
    Bun,
}

impl Manager {
    fn of(directory: &dyn Directory, manifest: &Value) -> Self {
        let named = manifest.get("packageManager").and_then(Value::as_str).unwrap_or_default();
        let by_name = |name: &str| named.split('@').next() == Some(name);
        let by_lock = LOCKS.iter().find(|(lock, _)| directory.has(lock)).map(|(_, manager)| *manager);
        let manager = by_lock.unwrap_or_else(|| match () {
            () if by_name("pnpm") => Self::Pnpm,
            () if by_name("yarn") => Self::Yarn,
            () if by_name("bun") => Self::Bun,
            () => Self::Npm,
        });
        let is_berry = directory.has(".yarnrc.yml") || by_name("yarn") && !named.starts_with("yarn@1");
        if manager == Self::Yarn && is_berry { Self::Berry } else { manager }
    }

    fn name(self) -> &'static str {
        self.into()
    }

    /// Returns how a script of the package itself is run. `bun test` is bun's own runner and no script.
    fn script(self, script: &str) -> String {
        match (self, script) {
            (Self::Bun, _) => format!("bun run {script}"),
            (_, "test") => format!("{} test", self.name()),
            _ => format!("{} run {script}", self.name()),
        }
    }

    /// Returns how a script is run in every package that has it.
    fn in_workspaces(self, script: &str) -> String {
        match (self, script) {
            (Self::Npm, "test") => "npm test --workspaces --if-present".to_owned(),
            (Self::Npm, _) => format!("npm run {script} --workspaces --if-present"),
            (Self::Pnpm, _) => format!("pnpm -r run {script}"),
            (Self::Yarn, _) => format!("yarn workspaces run {script}"),
            (Self::Berry, _) => format!("yarn workspaces foreach -A run {script}"),
            (Self::Bun, _) => format!("bun run --filter '*' {script}"),
        }
    }
}

pub(super) fn detect(directory: &dyn Directory) -> Option<Detected> {
    let manifest: Value = serde_json::from_str(&directory.text("package.json")?).ok()?;
    let manager = Manager::of(directory, &manifest);
    let packages: Vec<Value> = packages(directory, &manifest);
    let mut checks: Vec<Check> = Vec::new();
    let all = [("test", Kind::UnitTest, true)].into_iter().chain(SCRIPTS);
    for (name, kind, by_default) in all {
        if checks.iter().any(|check| check.kind == kind) {
            continue;
        }
        // The project's own script may well run those of its packages.
        if has_script(&manifest, name) {
            checks.push(Check::new(kind, manager.script(name), by_default));
        } else if packages.iter().any(|package| has_script(package, name)) {
            checks.push(Check::new(kind, manager.in_workspaces(name), by_default));
        }
    }
    let runs_bun = manager == Manager::Bun && !checks.iter().any(|check| check.kind == Kind::UnitTest);
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
    detected.manager = Some(manager.name());
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
    let of_pnpm =
        directory.text("pnpm-workspace.yaml").and_then(|text| serde_yaml::from_str::<Workspace>(&text).ok());
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

/// The directories that a pattern such as `packages/*` names.
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

/// True if a name fits a pattern in which `*` stands for anything.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((end, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}
