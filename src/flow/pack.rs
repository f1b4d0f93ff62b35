//! Packing a context: finds and reads files, masks secrets, and fits everything into the limit.

use std::num::NonZeroUsize;

use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::configuration::Configuration;
use super::project_files::ProjectFiles;
use super::scope::{off_thread, off_thread_with};
use crate::domain::mask::Masker;
use crate::domain::pack::{Material, Mention, Omission, PackLimits, PackedFile, mentions, pack};
use crate::domain::plain::plain;
use crate::domain::stage::Stage;
use crate::error::Error;
use crate::host::config::ContextLimits;
use crate::host::project::{FileLines, Found, Project, Refusal};

/// Omissions that a result lists; further ones are counted.
const MOST_OMISSIONS: usize = 40;

// A context to pack: input of a tool, whose schema shows only the docs of the fields.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextRequest {
    /// Files or globs.
    #[serde(default)]
    pub files: Vec<String>,
    /// Known facts.
    #[serde(default)]
    pub facts: Vec<String>,
    /// Error texts.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Constraints on the answer.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// For packing limits.
    pub stage: Option<Stage>,
    /// Default: the stage's, else 40000.
    #[schemars(with = "NonZeroUsize")]
    #[serde(default)]
    pub max_chars: Option<NonZeroUsize>,
}

impl ContextRequest {
    /// The context of a tool's arguments.
    pub fn given(files: Vec<String>, facts: Vec<String>, errors: Vec<String>, stage: Option<Stage>) -> Self {
        Self { files, facts, errors, stage, ..Self::default() }
    }

    /// True if there is nothing to pack.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.facts.is_empty()
            && self.errors.is_empty()
            && self.constraints.is_empty()
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct PackedContext {
    /// Omissions with their reasons. They come first, so that the reader sees them before the text.
    pub omitted: Vec<Omission>,
    /// Its figures.
    pub stats: Stats,
    pub files: Vec<PackedFile>,
    /// The text.
    pub packed_context: String,
    pub masked: usize,
}

/// Figures of a packed context.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stats {
    /// Errors given.
    pub errors_count: usize,
    /// Facts given.
    pub facts_count: usize,
    /// Paths and patterns given.
    pub files_requested: usize,
    /// Characters packed.
    pub total_chars: usize,
    pub truncated: bool,
}

/// Packs a context on another thread.
///
/// # Errors
///
/// The configuration cannot be used, or a file that is named without a wildcard does not exist. An existing
/// file that cannot be read is listed, not an error.
pub async fn pack_context(
    config: &Configuration,
    project: &ProjectFiles,
    request: ContextRequest,
) -> Result<PackedContext, Error> {
    let (config, project) = (config.clone(), project.clone());
    off_thread(move || {
        if !request.files.is_empty() {
            project.reader()?.check_there(&request.files)?;
        }
        pack_now(&config, &project, &request)
    })
    .await?
}

/// As [`pack_context`], but without the check that the files exist. Blocks.
pub(super) fn pack_now(
    config: &Configuration,
    project: &ProjectFiles,
    request: &ContextRequest,
) -> Result<PackedContext, Error> {
    let limits = config.loaded().context_limits(request.stage);
    let masker = config.masker()?;
    let mut packing =
        Packing { limits, masker: &masker, masked: 0, omitted: Vec::new(), material: Material::default() };
    packing.material.constraints = packing.clean(&request.constraints);
    packing.material.errors = packing.clean(&request.errors);
    packing.material.facts = packing.clean(&request.facts);
    if !request.files.is_empty() {
        let project = project.reader()?;
        let texts = packing.material.facts.iter().chain(&packing.material.errors).map(String::as_str);
        let named = mentions(texts);
        packing.add_files(&project, request, &named);
    }
    Ok(packing.finish(request))
}

/// Refuses missing files before anything is sent: an answer about a file that was not read is worthless and
/// costs the same.
///
/// # Errors
///
/// A file that is named without a wildcard does not exist.
pub async fn check_files(project: &ProjectFiles, files: &[String]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let files = files.to_vec();
    off_thread_with(project, move |project| project.reader()?.check_files(&files)).await
}

struct Packing<'a> {
    limits: ContextLimits,
    masker: &'a Masker,
    masked: usize,
    omitted: Vec<Omission>,
    material: Material,
}

impl Packing<'_> {
    fn clean(&mut self, texts: &[String]) -> Vec<String> {
        texts
            .iter()
            .filter(|text| !text.trim().is_empty())
            .map(|text| {
                // Colour codes would split the words that packing and masking look for.
                let text = plain(text);
                let clean = self.masker.mask(&text);
                self.masked += clean.count;
                clean.text.into_owned()
            })
            .collect()
    }

    fn add_files(&mut self, project: &Project, request: &ContextRequest, named: &[Mention]) {
        let lines = self.limits.max_lines_per_file;
        for file in self.find(project, &request.files) {
            if self.material.files.len() >= self.limits.max_files {
                self.omit(&file.shown, &Refusal::TooMany(self.limits.max_files));
                continue;
            }
            let read =
                file.open().and_then(|open| FileLines::read(open, &file.shown, named, lines, self.masker));
            match read {
                Ok(lines) => {
                    self.masked += lines.masked;
                    self.material.files.push(lines.text);
                }
                Err(refusal) => self.omit(&file.shown, &refusal),
            }
        }
    }

    /// The files of all paths and patterns, each once.
    fn find(&mut self, project: &Project, given: &[String]) -> IndexSet<Found> {
        let mut found: IndexSet<Found> = IndexSet::new();
        for name in given {
            match project.find(name) {
                Ok(files) => found.extend(files),
                Err(refusal) => self.omit(name, &refusal),
            }
        }
        found
    }

    fn omit(&mut self, path: &str, refusal: &Refusal) {
        self.omitted.push(Omission { path: path.to_owned(), reason: refusal.to_string() });
    }

    fn finish(self, request: &ContextRequest) -> PackedContext {
        let limits = PackLimits {
            error_lines: self.limits.max_error_lines,
            total_chars: request.max_chars.map_or(self.limits.max_total_chars, NonZeroUsize::get),
        };
        let packed = pack(&self.material, limits);
        let mut omitted = self.omitted;
        omitted.extend(packed.omitted);
        let truncated = !omitted.is_empty();
        if let Some(more) = omitted.len().checked_sub(MOST_OMISSIONS).filter(|more| *more > 0) {
            omitted.truncate(MOST_OMISSIONS);
            omitted.push(Omission {
                path: format!("{more} more"),
                reason: "omitted for similar reasons".to_owned(),
            });
        }
        PackedContext {
            stats: Stats {
                errors_count: request.errors.len(),
                facts_count: request.facts.len(),
                files_requested: request.files.len(),
                total_chars: packed.total_chars,
                truncated,
            },
            packed_context: packed.text,
            files: packed.files,
            omitted,
            masked: self.masked,
        }
    }
}
