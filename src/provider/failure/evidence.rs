//! Decides the class of a failure from all output of a CLI.
//!
//! 1. A structured report of the CLI (an HTTP status, an error type) gives a first class; words refine it.
//! 2. The end of a limit, or else its words, tell if it is a short limit or the account's.
//! 3. The CLI's own form counts first, then a channel with a line that matches a rule.
//! 4. If no class is found, the class is `CliFailed`, with the CLI's own words.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime as Zoned};
use regex::Captures;

use super::rules::{Find, Says, rule, thing};
use super::{CliFailure, FailureKind, normalised, telling_lines};
use crate::domain::cut::head;
use crate::domain::packed;
use crate::domain::pattern::Patterns;
use crate::host::process::Exit;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/provider/failure/evidence.yaml"));

/// Maximum number of shown lines if no line matches a rule.
const SHOWN_LINES: usize = 8;

/// Maximum size in bytes of a channel that may be one sentence with line breaks.
const SENTENCE: usize = 4 * 1024;

/// Maximum wait of a short limit. A longer wait means that the account's limit is reached.
const SHORT: Duration = Duration::from_secs(10 * 60);

/// The evidence of a failure that a CLI gave on stdout.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The messages in its own form, from an envelope or error events.
    pub words: Vec<String>,
    /// The HTTP status in its own form.
    pub status: Option<u16>,
    /// The HTTP status that the exit code or an event implies. It counts if nothing else reports one.
    pub fallback_status: Option<u16>,
    /// The class that its own form names.
    pub kind: Option<FailureKind>,
    /// The end of a limit in its own form.
    pub resets_at: Option<Timestamp>,
    pub noise: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    /// The words fit many causes.
    Roughly,
    /// The words are clear.
    Known,
}

#[derive(Clone, Debug)]
struct Verdict {
    kind: FailureKind,
    sure: Sure,
    /// The line that shows the failure.
    line: String,
}

impl Evidence {
    /// Adds a message. Duplicates and empty ones are dropped.
    pub fn say(&mut self, words: impl Into<String>) {
        let words = words.into();
        let words = words.trim();
        if !words.is_empty() && !self.words.iter().any(|said| said.contains(words)) {
            self.words.retain(|said| !words.contains(said.as_str()));
            self.words.push(words.to_owned());
        }
    }

    /// Adds a line that is not in the CLI's own form.
    pub fn note(&mut self, line: &str) {
        self.noise.push_str(line);
        self.noise.push('\n');
    }

