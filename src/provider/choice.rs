//! Chooses model and effort of a call, from the first source that names them.

use std::path::Path;

use serde_json::Value;
use toml_edit::{DocumentMut, Item, TableLike};

use super::Adapter;
use super::catalogue::Provider;
use super::effort::Wish;
use super::installed::{read, read_json};
use super::login::{claude_home, codex_home, gemini_home};
use crate::domain::call_options::CallOptions;
use crate::domain::pattern::Pattern;
use crate::host::environment::Environment;

/// Model and effort of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The model; None if the CLI chooses.
    pub model: Option<String>,
    /// True if the user's own arguments already name the model, so that ours need not.
    pub is_written: bool,
    pub wish: Wish,
    /// A warning that the model belongs to a service that consults do not use.
    pub elsewhere: Option<String>,
}

impl Choice {
    /// Takes model and effort from the first source that names them: the call, our configuration (the
    /// environment before files), the user's own arguments, the user's own configuration of the CLI. Blocks,
    /// because it may read that configuration.
    pub fn of(provider: &Provider, environment: &Environment, options: &CallOptions) -> Self {
        let model = options.model.clone().or_else(|| provider.settings.model.clone());
        let effort = options.effort.or(provider.settings.effort);
        let written = if model.is_none() { written_model(provider) } else { None };
        let is_decided = (model.is_some() || written.is_some()) && effort.is_some();
        let own = if is_decided { OwnChoice::default() } else { own_choice(&provider.adapter, environment) };
        let is_own = model.is_none() && written.is_none();
        let is_led = environment.get("OPENAI_BASE_URL").is_some()
            || words(provider).iter().any(|word| SERVICE.iter().any(|key| word.starts_with(key)));
        let service = own.service.as_ref().filter(|_| is_own && !is_led);
        Self {
            elsewhere: service.zip(own.model.as_ref()).map(|((key, name), model)| {
                format!(
                    "{model} is the model of the user's own service ({key} = {name}), which consults do not use; `maestro-mcp check` names the way"
                )
            }),
            is_written: written.is_some(),
            model: model.or(written).or(own.model),
            wish: match (effort, written_effort(provider).or(own.effort)) {
                (Some(effort), _) => Wish::Named(effort),
                (None, Some(word)) => Wish::Own(word),
                (None, None) => Wish::Usual,
            },
        }
    }
}

/// The keys by which Codex's configuration names a service.
const SERVICE: [&str; 2] = ["model_provider", "openai_base_url"];

/// The user's own arguments. Codex takes a value attached to its flag too: each becomes a word of its own, and
/// a setting stands without its flag.
fn words(provider: &Provider) -> Vec<String> {
    let mut words = provider.leading_arguments().to_vec();
    let is_codex = matches!(provider.adapter, Adapter::Codex);
    for word in &provider.settings.extra_args {
        let behind = |flag: &str| {
            let rest = word.strip_prefix(flag).filter(|_| is_codex)?;
            Some(rest.strip_prefix('=').unwrap_or(rest).to_owned()).filter(|rest| !rest.is_empty())
        };
        if let Some(setting) = behind("--config=").or_else(|| behind("-c")) {
            words.push(setting);
        } else if let Some(model) = behind("-m") {
            words.extend(["-m".to_owned(), model]);
        } else {
            words.push(word.clone());
        }
    }
    words
}

/// The value of a flag in the user's own arguments.
fn written(provider: &Provider, flags: &[&str]) -> Option<String> {
    let words = words(provider);
    let behind = words
        .iter()
        .zip(words.iter().skip(1))
        .find_map(|(flag, value)| flags.contains(&flag.as_str()).then(|| value.clone()));
    let joined = || {
        words.iter().find_map(|word| {
            let (flag, value) = word.split_once('=')?;
            flags.contains(&flag.trim_end()).then(|| value.trim_start().to_owned())
        })
    };
    behind.or_else(joined).filter(|value| !value.contains('{'))
}

/// The model in the user's own arguments.
fn written_model(provider: &Provider) -> Option<String> {
    written(provider, &["-m", "--model"]).or_else(|| written_setting(provider, "model"))
}

