#!/bin/sh
# Installs the completions and the manual page where a user's shells and man look for them, or removes
# them. Usage: packaging/share.sh install BINARY | remove
set -eu
data=${XDG_DATA_HOME:-$HOME/.local/share}
bash="$data/bash-completion/completions/maestro-mcp"
zsh="$data/zsh/site-functions/_maestro-mcp"
fish="$data/fish/vendor_completions.d/maestro-mcp.fish"
man="$data/man/man1/maestro-mcp.1"

place() {
  file=$1
  shift
  mkdir -p "$(dirname "$file")"
  "$@" >"$file.new"
  mv "$file.new" "$file"
  echo "wrote $file"
}

case ${1:-} in
  install)
    place "$bash" "$2" completions bash
    place "$zsh" "$2" completions zsh
    place "$fish" "$2" completions fish
    place "$man" "$2" man
    ;;
  remove) rm -f "$bash" "$zsh" "$fish" "$man" ;;
  *)
    echo "usage: $0 install BINARY | remove" >&2
    exit 2
    ;;
esac
