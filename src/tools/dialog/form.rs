//! The form as a client shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rmcp::model::{
    ConstTitle, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, EnumSchema,
    LegacyEnumSchema, PrimitiveSchemaDefinition, ProtocolVersion, RequestStateCodec, RequestStateError,
    SealOptions, SingleSelectEnumSchema, StringSchema, TitledSingleSelectEnumSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CriticalQuestion, Decided, Decision, Form, Word};
use crate::domain::language::Language;
use crate::domain::order::Gather;
use crate::domain::text::{Text, say};
use crate::error::Error;
use crate::flow::approval::PATIENCE;
use crate::host::human::harmless;
use crate::host::seal_key::SealKey;

/// The field of the decision, the only required one.
pub(super) const DECISION: &str = "decision";
/// The field of the comment.
pub(super) const COMMENT: &str = "comment";
/// The choice that decides nothing and shows everything first.
pub(super) const READS_FIRST: &str = "show";
/// The longest text that a field takes, in characters.
pub(super) const MOST_CHARS: u32 = 10_000;

/// The form of choices in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choices {
    /// `enum` and `enumNames`, before 2025-11-25.
    Names,
    /// `oneOf` with titles, since then.
    Titles,
}

impl Choices {
    pub(crate) fn of(version: Option<&ProtocolVersion>) -> Self {
        match version {
            Some(version) if *version < ProtocolVersion::V_2025_11_25 => Self::Names,
            Some(_) | None => Self::Titles,
        }
    }

    /// A choice without a default.
    fn schema(self, title: String, description: Option<String>, options: Vec<ConstTitle>) -> EnumSchema {
        match self {
            Self::Titles => {
                let mut schema = TitledSingleSelectEnumSchema::new(options);
                schema.title = Some(title.into());
                schema.description = description.map(Into::into);
                EnumSchema::Single(SingleSelectEnumSchema::Titled(schema))
            }
            Self::Names => {
                let (values, names) = options.into_iter().map(|option| (option.const_, option.title)).unzip();
                let mut schema = LegacyEnumSchema::new(values);
                schema.enum_names = Some(names);
                schema.title = Some(title.into());
                schema.description = description.map(Into::into);
                EnumSchema::Legacy(schema)
            }
        }
    }
}

impl Form {
    /// The critical questions with the names of their fields: the id if it is a plain and free name, else
    /// `question_N` by position.
    fn fields(&self) -> Vec<(String, &CriticalQuestion)> {
        let mut taken: BTreeSet<String> = [DECISION.to_owned(), COMMENT.to_owned()].into();
        // A name by position must not equal another question's id.
        let ids: Vec<&str> = self.critical.iter().map(|question| question.id.as_str()).collect();
        let named = self.critical.iter().zip(1..).map(|(question, place)| {
            let mut name = question.id.clone();
            if !is_plain(&name) || taken.contains(&name) {
                name = format!("question_{place}");
                while taken.contains(&name) || ids.contains(&name.as_str()) {
                    name.push('_');
                }
            }
            taken.insert(name.clone());
            (name, question)
        });
        named.collect()
    }

    /// The request to show the form.
    pub(crate) fn params(&self, choices: Choices) -> ElicitRequestParams {
        ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: harmless(&self.message),
            requested_schema: self.schema(choices),
        }
    }

    fn schema(&self, choices: Choices) -> ElicitationSchema {
        let mut properties = vec![(DECISION.to_owned(), self.decision(choices))];
        properties
            .extend(self.fields().into_iter().map(|(name, question)| (name, question.property(choices))));
        properties.push((COMMENT.to_owned(), comment(self.language)));
        let order = properties.iter().map(|(name, _)| name.clone()).collect();
        let mut schema = ElicitationSchema::new(properties.into_iter().gather())
            .with_title(harmless(&self.title))
            .with_required(vec![DECISION.to_owned()]);
        schema.property_order = Some(order);
        schema
    }
}

impl CriticalQuestion {
    fn property(&self, choices: Choices) -> PrimitiveSchemaDefinition {
        let title = harmless(&self.title);
        let description = Some(harmless(&self.description)).filter(|text| !text.is_empty());
        if self.options.is_empty() {
            return text(title, description);
        }
        let mut seen = BTreeSet::new();
        let options = self.options.iter().map(|option| (harmless(&option.value), harmless(&option.title)));
        let options = options
            .filter(|(value, _)| seen.insert(value.clone()))
            .map(|(value, title)| ConstTitle::new(value, title));
        PrimitiveSchemaDefinition::Enum(choices.schema(title, description, options.collect()))
    }

