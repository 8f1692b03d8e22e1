#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/services/pg-up.sh FOLDER [PORT]: a PostgreSQL of its own on 127.0.0.1, in FOLDER/data, until pg-down.sh.
#
# PORT 0, or none, is a free one. FSYNC=on: what was committed survives a crash of the machine, as in production;
# else it is quick. Writes FOLDER/pg.env with PGHOST, PGPORT, PGUSER and PGPASSWORD of a role that may make databases.
# Prints nothing but errors.

set -euo pipefail

folder=${1:?usage: pg-up.sh FOLDER [PORT]}
port=${2:-0}
# shellcheck source=tests/services/pg-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/pg-lib.sh"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -e "$folder/data" ]; then
    echo "$folder has a PostgreSQL already" >&2
    exit 2
fi
port=$(free_port "$port")
password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')

umask 077
give_away "$folder"
printf '%s' "$password" >"$folder/password"
give_away "$folder/password"
if ! "${as_owner[@]}" "$bin/initdb" -D "$folder/data" -U resultd --auth=scram-sha-256 --pwfile="$folder/password" \
    -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions >"$folder/initdb.log" 2>&1; then
    cat "$folder/initdb.log" >&2
    exit 1
fi
cat >>"$folder/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = $port
fsync = ${FSYNC:-off}
full_page_writes = ${FSYNC:-off}
shared_buffers = 64MB
max_connections = 400
max_wal_size = 512MB
log_min_messages = warning
CONF
cat >"$folder/pg.env" <<ENV
PGHOST=127.0.0.1
PGPORT=$port
PGUSER=resultd
PGPASSWORD=$password
ENV
"$(dirname "${BASH_SOURCE[0]}")/pg-start.sh" "$folder"
