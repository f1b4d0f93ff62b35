//! Patterns such as `src/**/*.py`.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;
use ignore::WalkBuilder;

use super::{Found, Project, Refusal};
use crate::domain::order::Order;

/// Entries looked at for one pattern, so that a pattern over a huge tree still ends.
const MOST_ENTRIES: usize = 200_000;

pub(super) fn is_pattern(given: &str) -> bool {
    given.contains(['*', '?', '[', '{'])
}

/// The files that fit a pattern, by name. Files that `.gitignore` names and hidden ones are passed
/// over, as a search would; secrets and links that lead out are passed over as if not there.
pub(super) fn expand(project: &Project, pattern: &str) -> Result<Vec<Found>, Refusal> {
    let matcher = GlobBuilder::new(pattern.trim_start_matches("./"))
        .literal_separator(true)
        .build()
        .map_err(|error| Refusal::BadPattern(error.kind().to_string()))?
        .compile_matcher();
    if project.leads_out(Path::new(pattern)) {
        return Err(Refusal::Outside);
    }
    let mut found: HashSet<Found> = HashSet::new();
    let mut looked_at = 0;
    for root in &project.roots {
        for entry in WalkBuilder::new(root.join(literal_start(pattern)))
            .follow_links(false)
            .require_git(false)
            .build()
            .filter_map(Result::ok)
        {
            looked_at += 1;
            if looked_at > MOST_ENTRIES {
                return Err(Refusal::TooBroad(MOST_ENTRIES));
            }
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap_or(path);
            if (matcher.is_match(name) || matcher.is_match(path))
                && let Ok(file) = project.resolve(path)
            {
                found.insert(file);
            }
        }
    }
    if found.is_empty() {
        return Err(Refusal::NoMatch);
    }
    let mut found: Vec<Found> = found.into_iter().collect();
    found.order_by(|left, right| left.shown.cmp(&right.shown));
    Ok(found)
}

/// The directory in front of the first wildcard: nothing else needs to be walked.
fn literal_start(pattern: &str) -> PathBuf {
    let components: Vec<Component<'_>> = Path::new(pattern).components().collect();
    components
        .iter()
        .take(components.len().saturating_sub(1))
        .take_while(|component| !is_pattern(&component.as_os_str().to_string_lossy()))
        .collect()
}

/// The file that is most like a name, where one is like it at all.
pub(super) fn nearest(project: &Project, given: &str) -> Option<String> {
    const MOST_LOOKED_AT: usize = 20_000;
    const LIKE_ENOUGH: f64 = 0.75;
    let name_of = |path: &str| path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let wanted = (given.trim_start_matches("./").to_lowercase(), name_of(given));
    let files = project.roots.iter().flat_map(|root| {
        WalkBuilder::new(root).follow_links(false).require_git(false).build().filter_map(Result::ok)
    });
    let likeness = |shown: &str| {
        let by_name = strsim::normalized_damerau_levenshtein(&name_of(shown), &wanted.1);
        let by_path = strsim::normalized_damerau_levenshtein(&shown.to_lowercase(), &wanted.0);
        (by_name.max(by_path), by_path)
    };
    files
        .take(MOST_LOOKED_AT)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .filter_map(|entry| project.resolve(entry.path()).ok())
        .map(|found| (likeness(&found.shown), found.shown))
        .filter(|((likeness, _), _)| *likeness >= LIKE_ENOUGH)
        .max_by(|(left, _), (right, _)| left.0.total_cmp(&right.0).then(left.1.total_cmp(&right.1)))
        .map(|(_, shown)| shown)
}
