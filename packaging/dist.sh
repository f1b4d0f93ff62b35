#!/usr/bin/env bash
# Builds the binary for every target whose toolchain is here, stripped and without a path of this machine in it, and
# packs each with the licence, the completions and the manual page. Where a C compiler for a target is missing,
# cargo-zigbuild takes its place (pip install cargo-zigbuild).
# The same commit and the same Rust give the same bytes. Usage: packaging/dist.sh [OUT]
set -euo pipefail
cd "$(dirname "$0")/.."
root=$(pwd -P)
out=${1:-dist}
cargo=${CARGO:-cargo}
# The limit on the binary's size. A binary for this machine alone is 700,000 bytes smaller (build.rs says why);
# `make size` has the limit for that one.
most_bytes=14600000
build=${CARGO_TARGET_DIR:-$root/target}/dist
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# The time of the commit; a fixed time if the sources are not a checkout.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=315532800
  if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$root" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  fi
fi
export SOURCE_DATE_EPOCH

# Keeps the names of this machine's directories out of the binary, both from Rust and from SQLite's C.
flags="-C force-frame-pointers=yes --remap-path-prefix=$build=/target --remap-path-prefix=$root=/maestro --remap-path-prefix=$cargo_home=/cargo"
export RUSTFLAGS=$flags
export CFLAGS="-fno-asynchronous-unwind-tables -ffile-prefix-map=$build=/target -ffile-prefix-map=$root=/maestro -ffile-prefix-map=$cargo_home=/cargo"
unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
export LC_ALL=C TZ=UTC CARGO_INCREMENTAL=0

host=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
library_of() { echo "$(rustc --print sysroot)/lib/rustlib/$1/lib"; }

skip() {
  echo "dist: SKIPPED $1: $2" >&2
  skipped="$skipped $1"
}

# The C compiler of a target, for SQLite.
compiler_of() {
  case $1 in
    x86_64-unknown-linux-musl) echo musl-gcc ;;
    aarch64-unknown-linux-gnu) echo aarch64-linux-gnu-gcc ;;
    aarch64-unknown-linux-musl) echo aarch64-linux-musl-gcc ;;
    *) echo cc ;;
  esac
}

# The path of a target's binary. The host's target is not named in its build, because the names of functions depend on
# it, and packaging/link-order.ld has those of `cargo build --release`. That order halves the memory of a server.
binary_of() {
  case $1 in
    "$host") echo "$build/release/maestro-mcp" ;;
    *) echo "$build/$1/release/maestro-mcp" ;;
  esac
}

pack() {
  target=$1
  name="maestro-mcp-$version-$target"
  binary=$(binary_of "$target")
  bytes=$(wc -c <"$binary")
  if [ "$bytes" -ge "$most_bytes" ]; then
    # The script packs a binary that is too large, so that it can be examined, and fails at its end.
    echo "dist: TOO LARGE: the binary for $target has $bytes bytes; the limit is $most_bytes" >&2
    too_large="$too_large $target"
  fi
  if grep -qaF -e "$root" -e "$cargo_home" -e "$build" "$binary"; then
    echo "dist: the binary for $target holds the name of a directory of this machine" >&2
    exit 1
  fi
  mkdir -p "$stage/$name"
  install -m 755 "$binary" "$stage/$name/maestro-mcp"
  install -m 644 LICENSE README.md CHANGELOG.md "$stage/$name/"
  # The host's binary writes these texts: they are the same for every target.
  "$(binary_of "$host")" man >"$stage/$name/maestro-mcp.1"
  for shell in bash zsh fish; do
    "$(binary_of "$host")" completions "$shell" >"$stage/$name/maestro-mcp.$shell"
  done
  tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$stage" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
  install -m 755 "$binary" "$out/$name"
  echo "dist: $name, $bytes bytes"
}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$out"
rm -f "$out"/maestro-mcp-* "$out/SHA256SUMS"
skipped=""
too_large=""
others="x86_64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-gnu aarch64-unknown-linux-musl"
for target in "$host" $others; do
  [ -e "$out/maestro-mcp-$version-$target" ] && continue
  compiler=$(compiler_of "$target")
  build_with="build"
  if [ "$target" != "$host" ] && ! command -v "$compiler" >/dev/null && command -v cargo-zigbuild >/dev/null; then
    build_with="zigbuild"
  fi
  if [ ! -d "$(library_of "$target")" ]; then
    skip "$target" "no Rust library for it: rustup target add $target"
  elif [ "$build_with" = build ] && ! command -v "$compiler" >/dev/null; then
    skip "$target" "no C compiler for it: $compiler, or cargo-zigbuild (pip install cargo-zigbuild)"
  else
    if [ "$target" != "$host" ] && [ "$build_with" = build ]; then
      upper=$(echo "$target" | tr 'a-z-' 'A-Z_')
      export "CARGO_TARGET_${upper}_LINKER=$compiler" "CC_${target//-/_}=$compiler"
    fi
    triple=(--target "$target")
    [ "$target" != "$host" ] || triple=()
    "$cargo" "$build_with" --locked --release --bin maestro-mcp "${triple[@]}" --target-dir "$build"
    pack "$target"
  fi
done
(cd "$out" && sha256sum maestro-mcp-* >SHA256SUMS && cat SHA256SUMS)
"$out/maestro-mcp-$version-$host" --version
case $("$out/maestro-mcp-$version-$host" --version) in
  *+changes*) echo "dist: NOT for others: the sources differ from their commit" >&2 ;;
esac
[ -z "$skipped" ] || echo "dist: not built:$skipped" >&2
if [ -n "$too_large" ]; then
  echo "dist: FAILED, too large:$too_large" >&2
  exit 1
fi
