//! The parts of a consult, each measured alone.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use maestro::testing::{
    Config, Ended, Environment, Exit, FileText, Kit, Library, Masker, Material, Outcome, PackLimits,
    RuleFile as _, SecretRules, Supervisor, WallStanding, citations, file_lines, pack,
};

const RULES: &str = include_str!("../conf/secrets.yaml");

fn text(bytes: usize) -> String {
    include_str!("../src/flow/consult.rs").chars().cycle().take(bytes).collect()
}

fn masking(bench: &mut Criterion) {
    let rules = SecretRules::from_yaml(RULES).unwrap();
    let masker =
        Masker::new(&rules.masking, [("API_TOKEN".into(), "0123456789abcdef".into())], &[], "[MASKED]")
            .unwrap();
    let mut group = bench.benchmark_group("mask");
    for bytes in [60_000, 1_000_000] {
        let text = text(bytes);
        group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap()));
        group.bench_function(format!("{} KB", bytes / 1_000), |run| {
            run.iter(|| black_box(masker.mask(&text)));
        });
    }
    group.bench_function("rules from YAML", |run| run.iter(|| black_box(SecretRules::from_yaml(RULES))));
    group.finish();
}

fn packing(bench: &mut Criterion) {
    let ranking = file_lines(5_000, &[2_500], 300);
    let lines: BTreeMap<usize, String> =
        ranking.iter().map(|line| (*line, format!("line {line} of a file"))).collect();
    let file = FileText { path: "src/a.py".into(), total_lines: 5_000, lines, ranking };
    let material = Material { errors: vec![text(60_000)], files: vec![file; 10], ..Material::default() };
    bench.bench_function("pack ten files and an error", |run| {
        run.iter(|| black_box(pack(&material, PackLimits { error_lines: 100, total_chars: 50_000 })));
    });
}

fn config(bench: &mut Criterion) {
    let environment = Environment::default();
    let library = Library::new(None, None);
    bench.bench_function("load the configuration", |run| {
        run.iter(|| black_box(Config::load(&environment, &library)));
    });
}

/// The outcome of a CLI that succeeded.
fn output(stdout: String) -> Outcome<String> {
    Outcome {
        ended: Ended::Exited,
        exit: Exit::Code(0),
        stdout,
        stderr: String::new(),
        at: jiff::ZonedDateTime::now(),
        elapsed: std::time::Duration::ZERO,
        leftovers: 0,
        wall: WallStanding::default(),
    }
}

fn reading(bench: &mut Criterion) {
    let answer = text(1_000_000);
    let result =
        serde_json::json!({ "type": "result", "subtype": "success", "num_turns": 1, "result": answer });
    let claude = output(result.to_string());
    let item =
        serde_json::json!({ "type": "item.completed", "item": { "type": "agent_message", "text": answer } });
    let end = serde_json::json!({ "type": "turn.completed", "usage": {} });
    let codex = output(format!("{item}\n{end}\n"));
    bench.bench_function("read 1 MB from claude", |run| {
        run.iter(|| black_box(maestro::testing::parse_claude(&claude)));
    });
    bench.bench_function("read 1 MB from codex", |run| {
        run.iter(|| black_box(maestro::testing::parse_codex(&codex)));
    });
}

/// Writes a tree of the size of a real project: several thousand files of a few hundred lines each.
fn tree(root: &std::path::Path) {
    for directory in 0..120 {
        let place = root.join(format!("src/area_{}/part_{directory}", directory % 12));
        std::fs::create_dir_all(&place).unwrap();
        for file in 0..40 {
            let lines =
                (0..200 + file * 5).map(|line| format!("    value_{line} = step_{file}(total, {line})\n"));
            std::fs::write(place.join(format!("module_{directory}_{file}.py")), lines.collect::<String>())
                .unwrap();
        }
    }
}

/// An answer of at least `bytes` bytes. `paragraph` gives the text of each paragraph by its number.
fn answer(bytes: usize, paragraph: impl Fn(usize) -> String) -> String {
    let mut answer = String::new();
    for number in 0.. {
        if answer.len() >= bytes {
            break;
        }
        answer += &paragraph(number);
    }
    answer
}

/// Processor time that this thread has used.
fn on_processor() -> std::time::Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    std::time::Duration::from_nanos(nanoseconds.unwrap())
}

/// Measures how long it takes to check the places in an answer of 40 KB against the tree.
fn citing(bench: &mut Criterion) {
    const BYTES: usize = 40_000;
    let directory = tempfile::tempdir().unwrap();
    tree(directory.path());
    let kit = Kit::new(Environment::default(), directory.path(), Supervisor::new(None));
    let name = |number: usize| {
        let (place, file) = (number * 7 % 120, number * 3 % 40);
        (format!("src/area_{}/part_{place}/", place % 12), format!("module_{place}_{file}.py"), file)
    };
    let found = |number: usize| {
        let ((place, name, file), line) = (name(number), number % 180 + 1);
        let quoted = format!("value_{} = step_{file}(total, {})", line - 1, line - 1);
        format!(
            "{number}. In `{place}{name}:{line}` the call `{quoted}` adds to the total before it is checked, so a second caller sees a sum that was never true.\n\n"
        )
    };
    let bare = |number: usize| {
        let ((_, name, _), line) = (name(number), number % 180 + 1);
        format!(
            "{number}. {name}, line {line}: the sum is kept over the wait, as at 12:30 on localhost:8080; gone_{number}.py:3 and src/area_1/gone.py:{line} are no help.\n"
        )
    };
    let findings: Vec<serde_json::Value> = (0..250)
        .map(|number| {
            let (place, name, file) = name(number);
            serde_json::json!({
                "file": format!("{place}{name}"), "line": number + 1, "quote": format!("step_{file}(total, 3)"),
                "claim": "the sum is never checked before it goes on to whoever asked for it",
            })
        })
        .collect();
    let prose = |number: usize| {
        format!(
            "{number}. Nothing here names a place, though `total` and 3:4 and version 2.{number}.1 look alike to some.\n"
        )
    };
    let answers = [
        ("paths and quotes", answer(BYTES, found)),
        ("bare names, half of them gone", answer(BYTES, bare)),
        ("a document of findings", serde_json::json!({ "findings": findings }).to_string()),
        ("prose", answer(BYTES, prose)),
    ];
    let mut group = bench.benchmark_group("citations of 40 KB");
    for (kind, answer) in answers {
        assert!(answer.len() > 36_000, "{kind}: {}", answer.len());
        group.bench_function(kind, |run| {
            // Processor time does not count other programs on the machine.
            run.iter_custom(|times| {
                let before = on_processor();
                for _ in 0..times {
                    black_box(citations(&kit.project, &answer, std::iter::empty()));
                }
                on_processor().saturating_sub(before)
            });
        });
    }
    group.finish();
}

criterion_group!(parts, masking, packing, config, reading, citing);
criterion_main!(parts);
