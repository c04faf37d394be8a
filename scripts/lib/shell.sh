# What every script here starts with: strictness, the project's folder, and a few words. To be sourced.
# shellcheck shell=bash
set -euo pipefail

# shellcheck disable=SC2034 # it is for the scripts that source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '\n== %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command in a process group of its own and waits for it. An interrupt reaches this shell at once instead of after
# the command's end, and `put_down` then ends the command with everything that it started.
CHILD=
run() {
  set -m
  "$@" </dev/null &
  CHILD=$!
  set +m
  local status=0
  wait "$CHILD" || status=$?
  CHILD=
  return "$status"
}

put_down() {
  [[ -n $CHILD ]] || return 0
  kill -TERM -- "-$CHILD" 2>/dev/null || true
  # It has ten seconds to tidy up.
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 -- "-$CHILD" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$CHILD" 2>/dev/null || true
  CHILD=
}

# `at_the_end COMMAND…` runs it once however the script ends: by itself, by an error, Ctrl-C, a hang-up or a kill.
at_the_end() {
  # shellcheck disable=SC2064 # the command is meant to be fixed now
  trap "trap '' INT TERM HUP; put_down; $*" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

# `end_at_once FILE` kills the process whose number stands in the file, one of our own, and waits until it is gone; the file
# goes with it.
end_at_once() {
  local process tries
  process=$(cat "$1" 2>/dev/null) || return 0
  rm -f "$1"
  kill -KILL "$process" 2>/dev/null || return 0
  for ((tries = 0; tries < 500; tries++)); do
    # Where nobody takes notice of its end, it stays in the table of processes.
    grep -qs '^State:.[^Z]' "/proc/$process/status" || return 0
    sleep 0.01
  done
}
