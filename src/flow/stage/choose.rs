//! Chooses the mode of a stage, and its providers.

use super::StageRequest;
use crate::domain::budget::Charge;
use crate::domain::coordination::architecture::SoloRecord;
use crate::domain::event::consult::Purpose;
use crate::domain::event::stage::Mode;
use crate::domain::order::Order;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Attempt, Run};
use crate::error::Error;
use crate::flow::account::exhausted;
use crate::flow::breaker::Ready;
use crate::flow::configuration::Configuration;

/// Rounds of debug in which no consultant is asked.
const SOLO_ROUNDS: u32 = 2;

/// Candidates of a stage's ensemble if the call names no providers.
const CANDIDATES: usize = 2;

/// The mode of a stage with the reason, and its providers.
pub(super) struct Choice {
    pub(super) mode: Mode,
    pub(super) why: String,
    pub(super) providers: Vec<String>,
    pub(super) fallbacks: Vec<String>,
}

pub(super) fn choose(
    config: &Configuration,
    request: &StageRequest,
    run: Option<&Run>,
    iteration: u32,
    solo_record: SoloRecord,
    ready: &Ready,
) -> Result<Choice, Error> {
    let named = named(request);
    let is_single = request.stage == Stage::Debug && config.settings().policy.debug_single_agent;
    if let Some(named) = named.as_ref().filter(|named| is_single && named.len() > 1) {
        let problem = format!("providers must name at most one provider in debug (got {})", named.len());
        return Err(Error::InvalidArguments(problem));
    }
    if run.is_some() && request.stage == Stage::Debug && iteration <= SOLO_ROUNDS {
        return Ok(solo(format!(
            "the orchestrator does rounds 1 and {SOLO_ROUNDS} of debug alone; from round {} on it may ask a consultant",
            SOLO_ROUNDS + 1
        )));
    }
    let left = run.map_or(u32::MAX, |run| left(config, request.stage, run, iteration));
    if left == 0 {
        return Ok(solo("the budget of consults is used up".to_owned()));
    }
    match named {
        Some(providers) => by_name(config, request.stage, run.map(|run| (run, iteration)), providers),
        None => by_policy(config, request, left, solo_record, ready),
    }
}

/// Number of candidates that a stage of a run may still have.
pub(super) fn left(config: &Configuration, stage: Stage, run: &Run, iteration: u32) -> u32 {
    run.budget.left(charge(stage, run, iteration), config.limits())
}

/// The budget charge of a stage's candidate, for the round of debug that is about to begin.
fn charge(stage: Stage, run: &Run, iteration: u32) -> Charge {
    let charge = run.charge(Some(stage), Purpose::Candidate);
    if stage == Stage::Debug { Charge { round: iteration, ..charge } } else { charge }
}

fn solo(why: String) -> Choice {
    Choice { mode: Mode::Solo, why, providers: Vec::new(), fallbacks: Vec::new() }
}

/// The providers that the orchestrator names, each once.
fn named(request: &StageRequest) -> Option<Vec<String>> {
    let mut named: Vec<String> = Vec::new();
    for name in request.providers.iter().flatten() {
        if !named.contains(name) {
            named.push(name.clone());
        }
    }
    (!named.is_empty()).then_some(named)
}

/// Uses exactly the named providers. Fails if the run or its round cannot pay for all of them.
fn by_name(
    config: &Configuration,
    stage: Stage,
    within: Option<(&Run, u32)>,
    providers: Vec<String>,
) -> Result<Choice, Error> {
    let wanted = u32::try_from(providers.len()).unwrap_or(u32::MAX);
    if let Some((run, iteration)) = within {
        let may = run.budget.may(charge(stage, run, iteration), wanted, config.limits());
        may.map_err(|short| exhausted(run, short))?;
    }
    let mode = if wanted > 1 { Mode::Ensemble } else { Mode::Consult };
    Ok(Choice { mode, why: "providers were named".to_owned(), providers, fallbacks: Vec::new() })
}