    /// The failure according to the CLI's words and its exit. None if there are no words.
    pub fn failure(&self, stderr: &str, exit: Exit, now: &Zoned) -> Option<CliFailure> {
        let own = telling_lines(&self.words.join("\n"));
        let channels = [own, telling_lines(&self.noise), telling_lines(stderr)];
        let normal: Vec<String> = channels.iter().map(|lines| normalised(&lines.join("\n"))).collect();
        let reset = self.reset(&normal, now);
        let status = self.status.or_else(|| normal.first().and_then(|own| status_in(own)));
        let verdicts = channels.iter().zip(&normal).enumerate().map(|(index, (lines, whole))| {
            let status = if index == 0 { status } else { status_in(whole) };
            // If there are words in its own form, other text is mostly about something else.
            let is_beside = index > 0 && channels.first().is_some_and(|own| !own.is_empty());
            let by_rule = verdict(lines, whole, status, reset);
            match by_rule {
                Some(Verdict { sure: Sure::Known, .. }) => by_rule,
                _ if is_beside => by_rule,
                _ => match by_thing(lines, whole, reset) {
                    found @ Some(Verdict { sure: Sure::Known, .. }) => found,
                    found => by_rule.or(found),
                },
            }
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
        let is_daily = kind == FailureKind::QuotaExceeded
            && normal.iter().any(|words| PATTERNS.is_in("daily_limit", words));
        let is_its_end = |reset: &Reset| match reset.named {
            Named::AsWait(wait) => !is_daily || wait > SHORT,
            Named::AsMoment => true,
        };
        let resets_at = limited(kind).then_some(reset).flatten().filter(is_its_end).map(|reset| reset.at);
        Some(CliFailure { resets_at, ..CliFailure::new(kind, detail) })
    }

    /// The failure according to the exit alone. `chatter` is the other output, whose last line is quoted.
    pub fn by_end_alone(&self, exit: Exit, chatter: &str) -> CliFailure {
        let last = chatter.lines().map(str::trim).rfind(|line| !line.is_empty());
        let last = last.map(|line| format!("; its last line is: {line}")).unwrap_or_default();
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

/// True if a failure of this kind may have the end of a limit.
fn limited(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::QuotaExceeded | FailureKind::RateLimited | FailureKind::Overloaded)
}

/// The meaning of the first rule that matches a line of a channel, and that line.
fn known(lines: &[String], whole: &str, find: Find) -> Option<(Says, String)> {
    let found = lines.iter().filter_map(|line| Some((find(&normalised(line))?, line)));
    let by_line = found.min_by_key(|((place, _), _)| *place);
    // A sentence may have line breaks, but the lines of a long output are not one sentence.
    let broken = (whole.len() <= SENTENCE || by_line.is_none()).then(|| find(whole)).flatten();
    match (by_line, broken) {
        (Some(((place, says), line)), broken) if broken.is_none_or(|(other, _)| place <= other) => {
            Some((says, line.clone()))
        }
        (_, broken) => broken.map(|(_, says)| (says, lines.join(" "))),
    }
}

fn meaning(says: Says, whole: &str, reset: Option<Reset>) -> (FailureKind, Sure) {
    match says {
        Says::Class(kind) => (kind, Sure::Known),
        Says::Roughly(kind) => (kind, Sure::Roughly),
        Says::Limit => (limit(whole, reset), Sure::Known),
    }
}

/// The class of lines according to the things that they mention, for lines that match no rule.
fn by_thing(lines: &[String], whole: &str, reset: Option<Reset>) -> Option<Verdict> {
    let is_logged = |line: &&String| PATTERNS.is_in("logged", line);
    let said: Vec<String> = lines.iter().filter(|line| !is_logged(line)).cloned().collect();
    let (says, line) = known(&said, &normalised(&said.join("\n")), thing)?;
    let (kind, sure) = meaning(says, whole, reset);
    Some(Verdict { kind, sure, line })
}

/// The class of a channel: the first rule in order decides, with the first line that it matches. The status
/// refines it.
fn verdict(lines: &[String], whole: &str, status: Option<u16>, reset: Option<Reset>) -> Option<Verdict> {
    match (known(lines, whole, rule), status) {
        // Unknown words that mention a time and something that can be used up.
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
            let (kind, sure) = meaning(says, whole, reset);
            let refined =
                status.map(|status| (by_status(status, Some((kind, sure)), reset, whole), Sure::Known));
            let (kind, sure) = refined.unwrap_or((kind, sure));
            Some(Verdict { kind, sure, line })
        }
    }
}

/// True if words mention something that can be used up.
fn speaks_of_use(words: &str) -> bool {
    PATTERNS.is_in("used", words)
}

/// The class of an HTTP status, refined by the class of the words that come with it.
fn by_status(
    status: u16,
    words: Option<(FailureKind, Sure)>,
    reset: Option<Reset>,
    whole: &str,
) -> FailureKind {
    use FailureKind as K;
    let known = words.filter(|(_, sure)| *sure == Sure::Known).map(|(kind, _)| kind);
    // These classes hold with any status.
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

/// Tells a short limit (`RateLimited`) from the account's (`QuotaExceeded`).
///
/// The end of the limit decides. Without one, words decide.
fn limit(whole: &str, reset: Option<Reset>) -> FailureKind {
    match reset.map(|reset| reset.named) {
        Some(Named::AsWait(wait)) if wait <= SHORT => return FailureKind::RateLimited,
        Some(Named::AsWait(_) | Named::AsMoment) => return FailureKind::QuotaExceeded,
        None => {}
    }
    // Google's services and CLI use these words for every limit, so they decide nothing.
    let phrases = PATTERNS.get("stock_phrases");
    let whole = phrases.map_or(whole.into(), |phrases| phrases.replace_all(whole, ""));
    if !PATTERNS.is_in("short_words", &whole) && PATTERNS.is_in("account_words", &whole) {
        FailureKind::QuotaExceeded
    } else {
        FailureKind::RateLimited
    }
}

/// The class according to the exit of the process; None if the exit does not show one.
fn by_end(exit: Exit) -> Option<FailureKind> {
    const CRASHES: [&str; 6] = ["SIGSEGV", "SIGABRT", "SIGILL", "SIGBUS", "SIGTRAP", "SIGFPE"];
    match exit {
        // Exit codes of a shell and of `env` for a program that is missing or cannot run.
        Exit::Code(126 | 127) => Some(FailureKind::CliBroken),
        _ => signal_name(exit).filter(|name| CRASHES.contains(name)).map(|_| FailureKind::CliBroken),
    }
}

/// The signal that ended a process, directly or according to a shell's exit code.
fn signal_name(exit: Exit) -> Option<&'static str> {
    let number = match exit {
        Exit::Signal(number) => number,
        // Only the codes of common signals: other programs use higher ones differently (see Gemini's
        // exit codes).
        Exit::Code(code @ (129..=143)) => code - 128,
        Exit::Code(_) | Exit::Unknown => return None,
    };
    nix::sys::signal::Signal::try_from(number).ok().map(nix::sys::signal::Signal::as_str)
}

/// The text of a failure: the CLI's structured report, after the known line of another channel. Without a
/// report, the last lines of the other channels.
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

/// The line. For a very long line, the piece that matches a rule, or else its beginning.
fn excerpt(line: &str) -> String {
    const LONGEST: usize = 600;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let letters: Vec<char> = line.chars().collect();
    let known = |piece: &&[char]| {
        let words = normalised(&piece.iter().collect::<String>());
        rule(&words).or_else(|| thing(&words)).is_some()
    };
    // The pieces overlap by half, so that no match is cut by their ends.
    let pieces = letters.windows(LONGEST).step_by(LONGEST / 2);
    pieces
        .filter(known)
        .map(|piece| piece.iter().collect())
        .next()
        .unwrap_or_else(|| letters.iter().take(LONGEST).collect())
}

/// Finds an HTTP status in normalised words.
fn status_in(words: &str) -> Option<u16> {
    let found = PATTERNS.captures("status", words)?;
    found.get(1).or_else(|| found.get(2))?.as_str().parse().ok()
}

// The end of a limit, from the words of a CLI.
//
// A time without a date is the next occurrence of this time. A time without a zone is in the zone of this
// process, which the CLI shares.

/// The end of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) at: Timestamp,
    pub(super) named: Named,
}

/// How the words name the end of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// As a date or a time.
    AsMoment,
    /// As a wait from now.
    AsWait(Duration),
}

