//! Evidence: recorded by the orchestrator, and read from the log with all that was recorded beside.

mod record;

use serde::Serialize;
use serde_json::Value;

use super::session::Session;
use super::time::rfc3339;
use super::which_run::named_run;
use crate::domain::evidence::{
    Behind, Detail, Evidence, Filter, FlagSummary, Kind, Listing, OfStage, compact,
};
use crate::error::Error;

pub use record::{LogRequest, log};

/// Pieces in one result.
pub const MOST_PIECES: usize = 500;

/// Characters of all contents in one result.
const MOST_CHARS: usize = 40_000;

/// Characters that every content may have, however many there are.
const LEAST_CHARS: usize = 200;

#[derive(Clone, Debug, Default)]
pub struct ChainRequest {
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// Of this stage only.
    pub stage: Option<OfStage>,
    /// The most to return: the newest.
    pub limit: usize,
    /// Only what is behind this piece, itself included.
    pub evidence_id: Option<String>,
    /// Of this run only.
    pub workflow_id: Option<String>,
}

/// A piece of evidence as results show it.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The id of its event.
    pub id: String,
    pub evidence_type: Kind,
    /// The stage that it belongs to.
    pub stage: OfStage,
    pub content: Value,
    pub source: String,
    /// Certainty, 0 to 1.
    pub confidence: f64,
    /// The ids of what it rests on.
    pub links: Vec<String>,
    pub timestamp: String,
    /// Its run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workflow_id: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
}

/// The evidence that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Chain {
    /// The pieces, oldest first.
    pub evidence: Vec<Entry>,
    pub count: usize,
    pub total: usize,
    /// Flagged answers of the run and the stage that were asked for.
    pub red_flag_summary: FlagSummary,
}

/// Evidence, oldest first; where the limit cuts, the newest are kept.
///
/// # Errors
///
/// There is no such run or piece, or the log cannot be read.
pub async fn chain(session: &Session, request: ChainRequest) -> Result<Chain, Error> {
    session.check_config()?;
    check_run(session, request.workflow_id.clone()).await?;
    let among = match &request.evidence_id {
        Some(id) => {
            let behind = session.journal().visit(Behind::default, Behind::add).await?;
            Some(behind.of(id).ok_or_else(|| unknown(id))?)
        }
        None => None,
    };
    // One piece and what is behind it is asked for by name: then as much is shown as there is room.
    let detail = if among.is_some() { Detail::Whole } else { Detail::Brief };
    let filter = Filter {
        kind: request.kind,
        stage: request.stage,
        run: request.workflow_id,
        among,
        limit: request.limit.min(MOST_PIECES),
        detail,
    };
    let listing = session.journal().visit(move || Listing::new(filter.clone()), Listing::add).await?;
    Ok(shown(listing))
}

async fn check_run(session: &Session, workflow_id: Option<String>) -> Result<(), Error> {
    match workflow_id {
        None => Ok(()),
        Some(id) => session.journal().read(move |history| named_run(history, &id).map(drop)).await?,
    }
}

fn shown(listing: Listing) -> Chain {
    let room = (MOST_CHARS / listing.kept.len().max(1)).max(LEAST_CHARS);
    let entries = listing.kept.into_iter().map(|(mut evidence, was_cut)| {
        let (content, is_cut) = compact(&evidence.content, room);
        evidence.content = content;
        Entry { shortened: was_cut || is_cut, ..entry(evidence) }
    });
    let evidence: Vec<Entry> = entries.collect();
    Chain { count: evidence.len(), total: listing.total, red_flag_summary: listing.flags, evidence }
}

fn entry(evidence: Evidence) -> Entry {
    Entry {
        id: evidence.id,
        evidence_type: evidence.evidence_type,
        stage: evidence.stage,
        content: evidence.content,
        source: evidence.source,
        confidence: evidence.confidence,
        links: evidence.links,
        timestamp: rfc3339(evidence.at),
        workflow_id: evidence.run,
        shortened: false,
    }
}

/// One piece with all that the log holds of it; none where there is no such piece.
///
/// # Errors
///
/// The log cannot be read.
pub async fn piece(session: &Session, id: &str) -> Result<Option<Entry>, Error> {
    let id = id.to_owned();
    let found = session.journal().visit(
        || (crate::domain::evidence::Trail::default(), None),
        move |(trail, found), event| {
            let evidence = trail.next(event, Detail::Whole);
            *found = found.take().or(evidence.filter(|evidence| evidence.id == id));
        },
    );
    Ok(found.await?.1.map(entry))
}

fn unknown(id: &str) -> Error {
    Error::Unknown { kind: "evidence", name: id.to_owned(), available: Vec::new() }
}
