//! What a CLI says went wrong, told apart from its exit code and its words.

use std::sync::OnceLock;

use regex::{Regex, RegexSet};
use thiserror::Error;

/// A failure as the CLI reported it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct CliFailure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// The end of the CLI's own words, masked by whoever shows them.
    pub detail: String,
}

/// The class of a CLI's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The CLI has no usable login.
    LoginMissing,
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
    /// The prompt does not fit the model's context.
    ContextTooLong,
    /// The service refused the request as malformed.
    RequestRejected,
    /// The answer was cut at the model's output limit.
    AnswerTruncated,
    /// The CLI ended well and said nothing.
    AnswerEmpty,
    /// The answer did not have the form that the CLI promises.
    AnswerUnreadable,
    /// Anything else.
    CliFailed,
}

impl FailureKind {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::LoginMissing => "login_missing",
            Self::ClientRefused => "client_refused",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::ModelUnavailable => "model_unavailable",
            Self::Overloaded => "overloaded",
            Self::NetworkUnreachable => "network_unreachable",
            Self::ContextTooLong => "context_too_long",
            Self::RequestRejected => "request_rejected",
            Self::AnswerTruncated => "answer_truncated",
            Self::AnswerEmpty => "answer_empty",
            Self::AnswerUnreadable => "answer_unreadable",
            Self::CliFailed => "cli_failed",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(self, provider: &str) -> String {
        let variable = provider.to_ascii_uppercase().replace('-', "_");
        match self {
            Self::LoginMissing => match provider {
                "claude" => "Ask the user to run `claude` and /login once, or to set ANTHROPIC_API_KEY.".into(),
                "codex" => "Ask the user to run `codex login` once, or to set CODEX_API_KEY.".into(),
                "gemini" => "Ask the user to set GEMINI_API_KEY, or to use Vertex or a paid Code Assist login.".into(),
                other => format!("Ask the user to log {other} in from a terminal."),
            },
            Self::ClientRefused => {
                "Google no longer serves this login through the gemini CLI. Ask the user to set GEMINI_API_KEY, or to install its successor `agy` and set `enabled: true` for it in .maestro/cli_clients.yaml.".into()
            }
            Self::RateLimited => "Wait a minute, or ask another provider.".into(),
            Self::QuotaExceeded => "The account is used up: ask another provider, and tell the user.".into(),
            Self::ModelUnavailable => format!(
                "Name another model in the call, or set MAESTRO_{variable}_MODEL."
            ),
            Self::Overloaded => "Ask again later, or ask another provider.".into(),
            Self::NetworkUnreachable => "Check the connection and the proxy variables, then ask again.".into(),
            Self::ContextTooLong => "Send less context, or a model that takes more.".into(),
            Self::RequestRejected => "Read the error: the CLI's version, its extra arguments or the schema may not fit the service.".into(),
            Self::AnswerTruncated => "Ask for a shorter answer, or split the question.".into(),
            Self::AnswerEmpty => "Ask again, more concretely, or ask another provider.".into(),
            Self::AnswerUnreadable => "Run `maestro-mcp check`: the CLI's version may be one that Maestro does not know.".into(),
            Self::CliFailed => "Read the error and stderr; `maestro-mcp check` shows the CLI's state.".into(),
        }
    }

    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::RateLimited | Self::Overloaded => true,
            Self::LoginMissing
            | Self::ClientRefused
            | Self::QuotaExceeded
            | Self::ModelUnavailable
            | Self::NetworkUnreachable
            | Self::ContextTooLong
            | Self::RequestRejected
            | Self::AnswerTruncated
            | Self::AnswerEmpty
            | Self::AnswerUnreadable
            | Self::CliFailed => false,
        }
    }

    /// Whether the service takes no questions from here, so that another provider may be asked instead.
    /// A CLI that fails at its work is none.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        match self {
            Self::LoginMissing
            | Self::ClientRefused
            | Self::RateLimited
            | Self::QuotaExceeded
            | Self::ModelUnavailable
            | Self::Overloaded
            | Self::NetworkUnreachable => true,
            Self::ContextTooLong
            | Self::RequestRejected
            | Self::AnswerTruncated
            | Self::AnswerEmpty
            | Self::AnswerUnreadable
            | Self::CliFailed => false,
        }
    }
}

