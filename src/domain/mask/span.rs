//! Parts of a text.

use std::ops::Range;

pub(super) type Span = Range<usize>;

/// The line around a position, without its line break.
pub(super) fn line_around(text: &str, at: usize) -> Span {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let after = text.as_bytes().get(at..).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', after).map_or(text.len(), |newline| at + newline);
    start..end
}
