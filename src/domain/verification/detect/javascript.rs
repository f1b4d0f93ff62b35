//! Projects with a `package.json`: its scripts, by the package manager of its lock file.

use serde_json::Value;

use super::{Check, Detected, Directory};
use crate::domain::verification::Kind;

/// Lock files, and the manager that writes them.
const LOCKS: [(&str, &str); 6] = [
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
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

/// What `npm init` writes.
const NO_TEST: &str = "no test specified";

pub(super) fn detect(directory: &dyn Directory) -> Option<Detected> {
    let manifest: Value = serde_json::from_str(&directory.text("package.json")?).ok()?;
    let manager = manager(directory, &manifest);
    let script = |name: &str| manifest.get("scripts")?.get(name)?.as_str();
    let mut checks = Vec::new();
    if script("test").is_some_and(|script| !script.contains(NO_TEST)) {
        checks.push(Check::new(Kind::UnitTest, format!("{manager} test"), true));
    }
    for (name, kind, by_default) in SCRIPTS {
        let is_new = !checks.iter().any(|check: &Check| check.kind == kind);
        if is_new && script(name).is_some() {
            checks.push(Check::new(kind, format!("{manager} run {name}"), by_default));
        }
    }
    let is_typescript = directory.has("tsconfig.json");
    let has_types = checks.iter().any(|check| check.kind == Kind::TypeCheck);
    if is_typescript && !has_types && directory.has("node_modules/.bin/tsc") {
        checks.push(Check::new(Kind::TypeCheck, "npx --no-install tsc --noEmit", true));
    }
    let language = if is_typescript { "typescript" } else { "javascript" };
    let mut detected = Detected::new(language, "package.json", checks);
    detected.manager = Some(manager);
    Some(detected)
}

fn manager(directory: &dyn Directory, manifest: &Value) -> &'static str {
    if let Some((_, manager)) = LOCKS.iter().find(|(lock, _)| directory.has(lock)) {
        return manager;
    }
    let named = manifest.get("packageManager").and_then(Value::as_str).unwrap_or_default();
    ["pnpm", "yarn", "bun"].into_iter().find(|name| named.starts_with(*name)).unwrap_or("npm")
}
