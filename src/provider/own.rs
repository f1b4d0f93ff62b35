//! User's choice in the CLI's own configuration: the model and the effort, and nothing else.
//!
//! Consultants do not get to see that configuration, for the rest of it starts programs and redirects
//! traffic. These two values are read from it and passed as flags.

use std::path::Path;
use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

use super::Adapter;
use super::json_file::{read, read_json};
use super::login::{claude_home, codex_home, gemini_home};
use crate::host::environment::Environment;

/// The user's own choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChoice {
    /// The model.
    pub model: Option<String>,
    /// Effort: how hard it thinks, in the CLI's own words.
    pub effort: Option<String>,
}

/// The user's own choice for a CLI. A configuration that is not there, or cannot be read or understood,
/// chooses nothing. Reads a file: not for the runtime's thread.
pub fn own_choice(adapter: &Adapter, environment: &Environment) -> OwnChoice {
    let found = match adapter {
        Adapter::Codex => codex_home(environment).map(|home| codex(&home.join("config.toml"))),
        Adapter::Claude => claude_home(environment).map(|home| claude(&home.join("settings.json"))),
        Adapter::Gemini => gemini_home(environment).map(|home| gemini(&home.join("settings.json"))),
        Adapter::Template(_) | Adapter::Understudy => None,
    };
    found.unwrap_or_default()
}

fn codex(file: &Path) -> OwnChoice {
    let Some(table) = read(file).and_then(|text| text.parse::<toml::Table>().ok()) else {
        return OwnChoice::default();
    };
    let chosen = table.get("profile").and_then(toml::Value::as_str);
    // Newer versions keep a profile in a file of its own, and refuse the key that names it.
    let own_file = chosen.and_then(profile_name).and_then(|name| {
        read(&file.with_file_name(format!("{name}.config.toml")))?.parse::<toml::Table>().ok()
    });
    let profile = chosen.and_then(|name| table.get("profiles")?.get(name)?.as_table());
    let value = |key: &str| {
        let text = |table: &toml::Table| table.get(key)?.as_str().and_then(harmless);
        own_file.as_ref().and_then(text).or_else(|| profile.and_then(text)).or_else(|| text(&table))
    };
    OwnChoice { model: value("model"), effort: value("model_reasoning_effort") }
}

/// A name that can stand in the name of a file beside the configuration.
fn profile_name(name: &str) -> Option<&str> {
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    (is_plain && !name.is_empty()).then_some(name)
}

fn claude(file: &Path) -> OwnChoice {
    let settings = read_json(file).unwrap_or_default();
    OwnChoice { model: text(&settings, "/model"), effort: text(&settings, "/effortLevel") }
}

fn gemini(file: &Path) -> OwnChoice {
    let settings = read_json(file).unwrap_or_default();
    OwnChoice { model: text(&settings, "/model/name"), effort: None }
}

fn text(settings: &Value, place: &str) -> Option<String> {
    settings.pointer(place)?.as_str().and_then(harmless)
}

