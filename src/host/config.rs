//! Configuration of the server. Its layers are the shipped defaults, the project's files, the user's files,
//! and the environment. The origin of every value is kept.

mod layer;
mod provider;
mod settings;
pub(crate) mod variables;

use std::cell::LazyCell;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::alike::meant;
use crate::domain::budget::Cap;
use crate::domain::language::Language;
use crate::domain::secret_path::AddedRules;
use crate::domain::spending::{PriceList, Prices};
use crate::domain::toolset;
use crate::domain::typed::{Misfit, from_value, from_yaml};
use crate::domain::words::in_brief;
use crate::host::environment::Environment;
use crate::host::library::{Document, Library};
use crate::host::trust::{ProjectLayer, Trust, shown};

use layer::{Expansion, Layers, Reading, strictness};
pub use provider::{
    AdapterKind, AnswerRule, Enabled, ErrorRule, Join, PromptChannel, ProviderSettings, TemplateSettings,
    UsageRule, is_model_name,
};
pub use settings::{Approvals, ContextLimits, Network, Sandbox, Settings};

/// The documents with settings.
const CLIENTS: &str = "conf/cli_clients.yaml";
const SETTINGS: &str = "conf/maestro.yaml";

/// Prices of models.
const PRICES: &str = "conf/prices.yaml";

/// Safety limits. The smaller of the user's and the project's value counts.
const LIMITS: [&str; 4] =
    ["max_consults_per_stage", "max_consults_total", "max_debug_iterations", "max_tools"];

/// The whole configuration, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The consultants in the order of the shipped file, then the user's own.
    pub providers: IndexMap<String, ProviderSettings>,
    /// Everything else.
    pub settings: Settings,
    /// Prices of models: the user's own list, then the shipped one. The project's list is not read.
    pub(crate) prices: Prices,
    /// Invalid settings, with the reasons. A call that depends on one is refused with its text.
    pub problems: Vec<Problem>,
    /// The origin of each value as `(path, value, origin)`, in the order of the files.
    pub origins: Vec<(String, String, String)>,
    /// Parts of the project's own files that have no effect, each as a file with its ignored keys.
    pub ignored: Vec<String>,
    /// A person's trust in the project's own files.
    pub standing: Trust,
    /// The language of the user's locale.
    locale: Language,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clients {
    #[serde(default)]
    providers: Option<IndexMap<String, ProviderSettings>>,
}

