//! Conversations with consultants: questions, answers, and the places that the answers name.

use serde_json::{Value, json};

use super::parts::{citations, shortened, with};
use crate::domain::event::consult::ConsultSettled;
use crate::domain::event::{Body, Event};
use crate::domain::history::History;
use crate::domain::thread::{Thread, TurnAt};
use crate::flow::project_files::ProjectFiles;

/// Maximum number of listed conversations.
const MOST: usize = 60;

/// Maximum number of characters of an answer that are shown at first.
const MOST_LETTERS: usize = 12_000;

/// All conversations, the last used one first.
pub(in crate::page) fn list(history: &History) -> Value {
    let all = history.threads.latest_first();
    let listed = all.iter().take(MOST).map(|thread| with(thread, json!({ "who": who(&thread.turns) })));
    json!({ "title": "threads", "list": listed.collect::<Vec<_>>(), "total": all.len() })
}

fn who(turns: &[TurnAt]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for turn in turns {
        if !names.contains(&turn.provider.as_str()) {
            names.push(&turn.provider);
        }
    }
    names
}

/// A conversation with the events of its turns. Reads the project's files to check places.
pub(in crate::page) fn one(project: &ProjectFiles, thread: &Thread, events: &[Option<Event>]) -> Value {
    let turns = thread.turns.iter().zip(events).zip(1_u64..).map(|((at, event), number)| {
        let settled = match event.as_ref().map(|event| &event.body) {
            Some(Body::ConsultSettled(settled)) => Some(settled),
            Some(_) | None => None,
        };
        turn(project, number, at, settled)
    });
    with(thread, json!({ "who": who(&thread.turns), "turns": turns.collect::<Vec<_>>() }))
}

fn turn(project: &ProjectFiles, number: u64, at: &TurnAt, settled: Option<&ConsultSettled>) -> Value {
    let kept = settled.and_then(|settled| settled.turn.as_ref());
    let answer = settled.and_then(|settled| settled.response.as_ref()).and_then(|kept| kept.text.as_deref());
    let more = json!({
        "number": number,
        "question": kept.map_or(at.brief.as_str(), |kept| kept.question.as_str()),
        "given": kept.map(|kept| kept.given.as_slice()),
        "answer": answer.map(|answer| shortened(answer, MOST_LETTERS)),
        "citations": citations(project, answer.unwrap_or_default(), &at.files),
        "elapsed": settled.map(|settled| settled.elapsed_ms),
        "tokens": settled.and_then(|it| it.input_tokens?.checked_add(it.output_tokens?)),
        "cost": settled.and_then(|settled| settled.cost_usd),
    });
    with(at, more)
}
