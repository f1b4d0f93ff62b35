//! The main flows with a consultant that never says a thing the same way twice. A failure shows its seed;
//! `MAESTRO_TEST_SEED` repeats it.

use serde_json::json;

use crate::harness::{Client, Server, fake_cli, scripted};
use crate::workflow::{
    FIRST_DIFF, SECOND_DIFF, approve, begin, broken, hand_in, pass, patch, stage, state, verify,
};

/// The seeds that are tried.
fn seeds() -> Vec<u64> {
    match std::env::var("MAESTRO_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![3, 17, 2026],
    }
}

/// A server whose codex varies by a seed.
fn varying(seed: u64) -> Server {
    eprintln!("MAESTRO_TEST_SEED={seed}");
    let server = Server::new();
    let beside = server.project().parent().unwrap().join("fake");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bin/varying.py");
    let command = format!(
        "/usr/bin/env python3 {script} {seed} {0}/count {1} --as codex --log {0}/codex.log --state {0}/codex.state",
        beside.display(),
        fake_cli().display(),
    );
    server.env("MAESTRO_CODEX_CMD", &command).env("MAESTRO_SANDBOX", "off").env("MAESTRO_LATE_START", "true")
}

fn started(seed: u64) -> Client {
    varying(seed).start()
}

#[test]
fn an_answer_is_the_same_answer_however_it_is_said() {
    for seed in seeds() {
        let mut client = started(seed);
        for _ in 0..4 {
            let asked = scripted(json!({ "text": "the divisor is a constant" }));
            let result = client.call("maestro_consult", json!({ "prompt": asked }));
            assert_eq!(result["ok"], true, "{result}");
            assert_eq!(result["content"], "the divisor is a constant", "{result}");
        }
        let asked =
            json!({ "task": scripted(json!({ "text": "the divisor is a constant" })), "n_per_provider": 3 });
        let result = client.call("maestro_ensemble_generate", asked);
        assert_eq!((&result["ok"], &result["count"]), (&json!(true), &json!(3)), "{result}");
    }
}

#[test]
fn votes_for_the_same_count_together() {
    for seed in seeds() {
        let mut client = started(seed);
        let plain = json!({ "question": scripted(json!({ "text": "B" })), "k": 3 });
        let result = client.call("maestro_consensus_vote", plain);
        assert_eq!((&result["ok"], &result["winner"]), (&json!(true), &json!("B")), "{result}");
        let document = json!({ "line": 2, "kind": "divisor" }).to_string();
        let asked =
            json!({ "question": scripted(json!({ "text": document })), "k": 3, "require_json": true });
        let result = client.call("maestro_consensus_vote", asked);
        assert_eq!((&result["ok"], &result["stop_reason"]), (&json!(true), &json!("unanimous")), "{result}");
    }
}

#[test]
fn a_run_goes_through_all_stages() {
    for seed in seeds() {
        let mut client = broken(varying(seed)).start();
        begin(&mut client);
        for name in ["analyze", "hypothesize", "implement"] {
            pass(&mut client, name);
        }
        assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
        verify(&mut client);
        // The first rounds of debug are the orchestrator's own.
        stage(&mut client, "debug");
        let request = hand_in(&mut client, "debug")["request_id"].as_str().unwrap().to_owned();
        approve(&mut client, &request);
        assert_eq!(patch(&mut client, SECOND_DIFF)["ok"], true);
        verify(&mut client);
        pass(&mut client, "improve");
        assert_eq!(state(&mut client)["state"], "complete");
    }
}
