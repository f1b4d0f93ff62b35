//! Sums that do not depend on order, rounding, durations and similarity. Every number is finite.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::domain::order::Order;

/// Converts a count to a real number.
#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds stay far below 2^53")]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// A share or a mean of counts. `None` if the divisor is 0.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    quotient(real(part), real(whole))
}

/// The quotient of two numbers. `None` if the divisor is not above 0.
pub fn quotient(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Rounds a figure for results to four decimals. `None` if it is not a finite number.
pub fn shown(value: f64) -> Option<f64> {
    let rounded = (value * 1e4).round() / 1e4;
    // Adding zero turns a negative zero into a positive one.
    if rounded.is_finite() { Some(rounded + 0.0) } else { Some(value).filter(|value| value.is_finite()) }
}

/// A sum in whole billionths, because sums of floating-point numbers depend on the order of addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sum(u64);

impl Sum {
    const UNITS: f64 = 1e9;

    /// Converts a number from 0 on. `None` if it is negative or not finite.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a number from 0 on stops at the greatest one"
    )]
    pub fn of(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then(|| Self((value * Self::UNITS).round() as u64))
    }

    /// The sum as a floating-point number.
    pub fn value(self) -> f64 {
        real(self.0) / Self::UNITS
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

/// Maximum number of distinct durations that are kept exactly. With more, durations are kept in buckets.
const EXACT: usize = 256;

/// Number of buckets for each power of two. The middle of a bucket differs from its values by at most 1/128.
const BUCKETS: u64 = 64;

/// A collection of durations in milliseconds. Its state depends only on the values, not on their order or
/// grouping, so that parts can be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Number of durations for each value, or for the middle of each bucket.
    counts: BTreeMap<u64, u64>,
    gathered: bool,
    range: Option<(u64, u64)>,
    total: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Each figure is one of the durations.
    Exact,
    /// Each figure differs by at most 1 % from one of the durations.
    WithinOnePercent,
}

/// Percentiles of durations in milliseconds, by nearest rank.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The shortest duration.
    pub min_ms: u64,
    /// Half took at most this long.
    pub p50_ms: u64,
    /// 90 percent took at most this long.
    pub p90_ms: u64,
    /// 99 percent took at most this long.
    pub p99_ms: u64,
    /// The longest duration.
    pub max_ms: u64,
    pub mean_ms: Option<f64>,
    /// Precision of the three percentiles.
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

    /// Adds all durations of another collection.
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

    /// The sum of all durations.
    pub fn total_ms(&self) -> u64 {
        self.total
    }

    /// The percentiles. `None` without durations.
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
            mean_ms: ratio(self.total, count).and_then(shown),
            precision: if self.gathered { Precision::WithinOnePercent } else { Precision::Exact },
        })
    }

    /// The smallest value that at least `percent` percent of the `count` durations do not exceed.
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

/// The middle of a duration's bucket. The bucket of a middle is the same one.
fn bucket(elapsed_ms: u64) -> u64 {
    if elapsed_ms < 2 * BUCKETS {
        return elapsed_ms;
    }
    // The width is the power of two that leaves 64 to 127 buckets below the duration.
    let shift = elapsed_ms.ilog2() - BUCKETS.ilog2();
    ((elapsed_ms >> shift) << shift) + (1 << shift) / 2
}

// Similarity of answers by their words.
//
// The paper compares embeddings (section 4.1: mean cosine similarity of the agents' outputs). Without
// embeddings, an answer is represented by the counts of its words. That detects repeated words, not repeated
// ideas: a paraphrase looks less similar than it is.

/// Rounding of the mean: digits beyond it depend on the order of floating-point sums.
const PRECISION: f64 = 1e9;

