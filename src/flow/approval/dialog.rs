//! Dialogs in the log: while one stands before a human, no word that a model relays decides.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::decide::Reviewed;
use crate::domain::event::{DialogClosed, DialogOpened, Draft};
use crate::error::Error;
use crate::flow::journal::new_id;
use crate::flow::session::Session;
use crate::flow::time::now;

/// How long a dialog is waited for.
pub const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A dialog in the log, which it leaves when this is dropped.
pub struct Dialog {
    session: Session,
    run: String,
    id: String,
}

impl Dialog {
    /// Notes that a dialog about a request stands before the human.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub async fn open(session: &Session, open: &Reviewed) -> Result<Self, Error> {
        let id = note(session, open).await?;
        Ok(Self { session: session.clone(), run: open.run.id.clone(), id })
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        close(&self.session, &self.run, &self.id);
    }
}

/// Notes a dialog that is answered by another call: an answer, or the time, closes it. Returns the
/// dialog's id.
///
/// # Errors
///
/// The log cannot be written.
pub async fn note(session: &Session, open: &Reviewed) -> Result<String, Error> {
    // Others take it for closed when this server dies.
    session.show_alive()?;
    let id = new_id();
    let draft = Draft::new(id.clone(), opened(session, &open.request.id));
    session.journal().record(&open.run.id, vec![draft]).await?;
    Ok(id)
}

/// Event of a dialog. Nothing rests on it: it tells of the screen, not of the decision.
fn opened(session: &Session, request: &str) -> DialogOpened {
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    DialogOpened {
        request: request.to_owned(),
        server: session.server().to_owned(),
        until: now().saturating_add(patience),
    }
}

fn close(session: &Session, run: &str, dialog: &str) {
    let closed = Draft::new(new_id(), DialogClosed { dialog: dialog.to_owned() });
    if let Err(error) = session.journal().record_now(run, &[closed]) {
        tracing::warn!(%error, "the log does not know that a dialog was closed");
    }
}

/// The dialog that a call is going to show about a request which is not made yet. The caller that makes the
/// request appends both at once, so that no other word comes in between. It closes when this is
/// dropped, and is not opened after that.
pub struct DialogAhead {
    announced: Announced,
}

/// The same for the maker of the request, which may go on without the call.
#[derive(Clone)]
pub struct Announced {
    session: Session,
    id: String,
    state: Arc<Mutex<Ahead>>,
}

#[derive(Default)]
enum Ahead {
    /// The call waits for the request.
    #[default]
    Waiting,
    /// The dialog was appended with its request, or is about to be.
    Appended { run: String, request: String },
    /// The call is over, or another call goes on with the dialog.
    Over,
}

impl DialogAhead {
    /// Others can see from now on whether this server, and with it the dialog, goes on.
    ///
    /// # Errors
    ///
    /// The directory of the log cannot be written.
    pub fn new(session: &Session) -> Result<Self, Error> {
        session.show_alive()?;
        let announced = Announced { session: session.clone(), id: new_id(), state: Arc::default() };
        Ok(Self { announced })
    }

    pub fn announced(&self) -> Announced {
        self.announced.clone()
    }

    /// True if the dialog about a request was appended with it.
    pub fn stands_for(&self, request: &str) -> bool {
        matches!(&*self.announced.held(), Ahead::Appended { request: own, .. } if own == request)
    }

    /// Another call brings the answer: the dialog stays open after this one.
    pub fn leave_open(&self) {
        *self.announced.held() = Ahead::Over;
    }
}

impl Drop for DialogAhead {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.announced.held(), Ahead::Over);
        if let Ahead::Appended { run, .. } = state {
            close(&self.announced.session, &run, &self.announced.id);
        }
    }
}

impl Announced {
    /// The event to append with a request; none where the call has gone.
    pub fn draft(&self, run: &str, request: &str) -> Option<Draft> {
        let mut state = self.held();
        match &*state {
            Ahead::Over => return None,
            Ahead::Waiting | Ahead::Appended { .. } => {
                *state = Ahead::Appended { run: run.to_owned(), request: request.to_owned() };
            }
        }
        Some(Draft::new(self.id.clone(), opened(&self.session, request)))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Ahead> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Announced {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Announced").field("id", &self.id).finish_non_exhaustive()
    }
}
