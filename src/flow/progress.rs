//! Telling a waiting caller what goes on.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::watch::Watch;

/// Where a flow says what it is doing. Saying something never waits and never fails.
#[derive(Clone, Debug)]
pub struct Progress {
    sender: Option<mpsc::UnboundedSender<String>>,
    label: String,
    /// Where several are asked side by side: what one of them says is a line about all.
    watch: Option<Arc<Watch>>,
}

impl Progress {
    /// A progress that somebody listens to.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender: Some(sender), label: String::new(), watch: None }, receiver)
    }

    /// A progress that nobody listens to.
    #[must_use]
    pub fn silent() -> Self {
        Self { sender: None, label: String::new(), watch: None }
    }

    /// The same, with everything said under a label.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Self {
        Self { sender: self.sender.clone(), label: format!("{label}: "), watch: self.watch.clone() }
    }

    /// The progress of one of several that are watched together.
    pub(super) fn watched(watch: Arc<Watch>) -> Self {
        Self { sender: None, label: String::new(), watch: Some(watch) }
    }

    /// Says something.
    pub fn say(&self, message: &str) {
        if let Some(watch) = &self.watch {
            watch.tick();
        }
        if let Some(sender) = &self.sender {
            // A listener that went away is not this flow's concern.
            let _ = sender.send(format!("{}{message}", self.label));
        }
    }
}
