#!/usr/bin/env node
// Starts the binary of this platform, which its own package brings along.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

function glibc() {
  const report = process.report && process.report.getReport();
  return Boolean(report && report.header && report.header.glibcVersionRuntime);
}

const wanted = [];
if (process.platform === "linux" && glibc()) wanted.push(`linux-${process.arch}`);
if (process.platform === "linux") wanted.push(`linux-${process.arch}-musl`);
if (process.platform === "darwin") wanted.push(`darwin-${process.arch}`);

let binary;
for (const name of wanted) {
  try {
    binary = require.resolve(`maestro-consult-${name}/bin/maestro-mcp`);
    break;
  } catch {
    // Not installed: the next one.
  }
}
if (!binary) {
  const place = `${process.platform} on ${process.arch}`;
  console.error(
    process.platform === "win32"
      ? "maestro-mcp does not run on Windows itself. Install it in WSL."
      : `maestro-mcp: there is no binary for ${place} here. If your npm leaves optional packages out, allow them ` +
          "(npm install --include=optional); else build it with cargo.",
  );
  process.exit(1);
}
// The server owns standard input and output; a signal to this process is meant for it.
const server = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => server.kill(signal));
server.on("error", (error) => {
  console.error(`maestro-mcp: ${binary} cannot be started: ${error.message}`);
  process.exit(1);
});
server.on("exit", (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] || 0) : code));
