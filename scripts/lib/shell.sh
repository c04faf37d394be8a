# What every script here starts with: strictness, the project's folder, and a few words. To be sourced.
# shellcheck shell=bash
set -euo pipefail

# shellcheck disable=SC2034 # it is for the scripts that source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# When the first script began that this one is part of: what it starts tells the same clock.
export BEGAN=${BEGAN:-$(date +%s)}

clock() { echo $(($(date +%s) - BEGAN)); }

say() { printf '\n== [%5d s] %s\n' "$(clock)" "$*"; }

# A folder of the script for what subshells leave to it, made by `at_the_end`.
NOTES=

# `took NAME FROM` says how long it took since the clock stood at FROM, and remembers it for the end of the script.
took() {
  local seconds=$(($(clock) - $2))
  printf '%d\t%d\t%s\n' "$2" "$seconds" "$1" >>"$NOTES/times"
  say "$1 took $seconds s"
}

# What took how long, in the order of the beginnings; nothing where nothing was timed.
tell_times() {
  [[ -s $NOTES/times ]] || return 0
  say "What took how long, and from when"
  sort -n "$NOTES/times" | awk -F '\t' '{ printf "%6d s  from %5d s  %s\n", $2, $1, $3 }'
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command in a process group of its own and waits for it. An interrupt reaches this shell at once instead of after
# the command's end, and `put_down` then ends the command with everything that it started. A subshell is in such a group.
CHILD=
run() {
  if ((BASHPID != $$)); then
    ("$@") </dev/null
    return
  fi
  set -m
  "$@" </dev/null &
  CHILD=$!
  set +m
  local status=0
  wait "$CHILD" || status=$?
  CHILD=
  return "$status"
}

# `beside NAME COMMAND…` begins with it, in a process group of its own, and the script goes on. What it says is kept for
# `await NAME`, which waits for it, tells that, and ends as it did.
declare -A BESIDE=()
beside() {
  local name=$1
  shift
  set -m
  "$@" </dev/null >"$NOTES/$name.log" 2>&1 &
  BESIDE[$name]=$!
  set +m
}

await() {
  local status=0
  wait "${BESIDE[$1]}" || status=$?
  unset "BESIDE[$1]"
  cat "$NOTES/$1.log"
  return "$status"
}

# Runs a command with what the others leave of the processor.
humbly() {
  renice -n 19 -p "$BASHPID" >/dev/null
  "$@"
}

# Ends what still runs, and tells what it said so far.
put_down() {
  local name groups=()
  [[ -z $CHILD ]] || groups+=("$CHILD")
  groups+=("${BESIDE[@]}")
  ((${#groups[@]})) || return 0
  kill -TERM -- "${groups[@]/#/-}" 2>/dev/null || true
  # They have ten seconds to tidy up.
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 -- "${groups[@]/#/-}" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "${groups[@]/#/-}" 2>/dev/null || true
  for name in "${!BESIDE[@]}"; do cat "$NOTES/$name.log"; done
  CHILD=
  BESIDE=()
}

# `at_the_end COMMAND…` runs it once however the script ends: by itself, by an error, Ctrl-C, a hang-up or a kill. What was
# timed is told before.
at_the_end() {
  NOTES=$(mktemp -d "${TMPDIR:-/tmp}/confab-notes.XXXXXX")
  # shellcheck disable=SC2064 # the command is meant to be fixed now
  trap "trap '' INT TERM HUP; put_down; tell_times; rm -rf '$NOTES'; $*" EXIT
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
