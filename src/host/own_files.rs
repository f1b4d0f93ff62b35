//! The files under `.maestro/` of a project. The author of the project may have put anything there. So this
//! reader follows no link in any part of a path, opens only regular files, and reads at most 1 MiB.

use std::io::ErrorKind;
use std::path::Path;

use super::change::{Obstacle, Tree};
use crate::domain::rule;

/// Maestro's directory in a project.
pub const DIRECTORY: &str = ".maestro";

/// Maximum size of a file in bytes.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// The reason why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    #[error("it is not UTF-8 text")]
    NoText,
    #[error(transparent)]
    OutOfBounds(#[from] rule::OutOfBounds),
}

/// Opens the `.maestro` directory of a project; None if it does not exist.
///
/// # Errors
///
/// It is a link or not a directory.
pub fn own_files(root: &Path) -> Result<Option<Tree>, Unread> {
    match Tree::open(root) {
        Ok(root) => Ok(root.below(DIRECTORY)?),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Obstacle::from(error).into()),
    }
}

/// The bytes of a project's own file; None if it does not exist.
///
/// # Errors
///
/// It exists and cannot be read.
pub fn read(own: &Tree, name: &str) -> Result<Option<Vec<u8>>, Unread> {
    Ok(own.look(name, MOST_BYTES)?.map(|found| found.content))
}

/// Turns the bytes of a file into text for a parser.
///
/// # Errors
///
/// They are not text, or exceed a parser's bounds.
pub fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Unread> {
    let text = String::from_utf8(bytes).map_err(|_| Unread::NoText)?;
    if Path::new(name).extension().is_some_and(|extension| extension == "yaml") {
        rule::check(&text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &Tree, name: &str) -> Result<Option<String>, Unread> {
        read(files, name)?.map(|bytes| text_of(name, bytes)).transpose()
    }
    use std::fs::File;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    #[test]
    fn only_small_regular_files_without_a_link_on_the_way_are_read() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join(DIRECTORY);
        assert!(own_files(root.path()).unwrap().is_none());
        std::fs::create_dir_all(own.join("roles")).unwrap();
        std::fs::write(own.join("roles/a.md"), "A").unwrap();
        std::fs::write(root.path().join("private"), "the secret").unwrap();
        symlink(root.path().join("private"), own.join("link.yaml")).unwrap();
        symlink(own.join("roles"), own.join("linked")).unwrap();
        symlink("/dev/zero", own.join("endless.yaml")).unwrap();
        File::create(own.join("sparse.yaml")).unwrap().set_len(1 << 30).unwrap();
        std::fs::write(own.join("deep.yaml"), "[".repeat(100_000)).unwrap();
        std::fs::write(own.join("bytes.md"), [0xff, 0xfe]).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(own.join("pipe.yaml")).status().unwrap();
        assert!(fifo.success());
        let files = own_files(root.path()).unwrap().unwrap();
        assert_eq!(text(&files, "roles/a.md").unwrap().unwrap(), "A");
        for missing in ["none.yaml", "no/such.md", "roles/a.md/b"] {
            assert!(!matches!(text(&files, missing), Ok(Some(_))), "{missing}");
        }
        let began = Instant::now();
        for name in [
            "link.yaml", "linked/a.md", "endless.yaml", "sparse.yaml", "deep.yaml", "bytes.md", "pipe.yaml",
            "roles",
        ] {
            let refused = text(&files, name).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
        assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());

        let linked = tempfile::tempdir().unwrap();
        symlink(&own, linked.path().join(DIRECTORY)).unwrap();
        assert_eq!(
            own_files(linked.path()).unwrap_err(),
            Unread::Obstacle(Obstacle::Link(DIRECTORY.to_owned()))
        );
    }
}