/// A value that can only be a name, wherever it is put on a command line.
fn harmless(value: &str) -> Option<String> {
    static NAME: OnceLock<Option<Regex>> = OnceLock::new();
    let name = NAME.get_or_init(|| Regex::new(r"^[A-Za-z0-9._:/@\[\]][A-Za-z0-9._:/@\[\]-]{0,99}$").ok());
    name.as_ref().is_some_and(|name| name.is_match(value)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(adapter: &Adapter, name: &str, text: impl AsRef<[u8]>) -> OwnChoice {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let environment = [("HOME", home.path().to_str().unwrap())].into_iter().collect();
        own_choice(adapter, &environment)
    }

    fn choice(model: Option<&str>, effort: Option<&str>) -> OwnChoice {
        OwnChoice { model: model.map(str::to_owned), effort: effort.map(str::to_owned) }
    }

    #[test]
    fn codex_tells_model_and_effort_of_its_profile_else_of_all() {
        let of = |text: &str| chosen(&Adapter::Codex, ".codex/config.toml", text);
        assert_eq!(
            of("model = \"gpt-5.5\"\nmodel_reasoning_effort = 'low'"),
            choice(Some("gpt-5.5"), Some("low"))
        );
        assert_eq!(
            of("model='a'\nmodel_reasoning_effort='low'\nprofile='p'\n[profiles.p]\nmodel='b'"),
            choice(Some("b"), Some("low"))
        );
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
        write("config.toml", "model='a'\nmodel_reasoning_effort='low'\nprofile='p'\n[profiles.p]\nmodel='b'");
        write("p.config.toml", "model='c'\n[mcp_servers.x]\ncommand='x'");
        assert_eq!(codex(&home.path().join("config.toml")), choice(Some("c"), Some("low")));
        write("config.toml", "model='a'\nprofile='../p'");
        assert_eq!(codex(&home.path().join("config.toml")), choice(Some("a"), None));
        assert_eq!(of("model='a'\nprofile='gone'"), choice(Some("a"), None));
        assert_eq!(of("[profiles.p]\nmodel='b'"), choice(None, None), "a profile that is not chosen");
        assert_eq!(of("[other]\nmodel='b'"), choice(None, None));
    }

    #[test]
    fn comments_and_links_are_read_through() {
        let text =
            "\u{feff}// mine\n{\n  /* the big one */ \"model\": { \"name\": \"gemini-3.8-flash\", }, // x\n}";
        assert_eq!(
            chosen(&Adapter::Gemini, ".gemini/settings.json", text),
            choice(Some("gemini-3.8-flash"), None)
        );
        let text = "{\"model\":\"sonnet[1m]\",\"effortLevel\":\"xhigh\",\"env\":{\"ANTHROPIC_MODEL\":\"x\"}}";
        assert_eq!(
            chosen(&Adapter::Claude, ".claude/settings.json", text),
            choice(Some("sonnet[1m]"), Some("xhigh"))
        );
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("kept.json"), "{\"model\":\"opus\"}").unwrap();
        std::fs::create_dir(home.path().join("set")).unwrap();
        std::os::unix::fs::symlink(home.path().join("kept.json"), home.path().join("set/settings.json"))
            .unwrap();
        let set = home.path().join("set");
        let environment =
            [("HOME", "/none"), ("CLAUDE_CONFIG_DIR", set.to_str().unwrap())].into_iter().collect();
        assert_eq!(own_choice(&Adapter::Claude, &environment), choice(Some("opus"), None));
    }

    #[test]
    fn whatever_else_a_file_holds_chooses_nothing() {
        let long = format!("model = \"{}\"", "m".repeat(101));
        let deep = format!("a = {}", "[".repeat(300_000));
        let large = format!("model = \"m\"\n# {}", "x".repeat(1_100_000));
        let bad: [&[u8]; 14] = [
            b"",
            b"model",
            b"model = 5",
            b"model = [\"a\"]",
            b"model = \"-rf\"",
            b"model = \"a b\"",
            b"model = \"a\\nb\"",
            b"model = \"\"",
            b"model = \"$(id)\"",
            b"model = \"\xff\"",
            b"profile = 5\nprofiles = 6\n",
            long.as_bytes(),
            deep.as_bytes(),
            large.as_bytes(),
        ];
        for text in bad {
            let shown = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
            assert_eq!(chosen(&Adapter::Codex, ".codex/config.toml", text), OwnChoice::default(), "{shown}");
        }
        let deep = "[".repeat(300_000);
        for text in ["", "null", "[]", "{\"model\":5}", "{\"model\":{\"name\":[]}}", "{\"model\":\"x", &deep]
        {
            assert_eq!(chosen(&Adapter::Claude, ".claude/settings.json", text), OwnChoice::default());
            assert_eq!(chosen(&Adapter::Gemini, ".gemini/settings.json", text), OwnChoice::default());
        }
    }

    #[test]
    fn a_directory_and_a_pipe_are_no_configuration() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".codex/config.toml")).unwrap();
        std::fs::create_dir(home.path().join(".claude")).unwrap();
        let pipe = home.path().join(".claude/settings.json");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let environment = [("HOME", home.path().to_str().unwrap())].into_iter().collect();
        for adapter in [Adapter::Codex, Adapter::Claude, Adapter::Gemini] {
            assert_eq!(own_choice(&adapter, &environment), OwnChoice::default());
        }
    }
}
