//! Similarity of answers, by the words in them.
//!
//! The paper compares embeddings (section 4.1: mean cosine similarity of the agents' outputs).
//! There is no embedding here, so an answer stands for how often each word occurs in it. That sees
//! repeated words and not repeated ideas: a paraphrase looks less alike than it is.

use std::collections::BTreeMap;

use super::number::real;

/// Beyond this, digits come from how floating-point numbers add up.
const PRECISION: f64 = 1e9;

/// Mean cosine similarity over all pairs of answers, from 0 (no word in common) to 1 (the same words
/// equally often). Answers without a word are left out; none below two others.
pub fn mean_pairwise<T: AsRef<str>>(answers: &[T]) -> Option<f64> {
    let mut vectors: Vec<Terms> =
        answers.iter().map(|answer| Terms::of(answer.as_ref())).filter(|terms| terms.length > 0.0).collect();
    // Sums of floating-point numbers depend on their order, and candidates come in any.
    vectors.sort_by(|left, right| left.counts.cmp(&right.counts));
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
