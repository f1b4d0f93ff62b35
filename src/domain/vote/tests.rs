//! Tests: the rule, and that it is Algorithm 2 of the paper.

use proptest::prelude::*;

use super::*;

/// The outcome of one sample.
#[derive(Clone, Copy, Debug)]
enum Sample {
    Answer(u8),
    Flagged,
    Failed,
}

fn sample() -> impl Strategy<Value = Sample> {
    prop_oneof![6 => (0_u8..4).prop_map(Sample::Answer), 1 => Just(Sample::Flagged), 1 => Just(Sample::Failed)]
}

fn take(ballot: &mut Ballot<u8>, sample: Sample) {
    match sample {
        Sample::Answer(answer) => ballot.count(answer).map(drop).unwrap(),
        Sample::Flagged => ballot.discard().unwrap(),
        Sample::Failed => ballot.lose().unwrap(),
    }
}

/// Algorithm 2, one sample after another: the winner, and how many samples it took.
fn one_by_one(samples: &[Sample], rule: Rule) -> (Option<u8>, usize) {
    let mut votes = [0_u32; 4];
    for (number, sample) in samples.iter().enumerate() {
        if number >= usize::try_from(rule.max_samples()).unwrap() {
            return (None, number);
        }
        let Sample::Answer(answer) = *sample else { continue };
        votes[usize::from(answer)] += 1;
        let others = (0..4).filter(|other| *other != usize::from(answer)).map(|other| votes[other]);
        if votes[usize::from(answer)] >= rule.k() + others.max().unwrap() {
            return (Some(answer), number + 1);
        }
    }
    (None, samples.len())
}

proptest! {
    #[test]
    fn a_round_is_never_cut_short_by_a_decision(
        samples in prop::collection::vec(sample(), 400),
        k in 1_u32..6,
        max in 1_u32..60,
    ) {
        let mut ballot = Ballot::new(Rule::new(k, max).unwrap());
        let mut coming = samples.into_iter();
        loop {
            let lead = ballot.lead();
            let round = ballot.next_round();
            if round == 0 {
                break;
            }
            prop_assert!(round <= k - lead);
            for left in (0..round).rev() {
                prop_assert!(ballot.lead() < k, "decided with {} samples under way", left + 1);
                prop_assert_eq!(ballot.wanted(), 0, "nothing more is launched meanwhile");
                take(&mut ballot, coming.next().unwrap());
            }
        }
        prop_assert!(ballot.samples() <= max);
        prop_assert_eq!(ballot.samples(), ballot.valid() + ballot.flagged() + ballot.failed());
        if let Some(stop) = ballot.stop() {
            prop_assert_eq!(stop.is_decision(), ballot.lead() == k);
        }
        prop_assert_eq!(ballot.wanted(), 0);
        prop_assert!(ballot.lead() <= k, "nobody gets further ahead than needed");
    }

    #[test]
    fn rounds_side_by_side_decide_as_one_sample_after_another(
        samples in prop::collection::vec(sample(), 400),
        k in 1_u32..6,
        max in 1_u32..60,
    ) {
        let rule = Rule::new(k, max).unwrap();
        let mut ballot = Ballot::new(rule);
        let mut coming = samples.iter();
        while ballot.next_round() > 0 {
            while ballot.outstanding > 0 {
                take(&mut ballot, *coming.next().unwrap());
            }
        }
        let (winner, taken) = one_by_one(&samples, rule);
        let won = ballot.stop().is_some_and(Stop::is_decision).then(|| ballot.leader().unwrap());
        prop_assert_eq!(won.map(|number| ballot.options()[number].answer), winner);
        // Only a vote that nobody can win any more ends early.
        let used = usize::try_from(ballot.samples()).unwrap();
        let fits = if winner.is_some() { used == taken } else { used <= taken };
        prop_assert!(fits, "{} of {}", used, taken);
    }

    #[test]
    fn the_order_within_a_round_changes_nothing_but_the_numbers(
        mut samples in prop::collection::vec(sample(), 5),
        turn in 0_usize..5,
    ) {
        let rule = Rule::new(5, 50).unwrap();
        let votes = |samples: &[Sample]| {
            let mut ballot = Ballot::new(rule);
            ballot.next_round();
            for sample in samples {
                take(&mut ballot, *sample);
            }
            let mut votes: Vec<(u8, u32)> =
                ballot.options().iter().map(|option| (option.answer, option.votes)).collect();
            votes.sort_unstable();
            (votes, ballot.lead(), ballot.wanted(), ballot.stop())
        };
        let before = votes(&samples);
        samples.rotate_left(turn);
        prop_assert_eq!(votes(&samples), before);
    }
}

