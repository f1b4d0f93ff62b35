use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::domain::approvals::DecidedBy;
use crate::domain::event::consult::{ConsultReserved, ConsultSettled, Purpose};
use crate::domain::event::stage::{LowRisk, Mode, RunStarted, StageFinished, StageStarted};
use crate::domain::event::{ApprovalDecided, ApprovalRequested, Decision, DialogOpened};
use crate::domain::served::ModelNote;
use crate::domain::stage::Stage;
use crate::host::seal_key::SealKey;
use crate::host::store::{Marks, MemoryStore, SqliteStore};

const RUNS: u64 = 500;

fn store(project: &Path, state: &Path) -> SqliteStore {
    let key = SealKey::of_user(state).unwrap();
    SqliteStore::new(project.to_owned()).with_marks(Some(Marks::new(state).sealed_by(&key)))
}

fn draft(id: &str, body: &serde_json::Value, kind: &str) -> Draft {
    let text = json!({ "id": id, "data": body }).to_string();
    let Event { id, rests_on, body, .. } = Event::read(1, String::new(), 1, kind, &text).unwrap();
    Draft { id, rests_on, body }
}

fn settled(number: u64) -> ConsultSettled {
    ConsultSettled {
        reservation: format!("reservation-{number}"),
        stage: Some(Stage::Analyze),
        purpose: Purpose::Candidate,
        provider: "codex".to_owned(),
        model: "m".to_owned(),
        told: ModelNote::default(),
        code: None,
        resets_at: None,
        limited_model: None,
        elapsed_ms: number,
        attempts: 1,
        input_tokens: Some(number),
        output_tokens: Some(3),
        cost_usd: Some(0.25),
        estimate: None,
        prompt: None,
        response: None,
        turn: None,
    }
}

/// A run that ends in one of several ways, or goes on.
fn a_run(number: u64) -> Vec<Draft> {
    let id = |what: &str| format!("{what}-{number}");
    let stage = Stage::Analyze;
    let started = RunStarted {
        task: format!("task {}", number % 7),
        start_stage: stage,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    };
    let began = StageStarted {
        stage,
        iteration: 1,
        mode: Mode::Consult,
        why: String::new(),
        request: id("asked"),
        server: "s".to_owned(),
        providers: vec!["codex".to_owned()],
    };
    let reserved = ConsultReserved {
        stage: Some(stage),
        purpose: Purpose::Candidate,
        provider: "codex".to_owned(),
        expected: None,
    };
    let finished = StageFinished {
        attempt: id("attempt"),
        stage,
        iteration: 1,
        mode: Mode::Consult,
        why: String::new(),
        output: json!({ "facts": [number] }),
        provider: "codex".to_owned(),
        candidates: Vec::new(),
        consults_used: 1,
        elapsed_ms: 3,
    };
    let asked = ApprovalRequested {
        stage,
        iteration: 1,
        report: json!({ "n": number }),
        display: "d".to_owned(),
        digest: "e".to_owned(),
        change: None,
    };
    let mut drafts = vec![
        Draft::new(id("run"), started),
        Draft::new(id("attempt"), began),
        Draft::new(id("reservation"), reserved),
        Draft::new(id("settled"), settled(number)),
        Draft::new(id("finished"), finished),
        Draft::new(id("request"), asked),
    ];
    let decision = match number % 4 {
        0 => Decision::Approve,
        1 => Decision::Reject,
        2 => Decision::Revise,
        _ => return drafts,
    };
    let decided = ApprovalDecided {
        request: id("request"),
        stage,
        decision,
        decided_by: DecidedBy::Relayed,
        opened: None,
        digest: "e".to_owned(),
        change: None,
        feedback: None,
        revision_instructions: Some("again".to_owned()),
        responses: BTreeMap::new(),
        chosen: None,
        unanswered_critical: Vec::new(),
    };
    drafts.push(Draft::new(id("decision"), decided));
    drafts.push(draft(
        &id("changed"),
        &json!({ "kind": "applied", "backup_session": id("b"), "files": [] }),
        "changed",
    ));
    let check =
        json!({ "command": "c", "cwd": ".", "kind": "unit_test", "status": "passed", "elapsed_ms": 1 });
    drafts.push(draft(
        &id("verified"),
        &json!({ "passed": true, "summary": "", "checks": [check] }),
        "verified",
    ));
    drafts
}

/// Events that belong to no run.
fn outside(number: u64) -> Vec<Draft> {
    let id = |what: &str| format!("{what}-{number}");
    let noted = |topic: &str, content: serde_json::Value| {
        draft(&id(topic), &json!({ "topic": topic, "content": content }), "noted")
    };
    let answers =
        json!([{ "provider": "codex", "correct": true }, { "provider": "gemini", "correct": null }]);
    vec![
        noted(
            "job",
            json!({ "what": "began", "job": id("job"), "tool": "t", "arguments": {}, "server": "s", "cause": "background", "since": 1 }),
        ),
        noted("vote", json!({ "answers": answers })),
        Draft::new(id("dialog"), DialogOpened { request: id("request"), server: "s".to_owned(), until: 9 }),
        draft(&id("used"), &json!({ "nonce": id("nonce") }), "state_used"),
    ]
}

fn fill(journal: &Journal) {
    for number in 0..RUNS {
        journal.record_now(&format!("run-{number}"), a_run(number)).unwrap();
        journal.record_now("", outside(number)).unwrap();
    }
}

