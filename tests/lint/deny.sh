#!/usr/bin/env bash
# Bans, licences and sources of every dependency of every target; advisories where their database is on
# this machine. Crates that this machine has not built are fetched first: after that no network is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo-deny >/dev/null; then
  echo "SKIPPED licences, bans and advisories: cargo-deny is not installed: run 'make tools', or 'cargo install --locked cargo-deny'" >&2
  # A machine that must not pass without it says so.
  exit "${LINT_NEEDS_TOOLS:-0}"
fi
"${CARGO:-cargo}" fetch --locked --quiet
cargo deny --offline --log-level warn check bans licenses sources
database="${CARGO_HOME:-$HOME/.cargo}/advisory-dbs"
# A fetch that failed leaves a lock and no database.
if compgen -G "$database/*/" >/dev/null; then
  echo "advisories: checked against the database in $database"
  cargo deny --offline --log-level warn check advisories
else
  echo "SKIPPED advisories: there is no database on this machine; 'cargo deny fetch' gets it"
fi
