use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::domain::event::Changed;
use crate::domain::event::stage::{LowRisk, RunStarted, RunStopped};
use crate::domain::stage::Stage;

fn event(id: &str, rests_on: &[&str], body: impl Into<Body>) -> Fact {
    Fact::of(Event {
        seq: 1,
        run: "the-run".to_owned(),
        at: 1_700_000_000_123,
        id: id.to_owned(),
        rests_on: rests_on.iter().map(|id| (*id).to_owned()).collect(),
        body: body.into(),
    })
}

fn began(task: &str) -> RunStarted {
    RunStarted {
        task: task.to_owned(),
        start_stage: Stage::Analyze,
        low_risk: LowRisk::Ask,
        carried: 0,
        approvals: None,
        server: None,
    }
}

fn patched() -> Changed {
    let backup_session = "20260101T000000-ab".to_owned();
    Changed {
        kind: ChangeKind::Applied,
        backup_session,
        undoes: None,
        root: String::new(),
        files: Vec::new(),
        patch_sha256: None,
        patch: None,
        approved_by: None,
        notes: Vec::new(),
    }
}

fn text(facts: &[Fact], start: &str, width: Option<usize>) -> String {
    let links: Vec<Linked> = facts.iter().map(|fact| fact.linked.clone()).collect();
    let by_id = facts.iter().map(|fact| (fact.linked.id.as_str(), fact)).collect();
    as_text(&walk(&links, start, Direction::Back), &by_id, width, Colour::Plain)
}

#[test]
fn a_line_holds_time_id_kind_and_content() {
    let facts = [
        event("first", &[], began("mend\nthe mean")),
        event("last", &["first", "gone", "last"], RunStopped { why: "enough".to_owned() }),
    ];
    assert_eq!(
        text(&facts, "last", None),
        "2023-11-14 22:13:20  last          run_stopped: enough\n\
         2023-11-14 22:13:20  first           run_started: analyze: mend the mean\n                     \
         gone            is not in the log\n\
         2023-11-14 22:13:20  last            (rests on itself) run_stopped: enough\n"
    );
}

#[test]
fn an_event_has_further_names() {
    let facts = [event("e-1", &[], began("t")), event("e-2", &["e-1"], patched())];
    for (part, expected) in [("e-2", "e-2"), ("the-run", "e-1"), ("20260101T", "e-2")] {
        assert_eq!(start(&facts, part).unwrap(), expected, "{part}");
    }
    assert_eq!(start(&facts, "e-").unwrap_err().code(), "ambiguous_name");
    assert_eq!(start(&facts, "nobody").unwrap_err().code(), "unknown_name");
}

#[test]
fn every_step_is_data_too() {
    let fact = event("a", &["b"], RunStopped { why: "enough".to_owned() });
    let step = Step { depth: 3, id: "a".to_owned(), standing: Standing::Again };
    let value = as_json(&step, Some(&fact));
    assert_eq!(
        (&value["depth"], &value["standing"], &value["kind"]),
        (&json!(3), &json!("again"), &json!("run_stopped"))
    );
    assert_eq!((&value["content"], &value["rests_on"]), (&json!("enough"), &json!(["b"])));
    assert_eq!(as_json(&Step { standing: Standing::Missing, ..step }, None)["at"], Value::Null);
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(why in "[a-z가-힣 ]{0,200}", width in 40_usize..120, depth in 1_usize..60) {
        let facts: Vec<Fact> = (0..depth)
            .map(|number| {
                let below = (number + 1).to_string();
                event(&number.to_string(), &[below.as_str()], RunStopped { why: why.clone() })
            })
            .collect();
        for line in text(&facts, "0", Some(width)).lines() {
            prop_assert!(line.width() <= width, "{}", line);
        }
    }
}
