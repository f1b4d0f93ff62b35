//! What is said in two languages, and how figures are written in both.

pub(super) use crate::domain::language::Language;
use crate::domain::words::grouped;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// In English.
    pub(super) en: String,
    /// In Korean.
    pub(super) ko: String,
}

impl Text {
    pub(super) fn new(en: impl Into<String>, ko: impl Into<String>) -> Self {
        Self { en: en.into(), ko: ko.into() }
    }

    /// Returns what a model wrote: it is quoted, never translated.
    pub(super) fn quoted(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { en: text.clone(), ko: text }
    }

    pub(super) fn join(parts: &[Self], separator: &str) -> Self {
        let of = |part: fn(&Self) -> &str| parts.iter().map(part).collect::<Vec<_>>().join(separator);
        Self { en: of(|part| &part.en), ko: of(|part| &part.ko) }
    }
}

/// Fixed words in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) en: &'static str,
    pub(super) ko: &'static str,
}

impl Words {
    pub(super) const fn new(en: &'static str, ko: &'static str) -> Self {
        Self { en, ko }
    }

    pub(super) fn of(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Korean => self.ko,
        }
    }
}

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noun {
    /// Its key in results.
    pub(super) key: &'static str,
    one: &'static str,
    many: &'static str,
    ko: &'static str,
    /// The Korean word with which it is counted.
    counter: &'static str,
}

impl Noun {
    pub(super) const fn new(
        key: &'static str,
        [one, many]: [&'static str; 2],
        [ko, counter]: [&'static str; 2],
    ) -> Self {
        Self { key, one, many, ko, counter }
    }

    /// The number with its noun: `1 hypothesis`, `가설 1개`.
    pub(super) fn count(&self, number: usize) -> Text {
        Text::new(
            format!("{number} {}", if number == 1 { self.one } else { self.many }),
            format!("{} {number}{}", self.ko, self.counter),
        )
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A duration in the unit that suits it.
pub(super) fn duration(milliseconds: u64) -> Text {
    let seconds = milliseconds / 1_000;
    match seconds {
        0 => Text::new(format!("{milliseconds} ms"), format!("{milliseconds}밀리초")),
        1..60 => {
            let tenth = milliseconds % 1_000 / 100;
            Text::new(format!("{seconds}.{tenth} s"), format!("{seconds}.{tenth}초"))
        }
        60.. => {
            let (minutes, rest) = (grouped(seconds / 60), seconds % 60);
            Text::new(format!("{minutes} min {rest} s"), format!("{minutes}분 {rest}초"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_do() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(duration(850).en, "850 ms");
        assert_eq!(duration(12_340).ko, "12.3초");
        assert_eq!(duration(125_000).en, "2 min 5 s");
    }

    #[test]
    fn a_number_decides_the_noun() {
        const HYPOTHESIS: Noun = Noun::new("hypotheses", ["hypothesis", "hypotheses"], ["가설", "개"]);
        assert_eq!(HYPOTHESIS.count(1), Text::new("1 hypothesis", "가설 1개"));
        assert_eq!(HYPOTHESIS.count(0).en, "0 hypotheses");
    }

    #[test]
    fn lists_read_as_sentences() {
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&words), "a, b and c");
        assert_eq!(listed(&words[..2]), "a and b");
        assert_eq!(listed(&words[..1]), "a");
    }
}
