//! The local web page: shows everything that a decision covers, and takes the decision. It serves one
//! project on loopback, is no daemon, and decides nothing itself.

mod decision;
mod diff;
mod door;
mod guard;
mod index;
mod live;
mod look;
mod looks;
mod render;
mod routes;
mod views;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::domain::event::Opened;
use crate::error::Error;
use crate::flow::job::Jobs;
use crate::flow::kit::Kit;

use door::Door;
pub use door::SHORT;
use look::Look;
use views::queue::Now;

/// A page, served until it is dropped or stopped.
#[derive(Clone)]
pub struct Page {
    inner: Arc<Inner>,
}

impl Deref for Page {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

/// The parts that every view uses.
pub struct Inner {
    kit: Kit,
    jobs: Jobs,
    door: Door,
    host: String,
    look: Look,
    watch: live::Watch,
    indexed: index::Indexed,
    stop: CancellationToken,
}

impl Page {
    /// Serves the page of a project, on a port that cannot be reached from other machines.
    ///
    /// # Errors
    ///
    /// No port is free, or the system gives no randomness.
    pub async fn start(kit: Kit, jobs: Jobs, stop: CancellationToken) -> Result<Self, Error> {
        let no_port = |error: std::io::Error| Error::Setup {
            reason: format!("the page finds no port on this machine: {error}"),
            hint: "Decide in a terminal instead: `maestro-mcp approvals`.".to_owned(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let port = listener.local_addr().map_err(no_port)?.port();
        let inner = Inner {
            look: Look::of(kit.config.loaded().language()),
            kit,
            jobs,
            door: Door::new()?,
            host: SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string(),
            watch: live::Watch::new(),
            indexed: index::Indexed::default(),
            stop: stop.clone(),
        };
        let page = Self { inner: Arc::new(inner) };
        page.fold_ahead();
        let routes = routes::routes(page.clone());
        tracing::info!(port, "the page is served");
        tokio::spawn(async move {
            tokio::select! {
                served = async { axum::serve(listener, routes).await } => {
                    if let Err(error) = served {
                        tracing::error!(%error, "the page ends");
                    }
                }
                () = stop.cancelled() => {}
            }
        });
        Ok(page)
    }

    /// Creates an address that opens a place on the page once. Whoever has the address gets in, so it must
    /// go only to a person's own screen.
    ///
    /// # Errors
    ///
    /// The system gives no randomness.
    pub fn link(&self, target: &str, opened: Opened, lifetime: Duration) -> Result<String, Error> {
        let token = self.door.link(target, opened, lifetime)?;
        Ok(format!("http://{}/{}/open?t={token}", self.host, self.door.prefix()))
    }

    /// The port of the page.
    pub fn port(&self) -> &str {
        self.host.rsplit(':').next().unwrap_or_default()
    }

    /// True if a browser shows the page.
    pub fn is_watched(&self) -> bool {
        self.watch.is_watched()
    }

    /// Revokes the unused links to a place.
    pub fn revoke(&self, target: &str) {
        self.door.revoke(target);
    }

    /// The facts that views need in addition to the log.
    fn now(&self) -> Now {
        let kit = &self.kit;
        Now { most: kit.config.limits().total, idle_before: kit.log.idle_before() }
    }

    /// Runs blocking work on another thread than the one that answers.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let page = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&page)).await;
        done.map_err(Error::internal)
    }

    /// Reads the fold of the log. Blocks.
    fn index<T>(&self, look: impl FnOnce(&index::Index) -> T) -> Result<T, Error> {
        self.indexed.read(&self.kit.log, look)
    }

    /// Folds the log while the browser starts, so that the first view of a long log need not wait. Errors are
    /// ignored here: the view that needs the log reports them.
    fn fold_ahead(&self) {
        let page = self.clone();
        drop(tokio::task::spawn_blocking(move || page.kit.log.journal().read_now(|_| ())));
        let page = self.clone();
        drop(tokio::task::spawn_blocking(move || page.index(|_| ())));
    }

    /// The prefix of every path.
    fn base(&self) -> String {
        format!("/{}/", self.door.prefix())
    }

    fn path(&self, target: &str) -> String {
        format!("/{}/{target}", self.door.prefix())
    }

    /// The project's name, for people.
    fn project(&self) -> String {
        let root = self.kit.project.root();
        root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Draft, StateUsed};
    use crate::host::environment::Environment;
    use crate::host::process::Supervisor;

    #[tokio::test]
    async fn the_log_is_folded_before_anybody_looks() {
        let project = tempfile::tempdir().unwrap();
        let kit = Kit::new(Environment::default(), project.path(), Supervisor::new(None));
        let drafts = (0..3).map(|number| Draft::new(number.to_string(), StateUsed { nonce: String::new() }));
        kit.log.journal().record("a run", drafts.collect()).await.unwrap();
        let stop = CancellationToken::new();
        let jobs = Jobs::new(kit.config.clone(), kit.log.clone());
        let page = Page::start(kit, jobs, stop.clone()).await.unwrap();
        while page.indexed.last() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    }
}
