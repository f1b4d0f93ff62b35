//! A question made ready to be sent: packed and masked once, the same for every provider.

use std::sync::Arc;

use serde_json::Value;

use super::reply::ContextNote;
use crate::domain::call_options::CallOptions;
use crate::domain::consultant::{self, persona_without_form};
use crate::domain::event::consult::{TurnKept, bounded};
use crate::domain::mask::Masker;
use crate::domain::pack::with_files_turned;
use crate::domain::prompt::{angle, prompt};
use crate::domain::stage::{Role, SchemaName, Stage};
use crate::domain::thread::Replayed;
use crate::domain::tokens::Tokens;
use crate::error::Error;
use crate::flow::account::{Account, Asked};
use crate::flow::document;
use crate::flow::kit::Kit;
use crate::flow::pack::{ContextRequest, PackedContext, pack_now};
use crate::flow::thread::Conversation;
use crate::host::config::is_model_name;

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    pub prompt: String,
    pub role: Option<Role>,
    pub context: ContextRequest,
    /// The schema that the answer must follow.
    pub schema: Option<SchemaName>,
    pub options: CallOptions,
    /// The account that pays.
    pub account: Account,
}

impl Question {
    /// A question with a prompt only: no role, context or schema.
    pub fn new(prompt: String, account: Account) -> Self {
        let (role, context, schema) = (None, ContextRequest::default(), None);
        Self { prompt, role, context, schema, options: CallOptions::default(), account }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The prompt as its author wrote it.
    Plain,
    /// In sections under headings: facts, reviewer, task, instructions.
    Sections,
}

/// A question ready to be sent: packed, masked, and the same for every provider.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) system: String,
    pub(super) prompt: String,
    pub(super) schema: Option<(SchemaName, Value)>,
    /// The schema of the answer that the caller gets.
    pub(super) contract: Option<Value>,
    parts: Parts,
    /// Its turn in a conversation: the part that the log keeps, the turn's number, and the earlier turns.
    /// `None` if the consult belongs to a larger flow, for example an ensemble.
    pub(super) turn: Option<(TurnKept, usize, Option<Replayed>)>,
    pub(super) stage: Option<Stage>,
    pub(super) options: CallOptions,
    pub(super) context: Option<PackedContext>,
    pub(super) account: Account,
    pub(super) masker: Arc<Masker>,
    pub(super) masked: usize,
}

/// Parts of a prompt: the material first, then the task.
#[derive(Clone, Debug)]
struct Parts {
    material: Option<String>,
    history: Option<String>,
    asked: String,
    layout: Layout,
    example: Option<String>,
}

impl Parts {
    fn prompt(&self, angle: Option<&str>) -> String {
        let sections = [
            self.material.as_ref().map(|material| format!("# Material\n\n{}", material.trim_end())),
            self.history.clone(),
            Some(match self.layout {
                Layout::Plain
                    if self.material.is_some()
                        || self.history.is_some()
                        || angle.is_some()
                        || self.example.is_some() =>
                {
                    format!("# Task\n\n{}", self.asked.trim())
                }
                Layout::Plain | Layout::Sections => self.asked.clone(),
            }),
            angle.map(|angle| prompt("angle", &[("angle", angle)])),
            self.example.clone(),
        ];
        sections.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }
}

impl Prepared {
    /// The context that goes with the question, and the parts that were left out.
    pub fn context_note(&self) -> Option<ContextNote> {
        self.context.as_ref().map(ContextNote::from)
    }

    /// The question for one of several providers that are asked the same: each gets another angle, and the
    /// files in another order.
    pub fn for_member(self: &Arc<Self>, member: usize, of: usize) -> Arc<Self> {
        if of < 2 {
            return Arc::clone(self);
        }
        let mut parts = self.parts.clone();
        if self.context.as_ref().is_some_and(|context| context.files.len() > 1) {
            parts.material = parts.material.map(|material| with_files_turned(&material, member));
        }
        let prompt = parts.prompt(Some(angle(member)));
        Arc::new(Self { prompt, parts, ..Self::clone(self) })
    }

