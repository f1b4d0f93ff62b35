//! Similar names: finds the known name that a misspelt one was meant to be.

use super::order::Order;

/// Prefix of the name of every tool.
pub const PREFIX: &str = "maestro_";

/// Similarity of two names, from 0 to 1. Ignores case, dashes, underscores, blanks and the prefix of tools.
pub fn likeness(one: &str, other: &str) -> f64 {
    let bare = |name: &str| {
        let name = name.to_lowercase();
        name.strip_prefix(PREFIX).unwrap_or(&name).replace(['_', '-', ' '], "")
    };
    let (one, other) = (bare(one), bare(other));
    strsim::jaro_winkler(&one, &other).max(strsim::normalized_damerau_levenshtein(&one, &other))
}

/// Minimum similarity at which one name may be a misspelling of the other.
pub const LIKE_ENOUGH: f64 = 0.8;

/// The known name most similar to an unknown one. `None` if no name is similar enough.
pub fn meant<Name: AsRef<str>>(names: impl IntoIterator<Item = Name>, wanted: &str) -> Option<Name> {
    let nearest = nearest_first(names, wanted).into_iter().next();
    nearest.filter(|name| likeness(name.as_ref(), wanted) >= LIKE_ENOUGH)
}

/// Sorts names by similarity, the most similar first.
pub fn nearest_first<Name: AsRef<str>>(names: impl IntoIterator<Item = Name>, wanted: &str) -> Vec<Name> {
    let mut ranked: Vec<(f64, Name)> =
        names.into_iter().map(|name| (likeness(name.as_ref(), wanted), name)).collect();
    ranked.order_by(|(left, _), (right, _)| right.total_cmp(left));
    ranked.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_names_have_does_not_count() {
        assert!((likeness("maestro_verify", "VERIFY") - 1.0).abs() < f64::EPSILON);
        assert!((likeness("max-rounds", "max_rounds") - 1.0).abs() < f64::EPSILON);
        assert_eq!(nearest_first(["consult", "verify", "review"], "verfiy"), ["verify", "review", "consult"]);
    }
}
