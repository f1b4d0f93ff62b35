//! The baseline of every benchmark: a bare rmcp server with one tool, on the same runtime and transport,
//! without any feature of Maestro.

#![allow(missing_docs)]

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, Implementation, ServerCapabilities, ServerConfig};
use rmcp::transport::io::stdio_pipes;
use rmcp::{ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Clone)]
struct Floor {
    router: ToolRouter<Self>,
}

#[derive(Deserialize, JsonSchema)]
struct Echo {
    text: String,
}

#[tool_router]
impl Floor {
    #[tool(description = "Says it again.")]
    async fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> CallToolResult {
        CallToolResult::structured(json!({ "ok": true, "text": text }))
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Floor {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("floor", "1"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let floor = Floor { router: Floor::tool_router() };
    if let Ok(running) = floor.serve(stdio_pipes()).await {
        // The process ends when the service ends, for any reason.
        let _ = running.waiting().await;
    }
}
