//! Processes above this one: another Maestro, or a command that an agent ran.
//!
//! A server that a client registered has that client above it. A server that an agent's model started from
//! a shell also has the agent above it. The two cases differ in the process that feeds the server's input:
//! in the first case it is the client, in the second a script. So the feeder is searched among the parents.
//! If an agent stands above the feeder, that agent ran it as a command.
//!
//! On Linux the data come from `/proc`. A process cannot hide by changing its session, clearing its
//! environment and forking twice, because servers and helpers adopt orphans among their descendants.
//! Elsewhere `ps` names the parents, and orphans go to the system's first process.

use std::path::Path;

use crate::domain::packed::list;

/// Name of a Maestro process in the kernel. A script that starts it never has this name.
pub const PROCESS_NAME: &str = "maestro-mcp srv";

/// Name of a demo process in the kernel.
const DEMO_NAME: &str = "maestro-mcp dmo";

/// Maximum number of parents that are followed.
const MOST_PARENTS: usize = 64;

/// A parent process, at any distance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    pub name: String,
    /// Its command line.
    pub words: Vec<String>,
    /// True if its environment says that a Maestro started it.
    pub is_marked: bool,
}

/// The process that feeds the input of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feeder {
    /// The parent at this position in the chain, the nearest being 0.
    Parent(usize),
    /// Unknown: it may be a parent whose open files cannot be read.
    Unseen,
    /// Not a parent: a file, a terminal, or another process.
    NoParent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartedBy {
    /// A client or a person started it.
    Own,
    /// A check, a consultant or a server of Maestro started it.
    BelowMaestro,
    /// A command of this agent started it.
    Command(String),
}

/// The parents of this process, the nearest first.
#[derive(Clone, Debug, Default)]
pub struct Ancestry {
    parents: Vec<Process>,
    feeder: Option<Feeder>,
}

impl Process {
    /// True if the process is a Maestro.
    fn is_maestro(&self) -> bool {
        self.is_marked || self.name == PROCESS_NAME
    }

    fn agent(&self) -> Option<&'static str> {
        let known = |name: &str| list("agents").iter().copied().find(|agent| *agent == name);
        let program = self.words.first().map_or("", |word| base(word));
        known(&self.name).or_else(|| known(program)).or_else(|| {
            let is_interpreter = list("interpreters").iter().any(|name| program.starts_with(name));
            let script = self.words.iter().skip(1).find(|word| !word.starts_with('-'));
            let script = Path::new(script.filter(|_| is_interpreter)?);
            let of_package = || {
                let mut parts = script.components().filter_map(|part| part.as_os_str().to_str());
                parts.find_map(|part| list("agent_packages").iter().copied().find(|package| *package == part))
            };
            known(script.file_stem()?.to_str()?).or_else(of_package)
        })
    }

    /// True if the process is the demo, which plays the client of a server in a project of its own.
    fn is_demo(&self) -> bool {
        self.name == DEMO_NAME && self.words.get(1).is_some_and(|word| word == "demo")
    }

    fn is_launcher(&self) -> bool {
        let program = self.words.first().map_or("", |word| base(word));
        list("launchers").iter().any(|known| *known == self.name || *known == program)
    }
}

fn base(word: &str) -> &str {
    // A login shell is written `-bash`, and some programs write their title with blanks.
    let word = word.split(' ').next().unwrap_or_default();
    word.rsplit('/').next().unwrap_or_default().trim_start_matches('-')
}

impl Ancestry {
    /// Finds the parents of this process, and the process that feeds its input.
    pub fn of_server() -> Self {
        let mut found = Self::of_terminal();
        found.feeder = imp::feeder();
        found
    }

    /// Finds the parents of this process.
    pub fn of_terminal() -> Self {
        Self { parents: imp::parents(), feeder: None }
    }

    /// True if a parent is a Maestro.
    pub fn is_below_maestro(&self) -> bool {
        self.parents.iter().any(Process::is_maestro)
    }

    /// The nearest parent that is an agent.
    pub fn agent(&self) -> Option<&'static str> {
        self.parents.iter().find_map(Process::agent)
    }

    /// The starter of a server below these parents.
    pub fn started_by(&self) -> StartedBy {
        if self.is_below_maestro() {
            return StartedBy::BelowMaestro;
        }
        if self.parents.first().is_some_and(Process::is_demo) {
            return StartedBy::Own;
        }
        let client = match self.feeder.unwrap_or(Feeder::Unseen) {
            Feeder::Parent(place) => place,
            Feeder::NoParent => return self.command_of_any_agent(0),
            // The client is then the first parent that is not a launcher.
            Feeder::Unseen => {
                let is_started_by_launcher = |place: usize| {
                    let shell = self.parents.get(place).is_some_and(|one| base(&one.name).ends_with("sh"));
                    shell && self.parents.get(place + 1).is_some_and(Process::is_launcher)
                };
                let is_between = |(place, one): &(usize, &Process)| {
                    one.agent().is_none() && (one.is_launcher() || is_started_by_launcher(*place))
                };
                self.parents.iter().enumerate().take_while(is_between).count()
            }
        };
        // An agent often consists of two processes, one started by the other: both are the client.
        let rest = self.parents.get(client..).unwrap_or_default();
        let own = if rest.first().is_some_and(|one| one.agent().is_some()) {
            rest.iter().take_while(|one| one.agent().is_some() || one.is_launcher()).count()
        } else {
            0
        };
        self.command_of_any_agent(client + own)
    }

    fn command_of_any_agent(&self, from: usize) -> StartedBy {
        let above = self.parents.get(from..).unwrap_or_default();
        match above.iter().find_map(Process::agent) {
            Some(agent) if !is_under_test() => StartedBy::Command(agent.to_owned()),
            Some(_) | None => StartedBy::Own,
        }
    }
}

