//! The secret key of a user, in their state directory. It signs files that this user writes into a project.
//! Bound to a project, it seals state that returns to servers through a client. All servers of a user share
//! the key, and it is never stored in a project.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, linkat, openat, unlinkat};
use rustix::io::Errno;
use sha2::Sha256;
use thiserror::Error;

use crate::domain::words::hex;

/// File name of the key in the state directory.
const KEY_FILE: &str = "key";

/// Length of a key in bytes.
const LENGTH: usize = 32;

/// Length of a block of SHA-256 in bytes.
const BLOCK: usize = 64;

/// A secret key. Its debug output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; LENGTH]);

/// The reason why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file of the key is not one that this user's servers create.
    #[error("{KEY_FILE} cannot be used: {0}; remove it, and Maestro makes a new one")]
    Unusable(&'static str),
    /// The system refused.
    #[error("{KEY_FILE}: {0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for KeyError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

impl SealKey {
    /// Reads the key of a user, and creates it if there is none. If several servers create it at once, all
    /// get the same key.
    ///
    /// # Errors
    ///
    /// It cannot be created, or the existing one is a link, somebody else's, readable by others, or
    /// incomplete.
    pub fn of_user(state: &Path) -> Result<Self, KeyError> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(rustix::fs::CWD, state, flags, Mode::empty())?;
        match read(&directory) {
            Err(KeyError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                make(&directory)?;
                read(&directory)
            }
            found => found,
        }
    }

    /// A random key that stays in memory.
    ///
    /// # Errors
    ///
    /// The system gives no randomness.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// The HMAC-SHA256 of a text, which only a holder of the key can compute. `purpose` separates kinds of
    /// texts.
    pub fn mark(&self, purpose: &str, parts: &[&[u8]]) -> [u8; LENGTH] {
        // HMAC pads a key that is shorter than a block with zeros. A key of this length cannot be refused.
        let mut block = [0; BLOCK];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [&[purpose.as_bytes()], parts].concat() {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// As [`Self::mark`], in hexadecimal.
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> String {
        hex(&self.mark(purpose, parts))
    }

    /// Derives a key for one purpose and one thing. Only a holder of this key can derive it.
    pub fn bound_to(&self, purpose: &str, what: &[u8]) -> Self {
        Self(self.mark("key of", &[purpose.as_bytes(), what]))
    }

    pub fn bytes(&self) -> [u8; LENGTH] {
        self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealKey(..)")
    }
}

fn read(directory: &OwnedFd) -> Result<SealKey, KeyError> {
    // Without NONBLOCK, opening a pipe would block.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, KEY_FILE, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(KeyError::Unusable("it is a symbolic link")),
        opened => opened?,
    };
    let found = fstat(&file)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(KeyError::Unusable("it is not a regular file"));
    }
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(KeyError::Unusable("it belongs to somebody else"));
    }
    if Mode::from_raw_mode(found.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
        return Err(KeyError::Unusable("others may read it"));
    }
    let mut bytes = Vec::with_capacity(LENGTH + 1);
    File::from(file).take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    bytes.try_into().map(SealKey).map_err(|_| KeyError::Unusable("it is not 32 bytes long"))
}

/// Writes a new key to a temporary file and links that to its name, which fails if the name exists. So no
/// reader sees half a key, and no key is replaced.
fn make(directory: &OwnedFd) -> Result<(), KeyError> {
    let key = SealKey::random()?;
    let aside = format!("key.{}.new", uuid::Uuid::now_v7());
    let made = write_new(directory, &aside, &key.0)
        .and_then(|()| linkat(directory, &aside, directory, KEY_FILE, AtFlags::empty()));
    // If this fails, only a useless file remains.
    let _ = unlinkat(directory, &aside, AtFlags::empty());
    match made {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn write_new(directory: &OwnedFd, name: &str, content: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn key(state: &Path) -> Result<SealKey, KeyError> {
        SealKey::of_user(state)
    }

    fn unusable(state: &Path) -> bool {
        matches!(key(state), Err(KeyError::Unusable(_)))
    }

    #[test]
    fn the_key_stays_and_is_the_owner_s_alone() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("a/state");
        let first = key(&state).unwrap();
        assert_eq!(key(&state).unwrap(), first);
        assert_ne!(first.bytes(), [0; LENGTH]);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state.join(KEY_FILE)), mode(&state)), (0o600, 0o700));
        let names: Vec<_> =
            std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [KEY_FILE]);
        assert_eq!(format!("{first:?}"), "SealKey(..)");
    }

    #[test]
    fn a_mark_is_the_hmac_of_the_parts_with_their_lengths() {
        let key = SealKey(*b"0123456789abcdef0123456789abcdef");
        let mut expected = Hmac::<Sha256>::new_from_slice(&key.0).unwrap();
        expected.update(b"\0\0\0\0\0\0\0\x04seal\0\0\0\0\0\0\0\x02ab");
        assert_eq!(key.mark("seal", &[b"ab"]), *expected.finalize().into_bytes());
    }

    #[test]
    fn every_user_and_every_project_has_a_key_of_its_own() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, other) = (key(one.path()).unwrap(), key(other.path()).unwrap());
        let keys = [
            one.bound_to("seal", b"/a"),
            one.bound_to("seal", b"/b"),
            one.bound_to("x", b"/a"),
            other.bound_to("seal", b"/a"),
            one.clone(),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(keys.iter().skip(place + 1).all(|other| other != key), "{place}");
        }
        assert_eq!(keys.first(), Some(&one.bound_to("seal", b"/a")));
    }

    #[test]
    fn servers_that_start_together_have_the_same_key() {
        let state = tempfile::tempdir().unwrap();
        let keys: Vec<SealKey> = std::thread::scope(|scope| {
            let made: Vec<_> = (0..16).map(|_| scope.spawn(|| key(state.path()).unwrap())).collect();
            made.into_iter().map(|made| made.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0]));
    }

    #[test]
    fn what_is_no_key_of_ours_is_refused_and_stays() {
        let state = tempfile::tempdir().unwrap();
        key(state.path()).unwrap();
        let path = state.path().join(KEY_FILE);
        for (content, mode) in
            [(vec![7; 32], 0o644), (vec![7; 31], 0o600), (vec![7; 33], 0o600), (vec![], 0o600)]
        {
            std::fs::write(&path, &content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(unusable(state.path()), "{} bytes, {mode:o}", content.len());
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(unusable(state.path()));
    }

    #[test]
    fn no_link_is_followed() {
        let (state, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        key(elsewhere.path()).unwrap();
        symlink(elsewhere.path().join(KEY_FILE), state.path().join(KEY_FILE)).unwrap();
        assert!(unusable(state.path()));
    }
}
