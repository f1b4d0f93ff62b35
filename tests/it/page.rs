//! The local page, through the built binary: who is admitted, the content, and the recorded events.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::http::{Asked, Browser, Response, form};
use crate::harness::{Answer, Client, Person, Server, shells};
use crate::workflow::{
    FIRST_DIFF, SECOND_DIFF, approve, arguments, begin, hand_in, outputs, patch, project, verify,
};

/// A server with a request that waits, a terminal with the page, and a browser in it.
struct Scene {
    client: Client,
    request: String,
    person: Person,
    browser: Browser,
}

impl Scene {
    fn new() -> Self {
        Self::of(Server::new(), analysis())
    }

    fn of(server: Server, outputs: Value) -> Self {
        let mut client = server.start();
        let stage = outputs["stage"].as_str().unwrap().to_owned();
        client.call("maestro_workflow_with_hitl", json!({ "task": "mend <the> mean", "start_stage": stage }));
        let asked = client.call("maestro_request_approval", outputs);
        let request = asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        let mut person = client.server.person(&["page"]);
        let (browser, _) = Browser::open(&address(&mut person));
        Self { client, request, person, browser }
    }

    fn path(&self) -> String {
        format!("decide/{}", self.request)
    }

    fn show(&self) -> Response {
        let shown = self.browser.get(&self.path());
        assert_eq!(shown.status, 200, "{}", shown.body);
        shown
    }

    /// Sends the shown form with these fields.
    fn send(&self, shown: &Response, fields: &[(&str, &str)]) -> Response {
        let hidden = ["request", "digest", "nonce"].map(|name| (name, shown.field(name)));
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend_from_slice(fields);
        self.browser.post(&self.path(), &all)
    }

    fn decisions(&self) -> Vec<Value> {
        self.client.events().into_iter().filter(|event| event["kind"] == "approval_decided").collect()
    }
}

fn address(person: &mut Person) -> String {
    person.reads("within 60 s.");
    let shown = person.screen();
    shown.lines().rev().find(|line| line.starts_with("http://127.0.0.1:")).unwrap().trim().to_owned()
}

fn analysis() -> Value {
    let fact = json!({ "fact": "mean([]) fails", "source": "a.py", "certainty": "high" });
    json!({ "stage": "analyze", "outputs": { "observations": [fact], "unknowns": ["why"] } })
}

#[test]
fn a_decision_on_the_page_is_one_event_with_what_was_shown() {
    let scene = Scene::new();
    let shown = scene.show();
    assert!(shown.body.contains("Is this analysis right?"), "{}", shown.body);
    assert!(shown.body.contains("mend &lt;the&gt; mean") && !shown.body.contains("mend <the>"));
    assert!(scene.decisions().is_empty());
    let began = Instant::now();
    let sent =
        scene.send(&shown, &[("decision", "approve"), ("feedback", "good"), ("q_analyze_accuracy", "1")]);
    let took = began.elapsed();
    assert_eq!(
        (sent.status, sent.header("location")),
        (303, Some(format!("{}{}", scene.browser.base, scene.path()).as_str()))
    );
    let decided = scene.decisions();
    assert_eq!(decided.len(), 1);
    let data = &decided[0]["data"];
    assert_eq!(
        (&data["decided_by"], &data["opened"], &data["feedback"]),
        (&json!("page"), &json!("terminal"), &json!("good")),
        "{data}"
    );
    assert_eq!(data["digest"], shown.field("digest"));
    assert_eq!(data["responses"]["analyze_accuracy"], "Most of them");
    assert_eq!(data["unanswered_critical"], json!(["analyze_completeness"]));
    assert!(took < Duration::from_millis(500), "{took:?}");
    let after = scene.browser.get(&scene.path());
    assert!(after.body.contains("on the page") && !after.body.contains("id=\"record\""), "{}", after.body);
    // The same form once more: nothing is recorded twice.
    let again = scene.send(&shown, &[("decision", "reject")]);
    assert_eq!(again.status, 409);
    assert!(again.body.contains("Somebody decided before you"), "{}", again.body);
    assert_eq!(scene.decisions().len(), 1);
}

#[test]
fn what_does_not_count_comes_back_with_what_was_typed() {
    let scene = Scene::new();
    let shown = scene.show();
    for (fields, status, says) in [
        (vec![("feedback", "hm <b>")], 422, "Choose approve, revise or reject"),
        (vec![("decision", "approve"), ("stray", "1"), ("feedback", "hm <b>")], 422, "Enter records nothing"),
        (vec![("decision", "yes"), ("feedback", "hm <b>")], 422, "Choose approve, revise or reject"),
        (vec![("decision", "revise"), ("feedback", " \r\n ")], 422, "A revision needs words"),
        (vec![("decision", "revise"), ("feedback", "\u{3164}\u{200b}")], 422, "A revision needs words"),
        (
            vec![("decision", "approve"), ("q_analyze_accuracy", "2"), ("feedback", "hm <b>")],
            422,
            "contradict your decision",
        ),
        (
            vec![("decision", "approve"), ("digest", "0000"), ("feedback", "hm <b>")],
            409,
            "shows an older report",
        ),
        (vec![("decision", "approve"), ("nonce", "0000"), ("feedback", "hm <b>")], 409, "from another visit"),
        (
            vec![("decision", "approve"), ("request", "0000"), ("feedback", "hm <b>")],
            409,
            "shows an older report",
        ),
    ] {
        let sent = scene.send(&shown, &fields);
        assert_eq!(sent.status, status, "{fields:?}");
        assert!(sent.body.contains(says), "{fields:?}: {}", sent.body);
        if fields.contains(&("feedback", "hm <b>")) {
            assert!(sent.body.contains("hm &lt;b&gt;</textarea>"), "{fields:?}: {}", sent.body);
        }
        assert!(scene.decisions().is_empty(), "{fields:?}");
    }
    // A comment can contradict the decision too.
    for said in ["Do not merge this, it is wrong <b>", "이건 틀렸습니다. 적용하지 마세요"] {
        let sent = scene.send(&shown, &[("decision", "approve"), ("feedback", said)]);
        assert_eq!(sent.status, 422, "{said}: {}", sent.body);
        assert!(sent.body.contains("contradict your decision") && sent.body.contains("your words"), "{said}");
        assert!(!sent.body.contains("wrong <b>") && scene.decisions().is_empty(), "{said}");
    }
    // After the page has asked back, the same answer counts.
    let back = scene.send(&shown, &[("decision", "approve"), ("q_analyze_accuracy", "2")]);
    assert_eq!(back.field("back"), "1");
    let sent = scene.send(&back, &[("decision", "approve"), ("q_analyze_accuracy", "2"), ("back", "1")]);
    assert_eq!(sent.status, 303);
    assert_eq!(scene.decisions().len(), 1);
}

