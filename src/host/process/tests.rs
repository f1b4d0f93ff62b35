//! Real processes, no stand-ins.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::*;

mod ending;
mod limits;
mod streams;

/// A call in the making: its directory must live as long as the run.
struct Call {
    dir: CallDir,
    launch: Launch,
}

impl Call {
    fn new(program: &str, args: &[&str]) -> Self {
        let dir = CallDir::create().unwrap();
        let launch = Launch {
            args: args.iter().map(Into::into).collect(),
            env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
            limits: Limits { timeout: Some(seconds(15)), ..Limits::default() },
            ..Launch::new(program.as_ref(), &dir)
        };
        Self { dir, launch }
    }

    fn sh(script: &str) -> Self {
        Self::new("/bin/sh", &["-c", script])
    }

    fn python(script: &str) -> Self {
        Self::new(python(), &["-c", script])
    }

    fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.launch.limits);
        self
    }

    fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.launch.stdin = bytes.into();
        self
    }

    async fn run(self) -> Result<Outcome, ProcessError> {
        self.run_in(&Supervisor::new(None)).await
    }

    async fn run_in(self, supervisor: &Supervisor) -> Result<Outcome, ProcessError> {
        supervisor.run(self.launch, self.dir, |_| {}).await
    }

    /// Where the program may leave a note for the test; the path stays when the call is gone.
    fn note(&self, name: &str) -> PathBuf {
        self.dir.work().join(name)
    }
}

/// The interpreter itself: what is in the `PATH` may be a script that looks for it.
fn python() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let ask = ["-c", "import sys; print(sys.executable)"];
        let output = std::process::Command::new("python3").args(ask).output().unwrap();
        text(&output.stdout).trim().to_owned()
    })
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The number a program wrote to a file, as soon as it is there.
async fn pid_in(path: &Path) -> u32 {
    for _ in 0..1000 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n') {
            return pid.trim().parse().unwrap();
        }
        sleep(millis(5)).await;
    }
    panic!("no pid in {}", path.display());
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn number(bytes: &[u8]) -> u32 {
    text(bytes).trim().parse().unwrap()
}

/// Neither running nor a zombie of ours; orphans may stay zombies where nobody reaps them.
fn is_alive(pid: u32) -> bool {
    let listing =
        std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = text(&listing.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

fn exists(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

async fn within(limit: Duration, mut check: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !check() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(millis(5)).await;
    }
    true
}

fn distinct(lines: &[u8]) -> HashSet<String> {
    text(lines).lines().map(str::to_owned).collect()
}