    /// The option that a value of the form stands for.
    pub(super) fn option(&self, value: &str) -> Option<&str> {
        self.options.iter().map(|option| option.value.as_str()).find(|option| harmless(option) == value)
    }
}

fn is_plain(name: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    !name.is_empty() && name.len() <= 64 && name.chars().all(letter)
}

impl Form {
    fn decision(&self, choices: Choices) -> PrimitiveSchemaDefinition {
        let options = [
            ("approve", say!("choose_approve")),
            (READS_FIRST, say!("choose_show")),
            ("revise", say!("choose_revise")),
            ("reject", say!("choose_reject")),
        ];
        let options = options.map(|(value, title)| ConstTitle::new(value, title.of(self.language)));
        let title = say!("decision").of(self.language).to_owned();
        let hint = Some(harmless(&self.hint)).filter(|text| !text.is_empty());
        PrimitiveSchemaDefinition::Enum(choices.schema(title, hint, options.into()))
    }
}

fn comment(language: Language) -> PrimitiveSchemaDefinition {
    let of = |words: Text| words.of(language).to_owned();
    text(of(say!("comment")), Some(of(say!("comment_hint"))))
}

fn text(title: String, description: Option<String>) -> PrimitiveSchemaDefinition {
    let mut schema = StringSchema::new().title(title).max_length(MOST_CHARS);
    schema.description = description.map(Into::into);
    PrimitiveSchemaDefinition::String(schema)
}

// The request state of a question. It goes to the client and comes back, and the client may change it, so
// it is sealed.
//
// It is signed, not encrypted, and holds no secret. The seal binds it to the tool and its arguments. It names
// the subject of the question, and a nonce that reveals a repeated answer.

/// Time within which a question can be answered.
pub(super) const LIFETIME: Duration = PATIENCE;

/// Maximum length of a state in bytes; ours are below 2,000.
const MOST_BYTES: usize = 8 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    /// The run.
    pub(crate) workflow_id: String,
    /// The request for approval.
    pub(crate) request_id: String,
    pub(crate) stage: String,
    /// The digest of the reviewed report.
    pub(crate) digest: String,
    /// True if the human is asked again about a contradiction.
    #[serde(default)]
    pub(crate) is_back: bool,
}

/// The content of one of our own states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opened {
    pub(super) subject: Subject,
    pub(super) nonce: String,
}

/// The reason why an answer does not count. Only the log names the exact fault of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    /// The state was changed, or sealed for another call or another project.
    Foreign,
    /// Its time is over.
    Expired,
    /// It is about another question.
    OtherSubject,
    /// The answer comes without its state.
    Missing,
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        tracing::debug!(?error, "an answer that does not count");
        let why = match error {
            StateError::Foreign | StateError::Expired | StateError::OtherSubject => {
                "the request state does not fit this call: it was changed, is older than a day, or belongs to another question or other arguments"
            }
            StateError::Missing => "an answer came without its request state",
        };
        Self::RequestState(why.to_owned())
    }
}

/// Seals states, and opens its own.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    codec: RequestStateCodec,
}

impl Seal {
    /// A seal with a project's key.
    pub(crate) fn new(key: &SealKey) -> Self {
        // The key has the length that the codec asks for, by its type.
        Self { codec: RequestStateCodec::new_unchecked(key.bytes()) }
    }

    pub(super) fn seal(&self, subject: &Subject, call: &str, lifetime: Duration) -> Result<String, Error> {
        let inside = Opened { subject: subject.clone(), nonce: uuid::Uuid::now_v7().to_string() };
        let options = SealOptions::new().associated_data(call.as_bytes()).ttl(lifetime);
        self.codec.seal_json_with(&inside, &options).map_err(Error::internal)
    }

    pub(super) fn open(&self, sealed: &str, call: &str) -> Result<Opened, StateError> {
        if sealed.len() > MOST_BYTES {
            return Err(StateError::Foreign);
        }
        self.codec.open_json_with(sealed, call.as_bytes()).map_err(|error| match error {
            RequestStateError::Expired => StateError::Expired,
            _ => StateError::Foreign,
        })
    }
}

