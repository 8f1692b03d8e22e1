#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/services/pg-start.sh FOLDER: starts what pg-up.sh made there, also after it was killed.

set -euo pipefail

folder=$(cd "${1:?usage: pg-start.sh FOLDER}" && pwd)
# shellcheck source=tests/services/pg-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/pg-lib.sh"
if ! "${as_owner[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w -t 60 -s start; then
    tail -n 20 "$folder/data/log" >&2
    exit 1
fi
