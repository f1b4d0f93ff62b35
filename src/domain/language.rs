//! The languages in which people read what Maestro writes.

use serde::Deserialize;

/// One language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// The language of a POSIX locale such as `ko_KR.UTF-8`.
    pub fn of_locale(locale: &str) -> Self {
        match locale.split(['_', '.', '@', '-']).next() {
            Some("ko") => Self::Korean,
            Some(_) | None => Self::English,
        }
    }

    /// One of two texts.
    pub fn pick<T>(self, english: T, korean: T) -> T {
        match self {
            Self::English => english,
            Self::Korean => korean,
        }
    }
}

/// The user's setting: the languages of reports. A dialog, a terminal and a prompt use one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Languages {
    /// Reports in both.
    #[default]
    Both,
    /// English alone.
    En,
    /// Korean alone.
    Ko,
}

impl Languages {
    /// The names of the settings.
    pub const NAMES: [&'static str; 3] = ["both", "en", "ko"];

    /// The languages of a report, in order.
    pub fn of_reports(self) -> &'static [Language] {
        match self {
            Self::Both => &[Language::English, Language::Korean],
            Self::En => &[Language::English],
            Self::Ko => &[Language::Korean],
        }
    }

    /// The language where one is used; `usual` where the setting does not choose.
    pub fn one(self, usual: Language) -> Language {
        match self {
            Self::Both => usual,
            Self::En => Language::English,
            Self::Ko => Language::Korean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_has_a_language() {
        for locale in ["ko_KR.UTF-8", "ko", "ko-KR", "ko_KR.eucKR@x"] {
            assert_eq!(Language::of_locale(locale), Language::Korean, "{locale}");
        }
        for locale in ["", "C", "C.UTF-8", "POSIX", "en_US.UTF-8", "kok_IN", "de"] {
            assert_eq!(Language::of_locale(locale), Language::English, "{locale}");
        }
    }

    #[test]
    fn a_setting_wins_over_the_locale() {
        assert_eq!(Languages::Both.one(Language::Korean), Language::Korean);
        assert_eq!(Languages::En.one(Language::Korean), Language::English);
        assert_eq!(Languages::Ko.one(Language::English), Language::Korean);
    }
}
