//! Replaces spans of a text without changing the number of lines.

use std::ops::Range;

pub(super) type Span = Range<usize>;

/// The span of the line around a position, without its line break.
pub(super) fn line_around(text: &str, at: usize) -> Span {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let after = text.as_bytes().get(at..).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', after).map_or(text.len(), |newline| at + newline);
    start..end
}

/// The secrets that one pass over a text found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Secrets found by rules. These are guesses from the surroundings, so they give way to masked parts.
    pub(super) by_rule: Vec<Span>,
    /// Certain secrets: exact values, key material, matches of the user's patterns.
    pub(super) known: Vec<Span>,
}

impl Found {
    /// Replaces all secrets. Returns the new text and the number of replacements. `None` if nothing changes.
    pub(super) fn redact(self, text: &str, replacement: &str) -> Option<(String, usize)> {
        if self.by_rule.is_empty() && self.known.is_empty() {
            return None;
        }
        let masked = occurrences(text, replacement);
        let spans = merge(self.outside(&masked));
        let text_after = replace(text, &spans, replacement);
        (text_after != text).then_some((text_after, spans.len()))
    }

    /// The spans that are not masked yet. A certain secret that overlaps a masked part is widened to include
    /// it.
    fn outside(self, masked: &[Span]) -> Vec<Span> {
        let rules = self.by_rule.into_iter().filter(|span| touching(masked, span).is_empty());
        let known = self.known.into_iter().filter_map(|span| {
            let touched = touching(masked, &span);
            let within = touched.iter().any(|part| part.start <= span.start && span.end <= part.end);
            let start = touched.first().map_or(span.start, |part| part.start.min(span.start));
            let end = touched.last().map_or(span.end, |part| part.end.max(span.end));
            (!within).then_some(start..end)
        });
        rules.chain(known).filter(|span| !span.is_empty()).collect()
    }
}

fn occurrences(text: &str, replacement: &str) -> Vec<Span> {
    if replacement.is_empty() {
        return Vec::new();
    }
    text.match_indices(replacement).map(|(at, part)| at..at + part.len()).collect()
}

/// The parts that overlap a span. The parts are sorted and do not overlap each other.
fn touching<'a>(parts: &'a [Span], span: &Span) -> &'a [Span] {
    let from = parts.partition_point(|part| part.end <= span.start);
    let to = parts.partition_point(|part| part.start < span.end);
    parts.get(from..to).unwrap_or_default()
}

fn merge(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable_by_key(|span| span.start);
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

fn replace(text: &str, spans: &[Span], replacement: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        replace_lines(&mut out, text.get(span.clone()).unwrap_or_default(), replacement);
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Replaces a secret of several lines by the same number of lines.
fn replace_lines(out: &mut String, secret: &str, replacement: &str) {
    for line in secret.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        if !content.is_empty() {
            out.push_str(replacement);
        }
        out.push_str(line.get(content.len()..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(pairs: &[(usize, usize)]) -> Vec<Span> {
        pairs.iter().map(|(start, end)| *start..*end).collect()
    }

    fn redact(text: &str, by_rule: &[(usize, usize)], known: &[(usize, usize)]) -> Option<(String, usize)> {
        Found { by_rule: spans(by_rule), known: spans(known) }.redact(text, "[M]")
    }

    #[test]
    fn overlapping_spans_are_one() {
        let redacted = redact("abcdef", &[(1, 3), (2, 4)], &[(5, 6)]);
        assert_eq!(redacted, Some(("a[M]e[M]".to_owned(), 2)));
    }

    #[test]
    fn lines_stay() {
        assert_eq!(redact("a\r\n\nb", &[], &[(0, 5)]), Some(("[M]\r\n\n[M]".to_owned(), 1)));
    }

    #[test]
    fn what_is_masked_stays() {
        let text = "x[M]y";
        assert_eq!(redact(text, &[(0, 2)], &[]), None);
        assert_eq!(redact(text, &[], &[(2, 3)]), None);
        assert_eq!(redact(text, &[], &[(3, 5)]), Some(("x[M]".to_owned(), 1)));
    }
}
