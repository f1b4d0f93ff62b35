//! Masks private keys (PEM, OpenSSH, PGP and the like): complete or cut, on many lines or escaped on one.
//! Only the text between the markers is masked, so that line numbers stay and a reader sees that a key was
//! there.

use aho_corasick::{AhoCorasick, BuildError};

use super::redact::{Span, line_around};

/// Maximum number of lines up to the end marker of a block after a line in it that is not key material.
const LONGEST_BLOCK: usize = 400;
/// Minimum length of a run of key characters that counts as key material right after a marker.
const KEY_RUN: usize = 16;
const NAME: &str = "PRIVATE KEY";
const PUTTY: &str = "Private-Lines:";
/// How private keys begin in base64: PKCS#1, PKCS#8, EC, Ed25519 and OpenSSH. They reveal a key whose begin
/// marker is missing.
const BEGINNINGS: [&str; 9] = [
    "IBAAKC", "IBADANBgkqhkiG9w0BAQEFAAS", "MHcCAQEE", "MIGHAgEAMB", "MIGkAgEBBD", "MIHcAgEBBEI", "MC4CAQAw",
    "b3BlbnNzaC1rZXktdj", "BgkqhkiG9w0BBQ0w",
];
/// Minimum length of a line of key characters that counts as key material without a begin marker.
const KEY_LINE: usize = 40;
const HEADERS: [&str; 6] = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:", "Hash:", "Charset:"];

/// The state of a scan between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum KeyState {
    /// Outside any block.
    #[default]
    Outside,
    /// After a begin marker that shares its line with other text, which may only talk about a key.
    Mentioned,
    /// After a begin marker on a line of its own.
    Inside,
}

/// Finds private key blocks.
#[derive(Debug)]
pub(super) struct KeyBlocks {
    names: AhoCorasick,
    replacement: String,
}

enum Marker {
    Begin(Span),
    End(Span),
}

/// A text without any of these words contains no key.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    [NAME, PUTTY].into_iter().chain(BEGINNINGS)
}

impl KeyBlocks {
    pub(super) fn new(replacement: &str) -> Result<Self, BuildError> {
        Ok(Self { names: AhoCorasick::new(words())?, replacement: replacement.to_owned() })
    }

    /// Adds the key material of a whole text to `found`.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Span>) {
        let mut at = 0;
        while let Some(hit) = text.get(at..).and_then(|rest| self.names.find(rest)) {
            let line = line_around(text, at + hit.start());
            let content = text.get(line.clone()).unwrap_or_default();
            if matches!(markers(content).next(), Some(Marker::End(_))) {
                look_back(text, line.start, found);
            }
            at = self.find_block(text, line, found);
        }
    }

    /// Scans from a line that names a key to the end of its block. Returns the position of that end.
    fn find_block(&self, text: &str, mut line: Span, found: &mut Vec<Span>) -> usize {
        let mut state = KeyState::Outside;
        loop {
            let content = text.get(line.clone()).unwrap_or_default();
            let before = state;
            state = self.scan_line(content, line.start, state, found);
            if before == KeyState::Inside && state == KeyState::Outside && !content.contains(NAME) {
                // This line is not key material. But if an end marker follows, the line is still part of the
                // block.
                let rest = text.get(line.end..).unwrap_or_default();
                if ends_ahead(rest) {
                    push(found, content, line.start, 0..content.len());
                    state = KeyState::Inside;
                }
            }
            if state == KeyState::Outside || line.end >= text.len() {
                return line.end;
            }
            line = line_around(text, line.end + 1);
        }
    }

    /// Adds the key material of one line to `found`. The line starts at byte `offset`. Returns the next
    /// state.
    pub(super) fn scan_line(
        &self,
        line: &str,
        offset: usize,
        state: KeyState,
        found: &mut Vec<Span>,
    ) -> KeyState {
        let mut state = state;
        let mut open = 0;
        let mut begins_here = false;
        for marker in markers(line) {
            match marker {
                Marker::Begin(span) => {
                    state = if core(line, 0..span.start).is_empty() {
                        KeyState::Inside
                    } else {
                        KeyState::Mentioned
                    };
                    open = span.end;
                    begins_here = true;
                }
                Marker::End(span) if state != KeyState::Outside => {
                    if begins_here || self.is_key_material(line, open..span.start) {
                        push_between(found, line, offset, open..span.start);
                    }
                    state = KeyState::Outside;
                }
                Marker::End(_) => {}
            }
        }
        match state {
            KeyState::Outside if !begins_here && is_first_line(line) => {
                push(found, line, offset, 0..line.len());
                KeyState::Inside
            }
            KeyState::Outside => state,
            KeyState::Inside | KeyState::Mentioned if begins_here => {
                push_run(found, line, offset, open..line.len());
                state
            }
            KeyState::Inside | KeyState::Mentioned if self.is_key_material(line, open..line.len()) => {
                push(found, line, offset, open..line.len());
                KeyState::Inside
            }
            KeyState::Inside | KeyState::Mentioned => KeyState::Outside,
        }
    }

    /// True for base64, a header of a block, a masked part, or blanks.
    fn is_key_material(&self, line: &str, span: Span) -> bool {
        let whole = line.get(span.clone()).unwrap_or_default().trim();
        let text = line.get(core(line, span)).unwrap_or_default();
        let base64 = || text.bytes().all(is_base64_or_escape);
        // A single lower-case word is probably code or prose after a block that was cut.
        let word = || text.len() < KEY_RUN && text.bytes().all(|byte| byte.is_ascii_lowercase());
        text.is_empty()
            || whole == self.replacement
            || text == self.replacement
            || HEADERS.iter().any(|header| text.starts_with(header))
            || (base64() && !word())
    }
}

