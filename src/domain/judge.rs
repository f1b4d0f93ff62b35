//! The task of a judge, its answers, and the verdict. Candidates have no names and are shown in two orders.
//!
//! A model that is asked in both orders contradicts itself in about a third of the cases, and it prefers its
//! own and longer answers (MT-Bench, arXiv 2306.05685). So names are hidden, no provider judges its own
//! answer, both orders are asked, and disagreement is a tie.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::prompt::prompt;
use crate::domain::order::Gather;

/// Maximum number of candidates for one judge.
pub const MOST_JUDGED: usize = 8;

/// An order of candidates. Their positions give them their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    order: Vec<usize>,
}

/// The opinion of a judge on one ballot.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// The chosen candidate. `None` if none deserves to win.
    pub winner: Option<usize>,
    /// Scores from 0 to 1, by candidate.
    pub scores: BTreeMap<usize, f64>,
    /// The reasons in the judge's words.
    pub rationale: String,
}

/// The verdict of one or several judges.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The judges chose the same candidate.
    Winner {
        /// Index of the candidate.
        winner: usize,
        /// Mean scores by candidate.
        scores: BTreeMap<usize, f64>,
        /// The reasons of the first judge.
        rationale: String,
    },
    /// The judges said that no candidate deserves to win.
    Nobody {
        /// The reasons of the first judge.
        rationale: String,
    },
    /// The judges contradict each other, so no candidate is chosen.
    Tie {
        /// The candidates that may have won.
        between: Vec<usize>,
    },
}

/// The task and the criteria that a judge gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case<'a> {
    pub task: Option<&'a str>,
    pub criteria: &'a [String],
}

impl Ballot {
    /// One ballot of the candidates in the given order and one in reverse.
    pub fn both_orders(candidates: &[usize]) -> [Self; 2] {
        let reversed = candidates.iter().rev().copied().collect();
        [Self { order: candidates.to_vec() }, Self { order: reversed }]
    }

    /// The prompt for the judge. `boundary` is a word that occurs in no candidate, so that no candidate can
    /// fake the end of its own text.
    pub fn task(&self, case: &Case, contents: &[String], boundary: &str) -> String {
        let criteria = match case.criteria {
            [] => prompt("judge_no_criteria", &[]),
            some => some.iter().map(|criterion| format!("- {criterion}")).collect::<Vec<_>>().join("\n"),
        };
        let labels: Vec<String> = (0..self.order.len()).map(label).collect();
        let mut text = prompt("judge", &[("boundary", boundary)]);
        let task = match case.task {
            None => prompt("judge_no_task", &[]),
            Some(task) => {
                text.push_str(&prompt("judge_task", &[("task", task), ("boundary", boundary)]));
                prompt("judge_has_task", &[])
            }
        };
        for (candidate, label) in self.order.iter().zip(&labels) {
            let content = contents.get(*candidate).map(String::as_str).unwrap_or_default();
            let values = [("label", label.as_str()), ("content", content), ("boundary", boundary)];
            text.push_str(&prompt("judge_candidate", &values));
        }
        let asked = [
            ("n", labels.len().to_string()),
            ("labels", labels.join(", ")),
            ("task", task),
            ("criteria", criteria),
        ];
        text + &prompt("judge_end", &asked.each_ref().map(|(name, value)| (*name, value.as_str())))
    }

    /// Parses an answer that fits the judge's schema.
    ///
    /// # Errors
    ///
    /// It names an unknown candidate, or it contradicts its own scores. The text says which.
    pub fn read(&self, answer: &Value) -> Result<Opinion, String> {
        let labels: BTreeMap<String, usize> = self
            .order
            .iter()
            .enumerate()
            .map(|(position, candidate)| (label(position), *candidate))
            .collect();
        let known = |name: &str| {
            let found = labels.get(name.trim());
            found.copied().ok_or_else(|| format!("it names an unknown candidate `{name}`"))
        };
        let winner = match answer.get("winner_id") {
            Some(Value::String(name)) => Some(known(name)?),
            Some(Value::Null) => None,
            Some(_) | None => return Err("it has no winner_id".to_owned()),
        };
        let mut scores = BTreeMap::new();
        for (name, score) in answer.get("scores").and_then(Value::as_object).into_iter().flatten() {
            let score = score.as_f64().filter(|score| (0.0..=1.0).contains(score));
            scores.insert(known(name)?, score.ok_or_else(|| format!("its score of {name} is not 0 to 1"))?);
        }
        if let Some(winner) = winner {
            let own = scores.get(&winner).ok_or("it gives its winner no score")?;
            if scores.values().any(|other| other > own) {
                return Err("it gives another candidate a higher score than its winner".to_owned());
            }
        }
        let rationale = answer.get("rationale").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Opinion { winner, scores, rationale })
    }
}

/// The verdict of the two opinions on the two orders.
pub fn together(first: Opinion, second: &Opinion) -> Verdict {
    match (first.winner, second.winner) {
        (Some(one), Some(other)) if one == other => agreed(one, &first, second),
        (None, None) => Verdict::Nobody { rationale: first.rationale },
        (Some(_), Some(_) | None) | (None, Some(_)) => {
            let between: BTreeSet<usize> = [first.winner, second.winner].into_iter().flatten().gather();
            Verdict::Tie { between: between.into_iter().collect() }
        }
    }
}

