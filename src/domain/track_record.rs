//! How the answers of each provider at a stage were judged in this project: by whoever decided on them, by
//! the rules that discard, and by recorded results. Who is weak at a stage is asked last there.

use std::collections::BTreeMap;

use super::beta::cautious_rate;
use super::stage::Stage;

/// Judged results before they say anything.
pub(crate) const ENOUGH: u64 = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Judged {
    right: u64,
    wrong: u64,
}

/// Every provider's record, by stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrackRecord {
    judged: BTreeMap<(Stage, String), Judged>,
}

impl TrackRecord {
    /// An answer was judged. The orchestrator's own work is no provider's.
    pub(crate) fn judge(&mut self, stage: Stage, provider: &str, is_right: bool) {
        let judged = self.judged.entry((stage, provider.to_owned())).or_default();
        if is_right {
            judged.right += 1;
        } else {
            judged.wrong += 1;
        }
    }

    /// Providers that are weak at a stage, with the reason: of enough judged results so few were right that, nine times in
    /// ten, not even this share is sure.
    pub(crate) fn weak(&self, stage: Stage, threshold: f64) -> BTreeMap<String, String> {
        let at = |((of, provider), judged): (&(Stage, String), &Judged)| {
            let total = judged.right + judged.wrong;
            let low = cautious_rate(judged.right, judged.wrong);
            let is_weak = *of == stage && total >= ENOUGH && low < threshold;
            is_weak.then(|| {
                let why = format!(
                    "{provider} is asked last: {} of {total} judged results at {} were right (at least {low:.2}, nine times in ten)",
                    judged.right,
                    stage.name()
                );
                (provider.clone(), why)
            })
        };
        self.judged.iter().filter_map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(right: u64, wrong: u64) -> TrackRecord {
        let mut record = TrackRecord::default();
        (0..right).for_each(|_| record.judge(Stage::Analyze, "codex", true));
        (0..wrong).for_each(|_| record.judge(Stage::Analyze, "codex", false));
        record
    }

    #[test]
    fn ten_judged_results_and_a_low_share_of_right_ones_make_a_weak_provider() {
        for (right, wrong, is_weak) in
            [(0, 9, false), (0, 10, true), (5, 5, true), (8, 2, false), (30, 20, false), (20, 30, true)]
        {
            let weak = record(right, wrong).weak(Stage::Analyze, 0.45);
            assert_eq!(weak.contains_key("codex"), is_weak, "{right}:{wrong} {weak:?}");
        }
        assert!(record(0, 50).weak(Stage::Debug, 0.45).is_empty(), "a stage says nothing of another");
    }
}
