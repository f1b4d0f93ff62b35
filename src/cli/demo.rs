//! `maestro-mcp demo`: takes a failing program through the stages of a run, and shows it on one screen. It
//! uses the real server over stdio.

mod story;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::arguments::DemoOptions;
use super::person::Person;
use super::terminal::{self, StatusLine, width};
use super::terminal::{Colour, paint};
use crate::domain::report::LineKind;
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::kit::Kit;
use crate::host::environment::Environment;
use crate::provider::understudy::NAME as UNDERSTUDY;

use story::Story;

/// Maximum number of consults, which is the budget of a run.
const MOST_CONSULTS: usize = 6;

pub(super) async fn run(kit: Kit, options: DemoOptions, json: bool) -> Result<ExitCode, Error> {
    kit.processes.refuse_nested()?;
    let output = if json { Output::Document } else { Output::Story };
    OUTPUT.get_or_init(|| output);
    let program = match (&options.dir, &options.command) {
        (Some(directory), Some(command)) => Program::of_the_user(directory, command)?,
        _ => Program::shipped(kit.config.environment())?,
    };
    let failure = program.run().await?;
    let binary = std::env::current_exe().map_err(Error::internal)?;
    let mut client = Client::start(&binary, &program.directory)?;
    let outcome = async {
        client.initialize().await?;
        let asked = consultants(&mut client, &options).await?;
        if !may_spend(&asked, &options, program.is_shipped, json)? {
            print("Nothing was asked.\n")?;
            document(&json!({ "asked": [], "next": "maestro-mcp demo" }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let leaves_page = is_watched(&kit.config) && !options.no_page && !json;
        Story::new(&mut client, &kit, &program, &failure, asked, leaves_page).tell().await
    }
    .await;
    client.stop().await;
    outcome
}

/// True if a person is there who can open an address. In CI and in pipes this is false, so that no process
/// stays behind.
fn is_watched(config: &Configuration) -> bool {
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    has_terminal && config.environment().get("CI").is_none()
}

/// The providers to ask: the named ones, or with `--live` the installed CLIs, or else the understudy.
async fn consultants(client: &mut Client, options: &DemoOptions) -> Result<Vec<String>, Error> {
    if !options.provider.is_empty() {
        return Ok(options.provider.clone());
    }
    if !options.live {
        return Ok(vec![UNDERSTUDY.to_owned()]);
    }
    let listed = client.call("maestro_list_providers", json!({})).await?;
    let installed = listed.get("asked_by_default").and_then(Value::as_array).into_iter().flatten();
    let asked: Vec<String> = installed.filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    if asked.is_empty() || asked == [UNDERSTUDY] {
        return Err(Error::NoProvider);
    }
    Ok(asked)
}

/// Says what a live demo may cost, and asks for consent. True without a question for the understudy, which
/// costs nothing.
fn may_spend(
    consultants: &[String],
    options: &DemoOptions,
    is_whole_run: bool,
    json: bool,
) -> Result<bool, Error> {
    if consultants.iter().all(|name| name == UNDERSTUDY) {
        return Ok(true);
    }
    let most = if is_whole_run { MOST_CONSULTS } else { consultants.len() };
    let price = format!(
        "This asks {} up to {most} times, on your own accounts. It may take some minutes.",
        consultants.join(", ")
    );
    let person = Person::reading(json);
    person.say(&format!("{price}\n"))?;
    if options.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Setup {
            reason: "a live demo spends money and needs your yes".to_owned(),
            hint: "Add --yes to agree, or run `maestro-mcp demo` without --live: it asks no model."
                .to_owned(),
        });
    }
    Ok(matches!(person.asked("Go on? [y/N] ")?.to_lowercase().as_str(), "y" | "yes"))
}

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../demo/", $path)))),*]
    };
}

/// The files of the shipped program. No code here depends on its faults.
const SHIPPED: &[(&str, &str)] = shipped![
    "inventory/__init__.py", "inventory/stock.py", "inventory/report.py", "tests/__init__.py",
    "tests/test_report.py",
];

/// A directory, and a command that fails in it.
struct Program {
    directory: PathBuf,
    words: Vec<String>,
    files: Vec<String>,
    is_shipped: bool,
}

