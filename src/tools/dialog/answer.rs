//! The reply of a client, read as a human's word. Only a clear decision is one. Why something is none
//! goes to the log, so it names our fields and quotes nothing that was said.

use std::collections::BTreeMap;

use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::{Map, Value};

use super::form::{COMMENT, DECISION, MOST_CHARS, READS_FIRST};
use super::{CriticalQuestion, Decided, Decision, Form, Word};

/// Reads the answer to a form.
pub(super) fn read(form: &Form, result: &ElicitResult) -> Word {
    match result.action {
        ElicitationAction::Accept if reads_first(result.content.as_ref()) => Word::ReadsFirst,
        ElicitationAction::Accept => match decided(form, result.content.as_ref()) {
            Ok(decided) => Word::Decided(decided),
            Err(reason) => Word::Unreadable(reason),
        },
        ElicitationAction::Decline => Word::Declined,
        ElicitationAction::Cancel => Word::Cancelled,
        _ => Word::Unreadable("the action must be accept, decline or cancel".to_owned()),
    }
}

/// Words that a client says of an address that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// The human has opened it, or says so. That is no decision.
    Went,
    /// They have not.
    Not(Word),
}

/// Reads the answer to an address.
pub(super) fn visit(result: &ElicitResult) -> Visit {
    match result.action {
        ElicitationAction::Accept => Visit::Went,
        ElicitationAction::Decline => Visit::Not(Word::Declined),
        ElicitationAction::Cancel => Visit::Not(Word::Cancelled),
        _ => Visit::Not(Word::Unreadable("the action must be accept, decline or cancel".to_owned())),
    }
}

/// Reads an answer that was not read yet.
pub(super) fn read_value(form: &Form, value: &Value) -> Word {
    match serde_json::from_value::<ElicitResult>(value.clone()) {
        Ok(result) => read(form, &result),
        Err(_) => Word::Unreadable("it does not answer the form".to_owned()),
    }
}

/// True if the human wants to see everything before they decide: whatever else they filled in decides
/// nothing then.
fn reads_first(content: Option<&Value>) -> bool {
    content.and_then(|content| content.get(DECISION)).and_then(Value::as_str) == Some(READS_FIRST)
}

fn decided(form: &Form, content: Option<&Value>) -> Result<Decided, String> {
    let Some(Value::Object(content)) = content else {
        return Err("it was accepted without an object of answers".to_owned());
    };
    let fields = form.fields();
    let known = |name: &str| {
        name == DECISION || name == COMMENT || fields.iter().any(|(field, _)| field.as_str() == name)
    };
    if content.keys().any(|name| !known(name)) {
        return Err("it has a field that the form has not".to_owned());
    }
    let Some(said) = filled(content, DECISION)? else {
        return Err(format!("`{DECISION}` is missing"));
    };
    let Some(decision) = Decision::ALL.into_iter().find(|decision| decision.name() == said) else {
        return Err(format!("`{DECISION}` must be approve, revise or reject"));
    };
    let mut responses = BTreeMap::new();
    for (name, question) in fields {
        if let Some(said) = filled(content, &name)? {
            responses.insert(name, response(question, said)?);
        }
    }
    Ok(Decided { decision, comment: filled(content, COMMENT)?.map(str::to_owned), responses })
}