/// True if the tests of this build started the process: an agent may run them, and they must still pass.
/// Always false in a released build.
fn is_under_test() -> bool {
    cfg!(debug_assertions) && imp::is_started_from_beside()
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs;
    use std::io;

    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    use rustix::fs::{FileType, fstat};

    use super::{Feeder, MOST_PARENTS, Process};
    use crate::host::environment::DEPTH_VARIABLE;
    use crate::host::process_stat::ProcessStat;

    /// Process ids of the parents, the nearest first.
    fn chain() -> Vec<i32> {
        let parent_of = |pid: &i32| Some(ProcessStat::of(*pid)?.parent).filter(|parent| *parent > 0);
        let own = rustix::process::getpid().as_raw_pid();
        std::iter::successors(parent_of(&own), parent_of).take(MOST_PARENTS).collect()
    }

    pub(super) fn parents() -> Vec<Process> {
        chain().into_iter().map(process).collect()
    }

    fn process(pid: i32) -> Process {
        let text = |name: &str| {
            let read = fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            String::from_utf8_lossy(&read).into_owned()
        };
        let mark = format!("{DEPTH_VARIABLE}=");
        let is_mark = |entry: &str| entry.strip_prefix(&mark).is_some_and(|depth| depth.trim() != "0");
        Process {
            name: text("comm").trim_end_matches('\n').to_owned(),
            words: text("cmdline").split_terminator('\0').map(str::to_owned).collect(),
            is_marked: text("environ").split('\0').any(is_mark),
        }
    }

    pub(super) fn feeder() -> Option<Feeder> {
        let input = io::stdin();
        let found = fstat(&input).ok()?;
        let chain = chain();
        let place = |pid: i32| chain.iter().position(|parent| *parent == pid);
        Some(match FileType::from_raw_mode(found.st_mode) {
            // Each socket of a pair names the process that created the pair.
            FileType::Socket => match getsockopt(&input, PeerCredentials).map(|peer| peer.pid()) {
                Ok(pid) if pid > 0 => place(pid).map_or(Feeder::NoParent, Feeder::Parent),
                Ok(_) | Err(_) => Feeder::Unseen,
            },
            FileType::Fifo => writer(&chain),
            _ => Feeder::NoParent,
        })
    }

    /// The nearest parent that holds the writing end of our input.
    fn writer(chain: &[i32]) -> Feeder {
        let Ok(pipe) = fs::read_link("/proc/self/fd/0") else { return Feeder::Unseen };
        let mut is_all_seen = true;
        for (place, pid) in chain.iter().enumerate() {
            let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
                is_all_seen = false;
                continue;
            };
            for entry in open.flatten() {
                let writes = || {
                    let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
                    let info = fs::read_to_string(info).unwrap_or_default();
                    let mut lines = info.lines().filter_map(|line| line.strip_prefix("flags:"));
                    // The last octal digit is the access mode: 1 for writing, 2 for reading and writing.
                    lines.any(|flags| flags.trim().ends_with(['1', '2']))
                };
                if fs::read_link(entry.path()).is_ok_and(|target| target == pipe) && writes() {
                    return Feeder::Parent(place);
                }
            }
        }
        if is_all_seen { Feeder::NoParent } else { Feeder::Unseen }
    }

    /// True if the parent's program is in our program's directory, or below it.
    pub(super) fn is_started_from_beside() -> bool {
        let Ok(own) = std::env::current_exe() else { return false };
        let Some(directory) = own.parent() else { return false };
        let is_beside = |program: std::path::PathBuf| program.starts_with(directory);
        chain().first().is_some_and(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(is_beside))
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::process::Command;

    use super::{Feeder, MOST_PARENTS, Process, base};

    /// The parents according to `ps`, which every system has; empty if `ps` fails.
    pub(super) fn parents() -> Vec<Process> {
        let output = Command::new("/bin/ps").args(["-axo", "pid=,ppid=,command="]).output();
        let text =
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let row = |line: &str| -> Option<(u32, u32, Vec<String>)> {
            let mut words = line.split_ascii_whitespace();
            let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((pid, parent, words.map(str::to_owned).collect()))
        };
        let table: Vec<_> = text.lines().filter_map(row).collect();
        let mut parents = Vec::new();
        let mut next = std::os::unix::process::parent_id();
        while let Some((_, parent, words)) = table.iter().find(|(pid, _, _)| *pid == next)
            && parents.len() < MOST_PARENTS
        {
            let name = words.first().map_or("", |word| base(word));
            let name = if name == "maestro-mcp" { super::PROCESS_NAME } else { name };
            parents.push(Process { name: name.to_owned(), words: words.clone(), is_marked: false });
            next = *parent;
        }
        parents
    }

    pub(super) fn feeder() -> Option<Feeder> {
        None
    }

    pub(super) fn is_started_from_beside() -> bool {
        std::env::current_exe().is_ok_and(|own| own.components().any(|part| part.as_os_str() == "target"))
    }
}

