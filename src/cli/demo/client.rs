//! A small MCP client over the real binary's standard input and output.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::error::Error;

/// A connection to a server of our own.
pub(super) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    next_id: u64,
}

impl Client {
    /// Starts a server on a project.
    pub(super) fn start(binary: &Path, project: &Path) -> Result<Self, Error> {
        let mut child = Command::new(binary)
            .arg("serve")
            .current_dir(project)
            .env("CLAUDE_PROJECT_DIR", project)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let output = child.stdout.take().ok_or_else(gone)?;
        Ok(Self { input: child.stdin.take(), child, output: BufReader::new(output).lines(), next_id: 1 })
    }

    /// Says hello, and returns who answered.
    pub(super) async fn initialize(&mut self) -> Result<String, Error> {
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "maestro-demo", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = self.request("initialize", hello, |_| {}).await?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        let said = |key: &str| answer.pointer(key).and_then(Value::as_str).unwrap_or_default();
        Ok(format!(
            "{} {} (MCP {})",
            said("/serverInfo/name"),
            said("/serverInfo/version"),
            said("/protocolVersion")
        ))
    }

    /// Calls a tool and returns its structured result.
    pub(super) async fn call(
        &mut self,
        tool: &str,
        arguments: Value,
        progress: impl FnMut(&str),
    ) -> Result<Value, Error> {
        let params =
            json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": self.next_id } });
        let result = self.request("tools/call", params, progress).await?;
        result.get("structuredContent").cloned().ok_or_else(gone)
    }

    /// Ends the connection, and with it the server.
    pub(super) async fn stop(mut self) {
        self.input = None;
        // Dropping the child kills a server that does not end by itself.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), self.child.wait()).await;
    }

    async fn request(
        &mut self,
        method: &str,
        params: Value,
        mut progress: impl FnMut(&str),
    ) -> Result<Value, Error> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        loop {
            let line = self.output.next_line().await.map_err(broken)?.ok_or_else(gone)?;
            let message: Value =
                serde_json::from_str(&line).map_err(|error| Error::Internal(error.to_string()))?;
            if let Some(said) = message.pointer("/params/message").and_then(Value::as_str) {
                progress(said);
            }
            if message.get("id") != Some(&json!(id)) {
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(Error::Internal(error.to_string())),
                None => Ok(message.get("result").cloned().unwrap_or_default()),
            };
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), Error> {
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(format!("{message}\n").as_bytes()).await.map_err(broken)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn broken(error: std::io::Error) -> Error {
    Error::Internal(format!("the server: {error}"))
}

fn gone() -> Error {
    Error::Internal("the server ended early".to_owned())
}
