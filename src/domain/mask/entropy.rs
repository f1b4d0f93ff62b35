//! The randomness of a value.

/// Shannon entropy in bits a byte: 0 for one letter repeated, about 4.5 for 40 random letters
/// and digits.
#[allow(clippy::cast_precision_loss)] // Lengths of secrets are far below 2^52.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f64;
    let seen = counts.into_iter().filter(|count| *count > 0);
    seen.map(|count| count as f64 / total).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::entropy;

    #[test]
    fn grows_with_variety() {
        assert!(entropy(b"") < f64::EPSILON);
        assert!(entropy(b"aaaaaaaa") < f64::EPSILON);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-9);
        assert!((entropy(b"abcdefgh") - 3.0).abs() < 1e-9);
    }
}
