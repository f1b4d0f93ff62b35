//! Private homes for CLIs, with only the parts of the user's home that the login needs.
//!
//! Codex sends `AGENTS.md` of its home with every request, and Gemini sends `GEMINI.md`. A private home with
//! links to only the files of the login avoids that. Claude needs no private home, because its flags already
//! exclude its memory files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::Adapter;
use super::installed::read_json;
use crate::host::environment::Environment;

/// The files with Gemini's login.
const GEMINI_LOGIN: [&str; 4] =
    ["oauth_creds.json", "google_accounts.json", "gemini-credentials.json", "installation_id"];

/// Environment variables that log Gemini in, each with its kind of login. They may also be in its own `.env`.
const GEMINI_KEYS: [(&str, &str); 4] = [
    ("GEMINI_API_KEY", "gemini-api-key"),
    ("GOOGLE_GENAI_USE_VERTEXAI", "vertex-ai"),
    ("GOOGLE_API_KEY", "vertex-ai"),
    ("GOOGLE_GENAI_USE_GCA", "oauth-personal"),
];

/// The variable that logs Codex in without a stored login. `OPENAI_API_KEY` is only for `codex login`.
const CODEX_KEY: &str = "CODEX_API_KEY";

/// The variables that log Claude in without a stored login.
const CLAUDE_KEYS: [&str; 3] = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];

/// The parts that give a call the user's login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The variable that names the private home, and its value; None without a private home.
    pub home: Option<(String, String)>,
    /// Further variables to set.
    pub env: Vec<(String, String)>,
    /// The user's files that are linked into the private home.
    pub links: Vec<Link>,
    /// Files to write.
    pub files: Vec<(PathBuf, String)>,
    /// A note if the CLI's own home is used and parts of it reach the model.
    pub exemption: Option<String>,
}

/// A file of the login, and the link to it in the private home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The path of the link.
    pub private: PathBuf,
    /// The user's own file, with links resolved.
    pub own: PathBuf,
    /// The time of the last change of the user's file before the call.
    modified: Option<SystemTime>,
}

impl Link {
    /// A link to a file; None if the file does not exist.
    fn to(own: &Path, private: PathBuf) -> Option<Self> {
        let own = own.canonicalize().ok().filter(|own| own.is_file())?;
        Some(Self { private, modified: modified(&own), own })
    }

    /// Writes a changed login (for example a renewed token) to the user's own file, unless that changed
    /// meanwhile. This is necessary if the CLI replaced the link instead of writing through it.
    fn give_back(&self) -> std::io::Result<()> {
        let was_replaced = std::fs::symlink_metadata(&self.private).is_ok_and(|found| found.is_file());
        if !was_replaced || modified(&self.own) != self.modified {
            return Ok(());
        }
        let text = std::fs::read(&self.private)?;
        // A file that a kill left incomplete must not replace a working login.
        let is_json = self.own.extension().is_some_and(|kind| kind == "json");
        if is_json && serde_json::from_slice::<Value>(&text).is_err() {
            return Ok(());
        }
        let directory = self.own.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&text)?;
        file.persist(&self.own).map_err(|error| error.error)?;
        Ok(())
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|found| found.modified()).ok()
}

/// Finds the parts of a provider's login for a private home.
pub fn carry(adapter: &Adapter, environment: &Environment, private: &Path) -> Login {
    match adapter {
        Adapter::Codex => codex(environment, private),
        Adapter::Gemini => gemini(environment, private),
        Adapter::Claude | Adapter::Template(_) | Adapter::Understudy => Login::default(),
    }
}

/// True if an environment variable logs the provider in.
pub fn has_key(adapter: &Adapter, environment: &Environment) -> bool {
    match adapter {
        Adapter::Codex => environment.get(CODEX_KEY).is_some(),
        Adapter::Claude => CLAUDE_KEYS.iter().any(|key| environment.get(key).is_some()),
        Adapter::Gemini => GEMINI_KEYS.iter().any(|(key, _)| environment.get(key).is_some()),
        Adapter::Template(_) | Adapter::Understudy => false,
    }
}

/// Writes renewed logins to the user's files. Called after the CLI's processes are gone, however the call
/// ended.
pub fn give_back(login: &Login) {
    for link in &login.links {
        if let Err(error) = link.give_back() {
            tracing::warn!(file = %link.own.display(), %error, "a renewed login could not be kept");
        }
    }
}

