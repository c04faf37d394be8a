# A Redis of our own: a new, empty server that keeps nothing, in a temporary folder and on a free port of 127.0.0.1. Another
# server on the machine is neither used nor disturbed. To be sourced after shell.sh, packages.sh and postgres.sh.
# shellcheck shell=bash

want_redis() { want redis-server have redis-server; }

# `redis_folder` makes the folder and prints it; `redis_start FOLDER` prints nothing and leaves the address in FOLDER/url and
# the process in FOLDER/process; `redis_stop FOLDER` ends the server and removes all of it, and may be called twice.
redis_folder() {
  local folder
  folder=$(mktemp -d "${TMPDIR:-/tmp}/confab-redis.XXXXXX")
  printf '%s\n' "$folder"
}

redis_start() {
  local folder=$1 password port tries
  password=$(random_hex)
  for ((tries = 0; tries < 20; tries++)); do
    # Below the range from which the system gives ports to clients.
    port=$((20000 + RANDOM % 12000))
    port_is_taken "$port" && continue
    (umask 077 && cat >"$folder/conf" <<CONF
bind 127.0.0.1
port $port
requirepass $password
save ""
appendonly no
dir $folder
CONF
    )
    redis_restart "$folder" || continue
    (umask 077 && printf 'redis://default:%s@127.0.0.1:%s\n' "$password" "$port" >"$folder/url")
    return
  done
  cat "$folder/log" >&2 || true
  die "Redis did not start"
}

# `redis_crash FOLDER` kills the server; `redis_restart FOLDER` starts it again at its address, empty.
redis_restart() {
  local folder=$1 port process tries
  port=$(sed -n 's/^port //p' "$folder/conf")
  setsid redis-server "$folder/conf" >>"$folder/log" 2>&1 </dev/null &
  process=$!
  disown "$process"
  printf '%s\n' "$process" >"$folder/process"
  for ((tries = 0; tries < 200; tries++)); do
    kill -0 "$process" 2>/dev/null || return 1
    port_is_taken "$port" && return
    sleep 0.05
  done
  redis_crash "$folder"
  return 1
}

redis_crash() { end_at_once "$1/process"; }

redis_stop() {
  [[ -f $1/conf ]] || return 0
  redis_crash "$1"
  rm -rf "$1"
}
