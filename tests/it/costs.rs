//! Tokens and money: the breakdown, unknown amounts, and caps that are never exceeded.

use serde_json::{Value, json};

use crate::harness::{Client, Server, scripted, three};

/// The user's own prices, in dollars per million tokens.
const PRICES: &str = "date: 2026-11-01\nsource: a test\nmodels:\n- { provider: codex, model: known-model, input: 1000, output: 10000 }\n- { provider: gemini, model: known-flash, input: 2000, output: 2000 }\n";

/// A plain text CLI, which reports no tokens.
const OWN: &str = "providers:\n  own:\n    command: own\n    enabled: true\n    template:\n      args: []\n      answer: text\n";

fn ask(client: &mut Client, provider: &str, more: Value) -> Value {
    let mut arguments = json!({ "prompt": "why?", "provider": provider });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.call("maestro_consult", arguments)
}

fn cost(client: &mut Client, arguments: Value) -> Value {
    let metrics = client.call("maestro_get_metrics", arguments);
    assert_eq!(metrics["ok"], true, "{metrics}");
    metrics["cost"].clone()
}

fn named<'a>(cost: &'a Value, split: &str, name: &str) -> &'a Value {
    let rows = cost[split].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {split}: {cost}"))
}

#[test]
fn tokens_and_money_are_split_by_model_provider_stage_and_thread() {
    let mut client = three().user_file("prices.yaml", PRICES).start();
    let first = ask(&mut client, "codex", json!({ "model": "known-model" }));
    let thread = first["thread"].as_str().unwrap().to_owned();
    ask(&mut client, "codex", json!({ "model": "known-model", "thread": thread }));
    ask(&mut client, "claude", json!({}));
    ask(&mut client, "codex", json!({ "model": "nobody-knows-it" }));
    let cost = cost(&mut client, json!({}));
    // codex reports 11 sent and 7 received tokens; claude reports its own cost.
    let known = named(&cost, "by_model", "known-model");
    assert_eq!(
        (&known["calls"], &known["input_tokens"], &known["output_tokens"]),
        (&json!(2), &json!(22), &json!(14)),
        "{cost}"
    );
    let priced = 2.0 * (11.0 * 0.001 + 7.0 * 0.01);
    assert!((known["cost_usd"].as_f64().unwrap() - priced).abs() < 1e-9, "{known}");
    assert_eq!((&known["told_usd"], &known["calls_without_cost"]), (&json!(null), &json!(0)), "{known}");
    let claude = named(&cost, "by_provider", "claude");
    assert_eq!((&claude["told_usd"], &claude["priced_usd"]), (&json!(0.25), &json!(null)), "{claude}");
    let in_thread = named(&cost, "by_thread", &thread);
    assert_eq!(in_thread["calls"], 2, "{cost}");
    // Calls without a price are counted separately, and no sum includes them.
    assert_eq!(cost["models_without_price"], json!(["nobody-knows-it"]), "{cost}");
    assert_eq!(named(&cost, "by_model", "nobody-knows-it")["cost_usd"], json!(null), "{cost}");
    assert_eq!(cost["total"]["calls_without_cost"], 1, "{cost}");
    assert!((cost["total"]["cost_usd"].as_f64().unwrap() - priced - 0.25).abs() < 1e-9, "{cost}");
    assert_eq!(cost["prices"][0], json!({ "date": "2026-11-01", "source": "a test" }));
    assert!(cost["prices"][1]["date"].as_str().unwrap().starts_with("20"), "{cost}");
    // The terminal and the figures of the last days agree.
    let shown = client.server.run(&["metrics", "--all"], "");
    let text = String::from_utf8(shown.stdout).unwrap();
    for words in ["Cost by model", "known-model", "Cost by thread", "nobody-knows-it", "a test (2026-11-01)"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let days = client.call("maestro_get_metrics", json!({ "days": 7 }));
    assert_eq!(
        (&days["scope"], &days["cost"]["total"]),
        (&json!({ "kind": "days", "id": 7 }), &cost["total"])
    );
    assert_eq!(client.call("maestro_get_metrics", json!({ "days": 0 }))["code"], "invalid_arguments");
}

#[test]
fn what_a_cli_does_not_tell_is_estimated_and_kept_apart() {
    let config = OWN;
    let mut client = Server::new().user_file("cli_clients.yaml", config).fake("own", "text").start();
    let answered = ask(&mut client, "own", json!({}));
    assert_eq!(answered["ok"], true, "{answered}");
    let cost = cost(&mut client, json!({}));
    let total = &cost["total"];
    assert_eq!((&total["input_tokens"], &total["cost_usd"]), (&json!(null), &json!(null)), "{total}");
    assert_eq!(
        (&total["calls_without_tokens"], &total["calls_without_cost"]),
        (&json!(1), &json!(1)),
        "{total}"
    );
    assert!(total["estimated_tokens"].as_u64().unwrap() > 0, "{total}");
    assert!(cost["notes"].to_string().contains("did not report all tokens"), "{cost}");
}

#[test]
fn a_cap_on_the_tokens_of_a_day_is_refused_before_it_is_passed_by_every_server() {
    let server = three().env("MAESTRO_CAP_DAY_TOKENS", "13000");
    let mut client = server.start();
    // No answer's length is known yet, so an answer is estimated at 4,000 tokens.
    let first = ask(&mut client, "codex", json!({}));
    assert_eq!(first["ok"], true, "{first}");
    let listed = client.call("maestro_list_providers", json!({}));
    let cap = &listed["caps"][0];
    assert_eq!(
        (&cap["cap"], &cap["limit"], &cap["spent"]),
        (&json!("day_tokens"), &json!(13_000), &json!(18)),
        "{listed}"
    );
    assert_eq!(cap["reserved"], 0);
    // The tokens of codex are known now; gemini and claude are estimated from all calls.
    let asked: Vec<Value> = (0..3).map(|_| ask(&mut client, "codex", json!({}))).collect();
    assert!(asked.iter().all(|one| one["ok"] == true), "{asked:?}");
    let large = "x".repeat(60_000);
    let mut other = client.server.beside().start();
    let refused = ask(&mut other, "codex", json!({ "prompt": large }));
    assert_eq!(refused["code"], "cap_reached", "{refused}");
    let said = refused["error"].as_str().unwrap();
    assert!(said.contains("tokens of a day (72 tokens of 13,000 tokens spent"), "{said}");
    let hint = refused["hint"].as_str().unwrap();
    assert!(hint.contains("caps.day_tokens") && hint.contains("MAESTRO_CAP_DAY_TOKENS"), "{hint}");
    assert_eq!((other.log("codex").len(), &refused["retryable"]), (4, &json!(false)), "no CLI was started");
    // Four parallel consults all start or none does: each reserves its estimate.
    let several = client.call(
        "maestro_ensemble_generate",
        json!({ "task": "why?", "providers": ["gemini", "claude"], "n_per_provider": 2 }),
    );
    assert_eq!(several["code"], "cap_reached", "{several}");
    assert_eq!((client.log("gemini").len(), client.log("claude").len()), (0, 0));
    let checked = client.server.run(&["check"], "");
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(text.contains("cap on tokens of a day: 72 tokens of 13,000 tokens spent"), "{text}");
}

#[test]
fn a_cap_on_the_dollars_of_a_run_holds_for_the_run_alone() {
    let server = three().user_file("prices.yaml", PRICES).env("MAESTRO_CAP_RUN_USD", "50");
    let mut client = server.start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let run = run["workflow_id"].as_str().unwrap().to_owned();
    let in_run = json!({ "model": "known-model", "workflow_id": run });
    // An answer of 4,000 tokens would be 40 dollars; the real one is 8 cents.
    let first = ask(&mut client, "codex", in_run.clone());
    assert_eq!(first["ok"], true, "{first}");
    let cap = &cost(&mut client, json!({}))["caps"][0];
    assert_eq!((&cap["cap"], &cap["spent"]), (&json!("run_usd"), &json!(0.081)), "{cap}");
    // A question of 240,000 letters is 60 dollars.
    let large = json!({ "prompt": "x".repeat(240_000), "model": "known-model", "workflow_id": run });
    let refused = ask(&mut client, "codex", large.clone());
    assert_eq!(refused["code"], "cap_reached", "{refused}");
    assert!(
        refused["error"].as_str().unwrap().contains("dollars of a run ($0.0810 of $50.00 spent"),
        "{refused}"
    );
    assert!(refused["hint"].as_str().unwrap().contains(&run), "{refused}");
    assert_eq!(client.log("codex").len(), 1);
    // Outside of the run nothing is capped.
    let mut outside = large;
    outside.as_object_mut().unwrap().remove("workflow_id");
    assert_eq!(ask(&mut client, "codex", outside)["ok"], true);
    let budget = client.call("maestro_workflow_state", json!({ "workflow_id": run }));
    assert_eq!(budget["workflow"]["budget"]["used"], 1, "a refused consult is not counted: {budget}");
}

#[test]
fn a_cap_on_the_tokens_of_a_run_holds_for_the_run_alone() {
    let mut client = three().env("MAESTRO_CAP_RUN_TOKENS", "13000").start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let run = run["workflow_id"].as_str().unwrap().to_owned();
    let mut large = json!({ "prompt": "x".repeat(60_000), "workflow_id": run });
    let refused = ask(&mut client, "codex", large.clone());
    assert_eq!(refused["code"], "cap_reached", "{refused}");
    assert!(refused["error"].as_str().unwrap().contains("tokens of a run"), "{refused}");
    large.as_object_mut().unwrap().remove("workflow_id");
    assert_eq!(ask(&mut client, "codex", large)["ok"], true);
}

#[test]
fn a_cap_in_dollars_refuses_whom_nobody_knows_the_price_of() {
    let config = OWN;
    let server =
        three().user_file("cli_clients.yaml", config).fake("own", "text").env("MAESTRO_CAP_DAY_USD", "5");
    let mut client = server.start();
    let refused = ask(&mut client, "own", json!({}));
    assert_eq!(refused["code"], "price_unknown", "{refused}");
    let hint = refused["hint"].as_str().unwrap();
    assert!(
        hint.contains("prices.yaml") && hint.contains("provider: own") && hint.contains("caps.day_tokens"),
        "{hint}"
    );
    assert_eq!(client.log("own").len(), 0);
    // If the CLI chooses its model, the highest price of the provider counts.
    let codex = ask(&mut client, "codex", json!({}));
    assert_eq!(codex["ok"], true, "{codex}");
    let cap = &cost(&mut client, json!({}))["caps"][0];
    assert!(cap["spent"].as_f64().unwrap() > 0.0, "a call with an unknown model is not free: {cap}");
    // The understudy is free, so no cap stops it.
    assert_eq!(ask(&mut client, "understudy", json!({}))["ok"], true);
    // A price of the user's own lets it run.
    let priced = client
        .server
        .beside()
        .user_file("prices.yaml", "models:\n- { provider: own, model: '*', input: 1, output: 1 }\n");
    assert_eq!(ask(&mut priced.start(), "own", json!({}))["ok"], true);
}

#[test]
fn a_stage_and_a_vote_end_well_at_a_cap() {
    let mut client = three().env("MAESTRO_CAP_DAY_TOKENS", "6000").start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    assert_eq!(run["ok"], true, "{run}");
    let stage = client.call(
        "maestro_run_stage_with_approval",
        json!({ "stage": "analyze", "task": "why?", "providers": ["codex"], "context_facts": ["x".repeat(30_000)] }),
    );
    assert!(stage.to_string().contains("cap_reached"), "{stage}");
    let vote = client.call(
        "maestro_consensus_vote",
        json!({ "prompt": scripted(json!({ "text": "ANSWER: yes" })), "providers": ["codex"], "k": 2 }),
    );
    assert_eq!((&vote["code"], &vote["samples"]), (&json!("vote_over_budget"), &json!(0)), "{vote}");
    assert!(
        vote["error"]
            .as_str()
            .unwrap()
            .contains("the cap on tokens of a day (0 tokens of 6,000 tokens spent"),
        "{vote}"
    );
    assert_eq!(client.log("codex").len(), 0);
}

#[test]
fn a_cap_is_the_users_and_a_project_makes_it_smaller_only() {
    let project = |caps: &str| three().file(".maestro/maestro.yaml", caps);
    // In a project file that nobody has trusted, a smaller cap holds and a larger one does not.
    for (own, day) in [("caps: { day_tokens: 20 }", "4000000"), ("caps: { day_tokens: 9000000 }", "20")] {
        let mut client = project(own).env("MAESTRO_CAP_DAY_TOKENS", day).start();
        let refused = ask(&mut client, "codex", json!({}));
        assert_eq!(refused["code"], "cap_reached", "{own}: {refused}");
        assert!(refused["error"].as_str().unwrap().contains(" of 20 tokens spent"), "{refused}");
    }
    let trusted = project("caps: { day_tokens: 9000000 }").trusted().env("MAESTRO_CAP_DAY_TOKENS", "20");
    assert_eq!(ask(&mut trusted.start(), "codex", json!({}))["code"], "cap_reached");
    // A project cannot set prices, because low prices would make a cap worthless.
    let cheap = "models:\n- { provider: codex, model: '*', input: 0, output: 0 }\n";
    let cheap = three().file(".maestro/prices.yaml", cheap).trusted().env("MAESTRO_CAP_DAY_USD", "0.000001");
    assert_eq!(ask(&mut cheap.start(), "codex", json!({}))["code"], "cap_reached");
    for wrong in ["0", "-1", "free"] {
        let mut client = three().env("MAESTRO_CAP_DAY_USD", wrong).start();
        assert_eq!(ask(&mut client, "codex", json!({}))["code"], "config_invalid", "{wrong}");
    }
    let mut client = three().user_file("maestro.yaml", "caps: { run_usd: 0 }").start();
    let refused = ask(&mut client, "codex", json!({}));
    assert!(refused["error"].as_str().unwrap().contains("caps.run_usd must be above 0"), "{refused}");
}

#[test]
fn servers_side_by_side_never_pass_a_cap_together() {
    // Each estimate is 4,000 tokens, so two fit and a third does not.
    let server = three().env("MAESTRO_CAP_DAY_TOKENS", "9500");
    let mut clients: Vec<Client> = vec![server.start()];
    for _ in 0..2 {
        let beside = clients[0].server.beside().start();
        clients.push(beside);
    }
    let slow = scripted(json!({ "sleep": 2.0, "text": "late" }));
    let arguments = json!({ "prompt": slow, "provider": "codex" });
    let asked: Vec<_> =
        clients.iter_mut().map(|client| client.begin_call("maestro_consult", arguments.clone())).collect();
    let answers: Vec<Value> = clients.iter_mut().zip(asked).map(|(client, id)| client.result(id)).collect();
    let refused = answers.iter().filter(|one| one["code"] == "cap_reached").count();
    assert_eq!(refused, 1, "{answers:?}");
    assert_eq!(clients[0].log("codex").len(), 2);
}

/// A refusal by a cap names where the cap is set, how to raise it, and how much is spent.
#[test]
fn a_cap_that_is_reached_names_where_it_is_set_and_the_figures() {
    let words = |server: Server| {
        let mut client = server.start();
        let refused = ask(&mut client, "codex", json!({}));
        assert_eq!(refused["code"], "cap_reached", "{refused}");
        let listed = client.call("maestro_list_providers", json!({}))["caps"][0]["set_by"].clone();
        let shown = client.server.run(&["check"], "");
        let shown = String::from_utf8(shown.stdout).unwrap();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let set_by = listed.as_str().unwrap().to_owned();
        assert!(shown.contains(&format!("(set by {set_by})")), "{set_by}: {shown}");
        (set_by, refused["hint"].as_str().unwrap().to_owned())
    };
    let (set_by, hint) = words(three().env("MAESTRO_CAP_DAY_TOKENS", "20"));
    assert_eq!(set_by, "MAESTRO_CAP_DAY_TOKENS");
    assert!(hint.contains("set by MAESTRO_CAP_DAY_TOKENS: the user raises it there"), "{hint}");
    assert!(hint.contains("0 tokens of 20 tokens spent") && !hint.contains("has spent it"), "{hint}");
    let (set_by, hint) = words(three().user_file("maestro.yaml", "caps: { day_tokens: 20 }"));
    assert!(
        set_by.ends_with("maestro.yaml") && hint.contains(&format!("in {set_by}: the user raises")),
        "{hint}"
    );
    // The project's cap is the smaller one, so the user's setting does not raise it.
    let project = || three().file(".maestro/maestro.yaml", "caps: { day_tokens: 20 }");
    for server in [project(), project().env("MAESTRO_CAP_DAY_TOKENS", "4000000")] {
        let (set_by, hint) = words(server);
        assert_eq!(set_by, ".maestro/maestro.yaml");
        assert!(hint.contains("the project's, `caps.day_tokens` in .maestro/maestro.yaml"), "{hint}");
        assert!(hint.contains("MAESTRO_CAP_DAY_TOKENS does not raise it"), "{hint}");
    }
    // For the cap of a run, the hint gives the amount that the run has spent.
    let mut client = three().env("MAESTRO_CAP_RUN_TOKENS", "20").start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let refused = ask(&mut client, "codex", json!({ "workflow_id": run["workflow_id"] }));
    let hint = refused["hint"].as_str().unwrap();
    let begins = format!("The run {}: 0 tokens of 20 tokens spent", run["workflow_id"].as_str().unwrap());
    assert!(hint.contains(&begins) && !hint.contains("has spent it"), "{hint}");
}

/// The result names the model that answered beside the requested one, and the figures count its cost for
/// the stage.
#[test]
fn what_a_stage_and_a_model_took_is_told_by_who_answered() {
    let mut client = three().user_file("prices.yaml", PRICES).env("MAESTRO_SANDBOX", "off").start();
    let run = client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let run = run["workflow_id"].as_str().unwrap().to_owned();
    let served = scripted(json!({ "served": "known-flash", "text": "yes" }));
    for _ in 0..2 {
        let answered =
            ask(&mut client, "gemini", json!({ "prompt": served, "model": "an-alias", "workflow_id": run }));
        assert_eq!(
            (&answered["model"], &answered["model_asked"]),
            (&json!("known-flash"), &json!("an-alias")),
            "{answered}"
        );
    }
    ask(&mut client, "claude", json!({ "prompt": "elsewhere" }));
    let metrics = client.call("maestro_get_metrics", json!({}));
    let models = &metrics["metrics"]["provider_stats"]["gemini"]["models"];
    assert_eq!(
        *models,
        json!([{ "model": "known-flash", "model_asked": "an-alias", "calls": 2 }]),
        "{metrics}"
    );
    // The price is that of the model that answered, not of the alias in the request.
    let cost = cost(&mut client, json!({}));
    let analyze = named(&cost, "by_stage", "analyze");
    assert_eq!(analyze["calls"], 2, "{cost}");
    let flash = named(&cost, "by_model", "known-flash");
    assert_eq!(flash["calls"], 2, "{cost}");
    let (input, output) = (flash["input_tokens"].as_f64().unwrap(), flash["output_tokens"].as_f64().unwrap());
    assert!((flash["cost_usd"].as_f64().unwrap() - (input + output) * 0.002).abs() < 1e-9, "{flash}");
    let of_stage = analyze["cost_usd"].as_f64().unwrap();
    assert!((of_stage - flash["cost_usd"].as_f64().unwrap()).abs() < 1e-9, "{analyze} {flash}");
}
