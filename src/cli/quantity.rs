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
}
