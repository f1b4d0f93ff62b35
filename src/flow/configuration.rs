//! Configuration: the environment, the settings and the rules that Maestro works by in this project.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use serde_json::{Value, json};

use super::rules_in_force::{InForce, LastInForce};
use super::scope::off_thread_with;
use crate::domain::budget::Limits;
use crate::domain::coordination::intent::Lexicon;
use crate::domain::mask::Masker;
use crate::domain::measure::tally::Baseline;
use crate::domain::microstep::MicroSteps;
use crate::domain::redflag::{Inspector, RedFlagRules, RedFlags, VoteFlags};
use crate::domain::rule::{RuleError, RuleFile};
use crate::domain::secret_path::{AddedRules, SecretRules};
use crate::domain::stage::Stage;
use crate::error::Error;
use crate::host::config::{Config, Problem, Scope, Settings};
use crate::host::environment::Environment;
use crate::host::library::{BUILT_IN, Document, Library};
use crate::host::wall::rules::SandboxRules;
use crate::host::{project, trust};
use crate::provider::catalogue::Catalogue;

/// Next step for a person if a project's own files have no effect.
pub const UNTRUSTED_HINT: &str = "These files of the project have no effect until the user has read and confirmed them: `maestro-mcp trust` in a terminal. Nothing else is wrong.";

/// The configuration. Each document is read on first need. Clones share it.
#[derive(Clone)]
pub struct Configuration {
    inner: Arc<Inner>,
}

/// A document that is read on first need, or the error that says why it cannot be used.
type Once<T> = OnceLock<Result<Arc<T>, Error>>;

struct Inner {
    environment: Environment,
    root: PathBuf,
    library: Library,
    settings: OnceLock<Settled>,
    masker: Arc<Once<Masker>>,
    secrets: Once<SecretRules>,
    lexicon: Once<Lexicon>,
    red_flags: Once<RedFlags>,
    vote_flags: Once<VoteFlags>,
    inspector: Once<Inspector>,
    micro_steps: Once<MicroSteps>,
    checks: LastInForce,
}

/// The settings and everything that follows from them.
struct Settled {
    config: Config,
    catalogue: Catalogue,
    /// True once a result has named the project's files that have no effect.
    has_told: AtomicBool,
}

