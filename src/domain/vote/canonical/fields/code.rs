//! Code without comments and blank lines. A mark that begins a comment in one language is code in
//! another, so what is not certain stays.

/// Way in which a language marks the rest of a line as a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comments {
    /// `#`
    Hash,
    /// `//` and `/* */`
    Slashes,
    /// Nobody can tell: only lines that are comments in every language go.
    Unknown,
}

pub(super) fn key(code: &str) -> String {
    let comments = comments(code);
    let code = if comments == Comments::Slashes { without_blocks(code) } else { code.to_owned() };
    let line = |line: &str| match comments {
        Comments::Hash => without_end(line, "#"),
        Comments::Slashes => without_end(line, "//"),
        Comments::Unknown => line.to_owned(),
    };
    let lines: Vec<String> =
        code.lines().map(line).map(|line| line.trim_end().replace('\t', "    ")).collect();
    let said: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let margin = said.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    said.iter().map(|line| line.get(margin..).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn comments(code: &str) -> Comments {
    let mut hash = 0_u32;
    let mut slashes = 0_u32;
    for line in code.lines().map(str::trim) {
        let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        let is_python = begins(&[
            "def ", "class ", "elif ", "from ", "with ", "for ", "if ", "while ", "try:", "except", "else:",
        ]) && line.ends_with(':')
            || begins(&["import ", "from "]) && !line.ends_with(';')
            || begins(&["print(", "assert ", "raise ", "require '", "puts "]) && !line.ends_with(';')
            || begins(&["#!/"]);
        let is_braced = line.ends_with([';', '{', '}'])
            || begins(&[
                "//", "/*", "#include", "#define", "fn ", "let ", "const ", "var ", "func ", "package ",
            ]);
        hash += u32::from(is_python);
        slashes += u32::from(is_braced && !is_python);
    }
    match (hash, slashes) {
        (0, 0) => Comments::Unknown,
        (0, _) => Comments::Slashes,
        (_, 0) => Comments::Hash,
        _ => Comments::Unknown,
    }
}

/// A line up to its comment; a mark in a string is none.
fn without_end(line: &str, mark: &str) -> String {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        match quote {
            _ if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if letter == open => quote = None,
            None if "\"'`".contains(letter) => quote = Some(letter),
            // An attribute of Rust or a directive of C is none, and neither is `a#b`.
            None if rest.starts_with(mark) && before.is_whitespace() => {
                return line.get(..at).unwrap_or_default().to_owned();
            }
            Some(_) | None => {}
        }
        before = letter;
    }
    line.to_owned()
}

/// Code without `/* */`, as far as none of its marks may stand in a string.
fn without_blocks(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("/*") {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let in_string = line.matches('"').count() % 2 == 1 || line.matches('\'').count() % 2 == 1;
        match after.split_once("*/") {
            Some((_, after)) if !in_string => {
                kept.push_str(before);
                rest = after;
            }
            Some(_) | None => {
                kept.push_str(before);
                kept.push_str("/*");
                rest = after;
            }
        }
    }
    kept + rest
}
