//! The sandbox of checks, candidates and consultants of this project.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::domain::words::hex;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::processes::Processes;
use crate::flow::scope::off_thread;
use crate::host::config::{Network as NetworkSetting, Sandbox};
use crate::host::environment::Environment;
use crate::host::process::{CallDir, Launch, Limits};
use crate::host::wall::guarded::Guarded;
use crate::host::wall::rules::{CheckPlace, ConsultantPlace, LogsIn};
use crate::host::wall::{FileRules, FileStanding, Network, Rules, Strictness, Wall, WallStanding};
use crate::provider::Places;
use crate::provider::catalogue::Provider;
use crate::provider::login::Login;

/// Words of a program that was denied access.
const DENIED: [&str; 5] =
    ["Permission denied", "permission denied", "EACCES", "PermissionError", "Operation not permitted"];

/// Programs that run others. If their link on PATH leads elsewhere, that place is opened too.
const INTERPRETERS: [&str; 6] = ["python3", "node", "go", "cargo", "java", "ruby"];

/// The sandbox of a check, and the files that it guards.
pub(in crate::flow) struct CheckWall {
    pub(in crate::flow) wall: Wall,
    pub(in crate::flow) env: Vec<(OsString, OsString)>,
    /// Files of the project that run or permit something by themselves, as they were before.
    pub(in crate::flow) guarded: Guarded,
}

impl CheckWall {
    /// Guarded files that changed since before the check. Blocks.
    pub(in crate::flow) fn changed(before: &Guarded, root: &Path, standing: &FileStanding) -> Vec<PathBuf> {
        let protected = match standing {
            // The program could not reach this file: another program changed it.
            FileStanding::Landlock { covers: true, .. } => before.entries(),
            FileStanding::Landlock { .. } | FileStanding::Off | FileStanding::Missing { .. } => &[],
        };
        let changed = before.changed(&Guarded::of(root), protected);
        let shown = |path: PathBuf| path.strip_prefix(root).map_or_else(|_| path.clone(), Path::to_owned);
        changed.into_iter().map(shown).collect()
    }
}

/// The sandbox of a check that runs in `root`, which is the project or a copy of it. Blocks.
pub(in crate::flow) fn of_check(
    config: &Configuration,
    root: &Path,
    program: &Path,
    directory: &CallDir,
) -> Result<CheckWall, Error> {
    let guarded = Guarded::of(root);
    let Some(wall) = asked_for(config) else {
        let network = network(config);
        return Ok(CheckWall { wall: Wall { network, ..Wall::default() }, env: Vec::new(), guarded });
    };
    let rules = config.sandbox_rules()?;
    let environment = config.environment();
    let cache = cache(environment, root).unwrap_or_else(|| directory.work().to_owned());
    let closed = own_directories(config);
    // Programs that a script or a Makefile starts are found on the same PATH.
    let others = INTERPRETERS.iter().filter_map(|name| environment.find_program(name, root));
    let programs: Vec<PathBuf> = std::iter::once(program.to_owned()).chain(others).collect();
    let place = CheckPlace {
        temporary: directory.work(),
        cache: &cache,
        programs: &programs,
        closed: &closed,
        guarded: guarded.entries(),
    };
    let files = rules.check(environment, root, &place);
    let env = rules.variables(environment, &place);
    Ok(CheckWall { wall: Wall { files: Some(files.into()), ..wall }, env, guarded })
}

/// The sandbox of a consultant. Blocks.
pub(in crate::flow) fn of_consultant(
    config: &Configuration,
    provider: &Provider,
    program: &Path,
    places: &Places,
    login: &Login,
) -> Result<Wall, Error> {
    // A consultant needs the network, so the setting does not apply to it.
    let Some(wall) = asked_for(config) else {
        return Ok(Wall::default());
    };
    let mut closed = own_directories(config);
    closed.push(config.root().to_owned());
    // Files that the user's own command names belong to the program, wherever they are.
    let named = provider.leading_arguments().iter().map(|argument| config.root().join(argument));
    let place = ConsultantPlace {
        provider: provider.name.clone(),
        program: program.to_owned(),
        scripts: named.filter(|path| path.is_file()).collect(),
        temporary: vec![std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()],
        own: vec![places.work.clone(), places.home.clone(), places.temporary.clone()],
        login: login.links.iter().map(|link| link.own.clone()).collect(),
        logs_in: if login.home.is_some() { LogsIn::ByPrivateHome } else { LogsIn::ByItsOwnHome },
        closed,
    };
    let (rules, environment) = (config.sandbox_rules()?, config.environment().clone());
    let files = Rules::found_by(move || rules.consultant(&environment, &place));
    Ok(Wall { files: Some(files), network: Network::AsIs, ..wall })
}

/// The sandbox that this machine raises under the current settings, tried on our own program; `None` if the
/// user switched it off.
///
/// # Errors
///
/// The try itself failed.
pub(crate) async fn standing(
    config: &Configuration,
    processes: &Processes,
) -> Result<Option<WallStanding>, Error> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let Some(wall) = asked_for(config) else { return Ok(None) };
    let directory = off_thread(CallDir::create).await?.map_err(Error::internal)?;
    let files = FileRules { read: vec!["/".into()], ..FileRules::default() };
    let launch = Launch {
        args: vec!["--version".into()],
        limits: Limits { timeout: Some(PATIENCE), ..Limits::default() },
        // The caller decides if the sandbox is required.
        wall: Wall { files: Some(files.into()), strictness: Strictness::BestEffort, ..wall },
        ..Launch::new(&std::env::current_exe().map_err(Error::internal)?, &directory)
    };
    let outcome = processes.supervisor().run(launch, directory, |_| {}).await;
    outcome.map(|outcome| Some(outcome.wall)).map_err(Error::internal)
}

/// Explains that the sandbox may be the reason for a failure, if the output names a denied permission.
pub(in crate::flow) fn may_be_the_reason(output: &[&str]) -> Option<&'static str> {
    let denied = output.iter().any(|text| DENIED.iter().any(|words| text.contains(words)));
    denied.then_some(
        "the output names a denied permission: the sandbox lets a check write only the project and its TMPDIR, and read toolchains and caches; the user can switch it off with `sandbox: off` in their own maestro.yaml",
    )
}

/// A sandbox without file rules, unless the user switched the sandbox off.
fn asked_for(config: &Configuration) -> Option<Wall> {
    let strictness = match config.settings().sandbox {
        Sandbox::Off => return None,
        Sandbox::Auto => Strictness::BestEffort,
        Sandbox::Required => Strictness::Required,
    };
    Some(Wall { files: None, network: network(config), strictness })
}

fn network(config: &Configuration) -> Network {
    match config.settings().network {
        NetworkSetting::On => Network::AsIs,
        NetworkSetting::Off => Network::LoopbackOnly,
    }
}

/// Maestro's own directories: the log of this project, and the user's.
fn own_directories(config: &Configuration) -> Vec<PathBuf> {
    let environment = config.environment();
    let log = config.settings().tracing.directory.as_ref().map(|named| config.root().join(named));
    log.into_iter().chain(environment.state_directory()).chain(environment.maestro_home()).collect()
}

/// Directory for the caches of a project's checks, so that their writes cannot reach the caches of the user's
/// own builds.
fn cache(environment: &Environment, root: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::DirBuilderExt as _;
    let base = environment
        .get("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(environment.home()?.join(".cache")))?;
    let digest = Sha256::digest(root.as_os_str().as_bytes());
    let name = hex(digest.get(..8).unwrap_or_default());
    let directory = base.join("maestro/checks").join(name);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
    made.ok().map(|()| directory)
}