#[test]
fn a_revision_carries_its_words() {
    let scene = Scene::new();
    let sent = scene.send(&scene.show(), &[("decision", "revise"), ("feedback", "shorter\r\n가")]);
    assert_eq!(sent.status, 303);
    assert_eq!(scene.decisions()[0]["data"]["revision_instructions"], "shorter\n가");
}

/// Letters of these languages join and part by marks that nobody sees.
#[test]
fn words_that_come_back_are_recorded_as_they_were_typed() {
    for words in [
        "👩\u{200d}💻 می\u{200c}خواهم <b>",
        "שלום\u{200f}! & \"a\u{ad}b\"",
        "❤\u{fe0f} it's",
        "\n\ntwo lines",
        "",
    ] {
        let scene = Scene::new();
        let back = scene.send(&scene.show(), &[("feedback", words)]);
        assert_eq!(back.status, 422, "{}", back.body);
        let area = back.body.split("id=\"feedback\"").nth(1).unwrap().split("</textarea>").next().unwrap();
        // HTML drops one line break at the beginning of the field.
        let mut typed = area.split_once(">\n").unwrap().1.to_owned();
        for (entity, letter) in
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        {
            typed = typed.replace(entity, letter);
        }
        assert_eq!(typed, words);
        if !words.is_empty() {
            assert_eq!(scene.send(&back, &[("decision", "revise"), ("feedback", &typed)]).status, 303);
            assert_eq!(scene.decisions()[0]["data"]["revision_instructions"], words.trim());
        }
    }
}

#[test]
fn every_field_takes_ten_thousand_letters_and_a_larger_form_is_refused_in_words() {
    let scene = Scene::new();
    let shown = scene.show();
    let words = "가".repeat(10_000);
    let huge = scene.send(&shown, &[("decision", "reject"), ("feedback", &"x".repeat(1_100_000))]);
    // The answer may come before the whole form was sent.
    assert!(
        huge.status == 0 || huge.status == 413 && huge.body.contains("This form is too large"),
        "{}",
        huge.body
    );
    assert!(scene.decisions().is_empty());
    let sent =
        scene.send(&shown, &[("decision", "reject"), ("feedback", &words), ("q_analyze_invariants", &words)]);
    assert_eq!(sent.status, 303, "{}", sent.body);
    assert_eq!(scene.decisions()[0]["data"]["feedback"], words);
}

#[test]
fn a_form_that_comes_after_the_end_of_its_run_says_so() {
    let scene = Scene::new();
    let shown = scene.show();
    let run = scene.client.events()[0]["run"].as_str().unwrap().to_owned();
    let path = format!("runs/{run}");
    let nonce = scene.browser.get(&path).field("nonce");
    // A reason that nobody sees is none.
    let unseen = scene.browser.post(&format!("{path}/stop"), &[("nonce", &nonce), ("why", "\u{3164}")]);
    assert_eq!(unseen.status, 422);
    assert_eq!(
        scene.browser.post(&format!("{path}/stop"), &[("nonce", &nonce), ("why", "enough")]).status,
        303
    );
    let late = scene.send(&shown, &[("decision", "approve"), ("feedback", "my words")]);
    assert_eq!(late.status, 409);
    assert!(
        late.body.contains("The run ended before you decided") && late.body.contains("my words"),
        "{}",
        late.body
    );
    assert!(!late.body.contains("Somebody decided before you"), "{}", late.body);
    assert!(scene.decisions().is_empty());
}

#[test]
fn a_look_by_head_uses_no_address_up() {
    let mut client = Server::new().start();
    client.call("maestro_request_approval", analysis());
    let mut person = client.server.person(&["page"]);
    let address = address(&mut person);
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (nobody, _) = Browser::open(&format!("http://{host}/{}/queue", path.split('/').next().unwrap()));
    let head = nobody.raw(&format!("/{path}"), &nobody.asked("HEAD"));
    assert_eq!((head.status, head.header("allow")), (405, Some("GET")), "{}", head.head);
    assert_eq!(Browser::open(&address).1.status, 200);
}

#[test]
fn only_in_implement_nothing_else_is_applied() {
    const ONLY: &str = "Applied only after your approval";
    let late = || Server::new().env("MAESTRO_LATE_START", "true");
    assert!(Scene::of(late(), implementation("return 0")).show().body.contains(ONLY));
    let diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+b\n";
    let debug = json!({ "error_analysis": "x", "next_action": { "type": "edit", "details": "y" }, "change": { "file": "a.py", "diff": diff } });
    let shown = Scene::of(late(), json!({ "stage": "debug", "outputs": debug })).show().body;
    assert!(shown.contains("other changes than this one may be applied") && !shown.contains(ONLY), "{shown}");
}

