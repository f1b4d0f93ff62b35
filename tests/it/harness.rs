//! A server in a project of its own, driven over stdio.
//!
//! ```ignore
//! let mut client = Server::new().codex().file("a.py", "x = 1\n").start();
//! let result = client.call("maestro_consult", json!({ "prompt": "why?" }));
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use maestro::testing::{EventStore as _, Library, Marks, SqliteStore, Stored};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) mod http;
mod human;
mod person;
mod programs;
mod seeded;

pub(crate) use human::Answer;
use human::Human;
pub(crate) use person::Person;
pub(crate) use programs::{git, memory_kb, shells, three};
pub(crate) use seeded::Seeded;

/// Maximum time that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_maestro-mcp"))
}

/// The path of the fake CLI, which stands in for a real one.
pub(crate) fn fake_cli() -> PathBuf {
    example("fake-cli")
}

/// A program that cargo builds beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = binary().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --examples`", path.display());
    path
}

/// A question with a script for the fake CLI.
pub(crate) fn scripted(script: Value) -> String {
    format!("a question @@fake {script}@@")
}

/// A server that is configured but not started.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of a test")]
pub(crate) struct Server {
    directory: Arc<TempDir>,
    environment: BTreeMap<String, String>,
    modern: bool,
    /// The client's own name and version.
    client: (String, String),
    /// True if the server runs as nobody, because this user is root.
    as_nobody: bool,
    /// True if the server's log goes to a file beside the project.
    keeps_log: bool,
    /// The person who answers; without one the client cannot show a form.
    human: Option<Human>,
    /// True if the client can open an address in a browser.
    opens_pages: bool,
    /// A shell script that replaces the server, for tests of this client.
    script: Option<String>,
    /// The extensions of the protocol that the client knows.
    extensions: Option<Value>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("maestro-test-").tempdir().unwrap();
        for name in ["home", "project", "fake"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        let mut environment = BTreeMap::new();
        environment.insert("PATH".into(), "/usr/bin:/bin".into());
        environment.insert("HOME".into(), directory.path().join("home").display().to_string());
        let client = ("test".to_owned(), "1".to_owned());
        let directory = Arc::new(directory);
        Self {
            directory,
            environment,
            modern: false,
            client,
            as_nobody: false,
            keeps_log: false,
            human: None,
            opens_pages: false,
            script: None,
            extensions: None,
        }
    }

