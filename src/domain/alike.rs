//! Names that are alike: what was meant by one that does not exist.

use super::order::Order;

/// Beginning of the name of every tool.
pub const PREFIX: &str = "maestro_";

/// How much two names are alike, from 0 to 1. Case, dashes, underscores, blanks and what the names of all tools
/// begin with do not matter.
pub fn likeness(one: &str, other: &str) -> f64 {
    let bare = |name: &str| {
        let name = name.to_lowercase();
        name.strip_prefix(PREFIX).unwrap_or(&name).replace(['_', '-', ' '], "")
    };
    let (one, other) = (bare(one), bare(other));
    strsim::jaro_winkler(&one, &other).max(strsim::normalized_damerau_levenshtein(&one, &other))
}

/// The likeness from which on one name may be a slip for the other.
pub const LIKE_ENOUGH: f64 = 0.8;

/// The known name that an unknown one was most likely meant to be.
pub fn meant<Name: AsRef<str>>(names: impl IntoIterator<Item = Name>, wanted: &str) -> Option<Name> {
    let nearest = nearest_first(names, wanted).into_iter().next();
    nearest.filter(|name| likeness(name.as_ref(), wanted) >= LIKE_ENOUGH)
}

/// Names, the most alike first.
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