#[test]
fn the_figures_keep_their_scope_when_the_language_changes() {
    let scene = Scene::new();
    let run = scene.client.events()[0]["run"].as_str().unwrap().to_owned();
    for (asked, here) in [
        ("metrics?days=7".to_owned(), "metrics?days=7".to_owned()),
        (format!("metrics?run={run}"), format!("metrics?run={run}")),
        ("metrics?days=abc".to_owned(), "metrics".to_owned()),
        ("metrics?days=7&days=-1&x=y".to_owned(), "metrics".to_owned()),
    ] {
        let shown = scene.browser.get(&asked);
        assert_eq!((shown.status, shown.field("here")), (200, here.clone()), "{asked}: {}", shown.body);
        assert!(shown.body.contains("data-go=\"m\" aria-current=\"page\""), "{asked}");
        let sent =
            scene.browser.post("prefs", &[("seal", &shown.field("seal")), ("here", &here), ("lang", "en")]);
        assert_eq!(
            sent.header("location"),
            Some(format!("{}{here}", scene.browser.base).as_str()),
            "{asked}"
        );
    }
}

#[test]
fn a_stage_of_several_is_compared_once() {
    let mut client = project().start();
    begin(&mut client);
    let mut call = arguments("analyze");
    call["providers"] = json!(["gemini", "codex"]);
    let reply = client.call("maestro_run_stage_with_approval", call);
    assert_eq!(reply["mode"], "ensemble", "{reply}");
    let mut person = client.server.person(&["page"]);
    let (browser, _) = Browser::open(&address(&mut person));
    let rows = |browser: &Browser| browser.get("compare").body.matches("data-item").count();
    assert_eq!(rows(&browser), 1, "{}", browser.get("compare").body);
    let others = json!({ "prompt": "which one?", "providers": ["gemini", "codex"] });
    assert_eq!(client.call("maestro_ensemble_generate", others)["ok"], true);
    assert_eq!(rows(&browser), 2, "{}", browser.get("compare").body);
}

#[test]
fn a_vote_shows_what_won_and_what_was_discarded() {
    let answers = [
        "I do not know.",
        "Because it is fast.\\nANSWER: Redis <b>",
        "ANSWER: Postgres",
        "ANSWER: Redis <b>",
    ];
    let cases: String = answers
        .iter()
        .zip(1..)
        .map(|(answer, number)| format!("{number}) printf '{answer}\n';;\n"))
        .collect();
    let script = format!(
        "N=1; while ! mkdir \"$DIR/n$N\" 2>/dev/null; do N=$((N+1)); done\ncase $N in\n{cases}*) echo 'ANSWER: Redis <b>';;\nesac"
    );
    let mut client = shells(&[("one", &script)]).start();
    let vote =
        client.call("maestro_consensus_vote", json!({ "question": "x", "providers": ["one"], "k": 2 }));
    assert_eq!((&vote["ok"], &vote["red_flagged_count"]), (&json!(true), &json!(1)), "{vote}");
    let mut person = client.server.person(&["page"]);
    let (browser, _) = Browser::open(&address(&mut person));
    let noted = client.events().into_iter().find(|event| event.to_string().contains("stop_reason")).unwrap();
    let shown = browser.get(&format!("votes/{}", noted["id"].as_str().unwrap())).body;
    assert!(shown.contains("<p class=\"words\">“Redis &lt;b&gt;”</p>"), "{shown}");
    assert!(shown.contains("<span class=\"mono\">Postgres</span> <a href="), "{shown}");
    let letters = vote["total_valid_votes"].as_u64().unwrap();
    let tags = shown.matches("<span class=\"tag\">A</span>").count()
        + shown.matches("<span class=\"tag\">B</span>").count();
    assert_eq!(tags as u64, letters, "{shown}");
    assert_eq!(shown.matches("Discarded: forbidden_pattern").count(), 1, "{shown}");
}

#[test]
fn an_address_opens_once_and_for_its_browser_alone() {
    let mut scene = Scene::new();
    scene.person.types("");
    let address = address(&mut scene.person);
    let (browser, opened) = Browser::open(&address);
    assert_eq!(opened.status, 200);
    let cookie = opened.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", &format!("Path={}", browser.base)] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(browser.get("queue").status, 200);
    // The address does not open a second time, with a wrong token or without one.
    let token = address.split_once("t=").unwrap().1;
    for path in
        [format!("open?t={token}"), format!("open?t={}", "0".repeat(64)), "open?t=".into(), "open".into()]
    {
        let none = Browser { cookie: String::new(), ..browser.clone() };
        assert_eq!(none.get(&path).status, 403, "{path}");
    }
    // Without the cookie nothing is shown, decided, or streamed.
    let stranger = Browser { cookie: "maestro_0=0".into(), ..browser.clone() };
    for path in ["queue", "events", &scene.path()] {
        let shown = stranger.get(path);
        assert_eq!(shown.status, 403, "{path}");
        assert!(!shown.body.contains("mean"), "{path}");
    }
    let shown = scene.show();
    let fields = ["request", "digest", "nonce"].map(|name| (name, shown.field(name)));
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("decision", "approve"));
    assert_eq!(stranger.post(&scene.path(), &fields).status, 403);
    // A form works only for the visitor that got it.
    assert_eq!(browser.post(&scene.path(), &fields).status, 409);
    assert!(scene.decisions().is_empty());
    // Another prefix is another page.
    let elsewhere = Browser { base: format!("/{}/", "0".repeat(32)), ..browser };
    assert_eq!(elsewhere.get("queue").status, 404);
}

