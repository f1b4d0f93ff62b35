//! A server that asks, and the client that is asked.

use super::*;

/// A server in a project of its own.
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) stop: CancellationToken,
    pub(super) project: TempDir,
    pub(super) passed: Vec<Value>,
}

impl Asked {
    pub(super) fn start() -> Self {
        let project = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let kit = Kit::new(Environment::default(), project.path(), Supervisor::new(None));
        let server = Maestro::new(kit, stop.clone(), Reasons::default());
        let mut tools = Tools::new(&server.kit().config);
        tools.router += Handle::asking_tools();
        server.inner.handle.set_tools(tools);
        Self { client: Client::of(server, 1 << 20, &stop), stop, project, passed: Vec::new() }
    }

    pub(super) async fn legacy(version: &str, capabilities: Value) -> Self {
        let mut asked = Self::start();
        asked.client.hello(version, &capabilities).await;
        asked
    }

    pub(super) async fn form() -> Self {
        Self::legacy("2025-11-25", json!({ "elicitation": { "form": {} } })).await
    }

    pub(super) async fn call(&mut self, id: u64, arguments: Value) {
        let params = json!({ "name": "asks", "arguments": arguments, "_meta": { "progressToken": id } });
        self.client.send(id, "tools/call", &params).await;
    }

    pub(super) async fn until(&mut self, what: impl Fn(&Value) -> bool) -> Value {
        loop {
            let next = timeout(PATIENCE, self.client.read()).await.expect("a message");
            if what(&next) {
                return next;
            }
            self.passed.push(next);
        }
    }

    pub(super) async fn question(&mut self) -> Value {
        self.until(|message| message["method"] == "elicitation/create").await
    }

    pub(super) async fn closed(&mut self) -> Value {
        self.until(|message| message["method"] == "notifications/cancelled").await["params"].clone()
    }

    pub(super) async fn reply(&mut self, id: u64) -> Value {
        self.until(|message| message["id"] == id && message.get("method").is_none()).await["result"].clone()
    }

    pub(super) async fn word(&mut self, id: u64) -> String {
        let result = self.reply(id).await;
        result["structuredContent"]["word"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
    }

    /// A call in the stateless era.
    pub(super) async fn modern(&mut self, id: u64, arguments: Value, more: Value) -> Value {
        let mut params = json!({ "name": "asks", "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {}, "url": {} } },
        } });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.client.send(id, "tools/call", &params).await;
        self.reply(id).await
    }
}
