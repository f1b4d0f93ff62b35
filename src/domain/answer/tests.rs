//! Tests: what is an answer, and which document is in it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn value(text: &str) -> Option<Value> {
    document(text).ok().map(|found| found.value)
}

#[test]
fn a_document_is_found_wherever_it_stands() {
    let wanted = json!({ "a": { "b": "}{" } });
    for text in [
        r#"{"a": {"b": "}{"}}"#,
        "\u{feff}{\"a\": {\"b\": \"}{\"}}",
        "```json\n{\"a\": {\"b\": \"}{\"}}\n```",
        "~~~\n{\"a\": {\"b\": \"}{\"}}\n~~~",
        "````json\n{\"a\": {\"b\": \"}{\"}}\n````",
        "```json {\"a\": {\"b\": \"}{\"}}```",
        "```json\n{\"a\": {\"b\": \"}{\"}}```",
        "```json\n{\"a\": {\"b\": \"}{\"}}\n",
        "Use {braces} with care [1]:\n\n{\"a\": {\"b\": \"}{\"}}\nand that is all {}",
        "Here:\n```\n{\"a\": {\"b\": \"}{\"}}\n```\nDone.",
        "Said twice: {\"a\": {\"b\": \"}{\"}}\n```json\n{\"a\":{\"b\":\"}{\"}}\n```",
        "The code is\n```python\nx = {\"c\": 1}\n```\nand so:\n{\"a\": {\"b\": \"}{\"}}",
        "As in `{\"c\": 1}`:\n{\"a\": {\"b\": \"}{\"}}",
    ] {
        assert_eq!(value(text), Some(wanted.clone()), "{text}");
    }
    assert_eq!(document("no document {at all}"), Err(Unreadable::Nothing));
    assert_eq!(document("see [1] and {}"), Err(Unreadable::Nothing));
    assert_eq!(value("```json\n[]\n```"), Some(json!([])));
    assert_eq!(value("```json\n\"timeout\"\n```"), Some(json!("timeout")));
}

#[test]
fn a_fence_ends_at_a_line_of_its_own_and_the_json_decides() {
    let quoting = r#"{"w": "A", "why": "use\n```py\nx\n```\nhere"}"#;
    for text in [
        format!("```json\n{quoting}\n```"),
        format!("Here it is:\n\n```json\n{quoting}\n```\n\nThat is all."),
        format!("````\n{quoting}\n````"),
        format!("  ```json\n  {quoting}\n  ```"),
    ] {
        assert_eq!(value(&text), serde_json::from_str(quoting).ok(), "{text}");
    }
}

#[test]
fn documents_that_differ_are_refused_with_that_reason() {
    for text in [
        "{\"a\": 1}\n{\"a\": 2}",
        "First {\"a\": 1}, or {\"a\": 2}.",
        "```json\n{\"a\": 1}\n```\n```json\n{\"a\": 2}\n```",
        "```json\n{\"a\": 1}\n```\nNo, rather: {\"a\": 2}",
        "```\n{\"a\":1}\n```\n```\n{\"a\":2}\n```",
    ] {
        assert_eq!(document(text), Err(Unreadable::Several(2)), "{text}");
    }
    assert_eq!(value("{\"a\": 1}\n{\"a\":1}"), Some(json!({ "a": 1 })));
    assert!(document("{\"a\": 1}{\"a\": 2}").unwrap_err().to_string().contains("got 2 different ones"));
}

