//! The reference of error codes, and the next step after every error. `maestro-mcp errors` prints it. The
//! texts are in `reference.yaml`.

use std::sync::LazyLock;

use regex::Captures;
use serde::Deserialize;

use super::{ApprovalProblem, Error};
use crate::domain::budget::{CapExceeded, Spender, Standing};
use crate::domain::cut::cut_line;
use crate::domain::decision::Contradiction;
use crate::domain::packed;
use crate::domain::pattern::Pattern;
use crate::domain::text::fill;
use crate::domain::words::{in_a_variable, span};

/// The embedded texts. A test parses them, so reading them cannot fail.
const TEXTS: &str = "src/error/reference.yaml";

/// One code and its explanation. Each text is Markdown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub code: String,
    pub meaning: String,
    /// Next step for the calling model.
    pub model: String,
    /// Next step for the person.
    pub user: String,
    /// Next step in a result, if it is the same in every case.
    pub hint: Option<String>,
}

/// Codes that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub title: String,
    pub entries: Vec<Entry>,
}

/// Every code, in the order of the document.
pub fn groups() -> &'static [Group] {
    static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| packed::read(TEXTS));
    &GROUPS
}

/// Every entry, in the order of the document.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    groups().iter().flat_map(|group| &group.entries)
}

/// The entry of a code, in upper or lower case.
pub fn find(code: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.code.eq_ignore_ascii_case(code))
}

/// The next step after an error, if it is always the same.
pub fn hint_of(code: &str) -> &'static str {
    find(code).and_then(|entry| entry.hint.as_deref()).unwrap_or_default()
}

impl Entry {
    /// The entry as a part of a Markdown document.
    pub fn markdown(&self) -> String {
        let Self { code, meaning, model, user, hint: _ } = self;
        format!("### `{code}`\n\n{meaning}\n\n- **The model:** {model}\n- **You:** {user}\n")
    }
}

/// The whole of `docs/errors.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Error codes\n\nThis file is written by `make docs` from `src/error/reference.yaml`; nothing in it is typed by hand.\n\n\
         A result that failed has `ok: false` with `error` (what happened), `code` (one of these words), `hint` (the next\n\
         step) and `retryable` (whether the same call may succeed a little later). Where a limit of an\n\
         account blocks the call and the CLI names its end, `resets_at` has the time. Where `hint` and this file differ,\n\
         `hint` is more specific: it is about this case. `maestro-mcp errors CODE` prints an entry in a terminal.\n",
    );
    for group in groups() {
        out.push_str(&format!("\n## {}\n", group.title));
        for entry in &group.entries {
            out.push_str(&format!("\n{}", entry.markdown()));
        }
    }
    out
}

/// The beginning of a project file's name, as messages show it.
const OF_PROJECT: &str = ".maestro/";

impl Error {
    /// The next step: a specific one if this case has one, else that of the error's code, filled with the
    /// values of this case.
    pub fn hint(&self) -> String {
        let own = hint_of(self.code());
        let for_provider = |provider: &str| {
            let variable = in_a_variable(provider);
            fill(own, &[("provider", provider), ("variable", variable.as_str())])
        };
        match self {
            Self::Unknown { kind, available, .. } if own.is_empty() => there_is(kind, available),
            Self::Ambiguous { matches, .. } => {
                const SHOWN: usize = 4;
                format!("Give more of the id: {}.", first(SHOWN, matches))
            }
            Self::ProviderDisabled(provider) | Self::Stalled { provider, .. } => for_provider(provider),
            Self::CliNotFound { provider, installed, .. } => {
                let others = match installed.as_slice() {
                    [] => "No other CLI is installed; provider `understudy` answers by rules, without a model.".to_owned(),
                    some => format!("Installed: {}.", some.join(", ")),
                };
                format!("{} {others}", for_provider(provider))
            }
            Self::Setup { hint, .. } => hint.clone(),
            Self::NoVoter => {
                "Install codex, gemini or claude, and name one of them; without a model decide yourself, or by a test. `maestro-mcp check` shows what is missing.".into()
            }
            Self::Cli { provider, failure, others } => {
                let until = failure.resets_at.map(|at| format!("The limit ends at {at}. ")).unwrap_or_default();
                let next = match others.split_first() {
                    _ if !failure.kind.is_refusal() => String::new(),
                    Some((first, [])) => format!(" Next: ask `{first}`, which is installed."),
                    Some((first, rest)) => {
                        format!(" Next: ask `{first}`, which is installed (so is {}).", rest.join(", "))
                    }
                    None => " No other CLI can be asked just now; provider `understudy` answers by rules, without a model.".to_owned(),
                };
                format!("{until}{}{next}", failure.kind.hint(provider))
            }
            Self::EveryCandidateFailed { others, .. } if others.is_empty() => own.to_owned(),
            Self::EveryCandidateFailed { others, .. } => {
                format!("{own} Installed and not asked: {}.", others.join(", "))
            }
            Self::Vote(no_winner) => no_winner.hint().unwrap_or(own).to_owned(),
            Self::Workflow(refusal) => refusal.next.clone(),
            Self::BudgetExhausted(short) => exhausted(&short.by),
            Self::CapReached(exceeded) => capped(exceeded),
            Self::PriceUnknown { provider, model } => {
                let model = if model.is_empty() { "*" } else { model };
                fill(own, &[("provider", provider.as_str()), ("model", model)])
            }
            Self::Approval(problem) => match problem {
                ApprovalProblem::HumanWanted(request)
                | ApprovalProblem::OtherReport(request)
                | ApprovalProblem::DialogOpen(request)
                | ApprovalProblem::Undecided { request, .. } => fill(own, &[("request", request)]),
                ApprovalProblem::LateStart { setting, .. } => fill(own, &[("setting", setting)]),
                ApprovalProblem::Contradiction { what, .. } if what.iter().any(Contradiction::is_final) => {
                    "Ask the human what should be different, and give it as revision_instructions.".to_owned()
                }
                ApprovalProblem::NoPerson(_) => {
                    "Ask the human to run this command in a terminal of their own.".to_owned()
                }
                ApprovalProblem::Contradiction { .. } | ApprovalProblem::SecondServer(_) => own.to_owned(),
            },
            _ => own.to_owned(),
        }
    }
}

