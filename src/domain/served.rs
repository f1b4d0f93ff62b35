//! Compares the model that answered with the model that was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cut::cut_line;
use super::pattern::Pattern;

/// Notes about the model that answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelNote {
    /// The model that was asked for; None if the choice was left to the CLI.
    pub model_asked: Option<String>,
    /// True if the CLI itself named the model that answered.
    pub model_confirmed: bool,
    /// The reasoning effort that was asked for; None if the CLI has no option for it.
    pub effort: Option<String>,
    /// Warnings: another model answered than the one asked for, or the CLI's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl ModelNote {
    /// True if there are no notes, as in entries of older logs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a warning once, cut to 300 characters. A long list of warnings takes no more.
    pub fn warn(&mut self, more: &str) {
        const MOST_CHARS: usize = 300;
        const MOST_BYTES: usize = 1_500;
        let more = cut_line(more, MOST_CHARS);
        match &mut self.warning {
            _ if more.is_empty() => {}
            None => self.warning = Some(more),
            Some(said) if said.contains(&more) || said.len() > MOST_BYTES => {}
            Some(said) => {
                said.push_str("; ");
                said.push_str(&more);
            }
        }
    }
}

/// The models that answered several questions, by provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Models {
    #[serde(rename = "models", skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Vec<String>>,
    /// Notes about the models, with every warning once.
    #[serde(rename = "model_notes", skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, ModelNote>,
}

impl Models {
    /// Adds an answer of a provider.
    pub fn add(&mut self, provider: &str, model: Option<&str>, note: &ModelNote) {
        let names = self.names.entry(provider.to_owned()).or_default();
        if let Some(model) =
            model.filter(|model| !model.is_empty() && !names.iter().any(|name| name == model))
        {
            names.push(model.to_owned());
        }
        match self.notes.get_mut(provider) {
            None => {
                self.notes.insert(provider.to_owned(), note.clone());
            }
            Some(known) => {
                known.model_confirmed &= note.model_confirmed;
                if let Some(warning) = note.warning.as_deref().filter(|_| known.warning != note.warning) {
                    known.warn(warning);
                }
            }
        }
    }

    /// Adds the answers of others.
    pub fn extend(&mut self, others: &Self) {
        for (provider, note) in &others.notes {
            for name in others.names.get(provider).into_iter().flatten().map(Some).chain([None]) {
                self.add(provider, name.map(String::as_str), note);
            }
        }
    }

    /// The warnings about models, each with its provider.
    pub fn warnings(&self) -> Vec<String> {
        let warning =
            |(name, note): (&String, &ModelNote)| Some(format!("{name}: {}", note.warning.as_ref()?));
        self.notes.iter().filter_map(warning).collect()
    }
}

/// True if the name that was asked for means the model that answered: the same name, with or without date
/// and vendor, the name of its family (`opus`, `pro`), or a router (`auto`, `auto-gemini-3`).
pub fn means(asked: &str, served: &str) -> bool {
    // Names that leave the choice to the CLI.
    const ROUTERS: [&str; 4] = ["auto", "default", "best", "opusplan"];
    // Words of the smaller models of a family.
    const SMALLER: [&str; 3] = ["lite", "mini", "nano"];
    let (asked, served) = (bare(asked), bare(served));
    if asked == served || ROUTERS.contains(&asked.as_str()) || asked.starts_with("auto-") {
        return true;
    }
    let is_in = |name: &str, word: &str| words(name).any(|other| other == word);
    if SMALLER.iter().any(|word| is_in(&served, word) && !is_in(&asked, word)) {
        return false;
    }
    // A name with a number names one model, not a family: another number is another model.
    let is_family = !asked.is_empty() && !asked.contains(|letter: char| letter.is_ascii_digit());
    is_family && words(&asked).all(|word| is_in(&served, word))
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A model's name in lower case without a vendor's prefix, date, version and options, as in
/// `us.anthropic.claude-x-20260101-v1:0`, `x-2026-09-01`, `models/x`, `x-latest` and `x[1m]`.
pub(super) fn bare(name: &str) -> String {
    static AROUND: Pattern = Pattern::new(
        r"\A(?:.*/)?(?:[a-z]+\.)*(.*?)(?:\[[^\]]*\]|[-@]20\d{2}(?:\d{4}|-\d{2}-\d{2})|-latest|-v\d+(?::\d+)?)*\z",
    );
    let name = name.trim().to_lowercase();
    let inner = AROUND.captures(&name).and_then(|found| Some(found.get(1)?.as_str().to_owned()));
    inner.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_of_several_answers_are_told_once_each() {
        let note = |warning: Option<&str>| ModelNote {
            model_asked: Some("opus".to_owned()),
            model_confirmed: true,
            warning: warning.map(str::to_owned),
            ..ModelNote::default()
        };
        let mut models = Models::default();
        models.add("claude", Some("claude-opus-5"), &note(None));
        models.add("claude", Some("claude-haiku-5"), &note(Some("claude-haiku-5 answered")));
        models.add("claude", Some("claude-haiku-5"), &note(Some("claude-haiku-5 answered")));
        models.add("codex", None, &ModelNote::default());
        let mut all = Models::default();
        all.extend(&models);
        all.extend(&models);
        assert_eq!(all, models);
        assert_eq!(all.names["claude"], ["claude-opus-5", "claude-haiku-5"]);
        assert!(all.names["codex"].is_empty());
        assert_eq!(all.warnings(), ["claude: claude-haiku-5 answered"]);
        assert_eq!(all.notes["claude"].model_asked.as_deref(), Some("opus"));
    }

    #[test]
    fn a_family_and_a_date_are_no_other_model() {
        for (asked, served) in [
            ("opus", "claude-opus-5-5"),
            ("Opus", "claude-opus-5-5"),
            ("sonnet[1m]", "claude-sonnet-5"),
            ("pro", "gemini-3.1-pro-preview"),
            ("gemini-flash-latest", "gemini-3.8-flash"),
            ("auto", "gemini-3.8-flash"),
            ("default", "claude-opus-5-5"),
            ("claude-sonnet-5", "claude-sonnet-5-20260929"),
            ("x-5", "x-5-2026-09-01"),
            ("x-5-2026-09-01", "x-5[1m]"),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("us.anthropic.claude-opus-5-20260101-v1:0", "claude-opus-5"),
            ("models/gemini-3.8-flash", "gemini-3.8-flash"),
            ("gpt-5.5", "gpt-5.5"),
            ("auto-gemini-3", "gemini-3.1-pro-preview"),
            ("opusplan", "claude-sonnet-5"),
            ("best", "claude-opus-5-5"),
            ("flash-lite", "gemini-3.5-flash-lite"),
            ("gemini-flash-lite-latest", "gemini-3.5-flash-lite"),
        ] {
            assert!(means(asked, served), "{asked} {served}");
        }
        for (asked, served) in [
            ("gemini-3-pro-preview", "gemini-3.1-pro-preview"),
            ("claude-opus-5", "claude-opus-5-5"),
            ("claude-opus-5-5", "claude-opus-5"),
            ("opus", "claude-haiku-5"),
            ("pro", "gemini-3.8-flash"),
            ("gpt-5", "gpt-5.5"),
            ("x-5", "x-5-2026-09"),
            ("gpt-5.5", "gpt-5.5-mini"),
            ("flash", "gemini-3.5-flash-lite"),
            ("gemini-flash-latest", "gemini-3.5-flash-lite"),
            ("autopilot", "gemini-3.8-flash"),
            ("", "gpt-5.5"),
        ] {
            assert!(!means(asked, served), "{asked} {served}");
        }
    }
}
