//! The texts that ship with Maestro (configuration, skills, roles, schemas, the reference), and the
//! files by which a user or a project replaces them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Where a document can come from, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Inside this binary.
    Embedded,
    /// `$MAESTRO_HOME`.
    User,
    /// `.maestro/` of the project.
    Project,
}

impl Base {
    /// Every base, from the weakest to the strongest.
    pub const ALL: [Self; 3] = [Self::Embedded, Self::User, Self::Project];
}

/// The origin of what is inside this binary.
pub const BUILT_IN: &str = "built in";

/// A text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text.
    pub text: String,
    /// `built in`, or the file.
    pub origin: String,
}

/// Access to every document, by its path in the repository, for example `roles/judge.md`.
#[derive(Clone, Debug)]
pub struct Library {
    user: Option<PathBuf>,
    project: Option<PathBuf>,
}

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// Every shipped document.
pub const EMBEDDED: &[(&str, &str)] = embedded![
    "SKILLS.md",
    "conf/cli_clients.yaml",
    "conf/maestro.yaml",
    "conf/micro_steps.json",
    "conf/redflags.yaml",
    "conf/secrets.yaml",
    "conf/skill_manifest.yaml",
    "conf/verification.yaml",
    "roles/debugger.md",
    "roles/example_analyst.md",
    "roles/hypothesis_scientist.md",
    "roles/implementer.md",
    "roles/judge.md",
    "roles/refiner.md",
    "schemas/judge_output.json",
    "schemas/stage1_output.json",
    "schemas/stage2_output.json",
    "schemas/stage3_output.json",
    "schemas/stage4_output.json",
    "schemas/stage5_output.json",
    "skills/prompts/analyze.md",
    "skills/prompts/common.md",
    "skills/prompts/debug.md",
    "skills/prompts/hypothesize.md",
    "skills/prompts/implement.md",
    "skills/prompts/improve.md",
    "skills/stage1_example_analysis.md",
    "skills/stage2_hypothesis.md",
    "skills/stage3_implementation.md",
    "skills/stage4_debug_loop.md",
    "skills/stage5_recursive_improve.md",
];

impl Library {
    /// A library over the user's and the project's directories, either of which may be missing.
    #[must_use]
    pub fn new(user: Option<PathBuf>, project: Option<PathBuf>) -> Self {
        Self { user, project }
    }

    /// The strongest document at a path.
    ///
    /// # Errors
    ///
    /// A replacing file that exists and cannot be read, or a path that does not ship.
    pub fn read(&self, path: &str) -> std::io::Result<Document> {
        [Base::Project, Base::User, Base::Embedded]
            .into_iter()
            .find_map(|base| self.read_at(base, Path::new(path)))
            .unwrap_or_else(|| Err(std::io::Error::from(std::io::ErrorKind::NotFound)))
    }

    /// The document at a path of one base, where there is one.
    #[must_use]
    pub fn read_at(&self, base: Base, path: &Path) -> Option<std::io::Result<Document>> {
        let directory = match base {
            Base::Embedded => {
                let (_, text) = EMBEDDED.iter().find(|(known, _)| Path::new(known) == path)?;
                return Some(Ok(Document { text: (*text).to_owned(), origin: BUILT_IN.to_owned() }));
            }
            Base::User => self.user.as_ref()?,
            Base::Project => self.project.as_ref()?,
        };
        candidates(path).into_iter().find_map(|candidate| {
            let file = directory.join(candidate);
            match std::fs::read_to_string(&file) {
                Ok(text) => Some(Ok(Document { text, origin: file.display().to_string() })),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => {
                    let named = format!("{}: {error}", file.display());
                    Some(Err(std::io::Error::new(error.kind(), named)))
                }
            }
        })
    }
}

/// A configuration file may lie in the base itself, where one looks for it first.
fn candidates(path: &Path) -> Vec<Cow<'_, Path>> {
    match path.strip_prefix("conf") {
        Ok(name) => vec![Cow::Borrowed(name), Cow::Borrowed(path)],
        Err(_) => vec![Cow::Borrowed(path)],
    }
}