/// Identifies a call by its tool and the digest of its arguments; the answering call must be the same. The
/// state is bound to this text without containing it. No two calls share a text.
pub(super) fn bound_to(tool: &str, arguments: &str) -> String {
    serde_json::json!(["maestro.dialog.1", tool, arguments]).to_string()
}

/// Reads the answer to a form, or to an address if there is no form.
pub(super) fn read(form: Option<&Form>, result: &ElicitResult) -> Word {
    match (&result.action, form) {
        (ElicitationAction::Accept, None) => Word::Went,
        (ElicitationAction::Accept, Some(_)) if reads_first(result.content.as_ref()) => Word::ReadsFirst,
        (ElicitationAction::Accept, Some(form)) => {
            decided(form, result.content.as_ref()).map_or_else(Word::Unreadable, Word::Decided)
        }
        (ElicitationAction::Decline, _) => Word::Declined,
        (ElicitationAction::Cancel, _) => Word::Cancelled,
        _ => Word::Unreadable("the action must be accept, decline or cancel".to_owned()),
    }
}

/// Parses an answer, and reads it.
pub(super) fn read_value(form: Option<&Form>, value: &Value) -> Word {
    match serde_json::from_value::<ElicitResult>(value.clone()) {
        Ok(result) => read(form, &result),
        Err(_) => Word::Unreadable("it does not answer the question".to_owned()),
    }
}

/// True if the human wants to see everything first; then the other fields decide nothing.
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
        return Err("it has a field that the form does not have".to_owned());
    }
    let Some(said) = filled(content, DECISION)? else {
        return Err(format!("`{DECISION}` is missing"));
    };
    let Ok(decision) = said.parse::<Decision>() else {
        return Err(format!("`{DECISION}` must be approve, revise or reject"));
    };
    let mut responses = BTreeMap::new();
    for (name, question) in fields {
        if let Some(said) = filled(content, &name)? {
            responses.insert(question.id.clone(), response(question, said)?);
        }
    }
    Ok(Decided { decision, comment: filled(content, COMMENT)?.map(str::to_owned), responses })
}

