#!/usr/bin/env bash
# Runs every check of a release, also after a failure, and prints one table. A check that was skipped because a tool
# is missing counts neither as passed nor as failed, and is in the table. Usage: packaging/release-check.sh [NAME ...]
set -u
cd "$(dirname "$0")/.." || exit 1
logs=${RELEASE_CHECK_LOGS:-target/release-check}
mkdir -p "$logs"
checks="
lint|make lint
test|make test
size|make size
docs|make docs && git diff --exit-code -- docs README.md SKILLS.md
soak|make soak
fuzz|make fuzz
platforms|make check-platforms
dist|make dist
reproducible|make dist-check
release|make release
artefacts|python3 tests/release/run.py
plugin|python3 tests/clients/plugin.py && packaging/plugin-check.sh
clis|make test-clis
clients|make test-clients
hosts|make test-hosts
page|make test-page
conformance|make test-conformance
bench|make bench
"
for name in "$@"; do
  grep -q "^$name|" <<<"$checks" || { echo "release-check: there is no check named $name" >&2; exit 2; }
done
rows=""
failed=0
wanted=" $* "
while IFS='|' read -r name command; do
  [ -n "$name" ] || continue
  if [ "$#" -gt 0 ] && [ "${wanted#* "$name" }" = "$wanted" ]; then continue; fi
  echo "release-check: $name ($command)" >&2
  begun=$SECONDS
  # The list is on standard input, and a command that reads would take the rest of it.
  if bash -c "$command" >"$logs/$name.log" 2>&1 </dev/null; then result="ok"; else result="FAILED"; failed=1; fi
  # A skipped check prints a line in capitals; a sum at the end has a number before the word.
  skips=$(grep -cE '(^|[^0-9[:space:]][[:space:]]+|^[[:space:]]+)(SKIPPED|NOT RUN)\b' "$logs/$name.log")
  [ "$result" = ok ] && [ "$skips" -gt 0 ] && result="ok, $skips skipped"
  rows+=$(printf '%-13s %-16s %6s s  %s' "$name" "$result" "$((SECONDS - begun))" "$logs/$name.log")$'\n'
done <<<"$checks"
printf '%-13s %-16s %8s  %s\n' check result time log
printf '%s' "$rows"
exit "$failed"
