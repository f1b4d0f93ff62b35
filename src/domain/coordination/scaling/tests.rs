use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The fit to the 180 configurations of version 2, with which the paper's own table 8 was made.
const VERSION_2: Model = Model {
    mean_capability: 56.888_888_888_9,
    capability_squared: 8.576_29e-5,
    log_tools: 0.740_647_2,
    capability_log_tools: -0.003_641_6,
};

/// Its coefficients, in the order of [`ORDER`].
const LINES_OF_VERSION_2: [Line; 5] = [
    line(-0.826_760_4, 0.013_515_3, -0.076_379_3, 0.876_747_5),
    line(-0.498_593_5, 0.015_711_3, -0.048_292_6, -0.455_702_8),
    line(-0.495_445_3, 0.014_887_7, -0.045_446_6, -0.251_261_8),
    line(-0.416_610_5, 0.015_088_6, -0.044_223_8, -0.492_841_8),
    line(-0.315_353_0, 0.016_178_5, -0.055_707_8, -0.508_066_2),
];

const fn line(intercept: f64, capability: f64, tools: f64, baseline: f64) -> Line {
    Line { intercept, capability, tools, baseline }
}

/// As the vectors have them: single, independent, decentralized, centralized, hybrid.
const ORDER: [Topology; 5] =
    [Topology::Sas, Topology::Independent, Topology::Decentralized, Topology::Centralized, Topology::Hybrid];

fn inputs(capability_index: f64, tool_count: f64, baseline_success: f64) -> Inputs {
    Inputs { baseline_success, tool_count, capability_index }
}

fn check(found: [f64; 5], at: Inputs, expected: [f64; 5], best: Topology) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 6e-5, "{at:?}: {found} is not {expected}");
    }
    let highest = found.iter().zip(ORDER).max_by(|one, other| one.0.total_cmp(other.0));
    assert_eq!(highest.map(|(_, topology)| topology), Some(best), "{at:?}");
}

#[test]
fn version_2_vectors() {
    use Topology::{Decentralized, Hybrid, Sas};
    for (capability, tools, baseline, expected, best) in [
        (75.0, 3.0, 0.42, [0.5206, 0.4131, 0.4958, 0.4805, 0.5606], Hybrid),
        (56.8889, 4.0, 0.57, [0.5595, 0.2405, 0.3716, 0.3176, 0.3642], Sas),
        (56.8889, 5.0, 0.35, [0.4253, 0.4275, 0.5164, 0.5168, 0.5553], Hybrid),
        (56.8889, 16.0, 0.63, [0.6019, 0.5400, 0.7175, 0.6637, 0.5717], Decentralized),
    ] {
        let at = inputs(capability, tools, baseline);
        check(LINES_OF_VERSION_2.map(|line| VERSION_2.predict(&line, &at)), at, expected, best);
    }
}

#[test]
fn version_3_vectors() {
    use Topology::{Decentralized, Hybrid, Sas};
    for (capability, tools, baseline, expected, best) in [
        (75.0, 3.0, 0.42, [0.5232, 0.4283, 0.4687, 0.4561, 0.4947], Sas),
        (57.4615, 4.0, 0.57, [0.5542, 0.3139, 0.4280, 0.3985, 0.4127], Sas),
        (57.4615, 5.0, 0.35, [0.4001, 0.3946, 0.4528, 0.4408, 0.4581], Hybrid),
        (57.4615, 16.0, 0.63, [0.6078, 0.5564, 0.6746, 0.6281, 0.6297], Decentralized),
        (71.0, 7.0, 0.65, [0.7406, 0.4996, 0.6023, 0.5656, 0.5914], Sas),
        (60.0, 7.0, 0.30, [0.3987, 0.4861, 0.5246, 0.5153, 0.5346], Hybrid),
        (60.0, 7.0, 0.45, [0.5205, 0.4618, 0.5377, 0.5158, 0.5323], Decentralized),
        (60.0, 7.0, 0.60, [0.6422, 0.4374, 0.5509, 0.5163, 0.5301], Sas),
    ] {
        let at = inputs(capability, tools, baseline);
        check(ORDER.map(|topology| predicted(topology, &at)), at, expected, best);
    }
}

struct Configuration {
    benchmark: &'static str,
    topology: Topology,
    at: Inputs,
    performance: f64,
    fitted: f64,
}