#[test]
fn other_hosts_and_origins_are_nobody() {
    let scene = Scene::new();
    let (browser, shown) = (&scene.browser, scene.show());
    let path = format!("{}{}", browser.base, scene.path());
    let port = browser.host.split_once(':').unwrap().1;
    let [local, other_port] = [format!("localhost:{port}"), "127.0.0.1:1".to_owned()];
    for host in [Some(local.as_str()), Some("evil.example"), Some(&other_port), Some("127.0.0.1"), Some("")] {
        assert_eq!(browser.raw(&path, &Asked { host, ..browser.asked("GET") }).status, 421, "{host:?}");
    }
    let hidden = ["request", "digest", "nonce"].map(|name| (name, shown.field(name)));
    let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("decision", "approve"));
    let body = form(&fields);
    let own = format!("http://{}", browser.host);
    let foreign = format!("http://{local}");
    for (origin, site) in [
        (None, Some("same-origin")),
        (Some("null"), Some("same-origin")),
        (Some("http://evil.example"), None),
        (Some("http://127.0.0.1:1"), Some("same-site")),
        (Some(foreign.as_str()), Some("cross-site")),
        (Some(own.as_str()), Some("same-site")),
        (Some(own.as_str()), Some("cross-site")),
        (Some(own.as_str()), Some("none")),
    ] {
        let asked = Asked { origin, site, body: &body, ..browser.asked("POST") };
        assert_eq!(browser.raw(&path, &asked).status, 403, "{origin:?} {site:?}");
    }
    for site in ["same-site", "cross-site"] {
        assert_eq!(browser.raw(&path, &Asked { site: Some(site), ..browser.asked("GET") }).status, 403);
    }
    // A repeated header, and a request line that names another host than the header.
    let twice = format!("{own}\r\nOrigin: http://evil.example");
    let asked = Asked { origin: Some(&twice), body: &body, ..browser.asked("POST") };
    assert_eq!(browser.raw(&path, &asked).status, 403);
    let elsewhere = format!("http://evil.example{path}");
    assert_eq!(browser.raw(&elsewhere, &browser.asked("GET")).status, 421);
    // Another content type.
    let asked = Asked { origin: Some(&own), kind: "application/json", body: "{}", ..browser.asked("POST") };
    assert_eq!(browser.raw(&path, &asked).status, 415);
    // A GET with the fields of a decision decides nothing.
    assert_eq!(browser.raw(&format!("{path}?{body}"), &browser.asked("GET")).status, 200);
    assert!(scene.decisions().is_empty());
    for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"] {
        assert!(shown.header(name).is_some(), "{name}");
    }
    assert!(shown.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(!shown.body.contains(" style=") && !shown.body.contains("<script>"));
}

#[test]
fn two_tabs_and_a_terminal_make_one_event() {
    let scene = Scene::new();
    let (one, other) = (scene.show(), scene.show());
    let mut terminal = scene.client.server.person(&["approvals", "reject", &scene.request, "-m", "no"]);
    terminal.reads("(Enter: none): ").types("").reads("(Enter: none): ").types("").reads("Type `reject`");
    assert_eq!(scene.send(&one, &[("decision", "approve")]).status, 303);
    assert_eq!(scene.send(&other, &[("decision", "reject")]).status, 409);
    let (code, screen) = terminal.types("reject").leaves();
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("already_decided") && screen.contains("was approved before"), "{screen}");
    let decisions = scene.decisions();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0]["data"]["decision"], "approve", "{decisions:?}");
}

#[test]
fn what_another_server_does_is_heard_without_a_reload() {
    let mut scene = Scene::new();
    let heard = scene.browser.hears("events", &scene.request, Duration::from_secs(5));
    assert!(heard.contains("text/event-stream") && heard.contains("event: log"), "{heard}");
    // Otherwise a tab would take its request for decided, and reload.
    assert!(!heard.contains("\"waiting\":[]"), "{heard}");
    let browser = scene.browser.clone();
    let listening =
        std::thread::spawn(move || browser.hears("events", "\"waiting\":[]", Duration::from_secs(10)));
    std::thread::sleep(Duration::from_millis(500));
    let mut other = scene.client.server.person(&["approvals", "reject", &scene.request, "-m", "no"]);
    for _ in 0..2 {
        other.reads("(Enter: none): ").types("");
    }
    other.reads("Type `reject`").types("reject");
    assert_eq!(other.leaves().0, 0);
    listening.join().unwrap();
    assert!(scene.browser.get("queue").body.contains("Nothing waits for you"));
    scene.client.close();
}

/// A browser drops an event without data.
#[test]
fn the_heartbeat_of_a_quiet_stream_has_data() {
    let scene = Scene::new();
    let heard = scene.browser.hears("events", "event: beat\ndata: 1\n\n", Duration::from_secs(10));
    assert!(heard.contains("event: log\n"), "{heard}");
}

#[test]
fn only_a_person_in_a_terminal_of_their_own_starts_the_page() {
    let client = Server::new().start();
    let output = client.server.run(&["page"], "");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    for variable in ["MAESTRO_DEPTH", "CLAUDECODE", "CODEX_CI", "GEMINI_CLI"] {
        let (code, screen) = client.server.person_with(&["page"], &[(variable, "1")]).leaves();
        assert_eq!(code, 5, "{screen}");
        assert!(!screen.contains("http://"), "{screen}");
    }
}