impl Configuration {
    /// The configuration for a working directory. Nothing is read yet.
    pub fn new(environment: Environment, working_directory: &Path) -> Self {
        let root = project::root(&environment, working_directory);
        let overrides = project::overrides(&root).map(|_| root.clone());
        let inner = Inner {
            library: Library::new(environment.maestro_home(), overrides),
            environment,
            root,
            settings: OnceLock::new(),
            masker: Arc::default(),
            secrets: OnceLock::new(),
            lexicon: OnceLock::new(),
            red_flags: OnceLock::new(),
            vote_flags: OnceLock::new(),
            inspector: OnceLock::new(),
            micro_steps: OnceLock::new(),
            checks: LastInForce::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The environment of the server.
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    /// The root of the project.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Finds a program; a path is relative to the project's root.
    pub fn find_program(&self, command: &str) -> Option<PathBuf> {
        self.environment().find_program(command, self.root())
    }

    /// Finds a program that Maestro itself starts, which the project must not choose.
    pub fn find_outside(&self, command: &str) -> Option<PathBuf> {
        self.environment().find_outside(command, self.root())
    }

    /// The documents.
    pub fn library(&self) -> &Library {
        &self.inner.library
    }

    /// The configuration, as far as it could be read.
    pub fn loaded(&self) -> &Config {
        &self.settled().config
    }

    pub fn settings(&self) -> &Settings {
        &self.loaded().settings
    }

    /// The consultants.
    pub fn catalogue(&self) -> &Catalogue {
        &self.settled().catalogue
    }

    /// The note on the project's own files that have no effect. Only the first call returns it. Reads
    /// nothing.
    pub fn untold(&self) -> Option<(&'static str, Value)> {
        let settled = self.inner.settings.get()?;
        // `check` reports a project directory that is a link: no call can do anything about it.
        let is_news = settled.config.ignored.iter().any(|line| !line.starts_with(".maestro: "))
            && !settled.has_told.swap(true, Ordering::Relaxed);
        let told = || json!({ "ignored": settled.config.ignored, "hint": UNTRUSTED_HINT });
        is_news.then(|| ("project_ignored", told()))
    }

    /// The limits of a run's budget.
    pub fn limits(&self) -> Limits {
        let policy = &self.settings().policy;
        Limits {
            per_stage: policy.max_consults_per_stage,
            per_debug_round: policy.stage(Stage::Debug).max_consults,
            total: policy.max_consults_total,
        }
    }

    /// The configured effort of a single agent for a task.
    pub fn baseline(&self) -> Baseline {
        Baseline::configured(self.settings().policy.single_agent_turns)
    }

    /// Fails if the configuration has problems that affect all calls.
    ///
    /// # Errors
    ///
    /// [`Error::ConfigInvalid`] with the problems.
    pub fn check(&self) -> Result<(), Error> {
        match self.loaded().general_problems() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(Error::ConfigInvalid(problems)),
        }
    }

    fn settled(&self) -> &Settled {
        self.inner.settings.get_or_init(|| {
            let mut config = Config::load(self.environment(), self.library());
            if !self.root().is_dir() {
                config.problems.push(Problem::everything(format!(
                    "CLAUDE_PROJECT_DIR must be a directory (`{}` is not one); name the project's directory, or unset the variable. Maestro created nothing there",
                    self.root().display()
                )));
            }
            for missing in
                config.settings.repo_roots.iter().filter(|named| !self.root().join(named).is_dir())
            {
                config.problems.push(Problem::notice(format!(
                    "repo_roots (MAESTRO_REPO_ROOTS) names {}, which does not exist: nothing below it can be read",
                    missing.display()
                )));
            }
            for problem in &config.problems {
                log_problem(problem);
            }
            let catalogue = Catalogue::new(&config, self.environment().clone(), self.root().to_owned());
            Settled { catalogue, has_told: AtomicBool::new(false), config }
        })
    }

    /// The masker of secrets, if it is loaded already.
    pub fn made_masker(&self) -> MadeMasker {
        MadeMasker(Arc::clone(&self.inner.masker))
    }

    /// The masker of secrets.
    ///
    /// # Errors
    ///
    /// A rule or one of the user's patterns cannot be used.
    pub fn masker(&self) -> Result<Arc<Masker>, Error> {
        once(&self.inner.masker, || self.make_masker())
    }

    /// Runs masking work on a blocking thread, so that the thread that answers calls stays free.
    pub(in crate::flow) async fn masked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Masker) -> T + Send + 'static,
    ) -> Result<T, Error> {
        off_thread_with(self, move |config| config.masker().map(|masker| work(&masker))).await
    }

    fn make_masker(&self) -> Result<Masker, Error> {
        let rules = self.secret_rules()?;
        let masking = &self.settings().masking;
        let variables = self.environment().text().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Masker::new(&rules.masking, variables, &masking.regexes, &masking.replacement).map_err(|error| {
            Error::ConfigInvalid(vec![format!("masking.regexes (MAESTRO_MASK_REGEXES): {error}")])
        })
    }

    /// The rules for secrets, read once. If a user's file replaces ours, its examples are tried. A project
    /// can add rules, trusted or not, but removes none.
    pub(in crate::flow) fn secret_rules(&self) -> Result<Arc<SecretRules>, Error> {
        once(&self.inner.secrets, || self.make_secret_rules())
    }

    fn make_secret_rules(&self) -> Result<SecretRules, Error> {
        const PATH: &str = "conf/secrets.yaml";
        let document = self.library().of_user_or_ours(PATH).map_err(|error| invalid(PATH, error))?;
        let rules: SecretRules = read(&document)?;
        let layer = self.library().layer();
        let Some(added) = Library::of_layer(&layer, PATH) else { return Ok(rules) };
        match layer.standing {
            trust::Trust::Trusted => {
                let added = added.map_err(|error| invalid(PATH, error))?;
                let rules = rules.with(read(&added)?);
                rules.check().map_err(|error| invalid(&added.origin, error))?;
                Ok(rules)
            }
            // An invalid file is reported with everything else that is ignored.
            trust::Trust::Unconfirmed | trust::Trust::Changed => {
                let added = added.ok().and_then(|added| AddedRules::modest(&added.text).ok());
                Ok(rules.with(added.unwrap_or_default()))
            }
        }
    }

    /// The red-flag rules of candidates.
    ///
    /// # Errors
    ///
    /// A rule cannot be used.
    pub fn red_flags(&self) -> Result<Arc<RedFlags>, Error> {
        once(&self.inner.red_flags, || self.of_red_flag_rules(RedFlags::candidate))
    }

    /// The rules that check answers to a step.
    ///
    /// # Errors
    ///
    /// A rule cannot be used.
    pub fn inspector(&self) -> Result<Arc<Inspector>, Error> {
        once(&self.inner.inspector, || self.of_red_flag_rules(|rules| Inspector::new(&rules.step)))
    }

    /// The words that classify a task.
    ///
    /// # Errors
    ///
    /// A list cannot be used.
    pub fn lexicon(&self) -> Result<Arc<Lexicon>, Error> {
        once(&self.inner.lexicon, || self.rules("conf/intents.yaml"))
    }

    /// The rules of a document.
    pub(in crate::flow) fn rules<T: RuleFile>(&self, path: &str) -> Result<T, Error> {
        self.document(path).and_then(|document| read(&document))
    }

    /// Builds something from the red-flag rules. If a file replaces ours, its examples are tried.
    fn of_red_flag_rules<T>(
        &self,
        make: impl FnOnce(&RedFlagRules) -> Result<T, RuleError>,
    ) -> Result<T, Error> {
        let document = self.document("conf/redflags.yaml")?;
        make(&read(&document)?).map_err(|error| invalid(&document.origin, error))
    }

    /// The red-flag rules of votes.
    ///
    /// # Errors
    ///
    /// A rule cannot be used.
    pub fn vote_flags(&self) -> Result<Arc<VoteFlags>, Error> {
        once(&self.inner.vote_flags, || self.of_red_flag_rules(VoteFlags::new))
    }

    /// The micro-steps.
    ///
    /// # Errors
    ///
    /// A list that replaces ours cannot be used.
    pub fn micro_steps(&self) -> Result<Arc<MicroSteps>, Error> {
        once(&self.inner.micro_steps, || self.rules("conf/micro_steps.yaml"))
    }

    /// The rules of the sandbox: the user's, else ours. The project has no say.
    ///
    /// # Errors
    ///
    /// The user's file cannot be used.
    pub(in crate::flow) fn sandbox_rules(&self) -> Result<Arc<SandboxRules>, Error> {
        const PATH: &str = "conf/sandbox.yaml";
        static OURS: LazyLock<Result<Arc<SandboxRules>, Error>> = LazyLock::new(|| {
            let ours = Library::embedded(PATH).ok_or_else(|| invalid(PATH, "it is not built in"))?;
            read(&ours).map(Arc::new)
        });
        match self.library().of_user(PATH) {
            Some(own) => read(&own.map_err(|error| invalid(PATH, error))?).map(Arc::new),
            None => OURS.clone(),
        }
    }

    /// The rules for checks that are in force now.
    ///
    /// # Errors
    ///
    /// A file that replaces ours cannot be used.
    pub(in crate::flow) fn checks(&self) -> Result<Arc<InForce>, Error> {
        self.inner.checks.look(self.library())
    }

    /// A document of the library.
    ///
    /// # Errors
    ///
    /// A file that replaces ours cannot be read.
    pub fn document(&self, path: &str) -> Result<Document, Error> {
        self.library().read(path).map_err(|error| invalid(path, error))
    }
}

