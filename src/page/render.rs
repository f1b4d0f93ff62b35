//! Renders the embedded templates. Every text is escaped in one place, so that a browser shows it and never
//! executes it.

use std::fmt::Write as _;
use std::sync::OnceLock;

use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, State, UndefinedBehavior, Value};

use super::look::Look;
use super::views::parts::{colour, digest, dollars, tone};
use crate::domain::cut::cut;
use crate::domain::language::{Language, Languages};
use crate::domain::packed;
use crate::domain::plain::is_hidden;
use crate::domain::text::{Text, fill};
use crate::domain::words::short;
use crate::error::Error;
use crate::flow::template;
use crate::flow::time::now;

fn environment() -> &'static Environment<'static> {
    static MADE: OnceLock<Environment<'static>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut environment = template::environment();
        // A template may test a missing field, but not show it.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(|out, _, value| {
            if value.is_none() || value.is_undefined() {
                return Ok(());
            }
            let text = match value.as_str() {
                Some(text) if value.is_safe() => text.to_owned(),
                Some(text) => escaped(text),
                None => escaped(&value.to_string()),
            };
            out.write_str(&text).map_err(minijinja::Error::from)
        });
        environment.add_function("t", |state: &State<'_, '_>, name: &str, given: Kwargs| {
            let mut text = word(languages(state), name);
            for key in given.args() {
                let value: Value = given.get(key)?;
                text = text.replace(&format!("{{{key}}}"), &value.to_string());
            }
            given.assert_all_used()?;
            Ok::<_, minijinja::Error>(text)
        });
        environment.add_filter("colour", colour);
        environment.add_filter("short", |id: &str| short(id).to_owned());
        environment.add_filter("tone", tone);
        environment.add_filter("digest", digest);
        environment.add_filter("dollars", |cost: f64, is_partial: Option<bool>| {
            dollars(cost, is_partial.unwrap_or_default())
        });
        environment.add_filter("as_typed", |text: &str| Value::from_safe_string(as_typed(text)));
        environment.add_filter("cut", |text: &str, most: usize| cut(text, most));
        environment.add_function("pair", |state: &State<'_, '_>, text: Value| pair(languages(state), &text));
        environment.add_function("ago", |state: &State<'_, '_>, milliseconds: u64| {
            span(languages(state), milliseconds)
        });
        environment.add_function("since", |state: &State<'_, '_>, at: u64| {
            span(languages(state), now().saturating_sub(at))
        });
        let all: Vec<Value> = Language::all()
            .map(|one| minijinja::context! { code => one.tag(), name => one.words().name.as_str() })
            .collect();
        environment.add_global("languages", all);
        for file in
            packed::below("src/page/templates").filter(|file| file.path.strip_suffix(".html").is_some())
        {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if let Err(error) = environment.add_template_owned(name, file.text()) {
                tracing::error!(name, %error, "a template of the page");
            }
        }
        environment
    })
}

/// A text in the user's languages. Further languages are below the first one.
fn pair(languages: Languages, text: &Value) -> Value {
    let of = |language: Language| text.get_attr(language.tag()).ok().filter(|text| !text.is_undefined());
    let mut shown: Vec<(&str, String)> = Vec::new();
    for language in languages.of_reports() {
        let text = of(language).or_else(|| of(Language::ENGLISH)).map(|text| escaped(&text.to_string()));
        let text = text.unwrap_or_default();
        if shown.iter().all(|(_, known)| *known != text) {
            shown.push((language.tag(), text));
        }
    }
    let twin = |(place, (code, text)): (usize, &(&str, String))| match place {
        0 => text.clone(),
        _ => format!("<span class=\"twin\" lang=\"{code}\">{text}</span>"),
    };
    Value::from_safe_string(shown.iter().enumerate().map(twin).collect())
}

fn languages(state: &State<'_, '_>) -> Languages {
    let name = state.lookup("lang");
    let chosen = name.as_ref().and_then(Value::as_str).and_then(Languages::named);
    chosen.unwrap_or(Languages::One(Language::ENGLISH))
}

/// Renders a page from its template and its values.
///
/// # Errors
///
/// The template has a defect.
pub(super) fn page(template: &str, look: Look, shown: &serde_json::Value) -> Result<String, Error> {
    let defect = |error: minijinja::Error| Error::Internal(format!("{template}: {error:#}"));
    let found = environment().get_template(template).map_err(defect)?;
    let context = minijinja::context! {
        lang => look.languages.name(),
        theme => <&str>::from(look.theme),
        keys => <&str>::from(look.keys),
        ..Value::from(Serde(shown))
    };
    found.render(context).map_err(defect)
}

