use proptest::prelude::*;

use super::*;

fn run(topology: Topology, success: bool, rounds: u64, messages: u64) -> RunRecord {
    RunRecord {
        topology,
        success,
        tokens: 500,
        messages,
        rounds,
        format_errors: 0,
        redundancy: None,
        answers: Vec::new(),
        stage: None,
        intent: None,
    }
}

fn close(left: Option<f64>, right: f64) -> bool {
    left.is_some_and(|left| (left - right).abs() < 1e-9)
}

/// Ten runs with so many successes, each of so many turns (in tenths on average).
fn ten(topology: Topology, successes: u64, tenths: u64) -> Vec<RunRecord> {
    (0..10).map(|at| run(topology, at < successes, tenths / 10 + u64::from(at < tenths % 10), 0)).collect()
}

#[test]
fn overhead_and_efficiency_are_those_of_table_5() {
    // Turns 7.2, 11.4, 26.1, 27.7 and 44.3 of table 5 give its overheads 58, 263, 285 and 515 %.
    for (topology, tenths, overhead) in [
        (Topology::Independent, 114, 58.333_333_333),
        (Topology::Decentralized, 261, 262.5),
        (Topology::Centralized, 277, 284.722_222_222),
        (Topology::Hybrid, 443, 515.277_777_777),
    ] {
        let runs = [ten(Topology::Sas, 5, 72), ten(topology, 4, tenths)].concat();
        let history = History::of(&runs);
        let paper = history.of_topology(topology).unwrap().paper;
        let found = paper.coordination_overhead_percent.unwrap();
        assert!((found - overhead).abs() < 1e-6, "{topology:?}: {found}");
        assert!(close(paper.efficiency, 0.4 / (f64::from(u32::try_from(tenths).unwrap()) / 72.0)));
        assert!(close(paper.error_amplification, 0.6 / 0.5));
    }
}

#[test]
fn what_never_ran_has_no_numbers() {
    let history = History::of(&ten(Topology::Independent, 6, 30));
    assert_eq!(history.topologies().len(), 1);
    assert_eq!(history.of_topology(Topology::Sas), None);
    let independent = history.of_topology(Topology::Independent).unwrap();
    assert_eq!(independent.paper.coordination_overhead_percent, None);
    assert_eq!(independent.paper.efficiency, None);
    assert_eq!(independent.paper.error_amplification, None);
    assert_eq!(independent.total_tokens, 5_000);
    assert!(close(independent.successes_per_1k_tokens, 1.2));
    let mut of_unknown_tokens = ten(Topology::Independent, 10, 30);
    for run in &mut of_unknown_tokens {
        run.tokens = 0;
    }
    let history = History::of(&[ten(Topology::Independent, 6, 30), of_unknown_tokens].concat());
    let independent = history.of_topology(Topology::Independent).unwrap();
    assert_eq!(independent.successes, 16);
    assert!(close(independent.successes_per_1k_tokens, 1.2), "results without tokens are not free");
    assert_eq!(History::of(&[]).best(), None);
}

#[test]
fn a_single_agent_that_never_failed_gives_no_amplification() {
    let runs = [ten(Topology::Sas, 10, 10), ten(Topology::Independent, 5, 20)].concat();
    let history = History::of(&runs);
    assert_eq!(history.of_topology(Topology::Independent).unwrap().paper.error_amplification, None);
    assert!(close(history.of_topology(Topology::Sas).unwrap().paper.error_amplification, 1.0));
}

#[test]
fn a_run_without_turns_divides_by_nothing() {
    let history = History::of(&[run(Topology::Sas, true, 0, 3), run(Topology::Independent, true, 0, 3)]);
    let paper = history.of_topology(Topology::Independent).unwrap().paper;
    assert_eq!((paper.coordination_overhead_percent, paper.message_density), (None, None));
    let metrics = of_run(&run(Topology::Independent, true, 0, 3), &history);
    assert_eq!((metrics.coordination_overhead_percent, metrics.efficiency), (None, None));
}

#[test]
fn few_good_runs_are_less_than_many_and_messages_cost_nothing() {
    let mut runs = ten(Topology::Sas, 8, 10);
    runs.extend((0..3).map(|_| run(Topology::Centralized, true, 3, 1)));
    runs.extend((0..2).map(|_| run(Topology::Independent, true, 1, 0)));
    let history = History::of(&runs);
    assert_eq!(history.best(), Some((Topology::Sas, cautious_rate(8, 2))));
    runs.extend((0..5).map(|_| run(Topology::Centralized, true, 3, 1_000_000)));
    assert_eq!(History::of(&runs).best(), Some((Topology::Centralized, cautious_rate(8, 0))));
}

#[test]
fn a_huge_count_of_messages_takes_no_time() {
    let history =
        History::of(&[run(Topology::Centralized, true, 1, u64::MAX), run(Topology::Centralized, true, 1, 7)]);
    assert_eq!(history.of_topology(Topology::Centralized).unwrap().total_messages, u64::MAX);
}

proptest! {
    #[test]
    fn every_run_is_counted_once(successes in proptest::collection::vec((0_usize..5, any::<bool>(), 0_u64..9), 0..40)) {
        let runs: Vec<RunRecord> = successes
            .iter()
            .map(|(at, success, rounds)| run(Topology::ALL[*at], *success, *rounds, 1))
            .collect();
        let history = History::of(&runs);
        prop_assert_eq!(history.runs(), u64::try_from(runs.len()).unwrap());
        for statistics in history.topologies().values() {
            prop_assert_eq!(statistics.successes + statistics.failures, statistics.runs);
            prop_assert!((0.0..=1.0).contains(&statistics.success_rate));
            prop_assert_eq!(statistics.total_tokens, 500 * statistics.runs);
        }
    }

    #[test]
    fn order_does_not_matter(turn in 0_usize..10) {
        let mut runs = [ten(Topology::Sas, 7, 15), ten(Topology::Hybrid, 3, 20)].concat();
        let before = History::of(&runs);
        runs.rotate_left(turn);
        prop_assert_eq!(before, History::of(&runs));
    }
}
