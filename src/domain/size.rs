//! The weight of a result for the client that receives it, and how a result is shortened to fit.
//!
//! A result is sent twice, as data and as the JSON of that data in a text. Clients limit both: Claude Code
//! shows 50,000 characters of the JSON, and 25,000 tokens of a whole result. So a text weighs what its JSON
//! weighs: a text with many quotes and newlines, or with letters of several bytes, weighs more than its
//! number of characters.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::order::Order;

/// The greatest weight of a whole result: 46,000 characters of JSON, or 96,000 bytes of data and text
/// together. This leaves room for links.
pub const MOST: usize = 46_000;

/// The greatest weight of the answers in a result. The rest is for the other keys.
pub const MOST_ANSWER: usize = 40_000;

/// The weight of a hundred bytes, so that 100,000 bytes weigh 48,000.
const BYTES_WEIGH: usize = 48;

/// The least weight of an entry that is worth showing.
const LEAST: usize = 400;

/// The most shortened places that a result names.
const MOST_PLACES: usize = 20;

/// The size of a text on the wire.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    /// Characters of the JSON in UTF-16 units, as JavaScript counts them.
    characters: usize,
    /// Bytes of the data and the text together.
    bytes: usize,
}

impl Sent {
    /// The weight: by characters or by bytes, whichever is nearer to its limit.
    fn weight(self) -> usize {
        self.characters.max((self.bytes * BYTES_WEIGH).div_ceil(100))
    }

    const fn plus(self, other: Self) -> Self {
        Self { characters: self.characters + other.characters, bytes: self.bytes + other.bytes }
    }

    /// The size of a byte of JSON: once in the data, and once in the text, where quotes and backslashes are
    /// escaped again. A character is counted at its first byte. One of four bytes counts twice.
    const fn of_json(byte: u8) -> Self {
        let characters = match byte {
            0x80..=0xbf => 0,
            0xf0.. => 2,
            _ => 1,
        };
        Self { characters, bytes: if matches!(byte, b'"' | b'\\') { 3 } else { 2 } }
    }

    /// The size of a byte of a text, which JSON may escape.
    const fn of(byte: u8) -> Self {
        let escape = Self::of_json(b'\\');
        match byte {
            b'"' | b'\\' => escape.plus(escape),
            b'\n' | b'\r' | b'\t' | 0x8 | 0xc => escape.plus(Self { characters: 1, bytes: 2 }),
            0..0x20 => escape.plus(Self { characters: 5, bytes: 10 }),
            _ => Self::of_json(byte),
        }
    }
}

/// The size of each byte of a text. A look-up is faster than to compute it again.
static OF_BYTE: [Sent; 256] = {
    let mut all = [Sent { characters: 0, bytes: 0 }; 256];
    let mut rest = all.as_mut_slice();
    let mut byte = 0;
    while let [first, others @ ..] = rest {
        *first = Sent::of(byte);
        byte = byte.wrapping_add(1);
        rest = others;
    }
    all
};

