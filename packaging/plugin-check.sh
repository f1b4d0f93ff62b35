#!/bin/sh
# Checks the plugin and the marketplace with Claude Code's own validator; a warning counts as a failure. The validator
# comes from the cache of `make test-clis`, or from the PATH.
set -eu
cd "$(dirname "$0")/.."
cache=${MAESTRO_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/maestro/clis}
claude=$(ls -d "$cache"/claude-*/node_modules/.bin/claude 2>/dev/null | sort | tail -n 1)
claude=${claude:-$(command -v claude || true)}
[ -n "$claude" ] || { echo "plugin: SKIPPED, Claude Code is not installed"; exit 0; }
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home "$claude" plugin validate --strict --profile directory plugin >"$home/plugin" 2>&1 || { cat "$home/plugin"; exit 1; }
HOME=$home "$claude" plugin validate --strict . >"$home/marketplace" 2>&1 || { cat "$home/marketplace"; exit 1; }
if grep -hE 'Advice|warning|✘|⚠' "$home/plugin" "$home/marketplace"; then
  cat "$home/plugin" "$home/marketplace"
  exit 1
fi
echo "plugin: validates without a remark"