#[test]
fn every_view_is_there_and_what_is_not_there_is_said() {
    let scene = Scene::of(Server::new(), implementation("return 0 # <script>alert(1)</script>\u{202e}"));
    let events = scene.client.events();
    let run = events[0]["run"].as_str().unwrap();
    let event = events.last().unwrap()["id"].as_str().unwrap();
    for path in [
        "queue".to_owned(),
        scene.path(),
        "runs".into(),
        format!("runs/{run}"),
        format!("why/{event}"),
        "compare".into(),
        format!("compare/{}", scene.request),
        "votes".into(),
        "metrics".into(),
        format!("metrics?run={run}"),
        "trust".into(),
        "page.css".into(),
        "page.js".into(),
        "icon.svg".into(),
    ] {
        let shown = scene.browser.get(&path);
        assert_eq!(shown.status, 200, "{path}: {}", shown.body);
        assert!(!shown.body.contains("<script>alert") && !shown.body.contains('\u{202e}'), "{path}");
    }
    let decide = scene.show();
    assert!(decide.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩"), "{}", decide.body);
    for path in ["runs/0", "why/0", "compare/0", "votes/0", "decide/0", "blob/0", "metrics?run=0"] {
        let shown = scene.browser.get(path);
        assert_eq!(shown.status, 404, "{path}: {}", shown.body);
    }
    for path in ["nothing", "..", "page.html"] {
        assert_eq!(scene.browser.get(path).status, 404, "{path}");
    }
    assert_eq!(scene.browser.get("").status, 303, "a shortened address leads to the queue");
}

#[test]
fn a_vote_that_got_no_answer_says_why_for_each() {
    let mut scene = Scene::of(
        Server::new().codex().env("MAESTRO_CAP_DAY_TOKENS", "30000").fake("gemini", "gemini"),
        analysis(),
    );
    let spent = "You've hit your usage limit. Try again at Aug 27th, 2099 5:05 AM. <b>";
    let script =
        json!({ "codex": { "status": 429, "message": spent }, "gemini": { "exit": 1, "stderr": spent } });
    let vote = scene.client.call(
        "maestro_consensus_vote",
        json!({ "prompt": crate::harness::scripted(script), "providers": ["codex", "gemini"], "k": 2 }),
    );
    assert_eq!(vote["ok"], false, "{vote}");
    // Nobody is asked if one question alone would exceed the cap.
    let long = json!({ "prompt": "x".repeat(200_000), "providers": ["gemini"], "k": 2 });
    assert_eq!(scene.client.call("maestro_consensus_vote", long)["code"], "vote_over_budget");
    let votes: Vec<Value> = scene.client.events();
    let votes =
        votes.iter().filter(|event| event["kind"] == "noted" && event.to_string().contains("stop_reason"));
    let shown: Vec<String> = votes
        .map(|vote| scene.browser.get(&format!("votes/{}", vote["id"].as_str().unwrap())).body)
        .collect();
    assert_eq!(shown.len(), 2);
    assert!(shown[0].contains("hit your usage limit") && shown[0].contains("&lt;b&gt;"), "{}", shown[0]);
    assert!(shown[1].contains("which would pass the cap on tokens of a day ("), "{}", shown[1]);
    assert!(shown[1].contains(" of 30,000 tokens spent"), "{}", shown[1]);
    assert!(shown.iter().all(|body| !body.contains("was not kept")), "{shown:?}");
}

#[test]
fn a_run_is_stopped_with_words_and_a_language_is_chosen() {
    let scene = Scene::new();
    let run = scene.client.events()[0]["run"].as_str().unwrap().to_owned();
    let path = format!("runs/{run}");
    let shown = scene.browser.get(&path);
    let nonce = shown.field("nonce");
    let stop = format!("{path}/stop");
    assert_eq!(scene.browser.post(&stop, &[("nonce", "0"), ("why", "enough")]).status, 409);
    assert_eq!(scene.browser.post(&stop, &[("nonce", &nonce), ("why", " ")]).status, 422);
    assert_eq!(scene.browser.get(&format!("{stop}?nonce={nonce}&why=x")).status, 405);
    assert_eq!(scene.browser.post(&stop, &[("nonce", &nonce), ("why", "enough")]).status, 303);
    let stopped = scene.client.events().into_iter().filter(|event| event["kind"] == "run_stopped").count();
    assert_eq!(stopped, 1);
    assert!(scene.browser.get(&scene.path()).body.contains("The run was stopped"));

    let seal = scene.browser.get("queue").field("seal");
    for (name, value, says) in [
        ("lang", "ko", "대기열"),
        ("lang", "both", "Queue · 대기열"),
        ("theme", "dark", "data-theme=\"dark\""),
    ] {
        let sent = scene.browser.post("prefs", &[("seal", &seal), ("here", "queue"), (name, value)]);
        assert_eq!(sent.status, 303);
        assert!(scene.browser.get("queue").body.contains(says), "{value}");
    }
    for back in ["//evil.example", "http://evil.example", "/etc", "javascript:alert(1)"] {
        let sent = scene.browser.post("prefs", &[("seal", &seal), ("here", back), ("lang", "en")]);
        assert_eq!(sent.header("location"), Some(format!("{}queue", scene.browser.base).as_str()), "{back}");
    }
    assert_eq!(scene.browser.post("prefs", &[("seal", "0"), ("lang", "ko")]).status, 403);
}

fn implementation(line: &str) -> Value {
    let diff =
        format!("--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n def mean(xs):\n-    return 1\n+    {line}\n");
    json!({ "stage": "implement", "outputs": {
        "patch_plan": "Return zero", "files_to_change": ["a.py"], "diff": diff,
        "risks": ["a caller may rely on it <img src=x onerror=alert(1)>"],
    } })
}

/// Opens the address of a dialog after a while, and records a decision there.
fn decides_on_the_page(question: &Value, fields: &'static [(&'static str, &'static str)]) {
    let address = question["params"]["url"].as_str().unwrap().to_owned();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        let (browser, opened) = Browser::open(&address);
        assert_eq!(opened.status, 200);
        let path = opened.body.split("url=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let path = path.strip_prefix(&browser.base).unwrap().to_owned();
        let shown = browser.get(&path);
        let hidden = ["request", "digest", "nonce"].map(|name| (name, shown.field(name)));
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend_from_slice(fields);
        assert_eq!(browser.post(&path, &all).status, 303);
    });
}

