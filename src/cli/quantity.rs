//! Bytes and times, as a person writes and reads them.

use std::time::Duration;

/// Units of bytes, the largest first.
const BYTES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];
/// Units of time, in seconds.
const TIMES: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads `30d`.
pub(super) fn read_time(text: &str) -> Result<Duration, String> {
    read(text, &TIMES)
        .map(Duration::from_secs)
        .ok_or_else(|| "must be a whole number and a unit (w, d, h, m or s), for example 30d".to_owned())
}

/// Reads `500MB`, or a number of bytes.
pub(super) fn read_bytes(text: &str) -> Result<u64, String> {
    text.parse().ok().or_else(|| read(text, &BYTES)).ok_or_else(|| {
        "must be a whole number and a unit (B, KB, MB, GB, KiB, MiB or GiB), for example 500MB".to_owned()
    })
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (unit, factor) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*factor)
}

/// `1.2 MB`.
pub(super) fn bytes(count: u64) -> String {
    let units = BYTES.iter().filter(|(unit, _)| !unit.contains('i'));
    for (unit, factor) in units.filter(|(_, factor)| *factor > 1) {
        if count >= *factor {
            let tenths = count / (factor / 10);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{count} B")
}

/// `2026-11-21 05:52:06 UTC`.
pub(super) fn time(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The day of the Gregorian calendar, by days since 1970-01-01. Years are counted from March, so
/// that a leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    const FOUR_CENTURIES: u64 = 146_097;
    let since_march_of_year_0 = days + 719_468;
    let era = since_march_of_year_0 / FOUR_CENTURIES;
    let day = since_march_of_year_0 % FOUR_CENTURIES;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let january_or_february = u64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + january_or_february, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes_is_read() {
        assert_eq!(read_time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(read_time("0s"), Ok(Duration::ZERO));
        assert_eq!(read_bytes("500MB"), Ok(500_000_000));
        assert_eq!(read_bytes("2 GiB"), Ok(2_147_483_648));
        assert_eq!(read_bytes("17"), Ok(17));
        for wrong in ["", "d", "30", "30 days", "-1d", "1.5d", "99999999999999999999w", "9999999999999999w"] {
            assert!(read_time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "MB", "x", "-1", "1.5MB", "99999999999999GB"] {
            assert!(read_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_times_are_shown() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234_567), "1.2 MB");
        assert_eq!(bytes(u64::MAX), "18446744073.7 GB");
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(time(1_795_240_326_000), "2026-11-21 05:52:06 UTC");
        assert_eq!(time(4_107_542_399_999), "2100-02-28 23:59:59 UTC");
        assert_eq!(time(4_107_542_400_000), "2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let leap =
            |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
        let mut expected = (1970, 1, 1);
        for day in 0..292_194 {
            assert_eq!(date(day), expected);
            let (year, month, day) = expected;
            let last = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                (_, day) => (year, month, day + 1),
            };
        }
    }
}
