//! Files that run something by themselves, or permit something to run. A person must see a change to them
//! first.
//!
//! Files that the project's own checks run anyway (tests, `conftest.py`, build scripts, makefiles) are
//! ordinary sources: a change to them is reported as a risk but not refused.

use serde_json::Value;

use super::packed::{list, pairs};
use super::secret_path::folded;

/// The power that makes a file more than a source, described in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// The file runs, or lets something run, without anybody asking for it.
    ActsByItself(&'static str),
    /// The file runs when the project is built or tested.
    RunsInChecks(&'static str),
}

impl Power {
    /// The description of the power.
    pub fn words(self) -> &'static str {
        match self {
            Self::ActsByItself(words) | Self::RunsInChecks(words) => words,
        }
    }
}

/// Directories below `.github`, `.gitlab` and `.gitea` whose content runs by itself.
const CI: [&str; 4] = ["workflows", "actions", "ci", "scripts"];

/// Acting directories that builds and tests write themselves, so they are not guarded.
const WRITTEN_BY_BUILDS: [&str; 7] =
    [".venv", "venv", "node_modules", "__pycache__", ".direnv", ".yarn", ".mvn"];

/// Directories with the settings of repository hosts.
const HOSTS: [&str; 4] = [".github", ".gitlab", ".gitea", ".forgejo"];

/// The power of a directory entry, by its name. None for an ordinary entry, and for a directory that builds
/// and tests write themselves.
pub fn guarded(name: &str, is_directory: bool) -> Option<&'static str> {
    let name = folded(name);
    let is = |known: &&(&str, &'static str)| known.0 == name;
    if !is_directory {
        return acting_file(&name);
    }
    if HOSTS.contains(&name.as_str()) {
        return Some("continuous integration");
    }
    let written = WRITTEN_BY_BUILDS.contains(&name.as_str());
    pairs("acting_directories").iter().find(is).filter(|_| !written).map(|(_, words)| *words)
}

/// The content of a file that acts by itself, by its name. A stem stands for a file in any notation; without
/// a dot in it, it may also be the name of a source.
fn acting_file(name: &str) -> Option<&'static str> {
    let by_stem = |stem: &str| {
        let Some(rest) = name.strip_prefix(stem) else { return false };
        list("data_notations").contains(&rest)
            || stem.contains('.') && list("program_notations").contains(&rest)
    };
    let by_name = pairs("acting_files").iter().find(|(known, _)| *known == name);
    let found = by_name.or_else(|| pairs("acting_stems").iter().find(|(stem, _)| by_stem(stem)));
    found.map(|(_, words)| *words)
}

/// The power of a file, by its path. None for an ordinary file.
pub fn power(path: &str) -> Option<Power> {
    let parts: Vec<String> = path.split('/').map(folded).collect();
    let (name, directories) = parts.split_last()?;
    let by_directory =
        pairs("acting_directories").iter().find(|(known, _)| directories.iter().any(|part| part == known));
    let is_ci = directories.windows(2).any(|pair| {
        matches!(pair, [host, below] if HOSTS.contains(&host.as_str()) && CI.contains(&below.as_str()))
    });
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if let Some(words) = by_directory.map(|(_, words)| *words).or_else(|| acting_file(name)) {
        return Some(Power::ActsByItself(words));
    }
    if is_ci {
        return Some(Power::ActsByItself("continuous integration"));
    }
    match extension {
        Some("pyc" | "pyo" | "pth") => return Some(Power::ActsByItself("compiled programs")),
        Some("env" | "envrc") => return Some(Power::ActsByItself("environment of programs")),
        Some("crt") => return Some(Power::ActsByItself("certificates that are trusted")),
        Some("code-workspace") => return Some(Power::ActsByItself("tasks and settings of the editor")),
        Some(_) | None => {}
    }
    let runs = list("in_checks").contains(&name.as_str())
        || list("configuration").iter().any(|start| name.starts_with(start));
    runs.then_some(Power::RunsInChecks("code that runs where the project is built or tested"))
}

