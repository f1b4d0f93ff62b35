//! Retention of backups.

use std::collections::BTreeSet;
use std::time::Duration;

/// How much of the past is kept. Whatever is beyond one of the limits goes, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The age at which a backup goes; none for no limit.
    pub age: Option<Duration>,
    /// Bytes of all backups together; none for no limit.
    pub bytes: Option<u64>,
    /// Backups; none for no limit.
    pub sessions: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pruned {
    /// The sessions, oldest first.
    pub sessions: Vec<String>,
    /// The bytes that they held.
    pub bytes: u64,
}

/// A backup, as far as that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) session: String,
    /// Milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) bytes: u64,
}

impl Keep {
    /// The backups that go, oldest first. What is protected stays, and counts like the others.
    pub(super) fn expired(
        &self,
        mut held: Vec<Held>,
        protected: &BTreeSet<String>,
        now_ms: u64,
    ) -> Vec<Held> {
        held.sort_by(|left, right| (right.at_ms, &right.session).cmp(&(left.at_ms, &left.session)));
        let mut bytes = 0_u64;
        let mut expired = Vec::new();
        for (newer, backup) in held.into_iter().enumerate() {
            bytes = bytes.saturating_add(backup.bytes);
            let age = Duration::from_millis(now_ms.saturating_sub(backup.at_ms));
            let beyond = self.sessions.is_some_and(|most| newer >= most)
                || self.bytes.is_some_and(|most| bytes > most)
                || self.age.is_some_and(|most| age >= most);
            if beyond && !protected.contains(&backup.session) {
                expired.push(backup);
            }
        }
        expired.reverse();
        expired
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(ages_and_bytes: &[(u64, u64)]) -> Vec<Held> {
        let one = |(index, (age, bytes)): (usize, &(u64, u64))| Held {
            session: format!("s{index}"),
            at_ms: 1_000_000 - age,
            bytes: *bytes,
        };
        ages_and_bytes.iter().enumerate().map(one).collect()
    }

    fn gone(keep: Keep, ages_and_bytes: &[(u64, u64)], protected: &[&str]) -> Vec<String> {
        let protected = protected.iter().map(|name| (*name).to_owned()).collect();
        let expired = keep.expired(held(ages_and_bytes), &protected, 1_000_000);
        expired.into_iter().map(|backup| backup.session).collect()
    }

    #[test]
    fn each_limit_takes_the_oldest() {
        let all = [(50, 10), (10, 10), (30, 10)];
        assert_eq!(gone(Keep::default(), &all, &[]), Vec::<String>::new());
        let age = Keep { age: Some(Duration::from_millis(30)), ..Keep::default() };
        assert_eq!(gone(age, &all, &[]), ["s0", "s2"]);
        assert_eq!(gone(Keep { bytes: Some(29), ..Keep::default() }, &all, &[]), ["s0"]);
        assert_eq!(gone(Keep { sessions: Some(1), ..Keep::default() }, &all, &[]), ["s0", "s2"]);
        assert_eq!(gone(Keep { sessions: Some(1), ..Keep::default() }, &all, &["s0"]), ["s2"]);
        assert_eq!(gone(Keep { bytes: Some(0), ..Keep::default() }, &all, &[]), ["s0", "s2", "s1"]);
    }

    proptest! {
        #[test]
        fn nothing_protected_goes_and_what_stays_is_within_the_limits(
            all in proptest::collection::vec((0_u64..100, 0_u64..100), 0..12),
            age in proptest::option::of(0_u64..100),
            bytes in proptest::option::of(0_u64..400),
            sessions in proptest::option::of(0_usize..12),
            protected in proptest::collection::btree_set(0_usize..12, 0..3),
        ) {
            let keep = Keep { age: age.map(Duration::from_millis), bytes, sessions };
            let names: Vec<String> = protected.iter().map(|index| format!("s{index}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let gone = gone(keep, &all, &names);
            prop_assert!(gone.iter().all(|name| !names.contains(&name.as_str())));
            let stays: Vec<Held> =
                held(&all).into_iter().filter(|backup| !gone.contains(&backup.session)).collect();
            let free = stays.iter().filter(|backup| !names.contains(&backup.session.as_str()));
            if names.is_empty() {
                prop_assert!(sessions.is_none_or(|most| stays.len() <= most));
                prop_assert!(bytes.is_none_or(|most| stays.iter().map(|backup| backup.bytes).sum::<u64>() <= most));
            }
            for backup in free {
                prop_assert!(age.is_none_or(|most| 1_000_000 - backup.at_ms < most));
                // Where one stays, every younger one does.
                prop_assert!(held(&all).iter().all(|other| other.at_ms <= backup.at_ms
                    || !gone.contains(&other.session)));
            }
        }
    }
}
