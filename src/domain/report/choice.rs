//! The choices of a reviewer, each with a unique id: the hypotheses of all consultants, or the changes of
//! several consultants.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::material::{Output, Said};
use super::read::{items, phrase, shortened, text, unwrapped};
use crate::domain::measure::number::mean_pairwise;
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};
use crate::domain::typed::from_value;

/// The least similarity of two claims that count as the same.
const ALIKE: f64 = 0.9;

/// A hypothesis or a change that the reviewer can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub id: String,
    pub claim: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    pub from: Vec<String>,
    pub selected_by: Vec<String>,
    /// The ids of the same claim from other consultants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

impl Choice {
    /// The choices of a stored report.
    pub fn of_report(report: &Value) -> Vec<Self> {
        let stored = report.get("choices").cloned().unwrap_or_default();
        from_value(stored).unwrap_or_default()
    }

    pub fn line(&self) -> String {
        format!("{}: {}", self.id, self.claim)
    }
}

/// The choice that a person means: by its id, by the author's own id if it is unique, by the beginning of its
/// line, or by its author if the author has only one. None if several match or none does.
pub fn meant<'c>(choices: &'c [Choice], said: &str) -> Option<&'c Choice> {
    let said = said.trim();
    let only = |of: &dyn Fn(&Choice) -> bool| {
        let mut found = choices.iter().filter(|choice| of(choice));
        found.next().filter(|_| found.next().is_none())
    };
    let same = |known: &str| known.eq_ignore_ascii_case(said);
    choices
        .iter()
        .find(|choice| same(&choice.id) || choice.also.iter().any(|id| same(id)))
        .or_else(|| only(&|choice| choice.id.rsplit_once(':').is_some_and(|(_, id)| same(id))))
        .or_else(|| only(&|choice| said.len() > choice.id.len() && choice.line().starts_with(said)))
        .or_else(|| only(&|choice| choice.from.iter().any(|from| same(from))))
}

/// The choices of a stage; empty if there is nothing to choose. `also` are the consultants that gave the same
/// answer as the first.
pub(super) fn choices(stage: Stage, outputs: &[Output<'_>], also: &[String]) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for (place, output) in outputs.iter().enumerate() {
        let Said::Structured(value) = output.said else { continue };
        let value = unwrapped(value, known_keys(stage));
        let mut authors = vec![output.source.to_owned()];
        authors.extend(also.iter().filter(|_| place == 0).cloned());
        match stage {
            Stage::Hypothesize => hypotheses(value, &authors, outputs.len() > 1, &mut choices),
            Stage::Implement if outputs.len() > 1 => {
                let claim = text(value, "patch_plan").unwrap_or_else(|| "its change".to_owned());
                let id = free(&choices, output.source);
                choices.push(Choice {
                    id,
                    claim,
                    test: None,
                    from: authors.clone(),
                    selected_by: authors,
                    also: Vec::new(),
                });
            }
            Stage::Implement | Stage::Analyze | Stage::Debug | Stage::Improve => {}
        }
    }
    choices
}

fn hypotheses(value: &Value, authors: &[String], are_several: bool, choices: &mut Vec<Choice>) {
    let selected = text(value, "selected");
    for (place, one) in items(value, "hypotheses").into_iter().enumerate() {
        let own = text(one, "id").unwrap_or_else(|| format!("H{}", place + 1));
        let claim = text(one, "claim").unwrap_or_else(|| phrase(one));
        let taken: &[String] = if selected.as_ref() == Some(&own) { authors } else { &[] };
        let known = choices.iter_mut().find(|known| {
            are_several
                && !known.from.iter().any(|from| authors.contains(from))
                && are_alike(&known.claim, &claim)
        });
        if let Some(known) = known {
            known.from.extend_from_slice(authors);
            known.selected_by.extend_from_slice(taken);
            known.also.extend(authors.first().map(|author| format!("{author}:{own}")));
            continue;
        }
        let author = authors.first().map_or("", String::as_str);
        let id = free(choices, &if are_several { format!("{author}:{own}") } else { own });
        let test = text(one, "verification_test");
        choices.push(Choice {
            id,
            claim,
            test,
            from: authors.to_vec(),
            selected_by: taken.to_vec(),
            also: Vec::new(),
        });
    }
}

fn are_alike(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
    };
    plain(one) == plain(other) || mean_pairwise(&[one, other]).is_some_and(|likeness| likeness >= ALIKE)
}

/// The wanted id, with a number added if it is taken.
fn free(choices: &[Choice], wanted: &str) -> String {
    let is_free = |id: &str| choices.iter().all(|choice| choice.id != id);
    let numbered = (2_u32..).map(|number| format!("{wanted}#{number}"));
    std::iter::once(wanted.to_owned()).chain(numbered).find(|id| is_free(id)).unwrap_or_default()
}

