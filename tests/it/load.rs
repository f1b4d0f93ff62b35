//! Several servers on one project, many CLIs that misbehave in every way, cancelled calls and killed servers.
//! Nothing may hang, stay behind or be lost.

mod fault;
mod leftovers;
mod runs;
mod tally;
mod worker;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use self::leftovers::{Holdings, below, processes_with};
use self::tally::Tally;
use self::worker::{Fate, Worker};
use crate::harness::{Server, eventually, fake_cli};
use crate::workflow::{assert_whole, broken};

/// The size of the test.
struct Scale {
    seconds: u64,
    servers: usize,
    clis: usize,
}

impl Scale {
    /// The full size if `MAESTRO_SOAK_SECONDS` is set, as `make soak` sets it.
    fn asked_for() -> Self {
        match std::env::var("MAESTRO_SOAK_SECONDS") {
            Ok(seconds) => Self { seconds: seconds.parse().unwrap(), servers: 8, clis: 64 },
            Err(_) => Self { seconds: 6, servers: 3, clis: 16 },
        }
    }
}

#[test]
fn many_servers_survive_every_fault() {
    let scale = Scale::asked_for();
    let base = tempfile::Builder::new().prefix("maestro-load-").tempdir().unwrap();
    let temporary = base.path().join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let (configuration, providers) = fault::clis(scale.clis, &fake_cli());
    std::fs::create_dir_all(base.path().join("user")).unwrap();
    std::fs::write(base.path().join("user/cli_clients.yaml"), configuration).unwrap();
    let server = Server::new()
        .env("TMPDIR", temporary.to_str().unwrap())
        .env("MAESTRO_HOME", base.path().join("user").to_str().unwrap())
        // While the run is open, every consult on the project counts in it.
        .env("MAESTRO_MAX_CONSULT_PER_STAGE", "10000000")
        .env("MAESTRO_MAX_CONSULT_TOTAL", "10000000");
    // The runs have their own CLIs, because this test is not about the choice of providers.
    let gated = broken(server.beside().codex().fake("gemini", "gemini"))
        .env("MAESTRO_HOME", base.path().join("nothing").to_str().unwrap());

    let tally = work(&scale, &server, &gated, &providers);
    eprintln!("{} servers, {} CLIs, {} s:\n{}", scale.servers, scale.clis, scale.seconds, tally.report());
    assert_nothing_is_left(&server, base.path());
    assert_all_is_there(&server, &tally);
}

/// One server does gated runs, one lives to the end and is measured, the others end often.
fn work(scale: &Scale, server: &Server, gated: &Server, providers: &[String]) -> Tally {
    let until = Instant::now() + Duration::from_secs(scale.seconds);
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let survivor = Worker::new(server.beside(), providers.to_vec(), 1);
        let (pid, gated) = (survivor.pid(), gated.beside());
        let mut threads = vec![
            scope.spawn(move || survivor.work(until, Fate::Survives)),
            scope.spawn(move || runs::go_through(&gated, until)),
        ];
        for number in threads.len()..scale.servers {
            let worker = Worker::new(server.beside(), providers.to_vec(), u64::try_from(number).unwrap());
            threads.push(scope.spawn(move || worker.work(until, Fate::IsEnded)));
        }
        let held = measured(pid, until);
        for thread in threads {
            tally.add(thread.join().unwrap());
        }
        if let (Some(early), Some(late)) = (held, tally.at_rest) {
            assert_flat(early, late, server);
        }
    });
    tally
}

/// The median holdings of a server in the second fifth of the time. None if the server ended early.
fn measured(pid: u32, until: Instant) -> Option<Holdings> {
    let mut samples = Vec::new();
    while let (true, Some(holdings)) = (Instant::now() < until, Holdings::of(pid)) {
        samples.push(holdings);
        std::thread::sleep(Duration::from_millis(250));
    }
    if Instant::now() < until {
        // The worker of the server failed, and its panic says why.
        return None;
    }
    let fifth = samples.len() / 5;
    Some(Holdings::median(&samples[fifth..2 * fifth]))
}

/// Asserts that a server at rest holds as much as at the beginning, plus about 1 KB of state for each event
/// of the log. At work it may hold one answer of 64 MB that is too long.
fn assert_flat(early: Holdings, late: Holdings, server: &Server) {
    let exported = server.run(&["evidence", "export"], "").stdout;
    let events = String::from_utf8_lossy(&exported).lines().count();
    eprintln!(
        "the server that lived: {early:?} in the second fifth, {late:?} at rest; {events} events in the log"
    );
    assert!(late.files < early.files + 40, "files stay open");
    assert!(late.threads < early.threads + 40, "threads stay");
    let state = u64::try_from(events).unwrap();
    assert!(late.resident_kb < early.resident_kb + state + 12_288, "memory grows");
}

/// Asserts that no process and no file of a call is left, and that `.maestro` holds only the usual files.
fn assert_nothing_is_left(server: &Server, base: &Path) {
    let mine = format!("{} ", std::process::id());
    let others = || -> Vec<String> {
        processes_with(base).into_iter().filter(|process| !process.starts_with(&mine)).collect()
    };
    eventually("every process is gone", Duration::from_secs(20), || others().is_empty());
    // The next server removes the remains of killed ones at once. It waits a minute if a server was killed
    // after it made a directory and before it locked it.
    let started = Instant::now();
    loop {
        let mut client = server.beside().start();
        let reply =
            client.call("maestro_verify", json!({ "commands": [{ "command": "python3 -m unittest" }] }));
        assert_eq!(reply["results"].as_array().map_or(0, Vec::len), 1, "{reply}");
        assert!(client.close().0.success());
        let left = below(&base.join("tmp"));
        if left.is_empty() {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(90), "{} stay: {:?}", left.len(), left.first());
        std::thread::sleep(Duration::from_secs(2));
    }
    let kept = |path: &std::path::PathBuf| {
        ["maestro.db", ".gitignore", "backups", "servers", "private"]
            .iter()
            .any(|name| path.starts_with(name))
    };
    let odd: Vec<_> =
        below(&server.project().join(".maestro")).into_iter().filter(|path| !kept(path)).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// Asserts that the chain of hashes is whole, and that every acknowledged word is in the log.
fn assert_all_is_there(server: &Server, tally: &Tally) {
    assert_whole(server);
    let exported = String::from_utf8(server.run(&["evidence", "export"], "").stdout).unwrap();
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let words: BTreeSet<&str> = exported.split(|letter| !is_of_word(letter)).collect();
    let lost: Vec<&String> =
        tally.acknowledged.iter().filter(|word| !words.contains(word.as_str())).collect();
    assert!(!tally.acknowledged.is_empty() && lost.is_empty(), "acknowledged and lost: {lost:?}");
    eprintln!("the log: {} events, {} bytes exported", exported.lines().count(), exported.len());
}