/// The next step after a cap: names the cap, how long it lasts, and who can raise it.
fn capped(exceeded: &CapExceeded) -> String {
    let Standing { cap, limit, spent, reserved, set_by, .. } = &exceeded.standing;
    let key = format!("caps.{}", cap.key());
    let figures =
        format!("{spent} of {limit} spent, {reserved} under way, and this may take {}", exceeded.wanted);
    let who = match &exceeded.run {
        Some(run) => format!("The run {run}: {figures}."),
        None => format!("Today: {figures}; a new day begins at midnight in the user's time zone."),
    };
    let raise = if *set_by == cap.variable() {
        format!("The cap is `{key}`, set by {set_by}: the user raises it there")
    } else if set_by.starts_with(OF_PROJECT) {
        format!(
            "The cap is the project's, `{key}` in {set_by}. {} does not raise it: the user raises it in that file",
            cap.variable()
        )
    } else {
        format!("The cap is `{key}` in {set_by}: the user raises it there (or by {})", cap.variable())
    };
    format!(
        "Nothing was asked. {who} Go on without a consultant, or ask for less. {raise} and restarts the server; maestro_get_metrics shows what was spent."
    )
}

/// The run with the exhausted budget, and the next step.
fn exhausted(by: &Spender) -> String {
    const MOST_CHARS: usize = 80;
    let task = cut_line(&by.task, MOST_CHARS);
    let age = span(by.age_ms);
    format!(
        "The budget is that of the run {} (\"{task}\", begun {age} ago). Do the stage yourself and hand it in with maestro_request_approval; or ask without naming the run, if it is other work. A human ends the run with `maestro-mcp runs stop {} -m WHY`, or raises the limits (MAESTRO_MAX_CONSULT_TOTAL, MAESTRO_MAX_CONSULT_PER_STAGE) and restarts the server.",
        by.run, by.run
    )
}

