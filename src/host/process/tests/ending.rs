//! Nothing outlives its call.

use tokio::sync::Semaphore;

use super::*;

#[cfg(target_os = "linux")]
const ESCAPE: &str = "import os, sys, time, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0: os._exit(0)
    with open(sys.argv[1] + '.new', 'w') as f: f.write(f'{os.getpid()}\\n')
    os.rename(sys.argv[1] + '.new', sys.argv[1])
    time.sleep(30)
while not os.path.exists(sys.argv[1]): time.sleep(0.005)
";

/// A program with a descendant in a session of its own that ignores SIGTERM.
#[cfg(target_os = "linux")]
fn escape(then: &str) -> (Call, PathBuf) {
    let mut call = Call::python(&format!("{ESCAPE}{then}"));
    let note = std::env::temp_dir().join(format!("{}.pid", uuid::Uuid::now_v7()));
    call.launch.args.push(note.clone().into());
    (call, note)
}

#[tokio::test]
async fn a_background_child_does_not_spoil_success() {
    // It holds stdout and stderr open.
    let outcome = Call::sh("sleep 30 & echo $!; exit 0").run().await.unwrap();
    assert_eq!((outcome.ended, outcome.exit), (Ended::Exited, Exit::Code(0)));
    assert_eq!(outcome.leftovers, 1);
    assert!(outcome.elapsed < millis(500), "{:?}", outcome.elapsed);
    assert!(!is_alive(number(&outcome.stdout)));
}

