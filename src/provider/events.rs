//! Finds the JSON documents (events) in a CLI's output.
//!
//! A wrapper, a version manager or the CLI itself may print text before, between and after the events, even
//! on the same line. All events are found nevertheless. A broken event is not treated as noise, because it
//! may contain a part of the answer.

use serde_json::Value;

use crate::domain::answer::{document, looks_like_json};
use crate::domain::pattern::Pattern;
use crate::domain::vote::stated::stated;

/// A piece of an output.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// An object. The objects of a list are separate pieces.
    Document(Value),
    /// A part of an event that is not valid JSON.
    Broken(&'a str),
    /// A line of other text.
    Noise(&'a str),
}

/// Splits an output into its pieces, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut at, mut noise_from) = (0, 0);
    // Unreadable text is parsed again from each brace. This bounds the work for an output of only braces.
    let mut patience = text.len().saturating_mul(16).saturating_add(1 << 20);
    while let Some(start) = next_start(text, at) {
        let rest = text.get(start..).unwrap_or_default();
        let mut documents = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match documents.next() {
            Some(Ok(document)) => {
                noise(text.get(noise_from..start), &mut found);
                at = start + documents.byte_offset();
                noise_from = noise_from.max(at);
                match document {
                    Value::Array(events) => found.extend(events.into_iter().map(Piece::Document)),
                    document => found.push(Piece::Document(document)),
                }
            }
            Some(Err(error)) => {
                let line = rest.lines().next().unwrap_or_default();
                // An event inside a broken one is a separate piece, and the broken line is reported once.
                let begins_line = text.get(..start).is_none_or(|before| begins_line(before, noise_from));
                if (begins_line || has_a_key_of_events(line)) && start >= noise_from {
                    noise(text.get(noise_from..start), &mut found);
                    found.push(Piece::Broken(line));
                    noise_from = start + line.len();
                }
                at = start + 1;
                let read = if error.is_eof() { rest.len() } else { line.len() };
                patience = patience.saturating_sub(read);
                if patience == 0 {
                    break;
                }
            }
            None => break,
        }
    }
    noise(text.get(noise_from..), &mut found);
    found
}

/// The next position at which an object with a key, or a list of objects, may begin.
fn next_start(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = bytes.get(from..)?;
    memchr::memchr2_iter(b'{', b'[', rest).map(|at| from + at).find(|at| {
        let mut after = bytes.iter().skip(at + 1).filter(|byte| !byte.is_ascii_whitespace());
        match bytes.get(*at) {
            Some(b'{') => after.next() == Some(&b'"'),
            _ => after.next() == Some(&b'{'),
        }
    })
}

fn noise<'a>(text: Option<&'a str>, found: &mut Vec<Piece<'a>>) {
    let lines = text.into_iter().flat_map(str::lines).filter(|line| !line.trim().is_empty());
    found.extend(lines.map(|line| if is_rest(line) { Piece::Broken(line) } else { Piece::Noise(line) }));
}

/// True if the last line of `before`, or its part after the last document, has only blanks.
fn begins_line(before: &str, last_end: usize) -> bool {
    let from = before.rfind('\n').map_or(0, |at| at + 1).max(last_end.min(before.len()));
    before.get(from..).is_some_and(|rest| rest.trim().is_empty())
}

/// True if a line has a key that an event of a known CLI may have.
fn has_a_key_of_events(line: &str) -> bool {
    const KEYS: [&str; 8] = [
        "\"type\"", "\"role\"", "\"content\"", "\"delta\"", "\"item\"", "\"text\"", "\"response\"",
        "\"result\"",
    ];
    KEYS.iter().any(|key| line.contains(key))
}

