//! An id by a part of it: ids begin with their time, so that their ends tell them apart best.

use crate::error::Error;

/// The kind of thing that a part of an id may belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind(pub(super) &'static str);

/// The one id that is meant: the very id, else the only one that holds the part. Letter case does
/// not count.
pub(super) fn pick(kind: Kind, ids: &[String], part: &str) -> Result<String, Error> {
    let wanted = part.trim().to_ascii_lowercase();
    if let Some(id) = ids.iter().find(|id| id.eq_ignore_ascii_case(&wanted)) {
        return Ok(id.clone());
    }
    let mut matches: Vec<&String> =
        ids.iter().filter(|id| !wanted.is_empty() && id.to_ascii_lowercase().contains(&wanted)).collect();
    matches.dedup();
    match matches.as_slice() {
        [] => Err(Error::Unknown { kind: kind.0, name: part.to_owned(), available: ids.to_vec() }),
        [id] => Ok((*id).clone()),
        several => Err(Error::Ambiguous {
            kind: kind.0,
            part: part.to_owned(),
            matches: several.iter().map(|id| (*id).clone()).collect(),
        }),
    }
}

/// The end of an id, which is random and therefore enough; a short id is whole.
pub(super) fn short(id: &str) -> &str {
    const LONG: usize = 36;
    match id.rsplit_once('-') {
        Some((_, end)) if id.len() == LONG => end,
        Some(_) | None => id,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: Kind = Kind("request");

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn any_unique_part_will_do() {
        let ids = ids(&["0190-a7-beef", "0190-a7-cafe", "0190"]);
        for (part, expected) in [("cafe", 1), ("BEEF", 0), ("-a7-c", 1), (" 0190-a7-beef ", 0), ("0190", 2)] {
            assert_eq!(pick(REQUEST, &ids, part).unwrap(), ids[expected], "{part}");
        }
    }

    #[test]
    fn several_and_none_are_told_apart() {
        let ids = ids(&["0190-a7-beef", "0190-a7-cafe"]);
        let several = pick(REQUEST, &ids, "a7").unwrap_err();
        assert_eq!(several.code(), "ambiguous_name");
        assert!(several.hint().contains("0190-a7-beef, 0190-a7-cafe"), "{}", several.hint());
        for part in ["dead", "", "  "] {
            assert_eq!(pick(REQUEST, &ids, part).unwrap_err().code(), "unknown_request", "{part:?}");
        }
        assert_eq!(pick(REQUEST, &[], "a").unwrap_err().hint(), "There is none.");
    }

    #[test]
    fn the_end_of_an_id_stands_for_it() {
        assert_eq!(short("019a1b2c-3d4e-7f00-8000-0123456789ab"), "0123456789ab");
        assert_eq!(short("codex-1"), "codex-1");
    }

    proptest! {
        #[test]
        fn whoever_is_picked_holds_the_part(ids in prop::collection::vec("[ab]{1,4}", 0..6), part in "[ab]{0,3}") {
            match pick(REQUEST, &ids, &part) {
                Ok(id) => prop_assert!(ids.contains(&id) && id.contains(&part)),
                Err(Error::Ambiguous { matches, .. }) => {
                    prop_assert!(matches.len() > 1 && matches.iter().all(|id| id.contains(&part)));
                }
                Err(error) => {
                    prop_assert_eq!(error.code(), "unknown_request");
                    prop_assert!(part.is_empty() || ids.iter().all(|id| !id.contains(&part)));
                }
            }
        }
    }
}
