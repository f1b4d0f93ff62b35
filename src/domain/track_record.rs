//! Counts of each provider's right and wrong answers at each stage and micro-step of this project. Answers
//! are judged by the person who decides on them, by the rules that discard them, by recorded results, and by
//! the oracles of calibrations. Consults, ensembles, stages, votes and calibrations ask a provider last where
//! it is weak.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beta::cautious_rate;
use super::microstep::{MicroStep, StepType};
use super::pairs;
use super::stage::Stage;
use crate::domain::order::Gather;

/// The least number of judged results that count as evidence.
pub(crate) const ENOUGH: u64 = 10;

/// The kind of question, as far as the records distinguish it. Both fields are None for an unknown kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    stage: Option<Stage>,
    step: Option<StepType>,
}

impl Work {
    /// Work on a stage; None if the stage is unknown.
    pub(crate) fn at(stage: Option<Stage>) -> Self {
        Self { stage, step: None }
    }

    pub(crate) fn on(step: &MicroStep) -> Self {
        Self { stage: Some(step.stage), step: Some(step.kind) }
    }
}

/// The stage or micro-step at which a result was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Place {
    Stage(Stage),
    Step(StepType),
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Stage(stage) => stage.name(),
            Self::Step(step) => step.name(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Judged {
    right: u64,
    wrong: u64,
}

impl Judged {
    fn total(self) -> u64 {
        self.right + self.wrong
    }
}

/// Every provider's record, by stage and micro-step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrackRecord {
    #[serde(with = "pairs")]
    judged: BTreeMap<Place, BTreeMap<String, Judged>>,
}

impl TrackRecord {
    /// Adds judged answers of a provider.
    pub(crate) fn judge(&mut self, place: Place, provider: &str, right: u64, wrong: u64) {
        let judged = self.judged.entry(place).or_default().entry(provider.to_owned()).or_default();
        judged.right += right;
        judged.wrong += wrong;
    }

    /// Adds one judged answer of a provider.
    pub(crate) fn judge_one(&mut self, place: Place, provider: &str, is_right: bool) {
        self.judge(place, provider, u64::from(is_right), u64::from(!is_right));
    }

    /// The providers that are weak at some work, with the reason. A provider is weak if it has at least
    /// [`ENOUGH`] judged results, and the share of right ones is not certain (nine times in ten) to reach the
    /// threshold. A micro-step uses its own record if that has enough results, else the record of its stage.
    pub(crate) fn weak(&self, work: Work, threshold: f64) -> BTreeMap<String, String> {
        let places = [work.stage.map(Place::Stage), work.step.map(Place::Step)];
        let mut known: BTreeMap<&String, (Place, Judged)> = BTreeMap::new();
        for place in places.into_iter().flatten() {
            let here = self.judged.get(&place).into_iter().flatten();
            known.extend(
                here.filter(|(_, judged)| judged.total() >= ENOUGH)
                    .map(|(provider, judged)| (provider, (place, *judged))),
            );
        }
        let why = |(provider, (place, judged)): (&String, (Place, Judged))| {
            let low = cautious_rate(judged.right, judged.wrong);
            let why = format!(
                "{provider} is asked last: {} of {} judged results at {} were right (at least {low:.2}, nine times in ten)",
                judged.right,
                judged.total(),
                place.name()
            );
            (low < threshold).then(|| (provider.clone(), why))
        };
        known.into_iter().filter_map(why).gather()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(right: u64, wrong: u64) -> TrackRecord {
        let mut record = TrackRecord::default();
        record.judge(Place::Stage(Stage::Analyze), "codex", right, wrong);
        record
    }

    fn is_weak(record: &TrackRecord, work: Work) -> bool {
        record.weak(work, 0.45).contains_key("codex")
    }

    #[test]
    fn ten_judged_results_and_a_low_share_of_right_ones_make_a_weak_provider() {
        for (right, wrong, weak) in
            [(0, 9, false), (0, 10, true), (5, 5, true), (8, 2, false), (30, 20, false), (20, 30, true)]
        {
            let record = record(right, wrong);
            assert_eq!(is_weak(&record, Work::at(Some(Stage::Analyze))), weak, "{right}:{wrong} {record:?}");
        }
        let bad = record(0, 50);
        assert!(!is_weak(&bad, Work::at(Some(Stage::Debug))), "a stage says nothing of another");
        assert!(!is_weak(&bad, Work::default()));
    }

    #[test]
    fn a_step_goes_by_its_own_record_before_that_of_its_stage() {
        let step = Work { stage: Some(Stage::Analyze), step: Some(StepType::S2EdgeCase) };
        let other = Work { step: Some(StepType::S3Mre), ..step };
        let mut record = record(0, 50);
        assert!(is_weak(&record, step));
        record.judge(Place::Step(StepType::S2EdgeCase), "codex", 9, 0);
        assert!(is_weak(&record, step), "nine results say nothing yet");
        record.judge(Place::Step(StepType::S2EdgeCase), "codex", 9, 0);
        assert!(!is_weak(&record, step) && is_weak(&record, other));
        record.judge(Place::Step(StepType::S2EdgeCase), "codex", 0, 60);
        let why = record.weak(step, 0.45)["codex"].clone();
        assert!(why.contains("18 of 78 judged results at s2_edge_case"), "{why}");
    }
}
