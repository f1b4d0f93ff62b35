#!/usr/bin/env bash
# Builds the committed sources twice, in two directories of different names, and compares every byte.
set -euo pipefail
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for copy in one another-directory; do
  git clone --quiet --no-hardlinks . "$work/$copy"
  # A binary that is too large fails but is compared; without SHA256SUMS there is nothing to compare.
  (unset CARGO_TARGET_DIR && "$work/$copy/packaging/dist.sh" "$work/$copy-out") || failed=1
  rm -rf "${work:?}/$copy"
done
diff "$work/one-out/SHA256SUMS" "$work/another-directory-out/SHA256SUMS"
echo "reproducible: both builds have the same bytes"
exit "$failed"
