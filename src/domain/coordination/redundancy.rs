//! How alike the outputs of several agents are.

use std::collections::BTreeMap;

use super::{number, ratio};

/// Redundancy of outputs: their mean pairwise cosine similarity, 0 to 1 (the paper, section 4.1).
///
/// The paper compares embeddings; there is no model here, so an output is the vector of how often
/// each of its words occurs. None for fewer than two outputs that hold a word.
#[must_use]
pub fn redundancy<T: AsRef<str>>(outputs: &[T]) -> Option<f64> {
    let directions: Vec<BTreeMap<String, f64>> =
        outputs.iter().filter_map(|output| direction(output.as_ref())).collect();
    let count = number(u64::try_from(directions.len()).unwrap_or(u64::MAX));
    let mut sum: BTreeMap<&str, f64> = BTreeMap::new();
    for (word, share) in directions.iter().flatten() {
        *sum.entry(word).or_default() += share;
    }
    // The squared length of a sum of unit vectors is N plus twice the sum of their cosines, so no
    // pair has to be looked at.
    let squared: f64 = sum.values().map(|share| share * share).sum();
    ratio(squared - count, count * (count - 1.0)).map(|mean| mean.clamp(0.0, 1.0))
}

/// The vector of a text's words, of length 1.
fn direction(text: &str) -> Option<BTreeMap<String, f64>> {
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1.0;
    }
    let length = counts.values().map(|count| count * count).sum::<f64>().sqrt();
    for count in counts.values_mut() {
        *count = ratio(*count, length)?;
    }
    (!counts.is_empty()).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(left: Option<f64>, right: f64) -> bool {
        left.is_some_and(|left| (left - right).abs() < 1e-9)
    }

    #[test]
    fn the_same_is_one_and_the_unlike_is_none() {
        assert!(close(redundancy(&["the lock is taken", "The lock, is TAKEN."]), 1.0));
        assert!(close(redundancy(&["alpha beta", "gamma delta"]), 0.0));
        assert!(close(redundancy(&["a b", "a c"]), 0.5));
        assert!(close(redundancy(&["a", "a", "b"]), 1.0 / 3.0));
    }

    #[test]
    fn fewer_than_two_outputs_say_nothing() {
        assert_eq!(redundancy::<&str>(&[]), None);
        assert_eq!(redundancy(&["one"]), None);
        assert_eq!(redundancy(&["one", " ... "]), None);
    }

    proptest! {
        #[test]
        fn it_is_the_mean_over_pairs(outputs in proptest::collection::vec("[a-d]( [a-d]){0,6}", 2..6)) {
            let mut sum = 0.0;
            let mut pairs = 0.0;
            for (at, left) in outputs.iter().enumerate() {
                for right in outputs.iter().skip(at + 1) {
                    let (left, right) = (direction(left).unwrap(), direction(right).unwrap());
                    sum += left.iter().filter_map(|(word, share)| Some(share * right.get(word)?)).sum::<f64>();
                    pairs += 1.0;
                }
            }
            prop_assert!(close(redundancy(&outputs), sum / pairs));
        }

        #[test]
        fn order_does_not_matter(outputs in proptest::collection::vec("[a-d]( [a-d]){0,6}", 2..6)) {
            let mut turned = outputs.clone();
            turned.reverse();
            prop_assert!(close(redundancy(&turned), redundancy(&outputs).unwrap()));
        }
    }
}
