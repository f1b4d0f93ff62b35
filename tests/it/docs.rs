//! Compares the documents with the code: every name in a document exists, and every public name is in one.

mod commands;
mod generated;
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The documents that the tests in this file check. A directory stands for its files.
const DOCUMENTS: [&str; 35] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "SKILLS.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/benchmarks.md",
    "docs/comparison.md",
    "docs/configuration.md",
    "docs/costs.md",
    "docs/differences.md",
    "docs/errors.md",
    "docs/hosts.md",
    "docs/maker.md",
    "docs/migrate-from-codex-mcp-server.md",
    "docs/migrate-from-gemini-cli.md",
    "docs/migrate-from-pal.md",
    "docs/platforms.md",
    "docs/providers.md",
    "docs/review.md",
    "docs/sandbox.md",
    "docs/security.md",
    "docs/terminal.md",
    "docs/tools.md",
    "docs/troubleshooting.md",
    "docs/session.txt",
    "docs/workflow.md",
    "tests/clients/README.md",
    "tests/clis/README.md",
    "tests/conformance/README.md",
    "tests/scenarios/consult/README.md",
    "tests/scenarios/verify/README.md",
    "skills",
    "roles",
    ".claude/commands",
];

/// The items of `docs/differences.md`.
const DIFFERENCES: [&str; 119] = [
    "F1", "F2", "F3", "F5", "F6", "F7", "F8", "F9", "G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9",
    "G10", "G11", "G12", "G13", "G14", "G15", "E1", "E2", "C1", "C2", "C3", "C4", "C5", "C6", "C6b", "C7",
    "C8", "C9", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "V1", "V2", "V3", "V4", "V5",
    "V6", "V7", "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "W11", "W12", "H1", "H2", "H3",
    "H4", "H5", "S1", "S2", "S3", "S4", "S5", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "T1", "T2",
    "T3", "X1", "X2", "X3", "X4", "X6", "X7", "X8", "X9", "X10", "X11", "P1", "P2", "P3", "P4", "P5", "P6",
    "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "P15", "P16", "P17", "R1", "R2", "R3", "R4", "R5",
    "R6", "R7",
];

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file, or every file below a directory.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found: Vec<PathBuf> = entries.flat_map(|entry| files(&entry.unwrap().path())).collect();
    found.sort();
    found
}

fn documents() -> Vec<(PathBuf, String)> {
    DOCUMENTS.iter().flat_map(|path| files(Path::new(path))).map(|path| (path.clone(), read(path))).collect()
}

/// The cells of the rows of a table, without the separator rows.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix('|')?.trim_end().strip_suffix('|'))
        .filter(|line| !line.chars().all(|letter| "|-: ".contains(letter)))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect()
}

/// The texts between backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The texts between double quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

/// The text from one mark to the next one.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, after) = text.split_once(from).unwrap_or_else(|| panic!("no {from}"));
    after.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}")).0
}

#[test]
fn every_difference_has_one_line() {
    let text = read("docs/differences.md");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows(&text).iter().skip(1) {
        assert_eq!(row.len(), 3, "{row:?}");
        assert!(DIFFERENCES.contains(&row[0]), "{} is not in DIFFERENCES", row[0]);
        assert!(row[1].len() > 20, "{row:?}");
        *counts.entry(row[0]).or_default() += 1;
    }
    for id in DIFFERENCES {
        assert_eq!(counts.get(id), Some(&1), "{id}");
    }
}

#[test]
fn the_test_of_every_difference_exists() {
    let text = read("docs/differences.md");
    for row in rows(&text).iter().skip(1) {
        let tests = code(row[2]);
        assert!(!tests.is_empty(), "{}: no test", row[0]);
        for test in tests {
            assert!(holds_test(test), "{}: there is no test {test}", row[0]);
        }
    }
}

/// True if a test exists. `packing::name` is in `tests/it/packing.rs`; `domain::pack::tests::name` is in that
/// module, which may have its own file.
fn holds_test(path: &str) -> bool {
    let parts: Vec<&str> = path.split("::").collect();
    let Some((name, modules)) = parts.split_last() else {
        return false;
    };
    let candidates = match modules {
        [module] => vec![format!("tests/it/{module}.rs")],
        [outer @ .., _] => {
            vec![
                format!("src/{}.rs", modules.join("/")),
                format!("src/{}.rs", outer.join("/")),
                format!("tests/it/{}.rs", modules.join("/")),
            ]
        }
        [] => vec![],
    };
    candidates.iter().filter_map(|file| std::fs::read_to_string(file).ok()).any(|text| has_test(&text, name))
}

/// True if a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let before = source.split(&format!("fn {name}(")).next().unwrap_or_default();
    before.len() < source.len() && before.lines().rev().take(6).any(|line| line.contains("test]"))
}

#[test]
fn the_readme_begins_with_two_commands() {
    let text = read("README.md");
    let first: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(6).collect();
    let at = |command: &str| {
        first
            .iter()
            .position(|line| line.contains(command))
            .unwrap_or_else(|| panic!("{command} is not in {first:#?}"))
    };
    assert!(at("make demo") < at("make test"));
}

