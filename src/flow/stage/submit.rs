//! Hands in a stage that the orchestrator did itself.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::NewRun;
use super::finish::{Extra, Ids, with_review};
use crate::domain::event::Draft;
use crate::domain::event::stage::{Candidate, Mode, StageFinished};
use crate::domain::history::History;
use crate::domain::measure::tally::Tally;
use crate::domain::report::ORCHESTRATOR;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Phase, Run};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::journal::Decided;
use crate::flow::kit::Kit;
use crate::flow::scope::off_thread_with;
use crate::flow::which_run::Meant;
use crate::flow::{consult, document};

// A stage that the orchestrator did itself: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Stage.
    pub stage: Stage,
    /// By the stage's schema.
    pub outputs: Map<String, Value>,
    /// Time it took.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub duration_ms: f64,
    /// Figures to show.
    pub metrics: Option<Map<String, Value>>,
    /// Default: current run.
    pub workflow_id: Option<String>,
}

impl Submission {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 on")]
    fn elapsed_ms(&self) -> u64 {
        self.duration_ms as u64
    }
}

/// Hands in a stage for review. The same outputs again give the same request. Returns the run and the
/// request.
///
/// # Errors
///
/// The run refuses it, or the log cannot be used.
pub async fn submit(kit: &Kit, submission: Submission) -> Result<(String, String), Error> {
    kit.processes.refuse_strangers()?;
    let metrics = masked_metrics(&kit.config, submission.metrics.clone()).await?;
    let submission = Submission { metrics, ..submission };
    let submitting = Submitting {
        meant: Meant::new(&kit.log, submission.workflow_id.clone()),
        config: kit.config.clone(),
        candidate: checked(&kit.config, &submission).await?,
        new_run: NewRun::new(kit),
        ids: Ids::new(),
        submission,
    };
    let (run, request) = kit.log.journal().decide_on(move |history| submitting.decide(history)).await?;
    kit.log.set_current_run(&run);
    Ok((run, request))
}

/// The masked outputs, with the errors of the schema check. A reviewer sees these errors; nothing is refused
/// for them.
async fn checked(config: &Configuration, submission: &Submission) -> Result<Candidate, Error> {
    let submission = submission.clone();
    off_thread_with(config, move |config| {
        let schema = document::schema(config, submission.stage.schema())?;
        let elapsed_ms = submission.elapsed_ms();
        let outputs = Value::Object(submission.outputs);
        let schema_errors = consult::schema_errors(&schema, Some(&outputs));
        let masker = config.masker()?;
        let schema_errors = schema_errors.iter().map(|error| masker.mask(error).text.into_owned()).collect();
        let outputs = masker.mask_value(outputs);
        Ok(Candidate {
            id: format!("{ORCHESTRATOR}-1"),
            ok: true,
            provider: ORCHESTRATOR.to_owned(),
            structured: Some(outputs),
            elapsed_ms,
            schema_errors,
            ..Candidate::default()
        })
    })
    .await
}

/// Masks figures, because they are shown and stored like outputs.
async fn masked_metrics(
    config: &Configuration,
    metrics: Option<Map<String, Value>>,
) -> Result<Option<Map<String, Value>>, Error> {
    let Some(metrics) = metrics else { return Ok(None) };
    let masked = config.masked(|masker| masker.mask_value(Value::Object(metrics))).await?;
    Ok(masked.as_object().cloned())
}

struct Submitting {
    submission: Submission,
    candidate: Candidate,
    meant: Meant,
    config: Configuration,
    new_run: NewRun,
    ids: Ids,
}

impl Submitting {
    fn decide(&self, history: &History) -> Result<(String, Decided<(String, String)>), Error> {
        match self.meant.run(history)? {
            Some(run) => self.in_run(run, history.tally_of(&run.id).as_ref(), Vec::new()),
            None => {
                let stage = self.submission.stage;
                let task = format!("{} handed in by the orchestrator", stage.name());
                let (run, began) = self.new_run.begun(history, task, stage);
                self.in_run(&run, None, vec![began])
            }
        }
    }

    fn in_run(
        &self,
        run: &Run,
        spent: Option<&Tally>,
        before: Vec<Draft>,
    ) -> Result<(String, Decided<(String, String)>), Error> {
        let stage = self.submission.stage;
        if let Some(open) = self.same(run) {
            return Ok((run.id.clone(), Decided::nothing((run.id.clone(), open))));
        }
        let iteration = run
            .may_submit(stage, self.config.settings().policy.max_debug_iterations)
            .map_err(Error::Workflow)?;
        let attempt = match (&run.phase, &run.attempt) {
            (Phase::Running(_), Some(attempt)) => attempt.id.clone(),
            _ => String::new(),
        };
        let finished = StageFinished {
            attempt,
            stage,
            iteration,
            mode: Mode::Solo,
            why: "the orchestrator did it itself".to_owned(),
            output: self.candidate.structured.clone().unwrap_or_default(),
            provider: ORCHESTRATOR.to_owned(),
            candidates: vec![self.candidate.clone()],
            consults_used: 0,
            elapsed_ms: self.submission.elapsed_ms(),
        };
        let extra = Extra::Metrics(self.submission.metrics.as_ref());
        let mut drafts = before;
        drafts.extend(with_review(Some(run), finished, &self.ids, &self.config, spent, extra)?);
        let answer = (run.id.clone(), self.ids.request.clone());
        Ok((run.id.clone(), Decided::append(drafts, answer)))
    }

    /// The open request with the very same outputs.
    fn same(&self, run: &Run) -> Option<String> {
        let open = run.pending().filter(|request| request.asked.stage == self.submission.stage)?;
        let last = run.finished.last()?;
        let given = self.candidate.structured.as_ref()?;
        (last.output == *given).then(|| open.id.clone())
    }
}
