//! The parts of a patch that can be left out one at a time, to see whether a test misses them.

use crate::domain::diff::{Action, FilePatch, Patch};

/// A patch without one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// The part, in words: `hunk 2 of 3 (cart.py, line 14)`.
    pub part: String,
    /// The rest of it; no files where it was the only part.
    pub patch: Patch,
}

/// The parts of a patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The patch without each part that a program runs.
    pub each: Vec<Without>,
    /// Parts of documentation, comments and blank lines, which no test can see and none has to.
    pub silent: Vec<String>,
}

/// Takes a patch apart: by hunk where files are changed, by file where one is made, removed or moved.
pub fn parts(patch: &Patch) -> Parts {
    let places: Vec<(usize, Option<usize>)> = patch
        .files
        .iter()
        .enumerate()
        .flat_map(|(number, file)| match (file.action, file.hunks.len()) {
            (Action::Modify, 1..) | (Action::Rename, 2..) => {
                (0..file.hunks.len()).map(|hunk| (number, Some(hunk))).collect()
            }
            _ => vec![(number, None)],
        })
        .collect();
    let mut parts = Parts::default();
    for (index, (file, hunk)) in places.iter().enumerate() {
        let Some(of) = patch.files.get(*file) else { continue };
        let part = format!("hunk {} of {} ({})", index + 1, places.len(), place(of, *hunk));
        if is_silent(of, *hunk) {
            parts.silent.push(part);
        } else {
            parts.each.push(Without { part, patch: without(patch, *file, *hunk) });
        }
    }
    parts
}

fn place(file: &FilePatch, hunk: Option<usize>) -> String {
    let start = hunk.and_then(|hunk| file.hunks.get(hunk)).and_then(|hunk| hunk.old_start);
    match start {
        Some(line) => format!("{}, line {line}", file.new),
        None => file.new.clone(),
    }
}

fn is_silent(file: &FilePatch, hunk: Option<usize>) -> bool {
    match hunk {
        Some(hunk) => file.hunks.get(hunk).is_some_and(|hunk| file.is_silent(hunk)),
        None => !file.hunks.is_empty() && file.hunks.iter().all(|hunk| file.is_silent(hunk)),
    }
}

fn without(patch: &Patch, file: usize, hunk: Option<usize>) -> Patch {
    let mut left = patch.clone();
    let is_empty = match (left.files.get_mut(file), hunk) {
        (Some(of), Some(hunk)) if hunk < of.hunks.len() => {
            of.hunks.remove(hunk);
            of.hunks.is_empty() && of.executable.is_none()
        }
        _ => true,
    };
    if is_empty && file < left.files.len() {
        left.files.remove(file);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diff::parse;

    #[test]
    fn each_part_can_be_left_out_and_comments_need_not() {
        let diff = "--- a/a.py\n+++ b/a.py\n@@ -1,1 +1,1 @@\n-a = 1\n+a = 2\n@@ -9,1 +9,2 @@\n b\n+# why\n--- a/README.md\n+++ b/README.md\n@@ -1,1 +1,1 @@\n-x\n+y\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,1 @@\n+c = 3\n";
        let parts = parts(&parse(diff).unwrap());
        let named: Vec<&str> = parts.each.iter().map(|one| one.part.as_str()).collect();
        assert_eq!(
            named,
            ["hunk 1 of 4 (a.py, line 1)", "hunk 4 of 4 (new.py, line 0)"]
                .map(|it| it.replace(", line 0", ""))
        );
        assert_eq!(parts.silent, ["hunk 2 of 4 (a.py, line 9)", "hunk 3 of 4 (README.md, line 1)"]);
        let left: Vec<usize> = parts.each.iter().map(|one| one.patch.files.len()).collect();
        assert_eq!(left, [3, 2]);
    }
}
