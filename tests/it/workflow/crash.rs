//! Servers that are killed at random points of a run. Acknowledged work must be in the log, the log must be
//! whole, and the run must go on to its end.

use std::collections::BTreeSet;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::{FIRST_DIFF, SECOND_DIFF, arguments, outputs, project};
use crate::harness::{Client, Seeded, Server};

/// Number of servers of a run that may be killed. The next server is left alone.
const LIVES: u32 = 10;

/// Facts that a server has acknowledged.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// Texts in the log: ids of runs, requests, backups and checks.
    pub(crate) texts: BTreeSet<String>,
    /// Id of the run.
    run: Option<String>,
    /// Requests that were approved.
    approved: BTreeSet<String>,
    /// The log as it was seen last.
    lines: Vec<String>,
}

impl Acknowledged {
    fn note(&mut self, reply: &Value) {
        for at in
            ["/workflow_id", "/request_id", "/approval/request_id", "/backup_session", "/verification_id"]
        {
            if let Some(Value::String(text)) = reply.pointer(at) {
                self.texts.insert(text.clone());
            }
        }
        if let Value::String(run) = &reply["workflow_id"] {
            self.run.get_or_insert_with(|| run.clone());
        }
        if reply["status"] == "approved" {
            self.approved.insert(reply["request_id"].as_str().unwrap().to_owned());
        }
    }

    fn check(&mut self, server: &Server, what: &str) {
        super::assert_whole(server);
        let exported = String::from_utf8(server.run(&["evidence", "export"], "").stdout).unwrap();
        let lines: Vec<String> = exported.lines().map(str::to_owned).collect();
        assert!(lines.starts_with(&self.lines), "{what}: the log lost something");
        for text in &self.texts {
            assert!(exported.contains(text.as_str()), "{what}: {text} was acknowledged");
        }
        let decided: Vec<String> = super::events(server)
            .into_iter()
            .filter(|(kind, body)| kind == "approval_decided" && body["data"]["decision"] == "approve")
            .map(|(_, body)| body["data"]["request"].as_str().unwrap().to_owned())
            .collect();
        for request in &self.approved {
            let times = decided.iter().filter(|known| *known == request).count();
            assert_eq!(times, 1, "{what}: the approval of {request} was acknowledged");
        }
        self.lines = lines;
    }
}

fn call(seen: &mut Acknowledged, client: &mut Client, tool: &str, arguments: Value) -> Option<Value> {
    let reply = client.call_unless_gone(tool, arguments)?;
    seen.note(&reply);
    Some(reply)
}

/// Does the next step of the run, whatever came before. Returns true if the run is complete, and None if the
/// server is gone.
pub(crate) fn step(client: &mut Client, seen: &mut Acknowledged) -> Option<bool> {
    let which = seen.run.clone().map_or_else(|| json!({}), |run| json!({ "workflow_id": run }));
    let run = call(seen, client, "maestro_workflow_state", which)?["workflow"].clone();
    let Some(state) = run["state"].as_str() else {
        call(seen, client, "maestro_workflow_with_hitl", json!({ "task": "mend the mean" }))?;
        return Some(false);
    };
    let stage = run["current_stage"].as_str().unwrap_or_default().to_owned();
    match state.split('(').next().unwrap() {
        "complete" => return Some(true),
        "awaiting_approval" => {
            let reply = call(
                seen,
                client,
                "maestro_submit_approval",
                json!({ "request_id": run["pending_request"], "approved": true }),
            )?;
            assert_eq!(reply["status"], "approved", "{reply}");
        }
        "ready" if stage == "debug" && !(run["debug_iteration"] == 0 && is_checked(&run)) => {
            let text = std::fs::read_to_string(client.project().join("mean.py")).unwrap();
            if text.contains("/ 2") {
                call(seen, client, "maestro_apply_patch", json!({ "patch": FIRST_DIFF }))?;
            } else if is_checked(&run) && text.contains("/ 4") {
                call(seen, client, "maestro_apply_patch", json!({ "patch": SECOND_DIFF }))?;
            } else {
                call(
                    seen,
                    client,
                    "maestro_verify",
                    json!({ "commands": [{ "command": "python3 -B -m unittest" }] }),
                )?;
            }
        }
        "ready" | "running" | "revising" => {
            let reply = call(seen, client, "maestro_run_stage_with_approval", arguments(&stage))?;
            assert_eq!(reply["ok"], true, "{reply}");
            if reply["mode"] == "solo" {
                call(
                    seen,
                    client,
                    "maestro_request_approval",
                    json!({ "stage": stage, "outputs": outputs(&stage) }),
                )?;
            }
        }
        other => panic!("{other}: {run}"),
    }
    Some(false)
}

fn is_checked(run: &Value) -> bool {
    run["verification"]["after_last_change"] == true
}

/// Kills a process after a pause.
pub(crate) fn kill_after(pid: u32, pause: Duration) -> JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(pause);
        let killed = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        assert!(killed.unwrap().success());
    })
}

/// Does a run whose servers are killed, up to `kills` times. Returns the number of kills.
fn run(seed: u64, kills: u32) -> u32 {
    let mut random = Seeded(seed);
    let first = project();
    let mut seen = Acknowledged::default();
    let most = kills.min(LIVES);
    for life in 0..=most {
        let what = format!("seed {seed}, life {life}");
        let mut client = first.beside().start();
        let killer = (life < most).then(|| kill_after(client.pid(), random.pause(700)));
        let mut steps = 0;
        let is_complete = loop {
            match step(&mut client, &mut seen) {
                Some(true) => break true,
                Some(false) => steps += 1,
                None => break false,
            }
            assert!(steps < 60, "{what}: it does not come to its end");
        };
        let was_killed = killer.is_some();
        if let Some(killer) = killer {
            killer.join().unwrap();
        }
        drop(client);
        seen.check(&first, &what);
        assert!(is_complete || was_killed, "{what}: the server went away by itself");
        if is_complete {
            let text = std::fs::read_to_string(first.project().join("mean.py")).unwrap();
            assert!(text.contains("len(numbers)"), "{what}: {text}");
            return life + u32::from(was_killed);
        }
    }
    panic!("seed {seed}: the last life was left alone, and the run is not complete");
}

#[test]
fn kills_at_random_points_lose_nothing() {
    // `make soak` sets a larger number.
    let wanted: u32 = std::env::var("MAESTRO_SOAK_KILLS").map_or(20, |count| count.parse().unwrap());
    let (mut killed, mut seed) = (0, 20_261_121);
    while killed < wanted {
        killed += run(seed, wanted - killed);
        seed += 1;
    }
}