fn of_byte(byte: u8) -> Sent {
    OF_BYTE.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The weight of a text inside a result.
pub fn weight(text: &str) -> usize {
    text.bytes().map(of_byte).fold(Sent::default(), Sent::plus).weight()
}

/// The weight of a value as a result.
pub fn weight_of(value: &Value) -> usize {
    weight_of_json(&value.to_string())
}

/// The weight of a result, by its JSON.
pub fn weight_of_json(json: &str) -> usize {
    json.bytes().map(Sent::of_json).fold(Sent::default(), Sent::plus).weight()
}

/// The byte index at which to cut a text to a weight: at the last line end if one is near, else between two
/// characters. None if the text is light enough.
pub fn cut_at(text: &str, room: usize) -> Option<usize> {
    let mut sent = Sent::default();
    let heavy = text.bytes().position(|byte| {
        sent = sent.plus(of_byte(byte));
        sent.weight() > room
    })?;
    let end = (0..=heavy).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let shown = text.get(..end).unwrap_or_default();
    // A long last line is better shown in part than left out.
    let least = shown.len() - shown.len() / 8;
    Some(shown.rfind('\n').filter(|line_end| *line_end >= least).unwrap_or(end))
}

/// Divides a room among weights: each gets an equal share, and what light ones do not need goes to heavy
/// ones.
pub fn share(weights: &[usize], room: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.order_by_key(|index| weights.get(*index).copied().unwrap_or(0));
    let mut rooms = vec![0; weights.len()];
    let mut left = room;
    for (done, index) in order.iter().enumerate() {
        let fair = left / (weights.len() - done);
        let taken = weights.get(*index).copied().unwrap_or(0).min(fair);
        left -= taken;
        if let Some(room) = rooms.get_mut(*index) {
            *room = taken;
        }
    }
    rooms
}

/// A place where a value was shortened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shortened {
    /// The place, like `history[3].report`.
    pub at: String,
    pub left_out: String,
}

/// Shortens a value to a weight. Light parts stay whole. Also returns the shortened places, at most
/// `MOST_PLACES`.
pub fn shortened(value: Value, room: usize) -> (Value, Vec<Shortened>) {
    let mut places = Vec::new();
    let value = fit(value, room, "", &mut places);
    places.truncate(MOST_PLACES);
    (value, places)
}

fn fit(value: Value, room: usize, at: &str, places: &mut Vec<Shortened>) -> Value {
    if weight_of(&value) <= room {
        return value;
    }
    match value {
        Value::String(text) => Value::String(fit_text(text, room, at, places)),
        Value::Array(entries) => Value::Array(fit_list(entries, room, at, places)),
        Value::Object(fields) => Value::Object(fit_object(fields, room, at, places)),
        other => other,
    }
}

fn fit_text(text: String, room: usize, at: &str, places: &mut Vec<Shortened>) -> String {
    const NOTE: usize = 10;
    let Some(cut) = cut_at(&text, room.saturating_sub(NOTE)) else {
        return text;
    };
    let shown = text.get(..cut).unwrap_or_default();
    let left_out = text.chars().count() - shown.chars().count();
    places.push(Shortened { at: at.to_owned(), left_out: format!("{left_out} characters") });
    format!("{shown} ...")
}

/// Shortens a list: as many first entries as get a readable share, each cut to its share.
fn fit_list(entries: Vec<Value>, room: usize, at: &str, places: &mut Vec<Shortened>) -> Vec<Value> {
    let weights: Vec<usize> = entries.iter().map(|entry| weight_of(entry) + 2).collect();
    let kept = as_many_as_fit(&weights, room);
    if kept < entries.len() {
        let left_out = format!("{} of {} entries", entries.len() - kept, entries.len());
        places.push(Shortened { at: at.to_owned(), left_out });
    }
    let rooms = share(weights.get(..kept).unwrap_or_default(), room.saturating_sub(2));
    let fit_entry = |(index, (entry, room))| fit(entry, room, &format!("{at}[{index}]"), places);
    entries.into_iter().zip(rooms).enumerate().map(fit_entry).collect()
}

fn fit_object(
    fields: Map<String, Value>,
    room: usize,
    at: &str,
    places: &mut Vec<Shortened>,
) -> Map<String, Value> {
    let name_weights: Vec<usize> = fields.keys().map(|name| weight(name) + 6).collect();
    let weights: Vec<usize> =
        fields.values().zip(&name_weights).map(|(value, name)| weight_of(value) + name).collect();
    let kept = as_many_as_fit(&weights, room);
    if kept < fields.len() {
        let left_out = format!("{} of {} fields", fields.len() - kept, fields.len());
        places.push(Shortened { at: at.to_owned(), left_out });
    }
    let rooms = share(weights.get(..kept).unwrap_or_default(), room.saturating_sub(4));
    let fit_field = |((name, value), (room, of_name)): ((String, Value), (usize, usize))| {
        let mut place = at.to_owned();
        let _ = write!(place, "{}{name}", if at.is_empty() { "" } else { "." });
        let value = fit(value, room.saturating_sub(of_name), &place, places);
        (name, value)
    };
    fields.into_iter().zip(rooms.into_iter().zip(name_weights)).map(fit_field).collect()
}

