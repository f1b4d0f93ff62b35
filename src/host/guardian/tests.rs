//! The guardian as a real process, and servers that are killed.

use std::io::Cursor;

use super::*;

/// The real binary as the guardian; cargo builds it for the integration tests.
pub(crate) fn as_guardian_command() -> GuardianCommand {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("maestro-mcp");
    assert!(program.exists(), "{} is missing: run `cargo build` first", program.display());
    GuardianCommand { program, args: vec![GUARDIAN_ARGUMENT.into()] }
}

fn within(limit: Duration, mut check: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !check() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn only_calls_in_progress_are_left_at_the_end_of_the_pipe() {
    let lines = "+0 a\n+77 a\n+0 b\n+88 b\n-a\n+1 c\n+-5 d\nnonsense\n+0 b2\n+99 torso";
    let calls = listen(Cursor::new(lines));
    let expected = [("b", Pid::from_raw(88)), ("c", None), ("d", None), ("b2", None)];
    let expected = expected.map(|(marker, group)| (marker.to_owned(), group));
    assert_eq!(calls, HashMap::from(expected));
}

#[test]
fn without_calls_the_guardian_leaves_at_once() {
    let mut link = as_guardian_command().start().unwrap();
    link.pipe.write_all(b"+0 nobody-here\n-nobody-here\n").unwrap();
    sleep(Duration::from_millis(100));
    assert!(link.child.try_wait().unwrap().is_none());
    drop(link.pipe);
    assert!(within(Duration::from_secs(1), || link.child.try_wait().unwrap().is_some()));
}

#[test]
fn a_dead_guardian_is_replaced_and_told_everything() {
    let mut guardian = Guardian::new(Some(as_guardian_command()));
    guardian.ensure(&HashMap::new());
    let link = guardian.link.as_mut().unwrap();
    link.child.kill().unwrap();
    link.child.wait().unwrap();
    // A child that another test is starting may hold the pipe for a moment.
    assert!(within(Duration::from_secs(1), || {
        guardian.remember("call", None);
        guardian.link.is_none()
    }));
    guardian.ensure(&HashMap::from([("call".to_owned(), None)]));
    assert!(guardian.link.is_some());
    guardian.forget("call");
    assert!(guardian.link.is_some());
    guardian.discard();
}

#[test]
fn no_guardian_is_no_failure() {
    let command = GuardianCommand { program: "/nonexistent/binary".into(), args: Vec::new() };
    let mut guardian = Guardian::new(Some(command));
    guardian.ensure(&HashMap::new());
    guardian.remember("call", None);
    guardian.ensure(&HashMap::new());
    assert!(guardian.link.is_none());
}