/// Everything that a state says.
fn told(history: &History) -> Vec<String> {
    let mut said = vec![
        format!("{:?}", history.last_seq),
        format!("{:?}", history.pending().collect::<Vec<_>>()),
        format!("{:?}", history.latest_open(0)),
        format!("{:?}", history.backups_in_use()),
        format!("{:?}", history.runs().collect::<Vec<_>>()),
        format!("{:?}", history.requests()),
        format!("{:?}", history.tally()),
        format!("{:?}", history.tally_since(0)),
        format!("{:?}", history.questions),
        format!("{:?}", history.coordination),
        format!("{:?}", history.track_record),
        format!("{:?}", history.jobs),
        format!("{:?}", history.threads),
        format!("{:?}", history.spent),
        format!("{:?}", history.is_used("nonce-3")),
    ];
    for number in 0..RUNS {
        let run = format!("run-{number}");
        said.push(format!(
            "{} {:?} {:?}",
            history.last_of(&run),
            history.tally_of(&run),
            history.cells_of(&run)
        ));
        let (task, current) = (format!("task {}", number % 9), Some(run.as_str()));
        said.push(format!("{} {}", history.carried(&task, current), history.carried(&task, None)));
        said.push(format!("{:?}", history.open_of(&task, Stage::Analyze).map(|run| &run.id)));
        said.push(format!("{:?}", history.dialogs(&format!("request-{number}"), 0).collect::<Vec<_>>()));
    }
    said
}

fn look(journal: &Journal) -> Vec<String> {
    journal.read_now(told).unwrap()
}

#[test]
fn what_an_earlier_process_folded_is_the_state_of_the_log() {
    let (project, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = || Arc::new(store(project.path(), state.path()));
    fill(&Journal::new(open()));
    // A process that looks keeps what it folded.
    look(&Journal::new(open()));
    let kept = open().kept().unwrap();
    assert!(kept.seq >= KEEP_EVERY, "{}", kept.seq);
    let afresh = || Journal::new(Arc::new(SqliteStore::new(project.path().to_owned())));
    let journal = Journal::new(open());
    assert_eq!(look(&journal), look(&afresh()));
    // And what comes after it is folded into runs of before.
    for number in [0, 1, 2, 3, RUNS - 1] {
        let again = a_run(number)
            .into_iter()
            .skip(1)
            .map(|draft| Draft { id: format!("{}-again", draft.id), ..draft });
        journal.record_now(&format!("run-{number}"), again.collect()).unwrap();
    }
    assert_eq!(look(&journal), look(&afresh()));
    assert_eq!(look(&Journal::new(open())), look(&afresh()));
}

#[test]
fn a_fold_that_was_changed_or_belongs_elsewhere_is_as_if_it_were_not_there() {
    let (project, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = || Arc::new(store(project.path(), state.path()));
    fill(&Journal::new(open()));
    let before = look(&Journal::new(open()));
    let folds = |state: &Path| -> Vec<std::path::PathBuf> {
        let logs = std::fs::read_dir(state.join("logs")).unwrap();
        let files = logs.flat_map(|log| std::fs::read_dir(log.unwrap().path()).unwrap());
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "fold"))
            .collect()
    };
    let [file] = folds(state.path()).try_into().unwrap();
    let good = std::fs::read(&file).unwrap();
    assert!(open().kept().is_some());
    for at in [0, 20, good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        assert!(open().kept().is_none(), "byte {at}");
        assert_eq!(look(&Journal::new(open())), before, "byte {at}");
    }
    for bad in [&good[..good.len() / 2], b"", b"\n", b"{}\n\x80"] {
        std::fs::write(&file, bad).unwrap();
        assert!(open().kept().is_none());
    }
    // The fold of another user, and of another log of this user's.
    let (other, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (of, by) in [(project.path(), stranger.path()), (other.path(), state.path())] {
        let foreign = || Arc::new(store(of, by));
        if of == other.path() {
            fill(&Journal::new(foreign()));
        } else {
            foreign().adopt().unwrap();
        }
        look(&Journal::new(foreign()));
        let theirs = folds(by).into_iter().find(|path| *path != file).unwrap();
        std::fs::copy(theirs, &file).unwrap();
        assert!(open().kept().is_none());
        assert_eq!(look(&Journal::new(open())), before);
    }
}

/// A store that cannot read a single run, because the file is replaced at that moment.
struct WithoutRuns {
    store: MemoryStore,
    fold: Mutex<Option<Kept>>,
}

impl EventStore for WithoutRuns {
    fn append(
        &self,
        expected: Expected,
        run: &str,
        at: u64,
        records: &[Record],
    ) -> Result<Vec<Stored>, StoreError> {
        self.store.append(expected, run, at, records)
    }

    fn read_since(&self, after: u64, run: Option<&str>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        if run.is_some() { Err(StoreError::Replaced) } else { self.store.read_since(after, run, limit) }
    }

    fn show_since(
        &self,
        after: u64,
        limit: usize,
        see: &mut dyn FnMut(Shown<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        self.store.show_since(after, limit, see)
    }

    fn kept(&self) -> Option<Kept> {
        self.fold.lock().unwrap().clone()
    }

    fn keep(&self, seq: u64, fold: &dyn Fn() -> Option<Vec<u8>>) {
        *self.fold.lock().unwrap() = fold().map(|fold| Kept { seq, fold });
    }

    fn generation(&self) -> u64 {
        self.store.generation()
    }
}

#[test]
fn a_run_that_cannot_be_read_is_an_error_and_no_missing_run() {
    let store = Arc::new(WithoutRuns { store: MemoryStore::default(), fold: Mutex::default() });
    let filling = Journal::new(store.clone());
    fill(&filling);
    let before = look(&filling);
    let journal = Journal::new(store);
    let named = |history: &History| history.run("run-3").is_some();
    assert!(journal.read_now(|history| history.last_seq).unwrap() > KEEP_EVERY);
    assert!(journal.read_now(named).unwrap_err().retryable());
    // The next look folds the log from its first event.
    assert!(journal.read_now(named).unwrap());
    assert_eq!(look(&journal), before);
}
