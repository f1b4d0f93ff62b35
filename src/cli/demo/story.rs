//! The story of the demo: the failing test, the text that a consultant gets, the stages with their decisions,
//! the change, the tests after it, and the record.
//!
//! No person takes part. The demo decides itself, and each decision is recorded as the policy's. It decides
//! only on runs that it began in its own project.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use serde_json::{Map, Value, json};

use super::{Client, Program, print};
use crate::cli::demo;
use crate::domain::approvals::DecidedBy;
use crate::domain::cut::{fitted, one_line as in_one_line, wrapping};
use crate::domain::event::Decision;
use crate::domain::report::Report;
use crate::domain::typed::from_value;
use crate::error::Error;
use crate::flow::approval::{Verdict, decide, find};
use crate::flow::kit::Kit;
use crate::host::process::Supervisor;
use crate::provider::understudy::NAME as UNDERSTUDY;

const TASK: &str = "Two tests of the stock ledger fail. Find out why and fix it with the smallest change.";

/// The diff of the demo, for the case that no CLI writes one that applies.
const DIFF: &str = include_str!("../../../demo/fix.diff");

/// Maximum number of shown findings of a stage.
const SHOWN_FINDINGS: usize = 2;

/// Maximum number of shown lines of an answer.
const SHOWN_LINES: usize = 12;

/// Maximum width of a line.
const WIDTH: usize = 78;

fn columns() -> usize {
    demo::width().unwrap_or(WIDTH).clamp(NARROWEST, WIDTH)
}

/// Minimum width of a line.
const NARROWEST: usize = 30;