/// Maximum wait until the end of a limit. A longer wait must mean something else.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// Length of the text after a word like `resets` in which the time must be, in bytes.
const SPAN: usize = 120;

/// Finds the first end of a limit in normalised words.
pub(super) fn reset_in(words: &str, now: &Zoned) -> Option<Reset> {
    if let Some(found) = PATTERNS.captures("after_bar", words) {
        return epoch(found.get(1)?.as_str());
    }
    if let Some(found) = PATTERNS.captures("after_seconds", words)
        && !continues(words, &found)
    {
        let seconds = found.get(1)?.as_str().parse().ok()?;
        return after(Duration::from_secs(seconds), now);
    }
    if let Some(found) = PATTERNS.captures("after_milliseconds", words) {
        return after(Duration::from_millis(found.get(1)?.as_str().parse().ok()?), now);
    }
    PATTERNS.get("key")?.find_iter(words).find_map(|key| {
        let rest = words.get(key.end()..)?;
        let rest = head(rest, SPAN);
        clock_wait(key.as_str(), rest, now).or_else(|| time_at(rest, now))
    })
}

/// Parses a wait in the form of a clock: `in 2:30:00`.
fn clock_wait(key: &str, words: &str, now: &Zoned) -> Option<Reset> {
    let last = key.split(|letter: char| !letter.is_alphanumeric()).rfind(|word| !word.is_empty())?;
    let found =
        PATTERNS.captures("clock_wait", words).filter(|_| matches!(last, "in" | "for" | "another"))?;
    let behind = words.get(found.get(0)?.end()..)?.trim_start();
    if behind.starts_with(['a', 'p', '(']) || behind.starts_with("utc") {
        return None;
    }
    let number =
        |index: usize| found.get(index).map_or(Some(0), |digits| digits.as_str().parse::<u64>().ok());
    after(Duration::from_secs((number(1)? * 60 + number(2)?) * 60 + number(3)?), now)
}

