//! Edits a JSON text, with or without comments, and changes no byte that need not change.
//!
//! `jsonc-parser` parses the text and reports the positions of its parts. Its own editing would reformat
//! objects, so edits are made here.

use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::Format;
use super::replace::Fault;
use crate::domain::order::Order;
use crate::domain::pattern::Pattern;

const UNIT: &str = "  ";

/// An escaped surrogate. The parser refuses a lone one.
static SURROGATE: Pattern = Pattern::new(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}");

/// The text with the entry in the list; `None` if it already has it. In an existing entry, only the members
/// that start the server change.
pub(super) fn register(
    text: &str,
    format: Format,
    lists: &[Vec<String>],
    name: &str,
    entry: impl Fn(&[String]) -> Value,
) -> Result<Option<String>, Fault> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let list = the_list(text, format, lists)?;
    let fresh = entry(list);
    edit(text, format, |file, root| {
        let mut object = root;
        let mut layout = Layout::of(file, root, || {
            let inside = file.text.get(root.range.start + 1..root.range.end - 1).unwrap_or_default();
            if inside.trim().is_empty() || inside.contains('\n') {
                Layout::Lines { newline: file.newline(), indent: UNIT.to_owned(), unit: UNIT.to_owned() }
            } else {
                Layout::Line { gap: " " }
            }
        });
        for (depth, key) in list.iter().enumerate() {
            match last(object, key) {
                Some(found) => object = file.object(&found.value, key)?,
                None => {
                    let below = list.iter().skip(depth + 1).rev();
                    let value = below.fold(
                        serde_json::json!({ name: &fresh }),
                        |value, key| serde_json::json!({ key.as_str(): value }),
                    );
                    return Ok(file.append(object, &layout, key, &value));
                }
            }
            layout = Layout::of(file, object, || layout.deeper());
        }
        let Some(found) = last(object, name) else {
            return Ok(file.append(object, &layout, name, &fresh));
        };
        let Node::Object(there) = &found.value else {
            return Ok(vec![Splice::over(&found.value, layout.write(&fresh))]);
        };
        Ok(update(file, there, &fresh, &Layout::of(file, there, || layout.deeper())))
    })
}

/// The text without the entry; `None` if it is not there. A list that becomes empty is removed too, unless
/// it is the user's.
pub(super) fn deregister(
    text: &str,
    format: Format,
    lists: &[Vec<String>],
    name: &str,
    list: List,
) -> Result<Option<String>, Fault> {
    let mut now = text.to_owned();
    let mut changed = false;
    let keeps_lists = list == List::TheUsers;
    for list in lists {
        // If the key occurs twice, both are removed: with one removed, the other would count.
        while let Some(next) = remove(&now, format, list, name, Emptiness::Ignored)? {
            now = next;
            changed = true;
        }
        let mut way = list.as_slice();
        while let (true, Some((key, above))) = (changed && !keeps_lists, way.split_last()) {
            if let Some(next) = remove(&now, format, above, key, Emptiness::Wanted)? {
                now = next;
            }
            way = above;
        }
    }
    Ok(changed.then_some(now))
}

/// True if one of the lists exists and is empty.
pub(super) fn has_empty_list(text: &str, format: Format, lists: &[Vec<String>]) -> bool {
    let mut has_one = false;
    let looked = edit(text, format, |_, root| {
        has_one = lists.iter().any(|list| at(root, list).is_some_and(|list| list.properties.is_empty()));
        Ok(Vec::new())
    });
    looked.is_ok() && has_one
}

/// The owner of a list of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// The list existed and was empty before the server was registered.
    TheUsers,
    /// The registration may have created the list.
    Ours,
}

/// True if the text contains only an empty object.
pub(super) fn is_empty(text: &str) -> bool {
    text.chars().filter(|letter| !letter.is_whitespace()).eq("{}".chars())
}

/// The condition for removing an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Ignored,
    Wanted,
}

