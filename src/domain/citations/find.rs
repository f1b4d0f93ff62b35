//! Finds the places that an answer cites, in every way in which people, models and compilers write them.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Captures;
use serde_json::Value;

use super::{Claim, Form, Quote, Sense};
use crate::domain::answer::{document, spoken};
use crate::domain::fence::{FenceLine, FenceWalk};
use crate::domain::order::Order;
use crate::domain::packed::list;
use crate::domain::pattern::Patterns;

/// Maximum number of places in one answer.
pub const MOST_CLAIMS: usize = 400;
/// Maximum bytes of an answer that are read: more than any client shows.
pub const MOST_TEXT: usize = 256 * 1024;
/// Maximum characters of a quote.
const MOST_QUOTE: usize = 400;
/// Maximum lines of a quoted block.
const MOST_BLOCK: usize = 12;
/// Maximum quotes of one place.
const MOST_QUOTES: usize = 6;
/// Maximum number of words before a place that may belong to its name.
const MOST_WORDS: usize = 4;
/// Maximum distance between a place and its quote, in characters.
const MOST_APART: usize = 160;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/domain/citations/places.yaml"));

/// Fields of a document that name a file, and fields that quote it.
const PATHS: [&str; 6] = ["file", "path", "filename", "file_path", "source_file", "suspected_file"];
const QUOTES: [&str; 4] = ["quote", "snippet", "code", "excerpt"];

/// A place in a line of text.
struct Place {
    start: usize,
    end: usize,
    claim: Claim,
}

/// The places that an answer cites, each once with its quotes, and true if the list is complete.
pub fn claims(answer: &str) -> (Vec<Claim>, bool) {
    let said = spoken(answer);
    let text = said.text();
    let mut found = Vec::new();
    let start = text.trim_start();
    let data = start.starts_with(['{', '[', '`']).then(|| document(text).ok()).flatten();
    let prose = match &data {
        Some(data) => {
            in_value(&data.value, &mut found);
            &data.around
        }
        None => text,
    };
    let looked_at = beginning(prose);
    in_text(looked_at, &mut found);
    let are_all = found.len() < MOST_CLAIMS && looked_at.len() == prose.len();
    let mut seen = HashSet::new();
    let mut kept: Vec<Claim> = Vec::new();
    for claim in found {
        let first = claim.quotes.first().map(|quote| quote.text.clone());
        if seen.insert((claim.path.clone(), claim.line, claim.end_line, first)) {
            kept.push(claim);
        }
    }
    // A place with a quote needs no second entry without one.
    let quoted: HashSet<(String, usize)> = kept
        .iter()
        .filter(|claim| !claim.quotes.is_empty())
        .map(|claim| (claim.path.clone(), claim.line))
        .collect();
    kept.retain(|claim| !claim.quotes.is_empty() || !quoted.contains(&(claim.path.clone(), claim.line)));
    (kept, are_all)
}

