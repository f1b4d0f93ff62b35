//! The wall around the files, made with Landlock. Landlock can only take rights away.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::namespace::cover;
use super::report::FileStanding;
use super::{FileRules, ProjectRules};

/// The newest ABI whose rights are restricted. An older kernel ignores rights that it does not know.
const NEWEST: ABI = ABI::V6;

/// Restricts this process, and all that it starts from now on, to `rules`.
pub(super) fn restrict(rules: &FileRules) -> FileStanding {
    match try_to_restrict(rules) {
        Ok(standing) => standing,
        Err(error) => FileStanding::Missing { reason: format!("Landlock failed: {error}") },
    }
}

fn try_to_restrict(rules: &FileRules) -> Result<FileStanding, RulesetError> {
    let opened = rules.project.as_ref().map(open);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    let listed = rules.list.iter().chain(opened.iter().flat_map(|opened| &opened.list));
    // A file cannot be listed. The rule for it would have no rights, and would be refused.
    for path in listed.filter(|path| path.is_dir()) {
        ruleset = grant(ruleset, path, AccessFs::ReadDir.into())?;
    }
    for path in rules.read.iter().chain(opened.iter().flat_map(|opened| &opened.read)) {
        ruleset = grant(ruleset, path, AccessFs::from_read(NEWEST))?;
    }
    for path in rules.write.iter().chain(opened.iter().flat_map(|opened| &opened.write)) {
        // No program needs to create device files.
        let access = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
        ruleset = grant(ruleset, path, access)?;
    }
    let status = ruleset.restrict_self()?;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
        LandlockStatus::NotEnabled => {
            return Ok(missing("Landlock is not enabled in this kernel's boot options"));
        }
        LandlockStatus::NotImplemented => return Ok(missing("this kernel has no Landlock (Linux 5.13 has)")),
    };
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => {
            FileStanding::Landlock { abi, covers: opened.is_some_and(|opened| opened.list.is_empty()) }
        }
        RulesetStatus::NotEnforced => missing("the kernel did not enforce Landlock"),
    })
}

/// The rights in a project: the whole root if mounts cover its closed parts, else only its entries.
fn open(project: &ProjectRules) -> FileRules {
    let root = vec![project.root.clone()];
    match cover(project) {
        Ok(()) => FileRules { write: root, ..FileRules::default() },
        Err(_) => FileRules {
            list: root,
            read: project.frozen.iter().chain(&project.shown).cloned().collect(),
            write: project.entries.clone(),
            project: None,
        },
    }
}

fn missing(reason: &str) -> FileStanding {
    FileStanding::Missing { reason: reason.to_owned() }
}

fn grant(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    // A missing path grants nothing.
    match PathFd::new(path) {
        // For a file, `add_rule` leaves out the rights that apply only to directories.
        Ok(open) => ruleset.add_rule(PathBeneath::new(open, access)),
        Err(_) => Ok(ruleset),
    }
}
