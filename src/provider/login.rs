//! Private homes: what a CLI needs of its own home to be logged in, and nothing else of it.
//!
//! Codex sends `AGENTS.md` of its home, and Gemini `GEMINI.md`, with every request. A private home
//! that holds only links to the login's files leaves them behind. Claude needs none: its flags
//! already leave its memory files out.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Adapter;
use crate::host::environment::Environment;

/// The files by which Gemini knows who is logged in.
const GEMINI_LOGIN: [&str; 4] =
    ["oauth_creds.json", "google_accounts.json", "gemini-credentials.json", "installation_id"];

/// Variables that log Gemini in, also from its own `.env`, and the kind of login that each stands for.
const GEMINI_KEYS: [(&str, &str); 4] = [
    ("GEMINI_API_KEY", "gemini-api-key"),
    ("GOOGLE_GENAI_USE_VERTEXAI", "vertex-ai"),
    ("GOOGLE_API_KEY", "vertex-ai"),
    ("GOOGLE_GENAI_USE_GCA", "oauth-personal"),
];

/// How a provider's login is carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Variables to set; the home is already in them.
    pub env: Vec<(String, String)>,
    /// Links to make, from the private place to the user's file.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Files to write.
    pub files: Vec<(PathBuf, String)>,
    /// Why the CLI's own home is used instead, and what of it reaches the model.
    pub exemption: Option<String>,
}

/// How to carry the login of a provider into a private home.
#[must_use]
pub fn carry(adapter: &Adapter, environment: &Environment, private: &Path) -> Login {
    match adapter {
        Adapter::Codex => codex(environment, private),
        Adapter::Gemini => gemini(environment, private),
        Adapter::Claude | Adapter::Template(_) | Adapter::Understudy => Login::default(),
    }
}

fn codex(environment: &Environment, private: &Path) -> Login {
    let own = codex_home(environment);
    let file = own.as_ref().map(|own| own.join("auth.json")).filter(|file| file.is_file());
    let has_key = environment.get("CODEX_API_KEY").is_some() || environment.get("OPENAI_API_KEY").is_some();
    let memory = own.as_ref().is_some_and(|own| own.join("AGENTS.md").exists());
    if file.is_none() && !has_key && own.as_ref().is_some_and(|own| own.is_dir()) {
        // The login may be in the system's keyring, under a name made of the home's path.
        return Login {
            exemption: memory.then(|| {
                "its login is not in a file, so its own home is used, and AGENTS.md of that home reaches the model".to_owned()
            }),
            ..Login::default()
        };
    }
    Login {
        env: vec![("CODEX_HOME".into(), private.display().to_string())],
        links: file.map(|file| (private.join("auth.json"), file)).into_iter().collect(),
        ..Login::default()
    }
}

fn codex_home(environment: &Environment) -> Option<PathBuf> {
    environment.get("CODEX_HOME").map(PathBuf::from).or_else(|| Some(environment.home()?.join(".codex")))
}

fn gemini(environment: &Environment, private: &Path) -> Login {
    let own = gemini_home(environment);
    let ours = private.join(".gemini");
    let links = own
        .iter()
        .flat_map(|own| GEMINI_LOGIN.map(|name| (ours.join(name), own.join(name))))
        .filter(|(_, file)| file.is_file())
        .collect();
    let mut env = vec![("GEMINI_CLI_HOME".into(), private.display().to_string())];
    env.extend(own.as_ref().map(|own| keys_in(&own.join(".env"), environment)).unwrap_or_default());
    let settings = login_kind(own.as_deref(), environment, &env)
        .map(|kind| json!({ "security": { "auth": { "selectedType": kind } } }).to_string());
    Login {
        env,
        links,
        files: settings.map(|settings| (ours.join("settings.json"), settings)).into_iter().collect(),
        exemption: None,
    }
}

