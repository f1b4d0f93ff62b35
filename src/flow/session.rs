//! Handle that every flow works with: the configuration, the project, the processes and the record, each
//! made on first need and shared from then on.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::journal::{Journal, new_id};
use super::ledger::Ledger;
use super::off_thread::off_thread;
use super::slots::Slots;
use crate::domain::budget::Limits;
use crate::domain::coordination::intent::Lexicon;
use crate::domain::mask::Masker;
use crate::domain::microstep::MicroSteps;
use crate::domain::redflag::{Inspector, RedFlagRules, RedFlags, VoteFlags};
use crate::domain::secret_path::{AddedRules, SecretPaths, SecretRules};
use crate::domain::stage::Stage;
use crate::error::{ApprovalProblem, Error};
use crate::host::ancestry::{Ancestry, Standing};
use crate::host::answers::Answers;
use crate::host::config::{Config, Problem, Scope};
use crate::host::environment::Environment;
use crate::host::library::{BUILT_IN, Document, Library};
use crate::host::process::Supervisor;
use crate::host::project::{self, Project};
use crate::host::seal_key::SealKey;
use crate::host::store::lease::{self, Lease};
use crate::host::store::{Marks, MemoryStore, Note, SqliteStore, check_root};
use crate::host::trust;
use crate::provider::catalogue::Catalogue;

/// Next step for a person where a project's own files have no effect.
pub const UNTRUSTED: &str = "These files of the project have no effect until the user has read and confirmed them: `maestro-mcp trust` in a terminal. Nothing else is wrong.";

/// A cloneable handle on everything a flow needs.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    root: PathBuf,
    working_directory: PathBuf,
    /// True if a client talks to it, and no person at a terminal.
    is_served: AtomicBool,
    is_below: OnceLock<bool>,
    library: Library,
    supervisor: Supervisor,
    ledger: Ledger,
    journal: OnceLock<Journal>,
    aside: OnceLock<Journal>,
    server: String,
    current_run: Mutex<Option<String>>,
    background: TaskTracker,
    kept: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    lease: Mutex<Option<Lease>>,
    answers: Answers,
    store: OnceLock<Arc<SqliteStore>>,
    user_key: OnceLock<Option<SealKey>>,
    settings: OnceLock<Settled>,
    masker: Arc<OnceLock<Result<Arc<Masker>, Error>>>,
    project: OnceLock<Result<Arc<Project>, Error>>,
    secrets: OnceLock<Result<Arc<SecretRules>, Error>>,
    lexicon: OnceLock<Result<Arc<Lexicon>, Error>>,
    red_flags: OnceLock<Result<Arc<RedFlags>, Error>>,
    vote_flags: OnceLock<Result<Arc<VoteFlags>, Error>>,
    inspector: OnceLock<Result<Arc<Inspector>, Error>>,
    micro_steps: OnceLock<Result<Arc<MicroSteps>, Error>>,
}

/// The configuration and what follows from it.
struct Settled {
    config: Config,
    catalogue: Catalogue,
    slots: Slots,
    /// True once a result has named the project's own files that have no effect.
    has_told: AtomicBool,
}