fn codex(environment: &Environment, private: &Path) -> Login {
    let own = codex_home(environment);
    let link = own.as_ref().and_then(|own| Link::to(&own.join("auth.json"), private.join("auth.json")));
    let memory = own.as_ref().is_some_and(|own| own.join("AGENTS.md").exists());
    if link.is_none()
        && !has_key(&Adapter::Codex, environment)
        && own.as_ref().is_some_and(|own| own.is_dir())
    {
        // The login may be in the system's keyring, under a name that depends on the path of the home.
        return Login {
            exemption: memory.then(|| {
                "its login is not in a file, so it uses its own home, and the AGENTS.md there reaches the model".to_owned()
            }),
            ..Login::default()
        };
    }
    Login {
        home: Some(("CODEX_HOME".into(), private.display().to_string())),
        links: link.into_iter().collect(),
        ..Login::default()
    }
}

pub(super) fn codex_home(environment: &Environment) -> Option<PathBuf> {
    home_of(environment, "CODEX_HOME", ".codex")
}

fn gemini(environment: &Environment, private: &Path) -> Login {
    let own = gemini_home(environment);
    let ours = private.join(".gemini");
    let links = own
        .iter()
        .flat_map(|own| GEMINI_LOGIN.map(|name| Link::to(&own.join(name), ours.join(name))))
        .flatten()
        .collect();
    let env = own.as_ref().map(|own| keys_in(&own.join(".env"), environment)).unwrap_or_default();
    let settings = login_kind(own.as_deref(), environment, &env)
        .map(|kind| json!({ "security": { "auth": { "selectedType": kind } } }).to_string());
    Login {
        home: Some(("GEMINI_CLI_HOME".into(), private.display().to_string())),
        env,
        links,
        files: settings.map(|settings| (ours.join("settings.json"), settings)).into_iter().collect(),
        exemption: None,
    }
}

/// The kind of login that Gemini would use; None if it has none.
pub fn gemini_kind(environment: &Environment) -> Option<String> {
    let own = gemini_home(environment);
    let carried = own.as_ref().map(|own| keys_in(&own.join(".env"), environment)).unwrap_or_default();
    login_kind(own.as_deref(), environment, &carried)
}

pub(super) fn gemini_home(environment: &Environment) -> Option<PathBuf> {
    let base = environment.get("GEMINI_CLI_HOME").map(PathBuf::from).or_else(|| environment.home())?;
    Some(base.join(".gemini"))
}

pub(super) fn claude_home(environment: &Environment) -> Option<PathBuf> {
    home_of(environment, "CLAUDE_CONFIG_DIR", ".claude")
}

fn home_of(environment: &Environment, variable: &str, usual: &str) -> Option<PathBuf> {
    environment.get(variable).map(PathBuf::from).or_else(|| Some(environment.home()?.join(usual)))
}

/// The login variables in Gemini's own `.env` that are not set in the environment.
fn keys_in(file: &Path, environment: &Environment) -> Vec<(String, String)> {
    const FURTHER: [&str; 3] = ["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_GEMINI_BASE_URL"];
    let wanted = |name: &str| FURTHER.contains(&name) || GEMINI_KEYS.iter().any(|(key, _)| *key == name);
    dotenvy::from_path_iter(file)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|(name, _)| wanted(name) && environment.get(name).is_none())
        .collect()
}