/// The kind of login that Gemini would use, where it has any.
#[must_use]
pub fn gemini_kind(environment: &Environment) -> Option<String> {
    let own = gemini_home(environment);
    let carried = own.as_ref().map(|own| keys_in(&own.join(".env"), environment)).unwrap_or_default();
    login_kind(own.as_deref(), environment, &carried)
}

fn gemini_home(environment: &Environment) -> Option<PathBuf> {
    let base = environment.get("GEMINI_CLI_HOME").map(PathBuf::from).or_else(|| environment.home())?;
    Some(base.join(".gemini"))
}

/// The variables of the CLI's own `.env` that log it in, as far as the environment has none.
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

/// The kind of login: what the user chose, else what the variables say.
fn login_kind(own: Option<&Path>, environment: &Environment, carried: &[(String, String)]) -> Option<String> {
    let chosen = own
        .and_then(|own| std::fs::read_to_string(own.join("settings.json")).ok())
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .and_then(|settings| {
            let kind = settings
                .pointer("/security/auth/selectedType")
                .or_else(|| settings.get("selectedAuthType"))?;
            Some(kind.as_str()?.to_owned())
        });
    chosen.or_else(|| {
        GEMINI_KEYS
            .iter()
            .find(|(key, _)| environment.get(key).is_some() || carried.iter().any(|(name, _)| name == key))
            .map(|(_, kind)| (*kind).to_owned())
    })
}

/// What a private home gave back: a login file that the CLI replaced instead of writing through
/// its link (a renewed token, say) goes to where the user's own file lies.
///
/// # Errors
///
/// The user's file cannot be replaced.
pub fn give_back(login: &Login) -> std::io::Result<()> {
    for (private, own) in &login.links {
        let replaced = std::fs::symlink_metadata(private).is_ok_and(|found| found.is_file());
        if !replaced {
            continue;
        }
        let text = std::fs::read(private)?;
        // A file cut short by a kill must not replace a login that works.
        let whole = own.extension().is_none_or(|kind| kind != "json")
            || serde_json::from_slice::<Value>(&text).is_ok();
        let Some(directory) = own.parent().filter(|_| whole) else {
            continue;
        };
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        std::io::Write::write_all(&mut file, &text)?;
        file.persist(own).map_err(|error| error.error)?;
    }
    Ok(())
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
        assert_eq!(login.env, [("CODEX_HOME".to_owned(), "/private".to_owned())]);
        assert_eq!(
            login.links,
            [(PathBuf::from("/private/auth.json"), home.path().join(".codex/auth.json"))]
        );
        assert_eq!(login.exemption, None);
    }

    #[test]
    fn codex_with_a_login_that_is_no_file_keeps_its_home_and_says_so() {
        let with_notes = home(&[(".codex/AGENTS.md", "x")]);
        let login = carry(&Adapter::Codex, &environment(&with_notes, &[]), Path::new("/private"));
        assert!(login.env.is_empty() && login.exemption.is_some());
        let with_key = carry(
            &Adapter::Codex,
            &environment(&with_notes, &[("CODEX_API_KEY", "k")]),
            Path::new("/private"),
        );
        assert!(with_key.exemption.is_none() && !with_key.env.is_empty());
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
        assert_eq!(login.env[1], ("GEMINI_API_KEY".to_owned(), "from-the-file".to_owned()));
        assert_eq!(login.env.len(), 2);
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
    fn a_renewed_login_goes_back_and_a_broken_one_does_not() {
        let home = home(&[("auth.json", "{\"old\":1}")]);
        let (private, own) = (home.path().join("private.json"), home.path().join("auth.json"));
        let login = Login { links: vec![(private.clone(), own.clone())], ..Login::default() };
        std::os::unix::fs::symlink(&own, &private).unwrap();
        give_back(&login).unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "{\"old\":1}");
        std::fs::remove_file(&private).unwrap();
        std::fs::write(&private, "{\"new\":").unwrap();
        give_back(&login).unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "{\"old\":1}");
        std::fs::write(&private, "{\"new\":1}").unwrap();
        give_back(&login).unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "{\"new\":1}");
    }
}
