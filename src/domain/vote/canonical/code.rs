//! Code in the form that is compared: without comments and blank lines. The content of strings stays.

use std::sync::LazyLock;

use crate::domain::packed::pairs;
use crate::domain::pattern::Pattern;

/// The way in which a language marks comments and strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `--` and `/* */`, and strings without escapes.
    Dashes,
    /// `#`, and strings that run over several lines.
    Shell,
    /// `#`
    Hash,
    /// `//` and `/* */`
    Slashes,
    /// Unknown, so no comment is removed.
    Unknown,
}

impl Style {
    const KNOWN: [(&'static str, Self); 4] =
        [("dashes", Self::Dashes), ("shell", Self::Shell), ("hash", Self::Hash), ("slashes", Self::Slashes)];

    /// The style with the most lines that show it; of equal ones, the first in the list.
    fn of(code: &[&str]) -> Self {
        let mut most = (0, Self::Unknown);
        let shown: Vec<&str> = code.iter().filter_map(|line| sign(line.trim())).collect();
        for (name, style) in Self::KNOWN {
            let count = shown.iter().filter(|shown| **shown == name).count();
            if count > most.0 {
                most = (count, style);
            }
        }
        most.1
    }

    /// The mark of a comment up to the end of the line.
    fn comment(self) -> Option<&'static str> {
        match self {
            Self::Hash | Self::Shell => Some("#"),
            Self::Slashes => Some("//"),
            Self::Dashes => Some("--"),
            Self::Unknown => None,
        }
    }

    /// True if a comment may begin after this letter. `a#b` has none.
    fn may_follow(self, before: char) -> bool {
        let is_end = || matches!(self, Self::Slashes | Self::Dashes) && ";{},".contains(before);
        before.is_whitespace() || is_end()
    }

    /// The marks around strings, the longer ones first, and whether such a string ends with its line.
    fn quotes(self) -> &'static [(&'static str, Lasts)] {
        match self {
            Self::Hash | Self::Unknown => {
                &[("\"\"\"", Lasts::On), ("'''", Lasts::On), ("\"", Lasts::Line), ("'", Lasts::Line)]
            }
            Self::Slashes => {
                &[("\"\"\"", Lasts::On), ("`", Lasts::On), ("\"", Lasts::Line), ("'", Lasts::Line)]
            }
            Self::Shell | Self::Dashes => &[("\"", Lasts::On), ("'", Lasts::On)],
        }
    }

    /// True if a backslash in such a string makes the next letter a part of it.
    fn escapes(self, quote: &str) -> bool {
        match self {
            Self::Dashes => false,
            Self::Shell => quote != "'",
            Self::Hash | Self::Slashes | Self::Unknown => true,
        }
    }
}

/// The end of a string that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasts {
    /// The end of its line.
    Line,
    /// The next mark on any line.
    On,
}

/// The style that a line shows.
fn sign(line: &str) -> Option<&'static str> {
    static SIGNS: LazyLock<Vec<(&'static str, Pattern)>> = LazyLock::new(|| {
        pairs("code_signs").iter().map(|(style, sign)| (*style, Pattern::from((*sign).to_owned()))).collect()
    });
    SIGNS.iter().find(|(_, sign)| sign.is_in(line)).map(|(style, _)| *style)
}

