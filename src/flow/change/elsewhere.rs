//! A patch applied to a copy of the project.

use std::path::Path;

use super::plan;
use super::plan::Detail;
use crate::domain::change::{Reason, Refusal};
use crate::domain::diff::Patch;
use crate::host::change::{Obstacle, Store, Tree, carry_out};
use crate::host::project::Project;

/// Applies a patch to a copy, whole or not at all, by the rules of the project itself. What a backup
/// needs goes to `store`, not into the copy. Blocks.
///
/// # Errors
///
/// Why it does not apply.
pub(in crate::flow) fn apply_to_copy(
    copy: &Project,
    store: &Path,
    patch: &Patch,
) -> Result<Vec<Detail>, Refusal> {
    let failed = |obstacle: Obstacle| Refusal::new(Reason::WriteFailed, obstacle);
    let base = copy.base(None).map_err(|refusal| Refusal::new(Reason::PathRefused, refusal))?;
    let tree = Tree::open(&base.root).map_err(|error| failed(error.into()))?;
    let planned = plan::plan(copy, &base, &tree, patch);
    let details = planned.details.clone();
    let plan = planned.plan()?;
    let store = Store::open(store).map_err(failed)?;
    carry_out(&store, &tree, &plan, &|| false).map_err(|stopped| {
        Refusal::new(Reason::WriteFailed, format!("{}: {}", stopped.path, stopped.obstacle))
    })?;
    Ok(details)
}