pub(super) struct Story<'a> {
    client: &'a mut Client,
    /// The demo's own access to the project's log, in addition to the server's.
    kit: Kit,
    program: &'a Program,
    failure: &'a str,
    asked: Vec<String>,
    workflow: String,
    /// True if a page is served after the demo.
    leaves_page: bool,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        client: &'a mut Client,
        outer: &Kit,
        program: &'a Program,
        failure: &'a str,
        asked: Vec<String>,
        leaves_page: bool,
    ) -> Self {
        let own = outer.config.environment().iter().map(|(name, value)| (name.clone(), value.clone()));
        let project = ("CLAUDE_PROJECT_DIR".into(), program.directory.as_os_str().to_owned());
        let environment = own.chain([project]).collect();
        let kit = Kit::new(environment, &program.directory, Supervisor::new(None));
        Self { client, kit, program, failure, asked, workflow: String::new(), leaves_page }
    }

    pub(super) async fn tell(mut self) -> Result<ExitCode, Error> {
        if self.asked.iter().all(|name| name == UNDERSTUDY) {
            print(&folded("No model is asked and nothing is spent: fixed rules play the consultant."))?;
        }
        self.failing_test()?;
        self.material().await?;
        if !self.program.is_shipped {
            return self.consult().await;
        }
        let started = self.call("maestro_workflow_with_hitl", json!({ "task": TASK })).await?;
        self.workflow = text(&started, "/workflow_id");
        self.stage("3", "Analyze: what is certain", "analyze").await?;
        self.stage("4", "Hypothesize: why", "hypothesize").await?;
        let diff = self.implement().await?;
        let backup = self.apply(&diff).await?;
        if !self.tests_pass().await? {
            self.debug(&backup).await?;
        }
        self.stage("7", "Improve: what is left", "improve").await?;
        self.record().await
    }

    fn failing_test(&self) -> Result<(), Error> {
        heading("1", "A failing test", &self.program.directory.display().to_string())?;
        print(&format!("   $ {}\n", self.program.command()))?;
        demo::outcome(&indented(&symptoms(self.failure).join("\n")), false)
    }

    /// Shows the size of the text that a consultant gets, and the files in it.
    async fn material(&mut self) -> Result<(), Error> {
        let packed = self
            .call("maestro_pack_context", json!({ "files": self.program.files, "errors": [self.failure] }))
            .await?;
        heading("2", "All that a consultant sees", "text, in an empty directory, with no tools")?;
        let files: Vec<&str> = all(&packed, "/files").filter_map(|file| file.get("path")?.as_str()).collect();
        let letters = packed.pointer("/stats/total_chars").and_then(Value::as_u64).unwrap_or_default();
        let masked = packed.get("masked").and_then(Value::as_u64).unwrap_or_default();
        print(&wrapped(&format!(
            "the output of the tests, {}: {letters} characters, {masked} secrets masked",
            files.join(", ")
        )))
    }

    fn context(&self) -> Value {
        json!({ "context_files": self.program.files, "context_errors": [self.failure] })
    }

    /// Asks one question about the user's program. Nothing is changed, because no person can approve a change
    /// here.
    async fn consult(&mut self) -> Result<ExitCode, Error> {
        heading("3", "The answers", &self.asked.join(", "))?;
        let mut question = self.context();
        merge(
            &mut question,
            json!({
                "providers": self.asked,
                "task": "These tests fail. Name the most likely root cause, the evidence for it in the code shown, and one test that would prove you wrong.",
            }),
        );
        let ensemble = self.call("maestro_ensemble_generate", question).await?;
        for candidate in all(&ensemble, "/candidates") {
            print(&format!("   {} {}\n", text(candidate, "/provider"), text(candidate, "/model")))?;
            let said = match text(candidate, "/error").as_str() {
                "" => text(candidate, "/content"),
                error => format!("{error} {}", text(candidate, "/hint")),
            };
            let lines: Vec<&str> = said.lines().collect();
            for line in lines.iter().take(SHOWN_LINES) {
                print(&wrapped(line))?;
            }
            if lines.len() > SHOWN_LINES {
                print(&format!("   ... {} more lines\n", lines.len() - SHOWN_LINES))?;
            }
        }
        let next = "Nothing was changed. Say in Claude Code: /maestro-debug, to go on with approvals.";
        print(&format!("\n{}", folded(next)))?;
        demo::document(&json!({ "asked": self.asked, "answers": ensemble.get("candidates") }))?;
        let answered = ensemble.get("ok") == Some(&Value::Bool(true));
        Ok(if answered { ExitCode::SUCCESS } else { ExitCode::from(4) })
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Error> {
        let result = self.client.call(tool, arguments).await?;
        if result.get("ok") == Some(&Value::Bool(false)) && tool != "maestro_verify" {
            let said = format!("{tool}: {} [{}]", text(&result, "/error"), text(&result, "/code"));
            demo::outcome(&wrapped(&said), false)?;
        }
        Ok(result)
    }

    /// Runs a stage, shows the main points of its report, and approves it.
    async fn stage(&mut self, number: &str, title: &str, stage: &str) -> Result<(), Error> {
        let (_, request) = self.reported(stage).await?;
        let report = self.report(&request).await?;
        heading(number, title, &report.sources.join(", "))?;
        for finding in report.key_findings.iter().take(SHOWN_FINDINGS) {
            print(&one_line(finding.english()))?;
        }
        let more = report.key_findings.len().saturating_sub(SHOWN_FINDINGS);
        print(&format!("   and {more} more findings, {} risks\n", report.risks.len()))?;
        if let Some(risk) = report.risks.first() {
            print(&one_line(&format!("first risk: {}", risk.english())))?;
        }
        self.approve(&request).await
    }

    async fn approve(&self, request: &str) -> Result<(), Error> {
        self.decide(request, Decision::Approve, "the demo approves every stage", None).await?;
        demo::outcome("   approved (by the demo; in your project, only you can)\n", true)
    }

    /// Runs a stage. Returns its result and the id of the waiting request.
    async fn reported(&mut self, stage: &str) -> Result<(Value, String), Error> {
        let mut arguments = self.context();
        merge(&mut arguments, json!({ "stage": stage, "task": TASK, "providers": self.asked }));
        let result = self.call("maestro_run_stage_with_approval", arguments).await?;
        let request = text(&result, "/approval/request_id");
        if request.is_empty() {
            return Err(Error::Setup {
                reason: format!("{stage} came to no report: {}", text(&result, "/error")),
                hint: "Run `maestro-mcp demo` to see it without a model.".to_owned(),
            });
        }
        Ok((result, request))
    }

    async fn report(&self, request: &str) -> Result<Report, Error> {
        let found = find(&self.kit.log, request).await?;
        from_value(found.request.asked.report)
            .map_err(|error| Error::Internal(format!("the report of request {request}: {error}")))
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
            opened: None,
            feedback: Some(feedback.to_owned()),
            revision_instructions: instructions.map(str::to_owned),
            responses: Map::new(),
            seen: None,
            nonce: None,
        };
        decide(&self.kit, verdict).await.map(drop)
    }

    /// Runs the implement stage and returns the approved change. It is the CLI's change if that applies, or
    /// else the script's, handed in as the orchestrator. Only an approved change may be applied.
    async fn implement(&mut self) -> Result<String, Error> {
        let (result, request) = self.reported("implement").await?;
        let diff = text(&result, "/stage_result/output/structured/diff");
        let author = text(&result, "/stage_result/output/provider");
        if author != UNDERSTUDY && !diff.trim().is_empty() {
            let tried = self.call("maestro_apply_patch", json!({ "patch": diff, "dry_run": true })).await?;
            if tried.get("ok") == Some(&Value::Bool(true)) {
                heading("5", "Implement: the smallest change", &author)?;
                demo::diff(&diff)?;
                self.approve(&request).await?;
                return Ok(diff);
            }
        }
        let why = "no consultant wrote a diff that applies";
        self.decide(&request, Decision::Revise, why, Some("The orchestrator hands in its own change."))
            .await?;
        heading("5", "Implement: the smallest change", "from a script; rules write no code")?;
        demo::diff(DIFF)?;
        let outputs = json!({
            "patch_plan": "Normalise the SKU where goods leave, as `receive` does.",
            "files_to_change": ["inventory/stock.py"],
            "diff": DIFF,
            "verification_command": self.program.command(),
        });
        self.hand_in("implement", outputs).await?;
        Ok(DIFF.to_owned())
    }

    /// Hands in the demo's own output of a stage as the orchestrator, and approves it.
    async fn hand_in(&mut self, stage: &str, outputs: Value) -> Result<(), Error> {
        let asked =
            self.call("maestro_request_approval", json!({ "stage": stage, "outputs": outputs })).await?;
        self.approve(&text(&asked, "/request_id")).await
    }

    /// Applies a change. Returns the session of its backup.
    async fn apply(&mut self, diff: &str) -> Result<String, Error> {
        let applied = self.call("maestro_apply_patch", json!({ "patch": diff })).await?;
        let backup = text(&applied, "/backup_session");
        heading("6", "The patch, and the tests after it", "the approved change and no other")?;
        let files: Vec<&str> = all(&applied, "/files_changed").filter_map(Value::as_str).collect();
        print(&wrapped(&format!("changed {}; a backup can undo it", files.join(", "))))?;
        Ok(backup)
    }

    /// Runs the program's own tests through the server. True if they pass.
    async fn tests_pass(&mut self) -> Result<bool, Error> {
        let command = self.program.command();
        let result = self.call("maestro_verify", json!({ "commands": [{ "command": command }] })).await?;
        let passed = result.get("all_passed") == Some(&Value::Bool(true));
        demo::outcome(
            &wrapped(&format!("{}: {}", text(&result, "/summary"), self.program.command())),
            passed,
        )?;
        Ok(passed)
    }

    /// Undoes a CLI's change that did not work, and applies the script's instead.
    async fn debug(&mut self, backup: &str) -> Result<(), Error> {
        heading("6b", "Debug: take it back, and try again", "from the demo's script")?;
        self.call("maestro_run_stage_with_approval", json!({ "stage": "debug", "task": TASK })).await?;
        self.call("maestro_restore_from_backup", json!({ "backup_session": backup })).await?;
        demo::diff(DIFF)?;
        self.call("maestro_apply_patch", json!({ "patch": DIFF })).await?;
        if !self.tests_pass().await? {
            return Err(Error::Internal("the demo's script did not fix its program".to_owned()));
        }
        let outputs = json!({
            "error_analysis": {
                "error_type": "KeyError, and a wrong list",
                "is_new_error": false,
                "is_related_to_change": false,
                "root_cause_theory": "`Ledger.ship` books the SKU as it was typed; everything else reads it normalised",
            },
            "next_action": { "type": "edit", "details": "normalise the SKU where goods leave, as `receive` does" },
        });
        self.hand_in("debug", outputs).await
    }

    /// Shows the record and the next steps.
    async fn record(&mut self) -> Result<ExitCode, Error> {
        let state = self.call("maestro_workflow_state", json!({ "workflow_id": self.workflow })).await?;
        heading("8", "On record", "a log with a chain of hashes, .maestro/maestro.db")?;
        for stage in all(&state, "/workflow/history") {
            print(&wrapped(&format!(
                "{:<12} {:<9} by {:<13} {} ({})",
                text(stage, "/stage"),
                text(stage, "/mode"),
                text(stage, "/provider"),
                text(stage, "/status"),
                text(stage, "/decided_by"),
            )))?;
        }
        let directory = self.program.directory.display();
        let where_to = format!("The project stays in {directory}. The run and its decisions, in a browser:");
        print(&format!("\n{}", folded(&where_to)))?;
        if !(self.leaves_page && leave_page(&self.program.directory)) {
            print("   maestro-mcp page --open     # in that directory, in a terminal of your own\n")?;
        }
        print(
            "Next:\n\
             \x20  maestro-mcp demo --live     # the same with your own CLIs\n\
             \x20  maestro-mcp install         # register with Claude Code\n",
        )?;
        demo::document(&json!({
            "project": self.program.directory,
            "asked": self.asked,
            "workflow": state.get("workflow"),
            "next": ["maestro-mcp page --open", "maestro-mcp demo --live", "maestro-mcp install"],
        }))?;
        let is_complete = text(&state, "/workflow/state") == "complete";
        Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// Number of minutes for which the demo's page is served.
const PAGE_MINUTES: &str = "30";

/// Starts the page in the background, and it prints its address. False if it did not start.
fn leave_page(project: &Path) -> bool {
    let start = || {
        let mut page = std::process::Command::new(std::env::current_exe()?)
            .args(["page", "--minutes", PAGE_MINUTES])
            .current_dir(project)
            .env("CLAUDE_PROJECT_DIR", project)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        // The page closes all streams when it has shown its address, so this read ends then.
        let mut problem = String::new();
        if let Some(mut said) = page.stderr.take() {
            said.read_to_string(&mut problem)?;
        }
        Ok::<_, std::io::Error>(page.try_wait()?.is_none() && problem.is_empty())
    };
    start().unwrap_or(false)
}

fn heading(number: &str, title: &str, note: &str) -> Result<(), Error> {
    demo::heading(&format!("\n{}", folded(&format!("{number}. {title} ({note})"))))
}

/// The lines of a test run that report failures: errors, failing tests, and the total. If there are none, the
/// last lines.
fn symptoms(output: &str) -> Vec<String> {
    const MARKS: [&str; 5] = ["FAIL: ", "ERROR: ", "KeyError", "AssertionError", "FAILED"];
    let marked = output.lines().filter(|line| MARKS.iter().any(|mark| line.starts_with(mark)));
    let short = |line: &str| fitted(line, columns() - 3);
    let marked: Vec<String> = marked.map(short).collect();
    if !marked.is_empty() {
        return marked;
    }
    let lines: Vec<&str> = output.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)).copied().map(short).collect()
}

fn wrapped(text: &str) -> String {
    let options = wrapping(columns()).initial_indent("   ").subsequent_indent("     ");
    textwrap::wrap(text, options).iter().flat_map(|line| [line.as_ref(), "\n"]).collect()
}

/// Formats a text as one indented line, cut if it is too long.
fn one_line(text: &str) -> String {
    format!("   {}\n", fitted(&in_one_line(text), columns() - 3))
}

/// Wraps a text to the width of the story.
fn folded(text: &str) -> String {
    textwrap::fill(text, wrapping(columns())) + "\n"
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["   ", line, "\n"]).collect()
}

fn merge(base: &mut Value, more: Value) {
    if let (Value::Object(base), Value::Object(more)) = (base, more) {
        base.extend(more);
    }
}

fn all<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