    /// Another server in the same project, with the same environment and no human.
    pub(crate) fn beside(&self) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            environment: self.environment.clone(),
            modern: self.modern,
            client: self.client.clone(),
            as_nobody: self.as_nobody,
            keeps_log: self.keeps_log,
            human: None,
            opens_pages: false,
            script: None,
            extensions: self.extensions.clone(),
        }
    }

    /// Makes the project read-only. Root could still write to it, so if this user is root, the server runs as
    /// nobody. Nobody may write beside the project and in the home directory.
    pub(crate) fn run_as_nobody(mut self) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        self.as_nobody = rustix::process::geteuid().is_root();
        for (path, mode) in [("", 0o777), ("home", 0o777), ("fake", 0o777), ("project", 0o555)] {
            let path = self.directory.path().join(path);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        self
    }

    /// Keeps the server's log in a file.
    pub(crate) fn keeps_log(mut self) -> Self {
        self.keeps_log = true;
        self
    }

    /// The text of the server's log.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
    }

    /// Sets the name and the version that the client gives.
    pub(crate) fn client(mut self, name: &str, version: &str) -> Self {
        self.client = (name.to_owned(), version.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Writes a file in the project.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.project().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Writes a file of the user's own configuration.
    pub(crate) fn user_file(self, name: &str, text: impl AsRef<str>) -> Self {
        self.home_file(&format!(".config/maestro/{name}"), text.as_ref())
    }

    /// Trusts the project's own files as they are now.
    pub(crate) fn trusted(self) -> Self {
        let user = self.directory.path().join("home/.config/maestro");
        let library = Library::new(Some(user), Some(self.project()));
        library.confirm(&library.layer().hash()).unwrap();
        self
    }

    /// Marks the project's log, which the test wrote itself, as this user's own.
    pub(crate) fn own_log(self) -> Self {
        let state = self.directory.path().join("home/.local/state/maestro");
        let store = SqliteStore::new(self.project().join(".maestro"));
        store.with_marks(Some(Marks::new(&state))).adopt().unwrap();
        self
    }

    /// Writes a file in the user's home directory.
    pub(crate) fn home_file(self, name: &str, text: &str) -> Self {
        let path = self.directory.path().join("home").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Sets the fake CLI as a provider's CLI, with its log beside the project.
    pub(crate) fn fake(self, provider: &str, style: &str) -> Self {
        let log = self.directory.path().join("fake").join(format!("{provider}.log"));
        let state = self.directory.path().join("fake").join(format!("{provider}.state"));
        let command = format!(
            "{} --as {style} --log {} --state {}",
            fake_cli().display(),
            log.display(),
            state.display()
        );
        self.env(&format!("MAESTRO_{}_CMD", provider.to_uppercase()), &command)
    }

    pub(crate) fn codex(self) -> Self {
        self.fake("codex", "codex")
    }

    pub(crate) fn modern(mut self) -> Self {
        self.modern = true;
        self
    }

    /// Adds one answer of the human to the next question.
    pub(crate) fn human(mut self, answer: Answer) -> Self {
        self.human.get_or_insert_default().answers.push_back(answer);
        self
    }

    /// Adds an answer in the stateless era, where the client repeats the call with the answer.
    pub(crate) fn human_modern(self, answer: Answer) -> Self {
        self.modern().human(answer)
    }

    /// Makes the client able to open an address in a browser.
    pub(crate) fn opens_pages(mut self) -> Self {
        self.opens_pages = true;
        self
    }

    /// Sets a function that answers each question; with `None` a question stays unanswered.
    pub(crate) fn human_by(mut self, by: impl FnMut(&Value) -> Option<Answer> + Send + 'static) -> Self {
        self.human.get_or_insert_default().by = Some(Box::new(by));
        self
    }

    /// Replaces the server by a shell script.
    pub(crate) fn script(mut self, script: &str) -> Self {
        self.script = Some(script.to_owned());
        self
    }

    fn client_info(&self) -> Value {
        json!({ "name": self.client.0, "version": self.client.1 })
    }

    /// Uses a client of the stateless era that takes long calls as tasks.
    pub(crate) fn tasks(mut self) -> Self {
        self.extensions = Some(json!({ "io.modelcontextprotocol/tasks": {} }));
        self.modern()
    }

    fn capabilities(&self) -> Value {
        let mut capabilities = json!({});
        // A client with tasks has a screen, so its person can answer questions.
        if self.human.is_some() || self.extensions.is_some() {
            capabilities["elicitation"] = json!({ "form": {} });
        }
        if self.opens_pages {
            capabilities["elicitation"]["url"] = json!({});
        }
        if let Some(extensions) = &self.extensions {
            capabilities["extensions"] = extensions.clone();
        }
        capabilities
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    /// Runs a sub-command to its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let mut child = self.command().args(arguments).stderr(Stdio::piped()).spawn().unwrap();
        // A sub-command that reads no input may have ended already, and then the write fails.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = match &self.script {
            None => Command::new(binary()),
            Some(script) => {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", script]);
                command
            }
        };
        command
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.project())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if self.as_nobody {
            std::os::unix::process::CommandExt::uid(&mut command, 65_534);
            std::os::unix::process::CommandExt::gid(&mut command, 65_534);
        }
        command
    }

    /// Starts the process. A thread receives its output line by line.
    fn spawn(&self) -> (Child, Option<ChildStdin>, Receiver<String>) {
        let errors = if self.keeps_log {
            std::fs::File::create(self.directory.path().join("server.log")).unwrap().into()
        } else {
            Stdio::inherit()
        };
        let mut child = self.command().stderr(errors).spawn().unwrap();
        let input = child.stdin.take();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        (child, input, lines)
    }

    /// Starts the server without the handshake.
    pub(crate) fn start_silent(self) -> Client {
        let (child, input, lines) = self.spawn();
        Client {
            server: self,
            child,
            input,
            lines,
            next_id: 1,
            notifications: Vec::new(),
            replies: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Starts the server and makes the handshake of its era.
    pub(crate) fn start(self) -> Client {
        let mut client = self.start_silent();
        client.greet();
        client
    }
}

pub(crate) fn hello() -> Value {
    json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } })
}

/// A running server and the client's end of its pipes.
pub(crate) struct Client {
    pub(crate) server: Server,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    next_id: u64,
    pub(crate) notifications: Vec<Value>,
    replies: BTreeMap<u64, Value>,
    /// Calls that may have to be repeated, by id.
    sent: BTreeMap<u64, (String, Value)>,
}

