# An S3-compatible service of our own: moto, in memory, on a free port of 127.0.0.1. To be sourced after shell.sh and
# postgres.sh.
# shellcheck shell=bash

# `s3_start PYTHON` leaves its address and its process in S3_URL and S3_PROCESS; `s3_stop` may be called twice.
S3_URL=
S3_PROCESS=

s3_start() {
  local port tries
  for ((port = 20000 + RANDOM % 12000; ; port++)); do port_is_taken "$port" || break; done
  "$1" -m moto.server -H 127.0.0.1 -p "$port" >/dev/null 2>&1 </dev/null &
  S3_PROCESS=$!
  for ((tries = 0; tries < 300; tries++)); do
    if port_is_taken "$port"; then
      S3_URL=http://127.0.0.1:$port
      return
    fi
    sleep 0.1
  done
  die "moto did not start"
}

s3_stop() {
  [[ -n $S3_PROCESS ]] || return 0
  kill "$S3_PROCESS" 2>/dev/null || true
  S3_PROCESS=
}
