//! Tests: limits are never passed, by whatever sequence, and order does not matter.

use proptest::prelude::*;

use super::reservation::Purpose;
use super::*;
use crate::domain::policy::PolicySettings;

const SHIPPED: Limits = Limits { per_stage: 2, per_debug_iteration: 1, total: 6, threshold: 0.45 };

fn request(place: Place, purpose: Purpose, count: u32) -> Request {
    Request { place, purpose, count }
}

fn stage(stage: Stage, count: u32) -> Request {
    request(Place::of(Some(stage), 1), Purpose::Stage, count)
}

#[test]
fn the_limits_are_those_of_the_policy() {
    let settings = PolicySettings {
        capability_threshold: 0.45,
        max_consults_per_stage: 2,
        max_consults_total: 6,
        ..PolicySettings::default()
    };
    assert_eq!(Limits::from(&settings), SHIPPED);
    let none = PolicySettings { max_consults_per_stage: 0, ..settings };
    assert_eq!(Limits::from(&none).per_debug_iteration, 0);
}

#[test]
fn several_add_little_only_above_the_threshold() {
    assert!(!SHIPPED.several_add_little(None));
    assert!(!SHIPPED.several_add_little(Some(0.45)));
    assert!(SHIPPED.several_add_little(Some(0.46)));
}

#[test]
fn a_stage_has_its_own_limit_and_a_resample_passes_it() {
    let mut budget = Budget::new(SHIPPED);
    budget.reserve("a", stage(Stage::Analyze, 2)).unwrap();
    let analyze = Place::Stage(Stage::Analyze);
    let refused = budget.may(&stage(Stage::Analyze, 1)).unwrap_err();
    assert_eq!(refused, Refused { why: Why::Place(analyze), asked: 1, limit: 2, left: 0 });
    assert_eq!(
        refused.to_string(),
        "over budget: analyze may take 2 consults and has 0 left; 1 were asked for"
    );
    for purpose in [Purpose::Candidate, Purpose::Judge, Purpose::Plain] {
        assert!(budget.may(&request(analyze, purpose, 1)).is_err(), "{purpose:?}");
    }
    budget.reserve("again", request(analyze, Purpose::Resample, 1)).unwrap();
    budget.settle("again", 1);
    budget.settle("a", 2);
    let remaining = budget.remaining(1);
    assert_eq!(remaining.stages["analyze"], Left { limit: 2, used: 2, reserved: 0, left: 0 });
    assert_eq!(remaining.total, Left { limit: 6, used: 3, reserved: 0, left: 3 });
}

#[test]
fn debug_has_one_consult_an_iteration() {
    let mut budget = Budget::new(SHIPPED);
    for iteration in 3..=5 {
        let ask = request(Place::of(Some(Stage::Debug), iteration), Purpose::Stage, 1);
        budget.reserve(&format!("debug {iteration}"), ask).unwrap();
        let refused = budget.may(&ask).unwrap_err();
        assert_eq!(refused.why, Why::Place(Place::DebugIteration(iteration)));
        // It ends only after the next iteration began, and still counts towards its own.
    }
    budget.settle("debug 3", 1);
    assert_eq!(budget.remaining(3).stages["debug"], Left { limit: 1, used: 1, reserved: 0, left: 0 });
    assert_eq!(budget.remaining(5).stages["debug"], Left { limit: 1, used: 0, reserved: 1, left: 0 });
    assert_eq!(budget.remaining(6).stages["debug"].left, 1);
}

#[test]
fn the_total_holds_everywhere() {
    let mut budget = Budget::new(SHIPPED);
    for (id, place) in [("a", Stage::Analyze), ("h", Stage::Hypothesize), ("i", Stage::Implement)] {
        budget.reserve(id, stage(place, 2)).unwrap();
    }
    let refused = Refused { why: Why::Total, asked: 1, limit: 6, left: 0 };
    assert_eq!(budget.may(&stage(Stage::Improve, 1)), Err(refused));
    for purpose in Purpose::ALL {
        assert_eq!(budget.may(&request(Place::Run, purpose, 1)), Err(refused), "{purpose:?}");
    }
    // What did not start, and what was reserved too much, is free again.
    budget.release("a");
    budget.settle("h", 1);
    assert_eq!(budget.remaining(1).total, Left { limit: 6, used: 1, reserved: 2, left: 3 });
}

#[test]
fn an_entry_read_twice_counts_once() {
    let mut budget = Budget::new(SHIPPED);
    let ask = stage(Stage::Analyze, 1);
    for _ in 0..2 {
        budget.reserve("a", ask).unwrap();
        budget.record(Reservation { id: "a".to_owned(), request: ask });
    }
    assert_eq!(budget.open().count(), 1);
    for _ in 0..2 {
        budget.settle("a", 1);
        budget.release("a");
        budget.record(Reservation { id: "a".to_owned(), request: ask });
    }
    assert_eq!(budget.remaining(1).total, Left { limit: 6, used: 1, reserved: 0, left: 5 });
}

#[test]
fn a_limit_that_was_lowered_leaves_nothing_and_loses_nothing() {
    let mut budget = Budget::new(Limits { total: 1, ..SHIPPED });
    budget.record(Reservation { id: "a".to_owned(), request: stage(Stage::Analyze, 4) });
    budget.settle("a", u32::MAX);
    assert_eq!(budget.remaining(1).total, Left { limit: 1, used: 4, reserved: 0, left: 0 });
}

