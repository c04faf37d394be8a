# What tests of several nodes need: a PostgreSQL, a Redis and a RabbitMQ of our own, and a library that tells a program another
# time. To be sourced after shell.sh, packages.sh, postgres.sh, redis.sh and rabbitmq.sh.
# shellcheck shell=bash

have_faketime() { ls /usr/lib/*/faketime/libfaketimeMT.so.1; }

want_cluster() {
  want_postgres
  want_redis
  want_rabbitmq
  want libfaketime have_faketime
}

# `cluster_start` starts all three, and sets the variables of the tests to their addresses; `cluster_stop` ends and removes
# them, and may be called twice.
CLUSTER_POSTGRES=
CLUSTER_REDIS=
CLUSTER_RABBITMQ=

cluster_start() {
  CLUSTER_POSTGRES=$(postgres_folder)
  run postgres_start "$CLUSTER_POSTGRES"
  CLUSTER_REDIS=$(redis_folder)
  redis_start "$CLUSTER_REDIS"
  CLUSTER_RABBITMQ=$(rabbitmq_folder)
  rabbitmq_start "$CLUSTER_RABBITMQ"
  CONFAB_TEST_DATABASE=$(cat "$CLUSTER_POSTGRES/url")
  CONFAB_TEST_REDIS=$(cat "$CLUSTER_REDIS/url")
  CONFAB_TEST_RABBITMQ=$(cat "$CLUSTER_RABBITMQ/url")
  export CONFAB_TEST_DATABASE CONFAB_TEST_REDIS CONFAB_TEST_RABBITMQ
}

cluster_stop() {
  unset CONFAB_TEST_DATABASE CONFAB_TEST_REDIS CONFAB_TEST_RABBITMQ
  postgres_stop "${CLUSTER_POSTGRES:-/nonexistent}"
  redis_stop "${CLUSTER_REDIS:-/nonexistent}"
  rabbitmq_stop "${CLUSTER_RABBITMQ:-/nonexistent}"
}
