//! The directories of a project, as far as detection of its checks looks at them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::domain::verification::detect::{Detected, Directory, detect};

/// How deep projects inside a project are looked for.
const MOST_DEEP: usize = 2;
/// How many directories are looked at.
const MOST_DIRECTORIES: usize = 400;
/// The largest manifest, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// Directories that hold what was made or fetched.
const FOREIGN: [&str; 12] = [
    "node_modules",
    "target",
    "vendor",
    "venv",
    "build",
    "dist",
    "out",
    "__pycache__",
    "third_party",
    "testdata",
    "fixtures",
    "examples",
];

struct OnDisk(PathBuf);

impl Directory for OnDisk {
    fn text(&self, name: &str) -> Option<String> {
        let path = self.0.join(name);
        // A pipe of that name must not be waited for.
        if !std::fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            return None;
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.0)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }
}

/// Every project at or below a directory. One inside another of the same language is part of it.
#[must_use]
pub fn detect_all(start: &Path) -> Vec<Detected> {
    let mut found: Vec<Detected> = Vec::new();
    let mut left = vec![(start.to_owned(), 0)];
    let mut seen = 0;
    while let Some((path, depth)) = left.pop() {
        seen += 1;
        if seen > MOST_DIRECTORIES {
            break;
        }
        let directory = OnDisk(path.clone());
        let place = path.strip_prefix(start).unwrap_or(&path).display().to_string();
        let place = if place.is_empty() { ".".to_owned() } else { place };
        for project in detect(&directory) {
            let is_part = |outer: &Detected| {
                outer.language == project.language
                    && (outer.directory == "." || place.starts_with(&format!("{}/", outer.directory)))
            };
            if !found.iter().any(is_part) {
                found.push(Detected { directory: place.clone(), ..project });
            }
        }
        if depth < MOST_DEEP {
            left.extend(below(&directory).into_iter().rev().map(|path| (path, depth + 1)));
        }
    }
    found
}

fn below(directory: &OnDisk) -> Vec<PathBuf> {
    let is_own = |name: &String| !name.starts_with('.') && !FOREIGN.contains(&name.as_str());
    let is_directory =
        |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_dir());
    directory
        .names()
        .into_iter()
        .filter(is_own)
        .map(|name| directory.0.join(name))
        .filter(is_directory)
        .collect()
}
