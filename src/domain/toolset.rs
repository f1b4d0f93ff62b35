//! Sets of tools that a user can select by name, so that a client loads only the tools that it needs.

use std::sync::LazyLock;

use serde::Deserialize;

use super::alike::PREFIX;
use super::packed;

/// A named set of tools.
#[derive(Deserialize)]
pub struct Toolset {
    pub name: String,
    /// The names of its tools, without the prefix of all tools.
    pub tools: Vec<String>,
}

/// The tool that every server has.
const ALWAYS: &str = "help";

/// The file of toolsets and presets.
#[derive(Default, Deserialize)]
struct Sets {
    toolsets: Vec<Toolset>,
    presets: Vec<Toolset>,
}

static SETS: LazyLock<Sets> = LazyLock::new(|| packed::read("src/domain/toolset.yaml"));

/// Every toolset, in the order of the reference.
pub fn toolsets() -> &'static [Toolset] {
    &SETS.toolsets
}

/// Selections of tools from several toolsets.
pub fn presets() -> &'static [Toolset] {
    &SETS.presets
}

fn all() -> impl Iterator<Item = &'static Toolset> {
    toolsets().iter().chain(presets())
}

/// The names of all toolsets and presets.
pub fn names() -> Vec<&'static str> {
    all().map(|set| set.name.as_str()).collect()
}

pub fn tool_names() -> impl Iterator<Item = String> {
    let bare =
        std::iter::once(ALWAYS).chain(toolsets().iter().flat_map(|set| set.tools.iter().map(String::as_str)));
    bare.map(|bare| format!("{PREFIX}{bare}"))
}

/// True if a tool belongs to one of the wanted sets or to every server. An empty list means all sets.
pub fn is_wanted(tool: &str, wanted: &[String]) -> bool {
    let bare = tool.strip_prefix(PREFIX).unwrap_or(tool);
    let has_it = |set: &Toolset| wanted.contains(&set.name) && set.tools.iter().any(|known| known == bare);
    wanted.is_empty() || bare == ALWAYS || all().any(has_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_share_no_tool() {
        let mut all: Vec<&str> =
            toolsets().iter().flat_map(|set| set.tools.iter().map(String::as_str)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), count), (45, 45));
    }

    #[test]
    fn presets_name_tools_of_the_sets() {
        for preset in presets() {
            let known = |tool: &String| toolsets().iter().any(|set| set.tools.contains(tool));
            assert!(preset.tools.iter().all(known), "{}", preset.name);
            assert!(!toolsets().iter().any(|set| set.name == preset.name));
        }
        let wanted = ["core".to_owned()];
        assert!(is_wanted("maestro_consult", &wanted) && !is_wanted("maestro_classify_task", &wanted));
    }

    #[test]
    fn what_was_asked_for_is_there_and_help_always() {
        let wanted = ["change".to_owned()];
        assert!(is_wanted("maestro_verify", &wanted) && is_wanted("maestro_help", &wanted));
        assert!(!is_wanted("maestro_consult", &wanted) && is_wanted("maestro_consult", &[]));
    }
}
