use std::sync::Arc;

use super::*;

fn run(tokens: u64) -> RunRecord {
    RunRecord {
        topology: Topology::Independent,
        success: true,
        tokens,
        messages: 0,
        rounds: 1,
        format_errors: 0,
        redundancy: None,
        answers: Vec::new(),
    }
}

#[test]
fn concurrent_records_lose_nothing() {
    const THREADS: u64 = 8;
    const EACH: u64 = 500;
    let log = Arc::new(MemoryCoordinationLog::default());
    let writers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                for at in 0..EACH {
                    log.record(run(thread * EACH + at));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let mut tokens: Vec<u64> = log.all().into_iter().map(|run| run.tokens).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, (0..THREADS * EACH).collect::<Vec<u64>>());
}

#[test]
fn hints_say_what_is_missing() {
    let single = |count| {
        let runs: Vec<RunRecord> =
            (0..count).map(|_| RunRecord { topology: Topology::Sas, ..run(0) }).collect();
        hint(&History::of(&runs))
    };
    assert!(hint(&History::of(&[run(1)])).contains("(sas)"));
    assert!(single(4).starts_with("6 more results"));
    assert!(single(10).starts_with("Enough"));
}
