//! The record: the project's events, the servers that write them, and the signs that a server is alive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::journal::{Journal, new_id};
use super::scope::off_thread;
use crate::domain::event::consult::ConsultSettled;
use crate::error::Error;
use crate::error::reference::hint_of;
use crate::host::seal_key::SealKey;
use crate::host::store::lease::Lease;
use crate::host::store::{Marks, MemoryStore, Note, SqliteStore, check_root, lease};

/// The log of a project, as this server writes it. Clones share it.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    config: Configuration,
    server: String,
    store: OnceLock<Arc<SqliteStore>>,
    journal: OnceLock<Journal>,
    aside: OnceLock<Journal>,
    ledger: Ledger,
    lease: Mutex<Option<Lease>>,
    /// Ids of recorded work that is in progress at this server.
    working: Mutex<BTreeSet<String>>,
    user_key: OnceLock<Option<SealKey>>,
    current_run: Mutex<Option<String>>,
}

/// Marks work as in progress until this value is dropped.
pub struct Working {
    log: Log,
    id: String,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.log.working().remove(&self.id);
    }
}

impl Log {
    /// The log of a project. Nothing is created or opened yet.
    pub fn new(config: Configuration) -> Self {
        let inner = Inner {
            config,
            server: new_id(),
            store: OnceLock::new(),
            journal: OnceLock::new(),
            aside: OnceLock::new(),
            ledger: Ledger::default(),
            lease: Mutex::default(),
            working: Mutex::default(),
            user_key: OnceLock::new(),
            current_run: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The project's log.
    pub fn journal(&self) -> &Journal {
        self.inner.journal.get_or_init(|| Journal::new(self.store().clone()))
    }

    /// The journal for a run. A call outside of runs (an empty name) stays in memory if tracing is off.
    pub fn journal_of(&self, run: &str) -> &Journal {
        if self.is_logged(run) {
            return self.journal();
        }
        self.inner.aside.get_or_init(|| Journal::new(Arc::new(MemoryStore::default())))
    }

    /// True if the events of a run, or those outside of runs, go into the project's log.
    pub fn is_logged(&self, run: &str) -> bool {
        !run.is_empty() || self.inner.config.settings().tracing.enabled
    }

    /// The project's events. Nothing is created or opened before the first event.
    pub fn store(&self) -> &Arc<SqliteStore> {
        self.inner.store.get_or_init(|| {
            let state = self.inner.config.environment().state_directory();
            let marks = self.user_key().zip(state).map(|(key, state)| Marks::new(&state).sealed_by(key));
            Arc::new(
                SqliteStore::new(self.store_directory()).below(self.inner.config.root()).with_marks(marks),
            )
        })
    }

    /// Directory of the project's events: `.maestro`, or the directory of `MAESTRO_TRACE_DIR`.
    pub fn store_directory(&self) -> PathBuf {
        let directory = self.inner.config.settings().tracing.directory.as_deref();
        self.inner.config.root().join(directory.unwrap_or(Path::new(".maestro")))
    }

    /// Id of this server among those of the project.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// Lets other servers see that this one is alive.
    ///
    /// # Errors
    ///
    /// The directory of the log cannot be written.
    pub fn show_alive(&self) -> Result<(), Error> {
        let mut held = self.inner.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            check_root(self.inner.config.root())?;
            *held = Some(Lease::hold(&self.store_directory(), self.server())?);
        }
        Ok(())
    }

    /// Marks recorded work as in progress here, until the result is dropped.
    pub fn work_on(&self, id: &str) -> Working {
        self.working().insert(id.to_owned());
        Working { log: self.clone(), id: id.to_owned() }
    }

    fn working(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.inner.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the server that began some work still works on it.
    pub fn is_worked_on(&self, server: &str, id: &str) -> bool {
        if server == self.server() { self.working().contains(id) } else { self.is_alive(server) }
    }

    /// True if another server is alive.
    pub fn is_alive(&self, server: &str) -> bool {
        lease::is_alive(&self.store_directory(), server)
    }

    /// The run that this server began or worked on last.
    pub fn current_run(&self) -> Option<String> {
        self.inner.current_run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the run that this server works on.
    pub fn set_current_run(&self, run: &str) {
        *self.inner.current_run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.to_owned());
    }

    /// A run whose last event is older than this time, in milliseconds since 1970, is parked. 0 parks no run.
    pub fn idle_before(&self) -> u64 {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        match self.inner.config.settings().park_after_days {
            0 => 0,
            days => super::time::now().saturating_sub(days.saturating_mul(DAY)),
        }
    }

    /// The calls of this server, by provider.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The key that identifies files which this user wrote into a project; `None` if the user has no writable
    /// directory.
    pub fn user_key(&self) -> Option<&SealKey> {
        let make = || {
            let state = self.inner.config.environment().state_directory()?;
            SealKey::of_user(&state)
                .inspect_err(|error| tracing::warn!(%error, directory = %state.display(), "nothing is known to be this user's own"))
                .ok()
        };
        self.inner.user_key.get_or_init(make).as_ref()
    }

    /// The key that seals data which a client holds and sends back. It belongs to this user and this project,
    /// and is stored outside the project.
    ///
    /// # Errors
    ///
    /// The user has no writable state directory.
    pub async fn seal_key(&self) -> Result<SealKey, Error> {
        let log = self.clone();
        let bound = move || {
            let root = log.inner.config.root().as_os_str().as_encoded_bytes();
            log.user_key().map(|key| key.bound_to("seal", root))
        };
        let key = off_thread(bound).await?;
        key.ok_or_else(|| Error::Setup {
            reason: "your key for sealing questions is missing".to_owned(),
            hint: "Make your directory of state writable (XDG_STATE_HOME, else ~/.local/state), or decide in a terminal: `maestro-mcp approvals`.".to_owned(),
        })
    }

    /// Notes for a result: news about the log once, the reason why it opens no gate each time. Reads nothing.
    pub fn untold(&self) -> Vec<(&'static str, Value)> {
        let Some(store) = self.inner.store.get() else { return Vec::new() };
        let notes = store.take_notes().into_iter().map(|note| match note {
            Note::InGit(warning) => ("log_in_git", json!(warning)),
        });
        let trouble = store.trouble().map(|error| {
            let code = error.code();
            ("log_warning", json!({ "error": error.to_string(), "code": code, "hint": hint_of(code) }))
        });
        notes.chain(trouble).collect()
    }
}

// Sums over the consults of this server, for its lifetime. The journal keeps the record.

/// The calls of this server, by provider.
#[derive(Debug, Default)]
pub struct Ledger {
    begun: AtomicU64,
    totals: Mutex<BTreeMap<String, Totals>>,
    refusals: Mutex<BTreeMap<String, Instant>>,
}

/// Time for which a provider that refused is asked last, if the caller names none.
const GRUDGE: Duration = Duration::from_secs(600);

/// Sums over the calls to one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    pub elapsed_ms: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// US dollars, as far as the CLIs report them; `None` if no CLI does.
    pub cost_usd: Option<f64>,
}

impl Ledger {
    /// The next number of a call, for all of its log lines.
    pub fn number(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn add(&self, call: &ConsultSettled) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals.entry(call.provider.clone()).or_default();
        total.calls += 1;
        total.failed += u64::from(call.code.is_some());
        total.elapsed_ms += call.elapsed_ms;
        total.input_tokens += call.input_tokens.unwrap_or(0);
        total.output_tokens += call.output_tokens.unwrap_or(0);
        if let Some(cost) = call.cost_usd {
            total.cost_usd = Some(total.cost_usd.unwrap_or(0.0) + cost);
        }
    }

    /// Notes if the last call to a provider ended in its refusal.
    pub fn note(&self, provider: &str, refused: bool) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refused {
            refusals.insert(provider.to_owned(), Instant::now());
        } else {
            refusals.remove(provider);
        }
    }

    /// True if a provider refused a short while ago and has not answered since.
    pub fn refused(&self, provider: &str) -> bool {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(provider).is_some_and(|when| when.elapsed() < GRUDGE)
    }

    /// The sums so far.
    pub fn totals(&self) -> BTreeMap<String, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
