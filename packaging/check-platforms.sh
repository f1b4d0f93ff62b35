#!/usr/bin/env bash
# Type-checks the crate for other platforms than this machine's. SQLite's C code needs a compiler for each: zig serves
# all of them (`pip install ziglang`, or zig on the PATH); CC_<target> names another. Prints one line per platform,
# and names the targets that cannot be checked here; `--all` makes that a failure.
set -u
cd "$(dirname "$0")/.." || exit 1
cargo=${CARGO:-cargo}
all=${1:-}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
failed=0
skipped=0

if command -v zig >/dev/null; then zig="zig"
elif python3 -c 'import ziglang' 2>/dev/null; then zig="python3 -m ziglang"
else zig=""
fi

say() { printf '%-26s %s\n' "$1" "$2"; }

# zig has other names for targets, and rejects flags for Apple's clang.
compiler() {
  cat >"$tools/$1" <<SCRIPT
#!/usr/bin/env bash
kept=()
for word in "\$@"; do
  case "\$word" in --target=* | -arch | arm64 | x86_64 | -mmacosx-version-min=*) ;; *) kept+=("\$word") ;; esac
done
exec $zig cc -target $2 "\${kept[@]}"
SCRIPT
  chmod +x "$tools/$1"
}

check() {
  target=$1
  name=${target//-/_}
  given="CC_$name"
  if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    say "$target" "SKIPPED: rustup target add $target"
    skipped=1
    return
  fi
  if [ -z "${!given:-}" ]; then
    if [ -z "$zig" ]; then
      say "$target" "SKIPPED: no C compiler for it: pip install ziglang, or set $given"
      skipped=1
      return
    fi
    compiler "$target" "$2"
    export "$given=$tools/$target"
  fi
  if "$cargo" check --quiet --locked --lib --bins --target "$target" 2>"$tools/log"; then
    say "$target" "type-checks"
  else
    say "$target" "FAILED"
    grep -E '^error' -A 4 "$tools/log" | head -40
    failed=1
  fi
}

check aarch64-unknown-linux-gnu aarch64-linux-gnu
check x86_64-unknown-linux-musl x86_64-linux-musl
check aarch64-unknown-linux-musl aarch64-linux-musl
check aarch64-apple-darwin aarch64-macos
check x86_64-apple-darwin x86_64-macos
# Without Unix the binary only names the supported platforms, and needs no C.
CC_x86_64_pc_windows_gnu=none check x86_64-pc-windows-gnu ""
[ "$failed" = 0 ] || exit 1
[ "$skipped" = 0 ] || [ "$all" != --all ] || exit 1
