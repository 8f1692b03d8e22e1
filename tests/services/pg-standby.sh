#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/services/pg-standby.sh FOLDER PRIMARY [PORT]: a hot standby in FOLDER of the PostgreSQL that pg-up.sh made in
# PRIMARY, on 127.0.0.1, until pg-down.sh. It follows asynchronously; `pg_ctl promote` makes it take writes. Writes
# FOLDER/pg.env like that of the primary. Prints nothing but errors.

set -euo pipefail

folder=${1:?usage: pg-standby.sh FOLDER PRIMARY [PORT]}
primary=$(cd "${2:?usage: pg-standby.sh FOLDER PRIMARY [PORT]}" && pwd)
# shellcheck source=tests/services/pg-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/pg-lib.sh"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
port=$(free_port "${3:-0}")
umask 077
give_away "$folder"
# shellcheck source=/dev/null
. "$primary/pg.env"
export PGPASSWORD
if ! "${as_owner[@]}" PGPASSWORD="$PGPASSWORD" "$bin/pg_basebackup" -h "$PGHOST" -p "$PGPORT" -U "$PGUSER" \
    -D "$folder/data" -R -X stream -c fast --no-sync >"$folder/basebackup.log" 2>&1; then
    cat "$folder/basebackup.log" >&2
    exit 1
fi
echo "port = $port" >>"$folder/data/postgresql.conf"
sed "s/^PGPORT=.*/PGPORT=$port/" "$primary/pg.env" >"$folder/pg.env"
"$(dirname "${BASH_SOURCE[0]}")/pg-start.sh" "$folder"
