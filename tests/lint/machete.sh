#!/usr/bin/env bash
# Dependencies that nothing uses.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo-machete >/dev/null; then
  echo "SKIPPED unused dependencies: cargo-machete is not installed: run 'make tools', or 'cargo install --locked cargo-machete'" >&2
  # A machine that must not pass without it says so.
  exit "${LINT_NEEDS_TOOLS:-0}"
fi
cargo machete --skip-target-dir .
