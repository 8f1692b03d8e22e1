#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/worker.sh KIND COMMAND...     a worker: for each job of this kind it runs COMMAND in an empty folder, with the
#                                        job's input on standard input, and uploads what the command made there
set -u
kind=$1 && shift
ctl() { RESULTD_LEASE=$lease resultctl "$@"; } # where no list of processes has it
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "${folder-}"' EXIT
trap exit INT TERM
while job=$(resultctl job claim --kind "$kind" --lease 2m --wait "${WAIT:-1d}" --json --quiet); do
    read -r id lease < <(jq -r '"\(.id) \(.lease)"' <<<"$job")
    folder=$(mktemp -d)
    while ! read -rt "${BEAT:-30}" <> <(:) && kill -0 $$ && ctl job progress "$id" 0; do :; done &>/dev/null & # while we live
    if (cd "$folder" && jq -c .input <<<"$job" | "$@") && ctl put --job "$id" "$folder" --quiet >/dev/null; then
        ctl job finish "$id"
    else
        ctl job fail "$id" --message "$1 failed"
    fi
    kill $!
    rm -rf "$folder"
done
