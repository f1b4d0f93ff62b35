//! Finds the projects in a directory by their manifests, to detect their checks.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use crate::domain::packed::list;
use crate::domain::verification::detect::{Check, Detected, Directory, detect, detect_above};

/// Maximum depth of directories that are searched.
const MOST_DEEP: usize = 2;
/// Some editors begin a file with it.
const BYTE_ORDER_MARK: char = '\u{feff}';
const MOST_DIRECTORIES: usize = 400;
/// Maximum number of bytes that are read of a manifest.
const MOST_BYTES: u64 = 1024 * 1024;
struct OnDisk<'a> {
    path: PathBuf,
    /// The directory in which detection began.
    start: &'a Path,
    /// The root of the project that Maestro serves.
    root: &'a Path,
    environment: &'a Environment,
}

impl Directory for OnDisk<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let path = self.path.join(name);
        // Opening a pipe with that name would block.
        if !std::fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            return None;
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_start_matches(BYTE_ORDER_MARK).to_owned())
    }

    fn has(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    fn has_above(&self, name: &str) -> bool {
        let above = self.path.ancestors().skip(1).take_while(|above| above.starts_with(self.root));
        above.into_iter().any(|above| above.join(name).exists())
    }

    fn names_in(&self, place: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path.join(place))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn has_module(&self, python: &str, module: &str) -> bool {
        // A virtual environment has its packages in a directory that can be read. Only a system interpreter
        // has to be asked.
        if let Some(environment) = python.strip_suffix("/bin/python") {
            return has_package(&self.path.join(environment), module);
        }
        let Some(python) = self.environment.find_program(python, &self.path) else { return false };
        if self.environment.is_of_project(&python, self.root) {
            // Nothing of the project runs outside the sandbox.
            return python.ancestors().nth(2).is_some_and(|environment| has_package(environment, module));
        }
        imports(&python, module, self.environment)
    }
}

/// True if a virtual environment has a package.
fn has_package(environment: &Path, package: &str) -> bool {
    let mut versions = std::fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
    versions.any(|version| version.path().join("site-packages").join(package).exists())
}

/// True if an interpreter finds a module. The interpreter runs outside the project, so that it executes
/// none of the project's code.
fn imports(python: &Path, module: &str, environment: &Environment) -> bool {
    const FIND: &str = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";
    let own = ["PATH", "HOME", "PYENV_ROOT", "PYENV_VERSION", "VIRTUAL_ENV", "CONDA_PREFIX"];
    let own = own.into_iter().filter_map(|name| Some((name, environment.get(name)?)));
    let asked = std::process::Command::new(python)
        .args(["-c", FIND, module])
        .current_dir("/")
        .env_clear()
        .envs(own)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// Every project at or below a directory, apart from projects that are a part of another one. `root` is the
/// root of the project that Maestro serves.
pub fn detect_all(start: &Path, root: &Path, environment: &Environment) -> Vec<Detected> {
    let mut found: Vec<Detected> = Vec::new();
    // Tests that run from a directory above. They do not cover what else is below it.
    let mut moved: Vec<Detected> = Vec::new();
    let mut left = vec![(start.to_owned(), 0)];
    let mut seen = 0;
    while let Some((path, depth)) = left.pop() {
        seen += 1;
        if seen > MOST_DIRECTORIES {
            break;
        }
        let directory = OnDisk { path: path.clone(), start, root, environment };
        let place = shown(start, &path);
        for project in detect(&directory) {
            let is_part = |outer: &Detected| {
                outer.includes(&project)
                    && (outer.directory == "." || place.starts_with(&format!("{}/", outer.directory)))
            };
            if found.iter().any(is_part) {
                continue;
            }
            let above = if project.is_without_manifest() { home(&directory) } else { None };
            match above {
                Some(above) => add(&mut moved, above),
                None => found.push(Detected { directory: place.clone(), ..project }),
            }
        }
        if depth < MOST_DEEP {
            left.extend(below(&directory).into_iter().rev().map(|path| (path, depth + 1)));
        }
    }
    found.extend(moved);
    found
}

/// The path of a directory, relative to the one where detection began.
fn shown(start: &Path, path: &Path) -> String {
    let place = path.strip_prefix(start).unwrap_or(path).display().to_string();
    if place.is_empty() { ".".to_owned() } else { place }
}

/// The project of tests in a directory that run from one above it. The nearest directory with a module that they
/// import counts. None if they run from where they are.
fn home(tests: &OnDisk<'_>) -> Option<Detected> {
    let start = tests.start;
    let homes = tests.path.ancestors().take_while(|path| path.starts_with(start));
    let (home, project) = homes.into_iter().find_map(|home| {
        let directory = OnDisk { path: home.to_owned(), ..*tests };
        let place = tests.path.strip_prefix(home).ok()?.to_str()?;
        Some((home, detect_above(&directory, place)?))
    })?;
    (home != tests.path).then(|| Detected { directory: shown(start, home), ..project })
}

/// Adds the checks of a project to those of the same directory. pytest looks below the directory that it is
/// given, so a check of a directory below that one is no new one.
fn add(projects: &mut Vec<Detected>, project: Detected) {
    match projects.iter_mut().find(|one| one.directory == project.directory) {
        Some(same) => {
            let covers = |old: &Check, new: &Check| {
                old == new
                    || old.command.contains("pytest ")
                        && new.command.starts_with(&format!("{}/", old.command))
            };
            let is_new = |check: &Check| !same.checks.iter().any(|old| covers(old, check));
            let new: Vec<_> = project.checks.into_iter().filter(is_new).collect();
            same.checks.extend(new);
        }
        None => projects.push(project),
    }
}

fn below(directory: &OnDisk<'_>) -> Vec<PathBuf> {
    // A test or an example may be a project, but not one that is checked for its own sake.
    let skipped = [list("foreign_directories"), list("example_directories")].concat();
    let is_own = |name: &String| !name.starts_with('.') && !skipped.contains(&name.as_str());
    let is_directory =
        |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_dir());
    directory
        .names_in("")
        .into_iter()
        .filter(is_own)
        .map(|name| directory.path.join(name))
        .filter(is_directory)
        .collect()
}
