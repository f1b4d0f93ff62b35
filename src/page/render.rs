//! Templates, embedded in the binary. Every text that they show goes through one place, where it is
//! made into text that a browser shows and never obeys.

use std::sync::OnceLock;

use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, State, UndefinedBehavior, Value};

use super::look::Look;
use super::text::escaped;
use super::words;
use crate::domain::language::{Language, Languages};
use crate::error::Error;

const TEMPLATES: [(&str, &str); 16] = [
    ("base.html", include_str!("templates/base.html")),
    ("bare.html", include_str!("templates/bare.html")),
    ("queue.html", include_str!("templates/queue.html")),
    ("decide.html", include_str!("templates/decide.html")),
    ("diff.html", include_str!("templates/diff.html")),
    ("list.html", include_str!("templates/list.html")),
    ("run.html", include_str!("templates/run.html")),
    ("why.html", include_str!("templates/why.html")),
    ("compare.html", include_str!("templates/compare.html")),
    ("vote.html", include_str!("templates/vote.html")),
    ("metrics.html", include_str!("templates/metrics.html")),
    ("thread.html", include_str!("templates/thread.html")),
    ("citations.html", include_str!("templates/citations.html")),
    ("jobs.html", include_str!("templates/jobs.html")),
    ("review.html", include_str!("templates/review.html")),
    ("trust.html", include_str!("templates/trust.html")),
];

fn environment() -> &'static Environment<'static> {
    static MADE: OnceLock<Environment<'static>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
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
            let mut text = words::word(languages(state), name);
            for key in given.args() {
                let value: Value = given.get(key)?;
                text = text.replace(&format!("{{{key}}}"), &value.to_string());
            }
            given.assert_all_used()?;
            Ok::<_, minijinja::Error>(text)
        });
        environment.add_filter("cut", |text: &str, most: usize| match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
            None => text.to_owned(),
        });
        environment.add_function("pair", |state: &State<'_, '_>, text: Value| pair(languages(state), &text));
        environment
            .add_function("ago", |state: &State<'_, '_>, span: u64| words::span(languages(state), span));
        let all: Vec<Value> = Language::all()
            .map(|one| minijinja::context! { code => one.tag(), name => one.words().name.as_str() })
            .collect();
        environment.add_global("languages", all);
        for (name, source) in TEMPLATES {
            if let Err(error) = environment.add_template(name, source) {
                tracing::error!(name, %error, "a template of the page");
            }
        }
        environment
    })
}

/// A text with its languages, in those that are read; each further one below the first.
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

/// A page, from its template and what it shows.
///
/// # Errors
///
/// Only by a defect of a template.
pub(super) fn page(template: &str, look: Look, shown: &serde_json::Value) -> Result<String, Error> {
    let defect = |error: minijinja::Error| Error::Internal(format!("{template}: {error:#}"));
    let found = environment().get_template(template).map_err(defect)?;
    let context = minijinja::context! {
        lang => look.languages.name(),
        theme => look.theme.name(),
        keys => look.keys.name(),
        ..Value::from(Serde(shown))
    };
    found.render(context).map_err(defect)
}
