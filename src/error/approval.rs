//! Decisions that do not count.

use thiserror::Error;

use crate::domain::decision::Contradiction;
use crate::host::human::NoPerson;

#[derive(Clone, Debug, Error)]
pub enum ApprovalProblem {
    /// A human must decide, and the model's word is not one's.
    #[error("a human must decide request {0}, and this client cannot ask one")]
    HumanWanted(String),
    /// Nobody is known to sit at the terminal.
    #[error("only a person can decide: {0}")]
    NoPerson(NoPerson),
    /// The server is none that a person's client registered.
    #[error(
        "{0} stands above this server and feeds it by a command, so it is no server of a person's client: it decides, hands in and changes nothing"
    )]
    SecondServer(String),
    /// The human is being asked elsewhere.
    #[error("request {0} is open in a dialog before the human, and a relayed word does not close one")]
    DialogOpen(String),
    /// The human did not decide.
    #[error("request {request} was not decided: {why}")]
    Undecided {
        /// The request.
        request: String,
        why: &'static str,
    },
    /// An argument of the model's is to skip stages.
    #[error("a run begins at analyze, and not at {stage}")]
    LateStart { stage: &'static str, setting: String },
    /// The answers do not go with the decision.
    #[error("request {request} was not decided: {}", lines(what))]
    Contradiction {
        /// The request.
        request: String,
        what: Vec<Contradiction>,
    },
    #[error("request {0} was made for another report than the one that was reviewed")]
    OtherReport(String),
}

fn lines(what: &[Contradiction]) -> String {
    what.iter().map(Contradiction::line).collect::<Vec<_>>().join("; ")
}

impl ApprovalProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HumanWanted(_) | Self::NoPerson(_) => "human_wanted",
            Self::SecondServer(_) => "second_server",
            Self::DialogOpen(_) => "dialog_open",
            Self::Undecided { .. } => "undecided",
            Self::OtherReport(_) => "other_report",
            Self::LateStart { .. } => "late_start",
            Self::Contradiction { .. } => "answers_contradict",
        }
    }

    pub fn hint(&self) -> String {
        match self {
            Self::HumanWanted(request) | Self::OtherReport(request) => format!(
                "Ask the human to run `maestro-mcp approvals show {request}` in a terminal, and then approve, revise or reject it there."
            ),
            Self::Contradiction { what, .. } if what.iter().any(Contradiction::is_final) => {
                "Ask the human what should be different, and give it as revision_instructions.".to_owned()
            }
            Self::Contradiction { .. } => {
                "Ask the human which of the two holds: correct the answers or the decision, or submit the same with is_meant: true if they say so again.".to_owned()
            }
            Self::LateStart { setting, .. } => {
                format!("Begin without start_stage; it counts once {setting}.")
            }
            Self::SecondServer(_) => {
                "Use the tools of the server that the client registered, or ask the human to decide in a terminal of their own: `maestro-mcp approvals`.".to_owned()
            }
            Self::DialogOpen(request) => format!(
                "The human answers there. If the dialog is gone, ask them to run `maestro-mcp approvals show {request}` in a terminal and decide there."
            ),
            Self::NoPerson(_) => "Ask the human to run this command in a terminal of their own.".to_owned(),
            Self::Undecided { request, .. } => format!(
                "The request stays open: ask again with maestro_submit_approval, or `maestro-mcp approvals show {request}` in a terminal."
            ),
        }
    }
}