/// The verdict after a third opinion on a tie: the candidate of the tie that it chose, else still a tie.
pub fn with_third(between: Vec<usize>, third: Opinion) -> Verdict {
    match third.winner {
        Some(winner) if between.contains(&winner) => {
            Verdict::Winner { winner, scores: third.scores, rationale: third.rationale }
        }
        Some(_) | None => Verdict::Tie { between },
    }
}

/// The verdict of several judges, each on candidates that it did not write. The winner beats every other
/// candidate: of the judges who saw both, more chose it than the other.
pub fn across(all: &[usize], verdicts: &[(Vec<usize>, Verdict)]) -> Verdict {
    let preferred = |one: usize, other: usize| {
        let names = |(judged, verdict): &&(Vec<usize>, Verdict)| {
            matches!(verdict, Verdict::Winner { winner, .. } if *winner == one) && judged.contains(&other)
        };
        verdicts.iter().filter(names).count()
    };
    let beats = |one: usize, other: usize| preferred(one, other) > preferred(other, one);
    let beats_all = |one: &&usize| all.iter().all(|other| other == *one || beats(**one, *other));
    if let Some(winner) = all.iter().find(beats_all) {
        let of_winner = |verdict: &(Vec<usize>, Verdict)| match &verdict.1 {
            Verdict::Winner { winner: named, scores, rationale } if named == winner => {
                Some((scores.clone(), rationale.clone()))
            }
            Verdict::Winner { .. } | Verdict::Nobody { .. } | Verdict::Tie { .. } => None,
        };
        let rationale = verdicts.iter().find_map(of_winner).map(|(_, rationale)| rationale);
        return Verdict::Winner {
            winner: *winner,
            scores: mean_scores(verdicts),
            rationale: rationale.unwrap_or_default(),
        };
    }
    let nobody = |(_, verdict): &(Vec<usize>, Verdict)| match verdict {
        Verdict::Nobody { rationale } => Some(rationale.clone()),
        Verdict::Winner { .. } | Verdict::Tie { .. } => None,
    };
    let refused: Vec<String> = verdicts.iter().filter_map(nobody).collect();
    match refused.first() {
        Some(rationale) if refused.len() == verdicts.len() => {
            Verdict::Nobody { rationale: rationale.clone() }
        }
        Some(_) | None => {
            let beaten = |one: &&usize| all.iter().any(|other| beats(*other, **one));
            Verdict::Tie { between: all.iter().filter(|one| !beaten(one)).copied().collect() }
        }
    }
}

/// The mean score of each candidate.
fn mean_scores(verdicts: &[(Vec<usize>, Verdict)]) -> BTreeMap<usize, f64> {
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (_, verdict) in verdicts {
        if let Verdict::Winner { scores, .. } = verdict {
            for (candidate, score) in scores {
                let sum = sums.entry(*candidate).or_default();
                *sum = (sum.0 + score, sum.1 + 1.0);
            }
        }
    }
    sums.into_iter().map(|(candidate, (sum, count))| (candidate, sum / count)).collect()
}

fn agreed(winner: usize, first: &Opinion, second: &Opinion) -> Verdict {
    let mean = |(candidate, score): (&usize, &f64)| {
        let other = second.scores.get(candidate).copied().unwrap_or(*score);
        (*candidate, f64::midpoint(*score, other))
    };
    Verdict::Winner {
        winner,
        scores: first.scores.iter().map(mean).collect(),
        rationale: first.rationale.clone(),
    }
}