impl CliFailure {
    /// A failure of a known class.
    #[must_use]
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: shortened(detail.into()) }
    }

    /// The failure that an HTTP status and the service's words stand for.
    #[must_use]
    pub fn from_status(status: u16, detail: impl Into<String>) -> Self {
        let detail = shortened(detail.into());
        let by_words = classify(&detail);
        let kind = match (status, by_words) {
            (_, Some(kind @ (FailureKind::ClientRefused | FailureKind::QuotaExceeded))) => kind,
            (401 | 403, _) => FailureKind::LoginMissing,
            (404, _) => FailureKind::ModelUnavailable,
            (408 | 500..=599, _) => FailureKind::Overloaded,
            (413, _) => FailureKind::ContextTooLong,
            (429, _) => FailureKind::RateLimited,
            (_, Some(kind)) => kind,
            (_, None) => FailureKind::RequestRejected,
        };
        Self { kind, detail }
    }

    /// The failure that words alone stand for.
    #[must_use]
    pub fn from_words(detail: impl Into<String>) -> Self {
        let detail = shortened(detail.into());
        match status_in(&detail) {
            Some(status) => Self::from_status(status, detail),
            None => Self { kind: classify(&detail).unwrap_or(FailureKind::CliFailed), detail },
        }
    }
}

/// The end of a CLI's words: where they are long, what went wrong stands last.
fn shortened(detail: String) -> String {
    const MOST_CHARS: usize = 2_000;
    match detail.char_indices().rev().nth(MOST_CHARS) {
        None => detail,
        Some((at, _)) => format!("... {}", detail.get(at..).unwrap_or_default()),
    }
}

/// Words that stand for a class, the more special first.
const WORDS: [(&str, FailureKind); 12] = [
    (
        r"(?i)no longer supported for Gemini Code Assist|migrate to the Antigravity",
        FailureKind::ClientRefused,
    ),
    (
        r"(?i)insufficient_quota|quota exceeded|(?:exceeded|exhausted) your (?:current |daily )?quota|check your plan and billing|credit balance is too low|usage limit|limit reached|out of (?:extra )?usage",
        FailureKind::QuotaExceeded,
    ),
    (
        r"(?i)not logged in|please (?:run )?/?login|invalid api key|invalid authentication|unauthori[sz]ed|authentication[_ ]error|failed to authenticate|missing environment variable|set an auth method|api key not valid|missing bearer|token (?:has )?expired|obtain a new token|(?:sign|log) in again|could not be refreshed",
        FailureKind::LoginMissing,
    ),
    (
        r"(?i)prompt is too long|context[_ ](?:length|window)|input_too_large|maximum context|too many tokens|exceeds the maximum number of tokens",
        FailureKind::ContextTooLong,
    ),
    (r"(?i)max_output_tokens|output token maximum|maximum output", FailureKind::AnswerTruncated),
    (
        r"(?i)issue with the selected model|model[^.\n]{0,60}(?:not found|does not exist|is not supported|not available)|unknown model|model_not_found|ModelNotFound|invalid model",
        FailureKind::ModelUnavailable,
    ),
    (
        r"(?i)too many requests|rate[_ -]?limit|resource_exhausted|resource has been exhausted",
        FailureKind::RateLimited,
    ),
    (
        r"(?i)overloaded|high demand|service unavailable|internal server error|bad gateway|gateway time-?out|stream disconnected|temporarily unavailable|premature close|ended without a finish reason|stream (?:ended|closed)|connection (?:closed|reset)|ECONNRESET|incomplete json segment",
        FailureKind::Overloaded,
    ),
    (
        r"(?i)ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|connection refused|could not resolve|network is unreachable|fetch failed|error sending request|dns error",
        FailureKind::NetworkUnreachable,
    ),
    (r"(?i)invalid[_ ]request|bad request|invalid_argument|invalid schema", FailureKind::RequestRejected),
    (
        r"(?i)(?:an )?empty (?:response|answer|stream)|no (?:candidates|content) (?:returned|found)|model stream ended with (?:an )?(?:empty|invalid)",
        FailureKind::AnswerEmpty,
    ),
    (r"(?i)status(?: code)?:? 5\d\d", FailureKind::Overloaded),
];

