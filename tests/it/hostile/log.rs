//! Logs, backups and journals that this user did not write, that are older than their mark, or that do not
//! fit.

use std::path::Path;

use maestro::testing::{EventStore as _, Expected, Record, SqliteStore};
use serde_json::{Value, json};

use crate::harness::{Client, Server, git, scripted};
use crate::workflow::{begin, pass, project};

const DIFF: &str = "--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-one\n+two\n";

fn database(server: &Server) -> rusqlite::Connection {
    rusqlite::Connection::open(server.project().join(".maestro/maestro.db")).unwrap()
}

/// A server with another home in the same project, as on another person's machine.
fn elsewhere(server: Server) -> Server {
    let home = server.project().parent().unwrap().join("other-home");
    std::fs::create_dir_all(&home).unwrap();
    server.env("HOME", home.to_str().unwrap())
}

/// Asserts that no gate opens: nothing is changed or decided, and the error has this code. A consult still
/// works, and its result says why.
fn opens_no_gate(client: &mut Client, code: &str) {
    std::fs::write(client.project().join("f.txt"), "one\n").unwrap();
    let consulted = client.call("maestro_consult", json!({ "prompt": scripted(json!({ "text": "hi" })) }));
    assert_eq!(
        (&consulted["ok"], &consulted["log_warning"]["code"]),
        (&json!(true), &json!(code)),
        "{consulted}"
    );
    let applied = client.call("maestro_apply_patch", json!({ "patch": DIFF }));
    assert_eq!((&applied["ok"], &applied["code"]), (&json!(false), &json!("log_unavailable")), "{applied}");
    assert_eq!(applied["log_warning"]["code"], code, "{applied}");
    assert_eq!(std::fs::read_to_string(client.project().join("f.txt")).unwrap(), "one\n");
    let begun = client.call("maestro_workflow_with_hitl", json!({ "task": "another" }));
    assert_eq!(begun["code"], code, "{begun}");
    let decided = client
        .call("maestro_submit_approval", json!({ "request_id": "x", "approved": true, "feedback": "y" }));
    // The log is not searched for the request.
    assert_eq!((&decided["ok"], &decided["code"]), (&json!(false), &json!(code)), "{decided}");
}

/// A project with a run whose first stage is approved.
fn with_run() -> Client {
    let mut client = project().start();
    begin(&mut client);
    pass(&mut client, "analyze");
    client.close();
    client
}

#[test]
fn a_log_that_git_tracks_is_not_honoured() {
    let client = with_run();
    let server = elsewhere(client.server.beside());
    git(&server.project(), &["init", "-q"]);
    git(&server.project(), &["add", "-f", ".maestro/maestro.db"]);
    git(&server.project(), &["commit", "-qm", "x"]);
    let mut client = server.start();
    opens_no_gate(&mut client, "store_foreign");
    let state = client.call("maestro_workflow_state", json!({}));
    assert!(state["error"].as_str().unwrap_or_default().contains("git tracks it"), "{state}");
}

/// The log is also refused if this user has never used Maestro before, so that nothing shows how old it is.
#[test]
fn a_log_that_came_with_a_project_is_not_honoured() {
    let shipped = with_run();
    let bytes = std::fs::read(shipped.project().join(".maestro/maestro.db")).unwrap();
    let server = project().file(".maestro/maestro.db", &bytes);
    let mut client = server.start();
    opens_no_gate(&mut client, "store_foreign");
    client.restart();
    opens_no_gate(&mut client, "store_foreign");
    let moved = elsewhere(shipped.server.beside());
    let mut client = moved.start();
    opens_no_gate(&mut client, "store_foreign");
    let verified = client.server.run(&["evidence", "verify"], "");
    assert!(verified.status.success(), "`evidence verify` still reads it");
}

