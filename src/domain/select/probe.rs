//! Compares the outputs of probes. Times and addresses in memory change from run to run, and say nothing about
//! behaviour.

use std::borrow::Cow;

use crate::domain::pattern::Pattern;

/// An output without its times and addresses: `duration_ms 1.25`, `in 0.03s`, `(0.2ms)`, `at 0x7f3a10c4e2b0`.
pub fn without_times(output: &str) -> Cow<'_, str> {
    static CHANGING: Pattern = Pattern::new(
        r"(?x)
        \bduration_ms:?\x20+\d+(?:\.\d+)?
        | (?P<before> \b(?i:in|took|after|time|elapsed|duration|finished)[:=]?\x20* | [(\[] )
            \d+(?:\.\d+)? (?P<after> \x20?(?:ns|µs|μs|us|ms|s|secs?|seconds?|milliseconds?)\b )
        | \b0x[0-9a-fA-F]{8,16}\b",
    );
    CHANGING.replaced(output, "${before}*${after}")
}

/// The part of the output of a probe that a second run repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    Whole,
    /// All but times and addresses.
    WithoutTimes,
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_addresses_are_taken_out_and_nothing_else() {
        for (one, other) in [
            ("# duration_ms 1.25\n", "# duration_ms 12\n"),
            ("done in 0.000036s\n", "done in 0.00012s\n"),
            ("Ran 2 tests in 0.001s\n", "Ran 2 tests in 0.002s\n"),
            ("✔ total (0.26ms)\n", "✔ total (12.1ms)\n"),
            ("<object object at 0x7f3a10c4e2b0>\n", "<object object at 0x7f1110c4e2b0>\n"),
            ("elapsed: 12 ms, sum 3\n", "elapsed: 9 ms, sum 3\n"),
        ] {
            assert_eq!(without_times(one), without_times(other));
        }
        for (one, other) in [
            ("total 5\n", "total 6\n"),
            ("sum 1.5s\n", "sum 2.5s\n"),
            ("in 3 places\n", "in 4 places\n"),
            ("0xff\n", "0xfe\n"),
            ("done in 1s, sum 3\n", "done in 1s, sum 4\n"),
            ("(5)\n", "(6)\n"),
            ("after 5\n", "after 6\n"),
        ] {
            assert_ne!(without_times(one), without_times(other));
        }
    }
}