/// benchmark, architecture, model, index, tools, agents, single-agent success, outcome, fitted
fn configurations() -> Vec<Configuration> {
    include_str!("../../../../tests/data/configs260.csv")
        .lines()
        .skip(1)
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            let number = |at: usize| cells[at].parse::<f64>().unwrap();
            let topology = match cells[1] {
                "single" => Topology::Sas,
                "independent" => Topology::Independent,
                "decentralized" => Topology::Decentralized,
                "centralized" => Topology::Centralized,
                "hybrid" => Topology::Hybrid,
                other => panic!("{other}"),
            };
            Configuration {
                benchmark: cells[0],
                topology,
                at: inputs(number(3), number(4), number(6)),
                performance: number(7),
                fitted: number(8),
            }
        })
        .collect()
}

#[test]
fn all_260_fitted_values() {
    let configurations = configurations();
    assert_eq!(configurations.len(), 260);
    let mut range = (f64::MAX, f64::MIN);
    for config in &configurations {
        let found = predicted(config.topology, &config.at);
        assert!((found - config.fitted).abs() < 2e-6, "{found} is not {}", config.fitted);
        range = (range.0.min(found), range.1.max(found));
    }
    assert!((range.0 - 0.135).abs() < 5e-4 && (range.1 - 0.709).abs() < 5e-4, "{range:?}");
}

#[test]
fn the_mean_prediction_of_each_architecture_is_its_mean_outcome() {
    let mut sums: BTreeMap<Topology, (f64, f64)> = BTreeMap::new();
    for config in configurations() {
        let (fitted, outcome) = sums.entry(config.topology).or_default();
        *fitted += predicted(config.topology, &config.at) / 52.0;
        *outcome += config.performance / 52.0;
    }
    assert_eq!(sums.len(), 5);
    for (topology, (fitted, outcome)) in sums {
        assert!((fitted - outcome).abs() < 1e-5, "{topology:?}: {fitted} is not {outcome}");
    }
}

/// The four benchmarks of version 2.
#[test]
fn the_fit_of_version_2_has_its_mean_outcomes() {
    let means = [0.465_816, 0.369_913, 0.488_215, 0.463_078, 0.476_856];
    for ((topology, line), mean) in ORDER.into_iter().zip(LINES_OF_VERSION_2).zip(means) {
        let cells: Vec<Configuration> = configurations()
            .into_iter()
            .filter(|one| {
                one.topology == topology
                    && !["swe", "terminal"].iter().any(|new| one.benchmark.starts_with(new))
            })
            .collect();
        assert_eq!(cells.len(), 36, "{topology:?}");
        let fitted = cells.iter().map(|one| VERSION_2.predict(&line, &one.at)).sum::<f64>() / 36.0;
        assert!((fitted - mean).abs() < 1e-5, "{topology:?}: {fitted} is not {mean}");
    }
}

#[test]
fn ranges_and_means_are_those_of_the_data() {
    let configurations = configurations();
    let mean = |of: fn(&Inputs) -> f64| configurations.iter().map(|one| of(&one.at)).sum::<f64>() / 260.0;
    assert!((mean(|at| at.tool_count) - MEAN_TOOLS).abs() < 1e-6);
    assert!((mean(|at| at.capability_index) - MODEL.mean_capability).abs() < 1e-6);
    for config in &configurations {
        assert!(outside_the_data(&config.at).is_empty());
    }
    for end in [(42.0, 2.0, 0.05), (71.0, 16.0, 0.767_677)] {
        assert!(configurations.iter().any(|one| (one.at.capability_index - end.0).abs() < 1e-9));
        assert!(configurations.iter().any(|one| (one.at.tool_count - end.1).abs() < 1e-9));
        assert!(configurations.iter().any(|one| (one.at.baseline_success - end.2).abs() < 1e-6));
    }
}

/// Equation 1 with its 20 parameters at full precision: every column of raw values, then
/// standardised.
fn equation_1(topology: Topology, at: &Inputs) -> f64 {
    let data: Value =
        serde_json::from_str(include_str!("../../../../tests/data/scaling_model.json")).unwrap();
    let fit = &data["v3"];
    let name = topology.name().to_lowercase().replace("sas", "single");
    let constant = |key: &str| data["coordination_constants"][&name][key].as_f64().unwrap();
    let (overhead, density, redundancy) =
        (constant("overhead_pct"), constant("message_density"), constant("redundancy"));
    let (efficiency, errors, agents) =
        (constant("efficiency"), constant("error_amp_trace"), constant("n_agents"));
    let (tools, single) = (at.tool_count, at.baseline_success);
    let capability = at.capability_index - fit["I_bar"].as_f64().unwrap();
    let columns = [
        ("I_c", capability),
        ("I_c^2", capability * capability),
        ("log1p(T)", tools.ln_1p()),
        ("log1p(n_a)", agents.ln_1p()),
        ("log1p(O%)", overhead.ln_1p()),
        ("c", density),
        ("R", redundancy),
        ("E_c", efficiency),
        ("log1p(A_e)", errors.ln_1p()),
        ("P_SA", single),
        ("I_c*E_c", capability * efficiency),
        ("A_e*P_SA", errors * single),
        ("O%*T", overhead * tools),
        ("R*n_a", redundancy * agents),
        ("c*I_c", density * capability),
        ("E_c*T", efficiency * tools),
        ("P_SA*log1p(n_a)", single * agents.ln_1p()),
        ("I_c*log1p(T)", capability * tools.ln_1p()),
        ("A_e*T", errors * tools),
    ];
    let terms = fit["terms"].as_object().unwrap();
    assert_eq!(terms.len(), columns.len());
    columns.iter().fold(fit["intercept"].as_f64().unwrap(), |sum, (term, value)| {
        let number = |key: &str| terms[*term][key].as_f64().unwrap();
        sum + number("beta_std") * (value - number("mean")) / number("sd")
    })
}

