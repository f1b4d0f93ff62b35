//! Laying what is not committed over a copy of the last commit.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::TreeError;

/// Paths that are copied.
const MOST_PATHS: usize = 50_000;
/// Bytes that are copied.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// Makes each path in `tree` what it is in `source`. No link is followed out of either.
pub(super) fn lay(source: &Path, tree: &Path, paths: &[PathBuf]) -> Result<(), TreeError> {
    if paths.len() > MOST_PATHS {
        return Err(TreeError::TooMuch(format!("{MOST_PATHS} files")));
    }
    let source = Dir::open_ambient_dir(source, ambient_authority())?;
    let tree = Dir::open_ambient_dir(tree, ambient_authority())?;
    // First what goes, so that a directory can stand where a file or a link was.
    for path in paths {
        if let Ok(found) = tree.symlink_metadata(path)
            && !found.is_dir()
        {
            tree.remove_file(path)?;
        }
    }
    let mut left = MOST_BYTES;
    for path in paths {
        copy(&source, &tree, path, &mut left).map_err(|error| match error {
            TreeError::Failed(reason) => TreeError::Failed(format!("{}: {reason}", path.display())),
            other => other,
        })?;
    }
    Ok(())
}

fn copy(source: &Dir, tree: &Dir, path: &Path, left: &mut u64) -> Result<(), TreeError> {
    let found = match source.symlink_metadata(path) {
        Ok(found) => found,
        // Deleted, or below what is no directory any more.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        tree.create_dir_all(above)?;
    }
    if found.is_symlink() {
        tree.symlink_contents(source.read_link_contents(path)?, path)?;
    } else if found.is_file() {
        let too_much = || TreeError::TooMuch(format!("{} MiB", MOST_BYTES >> 20));
        *left = left.checked_sub(found.len()).ok_or_else(too_much)?;
        source.copy(path, tree, path)?;
    }
    Ok(())
}
