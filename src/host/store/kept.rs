//! A fold of a log beside its mark in the user's own directory, so that a long log is not folded from
//! its first event by each process. It is sealed with the user's key, bound to the hash of the event
//! that it ends with, and of use to the very program that made it: what does not fit is as if it were
//! not there.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::Kept;
use crate::host::seal_key::SealKey;

/// Bytes of a fold that is read.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Header of a kept fold, in a line of its own.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The program that made it.
    program: String,
    seq: u64,
    /// The hash of the event there.
    hash: String,
    seal: String,
}

impl Head {
    fn sealed(&self, key: &SealKey, fold: &[u8]) -> String {
        let seq = self.seq.to_be_bytes();
        key.sign("fold", &[self.program.as_bytes(), &seq, self.hash.as_bytes(), fold])
    }
}

/// The fold in a file, with the hash of its last event.
pub(super) fn load(file: &Path, key: &SealKey) -> Option<(Kept, String)> {
    let program = program()?;
    let found = File::open(file).ok()?;
    if found.metadata().ok()?.len() > MOST_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    found.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let end = memchr::memchr(b'\n', &bytes)?;
    let fold = bytes.split_off(end + 1);
    let head: Head = serde_json::from_slice(&bytes).ok()?;
    let fits = head.program == program && head.seal == head.sealed(key, &fold);
    fits.then_some((Kept { seq: head.seq, fold }, head.hash))
}

pub(super) fn save(file: &Path, key: &SealKey, hash: String, kept: &Kept) -> std::io::Result<()> {
    let (Some(program), Some(directory)) = (program(), file.parent()) else { return Ok(()) };
    let mut head = Head { program: program.to_owned(), seq: kept.seq, hash, seal: String::new() };
    head.seal = head.sealed(key, &kept.fold);
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(&serde_json::to_vec(&head)?)?;
    new.write_all(b"\n")?;
    new.write_all(&kept.fold)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// Identity of this program: it differs for another version and another build.
fn program() -> Option<&'static str> {
    static PROGRAM: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let found = fs::metadata(std::env::current_exe().ok()?).ok()?;
        let (size, at, nanos) = (found.size(), found.mtime(), found.mtime_nsec());
        Some(format!("{} {size} {at}.{nanos}", env!("CARGO_PKG_VERSION")))
    };
    PROGRAM.get_or_init(find).as_deref()
}