/// The number of first entries that fit if each gets at least [`LEAST`], or its weight if that is less.
fn as_many_as_fit(weights: &[usize], room: usize) -> usize {
    let mut left = room;
    weights
        .iter()
        .take_while(|weight| {
            let least = (**weight).min(LEAST);
            let fits = least <= left;
            left = left.saturating_sub(least);
            fits
        })
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The size of a result with this value on the wire: characters of the JSON, bytes in all.
    fn sent(value: &Value) -> (usize, usize) {
        let text = value.to_string();
        (text.encode_utf16().count(), text.len() + Value::String(text).to_string().len())
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[a\"\\\\\n]{0,300}", "[가-힣]{0,300}"];
        let leaf = prop_oneof![text.prop_map(Value::from), any::<u32>().prop_map(Value::from)];
        leaf.prop_recursive(4, 200, 12, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
                prop::collection::hash_map("[a-z]{1,8}", inner, 0..12)
                    .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_weight_bounds_what_is_sent(value in any_value()) {
            let (characters, bytes) = sent(&value);
            let weight = weight_of(&value);
            // The quotes around the text are the only bytes that are not counted.
            prop_assert!(characters <= weight && (bytes - 2) * BYTES_WEIGH <= weight * 100);
        }

        #[test]
        fn a_text_weighs_what_its_json_weighs(text in any::<String>()) {
            let json = weight_of(&Value::from(text.as_str()));
            prop_assert!((weight(&text)..=weight(&text) + 3).contains(&json));
        }

        #[test]
        fn what_is_shortened_fits_and_says_so(value in any_value(), room in 100_usize..4_000) {
            let before = weight_of(&value);
            let (after, places) = shortened(value.clone(), room);
            if before <= room {
                prop_assert_eq!(&after, &value);
            }
            prop_assert_eq!(after == value, places.is_empty());
            prop_assert!(weight_of(&after) <= room, "{} > {room}", weight_of(&after));
        }
    }

    #[test]
    fn what_is_light_stays_whole() {
        let entry = |text: &str| json!({ "id": "a", "text": text });
        let value =
            json!({ "ok": true, "list": [entry("short"), entry(&"long ".repeat(1_000))], "note": "kept" });
        let (after, places) = shortened(value, 1_000);
        assert_eq!(
            (&after["ok"], &after["note"], &after["list"][0]["text"]),
            (&json!(true), &json!("kept"), &json!("short"))
        );
        let [place] = places.as_slice() else { panic!("{places:?}") };
        assert_eq!(place.at, "list[1].text");
        assert!(place.left_out.ends_with(" characters"));
        let (after, places) = shortened(json!(vec![entry(&"x".repeat(1_000)); 40]), 4_000);
        assert!(after.as_array().unwrap().len() < 11);
        assert_eq!(places[0].at, "");
        assert!(places[0].left_out.ends_with(" of 40 entries"), "{places:?}");
    }

    #[test]
    fn a_cut_is_at_a_line_end_where_one_is_near() {
        assert_eq!(cut_at("abc", 3), None);
        assert_eq!(cut_at("abcd", 3), Some(3));
        let lines = "a line of text\n".repeat(100);
        assert!(lines.get(..cut_at(&lines, 1_000).unwrap()).unwrap().ends_with("text"));
        assert_eq!(cut_at(&"\"".repeat(1_000), 288), Some(100));
        assert_eq!(cut_at(&"é".repeat(1_000), 192), Some(200));
        assert_eq!(share(&[10, 500, 500], 210), [10, 100, 100]);
    }
}