/// True if a line begins like a key and is long enough, so that no begin marker is needed.
fn is_first_line(line: &str) -> bool {
    let text = line.get(core(line, 0..line.len())).unwrap_or_default();
    let begins = |beginning: &&str| text.find(*beginning).is_some_and(|at| at <= 24);
    text.len() >= KEY_LINE && text.bytes().all(is_base64_or_escape) && BEGINNINGS.iter().any(begins)
}

/// Adds the key lines above an end marker whose begin marker is missing.
fn look_back(text: &str, end: usize, found: &mut Vec<Span>) {
    let mut before = end;
    for above in 0..LONGEST_BLOCK {
        let Some(last) = before.checked_sub(1) else { return };
        let line = line_around(text, last);
        let content = text.get(line.clone()).unwrap_or_default();
        let material = content.get(core(content, 0..content.len())).unwrap_or_default();
        let is_key = material.bytes().all(is_base64_or_escape)
            && (material.len() >= KEY_LINE || above == 0 && !material.is_empty());
        if !is_key {
            return;
        }
        push(found, content, line.start, 0..content.len());
        before = line.start;
    }
}

/// The markers of a line, in their order.
fn markers(line: &str) -> impl Iterator<Item = Marker> {
    let putty = line.strip_prefix(PUTTY).map(|_| Marker::Begin(0..line.len()));
    line.match_indices(NAME).filter_map(|(at, _)| marker(line, at)).chain(putty)
}

/// Parses a marker, `-----BEGIN ... PRIVATE KEY-----` or its `END`, whose words `PRIVATE KEY` are at byte
/// `at`.
fn marker(line: &str, at: usize) -> Option<Marker> {
    let (before, after) = (line.get(..at)?, line.get(at + NAME.len()..)?);
    let tail = after.strip_prefix(" BLOCK").unwrap_or(after).trim_start_matches(' ');
    let dashes = tail.len() - tail.trim_start_matches('-').len();
    let end = line.len() - tail.len() + dashes;
    let kind = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ' || c.is_ascii_uppercase());
    let word = before.get(kind.len()..)?.trim_start();
    let start = kind.trim_end_matches('-').len();
    if dashes < 4 || kind.len() - start < 4 {
        return None;
    }
    match word.split(' ').next()? {
        "BEGIN" => Some(Marker::Begin(start..end)),
        "END" => Some(Marker::End(start..end)),
        _ => None,
    }
}

/// True if an end marker comes before the next begin marker.
fn ends_ahead(rest: &str) -> bool {
    let first = rest.lines().take(LONGEST_BLOCK).find_map(|line| markers(line).next());
    matches!(first, Some(Marker::End(_)))
}

/// Removes quotes, indentation, and signs of concatenation and comments from both ends of a span.
fn core(line: &str, span: Span) -> Span {
    const AROUND: [char; 15] = [' ', '\t', '\r', '"', '\'', '`', ',', '>', '#', '*', '|', '(', ')', ';', '+'];
    const ESCAPES: [&str; 3] = ["\\\\n", "\\n", "\\r"];
    let mut inner = span;
    loop {
        let text = line.get(inner.clone()).unwrap_or_default();
        let left = text.trim_start_matches(AROUND);
        let left = ESCAPES.iter().find_map(|escape| left.strip_prefix(escape)).unwrap_or(left);
        let both = left.trim_end_matches(AROUND);
        let both = ESCAPES.iter().find_map(|escape| both.strip_suffix(escape)).unwrap_or(both);
        if both.len() == text.len() {
            return inner;
        }
        let start = inner.start + text.len() - left.len();
        inner = start..start + both.len();
    }
}

