//! A JSON text with the places of its parts, so that an edit touches no byte but its own.
//!
//! Validity is decided by `serde_json` without building values (strict JSON, and neither a
//! number such as `1e400` nor a lone surrogate stops it); the scanner here only finds spans in a
//! text that is known to be valid.

use std::path::Path;

use serde::de::IgnoredAny;

use super::error::InstallError;

const BOM: &str = "\u{feff}";

/// A range of bytes in a [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A key (with its quotes) and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) key: Span,
    pub(super) value: Span,
}

/// Why a text cannot be edited; the caller knows which file it came from.
#[derive(Debug)]
pub(super) enum Fault {
    Syntax { line: usize, column: usize, reason: String },
    NotObject { line: usize, what: &'static str },
}

impl Fault {
    pub(super) fn in_file(self, path: &Path) -> InstallError {
        let path = path.to_owned();
        match self {
            Self::Syntax { line, column, reason } => InstallError::NotJson { path, line, column, reason },
            Self::NotObject { line, what } => InstallError::NotObject { path, line, what },
        }
    }
}

/// A valid JSON text whose top level is an object.
#[derive(Debug)]
pub(super) struct Document {
    has_bom: bool,
    text: String,
}

impl Document {
    /// Reads a file's bytes; a file without any JSON in it counts as `{}`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let whole = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error))?;
        let body = whole.strip_prefix(BOM).unwrap_or(whole);
        let has_bom = body.len() < whole.len();
        let text = if body.bytes().all(is_space) {
            "{}\n"
        } else {
            serde_json::from_str::<IgnoredAny>(body).map_err(|error| Fault::Syntax {
                line: error.line(),
                column: error.column(),
                reason: reason_of(&error),
            })?;
            body
        };
        let document = Self { has_bom, text: text.to_owned() };
        document.expect_object(document.root(), "the top level")?;
        Ok(document)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        let bom = if self.has_bom { BOM } else { "" };
        [bom, &self.text].concat().into_bytes()
    }

    pub(super) fn root(&self) -> Span {
        let mut scanner = self.scanner(0);
        scanner.skip_space();
        scanner.span_of(Scanner::skip_value)
    }

    pub(super) fn text(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn is_object(&self, span: Span) -> bool {
        self.text(span).starts_with('{')
    }

    pub(super) fn expect_object(&self, span: Span, what: &'static str) -> Result<(), Fault> {
        if self.is_object(span) {
            return Ok(());
        }
        let line = line_of(self.text(Span::new(0, span.start)).as_bytes());
        Err(Fault::NotObject { line, what })
    }

    /// The members of the object at `object`, in the order of the text.
    pub(super) fn members(&self, object: Span) -> Vec<Member> {
        let mut members = Vec::new();
        let mut scanner = self.scanner(object.start + 1);
        scanner.skip_space();
        while scanner.peek() == Some(b'"') {
            let key = scanner.span_of(Scanner::skip_string);
            scanner.skip_past(b':');
            let value = scanner.span_of(Scanner::skip_value);
            members.push(Member { key, value });
            scanner.skip_past(b',');
        }
        members
    }

    /// The member called `name`: of several the last, which is the one every reader takes.
    pub(super) fn member(&self, object: Span, name: &str) -> Option<Member> {
        let members = self.members(object);
        members.into_iter().rev().find(|member| self.is_called(member, name))
    }

    pub(super) fn is_called(&self, member: &Member, name: &str) -> bool {
        // Decoded, because "\u006daestro" is the same key.
        serde_json::from_str::<String>(self.text(member.key)).is_ok_and(|key| key == name)
    }

    /// Replaces the bytes of `span`, and no others.
    pub(super) fn splice(&mut self, span: Span, with: &str) {
        let before = self.text(Span::new(0, span.start));
        let after = self.text(Span::new(span.end, self.text.len()));
        self.text = [before, with, after].concat();
    }

    fn scanner(&self, at: usize) -> Scanner<'_> {
        Scanner { bytes: self.text.as_bytes(), at }
    }
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> Fault {
    let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
    let on_line = valid.rsplit(|byte| *byte == b'\n').next();
    Fault::Syntax {
        line: line_of(valid),
        column: on_line.unwrap_or_default().len() + 1,
        reason: "the text is not UTF-8".to_owned(),
    }
}

/// The parser's message without the position, which the error shows by itself.
fn reason_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => message,
    }
}

fn line_of(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Walks over the parts of a valid JSON text; on any other it merely stops at the end.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn span_of(&mut self, skip: impl FnOnce(&mut Self)) -> Span {
        let start = self.at;
        skip(self);
        Span::new(start, self.at.min(self.bytes.len()))
    }

    fn skip_space(&mut self) {
        self.skip_while(is_space);
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    /// Skips a separator, if it is there, and the space around it.
    fn skip_past(&mut self, separator: u8) {
        self.skip_space();
        if self.peek() == Some(separator) {
            self.at += 1;
        }
        self.skip_space();
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }

    /// Counts brackets instead of calling itself: a deeply nested file must not end the stack.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                byte if is_space(byte) => self.skip_space(),
                _ => self.skip_while(|byte| !is_space(byte) && !b",:{}[]\"".contains(&byte)),
            }
            if depth == 0 {
                return;
            }
        }
    }
}
