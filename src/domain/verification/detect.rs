//! Finds a project's own checks by the files that it has.

mod javascript;
mod python;

use serde::Serialize;

use super::Kind;

/// A directory of the project, as far as detection looks at it.
pub trait Directory {
    /// The text of a file, where there is one of a size that a manifest has.
    fn text(&self, name: &str) -> Option<String>;
    /// True if there is a file or directory.
    fn has(&self, name: &str) -> bool;
    /// The names in it, or in a directory below it; none where there is no such directory.
    fn names_in(&self, place: &str) -> Vec<String>;
    /// True if an interpreter has a module.
    fn has_module(&self, python: &str, module: &str) -> bool;
}

/// A project in a directory, of one language or one build tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// Its directory, relative to where detection began.
    pub directory: String,
    /// `rust`, `javascript`, `typescript`, `python`, `go` or `make`.
    pub language: &'static str,
    /// The file that says so.
    pub marker: String,
    /// The program that runs its programs: npm, pnpm, yarn, bun, uv, a virtual environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<&'static str>,
    /// Its checks.
    pub checks: Vec<Check>,
    /// True if it speaks for the packages below it.
    #[serde(skip)]
    pub holds_packages: bool,
}

/// A check of a project's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The command.
    pub command: String,
    /// True if it runs where no type is asked for.
    pub by_default: bool,
}

impl Check {
    fn new(kind: Kind, command: impl Into<String>, by_default: bool) -> Self {
        Self { kind, command: command.into(), by_default }
    }
}

/// The projects of one directory.
pub fn detect(directory: &dyn Directory) -> Vec<Detected> {
    let mut found: Vec<Detected> =
        [rust(directory), javascript::detect(directory), python::detect(directory), go(directory)]
            .into_iter()
            .flatten()
            .collect();
    if let Some(mut make) = makefile(directory) {
        // A target that stands for checks known already would run them twice.
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

    /// True if a project of the same language below it is a part of it: a module of Go never is, and a
    /// directory that tests nothing itself does not hide what is below.
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

/// Targets by the type that their names say.
const TARGETS: [(&str, Kind); 12] = [
    ("test", Kind::UnitTest),
    ("tests", Kind::UnitTest),
    ("check", Kind::Custom),
    ("lint", Kind::Lint),
    ("typecheck", Kind::TypeCheck),
    ("type-check", Kind::TypeCheck),
    ("fmt-check", Kind::Format),
    ("format-check", Kind::Format),
    ("check-format", Kind::Format),
    ("integration", Kind::Integration),
    ("e2e", Kind::Integration),
    ("build", Kind::Build),
];

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
    for (target, kind) in TARGETS {
        if has(target) && !checks.iter().any(|check| check.kind == kind) {
            let by_default = matches!(kind, Kind::UnitTest | Kind::Lint | Kind::TypeCheck | Kind::Format);
            checks.push(Check::new(kind, format!("make {target}"), by_default));
        }
    }
    (!checks.is_empty()).then(|| Detected::new("make", marker, checks))
}

#[cfg(test)]
mod tests;