impl Config {
    /// Reads the files and the environment. This never fails: invalid parts are left out and listed in
    /// [`Config::problems`]. An invalid variable blocks the calls that need it. A file with a mistake is
    /// left out completely, and blocks every call until it is corrected.
    pub fn load(environment: &Environment, library: &Library) -> Self {
        let project = library.layer();
        let mut layers = Layers::new();
        let mut below = Layers::new();
        let mut problems = Vec::new();
        for (document, origin) in shipped() {
            below.add(&origin, document.clone());
            layers.add(&origin, document);
        }
        let users = usable(|path| library.of_user(path), environment, &mut problems);
        for (document, origin) in &users {
            below.add(origin, document.clone());
        }
        let below = below.finish();
        let mut ignored = Vec::new();
        let mut of_project = match project.standing {
            Trust::Trusted => {
                let found = |path: &str| Library::of_layer(&project, path);
                let mut own = usable(found, environment, &mut problems);
                for document in &mut own {
                    leave_to_the_user(document, &mut problems);
                }
                own
            }
            Trust::Unconfirmed | Trust::Changed => untrusted(&project, &below, &mut ignored),
        };
        for (document, origin) in &mut of_project {
            let taken = take_what_is_the_users(document).into_iter();
            ignored.extend(taken.map(|key| format!("{origin}: {key}")));
        }
        for (document, origin) in &of_project {
            layers.add(origin, document.clone());
        }
        for (document, origin) in users {
            layers.add(&origin, document);
        }
        variables::add(&mut layers, environment, &mut problems);
        for (document, origin) in &of_project {
            keep_stricter(&mut layers, document, origin);
        }
        let origins = layers.origins();
        let (clients, settings) = apart(layers.finish());
        let clients: Clients = typed(clients, &mut problems);
        let providers = clients.providers.unwrap_or_default();
        let settings: Settings = typed(settings, &mut problems);
        let prices = prices(library, environment, &mut problems);
        if project.standing == Trust::Trusted
            && let Some(Ok(document)) = Library::of_layer(&project, PRICES)
        {
            ignored.push(document.origin);
        }
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| environment.get(name));
        let mut config = Self {
            providers,
            settings,
            prices,
            problems,
            origins,
            ignored,
            standing: project.standing,
            locale: locale.map(Language::of_locale).unwrap_or_default(),
        };
        config.check_ranges();
        config
    }

    /// The problems that block a call to this provider.
    pub fn problems_for(&self, provider: &str) -> Vec<String> {
        self.problems
            .iter()
            .filter(|problem| match &problem.scope {
                Scope::Everything => true,
                Scope::Provider(name) => name == provider,
                Scope::Nothing => false,
            })
            .map(|problem| problem.message.clone())
            .collect()
    }

    /// The problems that concern this provider alone.
    pub fn problems_of(&self, provider: &str) -> Vec<String> {
        let is_its = |problem: &&Problem| matches!(&problem.scope, Scope::Provider(name) if name == provider);
        self.problems.iter().filter(is_its).map(|problem| problem.message.clone()).collect()
    }

    /// The problems that block every call.
    pub fn general_problems(&self) -> Vec<String> {
        self.problems_for("")
    }

    /// The language of texts that are shown in one language only: dialogs and the terminal.
    pub fn language(&self) -> Language {
        self.settings.language.one(self.locale)
    }

    /// The limits of a packed context for a stage; for None, outside any stage.
    pub fn context_limits(&self, stage: Option<crate::domain::stage::Stage>) -> ContextLimits {
        self.settings.context.limits(stage)
    }

    /// The origin of the value that applies: a file, a variable, or `built in`.
    pub fn set_by(&self, path: &str) -> String {
        let last = self.origins.iter().find(|(name, _, _)| name == path);
        last.map_or_else(|| "built in".to_owned(), |(_, _, origin)| origin.clone())
    }

    fn check_ranges(&mut self) {
        // A missing value is attributed to the layer that began its section.
        let origin = |path: &str| {
            let section = path.rsplit_once('.').map_or(path, |(section, _)| section);
            let exact = self.origins.iter().find(|(name, _, _)| name == path);
            exact
                .or_else(|| self.origins.iter().rev().find(|(name, _, _)| name.starts_with(section)))
                .map_or_else(|| "the defaults".to_owned(), |(_, _, origin)| origin.clone())
        };
        let mut found = Vec::new();
        let mut bad = |path: &str, fault: String| {
            found.push(Problem::everything(format!("{}: {path} {fault}", origin(path))));
        };
        let sets = LazyCell::new(toolset::names);
        for name in self.settings.toolsets.iter().filter(|name| !sets.contains(&name.as_str())) {
            bad("toolsets", format!("has an unknown set {name}; known: {}", sets.join(", ")));
        }
        let parallel = self.settings.max_parallel;
        if !(1..=256).contains(&parallel) {
            bad("max_parallel", format!("must be 1 to 256 (got {parallel})"));
        }
        let threshold = self.settings.policy.capability_threshold;
        if !(0.0..=1.0).contains(&threshold) {
            bad("policy.capability_threshold", format!("must be 0 to 1 (got {threshold})"));
        }
        if let Some(turns) = self.settings.policy.single_agent_turns.filter(|turns| *turns <= 0.0) {
            bad("policy.single_agent_turns", format!("must be above 0 (got {turns})"));
        }
        if let Some((key, fault)) = self.settings.caps.fault() {
            bad(&format!("caps.{key}"), fault);
        }
        let tools = LazyCell::new(|| toolset::tool_names().collect::<Vec<_>>());
        for name in self.settings.disabled_tools.iter().filter(|name| !tools.contains(name)) {
            let meant = meant(&*tools, name);
            found.push(Problem::notice(format!(
                "{}: disabled_tools names {name}, and there is no such tool{}",
                origin("disabled_tools"),
                meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"))
            )));
        }
        for (name, provider) in &self.providers {
            if name.is_empty()
                || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
            {
                found.push(Problem::provider(
                    name,
                    format!(
                        "{}: providers.{name}: a name takes letters, digits, - and _",
                        origin(&format!("providers.{name}.command"))
                    ),
                ));
            }
            let said = |key: &str| origin(&format!("providers.{name}.{key}"));
            let known = |other: &String| other != name && self.providers.contains_key(other);
            found.extend(provider.fallback.iter().filter(|other| !known(other)).map(|other| {
                let why = if other == name { "itself" } else { "no provider" };
                Problem::notice(format!(
                    "{}: providers.{name}.fallback names {other}, which is {why}",
                    said("fallback")
                ))
            }));
            found.extend(provider.faults().into_iter().map(|(key, fault)| {
                Problem::provider(name, format!("{}: providers.{name}.{key} {fault}", said(key)))
            }));
        }
        self.problems.extend(found);
    }
}