#[tokio::test]
async fn a_background_child_that_ends_by_itself_is_no_leftover() {
    let call = Call::sh("(sleep 0.1; echo late) & echo early").limits(|it| it.drain = seconds(5));
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.leftovers, text(&outcome.stdout)), (0, "early\nlate\n"));
    assert!(outcome.elapsed < seconds(1), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn leftovers_die_with_their_own_children_and_are_counted() {
    let script = "for i in 1 2 3; do sh -c 'trap \"\" TERM; sh -c \"echo \\$\\$; sleep 30; :\" & \
        echo $$; while :; do sleep 1; done' & done; sleep 0.3";
    let outcome = Call::sh(script).run().await.unwrap();
    assert!(outcome.exit.success());
    let pids = distinct(&outcome.stdout);
    assert_eq!(pids.len(), 6);
    // Each of the six waits for a `sleep` of its own.
    let expected = if cfg!(target_os = "linux") { 12 } else { 1 };
    assert_eq!(outcome.leftovers, expected);
    assert!(pids.iter().all(|pid| !is_alive(pid.parse().unwrap())));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_runaway_is_swept_up_after_a_normal_exit() {
    let (call, note) = escape("");
    let supervisor = Supervisor::new(None);
    let outcome = call.run_in(&supervisor).await.unwrap();
    assert_eq!((outcome.exit, outcome.leftovers), (Exit::Code(0), 0));
    let pid = pid_in(&note).await;
    assert!(within(seconds(2), || !is_alive(pid)).await);
    std::fs::remove_file(note).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn runaways_are_killed_with_the_leftovers() {
    let (call, note) = escape("os.fork() or time.sleep(0.2)");
    let outcome = call.limits(|it| it.drain = millis(600)).run().await.unwrap();
    // The one in the group ended in time, the runaway did not.
    assert_eq!((outcome.exit, outcome.leftovers), (Exit::Code(0), 1));
    assert!(!is_alive(pid_in(&note).await));
    std::fs::remove_file(note).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_runaway_dies_with_a_timeout() {
    let (call, note) = escape("time.sleep(30)");
    let call = call.limits(|it| {
        it.timeout = Some(millis(700));
        it.grace = millis(100);
    });
    let outcome = call.run().await.unwrap();
    assert_eq!(outcome.ended, Ended::TimedOut);
    assert!(!is_alive(pid_in(&note).await));
    std::fs::remove_file(note).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn other_calls_are_not_swept_up() {
    let supervisor = Supervisor::new(None);
    let other = Call::sh("sleep 0.6; echo alive");
    let (call, note) = escape("");
    let (other, call) = tokio::join!(other.run_in(&supervisor), call.run_in(&supervisor));
    assert!(call.unwrap().exit.success());
    assert_eq!(text(&other.unwrap().stdout), "alive\n");
    std::fs::remove_file(note).unwrap();
}

#[tokio::test]
async fn dropping_the_run_kills_the_tree_and_holds_the_slot_until_then() {
    let slots = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&slots).try_acquire_owned().unwrap();
    let call = Call::sh(
        "sh -c 'echo $$ > child; exec sleep 30' & trap '' TERM; \
         echo $$ > parent; while :; do sleep 0.05; done",
    )
    .limits(|it| it.grace = millis(400));
    let (parent, child) = (call.note("parent"), call.note("child"));
    let supervisor = Supervisor::new(None);
    let run = supervisor.run(call.launch, (permit, call.dir), |_| {});
    let (parent, child) = tokio::select! {
        _ = run => panic!("it runs for 30 s"),
        pids = async { (pid_in(&parent).await, pid_in(&child).await) } => pids,
    };
    let dropped = Instant::now();
    // SIGTERM came with the drop.
    assert!(within(millis(300), || !is_alive(child)).await);
    assert!(is_alive(parent) && slots.available_permits() == 0 && supervisor.live() == 1);
    assert!(within(seconds(3), || slots.available_permits() == 1).await);
    assert!(dropped.elapsed() >= millis(400));
    // Not even a zombie.
    assert!(!exists(parent));
    assert_eq!(supervisor.live(), 0);
}

#[tokio::test]
async fn a_run_dropped_while_it_starts_leaves_nothing() {
    let held = Arc::new(());
    let supervisor = Supervisor::new(None);
    for _ in 0..20 {
        let call = Call::sh("sleep 30");
        let run = supervisor.run(call.launch, (Arc::clone(&held), call.dir), |_| {});
        // Polled once: it is on its way in another thread.
        let _ = timeout(Duration::ZERO, run).await;
    }
    assert!(within(seconds(3), || Arc::strong_count(&held) == 1).await);
    assert_eq!(supervisor.live(), 0);
}

#[tokio::test]
async fn a_run_dropped_while_it_is_being_killed_is_killed_to_the_end() {
    let held = Arc::new(());
    let call = Call::sh("trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done").limits(|it| {
        it.timeout = Some(millis(200));
        it.grace = millis(500);
    });
    let note = call.note("pid");
    let supervisor = Supervisor::new(None);
    let run = supervisor.run(call.launch, (Arc::clone(&held), call.dir), |_| {});
    let pid = tokio::select! {
        _ = run => panic!("the grace is longer"),
        pid = async { sleep(millis(400)).await; pid_in(&note).await } => pid,
    };
    assert!(within(seconds(2), || Arc::strong_count(&held) == 1).await);
    assert!(!exists(pid));
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_its_programs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (call, supervisor) =
        (Call::sh("trap '' TERM; echo $$ > pid; while :; do sleep 1; done"), Supervisor::new(None));
    let note = call.note("pid");
    let (launch, dir) = (call.launch, Arc::new(call.dir));
    let (task, kept) = (supervisor.clone(), Arc::clone(&dir));
    runtime.spawn(async move { task.run(launch, kept, |_| {}).await });
    let pid = runtime.block_on(pid_in(&note));
    drop(runtime);
    assert!(!exists(pid));
    assert_eq!((supervisor.live(), Arc::strong_count(&dir)), (0, 1));
}

#[tokio::test]
async fn shutdown_kills_all_in_time_and_refuses_what_comes() {
    let supervisor = Supervisor::new(None);
    let script = "trap '' TERM; echo $$ > pid; while :; do sleep 1; done";
    let calls = [Call::sh(script), Call::sh(script), Call::sh("echo $$ > pid; exec sleep 30")];
    let notes: Vec<PathBuf> = calls.iter().map(|call| call.note("pid")).collect();
    let runs = calls.map(|call| {
        let supervisor = supervisor.clone();
        tokio::spawn(async move { call.run_in(&supervisor).await })
    });
    let mut pids = Vec::new();
    for note in &notes {
        pids.push(pid_in(note).await);
    }
    // 80 ms, and something for the tests that run beside this one.
    let limit = millis(150);
    let begin = Instant::now();
    supervisor.shutdown().await;
    println!("shutdown took {:?}", begin.elapsed());
    assert!(begin.elapsed() < limit, "{:?}", begin.elapsed());
    assert!(within(millis(500), || pids.iter().all(|pid| !is_alive(*pid))).await);
    for run in runs {
        assert!(matches!(run.await.unwrap(), Err(ProcessError::ShuttingDown)));
    }
    let late = Call::sh("true").run_in(&supervisor).await;
    assert!(matches!(late, Err(ProcessError::ShuttingDown)));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn shutdown_finds_runaways_too() {
    let (call, note) = escape("time.sleep(30)");
    let supervisor = Supervisor::new(None);
    let task = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { call.run_in(&supervisor).await }
    });
    let pid = pid_in(&note).await;
    supervisor.shutdown().await;
    assert!(within(millis(500), || !is_alive(pid)).await);
    assert!(matches!(task.await.unwrap(), Err(ProcessError::ShuttingDown)));
    std::fs::remove_file(note).unwrap();
}

#[tokio::test]
async fn an_idle_shutdown_takes_no_time() {
    let supervisor = Supervisor::new(None);
    let begin = Instant::now();
    supervisor.shutdown().await;
    assert!(begin.elapsed() < millis(40));
}

#[tokio::test]
async fn thirty_two_at_once_take_as_long_as_one() {
    let supervisor = Supervisor::new(None);
    let begin = Instant::now();
    let runs: Vec<_> = (0..32)
        .map(|_| {
            let (supervisor, call) = (supervisor.clone(), Call::sh("sleep 0.5; cat").stdin("ok"));
            tokio::spawn(async move { call.run_in(&supervisor).await })
        })
        .collect();
    for run in runs {
        assert_eq!(text(&run.await.unwrap().unwrap().stdout), "ok");
    }
    assert!(begin.elapsed() < millis(1500), "{:?}", begin.elapsed());
    assert!(within(seconds(1), || supervisor.live() == 0).await);
}
