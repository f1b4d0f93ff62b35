//! Admission to the page: links that open once, visitors with a cookie, and marks of forms. All of it is in
//! memory, so it ends with the page.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::look::Look;
use crate::domain::event::Opened;
use crate::domain::words::hex;
use crate::error::Error;
use crate::host::seal_key::SealKey;

/// Lifetime of a link that is shown in a terminal.
pub const SHORT: Duration = Duration::from_secs(60);

/// Time after which an inactive visitor is forgotten.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);

/// Maximum number of visitors, and of links. The oldest ones are dropped.
const MOST: usize = 256;

/// 256 unpredictable bits.
type Secret = [u8; 32];

/// The door of one page.
pub(super) struct Door {
    prefix: String,
    cookie: String,
    key: SealKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    links: Vec<Link>,
    /// Used links, which lead an admitted visitor to their place again.
    used: Vec<Link>,
    visitors: Vec<Known>,
}

/// An unused link. Only the hash of its token is kept.
struct Link {
    mark: Secret,
    target: String,
    way: Opened,
    ends: Instant,
}

struct Known {
    visitor: Visitor,
    seen: Instant,
}

/// A browser with a cookie of this page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor {
    mark: Secret,
    pub(super) way: Opened,
    /// The visitor's language and colours.
    pub(super) look: Look,
}

pub(super) struct Entry {
    /// The place on the page that the link opens.
    pub(super) target: String,
    /// The value of the visitor's cookie.
    pub(super) cookie: String,
}

impl Door {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            prefix: hex(&random::<16>()?),
            cookie: format!("maestro_{}", hex(&random::<8>()?)),
            key: SealKey::random().map_err(|error| no_randomness(&error))?,
            state: Mutex::default(),
        })
    }

    /// The first part of every path of the page: 128 random bits in hexadecimal.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Creates a link to a place on the page, and returns its token.
    pub(super) fn link(&self, target: &str, way: Opened, lifetime: Duration) -> Result<String, Error> {
        let token = hex(&random::<32>()?);
        let link =
            Link { mark: self.mark(&token), target: target.to_owned(), way, ends: Instant::now() + lifetime };
        self.with(|state| {
            make_room(&mut state.links);
            state.links.push(link);
        });
        Ok(token)
    }

    /// Revokes every unused link to a place.
    pub(super) fn revoke(&self, target: &str) {
        self.with(|state| state.links.retain(|link| link.target != target));
    }

    /// Uses a token and admits its visitor. None if the token is unknown, used or expired.
    pub(super) fn open(&self, token: &str, look: Look) -> Result<Option<Entry>, Error> {
        let cookie = hex(&random::<32>()?);
        let (mark, known) = (self.mark(token), self.mark(&cookie));
        Ok(self.with(|state| {
            let now = Instant::now();
            state.links.retain(|link| link.ends > now);
            let place = state.links.iter().position(|link| self.is_same(&link.mark, &mark))?;
            let link = state.links.swap_remove(place);
            make_room(&mut state.visitors);
            state.visitors.push(Known { visitor: Visitor { mark: known, way: link.way, look }, seen: now });
            let target = link.target.clone();
            make_room(&mut state.used);
            state.used.push(link);
            Some(Entry { target, cookie })
        }))
    }

    /// The place of a used token. An admitted visitor may go there again.
    pub(super) fn led_to(&self, token: &str) -> Option<String> {
        let mark = self.mark(token);
        self.with(|state| {
            let used = state.used.iter().find(|link| self.is_same(&link.mark, &mark))?;
            Some(used.target.clone())
        })
    }

    /// The `Set-Cookie` header for a visitor.
    pub(super) fn set_cookie(&self, value: &str) -> String {
        format!("{}={value}; HttpOnly; SameSite=Strict; Path=/{}/", self.cookie, self.prefix)
    }

    /// The visitor whose cookie is in a `Cookie` header.
    pub(super) fn visitor(&self, header: &str) -> Option<Visitor> {
        let named = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        let value = named.into_iter().find(|(name, _)| *name == self.cookie)?.1;
        let mark = self.mark(value);
        self.with(|state| {
            let now = Instant::now();
            state.visitors.retain(|known| now.duration_since(known.seen) < IDLE);
            let known = state.visitors.iter_mut().find(|known| self.is_same(&known.visitor.mark, &mark))?;
            known.seen = now;
            Some(known.visitor)
        })
    }

    /// Remembers a visitor's language and colours.
    pub(super) fn remember(&self, visitor: &Visitor, look: Look) {
        self.with(|state| {
            if let Some(known) = state.visitors.iter_mut().find(|known| known.visitor.mark == visitor.mark) {
                known.visitor.look = look;
            }
        });
    }

    /// The mark of a form. It is valid for one visitor and one purpose.
    pub(super) fn nonce(&self, visitor: &Visitor, purpose: &str) -> String {
        hex(&self.mark(&format!("{}|{purpose}", hex(&visitor.mark))))
    }

    /// True if `said` is the mark of this visitor for this purpose.
    pub(super) fn is_nonce(&self, visitor: &Visitor, purpose: &str, said: &str) -> bool {
        self.is_same(&self.mark(&self.nonce(visitor, purpose)), &self.mark(said))
    }

    fn mark(&self, text: &str) -> Secret {
        self.key.mark("page", &[text.as_bytes()])
    }

    /// Compares two secrets by their hashes, so that the timing reveals nothing about them.
    fn is_same(&self, one: &Secret, other: &Secret) -> bool {
        self.mark(&hex(one)) == self.mark(&hex(other))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn make_room<T>(kept: &mut Vec<T>) {
    if kept.len() >= MOST {
        kept.remove(0);
    }
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| no_randomness(&error))?;
    Ok(bytes)
}

