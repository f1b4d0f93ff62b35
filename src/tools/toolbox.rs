//! Loading tools by stage and skill.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::Handle;
use super::polish::{NoInput, Parameters, StageInput, arguments};
use super::reply::reply;
use crate::flow::coordination::recorded_or_nothing;
use crate::flow::toolbox::{enter_skill, enter_stage, exit_stage, loaded_tools, recommend_tools};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecommendInput {
    /// Task.
    task_description: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SkillInput {
    /// Skill.
    skill_name: String,
}

#[tool_router(router = toolbox_tools, vis = "pub(crate)")]
impl Handle {
    /// Recommends a stage and tools for a task.
    #[tool(input_schema = arguments::<RecommendInput>())]
    async fn maestro_recommend_tools(&self, Parameters(input): Parameters<RecommendInput>) -> CallToolResult {
        let runs = recorded_or_nothing(&self.kit.log).await;
        reply(recommend_tools(&self.kit.config, &input.task_description, &runs, &|name| {
            self.tools().context_cost(name)
        }))
    }

    /// Enters a stage: its tools, their context cost, its skills.
    #[tool(input_schema = arguments::<StageInput>())]
    async fn maestro_enter_stage(&self, Parameters(input): Parameters<StageInput>) -> CallToolResult {
        reply(enter_stage(&self.kit.config, &self.memory.toolbox, input.stage, &|name| {
            self.tools().context_cost(name)
        }))
    }

    /// Enters a skill of a stage: its tools and micro-steps.
    #[tool(input_schema = arguments::<SkillInput>())]
    async fn maestro_enter_skill(&self, Parameters(input): Parameters<SkillInput>) -> CallToolResult {
        reply(enter_skill(&self.kit.config, &self.memory.toolbox, &input.skill_name, &|name| {
            self.tools().context_cost(name)
        }))
    }

    /// Leaves stage and skill.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_exit_stage(&self, Parameters(NoInput {}): Parameters<NoInput>) -> CallToolResult {
        reply(exit_stage(&self.kit.config, &self.memory.toolbox, &|name| self.tools().context_cost(name)))
    }

    /// Returns stage, skill, loaded tools, their context cost and calls.
    #[tool(input_schema = arguments::<NoInput>())]
    async fn maestro_get_loaded_tools(&self, Parameters(NoInput {}): Parameters<NoInput>) -> CallToolResult {
        reply(loaded_tools(&self.kit.config, &self.memory.toolbox, &|name| self.tools().context_cost(name)))
    }
}
