//! Cases that no real tool has on purpose: panics, endless calls, thousands of calls.

use rmcp::ServiceExt as _;
use rmcp::handler::server::router::tool::ToolRoute;
use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

use super::*;
use crate::host::environment::Environment;
use crate::host::process::Supervisor;
use crate::server::wire::{Ends, Wire};

mod dialog;

/// A server with two more tools: one that panics, one that never ends.
fn server(stop: &CancellationToken) -> Maestro {
    let kit = Kit::new(Environment::default(), std::path::Path::new("/"), Supervisor::new(None));
    let server = Maestro::new(kit, stop.clone(), Reasons::default());
    let mut tools = Tools::new(&server.kit().config);
    let tool = |name: &'static str| Tool::new(name, "", Arc::new(JsonObject::new()));
    tools.router.add_route(ToolRoute::new_dyn(tool("panics"), |_| Box::pin(async { panic!("on purpose") })));
    tools.router.add_route(ToolRoute::new_dyn(tool("never_ends"), |_| Box::pin(std::future::pending())));
    server.inner.handle.set_tools(tools);
    server
}

struct Client {
    input: WriteHalf<DuplexStream>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
}

impl Client {
    /// Connects over the real transport.
    async fn connect(max_line: usize) -> (Self, CancellationToken) {
        let stop = CancellationToken::new();
        let mut client = Self::of(server(&stop), max_line, &stop);
        client.hello("2025-11-25", &json!({})).await;
        (client, stop)
    }

    /// The client's end of a server's wire.
    fn of(server: Maestro, max_line: usize, stop: &CancellationToken) -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(far);
        let ends = Ends { input: stop.clone(), ..Ends::default() };
        let wire = Wire::new(reader, writer, max_line, ends);
        tokio::spawn(async move {
            if let Ok(running) = server.serve(wire).await {
                let _ = running.waiting().await;
            }
        });
        let (output, input) = tokio::io::split(near);
        Self { input, output: BufReader::new(output).lines() }
    }

    async fn hello(&mut self, version: &str, capabilities: &Value) {
        let hello = json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": { "name": "t", "version": "1" } });
        self.send(0, "initialize", &hello).await;
        assert_eq!(self.read().await["id"], 0);
    }

    async fn send(&mut self, id: u64, method: &str, params: &Value) {
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    async fn say(&mut self, line: &Value) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn read(&mut self) -> Value {
        serde_json::from_str(&self.output.next_line().await.unwrap().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_panicking_tool_answers_and_the_server_goes_on() {
    let (mut client, _stop) = Client::connect(1 << 20).await;
    client.send(1, "tools/call", &json!({ "name": "panics", "arguments": {} })).await;
    let result = client.read().await["result"].clone();
    assert_eq!(result["isError"], true);
    assert_eq!(result["structuredContent"]["code"], "internal");
    assert!(result["structuredContent"]["error"].as_str().unwrap().contains("panics panicked"));
    client
        .send(2, "tools/call", &json!({ "name": "maestro_help", "arguments": { "topic": "overview" } }))
        .await;
    assert_eq!(client.read().await["result"]["structuredContent"]["ok"], true);
}

#[tokio::test]
async fn a_stop_ends_the_calls_under_way() {
    let (mut client, stop) = Client::connect(1 << 20).await;
    client.send(1, "tools/call", &json!({ "name": "never_ends", "arguments": {} })).await;
    client.send(2, "tools/list", &json!({})).await;
    assert_eq!(client.read().await["id"], 2);
    stop.cancel();
    let reply = client.read().await;
    assert_eq!(
        (&reply["id"], &reply["result"]["structuredContent"]["code"]),
        (&json!(1), &json!("shutting_down"))
    );
}

#[tokio::test]
async fn calls_are_bounded() {
    let (mut client, _stop) = Client::connect(1 << 20).await;
    let call = json!({ "name": "never_ends", "arguments": {} });
    for id in 0..MOST_CALLS as u64 {
        client.send(1_000 + id, "tools/call", &call).await;
    }
    client.send(1, "tools/call", &call).await;
    let reply = client.read().await;
    assert_eq!((&reply["id"], &reply["result"]["structuredContent"]["code"]), (&json!(1), &json!("busy")));
}

#[tokio::test]
async fn a_long_line_is_answered_by_its_id_before_the_next_one_comes() {
    let (mut client, _stop) = Client::connect(10_000).await;
    client
        .send(
            7,
            "tools/call",
            &json!({ "name": "maestro_help", "arguments": { "topic": "x".repeat(50_000) } }),
        )
        .await;
    let reply = client.read().await;
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(7), &json!(-32600)));
}
