//! Formats messages and numbers so that they are easy to read.

use super::cut::cut;
use super::measure::number::real;

/// The beginning of a message that may quote a text of any length.
pub fn in_brief(message: &str) -> String {
    const MOST: usize = 300;
    cut(message, MOST)
}

/// A provider's name as part of the name of a variable: `MY_OWN` for `my-own`.
pub fn in_a_variable(provider: &str) -> String {
    provider.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_").to_ascii_uppercase()
}

/// A whole number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The end of a UUID, which is random and so enough to identify it. Any other id is returned whole.
pub fn short(id: &str) -> &str {
    const LONG: usize = 36;
    match id.rsplit_once('-') {
        Some((_, end)) if id.len() == LONG => end,
        Some(_) | None => id,
    }
}

/// A number with a noun: `1 call`, `1,200 calls`.
pub fn things(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// The first five names of a list, and the number of the others: of those behind them, and of `left_out`
/// that the list does not have.
pub fn first_names(names: &[String], left_out: usize) -> String {
    const FIRST: usize = 5;
    let first = names.iter().take(FIRST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (names.len() + left_out).saturating_sub(FIRST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A percentage with at most one decimal.
pub fn percent(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{}%", if text == "-0" { "0" } else { text })
}

/// A share from 0 to 1 as a percentage.
pub fn share_in_percent(value: f64) -> String {
    percent(value.clamp(0.0, 1.0) * 100.0)
}

/// US dollars. Small amounts get more decimals.
pub fn dollars(amount: f64) -> String {
    let digits = match amount {
        0.1.. => 2,
        0.0001.. => 4,
        _ if amount > 0.0 => 8,
        _ => 2,
    };
    format!("${amount:.digits$}")
}

/// A duration in its largest unit, rounded down: `59 s`, `2 h`.
pub fn span(milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min")];
    let found = UNITS.iter().find(|(length, _)| milliseconds >= *length);
    let (length, unit) = found.unwrap_or(&(1_000, "s"));
    format!("{} {unit}", milliseconds / length)
}

/// A duration in one or two units, rounded: `999 ms`, `1.2 s`, `3 min 05 s`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds.saturating_add(500) / 1_000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        // The limit is 59.95 s, because more would be rounded to 60.0 s.
        1_000..59_950 => format!("{:.1} s", real(milliseconds) / 1_000.0),
        _ if seconds < 3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", grouped(seconds / 3_600), seconds % 3_600 / 60),
    }
}

// Bytes as hexadecimal digits.

/// Bytes as hexadecimal: two lower-case digits for each.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(
            [0, 999, 1_200, 59_940, 59_960, 185_000, 3_599_700, 7_380_000].map(duration),
            ["0 ms", "999 ms", "1.2 s", "59.9 s", "1 min 00 s", "3 min 05 s", "1 h 00 min", "2 h 03 min"]
                .map(str::to_owned)
        );
        assert!(duration(u64::MAX).ends_with(" min"));
        assert_eq!(
            [999, 59_999, 60_000, 7_200_000, 172_800_000].map(span),
            ["0 s", "59 s", "1 min", "2 h", "2 d"].map(str::to_owned)
        );
    }

    #[test]
    fn amounts_read_well() {
        let grouped = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.004, 0.0310, 1.5].map(dollars), ["$0.00", "$0.0040", "$0.0310", "$1.50"]);
        assert_eq!([-58.333, -0.01, 300.0].map(percent), ["-58.3%", "0%", "300%"]);
        assert_eq!([0.805, 1.2].map(share_in_percent), ["80.5%", "100%"]);
        assert_eq!(short("019a1b2c-3d4e-7f00-8000-0123456789ab"), "0123456789ab");
        assert_eq!(short("ab"), "ab");
        assert_eq!([1, 0, 2_000].map(|number| things(number, "run")), ["1 run", "0 runs", "2,000 runs"]);
    }
}
