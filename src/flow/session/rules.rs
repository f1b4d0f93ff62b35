//! The rule files of a session, each read and compiled on first need.

use std::sync::{Arc, OnceLock};

use super::{Session, invalid};
use crate::domain::coordination::intent::Lexicon;
use crate::domain::mask::Masker;
use crate::domain::microstep::MicroSteps;
use crate::domain::redflag::{Inspector, RedFlagRules, RedFlags, VoteFlags};
use crate::domain::secret_path::SecretPaths;
use crate::domain::secret_rules::{AddedRules, SecretRules};
use crate::error::Error;
use crate::host::library::{BUILT_IN, Document, Library};
use crate::host::project::Project;
use crate::host::trust::Standing;

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
    /// adds to them, trusted or not, and takes none away.
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
            Standing::Trusted => {
                let added = added.map_err(|error| invalid(PATH, error))?;
                let read =
                    AddedRules::from_yaml(&added.text).map_err(|error| invalid(&added.origin, error))?;
                let rules = rules.with(read);
                rules.check().map_err(|error| invalid(&added.origin, error))?;
                Ok(rules)
            }
            // What cannot be used is named with all else that is ignored.
            Standing::Unconfirmed | Standing::Changed => {
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

    /// The rules by which candidates are flagged.
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

    /// The words by which a task is classified.
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

    /// The rules by which answers that are put to a vote are flagged.
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
