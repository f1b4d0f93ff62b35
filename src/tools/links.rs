//! Links beside a result: what it names as a resource, a client can open.

use rmcp::model::{CallToolResponse, ContentBlock, ProtocolVersion, Resource};
use serde_json::Value;

use crate::domain::address::Address;

/// Links of one result.
const MOST_LINKS: usize = 24;

/// The places of a result that may name a resource.
const PLACES: [&str; 2] = ["/resource", "/approval/resource"];

/// The lists of a result whose entries may.
const LISTS: [&str; 3] = ["/candidates", "/output/candidates", "/stage_result/output/candidates"];

/// The response with a link for each resource that it names, if the client's version of the
/// protocol knows links.
pub(crate) fn with_links(response: CallToolResponse, version: Option<&ProtocolVersion>) -> CallToolResponse {
    let knows_links = version.is_some_and(|version| *version >= ProtocolVersion::V_2025_06_18);
    match response {
        CallToolResponse::Complete(mut result) if knows_links => {
            if let Some(value) = &result.structured_content {
                result.content.extend(named(value).iter().map(link));
            }
            result.into()
        }
        other => other,
    }
}

fn named(value: &Value) -> Vec<Address> {
    let places = PLACES.iter().filter_map(|place| value.pointer(place));
    let lists = LISTS.iter().filter_map(|list| value.pointer(list)?.as_array());
    let entries = lists.flatten().filter_map(|entry| entry.get("resource"));
    places.chain(entries).filter_map(|resource| Address::read(resource.as_str()?)).take(MOST_LINKS).collect()
}

/// An address as MCP lists and links it.
pub(crate) fn resource(address: &Address) -> Resource {
    Resource::new(address.to_string(), address.path())
        .with_title(address.title())
        .with_mime_type(address.mime_type())
}

fn link(address: &Address) -> ContentBlock {
    ContentBlock::resource_link(resource(address))
}

#[cfg(test)]
mod tests {
    use rmcp::model::CallToolResult;
    use serde_json::json;

    use super::*;

    fn links(value: Value, version: &ProtocolVersion) -> Vec<String> {
        match with_links(CallToolResult::structured(value).into(), Some(version)) {
            CallToolResponse::Complete(result) => result
                .content
                .iter()
                .filter_map(|block| Some(block.as_resource_link()?.uri.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn what_a_result_names_is_linked_where_the_client_knows_links() {
        let value = json!({
            "approval": { "resource": "maestro://approvals/a" },
            "stage_result": { "output": { "candidates": [{ "resource": "maestro://answers/x.md" }, {}] } },
            "resource": "file:///etc/passwd",
        });
        let expected = ["maestro://approvals/a", "maestro://answers/x.md"];
        for version in [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2026_07_28] {
            assert_eq!(links(value.clone(), &version), expected);
        }
        assert!(links(value, &ProtocolVersion::V_2025_03_26).is_empty());
    }
}
