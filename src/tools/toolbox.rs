//! Loading tools by stage and skill.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::catalogue::{Handle, Load, found_by};
use super::polish::{NoInput, Parameters, arguments};
use super::reply::reply;
use crate::domain::stage::Stage;
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
struct StageInput {
    /// Stage.
    stage: Stage,
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
    #[tool(
        title = "Recommend tools",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("which tool for this task where to begin suggestion", Load::OnSearch),
        input_schema = arguments::<RecommendInput>()
    )]
    async fn maestro_recommend_tools(&self, Parameters(input): Parameters<RecommendInput>) -> CallToolResult {
        let runs = recorded_or_nothing(&self.kit().log).await;
        reply(recommend_tools(&self.kit().config, &input.task_description, &runs, &|name| {
            self.tools().context_cost(name)
        }))
    }

    /// Enters a stage: its tools, their context cost, its skills.
    #[tool(
        title = "Enter a stage",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("load tools of a stage skills context cost", Load::OnSearch),
        input_schema = arguments::<StageInput>()
    )]
    async fn maestro_enter_stage(&self, Parameters(input): Parameters<StageInput>) -> CallToolResult {
        reply(enter_stage(&self.kit().config, self.toolbox(), input.stage, &|name| {
            self.tools().context_cost(name)
        }))
    }

    /// Enters a skill of a stage: its tools and micro-steps.
    #[tool(
        title = "Enter a skill",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("load tools of a skill micro steps", Load::OnSearch),
        input_schema = arguments::<SkillInput>()
    )]
    async fn maestro_enter_skill(&self, Parameters(input): Parameters<SkillInput>) -> CallToolResult {
        reply(enter_skill(&self.kit().config, self.toolbox(), &input.skill_name, &|name| {
            self.tools().context_cost(name)
        }))
    }

    /// Leaves stage and skill.
    #[tool(
        title = "Exit the stage",
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("unload tools leave stage", Load::OnSearch),
        input_schema = arguments::<NoInput>()
    )]
    async fn maestro_exit_stage(&self, Parameters(NoInput {}): Parameters<NoInput>) -> CallToolResult {
        reply(exit_stage(&self.kit().config, self.toolbox(), &|name| self.tools().context_cost(name)))
    }

    /// Returns stage, skill, loaded tools, their context cost and calls.
    #[tool(
        title = "Get the loaded tools",
        annotations(read_only_hint = true, destructive_hint = false, idempotent_hint = true, open_world_hint = false),
        meta = found_by("which tools are loaded context cost usage", Load::OnSearch),
        input_schema = arguments::<NoInput>()
    )]
    async fn maestro_get_loaded_tools(&self, Parameters(NoInput {}): Parameters<NoInput>) -> CallToolResult {
        reply(loaded_tools(&self.kit().config, self.toolbox(), &|name| self.tools().context_cost(name)))
    }
}
