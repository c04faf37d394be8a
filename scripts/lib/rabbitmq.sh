# A RabbitMQ of our own: a new, empty server in a temporary folder, on free ports of 127.0.0.1, with a name, a cookie and an
# epmd of its own. Another server on the machine is neither used nor disturbed. To be sourced after shell.sh, packages.sh
# and postgres.sh.
# shellcheck shell=bash

# The program itself: that in PATH is Debian's, which takes the folders of the machine's own server.
RABBITMQ_PROGRAM=/usr/lib/rabbitmq/bin/rabbitmq-server

want_rabbitmq() { want rabbitmq-server test -x "$RABBITMQ_PROGRAM"; }

# `rabbitmq_folder` makes the folder and prints it; `rabbitmq_start FOLDER` prints nothing and leaves the address in
# FOLDER/url and the process in FOLDER/process; `rabbitmq_stop FOLDER` ends the server and removes all of it, and may be
# called twice.
rabbitmq_folder() {
  local folder
  folder=$(mktemp -d "${TMPDIR:-/tmp}/confab-rabbitmq.XXXXXX")
  chmod 700 "$folder"
  printf '%s\n' "$folder"
}

rabbitmq_start() {
  local folder=$1 password port tries
  password=$(random_hex)
  mkdir -p "$folder/data" "$folder/home"
  # The listener of AMQP alone, and no more memory than a test needs.
  (umask 077 && cat >"$folder/rabbitmq.conf" <<CONF
loopback_users = none
default_user = confab
default_pass = $password
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 1MB
CONF
  )
  printf '[].\n' >"$folder/plugins"
  for ((tries = 0; tries < 20; tries++)); do
    # Three ports in a row, below the range from which the system gives ports to clients.
    port=$((20000 + RANDOM % 12000))
    port_is_taken "$port" || port_is_taken $((port + 1)) || port_is_taken $((port + 2)) && continue
    printf '%s\n' "$port" >"$folder/port"
    rm -rf "$folder/data" && mkdir "$folder/data"
    rabbitmq_restart "$folder" || continue
    (umask 077 && printf 'amqp://confab:%s@127.0.0.1:%s/%%2f\n' "$password" "$port" >"$folder/url")
    return
  done
  cat "$folder/log" >&2 || true
  die "RabbitMQ did not start"
}

# `rabbitmq_crash FOLDER` kills the server; `rabbitmq_restart FOLDER` starts it again at its address.
rabbitmq_restart() {
  local folder=$1 port tries
  port=$(cat "$folder/port")
  setsid epmd -address 127.0.0.1 -port $((port + 2)) >>"$folder/log" 2>&1 </dev/null &
  printf '%s\n' $! >"$folder/epmd"
  disown $!
  for ((tries = 0; tries < 100; tries++)); do
    port_is_taken $((port + 2)) && break
    sleep 0.05
  done
  # With RABBITMQ_ALLOW_INPUT the script becomes the server, instead of waiting beside it.
  setsid env -i PATH="$PATH" HOME="$folder/home" LANG=C.UTF-8 ERL_EPMD_PORT=$((port + 2)) ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_ALLOW_INPUT=yes RABBITMQ_NODENAME="confab-$port@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT=$((port + 1)) RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$folder/none" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins" RABBITMQ_MNESIA_BASE="$folder/data" RABBITMQ_LOG_BASE="$folder" \
    RABBITMQ_PID_FILE="$folder/pid" RABBITMQ_LOGS=- \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -noinput" \
    "$RABBITMQ_PROGRAM" >>"$folder/log" 2>&1 </dev/null &
  printf '%s\n' $! >"$folder/process"
  disown $!
  for ((tries = 0; tries < 600; tries++)); do
    kill -0 "$(cat "$folder/process")" 2>/dev/null || break
    port_is_taken "$port" && return
    sleep 0.1
  done
  rabbitmq_crash "$folder"
  return 1
}

rabbitmq_crash() {
  end_at_once "$1/process"
  end_at_once "$1/epmd"
}

rabbitmq_stop() {
  [[ -d $1/home ]] || return 0
  rabbitmq_crash "$1"
  rm -rf "$1"
}