/// A database that came with a project is refused before it costs anything, whatever it holds. The test
/// measures the processor time of the server, less the cost of a consult.
#[test]
fn a_database_that_came_with_a_project_costs_nothing() {
    const LONG: usize = 50_000_000;
    let row = |hash: &str, body: &str| {
        format!("INSERT INTO event VALUES (1, 'r', 1, 'run_started', {body}, 'x', {hash})")
    };
    let digits = "'0000000000000000000000000000000000000000000000000000000000000000'";
    let long = format!("hex(zeroblob({}))", LONG / 2);
    let endless = "WITH RECURSIVE t(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM t)";
    let tables: String = (0..20_000).map(|at| format!("CREATE TABLE t{at} (a, b, c);")).collect();
    let cases = [
        ("a body of 50 MB", row(digits, &long)),
        ("a hash of 50 MB", row(&long, "'{}'")),
        ("a view without an end", format!("DROP TABLE event; CREATE VIEW event AS {endless} SELECT seq, 'r' AS run, 1 AS at, 'k' AS kind, '{{}}' AS body, '' AS prev_hash, '' AS hash FROM t")),
        ("a generated column", "DROP TABLE event; CREATE TABLE event (seq INTEGER PRIMARY KEY, run, at, kind, body, prev_hash, hash GENERATED ALWAYS AS (hex(zeroblob(400000000))) VIRTUAL); INSERT INTO event (seq, run, at, kind, body, prev_hash) VALUES (1, 'r', 1, 'k', '{}', '')".to_owned()),
        ("a trigger of its own", format!("CREATE TRIGGER more BEFORE INSERT ON event BEGIN {endless} SELECT count(*) FROM t; END")),
        ("20,000 tables", format!("BEGIN; {tables} COMMIT")),
        ("200,000 events", format!("DROP TRIGGER event_follows_the_last; {endless} INSERT INTO event SELECT seq, 'r', 1, 'k', '{{}}', '', {digits} FROM t LIMIT 200000")),
    ];
    for (what, sql) in cases {
        let server = project();
        SqliteStore::new(server.project().join(".maestro"))
            .append(
                Expected::Any,
                "",
                1,
                &[Record { run: String::new(), kind: "k".into(), body: "{}".into() }],
            )
            .unwrap();
        let shipped = database(&server);
        // The author of the project wrote every event.
        shipped.execute_batch("DROP TRIGGER event_is_never_removed; DELETE FROM event;").unwrap();
        shipped.execute_batch(&sql).unwrap();
        shipped.close().unwrap();
        let mut client = server.start();
        client.call("maestro_help", json!({}));
        let before = client.processor_ms();
        let state = client.call("maestro_workflow_state", json!({}));
        assert_eq!(state["ok"], false, "{what}: {state}");
        let used = client.processor_ms() - before;
        let memory = client.most_memory_mb();
        eprintln!("{what}: {used} ms, {memory} MB, {}", state["code"]);
        assert!(used <= 500 && memory < 120, "{what}: {used} ms, {memory} MB");
        let applied = client.call("maestro_apply_patch", json!({ "patch": DIFF }));
        assert_eq!(applied["code"], "log_unavailable", "{what}: {applied}");
    }
}

#[test]
fn a_log_that_was_altered_in_place_opens_no_gate() {
    let client = with_run();
    let edit = database(&client.server);
    edit.execute_batch("DROP TRIGGER event_is_never_changed").unwrap();
    let changed = edit
        .execute("UPDATE event SET body = replace(body, '\"approve\"', '\"reject\"') WHERE kind = 'approval_decided'", [])
        .unwrap();
    assert!(changed > 0, "nothing to alter");
    drop(edit);
    let mut client = client.server.beside().start();
    opens_no_gate(&mut client, "store_corrupt");
}

