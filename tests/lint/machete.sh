#!/usr/bin/env bash
# Dependencies that nothing uses.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo-machete >/dev/null; then
  echo "cargo-machete is NOT installed, so unused dependencies are NOT checked: run 'make tools', or 'cargo install --locked cargo-machete'" >&2
  # A machine that must not pass without it says so.
  exit "${LINT_NEEDS_TOOLS:-0}"
fi
cargo machete --skip-target-dir .
