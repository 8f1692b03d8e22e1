#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/services/patroni-down.sh FOLDER: ends what patroni-up.sh began there, and removes the folder.

set -uo pipefail

dir=$(cd "${1:?usage: patroni-down.sh FOLDER}" 2>/dev/null && pwd) || exit 0
[ -e "$dir/made-by-patroni-up" ] || exit 2 # not ours to remove
# shellcheck source=tests/services/daemons.sh
. "$(dirname "${BASH_SOURCE[0]}")/daemons.sh"

# Nothing here is kept: a Patroni is killed, and the PostgreSQL that it leaves is told to end at once.
# shellcheck disable=SC2046  # names of ours
end_daemons KILL $(daemons node)
for file in "$dir"/node*/postmaster.pid; do
    [ -e "$file" ] || continue
    pid=$(head -n 1 "$file")
    is_ours "$pid" || continue
    kill -QUIT "$pid"
    kill -CONT "$pid" 2>/dev/null
    await_end "$pid" || kill -KILL "$pid"
done
# shellcheck disable=SC2046
end_daemons KILL $(daemons etcd)
rm -rf -- "$dir"