/// The effort in the user's own arguments.
fn written_effort(provider: &Provider) -> Option<String> {
    written_setting(provider, "model_reasoning_effort").or_else(|| written(provider, &["--effort"]))
}

/// The value of one of Codex's settings in the user's own arguments.
fn written_setting(provider: &Provider, key: &str) -> Option<String> {
    let is_codex = matches!(provider.adapter, Adapter::Codex);
    let value = is_codex.then(|| written(provider, &[key])).flatten()?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// The user's choice in the CLI's own configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChoice {
    pub model: Option<String>,
    /// The effort in the CLI's own words.
    pub effort: Option<String>,
    /// The service of the model, as its key and its name, if it is the user's own.
    service: Option<(&'static str, String)>,
}

/// Reads the user's choice for a CLI. A missing or unreadable configuration chooses nothing. Blocks.
pub fn own_choice(adapter: &Adapter, environment: &Environment) -> OwnChoice {
    let found = match adapter {
        Adapter::Codex => codex_home(environment).map(|home| codex(&home.join("config.toml"))),
        Adapter::Claude => claude_home(environment).map(|home| claude(&home.join("settings.json"))),
        Adapter::Gemini => gemini_home(environment).map(|home| gemini(&home.join("settings.json"))),
        Adapter::Template(_) | Adapter::Understudy => None,
    };
    found.unwrap_or_default()
}

/// Notes on settings in the user's configuration of a CLI that consults do not follow. Blocks.
pub fn not_carried(adapter: &Adapter, environment: &Environment) -> Vec<String> {
    let (file, is_understood) = match adapter {
        Adapter::Codex => {
            (codex_home(environment).map(|home| home.join("config.toml")), is_toml as fn(&Path) -> bool)
        }
        Adapter::Claude => (claude_home(environment).map(|home| home.join("settings.json")), is_json as _),
        Adapter::Gemini => (gemini_home(environment).map(|home| home.join("settings.json")), is_json as _),
        Adapter::Template(_) | Adapter::Understudy => return Vec::new(),
    };
    let Some(file) = file.filter(|file| file.exists()) else { return Vec::new() };
    if !is_understood(&file) {
        return vec![format!(
            "{} cannot be read or is malformed, so no model and no effort of it is carried over",
            file.display()
        )];
    }
    let own = matches!(adapter, Adapter::Codex).then(|| CodexSettings::read(&file)).flatten();
    let named = own.and_then(|own| own.service());
    let note = |(key, value): (&str, String)| {
        format!(
            "{} names a service of its own ({key} = {value}), and consults do not use it: OPENAI_BASE_URL in the server's `env` is passed on, and MAESTRO_CODEX_EXTRA_ARGS takes `-c {key}=\"{value}\"` with what belongs to it",
            file.display()
        )
    };
    named.map(note).into_iter().collect()
}

fn is_toml(file: &Path) -> bool {
    read(file).is_some_and(|text| text.parse::<DocumentMut>().is_ok())
}

fn is_json(file: &Path) -> bool {
    read_json(file).is_some()
}

fn codex(file: &Path) -> OwnChoice {
    let Some(own) = CodexSettings::read(file) else { return OwnChoice::default() };
    OwnChoice {
        model: own.value("model"),
        effort: own.value("model_reasoning_effort"),
        service: own.service(),
    }
}

/// Codex's configuration, with the profile that is chosen in it.
struct CodexSettings {
    table: DocumentMut,
    /// The file of the profile: newer versions keep a profile in a file of its own, and refuse the key that
    /// names it.
    profile: Option<DocumentMut>,
}

impl CodexSettings {
    fn read(file: &Path) -> Option<Self> {
        let table = read(file)?.parse::<DocumentMut>().ok()?;
        let chosen = table.get("profile").and_then(Item::as_str).and_then(profile_name);
        let profile = chosen.and_then(|name| {
            read(&file.with_file_name(format!("{name}.config.toml")))?.parse::<DocumentMut>().ok()
        });
        Some(Self { table, profile })
    }

    /// The text of a key: in the file of the profile, else in its table, else of all.
    fn value(&self, key: &str) -> Option<String> {
        let text = |table: &dyn TableLike| table.get(key)?.as_str().and_then(harmless);
        let chosen = self.table.get("profile").and_then(Item::as_str);
        let of_profile = || text(self.table.get("profiles")?.get(chosen?)?.as_table_like()?);
        let of_file = self.profile.as_ref().and_then(|file| text(file.as_table()));
        of_file.or_else(of_profile).or_else(|| text(self.table.as_table()))
    }

    /// The service that is not the CLI's usual one, as the key that names it and its name.
    fn service(&self) -> Option<(&'static str, String)> {
        let is_own = |(key, name): &(&str, String)| *key != "model_provider" || name != "openai";
        SERVICE.into_iter().find_map(|key| Some((key, self.value(key)?)).filter(is_own))
    }
}

/// The name of a profile, if it is safe as a part of a file name.
fn profile_name(name: &str) -> Option<&str> {
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    (is_plain && !name.is_empty()).then_some(name)
}

fn claude(file: &Path) -> OwnChoice {
    let settings = read_json(file).unwrap_or_default();
    OwnChoice { model: text(&settings, "/model"), effort: text(&settings, "/effortLevel"), service: None }
}

fn gemini(file: &Path) -> OwnChoice {
    let settings = read_json(file).unwrap_or_default();
    // The older layout has the name directly under `model`.
    let model = text(&settings, "/model/name").or_else(|| text(&settings, "/model"));
    OwnChoice { model, ..OwnChoice::default() }
}

fn text(settings: &Value, place: &str) -> Option<String> {
    settings.pointer(place)?.as_str().and_then(harmless)
}

/// A value, if it is safe as a name on a command line.
fn harmless(value: &str) -> Option<String> {
    static NAME: Pattern = Pattern::new(r"\A[A-Za-z0-9._:/@\[\]][A-Za-z0-9._:/@\[\]-]{0,99}\z");
    NAME.is_in(value).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::config::ProviderSettings;

    fn chosen(adapter: &Adapter, name: &str, text: impl AsRef<[u8]>) -> OwnChoice {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let environment = [("HOME", home.path().to_str().unwrap())].into_iter().collect();
        own_choice(adapter, &environment)
    }

    fn choice(model: Option<&str>, effort: Option<&str>) -> OwnChoice {
        OwnChoice { model: model.map(str::to_owned), effort: effort.map(str::to_owned), service: None }
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
        let text = "// the older layout\n{ \"selectedAuthType\": \"gemini-api-key\", \"model\": \"gemini-3.8-flash\" }";
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
    fn what_is_not_carried_over_is_said() {
        let of = |adapter: &Adapter, name: &str, text: &str| {
            let home = tempfile::tempdir().unwrap();
            let file = home.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            not_carried(adapter, &[("HOME", home.path().to_str().unwrap())].into_iter().collect()).concat()
        };
        let codex = |text: &str| of(&Adapter::Codex, ".codex/config.toml", text);
        assert_eq!(codex("model = 'gpt-5.5'\nmodel_provider = 'openai'"), "");
        assert!(codex("model_provider = 'azure'").contains("-c model_provider=\"azure\""));
        assert!(codex("openai_base_url = 'http://127.0.0.1/v1'").contains("OPENAI_BASE_URL"));
        let profiles = "[profiles.local]\nmodel = 'x'\nmodel_provider = 'ollama'\n[profiles.usual]\nmodel_provider = 'openai'";
        let of_profile =
            |chosen: &str| codex(&format!("model_provider = 'azure'\nprofile = '{chosen}'\n{profiles}"));
        assert!(of_profile("local").contains("-c model_provider=\"ollama\""));
        assert_eq!(of_profile("usual"), "");
        assert!(of_profile("gone").contains("-c model_provider=\"azure\""));
        assert!(codex("model = 'gpt-5.5").contains("malformed"));
        assert!(of(&Adapter::Claude, ".claude/settings.json", "{\"model\": ").contains("malformed"));
        assert_eq!(of(&Adapter::Claude, ".claude/settings.json", "// c\n{}"), "");
        assert_eq!(of(&Adapter::Gemini, ".gemini/other.json", "x"), "");
    }

    /// The model of the user's own service is carried, and the result says that the service is not.
    #[test]
    fn a_model_without_its_service_is_told() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".codex")).unwrap();
        let told = |text: &str, extra: &[&str], variable: Option<&str>, model: Option<&str>| {
            std::fs::write(home.path().join(".codex/config.toml"), text).unwrap();
            let mut environment = vec![("HOME", home.path().to_str().unwrap())];
            environment.extend(variable.map(|value| ("OPENAI_BASE_URL", value)));
            let options = CallOptions { model: model.map(str::to_owned), ..CallOptions::default() };
            let codex = provider("codex", "codex", extra);
            Choice::of(&codex, &environment.into_iter().collect(), &options).elsewhere
        };
        let own = "model='my-deploy'\nmodel_provider='azure'\nprofile='local'\n[profiles.local]\nmodel='qwen3-coder:30b'\nmodel_provider='ollama'";
        let warning = told(own, &[], None, None).unwrap();
        assert!(warning.starts_with("qwen3-coder:30b is") && warning.contains("model_provider = ollama"));
        assert_eq!(told(own, &["-c", "model_provider=\"ollama\""], None, None), None);
        assert_eq!(told(own, &["-cmodel_provider=ollama"], None, None), None);
        assert_eq!(told(own, &["-m", "gpt-5.5"], None, None), None);
        assert_eq!(told(own, &[], Some("http://127.0.0.1/v1"), None), None);
        assert_eq!(told(own, &[], None, Some("gpt-5.5")), None);
        assert_eq!(told("model='gpt-5.5'", &[], None, None), None);
        assert_eq!(told("model_provider='azure'", &[], None, None), None);
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

    fn provider(name: &str, command: &str, extra: &[&str]) -> Provider {
        let settings = ProviderSettings {
            command: command.to_owned(),
            extra_args: extra.iter().map(|word| (*word).to_owned()).collect(),
            ..ProviderSettings::default()
        };
        let mut made = Provider::new(name, &settings);
        if name == "codex" {
            made.adapter = Adapter::Codex;
        }
        made
    }

    #[test]
    fn a_model_among_the_users_own_arguments_is_seen() {
        let of = |command: &str, extra: &[&str]| {
            let name = command.split(' ').next().unwrap_or_default();
            written_model(&provider(name, command, extra))
        };
        assert_eq!(of("claude --model sonnet", &[]).as_deref(), Some("sonnet"));
        for form in [
            &["-m", "gpt-5.5"][..],
            &["--model=gpt-5.5"],
            &["-m=gpt-5.5"],
            &["-mgpt-5.5"],
            &["-c", "model=gpt-5.5"],
            &["-cmodel=\"gpt-5.5\""],
            &["--config=model = 'gpt-5.5'"],
        ] {
            assert_eq!(of("codex", form).as_deref(), Some("gpt-5.5"), "{form:?}");
        }
        assert_eq!(of("mycli --model {model}", &[]), None);
        assert_eq!(of("mycli", &["-mode=fast", "-max"]), None);
        assert_eq!(of("codex", &["-m"]), None);
        assert_eq!(of("codex", &["-c", "model_provider=x", "--color", "never"]), None);
        let effort = |words: &[&str]| written_effort(&provider("codex", "codex", words));
        for form in [
            &["-c", "model_reasoning_effort=\"ultra\""][..],
            &["--config", "model_reasoning_effort=ultra"],
            &["--config=model_reasoning_effort=\"ultra\""],
            &["-cmodel_reasoning_effort='ultra'"],
        ] {
            assert_eq!(effort(form).as_deref(), Some("ultra"), "{form:?}");
        }
        assert_eq!(effort(&["--effort", "max"]).as_deref(), Some("max"));
        assert_eq!(effort(&["--fast"]), None);
    }
}
