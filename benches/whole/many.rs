//! A large log of whole runs. The events have typical content.

use std::path::Path;

use maestro::testing::{
    Answered, ApprovalDecided, ApprovalRequested, Body, Candidate, Changed, Check, ConsultReserved,
    ConsultSettled, DecidedBy, Decision, Draft, EnsembleNoted, EventStore, Expected, Kept, Kind, LowRisk,
    Mode, ModelNote, Noted, Purpose, Record, RunStarted, SqliteStore, Stage, StageFinished, StageStarted,
    Status, Verified, new_id,
};
use serde_json::{Value, json};

/// Number of events in the log.
pub(crate) const EVENTS: usize = 100_000;

/// Fills the log in a directory.
pub(crate) fn fill(directory: &Path) {
    let store = SqliteStore::new(directory.to_owned());
    let mut written = 0;
    while written < EVENTS {
        let run = new_id();
        let mut events = a_run();
        events.truncate(EVENTS - written);
        written += append(&store, &run, &events);
        let outside: Vec<Draft> = (0..20.min(EVENTS - written))
            .map(|_| Draft::new(new_id(), settled(None, String::new())))
            .collect();
        written += append(&store, "", &outside);
    }
}

fn append(store: &SqliteStore, run: &str, events: &[Draft]) -> usize {
    let records: Vec<Record> = events
        .iter()
        .map(|draft| Record {
            run: run.to_owned(),
            kind: draft.body.kind().to_owned(),
            body: draft.text().unwrap(),
        })
        .collect();
    store.append(Expected::Any, run, 1, &records).unwrap();
    records.len()
}

/// The events of a whole run: every stage with two candidates and an approval, a patch and its checks.
fn a_run() -> Vec<Draft> {
    let started = RunStarted {
        task: sentence(120),
        start_stage: Stage::Analyze,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    let mut events = vec![Draft::new(new_id(), started)];
    for stage in Stage::ALL.iter().copied().filter(|stage| *stage != Stage::Debug) {
        a_stage(stage, &mut events);
        if stage == Stage::Implement {
            events.push(Draft::new(new_id(), changed()));
            events.push(Draft::new(new_id(), verified()));
        }
    }
    events
}

fn a_stage(stage: Stage, events: &mut Vec<Draft>) {
    let attempt = new_id();
    let mut add = |id: &str, body: Body| {
        events.push(Draft::new(id, body).on([attempt.clone()]));
    };
    let providers = ["codex", "gemini"];
    let started = StageStarted {
        stage,
        iteration: 1,
        mode: Mode::Ensemble,
        why: sentence(80),
        request: "a".repeat(64),
        server: new_id(),
        providers: providers.map(str::to_owned).to_vec(),
    };
    add(&attempt, started.into());
    let mut candidates = Vec::new();
    for provider in providers {
        let (reservation, provider) = (new_id(), provider.to_owned());
        let reserved = ConsultReserved {
            stage: Some(stage),
            purpose: Purpose::Candidate,
            provider: provider.clone(),
            expected: None,
        };
        add(&reservation, reserved.into());
        add(&new_id(), settled(Some(stage), reservation).into());
        let candidate = Candidate {
            id: format!("{provider}-1"),
            ok: true,
            provider,
            model: "a-model".to_owned(),
            content: output().to_string(),
            structured: Some(output()),
            elapsed_ms: 4_000,
            consults: 1,
            ..Candidate::default()
        };
        candidates.push(candidate.clone());
        add(&new_id(), Answered { attempt: attempt.clone(), stage, candidate }.into());
    }
    let finished = StageFinished {
        attempt: attempt.clone(),
        stage,
        iteration: 1,
        mode: Mode::Ensemble,
        why: sentence(80),
        output: output(),
        provider: "codex".to_owned(),
        candidates,
        consults_used: 2,
        elapsed_ms: 5_000,
    };
    add(&new_id(), finished.into());
    let compared = EnsembleNoted { answers: 2, redundancy: Some(0.5), task: None, context_files: Vec::new() };
    add(&new_id(), Noted::of(&compared).unwrap().into());
    let request = new_id();
    let asked = ApprovalRequested {
        stage,
        iteration: 1,
        report: json!({ "output": output(), "risks": [sentence(100)], "questions": [sentence(100), sentence(100)] }),
        display: sentence(1_500),
        digest: "b".repeat(64),
        change: None,
    };
    add(&request, asked.into());
    let decided = ApprovalDecided {
        request,
        stage,
        decision: Decision::Approve,
        decided_by: DecidedBy::Elicitation,
        opened: None,
        digest: "b".repeat(64),
        change: None,
        feedback: Some(sentence(60)),
        revision_instructions: None,
        responses: std::collections::BTreeMap::new(),
        chosen: None,
        unanswered_critical: Vec::new(),
    };
    add(&new_id(), decided.into());
}

pub(crate) fn settled(stage: Option<Stage>, reservation: String) -> ConsultSettled {
    let kept = |chars: usize| Kept { chars: 1, sha256: "c".repeat(64), text: Some(sentence(chars)) };
    ConsultSettled {
        reservation,
        stage,
        purpose: if stage.is_some() { Purpose::Candidate } else { Purpose::Plain },
        provider: "codex".to_owned(),
        model: "a-model".to_owned(),
        told: ModelNote::default(),
        code: None,
        resets_at: None,
        limited_model: None,
        elapsed_ms: 4_321,
        attempts: 1,
        input_tokens: Some(1_200),
        output_tokens: Some(300),
        cost_usd: Some(0.01),
        estimate: None,
        prompt: Some(kept(400)),
        response: Some(kept(400)),
        turn: None,
    }
}

fn changed() -> Changed {
    let file = json!({ "path": "src/a.py", "before": "d".repeat(64), "after": "e".repeat(64) });
    let changed = json!({
        "kind": "applied", "backup_session": new_id(), "files": [file], "patch_sha256": "d".repeat(64),
    });
    serde_json::from_value(changed).unwrap()
}

fn verified() -> Verified {
    let check = Check {
        proof: None,
        command: "python3 -m pytest -q".to_owned(),
        cwd: ".".to_owned(),
        kind: Kind::UnitTest,
        status: Status::Passed,
        exit_code: Some(0),
        failing: Vec::new(),
        elapsed_ms: 900,
    };
    Verified {
        passed: true,
        summary: "1 of 1 checks passed".to_owned(),
        checks: vec![check],
        missing: Vec::new(),
    }
}

/// A minimal output of a stage.
fn output() -> Value {
    json!({
        "summary": sentence(120),
        "facts": [sentence(80), sentence(80), sentence(80)],
        "files": [{ "path": "src/a.py", "line": 12 }, { "path": "src/b.py", "line": 30 }],
        "confidence": 0.8,
    })
}

fn sentence(chars: usize) -> String {
    "the mean of an empty list is not a number, says the test in line 12. "
        .chars()
        .cycle()
        .take(chars)
        .collect()
}