/// The kind of login: the user's choice in the settings, else that of the variables.
fn login_kind(own: Option<&Path>, environment: &Environment, carried: &[(String, String)]) -> Option<String> {
    let chosen = own.and_then(|own| read_json(&own.join("settings.json"))).and_then(|settings| {
        let kind =
            settings.pointer("/security/auth/selectedType").or_else(|| settings.get("selectedAuthType"))?;
        Some(kind.as_str()?.to_owned())
    });
    chosen.or_else(|| {
        GEMINI_KEYS
            .iter()
            .find(|(key, _)| environment.get(key).is_some() || carried.iter().any(|(name, _)| name == key))
            .map(|(_, kind)| (*kind).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        home
    }

    fn environment(home: &tempfile::TempDir, more: &[(&str, &str)]) -> Environment {
        let home = home.path().to_str().unwrap();
        [("HOME", home)].iter().chain(more).copied().collect()
    }

    #[test]
    fn codex_brings_its_login_and_nothing_else() {
        let home =
            home(&[(".codex/auth.json", "{}"), (".codex/AGENTS.md", "x"), (".codex/config.toml", "x")]);
        let login = carry(&Adapter::Codex, &environment(&home, &[]), Path::new("/private"));
        assert_eq!(login.home, Some(("CODEX_HOME".to_owned(), "/private".to_owned())));
        let link = &login.links[0];
        assert_eq!(link.private, Path::new("/private/auth.json"));
        assert_eq!(link.own, home.path().join(".codex/auth.json").canonicalize().unwrap());
        assert_eq!(login.exemption, None);
    }

    #[test]
    fn codex_with_a_login_that_is_no_file_keeps_its_home_and_says_so() {
        let with_notes = home(&[(".codex/AGENTS.md", "x")]);
        let login = carry(&Adapter::Codex, &environment(&with_notes, &[]), Path::new("/private"));
        assert!(login.home.is_none() && login.exemption.is_some());
        let other_key = carry(
            &Adapter::Codex,
            &environment(&with_notes, &[("OPENAI_API_KEY", "k")]),
            Path::new("/private"),
        );
        assert!(other_key.exemption.is_some(), "that key does not log codex in");
        let with_key = carry(
            &Adapter::Codex,
            &environment(&with_notes, &[("CODEX_API_KEY", "k")]),
            Path::new("/private"),
        );
        assert!(with_key.exemption.is_none() && with_key.home.is_some());
    }

    #[test]
    fn gemini_brings_its_login_its_kind_and_the_key_of_its_own_env_file() {
        let home = home(&[
            (".gemini/oauth_creds.json", "{}"),
            (".gemini/GEMINI.md", "x"),
            (".gemini/.env", "GEMINI_API_KEY=from-the-file\nNODE_OPTIONS=--require=evil\n"),
            (
                ".gemini/settings.json",
                "{\"security\":{\"auth\":{\"selectedType\":\"oauth-personal\"}},\"mcpServers\":{\"x\":{}}}",
            ),
        ]);
        let login = carry(&Adapter::Gemini, &environment(&home, &[]), Path::new("/private"));
        assert_eq!(login.env, [("GEMINI_API_KEY".to_owned(), "from-the-file".to_owned())]);
        assert_eq!(login.links.len(), 1);
        assert_eq!(login.files[0].1, "{\"security\":{\"auth\":{\"selectedType\":\"oauth-personal\"}}}");
        let by_key = carry(
            &Adapter::Gemini,
            &environment(&tempfile::tempdir().unwrap(), &[("GEMINI_API_KEY", "k")]),
            Path::new("/p"),
        );
        assert!(by_key.files[0].1.contains("gemini-api-key"));
    }

    #[test]
    fn a_renewed_login_goes_back_and_a_broken_or_an_older_one_does_not() {
        let home = home(&[("real/auth.json", "{\"old\":1}")]);
        let (private, real) = (home.path().join("private.json"), home.path().join("real/auth.json"));
        let linked = home.path().join("auth.json");
        std::os::unix::fs::symlink(&real, &linked).unwrap();
        let carried =
            || Login { links: Link::to(&linked, private.clone()).into_iter().collect(), ..Login::default() };
        let now = |text: &str| assert_eq!(std::fs::read_to_string(&real).unwrap(), text);

        let login = carried();
        std::os::unix::fs::symlink(&login.links[0].own, &private).unwrap();
        give_back(&login);
        now("{\"old\":1}");
        std::fs::remove_file(&private).unwrap();
        std::fs::write(&private, "{\"new\":").unwrap();
        give_back(&login);
        now("{\"old\":1}");
        std::fs::write(&private, "{\"new\":1}").unwrap();
        give_back(&login);
        now("{\"new\":1}");
        assert!(std::fs::symlink_metadata(&linked).unwrap().is_symlink(), "the user's link stays");
        // Another call renewed it meanwhile: what this one brings is older.
        std::fs::write(&private, "{\"older\":1}").unwrap();
        give_back(&login);
        now("{\"new\":1}");
    }
}
