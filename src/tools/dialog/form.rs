//! The form as a client shows it.

use std::collections::BTreeSet;

use rmcp::model::{
    ConstTitle, ElicitRequestParams, ElicitationSchema, EnumSchema, LegacyEnumSchema,
    PrimitiveSchemaDefinition, ProtocolVersion, SingleSelectEnumSchema, StringSchema,
    TitledSingleSelectEnumSchema,
};

use super::{CriticalQuestion, Form};
use crate::domain::language::Language;
use crate::domain::text::{Text, say};
use crate::host::human::harmless;

/// The field of the decision, the only one that must be filled in.
pub(super) const DECISION: &str = "decision";
/// The field of the comment.
pub(super) const COMMENT: &str = "comment";
/// The choice that decides nothing: everything is shown first.
pub(super) const READS_FIRST: &str = "show";
/// The longest text that a field takes, in characters.
pub(super) const MOST_CHARS: u32 = 10_000;

/// Way in which a choice is written in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choices {
    /// `enum` and `enumNames`, before 2025-11-25.
    Names,
    /// `oneOf` with titles, since then.
    Titles,
}

impl Choices {
    pub(super) fn of(version: Option<&ProtocolVersion>) -> Self {
        match version {
            Some(version) if *version < ProtocolVersion::V_2025_11_25 => Self::Names,
            Some(_) | None => Self::Titles,
        }
    }

    /// A choice of which nothing is chosen beforehand.
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
    /// The critical questions with the names of their fields: the id where that is a plain name and
    /// free, else `question_N` by position.
    pub(crate) fn fields(&self) -> Vec<(String, &CriticalQuestion)> {
        let mut taken: BTreeSet<String> = [DECISION.to_owned(), COMMENT.to_owned()].into();
        // A name by position must not take another question's id away.
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

    /// Returns what the client is asked to show.
    pub(super) fn params(&self, choices: Choices) -> ElicitRequestParams {
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
        let mut schema = ElicitationSchema::new(properties.into_iter().collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::dialog::Offered;
    use proptest::prelude::*;
    use serde_json::{Value, json};

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
}
