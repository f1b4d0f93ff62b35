//! One answer of several messages.
//!
//! Some CLIs let a model speak more than once in a turn, and do not tell a note on the way from the
//! answer: a model may send the whole answer by a tool for messages and close with "done".

use crate::domain::answer::{document, looks_like_one};
use crate::domain::vote::stated::stated;

/// Text of all messages in their order, and the number of messages in it. The last one counts
/// alone where it has the form of an answer (a document, an `ANSWER:` line) or repeats the others.
pub(super) fn together(messages: &[&str]) -> (String, usize) {
    let said: Vec<&str> = messages.iter().copied().filter(|message| !message.trim().is_empty()).collect();
    let Some((last, earlier)) = said.split_last() else { return (String::new(), 0) };
    if looks_like_one(last) || document(last).is_ok() || stated(last).is_some() {
        return ((*last).to_owned(), 1);
    }
    // A draft that comes again, longer or the same, is said once.
    let later = |at: usize| said.get(at + 1..).unwrap_or_default();
    let is_new =
        |(at, message): &(usize, &&str)| !later(*at).iter().any(|other| other.contains(message.trim()));
    let new = earlier.iter().enumerate().filter(is_new).map(|(_, message)| message.trim_end());
    let kept: Vec<&str> = new.chain([*last]).collect();
    (kept.join("\n\n"), kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
