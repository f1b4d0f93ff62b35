//! Telling a waiting caller what goes on.

use tokio::sync::mpsc;

/// Where a flow says what it is doing. Saying something never waits and never fails.
#[derive(Clone, Debug)]
pub struct Progress {
    sender: Option<mpsc::UnboundedSender<String>>,
    label: String,
}

impl Progress {
    /// A progress that somebody listens to.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender: Some(sender), label: String::new() }, receiver)
    }

    /// A progress that nobody listens to.
    #[must_use]
    pub fn silent() -> Self {
        Self { sender: None, label: String::new() }
    }

    /// The same, with everything said under a label.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Self {
        Self { sender: self.sender.clone(), label: format!("{label}: ") }
    }

    /// Says something.
    pub fn say(&self, message: &str) {
        if let Some(sender) = &self.sender {
            // A listener that went away is not this flow's concern.
            let _ = sender.send(format!("{}{message}", self.label));
        }
    }
}