impl Client {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processor time of the server in milliseconds. Other processes do not affect it.
    pub(crate) fn processor_ms(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
    }

    /// The peak memory of the server so far, in megabytes.
    pub(crate) fn most_memory_mb(&self) -> u64 {
        memory_kb(self.pid(), "VmHWM").unwrap() / 1024
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.server.project()
    }

    /// Makes the handshake of the server's era.
    fn greet(&mut self) {
        if self.server.modern {
            self.request("server/discover", json!({}));
            return;
        }
        let mut hello = hello();
        hello["capabilities"] = self.server.capabilities();
        hello["clientInfo"] = self.server.client_info();
        self.request("initialize", hello);
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    }

    /// Ends the server and starts it again in the same project.
    pub(crate) fn restart(&mut self) {
        self.close();
        (self.child, self.input, self.lines) = self.server.spawn();
        self.greet();
    }

    /// The events of the project's log, each with its run, kind and data.
    pub(crate) fn events(&self) -> Vec<Value> {
        let store = SqliteStore::new(self.project().join(".maestro"));
        let event = |stored: Stored| {
            let body: Value = serde_json::from_str(&stored.body).unwrap();
            json!({ "run": stored.run, "kind": stored.kind, "id": body["id"], "at": stored.at, "data": body["data"] })
        };
        store.read_since(0, None, 100_000).unwrap().into_iter().map(event).collect()
    }