/// Cuts a long text at the end of a word, because half a place would be another place.
fn beginning(text: &str) -> &str {
    if text.len() <= MOST_TEXT {
        return text;
    }
    let end = (0..=MOST_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let cut = text.get(..end).unwrap_or_default();
    cut.rfind(char::is_whitespace).and_then(|end| cut.get(..end)).unwrap_or_default()
}

/// Collects the places of a document: fields that hold a file and a line, and places in its texts.
fn in_value(value: &Value, found: &mut Vec<Claim>) {
    if found.len() >= MOST_CLAIMS {
        return;
    }
    match value {
        Value::Object(fields) => {
            let text = |keys: &[&str]| keys.iter().find_map(|key| fields.get(*key)?.as_str());
            let number = |keys: &[&str]| {
                keys.iter().find_map(|key| {
                    let value = fields.get(*key)?;
                    let number = value
                        .as_u64()
                        .or_else(|| value.as_str()?.trim_start_matches(['L', 'l']).parse().ok());
                    usize::try_from(number?).ok()
                })
            };
            let path = text(&PATHS);
            let line = number(&["line", "line_number", "lineno", "start_line", "line_start"]);
            if let (Some(path), Some(line)) = (path, line) {
                let end = number(&["end_line", "line_end"]);
                let quotes = text(&QUOTES).and_then(|text| quote(text, Sense::Shown)).into_iter().collect();
                found.extend(claim(path, line, end).map(|claim| Claim { quotes, ..claim }));
                // A field that was read as the path or the quote of a place holds no further place.
                let is_read = |name: &&String| {
                    QUOTES.contains(&name.as_str())
                        || PATHS.contains(&name.as_str()) && !path.contains([':', '#'])
                };
                let others = fields.iter().filter(|(name, _)| !is_read(name));
                return others.for_each(|(_, value)| in_value(value, found));
            }
            fields.values().for_each(|value| in_value(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| in_value(value, found)),
        Value::String(text) => in_text(text, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The fence around a line, which decides how places in it are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    None,
    /// Output of a program, or a fence without a label.
    Output,
    /// Code, where `a.b:3` can mean anything.
    Code,
    /// A change, whose lines are not those of the tree.
    Change,
}

fn in_text(text: &str, found: &mut Vec<Claim>) {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    if let Some(rows) = PATTERNS.get("rows") {
        found.extend(rows.captures_iter(text).filter_map(|caught| place(&caught)).map(|place| place.claim));
    }
    let lines: Vec<&str> = text.lines().collect();
    let (mut walk, mut fence) = (FenceWalk::default(), Fence::None);
    for (number, line) in lines.iter().enumerate() {
        if found.len() >= MOST_CLAIMS {
            return;
        }
        match walk.step(line) {
            FenceLine::Begins(label) => {
                fence = opened(label);
                continue;
            }
            FenceLine::Ends => {
                fence = Fence::None;
                continue;
            }
            FenceLine::Inside | FenceLine::Outside => {}
        }
        if fence == Fence::Change || !may_name_a_line(line) {
            continue;
        }
        let mut places = in_line(line);
        if places.is_empty() {
            continue;
        }
        if fence == Fence::Code {
            for place in &mut places {
                place.claim.form = Form::Perhaps;
            }
        }
        for place in &mut places {
            place.claim.words_before = words_before(line, place.start);
        }
        quote_beside(line, &mut places);
        if fence == Fence::None
            && let Some(last) = places.last_mut().filter(|last| last.claim.quotes.is_empty())
        {
            let rest = line.get(last.end..).unwrap_or_default();
            last.claim.quotes.extend(block_below(rest, lines.get(number + 1..).unwrap_or_default()));
        }
        found.extend(places.into_iter().map(|place| place.claim));
    }
}

/// The words before a place that may belong to a name with blanks. A quotation mark begins a name.
fn words_before(line: &str, start: usize) -> String {
    let Some(before) = line.get(..start).and_then(|before| before.strip_suffix(' ')) else {
        return String::new();
    };
    let from = before.rmatch_indices(' ').nth(MOST_WORDS - 1).map_or(0, |(at, _)| at + 1);
    let words = before.get(from..).unwrap_or_default();
    let begins = words.rfind(['`', '"', '\'', '“', '(', '[', '<', ':']).and_then(|at| words.get(at..));
    let words = begins
        .map_or(words, |rest| rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default());
    words.trim_start().to_owned()
}

/// True if a digit follows a sign or letter that the patterns accept before a line number, or if the line has
/// a digit and letters of another script. Numbers in hashes, dumps and columns of digits do not count.
fn may_name_a_line(line: &str) -> bool {
    let leads = |byte: u8| {
        matches!(byte, b' ' | b'\t' | b':' | b'#' | b'(' | b'[' | b'*' | b'`' | b'~' | b'.')
            || matches!(byte, b'L' | b'l' | b'e' | b'E' | b's' | b'S' | b'n' | b'N')
    };
    let mut before = 0;
    let is_led = |byte: u8| {
        let is_led = byte.is_ascii_digit() && leads(before);
        before = byte;
        is_led
    };
    line.bytes().any(is_led) || !line.is_ascii() && line.bytes().any(|byte| byte.is_ascii_digit())
}

/// The kind of the fence that opens with this label.
fn opened(label: &str) -> Fence {
    match label.to_lowercase().as_str() {
        "diff" | "patch" | "udiff" => Fence::Change,
        "" | "text" | "txt" | "console" | "log" | "output" | "traceback" | "plain" | "plaintext" | "pytb"
        | "shell" | "bash" | "sh" => Fence::Output,
        _ => Fence::Code,
    }
}

/// The places of one line, from left to right, without overlaps.
fn in_line(line: &str) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    let mut rest = line.to_owned();
    if line.contains("://")
        && let (Some(address), Some(forge)) = (PATTERNS.get("address"), PATTERNS.get("forge"))
    {
        for url in address.find_iter(line) {
            let at = |place: Place| Place {
                start: url.start(),
                end: url.end(),
                claim: Claim { form: Form::Perhaps, ..place.claim },
            };
            found.extend(forge.captures(url.as_str()).and_then(|caught| place(&caught)).map(at));
            blank(&mut rest, url.start(), url.end());
        }
    }
    if (rest.contains('`') || rest.contains('"') || rest.contains('“'))
        && let Some(marked) = PATTERNS.get("marked")
    {
        let opening = marked
            .captures_iter(&rest)
            .filter(|caught| caught.get(0).is_some_and(|whole| opens(&rest, whole.start())));
        let caught: Vec<Place> = opening.filter_map(|caught| place(&caught)).take(MOST_CLAIMS).collect();
        for mut place in caught {
            blank(&mut rest, place.start, place.end);
            place.claim.form = Form::Perhaps;
            found.push(place);
        }
    }
    for pattern in ["behind", "before"].map(|name| PATTERNS.get(name)) {
        let Some(pattern) = pattern else { continue };
        let mut at = 0;
        let mut caught_here = Vec::new();
        while caught_here.len() < MOST_CLAIMS
            // Most lines name no place, and a match without groups is cheaper.
            && pattern.is_match_at(&rest, at)
            && let Some(caught) = pattern.captures_at(&rest, at)
        {
            let Some(whole) = caught.get(0) else { break };
            at = whole.end().max(at + 1);
            if goes_on(&rest, whole.end()) || begins_within(&rest, whole.start()) || is_prose(&caught) {
                while !rest.is_char_boundary(at) {
                    at += 1;
                }
                continue;
            }
            if let Some(place) = place(&caught) {
                let more = match caught.name("d1") {
                    Some(_) => listed(&rest, &place),
                    None => further(&rest, &place),
                };
                caught_here.push(place);
                caught_here.extend(more);
            }
            while !rest.is_char_boundary(at) {
                at += 1;
            }
        }
        for place in &caught_here {
            blank(&mut rest, place.start, place.end);
        }
        found.extend(caught_here);
    }
    found.order_by_key(|place| place.start);
    found
}

/// True if a quotation mark opens something, rather than closing a piece of code.
fn opens(line: &str, at: usize) -> bool {
    let before = line.get(..at).unwrap_or_default();
    let last = before.chars().next_back();
    let stands_free = last.is_none_or(|last| last.is_whitespace() || "([*".contains(last));
    stands_free && before.matches('`').count().is_multiple_of(2)
}

/// The places after the first in a list such as `path:10,20-30`.
fn further(line: &str, first: &Place) -> Vec<Place> {
    let mut end = first.end;
    let mut more = Vec::new();
    while let Some(rest) = line.get(end..).and_then(|rest| rest.strip_prefix(',')) {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let count = digits(rest);
        let Some(Ok(number)) = rest.get(..count).filter(|_| (1..=7).contains(&count)).map(str::parse) else {
            break;
        };
        let after = rest.get(count..).unwrap_or_default();
        let range = after.strip_prefix('-').map_or(0, digits);
        let last = after.get(1..=range).and_then(|text| text.parse().ok()).filter(|_| range > 0);
        let length = 1 + count + if range > 0 { 1 + range } else { 0 };
        if goes_on(line, end + length) {
            break;
        }
        let Some(claim) = claim(&first.claim.path, number, last) else { break };
        more.push(Place { start: end, end: end + length, claim });
        end += length;
    }
    more
}

/// The places after the first in a list such as `path, lines 5, 6, and 99`.
fn listed(line: &str, first: &Place) -> Vec<Place> {
    let mut end = first.end;
    let mut more = Vec::new();
    while let Some(caught) = line.get(end..).and_then(|rest| PATTERNS.captures("listed", rest)) {
        let number = |name: &str| caught.name(name)?.as_str().parse().ok();
        let Some(length) = caught.name("a2").or_else(|| caught.name("a1")).map(|number| number.end()) else {
            break;
        };
        let claimed = number("a1").and_then(|line| claim(&first.claim.path, line, number("a2")));
        let Some(claim) = claimed.filter(|_| !goes_on(line, end + length)) else { break };
        more.push(Place { start: end, end: end + length, claim });
        end += length;
    }
    more
}

/// True if the number continues as something else: `1.5`, `10px`, `3:45pm`.
fn goes_on(line: &str, end: usize) -> bool {
    let mut rest = line.get(end..).unwrap_or_default().chars();
    match rest.next() {
        Some(next) if next.is_alphanumeric() => next.is_ascii() || next.is_numeric(),
        Some('_' | '%') => true,
        Some('.') => rest.next().is_some_and(|next| next.is_ascii_digit()),
        Some('/') => rest.next().is_some_and(char::is_alphanumeric),
        _ => false,
    }
}

/// True if the text before "line 3" is an ordinary word of the sentence and not a file, or if a number in
/// brackets follows something else than a file.
fn is_prose(caught: &Captures<'_>) -> bool {
    let is = |name: &str| caught.name(name).is_some();
    let path = caught.name("path").map_or("", |path| path.as_str());
    // `sleep(99)` is a call, and `items:[2]` is data.
    if is("c1") || is("f1") {
        return claim(path, 1, None).is_none_or(|claim| claim.form != Form::Place);
    }
    let in_words = is("d1") || is("e1") || is("g1");
    in_words && !path.contains(['/', '\\', '.']) && form(path, 1) != Some(Form::Place)
}

/// True if a path begins inside a longer word, such as at the host of a mail address.
fn begins_within(line: &str, start: usize) -> bool {
    line.get(..start)
        .and_then(|before| before.chars().next_back())
        .is_some_and(|last| matches!(last, '@' | '=' | '&' | '?') || last.is_ascii_alphanumeric())
}

fn place(caught: &Captures<'_>) -> Option<Place> {
    let whole = caught.get(0)?;
    let number = |names: &[&str]| names.iter().find_map(|name| caught.name(name)?.as_str().parse().ok());
    let line = number(&["a1", "b1", "c1", "d1", "e1", "f1", "g1"])?;
    let end = number(&["a2", "b2", "c2", "d2", "e2", "g2"]);
    let claim = claim(caught.name("path")?.as_str(), line, end)?;
    Some(Place { start: whole.start(), end: whole.end(), claim })
}

fn claim(path: &str, line: usize, end: Option<usize>) -> Option<Claim> {
    let mut path = path.trim().replace('\\', "/");
    // Letters of another script after an extension belong to the sentence.
    if let Some(end) = path.rfind('.').and_then(|dot| {
        path.get(dot..)?.char_indices().find(|(_, letter)| !letter.is_ascii()).map(|(at, _)| dot + at)
    }) {
        path.truncate(end);
    }
    let end_line = end.filter(|end| *end > line);
    let form = form(&path, line)?;
    let cited = match end_line {
        Some(end) => format!("{path}:{line}-{end}"),
        None => format!("{path}:{line}"),
    };
    Some(Claim { cited, path, line, end_line, quotes: Vec::new(), form, words_before: String::new() })
}

/// Usual ports of services: `docs.rs:443` is not a line.
const PORTS: [usize; 24] = [
    22, 25, 53, 80, 110, 143, 443, 465, 587, 993, 1433, 1521, 3000, 3306, 5000, 5432, 5672, 6379, 8000, 8080,
    8443, 9000, 9090, 9200,
];

/// The form of a word that is followed by a number. `None` if it is not a place.
fn form(path: &str, line: usize) -> Option<Form> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_lowercase();
    let has_directory = path.contains('/');
    // `user@host` is no path. A scope such as `@types/` begins its part with `@`.
    if path.split('/').any(|part| part.find('@').is_some_and(|at| at > 0)) {
        return None;
    }
    if !name.chars().any(char::is_alphabetic) || list("products").contains(&lower.as_str()) && !has_directory
    {
        return None;
    }
    let Some((stem, extension)) = lower.rsplit_once('.') else {
        return Some(if list("source_names").contains(&lower.as_str()) {
            Form::Place
        } else {
            Form::Perhaps
        });
    };
    let is_source = list("source_extensions").contains(&extension);
    let is_port = !has_directory && PORTS.contains(&line);
    // A leading host makes it an address: `example.com/team/app.web:3`.
    let has_host = path.split_once('/').is_some_and(|(first, _)| is_host(first));
    Some(if is_source && !is_port && !has_host && !stem.is_empty() { Form::Place } else { Form::Perhaps })
}

/// True if a part of a path ends like a host name.
fn is_host(part: &str) -> bool {
    part.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty() && list("host_endings").contains(&end.to_lowercase().as_str())
    })
}

fn blank(line: &mut String, start: usize, end: usize) {
    if let Some(part) = line.get(start..end) {
        let blanks = " ".repeat(part.len());
        line.replace_range(start..end, &blanks);
    }
}

/// Assigns each piece of code in a line to the nearest place.
fn quote_beside(line: &str, places: &mut [Place]) {
    let Some(span) = PATTERNS.get("span") else { return };
    let mut given: Vec<(usize, usize, Quote)> = Vec::new();
    for caught in span.captures_iter(line) {
        let (Some(whole), Some(text)) = (caught.get(0), caught.iter().skip(1).flatten().next()) else {
            continue;
        };
        let overlaps = |place: &&Place| place.start < whole.end() && whole.start() < place.end;
        // A quotation mark or two may stand before a place in its own span.
        let begins = |place: &Place| place.start <= text.start() + 1;
        if places.iter().filter(overlaps).any(|place| place.claim.form == Form::Place || begins(place)) {
            continue;
        }
        let apart = |place: &Place| match whole.start().checked_sub(place.end) {
            Some(apart) => apart,
            None => {
                let between = line.get(whole.end()..place.start).unwrap_or_default();
                // A new sentence is about something else.
                between.len() + if between.contains(['.', ';']) { MOST_APART } else { 0 }
            }
        };
        let others = places.iter().enumerate().filter(|(_, place)| !overlaps(place));
        let nearest = others.map(|(at, place)| (apart(place), at)).min();
        let Some((apart, at)) = nearest.filter(|(apart, _)| *apart <= MOST_APART) else { continue };
        let before = line.get(..whole.start()).unwrap_or_default();
        let sense = if proposes(before, 3) { Sense::Proposed } else { Sense::Shown };
        given.extend(quote(text.as_str(), sense).map(|quote| (at, apart, quote)));
    }
    given.order_by_key(|(_, apart, _)| *apart);
    for (at, _, quote) in given {
        if let Some(place) = places.get_mut(at).filter(|place| place.claim.quotes.len() < MOST_QUOTES) {
            place.claim.quotes.push(quote);
        }
    }
    // grep prints `path:10: code`; a compiler prints its message in that position.
    for place in places.iter_mut().filter(|place| place.claim.quotes.is_empty()) {
        let rest = line.get(place.end..).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
        let printed = quote(rest.trim_end_matches('`'), Sense::Shown);
        place.claim.quotes.extend(printed.map(|quote| Quote { sense: Sense::Name, ..quote }));
    }
}

/// The block below a line that ends with a place: a fence, a quotation, or a line of code.
fn block_below(rest: &str, below: &[&str]) -> Option<Quote> {
    if rest.chars().count() > MOST_APART {
        return None;
    }
    let start = below.iter().take(2).position(|line| !line.trim().is_empty())?;
    let below = below.get(start..)?;
    let first = below.first()?;
    let mut walk = FenceWalk::default();
    let lines: Vec<&str> = if let FenceLine::Begins(label) = walk.step(first) {
        if opened(label) == Fence::Change {
            return None;
        }
        let inside = below.iter().skip(1).take_while(|line| walk.step(line) == FenceLine::Inside);
        inside.take(MOST_BLOCK).copied().collect()
    } else if first.trim_start().starts_with("> ") {
        let quoted = below.iter().map_while(|line| line.trim_start().strip_prefix('>'));
        quoted.take(MOST_BLOCK).collect()
    } else if start == 0 && rest.trim_end().ends_with(':') && first.trim_start().starts_with('`') {
        vec![first.trim().trim_matches('`')]
    } else {
        return None;
    };
    let sense = if proposes(rest, usize::MAX) { Sense::Proposed } else { Sense::Shown };
    quote(&lines.join("\n"), sense)
}

/// Makes a quote of a piece of code. `None` if it is too short or too long, or has no letter or digit.
fn quote(text: &str, sense: Sense) -> Option<Quote> {
    let text = text.trim_matches(['\n', '\r']).trim_end();
    let bare = text.trim();
    if bare.len() < 2 || bare.chars().count() > MOST_QUOTE || !bare.chars().any(char::is_alphanumeric) {
        return None;
    }
    // A call with a number, such as `sleep(99)`, shows code.
    let shows_a_number = bare
        .split_once('(')
        .is_some_and(|(_, rest)| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    let is_name = bare.chars().count() < 8
        || !shows_a_number
            && bare.chars().all(|letter| letter.is_alphanumeric() || "_.:$@#()/\\-".contains(letter));
    let sense = if is_name && sense == Sense::Shown { Sense::Name } else { sense };
    Some(Quote { text: text.to_owned(), sense })
}

/// True if one of the last `words` words introduces a proposal.
fn proposes(before: &str, words: usize) -> bool {
    let all = before.rsplit(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    all.take(words).any(|word| {
        let word = word.to_lowercase();
        list("proposing")
            .iter()
            .any(|start| word.strip_prefix(start).is_some_and(|rest| start.len() > 5 || rest.is_empty()))
    }) || before.trim_end().ends_with(['→', '⇒'])
        || before.trim_end().ends_with("->")
        || before.trim_end().ends_with("=>")
}
