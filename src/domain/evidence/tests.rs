use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::event::consult::{ConsultReserved, ConsultSettled, Kept, Purpose};
use crate::domain::event::stage::{Answered, Candidate, StageDelivered};
use crate::domain::event::{Body, EvidenceLogged, RedFlagged};

fn event(seq: u64, id: &str, rests_on: &[&str], body: impl Into<Body>) -> Event {
    Event {
        seq,
        run: "run".to_owned(),
        at: seq,
        id: id.to_owned(),
        rests_on: rests_on.iter().map(|&id| id.to_owned()).collect(),
        body: body.into(),
    }
}

fn logged(stage: &str) -> EvidenceLogged {
    EvidenceLogged {
        evidence_type: EvidenceType::Observation,
        stage: stage.to_owned(),
        content: json!({ "seen": "x" }),
        source: "orchestrator".to_owned(),
        confidence: 0.5,
    }
}

fn reserved() -> ConsultReserved {
    ConsultReserved { stage: None, purpose: Purpose::Plain, provider: "codex".to_owned(), expected: None }
}

fn settled() -> ConsultSettled {
    let kept = |text: &str| Some(Kept { chars: 9, sha256: "00".to_owned(), text: Some(text.to_owned()) });
    ConsultSettled {
        reservation: "r".to_owned(),
        stage: Some(Stage::Debug),
        purpose: Purpose::Plain,
        provider: "codex".to_owned(),
        model: "m".to_owned(),
        told: crate::domain::served::ModelNote::default(),
        code: None,
        resets_at: None,
        limited_model: None,
        elapsed_ms: 5,
        attempts: 1,
        input_tokens: None,
        output_tokens: None,
        cost_usd: None,
        estimate: None,
        prompt: kept("the prompt"),
        response: kept("the answer"),
        turn: None,
    }
}

fn answered(flags: &[&str], misfits: &[&str]) -> Answered {
    let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    Answered {
        attempt: "a".to_owned(),
        stage: Stage::Analyze,
        candidate: Candidate {
            id: "codex-1".to_owned(),
            provider: "codex".to_owned(),
            red_flags: own(flags),
            schema_errors: own(misfits),
            ..Candidate::default()
        },
    }
}

fn all() -> Filter {
    Filter { kind: None, stage: None, run: None, among: None, limit: usize::MAX, detail: Detail::Brief }
}

fn listed(filter: Filter, events: &[Event]) -> Listing {
    let mut listing = Listing::new(filter);
    for event in events {
        listing.add(event);
    }
    listing
}

#[test]
fn links_lead_past_bookkeeping() {
    let events = [
        event(1, "seen", &[], logged("analyze")),
        event(2, "reservation", &["seen"], reserved()),
        event(3, "consult", &["seen", "reservation"], settled()),
        event(4, "delivered", &["consult"], StageDelivered { attempt: "a".to_owned() }),
        event(5, "then", &["delivered"], logged("debug")),
    ];
    let listing = listed(all(), &events);
    let links: Vec<(&str, &[String])> =
        listing.kept.iter().map(|it| (it.id.as_str(), it.links.as_slice())).collect();
    let own = |id: &str| vec![id.to_owned()];
    let (seen, consult) = (own("seen"), own("consult"));
    assert_eq!(links, [("seen", &[][..]), ("consult", &seen[..]), ("then", &consult[..])]);

    let mut provenance = Provenance::default();
    for event in &events {
        provenance.add(event);
    }
    assert_eq!(provenance.of("consult").unwrap().len(), 2);
    assert_eq!(provenance.of("then").unwrap().len(), 3);
    assert_eq!(provenance.of("reservation"), None, "bookkeeping is no evidence");
    assert_eq!(provenance.of("nothing"), None);
}

#[test]
fn a_circle_of_links_is_walked_once() {
    let mut provenance = Provenance::default();
    provenance.add(&event(1, "a", &["b"], logged("any")));
    provenance.add(&event(2, "b", &["a"], logged("any")));
    assert_eq!(provenance.of("a").unwrap().len(), 2);
}