/// A field's text. Clients send a field that was left empty as nothing, as null, or as "".
fn filled<'a>(content: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match content.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.chars().count() > MOST_CHARS as usize => {
            Err(format!("`{name}` is longer than {MOST_CHARS} characters"))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` must be a text")),
    }
}

fn response(question: &CriticalQuestion, said: &str) -> Result<String, String> {
    if question.options.is_empty() {
        return Ok(said.to_owned());
    }
    let known = question.option(said).map(str::to_owned);
    known.ok_or_else(|| format!("the answer to `{}` must be one of its options", question.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::language::Language;
    use crate::tools::dialog::Offered;
    use proptest::prelude::*;
    use serde_json::json;

    fn form() -> Form {
        let question = |id: &str, options: &[&str]| CriticalQuestion {
            id: id.to_owned(),
            title: String::new(),
            description: String::new(),
            options: options.iter().copied().map(Offered::plain).collect(),
        };
        Form {
            message: String::new(),
            title: String::new(),
            critical: vec![question("risk", &["low", "high\x1b"]), question("why", &[])],
            language: Language::ENGLISH,
            hint: String::new(),
        }
    }

    fn said(answer: &Value) -> Word {
        read_value(&form(), answer)
    }

    fn accepted(content: &Value) -> Word {
        said(&json!({ "action": "accept", "content": content }))
    }

    #[test]
    fn a_decision_is_read_with_all_that_was_said() {
        let comment = "  다시:\n\tuse `a`  ";
        let word = accepted(
            &json!({ "decision": "revise", "comment": comment, "risk": "high\u{fffd}", "why": "because" }),
        );
        let responses = [("risk", "high\x1b"), ("why", "because")];
        assert_eq!(
            word,
            Word::Decided(Decided {
                decision: Decision::Revise,
                comment: Some(comment.to_owned()),
                responses: responses.map(|(id, said)| (id.to_owned(), said.to_owned())).into(),
            })
        );
    }

    #[test]
    fn fields_left_empty_are_not_there() {
        for empty in [json!({}), json!({ "comment": "", "risk": "", "why": " \n" }), json!({ "risk": null })]
        {
            let mut content = empty;
            content["decision"] = json!("approve");
            let expected = Decided { decision: Decision::Approve, comment: None, responses: BTreeMap::new() };
            assert_eq!(accepted(&content), Word::Decided(expected));
        }
    }

    #[test]
    fn whoever_reads_first_decides_nothing() {
        assert_eq!(
            accepted(&json!({ "decision": "show", "comment": "approve", "risk": "low" })),
            Word::ReadsFirst
        );
        assert_eq!(said(&json!({ "action": "decline", "content": { "decision": "show" } })), Word::Declined);
    }

    #[test]
    fn declining_and_closing_are_no_decisions_whatever_they_carry() {
        let content = json!({ "decision": "approve" });
        assert_eq!(said(&json!({ "action": "decline", "content": content })), Word::Declined);
        assert_eq!(said(&json!({ "action": "cancel", "content": content })), Word::Cancelled);
    }

    #[test]
    fn what_is_not_clear_is_no_decision() {
        let long = "x".repeat(MOST_CHARS as usize + 1);
        for content in [
            json!({}),
            json!(null),
            json!([]),
            json!("approve"),
            json!(true),
            json!({ "decision": null }),
            json!({ "decision": "" }),
            json!({ "decision": true }),
            json!({ "decision": ["approve"] }),
            json!({ "decision": "Approve" }),
            json!({ "decision": " approve" }),
            json!({ "decision": "yes" }),
            json!({ "comment": "approve" }),
            json!({ "decision": "approve", "extra": "x" }),
            json!({ "decision": "approve", "comment": 1 }),
            json!({ "decision": "approve", "comment": long }),
            json!({ "decision": "approve", "risk": "middling" }),
            json!({ "decision": "approve", "risk": ["low"] }),
            json!({ "decision": "approve", "why": {} }),
        ] {
            let word = accepted(&content);
            assert!(matches!(word, Word::Unreadable(_)), "{content}: {word:?}");
        }
        for answer in [json!({}), json!(null), json!({ "action": "ok" }), json!({ "action": "accept" })] {
            let word = said(&answer);
            assert!(matches!(word, Word::Unreadable(_)), "{answer}: {word:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_approves_but_an_accepted_approval(
            action in "accept|decline|cancel|ok|",
            decision in "approve|Approve|approved|revise|reject|yes|[a-z]{0,8}",
            other in "[a-z]{1,8}",
        ) {
            let word = said(&json!({ "action": action, "content": { "decision": decision, other.clone(): "x" } }));
            if let Word::Decided(decided) = word {
                prop_assert_eq!(action, "accept");
                prop_assert_eq!(decided.decision.name(), decision);
                prop_assert!(["why", "comment"].contains(&other.as_str()));
            }
        }
    }
}
