//! Processes that start a program behind its wall: our own binary, which reads from its standard input what to
//! start. To start it takes longer than all else that comes before a program, so one waits ahead of need.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;

use crate::host::wall::{HELPER_ARGUMENT, HelperCommand};

/// Way to a helper, and the one that waits.
#[derive(Debug)]
pub(super) struct Helpers {
    command: HelperCommand,
    spare: Mutex<Option<Child>>,
}

impl Helpers {
    pub(super) fn new(command: HelperCommand) -> Self {
        Self { command, spare: Mutex::default() }
    }

    fn spare(&self) -> MutexGuard<'_, Option<Child>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The helper that waits, else a new one.
    pub(super) fn take(&self) -> io::Result<Child> {
        // Somebody may have killed it while it waited.
        let waits = |spare: &mut Child| matches!(spare.try_wait(), Ok(None));
        let spare = self.spare().take().and_then(|mut spare| waits(&mut spare).then_some(spare));
        spare.map_or_else(|| self.start(), Ok)
    }

    /// Has one ready for the next program. It ends when this process does, which closes its input.
    pub(super) fn keep_one(&self) {
        let mut spare = self.spare();
        if self.command.waits_ahead && spare.is_none() {
            *spare = self.start().inspect_err(|error| tracing::debug!(%error, "no helper waits")).ok();
        }
    }

    /// The process that waits.
    pub(super) fn waiting(&self) -> Option<Pid> {
        self.spare().as_ref().map(Pid::from_child)
    }

    /// With no environment, so that no sweep takes it for a part of a call; what it starts has its own.
    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.command.program);
        command.arg0("maestro-helper").arg(HELPER_ARGUMENT).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }
}
