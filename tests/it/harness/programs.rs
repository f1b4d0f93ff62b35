//! Programs that a test writes or runs itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Server;

/// Runs git in a directory, with an identity of its own, and returns its output.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A figure of a process's memory in kilobytes, such as `VmRSS`. None if the process is gone.
pub(crate) fn memory_kb(pid: u32, figure: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))?;
    Some(line.trim().trim_end_matches(" kB").parse().unwrap())
}

/// A server with the fake CLI as codex, gemini and claude.
pub(crate) fn three() -> Server {
    Server::new().codex().fake("gemini", "gemini").fake("claude", "claude")
}

/// A server with providers of its own, whose CLIs are shell scripts. Each script runs in an empty directory.
/// `$DIR` is a directory beside the project that it can write to.
pub(crate) fn shells(scripts: &[(&str, &str)]) -> Server {
    let mut server = Server::new();
    let project = server.project();
    let beside = project.parent().unwrap().join("fake");
    let mut config = String::from("providers:\n");
    for (name, script) in scripts {
        let file = format!("{name}.sh");
        server = server.file(&file, format!("cat >/dev/null\nDIR='{}'\n{script}\n", beside.display()));
        config += &format!("  {name}: {{ command: \"/bin/sh '{}'\" }}\n", project.join(&file).display());
    }
    server.user_file("cli_clients.yaml", config)
}

impl Server {
    /// Writes a program beside the project, and returns its path.
    pub(crate) fn program(&self, place: &str, text: &str) -> PathBuf {
        let path = self.project().parent().unwrap().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Sets a program of the test as the CLI of a provider. The program is in the home directory.
    pub(crate) fn shell_cli(self, provider: &str, script: &str) -> Self {
        let program = self.program(&format!("home/{provider}"), script);
        self.env(&format!("MAESTRO_{}_CMD", provider.to_uppercase()), program.to_str().unwrap())
    }
}
