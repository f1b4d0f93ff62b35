//! The person at the terminal: checks that there is one, and reads what they type.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use thiserror::Error;

use super::ancestry::Ancestry;
use super::environment::{DEPTH_VARIABLE, Environment};
use crate::domain::packed::list;

/// Variables that mark a shell used by a program instead of a person. Only variables that the programs set
/// themselves count: `CODEX_HOME` and the like are a person's own settings.
fn not_a_person() -> impl Iterator<Item = &'static str> {
    std::iter::once(DEPTH_VARIABLE).chain(list("not_a_person").iter().copied())
}

/// Maximum length of a line in bytes.
const MOST_BYTES: u64 = 4_096;

/// The reason why no person can be asked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoPerson {
    /// A variable marks this shell as a program's.
    #[error("{0} is set, so this is a program's shell; use a terminal of your own")]
    Program(&'static str),
    /// A parent process is a Maestro.
    #[error(
        "a check, a consultant or a server of Maestro's started this command; use a terminal of your own"
    )]
    BelowMaestro,
    /// A parent process is an agent.
    #[error("{0} is a parent of this command, so a program may be typing; use a terminal of your own")]
    BelowAgent(&'static str),
    /// Input or output is not a terminal.
    #[error("standard input and output must be a terminal (with `--json`: input and standard error)")]
    NoTerminal,
}

/// Outcome of asking for a confirming word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The word itself.
    TheWord,
    /// Anything else, or nothing.
    SomethingElse,
}

pub trait Terminal {
    /// True if input and output are this terminal.
    fn is_interactive(&self) -> bool;

    /// Shows a text.
    ///
    /// # Errors
    ///
    /// The text cannot be written.
    fn say(&mut self, text: &str) -> io::Result<()>;

    /// Reads a line of bounded length. The line is empty at the end of the input.
    ///
    /// # Errors
    ///
    /// The line cannot be read, or is not text.
    fn line(&mut self) -> io::Result<String>;
}

/// Standard input, and the stream for messages to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    Output,
    /// Standard error, because standard output is for a document.
    Errors,
}

impl Terminal for Standard {
    fn is_interactive(&self) -> bool {
        let is_shown = match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Errors => io::stderr().is_terminal(),
        };
        is_shown && io::stdin().is_terminal()
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        let mut out: Box<dyn io::Write> = match self {
            Self::Output => Box::new(io::stdout().lock()),
            Self::Errors => Box::new(io::stderr().lock()),
        };
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
        Ok(line)
    }
}

/// Checks that a person uses this terminal, as far as the environment and the parent processes show.
///
/// # Errors
///
/// No person uses this terminal, or a program may be typing.
pub fn check_person(
    environment: &Environment,
    parents: &Ancestry,
    terminal: &impl Terminal,
) -> Result<(), NoPerson> {
    if let Some(name) = not_a_person().find(|name| environment.get(name).is_some()) {
        return Err(NoPerson::Program(name));
    }
    if parents.is_below_maestro() {
        return Err(NoPerson::BelowMaestro);
    }
    if !terminal.is_interactive() {
        return Err(NoPerson::NoTerminal);
    }
    match parents.agent() {
        Some(agent) => Err(NoPerson::BelowAgent(agent)),
        None => Ok(()),
    }
}

/// Asks for a word that confirms a decision. Case matters; surrounding blanks do not.
///
/// # Errors
///
/// The terminal cannot be written or read.
pub fn confirm(terminal: &mut impl Terminal, purpose: &str, word: &str) -> io::Result<Typed> {
    terminal.say(&format!("Type `{word}` {purpose}: "))?;
    let typed = terminal.line()?;
    Ok(if typed.trim() == word { Typed::TheWord } else { Typed::SomethingElse })
}

/// Replaces characters that move a terminal's cursor or change the direction of letters, because they could
/// make a text look like another. Line ends and tabs stay.
pub fn harmless(text: &str) -> String {
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace("\r\n", "\n")
        .chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            _ if letter.is_control() || turns(letter) => '\u{fffd}',
            _ => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A terminal in memory.
    struct Scripted {
        interactive: bool,
        typed: &'static str,
        said: String,
    }

    impl Terminal for Scripted {
        fn is_interactive(&self) -> bool {
            self.interactive
        }

        fn say(&mut self, text: &str) -> io::Result<()> {
            self.said.push_str(text);
            Ok(())
        }

        fn line(&mut self) -> io::Result<String> {
            Ok(self.typed.to_owned())
        }
    }

    fn terminal(interactive: bool, typed: &'static str) -> Scripted {
        Scripted { interactive, typed, said: String::new() }
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| (*name, *value)).collect()
    }

    #[test]
    fn a_program_s_shell_is_nobody_s_terminal() {
        let own = environment(&[("CODEX_HOME", "/c"), ("GEMINI_CLI_HOME", "/g"), ("CLAUDECODE", "")]);
        assert_eq!(check_person(&own, &Ancestry::default(), &terminal(true, "")), Ok(()));
        for name in not_a_person() {
            let found = check_person(&environment(&[(name, "1")]), &Ancestry::default(), &terminal(true, ""));
            assert_eq!(found, Err(NoPerson::Program(name)));
        }
        assert_eq!(check_person(&own, &Ancestry::default(), &terminal(false, "")), Err(NoPerson::NoTerminal));
    }

    #[test]
    fn only_the_very_word_confirms() {
        for (typed, expected) in [
            ("approve\n", Typed::TheWord),
            ("  approve \r\n", Typed::TheWord),
            ("Approve\n", Typed::SomethingElse),
            ("approve it\n", Typed::SomethingElse),
            ("y\n", Typed::SomethingElse),
            ("\n", Typed::SomethingElse),
            ("", Typed::SomethingElse),
        ] {
            let mut terminal = terminal(true, typed);
            assert_eq!(confirm(&mut terminal, "to go on", "approve").unwrap(), expected, "{typed:?}");
            assert_eq!(terminal.said, "Type `approve` to go on: ");
        }
    }

    #[test]
    fn a_text_cannot_move_the_cursor_or_turn_its_letters() {
        assert_eq!(
            harmless("a\x1b[2Kb\r\nc\rd\t\u{202e}e\u{7}"),
            "a\u{fffd}[2Kb\nc\u{fffd}d\t\u{fffd}e\u{fffd}"
        );
    }

    proptest! {
        #[test]
        fn ordinary_text_stays_what_it_is(text in "[a-zA-Z0-9 가-힣\n\t.,!-]{0,80}") {
            prop_assert_eq!(harmless(&text), text);
        }
    }
}