/// True if a unit or more digits follow the number, so that it is not a number of seconds.
fn continues(words: &str, found: &Captures<'_>) -> bool {
    let rest = found.get(0).and_then(|all| words.get(all.end()..)).unwrap_or_default();
    let unit = rest.trim_start().chars().next();
    rest.starts_with(char::is_alphanumeric)
        || rest.starts_with([':', '-', '/'])
        || matches!(unit, Some('m' | 'h' | 'd')) && !rest.is_empty()
}

fn time_at(words: &str, now: &Zoned) -> Option<Reset> {
    if let Some(found) = PATTERNS.captures("epoch", words) {
        return epoch(found.get(1)?.as_str());
    }
    let words = &*with_digits(words);
    if let Some(found) = PATTERNS.get("iso_wait")?.find(words)
        && let Ok(wait) = found.as_str().parse::<SignedDuration>()
    {
        return after(wait.try_into().ok()?, now);
    }
    if let Some(found) = PATTERNS.get("wait")?.find(words)
        && !words
            .get(found.as_str().trim_end_matches([' ', ',']).len()..)
            .is_some_and(|rest| rest.starts_with(char::is_alphabetic))
    {
        return after(length(found.as_str())?, now);
    }
    moment(words, now)
}

/// Writes a leading number in digits: `an hour` becomes `1 hour`, `two days` becomes `2 days`.
fn with_digits(words: &str) -> Cow<'_, str> {
    const NUMBERS: [&str; 12] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    if let Some(rest) = words.strip_prefix("half an hour") {
        return Cow::Owned(format!("30 minutes{rest}"));
    }
    let Some((first, rest)) = words.split_once(' ') else { return Cow::Borrowed(words) };
    let number = NUMBERS.iter().zip(1..).find(|(name, _)| **name == first).map(|(_, number)| number);
    match number.or((first == "a" || first == "an").then_some(1)) {
        Some(number) => Cow::Owned(format!("{number} {rest}")),
        None => Cow::Borrowed(words),
    }
}

fn epoch(digits: &str) -> Option<Reset> {
    let number: i64 = digits.parse().ok()?;
    let seconds = if digits.len() > 10 { number / 1000 } else { number };
    Some(Reset { at: Timestamp::from_second(seconds).ok()?, named: Named::AsMoment })
}

/// The end of a limit after a wait; None if the wait is too long.
fn after(wait: Duration, now: &Zoned) -> Option<Reset> {
    if wait > LONGEST {
        return None;
    }
    let at = now.timestamp().checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    // Rounded up to whole seconds, so that it is never too early.
    let at = Timestamp::from_second(at.as_second() + i64::from(at.subsec_nanosecond() > 0)).ok()?;
    Some(Reset { at, named: Named::AsWait(wait) })
}