fn shipped() -> impl Iterator<Item = (Value, String)> {
    [CLIENTS, SETTINGS].into_iter().filter_map(|path| {
        let document = Library::embedded(path)?;
        Some((parsed(&document.origin, &document.text).ok()?, document.origin))
    })
}

/// Reads the settings documents of one origin. A document with an invalid value is left out, and `problems`
/// gets the reasons.
fn usable(
    found: impl Fn(&str) -> Option<std::io::Result<Document>>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Vec<(Value, String)> {
    let mut usable = Vec::new();
    for path in [CLIENTS, SETTINGS] {
        let Some(document) = found(path) else { continue };
        let read = document.map_err(|error| vec![Problem::everything(error.to_string())]).and_then(
            |Document { text, origin }| {
                let read = if path == CLIENTS { checked::<Clients> } else { checked::<Settings> };
                Ok((read(&origin, &text, environment)?, origin))
            },
        );
        match read {
            Ok(document) => usable.push(document),
            Err(found) => problems.extend(found),
        }
    }
    usable
}

/// Prices of models: the user's own come before the shipped ones.
fn prices(library: &Library, environment: &Environment, problems: &mut Vec<Problem>) -> Prices {
    let own = own_prices(library, environment).unwrap_or_else(|found| {
        problems.extend(found);
        None
    });
    let shipped = Library::embedded(PRICES).and_then(|shipped| from_yaml(&shipped.text).ok());
    Prices::new(own.into_iter().chain(shipped).collect())
}

fn own_prices(library: &Library, environment: &Environment) -> Result<Option<PriceList>, Vec<Problem>> {
    let everything = |message: String| vec![Problem::everything(message)];
    let Some(document) = library.of_user(PRICES) else { return Ok(None) };
    let Document { text, origin } = document.map_err(|error| everything(error.to_string()))?;
    // A file of comments counts as empty.
    let Ok(list) = from_value::<PriceList>(checked::<PriceList>(&origin, &text, environment)?) else {
        return Ok(None);
    };
    match list.fault() {
        None => Ok(Some(list)),
        Some(fault) => Err(everything(format!("{origin}: {fault}"))),
    }
}

/// The part of a project's settings that applies even before a person has confirmed them. `ignored` gets
/// the rest.
fn untrusted(project: &ProjectLayer, below: &Value, ignored: &mut Vec<String>) -> Vec<(Value, String)> {
    let mut usable = Vec::new();
    for (name, text) in project.files() {
        let file = shown(name);
        let path = name.strip_prefix("conf/").unwrap_or(name);
        let text = match text {
            Ok(text) => text,
            Err(unread) => {
                ignored.push(format!("{file}: {unread}"));
                continue;
            }
        };
        match path {
            "cli_clients.yaml" => usable.extend(harmless_of::<Clients>(&file, text, below, ignored)),
            "maestro.yaml" => usable.extend(harmless_of::<Settings>(&file, text, below, ignored)),
            "secrets.yaml" => {
                if let Err(error) = AddedRules::modest(text) {
                    ignored.push(format!("{file}: {error}"));
                }
            }
            _ => ignored.push(file),
        }
    }
    usable
}

fn harmless_of<T: serde::de::DeserializeOwned>(
    file: &str,
    text: &str,
    below: &Value,
    ignored: &mut Vec<String>,
) -> Option<(Value, String)> {
    let mut document: Value = match from_yaml(text) {
        Ok(document) => document,
        Err(error) => {
            ignored.push(format!("{file}: {}", in_brief(&error)));
            return None;
        }
    };
    let harmful = layer::keep_harmless(&mut document, below);
    if document.is_object() && !harmful.is_empty() {
        ignored.push(format!("{file}: {}", harmful.join(", ")));
    }
    if document.is_null() {
        return None;
    }
    match from_value::<T>(document.clone()) {
        Ok(_) => Some((document, file.to_owned())),
        Err(error) => {
            ignored.push(misfit(file, text, &error, &error.to_string()).message);
            None
        }
    }
}

/// Removes the settings of the sandbox, which no project may set, trusted or not, and returns their keys.
fn take_what_is_the_users(document: &mut Value) -> Vec<&'static str> {
    let Some(fields) = document.as_object_mut() else { return Vec::new() };
    ["sandbox", "network"].into_iter().filter(|key| fields.shift_remove(*key).is_some()).collect()
}

