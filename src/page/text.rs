//! Text of models, files and the repository, made into what a browser shows as text: nothing in it
//! is markup, and what a reader would not see stands there as its code.

use std::fmt::Write as _;

use crate::domain::plain::is_hidden;

/// A text for HTML, between tags and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            letter if is_hidden(letter) => {
                let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup_or_hidden() {
        assert_eq!(
            escaped("<a href=\"x\" on='y'>&\u{202e}\u{1b}[2J\r\u{200b}\n\t가"),
            "&lt;a href=&quot;x&quot; on=&#39;y&#39;&gt;&amp;⟨U+202E⟩⟨U+001B⟩[2J⟨U+000D⟩⟨U+200B⟩\n\t가"
        );
    }
}
