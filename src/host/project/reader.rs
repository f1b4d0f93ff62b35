//! Reads the relevant lines of a file of any size, in bounded memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};

use super::Refusal;
use crate::domain::mask::{LineMasker, Masker};
use crate::domain::pack::{FileText, MAX_LINE_CHARS, Mention, file_lines};

/// Maximum number of bytes that are kept of a line. A character has at most four bytes.
const KEPT_BYTES: usize = 4 * (MAX_LINE_CHARS + 16) + 4_096;

/// Number of bytes at the start of a file that are searched for a NUL, which marks a binary file.
const BINARY_PROBE: usize = 8_192;

pub struct FileLines {
    /// The lines, masked.
    pub text: FileText,
    pub masked: usize,
}

impl FileLines {
    /// Reads the `limit` most relevant lines of a file in two passes: the first counts the lines, the second
    /// keeps the relevant ones.
    ///
    /// # Errors
    ///
    /// The file is binary or cannot be read.
    pub fn read(
        mut file: File,
        shown: &str,
        named: &[Mention],
        limit: usize,
        masker: &Masker,
    ) -> Result<Self, Refusal> {
        if is_binary(&mut file)? {
            return Err(Refusal::Binary);
        }
        let mut total = 0;
        each_line(&mut file, |_| total += 1)?;
        let named: Vec<usize> = named
            .iter()
            .filter(|mention| mention.means(shown))
            .map(|mention| mention.line)
            .filter(|line| *line <= total)
            .collect();
        let ranking = file_lines(total, &named, limit);
        let mut wanted: Vec<usize> = ranking.clone();
        wanted.sort_unstable();
        let mut lines = BTreeMap::new();
        let mut masked = 0;
        let mut number = 0;
        let mut line_masker = masker.lines();
        each_line(&mut file, |bytes| {
            number += 1;
            // The masker also needs dropped lines that affect kept ones: a private key may begin in a line
            // above the kept ones.
            let is_wanted = wanted.binary_search(&number).is_ok();
            if is_wanted || line_masker.is_inside() || LineMasker::may_begin(bytes) {
                let text = String::from_utf8_lossy(bytes);
                let clean = line_masker.mask_line(&text);
                if is_wanted {
                    masked += clean.count;
                    lines.insert(number, clean.text.into_owned());
                }
            }
        })?;
        masked += mask_above_ends(&mut lines, masker);
        Ok(Self { text: FileText { path: shown.to_owned(), total_lines: total, lines, ranking }, masked })
    }
}

/// Masks the kept lines above the end of a private key whose beginning was not kept, and returns their
/// number. Only the end of the key shows that these lines belong to it.
fn mask_above_ends(lines: &mut BTreeMap<usize, String>, masker: &Masker) -> usize {
    if !lines.values().any(|line| line.contains("-----END ") && line.contains("PRIVATE KEY")) {
        return 0;
    }
    let whole = lines.values().map(String::as_str).collect::<Vec<_>>().join("\n");
    let clean = masker.mask(&whole);
    let texts: Vec<&str> = clean.text.split('\n').collect();
    if texts.len() != lines.len() {
        return 0;
    }
    for (line, text) in lines.values_mut().zip(texts) {
        text.clone_into(line);
    }
    clean.count
}

fn is_binary(file: &mut File) -> Result<bool, Refusal> {
    let mut probe = Vec::new();
    file.take(BINARY_PROBE as u64).read_to_end(&mut probe).map_err(unreadable)?;
    Ok(probe.contains(&0))
}

/// Calls `see` with each line, without its line end and cut to [`KEPT_BYTES`].
fn each_line(file: &mut File, mut see: impl FnMut(&[u8])) -> Result<(), Refusal> {
    file.rewind().map_err(unreadable)?;
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    let mut inside = false;
    loop {
        let chunk = reader.fill_buf().map_err(unreadable)?;
        if chunk.is_empty() {
            break;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let piece = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = KEPT_BYTES.saturating_sub(line.len());
        line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        let used = piece.len() + usize::from(end.is_some());
        reader.consume(used);
        inside = end.is_none();
        if !inside {
            see(line.strip_suffix(b"\r").unwrap_or(&line));
            line.clear();
        }
    }
    if inside {
        see(&line);
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn unreadable(error: std::io::Error) -> Refusal {
    Refusal::Unreadable(error.to_string())
}
