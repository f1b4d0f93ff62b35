//! Way in which a visitor reads: in which language, in which colours, and whether single keys act.

use strum::IntoStaticStr;

use crate::domain::language::Language;

/// The languages of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Tongue {
    /// English.
    #[default]
    #[strum(serialize = "en")]
    English,
    /// Korean.
    #[strum(serialize = "ko")]
    Korean,
    /// Both, one below the other.
    Both,
}

/// The colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Theme {
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Keys {
    /// They do.
    #[default]
    On,
    /// They do not: for whoever speaks to a computer, or types blindly.
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) tongue: Tongue,
    pub(super) theme: Theme,
    pub(super) keys: Keys,
}

impl Tongue {
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

impl Theme {
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

impl Keys {
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

impl Look {
    /// Returns how somebody reads who is spoken to in this language.
    pub(super) fn of(language: Language) -> Self {
        Self { tongue: language.pick(Tongue::English, Tongue::Korean), ..Self::default() }
    }

    /// The same after a choice; what is no choice changes nothing.
    pub(super) fn choose(mut self, name: &str, value: &str) -> Self {
        match (name, value) {
            ("lang", "en") => self.tongue = Tongue::English,
            ("lang", "ko") => self.tongue = Tongue::Korean,
            ("lang", "both") => self.tongue = Tongue::Both,
            ("theme", "auto") => self.theme = Theme::Auto,
            ("theme", "light") => self.theme = Theme::Light,
            ("theme", "dark") => self.theme = Theme::Dark,
            ("keys", "on") => self.keys = Keys::On,
            ("keys", "off") => self.keys = Keys::Off,
            _ => {}
        }
        self
    }
}
