//! Finds words and phrases in free text: whole ones only, so that `prefix` is no `fix`.

/// Texts made ready to be searched.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    texts: Vec<String>,
}

impl Wording {
    /// Makes texts ready. Case is ignored; a phrase never spans two texts, or two sentences of one.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { texts: texts.into_iter().map(normal).collect() }
    }

    /// True if a word or phrase occurs. It is given in lower case.
    pub fn has(&self, phrase: &str) -> bool {
        let phrase = format!(" {phrase} ");
        self.texts.iter().any(|text| text.contains(&phrase))
    }

    /// Returns which of some words and phrases occur, in their order; each once.
    pub fn which(&self, phrases: &[&'static str]) -> Vec<&'static str> {
        phrases.iter().copied().filter(|phrase| self.has(phrase)).collect()
    }

    /// True if any of some words and phrases occurs.
    pub fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.has(phrase))
    }
}

/// The mark where a sentence or a clause is cut.
const CUT: char = '|';

/// Words in lower case with one space on either side. Blanks and hyphens separate the words of a
/// phrase; any other sign cuts.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    let mut in_word = false;
    let mut cut = false;
    for letter in text.chars() {
        if letter.is_alphanumeric() || letter == '_' {
            if !in_word && cut {
                out.push(CUT);
                out.push(' ');
            }
            (in_word, cut) = (true, false);
            out.extend(letter.to_lowercase());
        } else {
            if in_word {
                out.push(' ');
            }
            in_word = false;
            cut |= !letter.is_whitespace() && letter != '-';
        }
    }
    if in_word {
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_whole_words_count() {
        let text = Wording::of(["rename the prefix of the installed capital; add an address"]);
        for part in ["fix", "all", "api", "dress", "install"] {
            assert!(!text.has(part), "{part}");
        }
        assert!(text.has("add") && text.has("prefix"));
    }

    #[test]
    fn phrases_are_words_in_a_row() {
        assert!(Wording::of(["It DEPENDS\n on this"]).has("depends on"));
        assert!(Wording::of(["go step-by-step."]).has("step by step"));
        assert!(!Wording::of(["it depends. On Monday"]).has("depends on"));
        assert!(!Wording::of(["it depends", "on"]).has("depends on"));
        assert!(!Wording::of(["it depends often on"]).has("depends on"));
    }

    #[test]
    fn signs_do_not_hide_a_word() {
        let text = Wording::of(["(error) file.rs, \"git\"; api_key"]);
        assert!(text.has("error") && text.has("file") && text.has("git"));
        assert!(!text.has("api"));
        assert!(!Wording::of([""]).has("error"));
    }

    proptest! {
        #[test]
        fn a_word_is_found_wherever_it_stands(before in "[a-z ,.]{0,20}", after in "[ ,.!?][a-z ,.]{0,20}") {
            let text = format!("{before} Gizmo{after}");
            prop_assert!(Wording::of([text.as_str()]).has("gizmo"));
        }

        #[test]
        fn a_word_inside_another_is_not_found(before in "[a-z_0-9]{1,5}", after in "[a-z_0-9]{0,5}") {
            let text = format!("{before}gizmo{after}");
            prop_assert!(!Wording::of([text.as_str()]).has("gizmo"));
        }
    }
}
