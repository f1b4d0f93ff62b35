//! The event log with several processes: parallel appends, kills, delays, a replaced file, and the export.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use maestro::testing::{
    ChainCheck, EventStore, Expected, Lease, Record, SqliteStore, StoreError, Stored, is_alive,
};
use serde_json::{Value, json};

use crate::harness::{Client, PATIENCE, Server, eventually, example};

#[path = "../../benches/whole/many.rs"]
mod many;

/// Checks a log against its hashes.
fn verified(events: &[Stored]) -> ChainCheck {
    let mut check = ChainCheck::default();
    for event in events {
        check.add(event).unwrap();
    }
    check
}

fn record(run: &str, body: String) -> Record {
    Record { run: run.to_owned(), kind: "noted".to_owned(), body }
}

/// A process of its own that does one task on a log, and acknowledges on standard error.
fn process(directory: &Path, task: &str) -> Command {
    let mut command = Command::new(example("store-process"));
    command
        .arg(directory)
        .args(task.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn start(directory: &Path, task: &str) -> Child {
    process(directory, task).spawn().unwrap()
}

fn acknowledged(child: &mut Child) -> Vec<String> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let is_acknowledged = |line: String| match line.strip_prefix("ack ") {
        Some(acknowledged) => Some(acknowledged.to_owned()),
        None => {
            eprintln!("it said: {line}");
            None
        }
    };
    lines.filter_map(is_acknowledged).collect()
}

fn wait_for_acknowledgement(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("ack ") {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "it ended without a word");
    }
    reader
}

fn events(directory: &Path) -> Vec<Stored> {
    SqliteStore::new(directory.to_owned()).read_since(0, None, usize::MAX).unwrap()
}

#[test]
fn eight_processes_append_and_none_is_lost_or_doubled() {
    const PROCESSES: usize = 8;
    const EACH: usize = 500;
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let began = Instant::now();
    let children: Vec<Child> =
        (0..PROCESSES).map(|name| start(&directory, &format!("append p{name} {EACH}"))).collect();
    let readers: Vec<_> = children
        .into_iter()
        .map(|mut child| {
            std::thread::spawn(move || {
                let acknowledged = acknowledged(&mut child);
                (child.wait().unwrap(), acknowledged)
            })
        })
        .collect();
    for reader in readers {
        let (status, acknowledged) = reader.join().unwrap();
        assert!(status.success());
        assert_eq!(acknowledged.len(), EACH);
    }
    let took = began.elapsed();
    let events = events(&directory);
    assert_eq!(verified(&events).so_far().events, (PROCESSES * EACH) as u64);
    let mut bodies: Vec<&str> = events.iter().map(|event| event.body.as_str()).collect();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), PROCESSES * EACH, "every event is there once");
    eprintln!("{} appends by {PROCESSES} processes: {took:?}", PROCESSES * EACH);
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn what_was_acknowledged_outlives_any_kill() {
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let mut seed = 20_261_121_u64;
    let mut random = |below: u64| {
        // Numbers of an LCG (Knuth, MMIX).
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut known: Vec<String> = Vec::new();
    for round in 0..12 {
        let children: Vec<Child> =
            (0..2).map(|name| start(&directory, &format!("append r{round}p{name} 100000"))).collect();
        // Kills come between the start of the file and the middle of the appends.
        std::thread::sleep(Duration::from_millis(5 + random(120)));
        for mut child in children {
            child.kill().unwrap();
            known.extend(acknowledged(&mut child));
            child.wait().unwrap();
        }
        let events = events(&directory);
        verified(&events);
        for acknowledged in &known {
            let (seq, hash) = acknowledged.split_once(' ').unwrap();
            let event = &events[seq.parse::<usize>().unwrap() - 1];
            assert_eq!(event.hash, hash, "event {seq}");
        }
    }
    assert!(known.len() > 50, "{} acknowledged", known.len());
}

#[test]
fn a_kill_while_the_log_is_made_spoils_nothing() {
    // The time of a process until its first append, on this machine and under this load.
    let undisturbed = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut child = start(&undisturbed.path().join(".maestro"), "append p 100000");
    let _reader = wait_for_acknowledgement(&mut child);
    let until_made = started.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();

    let mut made = 0;
    for round in 0..40_u32 {
        let project = tempfile::tempdir().unwrap();
        let directory = project.path().join(".maestro");
        let mut child = start(&directory, "append p 100000");
        // Kills come between the start of the process and well after its first append.
        std::thread::sleep(until_made * round / 25);
        child.kill().unwrap();
        let known = acknowledged(&mut child);
        child.wait().unwrap();
        made += usize::from(!known.is_empty());
        assert!(verified(&events(&directory)).so_far().events >= known.len() as u64, "round {round}");
        let store = SqliteStore::new(directory);
        store.append(Expected::Any, "", 1, &[record("", "1".into())]).unwrap();
    }
    assert!(made < 40, "every kill came too late");
}

/// Fills a small disk, if this user may mount one.
#[test]
fn a_disk_that_is_full_is_said_so_and_loses_nothing() {
    let base = tempfile::tempdir().unwrap();
    let disk = base.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // Only this process sees the mount, which ends with it.
    let script = "mount -t tmpfs -o size=500k none \"$1\" || exit 77; shift; \"$@\"";
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&disk)
        .arg(example("store-process"))
        .arg(disk.join("log"))
        .arg("fill")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let skipped = "SKIPPED: this user may not mount a small disk, so a full one was not tried";
    let Ok(mut child) = child else { return eprintln!("{skipped}") };
    let said = acknowledged(&mut child);
    let status = child.wait().unwrap();
    if !status.success() && said.is_empty() {
        return eprintln!("{skipped} ({status})");
    }
    assert!(said.len() > 20, "{said:?}");
    assert_eq!(said.last().unwrap(), "store_full, and all is there after room was made");
}