#[test]
fn a_broken_document_is_no_part_of_itself() {
    for (text, line) in [
        ("{\"a\": 1, \"b\": {\"c\": 2},}", 1),
        ("So:\n```json\n{\"a\": {\"b\": 1}\n```", 3),
        ("{'a': {'b': 1}}", 1),
        ("x\n{\"a\": \"cut", 2),
    ] {
        match document(text) {
            Err(Unreadable::Broken { line: found, .. }) => assert_eq!(found, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_stands_around_is_told() {
    let around = |text: &str| document(text).unwrap().around;
    assert_eq!(around("{\"a\": 1}"), "");
    assert_eq!(around("```json\n{\"a\": 1}\n```"), "");
    assert_eq!(around("Before.\n```json\n{\"a\": 1}\n```\nAfter."), "Before.\nAfter.");
    assert_eq!(around("It is {\"a\": 1} then"), "It is  then");
    assert_eq!(alone("```json\n{\"a\": 1}\n```"), Some(json!({ "a": 1 })));
    assert_eq!(alone(" \"just a string\" "), Some(json!("just a string")));
    assert_eq!(alone("Here: {\"a\": 1}"), None);
}

#[test]
fn reasoning_is_no_answer() {
    for (text, answer) in [
        ("<think>A or B?</think>\nB", "B"),
        ("<think>\nA or B?\n</think>\n\nB", "B"),
        ("<thinking>hm</thinking>B", "B"),
        ("<REASONING>hm</REASONING> B", "B"),
        ("<think>hm</thinking>B", "B"),
        ("<think>one</think>\n<think>two</think>\nB", "B"),
        ("B\n<reasoning>it is shorter</reasoning>", "B"),
        ("Let me see. It is B.</think>B", "B"),
        ("Let me see.\n</think>\n\nB", "B"),
        ("<think>the mark `</think>` ends it, so B</think>B", "B"),
        ("[THINK]hm[/THINK]B", "B"),
        ("<|begin_of_thought|>hm<|end_of_thought|>\nB", "B"),
        ("◁think▷hm◁/think▷B", "B"),
        ("<think>hm</think>\n<answer>B</answer>", "B"),
        ("<analysis type=\"x\">hm</analysis>B", "B"),
    ] {
        let spoken = spoken(text);
        assert_eq!((spoken.text(), spoken.has_reasoned()), (answer, true), "{text}");
    }
    for only in ["<think>A or B?", "<think>hm</think>", "<thinking>\n{\"a\": 1}\n</thinking>\n"] {
        assert!(spoken(only).is_only_reasoning(), "{only}");
        assert_eq!(document(only), Err(Unreadable::OnlyReasoning), "{only}");
    }
    assert_eq!(value("<think>{\"a\": 1} or so</think>\n{\"a\": 2}"), Some(json!({ "a": 2 })));
    assert_eq!(value("maybe {\"a\": 1}</think>\n{\"a\": 2}"), Some(json!({ "a": 2 })));
}

#[test]
fn marks_that_are_spoken_of_stay() {
    for text in [
        "Remove the `<think>` block before you parse.",
        "The parser drops <think> and </think> too early.",
        "```html\n<think>\nx\n```\nis the template.",
        "{\"pattern\": \"<think>.*</think>\"}",
        "Split at \"</think>\" and take the rest.",
        "a <b>bold</b> word",
        "Vec<Thought> and <T>",
        "x < y",
    ] {
        assert_eq!(spoken(text).text(), text);
        assert!(!spoken(text).has_reasoned(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in any::<String>()) {
        let _ = document(&text);
        let spoken = spoken(&text);
        prop_assert!(spoken.has_reasoned() || spoken.text() == text);
    }

    #[test]
    fn brackets_and_marks_never_panic(text in "[{}\\[\\]\"':,`~a1\\\\\n </think>]{0,60}") {
        let _ = document(&text);
    }

    #[test]
    fn a_document_survives_prose_and_fences(
        words in prop::collection::vec("[a-z`{}\\[\\]\n\"]{0,8}", 1..4),
        before in "[A-Za-z ,.]{0,30}",
        after in "[A-Za-z ,.]{0,30}",
    ) {
        let wanted = json!({ "words": words, "n": 1.5 });
        for text in [
            format!("{before}\n{wanted}\n{after}"),
            format!("{before}\n```json\n{wanted:#}\n```\n{after}"),
            format!("<think>\n{before} {{\"a\": 1}}\n</think>\n{wanted}"),
        ] {
            prop_assert_eq!(value(&text), Some(wanted.clone()), "{}", text);
        }
    }
}

#[test]
fn a_half_letter_is_replaced_and_a_whole_one_stays() {
    for (text, wanted) in [
        (r#"{"a":"\ud800"}"#, r#"{"a":"\ufffd"}"#),
        (r"\uDFFF\ud83d\ude00\ud83d", r"\ufffd\ud83d\ude00\ufffd"),
        (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
        (r"\\ud800 \\\ud800", r"\\ud800 \\\ufffd"),
        (r"\ud8 \u+d80 \u00e9 \é\ud800é\", r"\ud8 \u+d80 \u00e9 \é\ufffdé\"),
        ("plain", "plain"),
    ] {
        assert_eq!(whole_letters(text), wanted, "{text}");
    }
}
