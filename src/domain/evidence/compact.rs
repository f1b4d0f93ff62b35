//! Long contents, shortened: every part in proportion, and said where something is missing.

use serde_json::{Map, Value};

/// A value within about `room` characters, and whether anything was left out. No single text takes
/// more than half of the room, so that what follows it is still seen.
pub fn compact(value: &Value, room: usize) -> (Value, bool) {
    let mut cutter = Cutter { left: room, longest: room / 2, is_cut: false };
    let shown = cutter.value(value);
    (shown, cutter.is_cut)
}

struct Cutter {
    left: usize,
    longest: usize,
    is_cut: bool,
}

impl Cutter {
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => {
                let mut shown = Vec::new();
                for item in items {
                    if !self.has_room_for(2) {
                        shown.push(Value::String(format!("... {} more", items.len() - shown.len())));
                        break;
                    }
                    shown.push(self.value(item));
                }
                Value::Array(shown)
            }
            Value::Object(fields) => {
                let mut shown = Map::new();
                for (name, field) in fields {
                    if !self.has_room_for(name.chars().count() + 4) {
                        let rest: Vec<&str> =
                            fields.keys().skip(shown.len()).take(10).map(String::as_str).collect();
                        shown.insert(
                            "...".to_owned(),
                            Value::String(format!("left out: {}", rest.join(", "))),
                        );
                        break;
                    }
                    let field = self.value(field);
                    shown.insert(name.clone(), field);
                }
                Value::Object(shown)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.left = self.left.saturating_sub(8);
                value.clone()
            }
        }
    }

    /// Takes room for a part, if there is any left.
    fn has_room_for(&mut self, chars: usize) -> bool {
        if self.left == 0 {
            self.is_cut = true;
            return false;
        }
        self.left = self.left.saturating_sub(chars);
        true
    }

    fn text(&mut self, text: &str) -> String {
        let room = self.left.min(self.longest);
        if let Some((end, _)) = text.char_indices().nth(room) {
            self.is_cut = true;
            self.left -= room;
            let more = text.chars().count() - room;
            return format!("{} ... {more} more characters", text.get(..end).unwrap_or_default());
        }
        self.left = self.left.saturating_sub(text.chars().count());
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,300}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 60, 10, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..10).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{1,12}", inner, 0..10)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_fits_is_untouched_and_what_does_not_is_bounded(value in any_value(), room in 0_usize..2_000) {
            let (shown, is_cut) = compact(&value, room);
            prop_assert_eq!(is_cut, shown != value);
            // Marks of what is missing come on top, a bounded number of them at each of the levels.
            prop_assert!(shown.to_string().chars().count() <= 4 * room + 2_000);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let value = json!({ "a": "x".repeat(100), "b": 1, "c": [1, 2, 3] });
        let (shown, is_cut) = compact(&value, 60);
        assert!(is_cut);
        assert_eq!(shown["a"], json!(format!("{} ... 70 more characters", "x".repeat(30))));
        let (shown, _) = compact(&value, 5);
        assert_eq!(shown["..."], "left out: b, c");
    }
}
