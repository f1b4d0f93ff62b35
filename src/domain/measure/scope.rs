//! The scope of a report.

use serde::Serialize;

use super::entry::Entry;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Scope {
    /// One run of a workflow.
    Run(String),
    /// Everything recorded in this project, inside runs and outside of them.
    Project,
    /// The last so many days, today among them.
    Days(u32),
}

impl Scope {
    /// True if an entry is spoken of.
    pub fn covers(&self, entry: &Entry) -> bool {
        match self {
            Self::Run(id) => entry.run() == Some(id),
            Self::Project | Self::Days(_) => true,
        }
    }

    /// In words, for a heading.
    pub fn title(&self) -> String {
        match self {
            Self::Run(id) => format!("run {id}"),
            Self::Project => "this project".to_owned(),
            Self::Days(1) => "today".to_owned(),
            Self::Days(days) => format!("the last {days} days"),
        }
    }
}