fn length(words: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    for part in PATTERNS.get("part")?.captures_iter(words) {
        let number: f64 = part.get(1)?.as_str().parse().ok()?;
        let unit = part.get(2)?.as_str();
        seconds += number
            * match unit {
                _ if unit.starts_with("ms") || unit.starts_with("milli") => 0.001,
                _ if unit.starts_with('s') => 1.0,
                _ if unit.starts_with('m') => 60.0,
                _ if unit.starts_with('h') => 3600.0,
                _ if unit.starts_with('d') => 86_400.0,
                _ => 604_800.0,
            };
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// Parses a date, a time of day, or both.
fn moment(words: &str, now: &Zoned) -> Option<Reset> {
    let length =
        |date: &Option<Captures<'_>>| date.as_ref().and_then(|date| date.get(0)).map_or(0, |date| date.end());
    let date = PATTERNS.captures("date", words);
    let rest = words.get(length(&date)..)?;
    let (time, rest) = match clock(rest) {
        Some((time, length)) => (Some(time), rest.get(length..)?),
        None => (None, rest),
    };
    // The date may come after the time.
    let behind = PATTERNS.get("behind")?.find(rest).map_or(0, |found| found.end());
    let day = rest.get(behind..).filter(|_| date.is_none() && time.is_some());
    let day = PATTERNS.captures("date", day.unwrap_or_default());
    let rest = if day.is_some() { rest.get(behind + length(&day)..)? } else { rest };
    let date = date.or(day);
    if date.is_none() && time.is_none() {
        return None;
    }
    let zone = zone(rest, now)?;
    let now = now.with_time_zone(zone.clone());
    let time_or_midnight = time.unwrap_or(Time::midnight());
    let on = |date: Date| DateTime::from_parts(date, time_or_midnight).to_zoned_datetime(zone.clone()).ok();
    let at = match date {
        None => {
            let today = on(now.date())?;
            if today > now { today } else { on(now.date().tomorrow().ok()?)? }
        }
        Some(date) => on(named_date(&date, &now, time_or_midnight)?)?,
    };
    Some(Reset { at: at.timestamp(), named: Named::AsMoment })
}

/// Parses a time of day, and returns it with its length in bytes.
fn clock(words: &str) -> Option<(Time, usize)> {
    let found = PATTERNS.captures("clock", words)?;
    let length = found.get(0)?.end();
    match found.name("name").map(|name| name.as_str()) {
        Some("noon") => return Some((Time::constant(12, 0, 0, 0), length)),
        Some(_) => return Some((Time::midnight(), length)),
        None => {}
    }
    let number = |name: &str| found.name(name).map_or(Some(0), |digits| digits.as_str().parse::<i8>().ok());
    let hour = number("h")?;
    let hour = match found.name("half").map(|half| half.as_str().starts_with('p')) {
        // A number alone is not a time.
        None if found.name("m").is_none() => return None,
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    Some((Time::new(hour, number("m")?, number("s")?, 0).ok()?, length))
}

/// The zone after a time; the process's zone if there is none. None if the zone is unknown.
fn zone(words: &str, now: &Zoned) -> Option<TimeZone> {
    let own = || Some(now.time_zone().clone());
    let Some(found) = PATTERNS.captures("zone", words) else { return own() };
    if let Some(offset) = found.name("offset") {
        let digits: String = offset.as_str().chars().filter(char::is_ascii_digit).collect();
        let number: i32 = digits.parse().ok()?;
        let (hours, minutes) = if digits.len() > 2 { (number / 100, number % 100) } else { (number, 0) };
        let seconds = (hours * 60 + minutes) * 60;
        let seconds = if offset.as_str().starts_with('-') { -seconds } else { seconds };
        return Some(jiff::tz::Offset::from_seconds(seconds).ok()?.to_time_zone());
    }
    let name = found.name("name")?.as_str();
    let name = match name {
        "z" | "utc" | "gmt" => "UTC",
        "pt" | "pst" | "pdt" | "pacific" => "America/Los_Angeles",
        "mt" | "mst" | "mdt" => "America/Denver",
        "ct" | "cst" | "cdt" => "America/Chicago",
        "et" | "est" | "edt" | "eastern" => "America/New_York",
        "cet" | "cest" => "Europe/Berlin",
        "bst" => "Europe/London",
        "kst" => "Asia/Seoul",
        "jst" => "Asia/Tokyo",
        "ist" => "Asia/Kolkata",
        name => name,
    };
    // A machine (for example a container) may have no zone data, so Maestro brings its own.
    let packed = || TimeZone::tzif(name, &packed::zone(name)?).ok();
    match TimeZone::get(name).ok().or_else(packed) {
        Some(zone) => Some(zone),
        // An unknown name in brackets is a zone. Otherwise it is the next word of the sentence.
        None if words.trim_start().starts_with('(') => None,
        None => own(),
    }
}

fn named_date(found: &Captures<'_>, now: &Zoned, time: Time) -> Option<Date> {
    let text = |name: &str| found.name(name).map(|part| part.as_str());
    if let Some(relative) = text("rel") {
        return if relative == "today" { Some(now.date()) } else { now.date().tomorrow().ok() };
    }
    if let Some(day) = text("wd") {
        let wanted = weekday(day)?;
        let is_later_today = now.date().weekday() == wanted && now.time() < time;
        return if is_later_today { Some(now.date()) } else { now.date().nth_weekday(1, wanted).ok() };
    }
    if let Some(year) = text("y") {
        return Date::new(year.parse().ok()?, text("mo")?.parse().ok()?, text("d")?.parse().ok()?).ok();
    }
    if let Some(year) = text("y3") {
        let (first, second): (i8, i8) = (text("p1")?.parse().ok()?, text("p2")?.parse().ok()?);
        // The month or the day may come first. If only one order gives a date that is not over, it is meant;
        // otherwise the date is unknown.
        let year = year.parse().ok()?;
        let read = |month, day| Date::new(year, month, day).ok();
        let is_over = |date: &Date| *date < now.date();
        return match (read(first, second), read(second, first)) {
            (Some(date), None) | (None, Some(date)) => Some(date),
            (Some(one), Some(other)) if one == other => Some(one),
            (Some(one), Some(other)) if is_over(&one) != is_over(&other) => Some(one.max(other)),
            _ => None,
        };
    }
    let month = month(text("n1").or_else(|| text("n2"))?)?;
    let day: i8 = text("d1").or_else(|| text("d2"))?.parse().ok()?;
    if let Some(year) = text("y1").or_else(|| text("y2")) {
        return Date::new(year.parse().ok()?, month, day).ok();
    }
    // Without a year, the next occurrence is meant. A date in the last week counts as this year's, because
    // the message may be a little old.
    let this = Date::new(now.date().year(), month, day).ok()?;
    let a_week_ago = now.date().checked_sub(Span::new().days(7)).ok()?;
    if this < a_week_ago { Date::new(now.date().year() + 1, month, day).ok() } else { Some(this) }
}

fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    MONTHS.iter().zip(1..).find(|(month, _)| **month == name).map(|(_, number)| number)
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name.get(..2)? {
        "mo" => Weekday::Monday,
        "tu" => Weekday::Tuesday,
        "we" => Weekday::Wednesday,
        "th" => Weekday::Thursday,
        "fr" => Weekday::Friday,
        "sa" => Weekday::Saturday,
        _ => Weekday::Sunday,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-28T10:00:00Z[UTC]".parse().unwrap()
    }

    fn of(words: &str, noise: &str, stderr: &str) -> CliFailure {
        let mut told = Evidence { noise: noise.to_owned(), ..Evidence::default() };
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
            (
                "stream disconnected before completion: Incomplete response returned, reason: content_filter",
                RequestRejected,
            ),
            ("stream disconnected before completion: incomplete response", Overloaded),
            (
                "API Error: 429 Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model with base model: anthropic-claude-opus-5.",
                RateLimited,
            ),
            ("API Error: 403 {\"error\":{\"code\":\"insufficient_user_quota\"}}", QuotaExceeded),
            ("403 Forbidden: Key limit exceeded (total limit). Manage it at https://x/keys", QuotaExceeded),
            ("unexpected status 403 Forbidden: no", LoginMissing),
            (
                "400 Access denied, please make sure your account is in good standing. (Arrearage)",
                QuotaExceeded,
            ),
            (
                "Access denied by policy settings: the policy has been disabled by your organization.",
                AccountRefused,
            ),
            ("Access denied: Permission denied by the server", LoginMissing),
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

    /// Google puts the wait of a minute's limit beside its limit of a day.
    #[test]
    fn a_daily_limit_does_not_end_in_seconds() {
        let daily = |id: &str, wait: &str| {
            let failure = of(
                &format!("Quota exceeded. Check your plan and billing details. Please retry in {wait}. {id}"),
                "",
                "",
            );
            assert_eq!(failure.kind, FailureKind::QuotaExceeded);
            failure.resets_at.map(|at| at.to_string())
        };
        let (day, minute) =
            ("GenerateRequestsPerDayPerProjectPerModel", "GenerateRequestsPerMinutePerProject");
        assert_eq!(daily(day, "38.2s"), None);
        assert_eq!(daily(day, "7h").as_deref(), Some("2026-11-28T17:00:00Z"));
        assert_eq!(daily(minute, "38s").as_deref(), Some("2026-11-28T10:00:38Z"));
        assert_eq!(daily("limit: 0, model: x", "38s"), None);
        assert_eq!(daily("limit: 20, model: x", "38s").as_deref(), Some("2026-11-28T10:00:38Z"));
        let own = "You have exhausted your daily quota on this model. Suggested retry after 3s.";
        assert_eq!(of(own, "", "").resets_at, None);
        let rolling = of("Rate limit reached on requests per day (RPD). Please try again in 7m12s.", "", "");
        assert_eq!(rolling.resets_at.unwrap().to_string(), "2026-11-28T10:07:12Z");
    }

    #[test]
    fn a_status_in_its_own_form_comes_first() {
        let with = |status, words: &str| {
            let mut told = Evidence { status: Some(status), ..Evidence::default() };
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
        let told = Evidence::default();
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

#[cfg(test)]
mod more_tests {
    use super::*;
    use crate::provider::failure::normalised;

    fn now() -> Zoned {
        "2026-11-28T23:40:10.25+09:00[Asia/Seoul]".parse().unwrap()
    }

    fn read(words: &str) -> Option<String> {
        reset_in(&normalised(words), &now()).map(|reset| reset.at.to_string())
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        for (words, wanted) in [
            ("You've hit your session limit · resets 3pm", "2026-11-29T06:00:00Z"),
            ("resets 1pm (Europe/Berlin)", "2026-11-29T12:00:00Z"),
            ("resets 11:45pm", "2026-11-28T14:45:00Z"),
            ("5-hour limit · resets 12am (UTC)", "2026-11-29T00:00:00Z"),
            ("resets 7:45am (Asia/Seoul)", "2026-11-28T22:45:00Z"),
            ("weekly limit · resets Dec 1, 9:56pm (UTC)", "2026-12-01T21:56:00Z"),
            ("resets Jan 7, 2027, 5:15pm (America/New_York)", "2027-01-07T22:15:00Z"),
            ("resets Jan 7, 5pm (UTC)", "2027-01-07T17:00:00Z"),
            ("or try again at 10:45 PM.", "2026-11-29T13:45:00Z"),
            ("or try again at 11:45\u{202f}PM.", "2026-11-28T14:45:00Z"),
            ("try again at Nov 29th, 2026 1:15 AM.", "2026-11-28T16:15:00Z"),
            ("try again at Aug 27th, 2026 5:05 AM.", "2026-08-26T20:05:00Z"),
            ("try again at 15:30", "2026-11-29T06:30:00Z"),
            ("Claude AI usage limit reached|1760000400", "2025-10-09T09:00:00Z"),
            ("limit reached|1795911625000", "2026-11-29T00:20:25Z"),
            ("Please try again in 14.036s. Visit", "2026-11-28T14:40:25Z"),
            ("Your quota will reset after 17h8m12s.", "2026-11-29T07:48:23Z"),
            ("try again in 3 days 4 hours", "2026-12-01T18:40:11Z"),
            ("try again in 1 day, 2 hours and 30 minutes.", "2026-11-29T17:10:11Z"),
            ("resets in 2h 5m", "2026-11-28T16:45:11Z"),
            ("Please retry in 250ms", "2026-11-28T14:40:11Z"),
            ("Suggested retry after 3s.", "2026-11-28T14:40:14Z"),
            ("Please wait 5 minutes before trying again", "2026-11-28T14:45:11Z"),
            ("Retry-After: 120", "2026-11-28T14:42:11Z"),
            ("Retry-After: Wed, 02 Dec 2026 07:28:00 GMT", "2026-12-02T07:28:00Z"),
            ("{\"retryDelay\":\"34s\"}", "2026-11-28T14:40:45Z"),
            ("\"resets_in_seconds\": 600", "2026-11-28T14:50:11Z"),
            ("\"resets_at\":1795911625", "2026-11-29T00:20:25Z"),
            ("\"resetsAt\":1795911625", "2026-11-29T00:20:25Z"),
            ("resets at 2026-12-01T09:56:00Z", "2026-12-01T09:56:00Z"),
            ("resets at 2026-12-01T09:56:00.5+02:00", "2026-12-01T07:56:00Z"),
            ("blocked until 2026-12-01 09:56 UTC", "2026-12-01T09:56:00Z"),
            ("available again on December 1st at 9 a.m. PST", "2026-12-01T17:00:00Z"),
            ("will reset tomorrow at 9am", "2026-11-29T00:00:00Z"),
            ("resets Monday 9am", "2026-11-30T00:00:00Z"),
            ("will be restored on 2 December 2026", "2026-12-01T15:00:00Z"),
            ("It resets at midnight (UTC).", "2026-11-29T00:00:00Z"),
            ("resets at 3:00 PM tomorrow", "2026-11-29T06:00:00Z"),
            ("try again at 9 AM on Monday (UTC)", "2026-11-30T09:00:00Z"),
            ("resets at 17:30, Dec 2 UTC", "2026-12-02T17:30:00Z"),
            ("wait until the 1st of December", "2026-11-30T15:00:00Z"),
            ("Your quota will be replenished in 2 days, 3 hrs and 10 min", "2026-11-30T17:50:11Z"),
            ("The next window opens at 14:30.", "2026-11-29T05:30:00Z"),
            ("They reset on January 1.", "2026-12-31T15:00:00Z"),
            ("resets in an hour", "2026-11-28T15:40:11Z"),
            ("try again in one week", "2026-12-05T14:40:11Z"),
            ("try again in two days and 3 hours.", "2026-11-30T17:40:11Z"),
            ("Try again in less than a minute", "2026-11-28T14:41:11Z"),
            ("Retry-After: PT5H30M", "2026-11-28T20:10:11Z"),
            ("try again at 12/30/2026 3:00 PM", "2026-12-30T06:00:00Z"),
            ("resets on 30.12.2026 at 15:00 UTC", "2026-12-30T15:00:00Z"),
            ("resets at 2026/12/24 10:00 UTC", "2026-12-24T10:00:00Z"),
            ("resets 12/01/2026 at 9am", "2026-12-01T00:00:00Z"),
            ("will reset when your monthly cycle ends on 12/15/2026.", "2026-12-14T15:00:00Z"),
            ("Renewal: Monday, 7 December 2026, 08:00 UTC", "2026-12-07T08:00:00Z"),
            ("x-ratelimit-reset-requests: 6h12m0s", "2026-11-28T20:52:11Z"),
            ("x-ratelimit-reset: 1795911625", "2026-11-29T00:20:25Z"),
            ("anthropic-ratelimit-tokens-reset: 2026-12-01T09:56:00Z", "2026-12-01T09:56:00Z"),
            ("{\"retryAfterMs\":90000}", "2026-11-28T14:41:41Z"),
            ("{\"resetsInSeconds\": 600}", "2026-11-28T14:50:11Z"),
            ("retry in 2:30:00", "2026-11-28T17:10:11Z"),
            ("resets in 0:45", "2026-11-28T15:25:11Z"),
            ("Try again in half an hour.", "2026-11-28T15:10:11Z"),
            (
                "resets at Tue Dec 01 2026 09:56:00 GMT+0100 (Central European Standard Time)",
                "2026-12-01T08:56:00Z",
            ),
            ("resets 9am (UTC+2)", "2026-11-29T07:00:00Z"),
            ("resets 9:30 am GMT-5", "2026-11-29T14:30:00Z"),
            ("Retry-After: 2026-12-01T09:56:00Z", "2026-12-01T09:56:00Z"),
            ("retry after 0:45 UTC", "2026-11-29T00:45:00Z"),
        ] {
            assert_eq!(read(words).as_deref(), Some(wanted), "{words}");
        }
    }

    #[test]
    fn no_time_is_made_up() {
        for words in [
            "try again later", "please wait and try again", "reset your password", "retry 3 of 5",
            "attempt 2 failed, retrying", "resets 3pm (Mars/Olympus)", "try again in 5 mornings",
            "try again at 25:99", "wait 99999999999 days", "until further notice",
            "resets 02/01/2027 at 9am", "resets 12/01", "try again in a new session", "try again in another",
        ] {
            assert_eq!(read(words), None, "{words}");
        }
    }
}
