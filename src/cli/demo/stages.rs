//! The second half of the demo: the five stages of a gated run, on the shipped program.
//!
//! Nobody sits at the demo, so it decides itself, and every decision is recorded as the policy's.
//! Only a run that the demo has begun in its own temporary directory is decided so.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::program::Program;
use super::show::{self, print};
use super::{call, indented};
use crate::domain::event::approval::{DecidedBy, Decision};
use crate::error::Error;
use crate::flow::approval::decide::{Verdict, decide};
use crate::flow::session::Session;
use crate::host::process::Supervisor;
use crate::provider::understudy::NAME as UNDERSTUDY;

/// What the run is about.
const TASK: &str = "Two tests of the stock ledger fail. Find out why and mend it with the smallest change.";

/// The diffs that the demo applies as the orchestrator where no CLI wrote one.
const FIRST_DIFF: &str = include_str!("../../../demo/script/1-implement.diff");
const SECOND_DIFF: &str = include_str!("../../../demo/script/2-debug.diff");

/// The gated run of a demo.
pub(super) struct Stages<'a> {
    client: &'a mut Client,
    /// The demo's own view of the project's log, beside the server's.
    session: Session,
    program: &'a Program,
    failure: &'a str,
    /// Who is asked; empty: whoever the policy names.
    asked: Vec<String>,
    workflow: String,
}

impl<'a> Stages<'a> {
    pub(super) fn new(
        client: &'a mut Client,
        outer: &Session,
        program: &'a Program,
        failure: &'a str,
        asked: Vec<String>,
    ) -> Self {
        let own = outer.environment().iter().map(|(name, value)| (name.clone(), value.clone()));
        let project = ("CLAUDE_PROJECT_DIR".into(), program.directory().as_os_str().to_owned());
        let environment = own.chain([project]).collect();
        let session = Session::new(environment, program.directory(), Supervisor::new(None));
        Self { client, session, program, failure, asked, workflow: String::new() }
    }