impl Session {
    /// A session of a server or a sub-command. Nothing is read, opened or started yet.
    pub fn new(environment: Environment, working_directory: &Path, supervisor: Supervisor) -> Self {
        let root = project::root(&environment, working_directory);
        let library =
            Library::new(environment.maestro_home(), project::overrides(&root).map(|_| root.clone()));
        let inner = Inner {
            answers: Answers::new(&root),
            environment,
            root,
            working_directory: working_directory.to_owned(),
            is_served: AtomicBool::new(false),
            is_below: OnceLock::new(),
            library,
            supervisor,
            ledger: Ledger::default(),
            journal: OnceLock::new(),
            aside: OnceLock::new(),
            server: new_id(),
            current_run: Mutex::default(),
            background: TaskTracker::new(),
            kept: Mutex::default(),
            store: OnceLock::new(),
            user_key: OnceLock::new(),
            lease: Mutex::default(),
            settings: OnceLock::new(),
            masker: Arc::default(),
            project: OnceLock::new(),
            secrets: OnceLock::new(),
            lexicon: OnceLock::new(),
            red_flags: OnceLock::new(),
            vote_flags: OnceLock::new(),
            inspector: OnceLock::new(),
            micro_steps: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The environment of the server.
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    /// The project root.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    pub fn working_directory(&self) -> &Path {
        &self.inner.working_directory
    }

    /// From now on a client talks to this session.
    pub fn serve(&self) {
        self.inner.is_served.store(true, Ordering::Relaxed);
    }

    /// Refuses to spend, run or change anything below another Maestro: a consultant gives text, and a
    /// check tells how the project is.
    ///
    /// # Errors
    ///
    /// A Maestro stands above this one.
    pub fn refuse_nested(&self) -> Result<(), Error> {
        let is_below = || self.environment().depth() > 0 || Ancestry::of_terminal().is_below_maestro();
        if *self.inner.is_below.get_or_init(is_below) { Err(Error::NestedConsult) } else { Ok(()) }
    }

    /// Refuses to decide, hand in or change where no client of a person's stands above: below another
    /// Maestro, and in a server that a command of an agent's started.
    ///
    /// # Errors
    ///
    /// Returns who stands above this one.
    pub fn refuse_strangers(&self) -> Result<(), Error> {
        self.refuse_nested()?;
        if !self.inner.is_served.load(Ordering::Relaxed) {
            return Ok(());
        }
        match Ancestry::of_server().standing() {
            Standing::Own => Ok(()),
            Standing::BelowMaestro => Err(Error::NestedConsult),
            Standing::Command(agent) => Err(ApprovalProblem::SecondServer(agent).into()),
        }
    }

    /// The documents.
    pub fn library(&self) -> &Library {
        &self.inner.library
    }

    pub fn supervisor(&self) -> &Supervisor {
        &self.inner.supervisor
    }

    /// Returns what this server asked of whom.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The project's log.
    pub fn journal(&self) -> &Journal {
        self.inner.journal.get_or_init(|| Journal::new(self.store().clone()))
    }

    /// Returns where a run is recorded. A call outside of runs (an empty name) stays in memory where tracing
    /// is off.
    pub fn journal_of(&self, run: &str) -> &Journal {
        if self.is_logged(run) {
            return self.journal();
        }
        self.inner.aside.get_or_init(|| Journal::new(Arc::new(MemoryStore::default())))
    }

    /// True if what belongs to a run, or to none, goes into the project's log.
    pub fn is_logged(&self, run: &str) -> bool {
        !run.is_empty() || self.config().settings.tracing.enabled
    }

    /// The id of this server among those that work on the project.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// Lets other servers see that this one is alive, from now on.
    ///
    /// # Errors
    ///
    /// The directory of the log cannot be written.
    pub fn show_alive(&self) -> Result<(), Error> {
        let mut held = self.inner.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            check_root(self.root())?;
            *held = Some(Lease::hold(&self.store_directory(), self.server())?);
        }
        Ok(())
    }

    /// True if another server is alive.
    pub fn is_alive(&self, server: &str) -> bool {
        lease::is_alive(&self.store_directory(), server)
    }

    /// The limits of a run's budget, as they are set now.
    pub fn limits(&self) -> Limits {
        let policy = &self.config().settings.policy;
        Limits {
            per_stage: policy.max_consults_per_stage,
            per_debug_round: policy.stage(Stage::Debug).max_consults,
            total: policy.max_consults_total,
        }
    }

    /// The key with which the project's servers seal what comes back to them through a client: this
    /// user's own, bound to the project. Nothing of it lies in the project.
    ///
    /// # Errors
    ///
    /// The user has no directory of state that can be written to.
    pub async fn seal_key(&self) -> Result<SealKey, Error> {
        let session = self.clone();
        let bound = move || {
            let root = session.root().as_os_str().as_encoded_bytes();
            session.user_key().map(|key| key.bound_to("seal", root))
        };
        let key = off_thread(bound).await?;
        key.ok_or_else(|| Error::Setup {
            reason: "your key for sealing questions is missing".to_owned(),
            hint: "Make your directory of state writable (XDG_STATE_HOME, else ~/.local/state), or decide in a terminal: `maestro-mcp approvals`.".to_owned(),
        })
    }

