//! Deciding the class of a failure from everything that a CLI left behind.
//!
//! 1. What the CLI says in a form (an HTTP status, an error type) gives a first class, and words refine it.
//! 2. A limit is a short one or the account's by its end and by further words.
//! 3. The CLI's own form is believed first, then the channel that a rule knows.
//! 4. Without any class the CLI has failed in its own words.

use std::time::Duration;

use jiff::{Timestamp, ZonedDateTime as Zoned};
use regex::Regex;
use std::sync::LazyLock;

use super::reset::{Named, Reset, reset_in};
use super::rules::{RULES, Says, first};
use super::text::{normalised, telling_lines};
use super::{CliFailure, FailureKind};
use crate::host::process::Exit;

/// Lines of a channel that are shown where no rule knows one.
const SHOWN_LINES: usize = 8;

/// Bytes of a channel that may be one sentence, broken into lines.
const SENTENCE: usize = 4 * 1024;

/// A wait that is no longer is a short limit's; what takes longer is the account's.
const SHORT: Duration = Duration::from_secs(10 * 60);

/// Evidence of a failure that a CLI left.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Messages in the CLI's own form: of an envelope, of error events.
    pub words: Vec<String>,
    /// An HTTP status in its own form.
    pub status: Option<u16>,
    /// An HTTP status that its exit code or an event stands for, where nothing else tells.
    pub fallback_status: Option<u16>,
    /// A class that its own form names.
    pub kind: Option<FailureKind>,
    /// Time when a limit ends, in its own form.
    pub resets_at: Option<Timestamp>,
    pub noise: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    /// The words fit many causes.
    Roughly,
    /// The words say it.
    Known,
}

#[derive(Clone, Debug)]
struct Verdict {
    kind: FailureKind,
    sure: Sure,
    /// The line by which it was known.
    line: String,
}

impl Told {
    /// Words that the CLI says in its own form; nothing twice, and no empty ones.
    pub fn say(&mut self, words: impl Into<String>) {
        let words = words.into();
        let words = words.trim();
        if !words.is_empty() && !self.words.iter().any(|said| said.contains(words)) {
            self.words.retain(|said| !words.contains(said.as_str()));
            self.words.push(words.to_owned());
        }
    }

    /// A line beside its form.
    pub fn note(&mut self, line: &str) {
        self.noise.push_str(line);
        self.noise.push('\n');
    }

    /// Returns what the CLI's words and its end mean. None: they tell nothing beyond that it ended.
    pub fn failure(&self, stderr: &str, exit: Exit, now: &Zoned) -> Option<CliFailure> {
        let own = telling_lines(&self.words.join("\n"));
        let channels = [own, telling_lines(&self.noise), telling_lines(stderr)];
        let normal: Vec<String> = channels.iter().map(|lines| normalised(&lines.join("\n"))).collect();
        let reset = self.reset(&normal, now);
        let status = self.status.or_else(|| normal.first().and_then(|own| status_in(own)));
        let verdicts = channels.iter().zip(&normal).enumerate().map(|(index, (lines, whole))| {
            let status = if index == 0 { status } else { status_in(whole) };
            verdict(lines, whole, status, reset)
        });
        let verdicts: Vec<Verdict> = verdicts.flatten().collect();
        let known = verdicts.iter().find(|verdict| verdict.sure == Sure::Known);
        let chosen = known.or(verdicts.first());
        let kind = match (self.kind, chosen) {
            (Some(kind), _) => kind,
            (None, Some(Verdict { kind, sure: Sure::Known, .. })) => *kind,
            (None, chosen) => {
                let by_exit =
                    self.fallback_status.map(|status| by_status(status, None, reset, &normal.concat()));
                let roughly = chosen.map(|verdict| verdict.kind);
                by_exit.or_else(|| by_end(exit)).or(roughly).unwrap_or(FailureKind::CliFailed)
            }
        };
        let line = chosen.map(|verdict| verdict.line.as_str());
        let detail = detail(&channels, line)?;
        let detail = match signal_name(exit) {
            Some(name) => format!("{detail}\n(signal {name} ended it)"),
            None => detail,
        };
        let resets_at = limited(kind).then_some(reset).flatten().map(|reset| reset.at);
        Some(CliFailure { resets_at, ..CliFailure::new(kind, detail) })
    }