fn by_policy(
    config: &Configuration,
    request: &StageRequest,
    left: u32,
    solo_record: SoloRecord,
    ready: &Ready,
) -> Result<Choice, Error> {
    let settings = &config.settings().policy;
    let policy = settings.stage(request.stage);
    let (there, note) = available(config, policy.preferred_clients, ready)?;
    let single = |why: String| {
        let why = note.clone().map_or(why.clone(), |note| format!("{why}; {note}"));
        let first = there.iter().take(1).cloned().collect();
        Choice {
            mode: Mode::Consult,
            why,
            providers: first,
            fallbacks: there.iter().skip(1).cloned().collect(),
        }
    };
    if !policy.ensemble_allowed {
        return Ok(single(format!("{} asks one consultant", request.stage.name())));
    }
    let alone = solo_record.alone(request.baseline_confidence, settings.capability_threshold);
    if alone.is_enough {
        return Ok(single(alone.why));
    }
    if left < 2 {
        return Ok(single("the budget leaves one consult".to_owned()));
    }
    // A stage that prefers a single provider compares with no other, so any available one will do.
    let preferred = policy.preferred_clients;
    let compared: Vec<String> = there
        .iter()
        .filter(|name| preferred.len() < 2 || preferred.contains(&name.as_str()))
        .cloned()
        .collect();
    match (compared.len(), there.len()) {
        (2.., _) => {}
        (_, 0..=1) => {
            return Ok(single(
                "no second CLI is installed, and a second answer of the same one adds little".to_owned(),
            ));
        }
        (_, _) => {
            let why = format!(
                "{} compares {}, and they are not all installed",
                request.stage.name(),
                preferred.join(" and ")
            );
            return Ok(single(why));
        }
    }
    let most = CANDIDATES.min(usize::try_from(left).unwrap_or(CANDIDATES));
    let why = format!("{} compares candidates of several providers; {}", request.stage.name(), alone.why);
    Ok(Choice {
        mode: Mode::Ensemble,
        why: note.clone().map_or(why.clone(), |note| format!("{why}; {note}")),
        fallbacks: there
            .iter()
            .filter(|name| !compared.iter().take(most).any(|one| one == *name))
            .cloned()
            .collect(),
        providers: compared.into_iter().take(most).collect(),
    })
}

/// Stand-ins for an attempt that is continued. Empty if the call names providers; providers that already take
/// part are left out.
pub(super) fn fallbacks(
    config: &Configuration,
    request: &StageRequest,
    attempt: &Attempt,
    ready: &Ready,
) -> Vec<String> {
    if named(request).is_some() {
        return Vec::new();
    }
    let preferred = config.settings().policy.stage(request.stage).preferred_clients;
    let there = available(config, preferred, ready).map(|(there, _)| there).unwrap_or_default();
    let has_part = |name: &String| {
        attempt.providers.contains(name) || attempt.answers.iter().any(|answer| answer.provider == *name)
    };
    there.into_iter().filter(|name| !has_part(name)).collect()
}

/// Available providers, the stage's preferred ones first and in their order, weak ones last; with notes on
/// the missing ones.
fn available(
    config: &Configuration,
    preferred: &[&str],
    ready: &Ready,
) -> Result<(Vec<String>, Option<String>), Error> {
    let default = config.catalogue().asked_by_default();
    let is_installed = |name: &str| default.iter().any(|provider| provider.name == name);
    let missing: Vec<&str> = preferred.iter().copied().filter(|name| !is_installed(name)).collect();
    let is_understudy =
        |name: &String| default.iter().any(|provider| provider.name == *name && provider.is_understudy());
    let place = |name: &String| preferred.iter().position(|one| one == name).unwrap_or(preferred.len());
    let mut there = ready.names.clone();
    // The understudy's rules answer only if no model is available, or if the stage prefers them.
    if there.iter().any(|name| !is_understudy(name)) {
        there.retain(|name| !is_understudy(name) || preferred.contains(&name.as_str()));
    }
    there.order_by_key(|name| (ready.notes.contains_key(name), place(name)));
    let note = match missing.first() {
        _ if missing.len() == preferred.len() => {
            Some(format!("none of the stage's preferred providers ({}) is available", preferred.join(", ")))
        }
        Some(first) if preferred.first() == Some(first) => {
            Some(format!("not available: {}", missing.join(", ")))
        }
        Some(_) | None => None,
    };
    let note = note.into_iter().chain(ready.in_a_line()).reduce(|all, more| format!("{all}; {more}"));
    if there.is_empty() { Err(Error::NoProvider) } else { Ok((there, note)) }
}
