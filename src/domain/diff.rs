//! Unified diffs as language models write them: parsed, and applied to bytes.
//!
//! Harmless oddities are normalised and reported: fences, prose around the files, wrong counts, missing line
//! numbers, line ends. Ambiguous input is refused, and so is a patch with any line that cannot be understood.
//! Context must always match.

mod apply;
mod hunk;
mod name;
mod parse;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

use super::change::Mark;
use super::comment::{is_documentation, is_silent};
use super::cut::DOTS;
use super::fence::Marks;

pub use apply::{Applied, Offset, apply};
pub use name::{checked, new_name};
pub use parse::parse;

/// A parsed patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Its files, in the order of the text.
    pub files: Vec<FilePatch>,
    pub normalised: Vec<String>,
}

impl Patch {
    /// Number of lines that it adds or removes, together.
    pub fn changed_lines(&self) -> usize {
        let lines = self.files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
        lines.filter(|line| line.side != Side::Context).count()
    }
}

/// The change of a patch to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// Number of its first line in the patch.
    pub line: usize,
    pub action: Action,
    /// Name of the file that is read; of the new file if none is read.
    pub old: String,
    /// Name of the file that is written; of the removed file if none is written.
    pub new: String,
    /// True if the file is executable afterwards. `None` if the patch does not say.
    pub executable: Option<bool>,
    /// True if git made the change, as its index line shows. Then nothing in it is corrected.
    pub by_git: bool,
    pub hunks: Vec<Hunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The file is created.
    Create,
    /// The file is changed.
    Modify,
    /// The file is removed.
    Delete,
    /// The file is renamed.
    Rename,
    /// The file is copied to another name.
    Copy,
}

/// A change at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Number of its first line in the patch.
    pub line: usize,
    /// The stated first line in the old file, from 1. `None` if the patch does not state it.
    pub old_start: Option<usize>,
    /// Agreement of its two line numbers.
    pub place: Stated,
    pub lines: Vec<HunkLine>,
}

/// Agreement of the two line numbers of a hunk, given the lines that the hunks above it add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    /// They name the same place, or there are none.
    AtOnePlace,
    /// They name two places, so one of them is wrong.
    AtTwoPlaces,
}

impl Hunk {
    /// Number of lines that it adds to the file; negative if it removes more.
    fn shift(&self) -> isize {
        self.lines.iter().fold(0, |shift, line| match line.side {
            Side::Context => shift,
            Side::Removed => shift - 1,
            Side::Added => shift + 1,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HunkLine {
    pub side: Side,
    /// The text without its mark and its line end.
    pub text: String,
    pub ends: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the old and the new file.
    Context,
    /// Only in the old file.
    Removed,
    /// Only in the new file.
    Added,
}

/// The reason why a text cannot be parsed as a patch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct DiffError(String);

impl DiffError {
    /// An error at a line of the patch.
    fn at(line: usize, what: &str) -> Self {
        Self(format!("line {line}: {what}"))
    }
}

#[cfg(test)]
mod damage;

/// Maximum characters of a line in a message.
const MOST: usize = 120;

/// The name of an invisible character or of an unusual blank. `None` for other characters.
fn name(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\u{feff}' => "byte order mark",
        '\u{a0}' => "no-break space",
        '\u{202f}' => "narrow no-break space",
        '\u{2007}' => "figure space",
        '\u{3000}' => "ideographic space",
        '\u{1680}' | '\u{2000}'..='\u{2006}' | '\u{2008}'..='\u{200a}' | '\u{205f}' => "wide or narrow space",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{2060}' => "word joiner",
        '\u{180e}' => "vowel separator",
        '\u{ad}' => "soft hyphen",
        '\u{34f}' => "grapheme joiner",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{85}' => "next line",
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "direction mark"
        }
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' => "variation selector",
        '\u{2061}'..='\u{2064}' => "invisible operator",
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "Hangul filler",
        '\u{2800}' => "braille blank",
        '\u{e0000}'..='\u{e007f}' => "tag letter",
        '\u{300}'..='\u{36f}' => "combining mark",
        letter if letter.is_control() => "control character",
        _ => return None,
    })
}

/// As [`name()`], and also for letters that Unicode can write in another way, like the parts of a Hangul syllable.
fn exact_name(letter: char) -> Option<&'static str> {
    name(letter).or_else(|| match letter {
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' => {
            Some("part of a syllable")
        }
        letter if canonical_combining_class(letter) > 0 => Some("combining mark"),
        letter if !std::iter::once(letter).nfc().eq([letter]) => Some("not in NFC"),
        _ => None,
    })
}

fn is_blank(letter: char) -> bool {
    match letter {
        '\u{85}' | '\u{2028}' | '\u{2029}' => false,
        '\u{2800}' | '\u{3164}' | '\u{ffa0}' => true,
        letter => letter.is_whitespace(),
    }
}

fn has_no_width(letter: char) -> bool {
    name(letter).is_some() && !is_blank(letter)
}

/// A line for a message. Invisible characters are named, the line end is removed, tabs and blanks stay.
fn shown(text: &str) -> String {
    let text = text.trim_end_matches(['\n', '\r']);
    escaped(text, name)
}