#[test]
fn the_closed_form_is_equation_1() {
    for config in configurations() {
        let full = equation_1(config.topology, &config.at);
        assert!((full - config.fitted).abs() < 1e-6, "{full} is not {}", config.fitted);
    }
}

#[test]
fn the_boundary_moves_with_the_tools() {
    // At the mean capability, the baseline from which on a single agent is predicted to be better
    // than a centralized team.
    for (tools, boundary) in
        [(2.0, 0.33), (3.0, 0.35), (4.0, 0.38), (5.0, 0.40), (7.0, 0.45), (10.0, 0.52), (16.0, 0.66)]
    {
        let (single, team) = (Facts::of(Topology::Sas).line, Facts::of(Topology::Centralized).line);
        let found = (team.intercept - single.intercept + (team.tools - single.tools) * tools)
            / (single.baseline - team.baseline);
        assert!((found - boundary).abs() < 0.006, "{tools}: {found}");
    }
}

#[test]
fn several_agents_are_advised_from_a_gap_of_a_tenth_on() {
    assert_eq!(advice(0.099_999), Advice::SingleAgent);
    assert_eq!(advice(0.10), Advice::MultiAgent);
    for (gap, rate) in [
        (-0.3, 0.08),
        (-0.1, 0.35),
        (-0.01, 0.50),
        (0.0, 0.41),
        (0.07, 0.39),
        (0.10, 0.81),
        (0.19, 0.81),
        (0.2, 1.0),
    ] {
        assert!((observed_win_rate(gap) - rate).abs() < 1e-12, "{gap}");
    }
}

#[test]
fn the_gap_is_to_the_measured_single_agent() {
    let at = inputs(57.461_538, 5.0, 0.35);
    let (best, found) = best_of(Topology::ALL, &at).unwrap();
    assert_eq!(best, Topology::Hybrid);
    assert!((found.gap.unwrap() - 0.1081).abs() < 1e-4);
    assert!((found.gap_to_predicted_single.unwrap() - 0.0580).abs() < 1e-4);
    assert_eq!(prediction(Topology::Sas, &at).gap, None);
    assert_eq!(best_of(&[Topology::Sas], &at), None);
}

#[test]
fn what_is_left_out_is_the_mean_and_what_is_impossible_is_refused() {
    let at = Inputs::new(0.4, None, None).unwrap();
    assert!(outside_the_data(&at).is_empty());
    assert_eq!(outside_the_data(&Inputs::new(0.9, Some(40), Some(75.0)).unwrap()).len(), 3);
    assert!(Inputs::new(1.1, None, None).is_err());
    assert!(Inputs::new(0.5, None, Some(-1.0)).is_err());
    assert!(Inputs::new(0.5, None, Some(f64::NAN)).is_err());
}

proptest! {
    #[test]
    fn the_better_one_is_alone_the_smaller_the_gap(
        capability in 42.0_f64..71.0, tools in 2.0_f64..16.0, baseline in 0.05_f64..0.7,
    ) {
        for topology in ORDER {
            if topology != Topology::Sas {
                let gap = |baseline| prediction(topology, &inputs(capability, tools, baseline)).gap.unwrap();
                prop_assert!(gap(baseline + 0.05) < gap(baseline));
            }
        }
    }

    #[test]
    fn a_larger_gap_of_an_advised_team_is_no_smaller_chance(gap in 0.10_f64..1.0, more in 0.0_f64..1.0) {
        prop_assert!(observed_win_rate(gap + more) >= observed_win_rate(gap));
        prop_assert!(observed_win_rate(gap) > 0.8);
    }
}