#[test]
fn a_client_that_opens_addresses_leads_to_the_page_in_both_eras() {
    for is_modern in [false, true] {
        let server = Server::new().opens_pages().human_by(|question| {
            decides_on_the_page(question, &[("decision", "approve"), ("feedback", "seen")]);
            // Accepting only says that the page is open; it decides nothing.
            Some(Answer::raw(json!({ "action": "accept" })))
        });
        let mut client = if is_modern { server.modern() } else { server }.start();
        client.call(
            "maestro_workflow_with_hitl",
            json!({ "task": "mend the mean", "start_stage": "implement" }),
        );
        let asked = client.call("maestro_request_approval", implementation("return 0"));
        let request = asked["request_id"].as_str().unwrap().to_owned();
        let decided =
            client.call("maestro_submit_approval", json!({ "request_id": request, "approved": false }));
        assert_eq!(decided["decided_by"], "page", "{is_modern}: {decided}");
        assert_eq!(decided["status"], "approved", "{decided}");
        let question = &client.asked()[0];
        assert_eq!((&question["mode"], client.asked().len()), (&json!("url"), 1), "{question}");
        let lines: Vec<&str> = question["message"].as_str().unwrap().lines().collect();
        assert!(lines[0].contains("3/5 implement") && lines[0].contains("a.py +1 -1"), "{lines:?}");
        assert!(lines[1].contains("- return 1") && lines[1].contains("+ return 0"), "{lines:?}");
        // Without a display, the dialog also names the command for the page. It still shows the risk.
        assert!(
            lines[2].contains(&format!("maestro-mcp page {request}")) && lines[3].contains("RISK"),
            "{lines:?}"
        );
        // The model never learns the address.
        let address = question["url"].as_str().unwrap();
        assert!(address.starts_with("http://127.0.0.1:") && !decided.to_string().contains("127.0.0.1"));
        let logged = client.events().into_iter().filter(|event| event["kind"] == "approval_decided");
        let logged: Vec<Value> = logged.collect();
        assert_eq!((logged.len(), &logged[0]["data"]["opened"]), (1, &json!("dialog")));
        // The address does not open after the decision.
        let (_, again) = Browser::open(address);
        assert_eq!(again.status, 403);
    }
}

#[test]
fn with_the_page_switched_off_the_form_asks() {
    let server = Server::new().opens_pages().env("MAESTRO_PAGE", "false").human(Answer::approve());
    let mut client = server.start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
    let asked = client.call("maestro_request_approval", analysis());
    let request = asked["request_id"].as_str().unwrap();
    let decided = client.call("maestro_submit_approval", json!({ "request_id": request, "approved": false }));
    assert_eq!(
        (&decided["status"], &decided["decided_by"]),
        (&json!("approved"), &json!("elicitation")),
        "{decided}"
    );
    assert_ne!(client.asked()[0]["mode"], "url");
}

/// A client that can show no form, while the page is switched off.
#[test]
fn with_the_page_switched_off_a_client_of_addresses_alone_is_not_asked() {
    for is_modern in [false, true] {
        let server = project().opens_pages().env("MAESTRO_PAGE", "false");
        let mut client = if is_modern { server.modern() } else { server }.start();
        begin(&mut client);
        let reply = crate::workflow::stage(&mut client, "analyze");
        assert_eq!(reply["approval"]["status"], "pending", "{is_modern}: {reply}");
        assert!(
            reply["action_required"].to_string().contains("maestro-mcp approvals"),
            "{is_modern}: {reply}"
        );
        let request = reply["approval"]["request_id"].as_str().unwrap();
        let said = approve(&mut client, request);
        assert_eq!(said["code"], "undecided", "{is_modern}: {said}");
        assert!(said["error"].as_str().unwrap().contains("maestro-mcp approvals"), "{is_modern}: {said}");
        assert_eq!(client.call("maestro_get_pending_approvals", json!({}))["count"], 1);
        assert!(client.asked().is_empty(), "{is_modern}");
    }
}

/// In the stateless era, a person may decide on the page while the client holds the question.
#[test]
fn a_call_that_comes_back_late_returns_the_decision() {
    let late = || Server::new().modern().human_by(|_| None);
    let pages = || late().opens_pages();
    let scenes = [
        // A rejection ends the run.
        ("page", Scene::of(pages(), analysis()), Some("accept"), "reject"),
        ("page", Scene::of(pages(), analysis()), Some("accept"), "approve"),
        ("page", Scene::of(pages(), analysis()), Some("cancel"), "approve"),
        ("page", Scene::of(pages(), analysis()), None, "approve"),
        ("form", Scene::of(late(), analysis()), Some("accept"), "approve"),
        ("form", Scene::of(late(), analysis()), Some("cancel"), "reject"),
        ("form", Scene::of(late(), analysis()), None, "approve"),
    ];
    for (what, mut scene, action, decision) in scenes {
        let arguments = json!({ "request_id": scene.request, "approved": false });
        let call = json!({ "name": "maestro_submit_approval", "arguments": arguments });
        let asked = scene.client.request("tools/call", call.clone())["result"].clone();
        assert_eq!(asked["resultType"], "input_required", "{what}: {asked}");
        assert_eq!(scene.send(&scene.show(), &[("decision", decision), ("feedback", "mine")]).status, 303);
        let mut again = call.clone();
        again["requestState"] = asked["requestState"].clone();
        if let Some(action) = action {
            let name = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
            let content = json!({ "decision": if decision == "reject" { "approve" } else { "reject" } });
            again["inputResponses"] = json!({ name: { "action": action, "content": content } });
        }
        let told = scene.client.request("tools/call", again)["result"]["structuredContent"].clone();
        assert_eq!(
            (&told["status"], &told["decided_by"]),
            (&json!(if decision == "reject" { "rejected" } else { "approved" }), &json!("page")),
            "{what} {action:?}: {told}"
        );
        assert_eq!(told["feedback_summary"]["general_feedback"], "mine", "{what} {action:?}: {told}");
        assert_eq!(scene.decisions().len(), 1, "{what} {action:?}");
        // A new call about the decided request is refused as before.
        let anew = scene.client.request("tools/call", call)["result"]["structuredContent"].clone();
        assert_eq!(anew["code"], "already_decided", "{what} {action:?}: {anew}");
    }
    // An answer that decided counts once.
    let mut scene = Scene::of(late(), analysis());
    let arguments = json!({ "request_id": scene.request, "approved": true });
    let mut call = json!({ "name": "maestro_submit_approval", "arguments": arguments });
    let asked = scene.client.request("tools/call", call.clone())["result"].clone();
    let name = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    call["requestState"] = asked["requestState"].clone();
    call["inputResponses"] = json!({ name: { "action": "accept", "content": { "decision": "reject" } } });
    let mut answered =
        || scene.client.request("tools/call", call.clone())["result"]["structuredContent"].clone();
    let (first, second) = (answered(), answered());
    assert_eq!(
        (&first["status"], &first["decided_by"]),
        (&json!("rejected"), &json!("elicitation")),
        "{first}"
    );
    assert_eq!(second["code"], "already_decided", "{second}");
}

