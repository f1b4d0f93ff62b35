//! Whole processes in one run: Maestro against a bare server, and a consult against the bare CLI.
//!
//! Prints a table and writes it to `docs/benchmarks.md`. `--log` measures only the log of a project, `--list`
//! only the bytes of the tools, `--results` only the bytes of their results, and prints the results. The
//! benchmark asserts no figure, because figures depend on the machine; ratios do so less.

#![allow(
    missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout,
    clippy::indexing_slicing
)]

#[path = "whole/list.rs"]
mod list;
#[path = "whole/log.rs"]
mod log;
#[path = "whole/many.rs"]
mod many;
#[path = "whole/results.rs"]
mod results;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next_id: u64,
    directory: tempfile::TempDir,
    /// The home directory, where Maestro creates its own directories.
    _home: tempfile::TempDir,
}

impl Server {
    fn start(program: &Path, environment: &[(&str, String)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output), next_id: 1, directory, _home: home }
    }

    fn begin(&mut self, method: &str, params: &Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let line =
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string() + "\n";
        self.input.write_all(line.as_bytes()).unwrap();
        id
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        loop {
            let message = self.read();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn hello(&mut self) {
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" } });
        self.request("initialize", &params);
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// Processor time of its threads in milliseconds, in steps of 10.
    fn processor_time(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) * 10.0
    }

    fn resident_kilobytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Milliseconds from the start of the process to its first reply.
fn start_up(program: &Path) -> f64 {
    median(
        (0..40)
            .map(|_| {
                let started = Instant::now();
                Server::start(program, &[]).hello();
                milliseconds(started.elapsed())
            })
            .collect(),
    )
}

fn memory(program: &Path) -> f64 {
    let mut server = Server::start(program, &[]);
    server.hello();
    server.request("tools/list", &json!({}));
    server.resident_kilobytes() / 1_024.0
}

/// Microseconds of a call.
fn call_time(program: &Path, tool: &str, arguments: &Value) -> f64 {
    let mut server = Server::start(program, &[]);
    server.hello();
    let samples = (0..4_000)
        .map(|_| {
            let started = Instant::now();
            server.call(tool, arguments);
            milliseconds(started.elapsed()) * 1e3
        })
        .skip(500)
        .collect();
    median(samples)
}

fn script(prompt: usize, answer: usize) -> String {
    let order = json!({ "text": "0123456789abcde\n", "repeat": answer.div_ceil(16) });
    format!("{}@@fake {order}@@", "0123456789abcde\n".repeat(prompt / 16))
}

/// Milliseconds of the bare CLI, with the output format that Maestro requests: events that contain the answer
/// twice.
fn bare(fake: &Path, prompt: &str) -> f64 {
    let started = Instant::now();
    let mut child = Command::new(fake);
    child.args(["--as", "claude", "-p", "--output-format", "stream-json", "--verbose"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(prompt.as_bytes()).unwrap();
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    child.wait().unwrap();
    milliseconds(started.elapsed())
}

/// Milliseconds that a consult takes longer than the bare CLI. Both are measured in turn.
fn consult_overhead(maestro: &Path, fake: &Path, prompt: usize, answer: usize) -> (f64, f64) {
    let mut server =
        Server::start(maestro, &[("MAESTRO_CLAUDE_CMD", format!("{} --as claude", fake.display()))]);
    server.hello();
    let prompt = script(prompt, answer);
    let arguments = json!({ "prompt": prompt, "provider": "claude" });
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..33 {
        let started = Instant::now();
        let reply = server.call("maestro_consult", &arguments);
        let took = milliseconds(started.elapsed());
        assert_eq!(reply["result"]["structuredContent"]["ok"], true, "{reply}");
        let alone = bare(fake, &prompt);
        // The first consult compiles the masking rules and starts the guardian.
        if round >= 3 {
            with.push(took);
            without.push(alone);
        }
    }
    (median(with), median(without))
}

fn first_consult(maestro: &Path, fake: &Path) -> f64 {
    let samples = (0..9)
        .map(|_| {
            let mut server =
                Server::start(maestro, &[("MAESTRO_CLAUDE_CMD", format!("{} --as claude", fake.display()))]);
            server.hello();
            let started = Instant::now();
            server.call("maestro_consult", &json!({ "prompt": script(60_000, 1_000), "provider": "claude" }));
            milliseconds(started.elapsed())
        })
        .collect();
    median(samples)
}

/// Number of files in the measured patch, and number of lines that it changes in each file.
const PATCH_FILES: usize = 50;
const PATCH_LINES: usize = 100;

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes and commits fifty files of 1,000 lines in `directory`. Returns a patch that replaces every tenth
/// line.
fn tree_and_patch(directory: &Path) -> String {
    let write = |changed: bool| {
        for file in 0..PATCH_FILES {
            let name = directory.join(format!("d{}/f{file}.txt", file % 7));
            std::fs::create_dir_all(name.parent().unwrap()).unwrap();
            let line = |number: usize| {
                let word =
                    if changed && number.is_multiple_of(1_000 / PATCH_LINES) { "changed" } else { "line" };
                format!("{word} {number} of file {file}\n")
            };
            std::fs::write(name, (0..1_000).map(line).collect::<String>()).unwrap();
        }
    };
    write(false);
    git(directory, &["init", "-q"]);
    git(directory, &["add", "."]);
    git(directory, &["commit", "-qm", "before"]);
    write(true);
    let patch = git(directory, &["diff", "--no-ext-diff"]);
    write(false);
    patch
}

/// Milliseconds for a patch of 50 files: by the server and by `git apply` on the same tree, measured in turn,
/// and the processor time of the server.
fn patching(maestro: &Path) -> (f64, f64, f64) {
    let mut server = Server::start(maestro, &[]);
    server.hello();
    let directory = server.directory.path().to_owned();
    let patch = tree_and_patch(&directory);
    let file = directory.join("change.patch");
    std::fs::write(&file, &patch).unwrap();
    let added = patch.lines().filter(|line| line.starts_with("+changed")).count();
    assert_eq!(added, PATCH_FILES * PATCH_LINES);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let before = server.processor_time();
    for _ in 0..21 {
        let started = Instant::now();
        let reply = server.call("maestro_apply_patch", &json!({ "patch": patch }));
        ours.push(milliseconds(started.elapsed()));
        let result = &reply["result"]["structuredContent"];
        assert_eq!(result["files_changed"].as_array().unwrap().len(), PATCH_FILES, "{reply}");
        git(&directory, &["checkout", "-q", "."]);
        let started = Instant::now();
        git(&directory, &["apply", "change.patch"]);
        theirs.push(milliseconds(started.elapsed()));
        git(&directory, &["checkout", "-q", "."]);
    }
    let running = (server.processor_time() - before) / 21.0;
    (median(ours), running, median(theirs))
}

/// Seconds for 32 consults of a second each, and the 99th percentile (milliseconds) of other calls.
fn burst(maestro: &Path, fake: &Path) -> (f64, f64) {
    let mut server = Server::start(
        maestro,
        &[
            ("MAESTRO_CLAUDE_CMD", format!("{} --as claude", fake.display())),
            ("MAESTRO_MAX_PARALLEL", "32".to_owned()),
        ],
    );
    server.hello();
    server.call("maestro_consult", &json!({ "prompt": "warm", "provider": "claude" }));
    let order = json!({ "sleep": 1 });
    let consult = json!({ "name": "maestro_consult", "arguments": { "prompt": format!("@@fake {order}@@"), "provider": "claude" } });
    let started = Instant::now();
    let consults: Vec<u64> = (0..32).map(|_| server.begin("tools/call", &consult)).collect();
    let mut left = consults.len();
    let mut others = Vec::new();
    let mut finished = started.elapsed();
    while left > 0 {
        let asked = Instant::now();
        let id = server.begin("tools/call", &json!({ "name": "maestro_list_providers", "arguments": {} }));
        loop {
            let message = server.read();
            if message["id"] == id {
                others.push(milliseconds(asked.elapsed()));
                break;
            }
            if message["id"].as_u64().is_some_and(|done| consults.contains(&done)) {
                left -= 1;
                finished = started.elapsed();
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    others.sort_by(f64::total_cmp);
    (finished.as_secs_f64(), others[others.len() * 99 / 100])
}

/// Adds the rows about the log of a project.
fn log_rows(rows: &mut Vec<[String; 4]>) {
    let log = log::measure();
    let size = format!("{} events, {:.0} MB", many::EVENTS, log.megabytes);
    for (what, took, against, aim) in [
        ("log, cold fold", log.fold, size.as_str(), "300 ms"),
        ("log, opened after the first time", log.again, "", "100 ms"),
        ("log, figures of the project after it", log.figures, "", "50 ms"),
        ("log, append and fold", log.append, "", "10 ms"),
        ("log, append and fold, p99", log.append_p99, "", ""),
    ] {
        println!("{what}: {took:.2} ms {against} (aim {aim})");
        rows.push([what.to_owned(), format!("{took:.2} ms"), against.to_owned(), aim.to_owned()]);
    }
}

/// Adds the row about the bytes of the list of tools that a model reads, and prints the bytes of each tool.
fn list_rows(maestro: &Path, rows: &mut Vec<[String; 4]>) {
    let mut server = Server::start(maestro, &[]);
    server.hello();
    let costs = list::costs(&server.request("tools/list", &json!({})));
    let total: usize = costs.iter().map(|(_, bytes)| bytes).sum();
    for (name, bytes) in &costs {
        println!("  {name}: {bytes} bytes");
    }
    println!("tools/list, what a model reads of it: {total} bytes (aim {})", list::MOST);
    let (name, bytes) = &costs[0];
    rows.push([
        "tools/list, what a model reads of it".to_owned(),
        format!("{total} bytes"),
        format!("{} tools; the largest is {name} with {bytes}", costs.len()),
        format!("{} bytes", list::MOST),
    ]);
}

/// The bytes that each tool takes in a model's context: in the list, and for a typical result.
fn costs(maestro: &Path, typical: &[results::Typical]) -> String {
    let mut server = Server::start(maestro, &[]);
    server.hello();
    let mut table = "\n## Bytes in the model's context\n\nWhat a model reads of a tool in the list, and of a typical result of it: a session about one failing test, with an answer of about 500 characters from each consultant.\n\n| tool | in the list | a typical result |\n|--|--|--|\n".to_owned();
    let (mut listed, mut returned) = (0, 0);
    for (name, bytes) in list::costs(&server.request("tools/list", &json!({}))) {
        let result = typical.iter().find(|result| result.tool == name).map(results::Typical::bytes);
        let _ = writeln!(
            table,
            "| `{name}` | {bytes} | {} |",
            result.map_or("-".to_owned(), |bytes| bytes.to_string())
        );
        listed += bytes;
        returned += result.unwrap_or(0);
    }
    let _ = writeln!(table, "| all | {listed} | {returned} |");
    println!("bytes of typical results, all tools together: {returned}");
    table
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} x {model}")
}

fn main() {
    if std::env::args().any(|word| word == "--log") {
        log_rows(&mut Vec::new());
        return;
    }
    let built = PathBuf::from(env!("CARGO_BIN_EXE_maestro-mcp"));
    // For benches, cargo builds a server with other features than those of an installed server.
    let maestro = &std::env::var_os("MAESTRO_MEASURED").map_or_else(|| built.clone(), PathBuf::from);
    if std::env::args().any(|word| word == "--list") {
        list_rows(maestro, &mut Vec::new());
        return;
    }
    let [floor, fake] = ["floor", "fake-cli"].map(|name| built.with_file_name("examples").join(name));
    let typical = results::session(maestro, &fake);
    if std::env::args().any(|word| word == "--results") {
        for result in &typical {
            println!("{}: {} bytes\n{}\n", result.tool, result.bytes(), result.text);
        }
        return;
    }
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut ratio = |what: &str, unit: &str, ours: f64, theirs: f64, aim: &str| {
        rows.push([
            what.to_owned(),
            format!("{ours:.2} {unit}"),
            format!("{theirs:.2} {unit}, x{:.2}", ours / theirs),
            aim.to_owned(),
        ]);
        println!("{what}: {ours:.2} {unit}, floor {theirs:.2} {unit}, x{:.2} (aim {aim})", ours / theirs);
    };
    ratio("start to first reply", "ms", start_up(maestro), start_up(&floor), "x1.5");
    ratio("resident memory after tools/list", "MB", memory(maestro), memory(&floor), "x3");
    let echo = call_time(&floor, "echo", &json!({ "text": "hi" }));
    ratio(
        "maestro_list_providers",
        "us",
        call_time(maestro, "maestro_list_providers", &json!({})),
        echo,
        "x1.5",
    );
    for (what, prompt, answer, aim) in [
        ("60 KB prompt", 60_000, 1_000, "3 ms"),
        ("60 KB answer", 1_000, 60_000, "3 ms"),
        ("1 MB prompt", 1_000_000, 1_000, "12 ms"),
        ("1 MB answer", 1_000, 1_000_000, "12 ms"),
    ] {
        let (with, without) = consult_overhead(maestro, &fake, prompt, answer);
        rows.push([
            format!("consult, {what}"),
            format!("{with:.2} ms"),
            format!("bare {without:.2} ms, +{:.2} ms", with - without),
            format!("+{aim}"),
        ]);
        println!(
            "consult, {what}: {with:.2} ms, bare CLI {without:.2} ms, over it {:.2} ms (aim {aim})",
            with - without
        );
    }
    let (ours, running, theirs) = patching(maestro);
    rows.push([
        "patch of 50 files, 5,000 lines".to_owned(),
        format!("{ours:.2} ms, {running:.0} ms of them on a processor"),
        format!("git apply {theirs:.2} ms, x{:.2}", ours / theirs),
        "x2.5".to_owned(),
    ]);
    println!(
        "patch of 50 files, 5,000 lines: {ours:.2} ms ({running:.0} ms on a processor), git apply {theirs:.2} ms, x{:.2} (aim x2.5)",
        ours / theirs
    );
    let first = first_consult(maestro, &fake);
    rows.push([
        "first consult of a server, 60 KB".to_owned(),
        format!("{first:.2} ms"),
        String::new(),
        String::new(),
    ]);
    println!("first consult of a server, 60 KB: {first:.2} ms");
    let (seconds, p99) = burst(maestro, &fake);
    rows.push([
        "32 one-second consults at once".to_owned(),
        format!("{seconds:.3} s"),
        String::new(),
        "1.5 s".to_owned(),
    ]);
    rows.push([
        "other calls meanwhile, p99".to_owned(),
        format!("{p99:.2} ms"),
        String::new(),
        "5 ms".to_owned(),
    ]);
    println!("32 one-second consults: {seconds:.3} s (aim 1.5 s), p99 of other calls {p99:.2} ms (aim 5 ms)");

    log_rows(&mut rows);
    list_rows(maestro, &mut rows);

    let mut table = format!(
        "# Benchmarks\n\nMade by `make bench` on {}. The floor is `examples/floor.rs`, a bare rmcp server; the bare CLI is `tests/bin/fake_cli.rs` started by hand, with the output form that Maestro asks for. Medians; nothing here is asserted by a test.\n\n| what | Maestro | against | aim |\n|--|--|--|--|\n",
        machine()
    );
    for [what, ours, against, aim] in rows {
        let _ = writeln!(table, "| {what} | {ours} | {against} | {aim} |");
    }
    table.push_str(&costs(maestro, &typical));
    std::fs::write("docs/benchmarks.md", table).unwrap();
}
