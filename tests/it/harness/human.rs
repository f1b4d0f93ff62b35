//! The human of a test's client: the forms that the human sees, and the answers.
//!
//! ```ignore
//! let mut server = Server::new().human(Answer::revise("shorter").after(PAUSE)).human(Answer::approve()).start();
//! let mut server = Server::new().human_modern(Answer::approve()).start();
//! let mut server = Server::new().human_by(|question| Some(Answer::decline())).start();
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// An answer to a form.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    result: Value,
    after: Duration,
}

impl Answer {
    /// An answer with any result that a client may send.
    pub(crate) fn raw(result: Value) -> Self {
        Self { result, after: Duration::ZERO }
    }

    pub(crate) fn accept(content: Value) -> Self {
        Self::raw(json!({ "action": "accept", "content": content }))
    }

    pub(crate) fn approve() -> Self {
        Self::accept(json!({ "decision": "approve" }))
    }

    pub(crate) fn revise(comment: &str) -> Self {
        Self::accept(json!({ "decision": "revise" })).field("comment", comment)
    }

    pub(crate) fn reject() -> Self {
        Self::accept(json!({ "decision": "reject" }))
    }

    pub(crate) fn decline() -> Self {
        Self::raw(json!({ "action": "decline" }))
    }

    /// The human closes the dialog. A client without a screen answers this by itself.
    pub(crate) fn cancel() -> Self {
        Self::raw(json!({ "action": "cancel" }))
    }

    /// Fills in another field.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.result["content"][name] = json!(value);
        self
    }

    /// Answers only after a pause.
    pub(crate) fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }
}

type By = Box<dyn FnMut(&Value) -> Option<Answer> + Send>;

/// The human: gives the prepared answers in order, then those of a function, then none.
#[derive(Default)]
pub(super) struct Human {
    pub(super) answers: VecDeque<Answer>,
    pub(super) by: Option<By>,
    /// Pending answers of the older protocols: the time, the request, the answer.
    thinking: Vec<(Instant, Value, Value)>,
    pub(super) asked: Vec<Value>,
}

impl Human {
    fn answer(&mut self, question: &Value) -> Option<Answer> {
        self.asked.push(question["params"].clone());
        self.answers.pop_front().or_else(|| self.by.as_mut()?(question))
    }

    /// Shows a request of the older protocols.
    pub(super) fn show(&mut self, question: &Value) {
        if let Some(answer) = self.answer(question) {
            self.thinking.push((Instant::now() + answer.after, question["id"].clone(), answer.result));
        }
    }

    /// Closes the dialog of a request.
    pub(super) fn close(&mut self, request: &Value) {
        self.thinking.retain(|(_, id, _)| id != request);
    }

    /// The time until the next answer.
    pub(super) fn pause(&self) -> Option<Duration> {
        let next = self.thinking.iter().map(|(due, _, _)| *due).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// The answers that are due, as messages.
    pub(super) fn due(&mut self) -> Vec<Value> {
        let now = Instant::now();
        let (due, thinking): (Vec<_>, Vec<_>) = self.thinking.drain(..).partition(|(at, _, _)| *at <= now);
        self.thinking = thinking;
        due.into_iter()
            .map(|(_, id, result)| json!({ "jsonrpc": "2.0", "id": id, "result": result }))
            .collect()
    }

    /// The parameters for the repeated call. None if a question of the result has no answer.
    pub(super) fn retry(&mut self, result: &Value) -> Option<Value> {
        let mut responses = json!({});
        for (name, question) in result["inputRequests"].as_object()? {
            let answer = self.answer(question)?;
            std::thread::sleep(answer.after);
            responses[name] = answer.result;
        }
        Some(json!({ "inputResponses": responses, "requestState": result["requestState"] }))
    }
}
