//! Lines without effect on a program: comments and blank lines of source, and files that only people read.
//! The file's name decides, because the comment mark of one language is code in another.

use super::packed::pairs;

/// True if a line has no effect on a program: it is blank, or nothing but a comment.
pub fn is_silent(path: &str, line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() {
        return true;
    }
    match mark(path) {
        None => false,
        Some("#") => line.starts_with('#') && !line.starts_with("#!") && !is_directive(line),
        Some("//") => {
            line.starts_with("//")
                || (line.starts_with("/*") && line.find("*/").is_none_or(|end| end + 2 == line.len()))
                || line == "*"
                || line == "*/"
                || line.starts_with("* ")
        }
        Some("<!--") => line.starts_with("<!--") && line.ends_with("-->"),
        Some(mark) => line.starts_with(mark),
    }
}

/// True for a comment that a tool obeys, such as `# noqa`.
fn is_directive(line: &str) -> bool {
    let said = line.trim_start_matches('#').trim_start();
    ["type:", "noqa", "-*-", "coding", "pragma:", "pylint:", "frozen_string_literal"]
        .iter()
        .any(|word| said.starts_with(word))
}

/// True if only people read the file: documentation, a licence, a change log.
pub fn is_documentation(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let by_extension = ["md", "markdown", "rst", "adoc", "asciidoc"].iter().any(|it| extension(&name) == *it);
    let by_name =
        ["license", "licence", "copying", "authors", "changelog", "changes", "news", "readme", "notice"]
            .contains(&stem)
            && ["", "txt"].contains(&extension(&name));
    by_extension || by_name
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The comment mark of the file's language.
fn mark(path: &str) -> Option<&'static str> {
    let name = file_name(path).to_ascii_lowercase();
    let of = |wanted: &str| {
        let has = |endings: &str| endings.split(' ').any(|ending| ending == wanted);
        pairs("comment_marks").iter().find(|(endings, _)| has(endings)).map(|(_, mark)| *mark)
    };
    of(extension(&name)).or_else(|| of(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_begins_a_comment_only_where_the_language_says_so() {
        for (path, line) in [
            ("a.py", "    # add them up"),
            ("a.rs", "// why"),
            ("a.rs", "/// what"),
            ("a.ts", "/* one line */"),
            ("a.java", " * of a block"),
            ("a.sql", "-- all of them"),
            ("Makefile", "# targets"),
            ("a.unknown", "   "),
            ("a.html", "<!-- note -->"),
        ] {
            assert!(is_silent(path, line), "{path}: {line}");
        }
        for (path, line) in [
            ("a.c", "#include <stdio.h>"),
            ("a.rs", "#[test]"),
            ("a.py", "#!/usr/bin/env python3"),
            ("a.py", "# type: ignore"),
            ("a.py", "x = 1  # one"),
            ("a.c", "*pointer = 1;"),
            ("a.c", "/* a */ b();"),
            ("a.py", "// 2"),
            ("a.js", "--i;"),
            ("a.unknown", "# x"),
            ("a.css", "#id { color: red }"),
        ] {
            assert!(!is_silent(path, line), "{path}: {line}");
        }
    }

    #[test]
    fn documentation_is_known_by_its_name() {
        for path in ["README.md", "docs/a.rst", "LICENSE", "CHANGELOG.txt", "docs/guide/b.adoc"] {
            assert!(is_documentation(path), "{path}");
        }
        for path in ["src/readme.rs", "docs/conf.py", "requirements.txt", "news.py", "template.html"] {
            assert!(!is_documentation(path), "{path}");
        }
    }
}
