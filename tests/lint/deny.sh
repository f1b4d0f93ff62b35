#!/usr/bin/env bash
# Checks bans, licences and sources of every dependency for every target, and advisories if their database is on
# this machine. Missing crates are fetched first; after that no network is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo-deny >/dev/null; then
  echo "SKIPPED licences, bans and advisories: cargo-deny is not installed: run 'make tools', or 'cargo install --locked cargo-deny'" >&2
  # CI sets LINT_NEEDS_TOOLS, so that a missing tool fails.
  exit "${LINT_NEEDS_TOOLS:-0}"
fi
"${CARGO:-cargo}" fetch --locked --quiet
cargo deny --offline --log-level warn check bans licenses sources
database="${CARGO_HOME:-$HOME/.cargo}/advisory-dbs"
# A failed fetch leaves a lock and no database.
if compgen -G "$database/*/" >/dev/null; then
  echo "advisories: checked against the database in $database"
  cargo deny --offline --log-level warn check advisories
else
  echo "SKIPPED advisories: there is no database on this machine; 'cargo deny fetch' gets it"
fi