fn voted(k: u32, max: u32, answers: &[Sample]) -> Ballot<u8> {
    let mut ballot = Ballot::new(Rule::new(k, max).unwrap());
    let mut coming = answers.iter();
    while ballot.next_round() > 0 {
        while ballot.outstanding > 0 {
            let Some(sample) = coming.next() else { return ballot };
            take(&mut ballot, *sample);
        }
    }
    ballot
}

#[test]
fn agreement_takes_one_round_of_k() {
    for k in 1..=7 {
        let ballot = voted(k, 20, &[Sample::Answer(1); 20]);
        assert_eq!((ballot.rounds(), ballot.samples()), (1, k));
        // One vote is no agreement.
        let stop = if k == 1 { Stop::AheadByK } else { Stop::Unanimous };
        assert_eq!((ballot.stop(), ballot.leader()), (Some(stop), Some(0)));
    }
}

#[test]
fn a_vote_with_opposition_is_no_unanimity() {
    use Sample::{Answer, Failed, Flagged};
    let ballot = voted(2, 20, &[Answer(1), Answer(2), Flagged, Answer(2), Failed, Answer(2)]);
    assert_eq!(ballot.stop(), Some(Stop::AheadByK));
    assert_eq!(ballot.options()[ballot.leader().unwrap()], Tally { answer: 2, votes: 3 });
    assert_eq!((ballot.samples(), ballot.flagged(), ballot.failed()), (6, 1, 1));
}

#[test]
fn used_up_samples_decide_nothing() {
    use Sample::{Answer, Failed, Flagged};
    let tie = voted(2, 4, &[Answer(1), Answer(2), Answer(2), Answer(1)]);
    assert_eq!((tie.stop(), tie.leader(), tie.lead()), (Some(Stop::MaxRounds), None, 0));
    let plurality = voted(3, 2, &[Answer(1), Answer(1)]);
    assert_eq!((plurality.stop(), plurality.leader()), (Some(Stop::MaxRounds), Some(0)));
    let nothing = voted(2, 4, &[Flagged, Failed, Flagged, Failed]);
    assert_eq!((nothing.stop(), nothing.leader(), nothing.samples()), (Some(Stop::NoValid), None, 4));
}

#[test]
fn a_vote_that_nobody_can_win_any_more_ends() {
    use Sample::{Answer, Flagged};
    // One sample is left, and a lead of three would need two more.
    let late = voted(3, 4, &[Answer(1), Answer(2), Answer(2)]);
    assert_eq!((late.stop(), late.lead(), late.samples()), (Some(Stop::CannotWin), 1, 3));
    let none = voted(2, 3, &[Flagged, Flagged]);
    assert_eq!((none.stop(), none.samples()), (Some(Stop::NoValid), 2));
    // A rule that cannot be met shows how answers spread all the same.
    assert_eq!(voted(5, 2, &[Answer(1), Answer(2)]).stop(), Some(Stop::MaxRounds));
}

#[test]
fn answers_of_which_no_two_are_the_same_end_a_vote() {
    let all_different: Vec<Sample> = (0..20).map(Sample::Answer).collect();
    let ballot = voted(3, 24, &all_different);
    assert_eq!((ballot.stop(), ballot.samples()), (Some(Stop::NothingRepeats), 6));
    let one_repeats = [0, 1, 2, 3, 4, 0, 0, 0].map(Sample::Answer);
    assert_eq!(voted(3, 24, &one_repeats).stop(), Some(Stop::AheadByK));
}

#[test]
fn what_nobody_names_follows_from_who_is_asked() {
    assert_eq!([1, 2, 3, 4].map(usual_k), [3, 3, 2, 2]);
    assert_eq!((usual_max(2, 12), usual_max(3, 12), usual_max(50, 12)), (16, 24, 400));
    assert_eq!((usual_max(1, 12), usual_max(1, 15)), (12, 15));
}