/// Reads the rules of a document. If the document is not built in, the examples of its rules are tried too.
fn read<T: RuleFile>(document: &Document) -> Result<T, Error> {
    let wrong = |error| invalid(&document.origin, error);
    let rules = T::from_yaml(&document.text).map_err(wrong)?;
    if document.origin != BUILT_IN {
        rules.check().map_err(wrong)?;
    }
    Ok(rules)
}

fn once<T>(cell: &Once<T>, read: impl FnOnce() -> Result<T, Error>) -> Result<Arc<T>, Error> {
    cell.get_or_init(|| read().map(Arc::new)).clone()
}

fn log_problem(Problem { scope, message }: &Problem) {
    match scope {
        Scope::Everything => tracing::warn!(problem = %message, "configuration: calls are refused"),
        Scope::Provider(provider) => {
            tracing::warn!(provider, problem = %message, "configuration: this provider is not asked");
        }
        Scope::Nothing => tracing::warn!(problem = %message, "configuration"),
    }
}

fn invalid(name: &str, reason: impl std::fmt::Display) -> Error {
    Error::Document { name: name.to_owned(), reason: reason.to_string() }
}

/// Masker for log lines, if already loaded. It never loads the masker, because loading logs lines itself,
/// and it does not keep the configuration alive.
#[derive(Clone, Debug)]
pub struct MadeMasker(Arc<Once<Masker>>);

impl MadeMasker {
    /// The masker, if it was loaded and could be used.
    pub fn get(&self) -> Option<Arc<Masker>> {
        self.0.get()?.as_ref().ok().cloned()
    }
}
