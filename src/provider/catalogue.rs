//! The configured consultants, and the ones that can be asked now.

use std::path::PathBuf;

use crate::error::Error;
use crate::host::config::{Config, Enabled, ProviderSettings};
use crate::host::environment::Environment;

use super::Adapter;

/// A consultant with its settings.
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    pub settings: ProviderSettings,
    pub adapter: Adapter,
    words: Vec<String>,
}

impl Provider {
    /// A consultant by its settings.
    pub fn new(name: &str, settings: &ProviderSettings) -> Self {
        Self {
            name: name.to_owned(),
            adapter: Adapter::new(settings),
            words: shlex::split(&settings.command).unwrap_or_default(),
            settings: settings.clone(),
        }
    }

    /// The configured name or path of the program.
    pub fn command(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The leading arguments of the configured command.
    pub fn leading_arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// True if it is the provider inside this binary.
    pub fn is_understudy(&self) -> bool {
        matches!(self.adapter, Adapter::Understudy)
    }
}

/// All consultants of a configuration, with the environment that their programs are searched in.
#[derive(Debug)]
pub struct Catalogue {
    providers: Vec<Provider>,
    environment: Environment,
    root: PathBuf,
}

impl Catalogue {
    /// The catalogue of a configuration. Paths of programs are relative to the project's root.
    pub fn new(config: &Config, environment: Environment, root: PathBuf) -> Self {
        let providers = config.providers.iter().map(|(name, settings)| Provider::new(name, settings));
        Self { providers: providers.collect(), environment, root }
    }

    /// Every provider, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter()
    }

    /// The providers that a caller may name.
    pub fn enabled(&self) -> impl Iterator<Item = &Provider> {
        self.iter().filter(|provider| provider.settings.enabled != Enabled::No)
    }

    /// A provider by its name.
    ///
    /// # Errors
    ///
    /// No provider has this name, or it is switched off.
    pub fn get(&self, name: &str) -> Result<&Provider, Error> {
        let provider = self.iter().find(|provider| provider.name == name).ok_or_else(|| Error::Unknown {
            kind: "provider",
            name: name.to_owned(),
            available: self.enabled().map(|provider| provider.name.clone()).collect(),
        })?;
        match provider.settings.enabled {
            Enabled::No => Err(Error::ProviderDisabled(name.to_owned())),
            Enabled::Yes | Enabled::Auto => Ok(provider),
        }
    }

    /// The file of a provider's program, if it is on this machine. A file of the project counts only if the
    /// configuration names it by its path.
    pub fn find(&self, provider: &Provider) -> Option<PathBuf> {
        self.environment.find_outside(provider.command(), &self.root)
    }

    /// True if a provider's CLI is on this machine, or it needs none.
    pub fn has(&self, provider: &Provider) -> bool {
        provider.is_understudy() || self.find(provider).is_some()
    }

    /// The providers whose CLI is on this machine.
    pub fn installed(&self) -> impl Iterator<Item = &Provider> {
        self.iter()
            .filter(|provider| provider.settings.enabled == Enabled::Yes && !provider.is_understudy())
            .filter(|provider| self.find(provider).is_some())
    }

    /// The default providers: the installed CLIs, or else the understudy.
    pub fn asked_by_default(&self) -> Vec<&Provider> {
        self.asked_among(|provider| self.find(provider).is_some())
    }

    /// As [`Self::asked_by_default`], for a caller that already knows the installed providers.
    pub fn asked_among(&self, is_installed: impl Fn(&Provider) -> bool) -> Vec<&Provider> {
        let is_cli = |provider: &&Provider| {
            provider.settings.enabled == Enabled::Yes && !provider.is_understudy() && is_installed(provider)
        };
        let installed: Vec<&Provider> = self.iter().filter(is_cli).collect();
        if installed.is_empty() {
            return self.enabled().filter(|provider| provider.is_understudy()).collect();
        }
        let always = self
            .iter()
            .filter(|provider| provider.is_understudy() && provider.settings.enabled == Enabled::Yes);
        installed.into_iter().chain(always).collect()
    }

    /// The file of a provider's program; empty for the provider inside this binary.
    ///
    /// # Errors
    ///
    /// The command is not on this machine.
    pub fn program(&self, provider: &Provider) -> Result<PathBuf, Error> {
        self.find(provider).ok_or_else(|| self.not_found(provider))
    }

    /// The error of a provider whose command is not on this machine.
    pub fn not_found(&self, provider: &Provider) -> Error {
        Error::CliNotFound {
            provider: provider.name.clone(),
            command: provider.command().to_owned(),
            installed: self.installed().map(|provider| provider.name.clone()).collect(),
        }
    }
}
