use proptest::prelude::*;

use super::*;
use crate::domain::coordination::record::RunRecord;

fn policy() -> PolicySettings {
    PolicySettings { ensemble_hypotheses: true, debug_single_agent: true, ..PolicySettings::default() }
}

fn scores(decomposability: f64, sequential: f64, tools: f64) -> Scores {
    Scores { decomposability, sequential, tools }
}

fn choice(
    stage: Option<Stage>,
    scores: Scores,
    forced: Option<Topology>,
    runs: &[RunRecord],
) -> Result<Choice, BadInput> {
    let (history, policy) = (History::of(runs), policy());
    choose(&Situation { stage, scores, forced, history: &history, policy: &policy, intent: None })
}

fn runs(topology: Topology, successes: usize, failures: usize, messages: u64) -> Vec<RunRecord> {
    let run = |success| RunRecord {
        topology,
        success,
        tokens: 0,
        messages,
        rounds: 1,
        format_errors: 0,
        redundancy: None,
        answers: Vec::new(),
        stage: None,
        intent: None,
    };
    [vec![run(true); successes], vec![run(false); failures]].concat()
}

#[test]
fn debug_is_never_several_agents() {
    for &topology in Topology::ALL {
        let forced = choice(Some(Stage::Debug), scores(1.0, 0.0, 1.0), Some(topology), &[]);
        assert_eq!(forced.is_ok(), topology == Topology::Sas);
    }
    let error =
        choice(Some(Stage::Debug), scores(1.0, 0.0, 1.0), Some(Topology::Independent), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "force_topology must be sas in debug: that stage has one agent only (got mas_independent)"
    );
    let good = runs(Topology::Independent, 20, 0, 0);
    let chosen = choice(Some(Stage::Debug), scores(1.0, 0.0, 1.0), None, &good).unwrap();
    assert_eq!((chosen.topology, chosen.limits.max_agents, chosen.fallback), (Topology::Sas, 1, None));
}

#[test]
fn implement_is_one_agent_unless_forced() {
    let chosen = choice(Some(Stage::Implement), scores(1.0, 0.0, 1.0), None, &[]).unwrap();
    assert_eq!((chosen.topology, chosen.rule), (Topology::Sas, Rule::SingleAgentStage));
    let forced =
        choice(Some(Stage::Implement), scores(0.0, 1.0, 0.0), Some(Topology::Centralized), &[]).unwrap();
    assert_eq!(
        (forced.topology, forced.rule, forced.limits),
        (Topology::Centralized, Rule::Forced, Facts::of(Topology::Centralized).limits)
    );
    assert!((forced.confidence - 1.0).abs() < 1e-12);
}

#[test]
fn the_sequential_rule_holds_from_its_threshold_on() {
    let rule =
        |sequential| choice(Some(Stage::Analyze), scores(0.9, sequential, 0.9), None, &[]).unwrap().rule;
    assert_eq!(rule(0.7), Rule::SequentialDependency);
    assert_eq!(rule(0.699_999), Rule::DecomposableWithTools);
}

#[test]
fn the_other_thresholds_are_to_be_exceeded() {
    let rule = |decomposability, tools| {
        choice(Some(Stage::Improve), scores(decomposability, 0.0, tools), None, &[]).unwrap().rule
    };
    assert_eq!(rule(0.61, 0.6), Rule::Decomposable);
    assert_eq!(rule(0.6, 0.9), Rule::StageDefault);
    assert_eq!(choice(None, scores(0.6, 0.0, 0.9), None, &[]).unwrap().rule, Rule::NoSignal);
}

#[test]
fn recorded_results_come_before_the_scores() {
    let stage = Some(Stage::Hypothesize);
    let proven = [runs(Topology::Sas, 3, 4, 0), runs(Topology::Centralized, 8, 1, 1)].concat();
    let chosen = choice(stage, scores(0.0, 0.0, 0.0), None, &proven).unwrap();
    assert_eq!((chosen.topology, chosen.rule), (Topology::Centralized, Rule::RecordedResults));
    assert!((chosen.confidence - 8.0 / 9.0).abs() < 1e-12);
    assert_eq!(chosen.fallback, Some(Topology::Sas));
    // Steps that depend on one another come before any record.
    let sequential = choice(stage, scores(0.0, 0.7, 0.0), None, &proven).unwrap();
    assert_eq!((sequential.topology, sequential.rule), (Topology::Sas, Rule::SequentialDependency));
    // Three of three are less than 95 of 100.
    let few = [runs(Topology::Sas, 95, 5, 0), runs(Topology::Independent, 3, 0, 0)].concat();
    assert_eq!(choice(stage, scores(0.0, 0.0, 0.0), None, &few).unwrap().topology, Topology::Sas);
    let rule = |runs: &[RunRecord]| choice(stage, scores(0.0, 0.0, 0.0), None, runs).unwrap().rule;
    // Nine in all are too few, and seven of ten are no proof.
    assert_eq!(rule(&runs(Topology::Independent, 9, 0, 0)), Rule::StageDefault);
    assert_eq!(rule(&runs(Topology::Independent, 7, 3, 0)), Rule::StageDefault);
    assert_eq!(rule(&runs(Topology::Independent, 8, 2, 0)), Rule::RecordedResults);
    let always = choice(stage, scores(0.0, 0.0, 0.0), None, &runs(Topology::Independent, 12, 0, 0)).unwrap();
    assert!((always.confidence - 0.9).abs() < 1e-12);
}

#[test]
fn a_switch_of_the_policy_is_obeyed() {
    let policy = PolicySettings { ensemble_hypotheses: false, ..policy() };
    let history = History::of(&runs(Topology::Independent, 12, 0, 0));
    let situation = Situation {
        stage: Some(Stage::Hypothesize),
        scores: scores(0.9, 0.0, 0.0),
        forced: None,
        history: &history,
        policy: &policy,
        intent: None,
    };
    let chosen = choose(&situation).unwrap();
    assert_eq!((chosen.topology, chosen.rule), (Topology::Sas, Rule::EnsembleSwitchedOff));
}

proptest! {
    #[test]
    fn topology_limits_and_fallback_agree(
        at in 0_usize..5, decomposability in 0.0_f64..=1.0, sequential in 0.0_f64..=1.0, tools in 0.0_f64..=1.0,
    ) {
        let stage = Stage::ALL[at];
        let chosen = choice(Some(stage), scores(decomposability, sequential, tools), None, &[]).unwrap();
        prop_assert_eq!(chosen.topology == Topology::Sas, chosen.limits.max_agents == 1);
        prop_assert_eq!(chosen.topology == Topology::Sas, chosen.fallback.is_none());
        prop_assert!((0.0..=1.0).contains(&chosen.confidence));
        if policy().single_agent(stage).is_some() {
            prop_assert_eq!(chosen.topology, Topology::Sas);
        }
    }
}
