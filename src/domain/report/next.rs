//! The next stage after an approval, and what the reviewer is asked to do.

use super::material::{Iteration, Material, Next};
use crate::domain::question::{Counts, Question};
use crate::domain::stage::Stage;
use crate::domain::text::{Text, say};

/// The stage that follows.
pub(super) fn stage(next: Next) -> Option<Stage> {
    match next {
        Next::Stage(stage) => Some(stage),
        Next::DebugAgain(_) => Some(Stage::Debug),
        Next::Escalate | Next::Complete => None,
    }
}

/// An iteration in words. The first of a stage without a limit needs none.
pub(super) fn round(round: Iteration) -> Option<Text> {
    match (round.number, round.of) {
        (number, Some(of)) => Some(say!("round_of", number = number, of = of)),
        (1, None) => None,
        (number, None) => Some(say!("round", number = number)),
    }
}

pub(super) fn preview(next: Next) -> Text {
    match next {
        Next::Stage(Stage::Analyze) => say!("preview_analyze"),
        Next::Stage(Stage::Hypothesize) => say!("preview_hypothesize"),
        Next::Stage(Stage::Implement) => say!("preview_implement"),
        Next::Stage(Stage::Debug) => say!("preview_debug"),
        Next::Stage(Stage::Improve) => say!("preview_improve"),
        Next::DebugAgain(iteration) => say!("preview_again", round = round(iteration).unwrap_or_default()),
        Next::Escalate => say!("preview_escalate"),
        Next::Complete => say!("preview_complete"),
    }
}

/// Returns what the reviewer is asked to do.
pub(super) fn action(material: &Material<'_>, questions: &[Question], risks: usize) -> Text {
    let critical = Counts::of(questions).critical;
    let weigh = match risks {
        0 => say!("action_read"),
        _ => say!("action_weigh", n = risks),
    };
    let decide = match material.next {
        Next::Stage(_) | Next::DebugAgain(_) => say!("action_decide"),
        Next::Escalate => say!("action_take_over"),
        Next::Complete => say!("action_complete"),
    };
    say!("action", weigh = weigh, n = critical, decide = decide)
}