    /// The run that this server began or worked on last.
    pub fn current_run(&self) -> Option<String> {
        self.inner.current_run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// This server works on a run.
    pub fn set_current_run(&self, run: &str) {
        *self.inner.current_run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.to_owned());
    }

    /// Runs without an event since then are parked; 0 where none ever is.
    pub fn idle_before(&self) -> u64 {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        match self.config().settings.park_after_days {
            0 => 0,
            days => super::time::now().saturating_sub(days.saturating_mul(DAY)),
        }
    }

    /// A flow's own memory between calls: one value of each type, made on first need.
    pub(crate) fn kept<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(value).downcast().unwrap_or_default()
    }

    /// Work that outlives the call that began it.
    pub fn background(&self) -> &TaskTracker {
        &self.inner.background
    }

    /// Returns where the project's events are kept: `.maestro`, or the directory of `MAESTRO_TRACE_DIR`.
    pub fn store_directory(&self) -> PathBuf {
        let directory = self.config().settings.tracing.directory.as_deref();
        self.root().join(directory.unwrap_or(Path::new(".maestro")))
    }

    /// The project's events. Nothing is made or opened before the first of them.
    pub fn store(&self) -> &Arc<SqliteStore> {
        self.inner.store.get_or_init(|| {
            let state = self.environment().state_directory();
            let marks = self.user_key().zip(state).map(|(key, state)| Marks::new(&state).sealed_by(key));
            Arc::new(SqliteStore::new(self.store_directory()).below(self.root()).with_marks(marks))
        })
    }

    /// The key that identifies files which this user wrote into a project; none where the user has
    /// no directory that can be written to.
    pub fn user_key(&self) -> Option<&SealKey> {
        let make = || {
            let state = self.environment().state_directory()?;
            SealKey::of_user(&state)
                .inspect_err(|error| tracing::warn!(%error, directory = %state.display(), "nothing is known to be this user's own"))
                .ok()
        };
        self.inner.user_key.get_or_init(make).as_ref()
    }

    pub fn answers(&self) -> &Answers {
        &self.inner.answers
    }

    /// The configuration, as far as it could be read.
    pub fn config(&self) -> &Config {
        &self.settled().config
    }

    /// The consultants.
    pub fn catalogue(&self) -> &Catalogue {
        &self.settled().catalogue
    }

    /// The slots for consultants.
    pub fn slots(&self) -> &Slots {
        &self.settled().slots
    }

    /// Returns what a result says beside its own: once, what of the project's own files has no effect and
    /// what became of the log; and each time, why the log opens no gate. Nothing is read for it.
    pub fn untold(&self) -> Vec<(&'static str, Value)> {
        let mut told = Vec::new();
        // A directory that is a link at all is named by `check`: no call can do anything about it.
        if let Some(settled) = self.inner.settings.get()
            && settled.config.ignored.iter().any(|line| !line.starts_with(".maestro: "))
            && !settled.has_told.swap(true, Ordering::Relaxed)
        {
            told.push(("project_ignored", json!({ "ignored": settled.config.ignored, "hint": UNTRUSTED })));
        }
        if let Some(store) = self.inner.store.get() {
            told.extend(store.take_notes().into_iter().map(|note| match note {
                Note::InGit(warning) => ("log_in_git", json!(warning)),
            }));
            if let Some(error) = store.trouble() {
                told.push((
                    "log_warning",
                    json!({ "error": error.to_string(), "code": error.code(), "hint": error.hint() }),
                ));
            }
        }
        told
    }

    /// Errors if the configuration has problems that affect all calls.
    ///
    /// # Errors
    ///
    /// The problems.
    pub fn check_config(&self) -> Result<(), Error> {
        match self.config().general_problems() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(Error::ConfigInvalid(problems)),
        }
    }

    fn settled(&self) -> &Settled {
        self.inner.settings.get_or_init(|| {
            let mut config = Config::load(self.environment(), self.library());
            if !self.root().is_dir() {
                config.problems.push(Problem::everything(format!(
                    "CLAUDE_PROJECT_DIR: {} is no directory; name the project's directory, or leave the variable out. Nothing was made there",
                    self.root().display()
                )));
            }
            for missing in config.settings.repo_roots.iter().filter(|named| !self.root().join(named).is_dir()) {
                config.problems.push(Problem::notice(format!(
                    "repo_roots (MAESTRO_REPO_ROOTS) names {}, and there is no such directory: nothing below it can be read",
                    missing.display()
                )));
            }
            for problem in &config.problems {
                log_problem(problem);
            }
            Settled {
                catalogue: Catalogue::new(&config),
                slots: Slots::new(config.settings.max_parallel.clamp(1, 256)),
                has_told: AtomicBool::new(false),
                config,
            }
        })
    }
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

