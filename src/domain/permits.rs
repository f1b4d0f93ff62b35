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
const WRITTEN_BY_BUILDS: [&str; 5] = [".venv", "venv", "node_modules", "__pycache__", ".direnv"];

/// Directories with the settings of repository hosts.
const HOSTS: [&str; 4] = [".github", ".gitlab", ".gitea", ".forgejo"];

/// The power of a directory entry, by its name. None for an ordinary entry, and for a directory that builds
/// and tests write themselves.
pub fn guarded(name: &str, is_directory: bool) -> Option<&'static str> {
    let name = folded(name);
    let is = |known: &&(&str, &'static str)| known.0 == name;
    if !is_directory {
        return pairs("acting_files").iter().find(is).map(|(_, words)| *words);
    }
    if HOSTS.contains(&name.as_str()) {
        return Some("continuous integration");
    }
    let written = WRITTEN_BY_BUILDS.contains(&name.as_str());
    pairs("acting_directories").iter().find(is).filter(|_| !written).map(|(_, words)| *words)
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
    let by_name = pairs("acting_files").iter().find(|(known, _)| known == name);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if let Some((_, words)) = by_directory.or(by_name) {
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

/// The power that a change adds to a settings file: npm scripts, or plug-ins and hooks of Python tools. A new
/// file was empty before, and a removed one is empty afterwards.
pub fn power_of_change<T: AsRef<[u8]> + ?Sized>(path: &str, before: &T, after: &T) -> Option<Power> {
    // Decoded only for the files below, which are few.
    let text = String::from_utf8_lossy;
    let (before, after) = (|| text(before.as_ref()), || text(after.as_ref()));
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    match name.as_str() {
        "package.json" => {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
            let (before, after) = (read(&before()), read(&after()));
            let differs = |key: &str| before.get(key) != after.get(key) && after.get(key).is_some();
            list("npm_keys")
                .iter()
                .find(|key| differs(key))
                .map(|_| Power::ActsByItself("scripts that npm runs"))
        }
        "pyproject.toml" | "setup.cfg" | "pytest.ini" | "tox.ini" | ".pylintrc" | "pylintrc" | "mypy.ini"
        | ".coveragerc" => {
            let lines = |text: &str| -> Vec<String> {
                let lines = text.lines().map(|line| line.trim().to_lowercase());
                lines.filter(|line| list("tool_keys").iter().any(|key| line.contains(key))).collect()
            };
            let known = lines(&before());
            let is_new = lines(&after()).iter().any(|line| !known.contains(line));
            is_new.then_some(Power::ActsByItself("plug-ins and hooks of tools"))
        }
        _ => None,
    }
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
        ] {
            assert!(matches!(power(path), Some(Power::ActsByItself(_))), "{path}");
        }
        for path in ["conftest.py", "Makefile", "web/jest.config.js", "build.rs", ".eslintrc.json"] {
            assert!(matches!(power(path), Some(Power::RunsInChecks(_))), "{path}");
        }
        for path in [
            "src/main.rs", "claude/settings.json", "docs/github/workflows.md", ".github/ISSUE_TEMPLATE.md",
            "env.py", "src/environment.rs", "README.md", "venv.py", "package.json", "tests/test_a.py",
            "profile.py",
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
        ] {
            assert!(guarded(name, is_directory).is_some(), "{name}");
        }
        for (name, is_directory) in [
            ("node_modules", true),
            (".venv", true),
            ("__pycache__", true),
            ("src", true),
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
}
