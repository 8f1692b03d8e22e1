#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/services/patroni-up.sh FOLDER     three PostgreSQL that Patroni runs, by an etcd of three: a primary, a
#                                         synchronous standby, another one; ready in about ten seconds
#
# Patroni's configuration is examples/cluster/patroni.yml, with addresses, folders and times of this machine. Without
# root or systemd: as in pg-up.sh, ports are free ones. Daemons are etcd1 to etcd3 and node1 to node3; `daemon` kills
# single ones and starts them again (a Patroni that was killed leaves its PostgreSQL running). Writes FOLDER/pg.env, like
# pg-up.sh, and FOLDER/hosts: lines of NAME, PostgreSQL's port, the port of Patroni's REST interface.

set -euo pipefail

dir=${1:?usage: patroni-up.sh FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/services/pg-lib.sh
. "$here/pg-lib.sh"
# shellcheck source=tests/services/daemons.sh
. "$here/daemons.sh"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ -n "$(ls -A "$dir")" ]; then
    echo "patroni-up: $dir is not empty" >&2
    exit 2
fi
: >"$dir/made-by-patroni-up"
mkdir -p "$dir"/{run,log,etcd}
give_away -R "$dir"
password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')

give_up() {
    echo "patroni-up: $*" >&2
    tail -n 10 "$dir"/log/*.out >&2 || true
    "$here/patroni-down.sh" "$dir" || true
    exit 1
}

# try SECONDS COMMAND...: until it succeeds
try() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.1
    done
}

# answers PORT PATH: with 200
answers() {
    curl -s -o /dev/null --fail --max-time 1 --noproxy '*' "http://127.0.0.1:$1$2"
}

read -r -a pg < <(free_ports 1 2 3)
read -r -a rest < <(free_ports 1 2 3)
read -r -a etcd < <(free_ports 1 2 3)
read -r -a peer < <(free_ports 1 2 3)

members=etcd1=http://127.0.0.1:${peer[0]},etcd2=http://127.0.0.1:${peer[1]},etcd3=http://127.0.0.1:${peer[2]}
for i in 0 1 2; do
    name=etcd$((i + 1))
    start_daemon "$name" "${as_owner[@]}" etcd --name "$name" --data-dir "$dir/etcd/$name" --unsafe-no-fsync \
        --heartbeat-interval 50 --election-timeout 500 --logger zap --log-level warn \
        --listen-client-urls "http://127.0.0.1:${etcd[i]}" --advertise-client-urls "http://127.0.0.1:${etcd[i]}" \
        --listen-peer-urls "http://127.0.0.1:${peer[i]}" --initial-advertise-peer-urls "http://127.0.0.1:${peer[i]}" \
        --initial-cluster "$members" --initial-cluster-state new
done
for i in 0 1 2; do
    try 20 answers "${etcd[i]}" /health || give_up "etcd does not answer"
done

for i in 0 1 2; do
    name=node$((i + 1))
    # What one machine needs in the place of three, and what makes the test short.
    sed -e "s|10.0.0.1$((i + 1)):5432|127.0.0.1:${pg[i]}|g; s|10.0.0.1$((i + 1)):8008|127.0.0.1:${rest[i]}|g" \
        -e "s|10.0.0.11:2379|127.0.0.1:${etcd[0]}|; s|10.0.0.12:2379|127.0.0.1:${etcd[1]}|" \
        -e "s|10.0.0.13:2379|127.0.0.1:${etcd[2]}|" -e "s|^name: .*|name: $name|; s|10.0.0.0/24|127.0.0.1/32|" \
        -e "s|10.0.0.11:5432|127.0.0.1:${pg[i]}|; s|10.0.0.11:8008|127.0.0.1:${rest[i]}|" \
        -e "s|/var/lib/postgresql/15/resultd|$dir/$name|; s|/usr/lib/postgresql/15/bin|$bin|" \
        -e "s|/run/postgresql|$dir/run|; s|/var/lib/postgresql/.pgpass-patroni|$dir/run/$name.pgpass|" \
        -e "s|change-me|$password|; s|mode: automatic|mode: \"off\"|" \
        -e 's|ttl: .*|ttl: 5|; s|loop_wait: .*|loop_wait: 1|; s|retry_timeout: .*|retry_timeout: 2|' \
        -e 's|shared_buffers: .*|shared_buffers: 32MB|; s|max_wal_size: .*|max_wal_size: 256MB|' \
        "$here/../../examples/cluster/patroni.yml" >"$dir/$name.yml"
    give_away "$dir/$name.yml"
    start_daemon "$name" "${as_owner[@]}" /usr/bin/python3 /usr/bin/patroni "$dir/$name.yml"
    echo "$name ${pg[i]} ${rest[i]}" >>"$dir/hosts"
    # The first one makes the database, the others copy it.
    [ "$i" -gt 0 ] || try 60 answers "${rest[0]}" /primary || give_up "there is no primary"
done
for i in 1 2; do
    try 60 answers "${rest[i]}" /replica || give_up "a standby does not come up"
done
is_synchronous() { answers "${rest[1]}" /synchronous || answers "${rest[2]}" /synchronous; }
try 30 is_synchronous || give_up "no standby is synchronous"

cat >"$dir/pg.env" <<ENV
PGHOST=127.0.0.1,127.0.0.1,127.0.0.1
PGPORT=${pg[0]},${pg[1]},${pg[2]}
PGUSER=resultd
PGPASSWORD=$password
PGTARGETSESSIONATTRS=read-write
ENV
PGPASSWORD=$password "$bin/psql" -qX -h 127.0.0.1 -p "${pg[0]}" -U postgres -d postgres \
    -c "CREATE ROLE resultd LOGIN CREATEDB PASSWORD '$password'" -c 'CREATE DATABASE resultd OWNER resultd'