/// The masker of a session, for the log: it masks its lines as everything else is masked, and neither
/// makes the masker, which may have something to log itself, nor keeps the session alive.
#[derive(Clone, Debug)]
pub struct MadeMasker(Arc<OnceLock<Result<Arc<Masker>, Error>>>);

impl MadeMasker {
    /// The masker, where it was needed already and could be made.
    pub fn get(&self) -> Option<Arc<Masker>> {
        self.0.get()?.as_ref().ok().cloned()
    }
}

impl Session {
    /// The masker of secrets, as far as it is made.
    pub fn made_masker(&self) -> MadeMasker {
        MadeMasker(Arc::clone(&self.inner.masker))
    }

    /// The masker of secrets.
    ///
    /// # Errors
    ///
    /// A rule or a pattern of the user's that cannot be used.
    pub fn masker(&self) -> Result<Arc<Masker>, Error> {
        self.inner.masker.get_or_init(|| self.make_masker()).clone()
    }

    fn make_masker(&self) -> Result<Arc<Masker>, Error> {
        let rules = self.secret_rules()?;
        let masking = &self.config().settings.masking;
        let variables = self.environment().text().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Masker::new(&rules.masking, variables, &masking.regexes, &masking.replacement).map(Arc::new).map_err(
            |error| Error::ConfigInvalid(vec![format!("masking.regexes (MAESTRO_MASK_REGEXES): {error}")]),
        )
    }

    /// The rules on secrets, read once; a file that replaces them has its examples tried. A project
    /// adds to them, trusted or not, but removes none.
    pub(in crate::flow) fn secret_rules(&self) -> Result<Arc<SecretRules>, Error> {
        self.inner.secrets.get_or_init(|| self.make_secret_rules().map(Arc::new)).clone()
    }

    fn make_secret_rules(&self) -> Result<SecretRules, Error> {
        const PATH: &str = "conf/secrets.yaml";
        let shipped = || Library::embedded(PATH).ok_or_else(|| invalid(PATH, "it is missing"));
        let document = match self.library().of_user(PATH) {
            Some(document) => document.map_err(|error| invalid(PATH, error))?,
            None => shipped()?,
        };
        let rules =
            SecretRules::from_yaml(&document.text).map_err(|error| invalid(&document.origin, error))?;
        if document.origin != BUILT_IN {
            rules.check().map_err(|error| invalid(&document.origin, error))?;
        }
        let layer = self.library().layer();
        let Some(added) = Library::of_layer(&layer, PATH) else { return Ok(rules) };
        match layer.standing {
            trust::Standing::Trusted => {
                let added = added.map_err(|error| invalid(PATH, error))?;
                let read =
                    AddedRules::from_yaml(&added.text).map_err(|error| invalid(&added.origin, error))?;
                let rules = rules.with(read);
                rules.check().map_err(|error| invalid(&added.origin, error))?;
                Ok(rules)
            }
            // An invalid file is named with everything else that is ignored.
            trust::Standing::Unconfirmed | trust::Standing::Changed => {
                let added = added.ok().and_then(|added| AddedRules::modest(&added.text).ok());
                Ok(rules.with(added.unwrap_or_default()))
            }
        }
    }

