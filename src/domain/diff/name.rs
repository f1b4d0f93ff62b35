//! File names in the headers of a diff.

/// Prefixes that `git diff`, depending on its settings, puts before the old and the new name.
const PREFIXES: [(&str, &str); 8] = [
    ("a/", "b/"),
    ("i/", "w/"),
    ("c/", "w/"),
    ("c/", "i/"),
    ("o/", "w/"),
    ("w/", "i/"),
    ("1/", "2/"),
    ("b/", "a/"),
];
/// Maximum bytes of a path and of one of its parts in a file system (`PATH_MAX`, `NAME_MAX`).
const MOST_BYTES: usize = 4_095;
const MOST_PART_BYTES: usize = 255;
/// Suffixes of the name of an older version of a file.
const OLDER: [&str; 4] = [".orig", ".old", ".bak", "~"];

/// A file name from a header line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// `/dev/null`: there is no file on this side.
    Nothing,
    /// A file.
    File {
        /// The name with its prefix.
        name: String,
        /// True if its time is the Unix epoch, by which `diff -N` means "no file".
        epoch: bool,
    },
}

/// Parses the text after `--- ` or `+++ `.
pub(super) fn header(rest: &str) -> Option<Header> {
    if let Some((name, _)) = unquote(rest) {
        return Some(Header::File { name, epoch: false });
    }
    let (name, time) = split_time(rest);
    let name = name.trim_end();
    if name == "/dev/null" {
        return Some(Header::Nothing);
    }
    let epoch = time.starts_with("1970-01-01") || time.starts_with("1969-12-31");
    (!name.is_empty()).then(|| Header::File { name: name.to_owned(), epoch })
}

/// Splits a name from the time after it. A tab separates them, or a blank if a time seems to follow.
fn split_time(text: &str) -> (&str, &str) {
    if let Some((name, time)) = text.split_once('\t') {
        return (name, time.trim());
    }
    text.match_indices(' ')
        .filter_map(|(at, _)| text.split_at_checked(at))
        .filter_map(|(name, time)| Some((name, time.strip_prefix(' ')?)))
        .find(|(_, time)| is_time(time))
        .unwrap_or((text, ""))
}

fn is_time(text: &str) -> bool {
    const SHAPE: &str = "0000-00-00 00:00:00";
    text.len() >= SHAPE.len()
        && text
            .bytes()
            .zip(SHAPE.bytes())
            .all(|(byte, shape)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape })
}

/// Parses a name in git's quotes. Returns it with the text after it.
pub(super) fn unquote(text: &str) -> Option<(String, &str)> {
    let mut bytes = Vec::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let mut letters = rest.chars();
        match letters.next()? {
            '"' => return Some((String::from_utf8(bytes).ok()?, letters.as_str())),
            '\\' => {
                let (byte, after) = escape(letters.as_str())?;
                bytes.push(byte);
                rest = after;
            }
            letter => {
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest = letters.as_str();
            }
        }
    }
}

fn escape(text: &str) -> Option<(u8, &str)> {
    if let Some((digits, after)) = text.split_at_checked(3)
        && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
    {
        return Some((u8::from_str_radix(digits, 8).ok()?, after));
    }
    let mut letters = text.chars();
    let byte = match letters.next()? {
        'a' => 7,
        'b' => 8,
        't' => b'\t',
        'n' => b'\n',
        'v' => 11,
        'f' => 12,
        'r' => b'\r',
        '"' => b'"',
        '\\' => b'\\',
        _ => return None,
    };
    Some((byte, letters.as_str()))
}

/// The two names of a `diff --git` line, without prefixes. Unquoted names with blanks can be separated only
/// if they are equal; otherwise other lines must name the file.
pub(super) fn git_names(rest: &str) -> Option<(String, String)> {
    if let Some((old, after)) = unquote(rest) {
        let after = after.strip_prefix(' ')?;
        let new = unquote(after).map_or_else(|| after.to_owned(), |(name, _)| name);
        return Some(without_prefixes(&old, &new));
    }
    if let Some((old, after)) = rest.split_once(" \"") {
        let (new, _) = unquote(&format!("\"{after}"))?;
        return Some(without_prefixes(old, &new));
    }
    // Equal names have equal lengths, and so have the prefixes of a pair, so the blank is in the middle.
    let middle = rest.split_at_checked(rest.len() / 2).and_then(|(old, new)| {
        let (old, new) = without_prefixes(old, new.strip_prefix(' ')?);
        (old == new).then_some((old, new))
    });
    middle.or_else(|| {
        let (old, new) = rest.split_once(' ').filter(|(_, new)| !new.contains(' '))?;
        Some(without_prefixes(old, new))
    })
}

/// The new name of the file in its part of a diff by git.
pub fn new_name(part: &str) -> Option<String> {
    let renamed = part.lines().take(8).find_map(|line| line.strip_prefix("rename to "));
    if let Some(name) = renamed {
        return Some(unquote(name).map_or_else(|| name.to_owned(), |(name, _)| name));
    }
    let header = part.lines().next()?.strip_prefix("diff --git ")?;
    git_names(header).map(|(_, new)| new)
}

