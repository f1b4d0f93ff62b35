//! The languages of Maestro's texts. Each has one file in `catalogue/`.

use std::sync::OnceLock;

use serde::Deserialize;

use super::catalogue::{CODES, Catalogue};

/// A language, as an index of the catalogues. The default is English, the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Language(usize);

impl Language {
    pub const ENGLISH: Self = Self(0);

    /// All languages, English first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CODES.len()).map(Self)
    }

    /// The language of a code such as `ko`, in any case.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::all().find(|language| language.tag().eq_ignore_ascii_case(code))
    }

    /// The language of a POSIX locale such as `ko_KR.UTF-8`; English if it is unknown.
    pub fn of_locale(locale: &str) -> Self {
        locale.split(['_', '.', '@', '-']).next().and_then(Self::of_code).unwrap_or_default()
    }

    pub fn tag(self) -> &'static str {
        CODES.get(self.0).copied().unwrap_or("en")
    }

    pub fn words(self) -> &'static Catalogue {
        static NONE: OnceLock<Catalogue> = OnceLock::new();
        Catalogue::all().get(self.0).unwrap_or_else(|| NONE.get_or_init(Catalogue::default))
    }

    /// The index among all languages.
    pub fn place(self) -> usize {
        self.0
    }
}

/// The user's setting for the languages of reports. A dialog, a terminal and a prompt use one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Languages {
    /// Every language whose catalogue sets `in_both`.
    #[default]
    Both,
    /// Only this language.
    One(Language),
}

impl Languages {
    /// The possible values of the setting.
    pub fn names() -> Vec<&'static str> {
        std::iter::once("both").chain(Language::all().map(Language::tag)).collect()
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::One(language) => language.tag(),
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        if name == "both" { Some(Self::Both) } else { Language::of_code(name).map(Self::One) }
    }

    /// The languages of a report, in their order.
    pub fn of_reports(self) -> Vec<Language> {
        match self {
            Self::Both => Language::all().filter(|language| language.words().in_both).collect(),
            Self::One(language) => vec![language],
        }
    }

    /// The language where only one is used; `usual` if the setting does not name one.
    pub fn one(self, usual: Language) -> Language {
        match self {
            Self::Both => usual,
            Self::One(language) => language,
        }
    }
}

impl TryFrom<String> for Languages {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| format!("must be {} (got {name})", Self::names().join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn korean() -> Language {
        Language::of_code("ko").unwrap()
    }

    #[test]
    fn a_locale_has_a_language() {
        for locale in ["ko_KR.UTF-8", "ko", "ko-KR", "ko_KR.eucKR@x"] {
            assert_eq!(Language::of_locale(locale), korean(), "{locale}");
        }
        for locale in ["", "C", "C.UTF-8", "POSIX", "en_US.UTF-8", "kok_IN", "xx"] {
            assert_eq!(Language::of_locale(locale), Language::ENGLISH, "{locale}");
        }
    }

    #[test]
    fn a_setting_wins_over_the_locale() {
        let ko = Languages::named("ko").unwrap();
        assert_eq!(Languages::Both.one(korean()), korean());
        assert_eq!(Languages::One(Language::ENGLISH).one(korean()), Language::ENGLISH);
        assert_eq!((ko.one(Language::ENGLISH), ko.of_reports()), (korean(), vec![korean()]));
        assert_eq!(Languages::Both.of_reports(), [Language::ENGLISH, korean()]);
        let error = Languages::try_from("xx".to_owned()).unwrap_err();
        assert!(error.starts_with("must be both, en, ") && error.ends_with(" (got xx)"), "{error}");
    }
}
