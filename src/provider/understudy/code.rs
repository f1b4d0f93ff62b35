//! Reads expressions out of one line of source, in any language with brackets and dots.

use super::pattern::Pattern;

static CALL: Pattern = Pattern::new(r"([A-Za-z_]\w*)!?(?:::<[^()]*>)?\(");
static DIVISION: Pattern = Pattern::new(r"(?://?|%)\s*");

/// `base[index]` on a line.
pub(crate) struct Subscript<'a> {
    pub(crate) base: &'a str,
    pub(crate) index: &'a str,
}

/// Every subscript of the line, from left to right.
pub(crate) fn subscripts(line: &str) -> Vec<Subscript<'_>> {
    let line = code_of(line);
    line.match_indices('[')
        .filter_map(|(at, _)| {
            let base = before(line, at);
            let index = inside(line, at)?;
            (!base.is_empty() && !index.is_empty()).then_some(Subscript { base, index })
        })
        .take(8)
        .collect()
}

/// The expression in front of `.member` (also `?.`, `->`).
pub(crate) fn owner<'a>(line: &'a str, member: &str) -> Option<&'a str> {
    if member.is_empty() {
        return None;
    }
    line.match_indices(member).find_map(|(at, _)| {
        let after = line.get(at + member.len()..)?;
        let head = line.get(..at)?;
        let head =
            head.strip_suffix("?.").or_else(|| head.strip_suffix("->")).or_else(|| head.strip_suffix('.'))?;
        let base = before(line, head.len());
        (!base.is_empty() && !after.starts_with(is_word)).then_some(base)
    })
}

/// What the line divides by.
pub(crate) fn divisors(line: &str) -> Vec<&str> {
    let line = code_of(line);
    DIVISION.all(line).filter_map(|found| after(line, found.end())).take(4).collect()
}

/// Names that the line calls.
pub(crate) fn calls(line: &str) -> Vec<&str> {
    const KEYWORDS: [&str; 16] = [
        "if", "for", "while", "match", "switch", "return", "and", "or", "not", "in", "fn", "def", "func",
        "function", "catch", "print",
    ];
    let line = code_of(line);
    let names = CALL.all(line).map(|found| found.text(1));
    names.filter(|name| !KEYWORDS.contains(name)).take(20).collect()
}

/// The name at the start of an expression: `row` of `row.items[0]`; `self.rows` keeps its member.
pub(crate) fn root(expression: &str) -> &str {
    let own = ["self.", "this.", "cls."].iter().find(|own| expression.starts_with(**own));
    let skip = own.map_or(0, |own| own.len());
    let rest = expression.get(skip..).unwrap_or("");
    let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    expression.get(..skip + end).unwrap_or("")
}

/// The last name of a condition that is no keyword and no call: mostly the side that it is compared with.
pub(crate) fn last_word(line: &str) -> Option<&str> {
    static WORD: Pattern = Pattern::new(r"[A-Za-z_]\w*");
    const KEYWORDS: [&str; 12] =
        ["if", "elif", "else", "except", "as", "in", "not", "and", "or", "is", "None", "null"];
    let line = code_of(line);
    let names = WORD.all(line).filter(|found| {
        let rest = line.get(found.end()..).unwrap_or("");
        !rest.starts_with('(') && !KEYWORDS.contains(&found.text(0))
    });
    names.last().map(|found| found.text(0))
}

/// The line without what follows a comment sign; a sign inside a string cuts too much, never too little.
pub(crate) fn code_of(line: &str) -> &str {
    let line = line.split(" // ").next().unwrap_or(line);
    let trimmed = line.trim_start();
    if trimmed.starts_with("#[") || !line.contains('#') {
        return line;
    }
    line.split("# ").next().unwrap_or(line)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The operand that ends at `end`, over dots and balanced brackets.
fn before(line: &str, end: usize) -> &str {
    let head = line.get(..end).unwrap_or("");
    let mut depth = 0_usize;
    let mut start = head.len();
    for (at, c) in head.char_indices().rev() {
        let closes = matches!(c, ')' | ']');
        let opens = matches!(c, '(' | '[');
        if closes && (depth > 0 || start == head.len() || !begins_word(head, start)) {
            depth += 1;
        } else if opens && depth > 0 {
            depth -= 1;
        } else if depth == 0 && !is_word(c) && !matches!(c, '.' | '?') {
            break;
        }
        start = at;
    }
    let found = head.get(start..).unwrap_or("");
    if depth > 0 { "" } else { found.trim_start_matches(['.', '?']) }
}

/// A bracket directly before a name ends another expression: in `f(x)y` the operand is `y`.
fn begins_word(head: &str, start: usize) -> bool {
    head.get(start..).and_then(|rest| rest.chars().next()).is_some_and(is_word)
}

/// What stands between the bracket at `open` and its partner.
fn inside(line: &str, open: usize) -> Option<&str> {
    let rest = line.get(open + 1..)?;
    let mut depth = 1_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest.get(..at).map(str::trim);
        }
    }
    None
}

/// The operand that starts at `start`.
fn after(line: &str, start: usize) -> Option<&str> {
    let rest = line.get(start..)?;
    let mut depth = 0_usize;
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            _ if depth > 0 || is_word(c) || c == '.' => {}
            _ => {
                end = at;
                break;
            }
        }
    }
    let found = rest.get(..end)?.trim_end_matches('.');
    let is_value = found.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '(' | '$'));
    is_value.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_are_cut_out_whole() {
        let found = subscripts("name = table.rows(1)[names[key]]  # x[9]");
        let pairs: Vec<_> = found.iter().map(|s| (s.base, s.index)).collect();
        assert_eq!(pairs, [("table.rows(1)", "names[key]"), ("names", "key")]);
        assert_eq!(owner("return self.find(code).rate * 2", "rate"), Some("self.find(code)"));
        assert_eq!(owner("x = a?.b.c", "c"), Some("a?.b"));
        assert_eq!(owner("n->val", "val"), Some("n"));
        assert_eq!(owner("rate", "rate"), None);
        assert_eq!(divisors("return total / len(self.rows) + a % b"), ["len(self.rows)", "b"]);
        assert_eq!(calls("if total(x) == self.mean(y):"), ["total", "mean"]);
        assert_eq!(root("self.rows[0].x"), "self.rows");
        assert_eq!(root("row.x"), "row");
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in "\\PC{0,80}|[a-z\\[\\]().é/%# ]{0,60}", member in "[a-z]{0,2}") {
            subscripts(&line);
            owner(&line, &member);
            divisors(&line);
            calls(&line);
            root(&line);
        }
    }
}