#[test]
fn a_process_that_holds_the_log_is_waited_for_and_then_reported() {
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let store = SqliteStore::new(directory.clone());
    let append = || store.append(Expected::Any, "", 1, &[record("", "1".into())]);
    append().unwrap();
    let mut holder = start(&directory, "hold");
    let _errors = wait_for_acknowledgement(&mut holder);
    let began = Instant::now();
    assert_eq!(append(), Err(StoreError::Busy));
    // Waits as long as a writer waits for another.
    assert!(began.elapsed() >= Duration::from_millis(4_900), "{:?}", began.elapsed());
    let waiting = std::thread::spawn({
        let directory = directory.clone();
        move || SqliteStore::new(directory).append(Expected::Any, "", 1, &[record("", "2".into())])
    });
    std::thread::sleep(Duration::from_millis(100));
    writeln!(holder.stdin.take().unwrap()).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap()[0].seq, 2);
    assert!(holder.wait().unwrap().success());
}

#[test]
fn a_killed_server_is_dead_at_once() {
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    let mut server = start(&directory, "lease one");
    let _errors = wait_for_acknowledgement(&mut server);
    assert!(is_alive(&directory, "one"));
    server.kill().unwrap();
    server.wait().unwrap();
    eventually("it is dead", PATIENCE, || !is_alive(&directory, "one"));
    assert!(directory.join("servers/one").exists());
    let _next = Lease::hold(&directory, "two").unwrap();
    assert!(!directory.join("servers/one").exists() && is_alive(&directory, "two"));
}

/// A log that its user may read but not write. The user has no special rights.
#[test]
fn a_directory_that_cannot_be_written_to_is_said_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join(".maestro");
    SqliteStore::new(directory.clone()).append(Expected::Any, "", 1, &[record("", "1".into())]).unwrap();
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(project.path(), 0o755);
    set(&directory.join("maestro.db"), 0o444);
    set(&directory, 0o555);
    let mut command = process(&directory, "refused");
    if rustix::process::geteuid().is_root() {
        // Root may do everything, so the process runs as nobody.
        std::os::unix::process::CommandExt::uid(&mut command, 65_534);
        std::os::unix::process::CommandExt::gid(&mut command, 65_534);
    }
    let Ok(mut child) = command.spawn() else {
        eprintln!("SKIPPED: nobody may not run this test program, so read-only logs were not tried");
        set(&directory, 0o755);
        return;
    };
    let said = acknowledged(&mut child);
    child.wait().unwrap();
    set(&directory, 0o755);
    assert_eq!(said, ["store_read_only 1"]);
}

