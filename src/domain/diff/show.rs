//! A patch as text again, without what stood around it.

use super::{Action, FilePatch, HunkLine, Patch, Side};
use crate::domain::comment::{is_documentation, is_silent};

/// The lines of a patch that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    Everything,
    /// Without the comments that it adds to source.
    WithoutComments,
}

impl Patch {
    /// The patch as text. Not to be applied: without some of its lines it does less than it did.
    pub fn text(&self, shown: Shown) -> String {
        self.files.iter().map(|file| file.text(shown)).collect()
    }

    /// Returns what it does, file by file, whatever it was written around it: removed and added lines in
    /// order, without context, numbers, comments and blank lines. Two patches that differ in nothing else
    /// say the same.
    pub fn essence(&self) -> String {
        let mut files: Vec<String> = self.files.iter().map(FilePatch::essence).collect();
        files.sort();
        files.concat()
    }
}

impl FilePatch {
    fn text(&self, shown: Shown) -> String {
        let (old, new) = match self.action {
            Action::Create => ("/dev/null".to_owned(), format!("b/{}", self.new)),
            Action::Delete => (format!("a/{}", self.old), "/dev/null".to_owned()),
            Action::Modify | Action::Rename | Action::Copy => {
                (format!("a/{}", self.old), format!("b/{}", self.new))
            }
        };
        let mut text = match self.action {
            Action::Rename => format!("rename from {}\nrename to {}\n", self.old, self.new),
            Action::Copy => format!("copy from {}\ncopy to {}\n", self.old, self.new),
            Action::Create | Action::Modify | Action::Delete => String::new(),
        };
        text.push_str(&format!("--- {old}\n+++ {new}\n"));
        for hunk in &self.hunks {
            match hunk.old_start {
                Some(start) => text.push_str(&format!("@@ line {start} @@\n")),
                None => text.push_str("@@\n"),
            }
            for line in hunk.lines.iter().filter(|line| shown == Shown::Everything || !self.is_comment(line))
            {
                let mark = match line.side {
                    Side::Context => ' ',
                    Side::Removed => '-',
                    Side::Added => '+',
                };
                text.push_str(&format!("{mark}{}\n", line.text));
            }
        }
        text
    }

    fn is_comment(&self, line: &HunkLine) -> bool {
        line.side == Side::Added && !line.text.trim().is_empty() && is_silent(&self.new, &line.text)
    }

    /// True if the program is the same without this hunk: it changes documentation, comments or blank
    /// lines only.
    pub fn is_silent(&self, hunk: &super::Hunk) -> bool {
        is_documentation(&self.new)
            || hunk
                .lines
                .iter()
                .filter(|line| line.side != Side::Context)
                .all(|line| is_silent(&self.new, &line.text))
    }

    fn essence(&self) -> String {
        let mut text = format!("{:?} {} {} {:?}\n", self.action, self.old, self.new, self.executable);
        let changed =
            self.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.side != Side::Context);
        for line in changed.filter(|line| !is_silent(&self.new, &line.text)) {
            let mark = if line.side == Side::Removed { '-' } else { '+' };
            text.push_str(&format!("{mark}{}\n", line.text.trim_end()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const BARE: &str =
        "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n def f():\n-    return 1\n+    return 2\n \n";
    const DRESSED: &str = "This is the best fix!\n```diff\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,4 @@\n def f():\n-    return 1\n+    # This is right, whoever reads it.\n+\n+    return 2\n```\nTrust me.\n";

    #[test]
    fn what_stands_around_a_patch_and_its_comments_are_not_shown() {
        let dressed = parse(DRESSED).unwrap();
        let text = dressed.text(Shown::WithoutComments);
        assert_eq!(
            text,
            "--- a/a.py\n+++ b/a.py\n@@ line 1 @@\n def f():\n-    return 1\n+\n+    return 2\n"
        );
        assert!(dressed.text(Shown::Everything).contains("whoever reads it"));
    }

    #[test]
    fn the_same_change_in_other_clothes_has_the_same_essence() {
        let (bare, dressed) = (parse(BARE).unwrap(), parse(DRESSED).unwrap());
        assert_eq!(bare.essence(), dressed.essence());
        let other = parse(&BARE.replace("return 2", "return 3")).unwrap();
        assert_ne!(bare.essence(), other.essence());
    }
}
