//! Waiting for somebody, and saying so, because clients give up on a call that says nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::flow::progress::Progress;

/// Interval at which a waiting call says so. The least patient clients give up after a minute.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// Runs something that may take long, and says at once and then every so often what is waited for.
pub(crate) async fn waiting<T>(
    progress: &Progress,
    what: &str,
    every: Duration,
    work: impl Future<Output = T>,
) -> T {
    let started = Instant::now();
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        // No timer: an answer may come within its first millisecond, and then nothing would be said.
        () = std::future::ready(()) => progress.say(&message(what, Duration::ZERO)),
    }
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(every) => progress.say(&message(what, started.elapsed())),
        }
    }
}

fn message(what: &str, elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => format!("waiting for {what}"),
        seconds @ 1..=119 => format!("waiting for {what} ({seconds} s)"),
        seconds => format!("waiting for {what} ({} min)", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_for_how_long() {
        for (seconds, expected) in
            [(0, "waiting for you"), (15, "waiting for you (15 s)"), (150, "waiting for you (2 min)")]
        {
            assert_eq!(message("you", Duration::from_secs(seconds)), expected);
        }
    }

    #[tokio::test]
    async fn it_is_said_at_once_and_again_until_the_work_is_done() {
        let (progress, mut said) = Progress::channel();
        let every = Duration::from_millis(10);
        let done = waiting(&progress, "you", every, async {
            for _ in 0..3 {
                assert_eq!(said.recv().await.unwrap(), "waiting for you");
            }
            7
        });
        assert_eq!(done.await, 7);
    }

    #[tokio::test]
    async fn what_is_done_already_is_not_waited_for() {
        let (progress, mut said) = Progress::channel();
        waiting(&progress, "you", EVERY, async {}).await;
        assert!(said.try_recv().is_err());
    }
}
