//! The generated parts of the documents. `make docs` runs this test with `WRITE_DOCS` set, and the test
//! writes these parts. Without `WRITE_DOCS` it fails if one of them is old.

use std::fmt::Write as _;

use maestro::testing::{Toolset, grouped, presets, toolsets};
use serde_json::Value;

use super::{between, read, reference, rows};
use crate::harness::Server;
use crate::inventory::{listed, read_by_a_model};

/// Approximate number of bytes per token.
const BYTES_OF_A_TOKEN: usize = 4;

/// The beginnings of the rows of `docs/benchmarks.md` that the README shows.
const FIGURES: [&str; 5] = [
    "start to first reply",
    "resident memory after tools/list",
    "consult, 60 KB prompt",
    "32 one-second consults at once",
    "patch of 50 files, 5,000 lines",
];

/// A generated part: the document, the name in its marks, the text.
type Part = (&'static str, String, String);

fn parts() -> Vec<Part> {
    let tools = listed(Server::new());
    let benchmarks = read("docs/benchmarks.md");
    let tables = [
        ("README.md", "tool families", table_of_families(&tools)),
        ("README.md", "benchmarks", table_of_benchmarks(&benchmarks)),
        ("docs/tools.md", "tools", table_of_tools(&tools)),
        ("docs/tools.md", "sets of tools", table_of_sets(&tools)),
        ("docs/providers.md", "providers", reference::providers()),
        ("docs/configuration.md", "variables of the server", reference::server_variables()),
        ("docs/configuration.md", "variables of a provider", reference::provider_variables()),
        ("docs/costs.md", "costs", table_of_costs(&tools, &benchmarks)),
    ];
    let parameters = tools.iter().filter_map(|tool| {
        let name = format!("parameters of {}", tool["name"].as_str().unwrap());
        Some(("SKILLS.md", name, table_of_parameters(tool)?))
    });
    tables
        .into_iter()
        .map(|(document, name, text)| (document, name.to_owned(), text))
        .chain(parameters)
        .collect()
}

/// The parameters of a tool as the server lists them. None if the tool has no parameters.
fn table_of_parameters(tool: &Value) -> Option<String> {
    let schema = &tool["inputSchema"];
    let properties = schema["properties"].as_object().filter(|properties| !properties.is_empty())?;
    let is_required = |name: &str| {
        let names = schema["required"].as_array().into_iter().flatten();
        names.into_iter().any(|required| required == name)
    };
    let mut out = "| name | type | default | meaning |\n|--|--|--|--|\n".to_owned();
    for (name, property) in properties {
        let default = match &property["default"] {
            _ if is_required(name) => "required".to_owned(),
            Value::Null => "none".to_owned(),
            Value::String(text) if text.is_empty() => "empty".to_owned(),
            value => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        };
        let meaning = property["description"].as_str().unwrap().replace('|', "\\|");
        writeln!(
            out,
            "| `{name}` | {} | {default} | {meaning}{} |",
            type_in_words(property),
            choices(name, property)
        )
        .unwrap();
    }
    Some(out)
}

fn type_in_words(property: &Value) -> String {
    match (property["type"].as_str().unwrap(), property["items"]["type"].as_str()) {
        ("array", Some(items)) => format!("list of {items}s"),
        (other, _) => other.to_owned(),
    }
}

/// The values that a parameter takes, as a sentence. Names of providers are left out, because they differ
/// from user to user.
fn choices(name: &str, property: &Value) -> String {
    let values: Vec<String> = match property["enum"].as_array() {
        Some(values) if !name.contains("provider") => {
            values.iter().map(|value| format!("`{}`", value.as_str().unwrap())).collect()
        }
        _ => return String::new(),
    };
    let stop = if property["description"].as_str().unwrap().ends_with('.') { "" } else { "." };
    format!("{stop} One of {}.", values.join(", "))
}

fn marks(name: &str) -> (String, String) {
    (format!("<!-- made by make docs: {name} -->\n"), format!("<!-- end of {name} -->"))
}

#[test]
fn the_documents_hold_what_the_sources_give() {
    let mut old = vec![];
    for (document, name, part) in parts() {
        let written = read(document);
        let (from, to) = marks(&name);
        let inside = between(&written, &from, &to);
        let wanted = format!("\n{part}\n");
        if inside == wanted {
            continue;
        }
        if std::env::var_os("WRITE_DOCS").is_some() {
            let before = format!("{from}{inside}{to}");
            std::fs::write(document, written.replacen(&before, &format!("{from}{wanted}{to}"), 1)).unwrap();
        } else {
            old.push(format!("{document}: {name}"));
        }
    }
    assert!(old.is_empty(), "these are old, run `make docs`: {old:#?}");
}

/// The purpose of a set, as the heading of its tools.
fn heading(set: &Toolset) -> &'static str {
    match set.name.as_str() {
        "consult" => "asking",
        "change" => "checking and changing",
        "workflow" => "the gated workflow",
        "evidence" => "the record",
        "consensus" => "voting and choosing",
        "coordination" => "one agent or several",
        "toolbox" => "tools at hand",
        other => panic!("no heading of {other}"),
    }
}

/// The families of tools: the purpose of each, and its tools.
fn table_of_families(tools: &[Value]) -> String {
    let mut out = format!(
        "{} tools: `maestro_help`, and the others in {} families:\n\n",
        tools.len(),
        toolsets().len()
    );
    out += "| family | tools, without `maestro_` |\n|--|--|\n";
    for set in toolsets() {
        let names: Vec<String> = set.tools.iter().map(|name| format!("`{name}`")).collect();
        writeln!(out, "| **{}** | {} |", heading(set), names.join(", ")).unwrap();
    }
    out
}

