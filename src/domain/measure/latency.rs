//! Percentiles of durations, in bounded memory and independent of order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::number::shown;

/// Distinct durations that are kept as they are; beyond, they are gathered into buckets.
const EXACT: usize = 256;

/// Buckets in each power of two. A bucket's middle is at most 1/128 away from what is in it.
const BUCKETS: u64 = 64;

/// Durations in milliseconds. Which form it has depends on what was added alone, never on the order
/// or the grouping, so that parts can be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Number of durations that each one stands for: itself, or all of its bucket.
    counts: BTreeMap<u64, u64>,
    gathered: bool,
    range: Option<(u64, u64)>,
    total: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Each is one of the durations.
    Exact,
    /// Each is within 1 % of one of the durations.
    WithinOnePercent,
}

/// Known facts about durations, in milliseconds. Percentiles are nearest-rank.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The shortest.
    pub min_ms: u64,
    /// Half took at most this.
    pub p50_ms: u64,
    /// Nine of ten took at most this.
    pub p90_ms: u64,
    /// All but one of a hundred took at most this.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
    /// The mean.
    pub mean_ms: Option<f64>,
    /// The precision of the three between shortest and longest.
    pub precision: Precision,
}

impl Latency {
    /// Adds one duration.
    pub fn add(&mut self, elapsed_ms: u64) {
        let key = if self.gathered { bucket(elapsed_ms) } else { elapsed_ms };
        *self.counts.entry(key).or_default() += 1;
        self.total = self.total.saturating_add(elapsed_ms);
        self.widen((elapsed_ms, elapsed_ms));
        self.gather_if_needed();
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        if other.gathered {
            self.gather();
        }
        for (duration, count) in &other.counts {
            let key = if self.gathered { bucket(*duration) } else { *duration };
            *self.counts.entry(key).or_default() += count;
        }
        self.total = self.total.saturating_add(other.total);
        if let Some(range) = other.range {
            self.widen(range);
        }
        self.gather_if_needed();
    }

    /// All durations together.
    pub fn total_ms(&self) -> u64 {
        self.total
    }

    /// The percentiles; none where nothing was added.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let (min_ms, max_ms) = self.range?;
        let count: u64 = self.counts.values().sum();
        let at = |percent: u64| self.at(percent, count).clamp(min_ms, max_ms);
        Some(Percentiles {
            min_ms,
            p50_ms: at(50),
            p90_ms: at(90),
            p99_ms: at(99),
            max_ms,
            mean_ms: super::number::ratio(self.total, count).and_then(shown),
            precision: if self.gathered { Precision::WithinOnePercent } else { Precision::Exact },
        })
    }

    /// The smallest duration that at least this many percent do not exceed.
    fn at(&self, percent: u64, count: u64) -> u64 {
        let rank = count.saturating_mul(percent).div_ceil(100);
        let mut seen = 0;
        for (duration, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return *duration;
            }
        }
        u64::MAX
    }

    fn widen(&mut self, (low, high): (u64, u64)) {
        self.range = Some(self.range.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
    }

    fn gather_if_needed(&mut self) {
        if self.counts.len() > EXACT {
            self.gather();
        }
    }

    fn gather(&mut self) {
        if self.gathered {
            return;
        }
        self.gathered = true;
        for (duration, count) in std::mem::take(&mut self.counts) {
            *self.counts.entry(bucket(duration)).or_default() += count;
        }
    }
}

/// The middle of the bucket that a duration falls into; a middle falls into its own bucket.
fn bucket(elapsed_ms: u64) -> u64 {
    if elapsed_ms < 2 * BUCKETS {
        return elapsed_ms;
    }
    // The width is the power of two that leaves 64 to 127 buckets below the duration.
    let shift = elapsed_ms.ilog2() - BUCKETS.ilog2();
    ((elapsed_ms >> shift) << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[u64]) -> Latency {
        let mut latency = Latency::default();
        for duration in durations {
            latency.add(*duration);
        }
        latency
    }

    #[test]
    fn few_durations_are_exact() {
        assert_eq!(Latency::default().percentiles(), None);
        let found = of(&(1..=100).rev().collect::<Vec<_>>()).percentiles().unwrap();
        assert_eq!((found.p50_ms, found.p90_ms, found.p99_ms), (50, 90, 99));
        assert_eq!((found.min_ms, found.max_ms, found.precision), (1, 100, Precision::Exact));
        assert_eq!(of(&[7]).percentiles().unwrap().p99_ms, 7);
    }

    #[test]
    fn many_durations_stay_small_and_close() {
        let latency = of(&(0..100_000).map(|number| number * 7 + 3).collect::<Vec<_>>());
        assert!(latency.counts.len() < 1_200, "{}", latency.counts.len());
        let found = latency.percentiles().unwrap();
        assert_eq!(found.precision, Precision::WithinOnePercent);
        for (percentile, exact) in [(found.p50_ms, 349_996), (found.p90_ms, 629_996), (found.p99_ms, 692_996)]
        {
            assert!(percentile.abs_diff(exact) * 100 <= exact, "{percentile} {exact}");
        }
    }

    fn durations() -> impl Strategy<Value = Vec<u64>> {
        prop_oneof![
            proptest::collection::vec(0_u64..50, 0..40),
            proptest::collection::vec(0_u64..4_000_000, 200..400),
            proptest::collection::vec(any::<u64>(), 0..20),
        ]
    }

    proptest! {
        #[test]
        fn percentiles_rise_and_stay_within_the_range(durations in durations()) {
            if let Some(found) = of(&durations).percentiles() {
                prop_assert!(found.min_ms <= found.p50_ms && found.p50_ms <= found.p90_ms);
                prop_assert!(found.p90_ms <= found.p99_ms && found.p99_ms <= found.max_ms);
                prop_assert_eq!(Some(&found.min_ms), durations.iter().min());
                prop_assert_eq!(Some(&found.max_ms), durations.iter().max());
            }
        }

        #[test]
        fn parts_merge_to_the_whole(mut durations in durations(), cut in 0.0_f64..1.0) {
            let whole = of(&durations);
            durations.reverse();
            let cut = durations.iter().enumerate().filter(|(at, _)| {
                super::super::number::real(*at as u64)
                    < cut * super::super::number::real(durations.len() as u64)
            }).count();
            let (left, right) = durations.split_at(cut);
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged, whole);
        }

        #[test]
        fn a_bucket_is_near_and_its_middle_its_own(elapsed_ms in any::<u64>()) {
            let middle = bucket(elapsed_ms);
            prop_assert_eq!(bucket(middle), middle);
            prop_assert!(middle.abs_diff(elapsed_ms) <= elapsed_ms / 128);
        }
    }
}
