# A PostgreSQL of our own: a new, empty server in a temporary folder, on a free port of 127.0.0.1, with its durability as
# it comes. Another server on the machine is neither used nor disturbed. To be sourced after shell.sh and packages.sh.
# shellcheck shell=bash

# Where initdb and pg_ctl are: Debian keeps them out of PATH, a folder for each version.
postgres_bin() {
  local folder newest=
  while read -r folder; do
    [[ -x $folder/initdb && -x $folder/pg_ctl ]] && newest=$folder
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
  if [[ -z $newest ]] && have initdb >/dev/null && have pg_ctl >/dev/null; then
    newest=$(dirname "$(command -v pg_ctl)")
  fi
  [[ -n $newest ]] && printf '%s\n' "$newest"
}

want_postgres() { want postgresql postgres_bin; }

# PostgreSQL refuses to run as root; then the folder and the server belong to somebody else.
postgres_owner() {
  if ((EUID != 0)); then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# Runs a command as that owner, from a folder that it may enter.
as_owner() {
  local owner
  owner=$(postgres_owner)
  if ((EUID == 0)); then
    (cd / && setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups env HOME=/ "$@")
  else
    (cd / && "$@")
  fi
}

random_hex() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# `postgres_folder` makes the folder and prints it; `postgres_start FOLDER` prints nothing and leaves the address in
# FOLDER/url; `postgres_stop FOLDER` ends the server and removes all of it, and may be called twice.
postgres_folder() {
  local base folder
  for base in "${TMPDIR:-/tmp}" /tmp; do
    folder=$(mktemp -d "$base/confab-postgres.XXXXXX")
    chmod 711 "$folder"
    mkdir "$folder/server"
    chmod 700 "$folder/server"
    ((EUID != 0)) || chown "$(postgres_owner)" "$folder/server"
    if as_owner test -w "$folder/server"; then
      printf '%s\n' "$folder"
      return
    fi
    rm -rf "$folder"
  done
  die "no temporary folder that $(postgres_owner) may use"
}

postgres_start() {
  local folder=$1 bin password port tries
  bin=$(postgres_bin) || die "PostgreSQL is not installed"
  password=$(random_hex)
  printf '%s\n' "$password" | as_owner tee "$folder/server/password" >/dev/null
  # Only the making of the empty server skips the disk. The plain password is for loopback: a stronger exchange would
  # cost every connection of an unoptimised build tens of milliseconds.
  as_owner "$bin/initdb" --pgdata="$folder/server/data" --username=confab --pwfile="$folder/server/password" \
    --auth=password --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" 2>&1 ||
    { cat "$folder/initdb.log" >&2 && die "initdb failed"; }
  # Room for many tests at once, and no checkpoint in the midst of them. Nothing here weakens a commit.
  as_owner tee -a "$folder/server/data/postgresql.conf" >/dev/null <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
max_wal_size = '4GB'
checkpoint_timeout = '30min'
autovacuum = off
jit = off
CONF
  for ((tries = 0; tries < 20; tries++)); do
    # Below the range from which the system gives ports to clients.
    port=$((20000 + RANDOM % 12000))
    port_is_taken "$port" && continue
    if as_owner "$bin/pg_ctl" start --wait --silent --timeout=60 --pgdata="$folder/server/data" \
      --log="$folder/server/log" --options="-p $port" >/dev/null 2>&1; then
      (umask 077 && printf 'postgres://confab:%s@127.0.0.1:%s/postgres\n' "$password" "$port" >"$folder/url")
      return
    fi
  done
  as_owner cat "$folder/server/log" >&2 || true
  die "PostgreSQL did not start"
}

# `postgres_crash FOLDER` ends the server as a power cut would; `postgres_restart FOLDER` starts it again at its address.
postgres_crash() {
  as_owner "$(postgres_bin)/pg_ctl" stop --mode=immediate --wait --silent --pgdata="$1/server/data" >/dev/null
}

postgres_restart() {
  local port
  port=$(sed -E 's|.*:([0-9]+)/.*|\1|' "$1/url")
  as_owner "$(postgres_bin)/pg_ctl" start --wait --silent --timeout=60 --pgdata="$1/server/data" \
    --log="$1/server/log" --options="-p $port" >/dev/null 2>&1
}

postgres_stop() {
  local folder=$1 bin
  [[ -d $folder/server ]] || return 0
  if bin=$(postgres_bin) && as_owner test -f "$folder/server/data/postmaster.pid"; then
    as_owner "$bin/pg_ctl" stop --mode=immediate --wait --silent --pgdata="$folder/server/data" || true
  fi
  rm -rf "$folder"
}
