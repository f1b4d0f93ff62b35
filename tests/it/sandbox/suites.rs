//! Test suites of real projects in the required sandbox. They use toolchains and caches in the home
//! directory, a server on loopback, temporary files and child processes. A test names the toolchain that this
//! machine lacks.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// The sandbox and network settings with which each suite must pass.
const WALLS: [(&str, &str); 3] = [("off", "on"), ("required", "on"), ("required", "off")];

/// A program on the PATH of the tests' user.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}

fn skip(suite: &str, why: &str) {
    eprintln!("\n*** NOT CHECKED: the {suite} suite behind the sandbox: {why} ***\n");
}

/// A home directory with toolchains in it, which the suites of a test share.
struct Home {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("maestro-suites-").tempdir().unwrap();
        let path = directory.path().join("home");
        std::fs::create_dir(&path).unwrap();
        Self { path, _directory: directory }
    }

    fn link(&self, from: &Path, to: &str) {
        let to = self.path.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        symlink(from, to).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

struct Suite<'a> {
    name: &'a str,
    command: &'a str,
    files: &'a [(&'a str, &'a str)],
    /// Directory of its programs, which comes first in the PATH.
    path: String,
    environment: Vec<(&'a str, String)>,
    /// A command that prepares the project, outside of the sandbox.
    prepared_by: Option<&'a [&'a str]>,
    tests: u64,
}

impl Suite<'_> {
    fn run(&self, home: &Home) {
        for (sandbox, network) in WALLS {
            let mut server = Server::new()
                .env("HOME", home.path.to_str().unwrap())
                .env("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", self.path))
                .env("MAESTRO_SANDBOX", sandbox)
                .env("MAESTRO_NETWORK", network);
            for (name, value) in &self.environment {
                server = server.env(name, value);
            }
            for (name, text) in self.files {
                server = server.file(name, text);
            }
            if let Some([program, arguments @ ..]) = self.prepared_by {
                let prepared = server.command();
                let done = Command::new(program)
                    .args(arguments)
                    .env_clear()
                    .envs(prepared.get_envs().filter_map(|(name, value)| Some((name, value?))))
                    .current_dir(server.project())
                    .output()
                    .unwrap();
                if !done.status.success() {
                    return skip(self.name, &String::from_utf8_lossy(&done.stderr));
                }
            }
            let mut client = server.start();
            let verify = || json!({ "commands": [{ "command": self.command, "timeout_sec": 300 }] });
            let first = client.call("maestro_verify", verify());
            let check = &first["results"][0];
            if check["metadata"]["note"].as_str().is_some_and(|note| note.contains("no_sandbox")) {
                return skip(self.name, "this machine has no sandbox");
            }
            assert_eq!(check["status"], "passed", "{} behind {sandbox}: {first:#}", self.name);
            assert_eq!(check["metadata"]["proof"]["tests"], self.tests, "{}: {first:#}", self.name);
            let held = check["metadata"]["sandbox"].as_str().unwrap_or_default();
            assert_eq!(held.starts_with("landlock"), sandbox == "required", "{held}");
            // The second run finds everything built, so it shows the cost of the tests and the sandbox alone.
            let again = client.call("maestro_verify", verify());
            assert_eq!(again["results"][0]["status"], "passed", "{again:#}");
            eprintln!(
                "{}: sandbox {sandbox}, network {network}: {} ms, again {} ms",
                self.name, check["duration_ms"], again["results"][0]["duration_ms"]
            );
        }
    }
}

const PYTHON: &str = r#"
import http.server, multiprocessing, os, subprocess, threading, unittest, urllib.request
import shop

def square(x):
    return x * x

