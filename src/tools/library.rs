//! Skills, roles, schemas and the reference.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalogue::Handle;
use super::polish::{Parameters, StageInput, arguments};
use super::reply::reply;
use crate::domain::stage::{Role, SchemaName, Stage};
use crate::error::Error;
use crate::flow::configuration::Configuration;
use crate::flow::document::{self, RoleDocument};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HelpInput {
    /// Tool or topic.
    topic: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleInput {
    /// Role.
    role: Role,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SchemaInput {
    /// Name of the schema.
    #[schemars(schema_with = "schema_names")]
    schema: String,
}

/// The name of the schemas of all tools, beside the names in [`SchemaName`].
const TOOLS: &str = "tools";

fn schema_names(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = SchemaName::ALL.iter().map(|schema| schema.name()).chain([TOOLS]).collect();
    json_schema!({ "type": "string", "enum": names })
}

#[derive(Serialize)]
struct RoleReply {
    role: Role,
    #[serde(flatten)]
    document: RoleDocument,
}

#[tool_router(router = library_tools, vis = "pub(crate)")]
impl Handle {
    /// Explains a tool or topic of Maestro. Start with overview.
    #[tool(input_schema = arguments::<HelpInput>())]
    async fn maestro_help(&self, Parameters(input): Parameters<HelpInput>) -> CallToolResult {
        reply(
            document::topic(&self.kit.config, &input.topic)
                .map(|topic| json!({ "topic": topic.name, "content": topic.content })),
        )
    }

    /// Returns the guide to a stage: process, output, exit criteria.
    #[tool(input_schema = arguments::<StageInput>())]
    async fn maestro_get_skill(&self, Parameters(input): Parameters<StageInput>) -> CallToolResult {
        reply(skill(&self.kit.config, input.stage))
    }

    /// Returns a consultant's persona.
    #[tool(input_schema = arguments::<RoleInput>())]
    async fn maestro_get_role(&self, Parameters(input): Parameters<RoleInput>) -> CallToolResult {
        let role = input.role;
        reply(document::role(&self.kit.config, role).map(|document| RoleReply { role, document }))
    }

    /// Returns the JSON schema of a stage's output, a judge's, or all tools.
    #[tool(input_schema = arguments::<SchemaInput>())]
    async fn maestro_get_schema(&self, Parameters(input): Parameters<SchemaInput>) -> CallToolResult {
        let name = input.schema;
        reply(self.schema(&name).map(|schema| json!({ "schema_name": name, "schema": schema })))
    }
}

impl Handle {
    fn schema(&self, name: &str) -> Result<Value, Error> {
        match SchemaName::ALL.iter().find(|schema| schema.name() == name) {
            Some(schema) => document::schema(&self.kit.config, *schema),
            // A call with a name that is not in the tool's own schema does not come here.
            None => Ok(self.tool_schemas()),
        }
    }

    fn tool_schemas(&self) -> Value {
        self.tools()
            .list
            .iter()
            .map(|tool| (tool.name.to_string(), Value::Object(tool.input_schema.as_ref().clone())))
            .collect()
    }
}

fn skill(config: &Configuration, stage: Stage) -> Result<Value, Error> {
    let policy = config.settings().policy.stage(stage);
    let skill = document::skill(config, stage, &policy)?;
    Ok(json!({
        "stage": stage,
        "content": skill.content,
        "metadata": {
            "name": skill.head.name,
            "stage_id": skill.head.stage_id,
            "goal": skill.head.goal,
            "persona": skill.head.persona,
            "entry_condition": skill.head.entry_condition,
            "default_topology": policy.topology,
            "ensemble_allowed": policy.ensemble_allowed,
            "max_consults": policy.max_consults,
            "max_iterations": policy.max_iterations,
            "next_stage": skill.head.next,
        },
        "coordination_policy": {
            "topology": policy.topology,
            "ensemble_allowed": policy.ensemble_allowed,
            "max_consults": policy.max_consults,
            "preferred_clients": policy.preferred_clients,
        },
        "output_schema": document::schema(config, skill.head.schema)?,
        "primary_role": skill.head.persona,
    }))
}