fn classify(words: &str) -> Option<FailureKind> {
    static SET: OnceLock<Option<RegexSet>> = OnceLock::new();
    let set = SET.get_or_init(|| RegexSet::new(WORDS.iter().map(|(pattern, _)| *pattern)).ok()).as_ref()?;
    let first = set.matches(words).iter().next()?;
    WORDS.get(first).map(|(_, kind)| *kind)
}

/// An HTTP status that the words name as one.
fn status_in(words: &str) -> Option<u16> {
    static STATUS: OnceLock<Option<Regex>> = OnceLock::new();
    STATUS
        .get_or_init(|| Regex::new(r#"(?i)(?:unexpected status|last status:|API Error:|"code":|"status":|status code|got status:?|HTTP)\s*"?([45]\d\d)\b"#).ok())
        .as_ref()?
        .captures(words)?
        .get(1)?
        .as_str()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that the real CLIs print, by what they stand for.
    #[test]
    fn the_words_of_the_clis_are_told_apart() {
        use FailureKind::{
            AnswerTruncated, ClientRefused, ContextTooLong, LoginMissing, ModelUnavailable,
            NetworkUnreachable, Overloaded, QuotaExceeded, RateLimited,
        };
        for (words, kind) in [
            ("Not logged in · Please run /login", LoginMissing),
            ("Failed to authenticate. API Error: 401 invalid x-api-key", LoginMissing),
            ("API Error: 529 overloaded_error", Overloaded),
            ("API Error: Connection refused (ECONNREFUSED)", NetworkUnreachable),
            ("There's an issue with the selected model (opus-9)", ModelUnavailable),
            ("Prompt is too long", ContextTooLong),
            ("Claude's response exceeded the 32000 output token maximum", AnswerTruncated),
            ("exceeded retry limit, last status: 429 Too Many Requests", RateLimited),
            ("Quota exceeded. Check your plan and billing details.", QuotaExceeded),
            ("We're currently experiencing high demand, which may cause temporary errors.", Overloaded),
            ("unexpected status 401 Unauthorized: no key, url: https://x", LoginMissing),
            ("unexpected status 503 Service Unavailable: x", Overloaded),
            ("Missing environment variable: `FAKE_KEY`.", LoginMissing),
            ("Incomplete response returned, reason: max_output_tokens", AnswerTruncated),
            ("{\"code\":\"input_too_large\",\"max_chars\":1048576}", ContextTooLong),
            ("You have exhausted your daily quota on this model.", QuotaExceeded),
            ("This client is no longer supported for Gemini Code Assist for individuals", ClientRefused),
            ("Model stream ended without a finish reason.", Overloaded),
            ("Connection failed: error sending request", NetworkUnreachable),
            ("it slipped on a banana", FailureKind::CliFailed),
        ] {
            assert_eq!(CliFailure::from_words(words).kind, kind, "{words}");
        }
    }

    #[test]
    fn only_what_may_pass_is_transient() {
        for status in [429, 500, 502, 503, 529] {
            let kind = CliFailure::from_status(status, "x").kind;
            assert!(kind.is_transient() && kind.is_refusal(), "{status}");
        }
        for status in [400, 401, 403, 404, 413] {
            assert!(!CliFailure::from_status(status, "x").kind.is_transient(), "{status}");
        }
        assert!(!CliFailure::from_status(429, "insufficient_quota").kind.is_transient());
    }
}