/// The tools in the order of their sets: the description of each, and its required parameters.
fn table_of_tools(tools: &[Value]) -> String {
    let mut out = "| tool | what it does | it needs |\n|--|--|--|\n".to_owned();
    let row = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        let required = tool["inputSchema"]["required"].as_array().into_iter().flatten();
        let required: Vec<String> = required.map(|key| format!("`{}`", key.as_str().unwrap())).collect();
        let says = in_a_row(first_sentence(tool["description"].as_str().unwrap()));
        format!("| `{name}` | {says} | {} |\n", required.join(", ")).replace("|  |", "| |")
    };
    out += &row("maestro_help");
    for set in toolsets() {
        writeln!(out, "| **{}** | the set `{}` | |", heading(set), set.name).unwrap();
        out.extend(set.tools.iter().map(|name| row(&format!("maestro_{name}"))));
    }
    out
}

/// The purpose of a tool; the rest of its description says when to use it.
fn first_sentence(description: &str) -> &str {
    description.split_once(". ").map_or(description, |(first, _)| first)
}

/// A description as a table cell: it begins in lower case and ends without a full stop.
fn in_a_row(description: &str) -> String {
    let mut letters = description.trim_end_matches('.').chars();
    let first = letters.next().unwrap().to_lowercase();
    first.chain(letters).collect::<String>().replace('|', "\\|")
}

/// The cost of each set alone, and of all of them together.
fn table_of_sets(all: &[Value]) -> String {
    let mut out =
        "| set | tools, without `maestro_` | tools with `help` | bytes | tokens, about |\n|--|--|--|--|--|\n"
            .to_owned();
    let mut row = |what: &str, tools: &[Value]| {
        let bytes = bytes(tools);
        let tokens = tokens(bytes);
        writeln!(out, "| {what} | {} | {} | {tokens} |", tools.len(), grouped(bytes as u64)).unwrap();
    };
    for set in toolsets().iter().chain(presets()) {
        let names: Vec<String> = set.tools.iter().map(|name| format!("`{name}`")).collect();
        row(&format!("`{}` | {}", set.name, names.join(", ")), &alone(set));
    }
    row("all, the default | all of these", all);
    out
}

fn alone(set: &Toolset) -> Vec<Value> {
    listed(Server::new().env("MAESTRO_TOOLSETS", &set.name))
}

fn bytes(tools: &[Value]) -> usize {
    tools.iter().map(read_by_a_model).sum()
}

/// Number of tokens to the nearest hundred. Only the model's own tokenizer knows it more exactly.
fn tokens(bytes: usize) -> String {
    grouped(((bytes / BYTES_OF_A_TOKEN + 50) / 100 * 100) as u64)
}

/// A row of `docs/benchmarks.md`: subject, our figure, baseline, aim.
fn figure<'a>(benchmarks: &'a str, begins: &str) -> Vec<&'a str> {
    let mut rows = rows(benchmarks).into_iter();
    rows.find(|row| row[0].starts_with(begins)).unwrap_or_else(|| panic!("no benchmark of {begins}"))
}

fn table_of_costs(tools: &[Value], benchmarks: &str) -> String {
    let settings = reference::defaults().settings;
    let consult = figure(benchmarks, "consult, 60 KB prompt");
    let (_, added) = consult[2].split_once(", +").expect("bare, +ours");
    let log = figure(benchmarks, "log, cold fold").join(" ");
    let [events, megabytes] = ["events", "MB"].map(|unit| before(&log, unit));
    let whole = bytes(tools);
    let backups = settings.backups;
    format!(
        "| what | how much |\n|--|--|\n\
         | consults of a run | at most {} per stage and {} in all |\n\
         | the list of tools in a model's context | {} bytes, about {} tokens; by set see [Sets of tools](tools.md#sets-of-tools) |\n\
         | added to a consult with a prompt of 60 KB | {added} |\n\
         | memory of an idle server | {} |\n\
         | the event log | {megabytes} MB for {events} events |\n\
         | backups of patches | at most {} MB, {} patches, {} days |\n",
        settings.policy.max_consults_per_stage,
        settings.policy.max_consults_total,
        grouped(whole as u64),
        tokens(whole),
        figure(benchmarks, "resident memory")[1],
        backups.max_bytes / 1_000_000,
        backups.max_sessions,
        backups.max_age_days,
    )
}

/// The whole number before a unit.
fn before(text: &str, unit: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches(['(', ')', ','])).collect();
    let at = words.iter().position(|word| *word == unit).unwrap_or_else(|| panic!("no {unit} in {text}"));
    grouped(words[at - 1].replace(',', "").parse().unwrap())
}

#[test]
fn a_number_is_read_before_its_unit() {
    for text in
        ["log, cold fold of 100,000 events (162 MB)", "log, cold fold 288.09 ms 100000 events, 162 MB"]
    {
        assert_eq!((before(text, "events"), before(text, "MB")), ("100,000".to_owned(), "162".to_owned()));
    }
}

fn table_of_benchmarks(benchmarks: &str) -> String {
    let mut out = "| what | Maestro | against | aim |\n|--|--|--|--|\n".to_owned();
    for begins in FIGURES {
        let row = figure(benchmarks, begins).join(" | ");
        writeln!(out, "| {row} |").unwrap();
    }
    out.replace("|  |", "| |")
}

/// `make record` generates the picture of the demo, so this test only checks that the picture is there.
#[test]
fn the_picture_of_the_demo_was_recorded() {
    let picture = read("docs/session.svg");
    assert!(picture.contains("<svg") && picture.contains("maestro-mcp demo"));
    assert!(read("docs/session.txt").starts_with("$ maestro-mcp demo"));
}