/// Mean cosine similarity over all pairs of answers, from 0 (no common word) to 1 (the same words equally
/// often). Answers without words are ignored. `None` for fewer than two answers with words.
pub fn mean_pairwise<T: AsRef<str>>(answers: &[T]) -> Option<f64> {
    let mut vectors: Vec<Terms> =
        answers.iter().map(|answer| Terms::of(answer.as_ref())).filter(|terms| terms.length > 0.0).collect();
    // Sums of floating-point numbers depend on their order, and the order of candidates varies.
    vectors.order_by(|left, right| left.counts.cmp(&right.counts));
    let mut sum = 0.0;
    let mut pairs = 0;
    let mut rest = vectors.as_slice();
    while let Some((first, others)) = rest.split_first() {
        for other in others {
            sum += first.cosine(other);
            pairs += 1;
        }
        rest = others;
    }
    (pairs > 0).then(|| (sum / real(pairs) * PRECISION).round() / PRECISION).map(|mean| mean.clamp(0.0, 1.0))
}

struct Terms {
    counts: BTreeMap<String, u64>,
    length: f64,
}

impl Terms {
    fn of(text: &str) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for word in text.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            if !word.is_empty() {
                *counts.entry(word.to_lowercase()).or_default() += 1;
            }
        }
        let length = counts.values().map(|count| real(*count).powi(2)).sum::<f64>().sqrt();
        Self { counts, length }
    }

    fn cosine(&self, other: &Self) -> f64 {
        let product: f64 = self
            .counts
            .iter()
            .filter_map(|(word, count)| Some(real(*count) * real(*other.counts.get(word)?)))
            .sum();
        product / (self.length * other.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_divides_by_nothing() {
        assert_eq!(ratio(0, 0), None);
        assert_eq!(ratio(1, 4), Some(0.25));
    }

    #[test]
    fn only_numbers_are_shown() {
        assert_eq!(shown(f64::NAN), None);
        assert_eq!(shown(f64::INFINITY), None);
        assert_eq!(shown(0.123_456), Some(0.1235));
        assert_eq!(shown(f64::MAX), Some(f64::MAX));
        assert!(shown(-0.000_001).unwrap().is_sign_positive());
    }

    #[test]
    fn what_is_no_amount_is_not_added() {
        for bad in [f64::NAN, f64::INFINITY, -0.01] {
            assert_eq!(Sum::of(bad), None);
        }
        let mut sum = Sum::default();
        for _ in 0..10 {
            sum += Sum::of(0.1).unwrap();
        }
        assert!((sum.value() - 1.0).abs() < f64::EPSILON);
    }

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
                super::real(*at as u64)
                    < cut * super::real(durations.len() as u64)
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

    #[test]
    fn one_answer_repeats_nothing() {
        assert_eq!(mean_pairwise::<&str>(&[]), None);
        assert_eq!(mean_pairwise(&["a cache is stale"]), None);
        assert_eq!(mean_pairwise(&["a cache is stale", "", " ... "]), None);
    }

    #[test]
    fn likeness_follows_the_words() {
        let of = |left: &str, right: &str| mean_pairwise(&[left, right]).unwrap();
        assert!((of("The cache is stale.", "the CACHE is stale") - 1.0).abs() < 1e-12);
        assert!(of("alpha beta", "gamma delta").abs() < 1e-12);
        assert!((of("alpha beta", "alpha gamma") - 0.5).abs() < 1e-12);
        assert!((of("캐시 오류", "캐시 만료") - 0.5).abs() < 1e-12);
        // 1, 0.5 and 0.5 over three pairs.
        let three = mean_pairwise(&["alpha beta", "alpha beta", "alpha gamma"]).unwrap();
        assert!((three - 2.0 / 3.0).abs() < 1e-8);
    }

    proptest! {
        #[test]
        fn it_is_a_share_and_the_order_does_not_matter(
            (answers, shuffled) in proptest::collection::vec("[a-d ]{0,12}|\\PC{0,20}", 0..6)
                .prop_flat_map(|answers| (Just(answers.clone()), Just(answers).prop_shuffle())),
        ) {
            let found = mean_pairwise(&answers);
            prop_assert_eq!(found, mean_pairwise(&shuffled));
            prop_assert!(found.is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
    }
}