/// Applies a project's safety settings that are stricter than those of the other layers, and adds its
/// masking rules to the user's.
fn keep_stricter(layers: &mut Layers, document: &Value, origin: &str) {
    if let Some(own) = document.get("approvals").and_then(Value::as_str)
        && strictness(own) > layers.value(&["approvals"]).and_then(Value::as_str).and_then(strictness)
    {
        layers.set(origin, &["approvals"], own.into());
    }
    for limit in LIMITS {
        let path = ["policy", limit];
        if let Some(own) = document.pointer(&format!("/policy/{limit}")).and_then(Value::as_u64)
            && layers.value(&path).and_then(Value::as_u64).is_some_and(|holds| own < holds)
        {
            layers.set(origin, &path, own.into());
        }
    }
    for cap in Cap::ALL {
        let path = ["caps", cap.key()];
        if let Some(own) = document.pointer(&format!("/caps/{}", cap.key())).filter(|own| own.is_number())
            && layers.value(&path).and_then(Value::as_f64).is_none_or(|holds| own.as_f64() < Some(holds))
        {
            layers.set(origin, &path, own.clone());
        }
    }
    let path = ["masking", "regexes"];
    if let Some(Value::Array(own)) = document.pointer("/masking/regexes") {
        let mut all = layers.value(&path).and_then(Value::as_array).cloned().unwrap_or_default();
        let before = all.len();
        all.extend(own.iter().filter(|pattern| !all.contains(pattern)).cloned().collect::<Vec<_>>());
        if all.len() > before {
            layers.set(origin, &path, all.into());
        }
    }
}

/// Removes settings that only the user may set: they loosen approvals, and the model can write the
/// project's files.
fn leave_to_the_user((document, origin): &mut (Value, String), problems: &mut Vec<Problem>) {
    let Some(keys) = document.as_object_mut() else { return };
    for key in ["auto_approve_low_risk", "late_start"] {
        if keys.remove(key).is_some() {
            let message =
                format!("{origin}: {key} is ignored: only your own configuration or environment may set it");
            problems.push(Problem::notice(message));
        }
    }
}

