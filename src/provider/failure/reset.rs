//! Time when a limit ends, as far as a CLI's words name a time.
//!
//! A clock time without a date is the next such time; a time without a zone is one of the process, whose
//! zone the CLI has too.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime as Zoned};
use regex::{Captures, Regex};

/// The end of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) at: Timestamp,
    pub(super) named: Named,
}

/// Way in which the end of a limit was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By a date or by the time of a clock.
    AsMoment,
    /// By how long it takes from now.
    AsWait(Duration),
}

/// Longer waits are no end of a limit.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// Characters behind a word such as `resets` in which its time begins and ends.
const SPAN: usize = 120;

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
    };
}

// The words before a time, and those between them and the time.
pattern!(
    KEY,
    r#"(?x)
    (?: resets? (?:_?(?:at|in|time))? | reset(?:ting|s?at) | (?:try|trying|retry|retrying|check|come|be)\ (?:back|again)
      | retry[-_\ ]?(?:after|delay|in) | retry(?:ing)? | available | refresh(?:es)? | renew(?:s|ed)? | restored | resumes?
      | replenish(?:es|ed)? | refill(?:s|ed)? | (?:re)?opens? | unlock(?:s|ed)? | lifted | until | wait(?:ing)? | back\ (?:at|on|in) )
    ["'\s:=(]* (?: (?:again|will|be|is|at|on|in|after|for|by|about|around|approximately|less|than|another|it|your|limits?|quota|usage|the|next|please)\b ["'\s:=(]* ){0,6}"#
);
pattern!(
    AFTER_SECONDS,
    r#"(?:retry[-_ ]?after(?:[-_ ]?seconds)?|resets?_(?:in|after)_seconds)["'\s:=]*(\d{1,9})(?:\.\d+)?\b"#
);
pattern!(EPOCH, r"^(\d{10}|\d{13})\b");
pattern!(AFTER_BAR, r"\|\s*(\d{10}|\d{13})\b");
pattern!(
    WAIT,
    r"(?x)^(?: \d+(?:\.\d+)? \s* (?:milliseconds?|msecs?|ms|weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s) [\s,]* (?:and\s+)? )+"
);
pattern!(ISO_WAIT, r"^p(?:\d+d)?t(?:\d+[hms])+\b");
pattern!(
    PART,
    r"(\d+(?:\.\d+)?)\s*(ms|msecs?|milliseconds?|weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
);
pattern!(
    DATE,
    r"(?x)^(?: (?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})
      | (?P<p1>\d{1,2})[/.](?P<p2>\d{1,2})[/.](?P<y3>\d{4})\b
      | (?: (?:mon|tues?|wed|wednes|thu|thurs?|fri|sat|satur|sun)(?:day)?,? \s+ )?
        (?: (?P<n1>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \s+ (?P<d1>\d{1,2})(?:st|nd|rd|th)?\b (?: ,?\s+ (?P<y1>\d{4})\b )?
          | (?P<d2>\d{1,2})(?:st|nd|rd|th)? \s+ (?:of\s+)? (?P<n2>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (?: ,?\s+ (?P<y2>\d{4})\b )? )
      | (?P<rel>today|tomorrow)\b
      | (?P<wd>mon|tues?|wed|wednes|thu|thurs?|fri|sat|satur|sun)(?:day)?\b
    ) (?: t | ,?\s*(?:at)?\s* )"
);
pattern!(
    CLOCK,
    r"(?x)^(?: (?P<h>\d{1,2}) (?: :(?P<m>\d\d) (?: :(?P<s>\d\d)(?:\.\d+)? )? )? \s* (?P<half>[ap]\.?m\b\.?)? | (?P<name>noon|midnight)\b )"
);
pattern!(BEHIND, r"^[\s,]*(?:on\s+)?");
pattern!(
    ZONE,
    r"^\s*(?:\(?\s*(?P<offset>[+-]\d\d:?\d\d)|\(?\s*(?P<name>[a-z][a-z0-9_+-]*(?:/[a-z0-9_+-]+)*))"
);

/// The first end of a limit that these words name. They are in small letters, with plain apostrophes and
/// single blanks.
pub(super) fn reset_in(words: &str, now: &Zoned) -> Option<Reset> {
    if let Some(found) = AFTER_BAR.as_ref().and_then(|bar| bar.captures(words)) {
        return epoch(found.get(1)?.as_str());
    }
    if let Some(found) = AFTER_SECONDS.as_ref().and_then(|after| after.captures(words))
        && !continues(words, &found)
    {
        let seconds = found.get(1)?.as_str().parse().ok()?;
        return after(Duration::from_secs(seconds), now);
    }
    KEY.as_ref()?.find_iter(words).find_map(|key| {
        let rest = words.get(key.end()..)?;
        let end = rest.char_indices().nth(SPAN).map_or(rest.len(), |(at, _)| at);
        time_at(rest.get(..end)?, now)
    })
}

/// True if a unit follows the number: then it is no number of seconds.
fn continues(words: &str, found: &Captures<'_>) -> bool {
    let rest = found.get(0).and_then(|all| words.get(all.end()..)).unwrap_or_default();
    let unit = rest.trim_start().chars().next();
    rest.starts_with(char::is_alphanumeric) || matches!(unit, Some('m' | 'h' | 'd')) && !rest.is_empty()
}

fn time_at(words: &str, now: &Zoned) -> Option<Reset> {
    if let Some(found) = EPOCH.as_ref()?.captures(words) {
        return epoch(found.get(1)?.as_str());
    }
    let words = &*with_digits(words);
    if let Some(found) = ISO_WAIT.as_ref()?.find(words)
        && let Ok(wait) = found.as_str().parse::<SignedDuration>()
    {
        return after(wait.try_into().ok()?, now);
    }
    if let Some(found) = WAIT.as_ref()?.find(words)
        && !words
            .get(found.as_str().trim_end_matches([' ', ',']).len()..)
            .is_some_and(|rest| rest.starts_with(char::is_alphabetic))
    {
        return after(length(found.as_str())?, now);
    }
    moment(words, now)
}

/// The words with the number that they begin with in digits: `an hour`, `two days`.
fn with_digits(words: &str) -> Cow<'_, str> {
    const NUMBERS: [&str; 12] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
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

/// The end of a limit in so long.
fn after(wait: Duration, now: &Zoned) -> Option<Reset> {
    if wait > LONGEST {
        return None;
    }
    let at = now.timestamp().checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    // Whole seconds, and never too early.
    let at = Timestamp::from_second(at.as_second() + i64::from(at.subsec_nanosecond() > 0)).ok()?;
    Some(Reset { at, named: Named::AsWait(wait) })
}

fn length(words: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    for part in PART.as_ref()?.captures_iter(words) {
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

/// A date, a time of the clock, or both.
fn moment(words: &str, now: &Zoned) -> Option<Reset> {
    let length =
        |date: &Option<Captures<'_>>| date.as_ref().and_then(|date| date.get(0)).map_or(0, |date| date.end());
    let date = DATE.as_ref()?.captures(words);
    let rest = words.get(length(&date)..)?;
    let (time, rest) = match clock(rest) {
        Some((time, length)) => (Some(time), rest.get(length..)?),
        None => (None, rest),
    };
    // Some say the day after the time.
    let behind = BEHIND.as_ref()?.find(rest).map_or(0, |found| found.end());
    let day = rest.get(behind..).filter(|_| date.is_none() && time.is_some());
    let day = DATE.as_ref()?.captures(day.unwrap_or_default());
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

/// The time of a clock, and how many bytes name it.
fn clock(words: &str) -> Option<(Time, usize)> {
    let found = CLOCK.as_ref()?.captures(words)?;
    let length = found.get(0)?.end();
    match found.name("name").map(|name| name.as_str()) {
        Some("noon") => return Some((Time::constant(12, 0, 0, 0), length)),
        Some(_) => return Some((Time::midnight(), length)),
        None => {}
    }
    let number = |name: &str| found.name(name).map_or(Some(0), |digits| digits.as_str().parse::<i8>().ok());
    let hour = number("h")?;
    let hour = match found.name("half").map(|half| half.as_str().starts_with('p')) {
        // A number alone is no time of a clock.
        None if found.name("m").is_none() => return None,
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    Some((Time::new(hour, number("m")?, number("s")?, 0).ok()?, length))
}

/// The zone that is named behind a time; none where it is named and nobody knows it.
fn zone(words: &str, now: &Zoned) -> Option<TimeZone> {
    let own = || Some(now.time_zone().clone());
    let Some(found) = ZONE.as_ref()?.captures(words) else { return own() };
    if let Some(offset) = found.name("offset") {
        let digits: String = offset.as_str().chars().filter(char::is_ascii_digit).collect();
        let number = |range| digits.get(range).and_then(|part: &str| part.parse::<i32>().ok());
        let seconds = (number(0..2)? * 60 + number(2..4)?) * 60;
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
    match TimeZone::get(name) {
        Ok(zone) => Some(zone),
        // In brackets stands a zone; otherwise it is the next word of the sentence.
        Err(_) if words.trim_start().starts_with('(') => None,
        Err(_) => own(),
    }
}

fn named_date(found: &Captures<'_>, now: &Zoned, time: Time) -> Option<Date> {
    let text = |name: &str| found.name(name).map(|part| part.as_str());
    if let Some(relative) = text("rel") {
        return if relative == "today" { Some(now.date()) } else { now.date().tomorrow().ok() };
    }
    if let Some(day) = text("wd") {
        let wanted = weekday(day)?;
        let passed = now.date().weekday() == wanted && now.time() < time;
        return if passed { Some(now.date()) } else { now.date().nth_weekday(1, wanted).ok() };
    }
    if let Some(year) = text("y") {
        return Date::new(year.parse().ok()?, text("mo")?.parse().ok()?, text("d")?.parse().ok()?).ok();
    }
    if let Some(year) = text("y3") {
        let (first, second): (i8, i8) = (text("p1")?.parse().ok()?, text("p2")?.parse().ok()?);
        // Some put the month first and some the day: a date that both can be is none.
        let (month, day) = match (first, second) {
            (13.., _) => (second, first),
            (_, 13..) => (first, second),
            (first, second) if first == second => (first, second),
            _ => return None,
        };
        return Date::new(year.parse().ok()?, month, day).ok();
    }
    let month = month(text("n1").or_else(|| text("n2"))?)?;
    let day: i8 = text("d1").or_else(|| text("d2"))?.parse().ok()?;
    if let Some(year) = text("y1").or_else(|| text("y2")) {
        return Date::new(year.parse().ok()?, month, day).ok();
    }
    // Without a year it is the next such day; one that has just passed was named a little late.
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
    use crate::provider::failure::text::normalised;

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
        ] {
            assert_eq!(read(words).as_deref(), Some(wanted), "{words}");
        }
    }

    #[test]
    fn no_time_is_made_up() {
        for words in [
            "try again later",
            "please wait and try again",
            "reset your password",
            "retry 3 of 5",
            "attempt 2 failed, retrying",
            "resets 3pm (Mars/Olympus)",
            "try again in 5 mornings",
            "try again at 25:99",
            "wait 99999999999 days",
            "until further notice",
            "resets 12/01/2026 at 9am",
            "resets 12/01",
            "try again in a new session",
            "try again in another",
        ] {
            assert_eq!(read(words), None, "{words}");
        }
    }
}
