//! Input and output.

use super::*;

#[tokio::test]
async fn a_prompt_of_4_mb_is_written_while_the_answer_grows() {
    let prompt: Vec<u8> = (0..4_000_000u32).flat_map(|i| [i.to_le_bytes()[0]]).collect();
    let outcome = Call::new("/bin/cat", &[]).stdin(prompt.clone()).run().await.unwrap();
    assert_eq!(outcome.ended, Ended::Exited);
    assert!(outcome.exit.success());
    assert!(outcome.stdout == prompt);
}

#[tokio::test]
async fn a_program_need_not_read_its_prompt() {
    let call = Call::sh("echo hello; exit 3").stdin(vec![b'x'; 4_000_000]);
    let outcome = call.run().await.unwrap();
    assert_eq!((outcome.exit, text(&outcome.stdout)), (Exit::Code(3), "hello\n"));
}

#[tokio::test]
async fn a_prompt_that_nobody_reads_does_not_block_the_timeout() {
    let call = Call::sh("sleep 30").stdin(vec![b'x'; 4_000_000]);
    let outcome = call.limits(|it| it.timeout = Some(millis(200))).run().await.unwrap();
    assert_eq!(outcome.ended, Ended::TimedOut);
    assert!(outcome.elapsed < seconds(1), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn without_a_prompt_the_input_is_at_its_end() {
    let outcome = Call::sh("cat; echo end").run().await.unwrap();
    assert_eq!(text(&outcome.stdout), "end\n");
}

#[tokio::test]
async fn bytes_stay_as_they_are() {
    let script = r"import sys; sys.stdout.buffer.write(bytes(range(256)));
sys.stderr.buffer.write(b'\xff\x00')";
    let outcome = Call::python(script).run().await.unwrap();
    assert_eq!(outcome.stdout, (0..=255).collect::<Vec<u8>>());
    assert_eq!(outcome.stderr, [0xff, 0]);
}

#[tokio::test]
async fn output_goes_to_private_regular_files() {
    let script = "import os,stat\n\
        for fd in (1, 2): s = os.fstat(fd); print(stat.S_ISREG(s.st_mode), oct(s.st_mode & 0o777))";
    let outcome = Call::python(script).run().await.unwrap();
    assert_eq!(text(&outcome.stdout), "True 0o600\nTrue 0o600\n");
}

#[tokio::test]
async fn a_program_gets_its_environment_directory_and_group_and_nothing_else() {
    let outcome = Call::new("/usr/bin/env", &[]).run().await.unwrap();
    let names = text(&outcome.stdout).lines().map(|line| line.split('=').next().unwrap());
    assert_eq!(names.collect::<HashSet<_>>(), HashSet::from([MARKER_VARIABLE, "PATH"]));

    let call = Call::sh("pwd -P; ps -o pgid= -p $$; echo $$; echo $CONSULT_CALL_ID");
    let cwd = call.launch.cwd.canonicalize().unwrap();
    let outcome = call.run().await.unwrap();
    let lines: Vec<&str> = text(&outcome.stdout).lines().map(str::trim).collect();
    assert_eq!((Path::new(lines[0]), lines[1]), (cwd.as_path(), lines[2]));
    assert!(!lines[3].is_empty());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_descriptor_of_the_server_is_inherited() {
    let list = "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done";
    // The process that started the test may have left some that every child inherits.
    let bare = std::process::Command::new("/bin/sh").args(["-c", list]).output().unwrap();
    let supervisor = Supervisor::new(Some(crate::host::guardian::tests::as_guardian_command()));
    let first = Call::sh("sleep 0.3").stdin("x");
    let second = Call::sh(list).stdin("x");
    let (first, second) = tokio::join!(first.run_in(&supervisor), second.run_in(&supervisor));
    assert!(first.unwrap().exit.success());
    assert_eq!(text(&second.unwrap().stdout), text(&bare.stdout));
}

#[tokio::test]
async fn fifty_megabytes_are_read_fast() {
    let script = "import sys; sys.stdout.write('x' * 50_000_000)";
    let outcome = Call::python(script).run().await.unwrap();
    assert_eq!(outcome.stdout.len(), 50_000_000);
    assert!(outcome.elapsed < seconds(2), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn the_kinds_of_failure_to_start() {
    let missing = Call::new("/nonexistent/program", &[]).run().await;
    assert!(matches!(missing, Err(ProcessError::NotFound { .. })), "{missing:?}");
    let missing = Call::new("no-such-program-anywhere", &[]).run().await;
    assert!(matches!(missing, Err(ProcessError::NotFound { .. })), "{missing:?}");
    let forbidden = Call::new("/etc/passwd", &[]).run().await;
    assert!(matches!(forbidden, Err(ProcessError::PermissionDenied { .. })), "{forbidden:?}");
    let mut nowhere = Call::sh("true");
    nowhere.launch.cwd = "/nonexistent".into();
    assert!(matches!(nowhere.run().await, Err(ProcessError::Spawn(_))));
    let mut uncaught = Call::sh("true");
    uncaught.launch.capture_dir = "/nonexistent".into();
    assert!(matches!(uncaught.run().await, Err(ProcessError::Capture(_))));
}

#[tokio::test]
async fn a_failed_start_leaves_nothing_behind() {
    let supervisor = Supervisor::new(None);
    let held = Arc::new(());
    let call = Call::new("/nonexistent/program", &[]);
    let result = supervisor.run(call.launch, Arc::clone(&held), |_| {}).await;
    assert!(result.is_err());
    assert_eq!((Arc::strong_count(&held), supervisor.live()), (1, 0));
}

#[tokio::test]
async fn a_directory_serves_several_runs_with_a_marker_each() {
    let supervisor = Supervisor::new(None);
    let call = Call::sh("echo $CONSULT_CALL_ID");
    let mut markers = HashSet::new();
    for _ in 0..10 {
        let outcome = supervisor.run(call.launch.clone(), (), |_| {}).await.unwrap();
        markers.insert(outcome.stdout);
    }
    assert_eq!(markers.len(), 10);
}

#[tokio::test]
async fn a_call_directory_is_private_and_goes() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = CallDir::create().unwrap();
    let root = dir.work().parent().unwrap().to_owned();
    assert!(root.file_name().unwrap().to_str().unwrap().starts_with("maestro-"));
    for path in [&root, dir.work(), dir.capture()] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    std::fs::write(dir.work().join("left"), "behind").unwrap();
    drop(dir);
    assert!(within(seconds(2), || !root.exists()).await);
}
