//! Long output in few words: its head, its tail, and between them the lines that speak of failures.

/// Lines kept around one that speaks of a failure.
const AROUND: usize = 2;
/// The longest line, in characters.
const LINE: usize = 600;

/// An output, cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The text.
    pub text: String,
    pub cut: bool,
}

/// Cuts a text to about `most` characters. A quarter goes to the head, a quarter to the failures,
/// and the rest to the tail; what one part leaves goes to the others.
pub fn excerpt(text: &str, most: usize, names: &[String]) -> Excerpt {
    if text.chars().count() <= most {
        return Excerpt { text: text.to_owned(), cut: false };
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut keep = vec![false; lines.len()];
    let mut left = most;
    left -= take(&lines, &mut keep, 0..lines.len(), most / 4);
    let failures = (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| is_failure(line, names)));
    let around = failures.flat_map(|at| at.saturating_sub(AROUND)..=at + AROUND);
    left -= take(&lines, &mut keep, around, (most / 4).max(left / 2));
    take(&lines, &mut keep, (0..lines.len()).rev(), left);
    Excerpt { text: joined(&lines, &keep), cut: true }
}

/// Keeps lines in the order given as long as there is room, and returns the room that they took.
fn take(lines: &[&str], keep: &mut [bool], order: impl Iterator<Item = usize>, room: usize) -> usize {
    let mut used = 0;
    for at in order {
        let (Some(line), Some(kept)) = (lines.get(at), keep.get_mut(at)) else { continue };
        if *kept {
            continue;
        }
        let size = line.chars().count().min(LINE) + 1;
        if used + size > room {
            break;
        }
        used += size;
        *kept = true;
    }
    used
}

fn joined(lines: &[&str], keep: &[bool]) -> String {
    let mut out = String::new();
    let mut missing = 0;
    for (line, kept) in lines.iter().zip(keep) {
        if !kept {
            missing += 1;
            continue;
        }
        add_gap(&mut out, missing);
        missing = 0;
        let long = line.chars().nth(LINE).is_some();
        out.extend(line.chars().take(LINE));
        out.push_str(if long { " [...]\n" } else { "\n" });
    }
    add_gap(&mut out, missing);
    out
}

fn add_gap(out: &mut String, missing: usize) {
    if missing > 0 {
        out.push_str(&format!("[... {missing} lines left out ...]\n"));
    }
}

/// True if a line speaks of a failure.
fn is_failure(line: &str, names: &[String]) -> bool {
    const SIGNS: [&str; 16] = [
        "FAILED",
        "FAIL:",
        "FAIL ",
        "--- FAIL",
        "ERROR",
        "Error:",
        "error:",
        "error[",
        "error TS",
        "panicked at",
        "AssertionError",
        "Traceback",
        "not ok ",
        "●",
        "✖",
        "E   ",
    ];
    SIGNS.iter().any(|sign| line.contains(sign)) || names.iter().any(|name| line.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(excerpt("a\nb\n", 10, &[]), Excerpt { text: "a\nb\n".to_owned(), cut: false });
    }

    #[test]
    fn head_tail_and_failures_are_kept() {
        let mut lines: Vec<String> = (0..5_000).map(|number| format!("line {number}")).collect();
        lines[2_500] = "test shop::low_items ... FAILED".to_owned();
        lines[3_000] = "something about cart_total here".to_owned();
        let cut = excerpt(&lines.join("\n"), 4_000, &["cart_total".to_owned()]);
        for line in
            ["line 0\n", "low_items ... FAILED", "line 2499\n", "cart_total", "line 4999\n", "lines left out"]
        {
            assert!(cut.text.contains(line), "{line}");
        }
        assert!(cut.cut && cut.text.chars().count() < 4_300);
    }

    #[test]
    fn one_endless_line_is_shortened() {
        let cut = excerpt(&format!("a\n{}\nb", "x".repeat(100_000)), 3_000, &[]);
        assert!(cut.cut && cut.text.chars().count() < 3_100, "{}", cut.text.len());
    }
}
