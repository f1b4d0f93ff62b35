//! Message in a line of a CLI's output to somebody who waits for its answer.

use serde_json::Value;

/// Where the events of the known CLIs say something in words.
const WORDS: [&str; 5] = ["/message", "/error/message", "/content", "/item/text", "/item/message"];

/// The line itself; of an event in JSON what it is, and what it says. None for an event that was cut.
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
    use super::told;

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
}
