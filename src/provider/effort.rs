//! Turns a wish for effort into a level that a CLI accepts, given its version and model.

use super::Adapter;
use super::installed::Version;
use crate::domain::call_options::Effort;

/// Default effort. It is higher than the CLIs' own defaults (low and medium), because a second opinion is
/// worth it.
pub const USUAL: Effort = Effort::High;

/// The first version of Claude with `--effort`.
const CLAUDE_TAKES: Version = Version::new(2, 1, 72);

/// The first version of Claude with `--effort xhigh`. Older ones refuse the word.
const CLAUDE_TAKES_XHIGH: Version = Version::new(2, 1, 111);

/// A wish for effort, by its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The call, the environment or our configuration names it.
    Named(Effort),
    /// The user's own configuration of the CLI names it, in the CLI's words.
    Own(String),
    /// No source names one, so the default applies.
    Usual,
}

impl Wish {
    pub fn word(&self) -> &str {
        match self {
            Self::Named(effort) => effort.name(),
            Self::Own(word) => word,
            Self::Usual => USUAL.name(),
        }
    }

    fn effort(&self) -> Option<Effort> {
        match self {
            Self::Named(effort) => Some(*effort),
            Self::Own(word) => word.parse().ok(),
            Self::Usual => Some(USUAL),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedEffort {
    /// The word that is passed to the CLI; None if none is.
    pub effort: Option<String>,
    /// The reason why it differs from the wish.
    pub note: Option<String>,
}

impl PassedEffort {
    fn word(word: impl Into<String>) -> Self {
        Self { effort: Some(word.into()), note: None }
    }

    fn less(wished: Effort, told: Effort, why: &str) -> Self {
        let note = format!("effort {} instead of {}: {why}", told.name(), wished.name());
        Self { effort: Some(told.name().to_owned()), note: Some(note) }
    }

    fn nothing(why: String) -> Self {
        Self { effort: None, note: Some(why) }
    }
}

/// True if the CLI's list of models is needed to decide on a wish.
pub fn needs_levels(adapter: &Adapter, wish: &Wish) -> bool {
    matches!(adapter, Adapter::Codex) && matches!(wish, Wish::Named(effort) if *effort > Effort::High)
}

/// Facts about the CLI.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The requested model.
    pub model: Option<&'a str>,
    /// The CLI's version.
    pub version: Option<Version>,
    /// The levels that the model accepts.
    pub levels: Option<&'a [String]>,
    /// Leading arguments of its command.
    pub leading: &'a [String],
}

pub fn told(adapter: &Adapter, wish: &Wish, known: Known<'_>) -> PassedEffort {
    match adapter {
        Adapter::Codex => codex(wish, known.levels),
        Adapter::Claude => claude(wish, known.version),
        Adapter::Gemini => gemini(wish, known.model),
        Adapter::Template(settings)
            if known.leading.iter().chain(&settings.args).any(|argument| argument.contains("{effort}")) =>
        {
            wish.effort().map_or_else(PassedEffort::default, |effort| PassedEffort::word(effort.name()))
        }
        Adapter::Template(_) => unheard(wish, "its command has no place for {effort}"),
        Adapter::Understudy => unheard(wish, "it has rules and no model"),
    }
}

/// The outcome for a wish that cannot be passed on. Only a named wish gets a note.
fn unheard(wish: &Wish, why: &str) -> PassedEffort {
    match wish {
        Wish::Named(effort) => PassedEffort::nothing(format!("effort {} was not used: {why}", effort.name())),
        Wish::Own(_) | Wish::Usual => PassedEffort::default(),
    }
}

fn codex(wish: &Wish, levels: Option<&[String]>) -> PassedEffort {
    let effort = match wish {
        // The user's own setting for this CLI is passed on unchanged.
        Wish::Own(word) => return PassedEffort::word(word.clone()),
        Wish::Named(effort) => *effort,
        Wish::Usual => USUAL,
    };
    let Some(levels) = levels else {
        // Every model has the levels up to high. The service refuses a higher one that the model lacks.
        return if effort <= Effort::High {
            PassedEffort::word(effort.name())
        } else {
            PassedEffort::less(effort, Effort::High, "codex does not report whether its model accepts more")
        };
    };
    let takes = |effort: &Effort| levels.iter().any(|level| level == effort.name());
    match Effort::ALL.iter().copied().rev().filter(|other| *other <= effort).find(takes) {
        Some(found) if found == effort => PassedEffort::word(effort.name()),
        Some(found) => PassedEffort::less(effort, found, "the model has no higher effort"),
        None => PassedEffort::nothing(format!(
            "effort {} was not used: the model does not take it",
            effort.name()
        )),
    }
}

fn claude(wish: &Wish, version: Option<Version>) -> PassedEffort {
    // The CLI itself also ignores unknown words in its settings.
    let effort = wish.effort().unwrap_or(USUAL);
    match version {
        Some(version) if version < CLAUDE_TAKES => PassedEffort::nothing(format!(
            "effort {} was not used: claude {version} does not take it (from {CLAUDE_TAKES} on); update claude",
            effort.name()
        )),
        Some(version) if version < CLAUDE_TAKES_XHIGH && effort == Effort::Xhigh => PassedEffort::less(
            effort,
            Effort::High,
            &format!("claude {version} does not take it (from {CLAUDE_TAKES_XHIGH} on)"),
        ),
        Some(_) | None => PassedEffort::word(effort.name()),
    }
}

/// Gemini has three levels; its models before 3 have none. Gemini often chooses the model itself, so
/// [`gemini_has_levels`] is asked again about the model that answered.
fn gemini(wish: &Wish, model: Option<&str>) -> PassedEffort {
    if model.is_some_and(|model| !gemini_has_levels(model)) {
        return unheard(wish, "gemini can tell it to models from gemini-3 on");
    }
    match wish.effort().unwrap_or(USUAL) {
        effort @ (Effort::Low | Effort::Medium | Effort::High) => PassedEffort::word(effort.name()),
        effort @ (Effort::Xhigh | Effort::Max) => {
            PassedEffort::less(effort, Effort::High, "gemini has no higher effort")
        }
    }
}

/// True if a Gemini model has levels of thinking: a family without a generation (`pro`, `auto`), or a
/// generation from 3 on.
pub fn gemini_has_levels(model: &str) -> bool {
    let generation = model.split_once("gemini-").and_then(|(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    generation.is_none_or(|generation| generation >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::config::TemplateSettings;

    fn words(told: &PassedEffort) -> (Option<&str>, bool) {
        (told.effort.as_deref(), told.note.is_some())
    }

    #[test]
    fn codex_gets_what_its_model_takes() {
        let levels: Vec<String> = ["low", "medium", "high", "xhigh"].map(str::to_owned).into();
        let of = |wish: &Wish, levels: Option<&[String]>| {
            told(&Adapter::Codex, wish, Known { levels, ..Known::default() })
        };
        assert_eq!(words(&of(&Wish::Usual, None)), (Some("high"), false));
        assert_eq!(words(&of(&Wish::Named(Effort::Low), None)), (Some("low"), false));
        assert_eq!(words(&of(&Wish::Named(Effort::Max), None)), (Some("high"), true));
        assert_eq!(words(&of(&Wish::Named(Effort::Xhigh), Some(&levels))), (Some("xhigh"), false));
        assert_eq!(words(&of(&Wish::Named(Effort::Max), Some(&levels))), (Some("xhigh"), true));
        assert_eq!(words(&of(&Wish::Own("ultra".into()), Some(&levels))), (Some("ultra"), false));
        assert!(needs_levels(&Adapter::Codex, &Wish::Named(Effort::Max)));
        assert!(
            !needs_levels(&Adapter::Codex, &Wish::Usual)
                && !needs_levels(&Adapter::Claude, &Wish::Named(Effort::Max))
        );
    }

    #[test]
    fn claude_gets_what_its_version_takes() {
        let of = |effort, version| {
            told(&Adapter::Claude, &Wish::Named(effort), Known { version, ..Known::default() })
        };
        let version = |text| Version::find(text);
        assert_eq!(words(&of(Effort::Max, version("2.1.329"))), (Some("max"), false));
        assert_eq!(words(&of(Effort::Max, version("2.1.72"))), (Some("max"), false));
        assert_eq!(words(&of(Effort::Xhigh, version("2.1.110"))), (Some("high"), true));
        assert_eq!(words(&of(Effort::Xhigh, version("2.1.111"))), (Some("xhigh"), false));
        assert_eq!(words(&of(Effort::Low, version("2.0.64"))), (None, true));
        assert_eq!(words(&of(Effort::Low, None)), (Some("low"), false));
        let own = told(&Adapter::Claude, &Wish::Own("nonsense".into()), Known::default());
        assert_eq!(words(&own), (Some("high"), false));
        assert!(
            told(&Adapter::Claude, &Wish::Usual, Known { version: version("2.0.64"), ..Known::default() })
                .note
                .is_some()
        );
    }

    #[test]
    fn gemini_has_three_levels_from_its_third_generation_on() {
        let of =
            |effort, model| told(&Adapter::Gemini, &Wish::Named(effort), Known { model, ..Known::default() });
        assert_eq!(words(&of(Effort::Low, None)), (Some("low"), false));
        assert_eq!(words(&of(Effort::Max, Some("pro"))), (Some("high"), true));
        assert_eq!(words(&of(Effort::Medium, Some("gemini-3.1-pro-preview"))), (Some("medium"), false));
        assert_eq!(words(&of(Effort::Low, Some("gemini-2.5-flash"))), (None, true));
        let usual = told(
            &Adapter::Gemini,
            &Wish::Usual,
            Known { model: Some("models/gemini-2.5-pro"), ..Known::default() },
        );
        assert_eq!(words(&usual), (None, false));
    }

    #[test]
    fn a_template_is_told_where_it_has_a_place_for_it() {
        let with = |args: &[&str]| {
            let args = args.iter().map(|arg| (*arg).to_owned()).collect();
            Adapter::Template(Box::new(TemplateSettings { args, ..TemplateSettings::default() }))
        };
        let of = |adapter: &Adapter, wish: &Wish| words(&told(adapter, wish, Known::default())).0.is_some();
        assert!(of(&with(&["--effort={effort}"]), &Wish::Usual));
        assert!(!of(&with(&[]), &Wish::Usual));
        assert!(told(&with(&[]), &Wish::Named(Effort::Low), Known::default()).note.is_some());
        assert!(told(&with(&[]), &Wish::Usual, Known::default()).note.is_none());
    }
}
