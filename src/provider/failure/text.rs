//! A CLI's words, made comparable: what the rules look at, and what people do not need to read.

use std::sync::LazyLock;

use regex::RegexSet;

use crate::domain::plain::plain;

/// Bytes of a channel that are looked at, at its beginning and at its end each.
const LOOKED_AT: usize = 256 * 1024;

/// Small letters, one kind of apostrophe, quote and dash, and single blanks in place of line breaks.
pub(in crate::provider) fn normalised(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{2032}' | '\u{ff07}' | '`' | '\u{b4}' => {
                out.push('\'');
            }
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => out.push('"'),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            letter if letter.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            letter => out.extend(letter.to_lowercase()),
        }
    }
    out
}

/// Lines that tell of no failure, whatever else a CLI prints.
const CHATTER: [&str; 20] = [
    r"^loaded cached credentials",
    r"^reading (?:additional input|prompt) from stdin",
    r"^now using node v",
    r"^found '?.*\.nvmrc",
    r"^npm (?:warn|notice|info)\b",
    r"^\(node:\d+\) .*(?:deprecation|experimental|punycode)",
    r"^\(node:\d+\) warning",
    r"^\(use '?node --trace",
    r"^at (?:async |new )?[\w.<>$\[\] ]+ ?\(.*\)$",
    r"^at (?:async )?(?:file|node|https?):.*:\d+$",
    r"^at .*:\d+:\d+\)?$",
    r"^node\.js v\d",
    r"^yolo mode is enabled",
    r"^data collection is disabled",
    r"^(?:warning: )?(?:true color|256-color) .*support",
    r"^ripgrep is not available",
    r"^hook registry initialized",
    r"^reconnecting\.\.\. (?:\d+/\d+|waiting for network)$",
    r"^[\s\-=~^*+|}{\])(;,]*$",
    r"^[⠀-⣿]\s*$",
];

/// The lines of a channel that may tell of a failure, their terminal sequences removed.
pub(in crate::provider) fn telling_lines(channel: &str) -> Vec<String> {
    ends_of(channel)
        .into_iter()
        .flat_map(|part| plain(part).lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
        .filter(|line| !line.is_empty() && !is_chatter(line))
        .collect()
}

fn is_chatter(line: &str) -> bool {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(CHATTER).ok());
    // No line of this length is said in passing.
    const LONGEST: usize = 400;
    line.len() <= LONGEST && SET.as_ref().is_some_and(|set| set.is_match(&normalised(line)))
}

/// The whole of a text, or of a very long one its beginning and its end.
fn ends_of(text: &str) -> Vec<&str> {
    if text.len() <= 2 * LOOKED_AT {
        return vec![text];
    }
    let head = (0..=LOOKED_AT).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    let tail = (text.len() - LOOKED_AT..text.len()).find_map(|start| text.get(start..)).unwrap_or_default();
    vec![head, tail]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_letters_make_no_difference() {
        assert_eq!(
            normalised("You\u{2019}ve  HIT\r\n\u{201c}it\u{201d}\u{a0}\u{2014} x"),
            "you've hit \"it\" - x"
        );
    }

    #[test]
    fn chatter_is_left_out_and_the_reason_stays() {
        let stderr = "Loaded cached credentials.\n\u{1b}[31mError: it broke\u{1b}[0m\n    at classify (file:///x/quota.js:96:28)\n    at async Promise.all (index 0)\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n}\n\nNode.js v20.1.0\n";
        assert_eq!(telling_lines(stderr), ["Error: it broke"]);
        assert!(is_chatter("Reconnecting... 1/5") && !is_chatter("Reconnecting... 1/5 (401 Unauthorized)"));
        assert!(!is_chatter("attempt at login failed"));
    }

    #[test]
    fn both_ends_of_a_flood_are_looked_at() {
        let flood = format!("the first\n{}the last", "noise\n".repeat(200_000));
        let lines = telling_lines(&flood);
        assert_eq!(
            (lines.first().map(String::as_str), lines.last().map(String::as_str)),
            (Some("the first"), Some("the last"))
        );
    }
}
