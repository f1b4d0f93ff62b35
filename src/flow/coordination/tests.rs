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
        stage: None,
        intent: None,
    }
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
