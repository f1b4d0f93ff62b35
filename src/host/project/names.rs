//! Finds files of a project by name, for paths that lack their directory.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

use super::Project;
use crate::domain::packed::list;

/// Maximum number of entries and of directories to read: a name in a huge tree is not worth more time.
const MOST_ENTRIES: usize = 3_000;
const MOST_DIRECTORIES: usize = 160;

/// An index of the files of a project by name. It reads no content and follows no link.
#[derive(Debug, Default)]
pub struct Names {
    directories: Vec<PathBuf>,
    /// For each name, the indices of the directories that contain a file with this name.
    by_name: HashMap<OsString, Vec<usize>>,
    /// True if every directory was searched.
    pub is_whole: bool,
}

impl Names {
    /// Finds files with these names below the project's root. Those near the root come first.
    pub fn of(project: &Project, wanted: &HashSet<&str>) -> Self {
        let mut names = Self { directories: vec![PathBuf::new()], ..Self::default() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(root) = openat(CWD, project.root(), flags, Mode::empty()) else { return names };
        let foreign = list("foreign_directories");
        let (mut here, mut seen) = (0, 0);
        while let Some(below) = names.directories.get(here).cloned() {
            if here >= MOST_DIRECTORIES {
                return names;
            }
            let place = if below.as_os_str().is_empty() { Path::new(".") } else { &below };
            let opened = openat(&root, place, flags, Mode::empty()).and_then(Dir::new);
            for entry in opened.into_iter().flatten().filter_map(Result::ok) {
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                seen += 1;
                if seen > MOST_ENTRIES {
                    return names;
                }
                let name = OsStr::from_bytes(name);
                let kind = match entry.file_type() {
                    // Some file systems report the type of an entry only on request.
                    FileType::Unknown => statat(&root, place.join(name), AtFlags::SYMLINK_NOFOLLOW)
                        .map_or(FileType::Unknown, |found| FileType::from_raw_mode(found.st_mode)),
                    kind => kind,
                };
                if kind.is_dir() {
                    let is_own = |name: &str| !name.starts_with('.') && !foreign.contains(&name);
                    if name.to_str().is_some_and(is_own) {
                        names.directories.push(below.join(name));
                    }
                } else if kind.is_file() && name.to_str().is_some_and(|name| wanted.contains(name)) {
                    names.by_name.entry(name.to_owned()).or_default().push(here);
                }
            }
            here += 1;
        }
        Self { is_whole: true, ..names }
    }

    /// The files whose path ends with `path`, compared by whole parts.
    pub fn ending_with<'a>(&'a self, path: &'a str) -> impl Iterator<Item = PathBuf> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let there = self.by_name.get(OsStr::new(name)).into_iter().flatten();
        let found = there.filter_map(|at| self.directories.get(*at)).map(move |place| place.join(name));
        found.filter(move |found| found.ends_with(path))
    }
}
