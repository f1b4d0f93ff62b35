//! Whether a vote may go on.

use std::future::Future;
use std::pin::Pin;

use crate::error::Error;

/// The answer of a budget, which may have to look it up.
pub type Reserved<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// What is asked before samples are launched. The samples of a round are reserved together: fewer
/// than the round needs could not decide it.
pub trait SampleBudget: Send + Sync {
    /// Reserves so many samples, all or none. A refusal ends the vote with
    /// [`Stop::Budget`](crate::domain::vote::Stop::Budget) and is shown with it.
    fn reserve(&self, samples: u32) -> Reserved<'_>;
}

/// Outside a run nothing is limited but by the vote's own `max_rounds`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl SampleBudget for Unlimited {
    fn reserve(&self, _samples: u32) -> Reserved<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}
