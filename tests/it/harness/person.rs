//! A person at a terminal: runs a sub-command in a pseudo terminal, reads the screen and types.
//!
//! ```ignore
//! let mut person = server.person(&["approvals", "approve", "4f2a"]);
//! person.reads("Type `approve`").types("approve");
//! let (code, screen) = person.leaves();
//! ```

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{PATIENCE, Server};

/// A script that runs a program in a pseudo terminal of 24 lines and a given number of columns, and passes
/// input and output on.
const TERMINAL: &str = r"
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
inputs = [0, fd]
while True:
    ready = select.select(inputs, [], [])[0]
    if fd in ready:
        try: shown = os.read(fd, 65536)
        except OSError: break
        if not shown: break
        os.write(1, shown)
    if 0 in ready:
        typed = os.read(0, 65536)
        if typed: os.write(fd, typed)
        else: inputs.remove(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

/// A sub-command and the person in front of it.
pub(crate) struct Person {
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    screen: Vec<u8>,
    /// Number of bytes of the screen that were read already.
    read: usize,
}

impl Server {
    /// Starts a sub-command in a terminal of 80 columns.
    pub(crate) fn person(&self, arguments: &[&str]) -> Person {
        self.person_with(arguments, &[])
    }

    /// Starts a sub-command with further environment variables.
    pub(crate) fn person_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Person {
        self.person_in(80, arguments, more)
    }

    /// Starts a sub-command in a terminal with a given number of columns.
    pub(crate) fn person_in(&self, columns: u16, arguments: &[&str], more: &[(&str, &str)]) -> Person {
        let own = self.command();
        let mut python = Command::new("python3");
        python.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        python.envs(more.iter().copied()).current_dir(self.project());
        python.args(["-S", "-c", TERMINAL, &columns.to_string()]).arg(own.get_program()).args(arguments);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut shown = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 65_536];
            while let Ok(count) = shown.read(&mut bytes) {
                if count == 0 || sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Person { child, input, output, screen: Vec::new(), read: 0 }
    }
}

impl Person {
    /// The screen so far.
    pub(crate) fn screen(&self) -> String {
        self.shown()
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen).replace("\r\n", "\n")
    }

    fn look(&mut self, patience: Duration) -> bool {
        let more = self.output.recv_timeout(patience);
        more.is_ok_and(|more| {
            self.screen.extend(more);
            true
        })
    }

    /// Waits until a text appears after the part that was read already.
    pub(crate) fn reads(&mut self, text: &str) -> &mut Self {
        let started = Instant::now();
        loop {
            let below = String::from_utf8_lossy(&self.screen[self.read..]).into_owned();
            if let Some(at) = below.find(text) {
                self.read += at + text.len();
                return self;
            }
            let left = PATIENCE.saturating_sub(started.elapsed());
            assert!(self.look(left), "`{text}` is not shown, but\n{}", self.shown());
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) -> &mut Self {
        self.input.write_all(format!("{line}\n").as_bytes()).unwrap();
        self
    }

    /// The exit code of the command, and everything on the screen.
    pub(crate) fn leaves(&mut self) -> (i32, String) {
        while self.look(PATIENCE) {}
        (self.child.wait().unwrap().code().unwrap(), self.shown())
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
