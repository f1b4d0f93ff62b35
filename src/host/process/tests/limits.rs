//! Timeout, stall, too much output, and the reports meanwhile.

use super::*;

#[tokio::test]
async fn a_timeout_keeps_what_was_written() {
    let call = Call::sh("echo partial; echo problem >&2; sleep 30");
    let outcome = call.limits(|it| it.timeout = Some(millis(300))).run().await.unwrap();
    assert_eq!((outcome.ended, outcome.exit), (Ended::TimedOut, Exit::Signal(15)));
    assert_eq!((text(&outcome.stdout), text(&outcome.stderr)), ("partial\n", "problem\n"));
    assert!(outcome.elapsed >= millis(300) && outcome.elapsed < seconds(1));
}

#[tokio::test]
async fn one_sigterm_and_the_grace_to_clean_up() {
    let script = "import signal, time\nend = time.time() + 60\n\
        def clean_up(*_):\n    global end\n    print('term', flush=True)\n    end = time.time() + 0.7\n\
        signal.signal(signal.SIGTERM, clean_up)\nprint('ready', flush=True)\n\
        while time.time() < end: time.sleep(0.01)\nprint('clean', flush=True)";
    // Long enough for an interpreter to start on a busy machine.
    let call = Call::python(script).limits(|it| it.timeout = Some(seconds(2)));
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.ended, outcome.exit), (Ended::TimedOut, Exit::Code(0)));
    assert_eq!(text(&outcome.stdout), "ready\nterm\nclean\n");
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_after_the_grace() {
    let script = "trap '' TERM; (trap '' TERM; echo $$; sleep 30) & while :; do sleep 1; done";
    let call = Call::sh(script).limits(|it| {
        it.timeout = Some(millis(700));
        it.grace = millis(300);
    });
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.ended, outcome.exit), (Ended::TimedOut, Exit::Signal(9)));
    assert!(outcome.elapsed >= millis(1000) && outcome.elapsed < millis(2000), "{:?}", outcome.elapsed);
    assert!(!is_alive(number(&outcome.stdout)));
}

#[tokio::test]
async fn a_stopped_program_can_clean_up_too() {
    let script = "trap 'echo clean; exit 0' TERM; kill -STOP $$; sleep 30 & wait";
    let call = Call::sh(script).limits(|it| it.timeout = Some(millis(200)));
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.ended, text(&outcome.stdout)), (Ended::TimedOut, "clean\n"));
    assert!(outcome.elapsed < seconds(1), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn silence_after_the_first_byte_is_a_stall() {
    let call = Call::sh("echo one; sleep 0.3; echo two >&2; sleep 30");
    let outcome = call.limits(|it| it.stall = Some(millis(500))).run().await.unwrap();
    assert_eq!((outcome.ended, text(&outcome.stderr)), (Ended::Stalled, "two\n"));
    assert!(outcome.elapsed >= millis(800) && outcome.elapsed < seconds(2));
}

#[tokio::test]
async fn a_program_that_prints_at_its_end_never_stalls() {
    let call = Call::sh("sleep 0.8; echo done").limits(|it| it.stall = Some(millis(100)));
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.ended, text(&outcome.stdout)), (Ended::Exited, "done\n"));
}

#[tokio::test]
async fn endless_output_is_cut_off() {
    let call = Call::sh("exec yes").limits(|it| it.output_bytes = 1_000_000);
    let outcome = call.run().await.unwrap();
    assert_eq!(outcome.ended, Ended::OutputTooLarge);
    assert_eq!(outcome.stdout.len(), 1_000_000);
    assert!(outcome.stderr.is_empty());
    assert!(outcome.elapsed < seconds(2), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn too_much_is_too_much_even_from_a_program_that_exits_at_once() {
    let call = Call::sh("echo 123456789; echo 12 >&2").limits(|it| it.output_bytes = 4);
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.ended, outcome.exit), (Ended::OutputTooLarge, Exit::Code(0)));
    assert_eq!((text(&outcome.stdout), text(&outcome.stderr)), ("1234", "12\n"));
    let call = Call::sh("echo 123").limits(|it| it.output_bytes = 4);
    assert_eq!(call.run().await.unwrap().ended, Ended::Exited);
}

#[tokio::test]
async fn the_watcher_hears_of_the_first_output_and_then_each_second() {
    let script = "sleep 0.3; echo first line; sleep 1.5; echo oops >&2; sleep 1.3";
    let call = Call::sh(script);
    let mut seen = Vec::new();
    let watch = |activity: &Activity| seen.push(activity.clone());
    let outcome = Supervisor::new(None).run(call.launch, call.dir, watch).await.unwrap();
    assert!(outcome.exit.success());
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen[0].elapsed >= millis(300) && seen[0].elapsed < millis(700), "{seen:?}");
    assert_eq!(seen[0].last_line.as_deref(), Some("first line"));
    assert_eq!(seen[0].last_output, Some(Duration::ZERO));
    assert!(seen[1].last_output.unwrap() >= millis(900), "{seen:?}");
    assert_eq!(seen[2].last_line.as_deref(), Some("oops"));
}

#[tokio::test]
async fn the_exit_is_noticed_at_once() {
    // Far from the next look at the files; the best of several, as other tests run beside this one.
    let mut lag = Duration::MAX;
    for time in [130, 150, 330] {
        let call = Call::sh(&format!("sleep 0.{time}"));
        let outcome = call.run().await.unwrap();
        lag = lag.min(outcome.elapsed.saturating_sub(millis(time)));
    }
    assert!(lag < millis(40), "{lag:?}");
}