    /// The calls that a provider's fake CLI recorded, one document each.
    pub(crate) fn log(&self, provider: &str) -> Vec<Value> {
        let log = self.server.directory.path().join("fake").join(format!("{provider}.log"));
        std::fs::read_to_string(log)
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line.get("prompt").is_some())
            .collect()
    }

    /// Waits until a provider's fake CLI was called `count` times.
    pub(crate) fn wait_for_calls(&self, provider: &str, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let log = self.log(provider);
            if log.len() >= count {
                return log;
            }
            assert!(started.elapsed() < PATIENCE, "{provider} was called {} times, not {count}", log.len());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_raw(&format!("{message}\n"));
    }

    pub(crate) fn send_raw(&mut self, text: &str) {
        self.input.as_mut().expect("an open pipe").write_all(text.as_bytes()).unwrap();
    }

    /// Sends a request and returns its id.
    pub(crate) fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if self.server.modern {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            meta["io.modelcontextprotocol/clientCapabilities"] = self.server.capabilities();
            meta["io.modelcontextprotocol/clientInfo"] = self.server.client_info();
            if self.server.human.is_some() {
                self.sent.insert(id, (method.to_owned(), params.clone()));
            }
        }
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Begins a tool call with a progress token, and returns its id.
    pub(crate) fn begin_call(&mut self, tool: &str, arguments: Value) -> u64 {
        let token = self.next_id;
        self.begin(
            "tools/call",
            json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": token } }),
        )
    }

    /// Cancels a call with a reason, as a client does at its own timeout.
    pub(crate) fn give_up(&mut self, id: u64, reason: &str) {
        let params = json!({ "requestId": id, "reason": reason });
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }));
    }

    pub(crate) fn cancel(&mut self, id: u64) {
        self.send(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }),
        );
    }

    /// The next line, or None if none arrives in time.
    pub(crate) fn line(&mut self, patience: Duration) -> Option<Value> {
        let line = self.lines.recv_timeout(patience).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// The next message of a method; the messages before it are kept.
    pub(crate) fn line_with(&mut self, method: &str) -> Value {
        loop {
            let message = self.line(PATIENCE).unwrap_or_else(|| panic!("no {method}"));
            if message["method"] == method {
                return message;
            }
            self.notifications.push(message);
        }
    }

    /// The reply to a request; other messages are kept. Questions go to the human, if there is one. A call
    /// that ends with a question is repeated with the answer.
    pub(crate) fn reply(&mut self, id: u64) -> Value {
        let reply = self.next_reply(id);
        match self.again(id, &reply) {
            Some(id) => self.reply(id),
            None => reply,
        }
    }

    /// The reply to this request, without a repetition of the call.
    pub(crate) fn next_reply(&mut self, id: u64) -> Value {
        let started = Instant::now();
        loop {
            if let Some(reply) = self.replies.remove(&id) {
                return reply;
            }
            let left = PATIENCE.saturating_sub(started.elapsed());
            let Some(message) = self.line_or_answer(left) else {
                assert!(started.elapsed() < PATIENCE, "no reply to request {id}");
                continue;
            };
            match message.get("id").and_then(Value::as_u64) {
                Some(other) if message.get("method").is_none() => {
                    self.replies.insert(other, message);
                }
                _ => self.notifications.push(message),
            }
        }
    }

    /// The next line. None if the human answered first, or if no line came.
    fn line_or_answer(&mut self, patience: Duration) -> Option<Value> {
        let pause = self.server.human.as_ref().and_then(Human::pause);
        let message = self.line(pause.map_or(patience, |pause| pause.min(patience)));
        if let (Some(human), Some(message)) = (&mut self.server.human, &message) {
            match message["method"].as_str() {
                Some("elicitation/create") => human.show(message),
                Some("notifications/cancelled") => human.close(&message["params"]["requestId"]),
                _ => {}
            }
        }
        let due = self.server.human.as_mut().map(Human::due).unwrap_or_default();
        for answer in due {
            self.send(&answer);
        }
        message
    }

    /// Repeats a call whose reply asked the human a question. None if the reply asked nothing.
    fn again(&mut self, id: u64, reply: &Value) -> Option<u64> {
        let (method, mut params) = self.sent.remove(&id)?;
        if reply["result"]["resultType"] != "input_required" {
            return None;
        }
        let more = self.server.human.as_mut()?.retry(&reply["result"])?;
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(self.begin(&method, params))
    }

    /// The forms that the human has seen so far: message and schema of each.
    pub(crate) fn asked(&self) -> &[Value] {
        self.server.human.as_ref().map_or(&[], |human| &human.asked)
    }

    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.reply(id)
    }

    /// Calls a tool and returns its structured result.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.begin_call(tool, arguments);
        self.result(id)
    }

    /// The structured result of a call. None if the server ends before it answers.
    pub(crate) fn call_unless_gone(&mut self, tool: &str, arguments: Value) -> Option<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let params = json!({ "name": tool, "arguments": arguments });
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        self.input.as_mut()?.write_all(format!("{call}\n").as_bytes()).ok()?;
        loop {
            let line = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("no reply to {tool}"),
            };
            // A killed server may leave half a line.
            let message: Value = serde_json::from_str(&line).ok()?;
            if message["id"] == json!(id) {
                return Some(message["result"]["structuredContent"].clone());
            }
        }
    }

    /// The structured result of a call that has begun. Its text and its structure must be equal.
    pub(crate) fn result(&mut self, id: u64) -> Value {
        let reply = self.reply(id);
        let result = &reply["result"];
        let structured =
            result.get("structuredContent").unwrap_or_else(|| panic!("no result: {reply}")).clone();
        let text = result["content"][0]["text"].as_str().expect("text");
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), structured);
        assert_eq!(result["isError"] == json!(true), structured["ok"] == json!(false), "{structured}");
        structured
    }

    /// The progress messages so far.
    pub(crate) fn progress(&self) -> Vec<String> {
        self.notifications
            .iter()
            .filter(|message| message["method"] == "notifications/progress")
            .map(|message| message["params"]["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// True if the server runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Closes the pipe. Returns the server's exit status and the time until it ended.
    pub(crate) fn close(&mut self) -> (ExitStatus, Duration) {
        self.input = None;
        self.ended()
    }

    /// Closes this end of the pipe without waiting.
    pub(crate) fn leave(&mut self) {
        self.input = None;
    }

    pub(crate) fn signal(&mut self, signal: &str) -> (ExitStatus, Duration) {
        let status =
            Command::new("kill").args([format!("-{signal}"), self.pid().to_string()]).status().unwrap();
        assert!(status.success());
        self.ended()
    }

    fn ended(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, started.elapsed());
            }
            assert!(started.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// True if a process exists and is no zombie.
pub(crate) fn is_alive(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// The children of a process.
pub(crate) fn children(parent: u32) -> Vec<u64> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u64| {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1))
                    == Some(&parent.to_string())
            })
        })
        .collect()
}

/// The processes with a call's id in their environment.
pub(crate) fn processes_of_call(id: &str) -> Vec<u64> {
    let wanted = format!("CONSULT_CALL_ID={id}");
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(wanted.as_bytes()))
            })
        })
        .collect()
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