fn parsed<T: serde::de::DeserializeOwned>(origin: &str, text: &str) -> Result<T, Vec<Problem>> {
    from_yaml(text).map_err(|said| {
        let path = said.split(": ").next().unwrap_or_default().to_owned();
        vec![Problem::everything(format!("{origin}: {}", fit_to_show(&path, &said)))]
    })
}

/// Parses a file, and checks that every key is known and that every value has its type.
fn checked<T: serde::de::DeserializeOwned>(
    origin: &str,
    text: &str,
    environment: &Environment,
) -> Result<Value, Vec<Problem>> {
    let document: Value = parsed(origin, text)?;
    if document.is_null() {
        return Ok(document);
    }
    if !layer::has_variables(text) {
        return parsed::<T>(origin, text).map(|_| document);
    }
    let mut last = Vec::new();
    for reading in [Reading::Text, Reading::Scalar] {
        let (mut filled, mut problems) = (document.clone(), Vec::new());
        Expansion { origin, text, reading, environment }.expand(&mut filled, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        match from_value::<T>(filled.clone()) {
            Ok(_) => return Ok(filled),
            // The value may come from the environment, which holds secrets, so the message omits it.
            Err(error) => {
                let said = layer::without_values(&error.to_string());
                last = vec![misfit(origin, text, &error, &said)];
            }
        }
    }
    Err(last)
}

/// The problem of a value that does not fit, with its file, line and path.
fn misfit(origin: &str, text: &str, error: &Misfit, said: &str) -> Problem {
    let path = error.place();
    let path = in_brief(&path);
    let line = error.in_yaml(text).map_or(1, |(line, _)| line);
    let said = fit_to_show(&path, said);
    let place = if path == "." { String::new() } else { format!("{path}: ") };
    Problem::everything(format!("{origin}: line {line}: {place}{said}"))
}

/// The parser's message about a setting. It omits the values of settings that may hold secrets: arguments
/// and environment variables of a CLI.
fn fit_to_show(path: &str, said: &str) -> String {
    let may_be_secret = ["extra_args", "extra_env"].iter().any(|key| path.contains(key));
    if may_be_secret { layer::without_values(said) } else { in_brief(said) }
}

/// Splits the providers from the other settings. `log_level` is read elsewhere.
fn apart(mut merged: Value) -> (Value, Value) {
    let mut providers = Map::new();
    if let Some(settings) = merged.as_object_mut() {
        settings.shift_remove("log_level");
        providers.extend(settings.shift_remove_entry("providers"));
    }
    (Value::Object(providers), merged)
}

fn typed<T: serde::de::DeserializeOwned + Default>(merged: Value, problems: &mut Vec<Problem>) -> T {
    from_value(merged).unwrap_or_else(|error| {
        problems.push(Problem::everything(format!("configuration: {}: {}", error.place(), error)));
        T::default()
    })
}

/// The calls that a problem affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every call that needs the configuration.
    Everything,
    /// Calls to one provider.
    Provider(String),
    /// No call: the problem is only worth a look.
    Nothing,
}

/// An invalid piece of configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub scope: Scope,
    /// The message: the file and line or the variable, the problem, and the accepted form.
    pub message: String,
}

impl Problem {
    /// A problem of every call.
    pub fn everything(message: String) -> Self {
        Self { scope: Scope::Everything, message }
    }

    /// A notice that blocks no call.
    pub fn notice(message: String) -> Self {
        Self { scope: Scope::Nothing, message }
    }

    /// A problem of one provider's calls.
    pub fn provider(name: &str, message: String) -> Self {
        Self { scope: Scope::Provider(name.to_owned()), message }
    }
}

#[cfg(test)]
mod tests;
