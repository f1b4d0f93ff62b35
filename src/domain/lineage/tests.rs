use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn linked(links: &[(&str, &[&str])]) -> Vec<Linked> {
    let own = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    links.iter().map(|(id, rests_on)| Linked { id: (*id).to_owned(), rests_on: own(rests_on) }).collect()
}

/// A walk in short: two blanks for each link, then the id and how it stands.
fn drawn(all: &[Linked], start: &str, direction: Direction) -> Vec<String> {
    let mark = |standing| match standing {
        Standing::Shown => "",
        Standing::Again => " again",
        Standing::Cycle => " cycle",
        Standing::Missing => " missing",
    };
    let steps = walk(all, start, direction);
    steps.iter().map(|it| format!("{}{}{}", "  ".repeat(it.depth), it.id, mark(it.standing))).collect()
}

#[test]
fn a_chain_is_followed_to_its_beginning_and_to_its_end() {
    let all = linked(&[("run", &[]), ("stage", &["run"]), ("decision", &["stage"])]);
    assert_eq!(drawn(&all, "decision", Direction::Back), ["decision", "  stage", "    run"]);
    assert_eq!(drawn(&all, "run", Direction::Forward), ["run", "  stage", "    decision"]);
    assert_eq!(drawn(&all, "run", Direction::Back), ["run"]);
}

#[test]
fn what_two_rest_on_is_shown_once() {
    let all = linked(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d", "b"]), ("d", &["e"]), ("e", &[])]);
    assert_eq!(
        drawn(&all, "a", Direction::Back),
        ["a", "  b", "    d", "      e", "  c", "    d again", "    b again"]
    );
}

#[test]
fn cycles_and_missing_ids_end_a_branch() {
    let all = linked(&[("a", &["b", "gone"]), ("b", &["a", "b"])]);
    assert_eq!(
        drawn(&all, "a", Direction::Back),
        ["a", "  b", "    a cycle", "    b cycle", "  gone missing"]
    );
    assert_eq!(drawn(&all, "gone", Direction::Forward), ["gone missing"]);
}

#[test]
fn a_long_chain_is_no_matter() {
    let all: Vec<Linked> = (0..20_000)
        .map(|number| Linked { id: number.to_string(), rests_on: vec![(number + 1).to_string()] })
        .collect();
    let steps = walk(&all, "19000", Direction::Back);
    assert_eq!(steps.last().map(|step| (step.depth, step.standing)), Some((1_000, Standing::Missing)));
}

fn any_links() -> impl Strategy<Value = Vec<Linked>> {
    let one =
        ("[a-h]", prop::collection::vec("[a-i]", 0..4)).prop_map(|(id, rests_on)| Linked { id, rests_on });
    prop::collection::vec(one, 0..12)
}

/// Everybody that can be reached, found another way: by going on until nothing new comes.
fn reached(all: &[Linked], start: &str, direction: Direction) -> BTreeSet<String> {
    let mut found = BTreeSet::from([start.to_owned()]);
    loop {
        let before = found.len();
        for linked in all {
            for other in &linked.rests_on {
                match direction {
                    Direction::Back if found.contains(&linked.id) => found.insert(other.clone()),
                    Direction::Forward if found.contains(other) => found.insert(linked.id.clone()),
                    Direction::Back | Direction::Forward => false,
                };
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

proptest! {
    #[test]
    fn everybody_who_can_be_reached_is_shown_once(all in any_links(), back in any::<bool>()) {
        let direction = if back { Direction::Back } else { Direction::Forward };
        let start = all.first().map_or("a", |linked| &linked.id);
        let steps = walk(&all, start, direction);
        let known: BTreeSet<&String> = all.iter().map(|linked| &linked.id).collect();
        let shown: Vec<&String> =
            steps.iter().filter(|it| it.standing == Standing::Shown).map(|it| &it.id).collect();
        let distinct: BTreeSet<&String> = shown.iter().copied().collect();
        prop_assert_eq!(distinct.len(), shown.len());
        let mut expected = reached(&all, start, direction);
        expected.retain(|id| known.contains(id));
        prop_assert_eq!(distinct.into_iter().cloned().collect::<BTreeSet<_>>(), expected);
        let links: usize = all.iter().map(|linked| linked.rests_on.len()).sum();
        prop_assert!(steps.len() <= links + 1);
    }

    #[test]
    fn every_line_stands_below_one_that_it_is_linked_with(all in any_links()) {
        let start = all.first().map_or("a", |linked| &linked.id);
        let steps = walk(&all, start, Direction::Back);
        for (place, step) in steps.iter().enumerate().skip(1) {
            let above = steps[..place].iter().rev().find(|it| it.depth + 1 == step.depth).unwrap();
            prop_assert_eq!(above.standing, Standing::Shown);
            prop_assert!(all.iter().any(|it| it.id == above.id && it.rests_on.contains(&step.id)));
        }
    }
}
