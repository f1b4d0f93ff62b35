//! The ways in which a CLI may behave, and the outcomes that Maestro may give.

use std::path::Path;

use serde_json::{Value, json};

/// The behaviour of a CLI, whatever the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Answers,
    AnswersLate,
    FallsSilent,
    Crashes,
    Floods,
    IgnoresTerm,
    LeavesGrandchildren,
    AnswersInvalidUtf8,
}

pub(crate) const FAULTS: [Fault; 8] = [
    Fault::Answers,
    Fault::AnswersLate,
    Fault::FallsSilent,
    Fault::Crashes,
    Fault::Floods,
    Fault::IgnoresTerm,
    Fault::LeavesGrandchildren,
    Fault::AnswersInvalidUtf8,
];

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::AnswersLate => "late",
            Self::FallsSilent => "silent",
            Self::Crashes => "crashes",
            Self::Floods => "floods",
            Self::IgnoresTerm => "stubborn",
            Self::LeavesGrandchildren => "parent",
            Self::AnswersInvalidUtf8 => "garbled",
        }
    }

    /// The fault in the name of a provider.
    pub(crate) fn of(provider: &str) -> Self {
        let known = |fault: &&Self| provider.starts_with(fault.name());
        *FAULTS.iter().find(known).unwrap_or_else(|| panic!("{provider} is no CLI of this test"))
    }

    fn script(self, number: usize) -> Value {
        match self {
            Self::Answers => json!({}),
            Self::AnswersLate => json!({ "sleep": 0.6 }),
            Self::FallsSilent => json!({ "first": "I begin", "sleep": 60 }),
            Self::Crashes => json!({ "exit": 3, "bytes": [], "stderr": "it crashed" }),
            Self::Floods => json!({ "flood": 80_000_000 }),
            Self::IgnoresTerm => json!({ "ignore_term": true }),
            Self::LeavesGrandchildren if number.is_multiple_of(2) => json!({ "child": "group" }),
            Self::LeavesGrandchildren => json!({ "child": "escaped" }),
            Self::AnswersInvalidUtf8 => json!({ "bytes": [104, 105, 255, 254, 0, 192, 10] }),
        }
    }

    /// True if its answer is the text that the question asks for.
    pub(crate) fn says_what_it_is_told(self) -> bool {
        match self {
            Self::Answers | Self::AnswersLate | Self::LeavesGrandchildren => true,
            Self::FallsSilent
            | Self::Crashes
            | Self::Floods
            | Self::IgnoresTerm
            | Self::AnswersInvalidUtf8 => false,
        }
    }

    /// The codes with which a consult of such a CLI may end. `None` means an answer.
    pub(crate) fn ends_with(self) -> &'static [Option<&'static str>] {
        match self {
            Self::Answers | Self::AnswersLate | Self::LeavesGrandchildren | Self::AnswersInvalidUtf8 => {
                &[None]
            }
            Self::FallsSilent => &[Some("stalled")],
            Self::Crashes => &[Some("cli_failed")],
            Self::Floods => &[Some("output_too_large")],
            Self::IgnoresTerm => &[Some("timeout")],
        }
    }
}

/// A configuration with `count` CLIs, and their names.
pub(crate) fn clis(count: usize, program: &Path) -> (String, Vec<String>) {
    let mut text = "providers:\n".to_owned();
    let mut names = Vec::new();
    for number in 0..count {
        let fault = FAULTS[number % FAULTS.len()];
        let name = format!("{}{}", fault.name(), number / FAULTS.len());
        // Where an answer is expected, the timeout is long enough for a busy machine.
        let timeout = if fault == Fault::IgnoresTerm { 1 } else { 25 };
        let command = format!("{} --as text --script '{}'", program.display(), fault.script(number / 8));
        let entry = json!({ "command": command, "timeout_sec": timeout, "stall_timeout_sec": 1 });
        text.push_str(&format!("  {name}: {entry}\n"));
        names.push(name);
    }
    (text, names)
}
