//! MCP resources: documents under `maestro://` that a client can list and read without a tool.

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use crate::domain::address::Address;
use crate::domain::cut::head;
use crate::flow::kit::Kit;
use crate::flow::log::Log;
use crate::flow::project_files::ProjectFiles;
use crate::flow::resource::{Listed, listed, read};
use crate::tools::resource;

/// Maximum number of characters of an address that an error repeats.
const MOST_SHOWN: usize = 200;

/// The available resources, with a limited number of each family.
pub(super) async fn list(project: &ProjectFiles, log: &Log) -> Vec<Resource> {
    let entry = |Listed { address, about }: Listed| {
        let entry = resource(&address);
        if about.is_empty() { entry } else { entry.with_description(about) }
    };
    listed(project, log).await.into_iter().map(entry).collect()
}

/// The forms of all addresses.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let template = |form: &str, like: fn(String) -> Address, name: &str| {
        let like = like("x".to_owned());
        ResourceTemplate::new(format!("{}{form}", Address::SCHEME), name)
            .with_title(like.title())
            .with_mime_type(like.mime_type())
    };
    vec![
        template("runs/{workflow_id}", Address::Run, "run"),
        template("approvals/{request_id}", Address::Approval, "approval"),
        template("evidence/{id}", Address::Evidence, "evidence"),
        template("answers/{name}", Address::Answer, "answer"),
    ]
}

/// The text of a resource.
pub(super) async fn text(kit: &Kit, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let Some(address) = Address::read(uri) else { return Err(not_found(uri)) };
    let mime_type = address.mime_type();
    let found = read(kit, address).await.map_err(|error| {
        let note = error.note();
        let message = format!("{}. {}", note.error, note.hint);
        ErrorData::internal_error(message, Some(json!({ "code": note.code, "uri": uri })))
    })?;
    let text = found.ok_or_else(|| not_found(uri))?;
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(mime_type)]))
}

fn not_found(uri: &str) -> ErrorData {
    let shown = head(uri, MOST_SHOWN);
    let message = format!(
        "there is no resource {shown}; resources/list names the newest, resources/templates/list the forms"
    );
    ErrorData::resource_not_found(message, Some(json!({ "uri": shown })))
}