/// A field's text. Clients send an empty field as nothing, as null, or as "".
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
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::tools::dialog::Offered;

    fn question(id: &str, options: &[&str]) -> CriticalQuestion {
        CriticalQuestion {
            id: id.to_owned(),
            title: format!("{id}?"),
            description: String::new(),
            options: options.iter().copied().map(Offered::plain).collect(),
        }
    }

    fn form(critical: Vec<CriticalQuestion>) -> Form {
        let message = "line 1\nline 2\x1b[1A".to_owned();
        let (title, hint) = ("Analyze".to_owned(), "RISK: a".to_owned());
        Form { message, title, critical, language: Language::ENGLISH, hint }
    }

    fn shown(form: &Form, choices: Choices) -> Value {
        serde_json::to_value(form.params(choices)).unwrap()
    }

    #[test]
    fn the_form_is_in_order_and_nothing_is_chosen_beforehand() {
        let form = form(vec![question("risk", &["low", "high"]), question("anything", &[])]);
        let params = shown(&form, Choices::Titles);
        assert_eq!(params["mode"], "form");
        assert_eq!(params["message"], "line 1\nline 2\u{fffd}[1A");
        let schema = &params["requestedSchema"];
        let names: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["decision", "risk", "anything", "comment"]);
        assert_eq!(schema["required"], json!(["decision"]));
        assert_eq!(
            schema["properties"]["decision"]["oneOf"],
            json!([
                { "const": "approve", "title": "Approve and go on" },
                { "const": "show", "title": "Show me everything first" },
                { "const": "revise", "title": "Revise: again, with my comment" },
                { "const": "reject", "title": "Reject and stop" },
            ])
        );
        assert!(!schema.to_string().contains("\"default\""));
    }

    #[test]
    fn clients_of_the_first_version_get_names_beside_the_values() {
        let params = shown(&form(vec![question("risk", &["low", "high", "low"])]), Choices::Names);
        let properties = &params["requestedSchema"]["properties"];
        assert_eq!(properties["decision"]["enum"], json!(["approve", "show", "revise", "reject"]));
        assert_eq!(properties["decision"]["enumNames"][0], "Approve and go on");
        assert_eq!(properties["risk"]["enum"], json!(["low", "high"]));
        assert!(!params.to_string().contains("oneOf"));
        assert_eq!(Choices::of(Some(&ProtocolVersion::V_2025_06_18)), Choices::Names);
        assert_eq!(Choices::of(Some(&ProtocolVersion::V_2025_11_25)), Choices::Titles);
        assert_eq!(Choices::of(Some(&ProtocolVersion::V_2026_07_28)), Choices::Titles);
    }

    #[test]
    fn no_question_takes_another_field_s_place() {
        let ids = ["decision", "a b", "question_2", "x", "x", "comment", ""];
        let form = form(ids.map(|id| question(id, &[])).into());
        let names: Vec<String> = form.fields().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["question_1", "question_2_", "question_2", "x", "question_5", "question_6", "question_7"]
        );
    }

    proptest! {
        #[test]
        fn every_question_has_a_field_of_its_own(ids in proptest::collection::vec("[a-d_]{0,2}|question_[1-4]_?|decision|comment", 0..8)) {
            let form = form(ids.iter().map(|id| question(id, &[])).collect());
            let schema = form.schema(Choices::Titles);
            prop_assert_eq!(schema.properties.len(), ids.len() + 2);
            prop_assert_eq!(schema.property_order.unwrap().len(), ids.len() + 2);
        }
    }

    fn seal() -> (tempfile::TempDir, Seal) {
        let root = tempfile::tempdir().unwrap();
        let key = SealKey::of_user(root.path()).unwrap();
        (root, Seal::new(&key))
    }

    fn subject() -> Subject {
        Subject {
            workflow_id: "w".to_owned(),
            request_id: "r".to_owned(),
            stage: "analyze".to_owned(),
            digest: "d".to_owned(),
            is_back: false,
        }
    }

    #[test]
    fn a_state_opens_for_its_own_call_after_a_restart() {
        let (root, seal) = seal();
        let call = bound_to("t", "a");
        let sealed = seal.seal(&subject(), &call, LIFETIME).unwrap();
        let restarted = Seal::new(&SealKey::of_user(root.path()).unwrap());
        let opened = restarted.open(&sealed, &call).unwrap();
        assert_eq!(opened.subject, subject());
        let again = seal.open(&seal.seal(&subject(), &call, LIFETIME).unwrap(), &call).unwrap();
        assert_ne!(opened.nonce, again.nonce);
    }

    #[test]
    fn it_opens_for_no_other_call_and_in_no_other_project() {
        let (_root, one) = seal();
        let (_elsewhere, other) = seal();
        let sealed = one.seal(&subject(), &bound_to("t", "a"), LIFETIME).unwrap();
        assert_eq!(one.open(&sealed, &bound_to("t", "b")), Err(StateError::Foreign));
        assert_eq!(one.open(&sealed, &bound_to("ta", "")), Err(StateError::Foreign));
        assert_eq!(other.open(&sealed, &bound_to("t", "a")), Err(StateError::Foreign));
        assert_eq!(one.open("", &bound_to("t", "a")), Err(StateError::Foreign));
        assert_eq!(one.open(&"x".repeat(MOST_BYTES + 1), &bound_to("t", "a")), Err(StateError::Foreign));
    }

    #[test]
    fn its_time_ends() {
        let (_root, seal) = seal();
        let sealed = seal.seal(&subject(), &bound_to("t", "a"), Duration::ZERO).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(seal.open(&sealed, &bound_to("t", "a")), Err(StateError::Expired));
    }

    #[test]
    fn what_is_wrong_with_a_state_is_not_told() {
        let said = |error| Error::from(error).to_string();
        assert_eq!(said(StateError::Foreign), said(StateError::Expired));
        assert_eq!(said(StateError::Foreign), said(StateError::OtherSubject));
    }

    proptest! {
        #[test]
        fn no_changed_state_opens(at in any::<proptest::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
            let (_root, seal) = seal();
            let call = bound_to("t", "a");
            let sealed = seal.seal(&subject(), &call, LIFETIME).unwrap();
            let at = at.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &letter);
            if changed != sealed {
                prop_assert_eq!(seal.open(&changed, &call), Err(StateError::Foreign));
            }
        }
    }
}

#[cfg(test)]
mod more_tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::language::Language;
    use crate::tools::dialog::Offered;

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
        read_value(Some(&form()), answer)
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