/// Like [`shown`], but with visible tabs, trailing blanks, line end, and code points of composed letters.
fn shown_exactly(text: &str) -> String {
    let body = text.trim_end_matches(['\n', '\r']);
    let end = text.strip_prefix(body).unwrap_or_default();
    let trimmed = body.trim_end_matches([' ', '\t']);
    let trailing = body.len() - trimmed.len();
    let mut shown = escaped(trimmed, exact_name).replace('\t', "\\t");
    match trailing {
        0 => {}
        1 => shown += "<1 blank at the end>",
        more => {
            let _ = write!(shown, "<{more} blanks at the end>");
        }
    }
    shown + &end.replace('\r', "\\r").replace('\n', "\\n")
}

fn escaped(text: &str, name: fn(char) -> Option<&'static str>) -> String {
    let mut out = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == MOST {
            out.push_str(DOTS);
            break;
        }
        match name(letter).filter(|_| letter != '\t') {
            Some(name) => {
                let _ = write!(out, "<U+{:04X} {name}>", u32::from(letter));
            }
            None => out.push(letter),
        }
    }
    out
}

/// The visible form of a line: lines that look the same have the same form.
fn looks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A letter and its decomposed form look the same.
    let composed =
        if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect::<String>()) };
    for letter in composed.chars().filter(|letter| !has_no_width(*letter) || *letter == '\t') {
        if !is_blank(letter) {
            out.push(letter);
        } else if !out.ends_with(' ') || letter == ' ' {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// True if two lines look the same. A tab may look like any number of blanks.
fn look_the_same(left: &str, right: &str) -> bool {
    let (one, other) = (looks(left), looks(right));
    one == other || ((left.contains('\t') || right.contains('\t')) && words(&one) == words(&other))
}

/// The words of a line, without the blanks between them.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// The lines of a patch to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Everything,
    /// All lines except comments that the patch adds to source.
    WithoutComments,
}

impl Patch {
    /// The patch as text for reading. It must not be applied, because lines may be left out.
    pub fn text(&self, shown: Shown) -> String {
        self.files.iter().map(|file| file.text(shown)).collect()
    }

    /// The effect of the patch for each file: the removed and added lines in order, without context, line
    /// numbers, comments and blank lines. Patches that differ only in those have the same essence.
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

    /// True if the hunk changes only documentation, comments or blank lines.
    pub fn is_silent(&self, hunk: &Hunk) -> bool {
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

/// A line of the patch's text.
#[derive(Clone, Copy, Debug, Default)]
struct Line<'a> {
    /// The line number, from 1.
    number: usize,
    /// The text without the line end.
    text: &'a str,
}

impl Line<'_> {
    fn is_blank(self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Splits a text into lines, and returns true with them if the last line has an end.
fn lines<'a>(text: &'a str, normalised: &mut Vec<String>) -> (Vec<Line<'a>>, bool) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ends = text.is_empty() || text.ends_with('\n');
    if !ends {
        normalised.push("the patch's missing final newline was added".to_owned());
    }
    let mut lines: Vec<Line> =
        text.split('\n').enumerate().map(|(index, text)| Line { number: index + 1, text }).collect();
    if lines.last().is_some_and(|line| line.text.is_empty()) {
        lines.pop();
    }
    // Only these two kinds of lines are headers for certain: a removed line `-- x` looks like a file name.
    let is_header = |line: &&Line| match line.text.as_bytes() {
        [b'@', b'@', ..] => true,
        [b'd', ..] => line.text.starts_with("diff --git "),
        _ => false,
    };
    let mut headers = lines.iter().filter(is_header).peekable();
    let crlf = headers.peek().is_some() && headers.all(|line| line.text.ends_with('\r'));
    if crlf {
        normalised.push("the patch's own CRLF line ends were taken for LF".to_owned());
        for line in &mut lines {
            line.text = line.text.strip_suffix('\r').unwrap_or(line.text);
        }
    }
    (lines, ends)
}

/// A code fence that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fence {
    /// Number of the line that opened it.
    line: usize,
    marks: Marks,
}

impl Fence {
    fn opens(line: Line) -> Option<Self> {
        let (marks, _) = Marks::of(unindented(line)?)?;
        Some(Self { line: line.number, marks })
    }

    fn is_closed_by(&self, line: Line) -> bool {
        unindented(line).is_some_and(|text| self.marks.are_closed_by(text))
    }
}

/// The text of a line that is not indented. An indented fence does not count, because it is a context line.
fn unindented(line: Line<'_>) -> Option<&str> {
    (!line.text.starts_with(char::is_whitespace)).then_some(line.text)
}

/// The changed lines of each file, by the file's new name.
pub type Changed = BTreeMap<String, ChangedLines>;

/// The changes of a patch in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangedLines {
    /// The old name of a renamed or copied file.
    pub from: Option<String>,
    /// True if the file under its old name is removed, by a deletion or a renaming.
    pub removes: bool,
    /// True if the file is executable afterwards. `None` if the patch does not say.
    pub executable: Option<bool>,
    /// The removed lines, in order.
    pub removed: Vec<String>,
    /// The added lines, in order.
    pub added: Vec<String>,
}

