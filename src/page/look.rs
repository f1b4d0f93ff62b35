//! Way in which a visitor reads: in which language, in which colours, and whether single keys act.

use strum::{EnumString, IntoStaticStr};

use crate::domain::language::{Language, Languages};

/// The colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Theme {
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Keys {
    /// They do.
    #[default]
    On,
    /// They do not: for people who use speech input, or type blindly.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) languages: Languages,
    pub(super) theme: Theme,
    pub(super) keys: Keys,
}

impl Look {
    /// Returns how somebody reads who is spoken to in this language.
    pub(super) fn of(language: Language) -> Self {
        Self { languages: Languages::One(language), theme: Theme::default(), keys: Keys::default() }
    }

    /// The same after a choice; what is no choice changes nothing.
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
