# Debian packages, installed when what they bring is missing, and only then. To be sourced after shell.sh.
# shellcheck shell=bash

MISSING=()

# `want PACKAGE CHECK…`: remembers the package if the check fails.
want() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || MISSING+=("$package")
}

have() { command -v "$1"; }
have_venv() { python3 -c 'import ensurepip, venv'; }

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif have sudo >/dev/null; then
    sudo "$@"
  else
    die "only root can do this, and there is no sudo: $*"
  fi
}

# Installs what was found missing, all in one go.
install_missing() {
  ((${#MISSING[@]})) || return 0
  have apt-get >/dev/null || die "please install: ${MISSING[*]} (this machine has no apt-get)"
  say "Installing ${MISSING[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y)
  as_root "${apt[@]}" update
  as_root "${apt[@]}" install --no-install-recommends "${MISSING[@]}"
  MISSING=()
}

# Rust and Node.js are the two that are expected to be there: which version of them is the machine's owner's choice.
expect_rust() {
  have cargo >/dev/null || die "cargo is missing: install Rust first"
}

expect_node() {
  local program
  for program in node npm; do
    have "$program" >/dev/null || die "$program is missing: install Node.js 20 or newer first"
  done
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 10) ? 0 : 1)' ||
    die "Node.js $(node --version) is too old: 20.10 or newer is needed"
}
