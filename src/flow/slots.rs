//! How many consultants run at the same time, and who waits.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::progress::Progress;
use crate::error::Error;

/// Calls that may wait; what comes beyond is refused at once.
const MOST_WAITING: usize = 1_000;

/// How often a waiting call says where it stands.
const RHYTHM: Duration = Duration::from_secs(1);

/// The slots of a server, handed out in the order of arrival.
#[derive(Clone, Debug)]
pub struct Slots {
    semaphore: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
    size: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    tickets: BTreeSet<u64>,
}

/// A place in the line, given up when dropped.
struct Ticket<'a> {
    number: u64,
    line: &'a Mutex<Waiting>,
}

impl Slots {
    /// As many slots as `size`.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(size)), waiting: Arc::default(), size }
    }

    /// Waits for a slot, which is free again when the permit is dropped.
    ///
    /// # Errors
    ///
    /// Too many wait already.
    pub async fn take(&self, progress: &Progress) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.semaphore).try_acquire_owned() {
            return Ok(permit);
        }
        let ticket = Ticket::draw(&self.waiting)?;
        let acquired = Arc::clone(&self.semaphore).acquire_owned();
        tokio::pin!(acquired);
        loop {
            progress.say(&format!(
                "waiting for a slot: {} of {} in use, {} ahead",
                self.size,
                self.size,
                ticket.ahead()
            ));
            tokio::select! {
                permit = &mut acquired => return permit.map_err(|_| Error::ShuttingDown),
                () = tokio::time::sleep(RHYTHM) => {}
            }
        }
    }
}

impl<'a> Ticket<'a> {
    fn draw(line: &'a Mutex<Waiting>) -> Result<Self, Error> {
        let mut waiting = line.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.tickets.len() >= MOST_WAITING {
            return Err(Error::Busy(waiting.tickets.len()));
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.tickets.insert(number);
        drop(waiting);
        Ok(Self { number, line })
    }

    fn ahead(&self) -> usize {
        let waiting = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.tickets.range(..self.number).count()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.tickets.remove(&self.number);
    }
}