fn no_randomness(error: &dyn Display) -> Error {
    Error::Internal(format!("no randomness: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::language::Language;

    fn look() -> Look {
        Look::of(Language::ENGLISH)
    }

    fn cookie_of(door: &Door, opened: &Entry) -> String {
        door.set_cookie(&opened.cookie).split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_link_opens_once_and_in_its_time() {
        let door = Door::new().unwrap();
        let token = door.link("queue", Opened::Terminal, SHORT).unwrap();
        assert!(door.open("", look()).unwrap().is_none());
        assert!(door.open(&token.to_uppercase(), look()).unwrap().is_none());
        let opened = door.open(&token, look()).unwrap().unwrap();
        assert_eq!(opened.target, "queue");
        assert!(door.open(&token, look()).unwrap().is_none());
        let late = door.link("queue", Opened::Terminal, Duration::ZERO).unwrap();
        assert!(door.open(&late, look()).unwrap().is_none());
        let revoked = door.link("decide/1", Opened::Dialog, SHORT).unwrap();
        door.revoke("decide/1");
        assert!(door.open(&revoked, look()).unwrap().is_none());
    }

    #[test]
    fn a_visitor_is_known_by_this_doors_cookie_alone() {
        let (door, other) = (Door::new().unwrap(), Door::new().unwrap());
        let token = door.link("queue", Opened::Dialog, SHORT).unwrap();
        let cookie = cookie_of(&door, &door.open(&token, look()).unwrap().unwrap());
        assert_eq!(door.visitor(&format!("a=b; {cookie}")).unwrap().way, Opened::Dialog);
        assert!(other.visitor(&cookie).is_none());
        let (name, value) = cookie.split_once('=').unwrap();
        for wrong in [String::new(), format!("{name}="), format!("{name}={value}0"), format!("x={value}")] {
            assert!(door.visitor(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_form_counts_for_its_visitor_and_its_purpose() {
        let door = Door::new().unwrap();
        let enter = || {
            let token = door.link("queue", Opened::Terminal, SHORT).unwrap();
            let opened = door.open(&token, look()).unwrap().unwrap();
            door.visitor(&cookie_of(&door, &opened)).unwrap()
        };
        let (one, other) = (enter(), enter());
        let nonce = door.nonce(&one, "decide r d");
        assert!(door.is_nonce(&one, "decide r d", &nonce));
        assert!(!door.is_nonce(&other, "decide r d", &nonce));
        assert!(!door.is_nonce(&one, "decide r e", &nonce));
        assert!(!door.is_nonce(&one, "decide r d", ""));
    }

    #[test]
    fn old_visitors_make_room() {
        let door = Door::new().unwrap();
        let mut cookies = Vec::new();
        for _ in 0..=MOST {
            let token = door.link("queue", Opened::Terminal, SHORT).unwrap();
            cookies.push(cookie_of(&door, &door.open(&token, look()).unwrap().unwrap()));
        }
        assert!(door.visitor(&cookies[0]).is_none());
        assert!(door.visitor(&cookies[1]).is_some());
    }
}
