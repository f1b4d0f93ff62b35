//! The names of the stages.

use crate::domain::stage::Stage;
use crate::domain::text::Text;

/// The display name of a stage.
pub fn stage(stage: Stage) -> Text {
    Text::said(&format!("stage_{}", stage.name()), &[])
}

/// The place of a stage among all, from 1.
pub(super) fn number(stage: Stage) -> usize {
    Stage::ALL.iter().take_while(|one| **one != stage).count() + 1
}
