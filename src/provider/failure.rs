//! Finds the failure that a CLI reports, in all of its output.
//!
//! `evidence` weighs the channels, and `rules` has the texts that reveal a failure.

mod evidence;
mod rules;

use std::sync::LazyLock;
use std::time::Duration;

use jiff::{Timestamp, ZonedDateTime as Zoned};
use regex::RegexSet;
use serde::Deserialize;
use strum::IntoStaticStr;
use thiserror::Error;

use crate::domain::cut::ends;
use crate::domain::packed;
use crate::domain::plain::plain;
use crate::domain::prompt::{Texts, filled};
use crate::domain::words::in_a_variable;

pub use evidence::Evidence;
use rules::chatter;

/// A failure as the CLI reported it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct CliFailure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// The CLI's own words. The caller masks them before it shows them.
    pub detail: String,
    /// End of the limit that was reached, if the CLI names it.
    pub resets_at: Option<Timestamp>,
}

/// The class of a CLI's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FailureKind {
    /// The CLI has no usable login.
    LoginMissing,
    /// The service refuses this account, because of its country, its organization, or a block.
    AccountRefused,
    /// The service no longer takes this kind of login from this CLI.
    ClientRefused,
    /// Too many requests in a short time.
    RateLimited,
    /// The account's quota or credit is used up.
    QuotaExceeded,
    /// The model does not exist or is not open to this account.
    ModelUnavailable,
    /// The service is overloaded or broken for now.
    Overloaded,
    /// The service could not be reached.
    NetworkUnreachable,
    /// The connection to the service broke.
    NetworkInterrupted,
    /// The certificate of the service, or of a proxy before it, is not trusted.
    Certificate,
    /// The CLI does not know a flag, or is too old for the service.
    CliOutdated,
    /// The CLI does not run: its interpreter is missing or too old, or it crashed.
    CliBroken,
    /// The prompt does not fit the model's context.
    ContextTooLong,
    /// The service refused the request as malformed.
    RequestRejected,
    /// The answer was cut at the model's output limit.
    AnswerTruncated,
    /// The CLI ended well and answered nothing.
    AnswerEmpty,
    /// The answer did not have the form that the CLI promises.
    AnswerUnreadable,
    /// Anything else.
    CliFailed,
}

/// Properties of a kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The same request may succeed a little later.
    Transient,
    /// The provider did not answer for reasons of its own, so that another may be asked instead. A problem
    /// of the task itself (its length, its form, a useless answer) would be the same for every provider.
    Refusal,
    /// A model may have been reached, so that the call may have cost something.
    MayHaveCost,
}

impl FailureKind {
    /// The stable code, and further properties.
    pub(crate) fn facts(self) -> (&'static str, &'static [Fact]) {
        use Fact::{MayHaveCost, Refusal, Transient};
        match self {
            Self::LoginMissing => ("login_missing", &[Refusal]),
            Self::AccountRefused => ("account_refused", &[Refusal]),
            Self::ClientRefused => ("client_refused", &[Refusal]),
            Self::RateLimited => ("rate_limited", &[Transient, Refusal]),
            Self::QuotaExceeded => ("quota_exceeded", &[Refusal]),
            Self::ModelUnavailable => ("model_unavailable", &[Refusal]),
            Self::Overloaded => ("overloaded", &[Transient, Refusal]),
            Self::NetworkUnreachable => ("network_unreachable", &[Refusal]),
            Self::NetworkInterrupted => ("network_unreachable", &[Transient, Refusal, MayHaveCost]),
            Self::Certificate => ("certificate", &[Refusal]),
            Self::CliOutdated => ("cli_outdated", &[Refusal]),
            Self::CliBroken => ("cli_broken", &[Refusal]),
            Self::ContextTooLong => ("context_too_long", &[]),
            Self::RequestRejected => ("request_rejected", &[]),
            Self::AnswerTruncated => ("answer_truncated", &[MayHaveCost]),
            Self::AnswerEmpty => ("answer_empty", &[MayHaveCost]),
            Self::AnswerUnreadable => ("answer_unreadable", &[MayHaveCost]),
            Self::CliFailed => ("cli_failed", &[Refusal, MayHaveCost]),
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        self.facts().0
    }

    /// True if another provider may be asked instead.
    pub fn is_refusal(self) -> bool {
        self.facts().1.contains(&Fact::Refusal)
    }

    /// True if the same request may succeed a little later.
    pub fn is_transient(self) -> bool {
        self.facts().1.contains(&Fact::Transient)
    }

    /// The next step, specific to the provider if possible.
    pub fn hint(self, provider: &str) -> String {
        static HINTS: LazyLock<Texts> = LazyLock::new(|| packed::read("src/provider/failure/hints.yaml"));
        let kind: &str = self.into();
        let own = |key: &str| Some(format!("{key}.{provider}")).filter(|own| HINTS.contains_key(own));
        let update = own("update").map(|key| filled(&HINTS, &key, &[])).unwrap_or_default();
        let variable = in_a_variable(provider);
        let values = [("provider", provider), ("variable", &variable), ("update", &update)];
        filled(&HINTS, own(kind).as_deref().unwrap_or(kind), &values)
    }
}

impl CliFailure {
    /// A failure of a known class.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: shortened(detail.into()), resets_at: None }
    }

