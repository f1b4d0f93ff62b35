//! Random documents in random layouts.

use clap::ValueEnum as _;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;
use crate::cli::install;

/// A JSON value in its own spelling.
#[derive(Debug, Clone)]
enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The space between tokens.
#[derive(Debug, Clone)]
enum Style {
    Minified,
    Spaced,
    Pretty {
        newline: &'static str,
        unit: String,
    },
    /// Anything anywhere, taken in turn.
    Wild(Vec<&'static str>),
}

struct Printer {
    style: Style,
    text: String,
    turn: usize,
}

impl Printer {
    fn wild(&mut self) {
        if let Style::Wild(spaces) = &self.style {
            self.text.push_str(spaces[self.turn % spaces.len()]);
            self.turn += 1;
        }
    }

    fn token(&mut self, token: &str) {
        self.wild();
        self.text.push_str(token);
        self.wild();
    }

    fn line(&mut self, depth: usize) {
        if let Style::Pretty { newline, unit } = &self.style {
            self.text.push_str(newline);
            self.text.push_str(&unit.repeat(depth));
        }
    }

    fn list<T>(&mut self, brackets: [&str; 2], items: &[T], depth: usize, print: fn(&mut Self, &T, usize)) {
        self.token(brackets[0]);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.token(",");
                if matches!(self.style, Style::Spaced) {
                    self.text.push(' ');
                }
            }
            self.line(depth + 1);
            print(self, item, depth + 1);
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.token(brackets[1]);
    }

    fn member(&mut self, member: &(String, Json), depth: usize) {
        self.token(&member.0);
        self.token(":");
        if !matches!(self.style, Style::Minified | Style::Wild(_)) {
            self.text.push(' ');
        }
        self.value(&member.1, depth);
    }

    fn value(&mut self, value: &Json, depth: usize) {
        match value {
            Json::Scalar(token) => self.token(token),
            Json::Array(items) => self.list(["[", "]"], items, depth, Self::value),
            Json::Object(members) => self.list(["{", "}"], members, depth, Self::member),
        }
    }
}

fn print(value: &Json, style: &Style) -> String {
    let mut printer = Printer { style: style.clone(), text: String::new(), turn: 0 };
    printer.value(value, 0);
    printer.text
}

fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z{}\\[\\]:, é한😀]{0,4}",
        Just("\\\"".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\u00e9\\ud83d\\ude00".to_owned()),
        Just("\\udead\\n\\/".to_owned()),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn json() -> impl Strategy<Value = Json> {
    let number = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?";
    let scalar = prop_oneof![string(), number, "true|false|null"].prop_map(Json::Scalar);
    scalar.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            prop::collection::vec((string(), inner), 0..5).prop_map(Json::Object),
        ]
    })
}

fn members() -> impl Strategy<Value = Vec<(String, Json)>> {
    prop::collection::vec((string(), json()), 0..5)
}

/// A settings object, with an object of servers somewhere in it or without.
fn settings() -> impl Strategy<Value = (Json, bool)> {
    (members(), members(), prop::option::of(members())).prop_map(|(before, after, servers)| {
        let given = servers.is_some();
        let servers = servers.map(|members| ("\"mcpServers\"".to_owned(), Json::Object(members)));
        let all = before.into_iter().chain(servers).chain(after);
        (Json::Object(all.collect()), given)
    })
}

fn style() -> impl Strategy<Value = Style> {
    let newline = prop_oneof![Just("\n"), Just("\r\n")];
    let space = prop::sample::select(vec!["", " ", "\n", "\r\n\t", "  \n\n ", "\t"]);
    prop_oneof![
        Just(Style::Minified),
        Just(Style::Spaced),
        (newline, "\t| {1,4}").prop_map(|(newline, unit)| Style::Pretty { newline, unit }),
        prop::collection::vec(space, 1..12).prop_map(Style::Wild),
    ]
}

/// The text after an edit, or `None` if it changes nothing.
fn edited(text: &str, uninstall: bool) -> Option<String> {
    let edited = if uninstall {
        install::deregister(Client::Claude, text.as_bytes(), install::List::Ours)
    } else {
        install::register(Client::Claude, text.as_bytes(), BINARY)
    };
    edited.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

/// The text without an empty list of servers, which an uninstall takes away.
fn without_list(text: &str) -> String {
    let lists = [(",\"mcpServers\":{}", ""), ("\"mcpServers\":{},", ""), ("{\"mcpServers\":{}}", "{}")];
    lists.iter().fold(text.to_owned(), |text, (list, left)| text.replacen(list, left, 1))
}

fn common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// The text without the space between its tokens: equal in value, spelling included.
fn squeezed(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let quote = *c == '"' && !escaped;
        inside ^= quote;
        escaped = inside && *c == '\\' && !escaped;
        inside || quote || !c.is_ascii_whitespace()
    };
    text.chars().filter(keep).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn installing_inserts_and_uninstalling_takes_back(
        (value, _) in settings(),
        style in style(),
        bom in any::<bool>(),
        ending in prop::sample::select(vec!["", "\n", "\r\n", " \n\n"]),
    ) {
        let bom = if bom { "\u{feff}" } else { "" };
        let before = format!("{bom}{}{ending}", print(&value, &style));
        let installed = edited(&before, false).unwrap();

        // One region was inserted and every other byte is as it was.
        let start = common(before.bytes(), installed.bytes());
        let end = common(before.bytes().rev(), installed.bytes().rev());
        prop_assert!(start + end >= before.len(), "{before:?}\n{installed:?}");

        // It is valid, on one line if it was, and says what it should; twice is once.
        let body = installed.strip_prefix(bom).unwrap();
        serde_json::from_str::<IgnoredAny>(body).unwrap();
        if matches!(style, Style::Minified) && squeezed(&before).len() > bom.len() + 2 {
            prop_assert_eq!(body.trim_end().lines().count(), 1);
        }
        let entry = format!("\"maestro\":{ENTRY}");
        prop_assert!(squeezed(body).contains(&entry));
        prop_assert_eq!(edited(&installed, false), None);

        let back = edited(&installed, true).unwrap();
        prop_assert_eq!(without_list(&squeezed(&back)), without_list(&squeezed(&before)));
        prop_assert_eq!(edited(&back, true), None);
    }

    #[test]
    fn any_bytes_are_refused_or_edited_but_never_a_panic(bytes in any::<Vec<u8>>(), text in ".{0,60}") {
        for input in [bytes.as_slice(), text.as_bytes()] {
            for client in Client::value_variants() {
                let _ = install::register(*client, input, BINARY);
                let _ = install::deregister(*client, input, install::List::Ours);
            }
        }
    }
}
