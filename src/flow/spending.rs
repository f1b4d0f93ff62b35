//! Who is asked before a consult begins whether there is still something to spend.

use std::pin::Pin;

use crate::error::Error;

/// The answer of a budget.
pub type Reserved<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// A budget for consults. It is asked before each one, retries of a transient error apart.
pub trait Spending: Send + Sync {
    /// Takes one consult from the budget.
    ///
    /// # Errors
    ///
    /// There is none left; the consult is not begun then.
    fn reserve<'a>(&'a self, provider: &'a str, purpose: &'a str) -> Reserved<'a>;
}

/// No limit, as outside of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Spending for Unlimited {
    fn reserve<'a>(&'a self, _provider: &'a str, _purpose: &'a str) -> Reserved<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}