/// The first names of a list.
fn first(most: usize, names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
    let more = if names.len() > most { " and more" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn there_is(kind: &str, available: &[String]) -> String {
    const NEAREST: usize = 8;
    if available.is_empty() {
        return format!("No {kind} is available in this project; check that the directory is right.");
    }
    format!("Available: {}.", first(NEAREST, available))
}

/// Rewrites a hint for the person at a terminal: most hints address the model that gets a result.
pub fn for_person(hint: &str) -> String {
    static TO_A_MODEL: Pattern =
        Pattern::new(r"(?:(Ask the user to|Tell the user[.;])|ask the user to) (\w)");
    let said = TO_A_MODEL.replaced(hint, |found: &Captures<'_>| {
        let first = found.get(2).map_or("", |letter| letter.as_str());
        if found.get(1).is_some() { first.to_uppercase() } else { first.to_owned() }
    });
    let therefore = packed::pairs("to_a_person").iter();
    therefore.fold(said.into_owned(), |said, (to_model, to_person)| said.replace(to_model, to_person))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::VariantArray as _;

    use super::*;
    use crate::domain::change;
    use crate::provider::failure::FailureKind;

    #[test]
    fn every_code_is_there_once_and_in_full() {
        assert!(entries().count() > 90, "the texts can be read");
        let codes: BTreeSet<&str> = entries().map(|entry| entry.code.as_str()).collect();
        assert_eq!(codes.len(), entries().count());
        for Entry { code, meaning, model, user, hint: _ } in entries() {
            assert!(code.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{code}");
            for text in [meaning, model, user] {
                assert!(text.len() > 10 && text.ends_with('.') && !text.contains('\n'), "{code}: {text}");
            }
        }
    }

    #[test]
    fn what_has_no_hint_of_its_own_has_that_of_its_code() {
        let refusals = change::Reason::VARIANTS.iter().map(|reason| reason.code());
        let errors = [
            "invalid_arguments", "cli_not_executable", "no_sandbox", "no_provider", "config_invalid",
            "prompt_too_long", "timeout", "output_too_large", "nested_consult", "request_state_invalid",
            "cancelled", "shutting_down", "busy", "document_invalid", "internal", "oracle_unusable",
            "provider_disabled", "cli_not_found", "stalled", "every_candidate_failed", "vote_undecided",
            "no_valid_vote", "vote_over_budget", "price_unknown", "human_wanted", "other_report",
            "second_server", "dialog_open", "undecided", "late_start", "answers_contradict",
            "store_conflict", "store_replaced", "store_busy", "store_read_only", "store_full",
            "store_corrupt", "store_newer", "store_went_back", "store_foreign", "store_not_ours",
            "store_unavailable",
        ];
        for code in refusals.chain(errors) {
            let hint = hint_of(code);
            assert!(hint.starts_with(char::is_uppercase), "{code}: {hint}");
            assert!(hint.ends_with('.'), "{code}: {hint}");
        }
    }

    #[test]
    fn an_entry_is_found_by_its_code() {
        assert_eq!(find("timeout").map(|entry| entry.code.as_str()), Some("timeout"));
        assert_eq!(find("TIMEOUT"), find("timeout"));
        assert_eq!(find("time"), None);
        assert!(find("timeout").is_some_and(|entry| markdown().contains(&entry.markdown())));
    }

    #[test]
    fn lists_of_names_end_somewhere() {
        let names: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let unknown = |available: &[String]| {
            Error::Unknown { kind: "topic", name: "x".to_owned(), available: available.to_vec() }.hint()
        };
        assert_eq!(unknown(&[]), "No topic is available in this project; check that the directory is right.");
        assert_eq!(unknown(&names[..8]), "Available: 0, 1, 2, 3, 4, 5, 6, 7.");
        assert_eq!(unknown(&names), "Available: 0, 1, 2, 3, 4, 5, 6, 7 and more.");
        let ambiguous = |matches: &[String]| {
            Error::Ambiguous { kind: "run", part: "x".to_owned(), matches: matches.to_vec() }.hint()
        };
        assert_eq!(ambiguous(&names[..4]), "Give more of the id: 0, 1, 2, 3.");
        assert_eq!(ambiguous(&names), "Give more of the id: 0, 1, 2, 3 and more.");
    }

    #[test]
    fn a_person_is_not_told_to_ask_the_user() {
        for kind in [
            FailureKind::LoginMissing,
            FailureKind::ClientRefused,
            FailureKind::RateLimited,
            FailureKind::QuotaExceeded,
            FailureKind::ModelUnavailable,
            FailureKind::NetworkUnreachable,
            FailureKind::Certificate,
            FailureKind::CliOutdated,
            FailureKind::CliBroken,
            FailureKind::CliFailed,
        ] {
            for provider in ["codex", "claude", "gemini", "mine"] {
                let said = for_person(&kind.hint(provider));
                assert!(!said.to_lowercase().contains("the user"), "{kind:?}: {said}");
                assert!(said.starts_with(char::is_uppercase) && said.ends_with('.'), "{kind:?}: {said}");
            }
        }
        assert_eq!(
            for_person("Ask the user to run `codex login` once, or to set CODEX_API_KEY."),
            "Run `codex login` once, or set CODEX_API_KEY."
        );
        assert_eq!(for_person("A proxy: ask the user to set X."), "A proxy: set X.");
        assert_eq!(for_person("Tell the user. Put it back."), "Put it back.");
        assert_eq!(for_person("Wait a minute."), "Wait a minute.");
        for (hint, said) in [
            (
                "Correct the arguments; maestro_help with the tool's name shows them all.",
                "Correct the arguments; `--help` shows them all.",
            ),
            (
                "Ask another provider (maestro_list_providers).",
                "Ask another provider (`maestro-mcp check` lists them).",
            ),
            ("maestro_workflow_state shows the state.", "`maestro-mcp runs` shows the state."),
        ] {
            assert_eq!(for_person(hint), said);
        }
    }
}
