//! An approval covers the change that was shown: a run applies only this change, and the next report shows
//! each later one.

use serde_json::{Value, json};

use super::{
    FIRST_DIFF, SECOND_DIFF, approve, assert_refused, begin, hand_in, outputs, pass, patch, project,
    request_of, stage, verify,
};
use crate::harness::Client;

fn content(client: &Client) -> String {
    std::fs::read_to_string(client.project().join("mean.py")).unwrap()
}

fn up_to_implement(client: &mut Client) {
    begin(client);
    for name in ["analyze", "hypothesize", "implement"] {
        pass(client, name);
    }
}

/// Submits a round of debug with a change.
fn propose(client: &mut Client, diff: &str) -> Value {
    let mut outputs = outputs("debug");
    outputs["change"] = json!({ "diff": diff });
    client.call("maestro_request_approval", json!({ "stage": "debug", "outputs": outputs }))
}

#[test]
fn nothing_is_changed_before_implement_is_approved() {
    let mut client = project().start();
    // A change from outside of any run can be undone outside of any run.
    let before = patch(&mut client, &FIRST_DIFF.replace("/ 4", "/ 9"));
    let undo = json!({ "backup_session": before["backup_session"] });
    assert_eq!(client.call("maestro_restore_from_backup", undo.clone())["ok"], true);
    begin(&mut client);
    let was = content(&client);
    let refused = |client: &mut Client, at: &str, next: &str| {
        assert_refused(&patch(client, FIRST_DIFF), "change_not_approved", at, next);
        let restored = client.call("maestro_restore_from_backup", undo.clone());
        assert_refused(&restored, "change_not_approved", at, next);
        // Another server refuses the patch too, and a dry run is permitted.
        let mut other = client.server.beside().start();
        assert_refused(&patch(&mut other, FIRST_DIFF), "change_not_approved", at, next);
        let tried = client.call("maestro_apply_patch", json!({ "patch": FIRST_DIFF, "dry_run": true }));
        assert_eq!(tried["ok"], true, "{tried}");
    };
    refused(&mut client, "ready(analyze)", "maestro_request_approval");
    for name in ["analyze", "hypothesize"] {
        let reply = stage(&mut client, name);
        refused(&mut client, &format!("awaiting_approval({name})"), &request_of(&reply));
        approve(&mut client, &request_of(&reply));
    }
    refused(&mut client, "ready(implement)", "outputs.diff");
    let request = request_of(&stage(&mut client, "implement"));
    refused(&mut client, "awaiting_approval(implement)", &request);
    client.call(
        "maestro_submit_approval",
        json!({ "request_id": request, "approved": false, "revision_instructions": "smaller" }),
    );
    refused(&mut client, "revising(implement)", "maestro_run_stage_with_approval");
    assert_eq!(content(&client), was);
}

#[test]
fn the_first_change_is_the_approved_one() {
    let mut client = project().file("other.py", "x = 1\n").start();
    up_to_implement(&mut client);
    let was = content(&client);
    let more = format!("{FIRST_DIFF}--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n");
    let created = format!("{FIRST_DIFF}--- /dev/null\n+++ b/conf.py\n@@ -0,0 +1 @@\n+x = 2\n");
    let executable = FIRST_DIFF.replace(
        "--- a/mean.py",
        "diff --git a/mean.py b/mean.py\nold mode 100644\nnew mode 100755\n--- a/mean.py",
    );
    for (other, why) in [
        (FIRST_DIFF.replace("/ 4", "/ 5"), "mean.py"),
        (FIRST_DIFF.replace("/ 4\n", "/ 4 # \n"), "mean.py"),
        (more, "other.py is not in it"),
        (created, "conf.py is not in it"),
        (executable, "mean.py"),
        ("--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n".to_owned(), "mean.py is missing"),
    ] {
        let reply = patch(&mut client, &other);
        assert_refused(&reply, "change_differs", "ready(debug)", "outputs.change.diff");
        assert!(reply["error"].as_str().unwrap().contains(why), "{reply}");
    }
    assert_eq!(content(&client), was);
    // A round of debug that begins meanwhile does not permit another change.
    assert_eq!(stage(&mut client, "debug")["mode"], "solo");
    let reply = patch(&mut client, &FIRST_DIFF.replace("/ 4", "/ 5"));
    assert_refused(&reply, "change_differs", "running(debug)", "stage `debug`");
    // The same lines in another hunk are the same change.
    let cut = "--- a/mean.py\n+++ b/mean.py\n@@ -2 +2 @@\n-    return sum(numbers) / 2\n+    return sum(numbers) / 4\n";
    assert_eq!(patch(&mut client, cut)["ok"], true);
    let applied = super::events(&client.server).into_iter().rfind(|(kind, _)| kind == "changed").unwrap().1;
    assert!(applied["data"]["approved_by"].is_string(), "{applied}");
}