#[test]
fn a_page_that_is_declined_decides_nothing_and_opens_nothing() {
    for is_modern in [false, true] {
        for action in ["decline", "cancel"] {
            let server = Server::new().opens_pages().human_by(move |_| {
                Some(Answer::raw(json!({ "action": action, "content": { "decision": "approve" } })))
            });
            let mut client = if is_modern { server.modern() } else { server }.start();
            client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean" }));
            let asked = client.call("maestro_request_approval", analysis());
            let request = asked["request_id"].as_str().unwrap();
            let result =
                client.call("maestro_submit_approval", json!({ "request_id": request, "approved": true }));
            assert_eq!(result["code"], "undecided", "{action} {is_modern}: {result}");
            let (_, opened) = Browser::open(client.asked()[0]["url"].as_str().unwrap());
            assert_eq!(opened.status, 403, "{action} {is_modern}");
            assert!(client.events().iter().all(|event| event["kind"] != "approval_decided"));
        }
    }
}

#[test]
fn a_form_carries_the_decision_and_showing_everything_first_loses_nothing() {
    let server = Server::new()
        .human(Answer::accept(json!({ "decision": "show" })))
        .human(Answer::accept(json!({ "decision": "approve" })));
    let mut client = server.start();
    client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": "implement" }));
    let asked = client.call("maestro_request_approval", implementation("return 0"));
    let submit = json!({ "request_id": asked["request_id"], "approved": true });
    let first = client.call("maestro_submit_approval", submit.clone());
    assert_eq!(first["code"], "undecided", "{first}");
    assert!(first.to_string().contains("wants to read everything first"), "{first}");
    assert!(client.events().iter().all(|event| event["kind"] != "approval_decided"));
    let second = client.call("maestro_submit_approval", submit);
    assert_eq!(second["decided_by"], "elicitation", "{second}");
    let form = &client.asked()[0];
    // The first three rows are about the decision, not about the model's claim.
    let rows: Vec<&str> = form["message"].as_str().unwrap().lines().take(3).collect();
    assert!(
        rows[0].starts_with("3/5 implement · ") && rows[0].contains("a.py +1 -1 · tests not run"),
        "{rows:?}"
    );
    assert!(rows[1].contains("- return 1") && rows[1].contains("+ return 0"), "{rows:?}");
    assert!(rows[2].contains("RISK"), "{rows:?}");
    let schema = form["requestedSchema"].to_string();
    assert!(schema.contains("Show me everything first") && !schema.contains("승인"), "{schema}");
    for property in form["requestedSchema"]["properties"].as_object().unwrap().values() {
        assert!(property["title"].as_str().unwrap().chars().count() <= 40, "{property}");
    }
    assert!(schema.contains("Does the change remove the cause, or only the symptom?"), "{schema}");
}

/// A client on a screen of 80 columns shows three rows of the message, and cuts titles and descriptions.
#[test]
fn no_form_is_cut_on_a_small_screen() {
    let columns = |text: &Value| unicode_width::UnicodeWidthStr::width(text.as_str().unwrap_or_default());
    for (language, stage) in ["en", "ko"]
        .into_iter()
        .flat_map(|language| ["analyze", "hypothesize", "implement", "debug"].map(|stage| (language, stage)))
    {
        let server = crate::workflow::project()
            .env("MAESTRO_LANGUAGE", language)
            .env("MAESTRO_AUTO_APPROVE_LOW_RISK", "false")
            .human(Answer::accept(json!({ "decision": "show" })));
        let mut client = server.start();
        client.call("maestro_workflow_with_hitl", json!({ "task": "mend the mean", "start_stage": stage }));
        let mut outputs = crate::workflow::outputs(stage);
        outputs["risks"] =
            json!(["호출하는 쪽에서 빈 목록을 넘기면 ".repeat(9), "a list of nothing ".repeat(9)]);
        let arguments = json!({ "stage": stage, "outputs": outputs });
        let asked = client.call("maestro_request_approval", arguments);
        client
            .call("maestro_submit_approval", json!({ "request_id": asked["request_id"], "approved": true }));
        let form = client.asked()[0].clone();
        for row in form["message"].as_str().unwrap().lines().take(3) {
            assert!(unicode_width::UnicodeWidthStr::width(row) <= 74, "{language} {stage}: {row}");
        }
        for field in form["requestedSchema"]["properties"].as_object().unwrap().values() {
            assert!(columns(&field["title"]) <= 40, "{language} {stage}: {field}");
            assert!(columns(&field["description"]) <= 67, "{language} {stage}: {field}");
        }
        if stage == "implement" {
            let missing = &form["requestedSchema"]["properties"]["impl_side_effects"];
            let word = if language == "en" { "(\"none\")" } else { "(\"없음\")" };
            assert!(missing["title"].as_str().unwrap().ends_with(word), "{missing}");
            assert!(missing["description"].as_str().unwrap().ends_with('?'), "{missing}");
        }
    }
}

