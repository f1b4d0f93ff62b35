use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SHIPPED: &str = include_str!("../../../conf/skill_manifest.yaml");

fn manifest() -> Manifest {
    Manifest::from_yaml(SHIPPED).unwrap()
}

const LIMITS: Limits<'static> = Limits { max_tools: 10, cost: &|tool| Some(tool.len()) };

fn entered(stage: Stage) -> Toolbox {
    let mut toolbox = Toolbox::default();
    toolbox.enter_stage(stage);
    toolbox
}

#[test]
fn the_manifest_is_that_of_the_contract() {
    let contract: Value =
        serde_json::from_str(include_str!("../../../tests/data/skill_manifest.json")).unwrap();
    let manifest = manifest();
    assert_eq!(json!(manifest.core_tools), contract["policies"]["core_tools"]);
    let skills = contract["skills"].as_array().unwrap();
    assert_eq!(manifest.names().len(), skills.len());
    for skill in skills {
        let ours = json!(manifest.skill(skill["name"].as_str().unwrap()).unwrap());
        for key in ["stage", "priority", "micro_steps", "required_tools", "optional_tools"] {
            assert_eq!(ours[key], skill[key], "{skill}");
        }
    }
    for &stage in Stage::ALL {
        assert_eq!(json!(manifest.budget(stage)), contract["policies"]["stage_budgets"][stage.name()]);
    }
}

#[test]
fn hypothesize_loads_ten_of_eleven_always_the_same() {
    let loading = entered(Stage::Hypothesize).loading(&manifest(), &LIMITS);
    assert_eq!(
        loading.loaded,
        [
            "maestro_list_providers", "maestro_get_skill", "maestro_workflow_state", "maestro_consult",
            "maestro_log_evidence", "maestro_verify", "maestro_ensemble_generate", "maestro_select_best",
            "maestro_validate_content", "maestro_consensus_vote",
        ]
    );
    let left_out = LeftOut { tool: "maestro_pack_context".into(), reason: Reason::MaxTools };
    assert_eq!(loading.left_out, [left_out]);
    assert_eq!(loading.context_cost, loading.loaded.iter().map(String::len).sum::<usize>());
}

#[test]
fn newly_loaded_is_what_was_not_there() {
    let manifest = manifest();
    let mut toolbox = Toolbox::default();
    let at_first = toolbox.loading(&manifest, &LIMITS);
    assert_eq!(at_first.loaded, manifest.core_tools);
    toolbox.enter_stage(Stage::Analyze);
    let analyze = toolbox.loading(&manifest, &LIMITS);
    assert_eq!(
        analyze.newly_loaded(&at_first),
        [
            "maestro_pack_context", "maestro_log_evidence", "maestro_verify", "maestro_consult",
            "maestro_consensus_vote"
        ]
    );
    toolbox.enter_stage(Stage::Debug);
    let debug = toolbox.loading(&manifest, &LIMITS);
    assert_eq!(debug.newly_loaded(&analyze), ["maestro_restore_from_backup", "maestro_apply_patch"]);
    assert!(debug.newly_loaded(&debug).is_empty());
    toolbox.exit();
    assert_eq!(toolbox.loading(&manifest, &LIMITS), at_first);
}

#[test]
fn a_skill_loads_its_own_tools() {
    let manifest = manifest();
    let mut toolbox = entered(Stage::Analyze);
    toolbox.enter_skill(manifest.skill("compile_verification").unwrap());
    assert_eq!(
        (toolbox.stage, toolbox.skill.as_deref()),
        (Some(Stage::Implement), Some("compile_verification"))
    );
    let loading = toolbox.loading(&manifest, &LIMITS);
    assert_eq!(loading.loaded[3..], ["maestro_verify", "maestro_apply_patch", "maestro_log_evidence"]);
    toolbox.enter_stage(Stage::Implement);
    assert_eq!(toolbox.skill, None);
}

#[test]
fn what_is_not_served_takes_no_place() {
    let served = |tool: &str| (!tool.ends_with("_log_evidence")).then_some(1);
    let limits = Limits { max_tools: 10, cost: &served };
    let loading = entered(Stage::Hypothesize).loading(&manifest(), &limits);
    assert!(loading.loaded.contains(&"maestro_pack_context".to_owned()));
    let left_out = LeftOut { tool: "maestro_log_evidence".into(), reason: Reason::NotServed };
    assert_eq!((loading.left_out, loading.context_cost), (vec![left_out], 10));
}

#[test]
fn the_core_stays_whatever_the_limit() {
    let loading = entered(Stage::Improve).loading(&manifest(), &Limits { max_tools: 1, ..LIMITS });
    assert_eq!(loading.loaded, manifest().core_tools);
    assert!(loading.left_out.iter().all(|left| left.reason == Reason::MaxTools));
}

#[test]
fn a_budget_leaves_out_what_comes_last() {
    let text = SHIPPED.replace("hypothesize: 8", "hypothesize: 2");
    let loading = entered(Stage::Hypothesize).loading(&Manifest::from_yaml(&text).unwrap(), &LIMITS);
    assert_eq!(loading.loaded[3..], ["maestro_consult", "maestro_log_evidence"]);
    assert!(loading.left_out.iter().all(|left| left.reason == Reason::StageBudget));
}

#[test]
fn calls_are_counted() {
    let mut toolbox = Toolbox::default();
    toolbox.used("maestro_verify");
    toolbox.used("maestro_verify");
    assert_eq!(toolbox.usage["maestro_verify"], 2);
}

#[test]
fn what_is_recommended_begins_with_the_suggested_stage() {
    let found = recommended_tools(&manifest(), Stage::Debug, &[Stage::Analyze, Stage::Debug], &LIMITS);
    assert_eq!(found[3..5], ["maestro_pack_context", "maestro_log_evidence"]);
    assert!(found.contains(&"maestro_restore_from_backup".to_owned()) && found.len() <= 10);
}

#[test]
fn a_broken_manifest_is_named() {
    let broken =
        |from: &str, to: &str| Manifest::from_yaml(&SHIPPED.replace(from, to)).unwrap_err().to_string();
    assert!(broken("  debug: 6", "  debugging: 6").starts_with("rule `debug`: it has no budget"));
    assert!(broken("name: refactoring", "name: code_review").contains("two skills"));
    assert!(broken("[s3_mre]", "[s9]").contains("(got \"s9\")"));
    assert!(broken("core_tools:", "cores:").contains("unknown key"));
}

proptest! {
    #[test]
    fn limits_hold_and_required_comes_first(at in 0_usize..5, max_tools in 0_usize..14) {
        let (manifest, stage) = (manifest(), Stage::ALL[at]);
        let loading = entered(stage).loading(&manifest, &Limits { max_tools, ..LIMITS });
        let core = manifest.core_tools.len();
        prop_assert!(loading.loaded.len() <= max_tools.max(core));
        prop_assert!(loading.loaded.len() - core <= manifest.budget(stage));
        let required: Vec<&String> =
            manifest.skills_of(stage).into_iter().flat_map(|skill| &skill.required_tools).collect();
        let is_required = |tool: &String| required.contains(&tool);
        let loaded = &loading.loaded[core..];
        let optional_at = loaded.iter().position(|tool| !is_required(tool)).unwrap_or(loaded.len());
        prop_assert!(loaded[optional_at..].iter().all(|tool| !is_required(tool)));
        if optional_at < loaded.len() {
            prop_assert!(loading.left_out.iter().all(|left| !is_required(&left.tool)));
        }
        prop_assert_eq!(&entered(stage).loading(&manifest, &Limits { max_tools, ..LIMITS }), &loading);
    }
}