/// The label at a position of a ballot: `A`, `B` and so on.
fn label(position: usize) -> String {
    let offset = u8::try_from(position).unwrap_or(u8::MAX);
    char::from(b'A'.saturating_add(offset)).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn opinion(ballot: &Ballot, winner: &Value) -> Opinion {
        ballot
            .read(&json!({ "winner_id": winner, "scores": { "A": 0.5, "B": 0.5 }, "rationale": "r" }))
            .unwrap()
    }

    #[test]
    fn whoever_prefers_the_first_place_says_nothing() {
        let [one, other] = Ballot::both_orders(&[3, 5]);
        for place in ["A", "B"] {
            let verdict = together(opinion(&one, &json!(place)), &opinion(&other, &json!(place)));
            assert_eq!(verdict, Verdict::Tie { between: vec![3, 5] });
        }
        let agreed = together(opinion(&one, &json!("B")), &opinion(&other, &json!("A")));
        assert!(matches!(agreed, Verdict::Winner { winner: 5, .. }));
        let nobody = together(opinion(&one, &Value::Null), &opinion(&other, &Value::Null));
        assert_eq!(nobody, Verdict::Nobody { rationale: "r".into() });
        let half = together(opinion(&one, &Value::Null), &opinion(&other, &json!("A")));
        assert_eq!(half, Verdict::Tie { between: vec![5] });
    }

    #[test]
    fn an_answer_that_contradicts_itself_is_no_judgement() {
        let [ballot, _] = Ballot::both_orders(&[0, 1]);
        for (answer, why) in [
            (json!({ "winner_id": "C", "scores": {} }), "`C`"),
            (json!({ "winner_id": "codex-1", "scores": {} }), "`codex-1`"),
            (json!({ "scores": {} }), "no winner_id"),
            (json!({ "winner_id": "A", "scores": { "B": 0.1 } }), "no score"),
            (json!({ "winner_id": "A", "scores": { "A": 0.1, "B": 0.2 } }), "higher"),
            (json!({ "winner_id": "A", "scores": { "A": 1.5 } }), "not 0 to 1"),
            (json!({ "winner_id": "A", "scores": { "A": 0.5, "Z": 0.1 } }), "`Z`"),
        ] {
            let error = ballot.read(&answer).unwrap_err();
            assert!(error.contains(why), "{answer}: {error}");
        }
    }

    #[test]
    fn the_task_names_nobody_and_holds_everything() {
        let [one, other] = Ballot::both_orders(&[0, 1]);
        let contents = ["first text".to_owned(), "second text".to_owned()];
        let case = Case { task: Some("sort the list"), criteria: &["is short".into()] };
        let task = one.task(&case, &contents, "MARK");
        assert!(task.contains("MARK begin A\nfirst text\nMARK end A") && task.contains("- is short"));
        assert!(task.contains("MARK begin task\nsort the list\nMARK end task"));
        let bare = other.task(&Case::default(), &contents, "MARK");
        assert!(bare.contains("MARK begin A\nsecond text\nMARK end A") && bare.contains("is not given"));
        assert!(bare.find("`rationale`").unwrap() < bare.find("`winner_id`").unwrap());
    }

    fn won(judged: &[usize], winner: usize) -> (Vec<usize>, Verdict) {
        let scores = judged.iter().map(|one| (*one, if *one == winner { 0.8 } else { 0.2 })).collect();
        (judged.to_vec(), Verdict::Winner { winner, scores, rationale: format!("for {winner}") })
    }

    #[test]
    fn whoever_beats_each_other_in_the_eyes_of_those_who_wrote_neither_wins() {
        let tie = (vec![0, 2], Verdict::Tie { between: vec![0, 2] });
        let nobody = |judged: &[usize]| (judged.to_vec(), Verdict::Nobody { rationale: "n".into() });
        let found = across(&[0, 1, 2], &[won(&[1, 2], 2), won(&[0, 2], 2), won(&[0, 1], 0)]);
        let Verdict::Winner { winner, scores, rationale } = found else { panic!("{found:?}") };
        assert_eq!((winner, rationale.as_str()), (2, "for 2"));
        assert_eq!(scores, BTreeMap::from([(0, 0.5), (1, 0.2), (2, 0.8)]));
        // A circle, a voice that is missing, and one that wavers decide nothing.
        for (verdicts, between) in [
            (vec![won(&[1, 2], 2), won(&[0, 2], 0), won(&[0, 1], 1)], vec![]),
            (vec![won(&[0, 1], 0)], vec![0, 2]),
            (vec![won(&[1, 2], 2), tie, won(&[0, 1], 0)], vec![0, 2]),
        ] {
            assert_eq!(across(&[0, 1, 2], &verdicts), Verdict::Tie { between });
        }
        let all = [nobody(&[1, 2]), nobody(&[0, 2]), nobody(&[0, 1])];
        assert_eq!(across(&[0, 1, 2], &all), Verdict::Nobody { rationale: "n".into() });
    }

    #[test]
    fn a_third_opinion_settles_a_tie_only_by_naming_one_of_it() {
        let third = |winner| Opinion { winner, scores: BTreeMap::new(), rationale: "t".into() };
        assert!(matches!(with_third(vec![1, 2], third(Some(2))), Verdict::Winner { winner: 2, .. }));
        for winner in [Some(3), None] {
            assert_eq!(with_third(vec![1, 2], third(winner)), Verdict::Tie { between: vec![1, 2] });
        }
    }

    proptest! {
        #[test]
        fn a_winner_is_always_one_of_the_candidates(
            count in 1..MOST_JUDGED,
            one in 0..MOST_JUDGED,
            other in 0..MOST_JUDGED,
        ) {
            let candidates: Vec<usize> = (0..count).map(|index| index * 2 + 1).collect();
            let ballots = Ballot::both_orders(&candidates);
            let read = |ballot: &Ballot, place: usize| {
                let label = label(place);
                ballot.read(&json!({ "winner_id": label, "scores": { label.clone(): 1.0 } }))
            };
            if let (Ok(first), Ok(second)) = (read(&ballots[0], one), read(&ballots[1], other)) {
                match together(first, &second) {
                    Verdict::Winner { winner, .. } => {
                        prop_assert!(candidates.contains(&winner));
                        prop_assert_eq!(one, count - 1 - other);
                    }
                    Verdict::Tie { .. } => prop_assert_ne!(one, count - 1 - other),
                    Verdict::Nobody { .. } => prop_assert!(false),
                }
            } else {
                prop_assert!(one >= count || other >= count);
            }
        }
    }
}