impl Program {
    /// Unpacks the shipped program into the user's cache, or into a temporary directory if there is no cache.
    /// It is not removed, so that the run can be inspected afterwards.
    fn shipped(environment: &Environment) -> Result<Self, Error> {
        let broken = |error: std::io::Error| Error::Setup {
            reason: format!("the demo's program cannot be unpacked: {error}"),
            hint: "Make the cache directory writable, or set XDG_CACHE_HOME to one that is.".to_owned(),
        };
        let directory = match environment.cache_directory() {
            Some(cache) => cache.join("demo"),
            None => tempfile::Builder::new().prefix("maestro-demo-").tempdir().map_err(broken)?.keep(),
        };
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(broken(error)),
            Ok(()) | Err(_) => {}
        }
        for (name, text) in SHIPPED {
            let file = directory.join(name);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).map_err(broken)?;
            }
            std::fs::write(file, text).map_err(broken)?;
        }
        Ok(Self {
            directory,
            words: parts("python3 -m unittest discover -s tests -t ."),
            files: parts("inventory/stock.py inventory/report.py tests/test_report.py"),
            is_shipped: true,
        })
    }

    /// The user's own program.
    fn of_the_user(directory: &Path, command: &str) -> Result<Self, Error> {
        let words = shlex::split(command).filter(|words| !words.is_empty()).ok_or_else(|| {
            Error::InvalidArguments(format!("--command must be a command (got {command:?})"))
        })?;
        Ok(Self {
            directory: directory
                .canonicalize()
                .map_err(|error| Error::InvalidArguments(format!("{}: {error}", directory.display())))?,
            words,
            files: parts("**/*.py **/*.rs **/*.js **/*.ts **/*.go **/*.java **/*.rb"),
            is_shipped: false,
        })
    }

    fn command(&self) -> String {
        self.words.join(" ")
    }

    /// Runs the command and returns its output. It must fail.
    async fn run(&self) -> Result<String, Error> {
        let (program, arguments) = self.words.split_first().ok_or(Error::NoProvider)?;
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| Error::Setup {
                reason: format!("{program}: {error}"),
                hint: format!(
                    "The demo runs a failing program with it: install {program}, or name a failing program of your own with --dir and --command."
                ),
            })?;
        let printed = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&printed).into_owned();
        if output.status.success() {
            return Err(Error::InvalidArguments(format!(
                "`{}` did not fail: there is nothing to consult on",
                self.command()
            )));
        }
        Ok(text)
    }
}

fn parts(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A connection to a server that the demo starts.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    next_id: u64,
    status: StatusLine,
}

impl Client {
    /// Starts a server in a project.
    fn start(binary: &Path, project: &Path) -> Result<Self, Error> {
        let mut child = Command::new(binary)
            .arg("serve")
            .current_dir(project)
            .env("CLAUDE_PROJECT_DIR", project)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let output = child.stdout.take().ok_or_else(gone)?;
        let (input, output) = (child.stdin.take(), BufReader::new(output).lines());
        Ok(Self { input, child, output, next_id: 1, status: StatusLine::new() })
    }

    /// Initializes the connection.
    async fn initialize(&mut self) -> Result<(), Error> {
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "maestro-demo", "version": env!("CARGO_PKG_VERSION") },
        });
        self.request("initialize", hello).await?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await
    }

    /// Calls a tool and returns its structured result.
    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Error> {
        let params =
            json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": self.next_id } });
        let result = self.request("tools/call", params).await;
        self.status.clear();
        result?.get("structuredContent").cloned().ok_or_else(gone)
    }

    /// Closes the connection, which ends the server.
    async fn stop(mut self) {
        self.input = None;
        // If the server does not end in time, dropping the child kills it.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), self.child.wait()).await;
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<Value, Error> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        loop {
            let line = self.output.next_line().await.map_err(broken)?.ok_or_else(gone)?;
            let message: Value = serde_json::from_str(&line).map_err(Error::internal)?;
            if let Some(said) = message.pointer("/params/message").and_then(Value::as_str) {
                self.status.show(said);
            }
            if message.get("id") != Some(&json!(id)) {
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(Error::internal(error)),
                None => Ok(message.get("result").cloned().unwrap_or_default()),
            };
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), Error> {
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(format!("{message}\n").as_bytes()).await.map_err(broken)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn broken(error: std::io::Error) -> Error {
    Error::Internal(format!("the server: {error}"))
}

fn gone() -> Error {
    Error::Internal("the server ended early".to_owned())
}

fn print(text: &str) -> Result<(), Error> {
    painted(text, |_| LineKind::Body)
}

fn heading(text: &str) -> Result<(), Error> {
    painted(text, |_| LineKind::Heading)
}

/// Prints the result of an attempt.
fn outcome(text: &str, is_good: bool) -> Result<(), Error> {
    painted(text, |_| if is_good { LineKind::Good } else { LineKind::Bad })
}

/// Prints the changed lines of a diff, with the names of the files.
fn diff(text: &str) -> Result<(), Error> {
    let changed: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("--- "))
        .map(|line| format!("   {line}"))
        .collect();
    painted(&changed.join("\n"), |line| match line.trim_start().as_bytes() {
        [b'+', b'+', b'+', ..] => LineKind::DiffHeader,
        [b'+', ..] => LineKind::DiffAdded,
        _ => LineKind::DiffRemoved,
    })
}

fn painted(text: &str, kind: impl Fn(&str) -> LineKind) -> Result<(), Error> {
    let is_document = output() == Output::Document;
    if is_document && !std::io::stderr().is_terminal() {
        return Ok(());
    }
    let whole: String = text.lines().map(|line| paint(kind(line), line, colour())).collect();
    Person::reading(is_document).say(&whole)
}

/// Output of the demo on standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Story,
    /// The result as JSON. The story then goes to standard error, if that is a terminal.
    Document,
}

static OUTPUT: OnceLock<Output> = OnceLock::new();

fn output() -> Output {
    *OUTPUT.get_or_init(|| Output::Story)
}

/// Prints the result as JSON, if `--json` was given.
fn document(what: &Value) -> Result<(), Error> {
    match output() {
        Output::Story => Ok(()),
        Output::Document => terminal::document(what),
    }
}

/// The use of colours, determined once.
fn colour() -> Colour {
    static COLOUR: OnceLock<Colour> = OnceLock::new();
    *COLOUR.get_or_init(|| {
        if output() == Output::Document {
            return Colour::Plain;
        }
        let environment = Environment::capture();
        Colour::choose(width().is_some(), environment.get("NO_COLOR"), environment.get("TERM"))
    })
}