/// Collects the changed lines of each file of a patch, without context, line numbers and line ends.
pub fn changed_lines(patch: &Patch) -> Changed {
    let mut changed = Changed::new();
    for file in &patch.files {
        let known = changed.entry(file.new.clone()).or_default();
        match file.action {
            Action::Rename | Action::Copy => known.from = Some(file.old.clone()),
            Action::Create | Action::Modify | Action::Delete => {}
        }
        known.removes |= matches!(file.action, Action::Rename | Action::Delete);
        // A new file is not executable by default, so a patch that states this adds nothing.
        let said = file.executable.filter(|executable| *executable || file.action != Action::Create);
        known.executable = said.or(known.executable);
        for line in file.hunks.iter().flat_map(|hunk| &hunk.lines) {
            let text = line.text.trim_end_matches('\r').to_owned();
            match line.side {
                Side::Removed => known.removed.push(text),
                Side::Added => known.added.push(text),
                Side::Context => {}
            }
        }
    }
    changed
}

/// The digest of a proposed change: of its changed lines, or of its text if it cannot be parsed.
pub fn digest(text: &str) -> String {
    let lines = parse(text).ok().and_then(|patch| serde_json::to_vec(&changed_lines(&patch)).ok());
    Mark::of(lines.as_deref().unwrap_or(text.as_bytes())).sha256
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod more_tests {
    use super::{parse, *};

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert_eq!(
            shown("\u{feff}a\u{a0}b\u{200b}"),
            "<U+FEFF byte order mark>a<U+00A0 no-break space>b<U+200B zero width space>"
        );
        assert_eq!(shown("\ta  \r\n"), "\ta  ");
        assert_eq!(shown_exactly("\ta  \r\n"), "\\ta<2 blanks at the end>\\r\\n");
        assert_eq!(shown(&"x".repeat(130)), format!("{}...", "x".repeat(120)));
    }

    #[test]
    fn lines_look_the_same_or_not() {
        for (left, right) in [
            ("a b", "a\u{a0}b"),
            ("ab", "a\u{200b}b"),
            ("a", "a  "),
            ("\u{feff}a", "a"),
            ("\tif x:", "    if x:"),
            ("a\r\n", "a\n"),
            ("\u{c81c}\u{baa9}", "\u{110c}\u{1166}\u{1106}\u{1169}\u{11a8}"),
            ("\u{e9}", "e\u{301}"),
            ("\u{304c}", "\u{304b}\u{3099}"),
            ("5 \u{2126}", "5 \u{3a9}"),
            ("a b", "a\u{3164}b"),
            ("ab", "a\u{2062}b"),
        ] {
            assert!(look_the_same(left, right), "{left:?} {right:?}");
        }
        assert_eq!(
            shown_exactly("\u{1103}\u{1161}e\u{301}"),
            "<U+1103 part of a syllable><U+1161 part of a syllable>e<U+0301 combining mark>"
        );
        assert_eq!((shown_exactly("다é"), shown("\u{1103}")), ("다é".to_owned(), "\u{1103}".to_owned()));
        for (left, right) in
            [("a b", "ab"), ("    a", "  a"), ("a", "b"), ("e", "e\u{301}b"), ("\u{ff21}", "A")]
        {
            assert!(!look_the_same(left, right), "{left:?} {right:?}");
        }
    }

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

    fn lines(text: &str) -> Changed {
        changed_lines(&parse(text).unwrap())
    }

    const ONE: &str = "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n";

    #[test]
    fn context_and_numbers_are_no_part_of_a_change() {
        for same in [
            "--- a/x.py\n+++ b/x.py\n@@ -2 +2 @@\n-b\n+c\n",
            "--- a/x.py\n+++ b/x.py\n@@\n a\n-b\n+c\n",
            "diff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
        ] {
            assert_eq!(lines(same), lines(ONE), "{same}");
            assert_eq!(digest(same), digest(ONE));
        }
    }

    #[test]
    fn another_line_file_name_or_mode_is_another_change() {
        for other in [
            ONE.replace("+c", "+e"),
            ONE.replace("x.py", "y.py"),
            ONE.replace("+c\n", "+c\n+e\n").replace("+1,3", "+1,4"),
            format!("{ONE}--- /dev/null\n+++ b/z.py\n@@ -0,0 +1 @@\n+z\n"),
            format!(
                "diff --git a/x.py b/x.py\nold mode 100644\nnew mode 100755\n{ONE}"
            ),
            "diff --git a/w.py b/x.py\nrename from w.py\nrename to x.py\n--- a/w.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n".to_owned(),
        ] {
            assert_ne!(lines(&other), lines(ONE), "{other}");
            assert_ne!(digest(&other), digest(ONE));
        }
    }

    #[test]
    fn what_is_no_patch_has_a_digest_of_its_text() {
        assert_ne!(digest("change line 3"), digest("change line 4"));
    }
}