    /// The same question for another provider, without the requested model, which belongs to the first one.
    pub(super) fn with_own_model(&self) -> Arc<Self> {
        let options = CallOptions { model: None, ..self.options.clone() };
        Arc::new(Self { options, ..self.clone() })
    }

    /// Size and model of the question, from which its price is estimated.
    pub(crate) fn asked(&self) -> Asked<'_> {
        let tokens = Tokens::of_bytes(self.system.len() + self.prompt.len());
        Asked { tokens, model: self.options.model.as_deref() }
    }

    /// Number of secrets masked in it.
    pub fn masked(&self) -> usize {
        self.masked
    }

    /// The account that pays.
    pub fn account(&self) -> &Account {
        &self.account
    }
}

/// Packs and masks a question, which may be a turn in a conversation. Blocks.
///
/// # Errors
///
/// The configuration, a document or an argument cannot be used, or the server runs inside a consultant.
pub fn prepare(
    kit: &Kit,
    question: Question,
    layout: Layout,
    conversation: Option<Conversation>,
) -> Result<Arc<Prepared>, Error> {
    kit.processes.refuse_nested()?;
    kit.config.check()?;
    if question.prompt.trim().is_empty() {
        return Err(Error::InvalidArguments("prompt must not be empty".to_owned()));
    }
    if let Some(model) = &question.options.model {
        check_model(model)?;
    }
    let contract = question.schema.map(|name| document::schema(&kit.config, name)).transpose()?;
    let schema = question.schema.zip(contract.as_ref().map(consultant::schema));
    let consultant = prompt("consultant", &[]);
    let system = match question.role {
        Some(role) => {
            let persona = document::role(&kit.config, role)?.prompt;
            let persona = if schema.is_some() { persona_without_form(&persona) } else { persona };
            format!("{consultant}\n\n{persona}")
        }
        None => consultant,
    };
    if !question.context.files.is_empty() {
        kit.project.reader()?.check_files(&question.context.files)?;
    }
    let context = (!question.context.is_empty())
        .then(|| pack_now(&kit.config, &kit.project, &question.context))
        .transpose()?;
    let masker = kit.config.masker()?;
    let clean = masker.mask(&question.prompt);
    let masked = clean.count + context.as_ref().map_or(0, |context| context.masked);
    let turn = conversation.map(|conversation| {
        let given = &question.context;
        let given = given.facts.iter().chain(&given.errors).chain(&given.constraints);
        let kept = TurnKept {
            thread: conversation.thread,
            question: bounded(&clean.text).into_owned(),
            role: question.role,
            files: question.context.files.clone(),
            given: given.map(|text| bounded(&masker.mask(text).text).into_owned()).collect(),
        };
        (kept, conversation.number, conversation.replayed)
    });
    let replayed = turn.as_ref().and_then(|(_, _, replayed)| replayed.as_ref());
    let parts = Parts {
        history: replayed.filter(|replayed| replayed.turns > 0).map(|replayed| replayed.text.clone()),
        material: context.as_ref().map(|context| context.packed_context.clone()),
        asked: clean.text.into_owned(),
        layout,
        example: contract.as_ref().and_then(consultant::example).map(shown_example),
    };
    Ok(Arc::new(Prepared {
        system,
        prompt: parts.prompt(None),
        parts,
        turn,
        schema,
        contract,
        stage: question.context.stage,
        options: question.options,
        context,
        account: question.account,
        masker,
        masked,
    }))
}

fn shown_example(example: &Value) -> String {
    prompt("example", &[("example", &example.to_string())])
}

fn check_model(model: &str) -> Result<(), Error> {
    if is_model_name(model) {
        return Ok(());
    }
    Err(Error::InvalidArguments(format!(
        "model must be a name without blanks that does not begin with a dash (got {model:?})"
    )))
}