    /// Returns what the end alone means, where no word tells more. `chatter` is what was printed beside.
    pub fn by_end_alone(&self, exit: Exit, chatter: &str) -> CliFailure {
        let last = chatter.lines().map(str::trim).rfind(|line| !line.is_empty());
        let last = last.map(|line| format!("; the last that it printed is: {line}")).unwrap_or_default();
        let detail = match (exit, signal_name(exit)) {
            (Exit::Code(code), None) => format!("it ended with exit code {code} and no message{last}"),
            (Exit::Code(code), Some(name)) => {
                format!("it ended with exit code {code}, as after signal {name}, and no message{last}")
            }
            (_, Some("SIGKILL")) => {
                format!("signal SIGKILL ended it (the system does that when memory runs out){last}")
            }
            (_, Some(name)) => format!("signal {name} ended it{last}"),
            (_, None) => format!("it did not end{last}"),
        };
        let by_exit = self.fallback_status.map(|status| by_status(status, None, None, ""));
        let kind = self.kind.or(by_exit).or_else(|| by_end(exit)).unwrap_or(FailureKind::CliFailed);
        CliFailure::new(kind, detail)
    }

    fn reset(&self, normal: &[String], now: &Zoned) -> Option<Reset> {
        let in_form = self.resets_at.map(|at| Reset { at, named: Named::AsMoment });
        in_form.or_else(|| normal.iter().find_map(|words| reset_in(words, now)))
    }
}

/// True if an end may be named.
fn limited(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::QuotaExceeded | FailureKind::RateLimited | FailureKind::Overloaded)
}

/// Returns what a channel's lines stand for: by the rule that comes first, and of its lines by the first.
fn verdict(lines: &[String], whole: &str, status: Option<u16>, reset: Option<Reset>) -> Option<Verdict> {
    let by_line =
        lines.iter().filter_map(|line| Some((first(&normalised(line))?, line))).min_by_key(|(rule, _)| *rule);
    // A sentence may be broken into lines; in a long output the lines around are no sentence.
    let broken = (whole.len() <= SENTENCE || by_line.is_none()).then(|| first(whole)).flatten();
    let line_of = |rule: usize| match by_line {
        Some((known, line)) if known <= rule => line.clone(),
        _ => lines.join(" "),
    };
    let rule = by_line.map(|(rule, _)| rule).into_iter().chain(broken).min();
    let said = rule.and_then(|rule| Some((RULES.get(rule)?.says, line_of(rule))));
    match (said, status) {
        // Words that nobody knows, of something that is used up until a time.
        (None, None) if reset.is_some() && speaks_of_use(whole) => {
            let line = lines.iter().find(|line| speaks_of_use(&normalised(line)));
            let line = line.or(lines.first()).cloned().unwrap_or_default();
            Some(Verdict { kind: limit(whole, reset), sure: Sure::Known, line })
        }
        (None, None) => None,
        (None, Some(status)) => {
            let line = lines.iter().find(|line| status_in(&normalised(line)).is_some());
            let line = line.or(lines.first()).cloned().unwrap_or_default();
            Some(Verdict { kind: by_status(status, None, reset, whole), sure: Sure::Known, line })
        }
        (Some((says, line)), status) => {
            let (kind, sure) = match says {
                Says::Class(kind) => (kind, Sure::Known),
                Says::Roughly(kind) => (kind, Sure::Roughly),
                Says::Limit => (limit(whole, reset), Sure::Known),
            };
            let refined =
                status.map(|status| (by_status(status, Some((kind, sure)), reset, whole), Sure::Known));
            let (kind, sure) = refined.unwrap_or((kind, sure));
            Some(Verdict { kind, sure, line })
        }
    }
}