/// True if a line looks like the rest of an event whose beginning is lost.
fn is_rest(line: &str) -> bool {
    static LAST_VALUE: Pattern =
        Pattern::new(r#""\s*:\s*(?:"(?:[^"\\]|\\.)*"|true|false|null|[-+.\dEe]+|\[[^\[\]]*\])\s*\}+\s*$"#);
    let count = |wanted: char| line.chars().filter(|letter| *letter == wanted).count();
    let more_close = line.trim_end().ends_with('}') && line.contains('"') && count('}') > count('{');
    more_close || LAST_VALUE.is_in(line)
}

/// True if `wanted` accepts a document in an output.
pub(super) fn any(text: &str, wanted: impl Fn(&Value) -> bool) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Document(document) if wanted(document)))
}

/// The `error` of an event as JSON, else the whole event.
pub(super) fn in_short(event: &Value) -> String {
    event.get("error").unwrap_or(event).to_string()
}

pub(super) fn kind(event: &Value) -> Option<&str> {
    event.get("type").and_then(Value::as_str)
}

/// Joins messages in order, and counts the joined ones. Messages that a later one repeats are left out. The
/// last message stands alone if it has the form of an answer (a document, an `ANSWER:` line).
pub(super) fn together(messages: &[&str]) -> (String, usize) {
    let said: Vec<&str> = messages.iter().copied().filter(|message| !message.trim().is_empty()).collect();
    let Some((last, earlier)) = said.split_last() else { return (String::new(), 0) };
    if looks_like_json(last) || document(last).is_ok() || stated(last).is_some() {
        return ((*last).to_owned(), 1);
    }
    // A draft that a later message contains is left out.
    let later = |at: usize| said.get(at + 1..).unwrap_or_default();
    let is_new =
        |(at, message): &(usize, &&str)| !later(*at).iter().any(|other| other.contains(message.trim()));
    let new = earlier.iter().enumerate().filter(is_new).map(|(_, message)| message.trim_end());
    let kept: Vec<&str> = new.chain([*last]).collect();
    (kept.join("\n\n"), kept.len())
}

/// JSON pointers to the text in events of the known CLIs.
const WORDS: [&str; 5] = ["/message", "/error/message", "/content", "/item/text", "/item/message"];

