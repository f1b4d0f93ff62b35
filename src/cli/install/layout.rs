//! How a JSON text is laid out, and new members written in the same way.

use serde_json::Value;

use super::document::{Document, Member, Span};

const DEFAULT_UNIT: &str = "  ";

/// How the members of one object are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    /// All on one line; `gap` follows each colon and comma.
    Line { gap: &'static str },
    /// Each on a line of its own.
    Lines {
        newline: &'static str,
        indent: String,
        /// One level of indentation.
        unit: String,
    },
}

impl Layout {
    /// The layout of an object's members, or `empty` if it has none to learn from.
    pub(super) fn of(document: &Document, object: Span, empty: impl FnOnce() -> Self) -> Self {
        let members = document.members(object);
        let Some((last, earlier)) = members.split_last() else {
            return empty();
        };
        let lead_start = earlier.last().map_or(object.start + 1, |m| m.value.end);
        let lead = document.text(Span::new(lead_start, last.key.start));
        match lead.rsplit_once('\n') {
            Some((before, after)) => Self::Lines {
                newline: if before.ends_with('\r') { "\r\n" } else { "\n" },
                indent: blank_start(after).to_owned(),
                unit: unit_of(document),
            },
            None => Self::Line { gap: gap_of(document, last) },
        }
    }

    /// The layout of the top level: one member per line if it is empty.
    pub(super) fn of_root(document: &Document) -> Self {
        Self::of(document, document.root(), || Self::Lines {
            newline: "\n",
            indent: DEFAULT_UNIT.to_owned(),
            unit: DEFAULT_UNIT.to_owned(),
        })
    }

    /// The layout one level further in.
    pub(super) fn deeper(&self) -> Self {
        match self {
            Self::Line { .. } => self.clone(),
            Self::Lines { newline, indent, unit } => {
                Self::Lines { newline, indent: format!("{indent}{unit}"), unit: unit.clone() }
            }
        }
    }

    /// What stands before a member that follows another one's comma.
    fn lead(&self) -> String {
        match self {
            Self::Line { gap } => (*gap).to_owned(),
            Self::Lines { newline, indent, .. } => format!("{newline}{indent}"),
        }
    }

    /// What stands between the opening bracket and the first member.
    fn open(&self) -> String {
        match self {
            Self::Line { .. } => String::new(),
            Self::Lines { .. } => self.lead(),
        }
    }

    /// What stands between the last member and the closing bracket.
    fn close(&self) -> String {
        match self {
            Self::Line { .. } => String::new(),
            Self::Lines { newline, indent, unit } => {
                let outer = indent.strip_suffix(unit.as_str()).unwrap_or_default();
                format!("{newline}{outer}")
            }
        }
    }

    fn gap(&self) -> &str {
        match self {
            Self::Line { gap } => gap,
            Self::Lines { .. } => " ",
        }
    }

    /// A member of an object that has this layout.
    fn member(&self, key: &str, value: &Value) -> String {
        let key = Value::from(key);
        format!("{key}:{}{}", self.gap(), self.value(value))
    }

    /// A value that stands where members have this layout.
    pub(super) fn value(&self, value: &Value) -> String {
        let inside = self.deeper();
        let (brackets, parts) = match value {
            Value::Object(members) => {
                let parts = members.iter().map(|(k, v)| inside.member(k, v)).collect();
                (["{", "}"], parts)
            }
            Value::Array(items) => {
                let parts: Vec<_> = items.iter().map(|item| inside.value(item)).collect();
                (["[", "]"], parts)
            }
            scalar => return scalar.to_string(),
        };
        let [open, close] = brackets;
        if parts.is_empty() {
            return format!("{open}{close}");
        }
        let body = parts.join(&format!(",{}", inside.lead()));
        format!("{open}{}{body}{}{close}", inside.open(), inside.close())
    }
}

/// Adds a member after the last one of `object`, whose members have this layout.
pub(super) fn append(document: &mut Document, object: Span, layout: &Layout, key: &str, value: &Value) {
    let member = layout.member(key, value);
    let (at, text) = match document.members(object).last() {
        Some(last) => (last.value.end, format!(",{}{member}", layout.lead())),
        None => (
            object.start + 1,
            // An empty object may hold the line break already.
            if document.text(object).contains('\n') {
                format!("{}{member}", layout.open())
            } else {
                format!("{}{member}{}", layout.open(), layout.close())
            },
        ),
    };
    document.splice(Span::new(at, at), &text);
}

/// Removes a member with the comma and the space that belonged to it.
pub(super) fn remove(document: &mut Document, object: Span, key: Span) {
    let members = document.members(object);
    let Some(index) = members.iter().position(|member| member.key == key) else {
        return;
    };
    let before = index.checked_sub(1).and_then(|i| members.get(i));
    let span = match (before, members.get(index), members.get(index + 1)) {
        (Some(before), Some(member), _) => Span::new(before.value.end, member.value.end),
        (None, _, Some(after)) => Span::new(key.start, after.key.start),
        _ => Span::new(object.start + 1, object.end - 1),
    };
    document.splice(span, "");
}

fn gap_of(document: &Document, member: &Member) -> &'static str {
    let between = document.text(Span::new(member.key.end, member.value.start));
    if between.ends_with(':') { "" } else { " " }
}

/// One level of indentation: the indentation of the top level's first member.
fn unit_of(document: &Document) -> String {
    let root = document.root();
    let members = document.members(root);
    let lead = members.first().map(|first| document.text(Span::new(root.start + 1, first.key.start)));
    match lead.and_then(|lead| lead.rsplit_once('\n')) {
        Some((_, indent)) if !indent.is_empty() => indent.to_owned(),
        _ => DEFAULT_UNIT.to_owned(),
    }
}

/// The indentation of a line, which may go on with a comma where commas come first.
fn blank_start(line: &str) -> &str {
    line.split(|c: char| !c.is_ascii_whitespace()).next().unwrap_or_default()
}