#[test]
fn the_first_version_is_opened_and_goes_on() {
    let project = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(project.path().join("maestro.db")).unwrap();
    old.execute_batch(&std::fs::read_to_string("tests/data/store/v1.sql").unwrap()).unwrap();
    old.close().unwrap();
    let store = SqliteStore::new(project.path().to_owned());
    let events = store.read_since(0, None, 10).unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(verified(&events).so_far().last_hash, events[2].hash);
    let next = store.append(Expected::At(2), "run-1", 0, &[record("run-1", "{}".into())]).unwrap();
    assert_eq!((next[0].seq, next[0].at), (4, events[2].at));
    let schema = |directory: &Path| {
        let connection = rusqlite::Connection::open(directory.join("maestro.db")).unwrap();
        let mut statement =
            connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").unwrap();
        let rows = statement.query_map([], |row| {
            let sql: Option<String> = row.get(2)?;
            let words: Vec<String> = sql.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, words.join(" ")))
        });
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let fresh = tempfile::tempdir().unwrap();
    SqliteStore::new(fresh.path().to_owned())
        .append(Expected::Any, "", 1, &[record("", "1".into())])
        .unwrap();
    assert_eq!(schema(project.path()), schema(fresh.path()), "an old log and a new one have the same form");
}

/// Prints figures. Their limits are wide, because the machine may do other things too.
#[test]
fn appending_and_reading_are_fast() {
    let project = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(project.path().join(".maestro"));
    let body = || format!("{{\"stage\":\"analyze\",\"text\":\"{:200}\"}}", "");
    store.append(Expected::Any, "run", 1, &[record("run", body())]).unwrap();
    let mut latencies: Vec<Duration> = (0..200)
        .map(|at| {
            let began = Instant::now();
            store.append(Expected::Any, "run", at, &[record("run", body())]).unwrap();
            began.elapsed()
        })
        .collect();
    latencies.sort_unstable();
    let many: Vec<Record> = (0..100_000).map(|_| record("run", body())).collect();
    let began = Instant::now();
    store.append(Expected::Any, "run", 1, &many).unwrap();
    let bulk = began.elapsed();
    let read = |run| {
        let began = Instant::now();
        let events = store.read_since(0, run, 100_000).unwrap();
        let bytes: usize = events.iter().map(|event| event.body.len()).sum();
        assert!(events.len() == 100_000 && bytes > 20_000_000);
        began.elapsed()
    };
    let (whole, one_run) = (read(None), read(Some("run")));
    eprintln!(
        "append: median {:?}, p99 {:?}; 100,000 at once {bulk:?}; reading 100,000: {whole:?}, of one run {one_run:?}",
        latencies[100], latencies[197]
    );
    assert!(latencies[100] < Duration::from_millis(50), "{:?}", latencies[100]);
    assert!(whole < Duration::from_secs(3) && one_run < Duration::from_secs(3), "{whole:?} {one_run:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn evidence_is_verified_and_exported() {
    let server = Server::new();
    let empty = server.run(&["evidence", "verify"], "");
    assert!(empty.status.success() && text(&empty.stdout).starts_with("0 events"), "{}", text(&empty.stdout));
    assert!(!server.project().join(".maestro").exists(), "reading creates nothing");
    let store = SqliteStore::new(server.project().join(".maestro"));
    for run in ["a", "b", "a"] {
        store.append(Expected::Any, run, 7, &[record(run, "{\"x\": 1.0, \"x\": 2}".into())]).unwrap();
    }
    let events = store.read_since(0, None, 10).unwrap();
    let verified = server.run(&["evidence", "verify"], "");
    let said = text(&verified.stdout);
    assert!(
        verified.status.success() && said.contains("3 events") && said.contains(&events[2].hash),
        "{said}"
    );
    let exported = server.run(&["evidence", "export"], "");
    let lines: Vec<Stored> =
        text(&exported.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, events, "the export has everything that a check of it needs");
    let one = text(&server.run(&["evidence", "export", "--run", "a"], "").stdout);
    let seqs: Vec<Value> =
        one.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].clone()).collect();
    assert_eq!(seqs, [1, 3]);
}