/// The progress that an output line shows: the line itself, or the kind and the text of a JSON event. None
/// for an event that was cut.
pub fn told(line: &str) -> Option<String> {
    if !line.starts_with('{') {
        return Some(line.to_owned());
    }
    let event: Value = serde_json::from_str(line).ok()?;
    let kind = event.pointer("/item/type").or_else(|| event.get("type"))?.as_str()?;
    let kind = kind.replace(['.', '_'], " ");
    let words = WORDS.iter().filter_map(|place| event.pointer(place)?.as_str());
    match words.map(str::trim).find(|words| !words.is_empty()) {
        Some(words) => Some(format!("{kind}: {}", words.replace('\n', " "))),
        None => Some(kind),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{told, *};

    #[test]
    fn events_are_told_in_words() {
        for (line, wanted) in [
            ("Thinking...", Some("Thinking...")),
            (r#"{"type":"thread.started","thread_id":"t"}"#, Some("thread started")),
            (r#"{"type":"item.completed","item":{"type":"reasoning"}}"#, Some("reasoning")),
            (
                r#"{"type":"item.completed","item":{"type":"agent_message","text":"It is\nthe divisor."}}"#,
                Some("agent message: It is the divisor."),
            ),
            (r#"{"type":"error","message":"Reconnecting... 1/5"}"#, Some("error: Reconnecting... 1/5")),
            (r#"{"type":"message","role":"assistant","content":"Look at"}"#, Some("message: Look at")),
            (r#"{"type":"message","role":"assistant","content":" "}"#, Some("message")),
            (r#"{"type":"item.completed","item":{"type":"agent_mess"#, None),
            (r#"{"thread_id":"t"}"#, None),
        ] {
            assert_eq!(told(line).as_deref(), wanted, "{line}");
        }
    }

    #[test]
    fn no_message_is_lost_and_none_is_said_twice() {
        for (messages, wanted, count) in [
            (&["42\n"][..], "42\n", 1),
            (
                &["The answer is 42.", "I have sent you the answer."],
                "The answer is 42.\n\nI have sent you the answer.",
                2,
            ),
            (&["The answer is 42.", ""], "The answer is 42.", 1),
            (&["The answer is 42.", "  \n"], "The answer is 42.", 1),
            (&["I look at it.", "I look at it. It is 42."], "I look at it. It is 42.", 1),
            (&["a", "b", "a"], "b\n\na", 2),
            (&["", ""], "", 0),
            (&[], "", 0),
        ] {
            assert_eq!(together(messages), (wanted.to_owned(), count), "{messages:?}");
        }
    }

    #[test]
    fn a_last_message_in_the_form_of_an_answer_stands_alone() {
        for last in ["{\"a\": 1}", "```json\n{\"a\": 1}\n```", "Both fit.\n\nANSWER: B"] {
            assert_eq!(together(&["I weigh {\"a\": 2} first.", last]), (last.to_owned(), 1));
        }
        // A document that was sent before a word of farewell is still the one document.
        let (text, _) = together(&["{\"a\": 1}", "Sent as asked."]);
        assert_eq!(document(&text).unwrap().value, serde_json::json!({ "a": 1 }));
    }

    fn shapes(text: &str) -> String {
        let shape = |piece: &Piece<'_>| match piece {
            Piece::Document(value) => format!("d{}", value.get("a").unwrap_or(&json!("?"))),
            Piece::Broken(_) => "b".to_owned(),
            Piece::Noise(line) => format!("n({line})"),
        };
        pieces(text).iter().map(shape).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn documents_are_found_wherever_they_stand() {
        for (text, wanted) in [
            ("{\"a\":1}\n{\"a\":2}\n", "d1 d2"),
            ("{\"a\":1}{\"a\":2}", "d1 d2"),
            ("banner\n{\"a\":1}\nmiddle\n[{\"a\":2},{\"a\":3}]\nend", "n(banner) d1 n(middle) d2 d3 n(end)"),
            ("Loaded.{\"a\":1}done", "n(Loaded.) d1 n(done)"),
            ("[info] {x} [1] { \"a\" : \n 1\n}\n", "n([info] {x} [1] ) d1"),
            ("", ""),
            ("no document {here}", "n(no document {here})"),
        ] {
            assert_eq!(shapes(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_left_of_an_event_is_no_noise() {
        for (text, wanted) in [
            ("{\"type\":\"message\",\"content\":\"ab\n{\"a\":1}", "b d1"),
            ("{\"type\":\"mess{\"type\":\"x\",\"a\":1}\n{\"a\":2}", "b d1 d2"),
            ("sage\",\"content\":\"ab\"}\n{\"a\":1}", "b d1"),
            ("{\"type\":\"message\",\"content\":\"wa(node:1) Warning: x\nter\"}\n{\"a\":1}", "b b d1"),
            ("{\"ty\n{\"a\":1}", "b d1"),
            ("  {\"role\":\"assistant\",\"con\n{\"a\":1}", "b d1"),
            ("{\"a\":1}{\"ro\n{\"a\":2}", "d1 b d2"),
            ("{\"a\":1}\ntent\":\"use { here\",\"delta\":true}\n{\"a\":2}", "d1 b d2"),
            ("[pino] {\"level\":30, cut\n{\"a\":1}", "n([pino] {\"level\":30, cut) d1"),
            ("the map is {a: \"b\"}\n{\"a\":1}", "n(the map is {a: \"b\"}) d1"),
        ] {
            assert_eq!(shapes(text), wanted, "{text}");
        }
    }

    #[test]
    fn an_output_of_braces_ends() {
        let started = std::time::Instant::now();
        for text in ["[{\"a\":".repeat(300_000), "{\"type\":".repeat(300_000), "[{".repeat(500_000)] {
            assert!(!pieces(&text).is_empty());
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