/// The power that a change adds to a settings file: scripts of a package, or plug-ins and hooks of tools. A new
/// file was empty before, and a removed one is empty afterwards.
pub fn power_of_change<T: AsRef<[u8]> + ?Sized>(path: &str, before: &T, after: &T) -> Option<Power> {
    // Decoded only for the files below, which are few.
    let text = |bytes: &T| String::from_utf8_lossy(bytes.as_ref()).trim_start_matches('\u{feff}').to_owned();
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let (adds, words) = match name.as_str() {
        "package.json" => {
            (adds_value(&text(before), &text(after), list("npm_keys")), "scripts that npm runs")
        }
        "composer.json" => {
            (adds_value(&text(before), &text(after), list("composer_keys")), "scripts that composer runs")
        }
        "bunfig.toml" => {
            (adds_line(&text(before), &text(after), list("bun_keys")), "plug-ins and hooks of tools")
        }
        "pyproject.toml" | "setup.cfg" | "pytest.ini" | ".pytest.ini" | "pytest.toml" | ".pytest.toml"
        | "tox.ini" | "tox.toml" | ".flake8" | ".pylintrc" | "pylintrc" | "mypy.ini" | ".mypy.ini"
        | ".coveragerc" => {
            (adds_line(&text(before), &text(after), list("tool_keys")), "plug-ins and hooks of tools")
        }
        _ => return None,
    };
    adds.then_some(Power::ActsByItself(words))
}

/// True if a document gets another value under one of the keys. The program that reads the file may
/// understand a document that is no strict JSON. There, all text from the first of the keys on counts.
fn adds_value(before: &str, after: &str, keys: &[&str]) -> bool {
    if after.trim().is_empty() {
        return false;
    }
    let read = |text: &str| serde_json::from_str::<Value>(text);
    let Ok(after) = read(after) else {
        let first = |text: &str| {
            let names = keys.iter().filter_map(|key| key.rsplit('/').next());
            let at = names.filter_map(|name| text.find(name)).min()?;
            text.get(at..).map(str::to_owned)
        };
        // An escaped letter may hide a key.
        return after.contains("\\u") || first(after).is_some_and(|value| first(before) != Some(value));
    };
    let before = read(before).unwrap_or(Value::Null);
    let at = |document: &Value, key: &str| document.pointer(&format!("/{key}")).cloned();
    keys.iter().any(|key| at(&after, key).is_some_and(|value| at(&before, key) != Some(value)))
}

/// True if a line is new among those that set one of the keys.
fn adds_line(before: &str, after: &str, keys: &[&str]) -> bool {
    let known = set_lines(before, keys);
    set_lines(after, keys).iter().any(|line| !known.contains(line))
}