    /// The project's files.
    ///
    /// # Errors
    ///
    /// The rules on secret names cannot be used.
    pub fn project(&self) -> Result<Arc<Project>, Error> {
        self.inner
            .project
            .get_or_init(|| {
                let secrets = SecretPaths::from_rules(&self.secret_rules()?.files)
                    .map_err(|error| invalid("conf/secrets.yaml", error))?;
                Ok(Arc::new(
                    Project::new(self.root(), &self.config().settings.repo_roots, secrets)
                        .of_user(self.environment()),
                ))
            })
            .clone()
    }

    /// The red-flag rules of candidates.
    ///
    /// # Errors
    ///
    /// A rule that cannot be used.
    pub fn red_flags(&self) -> Result<Arc<RedFlags>, Error> {
        self.inner
            .red_flags
            .get_or_init(|| {
                let (rules, origin) = self.red_flag_rules()?;
                RedFlags::candidate(&rules).map(Arc::new).map_err(|error| invalid(&origin, error))
            })
            .clone()
    }

    /// The rules that answers to a step are held against.
    ///
    /// # Errors
    ///
    /// A rule that cannot be used.
    pub fn inspector(&self) -> Result<Arc<Inspector>, Error> {
        self.inner
            .inspector
            .get_or_init(|| {
                let (rules, origin) = self.red_flag_rules()?;
                Inspector::new(&rules.step).map(Arc::new).map_err(|error| invalid(&origin, error))
            })
            .clone()
    }

    /// The words that classify a task.
    ///
    /// # Errors
    ///
    /// A list that cannot be used.
    pub fn lexicon(&self) -> Result<Arc<Lexicon>, Error> {
        self.inner
            .lexicon
            .get_or_init(|| {
                let document = self.document("conf/intents.yaml")?;
                let lexicon = Lexicon::from_yaml(&document.text);
                lexicon.map(Arc::new).map_err(|error| invalid(&document.origin, error))
            })
            .clone()
    }

    /// The rule file and where it comes from; one that replaces ours has its examples tried.
    fn red_flag_rules(&self) -> Result<(RedFlagRules, String), Error> {
        let document = self.document("conf/redflags.yaml")?;
        let rules = RedFlagRules::from_yaml(&document.text);
        let rules = rules.map_err(|error| invalid(&document.origin, error))?;
        if document.origin != BUILT_IN {
            rules.check().map_err(|error| invalid(&document.origin, error))?;
        }
        Ok((rules, document.origin))
    }

    /// The red-flag rules of votes.
    ///
    /// # Errors
    ///
    /// A rule that cannot be used.
    pub fn vote_flags(&self) -> Result<Arc<VoteFlags>, Error> {
        self.inner
            .vote_flags
            .get_or_init(|| {
                let (rules, origin) = self.red_flag_rules()?;
                VoteFlags::new(&rules).map(Arc::new).map_err(|error| invalid(&origin, error))
            })
            .clone()
    }

    /// The micro-steps.
    ///
    /// # Errors
    ///
    /// A list that replaces ours and cannot be used.
    pub fn micro_steps(&self) -> Result<Arc<MicroSteps>, Error> {
        self.inner
            .micro_steps
            .get_or_init(|| {
                let document = self.document("conf/micro_steps.yaml")?;
                let steps = MicroSteps::from_yaml(&document.text);
                steps.map(Arc::new).map_err(|error| invalid(&document.origin, error))
            })
            .clone()
    }

    /// A document of the library.
    ///
    /// # Errors
    ///
    /// A replacing file that cannot be read.
    pub fn document(&self, path: &str) -> Result<Document, Error> {
        self.library().read(path).map_err(|error| invalid(path, error))
    }
}
