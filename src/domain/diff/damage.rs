//! Whole or nothing: what is not understood under the header of a file fails the whole patch, and says
//! at which line. Text around a patch is left out.

use super::*;

const GOOD: &str = "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";
const OTHER: &str = "--- a/g\n+++ b/g\n@@ -1 +1 @@\n-x\n+y\n";
const GIT: &str =
    "diff --git a/f b/f\nindex 1234567..89abcde 100644\n--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";

fn files(text: &str) -> Vec<String> {
    parse(text)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .files
        .into_iter()
        .map(|file| file.new)
        .collect()
}

fn refused(text: &str) -> String {
    match parse(text) {
        Ok(patch) => panic!("{patch:#?}\n{text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_stands_around_a_patch_is_left_out() {
    let git = |name: &str| GIT.replace("/f", &format!("/{name}"));
    for text in [
        format!("Here it is:\n\n{GOOD}{OTHER}"),
        format!("{GOOD}\n{OTHER}\n\nThis is all.\n- it does this\n"),
        format!("Here:\n```diff\n{GOOD}{OTHER}```\n- one\n+ two\n"),
        format!("First\n```diff\n{GOOD}```\nthen\n~~~~ diff\n{OTHER}~~~~\nDone, see ```code```.\n"),
        format!("````\n{GOOD}{OTHER}````\n"),
        format!("Try\n```sh\nmake test\n```\nand\n```diff\n{GOOD}{OTHER}```\n```\nmore\n```\n"),
        format!("Index: f\n=====\n{GOOD}Index: g\n=====\n{OTHER}"),
        format!("diff -u a/f b/f\n{GOOD}Only in b: new\ndiff -u a/g b/g\n{OTHER}"),
        format!("```diff\ndiff --git a/f b/f\n{GOOD}\n{OTHER}\n```\n"),
    ] {
        assert_eq!(files(&text), ["f", "g"], "{text}");
    }
    let mails = format!(
        "From 1234567 Mon Sep 17 00:00:00 2001\nSubject: one\n\n---\n f | 2 +-\n\n{}-- \n2.40.1\n\nFrom 89abcde Mon Sep 17 00:00:00 2001\nSubject: two\n\n- a list\n---\n{}-- \n2.39.2 (Apple Git-143)\n\n",
        git("f"),
        git("g")
    );
    assert_eq!(files(&mails), ["f", "g"]);
}

#[test]
fn a_fence_is_read_at_the_outermost_level_only() {
    let markdown = "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n ```sh\n-old\n+new\n ```\n end\n";
    assert_eq!(files(&format!("```diff\n{markdown}```\n")), ["f"]);
    assert_eq!(files(markdown), ["f"]);
    // The same where a fence of the file lost the blank before it, whatever is around the patch.
    for fence in [" ```sh\n", " ```\n"] {
        let broken = markdown.replacen(fence, fence.trim_start(), 1);
        assert_ne!(broken, markdown);
        for text in [broken.clone(), format!("```diff\n{broken}```\n"), format!("~~~\n{broken}~~~\n")] {
            assert!(refused(&text).starts_with("line "), "{text}");
        }
    }
    for (text, says) in [
        (
            format!("```diff\n{GOOD}```\n{OTHER}"),
            "line 10: some files or hunks are outside of the code fences",
        ),
        (format!("{GOOD}```diff\n{OTHER}```\n"), "line 9: some files or hunks are outside"),
        (format!("{GOOD}```\n{OTHER}"), "line 9: some files or hunks are outside"),
        (format!("```diff\n{GOOD}"), "line 1: the code fence that opens here is never closed"),
        (
            "```diff\n--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n```\n+B\n c\n".to_owned(),
            "line 7: the code fence closes",
        ),
        (
            "```diff\n--- a/f\n+++ b/f\n@@ ... @@\n a\n-b\n```\n+B\n c\n".to_owned(),
            "line 7: the code fence closes",
        ),
        ("```diff\n--- a/f\n+++ b/f\n@@ ... @@\n a\n-b\n```\n\n c\n```\n".to_owned(), "is never closed"),
        (
            "```diff\n--- a/f\n```\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n```\n".to_owned(),
            "the hunk has no file name",
        ),
        ("--- a/f\n+++ b/f\n```\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), "line 3: `"),
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{error}\n{text}");
    }
}

#[test]
fn nothing_under_a_header_or_in_a_hunk_is_prose() {
    let with = |from: &str, to: &str| GOOD.replacen(from, to, 1);
    for (text, says) in [
        (format!("{GOOD}and then\n{OTHER}"), "line 8: `and then` is between"),
        (format!("{GOOD}and then\n@@ -9 +9 @@\n-x\n+y\n"), "line 8: `and then` is between"),
        (
            with("@@ -1", "in short\n@@ -1"),
            "line 3: `in short` is below the header of a file, but is neither",
        ),
        (with(" c\n", "c\n"), "line 7: `c` is neither context nor change"),
        (with(" c\n", "long line\nwrapped\n"), "line 7: `long line`"),
        (with("@@ -1,3 +1,3 @@\n", ""), "line 3: ` a`"),
        (with("@@ -1,3 +1,3 @@", "@@ -1,3 +1"), "line 3: `@@ -1,3 +1` is not a complete hunk header"),
        (with("+++ b/f\n", ""), "line 2: the hunk has no file name"),
        (with(" a\n", "\\ No newline at end of file\n a\n"), "line 4: `\\ No newline"),
        (with("+B\n", "+B\n\\ No newline at end of file\n"), "line 3: `\\ No newline` comes after"),
        (with("+B\n", "+B\n\\ No new\n"), "line 7: `\\ No new`"),
        (format!("{GOOD}@@ ... @@\n-q\n+r\n"), "line 8: one hunk of the file has"),
        (with(" c\n", "").trim_end().to_owned(), "line 3: the text ends before"),
        (format!("{GOOD}Binary files a/g and b/g differ\n"), "line 8: binary changes are not"),
        (format!("{GOOD}diff --cc g\n"), "line 8: combined diffs of merges"),
        (format!("{GOOD}old mode 100644\nnew mode 100755\n"), "line 8: `old mode 100644` is a header"),
        (format!("new file mode 100755\n{GOOD}"), "line 1: `new file mode 100755`"),
        (format!("{GOOD}*** Begin Patch\n"), "line 8: the `*** Begin Patch`"),
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{error}\n{text}");
    }
}

#[test]
fn what_git_made_is_not_put_right() {
    assert_eq!(files(GIT), ["f"]);
    let with = |from: &str, to: &str| GIT.replacen(from, to, 1);
    for (text, says) in [
        (with("+B\n", ""), "3 old and 3 new lines and has 3 and 2"),
        (with("+B\n", "+B\n+B\n"), "has 3 and 4"),
        (with("@@ -1,3 +1,3 @@", "@@"), "line 5: `@@` is not a complete hunk header"),
        (with("--- a/f\n", ""), "line 3: `+++ b/f`"),
        (with("+++ b/f\n", ""), "line 3: `--- a/f`"),
        (with("index", "old mode 100644\nindex"), "only one of `old mode` and `new mode`"),
        (with("+++ b/f", "+++ /dev/null"), "a deletion keeps lines"),
        (with("--- a/f\n+++ b/f", "--- a/g\n+++ b/g"), "name different files"),
        (with("index", "\nindex"), "line 2: `` is below"),
        (with(" a\n", "\r\n"), "lines were lost or added"),
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{error}\n{text}");
    }
    for (text, says) in [
        (with("--- a/f", "--- a/f "), "ends with blanks that may belong"),
        (with("diff --git a/f b/f", "diff --git a/f b/f "), "ends with blanks"),
        (
            with("@@ -1,3 +1,3 @@", "@@ -1,3 +7,3 @@"),
            "line 5: the two places of the hunk's header do not fit",
        ),
        (GIT.to_owned() + "@@ -9,1 +9,2 @@\n x\n+y\n@@ -20,1 +20,1 @@\n-x\n+y\n", "line 13: the two places"),
        (
            GIT.lines().take(2).collect::<Vec<_>>().join("\n") + "\n",
            "line 1: the index line says that the content changes",
        ),
        (
            with("index", "index 1234567..89abcde 100644\nindex"),
            "line 3: the file has this header line twice",
        ),
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{error}\n{text}");
    }
    // Without git's hashes a model wrote it, and its counts are worth nothing.
    let miscounted = with("index 1234567..89abcde 100644\n", "").replace("-1,3 +1,3", "-1,7 +1,9");
    assert_eq!(files(&miscounted), ["f"]);
}

const MOVED: &str = "diff --git a/old dir/f b/new dir/f\nsimilarity index 60%\nrename from old dir/f\nrename to new dir/f\nindex 1234567..89abcde 100644\n--- a/old dir/f\t\n+++ b/new dir/f\t\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n";
const BINARY: &str = "diff --git a/x.bin b/x.bin\nnew file mode 100644\nindex 0000000000000000000000000000000000000000..89abcde789abcde789abcde789abcde789abcde7\nGIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n\nliteral 0\nHcmV?d00001\n\n";

/// A header that lost a part, or got one of another file, still stands over something: nothing of that
/// is prose, and half a file is no file.
#[test]
fn a_damaged_header_is_no_other_header() {
    assert_eq!(files(MOVED), ["new dir/f"]);
    let with = |from: &str, to: &str| MOVED.replacen(from, to, 1);
    for text in [
        with("rename to new dir/f", "rename to new"),
        with("rename to new dir/f", "rename to new dir/g"),
        with("rename from old dir/f", "rename from new dir/f"),
        with("--- a/old dir/f\t", "--- a/new dir/f\t"),
        with("--- a/old dir/f\t", "--- /dev/null"),
        with("+++ b/new dir/f\t", "+++ b/f"),
        with("b/new dir/f\n", "b/new dir/g\n"),
        with("+++ b/new dir/f\t\n", ""),
        with("rename to new dir/f", "rename to new dir/f "),
        with("similarity index 60%\n", "similarity index 60%\nsimilarity index 60%\n"),
        with("similarity index 60%\n", "similarity inde\n"),
        MOVED.lines().take(4).chain(["--- a/ol"]).collect::<Vec<_>>().join("\n") + "\n",
        MOVED.lines().take(5).collect::<Vec<_>>().join("\n") + "\n",
        MOVED.lines().take(7).collect::<Vec<_>>().join("\n") + "\n",
    ] {
        assert!(refused(&text).starts_with("line "), "{text}");
    }
    // Wherever a binary change is cut below its index line, or whichever line of it is lost: no empty
    // file comes of it.
    let lines: Vec<&str> = BINARY.lines().collect();
    for at in 1..lines.len() {
        if at > 2 {
            refused(&(lines.get(..at).unwrap().join("\n") + "\n"));
        }
        let (above, below) = lines.split_at(at);
        refused(&[above.get(..at - 1).unwrap(), below].concat().join("\n"));
    }
    let mode = "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n";
    assert_eq!(files(mode), ["run"]);
    for text in [
        mode.replace("old mode 100644\n", ""),
        mode.replace("new mode 100755\n", ""),
        mode.replace("100755", "120000"),
        mode.replace("100755", "100644"),
        mode.replace("100755", "10075"),
        mode.replace("diff --git a/run b/run\n", ""),
        format!("{mode}old mode 100755\nnew mode 100644\n"),
        format!("{mode}index 1234567..89abcde\n"),
        format!("{mode}literal 3\n"),
        mode.replace("old mode", "old  mode"),
    ] {
        refused(&text);
    }
    // An empty file needs no hunk.
    for text in [
        "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n",
        "diff --git a/e b/e\ndeleted file mode 100644\nindex e69de29..0000000\n",
    ] {
        assert_eq!(files(text), ["e"]);
    }
}

#[test]
fn blanks_after_a_name_are_put_right_where_a_model_wrote_it_and_said() {
    let patch = parse(&GOOD.replace("+++ b/f", "+++ b/f ")).unwrap();
    assert_eq!(patch.files[0].new, "f");
    assert_eq!(patch.normalised, ["line 2: blanks at the end of a file's header were left out"]);
}

#[test]
fn a_new_file_of_a_diff_that_goes_backwards_loses_its_prefix_too() {
    assert_eq!(files("--- /dev/null\n+++ a/new/f\n@@ -0,0 +1 @@\n+x\n"), ["new/f"]);
    assert_eq!(files("--- b/old/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"), ["old/f"]);
}

/// If the two line numbers of a header contradict one another, one place is meant only if the lines
/// stand in one.
#[test]
fn numbers_that_mean_two_places_decide_nothing() {
    let patch = |numbers: &str| format!("--- a/f\n+++ b/f\n@@ {numbers} @@\n a\n-b\n+B\n c\n");
    let twice = "a\nb\nc\n-\na\nb\nc\n";
    for numbers in ["-1,3 +5,3", "-5,3 +1,3", "-1,3 +3,3"] {
        let error = applied(twice, &patch(numbers)).unwrap_err();
        assert!(error.is_ambiguous(), "{error}");
        assert!(error.to_string().contains("do not say which place is meant"), "{error}");
        assert_eq!(text("a\nb\nc\n-\n", &patch(numbers)), "a\nB\nc\n-\n");
    }
    assert_eq!(text(twice, &patch("-5,3 +5,3")), "a\nb\nc\n-\na\nB\nc\n");
    // The lines that the hunks above add may or may not be counted.
    for place in ["-6,2 +6,2", "-6,2 +7,2"] {
        let two = format!("--- a/f\n+++ b/f\n@@ -1,1 +1,2 @@\n-a\n+A\n+A2\n@@ {place} @@\n-b\n+B\n c\n");
        assert_eq!(text(twice, &two), "A\nA2\nb\nc\n-\na\nB\nc\n");
    }
}

fn applied(content: &str, patch: &str) -> Result<Applied, super::apply::HunkFailure> {
    apply(content.as_bytes(), &parse(patch).unwrap().files[0])
}

fn text(content: &str, patch: &str) -> String {
    let applied = applied(content, patch).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(applied.content).unwrap()
}

#[test]
fn a_mark_at_the_start_and_each_line_s_own_end_are_kept() {
    assert_eq!(text("\u{feff}a\nb\nc\n", GOOD), "\u{feff}a\nB\nc\n");
    let first = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n";
    assert_eq!(text("\u{feff}a\r\nb\n", first), "\u{feff}A\r\nb\n");
    assert_eq!(text("\u{feff}a\nb", first), "\u{feff}A\nb");
    assert_eq!(text("a\nb\n", &first.replace("-a", "-\u{feff}a").replace("+A", "+\u{feff}A")), "A\nb\n");
    // Mixed ends: a line takes that of the one it replaces, a new one that of the line above.
    assert_eq!(text("a\r\nb\nc\r\n", GOOD), "a\r\nB\nc\r\n");
    let two = "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n+B2\n c\n";
    assert_eq!(text("a\nb\r\nc\n", two), "a\nB\r\nB2\r\nc\n");
    let crlf = "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\r\n-b\r\n+B\r\n c\r\n";
    assert_eq!(text("a\nb\nc\n", crlf), "a\nB\nc\n");
    assert_eq!(text("a\r\nb\nc\r\n", crlf), "a\r\nB\nc\r\n");
    // A patch with both kinds means what it says.
    let both = "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\r\n-b\n+B\r\n c\n";
    assert_eq!(text("a\r\nb\nc\n", both), "a\r\nB\r\nc\n");
    assert!(applied("a\nb\nc\n", both).is_err());
}

#[test]
fn a_hunk_that_stands_in_two_places_but_for_line_ends_is_not_guessed() {
    let moved = GOOD.replace("-1,3 +1,3", "-2,3 +2,3");
    assert!(applied("a\nb\nc\n-\na\r\nb\r\nc\r\n", &moved).is_err_and(|error| error.is_ambiguous()));
    assert_eq!(text("-\na\nb\nc\n", &moved), "-\na\nB\nc\n");
}

#[test]
fn a_file_goes_on_where_the_patch_ends_it() {
    let ends = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+A\n\\ No newline at end of file\n";
    assert_eq!(text("a\n", ends), "A");
    assert!(applied("a\nb\n", ends).is_err_and(|error| error.to_string().contains("the file goes on")));
}

#[test]
fn a_mismatch_names_the_nearest_place_and_the_first_difference() {
    let numbered = (1..=30).fold(String::new(), |text, number| text + &format!("line {number}\n"));
    let hunk = |numbers: &str| {
        format!(
            "--- a/f\n+++ b/f\n@@ {numbers} @@\n line 20\n line 21\n-line twenty-two\n+LINE 22\n line 23\n"
        )
    };
    for numbers in ["...", "-3,4 +3,4", "-20,4 +20,4", "-400,4 +400,4"] {
        let error = applied(&numbered, &hunk(numbers)).unwrap_err().to_string();
        assert!(
            error.contains("it fits best at line 20 (3 of 4 lines are equal): line 22 should be `line twenty-two` and is `line 22`"),
            "{error}"
        );
    }
    let twice = "a\nb\nc\n-\na\nb\nd\n";
    let error = applied(twice, &GOOD.replace(" c", " e")).unwrap_err();
    assert_eq!(error.next(), None);
    let error = error.to_string();
    assert!(error.contains("equally well at lines 1 and 5"), "{error}");
    assert!(error.contains("line 3 should be `e` and is `c`; line 7 should be `e` and is `d`"), "{error}");
}

#[test]
fn what_cannot_be_seen_is_shown_where_it_is_the_reason() {
    for (content, shows) in [
        ("a\nb\u{a0}x\nc\n", "b<U+00A0 no-break space>x"),
        ("a\nb\u{200b} x\nc\n", "b<U+200B zero width space> x"),
        ("a\nb x  \nc\n", "b x<2 blanks at the end>"),
        ("a\nb\tx\nc\n", "b\\tx"),
        ("a\nb x\r\r\nc\n", "\\r"),
        ("a\n\u{feff}b x\nc\n", "<U+FEFF byte order mark>b x"),
    ] {
        let error = applied(content, &GOOD.replace("-b", "-b x")).unwrap_err();
        assert!(error.next().unwrap().starts_with("The lines look the same"), "{error}");
        assert!(error.to_string().contains(shows), "{error}");
    }
    // And they match where both have them.
    assert_eq!(text("a\nb\u{a0} \nc\n", &GOOD.replace("-b", "-b\u{a0} ")), "a\nB\nc\n");
}