/// The text that is compared.
pub(super) fn code_key(code: &str) -> String {
    let code: Vec<&str> = code.lines().collect();
    let lines = without_comments(&code, Style::of(&code));
    let said: Vec<&String> = lines
        .iter()
        .filter(|line| line.is_in_string || !line.text.trim().is_empty())
        .map(|line| &line.text)
        .collect();
    let indents = said.iter().filter(|line| !line.trim().is_empty());
    let margin = indents.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    said.iter().map(|line| line.get(margin..).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

struct Line {
    text: String,
    /// True if the line begins inside a string, so white space and marks of comments in it count.
    is_in_string: bool,
}

/// The construct in which a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    /// A string up to this mark.
    String(&'static str, Lasts),
    /// A comment up to `*/`.
    Comment,
}

fn without_comments(code: &[&str], style: Style) -> Vec<Line> {
    let mut open = Open::Nothing;
    let mut lines = Vec::new();
    let mut rest = code;
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        let is_in_string = matches!(open, Open::String(..));
        let (kept, left) = rest_of(line, open, style);
        open = left;
        let text = if is_in_string { kept } else { kept.replace('\t', "    ") };
        let text = if matches!(open, Open::String(..)) { text } else { text.trim_end().to_owned() };
        lines.push(Line { text, is_in_string });
        let end = document(line, style).filter(|_| open == Open::Nothing);
        let length = end.and_then(|end| after.iter().position(|line| line.trim() == end));
        if let Some((document, after)) = length.and_then(|length| after.split_at_checked(length)) {
            lines.extend(of_document(document));
            rest = after;
        }
    }
    lines
}

/// The lines of a document in the code. If it is code too, it has comments of its own; else every line counts.
fn of_document(document: &[&str]) -> Vec<Line> {
    match Style::of(document) {
        Style::Unknown => {
            document.iter().map(|line| Line { text: (*line).to_owned(), is_in_string: true }).collect()
        }
        known => without_comments(document, known),
    }
}

/// The word that ends a document which begins after a line, as in `cat <<EOF`.
fn document(line: &str, style: Style) -> Option<&str> {
    static BEGINS: Pattern = Pattern::new(r#"<<[-~]?\s?['"]?(?P<end>[A-Za-z_]\w*)['"]?"#);
    let may_have = matches!(style, Style::Shell | Style::Hash | Style::Unknown);
    BEGINS.captures(line).filter(|_| may_have)?.name("end").map(|end| end.as_str())
}

/// A line without its comments, and what is open after it.
fn rest_of(line: &str, open: Open, style: Style) -> (String, Open) {
    let mut open = open;
    let (mut kept, mut rest, mut before) = (String::new(), line, ' ');
    while let Some(letter) = rest.chars().next() {
        let mut take = letter.len_utf8();
        match open {
            Open::Comment if rest.starts_with("*/") => {
                open = Open::Nothing;
                rest = rest.get(2..).unwrap_or_default();
                continue;
            }
            Open::Comment => {
                rest = rest.get(take..).unwrap_or_default();
                continue;
            }
            Open::String(quote, _) if letter == '\\' && style.escapes(quote) => {
                take += next_length(rest, take);
            }
            Open::String(quote, _) if rest.starts_with(quote) => {
                open = Open::Nothing;
                take = quote.len();
            }
            Open::String(..) => {}
            Open::Nothing if letter == '\\' => take += next_length(rest, take),
            Open::Nothing => {
                if style.comment().is_some_and(|mark| rest.starts_with(mark)) && style.may_follow(before) {
                    return (kept, Open::Nothing);
                }
                if matches!(style, Style::Slashes | Style::Dashes) && rest.starts_with("/*") {
                    open = Open::Comment;
                    rest = rest.get(2..).unwrap_or_default();
                    continue;
                }
                // A lifetime of Rust is no string.
                let is_lifetime = style == Style::Slashes && letter == '\'' && matches!(before, '&' | '<');
                let quote = style.quotes().iter().find(|(quote, _)| rest.starts_with(quote));
                if let Some((quote, lasts)) = quote.filter(|_| !is_lifetime) {
                    open = Open::String(quote, *lasts);
                    take = quote.len();
                }
            }
        }
        let (taken, left) = rest.split_at_checked(take).unwrap_or((rest, ""));
        kept.push_str(taken);
        before = letter;
        rest = left;
    }
    match open {
        Open::String(_, Lasts::Line) => (kept, Open::Nothing),
        Open::Nothing | Open::String(..) | Open::Comment => (kept, open),
    }
}

/// The length of the letter after an escape.
fn next_length(rest: &str, at: usize) -> usize {
    rest.get(at..).and_then(|after| after.chars().next()).map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_compiles_and_names_a_style() {
        assert!(!pairs("code_signs").is_empty());
        for (style, sign) in pairs("code_signs") {
            assert!(Pattern::from((*sign).to_owned()).regex().is_some(), "{sign}");
            assert!(Style::KNOWN.iter().any(|(name, _)| name == style), "{style}");
        }
    }

    #[test]
    fn comments_do_not_count() {
        for (with, without) in [
            ("import a\n# cfg = {\n#     'x': 1\n# }\na.run()", "import a\na.run()"),
            (
                "import a\ncfg = {\n    'x': 1,  # one\n}\na.run(cfg)",
                "import a\ncfg = {\n    'x': 1,\n}\na.run(cfg)",
            ),
            ("def f():  # here\n    return {\n    }", "def f():\n    return {\n    }"),
            ("git init x  # new repo\ncd x", "git init x\ncd x"),
            ("#!/bin/sh\n# makes it\nmake all", "#!/bin/sh\nmake all"),
            (
                "CREATE TABLE t (\n  id int -- the key\n);\nselect 1; -- t",
                "CREATE TABLE t (\n  id int\n);\nselect 1;",
            ),
            ("-- t\nSELECT a FROM t;", "SELECT a FROM t;"),
            ("fn f<'a>(x: &'a str) {} // it's\nlet y = 1;", "fn f<'a>(x: &'a str) {}\nlet y = 1;"),
            ("const a = 1;// one\n/* two\nlines */\nf(a);", "const a = 1;\nf(a);"),
            ("def total\n  1 # one\nend", "def total\n  1\nend"),
            (
                "cat > a.py <<'EOF'\nimport a  # one\nEOF\npython a.py",
                "cat > a.py <<'EOF'\nimport a\nEOF\npython a.py",
            ),
        ] {
            assert_eq!(code_key(with), code_key(without), "{with}");
        }
    }

    #[test]
    fn strings_and_operators_count() {
        for (one, other) in [
            ("parse(\"\"\"\n# Title\n\"\"\")", "parse(\"\"\"\n## Part two\n\"\"\")"),
            ("import a\na.parse('''\n# x\n''')", "import a\na.parse('''\n# y\n''')"),
            ("import a\na('''\nx\n\ny''')", "import a\na('''\nx\ny''')"),
            ("const a = `\n// x\n`;", "const a = `\n// y\n`;"),
            ("cat > a.md <<EOF\n# Title\nEOF\nmake", "cat > a.md <<EOF\n# Other\nEOF\nmake"),
            ("git checkout -- a", "git checkout -- b"),
            ("echo \"\n# a\n\"", "echo \"\n# b\n\""),
            ("import a\nx = b // c", "import a\nx = b // d"),
            ("select '-- a';", "select '-- b';"),
            ("int x = a # b", "int x = a # c"),
            ("#include <a.h>\nint x;", "#include <b.h>\nint x;"),
            ("curl http://a#x", "curl http://a#y"),
        ] {
            assert_ne!(code_key(one), code_key(other), "{one}");
        }
    }
}