/// True if words name something that can be used up.
fn speaks_of_use(words: &str) -> bool {
    static USED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\b(?:limit|cap|quota|usage|allowance|credit|request|message|prompt|token|plan|window|budget|exceeded|exhausted|used up|run out)s?\b").ok()
    });
    USED.as_ref().is_some_and(|used| used.is_match(words))
}

/// The class that an HTTP status stands for, refined by the class that the words beside it have.
fn by_status(
    status: u16,
    words: Option<(FailureKind, Sure)>,
    reset: Option<Reset>,
    whole: &str,
) -> FailureKind {
    use FailureKind as K;
    let known = words.filter(|(_, sure)| *sure == Sure::Known).map(|(kind, _)| kind);
    // What these words say is the same whatever status came with them.
    if let Some(
        kind @ (K::AccountRefused
        | K::ClientRefused
        | K::QuotaExceeded
        | K::CliOutdated
        | K::Certificate
        | K::ContextTooLong),
    ) = known
    {
        return kind;
    }
    match (status, known) {
        (403 | 408 | 500..=528 | 530..=599, Some(kind @ (K::ModelUnavailable | K::RateLimited)))
        | (429, Some(kind @ K::Overloaded)) => kind,
        (404, Some(K::LoginMissing)) | (401 | 403, _) => K::LoginMissing,
        (402, _) => K::QuotaExceeded,
        (404, _) => K::ModelUnavailable,
        (407, _) => K::NetworkUnreachable,
        (408 | 500..=599, _) => K::Overloaded,
        (413, _) => K::ContextTooLong,
        (426, _) => K::CliOutdated,
        (429, _) => limit(whole, reset),
        (_, Some(kind)) => kind,
        (_, None) => K::RequestRejected,
    }
}

/// Returns whether a limit is a short one or the account's.
///
/// A time decides; where none is named, words do.
fn limit(whole: &str, reset: Option<Reset>) -> FailureKind {
    static SHORT_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"per[- ](?:min|sec)|perminute|persecond|/min\b|\b[rt]pm\b|temporar|concurren|slow down|throttl|burst|acceleration|retryablequotaerror").ok()
    });
    // What Google's services and CLI say of every limit, short or not.
    static STOCK_PHRASES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"resource_exhausted|resource has been exhausted \(e\.g\. check quota\)|to increase your limits.{0,160}").ok()
    });
    static ACCOUNT_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\bspent\b|exhausted|\bcredits?\b|\bplan\b|\bplans\b|upgrade|weekly|daily|monthly|\bsession\b|per[- ](?:day|week|month)|billing|balance|used up|depleted|\bquota\b|subscription|overage|\byour \w+ limit\b").ok()
    });
    let says = |words: &LazyLock<Option<Regex>>, text: &str| {
        words.as_ref().is_some_and(|words| words.is_match(text))
    };
    match reset.map(|reset| reset.named) {
        Some(Named::AsWait(wait)) if wait <= SHORT => return FailureKind::RateLimited,
        Some(Named::AsWait(_) | Named::AsMoment) => return FailureKind::QuotaExceeded,
        None => {}
    }
    let whole = STOCK_PHRASES.as_ref().map_or(whole.into(), |phrases| phrases.replace_all(whole, ""));
    if !says(&SHORT_WORDS, &whole) && says(&ACCOUNT_WORDS, &whole) {
        FailureKind::QuotaExceeded
    } else {
        FailureKind::RateLimited
    }
}

/// Returns what the end of a process means where nothing else tells.
fn by_end(exit: Exit) -> Option<FailureKind> {
    const CRASHES: [&str; 6] = ["SIGSEGV", "SIGABRT", "SIGILL", "SIGBUS", "SIGTRAP", "SIGFPE"];
    match exit {
        // What a shell and env say of a program that they do not find, or cannot run.
        Exit::Code(126 | 127) => Some(FailureKind::CliBroken),
        _ => signal_name(exit).filter(|name| CRASHES.contains(name)).map(|_| FailureKind::CliBroken),
    }
}