#[test]
fn a_rule_has_bounds_and_a_vote_takes_no_stray_sample() {
    assert_eq!(Rule::new(0, 12), Err(RuleError::Lead(0)));
    assert_eq!(Rule::new(MOST_K + 1, 12), Err(RuleError::Lead(MOST_K + 1)));
    assert_eq!(Rule::new(3, 0), Err(RuleError::Samples(0)));
    assert_eq!(Rule::new(3, MOST_SAMPLES + 1), Err(RuleError::Samples(MOST_SAMPLES + 1)));
    let mut ballot = Ballot::new(Rule::new(1, 1).unwrap());
    assert_eq!(
        (ballot.count(1), ballot.discard(), ballot.lose()),
        (Err(NotAsked), Err(NotAsked), Err(NotAsked))
    );
    assert_eq!(ballot.stop(), None);
}

/// A stream of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Ten wordings of one root cause, each with another spelling of its place.
fn wording(number: u64) -> String {
    let (hypothesis, file, place) = [
        ("The key lacks the tenant", "src/cache.py", "save()"),
        ("Tenants share one cache entry, since the key is built without their id", "./src/cache.py", "save"),
        ("cache key is missing tenant_id", "src/cache.py", "`save()`"),
        ("save() builds the key from the path alone", "src//cache.py", "in save()"),
        ("Two tenants with the same path get each other's rows", "`src/cache.py`", "function save"),
        ("The tenant is not part of the key", "src/cache.py", "cache.save"),
        ("Key collision between tenants", "src/cache.py:31", "def save(self, path)"),
        ("The cached row of another tenant is returned", "src/./cache.py", "the save method"),
        ("Missing tenant in cache key", "src/cache.py", "src.cache.save"),
        ("save writes under a key that is not unique", "src/cache.py", "\"save\""),
    ][usize::try_from(number % 10).unwrap()];
    serde_json::json!({
        "hypothesis": hypothesis,
        "suspected_file": file,
        "suspected_location": place,
        "confidence": 0.5 + f64::from(u32::try_from(number % 10).unwrap()) / 20.0,
    })
    .to_string()
}

/// Consultants that are right four times of five, in ten wordings, against one wrong answer that is
/// repeated word for word.
#[test]
fn right_answers_in_many_wordings_win() {
    use crate::domain::answer::document;
    use crate::domain::microstep::{MicroSteps, StepType};
    use crate::domain::redflag::{Inspector, RedFlagRules};
    use crate::domain::rule::RuleFile as _;
    use crate::domain::vote::canonical::Canonical;

    let steps = MicroSteps::from_yaml(include_str!("../../../conf/micro_steps.yaml")).unwrap();
    let step = steps.get(StepType::H1RootCause).unwrap();
    let rules = RedFlagRules::from_yaml(include_str!("../../../conf/redflags.yaml")).unwrap();
    let inspector = Inspector::new(&rules.step).unwrap();
    let wrong = r#"{"hypothesis": "The lock is not held", "suspected_file": "src/lock.py", "suspected_location": "open()", "confidence": 0.9}"#;
    let project = |answer: &str| -> Option<Canonical> {
        let is_fine = step.inspect(&inspector, answer).findings.is_empty();
        step.vote_by.project(&document(answer).ok()?.value).filter(|_| is_fine)
    };
    let right = project(&wording(0)).unwrap();
    let mut dice = Dice(42);
    let (mut won, mut samples) = (0, 0);
    for _ in 0..100 {
        let mut ballot = Ballot::new(Rule::new(3, usual_max(3, 15)).unwrap());
        while ballot.next_round() > 0 {
            while ballot.outstanding > 0 {
                let is_right = dice.below(10) < 8;
                let answer = if is_right { wording(dice.below(10)) } else { wrong.to_owned() };
                ballot.count(project(&answer).unwrap_or_else(|| panic!("{answer}"))).unwrap();
            }
        }
        let winner = ballot.leader().filter(|_| ballot.stop().is_some_and(Stop::is_decision));
        won += u32::from(winner.is_some_and(|number| ballot.options()[number].answer == right));
        samples += ballot.samples();
    }
    println!("{won} of 100 votes right, {samples} samples in all");
    assert!(won >= 95 && samples <= 700, "{won} right, {samples} samples");
}
