//! Which file is the project's own, and which name of it belongs to which packed file.

use super::evidence::{Fault, Frame};
use super::packed::PackedFile;

/// Parts of paths that no project of its own has.
const LIBRARY: [&str; 27] = [
    "site-packages",
    "dist-packages",
    "/lib/python",
    "\\lib\\",
    "/lib/ruby",
    "node_modules/",
    "node:",
    "internal/modules/",
    "internal/process/",
    "/rustc/",
    ".cargo/registry",
    "/library/std/",
    "/library/core/",
    "/library/alloc/",
    "/pkg/mod/",
    "/usr/local/go/src/",
    "/gems/",
    "/usr/include",
    "/usr/lib",
    "<frozen",
    "<string>",
    "<stdin>",
    "<anonymous>",
    "sysdeps/",
    "libsanitizer",
    "/csu/",
    "/_pytest/",
];

/// Beginnings of qualified names that a runtime brings along.
const RUNTIME: [&str; 12] = [
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "kotlin.",
    "org.junit.",
    "org.gradle.",
    "System.",
    "Microsoft.",
    "Xunit.",
    "NUnit.",
    "runtime.",
];

/// True for a frame of the program itself.
pub(crate) fn is_project(frame: &Frame) -> bool {
    !frame.file.is_empty()
        && !LIBRARY.iter().any(|part| frame.file.contains(part))
        && !RUNTIME.iter().any(|start| frame.function.starts_with(start))
}

/// True for a file that holds tests rather than what they test.
pub(crate) fn is_test_file(file: &str) -> bool {
    let lower = file.to_ascii_lowercase().replace('\\', "/");
    let name = lower.rsplit('/').next().unwrap_or("");
    let stem = name.split('.').next().unwrap_or("");
    lower.split('/').any(|part| matches!(part, "test" | "tests" | "spec" | "__tests__"))
        || stem.starts_with("test_")
        || ["_test", "_tests", "_spec"].iter().any(|end| stem.ends_with(end))
        || name.contains(".test.")
        || name.contains(".spec.")
        || ["Test.java", "Tests.java", "Test.kt", "Test.cs", "Tests.cs"].iter().any(|end| file.ends_with(end))
}

/// The packed file that a frame's path means; the longest name wins.
pub(crate) fn packed<'p, 'a>(files: &'p [PackedFile<'a>], file: &str) -> Option<&'p PackedFile<'a>> {
    files.iter().filter(|packed| is_same(packed.path, file)).max_by_key(|packed| packed.path.len())
}

fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (plain(one), plain(other));
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '\\']))
    };
    !one.is_empty() && !other.is_empty() && (ends(one, other) || ends(other, one))
}

fn plain(path: &str) -> &str {
    let path = path.strip_prefix("file://").unwrap_or(path);
    path.strip_prefix("./").unwrap_or(path)
}

/// The frame to look at first: the innermost one of the project, preferring the program over its tests.
pub(crate) fn place<'f>(fault: &'f Fault, files: &[PackedFile<'_>]) -> Option<&'f Frame> {
    let own = |frame: &&Frame| is_project(frame);
    let program = |frame: &&Frame| own(frame) && !is_test_file(&frame.file);
    let packed_program = |frame: &&Frame| program(frame) && packed(files, &frame.file).is_some();
    // An absolute path outside the packed files is often a library with an unusual home.
    let strange = |frame: &&Frame| program(frame) && frame.file.starts_with('/');
    let frames = || fault.frames.iter();
    match frames().find(program) {
        Some(frame) if strange(&frame) => frames().find(packed_program).or(Some(frame)),
        Some(frame) => Some(frame),
        None => frames().find(own).or_else(|| fault.frames.first().filter(|_| fault.is_static)),
    }
}

/// `path` as the packed files spell it, else as short as it can honestly be.
pub(crate) fn shown<'s>(files: &'s [PackedFile<'_>], file: &'s str) -> &'s str {
    packed(files, file).map_or_else(|| plain(file), |packed| packed.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_finds_its_packed_file() {
        let files = [PackedFile::new("a/x.py", 1), PackedFile::new("b/x.py", 1)];
        assert_eq!(packed(&files, "/srv/me/b/x.py").map(|file| file.path), Some("b/x.py"));
        assert_eq!(packed(&files, "./a/x.py").map(|file| file.path), Some("a/x.py"));
        assert!(packed(&files, "/srv/ab/ax.py").is_none());
    }

    #[test]
    fn libraries_and_tests_are_recognised() {
        assert!(!is_project(&Frame::new("/usr/lib/python3.11/json/decoder.py", 3, "loads")));
        assert!(!is_project(&Frame::new("HashMap.java", 3, "java.util.HashMap.get")));
        assert!(is_project(&Frame::new("src/lib.rs", 3, "")));
        assert!(
            is_test_file("pkg/tests/conftest.py")
                && is_test_file("x_test.go")
                && is_test_file("OrdersTest.java")
        );
        assert!(!is_test_file("src/contest.py") && !is_test_file("latest.rb"));
    }
}