/// The risk that consultants prefer different choices; None if they agree.
pub(super) fn disagreement(stage: Stage, choices: &[Choice]) -> Option<Text> {
    let wanted: Vec<&Choice> = choices.iter().filter(|choice| !choice.selected_by.is_empty()).collect();
    let [first, _, ..] = wanted.as_slice() else { return None };
    let said: Vec<String> = wanted
        .iter()
        .map(|choice| {
            format!("{} - {} ({})", choice.selected_by.join(", "), choice.id, shortened(&choice.claim))
        })
        .collect();
    let said = said.join("; ");
    Some(match stage {
        Stage::Implement => say!("disagree_on_change", said = said, first = first.id),
        _ => say!("disagree_on_cause", said = said, first = first.id),
    })
}

/// The agreements between consultants, each in a line.
pub(super) fn agreements(choices: &[Choice], outputs: &[Output<'_>], also: &[String]) -> Vec<Text> {
    let of = |who: &[String], what: Text| {
        let who: Vec<Text> = who.iter().map(Text::quoted).collect();
        say!("agreement", who = Text::listed(&who), what = what)
    };
    let mut all: Vec<Text> = choices
        .iter()
        .filter(|choice| choice.from.len() > 1)
        .map(|choice| of(&choice.from, Text::quoted(choice.line())))
        .collect();
    if let Some(first) = outputs.first().filter(|_| all.is_empty() && !also.is_empty()) {
        let who: Vec<String> = std::iter::once(first.source.to_owned()).chain(also.iter().cloned()).collect();
        all.push(of(&who, say!("same_answer")));
    }
    all
}

/// The keys that identify the output of a stage.
pub(super) fn known_keys(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Analyze => &["observations", "repro_steps", "affected_modules", "invariants", "unknowns"],
        Stage::Hypothesize => &["hypotheses", "selected"],
        Stage::Implement => &["patch_plan", "files_to_change", "diff", "changes", "verification_command"],
        Stage::Debug => &["error_analysis", "next_action", "change", "hypothesis_update"],
        Stage::Improve => &["improvements", "ready_for_merge", "final_checklist", "regression_tests"],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(claim: &str) -> Value {
        json!({ "hypotheses": [{ "id": "H1", "claim": claim }], "selected": "H1" })
    }

    fn read(one: &Value, other: &Value) -> Vec<Choice> {
        let outputs = [
            Output { source: "codex", said: Said::Structured(one) },
            Output { source: "gemini", said: Said::Structured(other) },
        ];
        choices(Stage::Hypothesize, &outputs, &[])
    }

    #[test]
    fn ids_are_distinct_across_consultants_and_a_disagreement_is_named() {
        let found = read(&said("the divisor is a constant"), &said("the sum is wrong"));
        let ids: Vec<&str> = found.iter().map(|choice| choice.id.as_str()).collect();
        assert_eq!(ids, ["codex:H1", "gemini:H1"]);
        let risk = disagreement(Stage::Hypothesize, &found).unwrap().english().to_owned();
        assert!(risk.contains("codex:H1 (the divisor") && risk.contains("gemini:H1 (the sum"), "{risk}");
        assert!(agreements(&found, &[], &[]).is_empty());
        for (said, id) in [("gemini:H1", "gemini:H1"), (" GEMINI:h1 ", "gemini:H1"), ("codex", "codex:H1")] {
            assert_eq!(meant(&found, said).unwrap().id, id);
        }
        assert_eq!((meant(&found, "H1"), meant(&found, "H9")), (None, None));
    }

    #[test]
    fn the_same_claim_is_one_choice_and_an_agreement() {
        let found = read(&said("The divisor is a constant."), &said("the divisor is a constant"));
        assert_eq!(
            (found.len(), found[0].from.as_slice()),
            (1, &["codex".to_owned(), "gemini".to_owned()][..])
        );
        assert!(disagreement(Stage::Hypothesize, &found).is_none());
        let agreed = agreements(&found, &[], &[])[0].english().to_owned();
        assert_eq!(meant(&found, "gemini:H1").unwrap().id, "codex:H1");
        assert!(agreed.starts_with("Agreement: codex and gemini: codex:H1"), "{agreed}");
    }

    #[test]
    fn an_author_who_uses_an_id_twice_does_not_confuse_the_choice() {
        let twice = json!({ "hypotheses": [{ "id": "H1", "claim": "a" }, { "id": "H1", "claim": "b" }] });
        let outputs = [Output { source: "codex", said: Said::Structured(&twice) }];
        let found = choices(Stage::Hypothesize, &outputs, &[]);
        let ids: Vec<&str> = found.iter().map(|choice| choice.id.as_str()).collect();
        assert_eq!(ids, ["H1", "H1#2"]);
    }
}
