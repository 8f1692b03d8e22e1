#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/worker.sh KIND COMMAND...     a worker: for each job of this kind it runs COMMAND in an empty folder, with the
#                                        job's input on standard input, and uploads what the command made there
set -u
export RESULTD_LEASE # of the job that is worked on: where no list of processes has it
kind=$1 && shift
while job=$(resultctl job claim --kind "$kind" --lease 2m --wait "${WAIT:-1d}" --json --quiet); do
    read -r id RESULTD_LEASE < <(jq -r '"\(.id) \(.lease)"' <<<"$job")
    folder=$(mktemp -d)
    while sleep 30 && resultctl job progress "$id" 0; do :; done &>/dev/null & # it is worked on
    if (cd "$folder" && jq -c .input <<<"$job" | "$@") && resultctl put --job "$id" "$folder" --quiet >/dev/null; then
        resultctl job finish "$id"
    else
        resultctl job fail "$id" --message "$1 failed"
    fi
    kill $! && rm -rf "$folder"
done