/// True if the text after `diff --git ` names these two files, with any prefixes or none.
pub(super) fn is_git_line(rest: &str, old: &str, new: &str) -> bool {
    PREFIXES.into_iter().chain([("", "")]).any(|(left, right)| {
        rest.len() == left.len() + old.len() + 1 + right.len() + new.len()
            && rest == format!("{left}{old} {right}{new}")
    })
}

/// Removes the prefixes of a tool from two names.
pub(super) fn without_prefixes(old: &str, new: &str) -> (String, String) {
    for (left, right) in PREFIXES {
        if let (Some(old), Some(new)) = (old.strip_prefix(left), new.strip_prefix(right)) {
            return (old.to_owned(), new.to_owned());
        }
    }
    (old.to_owned(), new.to_owned())
}

/// Removes the prefix from a name whose other side is no file. In a reversed diff the name has the other
/// prefix.
pub(super) fn without_prefix(name: &str) -> String {
    ["a/", "b/"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name).to_owned()
}

/// The one file that two names refer to, if no `rename from` says otherwise.
pub(super) fn common(old: &str, new: &str) -> Option<String> {
    let is_older = |old: &str, new: &str| OLDER.iter().any(|ending| old.strip_suffix(ending) == Some(new));
    if old == new || is_older(old, new) {
        return Some(new.to_owned());
    }
    if new.strip_suffix(".new") == Some(old) {
        return Some(old.to_owned());
    }
    // `diff -u before/x.py after/x.py`
    let below = |name: &str| name.split_once('/').map(|(_, below)| below.to_owned());
    below(old).filter(|name| below(new).as_ref() == Some(name))
}

/// Checks a name and returns it relative to the root of the project, or the reason why it is invalid.
///
/// # Errors
///
/// It is empty, absolute, leads out of the project, or cannot be a file name.
pub fn checked(name: &str) -> Result<String, &'static str> {
    let mut rest = name;
    while let Some(below) = rest.strip_prefix("./") {
        rest = below;
    }
    let is_drive = |name: &str| {
        name.as_bytes().get(1) == Some(&b':') && name.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    if rest.is_empty() {
        return Err("it is empty");
    }
    if rest.starts_with(['/', '\\']) || is_drive(rest) {
        return Err("it is absolute");
    }
    if rest.contains('\0') {
        return Err("it contains a zero byte");
    }
    if rest.split(['/', '\\']).any(|part| part == "..") {
        return Err("`..` leads out");
    }
    if rest.split('/').any(|part| part.is_empty() || part == ".") {
        return Err("it has an empty or a `.` part");
    }
    // A file that cannot be created must be refused now, not after other files were written.
    if rest.len() > MOST_BYTES || rest.split('/').any(|part| part.len() > MOST_PART_BYTES) {
        return Err("it is longer than a file system takes");
    }
    Ok(rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_a_file_system_takes() {
        let long = "x".repeat(MOST_PART_BYTES);
        for name in [long.clone(), format!("{long}/{long}"), "d/".repeat(MOST_BYTES / 2) + "f"] {
            assert_eq!(checked(&name).as_ref(), Ok(&name));
            assert_eq!(checked(&format!("./{name}")), Ok(name));
        }
        for name in [format!("{long}x"), format!("{long}x/f"), format!("d/{long}ä"), "d/".repeat(2_048) + "f"]
        {
            assert_eq!(checked(&name), Err("it is longer than a file system takes"));
        }
    }

    #[test]
    fn two_names_of_a_git_line_are_told_apart() {
        let pair = |old: &str, new: &str| Some((old.to_owned(), new.to_owned()));
        assert_eq!(git_names("a/x b/x"), pair("x", "x"));
        assert_eq!(git_names("x x"), pair("x", "x"));
        assert_eq!(git_names("a/x b/y"), pair("x", "y"));
        assert_eq!(git_names("a/with blank b/with blank"), pair("with blank", "with blank"));
        assert_eq!(git_names("a/a b/a b/a b/a"), pair("a b/a", "a b/a"));
        assert_eq!(git_names("a/ä b/ä"), pair("ä", "ä"));
        assert_eq!(git_names("a/one b/an other"), None);
        assert_eq!(git_names("x"), None);
        for (part, name) in [
            ("diff --git \"a/img/\\352.png\" \"b/img/\\352.png\"\nBinary", None),
            (
                "diff --git \"a/\\352\\267\\270 b/.png\" \"b/\\352\\267\\270 b/.png\"\nBinary",
                Some("그 b/.png"),
            ),
            ("diff --git a/a b/y.bin b/a b/y.bin\nBinary", Some("a b/y.bin")),
            (
                "diff --git a/o b.bin b/n c.bin\nsimilarity index 90%\nrename from o b.bin\nrename to n c.bin\n",
                Some("n c.bin"),
            ),
        ] {
            assert_eq!(new_name(part).as_deref(), name, "{part}");
        }
        assert_eq!(git_names(""), None);
    }
}
