# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by the scripts beside it, with `dir` set to the folder of a service: daemons without systemd. Of each one
# named NAME, run/NAME.pid has its process, run/NAME.cmd its command, and log/NAME.out what it has said.

# As many ports as it is given names for, below those that outgoing connections take.
free_ports() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import random, socket, sys
held = []
for _ in sys.argv[1:]:
    while True:
        s = socket.socket()
        try:
            s.bind(("127.0.0.1", random.SystemRandom().randrange(20000, 31000)))
            held.append(s)
            break
        except OSError:
            s.close()
print(*(s.getsockname()[1] for s in held))
PYTHON
}

# start_daemon NAME COMMAND...: in a session of its own.
# shellcheck disable=SC2154  # dir: see above
start_daemon() {
    local name=$1
    shift
    printf '%q ' "$@" >"$dir/run/$name.cmd"
    setsid "$@" >>"$dir/log/$name.out" 2>&1 </dev/null &
    echo $! >"$dir/run/$name.pid"
}

# Starts it as it was started the first time.
start_again() {
    local command
    eval "command=($(cat "$dir/run/$1.cmd"))"
    start_daemon "$1" "${command[@]}"
}

# What has ended may stay a zombie until its parent looks; and its number may be somebody else's by now.
is_ours() {
    local stat
    stat=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 1
    case $stat in '' | Z* | X*) return 1 ;; esac
    tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$dir/"
}

# await_end PID: for 5 s; whether it has ended
await_end() {
    local i
    for ((i = 0; i < 250; i++)); do
        is_ours "$1" || return 0
        sleep 0.02
    done
    return 1
}

# end_daemons SIGNAL NAME...: those that run; one that was stopped goes on to hear of it.
end_daemons() {
    local signal=$1 name pid
    shift
    for name in "$@"; do
        pid=$(cat "$dir/run/$name.pid" 2>/dev/null) || continue
        if is_ours "$pid"; then
            kill "-$signal" "$pid"
            kill -CONT "$pid" 2>/dev/null || true
        fi
    done
    for name in "$@"; do
        pid=$(cat "$dir/run/$name.pid" 2>/dev/null) || continue
        await_end "$pid" || kill -KILL "$pid"
        rm -f "$dir/run/$name.pid"
    done
}

# daemons PREFIX: the names of those that begin so
daemons() {
    local file
    for file in "$dir/run/$1"*.pid; do
        [ -e "$file" ] || continue
        file=${file##*/}
        echo "${file%.pid}"
    done
}