/// A new reader decides in half a minute, so details belong in `docs/`.
#[test]
fn the_readme_is_short() {
    let length = read("README.md").len();
    assert!(length <= 15_000, "{length} bytes");
}

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '.', '#']))
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    for (path, text) in documents() {
        for word in code(&text).into_iter().filter_map(|words| words.strip_prefix("make ")) {
            let target = word.split_whitespace().next().unwrap_or_default();
            assert!(targets.contains(target), "{}: make {target}", path.display());
        }
    }
    let readme = read("README.md") + &read("CONTRIBUTING.md");
    for target in ["demo", "test", "install", "check", "mcp-config", "test-clis", "bench", "lint"] {
        assert!(readme.contains(&format!("make {target}")), "{target}");
    }
}

/// The names in the first column of a table.
fn names(table: &str) -> BTreeSet<String> {
    rows(table).iter().skip(1).filter_map(|row| Some(code(row[0]).first()?.to_string())).collect()
}

#[test]
fn every_variable_of_the_documents_exists() {
    let server = names(&reference::server_variables());
    let of_a_provider = names(&reference::provider_variables());
    assert!(server.len() > 20 && of_a_provider.len() > 4, "{server:?} {of_a_provider:?}");
    let elsewhere = ["MAESTRO_TEST_CACHE"];
    for (path, text) in documents() {
        for name in text
            .split(|letter: char| !(letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'))
        {
            let Some(suffix) = name.strip_prefix("MAESTRO_").filter(|suffix| !suffix.is_empty()) else {
                continue;
            };
            let exists = server.contains(name)
                || elsewhere.contains(&name)
                || suffix
                    .split_once('_')
                    .is_some_and(|(_, key)| of_a_provider.contains(&format!("MAESTRO_<PROVIDER>_{key}")));
            assert!(exists, "{}: {name}", path.display());
        }
    }
}

#[test]
fn every_tool_has_a_row_in_the_documents() {
    let tools = read("docs/tools.md");
    let described: BTreeSet<String> = rows(&tools)
        .iter()
        .filter_map(|row| Some(code(row[0]).first()?.to_string()))
        .filter(|name| name.starts_with("maestro_"))
        .collect();
    let served: BTreeSet<String> = files(Path::new("src/tools"))
        .iter()
        .flat_map(|file| {
            read(file)
                .split("async fn ")
                .skip(1)
                .map(|rest| rest.split('(').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|name| name.starts_with("maestro_"))
        .collect();
    assert_eq!(described, served);
}

/// The files that hold codes, each with the two marks around the codes.
const CODES: [(&str, &str, &str); 7] = [
    ("src/error.rs", "fn unknown", "\n}\n"),
    ("src/error.rs", "fn facts", "\n    }\n"),
    ("src/error.rs", "pub(crate) mod outcome", "\n}\n"),
    ("src/error.rs", "pub fn code", "\n    }\n"),
    ("src/provider/failure.rs", "fn facts", "\n    }\n"),
    ("src/host/store.rs", "pub fn code", "\n    }\n"),
    ("src/domain/vote.rs", "pub fn code", "\n    }\n"),
];

/// The file whose codes are the names of variants.
const REASONS: &str = "src/domain/change.rs";

fn in_snake_case(name: &str) -> String {
    let upper = |at: usize, letter: char| at > 0 && letter.is_uppercase();
    let letters = name
        .char_indices()
        .flat_map(|(at, letter)| upper(at, letter).then_some('_').into_iter().chain(letter.to_lowercase()));
    letters.collect()
}

/// Every code that the source can emit.
fn emitted() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for (file, from, to) in CODES {
        let source = read(file);
        let found: Vec<String> = between(&source, from, to)
            .lines()
            .filter(|line| line.contains("=> \"") || line.contains("=> (\"") || line.contains(" = \""))
            .filter_map(|line| quoted(line).last().map(|code| (*code).to_owned()))
            .collect();
        assert!(found.len() > 2, "{file}: {found:?}");
        codes.extend(found);
    }
    // The codes of refused changes are the names of their reasons.
    let source = read(REASONS);
    let lines = between(&source, "pub enum Reason {", "\n}\n").lines().map(str::trim);
    let code = lines.filter(|line| !line.starts_with("//"));
    let reasons: Vec<&str> = code.filter_map(|line| line.strip_suffix(',')).collect();
    assert!(reasons.len() > 15, "{reasons:?}");
    codes.extend(reasons.into_iter().map(in_snake_case));
    // A refusal of a run begins with its code.
    let source = read("src/domain/workflow/decide.rs");
    let refusals: Vec<&str> = source.split("self.refusal(").skip(1).collect();
    assert!(refusals.len() > 8);
    for refusal in refusals {
        let code = refusal.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
        codes.insert(code.unwrap_or_else(|| panic!("a refusal without a code: {refusal:.60}")).to_owned());
    }
    codes
}

#[test]
fn the_table_of_errors_has_every_code_and_no_other() {
    let described: BTreeSet<String> =
        maestro::testing::errors::entries().map(|entry| entry.code.clone()).collect();
    assert_eq!(described, emitted());
}

#[test]
fn codes_come_from_nowhere_else() {
    let mut known: BTreeSet<&str> = CODES.iter().map(|(file, ..)| *file).collect();
    known.insert(REASONS);
    let makes_one = [
        "fn code(&self) -> &'static str",
        "fn code(self) -> &'static str",
        "code: \"",
        "Refusal {\n            code",
    ];
    let codes = emitted();
    for path in
        files(Path::new("src")).iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
    {
        let name = path.display().to_string();
        let text = read(path);
        let source = text.split("#[cfg(test)]").next().unwrap();
        if known.contains(name.as_str()) || name.ends_with("/tests.rs") || name.contains("/tests/") {
            continue;
        }
        for mark in makes_one {
            let allowed = name == "src/domain/workflow/decide.rs" && mark.starts_with("Refusal");
            assert!(allowed || !source.contains(mark), "{name}: {mark} makes a code that no test knows of");
        }
        // An error that is built by hand takes its code from `outcome`.
        if source.contains("ErrorNote {") {
            let by_hand: Vec<&str> =
                quoted(source).into_iter().filter(|word| codes.contains(*word)).collect();
            assert!(by_hand.is_empty(), "{name}: {by_hand:?} belong in src/error.rs");
        }
    }
}

#[test]
fn the_document_of_errors_is_what_the_table_gives() {
    let written = read("docs/errors.md");
    assert!(written == maestro::testing::errors::markdown(), "docs/errors.md is old: run `make docs`");
}

#[test]
fn every_code_of_the_symptoms_exists_and_none_is_there_twice() {
    let symptoms = read("docs/troubleshooting.md");
    let table = between(&symptoms, "| symptom | code | what to do |", "\n\n");
    let mut seen = BTreeSet::new();
    for row in rows(table) {
        for word in code(row[1]) {
            assert!(maestro::testing::errors::find(word).is_some(), "{word} is no code");
            assert!(seen.insert(word), "{word} is there twice");
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
    assert!(symptoms.contains("(errors.md)"));
}

#[test]
fn no_document_names_a_place_of_one_machine() {
    for (path, text) in documents() {
        for place in ["/home/", "/root/", "/Users/", "/work/"] {
            assert!(!text.contains(place), "{}: {place}", path.display());
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in documents() {
        for target in
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        {
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            if file.is_empty() || file.contains("://") {
                continue;
            }
            assert!(path.parent().unwrap().join(file).exists(), "{}: {target}", path.display());
        }
    }
}

#[test]
fn the_changelog_knows_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## [{}]", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn every_test_that_the_table_of_threats_names_exists() {
    let text = std::fs::read_to_string("docs/security.md").unwrap();
    let table = text.split("## Threats").nth(1).unwrap();
    let named: BTreeSet<&str> = table.split('`').filter(|name| name.contains("::")).collect();
    // Each source with the path of its module, such as `::tests::it::workflow::bound`.
    let sources: Vec<(String, String)> = ["tests/it", "src"]
        .iter()
        .flat_map(|place| files(Path::new(place)))
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| (format!("::{}", path.with_extension("").display()).replace('/', "::"), read(&path)))
        .collect();
    assert!(named.len() > 30);
    for name in named {
        // The table gives the end of the path. A module of tests may be in the file of its parent.
        let (module, test) = name.rsplit_once("::").unwrap();
        let module = format!("::{module}");
        let parent = module.strip_suffix("::tests");
        let is_there = sources.iter().any(|(path, source)| {
            (path.ends_with(&module) || parent.is_some_and(|parent| path.ends_with(parent)))
                && has_test(source, test)
        });
        assert!(is_there, "{name}");
    }
}

/// A slash command has only the permissions that it lists. Without one, the client asks in the middle of the
/// command, or refuses.
#[test]
fn a_command_may_use_every_tool_that_it_names() {
    let served: Vec<String> = crate::inventory::listed(crate::harness::Server::new())
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    for (path, text) in [".claude/commands", "plugin/commands"].iter().flat_map(|folder| {
        files(Path::new(folder)).into_iter().map(|path| (path.clone(), read(path))).collect::<Vec<_>>()
    }) {
        let path = path.display();
        let (head, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        let allowed = head.lines().find_map(|line| line.strip_prefix("allowed-tools: ")).unwrap();
        let allowed: BTreeSet<&str> =
            allowed.split(", ").map(|name| name.rsplit("__").next().unwrap()).collect();
        for name in &allowed {
            assert!(served.iter().any(|tool| tool == name), "{path}: {name} is no tool");
        }
        // The list of providers is needed as soon as a consultant fails.
        assert!(allowed.contains("maestro_list_providers"), "{path}");
        // The person permits each relay of a decision, so no command allows it in advance.
        let named = body.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for name in named.filter(|word| served.iter().any(|tool| tool == word)) {
            assert_eq!(allowed.contains(name), name != "maestro_submit_approval", "{path}: {name}");
        }
    }
}
