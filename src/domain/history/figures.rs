//! The figures of a project: one tally for each run, and one for what belongs to none.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::measure::cost::Cells;
use crate::domain::measure::record::entry;
use crate::domain::measure::tally::Tally;
use crate::domain::stage::Stage;
use crate::domain::workflow::{Phase, Run};

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Tallies by run and day; what belongs to no run under the empty name. Together they are all that was
/// counted, so nothing is counted twice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    tallies: HashMap<String, BTreeMap<u64, Tally>>,
}

impl Figures {
    /// Counts an event; `run` is its run as it was before.
    pub(super) fn apply(&mut self, event: &Event, run: Option<&Run>) {
        let Some(entry) = entry(event, run.and_then(worked_on)) else { return };
        let days = match self.tallies.get_mut(&event.run) {
            Some(days) => days,
            None => self.tallies.entry(event.run.clone()).or_default(),
        };
        days.entry(event.at / DAY).or_default().add(&entry);
    }

    pub(super) fn of(&self, run: &str) -> Option<Tally> {
        Some(merged(self.tallies.get(run)?.values()))
    }

    pub(super) fn cells_of(&self, run: &str) -> Cells {
        let mut all = Cells::new();
        for tally in self.tallies.get(run).into_iter().flat_map(BTreeMap::values) {
            for (key, cell) in &tally.cells {
                all.entry(key.clone()).or_default().merge(cell);
            }
        }
        all
    }

    pub(super) fn all(&self) -> Tally {
        merged(self.tallies.values().flat_map(BTreeMap::values))
    }

    pub(super) fn since(&self, start: u64) -> Tally {
        merged(self.tallies.values().flat_map(|days| days.range(start / DAY..).map(|(_, tally)| tally)))
    }
}

fn merged<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    let mut all = Tally::default();
    for tally in tallies {
        all.merge(tally);
    }
    all
}