#[test]
fn a_relayed_word_never_beats_an_open_page() {
    let mut client = Server::new().opens_pages().human_by(|_| None).start();
    let asked = client.call("maestro_request_approval", analysis());
    let submit = json!({ "request_id": asked["request_id"], "approved": true });
    client.begin_call("maestro_submit_approval", submit.clone());
    let mut other = client.server.beside().start();
    crate::harness::eventually("the dialog is known", crate::harness::PATIENCE, || {
        client.events().iter().any(|event| event["kind"] == "dialog_opened")
    });
    assert_eq!(other.call("maestro_submit_approval", submit)["code"], "dialog_open");
    assert!(client.events().iter().all(|event| event["kind"] != "approval_decided"));
}

/// The page of a run shows the places that its answers name, from consultants and from submitted outputs.
#[test]
fn a_run_shows_which_places_its_answers_name_are_there() {
    let mut client = project().start();
    let run = begin(&mut client)["workflow_id"].as_str().unwrap().to_owned();
    let mut facts = outputs("analyze");
    facts["observations"][0]["fact"] = json!("mean.py:2 divides by a constant, and gone.py:9 calls it");
    let handed = client.call("maestro_request_approval", json!({ "stage": "analyze", "outputs": facts }));
    approve(&mut client, handed["request_id"].as_str().unwrap());
    let mut guess = outputs("hypothesize");
    guess["hypotheses"][0]["claim"] = json!("the divisor in mean.py:2, or nowhere.py:7 <b>");
    let asked = json!({
        "stage": "hypothesize", "task": crate::workflow::answered(&guess), "providers": ["codex", "gemini"],
    });
    let stage = client.call("maestro_run_stage_with_approval", asked);
    assert_eq!(stage["ok"], true, "{stage}");
    let mut person = client.server.person(&["page"]);
    let (browser, _) = Browser::open(&address(&mut person));
    let shown = browser.get(&format!("runs/{run}"));
    assert_eq!(shown.status, 200, "{}", shown.body);
    for place in ["mean.py:2", "gone.py:9", "nowhere.py:7"] {
        assert!(shown.body.contains(&format!("<code>{place}</code>")), "{place}: {}", shown.body);
    }
    assert!(shown.body.contains("c-1-1") && !shown.body.contains("nowhere.py:7 <b>"), "{}", shown.body);
}

/// Claude states its price, codex states none.
#[test]
fn a_price_of_some_calls_has_a_plus_in_every_view() {
    let mut client = project().fake("claude", "claude").start();
    let run = begin(&mut client)["workflow_id"].as_str().unwrap().to_owned();
    let mut person = client.server.person(&["page"]);
    let (browser, _) = Browser::open(&address(&mut person));
    for (provider, is_partial) in [("claude", false), ("codex", true)] {
        let asked = json!({ "provider": provider, "prompt": "hi", "workflow_id": run });
        assert_eq!(client.call("maestro_consult", asked)["ok"], true);
        for path in ["queue".to_owned(), "runs".to_owned(), format!("runs/{run}")] {
            let shown = browser.get(&path).body;
            assert!(shown.contains("$0.25"), "{path}: {shown}");
            assert_eq!(shown.contains("$0.25+"), is_partial, "{path}: {shown}");
        }
    }
}

/// The queue marks a patch that differs from the approved one. It does not mark the approved one.
#[test]
fn the_queue_marks_a_change_that_nobody_approved() {
    const MARK: &str = "not the change that you approved";
    let mut client = project().start();
    begin(&mut client);
    for stage in ["analyze", "hypothesize"] {
        let asked = hand_in(&mut client, stage);
        approve(&mut client, asked["request_id"].as_str().unwrap());
    }
    let mut change = outputs("implement");
    change["diff"] = json!(FIRST_DIFF);
    let hand_in_change = |client: &mut Client, stage: &str, outputs: &Value| {
        let asked = client.call("maestro_request_approval", json!({ "stage": stage, "outputs": outputs }));
        asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned()
    };
    let request = hand_in_change(&mut client, "implement", &change);
    let mut person = client.server.person(&["page"]);
    let (browser, _) = Browser::open(&address(&mut person));
    assert!(!browser.get("queue").body.contains(MARK), "there is nothing yet that it could differ from");
    approve(&mut client, &request);
    assert_eq!(patch(&mut client, FIRST_DIFF)["ok"], true);
    verify(&mut client);
    for (diff, is_marked) in [(FIRST_DIFF, false), (SECOND_DIFF, true)] {
        let mut round = outputs("debug");
        round["change"] = json!({ "diff": diff, "files": ["mean.py"] });
        let request = hand_in_change(&mut client, "debug", &round);
        let queue = browser.get("queue");
        assert!(queue.body.contains(&request), "{}", queue.body);
        assert_eq!(queue.body.contains(MARK), is_marked, "{}", queue.body);
        let revise = json!({ "request_id": request, "approved": false, "revision_instructions": "another" });
        assert_eq!(client.call("maestro_submit_approval", revise)["ok"], true);
    }
}

/// Measures the time from the press of the button to the event in the log.
#[test]
fn a_decision_is_in_the_log_soon_after_the_click() {
    let mut scene = Scene::new();
    let (mut took, mut answered) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let shown = scene.show();
        let clicked = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let began = Instant::now();
        let sent = scene.send(&shown, &[("decision", "revise"), ("feedback", "once more")]);
        answered.push(began.elapsed().as_millis());
        assert_eq!(sent.status, 303, "{}", sent.body);
        let decided = scene.decisions().pop().unwrap();
        let at = decided["at"].as_u64().unwrap();
        took.push(u128::from(at).saturating_sub(clicked.as_millis()));
        if round < 4 {
            let asked = scene.client.call("maestro_request_approval", analysis());
            scene.request = asked["request_id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        }
    }
    took.sort_unstable();
    println!("from the click to the event: {took:?} ms; to the answer, on the disk: {answered:?} ms");
    // The limit is wide, because this is a debug build and other tests run beside it.
    assert!(took[2] < 500, "{took:?}");
}
