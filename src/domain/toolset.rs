//! Sets of tools that a user can ask for by name, so that a client loads only what it needs.

/// A named set of tools.
pub struct Toolset {
    /// Its name.
    pub name: &'static str,
    /// Its purpose, as the heading of its tools.
    pub heading: &'static str,
    /// Its tools, without what all of ours begin with.
    pub tools: &'static [&'static str],
}

pub const PREFIX: &str = "maestro_";

/// The tool that every server has.
const ALWAYS: &str = "help";

/// Every set, in the order in which the reference explains them.
pub const TOOLSETS: &[Toolset] = &[
    Toolset {
        name: "consult",
        heading: "asking",
        tools: &[
            "list_providers",
            "consult",
            "consult_with_role",
            "ensemble_generate",
            "review",
            "threads",
            "job",
            "pack_context",
            "get_skill",
            "get_role",
            "get_schema",
        ],
    },
    Toolset {
        name: "change",
        heading: "checking and changing",
        tools: &["verify", "apply_patch", "restore_from_backup"],
    },
    Toolset {
        name: "workflow",
        heading: "the gated workflow",
        tools: &[
            "workflow_with_hitl",
            "run_stage",
            "run_stage_with_approval",
            "request_approval",
            "submit_approval",
            "get_pending_approvals",
            "get_approval_history",
            "get_stage_questions",
            "workflow_state",
        ],
    },
    Toolset {
        name: "evidence",
        heading: "the record",
        tools: &["log_evidence", "get_evidence_chain", "get_metrics"],
    },
    Toolset {
        name: "consensus",
        heading: "voting and choosing",
        tools: &[
            "consensus_vote",
            "vote_micro_step",
            "get_micro_steps",
            "calibrate",
            "red_flag_check",
            "validate_content",
            "select_best",
        ],
    },
    Toolset {
        name: "coordination",
        heading: "one agent or several",
        tools: &[
            "classify_task",
            "select_architecture",
            "get_stage_strategy",
            "get_coordination_policy",
            "check_degradation",
            "record_coordination_result",
            "get_coordination_stats",
        ],
    },
    Toolset {
        name: "toolbox",
        heading: "tools at hand",
        tools: &["recommend_tools", "enter_stage", "enter_skill", "exit_stage", "get_loaded_tools"],
    },
];

/// Choices of tools over several sets, for clients that load every tool they are offered.
pub const PRESETS: &[Toolset] = &[
    Toolset {
        name: "core",
        heading: "what most users need",
        tools: &[
            "list_providers",
            "consult",
            "ensemble_generate",
            "review",
            "workflow_with_hitl",
            "run_stage_with_approval",
            "request_approval",
            "submit_approval",
            "workflow_state",
            "verify",
            "apply_patch",
            "restore_from_backup",
            "select_best",
            "consensus_vote",
            "get_evidence_chain",
            "get_metrics",
        ],
    },
    Toolset {
        name: "ask",
        heading: "opinions alone: nothing is changed, run or decided",
        tools: &["list_providers", "consult", "ensemble_generate", "pack_context", "consensus_vote"],
    },
];

/// The names of all sets and presets.
pub fn names() -> Vec<&'static str> {
    TOOLSETS.iter().chain(PRESETS).map(|set| set.name).collect()
}

/// The names of all tools.
pub fn tool_names() -> impl Iterator<Item = String> {
    let bare = std::iter::once(ALWAYS).chain(TOOLSETS.iter().flat_map(|set| set.tools.iter().copied()));
    bare.map(|bare| format!("{PREFIX}{bare}"))
}

/// True if a tool belongs to one of the sets that were asked for; none asked for are all.
pub fn is_wanted(tool: &str, wanted: &[String]) -> bool {
    let bare = tool.strip_prefix(PREFIX).unwrap_or(tool);
    let asked_for = |set: &&Toolset| wanted.iter().any(|name| name == set.name);
    wanted.is_empty()
        || bare == ALWAYS
        || TOOLSETS.iter().chain(PRESETS).filter(asked_for).any(|set| set.tools.contains(&bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_share_no_tool() {
        let mut all: Vec<&str> = TOOLSETS.iter().flat_map(|set| set.tools.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), count), (45, 45));
    }

    #[test]
    fn presets_name_tools_of_the_sets() {
        let known = |tool: &str| TOOLSETS.iter().any(|set| set.tools.contains(&tool));
        for preset in PRESETS {
            assert!(preset.tools.iter().all(|tool| known(tool)), "{}", preset.name);
            assert!(!TOOLSETS.iter().any(|set| set.name == preset.name));
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