fn push(found: &mut Vec<Span>, line: &str, offset: usize, span: Span) {
    let span = core(line, span);
    if !span.is_empty() {
        found.push(offset + span.start..offset + span.end);
    }
}

/// Adds the text between two markers on one line, unless it is a word or two of prose or code.
fn push_between(found: &mut Vec<Span>, line: &str, offset: usize, span: Span) {
    let text = line.get(core(line, span.clone())).unwrap_or_default();
    let prose = text.bytes().all(|byte| !byte.is_ascii_alphanumeric() || byte.is_ascii_lowercase());
    if !prose {
        push(found, line, offset, span);
    }
}

/// Adds the run of key characters after a begin marker, if it is long enough.
fn push_run(found: &mut Vec<Span>, line: &str, offset: usize, span: Span) {
    let start = core(line, span.clone()).start;
    let text = line.get(start..span.end).unwrap_or_default();
    let length = text.bytes().take_while(|byte| is_base64_or_escape(*byte)).count();
    if length >= KEY_RUN {
        push(found, line, offset, start..start + length);
    }
}

fn is_base64_or_escape(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";

    fn mask(text: &str) -> String {
        let blocks = KeyBlocks::new("[M]").unwrap();
        let mut found = Vec::new();
        blocks.find(text, &mut found);
        let mut out = text.to_owned();
        for span in found.into_iter().rev() {
            out.replace_range(span, "[M]");
        }
        out
    }

    fn block(begin: &str, lines: &[&str], end: &str) -> String {
        format!("x\n-----BEGIN {begin}-----\n{}\n{end}", lines.join("\n"))
    }

    #[test]
    fn every_line_within_is_replaced() {
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
            let end = format!("-----END {kind}-----\nafter");
            assert_eq!(
                mask(&block(kind, &[RUN, RUN, "ab=="], &end)),
                block(kind, &["[M]", "[M]", "[M]"], &end)
            );
        }
    }

    #[test]
    fn a_cut_block_ends_with_its_key_material() {
        let cut =
            block("RSA PRIVATE KEY", &["Proc-Type: 4,ENCRYPTED", "", RUN, "ab1"], "then came prose\nelse");
        let masked = block("RSA PRIVATE KEY", &["[M]", "", "[M]", "[M]"], "then came prose\nelse");
        assert_eq!(mask(&cut), masked);
        assert_eq!(mask(&masked), mask(&masked).as_str());
    }

    #[test]
    fn a_whole_block_may_hold_anything() {
        let end = "-----END PRIVATE KEY-----";
        let odd = block("PRIVATE KEY", &["not really a key", RUN], end);
        assert_eq!(mask(&odd), block("PRIVATE KEY", &["[M]", "[M]"], end));
    }

    #[test]
    fn escaped_on_one_line() {
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        let json = format!(r#"{{"k": "{begin}\n{RUN}\n{RUN}\n{end}\n", "l": 1}}"#);
        assert_eq!(mask(&json), format!(r#"{{"k": "{begin}\n[M]\n{end}\n", "l": 1}}"#));
        assert_eq!(mask(&format!(r#"k="{begin}\n{RUN}"#)), format!(r#"k="{begin}\n[M]"#));
    }

    #[test]
    fn quoted_and_concatenated() {
        let code = format!(
            "k = \"-----BEGIN RSA PRIVATE KEY-----\\n\" +\n  \"{RUN}\\n\" +\n  \"-----END RSA PRIVATE KEY-----\""
        );
        assert_eq!(mask(&code), code.replace(RUN, "[M]"));
    }

    #[test]
    fn talk_of_keys_is_no_key() {
        for text in [
            "if s.starts_with(\"-----BEGIN PRIVATE KEY-----\") {\n    return true;\n}",
            "A: &str = \"-----BEGIN PRIVATE KEY-----\";\nB: &str = \"-----END PRIVATE KEY-----\";",
            "between -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
            "THE PRIVATE KEY\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn putty() {
        let text = format!("Private-Lines: 1\n{RUN}\nPrivate-MAC: 0a1b2c");
        assert_eq!(mask(&text), text.replace(RUN, "[M]"));
    }
}
