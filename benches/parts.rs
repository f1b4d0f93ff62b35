//! The parts that every consult goes through, one by one.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use maestro::testing::{
    Config, Ended, Environment, Exit, FileText, Library, Masker, Material, Output, PackLimits, SecretRules,
    file_lines, pack,
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

fn configuration(bench: &mut Criterion) {
    let environment = Environment::default();
    let library = Library::new(None, None);
    bench.bench_function("load the configuration", |run| {
        run.iter(|| black_box(Config::load(&environment, &library)));
    });
}

/// What a CLI that ended well printed.
fn output(stdout: String) -> Output {
    let at = jiff::ZonedDateTime::now();
    Output { ended: Ended::Exited, exit: Exit::Code(0), stdout, stderr: String::new(), at }
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

criterion_group!(parts, masking, packing, configuration, reading);
criterion_main!(parts);
