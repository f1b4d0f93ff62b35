//! Paths in their shortest form.

/// A path without `./`, `//`, `x/..` and a slash at its end; what is none is left as it is.
pub(super) fn shortest(written: &str) -> String {
    if written.contains("://") {
        return written.to_owned();
    }
    let slashes = if is_windows(written) { written.replace('\\', "/") } else { written.to_owned() };
    let is_absolute = slashes.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in slashes.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Backslashes between names, and no sign of an escape.
fn is_windows(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || "._-: /".contains(letter))
    };
    text.contains('\\') && text.split('\\').all(is_name)
}