/// The role of a process, which its name shows to its descendants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It starts consultants and checks.
    Maestro,
    /// It plays a client, in a project of its own.
    Demo,
}

/// Sets the name of this process for its descendants.
pub fn show_name(part: Part) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_name(match part {
        Part::Maestro => c"maestro-mcp srv",
        Part::Demo => c"maestro-mcp dmo",
    }) {
        tracing::debug!(%error, "what is started below this process does not know it by its name");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = part;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(line: &str) -> Process {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Process { name: base(&words[0]).chars().take(15).collect(), words, is_marked: false }
    }

    fn started_by(parents: &[&str], feeder: Feeder) -> StartedBy {
        Ancestry { parents: parents.iter().map(|line| process(line)).collect(), feeder: Some(feeder) }
            .started_by()
    }

    #[test]
    fn a_server_that_a_client_registered_is_a_persons() {
        for parents in [
            &["claude", "-bash", "sshd"] as &[&str],
            &["node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js", "bash"],
            &["node /x/bin/maestro-mcp", "sh -c maestro-mcp", "npm exec maestro-mcp", "claude", "bash"],
            &["/bin/sh /opt/start-maestro.sh", "claude", "zsh"],
            &["codex", "node /usr/bin/codex", "bash"],
            &["python3 sdk.py", "zsh"],
            &["code", "systemd"],
        ] {
            let client = parents.iter().position(|line| process(line).agent().is_some()).unwrap_or(0);
            assert_eq!(started_by(parents, Feeder::Parent(client)), StartedBy::Own, "{parents:?}");
        }
        for parents in [
            &["codex", "bash"] as &[&str],
            &["node /x/bin/maestro-mcp", "sh -c maestro-mcp", "npm exec maestro-mcp", "codex", "bash"],
        ] {
            assert_eq!(started_by(parents, Feeder::Unseen), StartedBy::Own, "{parents:?}");
        }
    }

    #[test]
    fn a_server_that_an_agents_command_started_is_not() {
        let command = |agent: &str| StartedBy::Command(agent.to_owned());
        // A script feeds it.
        assert_eq!(
            started_by(&["python3 x.py", "bash -c x", "claude", "bash"], Feeder::Parent(0)),
            command("claude")
        );
        // A file or a pipe of the shell's feeds it.
        for parents in
            [&["claude", "bash"] as &[&str], &["bash -c x", "claude"], &["sh", "bash", "codex", "bash"]]
        {
            let agent = parents.iter().find_map(|line| process(line).agent()).unwrap();
            assert_eq!(started_by(parents, Feeder::NoParent), command(agent), "{parents:?}");
        }
        // An agent that an agent runs is no person's client.
        let nested = ["claude -p", "bash -c claude", "codex exec", "bash"];
        assert_eq!(started_by(&nested, Feeder::Parent(0)), command("codex"));
        // An unknown process counts as the agent's if a shell or a script is between them.
        for parents in [&["bash -c x", "codex", "bash"] as &[&str], &["python3 x.py", "codex"]] {
            assert_eq!(started_by(parents, Feeder::Unseen), command("codex"), "{parents:?}");
        }
    }

    #[test]
    fn below_a_maestro_nothing_is_a_persons() {
        let mut parents: Vec<Process> = ["sh", "exe contain /x", "x", "claude"].map(process).into();
        parents[2].name = PROCESS_NAME.to_owned();
        let ancestry = Ancestry { parents: parents.clone(), feeder: Some(Feeder::Parent(0)) };
        assert_eq!(ancestry.started_by(), StartedBy::BelowMaestro);
        parents[2].name = "other".to_owned();
        parents[0].is_marked = true;
        assert_eq!(Ancestry { parents, feeder: None }.started_by(), StartedBy::BelowMaestro);
    }

    #[test]
    fn an_agent_is_known_by_its_program_and_by_its_script() {
        for line in [
            "claude",
            "/opt/claude --resume",
            "claude --x",
            "node --max-old-space-size=8192 /usr/lib/node_modules/@google/gemini-cli/dist/index.js",
            "/usr/bin/node /opt/npx/1/node_modules/.bin/gemini",
            "bun /x/opencode-ai/bin/opencode.ts",
            "python3.12 /opt/tools/aider",
        ] {
            assert!(process(line).agent().is_some(), "{line}");
        }
        for line in ["bash", "vim claude", "code /opt/claude", "cursor", "tmux new -s codex", "less gemini"] {
            assert_eq!(process(line).agent(), None, "{line}");
        }
    }

    #[test]
    fn this_process_has_parents() {
        assert!(!Ancestry::of_terminal().parents.is_empty());
    }
}