fn remove(
    text: &str,
    format: Format,
    way: &[String],
    key: &str,
    emptiness: Emptiness,
) -> Result<Option<String>, Fault> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    edit(text, format, |file, root| {
        let mut object = root;
        for step in way {
            match last(object, step) {
                Some(found) if way.len() > 1 && !matches!(found.value, Node::Object(_)) => {
                    return Ok(Vec::new());
                }
                Some(found) => object = file.object(&found.value, step)?,
                None => return Ok(Vec::new()),
            }
        }
        let found = object.properties.iter().rposition(|property| property.name.as_str() == key);
        let Some((index, property)) = found.and_then(|at| Some((at, object.properties.get(at)?))) else {
            return Ok(Vec::new());
        };
        let inside = |range: jsonc_parser::common::Range| file.text.get(range.start + 1..range.end - 1);
        let is_empty = matches!(&property.value, Node::Object(value)
            if inside(value.range).is_some_and(|inside| inside.trim().is_empty()));
        if emptiness == Emptiness::Wanted && !is_empty {
            return Ok(Vec::new());
        }
        Ok(file.without(object, index, property))
    })
}

/// The first of the possible lists that the text has, else the last possible one.
fn the_list<'a>(text: &str, format: Format, lists: &'a [Vec<String>]) -> Result<&'a [String], Fault> {
    let mut there = None;
    edit(text, format, |_, root| {
        // A nested list must not be a server with the same name, which would have a command.
        let is_list = |list: &&Vec<String>| {
            at(root, list).is_some_and(|object| list.len() == 1 || last(object, "command").is_none())
        };
        there = lists.iter().find(is_list);
        Ok(Vec::new())
    })?;
    Ok(there.or(lists.last()).map(Vec::as_slice).unwrap_or_default())
}

/// The object at the end of a path of members.
fn at<'a, 'b>(root: &'b Object<'a>, way: &[String]) -> Option<&'b Object<'a>> {
    way.iter().try_fold(root, |object, key| match &last(object, key)?.value {
        Node::Object(value) => Some(value),
        _ => None,
    })
}

/// Updates the members of an entry that start the server, and adds `command` if it is missing. Everything
/// else belongs to the user.
fn update(file: &File<'_>, there: &Object<'_>, fresh: &Value, layout: &Layout) -> Vec<Splice> {
    let mut splices = Vec::new();
    for key in ["type", "command", "args"] {
        let Some(value) = fresh.get(key) else { continue };
        match last(there, key) {
            Some(field) if same(file, &field.value, value) => {}
            Some(field) => splices.push(Splice::over(&field.value, Layout::Line { gap: " " }.write(value))),
            None if key == "command" => splices.extend(file.append(there, layout, key, value)),
            // A missing `type` or `args` has the right default.
            None => {}
        }
    }
    splices
}

fn same(file: &File<'_>, node: &Node<'_>, value: &Value) -> bool {
    let written = file.text.get(node.start()..node.end()).unwrap_or_default();
    serde_json::from_str::<Value>(written).is_ok_and(|written| written == *value)
}

/// The member with a key. If there are several, the last one counts.
fn last<'a, 'b>(object: &'b Object<'a>, key: &str) -> Option<&'b ObjectProp<'a>> {
    object.properties.iter().rev().find(|property| property.name.as_str() == key)
}

/// A range of bytes, and the text that replaces it.
struct Splice {
    range: Range<usize>,
    text: String,
}

impl Splice {
    fn at(place: usize, text: String) -> Self {
        Self { range: place..place, text }
    }

    fn over(node: &Node<'_>, text: String) -> Self {
        Self { range: node.start()..node.end(), text }
    }

    fn out(range: Range<usize>) -> Self {
        Self { range, text: String::new() }
    }
}

/// A text, and the same text with its comments replaced by spaces.
struct File<'a> {
    text: &'a str,
    bare: String,
}

