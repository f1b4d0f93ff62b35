#!/usr/bin/env bash
# Builds the fuzz target with coverage counters and runs it with the patches of the scenarios as seeds.
# The counters are LLVM's own, so the stable toolchain is enough and no sanitizer is linked.
set -euo pipefail
cd "$(dirname "$0")"
target="${CARGO_TARGET_DIR:-$PWD/../target}"
host="$(rustc -vV | sed -n 's/^host: //p')"
counters="-Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  counters+=" -Cllvm-args=-sanitizer-coverage-$option"
done
RUSTFLAGS="--cfg fuzzing $counters" CARGO_TARGET_DIR="$target" cargo build --locked --release --target "$host"

mkdir -p "$target/fuzz/corpus" "$target/fuzz/seeds"
for scenario in ../tests/scenarios/change/*/; do
  cp "$scenario/patch.diff" "$target/fuzz/seeds/$(basename "$scenario").diff"
done
# In memory if /dev/shm exists, because every patch is applied to a project there.
scratch="$(mktemp -d /dev/shm/maestro-fuzz-XXXXXX 2>/dev/null || mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
TMPDIR="$scratch" "$target/$host/release/patch" "$target/fuzz/corpus" "$target/fuzz/seeds" -dict=patch.dict \
  -artifact_prefix="$target/fuzz/" -timeout=20 -max_len=6000 -max_total_time="${FUZZ_SECONDS:-60}" "$@"
