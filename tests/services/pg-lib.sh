# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # as_owner: for whoever sources this
# Sourced by the pg-*.sh beside it: where PostgreSQL's programs are, and running them as somebody who is not root,
# which they insist on.

bin=$(pg_config --bindir 2>/dev/null || true)
for candidate in "$bin" /usr/lib/postgresql/*/bin; do
    [ ! -x "$candidate/initdb" ] || bin=$candidate
done
if [ ! -x "$bin/initdb" ]; then
    echo "there is no PostgreSQL server: apt-get install --no-install-recommends postgresql-15" >&2
    exit 3
fi

if [ "$(id -u)" = 0 ]; then
    as_owner=(setpriv --reuid=postgres --regid=postgres --init-groups --reset-env env -C /)
    give_away() { chown postgres: "$@"; }
else
    as_owner=(env -C /)
    give_away() { :; }
fi

# free_port PORT: that one, or for 0 one that nobody has.
free_port() {
    if [ "$1" != 0 ]; then
        echo "$1"
        return
    fi
    /usr/bin/python3 -c 'import random, socket
while True:
    port = random.SystemRandom().randrange(20000, 32000)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break'
}