/// The lines that set one of the keys, with the further lines of a value: those in open brackets, those
/// that are indented further than the key, and those of a section named after a key.
fn set_lines(text: &str, keys: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let (mut in_section, mut in_value, mut open, mut indent_of_key) = (false, false, 0, 0);
    for line in text.lines() {
        let plain = line.trim().trim_end_matches(',').to_lowercase();
        if plain.is_empty() || plain.starts_with(['#', ';']) {
            continue;
        }
        let has_key = keys.iter().any(|key| plain.contains(key));
        let indent = line.len() - line.trim_start().len();
        if open == 0 && indent == 0 && plain.starts_with('[') {
            in_section = has_key;
        }
        in_value = has_key || in_value && (open > 0 || indent > indent_of_key);
        if has_key && open == 0 {
            indent_of_key = indent;
        }
        let marks = |mark: char| plain.matches(mark).count();
        open = if in_value { (open + marks('[')).saturating_sub(marks(']')) } else { 0 };
        if in_value || in_section {
            found.push(plain);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_by_itself_is_known_by_its_name() {
        for path in [
            ".claude/settings.json",
            "sub/.Claude/hooks/x.sh",
            ".mcp.json",
            ".vscode/tasks.json",
            ".husky/pre-commit",
            ".github/workflows/ci.yml",
            ".github/actions/x/action.yml",
            ".gitlab-ci.yml",
            "ci/Jenkinsfile",
            ".envrc",
            ".venv/bin/pytest",
            "web/node_modules/.bin/jest",
            "a/__pycache__/a.cpython-312.pyc",
            "x.pth",
            "prod.env",
            ".bashrc",
            ".gitattributes",
            ".cargo/config.toml",
            "sitecustomize.py",
            "app.code-workspace",
            ".cla\u{200b}ude/settings.json",
            ".VSCode/tasks.json",
            "\u{feff}.mcp.json",
            ".devcontainer.json",
            ".gitpod.yml",
            ".cirrus.yml",
            ".cirrus.star",
            "azure-pipelines.yaml",
            ".woodpecker.yaml",
            "lefthook.yaml",
            "lefthook-local.yml",
            ".lintstagedrc",
            ".lintstagedrc.yml",
            "lint-staged.config.mjs",
            "opencode.jsonc",
            ".amp/settings.json",
            ".kiro/hooks/a.kiro.hook",
            ".clinerules/hooks/x",
            ".mise.toml",
            "web/mise.toml",
            ".vs/tasks.vs.json",
            ".yarn/releases/yarn.cjs",
            ".mvn/extensions.xml",
        ] {
            assert!(matches!(power(path), Some(Power::ActsByItself(_))), "{path}");
        }
        for path in ["conftest.py", "Makefile", "web/jest.config.js", "build.rs", ".eslintrc.json"] {
            assert!(matches!(power(path), Some(Power::RunsInChecks(_))), "{path}");
        }
        for path in [
            "src/main.rs", "claude/settings.json", "docs/github/workflows.md", ".github/ISSUE_TEMPLATE.md",
            "env.py", "src/environment.rs", "README.md", "venv.py", "package.json", "tests/test_a.py",
            "profile.py", "src/opencode.ts", "lefthook.md", "docs/azure-pipelines.md", "appveyor.py",
            "mise.rs", "amp/settings.json", "src/devcontainer.json",
        ] {
            assert_eq!(power(path), None, "{path}");
        }
    }

    #[test]
    fn what_no_build_writes_is_guarded() {
        for (name, is_directory) in [
            (".claude", true),
            (".Codex", true),
            (".vscode", true),
            (".github", true),
            (".husky", true),
            (".mcp.json", false),
            ("Jenkinsfile", false),
            (".envrc", false),
            (".gitpod.yml", false),
            ("lefthook.yaml", false),
            (".kiro", true),
        ] {
            assert!(guarded(name, is_directory).is_some(), "{name}");
        }
        for (name, is_directory) in [
            ("node_modules", true),
            (".venv", true),
            ("__pycache__", true),
            ("src", true),
            (".yarn", true),
            (".mvn", true),
            (".pytest_cache", true),
            (".claude", false),
            (".mcp.json", true),
            ("conftest.py", false),
        ] {
            assert_eq!(guarded(name, is_directory), None, "{name}");
        }
    }

    #[test]
    fn a_package_s_scripts_and_a_tool_s_plugins_are_more_than_data() {
        let package = |script: &str, version: &str| {
            format!("{{ \"version\": \"{version}\", \"scripts\": {{ \"test\": \"{script}\" }} }}")
        };
        assert_eq!(power_of_change("package.json", &package("jest", "1"), &package("jest", "2")), None);
        assert!(
            power_of_change("web/package.json", &package("jest", "1"), &package("curl x", "1")).is_some()
        );
        assert!(
            power_of_change(
                "pyproject.toml",
                "[project]\n",
                "[tool.pytest.ini_options]\naddopts = '-p evil'\n"
            )
            .is_some()
        );
        assert_eq!(power_of_change("pyproject.toml", "version = '1'\n", "version = '2'\n"), None);
    }

    #[test]
    fn a_new_file_of_settings_adds_its_power_and_a_removed_one_none() {
        for (path, power, none) in [
            ("pytest.ini", "[pytest]\naddopts = -p x\n", "[pytest]\ntestpaths = tests\n"),
            (".pylintrc", "[MASTER]\ninit-hook = 'import x'\n", "[MASTER]\njobs = 2\n"),
            ("mypy.ini", "[mypy]\nplugins = x.py\n", "[mypy]\nstrict = true\n"),
            (".coveragerc", "[run]\nplugins = x\n", "[run]\nbranch = true\n"),
            ("web/package.json", "{ \"scripts\": { \"postinstall\": \"x\" } }", "{ \"version\": \"1\" }"),
        ] {
            assert!(power_of_change(path, "", power).is_some(), "{path}");
            assert_eq!(power_of_change(path, "", none), None, "{path}");
            assert_eq!(power_of_change(path, power, ""), None, "{path}");
        }
    }

    #[test]
    fn a_value_of_several_lines_and_an_odd_document_are_read_too() {
        for (path, before, after) in [
            ("pyproject.toml", "addopts = [\n  \"-q\",\n]\n", "addopts = [\n  \"-q\",\n  \"-pevil\",\n]\n"),
            ("pyproject.toml", "addopts = [\n\"-q\"\n]\n", "addopts = [\n\"-q\",\n\"-pevil\"\n]\n"),
            (
                "setup.cfg",
                "console_scripts =\n  a = a:main\n",
                "console_scripts =\n  a = a:main\n  b = x:main\n",
            ),
            ("pyproject.toml", "", "[project.entry-points.x]\na = \"b:c\"\n"),
            ("pyproject.toml", "[project.entry-points.x]\n", "[project.entry-points.x]\na = \"b:c\"\n"),
            ("tox.ini", "commands =\n  pytest\n", "commands =\n  pytest\n  sh x\n"),
            ("pytest.toml", "", "[pytest]\naddopts = [\"-px\"]\n"),
            (".flake8", "", "[flake8:local-plugins]\nextension =\n  X = x:Y\n"),
            ("bunfig.toml", "", "preload = [\"./x.ts\"]\n"),
            (
                "package.json",
                "\u{feff}{ \"name\": \"x\" }",
                "\u{feff}{ \"scripts\": { \"postinstall\": \"x\" } }",
            ),
            ("package.json", "{}", "{ \"scripts\": { \"postinstall\": \"x\" }, // odd\n}"),
            ("package.json", "{ // odd\n}", "{ // odd\n\"scr\\u0069pts\": { \"postinstall\": \"x\" } }"),
            (
                "package.json",
                "{ \"scripts\": {}, // odd\n}",
                "{ \"scripts\": { \"postinstall\": \"x\" }, // odd\n}",
            ),
            ("composer.json", "{}", "{ \"scripts\": { \"post-install-cmd\": \"x\" } }"),
            ("composer.json", "{}", "{ \"config\": { \"allow-plugins\": true } }"),
        ] {
            assert!(power_of_change(path, before, after).is_some(), "{path}: {after}");
        }
        for (path, before, after) in [
            ("pyproject.toml", "addopts = [\n  \"-q\",\n  \"-v\",\n]\n", "addopts = [\n  \"-q\",\n]\n"),
            ("pyproject.toml", "addopts = [\"-q\"]\nx = 1\n", "addopts = [\"-q\"]\nx = 2\n[a]\nb = 1\n"),
            (
                "setup.cfg",
                "commands =\n  a\n[metadata]\nname = x\n",
                "commands =\n  a\n[metadata]\nname = y\n",
            ),
            ("package.json", "\u{feff}{ \"version\": \"1\" }", "\u{feff}{ \"version\": \"2\" }"),
            ("package.json", "{ \"scripts\": {} }", "{ \"scripts\": {}, \"version\": \"2\" }"),
            ("composer.json", "{}", "{ \"require\": { \"a/b\": \"1\" } }"),
            (".flake8", "", "[flake8]\nmax-line-length = 110\n"),
            ("package.json", "{ \"version\": \"1\", // odd\n}", "{ \"version\": \"2\", // odd\n}"),
            ("package.json", "{ \"v\": {{ a }}, \"scripts\": {} }", "{ \"v\": {{ b }}, \"scripts\": {} }"),
            (
                "pyproject.toml",
                "[tool.mypy]\n  plugins = [\"a\"]\n  strict = true\n",
                "[tool.mypy]\n  plugins = [\"a\"]\n  strict = false\n",
            ),
            ("bunfig.toml", "", "[install]\nexact = true\n"),
        ] {
            assert_eq!(power_of_change(path, before, after), None, "{path}: {after}");
        }
    }
}