/// Parses the text, gets the splices from `decide`, and applies them. `None` if there are none.
fn edit(
    text: &str,
    format: Format,
    decide: impl FnOnce(&File<'_>, &Object<'_>) -> Result<Vec<Splice>, Fault>,
) -> Result<Option<String>, Fault> {
    let lenient = format == Format::Jsonc;
    let options = ParseOptions {
        allow_comments: lenient,
        allow_trailing_commas: lenient,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let collect = CollectOptions { comments: CommentCollectionStrategy::Separate, tokens: false };
    // The replacement has the same length, so that positions stay the same.
    let readable = SURROGATE.replaced(text, r"\ufffd");
    let parsed = parse_to_ast(&readable, &collect, &options).map_err(|error| Fault::Syntax {
        line: error.line_display(),
        column: error.column_display(),
        reason: error.kind().to_string(),
    })?;
    let mut bare = text.to_owned();
    for comment in parsed.comments.iter().flat_map(|comments| comments.values()).flat_map(|at| at.iter()) {
        let range = comment.range();
        let blank = " ".repeat(range.end.saturating_sub(range.start));
        if bare.get(range.start..range.end).is_some() {
            bare.replace_range(range.start..range.end, &blank);
        }
    }
    let file = File { text, bare };
    let mut splices = match &parsed.value {
        Some(Node::Object(root)) => decide(&file, root)?,
        Some(other) => return Err(file.not_an_object(other.start(), "the top level")),
        None => return Err(Fault::NotObject { line: 1, what: "the top level".to_owned() }),
    };
    if splices.is_empty() {
        return Ok(None);
    }
    splices.order_by_key(|splice| splice.range.start);
    let mut edited = text.to_owned();
    for Splice { range, text } in splices.into_iter().rev() {
        edited.replace_range(range, &text);
    }
    Ok(Some(edited))
}

impl File<'_> {
    /// One level of indentation, as in the first indented line.
    fn unit(&self) -> String {
        self.bare
            .lines()
            .skip(1)
            .filter(|line| !line.trim().is_empty())
            .find_map(|line| {
                let indent = line.get(..line.len() - line.trim_start().len())?;
                (!indent.is_empty()).then(|| indent.to_owned())
            })
            .unwrap_or_else(|| UNIT.to_owned())
    }

    fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn object<'a, 'b>(&self, node: &'b Node<'a>, key: &str) -> Result<&'b Object<'a>, Fault> {
        match node {
            Node::Object(object) => Ok(object),
            other => Err(self.not_an_object(other.start(), &format!("`{key}`"))),
        }
    }

    fn not_an_object(&self, at: usize, what: &str) -> Fault {
        let line = self.text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        Fault::NotObject { line, what: what.to_owned() }
    }

    /// The splices that add a member at the end of an object.
    fn append(&self, object: &Object<'_>, layout: &Layout, key: &str, value: &Value) -> Vec<Splice> {
        let close = object.range.end - 1;
        let inside =
            |text: &str, from: usize| text.get(from..close).unwrap_or_default().trim_end().len() + from;
        let member = format!("{}:{}{}", Value::from(key), layout.gap(), layout.write(value));
        let Some(before) = object.properties.last() else {
            let end = inside(self.text, object.range.start + 1);
            let rest = self.text.get(end..close).unwrap_or_default();
            let (lead, tail) = match layout {
                Layout::Line { .. } if end > object.range.start + 1 => (" ".to_owned(), String::new()),
                Layout::Line { .. } => (String::new(), String::new()),
                Layout::Lines { newline, .. } if rest.contains('\n') => (layout.lead(newline), String::new()),
                Layout::Lines { newline, .. } => (layout.lead(newline), layout.shallower_lead(newline)),
            };
            return vec![Splice::at(end, format!("{lead}{member}{tail}"))];
        };
        let value_end = before.range.end;
        let trails = self.bare.get(value_end..close).is_some_and(|rest| rest.contains(','));
        // On a separate line the new member comes after the comments of the member before it. On the same
        // line it comes before them.
        let (end, lead) = match layout {
            Layout::Line { gap } => (inside(&self.bare, value_end), (*gap).to_owned()),
            Layout::Lines { newline, .. } => (inside(self.text, value_end), layout.lead(newline)),
        };
        let comma = (!trails).then(|| Splice::at(value_end, ",".to_owned()));
        let own_comma = if trails { "," } else { "" };
        comma.into_iter().chain([Splice::at(end, format!("{lead}{member}{own_comma}"))]).collect()
    }

    /// The splices that remove a member with its comma and the space before it.
    fn without(&self, object: &Object<'_>, index: usize, property: &ObjectProp<'_>) -> Vec<Splice> {
        let (open, close) = (object.range.start + 1, object.range.end - 1);
        let before = index.checked_sub(1).and_then(|before| object.properties.get(before));
        let next = object.properties.get(index + 1).map_or(close, |next| next.range.start);
        let (start, end) = (property.range.start, property.range.end);
        let trimmed =
            |text: &str, from: usize| text.get(from..start).unwrap_or_default().trim_end().len() + from;
        let floor = before.map_or(open, |before| before.range.end);
        let mut from = trimmed(self.text, floor);
        let comma = self.bare.get(end..next).and_then(|rest| rest.find(',')).map(|at| end + at + 1);
        let mut until = comma.unwrap_or(end);
        let rest = self.text.get(until..close).unwrap_or_default();
        let ends_in_block = self.text.get(..from).is_some_and(|before| before.ends_with("*/"));
        let after_line_comment = trimmed(&self.bare, floor) != from && !ends_in_block;
        if after_line_comment && !rest.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']) {
            // A line end stays, so that the following text does not become part of a line comment.
            from = start;
        } else if object.properties.len() == 1 && from == open && rest.trim().is_empty() {
            until = close;
        }
        let mut splices = Vec::new();
        if let (None, Some(before)) = (comma, before) {
            let gap = self.bare.get(before.range.end..start).unwrap_or_default();
            if let Some(at) = gap.find(',') {
                let comma = before.range.end + at;
                let space = gap.get(..at).unwrap_or_default();
                let blank = self.text.get(before.range.end..comma) == Some(space);
                let begin = if blank { before.range.end } else { comma };
                splices.push(Splice::out(begin..comma + 1));
            }
        }
        splices.push(Splice::out(from..until));
        splices
    }
}