/// The signal that ended a process, or that a shell says ended it.
fn signal_name(exit: Exit) -> Option<&'static str> {
    let number = match exit {
        Exit::Signal(number) => number,
        // Of these codes of a shell others mean something else (see the exit codes of Gemini).
        Exit::Code(code @ (129..=143)) => code - 128,
        Exit::Code(_) | Exit::Unknown => return None,
    };
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// The CLI's own words: what its form says, and before it the line by which another channel is known.
fn detail(channels: &[Vec<String>; 3], known: Option<&str>) -> Option<String> {
    let [own, noise, stderr] = channels;
    let known = known.map(excerpt).filter(|line| !line.is_empty());
    if !own.is_empty() {
        let own = own.join("\n");
        return Some(match known {
            Some(line) if !own.contains(&line) => format!("{line}\n{own}"),
            _ => own,
        });
    }
    let rest: Vec<&str> = noise.iter().chain(stderr).map(String::as_str).collect();
    let tail = rest.iter().skip(rest.len().saturating_sub(SHOWN_LINES)).copied();
    let lines: Vec<String> = match &known {
        Some(line) if !tail.clone().any(|shown| shown == line) => {
            std::iter::once(line.clone()).chain(tail.map(str::to_owned)).collect()
        }
        _ => tail.map(str::to_owned).collect(),
    };
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A line, or of a very long one the piece that a rule knows.
fn excerpt(line: &str) -> String {
    const LONGEST: usize = 600;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let letters: Vec<char> = line.chars().collect();
    let known = |piece: &&[char]| first(&normalised(&piece.iter().collect::<String>())).is_some();
    // Halves that overlap, so that nothing falls between two of them.
    let pieces = letters.windows(LONGEST).step_by(LONGEST / 2);
    pieces
        .filter(known)
        .map(|piece| piece.iter().collect())
        .next()
        .unwrap_or_else(|| letters.iter().take(LONGEST).collect())
}

/// An HTTP status that words name as one; they are normalised.
fn status_in(words: &str) -> Option<u16> {
    static STATUS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?x)
            (?: unexpected\ status | last\ status:? | api\ error:? | "code": | "status": | status\ code:? | status: | got\ status:? | \bstatus\ | \bhttp/?\d?(?:\.\d)? | error\ code:? | streaming\ error:? | request\ rejected\ \( )
            \s* "? \(? ([45]\d\d) \b
            | ^\W{0,3}(?:error:?\s*)? ([45]\d\d)\ (?:unauthorized|forbidden|not\ found|too\ many|payment|bad\ request|internal|service|incorrect|invalid|upgrade)"#)
            .ok()
    });
    let found = STATUS.as_ref()?.captures(words)?;
    found.get(1).or_else(|| found.get(2))?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-28T10:00:00Z[UTC]".parse().unwrap()
    }

    fn of(words: &str, noise: &str, stderr: &str) -> CliFailure {
        let mut told = Told { noise: noise.to_owned(), ..Told::default() };
        told.say(words);
        told.failure(stderr, Exit::Code(1), &now()).unwrap()
    }

    /// Words that the real CLIs print, by what they stand for.
    #[test]
    fn the_words_of_the_clis_are_told_apart() {
        use FailureKind::{
            AccountRefused, AnswerTruncated, Certificate, CliFailed, CliOutdated, ClientRefused,
            ContextTooLong, LoginMissing, ModelUnavailable, NetworkInterrupted, NetworkUnreachable,
            Overloaded, QuotaExceeded, RateLimited, RequestRejected,
        };
        for (words, kind) in [
            ("Failed to authenticate. API Error: 401 invalid x-api-key", LoginMissing),
            ("API Error: 529 overloaded_error", Overloaded),
            (
                "API Error: 400 {\"error\":{\"type\":\"invalid_request_error\",\"message\":\"bad\"}}",
                RequestRejected,
            ),
            (
                "API Error: 400 {\"error\":{\"message\":\"This organization has been disabled.\"}}",
                AccountRefused,
            ),
            ("API Error: 403 {\"error\":{\"type\":\"permission_error\",\"message\":\"x\"}}", LoginMissing),
            ("API Error: Connection refused (ECONNREFUSED)", NetworkUnreachable),
            ("API Error: Unable to connect to API (ECONNRESET)", NetworkInterrupted),
            ("API Error: Unable to connect to API: SSL certificate error (CERT_HAS_EXPIRED)", Certificate),
            ("There's an issue with the selected model (opus-9)", ModelUnavailable),
            ("Claude's response exceeded the 32000 output token maximum", AnswerTruncated),
            ("exceeded retry limit, last status: 429 Too Many Requests", RateLimited),
            ("exceeded retry limit, last status: 503 Service Unavailable", Overloaded),
            ("exceeded retry limit, last status: 401 Unauthorized", LoginMissing),
            ("API Error: Request rejected (429) · slow down", RateLimited),
            ("Quota exceeded. Check your plan and billing details.", QuotaExceeded),
            ("You exceeded your current quota, please check your plan.", QuotaExceeded),
            ("unexpected status 401 Unauthorized: no key, url: https://x", LoginMissing),
            ("unexpected status 503 Service Unavailable: x", Overloaded),
            ("unexpected status 404 Not Found: model not found", ModelUnavailable),
            ("The model gpt-5.5 does not exist or you do not have access to it", ModelUnavailable),
            ("This client is no longer supported for Gemini Code Assist for individuals", ClientRefused),
            ("[API Error: got status: RESOURCE_EXHAUSTED. quota per minute]", RateLimited),
            ("[API Error: Resource has been exhausted (e.g. check quota).]", RateLimited),
            ("You have exhausted your capacity on this model. Your quota will reset after 45s.", RateLimited),
            (
                "You have exhausted your capacity on this model. Your quota will reset after 17h8m12s.",
                QuotaExceeded,
            ),
            (
                "[API Error: rate limit exceeded]\nPlease wait and try again later. To increase your limits, request a quota increase through AI Studio, or switch to another /auth method",
                RateLimited,
            ),
            ("Too many requests, resets Dec 1, 9pm (UTC)", QuotaExceeded),
            ("Too many requests. Upgrade your plan for more.", QuotaExceeded),
            ("Server is temporarily limiting requests (not your usage limit)", RateLimited),
            ("Selected model is at capacity. Please try a different model.", Overloaded),
            (
                "stream disconnected before completion: error sending request for url (https://x)",
                NetworkUnreachable,
            ),
            ("stream disconnected before completion: stream closed before response.completed", Overloaded),
            ("error: unknown option '--x'", CliOutdated),
            ("Prompt is too long", ContextTooLong),
            ("it slipped on a banana", CliFailed),
        ] {
            for failure in [
                of(words, "", ""),
                of("", words, ""),
                of("", "", words),
                of(&words.replace('\'', "\u{2019}"), "", ""),
            ] {
                assert_eq!(failure.kind, kind, "{words}: {failure:?}");
                assert!(!failure.detail.is_empty());
            }
        }
    }

    #[test]
    fn the_reason_is_found_whatever_channel_it_came_by() {
        let trace = "    at classify (file:///x/quota.js:96:28)\n".repeat(300);
        let stderr = format!(
            "Loaded cached credentials.\nTerminalQuotaError: You have exhausted your daily quota on this model.\n{trace}"
        );
        let failure = of("", "", &stderr);
        assert_eq!(failure.kind, FailureKind::QuotaExceeded);
        assert!(failure.detail.starts_with("TerminalQuotaError"), "{}", failure.detail);
        // A vague word in the CLI's own form gives way to a clear one elsewhere, and is shown all the same.
        let failure =
            of("An error occurred. Please try again later.", "", "Invalid API key. Please run /login\n");
        assert_eq!(failure.kind, FailureKind::LoginMissing);
        assert!(failure.detail.contains("Invalid API key") && failure.detail.contains("An error occurred"));
        let failure = of("You've hit your weekly limit", "", "connect ECONNREFUSED telemetry");
        assert_eq!(failure.kind, FailureKind::QuotaExceeded);
        assert_eq!(failure.detail, "You've hit your weekly limit");
        let failure =
            of("", "", &format!("{}the rate limit is reached{}", "x".repeat(9_000), "y".repeat(9_000)));
        assert!(failure.detail.contains("the rate limit is reached"), "{}", failure.detail);
    }

    /// A time and words of use tell a limit, whatever the wording.
    #[test]
    fn a_limit_in_words_that_nobody_knows_is_told_by_its_time() {
        use FailureKind::{CliFailed, QuotaExceeded, RateLimited};
        for (words, kind, resets_at) in [
            (
                "You've used all of your Pro plan's messages. Your limit resets tomorrow at 9 AM (Europe/London).",
                QuotaExceeded,
                Some("2026-11-29T09:00:00Z"),
            ),
            (
                "No more prompts for you today; come back at 18:00.",
                QuotaExceeded,
                Some("2026-11-28T18:00:00Z"),
            ),
            (
                "That was this week's allowance. It refills on Monday.",
                QuotaExceeded,
                Some("2026-11-30T00:00:00Z"),
            ),
            (
                "The message window is full and reopens in 3 hours",
                QuotaExceeded,
                Some("2026-11-28T13:00:00Z"),
            ),
            (
                "Request window full, back in 40 seconds: retry in 40s",
                RateLimited,
                Some("2026-11-28T10:00:40Z"),
            ),
            ("The cat sleeps until 18:00.", CliFailed, None),
        ] {
            for failure in [of(words, "", ""), of("", words, ""), of("", "", words)] {
                let at = failure.resets_at.map(|at| at.to_string());
                assert_eq!((failure.kind, at.as_deref()), (kind, resets_at), "{words}");
            }
        }
    }

    #[test]
    fn a_status_in_its_own_form_comes_first() {
        let with = |status, words: &str| {
            let mut told = Told { status: Some(status), ..Told::default() };
            told.say(words);
            told.failure("", Exit::Code(1), &now()).unwrap()
        };
        assert_eq!(with(401, "slow down").kind, FailureKind::LoginMissing);
        assert_eq!(with(400, "This organization has been disabled.").kind, FailureKind::AccountRefused);
        assert_eq!(with(400, "Credit balance is too low").kind, FailureKind::QuotaExceeded);
        assert_eq!(with(429, "no").kind, FailureKind::RateLimited);
        let limit = with(429, "You've hit your session limit · resets 3:20pm (Asia/Seoul)");
        assert_eq!(limit.kind, FailureKind::QuotaExceeded);
        assert_eq!(limit.resets_at.unwrap().to_string(), "2026-11-29T06:20:00Z");
        for status in [500, 502, 503, 529] {
            assert_eq!(with(status, "x").kind, FailureKind::Overloaded, "{status}");
        }
        assert_eq!(with(400, "x").kind, FailureKind::RequestRejected);
    }

    #[test]
    fn an_end_without_words_is_told() {
        let told = Told::default();
        let end = |exit, chatter: &str| {
            assert_eq!(told.failure(chatter, exit, &now()), None);
            told.by_end_alone(exit, chatter)
        };
        let chatter = end(Exit::Code(3), "Loaded cached credentials.\n");
        assert!(
            chatter.detail.contains("exit code 3") && chatter.detail.contains("Loaded"),
            "{}",
            chatter.detail
        );
        assert_eq!(end(Exit::Code(127), "").kind, FailureKind::CliBroken);
        let crash = end(Exit::Signal(11), "");
        assert_eq!((crash.kind, crash.detail.contains("SIGSEGV")), (FailureKind::CliBroken, true));
        let killed = end(Exit::Signal(9), "");
        assert_eq!((killed.kind, killed.detail.contains("memory")), (FailureKind::CliFailed, true));
        assert!(end(Exit::Code(137), "").detail.contains("SIGKILL"));
    }
}