#[test]
fn the_same_lines_in_another_place_are_another_change() {
    let twice = "def a():\n    return 1\n\n\ndef b():\n    return 1\n";
    let mut client = project().file("two.py", twice).start();
    begin(&mut client);
    for name in ["analyze", "hypothesize"] {
        pass(&mut client, name);
    }
    let at = |line: u32, name: &str| {
        format!(
            "--- a/two.py\n+++ b/two.py\n@@ -{line},2 +{line},2 @@\n def {name}():\n-    return 1\n+    return 2\n"
        )
    };
    let mut outputs = outputs("implement");
    outputs["diff"] = json!(at(1, "a"));
    let asked = client.call("maestro_request_approval", json!({ "stage": "implement", "outputs": outputs }));
    approve(&mut client, asked["request_id"].as_str().unwrap());
    let reply = patch(&mut client, &at(5, "b"));
    assert_refused(&reply, "change_differs", "ready(debug)", "request");
    assert!(reply["error"].as_str().unwrap().contains("in another place"), "{reply}");
    assert_eq!(patch(&mut client, &at(1, "a"))["ok"], true);
}

#[test]
fn the_record_of_an_approval_holds_the_digest_of_the_change() {
    let mut client = project().start();
    up_to_implement(&mut client);
    let events = super::events(&client.server);
    let digests = |kind: &str| -> Vec<Value> {
        events
            .iter()
            .filter(|(known, _)| known == kind)
            .map(|(_, body)| body["data"]["change"].clone())
            .collect()
    };
    let (asked, decided) = (digests("approval_requested"), digests("approval_decided"));
    assert_eq!(asked, decided);
    assert!(asked[0].is_null() && asked[1].is_null(), "{asked:?}");
    assert_eq!(asked[2].as_str().unwrap().len(), 64);
    let history = client.call("maestro_get_approval_history", json!({}));
    assert_eq!(history["history"][0]["change_digest"], asked[2]);
}

#[test]
fn another_change_is_handed_in_as_debug() {
    let mut client = project().start();
    up_to_implement(&mut client);
    let better = FIRST_DIFF.replace("/ 4", "/ len(numbers)");
    assert_refused(
        &patch(&mut client, &better),
        "change_differs",
        "ready(debug)",
        "maestro_request_approval",
    );
    let asked = propose(&mut client, &better);
    let request = asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
    assert_refused(&patch(&mut client, &better), "approval_pending", "awaiting_approval(debug)", &request);
    approve(&mut client, &request);
    assert_eq!(patch(&mut client, &better)["ok"], true);
    assert_eq!(verify(&mut client)["ok"], true);
}

#[test]
fn an_implement_without_a_diff_approves_no_change() {
    let mut client = project().start();
    begin(&mut client);
    for name in ["analyze", "hypothesize"] {
        pass(&mut client, name);
    }
    let plan = json!({ "stage": "implement", "outputs": { "patch_plan": "as we said", "files_to_change": ["mean.py"] } });
    let asked = client.call("maestro_request_approval", plan);
    approve(&mut client, asked["request_id"].as_str().unwrap());
    let reply = patch(&mut client, FIRST_DIFF);
    assert_refused(&reply, "change_differs", "ready(debug)", "outputs.change.diff");
    let asked = propose(&mut client, FIRST_DIFF);
    approve(&mut client, asked["request_id"].as_str().unwrap());
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
}