#[test]
fn prompts_are_shown_only_where_they_are_asked_for() {
    let consult = event(1, "c", &[], settled());
    let brief = Evidence::of(&consult, Detail::Brief).unwrap();
    assert_eq!(
        (brief.evidence_type, brief.stage, brief.source.as_str()),
        (Kind::Consult, OfStage::Debug, "codex")
    );
    assert!(!brief.content.to_string().contains("the prompt"));
    let whole = Evidence::of(&consult, Detail::Whole).unwrap();
    assert_eq!(whole.content["prompt"]["text"], "the prompt");
    assert_eq!(whole.content["response"]["text"], "the answer");
}

#[test]
fn what_was_recorded_keeps_its_word() {
    let it = Evidence::of(&event(1, "e", &["x"], logged("improve")), Detail::Brief).unwrap();
    assert_eq!(it.stage, OfStage::Improve);
    assert_eq!((it.content, it.confidence), (json!({ "seen": "x" }), 0.5));
    assert_eq!(it.links, ["x"]);
    // Older logs may hold any word.
    assert_eq!(
        Evidence::of(&event(1, "e", &[], logged("someday")), Detail::Brief).unwrap().stage,
        OfStage::Any
    );
}

#[test]
fn flags_are_counted_by_answer_provider_and_reason() {
    let red = RedFlagged {
        provider: "gemini".to_owned(),
        stage: None,
        reasons: vec!["too_short".to_owned(), "too_short".to_owned()],
    };
    let events = [
        event(1, "a", &[], answered(&["too_long"], &["/x", "/y"])),
        event(2, "b", &[], answered(&[], &[])),
        event(3, "c", &[], answered(&[], &["/x"])),
        event(4, "d", &[], red),
    ];
    let listing = listed(Filter { kind: Some(Kind::RedFlag), ..all() }, &events);
    let ids: Vec<&str> = listing.kept.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["a", "c", "d"], "an answer that counts is no red flag");
    let summary = json!(listing.flags);
    assert_eq!(
        summary,
        json!({
            "by_provider": { "codex": 2, "gemini": 1 },
            "by_reason": { "schema_mismatch": 2, "too_long": 1, "too_short": 1 },
            "total_flagged": 3,
        })
    );
}

#[test]
fn every_stage_is_written_as_it_is_read() {
    for &stage in Stage::ALL {
        let of = OfStage::from(stage);
        assert_eq!((of.name(), OfStage::written(stage.name())), (stage.name(), of));
        assert_eq!(json!(of), json!(stage));
    }
    assert_eq!(json!(OfStage::Any), json!(OfStage::Any.name()));
}

proptest! {
    #[test]
    fn the_newest_are_kept_in_the_order_of_the_log(
        stages in prop::collection::vec(prop::sample::select(vec!["analyze", "debug", "any"]), 0..40),
        limit in 0_usize..20,
        only in prop::option::of(Just(OfStage::Debug)),
    ) {
        let events: Vec<Event> = stages
            .iter()
            .zip(1_u64..)
            .map(|(stage, seq)| event(seq, &seq.to_string(), &[], logged(stage)))
            .collect();
        let listing = listed(Filter { stage: only, limit, ..all() }, &events);
        let fitting: Vec<String> = events
            .iter()
            .zip(&stages)
            .filter(|(_, stage)| only.is_none() || **stage == "debug")
            .map(|(event, _)| event.id.clone())
            .collect();
        let kept: Vec<String> = listing.kept.iter().map(|it| it.id.clone()).collect();
        prop_assert_eq!(listing.total, fitting.len());
        prop_assert_eq!(&kept[..], &fitting[fitting.len().saturating_sub(limit)..]);
    }

    #[test]
    fn a_chain_holds_its_end_and_whatever_it_rests_on(links in prop::collection::vec(any::<prop::sample::Index>(), 1..30)) {
        let mut provenance = Provenance::default();
        let mut above: Vec<usize> = Vec::new();
        for (number, index) in links.iter().enumerate() {
            let on = index.index(number + 1);
            let rests_on = if on == number { vec![] } else { vec![on.to_string()] };
            let rests_on: Vec<&str> = rests_on.iter().map(String::as_str).collect();
            provenance.add(&event(number as u64 + 1, &number.to_string(), &rests_on, logged("any")));
            above.push(on);
        }
        let last = links.len() - 1;
        let mut expected = vec![last];
        let mut at = last;
        while above[at] != at {
            at = above[at];
            expected.push(at);
        }
        let found = provenance.of(&last.to_string()).unwrap();
        prop_assert_eq!(found.len(), expected.len());
        prop_assert!(expected.iter().all(|number| found.contains(&number.to_string())));
    }
}
