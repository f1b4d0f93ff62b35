//! Amounts as people read them.

use crate::domain::measure::number::real;
pub(super) use crate::domain::words::grouped as count;

/// A number of things, by the word for one and for several.
pub(super) fn things(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// Milliseconds in the unit that suits them.
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms.saturating_add(500) / 1_000;
    match ms {
        0..1_000 => format!("{ms} ms"),
        // Rounded to a tenth, 59.96 s would read as 60.0 s.
        1_000..59_950 => format!("{:.1} s", real(ms) / 1_000.0),
        _ if seconds < 3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", count(seconds / 3_600), seconds % 3_600 / 60),
    }
}

/// US dollars; parts of a cent where there is no more.
pub(super) fn dollars(amount: f64) -> String {
    if amount > 0.0 && amount < 0.01 { format!("${amount:.4}") } else { format!("${amount:.2}") }
}

/// A number with as many decimals as it needs, two at most.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A number of percent with one decimal at most.
pub(super) fn percent(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{} %", if text == "-0" { "0" } else { text })
}

/// A share from 0 to 1 as percent.
pub(super) fn share(value: f64) -> String {
    percent(value * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned)
        );
        assert_eq!(
            [0, 999, 1_200, 59_940, 59_960, 185_000, 3_599_700, 7_380_000].map(duration),
            ["0 ms", "999 ms", "1.2 s", "59.9 s", "1 min 00 s", "3 min 05 s", "1 h 00 min", "2 h 03 min"]
                .map(str::to_owned)
        );
        assert!(duration(u64::MAX).ends_with(" min"));
        assert_eq!([0.0, 0.004, 1.5].map(dollars), ["$0.00", "$0.0040", "$1.50"].map(str::to_owned));
        assert_eq!(
            [0.0, -0.001, 0.4, 2.345_6, 300.0].map(number),
            ["0", "0", "0.4", "2.35", "300"].map(str::to_owned)
        );
        assert_eq!([-58.333, -0.01, 300.0].map(percent), ["-58.3 %", "0 %", "300 %"].map(str::to_owned));
        assert_eq!(share(0.805), "80.5 %");
        assert_eq!(things(1, "run", "runs"), "1 run");
    }
}