#[test]
fn what_is_changed_in_debug_is_in_the_next_report() {
    let mut client = project().file("other.py", "x = 1\n").start();
    up_to_implement(&mut client);
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    verify(&mut client);
    assert_eq!(stage(&mut client, "debug")["mode"], "solo");
    let more =
        format!("{SECOND_DIFF}--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n-x = 1\n+x = 'a very odd line'\n");
    assert_eq!(patch(&mut client, &more)["ok"], true);
    assert_eq!(verify(&mut client)["ok"], true);
    let asked = hand_in(&mut client, "debug");
    let report = &asked["report"];
    let kinds: Vec<bool> =
        report["applied"].as_array().unwrap().iter().map(|it| it["approved_by"].is_string()).collect();
    assert_eq!(kinds, [true, false], "{report}");
    let risks = report["risks"].to_string();
    assert!(risks.contains("other.py was changed since the last report"), "{risks}");
    assert!(!risks.contains("mean.py was changed"), "{risks}");
    let display = asked["display"].as_str().unwrap();
    assert!(
        display.contains("CHANGED SINCE THE LAST REPORT (2)") && display.contains("a very odd line"),
        "{display}"
    );
    // While a person reads the report, nothing may change. A change that was shown is not shown again.
    let request = asked["request_id"].as_str().unwrap().to_owned();
    let reply = patch(&mut client, FIRST_DIFF);
    assert_refused(&reply, "approval_pending", "awaiting_approval(debug)", &request);
    approve(&mut client, &request);
    let improve = stage(&mut client, "improve");
    assert_eq!(improve["ok"], true, "{improve}");
    assert!(!improve["approval"]["display"].as_str().unwrap().contains("CHANGED SINCE"), "{improve}");
}

#[test]
fn what_is_undone_in_debug_is_in_the_next_report() {
    let mut client = project().start();
    up_to_implement(&mut client);
    let first = patch(&mut client, FIRST_DIFF);
    let undone =
        client.call("maestro_restore_from_backup", json!({ "backup_session": first["backup_session"] }));
    assert_eq!(undone["ok"], true, "{undone}");
    let report = hand_in(&mut client, "debug")["report"].clone();
    let kinds: Vec<&Value> = report["applied"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["applied", "rolled_back"], "{report}");
    assert!(!report["risks"].to_string().contains("was changed since"), "{report}");
}

#[test]
fn a_change_is_never_held_up_outside_a_run() {
    let mut client = project().start();
    let request = {
        begin(&mut client);
        request_of(&stage(&mut client, "analyze"))
    };
    client.call("maestro_submit_approval", json!({ "request_id": request, "approved": false }));
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
}

#[test]
fn what_acts_by_itself_is_a_risk_in_a_change_and_applied_once_it_is_approved() {
    let mut client = project().start();
    begin(&mut client);
    for name in ["analyze", "hypothesize"] {
        pass(&mut client, name);
    }
    let hook = "--- /dev/null\n+++ b/.husky/pre-commit\n@@ -0,0 +1 @@\n+make test\n";
    let change = format!("{FIRST_DIFF}{hook}");
    let mut outputs = outputs("implement");
    outputs["diff"] = json!(change);
    let asked = client.call("maestro_request_approval", json!({ "stage": "implement", "outputs": outputs }));
    let risks = asked["report"]["risks"].to_string();
    assert!(risks.contains("changes .husky/pre-commit: git hooks"), "{risks}");
    approve(&mut client, asked["request_id"].as_str().unwrap());
    assert_eq!(patch(&mut client, &change)["ok"], true);
    // Debug permits other changes, but not this kind.
    verify(&mut client);
    let other = hook.replace("pre-commit", "pre-push");
    assert_eq!(patch(&mut client, &other)["code"], "change_acts");
    let asked = propose(&mut client, &other);
    approve(&mut client, asked["request_id"].as_str().unwrap());
    assert_eq!(patch(&mut client, &other)["ok"], true);
}