/// Escapes a text for HTML, for use between tags and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.replace("\r\n", "\n").chars() {
        match (entity(letter), letter) {
            (Some(entity), _) => out.push_str(entity),
            (None, '\n' | '\t') => out.push(letter),
            (None, letter) if is_hidden(letter) => {
                let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(letter));
            }
            (None, letter) => out.push(letter),
        }
    }
    out
}

/// Escapes the visitor's own words for a form that comes back. Its fields are submitted again, so no letter
/// of them may change, visible or not.
fn as_typed(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match entity(letter) {
            Some(entity) => out.push_str(entity),
            None => out.push(letter),
        }
    }
    out
}

/// The entity for a letter that is markup in HTML.
fn entity(letter: char) -> Option<&'static str> {
    match letter {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    }
}

/// A text of the catalogue in the user's languages.
pub(super) fn word(languages: Languages, name: &str) -> String {
    let text = Text::of_page(name);
    let mut all: Vec<&str> = languages.of_reports().into_iter().map(|language| text.of(language)).collect();
    all.dedup();
    all.join(" · ")
}

/// A duration in its largest unit.
pub(super) fn span(languages: Languages, milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(86_400_000, "span_d"), (3_600_000, "span_h"), (60_000, "span_min"), (1_000, "span_s")];
    let found = UNITS.iter().find(|(length, _)| milliseconds >= *length);
    let (length, unit) = found.unwrap_or(&(1_000, "span_s"));
    let text = Text::of_page(unit);
    fill(text.of(languages.one(Language::ENGLISH)), &[("n", (milliseconds / length).to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_templates_is_in_the_catalogue_and_none_is_there_for_nothing() {
        let read = &Language::ENGLISH.words().page;
        let mut sources = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page")];
        let (mut text, mut templates) = (String::new(), String::new());
        while let Some(next) = sources.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.extension().and_then(|kind| kind.to_str()) {
                    None => sources.push(path),
                    Some("html") => templates.push_str(&std::fs::read_to_string(path).unwrap()),
                    Some("rs") => text.push_str(&std::fs::read_to_string(path).unwrap()),
                    Some(_) => {}
                }
            }
        }
        text.push_str(&templates);
        // A name that ends in an underscore is completed by what is shown.
        let used = templates.split("t(\"").skip(1).map(|part| part.split('"').next().unwrap());
        let missing: Vec<&str> =
            used.filter(|name| !name.ends_with('_') && !read.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let is_used = |name: &str| {
            let parts = name.match_indices('_');
            let by_part = parts.into_iter().any(|(place, _)| {
                let (head, tail) = (name.get(..=place).unwrap(), name.get(place..).unwrap());
                text.contains(&format!("\"{head}\"")) || text.contains(&format!("\"{tail}\""))
            });
            by_part || text.contains(&format!("\"{name}\""))
        };
        let unused: Vec<&String> = read.keys().filter(|name| !is_used(name)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn times_are_told_in_both_languages() {
        let (both, ko) = (Languages::Both, Languages::named("ko").unwrap());
        assert_eq!((span(both, 125_000), span(ko, 125_000)), ("2 min".to_owned(), "2분".to_owned()));
        assert_eq!(span(ko, 5), "0초");
        assert_eq!(word(both, "queue"), "Queue · 대기열");
    }

    #[test]
    fn words_that_come_back_in_a_form_are_the_same() {
        // Emoji, Persian and Hebrew join and part their letters by marks that nobody sees.
        for typed in [
            "👩\u{200d}💻", "می\u{200c}خواهم", "שלום\u{200f}!", "a\u{ad}b\u{feff}", "❤\u{fe0f}", "가\r\n\t나",
        ] {
            assert_eq!(as_typed(typed), typed);
        }
        assert_eq!(as_typed("</textarea>\"'&amp;"), "&lt;/textarea&gt;&quot;&#39;&amp;amp;");
    }

    #[test]
    fn nothing_in_a_text_is_markup_or_hidden() {
        assert_eq!(
            escaped("<a href=\"x\" on='y'>&\u{202e}\u{1b}[2J\r\u{200b}\n\t가"),
            "&lt;a href=&quot;x&quot; on=&#39;y&#39;&gt;&amp;⟨U+202E⟩⟨U+001B⟩[2J⟨U+000D⟩⟨U+200B⟩\n\t가"
        );
    }
}