#[test]
fn a_noted_hash_shows_what_a_chain_cannot() {
    let server = Server::new();
    let store = SqliteStore::new(server.project().join(".maestro"));
    for number in 0..3 {
        store.append(Expected::Any, "a", 7, &[record("a", number.to_string())]).unwrap();
    }
    let events = store.read_since(0, None, 10).unwrap();
    let expect = |hash: &str| server.run(&["evidence", "verify", "--expect", hash], "");
    let noted = expect(&events[1].hash);
    assert!(noted.status.success());
    assert!(text(&noted.stdout).contains("event 2; 1 event since"), "{}", text(&noted.stdout));
    assert!(expect(&events[2].hash.to_uppercase()).status.success());
    drop(store);
    let file = rusqlite::Connection::open(server.project().join(".maestro/maestro.db")).unwrap();
    file.execute_batch("DROP TRIGGER event_is_never_removed; DELETE FROM event WHERE seq = 3").unwrap();
    file.close().unwrap();
    assert!(server.run(&["evidence", "verify"], "").status.success(), "the chain alone is whole");
    let cut = expect(&events[2].hash);
    assert_eq!(cut.status.code(), Some(1));
    assert!(text(&cut.stderr).contains("cut off"), "{}", text(&cut.stderr));
    let file = rusqlite::Connection::open(server.project().join(".maestro/maestro.db")).unwrap();
    file.execute_batch("DELETE FROM event WHERE seq = 1").unwrap();
    let broken = server.run(&["evidence", "verify"], "");
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("event 1: it is missing"), "{}", text(&broken.stderr));
}

#[test]
fn evidence_follows_the_trace_directory() {
    let server = Server::new().env("MAESTRO_TRACE_DIR", "records/maestro");
    let store = SqliteStore::new(server.project().join("records/maestro"));
    store.append(Expected::Any, "a", 7, &[record("a", "1".into())]).unwrap();
    assert!(text(&server.run(&["evidence", "verify"], "").stdout).contains("1 event,"));
    std::fs::write(server.project().join("records/maestro/maestro.db"), "something else").unwrap();
    let damaged = server.run(&["evidence", "verify"], "");
    assert_eq!(damaged.status.code(), Some(1));
    assert!(text(&damaged.stderr).contains("store_corrupt"), "{}", text(&damaged.stderr));
}

#[test]
fn a_server_that_records_nothing_makes_nothing() {
    let mut client = Server::new().start();
    client.call("maestro_list_providers", serde_json::json!({}));
    client.request("tools/list", serde_json::json!({}));
    assert!(!client.project().join(".maestro").exists());
}

/// The second start checks nothing again. The test counts the processor time of the server, which other
/// processes do not change.
#[test]
fn a_hundred_thousand_events_are_opened_faster_once_they_were_seen() {
    let server = Server::new();
    many::fill(&server.project().join(".maestro"));
    let mut client = server.own_log().start();
    let look = |client: &mut Client| {
        let before = client.processor_ms();
        let result = client.call("maestro_workflow_state", json!({}));
        assert_eq!(result["ok"], true, "{result}");
        client.processor_ms() - before
    };
    let first = look(&mut client);
    let mut openings: Vec<u64> = (0..3)
        .map(|_| {
            client.restart();
            look(&mut client)
        })
        .collect();
    openings.sort_unstable();
    let when_open = look(&mut client);
    eprintln!(
        "{} events: {first} ms the first time, then {openings:?} ms, {when_open} ms when open",
        many::EVENTS
    );
    assert!(openings[0] * 10 < first * 9, "{openings:?} ms, and {first} ms with every hash checked");
    // An optimized build takes a fifth of this.
    assert!(openings[0] < 3_000 && when_open < 100, "{openings:?} ms, {when_open} ms");
}
