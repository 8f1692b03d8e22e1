#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/services/pg-down.sh FOLDER: ends what pg-up.sh began there, and removes the folder.

set -euo pipefail

folder=${1:?usage: pg-down.sh FOLDER}
[ -d "$folder" ] || exit 0
# shellcheck source=tests/services/pg-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/pg-lib.sh"
folder=$(cd "$folder" && pwd)
if [ -e "$folder/data/postmaster.pid" ]; then
    "${as_owner[@]}" "$bin/pg_ctl" -D "$folder/data" -s -w -t 30 -m fast stop ||
        "${as_owner[@]}" "$bin/pg_ctl" -D "$folder/data" -s -w -t 30 -m immediate stop || true
fi
rm -rf -- "$folder"