#[derive(Clone, Debug)]
enum Step {
    Reserve(u8, Request),
    Settle(u8, u32),
    Release(u8),
}

fn places() -> impl Strategy<Value = Place> {
    (proptest::option::of(proptest::sample::select(Stage::ALL.to_vec())), 1_u32..4)
        .prop_map(|(stage, iteration)| Place::of(stage, iteration))
}

fn requests() -> impl Strategy<Value = Request> {
    let counts = prop_oneof![9 => 0_u32..4, 1 => any::<u32>()];
    (places(), proptest::sample::select(Purpose::ALL.to_vec()), counts)
        .prop_map(|(place, purpose, count)| Request { place, purpose, count })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u8..20, requests()).prop_map(|(id, request)| Step::Reserve(id, request)),
        1 => (0_u8..20, 0_u32..5).prop_map(|(id, consults)| Step::Settle(id, consults)),
        1 => (0_u8..20).prop_map(Step::Release),
    ];
    proptest::collection::vec(step, 0..60)
}

fn limits() -> impl Strategy<Value = Limits> {
    (0_u32..5, 0_u32..3, 0_u32..9).prop_map(|(per_stage, per_debug_iteration, total)| Limits {
        per_stage,
        per_debug_iteration,
        total,
        threshold: 0.45,
    })
}

/// What the rules say, added up from scratch: of every reservation its request, and how many of its
/// consults count.
fn counted(granted: &BTreeMap<u8, (Request, u32)>) -> (u64, BTreeMap<Place, u64>) {
    let mut total = 0;
    let mut places: BTreeMap<Place, u64> = BTreeMap::new();
    for (request, count) in granted.values() {
        total += u64::from(*count);
        if request.purpose != Purpose::Resample {
            *places.entry(request.place).or_default() += u64::from(*count);
        }
    }
    (total, places)
}

proptest! {
    #[test]
    fn no_sequence_passes_a_limit_and_none_is_refused_too_early(limits in limits(), steps in steps()) {
        let mut budget = Budget::new(limits);
        let mut granted: BTreeMap<u8, (Request, u32)> = BTreeMap::new();
        let mut ended = BTreeSet::new();
        for step in steps {
            match step {
                Step::Reserve(id, request) => {
                    let known = granted.contains_key(&id);
                    let (total, places) = counted(&granted);
                    let asked = u64::from(request.count);
                    let at = places.get(&request.place).copied().unwrap_or(0);
                    let within = request.purpose == Purpose::Resample
                        || match request.place {
                            Place::Run => true,
                            Place::Stage(_) => at + asked <= u64::from(limits.per_stage),
                            Place::DebugIteration(_) => at + asked <= u64::from(limits.per_debug_iteration),
                        };
                    let fits = total + asked <= u64::from(limits.total) && within;
                    prop_assert_eq!(budget.reserve(&id.to_string(), request).is_ok(), known || fits);
                    if fits && !known {
                        granted.insert(id, (request, request.count));
                    }
                }
                Step::Settle(id, consults) => {
                    budget.settle(&id.to_string(), consults);
                    if let Some((_, count)) = granted.get_mut(&id)
                        && ended.insert(id) {
                            *count = consults.min(*count);
                        }
                }
                Step::Release(id) => {
                    budget.release(&id.to_string());
                    if let Some((_, count)) = granted.get_mut(&id)
                        && ended.insert(id) {
                            *count = 0;
                        }
                }
            }
            let (total, places) = counted(&granted);
            let left = budget.remaining(1).total;
            prop_assert_eq!(u64::from(left.used) + u64::from(left.reserved), total);
            prop_assert!(total <= u64::from(limits.total));
            for (place, count) in places {
                let most = match place {
                    Place::Run => limits.total,
                    Place::Stage(_) => limits.per_stage,
                    Place::DebugIteration(_) => limits.per_debug_iteration,
                };
                prop_assert!(count <= u64::from(most), "{} {}", place, count);
            }
        }
    }

    #[test]
    fn the_order_of_ends_and_of_what_is_recorded_does_not_matter(
        (ends, shuffled) in proptest::collection::vec((requests(), proptest::option::of(0_u32..5)), 0..12)
            .prop_map(|ends| ends.into_iter().enumerate().collect::<Vec<_>>())
            .prop_flat_map(|ends| (Just(ends.clone()), Just(ends).prop_shuffle())),
    ) {
        // One after another, each ended at once; and all open before the first one ends.
        let mut one_by_one = Budget::new(SHIPPED);
        for (id, (request, consults)) in &ends {
            one_by_one.record(Reservation { id: id.to_string(), request: *request });
            one_by_one.settle(&id.to_string(), consults.unwrap_or(0));
        }
        let mut side_by_side = Budget::new(SHIPPED);
        for (id, (request, _)) in &shuffled {
            side_by_side.record(Reservation { id: id.to_string(), request: *request });
        }
        for (id, (_, consults)) in &ends {
            match consults {
                Some(consults) => side_by_side.settle(&id.to_string(), *consults),
                None => side_by_side.release(&id.to_string()),
            }
        }
        prop_assert_eq!(one_by_one, side_by_side);
    }
}
