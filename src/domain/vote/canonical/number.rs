//! Numbers by value, digit by digit, so that none is too long or too fine.

/// A number at the beginning of a word, and the unit that is written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number<'a> {
    negative: bool,
    /// Digits without zeros at either end.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
    unit: &'a str,
    /// True if it has a fraction and no exponent: `3.10`.
    is_dotted: bool,
}

/// Units that may stand after a number.
const UNITS: [&str; 44] = [
    "%", "percent", "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "min", "mins", "minute",
    "minutes", "h", "hour", "hours", "day", "days", "b", "byte", "bytes", "kb", "mb", "gb", "tb", "kib",
    "mib", "gib", "bit", "bits", "hz", "khz", "mhz", "ghz", "px", "times", "x", "items", "lines", "requests",
    "rows", "steps",
];

/// True if a word is a unit.
pub(super) fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ';', '!']).to_lowercase();
    UNITS.contains(&word.as_str())
}

impl<'a> Number<'a> {
    /// The number of a word; none where the word is something else, such as a date or a version of
    /// three parts.
    pub(super) fn of(word: &'a str) -> Option<Self> {
        let (negative, rest) = match word.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, word.strip_prefix('+').unwrap_or(word)),
        };
        let (whole, rest) = whole_part(rest)?;
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|letter: char| letter.is_ascii_digit()) => digits(after),
            Some(_) | None => ("", rest),
        };
        let (exponent, unit) = match exponent(rest) {
            Some((exponent, rest)) => (Some(exponent), rest),
            None => (None, rest),
        };
        // A comma behind it is the sentence's.
        let unit = unit.trim_end_matches([',', ';']);
        let is_unit = unit
            .chars()
            .all(|letter| letter.is_alphabetic() || letter == '%' || letter == 'µ' || letter == '°');
        if !is_unit || whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // `0x10` and `3d` are a number and no number of metres; a unit has its own letters.
        if whole == "0" && fraction.is_empty() && ["x", "b", "o"].contains(&unit) {
            return None;
        }
        let places = i64::try_from(fraction.len()).ok()?;
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - trimmed.len()).ok()?;
        let digits = trimmed.trim_start_matches('0').to_owned();
        let power = exponent.unwrap_or(0).checked_sub(places)?.checked_add(zeros)?;
        let is_zero = digits.is_empty();
        Some(Self {
            negative: negative && !is_zero,
            exponent: if is_zero { 0 } else { power },
            digits,
            unit,
            is_dotted: !fraction.is_empty() && exponent.is_none(),
        })
    }

    pub(super) fn unit(&self) -> &str {
        self.unit
    }

    /// The number in one spelling, its unit as a word of its own. What may be a version is left as it
    /// is written: 3.10 is not 3.1 then.
    pub(super) fn key(&self, may_be_a_version: bool, written: &str) -> String {
        let written = written.trim_end_matches([',', ';']);
        if self.is_dotted && (may_be_a_version || self.unit.is_empty() && is_like_a_version(written)) {
            return written.to_owned();
        }
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        // Whole numbers of usual size are shown as such.
        let value = match usize::try_from(self.exponent) {
            Ok(zeros) if zeros <= 20 => format!("{sign}{digits}{}", "0".repeat(zeros)),
            Ok(_) | Err(_) => format!("{sign}{digits}e{}", self.exponent),
        };
        if self.unit.is_empty() { value } else { format!("{value} {}", self.unit) }
    }
}

/// `1.10` may well be a version and no number: from 1 on, two places of which the last is a zero.
fn is_like_a_version(written: &str) -> bool {
    let Some((whole, fraction)) = written.split_once('.') else { return false };
    let begins_at_one = whole.starts_with(|digit: char| ('1'..='9').contains(&digit));
    begins_at_one && fraction.len() == 2 && fraction.ends_with('0') && fraction != "00"
}

/// Digits, with commas between thousands.
fn whole_part(text: &str) -> Option<(String, &str)> {
    let (first, mut rest) = digits(text);
    if first.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let mut whole = first.to_owned();
    if (1..=3).contains(&first.len()) {
        while let Some(group) = rest.strip_prefix(',').map(digits).filter(|(group, _)| group.len() == 3) {
            whole.push_str(group.0);
            rest = group.1;
        }
    }
    Some((whole, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn exponent(text: &str) -> Option<(i64, &str)> {
    let rest = text.strip_prefix(['e', 'E'])?;
    let (negative, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix('+').unwrap_or(rest)),
    };
    let (power, rest) = digits(rest);
    let power: i64 = power.parse().ok().filter(|power| *power < 1_000_000)?;
    Some((if negative { -power } else { power }, rest))
}
