//! Slots: limit how many consultants run at the same time, and queue the others in the order of arrival.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::progress::Progress;
use crate::error::Error;

/// Maximum number of waiting calls; further ones are refused at once.
const MOST_WAITING: usize = 1_000;

/// Interval at which a waiting call reports its place.
const RHYTHM: Duration = Duration::from_secs(1);

type Permit = Result<OwnedSemaphorePermit, AcquireError>;

/// The slots of a server.
#[derive(Clone, Debug)]
pub struct Slots {
    semaphore: Arc<Semaphore>,
    line: Arc<Mutex<Line>>,
    size: usize,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    tickets: BTreeSet<u64>,
}

/// A place in the queue, taken on arrival and kept while the call is still being prepared. Dropping it gives
/// it up.
pub struct Place {
    permit: Turn,
    size: usize,
}

enum Turn {
    Now(Permit),
    Later(Pin<Box<dyn Future<Output = Permit> + Send>>, Ticket),
}

struct Ticket {
    number: u64,
    line: Arc<Mutex<Line>>,
}

impl Slots {
    /// Makes `size` slots.
    pub fn new(size: usize) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(size)), line: Arc::default(), size }
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    ///
    /// Too many calls are waiting.
    pub fn place(&self) -> Result<Place, Error> {
        let mut permit = Box::pin(Arc::clone(&self.semaphore).acquire_owned());
        // The first poll puts the call into the semaphore's queue.
        let permit = match permit.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Turn::Now(permit),
            Poll::Pending => Turn::Later(permit, Ticket::draw(&self.line)?),
        };
        Ok(Place { permit, size: self.size })
    }
}

impl Place {
    /// True if a slot was free on arrival.
    pub fn is_first(&self) -> bool {
        matches!(self.permit, Turn::Now(_))
    }

    /// Waits for the slot; dropping the permit frees it.
    ///
    /// # Errors
    ///
    /// The server is shutting down.
    pub async fn wait(self, progress: &Progress) -> Result<OwnedSemaphorePermit, Error> {
        let (mut permit, ticket) = match self.permit {
            Turn::Now(permit) => return permit.map_err(|_| Error::ShuttingDown),
            Turn::Later(permit, ticket) => (permit, ticket),
        };
        loop {
            tokio::select! {
                biased;
                permit = &mut permit => return permit.map_err(|_| Error::ShuttingDown),
                () = said(progress, self.size, &ticket) => {}
            }
        }
    }
}

/// Reports the place of the call, and pauses.
async fn said(progress: &Progress, size: usize, ticket: &Ticket) {
    progress.say(&format!("waiting for a slot: {size} of {size} in use, {} ahead", ticket.ahead()));
    tokio::time::sleep(RHYTHM).await;
}

impl fmt::Debug for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Place").finish_non_exhaustive()
    }
}

impl Ticket {
    fn draw(line: &Arc<Mutex<Line>>) -> Result<Self, Error> {
        let mut open = line.lock().unwrap_or_else(PoisonError::into_inner);
        if open.tickets.len() >= MOST_WAITING {
            return Err(Error::Busy(open.tickets.len()));
        }
        let number = open.next;
        open.next += 1;
        open.tickets.insert(number);
        Ok(Self { number, line: Arc::clone(line) })
    }

    fn ahead(&self) -> usize {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.tickets.range(..self.number).count()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.tickets.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_served_in_the_order_in_which_they_were_taken() {
        let slots = Slots::new(1);
        let first = slots.place().unwrap().wait(&Progress::silent()).await.unwrap();
        let (second, given_up, third) =
            (slots.place().unwrap(), slots.place().unwrap(), slots.place().unwrap());
        drop(given_up);
        let (progress, silent) = (Progress::silent(), Progress::silent());
        let late = third.wait(&progress);
        tokio::pin!(late);
        drop(first);
        // The third asks first, and still comes after the second.
        assert!(futures_util::poll!(&mut late).is_pending());
        drop(second.wait(&silent).await.unwrap());
        assert!(late.await.is_ok());
    }

    #[tokio::test]
    async fn the_line_is_bounded() {
        let slots = Slots::new(1);
        let _running = slots.place().unwrap();
        let _waiting: Vec<Place> = (0..MOST_WAITING).map(|_| slots.place().unwrap()).collect();
        assert_eq!(slots.place().unwrap_err().code(), "busy");
    }
}
