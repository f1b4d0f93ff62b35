#!/usr/bin/env bash
# Finds unused dependencies.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo-machete >/dev/null; then
  echo "SKIPPED unused dependencies: cargo-machete is not installed: run 'make tools', or 'cargo install --locked cargo-machete'" >&2
  # CI sets LINT_NEEDS_TOOLS, so that a missing tool fails.
  exit "${LINT_NEEDS_TOOLS:-0}"
fi
cargo machete --skip-target-dir .