/// The layout of an object's members.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    /// All on one line; `gap` follows each colon and comma.
    Line { gap: &'static str },
    /// Each on a separate line.
    Lines { newline: &'static str, indent: String, unit: String },
}

impl Layout {
    /// The layout of an object's members, or that from `empty` if it has no members.
    fn of(file: &File<'_>, object: &Object<'_>, empty: impl FnOnce() -> Self) -> Self {
        let Some((last, earlier)) = object.properties.split_last() else {
            return empty();
        };
        let from = earlier.last().map_or(object.range.start + 1, |before| before.range.end);
        let lead = file.text.get(from..last.range.start).unwrap_or_default();
        match lead.rsplit_once('\n') {
            Some((_, indent)) => {
                let indent = indent.get(..indent.len() - indent.trim_start().len()).unwrap_or_default();
                Self::Lines { newline: file.newline(), indent: indent.to_owned(), unit: file.unit() }
            }
            None => {
                let text = file.text.get(last.name.end()..last.value.start()).unwrap_or_default();
                Self::Line { gap: if text.ends_with(' ') { " " } else { "" } }
            }
        }
    }

    fn deeper(&self) -> Self {
        match self {
            Self::Line { gap } => Self::Line { gap },
            Self::Lines { newline, indent, unit } => {
                Self::Lines { newline, indent: format!("{indent}{unit}"), unit: unit.clone() }
            }
        }
    }

    fn gap(&self) -> &'static str {
        match self {
            Self::Line { gap } => gap,
            Self::Lines { .. } => " ",
        }
    }

    fn lead(&self, newline: &str) -> String {
        match self {
            Self::Line { .. } => String::new(),
            Self::Lines { indent, .. } => format!("{newline}{indent}"),
        }
    }

    fn shallower_lead(&self, newline: &str) -> String {
        match self {
            Self::Line { .. } => String::new(),
            Self::Lines { indent, unit, .. } => {
                format!("{newline}{}", indent.strip_suffix(unit.as_str()).unwrap_or_default())
            }
        }
    }

    /// Formats a value as a member of an object with this layout.
    fn write(&self, value: &Value) -> String {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let inner = self.deeper();
                let parts: Vec<String> = members
                    .iter()
                    .map(|(key, value)| {
                        format!("{}:{}{}", Value::from(key.as_str()), self.gap(), inner.write(value))
                    })
                    .collect();
                match self {
                    Self::Line { gap } => format!("{{{}}}", parts.join(&format!(",{gap}"))),
                    Self::Lines { newline, .. } => format!(
                        "{{{}{}{}}}",
                        inner.lead(newline),
                        parts.join(&format!(",{}", inner.lead(newline))),
                        self.lead(newline)
                    ),
                }
            }
            other => other.to_string(),
        }
    }
}