/// The stage whose work a check of the project sees: the one that is being done, else the one that
/// was done last. A stage that is only next has done nothing yet.
fn worked_on(run: &Run) -> Option<Stage> {
    match &run.phase {
        Phase::Running(stage) => Some(*stage),
        Phase::Ready(_)
        | Phase::AwaitingApproval { .. }
        | Phase::Revising(_)
        | Phase::Stopped(_)
        | Phase::Complete => run.finished.last().map(|finished| finished.stage),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::Body;
    use crate::domain::event::consult::{ConsultSettled, Purpose};
    use crate::domain::event::record::Verified;
    use crate::domain::event::stage::{LowRisk, Mode, RunStarted, StageFinished};
    use crate::domain::history::History;
    use crate::domain::measure::entry::Verdict;

    fn finished(stage: Stage) -> Body {
        Body::StageFinished(StageFinished {
            attempt: String::new(),
            stage,
            iteration: 1,
            mode: Mode::Solo,
            why: String::new(),
            output: serde_json::Value::Null,
            provider: "orchestrator".to_owned(),
            candidates: Vec::new(),
            consults_used: 0,
            elapsed_ms: 3,
        })
    }

    fn started(stage: Stage) -> Body {
        Body::RunStarted(RunStarted {
            task: "t".to_owned(),
            start_stage: stage,
            low_risk: LowRisk::Ask,
            carried: 0,
            approvals: None,
            server: None,
        })
    }

    fn verified(passed: bool) -> Body {
        let status = if passed { "passed" } else { "failed" };
        let check = serde_json::json!({ "command": "c", "cwd": ".", "kind": "unit_test", "status": status, "elapsed_ms": 1 });
        Body::Verified(Verified {
            missing: Vec::new(),
            passed,
            summary: String::new(),
            checks: vec![serde_json::from_value(check).unwrap()],
        })
    }

    fn changed() -> Body {
        let changed = serde_json::json!({ "kind": "applied", "backup_session": "b", "files": [] });
        Body::Changed(serde_json::from_value(changed).unwrap())
    }

    fn fold(bodies: impl IntoIterator<Item = (&'static str, Body)>) -> History {
        let mut history = History::default();
        for (seq, (run, body)) in (1..).zip(bodies) {
            let (run, id) = (run.to_owned(), seq.to_string());
            history.apply(Event { seq, run, at: seq, id, rests_on: Vec::new(), body });
        }
        history
    }

    #[test]
    fn a_check_before_the_work_is_no_verdict_on_it() {
        let before = fold([("r", started(Stage::Implement)), ("r", verified(false))]);
        let tally = before.tally_of("r").unwrap();
        assert_eq!(tally.verifications[&Verdict::Failed], 1);
        assert_eq!(tally.runs["r"].success(), None);
        let after = fold([
            ("r", started(Stage::Implement)),
            ("r", finished(Stage::Implement)),
            ("r", verified(true)),
        ]);
        assert_eq!(after.tally_of("r").unwrap().runs["r"].success(), Some(true));
    }

    #[test]
    fn an_event_that_comes_twice_counts_once() {
        let mut history = fold([("r", started(Stage::Implement)), ("r", finished(Stage::Implement))]);
        let body = finished(Stage::Implement);
        let again =
            Event { seq: 2, run: "r".to_owned(), at: 2, id: "2".to_owned(), rests_on: Vec::new(), body };
        history.apply(again);
        assert_eq!(history.tally().stage_runs(), 1);
    }

    fn bodies() -> impl Strategy<Value = Body> {
        prop_oneof![
            Just(finished(Stage::Implement)),
            Just(changed()),
            any::<bool>().prop_map(verified),
            (any::<bool>(), 0_u64..1_000).prop_map(|(failed, elapsed_ms)| {
                Body::ConsultSettled(ConsultSettled {
                    reservation: String::new(),
                    stage: None,
                    purpose: Purpose::Plain,
                    provider: "codex".to_owned(),
                    model: String::new(),
                    told: crate::domain::served::ModelNote::default(),
                    code: failed.then(|| "timeout".to_owned()),
                    resets_at: None,
                    elapsed_ms,
                    attempts: 1,
                    input_tokens: Some(elapsed_ms),
                    output_tokens: None,
                    cost_usd: None,
                    estimate: None,
                    prompt: None,
                    response: None,
                    turn: None,
                })
            }),
        ]
    }

    #[test]
    fn days_are_told_apart() {
        let mut history = fold([("r", changed()), ("r", changed())]);
        let body = changed();
        let at = 3 * DAY + 5;
        history.apply(Event {
            seq: 9,
            run: "r".to_owned(),
            at,
            id: "9".to_owned(),
            rests_on: Vec::new(),
            body,
        });
        assert_eq!(history.tally_of("r").unwrap().patches.applied, 3);
        assert_eq!(history.tally_since(at).patches.applied, 1);
        assert_eq!(history.tally_since(DAY).patches.applied, 1);
        assert_eq!(history.tally_since(0).patches.applied, 3);
    }

    proptest! {
        #[test]
        fn runs_and_the_rest_make_up_the_project(
            events in proptest::collection::vec((prop_oneof![Just(""), Just("a"), Just("b")], bodies()), 0..60),
        ) {
            let history = fold(events.clone());
            let mut all = Tally::default();
            for run in ["", "a", "b"] {
                let alone = fold(events.iter().filter(|(of, _)| *of == run).cloned());
                let of = |history: &History| history.tally_of(run).map(|tally| tally.calls);
                prop_assert_eq!(of(&history), of(&alone));
                all.merge(&history.tally_of(run).unwrap_or_default());
            }
            prop_assert_eq!(&history.tally(), &all);
            let calls = events.iter().filter(|(_, body)| matches!(body, Body::ConsultSettled(_))).count();
            prop_assert_eq!(all.calls.total, u64::try_from(calls).unwrap());
        }
    }
}
