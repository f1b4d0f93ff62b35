//! A vote on a micro-step.

use std::sync::Arc;

use serde_json::{Value, json};

pub use super::StepRequest;
use super::measured::{self, Check, Checked};
use super::{Compared, Source, VoteRequest, hold, voters};
use crate::domain::answer::document;
use crate::domain::call_options::CallOptions;
use crate::domain::microstep::{MicroStep, StepType};
use crate::domain::redflag::{Flag, RedFlag};
use crate::domain::track_record::Work;
use crate::domain::vote::canonical::Canonical;
use crate::domain::vote::{Rule, usual_max};
use crate::error::Error;
use crate::flow::account::Account;
use crate::flow::configuration::Configuration;
use crate::flow::consult::Question;
use crate::flow::kit::Kit;
use crate::flow::pack::ContextRequest;
use crate::flow::progress::Progress;

/// Lower bound of the default maximum number of samples.
const LEAST_MAX: u32 = 15;

/// Holds a vote on a micro-step. A vote without a winner is `ok: false`, with everything that it found.
///
/// # Errors
///
/// The rule of the vote is invalid, no provider can be asked, a provider is unknown, or the rules cannot be
/// used.
pub async fn vote_step(kit: &Kit, request: StepRequest, progress: &Progress) -> Result<Value, Error> {
    kit.config.check()?;
    let step = step_of(&kit.config, request.kind)?;
    if step.vote_by.is_empty() {
        return Err(not_voted_on(&step));
    }
    let (providers, note) = voters(kit, request.providers.clone(), Work::on(&step)).await?;
    let chosen = measured::choose(&kit.config, &kit.log, &request, &step, providers).await;
    let (k, providers) = (chosen.k, chosen.providers.clone());
    let max = request.max_samples.unwrap_or_else(|| usual_max(k, LEAST_MAX));
    let max_source = Source::of(request.max_samples);
    let rule = Rule::new(k, max).map_err(|error| Error::InvalidArguments(error.to_string()))?;
    let question = question(&step, &request.prompt, &request.context, request.options, request.account);
    let check = step_check(&kit.config, &step)?;
    let request = VoteRequest { question, step_type: Some(step.kind), providers, rule, check };
    let vote = hold(kit, request, progress).await?;
    let warnings: Vec<String> = note.into_iter().chain(chosen.warnings_with(&vote.models.names)).collect();
    let (ballot, winner) = (&vote.ballot, vote.winner());
    let own = json!({
        "ok": winner.is_some(),
        "converged": winner.is_some(),
        "step_type": step.kind,
        "winner": winner.map(|(candidate, _)| &candidate.text),
        "winner_provider": winner.map(|(candidate, _)| &candidate.provider),
        // Agreement is no accuracy: `maestro_calibrate` measures that.
        "confidence": winner.map(|_| vote.confidence()),
        "final_margin": ballot.lead(),
        "k_used": ballot.rule().k(),
        "k_source": chosen.source,
        "k_note": chosen.note,
        "left_out": Some(chosen.left_out).filter(|names| !names.is_empty()),
        "total_rounds": ballot.rounds(),
        "total_samples": ballot.samples(),
        "has_oracle": step.has_oracle,
    });
    Ok(vote.result(own, &Compared::Fields { fields: step.vote_by.clone() }, max_source, warnings))
}

/// The refusal of a step whose useful part is prose, which never repeats word for word.
fn not_voted_on(step: &MicroStep) -> Error {
    Error::InvalidArguments(format!(
        "step_type {} is not voted on: conf/micro_steps.yaml names no field under vote_by, and prose is not compared (two right answers never read alike). Name the fields that decide there, or let a judge choose with maestro_ensemble_generate and maestro_select_best",
        step.kind.name()
    ))
}

/// A step by its name.
///
/// # Errors
///
/// The list of steps cannot be used.
pub(in crate::flow) fn step_of(config: &Configuration, kind: StepType) -> Result<MicroStep, Error> {
    let found = config.micro_steps()?.get(kind).cloned();
    // The reader of the list ensures that every step is there.
    found.ok_or_else(|| Error::Internal(format!("there is no step {}", kind.name())))
}

/// The check of answers to a step: it finds red flags, and the part of the document that is compared.
///
/// # Errors
///
/// The rules cannot be used.
pub(in crate::flow) fn step_check(config: &Configuration, step: &MicroStep) -> Result<Check, Error> {
    let (inspector, step) = (config.inspector()?, step.clone());
    Ok(Arc::new(move |answer| {
        let found = step.inspect(&inspector, answer).findings;
        if !found.is_empty() {
            return Checked::Flagged(found.into_iter().map(RedFlag::from).collect());
        }
        let document = match document(answer) {
            Ok(found) => found.value,
            Err(unreadable) => return Checked::flagged(Flag::InvalidJson.name(), unreadable.to_string()),
        };
        // A step without a vote can still be measured: then the whole document counts.
        let projected = if step.vote_by.is_empty() {
            Some(Canonical::of_document(&document))
        } else {
            step.vote_by.project(&document)
        };
        match projected {
            Some(canonical) => Checked::Valid { canonical, said: None },
            None => {
                let empty = format!("what is compared is empty: {}", step.vote_by.in_a_line());
                Checked::flagged(Flag::MissingFields.name(), empty)
            }
        }
    }))
}

/// The question of a step, with the form of its answer.
pub(in crate::flow) fn question(
    step: &MicroStep,
    prompt: &str,
    context: &str,
    options: CallOptions,
    account: Account,
) -> Question {
    // An empty question stays empty, so that it is refused.
    let asked = match (prompt.trim(), context.trim()) {
        ("", _) => String::new(),
        (task, "") => format!("# Task\n\n{task}\n\n# Instructions\n\n{}", step.instructions()),
        (task, context) => format!(
            "# Material\n\n{context}\n\n# Task\n\n{task}\n\n# Instructions\n\n{}",
            step.instructions()
        ),
    };
    Question {
        context: ContextRequest { stage: Some(step.stage), ..ContextRequest::default() },
        options,
        ..Question::new(asked, Account { stage: Some(step.stage), ..account })
    }
}