#[test]
fn a_log_that_goes_back_opens_no_gate() {
    let client = with_run();
    let file = client.project().join(".maestro/maestro.db");
    let before = std::fs::read(&file).unwrap();
    let mut client = client.server.beside().start();
    pass(&mut client, "hypothesize");
    client.close();
    let after = std::fs::read(&file).unwrap();

    // The log goes back while no server runs.
    std::fs::write(&file, &before).unwrap();
    let mut other = client.server.beside().start();
    opens_no_gate(&mut other, "store_went_back");
    other.close();
    std::fs::write(&file, &after).unwrap();
    let mut other = client.server.beside().start();
    let state = other.call("maestro_workflow_state", json!({}));
    assert_eq!(
        (&state["workflow"]["current_stage"], state.get("log_warning")),
        (&json!("implement"), None),
        "{state}"
    );

    // The log goes back under a running server: the last events are removed, and the file stays the same.
    let edit = database(&client.server);
    edit.execute_batch("DROP TRIGGER event_is_never_removed; DELETE FROM event WHERE seq > 3").unwrap();
    drop(edit);
    opens_no_gate(&mut other, "store_went_back");
}

#[test]
fn a_newer_log_closes_the_gate_too() {
    let client = with_run();
    database(&client.server).execute_batch("PRAGMA user_version = 999").unwrap();
    let mut client = client.server.beside().start();
    opens_no_gate(&mut client, "store_newer");
}

#[test]
fn a_shipped_journal_and_a_shipped_backup_do_nothing() {
    let server = Server::new().file("f.txt", "one\n").file("g.txt", "mine\n");
    let mut maker = Server::new().file("f.txt", "evil\n").start();
    let applied = maker.call(
        "maestro_apply_patch",
        json!({ "patch": "--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-evil\n+one\n" }),
    );
    let session = applied["backup_session"].as_str().unwrap_or_else(|| panic!("{applied}")).to_owned();
    let from = maker.project().join(".maestro/backups").join(&session);
    let to = server.project().join(".maestro/backups").join(&session);
    std::fs::create_dir_all(to.parent().unwrap().join(".open")).unwrap();
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let manifest = std::fs::read_to_string(to.join("manifest.json")).unwrap();
    let root = |server: &Path| server.canonicalize().unwrap().display().to_string();
    let manifest = manifest.replace(&root(&maker.project()), &root(&server.project())).replace("420", "2541");
    std::fs::write(to.join("manifest.json"), manifest).unwrap();
    std::fs::write(to.parent().unwrap().join(".open").join(&session), "").unwrap();
    let mut client = server.start();
    let first = client.call("maestro_help", json!({ "topic": "overview" }));
    assert!(first["restored_after_crash"].to_string().contains("not written by this user"), "{first}");
    assert_eq!(client.call("maestro_help", json!({ "topic": "overview" })).get("restored_after_crash"), None);
    let restored = client.call("maestro_restore_from_backup", json!({ "backup_session": session }));
    assert_eq!(restored["ok"], false, "{restored}");
    assert!(restored.to_string().contains("not written by this user"), "{restored}");
    assert_eq!(std::fs::read_to_string(client.project().join("f.txt")).unwrap(), "one\n");
    // The user's own log still works.
    let own = client.call("maestro_apply_patch", json!({ "patch": DIFF }));
    let back: Value =
        client.call("maestro_restore_from_backup", json!({ "backup_session": own["backup_session"] }));
    assert_eq!(back["ok"], true, "{back}");
}

#[test]
fn the_log_stays_out_of_git_whatever_the_project_says() {
    let server = project().file(".maestro/.gitignore", "# nothing\n");
    git(&server.project(), &["init", "-q"]);
    let mut client = server.start();
    begin(&mut client);
    let status = git(&client.project(), &["status", "--porcelain", "-uall"]);
    assert!(!status.contains("maestro.db"), "{status}");

    let server = project().file(".maestro/.gitignore", "!*\n");
    git(&server.project(), &["init", "-q"]);
    let mut client = server.start();
    let begun = begin(&mut client);
    assert!(begun["log_in_git"].as_str().unwrap().contains("git would commit"), "{begun}");
}
