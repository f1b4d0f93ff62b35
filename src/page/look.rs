//! A visitor's preferences: language, colours, and single-key shortcuts.

use strum::{EnumString, IntoStaticStr};

use crate::domain::language::{Language, Languages};

/// The colours of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Keys {
    #[default]
    On,
    /// Off, for people who use speech input or type without looking.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) languages: Languages,
    pub(super) theme: Theme,
    pub(super) keys: Keys,
}

impl Look {
    /// The default preferences for a language.
    pub(super) fn of(language: Language) -> Self {
        Self { languages: Languages::One(language), theme: Theme::default(), keys: Keys::default() }
    }

    /// The preferences after a choice. An invalid choice changes nothing.
    pub(super) fn choose(mut self, name: &str, value: &str) -> Self {
        match (name, value) {
            ("lang", code) => self.languages = Languages::named(code).unwrap_or(self.languages),
            ("theme", theme) => self.theme = theme.parse().unwrap_or(self.theme),
            ("keys", keys) => self.keys = keys.parse().unwrap_or(self.keys),
            _ => {}
        }
        self
    }
}