class Shop(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(shop.add(1), 2)

    def test_loopback(self):
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.assertEqual(urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").status, 200)
        server.shutdown()

    def test_processes(self):
        with multiprocessing.Pool(2) as pool:
            self.assertEqual(pool.map(square, [1, 2]), [1, 4])
        self.assertEqual(subprocess.run(["sh", "-c", "exit 3"]).returncode, 3)

    def test_new_file_at_the_top(self):
        open("made.txt", "w").close()
        os.remove("made.txt")
"#;

/// Among others a virtual environment, whose interpreter is in a directory that no list of Maestro names.
#[test]
fn pytest_and_unittest_pass() {
    let home = Home::new();
    let Some(python) = found("python3") else { return skip("pytest", "there is no python3") };
    let files = [("shop.py", "def add(x): return x + 1\n"), ("test_shop.py", PYTHON)];
    let suite = |name, command, path: &Path, tests| Suite {
        name,
        command,
        files: &files,
        path: path.display().to_string(),
        environment: Vec::new(),
        prepared_by: None,
        tests,
    };
    suite("unittest", "python3 -m unittest", python.parent().unwrap(), 4).run(&home);
    let environment = home.path.join("somewhere/else/env");
    let made = Command::new(&python).args(["-m", "venv"]).arg(&environment).output().unwrap();
    if !made.status.success() {
        return skip("pytest", &String::from_utf8_lossy(&made.stderr));
    }
    let pip = ["install", "--quiet", "--disable-pip-version-check", "pytest"];
    let installed = Command::new(environment.join("bin/pip")).args(pip).output().unwrap();
    if !installed.status.success() {
        return skip("pytest", "pip cannot install it here");
    }
    suite("pytest", "pytest", &environment.join("bin"), 4).run(&home);
    // The same environment inside the project.
    let files = [
        ("shop.py", "def add(x): return x + 1\n"),
        ("test_shop.py", PYTHON),
        ("pytest.ini", "[pytest]\nnorecursedirs = .venv\n"),
    ];
    let make = ["python3", "-m", "venv", "--system-site-packages", ".venv"];
    Suite {
        name: "unittest in the project's own environment",
        command: ".venv/bin/python -m unittest",
        files: &files,
        path: environment.join("bin").display().to_string(),
        environment: Vec::new(),
        prepared_by: Some(&make),
        tests: 4,
    }
    .run(&home);
}

const NODE: &str = "const test = require('node:test'), assert = require('assert'), http = require('http');\n\
const fs = require('fs'), os = require('os'), path = require('path'), child = require('child_process');\n\
test('adds', () => assert.equal(1 + 1, 2));\n\
test('loopback', async () => {\n\
  const server = http.createServer((_, reply) => reply.end('hi'));\n\
  await new Promise(done => server.listen(0, '127.0.0.1', done));\n\
  const reply = await fetch('http://127.0.0.1:' + server.address().port);\n\
  assert.equal(await reply.text(), 'hi');\n\
  server.close();\n\
});\n\
test('temporary files', () => fs.writeFileSync(path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'x')), 'y'), ''));\n\
test('children', () => assert.equal(child.execFileSync(process.execPath, ['-e', 'console.log(1)']).toString(), '1\\n'));\n";

#[test]
fn node_and_npm_pass() {
    let home = Home::new();
    let Some(node) = found("node").and_then(|node| node.canonicalize().ok()) else {
        return skip("node", "there is no node");
    };
    // Uses the layout of version managers.
    home.link(&node, ".nvm/versions/node/v1/bin/node");
    let path = home.path.join(".nvm/versions/node/v1/bin").display().to_string();
    let package = r#"{ "name": "shop", "version": "1.0.0", "scripts": { "test": "node --test" } }"#;
    let files = [("a.test.js", NODE), ("package.json", package)];
    let suite = |name, command, path| Suite {
        name,
        command,
        files: &files,
        path,
        environment: Vec::new(),
        prepared_by: None,
        tests: 4,
    };
    suite("node", "node --test", path.clone()).run(&home);
    let Some(npm) = found("npm") else { return skip("npm", "there is no npm") };
    suite("npm", "npm test", format!("{path}:{}", npm.parent().unwrap().display())).run(&home);
}

#[test]
fn go_passes() {
    let home = Home::new();
    let Some(go) = found("go") else { return skip("go", "there is no go") };
    // A module from the cache in the home directory.
    home.write("go/pkg/mod/example.com/dep@v1.0.0/go.mod", "module example.com/dep\n");
    home.write("go/pkg/mod/example.com/dep@v1.0.0/dep.go", "package dep\n\nfunc One() int { return 1 }\n");
    let download = "go/pkg/mod/cache/download/example.com/dep/@v";
    home.write(&format!("{download}/v1.0.0.mod"), "module example.com/dep\n");
    home.write(
        &format!("{download}/v1.0.0.info"),
        "{\"Version\":\"v1.0.0\",\"Time\":\"2024-01-01T00:00:00Z\"}",
    );
    let sum = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    home.write(&format!("{download}/v1.0.0.ziphash"), sum);
    home.write(&format!("{download}/v1.0.0.zip"), "");
    let test = "package shop\n\nimport (\n\t\"net/http\"\n\t\"net/http/httptest\"\n\t\"os\"\n\t\"path/filepath\"\n\t\"testing\"\n)\n\n\
        func TestAdds(t *testing.T) {\n\tif Add() != 2 {\n\t\tt.Fatal(Add())\n\t}\n}\n\n\
        func TestLoopback(t *testing.T) {\n\tserver := httptest.NewServer(http.NotFoundHandler())\n\tdefer server.Close()\n\tif _, err := http.Get(server.URL); err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n\n\
        func TestTemporary(t *testing.T) {\n\tif err := os.WriteFile(filepath.Join(t.TempDir(), \"x\"), nil, 0o644); err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n";
    let go_sum = format!(
        "example.com/dep v1.0.0 {sum}\nexample.com/dep v1.0.0/go.mod h1:mhh2qvuaNXbD3WzHShoyLc7Bf3qxrveNlTFLAYg2RJ8=\n"
    );
    let suite = Suite {
        name: "go",
        command: "go test -v ./...",
        files: &[
            ("go.mod", "module example.com/shop\n\ngo 1.18\n\nrequire example.com/dep v1.0.0\n"),
            ("go.sum", &go_sum),
            (
                "shop.go",
                "package shop\n\nimport \"example.com/dep\"\n\nfunc Add() int { return dep.One() + 1 }\n",
            ),
            ("shop_test.go", test),
        ],
        path: go.parent().unwrap().display().to_string(),
        environment: vec![
            ("GOPROXY", "off".into()),
            ("GOSUMDB", "off".into()),
            ("GOFLAGS", "-mod=mod".into()),
        ],
        prepared_by: None,
        tests: 3,
    };
    suite.run(&home);
}

const RUST: &str = "//! ```\n//! assert_eq!(shop::add(), \"1\");\n//! ```\npub fn add() -> String {\n    itoa::Buffer::new().format(1).to_owned()\n}\n\
#[test]\nfn adds() {\n    assert_eq!(add(), \"1\");\n}\n\
#[test]\nfn loopback() {\n    let server = std::net::TcpListener::bind(\"127.0.0.1:0\").unwrap();\n    std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();\n}\n\
#[test]\nfn temporary() {\n    std::fs::write(std::env::temp_dir().join(\"x\"), \"\").unwrap();\n}\n";

#[test]
fn cargo_passes() {
    let home = Home::new();
    let own = |variable: &str, name: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(name)))
            .filter(|path| path.is_dir())
    };
    let (Some(cargo), Some(rustup)) = (own("CARGO_HOME", ".cargo"), own("RUSTUP_HOME", ".rustup")) else {
        return skip("cargo", "rustup and its directories are not here");
    };
    let programs = cargo.join("bin");
    if !programs.join("rustup").is_file() || !cargo.join("registry").is_dir() {
        return skip("cargo", "there is no rustup in the home directory");
    }
    home.link(&rustup, ".rustup");
    for name in ["cargo", "rustc", "rustdoc"] {
        home.link(&programs.join("rustup"), &format!(".cargo/bin/{name}"));
    }
    for name in ["registry", "config.toml"].iter().filter(|name| cargo.join(name).exists()) {
        home.link(&cargo.join(name), &format!(".cargo/{name}"));
    }
    let manifest =
        "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nitoa = \"1\"\n";
    let suite = Suite {
        name: "cargo",
        command: "cargo test",
        files: &[("Cargo.toml", manifest), ("src/lib.rs", RUST)],
        path: home.path.join(".cargo/bin").display().to_string(),
        environment: vec![("CARGO_NET_OFFLINE", "true".into())],
        prepared_by: Some(&["cargo", "generate-lockfile", "--offline"]),
        tests: 4,
    };
    suite.run(&home);
}

/// Measures this machine for `docs/sandbox.md`: a check that does nothing, with and without the sandbox.
///
/// The two take turns, and the fastest run of each counts, because other tests only add time.
#[test]
fn a_check_costs_little_more_behind_the_wall() {
    let test = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n";
    let server = |sandbox| Server::new().file("test_a.py", test).env("MAESTRO_SANDBOX", sandbox).start();
    let took = |client: &mut Client| {
        let check = json!({ "commands": [{ "command": "python3 -m unittest" }] });
        let result: Value = client.call("maestro_verify", check);
        assert_eq!(result["results"][0]["status"], "passed", "{result}");
        result["results"][0]["duration_ms"].as_u64().unwrap()
    };
    let (mut open, mut walled) = (server("off"), server("auto"));
    let (mut without, mut with) = (u64::MAX, u64::MAX);
    for _ in 0..12 {
        without = without.min(took(&mut open));
        with = with.min(took(&mut walled));
    }
    eprintln!("a check takes {without} ms without the sandbox and {with} ms with it");
    // The limit is for a debug build on a busy machine. The sandbox itself takes a millisecond or two.
    assert!(with < without + 150, "{without} ms, and {with} ms behind the wall");
}