    /// The time until the end of the limit; None if the CLI does not name it, or it has passed.
    pub fn wait(&self, now: &Zoned) -> Option<Duration> {
        self.resets_at?.duration_since(now.timestamp()).try_into().ok()
    }
}

/// Shortens a long message to both of its ends: the reason is at the beginning, the consequence at the end.
fn shortened(detail: String) -> String {
    const MOST_CHARS: usize = 2_000;
    const FIRST_CHARS: usize = 700;
    match ends(&detail, FIRST_CHARS, MOST_CHARS - FIRST_CHARS) {
        Some((first, _, last)) => format!("{first} ... {last}"),
        None => detail,
    }
}

/// Number of bytes that are examined at each end of a channel.
const LOOKED_AT: usize = 256 * 1024;

/// Normalises a text: lower case, one kind of apostrophe, quote and dash, and single blanks instead of line
/// breaks.
pub(in crate::provider) fn normalised(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{2032}' | '\u{ff07}' | '`' | '\u{b4}' => {
                out.push('\'');
            }
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => out.push('"'),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            letter if letter.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            letter => out.extend(letter.to_lowercase()),
        }
    }
    out
}

/// The lines of a channel that may report a failure, without terminal sequences.
pub(in crate::provider) fn telling_lines(channel: &str) -> Vec<String> {
    ends_of(channel)
        .into_iter()
        .flat_map(|part| plain(part).lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
        .filter(|line| !line.is_empty() && !is_chatter(line))
        .collect()
}

fn is_chatter(line: &str) -> bool {
    static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(chatter()).ok());
    // A line of chatter is short.
    const LONGEST: usize = 400;
    line.len() <= LONGEST && SET.as_ref().is_some_and(|set| set.is_match(&normalised(line)))
}

/// The whole text, or the beginning and the end of a very long one.
fn ends_of(text: &str) -> Vec<&str> {
    if text.len() <= 2 * LOOKED_AT {
        return vec![text];
    }
    let head = (0..=LOOKED_AT).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    let tail = (text.len() - LOOKED_AT..text.len()).find_map(|start| text.get(start..)).unwrap_or_default();
    vec![head, tail]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_keep_both_ends() {
        let long = CliFailure::new(FailureKind::CliFailed, format!("the first{}the last", "é".repeat(5_000)));
        assert!(long.detail.starts_with("the first") && long.detail.ends_with("the last"));
        assert!(long.detail.chars().count() < 2_010);
    }

    #[test]
    fn every_kind_has_a_hint() {
        use strum::VariantArray as _;
        for kind in FailureKind::VARIANTS {
            for provider in ["claude", "codex", "gemini", "my-own"] {
                let hint = kind.hint(provider);
                assert!(hint.ends_with('.') && !hint.contains('{'), "{kind:?} of {provider}: {hint}");
            }
        }
        assert_eq!(FailureKind::LoginMissing.hint("mine"), "Ask the user to log mine in from a terminal.");
        assert!(FailureKind::CliOutdated.hint("my-own").contains("CLI. If MAESTRO_MY_OWN_EXTRA_ARGS or"));
        assert!(
            FailureKind::CliOutdated
                .hint("codex")
                .contains("CLI (`npm install -g @openai/codex@latest`). If")
        );
    }

    #[test]
    fn a_wait_is_never_negative() {
        let now: Zoned = "2026-11-28T10:00:00Z[UTC]".parse().unwrap();
        let until = |at: &str| CliFailure {
            resets_at: Some(at.parse().unwrap()),
            ..CliFailure::new(FailureKind::RateLimited, "x")
        };
        assert_eq!(until("2026-11-28T10:00:14Z").wait(&now), Some(Duration::from_secs(14)));
        assert_eq!(until("2026-11-28T09:00:00Z").wait(&now), None);
    }

    #[test]
    fn kinds_of_letters_make_no_difference() {
        assert_eq!(
            normalised("You\u{2019}ve  HIT\r\n\u{201c}it\u{201d}\u{a0}\u{2014} x"),
            "you've hit \"it\" - x"
        );
    }

    #[test]
    fn chatter_is_left_out_and_the_reason_stays() {
        let stderr = "Loaded cached credentials.\n\u{1b}[31mError: it broke\u{1b}[0m\n    at classify (file:///x/quota.js:96:28)\n    at async Promise.all (index 0)\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n}\n\nNode.js v20.1.0\n";
        assert_eq!(telling_lines(stderr), ["Error: it broke"]);
        assert!(is_chatter("Reconnecting... 1/5") && !is_chatter("Reconnecting... 1/5 (401 Unauthorized)"));
        assert!(!is_chatter("attempt at login failed"));
        for benign in [
            "Keychain initialization encountered an error: Cannot find module 'keytar'",
            "Ignore file not found: /p/.geminiignore, continue without it.",
            "Error initializing extension: x, continuing without it",
            "Failed to load the native watcher, falling back to polling",
            "Both GOOGLE_API_KEY and GEMINI_API_KEY are set. Using GOOGLE_API_KEY.",
            "Update available! 0.60.0 -> 0.61.0",
        ] {
            assert!(is_chatter(benign), "{benign}");
        }
    }

    #[test]
    fn both_ends_of_a_flood_are_looked_at() {
        let flood = format!("the first\n{}the last", "noise\n".repeat(200_000));
        let lines = telling_lines(&flood);
        assert_eq!(
            (lines.first().map(String::as_str), lines.last().map(String::as_str)),
            (Some("the first"), Some("the last"))
        );
    }
}