    /// Takes the program through all stages, each with its approval.
    pub(super) async fn run(mut self) -> Result<ExitCode, Error> {
        print(
            "\n==> The gated run: five stages, and a decision after each.\n    Nobody sits at this demo, so its decisions are recorded as decided_by: policy, made by the demo.\n",
        )?;
        let started = self.call("maestro_workflow_with_hitl", json!({ "task": TASK })).await?;
        self.workflow = text(&started, "/workflow_id");
        print(&indented(&text(&started, "/message")))?;
        self.stage("analyze").await?;
        self.stage("hypothesize").await?;
        let change = self.implement().await?;
        self.verify().await?;
        let backup = self.apply(&change).await?;
        if !self.verify().await? {
            self.debug(backup).await?;
        }
        self.stage("improve").await?;
        self.figures().await
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Error> {
        print(&format!("\n--> {tool} {}\n", short(&arguments)))?;
        let result = call(self.client, tool, arguments).await?;
        if result.get("ok") != Some(&Value::Bool(true)) && tool != "maestro_verify" {
            print(&indented(&format!("{}: {}", text(&result, "/code"), text(&result, "/error"))))?;
        }
        Ok(result)
    }

    /// Runs a stage, shows its report, and decides on it.
    async fn stage(&mut self, stage: &str) -> Result<(), Error> {
        let (_, request) = self.reported(stage).await?;
        self.approve(&request).await
    }

    /// Runs a stage and shows its report. Returns its result and the request that waits.
    async fn reported(&mut self, stage: &str) -> Result<(Value, String), Error> {
        let arguments = json!({
            "stage": stage,
            "task": TASK,
            "context_files": self.program.files(),
            "context_errors": [self.failure],
            "providers": self.asked.first().map(|_| &self.asked),
        });
        let result = self.call("maestro_run_stage_with_approval", arguments).await?;
        let request = text(&result, "/approval/request_id");
        if request.is_empty() {
            return Err(Error::Setup {
                reason: format!("{stage} came to no report: {}", text(&result, "/error")),
                hint: "Run the demo with --provider understudy to see it without a model.".to_owned(),
            });
        }
        show::report(&self.session, &request, &text(&result, "/approval/display")).await?;
        Ok((result, request))
    }

    async fn approve(&self, request: &str) -> Result<(), Error> {
        let feedback = "the demo approves every stage; nobody has read this";
        self.decide(request, Decision::Approve, feedback, None).await
    }

    async fn decide(
        &self,
        request: &str,
        decision: Decision,
        feedback: &str,
        instructions: Option<&str>,
    ) -> Result<(), Error> {
        let verdict = Verdict {
            chosen: None,
            is_meant: false,
            request: request.to_owned(),
            decision,
            decided_by: DecidedBy::Policy,
            feedback: Some(feedback.to_owned()),
            revision_instructions: instructions.map(str::to_owned),
            responses: Map::new(),
            seen: None,
            nonce: None,
        };
        let settled = decide(&self.session, verdict).await?;
        let status = decision.status();
        print(&format!("\n<-- {status}, decided_by: policy (the demo); the run is {}\n", settled.run.phase))
    }

    /// The approved change: a CLI's where it wrote one that applies, else the script's, which the
    /// demo hands in as the orchestrator. Only an approved change may be applied.
    async fn implement(&mut self) -> Result<String, Error> {
        let (result, request) = self.reported("implement").await?;
        let diff = text(&result, "/stage_result/output/structured/diff");
        let by = text(&result, "/stage_result/output/provider");
        if by != UNDERSTUDY && !diff.trim().is_empty() {
            let tried = self.call("maestro_apply_patch", json!({ "patch": diff, "dry_run": true })).await?;
            if tried.get("ok") == Some(&Value::Bool(true)) {
                self.approve(&request).await?;
                return Ok(diff);
            }
        }
        let why = "no CLI wrote a diff that applies";
        self.decide(&request, Decision::Revise, why, Some("The orchestrator hands in its own change."))
            .await?;
        print(&format!(
            "\n    [script] {why}, so the demo hands in the first idea of an orchestrator:\n    the report looks items up by a SKU as it was typed.\n"
        ))?;
        let outputs = json!({
            "patch_plan": "Look items up by the normalised SKU in the report.",
            "files_to_change": ["inventory/report.py"],
            "diff": FIRST_DIFF,
            "verification_command": self.program.command(),
        });
        let asked = self
            .call("maestro_request_approval", json!({ "stage": "implement", "outputs": outputs }))
            .await?;
        let request = text(&asked, "/request_id");
        show::report(&self.session, &request, &text(&asked, "/display")).await?;
        self.approve(&request).await?;
        Ok(FIRST_DIFF.to_owned())
    }

    /// Applies a change. Returns the session of the backup.
    async fn apply(&mut self, diff: &str) -> Result<String, Error> {
        show::diff(&indented(diff))?;
        let applied = self.call("maestro_apply_patch", json!({ "patch": diff })).await?;
        print(&indented(&format!("changed: {}", applied.get("files_changed").unwrap_or(&Value::Null))))?;
        Ok(text(&applied, "/backup_session"))
    }

    /// Runs the program's own tests through the server; true where they pass.
    async fn verify(&mut self) -> Result<bool, Error> {
        let command = self.program.command();
        let result = self.call("maestro_verify", json!({ "commands": [{ "command": command }] })).await?;
        let failing = result.pointer("/results/0/metadata/failing").cloned().unwrap_or_default();
        let passed = result.get("all_passed") == Some(&Value::Bool(true));
        show::outcome(&indented(&format!("{}; failing: {failing}", text(&result, "/summary"))), passed)?;
        Ok(passed)
    }

    /// The first round of debug is the orchestrator's own: back to where it was, and the cause
    /// instead of the symptom.
    async fn debug(&mut self, backup: String) -> Result<(), Error> {
        let arguments = json!({ "stage": "debug", "task": TASK, "context_files": self.program.files() });
        let solo = self.call("maestro_run_stage_with_approval", arguments).await?;
        print(&indented(&format!("mode: {}: {}", text(&solo, "/mode"), text(&solo, "/why"))))?;
        self.call("maestro_restore_from_backup", json!({ "backup_session": backup })).await?;
        print(
            "\n    [script] the cause: `ship` books a SKU as it was typed, and everything else reads it normalised.\n\n",
        )?;
        self.apply(SECOND_DIFF).await?;
        let passed = self.verify().await?;
        let outputs = json!({
            "error_analysis": {
                "error_type": "KeyError, and a wrong list",
                "is_new_error": false,
                "is_related_to_change": false,
                "root_cause_theory": "`Ledger.ship` books the SKU as it was typed; the first change mended one reader of it only",
            },
            "next_action": { "type": "edit", "details": "normalise the SKU where goods leave, as `receive` does" },
        });
        let asked =
            self.call("maestro_request_approval", json!({ "stage": "debug", "outputs": outputs })).await?;
        let request = text(&asked, "/request_id");
        show::report(&self.session, &request, &text(&asked, "/display")).await?;
        self.approve(&request).await?;
        if passed {
            return Ok(());
        }
        Err(Error::Internal("the demo's script did not mend its program".to_owned()))
    }

    /// What it cost, and that the log is whole.
    async fn figures(&mut self) -> Result<ExitCode, Error> {
        let state = self.call("maestro_workflow_state", json!({ "workflow_id": self.workflow })).await?;
        print(&indented(&text(&state, "/summary")))?;
        for stage in state.pointer("/workflow/history").and_then(Value::as_array).into_iter().flatten() {
            let line = format!(
                "{:<12} {:<9} by {:<12} {} ({})",
                text(stage, "/stage"),
                text(stage, "/mode"),
                text(stage, "/provider"),
                text(stage, "/status"),
                text(stage, "/decided_by"),
            );
            print(&indented(&line))?;
        }
        let metrics = self.call("maestro_get_metrics", json!({})).await?;
        let shown = metrics.get("metrics").cloned().unwrap_or_default();
        print(&indented(&format!("{shown:#}")))?;
        let is_complete = text(&state, "/workflow/state") == "complete";
        Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The arguments of a call without what is long.
fn short(arguments: &Value) -> String {
    let fields = arguments.as_object().into_iter().flatten();
    let shown = fields
        .filter(|(name, _)| ["stage", "workflow_id", "backup_session", "commands"].contains(&name.as_str()));
    shown.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
}
