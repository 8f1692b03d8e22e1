#!/bin/bash -u
# SPDX-License-Identifier: Apache-2.0
#
# examples/worker.sh KIND COMMAND...     a worker: for each job of this kind it runs COMMAND in an empty folder, with the
#                                        job's input on standard input, and uploads what the command made there
folder=$(mktemp -d) || exit
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$folder"' EXIT
trap exit INT TERM # at once, but for an upload
while resultctl job claim --kind "$1" --lease 2m --wait "${WAIT:-1d}" --json --quiet >"$folder/job" & wait $!; do
    read -r id RESULTD_LEASE < <(jq -r '"\(.id) \(.lease)"' "$folder/job")
    export RESULTD_LEASE # where no list of processes has it
    resultctl job progress "$id" 0 --every "${BEAT:-30s}" --pid $$ --quiet & beat=$!
    mkdir "$folder/made"
    (cd "$folder/made" && exec "${@:2}") < <(jq -c .input "$folder/job") & why="$2 failed"
    wait $! && why="$2 made no file" && find -L "$folder/made" -type f | grep -q . && why="its files were not taken" &&
        resultctl put --job "$id" --finish "$folder/made" --quiet >/dev/null && why=
    [ -z "$why" ] || resultctl job fail "$id" --message "$why"
    kill "$beat" 2>/dev/null
    rm -rf "$folder/made"
done
